/* The contract on what a fitted model recommends and why. */
#include "contract.h"

static bool in_history(const struct model *m, int32_t user, int32_t item)
{
    struct history h = histories_of(&m->hist, user);
    for (int32_t e = 0; e < h.n; e++)
        if (h.item[e] == item)
            return true;
    return false;
}

/*
 * In planted clusters the withheld item leads: among the first as many as the user lacks of the
 * own cluster, for four users of five. Models that ignore the asker cannot, those that predict
 * ratings need not.
 */
void contract_withheld_first(void **state)
{
    const struct contract_case *c = contract_case_of(state);
    for (int threads = 1; threads <= 3; threads += 2) {
        struct world w;
        int32_t hits = 0, *counts;
        world_make(&w, threads, NULL, 0, false);
        world_fit(&w, c);
        world_rank(&w);
        struct ranked *lists = contract_lists(&w, TOY_ITEMS, &counts);
        for (int32_t u = 0; u < TOY_USERS; u++) {
            int32_t user = toy_user(w.ds, u), wanted = toy_item(w.ds, w.withheld[u]), lacks = 0;
            for (int32_t i = u % TOY_CLUSTERS; i < TOY_ITEMS; i += TOY_CLUSTERS)
                lacks += !in_history(w.m, user, toy_item(w.ds, i));
            for (int32_t j = 0; j < lacks && j < counts[user]; j++)
                hits += lists[user * TOY_ITEMS + j].item == wanted;
        }
        if (!(w.scorer.flags & (SCORER_ITEMS_ONLY | SCORER_RATES)) && hits < TOY_USERS * 4 / 5)
            fail_msg("%d of %d withheld items lead their lists", (int)hits, TOY_USERS);
        free(lists);
        free(counts);
        world_free(&w);
    }
}

/* Exactly min(k, eligible), distinct, none seen, ordered; for any k. */
void contract_counts(void **state)
{
    struct world w;
    world_make(&w, 3, NULL, 0, false);
    world_fit(&w, contract_case_of(state));
    world_rank(&w);
    static const int32_t ks[] = {0, 1, 7, TOY_ITEMS, TOY_ITEMS + 25};
    for (size_t i = 0; i < sizeof ks / sizeof ks[0]; i++) {
        int32_t *counts, k = ks[i];
        struct ranked *lists = contract_lists(&w, k, &counts);
        for (int32_t u = 0; u < w.m->users.n; u++) {
            bool taken[TOY_ITEMS] = {false};
            int32_t eligible = 0;
            for (int32_t item = 0; item < w.m->items.n; item++)
                eligible += !in_history(w.m, u, item);
            assert_int_equal(counts[u], k < eligible ? k : eligible);
            for (int32_t j = 0; j < counts[u]; j++) {
                struct ranked r = lists[u * k + j];
                assert_in_range(r.item, 0, (uintmax_t)w.m->items.n - 1);
                assert_false(taken[r.item]);
                assert_false(in_history(w.m, u, r.item));
                assert_true(!isnan(r.score));
                assert_true(j == 0 || lists[u * k + j - 1].score >= r.score);
                taken[r.item] = true;
            }
        }
        free(lists);
        free(counts);
    }
    world_free(&w);
}

/* Neither excluded nor filtered items come back; what is left does. */
void contract_excluded(void **state)
{
    akin_error record, *err = &record;
    struct world w;
    world_make(&w, 1, NULL, 0, false);
    world_fit(&w, contract_case_of(state));
    world_rank(&w);
    static const int32_t out[] = {0, 3, 11, 12};
    const int32_t *exclude[] = {out};
    const int32_t n_exclude[] = {4};
    uint64_t allowed[1] = {0x5555555555};
    struct ranked list[TOY_ITEMS];
    int32_t count;
    for (int32_t u = 0; u < 8; u++) {
        struct query q = model_query_user(w.m, u);
        struct rank_options opt = {
            .k = TOY_ITEMS, .include_seen = true, .exclude = exclude, .n_exclude = n_exclude};
        contract_ok(rank_lists(w.ranker, &q, 1, &opt, list, &count, err));
        assert_int_equal(count, TOY_ITEMS - 4);
        for (int32_t j = 0; j < count; j++)
            assert_true(list[j].item != 0 && list[j].item != 3 && list[j].item != 11 &&
                        list[j].item != 12);
        opt = (struct rank_options){.k = TOY_ITEMS, .include_seen = true, .allowed = allowed};
        contract_ok(rank_lists(w.ranker, &q, 1, &opt, list, &count, err));
        assert_int_equal(count, TOY_ITEMS / 2);
        for (int32_t j = 0; j < count; j++)
            assert_true((allowed[0] >> list[j].item & 1) != 0);
    }
    world_free(&w);
}

/* Nobody, somebody new, somebody with one event, and with one of weight 0: all get full lists. */
void contract_cold(void **state)
{
    akin_error record, *err = &record;
    struct world w;
    world_make(&w, 1, NULL, 0, false);
    world_fit(&w, contract_case_of(state));
    world_rank(&w);
    int32_t item[1] = {5}, count;
    float weight[1] = {1.0f}, none[1] = {0.0f}, value[1] = {5.0f};
    int64_t time[1] = {w.m->now};
    struct ranked list[TOY_ITEMS];
    struct rank_options opt = {.k = TOY_ITEMS};
    struct query q = {.user = -1, .now = w.m->now};
    contract_ok(rank_lists(w.ranker, &q, 1, &opt, list, &count, err));
    assert_int_equal(count, TOY_ITEMS);
    q.hist = (struct history){1, item, weight, value, time, NULL};
    contract_ok(rank_lists(w.ranker, &q, 1, &opt, list, &count, err));
    assert_int_equal(count, TOY_ITEMS - 1);
    q.hist.weight = none;
    contract_ok(rank_lists(w.ranker, &q, 1, &opt, list, &count, err));
    assert_int_equal(count, TOY_ITEMS - 1);
    q.hist = (struct history){1, item, NULL, NULL, NULL, NULL};
    contract_ok(rank_lists(w.ranker, &q, 1, &opt, list, &count, err));
    assert_int_equal(count, TOY_ITEMS - 1);
    world_free(&w);
}

/* Scores of a model that is not SCORER_TIMED hold whatever the time: kept lists rest on it. */
void contract_now(void **state)
{
    akin_error record, *err = &record;
    struct world w;
    world_make(&w, 1, NULL, 0, false);
    world_fit(&w, contract_case_of(state));
    world_rank(&w);
    bool is_timed = (w.scorer.flags & SCORER_TIMED) != 0;
    for (int32_t u = 0; u < 8 && !is_timed; u++) {
        float then[TOY_ITEMS], later[TOY_ITEMS];
        struct query q = model_query_user(w.m, u);
        for (int trained = 1; trained >= 0; trained--) {
            q.is_trained = trained;
            q.now = w.m->now;
            contract_ok(rank_scores_all(w.ranker, &q, then, err));
            q.now += (int64_t)1000 * 86400;
            contract_ok(rank_scores_all(w.ranker, &q, later, err));
            assert_memory_equal(then, later, sizeof then);
        }
    }
    world_free(&w);
}

/* One by one, in one batch, on one worker or three: the same lists and scores, bit for bit. */
void contract_batch(void **state)
{
    akin_error record, *err = &record;
    struct world one, three;
    int32_t *counts[2];
    enum { K = 12 };
    world_make(&one, 1, NULL, 0, false);
    world_fit(&one, contract_case_of(state));
    world_rank(&one);
    world_make(&three, 3, NULL, 0, false);
    world_fit(&three, contract_case_of(state));
    world_rank(&three);
    struct ranked *a = contract_lists(&one, K, &counts[0]);
    struct ranked *b = contract_lists(&three, K, &counts[1]);
    for (int32_t u = 0; u < one.m->users.n; u++) {
        struct ranked list[K];
        struct query q = model_query_user(one.m, u);
        struct rank_options opt = {.k = K};
        int32_t count;
        contract_ok(rank_lists(one.ranker, &q, 1, &opt, list, &count, err));
        assert_int_equal(count, counts[0][u]);
        assert_int_equal(count, counts[1][u]);
        assert_memory_equal(list, a + u * K, (size_t)count * sizeof *list);
        assert_memory_equal(list, b + u * K, (size_t)count * sizeof *list);
    }
    free(a);
    free(b);
    free(counts[0]);
    free(counts[1]);
    world_free(&one);
    world_free(&three);
}

/*
 * The training history without the user's name: the same scores bit for bit where the model is
 * closed-form, a full list from any.
 */
void contract_fold_in(void **state)
{
    akin_error record, *err = &record;
    const struct contract_case *c = contract_case_of(state);
    struct world w;
    world_make(&w, 1, NULL, 0, false);
    world_fit(&w, c);
    world_rank(&w);
    for (int32_t u = 0; u < w.m->users.n; u++) {
        float trained[TOY_ITEMS], folded[TOY_ITEMS];
        struct query q = model_query_user(w.m, u);
        contract_ok(rank_scores_all(w.ranker, &q, trained, err));
        q.user = -1;
        q.is_trained = false;
        contract_ok(rank_scores_all(w.ranker, &q, folded, err));
        for (int32_t i = 0; i < TOY_ITEMS; i++)
            assert_true(!isnan(folded[i]));
        if (c->cls->flags & MODEL_CLOSED_FORM)
            assert_memory_equal(trained, folded, sizeof trained);
    }
    world_free(&w);
}

/* Reasons are the asker's own items, distinct, at most `max`, largest first. */
void contract_explain(void **state)
{
    akin_error record, *err = &record;
    struct world w;
    world_make(&w, 1, NULL, 0, false);
    world_fit(&w, contract_case_of(state));
    world_rank(&w);
    for (int32_t u = 0; u < 6; u++) {
        struct query q = model_query_user(w.m, u);
        struct rank_options opt = {.k = 1};
        struct ranked best;
        int32_t count, n;
        contract_ok(rank_lists(w.ranker, &q, 1, &opt, &best, &count, err));
        assert_int_equal(count, 1);
        static const int32_t most[] = {0, 2, TOY_ITEMS};
        for (size_t i = 0; i < sizeof most / sizeof most[0]; i++) {
            struct reason r[TOY_ITEMS];
            contract_ok(rank_explain(w.ranker, &q, best.item, r, most[i], &n, err));
            assert_in_range(n, 0, (uintmax_t)most[i]);
            for (int32_t j = 0; j < n; j++) {
                assert_true(in_history(w.m, u, r[j].item));
                assert_true(j == 0 || r[j - 1].contribution >= r[j].contribution);
                for (int32_t before = 0; before < j; before++)
                    assert_int_not_equal(r[before].item, r[j].item);
            }
        }
    }
    world_free(&w);
}

/* Near items: not the item itself, distinct, ordered, at most k. */
void contract_similar(void **state)
{
    akin_error record, *err = &record;
    struct world w;
    world_make(&w, 1, NULL, 0, false);
    world_fit(&w, contract_case_of(state));
    world_rank(&w);
    for (int32_t item = 0; item < TOY_ITEMS; item += 7) {
        struct ranked list[TOY_ITEMS];
        struct rank_options opt = {.k = 5};
        int32_t count;
        akin_status status = rank_similar(w.ranker, item, &opt, list, &count, err);
        if (status == AKIN_E_UNSUPPORTED) /* it compares no items, and says so */
            break;
        assert_int_equal(status, AKIN_OK);
        assert_in_range(count, 0, 5);
        for (int32_t j = 0; j < count; j++) {
            assert_int_not_equal(list[j].item, item);
            assert_true(j == 0 || list[j - 1].score >= list[j].score);
        }
    }
    world_free(&w);
}
