/*
 * Truncated singular values: SciPy's, the defining equations, all of a small spectrum, ranks that
 * end early, same bits, failures.
 */
#include "solve_util.h"

#include "solve/svd.h"
#include "svd_golden.h"

/* A matrix both ways, and its scales. */
struct made {
    struct sparse a;
    float *scale[2]; /* owned */
};

static struct made made_new(akin_ctx *ctx, int64_t rows, int64_t cols, const float *dense)
{
    struct made out = {0};
    int64_t nnz = 0;
    int32_t *row = solve_array(rows * cols, sizeof *row);
    int32_t *col = solve_array(rows * cols, sizeof *col);
    float *val = solve_array(rows * cols, sizeof *val);
    for (int64_t e = 0; e < rows * cols; e++)
        if (dense[e] < 0.0f || dense[e] > 0.0f) {
            row[nnz] = (int32_t)(e / cols);
            col[nnz] = (int32_t)(e % cols);
            val[nnz++] = dense[e];
        }
    assert_int_equal(csr_from_triples(ctx, rows, cols, nnz, row, col, val, &out.a.by_row, NULL),
                     AKIN_OK);
    assert_int_equal(csr_transpose(ctx, &out.a.by_row, &out.a.by_col, NULL), AKIN_OK);
    free(row);
    free(col);
    free(val);
    return out;
}

static void made_free(akin_ctx *ctx, struct made *m)
{
    csr_free(ctx, &m->a.by_row);
    csr_free(ctx, &m->a.by_col);
    free(m->scale[0]);
    free(m->scale[1]);
}

/* Sums of rows and columns to the power -1/2; the dense matrix is scaled alike. */
static void made_scale(struct made *m, int64_t rows, int64_t cols, float *dense)
{
    double *sum[2] = {solve_array(rows, sizeof(double)), solve_array(cols, sizeof(double))};
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < cols; c++) {
            sum[0][r] += (double)dense[r * cols + c];
            sum[1][c] += (double)dense[r * cols + c];
        }
    for (int side = 0; side < 2; side++) {
        int64_t n = side ? cols : rows;
        m->scale[side] = solve_array(n, sizeof(float));
        for (int64_t i = 0; i < n; i++)
            m->scale[side][i] = sum[side][i] > 0 ? (float)(1 / sqrt(sum[side][i])) : 0.0f;
        free(sum[side]);
    }
    for (int64_t e = 0; e < rows * cols; e++)
        dense[e] *= m->scale[0][e / cols] * m->scale[1][e % cols];
    m->a.row_scale = m->scale[0];
    m->a.col_scale = m->scale[1];
}

static float *golden_dense(void)
{
    float *a = solve_array(GOLDEN_SVD_ROWS * GOLDEN_SVD_COLS, sizeof *a);
    for (int i = 0; i < GOLDEN_SVD_ROWS; i++)
        for (int j = 0; j < GOLDEN_SVD_COLS; j++)
            if ((7 * i + 3 * j + i * j) % 11 < 3)
                a[i * GOLDEN_SVD_COLS + j] =
                    (float)((5 * i + 3 * j + i / 8 * (j / 6)) % 7 + 1) / 4.0f;
    return a;
}

/* Values to 1e-5 of each; the sine of the largest angle between the spans, from what is left of
 * each golden vector outside of ours. */
static void check_golden(akin_ctx *ctx, const struct sparse *a, const double *sigma,
                         const double *right)
{
    struct svd s;
    assert_int_equal(svd_truncated(ctx, a, GOLDEN_SVD_K, 1e-5, 1, true, &s, NULL), AKIN_OK);
    assert_int_equal(s.k, GOLDEN_SVD_K);
    for (int i = 0; i < GOLDEN_SVD_K; i++) {
        double rest[GOLDEN_SVD_COLS], left = 0.0;
        const double *v = right + i * GOLDEN_SVD_COLS;
        assert_true(fabs(s.sigma[i] - sigma[i]) <= 1e-5 * sigma[i]);
        memcpy(rest, v, sizeof rest);
        for (int t = 0; t < GOLDEN_SVD_K; t++) {
            double dot = 0.0;
            for (int j = 0; j < GOLDEN_SVD_COLS; j++)
                dot += v[j] * (double)s.right[j * s.k + t];
            for (int j = 0; j < GOLDEN_SVD_COLS; j++)
                rest[j] -= dot * (double)s.right[j * s.k + t];
        }
        for (int j = 0; j < GOLDEN_SVD_COLS; j++)
            left += rest[j] * rest[j];
        if (sqrt(left) > 1e-4)
            fail_msg("vector %d: %g outside of the span", i, sqrt(left));
    }
    svd_free(ctx, &s);
}

static void equals_scipy(void **state)
{
    (void)state;
    akin_ctx *ctx = solve_ctx(2, NULL);
    float *dense = golden_dense();
    struct made m = made_new(ctx, GOLDEN_SVD_ROWS, GOLDEN_SVD_COLS, dense);
    check_golden(ctx, &m.a, golden_plain_sigma, golden_plain_right);
    made_scale(&m, GOLDEN_SVD_ROWS, GOLDEN_SVD_COLS, dense);
    check_golden(ctx, &m.a, golden_scaled_sigma, golden_scaled_right);
    free(dense);
    made_free(ctx, &m);
    solve_ctx_done(ctx);
}

/* A·v = σ·u, Aᵀ·u = σ·v, both sides orthonormal. */
static void check_equations(const struct svd *s, const float *A, int64_t rows, int64_t cols,
                            double eps)
{
    const float *side[2] = {s->left, s->right};
    for (int which = 0; which < 2; which++) {
        int64_t n = which ? cols : rows, other = which ? rows : cols;
        const float *x = side[which], *y = side[1 - which];
        for (int64_t i = 0; i < s->k; i++)
            for (int64_t t = 0; t <= i; t++) {
                double dot = 0.0;
                for (int64_t r = 0; r < n; r++)
                    dot += (double)x[r * s->k + i] * (double)x[r * s->k + t];
                /* the longer side is a product over sigma: small values cost digits */
                assert_true(fabs(dot - (i == t)) <= 2e-6 + 1e-6 * s->sigma[0] / s->sigma[i]);
            }
        for (int64_t i = 0; i < s->k; i++) {
            double off = 0.0;
            for (int64_t r = 0; r < n; r++) {
                double sum = 0.0;
                for (int64_t c = 0; c < other; c++)
                    sum += (double)(which ? A[c * cols + r] : A[r * cols + c]) *
                           (double)y[c * s->k + i];
                sum -= s->sigma[i] * (double)x[r * s->k + i];
                off += sum * sum;
            }
            if (sqrt(off) > eps * s->sigma[0])
                fail_msg("side %d vector %d of %d: off by %g", which, (int)i, (int)s->k,
                         sqrt(off) / s->sigma[0]);
        }
    }
    for (int64_t i = 0; i + 1 < s->k; i++)
        assert_true(s->sigma[i] >= s->sigma[i + 1]);
}

/* A random matrix with about `share` of its elements. */
static float *random_dense(int64_t rows, int64_t cols, double share, uint64_t index)
{
    struct rng rng = rng_make(test_seed, RNG_TEST, index);
    float *a = solve_array(rows * cols, sizeof *a);
    for (int64_t e = 0; e < rows * cols; e++)
        if (rng_double(&rng) < share)
            a[e] = (float)(1 + rng_below(&rng, 5));
    return a;
}

static void shapes(void **state)
{
    (void)state;
    static const struct {
        int64_t rows, cols, k;
        double share;
    } cases[] = {{1, 1, 1, 1},        {1, 30, 4, 1},       {30, 1, 4, 1},      {5, 7, 64, .9},
                 {40, 90, 12, .2},    {90, 40, 12, .2},    {33, 33, 33, .5},   {200, 150, 150, .1},
                 {400, 900, 20, .03}, {900, 400, 20, .03}, {700, 500, 60, .02}};
    akin_ctx *ctx = solve_ctx(3, NULL);
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        int64_t rows = cases[c].rows, cols = cases[c].cols;
        float *dense = random_dense(rows, cols, cases[c].share, c);
        struct made m = made_new(ctx, rows, cols, dense);
        struct svd s;
        if (c % 2 == 0)
            made_scale(&m, rows, cols, dense);
        assert_int_equal(svd_truncated(ctx, &m.a, cases[c].k, 1e-3, 1, true, &s, NULL), AKIN_OK);
        int64_t most = rows < cols ? rows : cols;
        assert_true(s.k >= 1 && s.k <= (cases[c].k < most ? cases[c].k : most));
        assert_true(s.k == cases[c].k || cases[c].k * 2 > most);
        check_equations(&s, dense, rows, cols, 2e-3);
        if (cases[c].k >= most) { /* the whole spectrum: nothing of A is left out */
            double square = 0.0, sum = 0.0;
            for (int64_t e = 0; e < rows * cols; e++)
                square += (double)dense[e] * (double)dense[e];
            for (int64_t i = 0; i < s.k; i++)
                sum += s.sigma[i] * s.sigma[i];
            assert_true(fabs(sum - square) <= 1e-5 * square);
        }
        svd_free(ctx, &s);
        made_free(ctx, &m);
        free(dense);
    }
    solve_ctx_done(ctx);
}

/* Rank 3 gives 3 values whatever is asked for, rank 0 none. */
static void low_rank(void **state)
{
    (void)state;
    enum { ROWS = 120, COLS = 80 };
    akin_ctx *ctx = solve_ctx(2, NULL);
    for (int rank = 0; rank <= 3; rank++) {
        float *dense = solve_array(ROWS * COLS, sizeof *dense);
        for (int r = 0; r < ROWS; r++)
            for (int c = 0; c < COLS; c++)
                for (int f = 0; f < rank; f++)
                    dense[r * COLS + c] += (float)((r + f) % (3 + f) * ((c * (f + 2)) % (5 + f)));
        struct made m = made_new(ctx, ROWS, COLS, dense);
        struct svd s;
        assert_int_equal(svd_truncated(ctx, &m.a, 20, 1e-3, 1, true, &s, NULL), AKIN_OK);
        assert_int_equal(s.k, rank);
        check_equations(&s, dense, ROWS, COLS, 1e-5);
        svd_free(ctx, &s);
        made_free(ctx, &m);
        free(dense);
    }
    solve_ctx_done(ctx);
}

/* Any number of threads, every instruction set: the same bytes. */
static void same_bits(void **state)
{
    (void)state;
    enum { ROWS = 500, COLS = 700, K = 24 };
    float *dense = random_dense(ROWS, COLS, .03, 99);
    float *first = NULL;
    double sigma[K];
    for (size_t isa = 0; kern_names(isa); isa++)
        for (int threads = 1; threads <= 5; threads += 2) {
            if (!kern_find(kern_names(isa)))
                continue;
            akin_ctx *ctx = solve_ctx(threads, kern_names(isa));
            struct made m = made_new(ctx, ROWS, COLS, dense);
            struct svd s;
            assert_int_equal(svd_truncated(ctx, &m.a, K, 1e-2, 7, false, &s, NULL), AKIN_OK);
            assert_int_equal(s.k, K);
            assert_null(s.left);
            if (!first) {
                first = solve_array(COLS * K, sizeof *first);
                memcpy(first, s.right, COLS * K * sizeof *first);
                memcpy(sigma, s.sigma, sizeof sigma);
            }
            assert_memory_equal(first, s.right, COLS * K * sizeof *first);
            assert_memory_equal(sigma, s.sigma, sizeof sigma);
            svd_free(ctx, &s);
            made_free(ctx, &m);
            solve_ctx_done(ctx);
        }
    free(first);
    free(dense);
}

/* A column has the same bits gathered in a panel, spread in lanes, spread alone. */
static void products_agree(void **state)
{
    (void)state;
    enum { ROWS = 300, COLS = 130 };
    akin_ctx *ctx = solve_ctx(2, NULL);
    float *dense = random_dense(ROWS, COLS, .1, 5);
    struct made m = made_new(ctx, ROWS, COLS, dense);
    made_scale(&m, ROWS, COLS, dense);
    float *in = solve_array(ROWS * SPARSE_PANEL, sizeof *in);
    float *scaled = solve_array(ROWS * SPARSE_PANEL, sizeof *in);
    float *gathered = solve_array(COLS * SPARSE_PANEL, sizeof *in);
    float lanes[ROWS * SPARSE_LANES], one[ROWS], out[COLS * SPARSE_LANES], alone[COLS];
    solve_fill(in, ROWS * SPARSE_PANEL, 6);
    for (int r = 0; r < ROWS * SPARSE_PANEL; r += 3 * SPARSE_PANEL)
        memset(in + r, 0, SPARSE_PANEL * sizeof *in);
    memcpy(scaled, in, ROWS * SPARSE_PANEL * sizeof *in);
    sparse_scale(m.a.row_scale, ROWS, scaled);
    assert_int_equal(sparse_gather(ctx, &m.a.by_col, scaled, NULL, gathered, NULL), AKIN_OK);
    for (int r = 0; r < ROWS; r++) {
        one[r] = in[r * SPARSE_PANEL];
        memcpy(lanes + r * SPARSE_LANES, in + r * SPARSE_PANEL, SPARSE_LANES * sizeof *in);
    }
    const float *scale = m.a.row_scale;
    assert_int_equal(sparse_spread(ctx, &m.a.by_row, lanes, scale, SPARSE_LANES, out, NULL),
                     AKIN_OK);
    assert_int_equal(sparse_spread(ctx, &m.a.by_row, one, scale, 1, alone, NULL), AKIN_OK);
    for (int c = 0; c < COLS; c++) {
        assert_memory_equal(out + c * SPARSE_LANES, gathered + c * SPARSE_PANEL,
                            SPARSE_LANES * sizeof *out);
        assert_memory_equal(alone + c, gathered + c * SPARSE_PANEL, sizeof *out);
    }
    free(in);
    free(scaled);
    free(gathered);
    free(dense);
    made_free(ctx, &m);
    solve_ctx_done(ctx);
}

/* The n-th allocation fails, for every n; a cancel; a value that is no number. */
static void failures(void **state)
{
    (void)state;
    enum { ROWS = 60, COLS = 50 };
    akin_ctx *ctx = solve_ctx(2, NULL);
    akin_error err;
    float *dense = random_dense(ROWS, COLS, .2, 3);
    struct made m = made_new(ctx, ROWS, COLS, dense);
    struct svd s;
    int64_t before = mem_used(ctx->mem);
    akin_status status = AKIN_E_MEMORY;
    for (int64_t n = 1; status != AKIN_OK && n < 2000; n++) {
        mem_fail_at(ctx->mem, n);
        status = svd_truncated(ctx, &m.a, 5, 1e-3, 1, true, &s, &err);
        mem_fail_at(ctx->mem, 0);
        if (status == AKIN_OK)
            svd_free(ctx, &s);
        else
            assert_int_equal(status, AKIN_E_MEMORY);
        assert_int_equal(mem_used(ctx->mem), before);
    }
    assert_int_equal(status, AKIN_OK);
    akin_cancel(ctx);
    assert_int_equal(svd_truncated(ctx, &m.a, 5, 1e-3, 1, true, &s, &err), AKIN_E_CANCELLED);
    akin_cancel_clear(ctx);
    m.a.by_row.val[7] = NAN;
    assert_int_equal(svd_truncated(ctx, &m.a, 5, 1e-3, 1, true, &s, &err), AKIN_E_INTERNAL);
    made_free(ctx, &m);
    free(dense);
    solve_ctx_done(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_scipy),   cmocka_unit_test(shapes),    cmocka_unit_test(low_rank),
        cmocka_unit_test(products_agree), cmocka_unit_test(same_bits), cmocka_unit_test(failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
