/* Evaluation of a model: brute force, threads, leakage, cold users, given events, candidates,
 * lack of memory, cancel. */
#include "core/file.h"
#include "data/split.h"
#include "eval/pass.h"
#include "unit/eval/eval_fixture.h"

#include <math.h>
#include <unistd.h>

#define ALL_METRICS                                                                                \
    "precision@5,recall@5,recall_capped@5,hit@5,ndcg@5,map@5,mrr@5,auc,rmse,mae,logloss,"          \
    "coverage@5,gini@5,entropy@3,novelty@5,popularity@5,diversity@5,serendipity@5,recall@20"

/* Distinct user-item pairs, so that random splits do not look like leakage. */
static struct dataset *random_set(akin_ctx *ctx, int64_t n, int n_users, int n_items)
{
    struct dataset *all = fix_random(ctx, 11, n, n_users, n_items, FIX_VALUES | FIX_TIMES), *out;
    akin_error err;
    uint8_t *keep = calloc((size_t)n, 1);
    assert_non_null(keep);
    for (int32_t u = 0; u < all->users.n; u++) {
        for (int64_t e = all->user_ptr[u]; e < all->user_ptr[u + 1]; e++) {
            keep[e] = 1;
            for (int64_t f = all->user_ptr[u]; f < e; f++)
                keep[e] = keep[e] && all->item[f] != all->item[e];
        }
    }
    assert_ok(dataset_subset(all, keep, NULL, true, &out, &err));
    dataset_free(all);
    free(keep);
    return out;
}

static struct eval_case split_case(int threads, const char *by)
{
    akin_error err;
    struct eval_case c = {.ctx = eval_ctx(threads)};
    struct split_spec spec;
    struct dataset *all = random_set(c.ctx, 3000, 150, 60);
    assert_ok(split_parse(by, &spec, &err));
    assert_ok(dataset_split(all, &spec, &c.train, &c.test, &err));
    dataset_free(all);
    case_open(&c, "value >= 3");
    return c;
}

static struct eval_result evaluate(struct eval_case *c, struct eval_options *opt)
{
    akin_error err;
    struct eval_result r = {0};
    assert_ok(evaluate_model(c->ctx, c->model, &c->view, opt, &r, &err));
    return r;
}

/* ---- Against brute force -------------------------------------------------------------------- */

struct brute {
    int32_t item;
    float score;
    int32_t count;
};

static int brute_order(const void *a, const void *b)
{
    const struct brute *x = a, *y = b;
    if (x->score < y->score || x->score > y->score)
        return x->score > y->score ? -1 : 1;
    if (!(x->score > UNSCORED) && x->count != y->count)
        return x->count > y->count ? -1 : 1;
    return x->item < y->item ? -1 : 1;
}

static bool is_in(const int32_t *items, int64_t n, int32_t item)
{
    for (int64_t i = 0; i < n; i++)
        if (items[i] == item)
            return true;
    return false;
}

/* Recall@20 of one row from the sorted catalogue. */
static double brute_recall(const struct eval_case *c, int64_t row, bool include_seen)
{
    struct query q = model_query_user(c->model, c->view.user[row]);
    struct brute all[64];
    int32_t n = 0, hits = 0, n_rel = 0;
    int64_t lo = c->view.ptr[row], n_targets = c->view.ptr[row + 1] - lo;
    for (int32_t i = 0; i < c->model->items.n; i++)
        if (include_seen || !is_in(q.hist.item, q.hist.n, i))
            all[n++] = (struct brute){i, toy_score(&q, i), c->model->item_count[i]};
    qsort(all, (size_t)n, sizeof *all, brute_order);
    for (int64_t e = lo; e < lo + n_targets; e++) {
        n_rel += c->view.relevant[e];
        for (int32_t r = 0; r < 20 && r < n; r++)
            hits += c->view.relevant[e] && all[r].item == c->view.item[e];
    }
    return n_rel ? (double)hits / n_rel : (double)NAN;
}

static void test_brute_force(void **state)
{
    (void)state;
    struct eval_case c = split_case(2, "ratio:0.3");
    struct eval_options opt = eval_want(c.ctx, "recall@20", DIALECT_AKIN);
    for (int seen = 0; seen < 2; seen++) {
        opt.include_seen = seen;
        struct eval_result r = evaluate(&c, &opt);
        assert_true(r.n_eval > 100);
        for (int64_t row = 0; row < r.n_users; row++) {
            double want = brute_recall(&c, row, seen), got = (double)r.per_user[row];
            if (want != want)
                assert_true(got != got);
            else
                assert_value(got, want, 1e-6);
        }
        eval_result_free(c.ctx, &r);
    }
    eval_unwant(c.ctx, &opt);
    case_close(&c);
}

/* Wins by all ways of counting: few and many positives, ties, unscored ones on both sides. */
static void test_auc_wins(void **state)
{
    (void)state;
    struct rng rng = rng_make(fix_seed(), RNG_TEST, 5);
    struct auc_key pos[40], neg[200];
    for (int round = 0; round < 400; round++) {
        int n_pos = 1 + (int)rng_below(&rng, 40), n_neg = (int)rng_below(&rng, 200);
        int64_t want = 0;
        for (int i = 0; i < n_pos + n_neg; i++) {
            bool unscored = (i >= n_pos || round % 2) && rng_below(&rng, 4) == 0;
            struct auc_key key = auc_key_of(unscored ? UNSCORED : (float)rng_below(&rng, 9) - 4,
                                            (int32_t)rng_below(&rng, 3));
            *(i < n_pos ? &pos[i] : &neg[i - n_pos]) = key;
        }
        for (int p = 0; p < n_pos; p++) {
            for (int n = 0; n < n_neg; n++) {
                bool above = pos[p].score > neg[n].score;
                bool same = !above && !(pos[p].score < neg[n].score);
                above = above || (same && pos[p].count > neg[n].count);
                want += above ? 2 : same && pos[p].count == neg[n].count;
            }
        }
        assert_int_equal(auc_wins(pos, n_pos, neg, n_neg), want);
    }
}

/* ---- The same bits -------------------------------------------------------------------------- */

static char *dump(struct eval_case *c, const char *by, int threads, float **per_user, int64_t *n)
{
    *c = split_case(threads, by);
    struct eval_options opt = eval_want(c->ctx, ALL_METRICS, DIALECT_AKIN);
    opt.bootstrap = 100;
    opt.segments = true;
    struct eval_result r = evaluate(c, &opt);
    json_t *json = eval_result_json(&r, &opt);
    char *text = json_dumps(json, JSON_SORT_KEYS);
    json_decref(json);
    *n = r.n_users * r.n_metrics * (int64_t)sizeof(float);
    *per_user = malloc((size_t)*n);
    assert_non_null(*per_user);
    memcpy(*per_user, r.per_user, (size_t)*n);
    eval_result_free(c->ctx, &r);
    eval_unwant(c->ctx, &opt);
    case_close(c);
    return text;
}

static void test_threads(void **state)
{
    (void)state;
    static const char *const splits[] = {"time:0.2", "users:0.3"};
    static const int threads[] = {1, 2, 3, 8};
    struct eval_case c;
    for (int s = 0; s < 2; s++) {
        float *first = NULL, *other = NULL;
        int64_t n = 0, m = 0;
        char *want = dump(&c, splits[s], 1, &first, &n);
        assert_non_null(strstr(want, s == 0 ? "\"hot\"" : "\"warm\""));
        for (int t = 1; t < 4; t++) {
            char *got = dump(&c, splits[s], threads[t], &other, &m);
            assert_string_equal(got, want);
            assert_int_equal(m, n);
            assert_memory_equal(first, other, (size_t)n);
            free(got);
            free(other);
        }
        free(want);
        free(first);
    }
}

/* ---- Users ---------------------------------------------------------------------------------- */

static void test_given_events(void **state)
{
    (void)state;
    struct eval_case c = split_case(2, "users:0.3");
    struct eval_options opt = eval_want(c.ctx, "recall@20,auc", DIALECT_AKIN);
    struct eval_result r = evaluate(&c, &opt);
    assert_int_equal(r.n_cold_users, 0);
    assert_int_equal(r.n_eval + r.n_empty, r.n_users);
    assert_int_equal(r.n_no_list, 0);
    for (int64_t row = 0; row < r.n_users; row++)
        assert_int_equal(c.view.user[row], -1);
    assert_true(r.metrics[0].value > 0.1);
    eval_result_free(c.ctx, &r);
    eval_unwant(c.ctx, &opt);
    case_close(&c);
}

static void test_cold_users(void **state)
{
    (void)state;
    static const struct row train[] = {
        {"a", "x", 5, 1, 0}, {"b", "x", 5, 2, 0}, {"b", "y", 5, 3, 0}, {"b", "z", 5, 4, 0}};
    static const struct row test[] = {
        {"a", "y", 5, 5, 0}, {"new", "x", 5, 6, 0}, {"new", "w", 5, 7, 0}};
    struct eval_case c = {.ctx = eval_ctx(2)};
    c.train = fix_dataset(c.ctx, train, 4, FIX_VALUES | FIX_TIMES, NULL);
    c.test = fix_dataset(c.ctx, test, 3, FIX_VALUES | FIX_TIMES, NULL);
    case_open(&c, NULL);
    struct eval_options opt = eval_want(c.ctx, "recall@3,rmse,recall@1", DIALECT_AKIN);
    opt.segments = true;
    struct eval_result r = evaluate(&c, &opt);
    assert_int_equal(r.n_eval, 2);
    assert_int_equal(r.n_cold_users, 1);
    assert_int_equal(r.n_cold_items, 1);
    assert_value(r.metrics[0].value, 0.75, 1e-12); /* a: 1; new: x of {x, w} */
    const json_t *users = json_object_get(r.segments, "users");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(users, "cold"), "n")), 1);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(users, "hot"), "n")), 1);
    assert_non_null(json_object_get(json_object_get(r.segments, "activity"), "1-9"));
    assert_non_null(json_object_get(json_object_get(r.segments, "items"), "head"));
    eval_result_free(c.ctx, &r);
    opt.with_cold_users = false;
    r = evaluate(&c, &opt);
    assert_int_equal(r.n_eval, 1);
    assert_int_equal(r.n_cold_users, 1);
    assert_value(r.metrics[0].value, 1, 1e-12);
    assert_true(r.n_cold_pairs >= 2);
    eval_result_free(c.ctx, &r);
    eval_unwant(c.ctx, &opt);
    case_close(&c);
}

/* ---- Leakage -------------------------------------------------------------------------------- */

static struct eval_case leak_case(int64_t test_time, int flags)
{
    const struct row train[] = {{"a", "x", 5, 10, 0}, {"a", "y", 5, 20, 0}, {"b", "x", 5, 10, 0}};
    const struct row test[] = {{"a", "x", 5, test_time, 0}, {"b", "y", 5, 50, 0}};
    struct eval_case c = {.ctx = eval_ctx(2)};
    c.train = fix_dataset(c.ctx, train, 3, flags, NULL);
    c.test = fix_dataset(c.ctx, test, 2, flags, NULL);
    case_open(&c, NULL);
    return c;
}

static void check_leak(int64_t test_time, int flags, bool repeats, bool leaks)
{
    akin_error err;
    struct eval_case c = leak_case(test_time, flags);
    struct eval_options opt = eval_want(c.ctx, "recall@3", DIALECT_AKIN);
    struct eval_result r = {0};
    opt.include_seen = repeats;
    if (leaks) {
        assert_fails(evaluate_model(c.ctx, c.model, &c.view, &opt, &r, &err), AKIN_E_ARG,
                     "leakage: 1 of 2 test events");
        assert_non_null(strstr(err.message, "user 'a', item 'x'"));
        assert_non_null(strstr(err.message, "--allow-leakage"));
        opt.allow_leakage = true;
    }
    assert_ok(evaluate_model(c.ctx, c.model, &c.view, &opt, &r, &err));
    eval_result_free(c.ctx, &r);
    eval_unwant(c.ctx, &opt);
    case_close(&c);
}

static void test_leakage(void **state)
{
    (void)state;
    check_leak(10, FIX_VALUES | FIX_TIMES, false, true);
    check_leak(10, FIX_VALUES | FIX_TIMES, true, true);
    check_leak(40, FIX_VALUES | FIX_TIMES, false, false); /* a repeat, later */
    check_leak(0, FIX_VALUES, false, true);
    check_leak(0, FIX_VALUES, true, false); /* repeats wanted, no instants: cannot be told */
}

/* Users held out are strangers, but not to leakage: a model of all data knows them. Lines of
 * session files are numbered in each, which says nothing. */
static void test_leakage_of_held_users(void **state)
{
    (void)state;
    static const char *const by[] = {"users:0.3", "sessions:0.3"};
    for (int k = 0; k < 2; k++) {
        akin_error err;
        struct split_spec spec;
        struct dataset *rest = NULL;
        struct eval_case c = {.ctx = eval_ctx(2)};
        c.train = random_set(c.ctx, 3000, 150, 60);
        assert_ok(split_parse(by[k], &spec, &err));
        assert_ok(dataset_split(c.train, &spec, &rest, &c.test, &err));
        dataset_free(rest);
        case_open(&c, NULL);
        struct eval_options opt = eval_want(c.ctx, "recall@3", DIALECT_AKIN);
        struct eval_result r = {0};
        assert_fails(evaluate_model(c.ctx, c.model, &c.view, &opt, &r, &err), AKIN_E_ARG,
                     "leakage: ");
        c.test->time_kind = TIME_ORDINAL;
        assert_ok(evaluate_model(c.ctx, c.model, &c.view, &opt, &r, &err));
        assert_int_equal(r.n_cold_users, 0);
        eval_result_free(c.ctx, &r);
        eval_unwant(c.ctx, &opt);
        case_close(&c);
    }
}

/* ---- Candidates ----------------------------------------------------------------------------- */

static void check_candidates(struct eval_case *c, struct eval_options *opt, const char *text,
                             const char *message, double value)
{
    akin_error err;
    struct eval_result r = {0};
    char path[] = "/tmp/akin-candidates-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    assert_ok(file_write(c->ctx, path, text, (int64_t)strlen(text), &err));
    opt->candidates = path;
    if (message) {
        assert_fails(evaluate_model(c->ctx, c->model, &c->view, opt, &r, &err), AKIN_E_INPUT,
                     message);
    } else {
        assert_ok(evaluate_model(c->ctx, c->model, &c->view, opt, &r, &err));
        assert_value(r.metrics[0].value, value, 1e-12);
        eval_result_free(c->ctx, &r);
    }
    unlink(path);
    opt->candidates = NULL;
}

static void test_candidates(void **state)
{
    (void)state;
    akin_error err;
    struct eval_case c = leak_case(40, FIX_VALUES | FIX_TIMES);
    struct eval_options opt = eval_want(c.ctx, "hit@1", DIALECT_AKIN);
    struct eval_result r;
    /* a's history sums to 0 + 1: x scores (7 mod 11)/2, y (20 mod 11)/2 = 4.5 */
    check_candidates(&c, &opt, "a y x\n", NULL, 1);
    check_candidates(&c, &opt, "a x y\r\n\n", NULL, 0);
    check_candidates(&c, &opt, "a x y\na y x y nope\n", NULL, 0.5);
    check_candidates(&c, &opt, "a nope x\na y", NULL, 0.5);
    check_candidates(&c, &opt, "a x\n\nzz x y\n", "line 3: user 'zz'", 0);
    check_candidates(&c, &opt, "a x y\nb\n", "line 2: needs", 0);
    check_candidates(&c, &opt, "\n \n", "no lines", 0);
    opt.candidates = "/nonexistent/file";
    assert_int_equal(evaluate_model(c.ctx, c.model, &c.view, &opt, &r, &err), AKIN_E_NOT_FOUND);
    eval_unwant(c.ctx, &opt);
    case_close(&c);
}

/* ---- Failures ------------------------------------------------------------------------------- */

static void test_memory(void **state)
{
    (void)state;
    akin_error err;
    struct eval_case c = split_case(2, "time:0.2");
    struct eval_options opt = eval_want(c.ctx, ALL_METRICS, DIALECT_AKIN);
    struct eval_result r = {0};
    opt.segments = true;
    opt.bootstrap = 10;
    int64_t before = mem_used(c.ctx->mem), n = 0;
    akin_status status = AKIN_E_MEMORY;
    while (status == AKIN_E_MEMORY && ++n < 2000) {
        mem_fail_at(c.ctx->mem, n);
        status = evaluate_model(c.ctx, c.model, &c.view, &opt, &r, &err);
        mem_fail_at(c.ctx->mem, 0);
        if (status != AKIN_OK)
            assert_int_equal(mem_used(c.ctx->mem), before);
    }
    assert_int_equal(status, AKIN_OK);
    assert_true(n > 40);
    eval_result_free(c.ctx, &r);
    eval_unwant(c.ctx, &opt);
    case_close(&c);
}

static void test_cancel(void **state)
{
    (void)state;
    akin_error err;
    struct eval_case c = split_case(2, "time:0.2");
    struct eval_options opt = eval_want(c.ctx, ALL_METRICS, DIALECT_AKIN);
    struct eval_result r = {0};
    opt.allow_leakage = true;
    atomic_store(&c.ctx->cancelled, 1);
    assert_int_equal(evaluate_model(c.ctx, c.model, &c.view, &opt, &r, &err), AKIN_E_CANCELLED);
    assert_null(r.metrics);
    atomic_store(&c.ctx->cancelled, 0);
    eval_unwant(c.ctx, &opt);
    case_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_brute_force),
        cmocka_unit_test(test_auc_wins),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_given_events),
        cmocka_unit_test(test_cold_users),
        cmocka_unit_test(test_leakage),
        cmocka_unit_test(test_leakage_of_held_users),
        cmocka_unit_test(test_candidates),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_cancel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
