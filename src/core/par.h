/*
 * Threads in one construct.
 *
 * par_for runs fn for blocks 0..n_blocks-1. Blocks are claimed in index order; results are placed
 * by index, so that they do not depend on the thread count. Calls from inside a block run inline.
 * A block should take <= 20 ms, so that a cancel takes <= 100 ms. If blocks fail, the error of the
 * lowest block index is returned. Fewer threads than asked for is no error.
 */
#ifndef AKIN_CORE_PAR_H
#define AKIN_CORE_PAR_H

#include "core/ctx.h"

/* worker: 0..par_workers(ctx)-1, for per-worker scratch; never let a result depend on it. */
typedef akin_status (*par_fn)(void *arg, int64_t block, int worker, akin_error *err);

struct par;
akin_status par_create(int64_t threads, struct par **out, akin_error *err);
void par_destroy(struct par *par);

int par_workers(const akin_ctx *ctx);
akin_status par_for(akin_ctx *ctx, int64_t n_blocks, par_fn fn, void *arg, akin_error *err);

/*
 * The same, but the caller goes on (to communicate) and joins the work in par_wait. One job may be
 * started at a time; arg lives until par_wait returns.
 */
akin_status par_start(akin_ctx *ctx, int64_t n_blocks, par_fn fn, void *arg, akin_error *err);
akin_status par_wait(akin_ctx *ctx, akin_error *err);

/* Block arithmetic: how many blocks of `size` cover n; the half-open range of block b. */
static inline int64_t par_blocks(int64_t n, int64_t size)
{
    return (n + size - 1) / size;
}
static inline int64_t par_lo(int64_t block, int64_t size)
{
    return block * size;
}
static inline int64_t par_hi(int64_t block, int64_t size, int64_t n)
{
    int64_t hi = (block + 1) * size;
    return hi < n ? hi : n;
}

#endif
