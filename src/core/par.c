/*
 * Threads in one construct: a pool that lives as long as the context.
 *
 * The calling thread is worker 0 and takes part; workers sleep on a condition variable between
 * jobs. Blocks are claimed by one atomic counter, so in index order: when block b fails, all below
 * it have been claimed and complete, hence the lowest failing block is always found and its error
 * is the same at any thread count. Blocks above the lowest known failure are not started.
 *
 * A job is open from its start until all workers have left it; a call while one is open comes from
 * inside a block (or between par_start and par_wait) and runs inline, under the worker number of
 * the thread it is on, so that per-worker scratch stays unshared.
 *
 * Cost: a wake-up a job (some 10 us), an atomic add and a cancel check a block.
 * Not done: work stealing, priorities, pinning; blocks are to be even enough.
 */
#include "core/par.h"

#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PAR_MOST 1024
#define PAR_POLL_NS 50000000

struct par_seat {
    struct par *par;
    int worker;
};

struct par {
    int n_workers;      /* with the caller */
    pthread_t *threads; /* n_workers - 1, of workers 1, 2, …; set before any job */
    struct par_seat *seats;
    pthread_mutex_t lock;
    pthread_cond_t wake; /* to workers: a job, or quit */
    pthread_cond_t idle; /* to the caller: active is 0 */
    bool quit;
    bool joinable; /* workers may still enter the job */
    uint64_t jobs; /* number of the current job */
    int active;    /* workers inside the job, without the caller */
    atomic_bool open;

    /* The job: set before it opens, constant while it is open. */
    akin_ctx *ctx;
    par_fn fn;
    void *arg;
    int64_t n_blocks;
    _Atomic int64_t next;
    _Atomic int64_t failed; /* lowest failing block so far, INT64_MAX = none */
    akin_status status;     /* of that block, under the lock */
    akin_error err;
};

static void job_fail(struct par *par, int64_t block, akin_status status, const akin_error *err)
{
    pthread_mutex_lock(&par->lock);
    if (block < atomic_load_explicit(&par->failed, memory_order_relaxed)) {
        atomic_store_explicit(&par->failed, block, memory_order_relaxed);
        par->status = status;
        par->err = *err;
    }
    pthread_mutex_unlock(&par->lock);
}

/* Runs one block, or refuses if cancelled. */
static akin_status block_run(akin_ctx *ctx, par_fn fn, void *arg, int64_t block, int worker,
                             akin_error *err)
{
    akin_status status = ctx_check(ctx, err);
    if (status != AKIN_OK)
        return status;
    status = fn(arg, block, worker, err);
    if (status != AKIN_OK && err->code != (int32_t)status)
        error_set(err, status, __FILE__, __LINE__, "block %" PRId64 ": %s", block,
                  akin_status_text(status));
    return status;
}

static void job_work(struct par *par, int worker)
{
    akin_error err;
    memset(&err, 0, sizeof err);
    for (;;) {
        int64_t block = atomic_fetch_add_explicit(&par->next, 1, memory_order_relaxed);
        if (block >= par->n_blocks ||
            block > atomic_load_explicit(&par->failed, memory_order_relaxed))
            return;
        akin_status status = block_run(par->ctx, par->fn, par->arg, block, worker, &err);
        if (status != AKIN_OK) {
            job_fail(par, block, status, &err);
            return; /* what this thread would claim next lies above */
        }
        if (worker == 0)
            progress_poll(par->ctx);
    }
}

static void *par_main(void *arg)
{
    struct par_seat *seat = arg;
    struct par *par = seat->par;
    uint64_t seen = 0;
    pthread_mutex_lock(&par->lock);
    for (;;) {
        while (!par->quit && (!par->joinable || par->jobs == seen))
            pthread_cond_wait(&par->wake, &par->lock);
        if (par->quit)
            break;
        seen = par->jobs;
        par->active++;
        pthread_mutex_unlock(&par->lock);
        job_work(par, seat->worker);
        pthread_mutex_lock(&par->lock);
        if (--par->active == 0)
            pthread_cond_signal(&par->idle);
    }
    pthread_mutex_unlock(&par->lock);
    return NULL;
}

/* Cores that this process may use. */
static int64_t par_cores(void)
{
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        return CPU_COUNT(&set);
#endif
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? n : 1;
}

static bool par_init_sync(struct par *par)
{
    pthread_condattr_t attr;
    if (pthread_condattr_init(&attr) != 0)
        return false;
    bool ok = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0 &&
              pthread_mutex_init(&par->lock, NULL) == 0 &&
              pthread_cond_init(&par->wake, NULL) == 0 && pthread_cond_init(&par->idle, &attr) == 0;
    pthread_condattr_destroy(&attr);
    return ok;
}

/* Workers take no signals: handlers run on the program's own threads. */
static void par_spawn(struct par *par, int n)
{
    sigset_t all;
    sigset_t old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    for (int i = 0; i < n - 1; i++) {
        par->seats[i].par = par;
        par->seats[i].worker = i + 1;
        if (pthread_create(&par->threads[i], NULL, par_main, &par->seats[i]) != 0)
            break; /* fewer are no error */
        par->n_workers++;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

akin_status par_create(int64_t threads, struct par **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct par *par = NULL;
    if (threads < 0 || threads > PAR_MOST)
        AKIN_FAIL(AKIN_E_ARG, "threads=%" PRId64 " (must be 0..%d; 0 = all cores)", threads,
                  PAR_MOST);
    if (threads == 0)
        threads = par_cores();
    int n = threads < PAR_MOST ? (int)threads : PAR_MOST;
    par = calloc(1, sizeof *par);
    if (par) {
        par->threads = calloc((size_t)n, sizeof *par->threads);
        par->seats = calloc((size_t)n, sizeof *par->seats);
    }
    if (!par || !par->threads || !par->seats || !par_init_sync(par))
        AKIN_FAIL(AKIN_E_MEMORY, "threads: no room for a pool of %d", n);
    par->n_workers = 1;
    par_spawn(par, n);
    *out = par;
    par = NULL;
done:
    if (par) {
        free(par->seats);
        free(par->threads);
        free(par);
    }
    return status;
}

void par_destroy(struct par *par)
{
    if (!par)
        return;
    pthread_mutex_lock(&par->lock);
    par->quit = true;
    pthread_cond_broadcast(&par->wake);
    pthread_mutex_unlock(&par->lock);
    for (int i = 0; i < par->n_workers - 1; i++)
        pthread_join(par->threads[i], NULL);
    pthread_cond_destroy(&par->idle);
    pthread_cond_destroy(&par->wake);
    pthread_mutex_destroy(&par->lock);
    free(par->seats);
    free(par->threads);
    free(par);
}

int par_workers(const akin_ctx *ctx)
{
    return ctx->par->n_workers;
}

/* The worker number of this thread: 0 unless it is one of the pool. */
static int par_self(const struct par *par)
{
    pthread_t self = pthread_self();
    for (int i = 0; i < par->n_workers - 1; i++) {
        if (pthread_equal(par->threads[i], self))
            return i + 1;
    }
    return 0;
}

static akin_status run_inline(akin_ctx *ctx, int64_t n_blocks, par_fn fn, void *arg,
                              akin_error *err)
{
    int worker = par_self(ctx->par);
    akin_error local;
    memset(&local, 0, sizeof local);
    for (int64_t block = 0; block < n_blocks; block++) {
        akin_status status = block_run(ctx, fn, arg, block, worker, &local);
        if (status != AKIN_OK) {
            if (err)
                *err = local;
            return status;
        }
        if (worker == 0)
            progress_poll(ctx);
    }
    return AKIN_OK;
}

static void job_open(akin_ctx *ctx, int64_t n_blocks, par_fn fn, void *arg)
{
    struct par *par = ctx->par;
    pthread_mutex_lock(&par->lock);
    par->ctx = ctx;
    par->fn = fn;
    par->arg = arg;
    par->n_blocks = n_blocks;
    atomic_store_explicit(&par->next, 0, memory_order_relaxed);
    atomic_store_explicit(&par->failed, INT64_MAX, memory_order_relaxed);
    par->status = AKIN_OK;
    par->jobs++;
    par->joinable = true;
    atomic_store(&par->open, true);
    if (n_blocks >= par->n_workers) {
        pthread_cond_broadcast(&par->wake);
    } else {
        for (int64_t i = 0; i < n_blocks; i++)
            pthread_cond_signal(&par->wake);
    }
    pthread_mutex_unlock(&par->lock);
}

/* Waits until the last worker has left; polls progress meanwhile if anyone listens. */
static akin_status job_close(akin_ctx *ctx, akin_error *err)
{
    struct par *par = ctx->par;
    pthread_mutex_lock(&par->lock);
    par->joinable = false;
    while (par->active > 0) {
        if (!ctx->progress_fn) {
            pthread_cond_wait(&par->idle, &par->lock);
            continue;
        }
        int64_t until = clock_ns() + PAR_POLL_NS;
        struct timespec at = {.tv_sec = (time_t)(until / 1000000000),
                              .tv_nsec = (long)(until % 1000000000)};
        pthread_cond_timedwait(&par->idle, &par->lock, &at);
        pthread_mutex_unlock(&par->lock);
        progress_poll(ctx);
        pthread_mutex_lock(&par->lock);
    }
    akin_status status = par->status;
    if (status != AKIN_OK && err)
        *err = par->err;
    atomic_store(&par->open, false);
    pthread_mutex_unlock(&par->lock);
    return status;
}

akin_status par_for(akin_ctx *ctx, int64_t n_blocks, par_fn fn, void *arg, akin_error *err)
{
    struct par *par = ctx->par;
    if (n_blocks <= 1 || par->n_workers == 1 || atomic_load(&par->open))
        return run_inline(ctx, n_blocks, fn, arg, err);
    job_open(ctx, n_blocks, fn, arg);
    job_work(par, 0);
    return job_close(ctx, err);
}

akin_status par_start(akin_ctx *ctx, int64_t n_blocks, par_fn fn, void *arg, akin_error *err)
{
    if (atomic_load(&ctx->par->open))
        return error_set(err, AKIN_E_INTERNAL, __FILE__, __LINE__,
                         "par_start: a job is already running in this context");
    job_open(ctx, n_blocks, fn, arg);
    return AKIN_OK;
}

akin_status par_wait(akin_ctx *ctx, akin_error *err)
{
    if (!atomic_load(&ctx->par->open))
        return AKIN_OK;
    job_work(ctx->par, 0);
    return job_close(ctx, err);
}
