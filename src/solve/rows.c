/*
 * Exact row solves and one pass of block coordinate descent, all rows in the eigenbasis.
 *
 * A = D + ZᵀWZ with D = diag(base + lambda) > 0 and right side ZᵀW(1 - c) - h.
 * Long rows: A is built and factored, k×k (Hu, Koren, Volinsky 2008, doi:10.1109/ICDM.2008.22).
 * Short rows: Woodbury's identity turns it round. With K = Z D⁻¹ Zᵀ (n×n),
 *     (K + W⁻¹) s = 1 - c + Z D⁻¹ h,   x = D⁻¹ (Zᵀ s - h),
 * which needs n²k/2 + n³/6 multiply-adds in place of nk²/2 + k³/6: most users have fewer items than
 * the model has factors. It is also the better conditioned one: K + W⁻¹ >= 1/max w, while A spans
 * all of B's spectrum.
 * Descent: Rendle et al. 2021, "iALS++", arXiv:2110.14044; in the eigenbasis its blocks are coupled
 * by the row's own items alone, so that the product with B is k and not k².
 *
 * Not here: constraints (rows_nonneg.c), conjugate gradients (rows_cg.c).
 */
#include "solve/rows_impl.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum {
    SYRK_POLL = 2048,    /* items of a long row between two looks at cancel */
    AHEAD = 4,           /* rows of Z fetched ahead of a gather */
    BLOCK_WORK = 1 << 25 /* multiply-adds of a block of rows: about 1 ms */
};

static int64_t round16(int64_t n)
{
    return (n + KERN_PANEL - 1) / KERN_PANEL * KERN_PANEL;
}

static bool is_short(int64_t k, int64_t n)
{
    return 8 * n < 7 * k;
}

int64_t row_scratch(int64_t k, int64_t n)
{
    int64_t kk = round16(k);
    int64_t nn = round16(n);
    int64_t dense = k * kk;                   /* A */
    int64_t woodbury = 2 * nn * kk + nn * nn; /* S, its panels, K */
    int64_t vectors = 4 * kk + 2 * nn;        /* nn: also the predictions of a descent */
    return (is_short(k, n) ? woodbury : dense) + vectors;
}

int64_t row_scratch_max(int64_t k, int64_t n)
{
    int64_t shortest_long = (7 * k + 7) / 8;
    int64_t longest_short = shortest_long > 0 ? shortest_long - 1 : 0;
    int64_t a = row_scratch(k, n < longest_short ? n : longest_short);
    int64_t b = row_scratch(k, n > shortest_long ? n : shortest_long);
    return a > b ? a : b;
}

static double row_work(int64_t n, int64_t k)
{
    double a = (double)n, b = (double)k;
    if (is_short(k, n))
        return a * a * b / 2 + a * a * a / 6 + 4 * a * b + 500;
    return a * b * b / 2 + b * b * b / 6 + 2 * a * b + 500;
}

int64_t row_cut(const int64_t *ptr, int64_t lo, int64_t hi, int64_t k, int64_t *block)
{
    int64_t n_blocks = 0;
    double work = 0.0;
    block[0] = lo;
    for (int64_t r = lo; r < hi; r++) {
        work += row_work(ptr[r + 1] - ptr[r], k);
        if (work >= BLOCK_WORK || r + 1 == hi) {
            block[++n_blocks] = r + 1;
            work = 0.0;
        }
    }
    return n_blocks;
}

static void prefetch_row(const float *z, int64_t k)
{
    for (int64_t t = 0; t < k; t += 16)
        __builtin_prefetch(z + t);
}

/* The n×n system, factored: S = Z·sqrt(D⁻¹), K = S·Sᵀ + W⁻¹ = L·Lᵀ. */
struct woodbury {
    int64_t n, ld;
    float *root; /* (k) sqrt(D⁻¹) */
    float *S;    /* (n, k) */
    float *K;    /* (n, ld) */
    float *s;    /* (n) right side, then solution */
    float *t;    /* (k) free */
};

static bool woodbury_factor(const struct row_system *sys, const struct row_data *row,
                            float *scratch, struct woodbury *q)
{
    int64_t k = sys->k, kk = round16(k);
    int32_t n = row->n;
    float *panels;
    q->n = n;
    q->ld = round16(n);
    q->root = scratch;
    q->t = q->root + kk;
    q->s = q->t + kk;
    q->K = q->s + q->ld;
    q->S = q->K + q->ld * q->ld;
    panels = q->S + q->ld * kk;
    for (int64_t t = 0; t < k; t++)
        q->root[t] = sqrtf(1.0f / (row_base(sys, t) + row->lambda));
    for (int32_t i = 0; i < n && i < AHEAD; i++)
        prefetch_row(sys->Z + row->item[i] * k, k);
    for (int32_t i = 0; i < n; i++) {
        const float *restrict z = sys->Z + row->item[i] * k;
        const float *restrict root = q->root;
        float *restrict s = q->S + i * k;
        if (i + AHEAD < n)
            prefetch_row(sys->Z + row->item[i + AHEAD] * k, k);
        for (int64_t t = 0; t < k; t++)
            s[t] = z[t] * root[t];
    }
    sys->kern->pack(q->S, k, n, k, panels);
    for (int64_t p = 0; p < n; p += KERN_PANEL) /* the lower triangle, by panels of columns */
        sys->kern->gemm(n - p, n - p < KERN_PANEL ? n - p : KERN_PANEL, k, q->S + p * k, k,
                        panels + p * k, q->K + p * q->ld + p, q->ld, 0);
    for (int32_t i = 0; i < n; i++)
        q->K[i * q->ld + i] += 1.0f / row_weight(row, i);
    return sys->kern->chol(n, q->K, q->ld) == 0;
}

/* t (k) = Σ s_i S_i, in order. */
static void woodbury_gather(const struct row_system *sys, const struct woodbury *q)
{
    memset(q->t, 0, (size_t)sys->k * sizeof *q->t);
    for (int64_t i = 0; i < q->n; i++)
        sys->kern->axpy(q->s[i], q->S + i * sys->k, q->t, sys->k);
}

static bool woodbury_solve(const struct row_system *sys, const struct row_data *row, float *x,
                           float *scratch)
{
    const struct kern *kern = sys->kern;
    int64_t k = sys->k;
    struct woodbury q;
    if (!woodbury_factor(sys, row, scratch, &q))
        return false;
    for (int32_t i = 0; i < row->n; i++)
        q.s[i] = row_target(sys, row, i);
    if (sys->shift) {
        for (int64_t t = 0; t < k; t++)
            q.t[t] = q.root[t] * sys->shift[t];
        for (int32_t i = 0; i < row->n; i++)
            q.s[i] += kern->dot(q.S + i * k, q.t, k);
    }
    kern->chol_solve(row->n, q.K, q.ld, q.s);
    woodbury_gather(sys, &q);
    for (int64_t t = 0; t < k; t++) {
        float y = sys->shift ? q.t[t] - q.root[t] * sys->shift[t] : q.t[t];
        x[t] = q.root[t] * y;
    }
    return true;
}

/* x = D⁻¹b - D⁻¹Zᵀ(K + W⁻¹)⁻¹ Z D⁻¹ b */
static bool woodbury_apply(const struct row_system *sys, const struct row_data *row, const float *b,
                           float *x, float *scratch)
{
    int64_t k = sys->k;
    struct woodbury q;
    if (!woodbury_factor(sys, row, scratch, &q))
        return false;
    for (int64_t t = 0; t < k; t++)
        x[t] = q.root[t] * b[t];
    for (int32_t i = 0; i < row->n; i++)
        q.s[i] = sys->kern->dot(q.S + i * k, x, k);
    sys->kern->chol_solve(row->n, q.K, q.ld, q.s);
    woodbury_gather(sys, &q);
    for (int64_t t = 0; t < k; t++)
        x[t] = q.root[t] * (x[t] - q.t[t]);
    return true;
}

akin_status row_build(akin_ctx *ctx, const struct row_system *sys, const struct row_data *row,
                      float *A, int64_t ld, akin_error *err)
{
    int64_t k = sys->k;
    for (int64_t i = 0; i < k; i++) {
        memset(A + i * ld, 0, (size_t)i * sizeof *A);
        A[i * ld + i] = row_base(sys, i) + row->lambda;
    }
    for (int32_t lo = 0; lo < row->n; lo += SYRK_POLL) {
        int32_t n = row->n - lo < SYRK_POLL ? row->n - lo : SYRK_POLL;
        akin_status status = ctx_check(ctx, err);
        if (status != AKIN_OK)
            return status;
        sys->kern->syrk(k, n, sys->Z, k, row->item + lo, row->weight ? row->weight + lo : NULL, A,
                        ld);
    }
    return AKIN_OK;
}

/* The k×k system into A (k, ld), factored. *failed: A is not positive. */
static akin_status dense_factor(akin_ctx *ctx, const struct row_system *sys,
                                const struct row_data *row, float *A, int64_t ld, bool *failed,
                                akin_error *err)
{
    akin_status status = row_build(ctx, sys, row, A, ld, err);
    *failed = status == AKIN_OK && sys->kern->chol(sys->k, A, ld) != 0;
    return status;
}

void row_right_side(const struct row_system *sys, const struct row_data *row, float *x)
{
    int64_t k = sys->k;
    memset(x, 0, (size_t)k * sizeof *x);
    for (int32_t i = 0; i < row->n; i++) {
        float target = row_target(sys, row, i);
        if (i + AHEAD < row->n)
            prefetch_row(sys->Z + row->item[i + AHEAD] * k, k);
        sys->kern->axpy(row_weight(row, i) * target, sys->Z + row->item[i] * k, x, k);
    }
    if (sys->shift)
        sys->kern->axpy(-1.0f, sys->shift, x, k);
}

/* Float failed: the same row in double. b NULL = the row's own right side. */
static akin_status solve_double(akin_ctx *ctx, const struct row_system *sys,
                                const struct row_data *row, const float *b, float *x,
                                akin_error *err)
{
    akin_status status = AKIN_OK;
    double *wide = NULL;
    MEM_NEW(ctx, wide, sys->k);
    AKIN_TRY(row_solve_reference(ctx, sys, row, b, wide, err));
    for (int64_t t = 0; t < sys->k; t++)
        x[t] = (float)wide[t];
done:
    mem_free(ctx, wide);
    return status;
}

akin_status row_solve(akin_ctx *ctx, const struct row_system *sys, const struct row_data *row,
                      float *x, float *scratch, akin_error *err)
{
    int64_t k = sys->k;
    if (is_short(k, row->n)) {
        if (woodbury_solve(sys, row, x, scratch))
            return AKIN_OK;
    } else {
        bool failed;
        int64_t ld = round16(k);
        akin_status status = dense_factor(ctx, sys, row, scratch, ld, &failed, err);
        if (status != AKIN_OK)
            return status;
        if (!failed) {
            row_right_side(sys, row, x);
            sys->kern->chol_solve(k, scratch, ld, x);
            return AKIN_OK;
        }
    }
    return solve_double(ctx, sys, row, NULL, x, err);
}

akin_status row_apply(akin_ctx *ctx, const struct row_system *sys, const struct row_data *row,
                      const float *b, float *x, float *scratch, akin_error *err)
{
    int64_t k = sys->k;
    float *rhs = scratch; /* b may be x, which the methods write before they have read b */
    memcpy(rhs, b, (size_t)k * sizeof *rhs);
    scratch += round16(k);
    if (is_short(k, row->n)) {
        if (woodbury_apply(sys, row, rhs, x, scratch))
            return AKIN_OK;
    } else {
        bool failed;
        int64_t ld = round16(k);
        akin_status status = dense_factor(ctx, sys, row, scratch, ld, &failed, err);
        if (status != AKIN_OK)
            return status;
        if (!failed) {
            memcpy(x, rhs, (size_t)k * sizeof *x);
            sys->kern->chol_solve(k, scratch, ld, x);
            return AKIN_OK;
        }
    }
    return solve_double(ctx, sys, row, rhs, x, err);
}

/* Coordinates [lo, hi) to their minimum; pred (n): z_i·x + c_i, kept up to date. */
static bool descend_block(const struct row_system *sys, const struct row_data *row, int64_t lo,
                          int64_t hi, float *x, float *pred, float *A, float *g)
{
    const struct kern *kern = sys->kern;
    int64_t k = sys->k, b = hi - lo, ld = round16(b);
    for (int64_t i = 0; i < b; i++) {
        float d = row_base(sys, lo + i) + row->lambda;
        memset(A + i * ld, 0, (size_t)i * sizeof *A);
        A[i * ld + i] = d;
        g[i] = d * x[lo + i] + (sys->shift ? sys->shift[lo + i] : 0.0f);
    }
    kern->syrk(b, row->n, sys->Z + lo, k, row->item, row->weight, A, ld);
    for (int32_t i = 0; i < row->n; i++)
        kern->axpy(row_weight(row, i) * (pred[i] - row_goal(row, i)),
                   sys->Z + row->item[i] * k + lo, g, b);
    if (kern->chol(b, A, ld) != 0)
        return false;
    kern->chol_solve(b, A, ld, g);
    for (int64_t i = 0; i < b; i++)
        x[lo + i] -= g[i];
    for (int32_t i = 0; i < row->n; i++)
        pred[i] -= kern->dot(sys->Z + row->item[i] * k + lo, g, b);
    return true;
}

akin_status row_descend(akin_ctx *ctx, const struct row_system *sys, const struct row_data *row,
                        int64_t block, float *x, float *scratch, akin_error *err)
{
    int64_t k = sys->k;
    if (block >= k || (is_short(k, row->n) && row->n <= 2 * block))
        return row_solve(ctx, sys, row, x, scratch, err);
    float *g = scratch;
    float *A = g + round16(block);
    float *pred = A + block * round16(block);
    for (int32_t i = 0; i < row->n; i++) {
        const float *z = sys->Z + row->item[i] * k;
        if (i + AHEAD < row->n)
            prefetch_row(sys->Z + row->item[i + AHEAD] * k, k);
        pred[i] = sys->kern->dot(z, x, k) + (sys->offset ? sys->offset[row->item[i]] : 0.0f);
    }
    for (int64_t lo = 0; lo < k; lo += block) {
        akin_status status = ctx_check(ctx, err);
        if (status != AKIN_OK)
            return status;
        if (!descend_block(sys, row, lo, lo + block < k ? lo + block : k, x, pred, A, g))
            return solve_double(ctx, sys, row, NULL, x, err);
    }
    return AKIN_OK;
}

/* A and the right side in double, lower triangle. */
static void reference_build(const struct row_system *sys, const struct row_data *row,
                            const float *b, double *A, double *x)
{
    int64_t k = sys->k;
    for (int64_t i = 0; i < k; i++) {
        A[i * k + i] = (double)row_base(sys, i) + (double)row->lambda;
        x[i] = b ? (double)b[i] : sys->shift ? -(double)sys->shift[i] : 0.0;
    }
    for (int32_t r = 0; r < row->n; r++) {
        const float *z = sys->Z + row->item[r] * k;
        double w = (double)row_weight(row, r);
        double target = (double)row_goal(row, r);
        target -= sys->offset ? (double)sys->offset[row->item[r]] : 0.0;
        for (int64_t i = 0; i < k; i++) {
            double wz = w * (double)z[i];
            if (!b)
                x[i] += wz * target;
            for (int64_t j = 0; j <= i; j++)
                A[i * k + j] += wz * (double)z[j];
        }
    }
}

akin_status row_solve_reference(akin_ctx *ctx, const struct row_system *sys,
                                const struct row_data *row, const float *b, double *x,
                                akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t k = sys->k;
    double *A = NULL;
    MEM_ZERO(ctx, A, k * k);
    reference_build(sys, row, b, A, x);
    for (int64_t j = 0; j < k; j++) {
        for (int64_t i = j; i < k; i++) {
            double sum = A[i * k + j];
            for (int64_t t = 0; t < j; t++)
                sum -= A[i * k + t] * A[j * k + t];
            A[i * k + j] = i > j ? sum / A[j * k + j] : sqrt(sum);
            if (i == j && !(sum > 0.0 && isfinite(sum)))
                AKIN_FAIL(AKIN_E_INTERNAL,
                          "row of %d items: no solution (pivot %" PRId64 " of %" PRId64
                          "); are all weights finite?",
                          row->n, j, k);
        }
    }
    for (int64_t i = 0; i < k; i++) {
        for (int64_t t = 0; t < i; t++)
            x[i] -= A[i * k + t] * x[t];
        x[i] /= A[i * k + i];
    }
    for (int64_t i = k - 1; i >= 0; i--) {
        for (int64_t t = k - 1; t > i; t--)
            x[i] -= A[t * k + i] * x[t];
        x[i] /= A[i * k + i];
    }
done:
    mem_free(ctx, A);
    return status;
}
