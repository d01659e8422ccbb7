/* rules against every antecedent tried on every basket by an independent script; reasons, supports
 * that are raised, files. */
#include "unit/models/knn_util.h"
#include "unit/models/rules_golden.h"

#include "solve/itemsets.h"

static struct dataset *golden_shop(akin_ctx *ctx)
{
    static char users[RULES_BASKETS][8], items[RULES_ITEMS][8];
    static struct row rows[RULES_BASKETS * RULES_ITEMS];
    int64_t n = 0;
    for (int u = 0; u < RULES_BASKETS; u++)
        for (int i = 0; i < RULES_ITEMS; i++) {
            snprintf(users[u], sizeof users[u], "u%d", u);
            snprintf(items[i], sizeof items[i], "%d", i); /* item i has number i */
            if (golden_baskets[u][i] == '1')
                rows[n++] = (struct row){users[u], items[i], 1, 0, 0};
        }
    return fix_dataset(ctx, rows, n, 0, NULL);
}

static struct dataset *shop(akin_ctx *ctx)
{
    return fix_random(ctx, 21, 900, 80, 40, FIX_TIMES);
}

static struct history asked(int which, int32_t *basket)
{
    struct history h = {.item = basket};
    for (int32_t i = 0; i < RULES_ITEMS; i++)
        if (golden_asked[which][i] == '1')
            basket[h.n++] = i;
    return h;
}

static struct fitted golden_fit(akin_ctx *ctx, struct dataset *ds, int longest, int is_lift,
                                int is_sum)
{
    char params[256];
    snprintf(params, sizeof params,
             "{\"min_support\":3,\"min_confidence\":0.25,\"min_lift\":1,"
             "\"max_antecedent\":%d,\"score\":\"%s\",\"combine\":\"%s\"}",
             longest, is_lift ? "lift" : "confidence", is_sum ? "sum" : "best");
    return fitted_new(ctx, ds, "rules", params, NULL);
}

/* Reasons are items of the basket; their parts add up to the score. */
static void check_reasons(struct fitted *f, const struct query *q, int32_t item, double score)
{
    akin_error err;
    struct ranker *ranker = NULL;
    struct reason why[RULES_ITEMS];
    int32_t n;
    double sum = 0;
    assert_int_equal(ranker_create(f->ctx, &f->scorer, &ranker, &err), AKIN_OK);
    assert_int_equal(rank_explain(ranker, q, item, why, RULES_ITEMS, &n, &err), AKIN_OK);
    for (int32_t j = 0; j < n; j++) {
        bool is_own = false;
        for (int32_t i = 0; i < q->hist.n; i++)
            is_own = is_own || q->hist.item[i] == why[j].item;
        assert_true(is_own);
        sum += (double)why[j].contribution;
    }
    assert_close(sum, score, 1e-6 * fmax(1, score));
    ranker_free(ranker);
}

static void equals_golden(void **state)
{
    akin_ctx *ctx = *state;
    struct dataset *ds = golden_shop(ctx);
    for (int longest = 1; longest <= 3; longest++)
        for (int how = 0; how < 4; how++) {
            struct fitted f = golden_fit(ctx, ds, longest, how / 2, how % 2);
            for (int a = 0; a < RULES_ASKED; a++) {
                int32_t basket[RULES_ITEMS];
                struct query q = {.user = -1, .hist = asked(a, basket)};
                float *s = fitted_scores(&f, &q);
                for (int i = 0; i < RULES_ITEMS; i++) {
                    double want = golden_rules[longest - 1][how / 2][how % 2][a][i];
                    if (isnan(want)) {
                        assert_true(s[i] == UNSCORED);
                        continue;
                    }
                    assert_close(s[i], want, 1e-6 * want);
                    check_reasons(&f, &q, i, want);
                }
                free(s);
            }
            assert_saves(&f);
            fitted_free(&f);
        }
    dataset_free(ds);
}

/* If bread and butter, then jam: for a visitor that nobody knows, whatever else lies there. */
static void by_hand(void **state)
{
    akin_ctx *ctx = *state;
    akin_error err;
    static const char *const lines[] = {"bread butter jam",
                                        "bread butter jam",
                                        "bread butter jam",
                                        "bread butter",
                                        "bread salt",
                                        "butter salt",
                                        "bread",
                                        "salt",
                                        "salt"};
    struct row rows[64];
    char words[9][32], users[9][4];
    int64_t n = 0;
    for (int u = 0; u < 9; u++) {
        snprintf(words[u], sizeof words[u], "%s", lines[u]);
        snprintf(users[u], sizeof users[u], "u%d", u);
        char *rest = words[u];
        for (char *word; (word = strtok_r(rest, " ", &rest)) != NULL;)
            rows[n++] = (struct row){users[u], word, 1, 0, 0};
    }
    struct dataset *ds = fix_dataset(ctx, rows, n, 0, NULL);
    int32_t bread = fix_item(ds, "bread"), butter = fix_item(ds, "butter");
    int32_t jam = fix_item(ds, "jam"), salt = fix_item(ds, "salt");
    struct fitted f =
        fitted_new(ctx, ds, "rules", "{\"min_support\":3,\"combine\":\"best\"}", NULL);
    /* twice the same, of other weights, and one that is no positive */
    int32_t basket[] = {butter, bread, butter, salt};
    float weight[] = {1, 2.5F, .5F, 0};
    struct query q = {.user = -1, .hist = {.n = 4, .item = basket, .weight = weight}};
    float *s = fitted_scores(&f, &q);
    assert_true(s[jam] == .75F); /* 3 of the 4 with both */
    assert_true(s[bread] == UNSCORED && s[butter] == UNSCORED && s[salt] == UNSCORED);
    free(s);
    struct reason why[4];
    int32_t count;
    struct ranker *ranker = NULL;
    assert_int_equal(ranker_create(ctx, &f.scorer, &ranker, &err), AKIN_OK);
    assert_int_equal(rank_explain(ranker, &q, jam, why, 4, &count, &err), AKIN_OK);
    assert_int_equal(count, 2);
    assert_true(why[0].contribution == .375F && why[1].contribution == .375F);
    ranker_free(ranker);
    /* without butter: 3 of the 6 with bread */
    q.hist = (struct history){.n = 1, .item = &bread};
    s = fitted_scores(&f, &q);
    assert_true(s[jam] == .5F);
    free(s);
    struct evidence ev;
    assert_int_equal(evidence_init(ctx, ds->items.n, &ev, &err), AKIN_OK);
    assert_int_equal(f.m->cls->scorer.similar(f.m->self, jam, &ev, NULL, &err), AKIN_OK);
    assert_int_equal(ev.n, 2);
    assert_true(ev.value[bread] == 1 && ev.value[butter] == 1);
    evidence_free(ctx, &ev);
    fitted_free(&f);
    dataset_free(ds);
}

/* Sets of `length` items in `least` baskets. */
static int64_t count_sets(const struct fitted *f, int64_t least, int64_t length)
{
    akin_error err;
    struct itemset_stats stats;
    const struct itemset_spec spec = {.min_count = least, .max_length = length};
    assert_int_equal(
        itemsets_mine(f->ctx, &f->tv.by_user, &f->tv.by_item, &spec, NULL, NULL, &stats, &err),
        AKIN_OK);
    return stats.by_length[length];
}

static float *all_scores(struct fitted *f)
{
    int32_t n = f->m->items.n;
    float *out = calloc((size_t)f->m->users.n * (size_t)n, sizeof *out);
    assert_non_null(out);
    for (int32_t u = 0; u < f->m->users.n; u++) {
        struct query q = model_query_user(f->m, u);
        float *s = fitted_scores(f, &q);
        memcpy(out + (int64_t)u * n, s, (size_t)n * sizeof *s);
        free(s);
    }
    return out;
}

/* The support of pairs, and that of triples, is raised to the least one that gives at most
 * max_sets: rules of one item are those of a model of pairs with that support; longer ones as
 * scarce. */
static void support_is_raised(void **state)
{
    akin_ctx *ctx = *state;
    struct dataset *ds = shop(ctx);
    for (int64_t most = 1; most <= 4000; most *= 4) {
        char params[128];
        snprintf(params, sizeof params, "{\"max_antecedent\":1,\"max_sets\":%lld}",
                 (long long)most);
        struct fitted f = fitted_new(ctx, ds, "rules", params, NULL);
        int64_t pairs = 2;
        while (count_sets(&f, pairs, 2) > most)
            pairs++;
        float *raised = all_scores(&f);
        fitted_free(&f);
        snprintf(params, sizeof params, "{\"max_antecedent\":1,\"min_support\":%lld}",
                 (long long)pairs);
        f = fitted_new(ctx, ds, "rules", params, NULL);
        float *same = all_scores(&f);
        assert_memory_equal(same, raised, (size_t)(ds->users.n * ds->items.n) * sizeof *same);
        int64_t triples = pairs;
        while (count_sets(&f, triples, 3) > most)
            triples++;
        fitted_free(&f);
        free(same);
        free(raised);
        /* where triples need no more than pairs, one support does for both */
        if (triples > pairs)
            continue;
        snprintf(params, sizeof params, "{\"max_sets\":%lld}", (long long)most);
        f = fitted_new(ctx, ds, "rules", params, NULL);
        raised = all_scores(&f);
        fitted_free(&f);
        snprintf(params, sizeof params, "{\"min_support\":%lld}", (long long)pairs);
        f = fitted_new(ctx, ds, "rules", params, NULL);
        same = all_scores(&f);
        assert_memory_equal(same, raised, (size_t)(ds->users.n * ds->items.n) * sizeof *same);
        fitted_free(&f);
        free(same);
        free(raised);
    }
    dataset_free(ds);
}

static void threads_memory_gaps(void **state)
{
    akin_ctx *ctx = *state;
    akin_error err = {0};
    struct fitted f;
    struct dataset *ds = shop(ctx);
    assert_threads_agree(shop, "rules", "{\"min_support\":2,\"max_antecedent\":3}");
    assert_threads_agree(shop, "rules", "{\"gap_seconds\":72000,\"min_support\":1}");
    assert_survives_no_memory(ds, ctx, "rules", "{\"gap_seconds\":7200,\"max_sets\":50}");
    dataset_free(ds);
    ds = fix_random(ctx, 3, 100, 20, 30, 0);
    assert_int_equal(fitted_try(ctx, ds, "rules", "{\"gap_seconds\":60}", NULL, &f, &err),
                     AKIN_E_INPUT);
    dataset_free(ds);
    ds = fix_dataset(ctx, NULL, 0, 0, NULL);
    f = fitted_new(ctx, ds, "rules", NULL, NULL);
    assert_saves(&f);
    fitted_free(&f);
    dataset_free(ds);
}

/* What a damaged or forged file may hold is refused by name. */
static void bad_files(void **state)
{
    /* {} → nodes {0}, {1}; {0} → {0, 2} */
    static const int32_t item[] = {-1, 0, 1, 2}, child[] = {1, 3, 4, 4, 4};
    static const int64_t ptr[] = {0, 0, 1, 2, 3};
    static const int32_t then[] = {1, 2, 1};
    static const float value[] = {1, .5F, .25F};
    static const int32_t far[] = {-1, 0, 3, 2}, down[] = {-1, 1, 0, 2}, root[] = {0, 0, 1, 2};
    static const int32_t loop[] = {1, 1, 4, 4, 4}, back[] = {1, 3, 2, 4, 4},
                         open[] = {1, 3, 4, 4, 3};
    static const int64_t falls[] = {0, 2, 1, 2, 3};
    static const int32_t none[] = {1, 3, 1};
    static const float nan[] = {1, NAN, 1}, zero[] = {1, 0, 1};
    const struct {
        const int32_t *item, *child;
        const int64_t *ptr;
        const int32_t *then;
        const float *value;
        int64_t n_value;
        const char *part;
    } bad[] = {
        {item, child, ptr, then, value, 2, "do not fit"},
        {root, child, ptr, then, value, 3, "no tree"},
        {item, open, ptr, then, value, 3, "no tree"},
        {far, child, ptr, then, value, 3, "m.item: item 3 of 3"},
        {down, child, ptr, then, value, 3, "m.item"},
        {item, loop, ptr, then, value, 3, "node 1 of 4"},
        {item, back, ptr, then, value, 3, "node 1 of 4"},
        {item, child, falls, then, value, 3, "node 1 of 4"},
        {item, child, ptr, none, value, 3, "m.then: item 3 of 3"},
        {item, child, ptr, then, nan, 3, "m.value: nan"},
        {item, child, ptr, then, zero, 3, "m.value: 0"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const struct section s[] = {{"m.item", bad[i].item, 16},
                                    {"m.child", bad[i].child, 20},
                                    {"m.ptr", bad[i].ptr, 40},
                                    {"m.then", bad[i].then, 12},
                                    {"m.value", bad[i].value, bad[i].n_value * 4},
                                    {NULL, NULL, 0}};
        assert_refuses(*state, "rules", NULL, 3, s, bad[i].part);
    }
    /* a way down of 20 items, which no walk has room for */
    int32_t deep_item[21], deep_child[22];
    int64_t deep_ptr[22] = {0};
    for (int32_t k = 0; k <= 20; k++) {
        deep_item[k] = k - 1;
        deep_child[k] = k + 1;
    }
    deep_child[20] = deep_child[21] = 21;
    const struct section deep[] = {{"m.item", deep_item, sizeof deep_item},
                                   {"m.child", deep_child, sizeof deep_child},
                                   {"m.ptr", deep_ptr, sizeof deep_ptr},
                                   {"m.then", then, 0},
                                   {"m.value", value, 0},
                                   {NULL, NULL, 0}};
    assert_refuses(*state, "rules", NULL, 30, deep, "more than 16 items");
}

static int setup(void **state)
{
    *state = knn_ctx(2);
    return 0;
}

static int teardown(void **state)
{
    knn_ctx_done(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(equals_golden, setup, teardown),
        cmocka_unit_test_setup_teardown(by_hand, setup, teardown),
        cmocka_unit_test_setup_teardown(support_is_raised, setup, teardown),
        cmocka_unit_test_setup_teardown(threads_memory_gaps, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_files, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
