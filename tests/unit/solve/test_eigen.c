/* Eigenproblem: NumPy's values, the defining equations, hard spectra, same bits, failures. */
#include "solve_util.h"

#include "solve/eigen.h"
#include "tests_solve_golden.h"

/* A = V diag(d) Vᵀ and V Vᵀ = I to `eps` of the largest value. */
static void check_pairs(int64_t n, const double *lower, const double *d, const double *V,
                        double eps)
{
    double scale = fabs(d[0]) > fabs(d[n - 1]) ? fabs(d[0]) : fabs(d[n - 1]);
    for (int64_t i = 0; i + 1 < n; i++)
        assert_true(d[i] >= d[i + 1]);
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j <= i; j++) {
            double a = 0.0;
            double unit = 0.0;
            for (int64_t t = 0; t < n; t++) {
                a += d[t] * V[t * n + i] * V[t * n + j];
                unit += V[i * n + t] * V[j * n + t];
            }
            assert_true(fabs(a - lower[i * (i + 1) / 2 + j]) <= eps * scale * sqrt((double)n));
            assert_true(fabs(unit - (i == j ? 1.0 : 0.0)) <= eps * sqrt((double)n));
        }
    }
}

static void random_lower(double *lower, int64_t n, uint64_t index)
{
    struct rng rng = rng_make(test_seed, RNG_TEST, index);
    for (int64_t i = 0; i < n * (n + 1) / 2; i++)
        lower[i] = 2.0 * rng_double(&rng) - 1.0;
}

static void test_sizes(void **state)
{
    (void)state;
    static const int64_t sizes[] = {1, 2, 3, 5, 16, 31, 32, 33, 64, 100};
    akin_ctx *ctx = solve_ctx(2, NULL);
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        int64_t n = sizes[s];
        double *lower = solve_array(n * (n + 1) / 2, sizeof(double));
        double *d = solve_array(n, sizeof(double));
        double *V = solve_array(n * n, sizeof(double));
        random_lower(lower, n, (uint64_t)n);
        assert_int_equal(eigen_symmetric(ctx, n, lower, d, V, NULL), AKIN_OK);
        check_pairs(n, lower, d, V, 4e-15);
        free(lower);
        free(d);
        free(V);
    }
    assert_int_equal(eigen_symmetric(ctx, 0, NULL, NULL, NULL, NULL), AKIN_OK);
    solve_ctx_done(ctx);
}

/* Zero, unit, rank one, graded over 40 orders, a negative part, repeated values, extreme scale. */
static void test_hard(void **state)
{
    (void)state;
    enum { N = 40, CASES = 8 };
    akin_ctx *ctx = solve_ctx(2, NULL);
    static double lower[N * (N + 1) / 2], d[N], V[N * N];
    for (int c = 0; c < CASES; c++) {
        for (int i = 0, at = 0; i < N; i++)
            for (int j = 0; j <= i; j++, at++) {
                double graded = 1.0;
                for (int t = 0; t < i + j; t++)
                    graded *= 0.3;
                double x = 0.0;
                switch (c) {
                case 1:
                    x = i == j;
                    break;
                case 2:
                    x = 3.0 * (i + 1) * (j + 1);
                    break;
                case 3:
                    x = graded;
                    break;
                case 4:
                    x = i == j ? 0.0 : i == j + 1 ? 1.0 : 0.0;
                    break;
                case 5:
                    x = i == j ? (i % 2 ? -2.0 : 2.0) : 1e-17;
                    break;
                case 6: /* random, near the least double */
                    x = 1e-300 * (double)((i * 7 + j * 5 + i * j) % 13 - 6);
                    break;
                case 7:
                    x = 1e300 * (double)((i * 7 + j * 5 + i * j) % 13 - 6);
                    break;
                default:
                    break;
                }
                lower[at] = x;
            }
        assert_int_equal(eigen_symmetric(ctx, N, lower, d, V, NULL), AKIN_OK);
        if (c > 0)
            check_pairs(N, lower, d, V, 4e-15);
    }
    solve_ctx_done(ctx);
}

static void test_golden(void **state)
{
    (void)state;
    enum { N = GOLDEN_EIGEN_N };
    akin_ctx *ctx = solve_ctx(1, NULL);
    double lower[N * (N + 1) / 2], d[N], V[N * N];
    for (int i = 0, at = 0; i < N; i++)
        for (int j = 0; j <= i; j++, at++) /* as make_solve.py */
            lower[at] = (double)((7 * i * i + 3 * j + i * j) % 11 - 5) / 4.0;
    assert_int_equal(eigen_symmetric(ctx, N, lower, d, V, NULL), AKIN_OK);
    for (int i = 0; i < N; i++)
        assert_true(fabs(d[i] - golden_eigen[i]) <= 1e-13);
    check_pairs(N, lower, d, V, 4e-15);
    solve_ctx_done(ctx);
}

static void test_same_bits(void **state)
{
    (void)state;
    enum { N = 100 };
    static double lower[N * (N + 1) / 2], d[2][N], V[2][N * N];
    random_lower(lower, N, 7);
    for (int threads = 1; threads <= 8; threads += 1 + threads) {
        akin_ctx *ctx = solve_ctx(threads, threads == 3 ? "ref" : NULL);
        int to = threads > 1;
        assert_int_equal(eigen_symmetric(ctx, N, lower, d[to], V[to], NULL), AKIN_OK);
        solve_ctx_done(ctx);
        if (to) {
            assert_memory_equal(d[0], d[1], sizeof d[0]);
            assert_memory_equal(V[0], V[1], sizeof V[0]);
        }
    }
}

static void test_failures(void **state)
{
    (void)state;
    enum { N = 20 };
    akin_ctx *ctx = solve_ctx(2, NULL);
    akin_error err;
    double lower[N * (N + 1) / 2], d[N], V[N * N];
    random_lower(lower, N, 9);
    for (int64_t n = 1; n <= 6; n++) {
        mem_fail_at(ctx->mem, n);
        assert_int_equal(eigen_symmetric(ctx, N, lower, d, V, &err), AKIN_E_MEMORY);
    }
    mem_fail_at(ctx->mem, 0);
    akin_cancel(ctx);
    assert_int_equal(eigen_symmetric(ctx, N, lower, d, V, &err), AKIN_E_CANCELLED);
    akin_cancel_clear(ctx);
    lower[17] = (double)NAN;
    assert_int_equal(eigen_symmetric(ctx, N, lower, d, V, &err), AKIN_E_INTERNAL);
    assert_non_null(strstr(err.message, "5,2"));
    solve_ctx_done(ctx);
}

int main(void)
{
    printf("seed %llu\n", (unsigned long long)test_seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),    cmocka_unit_test(test_hard),
        cmocka_unit_test(test_golden),   cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
