/*
 * The sweep operator by tiles: Gauss-Jordan inversion of a symmetric positive definite matrix in
 * place (Beaton 1964; stable without pivoting for such matrices, Higham 2002, ch. 14).
 *
 * For each tile D on the diagonal, with W its column of tiles (over all other rows):
 *
 *     A := A - W D⁻¹ Wᵀ elsewhere,  W := W D⁻¹,  D := -D⁻¹
 *
 * which is as many flops as Cholesky, inverse of the factor and their product (n³), but every step
 * is one product over all other tiles: no dependencies to schedule, each tile read and written once
 * a step, nothing beside but W and W D⁻¹. An element is one fma chain over the steps.
 *
 * A tile is swept in the same way by strips of STRIP columns, whose pivots are swept one by one in
 * double. Cost beside the products: 2·size³ flops a step in one thread, below 1 % from n = 20,000.
 */
#include "solve/tiles.h"

#include "core/par.h"

#include <string.h>

enum {
    SIZE = 256,        /* of a tile, and of larger matrices: */
    SIZE_LARGE = 512,  /* half the passes over memory */
    LARGE_FROM = 8192, /* n; below it there would be too few tiles */
    STRIP = 32
};

struct tiles tiles_shape(int64_t n)
{
    struct tiles t = {.n = n};
    t.size = n >= LARGE_FROM ? SIZE_LARGE : SIZE;
    if (n < t.size) /* one tile of whole panels */
        t.size = n > 0 ? par_blocks(n, KERN_PANEL) * KERN_PANEL : KERN_PANEL;
    t.side = par_blocks(n, t.size);
    return t;
}

int64_t tiles_floats(int64_t n)
{
    struct tiles t = tiles_shape(n);
    return t.side * (t.side + 1) / 2 * t.size * t.size;
}

double tiles_sweep_bytes(int64_t n, int workers)
{
    struct tiles t = tiles_shape(n);
    double tile = (double)t.size * (double)t.size * (double)sizeof(float);
    return (2 * (double)t.side + workers + 2) * tile;
}

akin_status tiles_create(akin_ctx *ctx, int64_t n, struct tiles *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    *out = tiles_shape(n);
    MEM_ZERO(ctx, out->at, tiles_floats(n));
done:
    return status;
}

void tiles_free(akin_ctx *ctx, struct tiles *t)
{
    mem_free(ctx, t->at);
    t->at = NULL;
}

static int64_t rows_of(const struct tiles *t, int64_t I)
{
    return (I + 1) * t->size < t->n ? t->size : t->n - I * t->size;
}

/* ---- One tile ------------------------------------------------------------------------------ */

/* D (b, b) := -D⁻¹; returns 0 or 1 + the pivot that is not > 0. */
static int64_t sweep_strip(double *D, int64_t b)
{
    for (int64_t p = 0; p < b; p++) {
        double d = D[p * b + p];
        if (!(d > 0))
            return p + 1;
        for (int64_t i = 0; i < b; i++) {
            double x = D[i * b + p] / d;
            for (int64_t j = 0; j < b && i != p; j++)
                if (j != p)
                    D[i * b + j] -= x * D[p * b + j];
        }
        for (int64_t i = 0; i < b; i++)
            if (i != p) {
                D[i * b + p] /= d;
                D[p * b + i] = D[i * b + p];
            }
        D[p * b + p] = -1 / d;
    }
    return 0;
}

static void mirror(float *A, int64_t lda, int64_t h)
{
    for (int64_t i = 0; i < h; i++)
        for (int64_t j = 0; j < i; j++)
            A[j * lda + i] = A[i * lda + j];
}

/* Scratch of sweep_tile: W and W·D⁻¹ of a strip, W packed, D in double and float, D packed. */
struct strip {
    float W[SIZE_LARGE * STRIP], U[SIZE_LARGE * STRIP], packed[SIZE_LARGE * STRIP];
    double D[STRIP * STRIP];
    float d[STRIP * STRIP], packed_d[STRIP * STRIP];
};

/* A (h, h; lda) := -A⁻¹, lower triangle in, both out; 0 or 1 + the bad pivot. */
static int64_t sweep_tile(const struct kern *kern, float *A, int64_t lda, int64_t h,
                          struct strip *s)
{
    mirror(A, lda, h);
    for (int64_t k = 0; k < h; k += STRIP) {
        int64_t b = h - k < STRIP ? h - k : STRIP;
        for (int64_t i = 0; i < b; i++)
            for (int64_t j = 0; j < b; j++)
                s->D[i * b + j] = (double)A[(k + i) * lda + k + j];
        int64_t bad = sweep_strip(s->D, b);
        if (bad)
            return k + bad;
        for (int64_t e = 0; e < b * b; e++)
            s->d[e] = (float)s->D[e];
        for (int64_t i = 0; i < h; i++)
            memcpy(s->W + i * b, A + i * lda + k, (size_t)b * sizeof(float));
        kern->pack(s->W, b, h, b, s->packed);
        kern->pack(s->d, b, b, b, s->packed_d);
        kern->gemm(h, b, b, s->W, b, s->packed_d, s->U, b, 0);
        /* also over the strip's own rows and columns, which are then put right */
        kern->gemm(h, h, b, s->U, b, s->packed, A, lda, 1);
        for (int64_t i = 0; i < h; i++)
            for (int64_t j = 0; j < b; j++)
                A[i * lda + k + j] = A[(k + j) * lda + i] = -s->U[i * b + j];
        for (int64_t i = 0; i < b; i++)
            memcpy(A + (k + i) * lda + k, s->d + i * b, (size_t)b * sizeof(float));
    }
    mirror(A, lda, h);
    return 0;
}

/* ---- All tiles ----------------------------------------------------------------------------- */

struct sweep {
    akin_ctx *ctx;
    struct tiles *t;
    int64_t step; /* K: the row and column of tiles that are swept */
    float *U;     /* (side, size, size) -W·D⁻¹ by rows */
    float *W;     /* (side, size, size) W in panels of gemm */
    float *turn;  /* (workers, size, size) */
    float *D;     /* (size, size) -D⁻¹ in panels */
};

/* Panels of Wᵀ given: rows are copied piece by piece, zeros past column n. */
static void pack_turned(const float *A, int64_t lda, int64_t n, int64_t k, float *out)
{
    for (int64_t j = 0; j < n; j += KERN_PANEL)
        for (int64_t t = 0; t < k; t++, out += KERN_PANEL) {
            int64_t m = n - j < KERN_PANEL ? n - j : KERN_PANEL;
            memcpy(out, A + t * lda + j, (size_t)m * sizeof *out);
            memset(out + m, 0, (size_t)(KERN_PANEL - m) * sizeof *out);
        }
}

static void turn(const float *A, int64_t lda, int64_t h, int64_t w, float *out, int64_t ldo)
{
    for (int64_t j = 0; j < w; j += KERN_PANEL) /* a line of cache of A at a time */
        for (int64_t i = 0; i < h; i++)
            for (int64_t c = j; c < w && c < j + KERN_PANEL; c++)
                out[c * ldo + i] = A[i * lda + c];
}

/* The column's tile of row I: W into panels, -W·D⁻¹ into U, W·D⁻¹ back into its place. */
static akin_status sweep_column(void *arg, int64_t I, int worker, akin_error *err)
{
    (void)err;
    struct sweep *s = arg;
    const struct tiles *t = s->t;
    const struct kern *kern = s->ctx->kern;
    int64_t K = s->step, size = t->size, h = rows_of(t, I), b = rows_of(t, K);
    float *U = s->U + I * size * size, *panels = s->W + I * size * size;
    if (I == K)
        return AKIN_OK;
    float *A = I > K ? tiles_tile(t, I, K) : tiles_tile(t, K, I);
    const float *W = A;
    if (I > K) {
        kern->pack(A, size, h, b, panels);
    } else {
        pack_turned(A, size, h, b, panels);
        float *out = s->turn + worker * size * size;
        turn(A, size, b, h, out, size);
        W = out;
    }
    kern->gemm(h, b, b, W, size, s->D, U, size, 0);
    if (I > K)
        memcpy(A, U, (size_t)(h * size) * sizeof *A);
    else
        turn(U, size, h, b, A, size);
    int64_t rows = I > K ? h : b, cols = I > K ? b : h;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++)
            A[i * size + j] = -A[i * size + j];
    return AKIN_OK;
}

/* A := A - W·D⁻¹·Wᵀ of one tile; on the diagonal up to it, by strips of rows. */
static akin_status sweep_rest(void *arg, int64_t block, int worker, akin_error *err)
{
    enum { ROWS = 64 };
    (void)worker;
    (void)err;
    struct sweep *s = arg;
    const struct tiles *t = s->t;
    int64_t K = s->step, size = t->size, I = 0;
    while ((I + 1) * (I + 2) / 2 <= block)
        I++;
    int64_t J = block - I * (I + 1) / 2, h = rows_of(t, I), b = rows_of(t, K);
    if (I == K || J == K)
        return AKIN_OK;
    float *A = tiles_tile(t, I, J);
    const float *U = s->U + I * size * size, *W = s->W + J * size * size;
    int64_t rows = I == J ? ROWS : h;
    for (int64_t lo = 0; lo < h; lo += rows) {
        int64_t m = h - lo < rows ? h - lo : rows;
        int64_t n = I == J ? lo + m : rows_of(t, J);
        s->ctx->kern->gemm(m, n, b, U + lo * size, size, W, A + lo * size, size, 1);
    }
    return AKIN_OK;
}

static akin_status sweep_start(struct sweep *s, struct strip **strip, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t tile = s->t->size * s->t->size;
    MEM_NEW(s->ctx, s->U, s->t->side * tile);
    MEM_NEW(s->ctx, s->W, s->t->side * tile);
    MEM_NEW(s->ctx, s->turn, par_workers(s->ctx) * tile);
    MEM_NEW(s->ctx, s->D, tile);
    MEM_NEW(s->ctx, *strip, 1);
done:
    return status;
}

akin_status tiles_sweep(akin_ctx *ctx, struct tiles *t, int64_t *pivot, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct sweep s = {.ctx = ctx, .t = t};
    struct strip *strip = NULL;
    AKIN_TRY(sweep_start(&s, &strip, err));
    for (s.step = 0; s.step < t->side; s.step++) {
        AKIN_TRY(ctx_check(ctx, err));
        float *D = tiles_tile(t, s.step, s.step);
        int64_t b = rows_of(t, s.step);
        int64_t bad = sweep_tile(ctx->kern, D, t->size, b, strip);
        if (bad) {
            *pivot = s.step * t->size + bad - 1;
            AKIN_FAIL(AKIN_E_INPUT, "the matrix is not positive definite at row %lld of %lld",
                      (long long)*pivot, (long long)t->n);
        }
        ctx->kern->pack(D, t->size, b, b, s.D);
        AKIN_TRY(par_for(ctx, t->side, sweep_column, &s, err));
        AKIN_TRY(par_for(ctx, t->side * (t->side + 1) / 2, sweep_rest, &s, err));
        progress_add(ctx, 1);
    }
    for (int64_t I = 0; I < t->side; I++)
        mirror(tiles_tile(t, I, I), t->size, rows_of(t, I));
done:
    mem_free(ctx, strip);
    mem_free(ctx, s.U);
    mem_free(ctx, s.W);
    mem_free(ctx, s.turn);
    mem_free(ctx, s.D);
    return status;
}

/* ---- Reading ------------------------------------------------------------------------------- */

void tiles_rows(const struct tiles *t, int64_t lo, int64_t hi, float *out, int64_t ldo)
{
    int64_t I = lo / t->size, first = lo % t->size;
    for (int64_t J = 0; J <= I; J++) {
        const float *A = tiles_tile(t, I, J) + first * t->size;
        for (int64_t i = 0; i < hi - lo; i++)
            memcpy(out + i * ldo + J * t->size, A + i * t->size,
                   (size_t)rows_of(t, J) * sizeof *out);
    }
    for (int64_t J = I + 1; J < t->side; J++)
        turn(tiles_tile(t, J, I) + first, t->size, rows_of(t, J), hi - lo, out + J * t->size, ldo);
}

void tiles_add_row(const struct tiles *t, const struct kern *kern, int64_t i, float w, float *y)
{
    float column[SIZE_LARGE];
    int64_t I = i / t->size, at = i % t->size;
    for (int64_t J = 0; J <= I; J++)
        kern->axpy(w, tiles_tile(t, I, J) + at * t->size, y + J * t->size, rows_of(t, J));
    for (int64_t J = I + 1; J < t->side; J++) {
        const float *A = tiles_tile(t, J, I) + at;
        int64_t h = rows_of(t, J);
        for (int64_t r = 0; r < h; r++)
            column[r] = A[r * t->size];
        kern->axpy(w, column, y + J * t->size, h);
    }
}
