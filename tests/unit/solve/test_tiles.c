/* Symmetric tiles: the inverse against the identity, bits over threads and CPUs, rows, failures. */
#include "solve/tiles.h"
#include "unit/solve/solve_util.h"

/* XᵀX + reg·I of X (m, n) uniform, in double; free() it. */
static double *matrix(int64_t n, int64_t m, double reg)
{
    float *X = solve_array(m * n, sizeof *X);
    double *A = solve_array(n * n, sizeof *A);
    solve_fill(X, m * n, (uint64_t)n);
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j <= i; j++) {
            double sum = i == j ? reg : 0;
            for (int64_t u = 0; u < m; u++)
                sum += (double)X[u * n + i] * (double)X[u * n + j];
            A[i * n + j] = A[j * n + i] = (double)(float)sum;
        }
    }
    free(X);
    return A;
}

static void put(const double *A, struct tiles *t)
{
    for (int64_t i = 0; i < t->n; i++)
        for (int64_t j = 0; j <= i; j++)
            *tiles_cell(t, i, j) = (float)A[i * t->n + j];
}

static struct tiles swept(akin_ctx *ctx, const double *A, int64_t n)
{
    akin_error err = {0};
    int64_t pivot = -1;
    struct tiles t;
    assert_int_equal(tiles_create(ctx, n, &t, &err), AKIN_OK);
    put(A, &t);
    if (tiles_sweep(ctx, &t, &pivot, &err) != AKIN_OK)
        fail_msg("%s", err.message);
    return t;
}

/* A·A⁻¹ = 1 for sizes with one tile, whole tiles and a cut last one. */
static void is_the_inverse(void **state)
{
    (void)state;
    static const int64_t sizes[] = {0, 1, 2, 15, 16, 17, 33, 100, 256, 257, 600};
    akin_ctx *ctx = solve_ctx(2, NULL);
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        int64_t n = sizes[s], check = n < 40 ? n : 40;
        double *A = matrix(n, n / 2 + 3, 1);
        struct tiles t = swept(ctx, A, n);
        float *rows = solve_array(n + 1, sizeof *rows);
        float *sum = solve_array(n + 1, sizeof *sum);
        for (int64_t c = 0; c < check; c++) {
            int64_t i = c * n / check;
            tiles_rows(&t, i, i + 1, rows, n);
            memset(sum, 0, (size_t)n * sizeof *sum);
            tiles_add_row(&t, ctx->kern, i, 2, sum);
            for (int64_t j = 0; j < n; j++) {
                double x = 0;
                assert_true(rows[j] == tiles_get(&t, i, j));
                assert_true(sum[j] == 2 * rows[j]);
                for (int64_t k = 0; k < n; k++)
                    x -= (double)rows[k] * A[k * n + j];
                if (fabs(x - (i == j)) > 2e-4)
                    fail_msg("n=%d (%d, %d): %g", (int)n, (int)i, (int)j, x);
            }
        }
        free(sum);
        free(rows);
        tiles_free(ctx, &t);
        free(A);
    }
    solve_ctx_done(ctx);
}

static void same_bits(void **state)
{
    (void)state;
    enum { N = 530 };
    double *A = matrix(N, 40, .5);
    float *first = NULL;
    for (size_t isa = 0; kern_names(isa); isa++)
        for (int threads = 1; threads <= 3; threads++) {
            if (!kern_find(kern_names(isa)) || (isa == 0 && threads > 1))
                continue;
            akin_ctx *ctx = solve_ctx(threads, kern_names(isa));
            struct tiles t = swept(ctx, A, N);
            float *all = solve_array((int64_t)N * N, sizeof *all);
            for (int64_t i = 0; i < N; i++)
                tiles_rows(&t, i, i + 1, all + i * N, N);
            if (!first)
                first = all;
            else
                assert_memory_equal(first, all, (size_t)N * N * sizeof *all);
            if (first != all)
                free(all);
            tiles_free(ctx, &t);
            solve_ctx_done(ctx);
        }
    free(first);
    free(A);
}

static void says_what_is_wrong(void **state)
{
    (void)state;
    enum { N = 300 };
    akin_ctx *ctx = solve_ctx(2, NULL);
    akin_error err = {0};
    int64_t pivot = -1;
    struct tiles t;
    double *A = matrix(N, N + 5, 1);
    A[270 * N + 270] = -1;
    assert_int_equal(tiles_create(ctx, N, &t, &err), AKIN_OK);
    put(A, &t);
    assert_int_equal(tiles_sweep(ctx, &t, &pivot, &err), AKIN_E_INPUT);
    assert_int_equal(pivot, 270);
    put(A, &t);
    atomic_store(&ctx->cancelled, 1);
    assert_int_equal(tiles_sweep(ctx, &t, &pivot, &err), AKIN_E_CANCELLED);
    atomic_store(&ctx->cancelled, 0);
    tiles_free(ctx, &t);
    free(A);
    solve_ctx_done(ctx);
}

/* Every tile right behind the one before, the last cell inside, and nothing wraps, without a byte
 * of memory: above 46,340 rows half a square has more floats than 31 bits count. */
static void places_are_64_bits(void **state)
{
    (void)state;
    static const int64_t sizes[] = {40981, 46340, 46341, 65536, 92682, 250000, 3000000, INT32_MAX};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        struct tiles t = tiles_shape(sizes[s]);
        int64_t tile = t.size * t.size, last = t.side - 1, n = t.n;
        assert_true(t.side * t.size >= n && last * t.size < n);
        const int64_t rows[] = {0, 1, last / 2, last - 1};
        for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
            int64_t I = rows[r];
            assert_true(tiles_place(&t, I + 1, 0) == tiles_place(&t, I, I) + tile);
            assert_true(tiles_place(&t, I + 1, I + 1) == tiles_place(&t, I + 1, I) + tile);
        }
        assert_true(tiles_floats(n) == tiles_place(&t, last, last) + tile);
        assert_true(tiles_cell_place(&t, n - 1, n - 1) < tiles_floats(n));
        assert_true(tiles_cell_place(&t, n - 1, n - 1) == tiles_cell_place(&t, n - 1, n - 2) + 1);
        double half = (double)n * (double)n / 2;
        assert_true((double)tiles_floats(n) >= half && (double)tiles_floats(n) <= 1.05 * half);
        assert_true(n <= 65536 || tiles_cell_place(&t, n - 1, 0) > INT32_MAX);
        assert_true(tiles_sweep_bytes(n, 2) > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_the_inverse),
        cmocka_unit_test(same_bits),
        cmocka_unit_test(says_what_is_wrong),
        cmocka_unit_test(places_are_64_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
