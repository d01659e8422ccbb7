/*
 * The context: its life, call-backs, cancel and clocks. Kernels are chosen by api/, which is above.
 */
#include "core/ctx.h"

#include "core/par.h"
#include "core/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define LOG_LINE 2048

akin_status ctx_create(int64_t threads, uint64_t seed, int64_t memory_limit, akin_ctx **out,
                       akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = calloc(1, sizeof *ctx);
    if (!ctx)
        AKIN_FAIL(AKIN_E_MEMORY, "context: no room for %zu bytes", sizeof *ctx);
    ctx->seed = seed;
    atomic_init(&ctx->cancelled, 0);
    atomic_init(&ctx->reloads, 0);
    AKIN_TRY(mem_create(memory_limit, &ctx->mem, err));
    AKIN_TRY(par_create(threads, &ctx->par, err));
    *out = ctx;
    ctx = NULL;
done:
    ctx_free(ctx);
    return status;
}

akin_status ctx_fork(const akin_ctx *parent, int64_t threads, int64_t memory_limit, akin_ctx **out,
                     akin_error *err)
{
    akin_status status = ctx_create(threads, parent->seed, memory_limit, out, err);
    if (status == AKIN_OK) {
        (*out)->kern = parent->kern;
        (*out)->parent = parent;
    }
    return status;
}

void ctx_free(akin_ctx *ctx)
{
    if (!ctx)
        return;
    par_destroy(ctx->par);
    mem_destroy(ctx->mem);
    free(ctx);
}

akin_status ctx_check(akin_ctx *ctx, akin_error *err)
{
    if (!ctx_cancelled(ctx))
        return AKIN_OK;
    return error_set(err, AKIN_E_CANCELLED, __FILE__, __LINE__, "cancelled");
}

void akin_cancel(akin_ctx *ctx)
{
    if (ctx)
        atomic_store_explicit(&ctx->cancelled, 1, memory_order_relaxed);
}

void akin_reload(akin_ctx *ctx)
{
    if (ctx)
        atomic_fetch_add_explicit(&ctx->reloads, 1, memory_order_relaxed);
}

void akin_cancel_clear(akin_ctx *ctx)
{
    if (ctx)
        atomic_store_explicit(&ctx->cancelled, 0, memory_order_relaxed);
}

void akin_ctx_on_log(akin_ctx *ctx, akin_log_fn fn, void *arg)
{
    ctx->log_fn = fn;
    ctx->log_arg = arg;
}

void akin_ctx_on_progress(akin_ctx *ctx, akin_progress_fn fn, void *arg)
{
    ctx->progress_fn = fn;
    ctx->progress_arg = arg;
}

void akin_ctx_on_output(akin_ctx *ctx, akin_sink_fn fn, void *arg)
{
    ctx->sink_fn = fn;
    ctx->sink_arg = arg;
}

int64_t akin_memory_used(const akin_ctx *ctx)
{
    return mem_used(ctx->mem);
}

int64_t akin_memory_peak(const akin_ctx *ctx)
{
    return mem_peak(ctx->mem);
}

void log_write(akin_ctx *ctx, akin_log_level level, const char *format, ...)
{
    if (!ctx->log_fn)
        return;
    char line[LOG_LINE];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (n < 0)
        return;
    text_clean(line);
    ctx->log_fn(ctx->log_arg, level, line);
}

static int64_t clock_read(clockid_t id)
{
    struct timespec now;
    if (clock_gettime(id, &now) != 0)
        return 0;
    return (int64_t)now.tv_sec * 1000000000 + (int64_t)now.tv_nsec;
}

int64_t clock_ns(void)
{
    return clock_read(CLOCK_MONOTONIC);
}

int64_t clock_unix(void)
{
    return clock_read(CLOCK_REALTIME) / 1000000000;
}
