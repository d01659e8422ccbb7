/* together against counts by hand over all pairs: each measure, baskets cut at pauses, files. */
#include "unit/models/knn_util.h"

/* Baskets as rows of 0/1, counted the slow way. */
struct slow {
    int n_baskets, n_items;
    uint8_t *has; /* (n_baskets, n_items) */
};

static struct slow slow_of(const struct dataset *ds, int64_t gap)
{
    struct slow s = {.n_items = ds->items.n};
    s.has = calloc((size_t)(ds->n_events * ds->items.n) + 1, 1);
    assert_non_null(s.has);
    for (int u = 0; u < ds->users.n; u++)
        for (int64_t e = ds->user_ptr[u]; e < ds->user_ptr[u + 1]; e++) {
            if (e == ds->user_ptr[u] || (gap > 0 && ds->time[e] - ds->time[e - 1] > gap))
                s.n_baskets++;
            s.has[(s.n_baskets - 1) * s.n_items + ds->item[e]] = 1;
        }
    return s;
}

static double count(const struct slow *s, int a, int b)
{
    double n = 0;
    for (int k = 0; k < s->n_baskets; k++)
        n += s->has[k * s->n_items + a] && s->has[k * s->n_items + b];
    return n;
}

static double x_log_x(double x)
{
    return x > 0 ? x * log(x) : 0;
}

static double slow_llr(double n, double a, double b, double total)
{
    if (n * total <= a * b)
        return 0;
    return 2 * (x_log_x(n) + x_log_x(a - n) + x_log_x(b - n) + x_log_x(total - a - b + n) -
                x_log_x(a) - x_log_x(total - a) - x_log_x(b) - x_log_x(total - b) + x_log_x(total));
}

static const char *const measures[] = {"count", "confidence", "lift", "llr"};

static double slow_measure(const struct slow *s, int measure, double min_count, int j, int i)
{
    double n = count(s, j, i), nj = count(s, j, j), ni = count(s, i, i), total = s->n_baskets;
    if (n < min_count)
        return 0;
    return measure == 0   ? n
           : measure == 1 ? n / nj
           : measure == 2 ? n * total / (ni * nj)
                          : slow_llr(n, ni, nj, total);
}

static struct dataset *shop(akin_ctx *ctx)
{
    return fix_random(ctx, 21, 900, 80, 40, FIX_TIMES);
}

static void check(akin_ctx *ctx, struct dataset *ds, int measure, int top_n, int min_count,
                  int64_t gap)
{
    akin_error err;
    char params[160];
    snprintf(params, sizeof params,
             "{\"measure\":\"%s\",\"top_n\":%d,\"min_count\":%d,\"gap_seconds\":%lld}",
             measures[measure], top_n, min_count, (long long)gap);
    struct fitted f = fitted_new(ctx, ds, "together", params, NULL);
    struct slow s = slow_of(ds, gap);
    struct evidence ev;
    assert_int_equal(evidence_init(ctx, s.n_items, &ev, &err), AKIN_OK);
    for (int j = 0; j < s.n_items; j++) {
        int n_want = 0;
        double most = 0, least = (double)INFINITY;
        evidence_clear(&ev);
        assert_int_equal(f.m->cls->scorer.similar(f.m->self, j, &ev, NULL, &err), AKIN_OK);
        for (int i = 0; i < s.n_items; i++) {
            double want = i == j ? 0 : slow_measure(&s, measure, min_count, j, i);
            n_want += want > 0;
            if (ev.seen[i]) {
                /* lift is exact up to the last rounding */
                assert_close(ev.value[i], want, (measure == 3 ? 1e-6 : 6e-8) * fmax(want, 1));
                least = fmin(least, want);
            } else {
                most = fmax(most, want);
            }
        }
        assert_int_equal(ev.n, n_want < top_n ? n_want : top_n);
        if (ev.n > 0)
            assert_true(most <= least * (1 + 1e-6));
    }
    evidence_free(ctx, &ev);
    free(s.has);
    fitted_free(&f);
}

static void equals_counting(void **state)
{
    akin_ctx *ctx = *state;
    struct dataset *ds = shop(ctx);
    for (int m = 0; m < 4; m++) {
        check(ctx, ds, m, 1000, 1, 0);
        check(ctx, ds, m, 5, 2, 0);
        check(ctx, ds, m, 1000, 2, 5 * 24 * 3600);
        check(ctx, ds, m, 3, 1, 3600);
    }
    dataset_free(ds);
}

/* Bread and butter: the numbers of a text book. */
static void by_hand(void **state)
{
    akin_ctx *ctx = *state;
    static const struct row rows[] = {{"1", "bread", 1, 0, 0},  {"1", "butter", 1, 0, 0},
                                      {"2", "bread", 1, 0, 0},  {"2", "butter", 1, 0, 0},
                                      {"2", "salt", 1, 0, 0},   {"3", "bread", 1, 0, 0},
                                      {"4", "salt", 1, 0, 0},   {"5", "bread", 1, 0, 0},
                                      {"5", "butter", 1, 0, 0}, {"5", "salt", 1, 0, 0}};
    struct dataset *ds = fix_dataset(ctx, rows, 10, 0, NULL);
    int32_t bread = fix_item(ds, "bread"), butter = fix_item(ds, "butter");
    struct query q = {.user = -1, .hist = {.n = 1, .item = &bread}};
    struct fitted f = fitted_new(ctx, ds, "together", "{\"measure\":\"lift\"}", NULL);
    float *s = fitted_scores(&f, &q);
    assert_true(s[butter] == (float)(3. * 5 / (4 * 3)));
    free(s);
    fitted_free(&f);
    f = fitted_new(ctx, ds, "together", "{\"measure\":\"confidence\"}", NULL);
    s = fitted_scores(&f, &q);
    assert_true(s[butter] == .75F);
    free(s);
    /* a basket scores by the sum of its items, each once, whatever its weight */
    int32_t basket[] = {bread, fix_item(ds, "salt"), bread};
    float weight[] = {3, .5F, 1};
    q.hist = (struct history){.n = 3, .item = basket, .weight = weight};
    s = fitted_scores(&f, &q);
    assert_close(s[butter], .75 + 2. / 3, 1e-7);
    free(s);
    struct ranker *ranker = NULL;
    akin_error err;
    struct reason why[4];
    int32_t n;
    assert_int_equal(ranker_create(ctx, &f.scorer, &ranker, &err), AKIN_OK);
    assert_int_equal(rank_explain(ranker, &q, butter, why, 4, &n, &err), AKIN_OK);
    assert_int_equal(n, 2);
    assert_int_equal(why[0].item, bread);
    assert_close(why[0].contribution, .75, 0);
    assert_close(why[1].contribution, 2. / 3, 1e-7);
    assert_int_equal(rank_explain(ranker, &q, butter, why, 1, &n, &err), AKIN_OK);
    assert_int_equal(n, 1);
    assert_int_equal(why[0].item, bread);
    ranker_free(ranker);
    assert_saves(&f);
    fitted_free(&f);
    dataset_free(ds);
}

static void files_threads_memory(void **state)
{
    akin_ctx *ctx = *state;
    akin_error err = {0};
    struct fitted f;
    struct dataset *ds = shop(ctx);
    assert_threads_agree(shop, "together", "{\"top_n\":7}");
    assert_threads_agree(shop, "together", "{\"gap_seconds\":7200,\"min_count\":1}");
    assert_survives_no_memory(ds, ctx, "together", "{\"gap_seconds\":7200}");
    dataset_free(ds);
    ds = fix_random(ctx, 3, 100, 20, 30, 0);
    assert_int_equal(fitted_try(ctx, ds, "together", "{\"gap_seconds\":60}", NULL, &f, &err),
                     AKIN_E_INPUT);
    dataset_free(ds);
    ds = fix_dataset(ctx, NULL, 0, 0, NULL);
    f = fitted_new(ctx, ds, "together", "{\"gap_seconds\":60}", NULL);
    assert_saves(&f);
    fitted_free(&f);
    dataset_free(ds);
}

/* What a damaged or forged file may hold is refused by name. */
static void bad_files(void **state)
{
    static const int64_t good[] = {0, 1, 1, 3}, down[] = {0, 2, 1, 3}, cut[] = {0, 1, 3};
    static const int32_t items[] = {1, 0, 1}, far[] = {3, 0, 1}, twice[] = {1, 1, 1};
    static const float sims[] = {1, 2, 3}, zero[] = {1, 0, 3}, nan[] = {1, NAN, 3};
    const struct {
        const int64_t *ptr;
        int64_t n_ptr;
        const int32_t *item;
        const float *sim;
        int64_t n_sim;
        const char *part;
    } bad[] = {
        {good, 4, items, sims, 2, "do not fit"}, {cut, 3, items, sims, 3, "do not fit"},
        {down, 4, items, sims, 3, "m.ptr"},      {good, 4, far, sims, 3, "m.item: index 3 of 3"},
        {good, 4, twice, sims, 3, "m.item"},     {good, 4, items, zero, 3, "m.sim: 0"},
        {good, 4, items, nan, 3, "m.sim: nan"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const struct section s[] = {{"m.ptr", bad[i].ptr, bad[i].n_ptr * 8},
                                    {"m.item", bad[i].item, 12},
                                    {"m.sim", bad[i].sim, bad[i].n_sim * 4},
                                    {NULL, NULL, 0}};
        assert_refuses(*state, "together", NULL, 3, s, bad[i].part);
        assert_refuses(*state, "itemknn", NULL, 3, s, bad[i].part);
    }
    const struct section rating[] = {{"m.ptr", good, 32},  {"m.item", items, 12},
                                     {"m.sim", sims, 12},  {"m.bias", sims, 8},
                                     {"m.mean", good, 16}, {NULL, NULL, 0}};
    assert_refuses(*state, "itemknn", "{\"mode\":\"rating\"}", 3, rating, "m.bias has 2 rows");
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
        cmocka_unit_test_setup_teardown(equals_counting, setup, teardown),
        cmocka_unit_test_setup_teardown(by_hand, setup, teardown),
        cmocka_unit_test_setup_teardown(files_threads_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_files, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
