/*
 * The basis of svd.c, by stretches of 16 elements: all vectors' parts lie next to each other, as
 * kern's gemm wants them packed where a block is made of all vectors, and 16 elements long as rows
 * where each vector meets a block.
 *
 * Cost: gemm, or reading Q (4·m·n bytes) from memory, four times a block. Sums along a vector are
 * of SUM_PANELS stretches in float, those in double by index.
 */
#include "solve/svd_basis.h"

#include "core/par.h"
#include "kern/kern.h"
#include "solve/eigen.h"
#include "solve/gram.h"

#include <math.h>
#include <string.h>

enum {
    P = SPARSE_PANEL,
    GROUP = 64,       /* vectors of a block of the projection */
    SUM_PANELS = 128, /* stretches summed in float */
    BLOCK_PANELS = 8, /* stretches that a block of the other loops takes */
    TURN_ROWS = 4096  /* rows that svd_orthonormal gives to a block */
};

static int64_t panels(const struct svd_basis *b)
{
    return par_blocks(b->n, P);
}

/* Vector i within stretch p: P floats, the vectors after it follow. */
static float *stretch(const struct svd_basis *b, int64_t p, int64_t i)
{
    return b->Q + (p * b->cap + i) * P;
}

akin_status svd_basis_init(struct svd_basis *b, int64_t cap, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t workers = par_workers(b->ctx);
    MEM_NEW(b->ctx, b->Q, par_blocks(b->n, P) * cap * P);
    MEM_NEW(b->ctx, b->C, cap * P);
    MEM_NEW(b->ctx, b->coefs, cap * P);
    MEM_NEW(b->ctx, b->turned, workers * cap * P);
    b->cap = cap;
done:
    return status;
}

void svd_basis_free(struct svd_basis *b)
{
    mem_free(b->ctx, b->Q);
    mem_free(b->ctx, b->C);
    mem_free(b->ctx, b->coefs);
    mem_free(b->ctx, b->turned);
}

void svd_basis_push(struct svd_basis *b, const float *W)
{
    for (int64_t p = 0; p < panels(b); p++)
        for (int t = 0; t < P; t++)
            for (int j = 0; j < P; j++)
                stretch(b, p, b->m + t)[j] = p * P + j < b->n ? W[(p * P + j) * P + t] : 0.0F;
    b->m += P;
}

void svd_basis_last(const struct svd_basis *b, float *X)
{
    for (int64_t r = 0; r < b->n; r++)
        for (int t = 0; t < P; t++)
            X[r * P + t] = stretch(b, r / P, b->m - P + t)[r % P];
}

/* ---- Projection ---------------------------------------------------------------------------- */

struct basis_job {
    struct svd_basis *b;
    const float *coefs; /* (P, m) */
    float *W;           /* (n, P) */
    int64_t from;       /* first vector that takes part */
    int64_t keep;
    bool adds;
    bool is_second;
};

/* C (GROUP rows from `from` on) = QᵀW; of the second pass it is added to what the first found. */
static akin_status project_block(void *arg, int64_t block, int worker, akin_error *err)
{
    const struct basis_job *job = arg;
    struct svd_basis *b = job->b;
    int64_t lo = job->from + par_lo(block, GROUP);
    int64_t rows = (b->m - lo < GROUP ? b->m - lo : GROUP);
    double sum[GROUP * P] = {0};
    float part[GROUP * P];
    (void)worker;
    for (int64_t p = 0; p < panels(b); p++) {
        int64_t n = b->n - p * P < P ? b->n - p * P : P;
        if (p % SUM_PANELS == 0 && ctx_cancelled(b->ctx))
            return ctx_check(b->ctx, err);
        /* P rows of W are what pack would make of its columns */
        b->ctx->kern->gemm(rows, P, n, stretch(b, p, lo), P, job->W + p * P * P, part, P,
                           p % SUM_PANELS != 0);
        if ((p + 1) % SUM_PANELS != 0 && p + 1 < panels(b))
            continue;
        for (int64_t i = 0; i < rows * P; i++)
            sum[i] += (double)part[i];
    }
    for (int64_t i = 0; i < rows; i++)
        for (int t = 0; t < P; t++) {
            double *c = b->C + (lo + i) * P + t;
            *c = job->is_second ? *c + sum[i * P + t] : sum[i * P + t];
            b->coefs[t * b->m + lo + i] = -(float)sum[i * P + t];
        }
    return AKIN_OK;
}

static akin_status combine_block(void *arg, int64_t block, int worker, akin_error *err)
{
    const struct basis_job *job = arg;
    struct svd_basis *b = job->b;
    int64_t hi = par_hi(block, BLOCK_PANELS, panels(b));
    float out[P * P];
    (void)worker;
    (void)err;
    for (int64_t p = par_lo(block, BLOCK_PANELS); p < hi; p++) {
        float *W = job->W + p * P * P;
        int64_t n = b->n - p * P < P ? b->n - p * P : P;
        for (int64_t r = 0; r < n && job->adds; r++)
            for (int t = 0; t < P; t++)
                out[t * P + r] = W[r * P + t];
        b->ctx->kern->gemm(P, n, b->m - job->from, job->coefs + job->from, b->m,
                           stretch(b, p, job->from), out, P, job->adds);
        for (int64_t r = 0; r < n; r++)
            for (int t = 0; t < P; t++)
                W[r * P + t] = out[t * P + r];
    }
    return AKIN_OK;
}

static akin_status combine(struct basis_job *job, akin_error *err)
{
    struct svd_basis *b = job->b;
    return par_for(b->ctx, par_blocks(panels(b), BLOCK_PANELS), combine_block, job, err);
}

akin_status svd_basis_combine(struct svd_basis *b, const float *coefs, float *W, akin_error *err)
{
    struct basis_job job = {.b = b, .coefs = coefs, .W = W};
    return combine(&job, err);
}

static akin_status turn_block(void *arg, int64_t block, int worker, akin_error *err)
{
    const struct basis_job *job = arg;
    struct svd_basis *b = job->b;
    int64_t hi = par_hi(block, BLOCK_PANELS, panels(b));
    float *out = b->turned + (int64_t)worker * b->cap * P;
    (void)err;
    for (int64_t p = par_lo(block, BLOCK_PANELS); p < hi; p++) {
        b->ctx->kern->gemm(job->keep, P, b->m, job->coefs, b->m, stretch(b, p, 0), out, P, 0);
        memcpy(stretch(b, p, 0), out, (size_t)(job->keep * P) * sizeof *out);
    }
    return AKIN_OK;
}

akin_status svd_basis_turn(struct svd_basis *b, const float *coefs, int64_t keep, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct basis_job job = {.b = b, .coefs = coefs, .keep = keep};
    AKIN_TRY(par_for(b->ctx, par_blocks(panels(b), BLOCK_PANELS), turn_block, &job, err));
    b->m = keep;
done:
    return status;
}

akin_status svd_basis_project(struct svd_basis *b, int64_t from, float *W, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct basis_job job = {.b = b, .coefs = b->coefs, .W = W, .adds = true};
    memset(b->C, 0, (size_t)(from * P) * sizeof *b->C);
    for (int pass = 0; pass < 2; pass++) {
        job.from = pass == 0 ? from : 0;
        job.is_second = pass > 0;
        AKIN_TRY(par_for(b->ctx, par_blocks(b->m - job.from, GROUP), project_block, &job, err));
        AKIN_TRY(combine(&job, err));
    }
done:
    return status;
}

/* ---- A block made orthonormal -------------------------------------------------------------- */

struct unit_job {
    const struct kern *kern;
    float *W;
    const float *packed; /* (P, P) */
    int64_t n;
};

static akin_status unit_block(void *arg, int64_t block, int worker, akin_error *err)
{
    const struct unit_job *job = arg;
    (void)worker;
    (void)err;
    float in[P * P];
    for (int64_t r = par_lo(block, TURN_ROWS); r < par_hi(block, TURN_ROWS, job->n); r += P) {
        int64_t hi = par_hi(block, TURN_ROWS, job->n);
        int64_t rows = hi - r < P ? hi - r : P;
        memcpy(in, job->W + r * P, (size_t)(rows * P) * sizeof *in);
        job->kern->gemm(rows, P, P, in, P, job->packed, job->W + r * P, P, 0);
    }
    return AKIN_OK;
}

/* Rows of M: eigenvectors over the length along them; those not longer than least: 0. */
static int shorten(const double *values, const double *vectors, double least, float *M)
{
    int kept = 0;
    for (int j = 0; j < P; j++) {
        bool is_long = values[j] > 0.0 && values[j] > least * least;
        double scale = is_long ? 1.0 / sqrt(values[j]) : 0.0;
        for (int i = 0; i < P; i++)
            M[j * P + i] = (float)(scale * vectors[j * P + i]);
        kept += is_long;
    }
    return kept;
}

akin_status svd_orthonormal(akin_ctx *ctx, int64_t n, double least, float *W, double *gram,
                            int *kept, akin_error *err)
{
    akin_status status = AKIN_OK;
    double values[P], vectors[P * P], second[P * (P + 1) / 2] = {0};
    float M[P * P], packed[P * P];
    struct unit_job job = {ctx->kern, W, packed, n};
    for (int pass = 0; pass < 2; pass++) {
        double *g = pass == 0 ? gram : second;
        AKIN_TRY(gram_rows(ctx, W, n, P, g, err));
        AKIN_TRY(eigen_symmetric(ctx, P, g, values, vectors, err));
        *kept = shorten(values, vectors, pass == 0 ? least : 0.5, M);
        ctx->kern->pack(M, P, P, P, packed);
        AKIN_TRY(par_for(ctx, par_blocks(n, TURN_ROWS), unit_block, &job, err));
    }
done:
    return status;
}
