/*
 * Gram matrices: chunks of 256 rows are summed in float by kern's rank update, chunks are added in
 * double, leaves of chunks along a binary tree over the leaf index.
 *
 * Cost: n·k²/2 multiply-adds plus k²/2 double additions a chunk. Float within a chunk costs at most
 * 256 roundings, which double sums between chunks keep from growing with n. Not done here: sparse
 * matrices.
 */
#include "solve/gram.h"

#include "core/par.h"
#include "kern/kern.h"

#include <string.h>

enum {
    GRAM_CHUNK = 256,         /* rows summed in float */
    GRAM_LEAVES = 64,         /* most leaves of the tree of gram_rows: a power of two */
    GRAM_LEAF_BYTES = 1 << 26 /* leaves together, as long as two remain */
};

/* acc += XᵀX of rows [lo, hi). tile (k·k) is scratch. */
static akin_status gram_add(akin_ctx *ctx, const float *X, int64_t k, int64_t lo, int64_t hi,
                            float *tile, double *acc, akin_error *err)
{
    for (int64_t r = lo; r < hi; r += GRAM_CHUNK) {
        int64_t n = hi - r < GRAM_CHUNK ? hi - r : GRAM_CHUNK;
        akin_status status = ctx_check(ctx, err);
        if (status != AKIN_OK)
            return status;
        for (int64_t i = 0; i < k; i++)
            memset(tile + i * k, 0, (size_t)(i + 1) * sizeof *tile);
        ctx->kern->syrk(k, n, X + r * k, k, NULL, NULL, tile, k);
        for (int64_t i = 0; i < k; i++) {
            double *row = acc + gram_size(i);
            for (int64_t j = 0; j <= i; j++)
                row[j] += (double)tile[i * k + j];
        }
    }
    return AKIN_OK;
}

/* Scratch of gram_add for each worker: one block of workers·k·k floats. */
static akin_status tiles_new(akin_ctx *ctx, int64_t k, float **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    MEM_NEW(ctx, *out, par_workers(ctx) * k * k);
done:
    return status;
}

struct leaf_job {
    akin_ctx *ctx;
    const float *X;
    int64_t n, k;
    int64_t leaf_rows;
    int64_t n_leaves;
    float *tiles;   /* (workers, k, k) */
    double *leaves; /* (n_leaves, gram_size(k)) */
};

static akin_status leaf_block(void *arg, int64_t block, int worker, akin_error *err)
{
    struct leaf_job *job = arg;
    int64_t size = gram_size(job->k);
    double *acc = job->leaves + block * size;
    memset(acc, 0, (size_t)size * sizeof *acc);
    return gram_add(job->ctx, job->X, job->k, par_lo(block, job->leaf_rows),
                    par_hi(block, job->leaf_rows, job->n),
                    job->tiles + (int64_t)worker * job->k * job->k, acc, err);
}

enum { FOLD_SIZE = 8192 };

/* One stretch of all leaves, folded pairwise along the tree into leaf 0. */
static akin_status fold_block(void *arg, int64_t block, int worker, akin_error *err)
{
    struct leaf_job *job = arg;
    int64_t size = gram_size(job->k);
    int64_t lo = par_lo(block, FOLD_SIZE);
    int64_t hi = par_hi(block, FOLD_SIZE, size);
    (void)worker;
    (void)err;
    for (int64_t step = 1; step < job->n_leaves; step *= 2)
        for (int64_t leaf = 0; leaf + step < job->n_leaves; leaf += 2 * step) {
            double *to = job->leaves + leaf * size;
            const double *from = job->leaves + (leaf + step) * size;
            for (int64_t j = lo; j < hi; j++)
                to[j] += from[j];
        }
    return AKIN_OK;
}

akin_status gram_rows(akin_ctx *ctx, const float *X, int64_t n, int64_t k, double *out,
                      akin_error *err)
{
    akin_status status = AKIN_OK;
    struct leaf_job job = {.ctx = ctx, .X = X, .n = n, .k = k};
    int64_t size = gram_size(k);
    int64_t leaves = GRAM_LEAVES;
    while (leaves > 2 && leaves * size * (int64_t)sizeof(double) > GRAM_LEAF_BYTES)
        leaves /= 2;
    memset(out, 0, (size_t)size * sizeof *out);
    if (n == 0 || k == 0)
        goto done;
    /* Whole chunks a leaf; the last leaves may be missing. */
    job.leaf_rows = par_blocks(par_blocks(n, leaves), GRAM_CHUNK) * GRAM_CHUNK;
    job.n_leaves = par_blocks(n, job.leaf_rows);
    AKIN_TRY(tiles_new(ctx, k, &job.tiles, err));
    MEM_NEW(ctx, job.leaves, job.n_leaves * size);
    AKIN_TRY(par_for(ctx, job.n_leaves, leaf_block, &job, err));
    AKIN_TRY(par_for(ctx, par_blocks(size, FOLD_SIZE), fold_block, &job, err));
    memcpy(out, job.leaves, (size_t)size * sizeof *out);
done:
    mem_free(ctx, job.leaves);
    mem_free(ctx, job.tiles);
    return status;
}

struct shard_job {
    akin_ctx *ctx;
    const float *X;
    int64_t k;
    const int32_t *shard_ptr;
    float *tiles;
};

static akin_status shard_add(void *arg, int shard, int worker, double *acc, akin_error *err)
{
    struct shard_job *job = arg;
    return gram_add(job->ctx, job->X, job->k, job->shard_ptr[shard], job->shard_ptr[shard + 1],
                    job->tiles + (int64_t)worker * job->k * job->k, acc, err);
}

akin_status gram_shards(akin_ctx *ctx, struct comm *comm, const float *X, int64_t k,
                        const int32_t *shard_ptr, double *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct shard_job job = {.ctx = ctx, .X = X, .k = k, .shard_ptr = shard_ptr};
    AKIN_TRY(tiles_new(ctx, k, &job.tiles, err));
    AKIN_TRY(comm_sum_shards(ctx, comm, gram_size(k), shard_add, &job, out, err));
done:
    mem_free(ctx, job.tiles);
    return status;
}

void gram_weighted_sum(const float *X, int64_t n, int64_t k, const float *w, double *out)
{
    for (int64_t t = 0; t < k; t++)
        out[t] = 0.0;
    for (int64_t r = 0; r < n; r++) {
        double weight = w ? (double)w[r] : 1.0;
        for (int64_t t = 0; t < k; t++)
            out[t] += weight * (double)X[r * k + t];
    }
}
