/* Quantiles, intervals against theory, groups of many users, the signed-rank test, comparisons. */
#include "eval/stats.h"
#include "unit/eval/eval_fixture.h"

#include <math.h>

static void test_quantile(void **state)
{
    (void)state;
    const double x[] = {1, 2, 4, 8, 16};
    assert_value(stats_quantile(x, 5, 0), 1, 0);
    assert_value(stats_quantile(x, 5, 0.5), 4, 0);
    assert_value(stats_quantile(x, 5, 0.9), 12.8, 1e-12);
    assert_value(stats_quantile(x, 5, 1), 16, 0);
    assert_value(stats_quantile(x, 1, 0.3), 1, 0);
}

/* The mean of n coin flips has standard error √(p(1−p)/n). */
static void check_interval(int64_t n)
{
    akin_error err;
    akin_ctx *ctx = fix_ctx(2, 7);
    double *num = malloc((size_t)n * sizeof *num), *den = malloc((size_t)n * sizeof *den);
    assert_true(num && den);
    struct rng rng = rng_make(fix_seed(), RNG_TEST, (uint64_t)n);
    for (int64_t i = 0; i < n; i++) {
        num[i] = rng_double(&rng) < 0.3;
        den[i] = 1;
    }
    struct stats_ratio r = {.num = num, .den = den};
    assert_ok(stats_intervals(ctx, n, &r, 1, 500, &err));
    double half = 1.96 * sqrt(r.value * (1 - r.value) / (double)n);
    assert_value(r.lo, r.value - half, 0.25 * half);
    assert_value(r.hi, r.value + half, 0.25 * half);
    free(num);
    free(den);
    ctx_free(ctx);
}

static void test_intervals(void **state)
{
    (void)state;
    check_interval(500);
    check_interval(100001); /* more than STATS_GROUPS */
}

static void test_empty(void **state)
{
    (void)state;
    akin_error err;
    akin_ctx *ctx = fix_ctx(2, 7);
    double zero[3] = {0, 0, 0}, one[3] = {1, 1, 1};
    struct stats_ratio r[2] = {{.num = zero, .den = zero}, {.num = one, .den = one}};
    assert_ok(stats_intervals(ctx, 3, r, 2, 100, &err));
    assert_true(isnan(r[0].value) && isnan(r[0].lo));
    assert_value(r[1].lo, 1, 0);
    assert_value(r[1].hi, 1, 0);
    assert_ok(stats_intervals(ctx, 0, r, 2, 100, &err));
    assert_true(isnan(r[1].value) && isnan(r[1].hi));
    assert_ok(stats_intervals(ctx, 3, r, 2, 0, &err));
    assert_true(isnan(r[1].lo));
    assert_value(r[1].value, 1, 0);
    assert_int_equal(mem_used(ctx->mem), 0);
    ctx_free(ctx);
}

static void test_wilcoxon(void **state)
{
    (void)state;
    double none[3] = {0, 0, 0}, even[4] = {1, -1, 2, -2}, up[30];
    assert_value(stats_wilcoxon(none, 3), 1, 0);
    assert_value(stats_wilcoxon(none, 0), 1, 0);
    assert_value(stats_wilcoxon(even, 4), 1, 1e-12);
    for (int i = 0; i < 30; i++)
        up[i] = i + 1;
    assert_true(stats_wilcoxon(up, 30) < 1e-5);
}

static struct eval_result fake_result(int64_t n, float *values, struct metric_value *metric,
                                      struct eval_ratio *ratio)
{
    return (struct eval_result){
        .n_metrics = 1, .n_users = n, .per_user = values, .metrics = metric, .ratio = ratio};
}

static void test_compare(void **state)
{
    (void)state;
    enum { N = 400 };
    akin_error err;
    akin_ctx *ctx = fix_ctx(3, 7);
    float a[N], b[N];
    struct eval_ratio ratio = {0};
    struct metric_value metric = {0};
    struct rng rng = rng_make(fix_seed(), RNG_TEST, 1);
    for (int i = 0; i < N; i++) {
        a[i] = (float)rng_below(&rng, 11) / 10;
        b[i] = i % 5 == 0 ? NAN : a[i] - (i % 2 ? 0.1f : 0.0f);
    }
    struct eval_result ra = fake_result(N, a, &metric, &ratio);
    struct eval_result rb = fake_result(N, b, &metric, &ratio);
    struct paired_test t;
    assert_ok(eval_compare(ctx, &ra, &rb, 0, 1000, &t, &err));
    assert_int_equal(t.n, 320);
    assert_value(t.difference, 0.05, 1e-6);
    assert_true(t.lo > 0.03 && t.lo < t.difference && t.hi > t.difference && t.hi < 0.07);
    assert_true(t.p_wilcoxon < 1e-10);
    assert_ok(eval_compare(ctx, &ra, &ra, 0, 100, &t, &err));
    assert_value(t.difference, 0, 0);
    assert_value(t.p_wilcoxon, 1, 0);
    rb.n_users = N - 1;
    assert_fails(eval_compare(ctx, &ra, &rb, 0, 100, &t, &err), AKIN_E_ARG, "one test set");
    for (int i = 0; i < N; i++)
        b[i] = NAN;
    rb.n_users = N;
    assert_ok(eval_compare(ctx, &ra, &rb, 0, 100, &t, &err));
    assert_int_equal(t.n, 0);
    assert_true(isnan(t.difference) && isnan(t.p_wilcoxon));
    assert_int_equal(mem_used(ctx->mem), 0);
    ctx_free(ctx);
}

/* Student's t of a few folds; bounds by scipy.stats.t.interval. */
static void test_mean_of_folds(void **state)
{
    (void)state;
    static const double x[] = {0.81, 0.84, 0.83, 0.79, 0.83};
    double many[41];
    struct stats_mean m = stats_mean(x, 5);
    assert_true(fabs(m.value - 0.82) < 1e-12 && fabs(m.deviation - 0.02) < 1e-12);
    assert_true(fabs(m.lo - 0.795166720) < 1e-8 && fabs(m.hi - 0.844833280) < 1e-8);
    for (int i = 0; i < 41; i++)
        many[i] = i;
    m = stats_mean(many, 41);
    assert_true(fabs(m.lo - 16.218914) < 1e-4 && fabs(m.hi - 23.781086) < 1e-4);
    m = stats_mean(x, 1);
    assert_true(m.value < 0.8101 && isnan(m.lo) && isnan(m.deviation));
    assert_true(isnan(stats_mean(x, 0).value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quantile), cmocka_unit_test(test_intervals),
        cmocka_unit_test(test_empty),    cmocka_unit_test(test_wilcoxon),
        cmocka_unit_test(test_compare),  cmocka_unit_test(test_mean_of_folds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
