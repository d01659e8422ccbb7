/*
 * Progress of one stage. Workers only add to an atomic; the calling thread looks at the clock when
 * par_for polls and calls back at most ten times a second, so that a call-back may do as it likes.
 *
 * Cost: an atomic add a progress_add, a clock reading a poll.
 */
#include "core/ctx.h"

#define PROGRESS_GAP_NS 100000000

void progress_begin(akin_ctx *ctx, const char *stage, int64_t total)
{
    if (atomic_fetch_add(&ctx->progress.depth, 1) > 0)
        return;
    ctx->progress.stage = stage;
    ctx->progress.total = total;
    atomic_store_explicit(&ctx->progress.done, 0, memory_order_relaxed);
    ctx->progress.start_ns = clock_ns();
    ctx->progress.last_ns = ctx->progress.start_ns;
}

void progress_add(akin_ctx *ctx, int64_t done)
{
    if (atomic_load_explicit(&ctx->progress.depth, memory_order_relaxed) == 1)
        atomic_fetch_add_explicit(&ctx->progress.done, done, memory_order_relaxed);
}

static void progress_tell(akin_ctx *ctx, int64_t now)
{
    akin_progress p = {.stage = ctx->progress.stage, .total = ctx->progress.total};
    p.done = atomic_load_explicit(&ctx->progress.done, memory_order_relaxed);
    p.elapsed_seconds = (double)(now - ctx->progress.start_ns) * 1e-9;
    p.eta_seconds = -1;
    if (p.total > 0 && p.done > 0 && p.done <= p.total)
        p.eta_seconds = p.elapsed_seconds * (double)(p.total - p.done) / (double)p.done;
    ctx->progress.last_ns = now;
    ctx->progress_fn(ctx->progress_arg, &p);
}

void progress_poll(akin_ctx *ctx)
{
    if (!ctx->progress_fn || !ctx->progress.stage)
        return;
    int64_t now = clock_ns();
    if (now - ctx->progress.last_ns >= PROGRESS_GAP_NS)
        progress_tell(ctx, now);
}

void progress_end(akin_ctx *ctx)
{
    int depth = atomic_load(&ctx->progress.depth);
    if (depth == 0)
        return;
    if (depth == 1) {
        if (ctx->progress_fn)
            progress_tell(ctx, clock_ns());
        ctx->progress.stage = NULL;
    }
    atomic_store(&ctx->progress.depth, depth - 1);
}
