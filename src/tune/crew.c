/*
 * Trials in parallel within a memory budget.
 *
 * Trials are taken in their order; one whose predicted memory does not fit beside those that run
 * waits, and those behind it with it. With a limit each has its reservation as a limit of its own,
 * so that what runs beside it cannot make it fail; one that needs more than was predicted is run
 * again alone with the whole budget. So what comes of a trial depends on the budget, not on the
 * company.
 */
#include "tune/study.h"

#include "core/par.h"

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

/* Beside what is predicted: small blocks, and what formulas leave out. */
#define SPARE_FACTOR 1.25
#define SPARE_BYTES 16e6

struct crew {
    struct tune_study *s;
    int64_t next;
    int64_t threads; /* of a trial */
    double budget;   /* bytes */
    bool is_limited; /* budget is a promise, not the machine's size */
    akin_ctx *outer;
    pthread_mutex_t lock;
    pthread_cond_t change;
    bool is_turn_taken; /* somebody waits for memory: nobody overtakes */
    double used;
    int running;
    bool is_over; /* a failure that is not a trial's */
};

static void crew_acquire(struct crew *c, double bytes, bool alone)
{
    pthread_mutex_lock(&c->lock);
    while (c->is_turn_taken)
        pthread_cond_wait(&c->change, &c->lock);
    c->is_turn_taken = true;
    while (c->running > 0 && (alone || c->used + bytes > c->budget))
        pthread_cond_wait(&c->change, &c->lock);
    c->is_turn_taken = false;
    c->used += bytes;
    c->running++;
    pthread_cond_broadcast(&c->change);
    pthread_mutex_unlock(&c->lock);
}

static void crew_release(struct crew *c, double bytes)
{
    pthread_mutex_lock(&c->lock);
    c->used -= bytes;
    c->running--;
    pthread_cond_broadcast(&c->change);
    pthread_mutex_unlock(&c->lock);
}

/* Runs t within the budget. */
static akin_status crew_trial(struct crew *c, struct tune_trial *t, akin_ctx *tick, akin_error *err)
{
    akin_status status = AKIN_OK;
    double bytes = t->cost.bytes * SPARE_FACTOR + SPARE_BYTES;
    bool is_short, is_whole = bytes >= c->budget;
    if (c->is_limited && t->cost.bytes > c->budget) {
        t->state = TRIAL_FAILED;
        snprintf(t->error, sizeof t->error,
                 "out of memory: about %.0f MB are needed (%.0f MB are left for trials)",
                 t->cost.bytes / 1e6, c->budget / 1e6);
        return AKIN_OK;
    }
    bytes = is_whole ? c->budget : bytes;
    crew_acquire(c, bytes, false);
    status =
        trial_run(c->s, t, c->threads, c->is_limited ? (int64_t)bytes : 0, tick, &is_short, err);
    crew_release(c, bytes);
    if (status == AKIN_OK && is_short && !is_whole) {
        crew_acquire(c, c->budget, true);
        t->error[0] = '\0';
        status = trial_run(c->s, t, c->threads, (int64_t)c->budget, tick, &is_short, err);
        crew_release(c, c->budget);
    }
    return status;
}

/* The next trial that nobody has; NULL: there is none. */
static struct tune_trial *crew_take(struct crew *c)
{
    struct tune_trial *t = NULL;
    pthread_mutex_lock(&c->lock);
    while (!t && !c->is_over && c->next < c->s->n_trials) {
        struct tune_trial *next = c->s->trials[c->next++];
        t = next->state == TRIAL_PLANNED ? next : NULL;
    }
    pthread_mutex_unlock(&c->lock);
    return t;
}

static akin_status crew_finish(struct crew *c, struct tune_trial *t, akin_error *err)
{
    akin_status status = AKIN_OK;
    pthread_mutex_lock(&c->lock);
    t->is_new = true;
    if (c->s->log)
        status = log_add(c->s, t, err);
    c->is_over = c->is_over || status != AKIN_OK;
    pthread_mutex_unlock(&c->lock);
    progress_add(c->s->ctx, c->s->opt->trials > 0 ? 1 : (int64_t)(t->cost.core_seconds * 1e3));
    return status;
}

static akin_status crew_member(void *arg, int64_t block, int worker, akin_error *err)
{
    (void)block;
    akin_status status = AKIN_OK;
    struct crew *c = arg;
    struct tune_trial *t;
    while ((t = crew_take(c))) {
        /* Progress is told by the calling thread only, which is worker 0. */
        akin_ctx *tick = worker == 0 ? c->s->ctx : NULL;
        status = crew_trial(c, t, tick, err);
        if (status == AKIN_OK)
            status = crew_finish(c, t, err);
        if (worker == 0)
            progress_poll(c->s->ctx);
        if (status != AKIN_OK) {
            pthread_mutex_lock(&c->lock);
            c->is_over = true;
            pthread_mutex_unlock(&c->lock);
            break;
        }
    }
    return status;
}

static void crew_budget(struct crew *c)
{
    const struct mem *mem = c->s->ctx->mem;
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    c->is_limited = mem_limit(mem) > 0;
    c->budget = c->is_limited ? (double)(mem_limit(mem) - mem_held(mem))
                              : 0.8 * (double)(pages > 0 ? pages : 1) * (double)page;
    c->budget = c->budget < 1 ? 1 : c->budget;
}

akin_status crew_run(struct tune_study *s, int64_t first, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct crew c = {.s = s, .next = first};
    int64_t n = s->opt->parallel > 0 ? s->opt->parallel : par_workers(s->ctx);
    n = n < s->n_trials - first ? n : s->n_trials - first;
    c.threads = par_workers(s->ctx) / n > 0 ? par_workers(s->ctx) / n : 1;
    crew_budget(&c);
    if (pthread_mutex_init(&c.lock, NULL) != 0)
        return error_set(err, AKIN_E_MEMORY, __FILE__, __LINE__, "tune: no room for a lock");
    if (pthread_cond_init(&c.change, NULL) != 0) {
        pthread_mutex_destroy(&c.lock);
        return error_set(err, AKIN_E_MEMORY, __FILE__, __LINE__, "tune: no room for a lock");
    }
    AKIN_TRY(ctx_fork(s->ctx, n, 0, &c.outer, err));
    AKIN_TRY(par_for(c.outer, n, crew_member, &c, err));
done:
    ctx_free(c.outer);
    pthread_cond_destroy(&c.change);
    pthread_mutex_destroy(&c.lock);
    return status;
}
