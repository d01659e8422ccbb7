/*
 * Gram matrices XᵀX of tall matrices, in double, by fixed trees: the same bits for any number of
 * threads and ranks. The lower triangle by rows: element (i, j <= i) at i·(i+1)/2 + j.
 */
#ifndef AKIN_SOLVE_GRAM_H
#define AKIN_SOLVE_GRAM_H

#include "cluster/comm.h"

static inline int64_t gram_size(int64_t k)
{
    return k * (k + 1) / 2;
}

/*
 * out (gram_size(k)) = XᵀX of X (n, k) row-major, present here as a whole.
 * Cost: n·k²/2 multiply-adds in parallel; at most 64 MiB beside (two triangles if k is larger).
 */
akin_status gram_rows(akin_ctx *ctx, const float *X, int64_t n, int64_t k, double *out,
                      akin_error *err);

/*
 * The same over rows that are dealt to shards: shard s has rows [shard_ptr[s], shard_ptr[s + 1]);
 * only rows of this rank's shards are read. Collective.
 */
akin_status gram_shards(akin_ctx *ctx, struct comm *comm, const float *X, int64_t k,
                        const int32_t *shard_ptr, double *out, akin_error *err);

/* out (k) = Σ over rows of w[r]·x_r in double, rows in order; for vectors of sums beside a Gram.
 * w NULL = 1. Cost: n·k. */
void gram_weighted_sum(const float *X, int64_t n, int64_t k, const float *w, double *out);

#endif
