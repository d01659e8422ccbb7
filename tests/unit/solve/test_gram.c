/* Gram matrices: the double sum, by rows and by shards; same bits; failures. */
#include "solve_util.h"

#include "solve/gram.h"

static void check(const float *X, int64_t n, int64_t k, const double *G)
{
    for (int64_t i = 0; i < k; i++)
        for (int64_t j = 0; j <= i; j++) {
            double sum = 0.0;
            for (int64_t r = 0; r < n; r++)
                sum += (double)X[r * k + i] * (double)X[r * k + j];
            assert_true(fabs(sum - G[gram_size(i) + j]) <= 2e-5 * sqrt((double)n + 1.0));
        }
}

static void shard_bounds(int64_t n, int32_t *ptr)
{
    for (int s = 0; s <= COMM_SHARDS; s++) /* some empty, some long */
        ptr[s] = (int32_t)(n * s * s / (COMM_SHARDS * COMM_SHARDS));
}

static void test_sums(void **state)
{
    (void)state;
    static const int64_t rows[] = {0, 1, 255, 256, 257, 3000, 20000};
    static const int64_t widths[] = {1, 7, 16, 33};
    akin_ctx *ctx = solve_ctx(3, NULL);
    struct comm comm;
    int32_t ptr[COMM_SHARDS + 1];
    comm_self(&comm);
    for (size_t a = 0; a < sizeof rows / sizeof rows[0]; a++)
        for (size_t b = 0; b < sizeof widths / sizeof widths[0]; b++) {
            int64_t n = rows[a], k = widths[b];
            float *X = solve_array(n * k, sizeof(float));
            double *G = solve_array(gram_size(k), sizeof(double));
            solve_fill(X, n * k, (uint64_t)(n * 100 + k));
            assert_int_equal(gram_rows(ctx, X, n, k, G, NULL), AKIN_OK);
            check(X, n, k, G);
            shard_bounds(n, ptr);
            assert_int_equal(gram_shards(ctx, &comm, X, k, ptr, G, NULL), AKIN_OK);
            check(X, n, k, G);
            free(X);
            free(G);
        }
    solve_ctx_done(ctx);
}

static void test_same_bits(void **state)
{
    (void)state;
    enum { N = 9000, K = 24 };
    static float X[N * K];
    static double G[4][K * (K + 1) / 2];
    int32_t ptr[COMM_SHARDS + 1];
    struct comm comm;
    comm_self(&comm);
    solve_fill(X, N * K, 1);
    shard_bounds(N, ptr);
    for (size_t isa = 0; kern_names(isa); isa++)
        for (int threads = 1; threads <= 8; threads += 1 + threads) {
            if (!kern_find(kern_names(isa)))
                continue;
            akin_ctx *ctx = solve_ctx(threads, kern_names(isa));
            int to = isa == 0 && threads == 1 ? 0 : 2;
            assert_int_equal(gram_rows(ctx, X, N, K, G[to], NULL), AKIN_OK);
            assert_int_equal(gram_shards(ctx, &comm, X, K, ptr, G[to + 1], NULL), AKIN_OK);
            if (to) {
                assert_memory_equal(G[0], G[2], sizeof G[0]);
                assert_memory_equal(G[1], G[3], sizeof G[0]);
            }
            solve_ctx_done(ctx);
        }
}

static void test_sum(void **state)
{
    (void)state;
    static const float X[] = {1, 2, 3, 4, 5, 6}, w[] = {1, 0.5f, 2};
    double out[2];
    gram_weighted_sum(X, 3, 2, NULL, out);
    assert_true(out[0] == 9.0 && out[1] == 12.0);
    gram_weighted_sum(X, 3, 2, w, out);
    assert_true(out[0] == 12.5 && out[1] == 16.0);
}

static void test_failures(void **state)
{
    (void)state;
    enum { N = 3000, K = 5 };
    static float X[N * K];
    double G[K * (K + 1) / 2];
    akin_ctx *ctx = solve_ctx(2, NULL);
    akin_error err;
    for (int64_t n = 1; n <= 2; n++) {
        mem_fail_at(ctx->mem, n);
        assert_int_equal(gram_rows(ctx, X, N, K, G, &err), AKIN_E_MEMORY);
    }
    mem_fail_at(ctx->mem, 0);
    akin_cancel(ctx);
    assert_int_equal(gram_rows(ctx, X, N, K, G, &err), AKIN_E_CANCELLED);
    akin_cancel_clear(ctx);
    solve_ctx_done(ctx);
}

int main(void)
{
    printf("seed %llu\n", (unsigned long long)test_seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_sum),
        cmocka_unit_test(test_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
