/*
 * The basis of svd.c: vectors as rows of Q, so that a projection reads each of them along its
 * length; where all of them are wanted at one place, a stretch of 64 elements of each is copied
 * next to each other, which is the packed form of kern's gemm.
 *
 * Cost: gemm, or reading Q (4·m·n bytes) from memory, four times a block. Sums along a vector are
 * of SUM_CHUNK products in float, chunks in double by index.
 */
#include "solve/svd_basis.h"

#include "core/par.h"
#include "kern/kern.h"
#include "solve/eigen.h"
#include "solve/gram.h"

#include <math.h>
#include <string.h>

enum {
    GROUP = 32,       /* vectors of a block of the projection */
    SUM_CHUNK = 2048, /* products summed in float: a packed chunk of W stays in cache */
    TURN_ROWS = 4096, /* rows that turn() gives to a block */
    P = SPARSE_PANEL
};

akin_status svd_basis_init(struct svd_basis *b, int64_t cap, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t workers = par_workers(b->ctx);
    MEM_NEW(b->ctx, b->Q, cap * b->n);
    MEM_NEW(b->ctx, b->C, cap * P);
    MEM_NEW(b->ctx, b->coefs, cap * P);
    MEM_NEW(b->ctx, b->packed, workers * cap * SVD_CHUNK);
    MEM_NEW(b->ctx, b->turned, workers * cap * SVD_CHUNK);
    b->cap = cap;
done:
    return status;
}

void svd_basis_free(struct svd_basis *b)
{
    mem_free(b->ctx, b->Q);
    mem_free(b->ctx, b->C);
    mem_free(b->ctx, b->coefs);
    mem_free(b->ctx, b->packed);
    mem_free(b->ctx, b->turned);
}

void svd_basis_push(struct svd_basis *b, const float *W)
{
    for (int t = 0; t < P; t++)
        for (int64_t r = 0; r < b->n; r++)
            b->Q[(b->m + t) * b->n + r] = W[r * P + t];
    b->m += P;
}

void svd_basis_last(const struct svd_basis *b, float *X)
{
    for (int t = 0; t < P; t++)
        for (int64_t r = 0; r < b->n; r++)
            X[r * P + t] = b->Q[(b->m - P + t) * b->n + r];
}

/* ---- Projection ---------------------------------------------------------------------------- */

struct basis_job {
    struct svd_basis *b;
    const float *coefs; /* (P, m) */
    float *W;           /* (n, P) */
    int64_t keep;
    bool adds;
    bool is_second;
};

/* C (GROUP rows) = QᵀW; of the second pass it is added to what the first found. */
static akin_status project_block(void *arg, int64_t block, int worker, akin_error *err)
{
    const struct basis_job *job = arg;
    struct svd_basis *b = job->b;
    int64_t lo = par_lo(block, GROUP);
    int64_t rows = par_hi(block, GROUP, b->m) - lo;
    double sum[GROUP * P] = {0};
    float part[GROUP * P];
    (void)worker;
    for (int64_t at = 0; at < b->n; at += SUM_CHUNK) {
        int64_t n = b->n - at < SUM_CHUNK ? b->n - at : SUM_CHUNK;
        if (ctx_cancelled(b->ctx))
            return ctx_check(b->ctx, err);
        /* W (n, P) is what pack would make of its columns */
        b->ctx->kern->gemm(rows, P, n, b->Q + lo * b->n + at, b->n, job->W + at * P, part, P, 0);
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

/* Elements [lo, lo + n) of all vectors as panels (m, P). */
static float *pack_chunk(const struct svd_basis *b, int64_t lo, int64_t n, int worker)
{
    float *packed = b->packed + (int64_t)worker * b->cap * SVD_CHUNK;
    for (int64_t p = 0; p < n; p += P) {
        size_t bytes = (size_t)(n - p < P ? n - p : P) * sizeof *packed;
        for (int64_t i = 0; i < b->m; i++)
            memcpy(packed + p * b->m + i * P, b->Q + i * b->n + lo + p, bytes);
    }
    return packed;
}

static akin_status combine_block(void *arg, int64_t block, int worker, akin_error *err)
{
    const struct basis_job *job = arg;
    struct svd_basis *b = job->b;
    int64_t lo = par_lo(block, SVD_CHUNK);
    int64_t n = par_hi(block, SVD_CHUNK, b->n) - lo;
    const float *packed = pack_chunk(b, lo, n, worker);
    float out[P * SVD_CHUNK];
    (void)err;
    for (int64_t r = 0; r < n && job->adds; r++)
        for (int t = 0; t < P; t++)
            out[t * SVD_CHUNK + r] = job->W[(lo + r) * P + t];
    b->ctx->kern->gemm(P, n, b->m, job->coefs, b->m, packed, out, SVD_CHUNK, job->adds);
    for (int64_t r = 0; r < n; r++)
        for (int t = 0; t < P; t++)
            job->W[(lo + r) * P + t] = out[t * SVD_CHUNK + r];
    return AKIN_OK;
}

akin_status svd_basis_combine(struct svd_basis *b, const float *coefs, bool adds, float *W,
                              akin_error *err)
{
    struct basis_job job = {.b = b, .coefs = coefs, .W = W, .adds = adds};
    return par_for(b->ctx, par_blocks(b->n, SVD_CHUNK), combine_block, &job, err);
}

static akin_status turn_chunk(void *arg, int64_t block, int worker, akin_error *err)
{
    const struct basis_job *job = arg;
    struct svd_basis *b = job->b;
    int64_t lo = par_lo(block, SVD_CHUNK);
    int64_t n = par_hi(block, SVD_CHUNK, b->n) - lo;
    const float *packed = pack_chunk(b, lo, n, worker);
    float *out = b->turned + (int64_t)worker * b->cap * SVD_CHUNK;
    (void)err;
    b->ctx->kern->gemm(job->keep, n, b->m, job->coefs, b->m, packed, out, SVD_CHUNK, 0);
    for (int64_t i = 0; i < job->keep; i++)
        memcpy(b->Q + i * b->n + lo, out + i * SVD_CHUNK, (size_t)n * sizeof *out);
    return AKIN_OK;
}

akin_status svd_basis_turn(struct svd_basis *b, const float *coefs, int64_t keep, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct basis_job job = {.b = b, .coefs = coefs, .keep = keep};
    AKIN_TRY(par_for(b->ctx, par_blocks(b->n, SVD_CHUNK), turn_chunk, &job, err));
    b->m = keep;
done:
    return status;
}

akin_status svd_basis_project(struct svd_basis *b, float *W, akin_error *err)
{
    akin_status status = AKIN_OK;
    for (int pass = 0; pass < 2; pass++) {
        struct basis_job job = {.b = b, .W = W, .is_second = pass > 0};
        AKIN_TRY(par_for(b->ctx, par_blocks(b->m, GROUP), project_block, &job, err));
        AKIN_TRY(svd_basis_combine(b, b->coefs, true, W, err));
    }
done:
    return status;
}

/* ---- A block made orthonormal -------------------------------------------------------------- */

struct turn_job {
    const struct kern *kern;
    float *W;
    const float *packed; /* (P, P) */
    int64_t n;
};

static akin_status turn_block(void *arg, int64_t block, int worker, akin_error *err)
{
    const struct turn_job *job = arg;
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
    double values[P], vectors[P * P], second[P * (P + 1) / 2];
    float M[P * P], packed[P * P];
    struct turn_job job = {ctx->kern, W, packed, n};
    for (int pass = 0; pass < 2; pass++) {
        double *g = pass == 0 ? gram : second;
        AKIN_TRY(gram_rows(ctx, W, n, P, g, err));
        AKIN_TRY(eigen_symmetric(ctx, P, g, values, vectors, err));
        *kept = shorten(values, vectors, pass == 0 ? least : 0.5, M);
        ctx->kern->pack(M, P, P, P, packed);
        AKIN_TRY(par_for(ctx, par_blocks(n, TURN_ROWS), turn_block, &job, err));
    }
done:
    return status;
}
