/* The context: what every room may use of its surroundings. No other state exists. */
#ifndef AKIN_CORE_CTX_H
#define AKIN_CORE_CTX_H

#include "core/error.h"
#include "core/mem.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct kern;

struct akin_ctx {
    struct mem *mem;         /* owned */
    struct par *par;         /* owned */
    const struct kern *kern; /* static table, set by kern_select before any work */
    uint64_t seed;
    atomic_int cancelled;
    const akin_ctx *parent; /* of a fork: its cancel counts here too; or NULL */
    atomic_int reloads;     /* how often akin_reload was called */
    akin_log_fn log_fn;
    void *log_arg;
    akin_progress_fn progress_fn;
    void *progress_arg;
    akin_sink_fn sink_fn;
    void *sink_arg;
    struct {
        const char *stage; /* static text or owned by the caller until progress_end */
        atomic_int depth;  /* open begins; only the outermost counts */
        int64_t total;
        _Atomic int64_t done;
        int64_t start_ns;
        int64_t last_ns;
    } progress;
};

/* Without kernels: api/ctx.c adds kern_select. threads 0 = all cores. */
akin_status ctx_create(int64_t threads, uint64_t seed, int64_t memory_limit, akin_ctx **out,
                       akin_error *err);
void ctx_free(akin_ctx *ctx);
/*
 * A context for a part of parent's work, done beside other parts: threads and memory of its own,
 * the parent's seed, kernels and cancel, no call-backs. parent must outlive it.
 */
akin_status ctx_fork(const akin_ctx *parent, int64_t threads, int64_t memory_limit, akin_ctx **out,
                     akin_error *err);

/* True when work shall stop. Cheap; poll in every loop over data that par_for does not cut. */
static inline bool ctx_cancelled(const akin_ctx *ctx)
{
    return atomic_load_explicit(&ctx->cancelled, memory_order_relaxed) != 0 ||
           (ctx->parent && ctx_cancelled(ctx->parent));
}
/* E_CANCELLED with a message if cancelled, else OK. */
akin_status ctx_check(akin_ctx *ctx, akin_error *err);

/* On the calling thread only (not inside par_for blocks): the call-back runs here. */
void log_write(akin_ctx *ctx, akin_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * Progress of a stage: begin on the calling thread, add from any thread; the call-back fires on
 * the calling thread only (par_for polls it), at most ten times a second, and once at the end.
 * Stages do not nest: an inner begin is ignored while one is open.
 */
void progress_begin(akin_ctx *ctx, const char *stage, int64_t total);
void progress_add(akin_ctx *ctx, int64_t done);
void progress_poll(akin_ctx *ctx);
void progress_end(akin_ctx *ctx);

/* Monotonic nanoseconds, for progress and reports of seconds; never for results. */
int64_t clock_ns(void);
/* Unix seconds of the wall clock: only api/, train/ (the card) and signatures ask. */
int64_t clock_unix(void);

#endif
