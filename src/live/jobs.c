/*
 * The queue of jobs and its thread.
 *
 * The thread sleeps until a job is queued, a trigger of retraining is due (by the clock or by the
 * number of events) or the end has come. Cost: a hundred jobs in memory, and a small file written
 * at each end of a job, so that a restart still tells what happened.
 */
#include "core/json.h"
#include "core/text.h"
#include "live/jobs_impl.h"
#include "live/retrain.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

static const struct job_kind *const job_kinds[] = {&job_retrain, &job_export};

const struct job_kind *job_kind_find(const char *name)
{
    for (size_t i = 0; i < sizeof job_kinds / sizeof *job_kinds; i++)
        if (strcmp(job_kinds[i]->name, name) == 0)
            return job_kinds[i];
    return NULL;
}

static bool is_open(const struct job *job)
{
    return job->state == JOB_QUEUED || job->state == JOB_RUNNING;
}

/* ---- The list; under the lock ---- */

static void job_free(struct jobs *j, struct job *job)
{
    json_decref(job->result);
    mem_free(j->l->ctx, job);
}

static struct job *find_job(struct jobs *j, int64_t id)
{
    for (int i = 0; i < j->n_kept; i++)
        if (j->kept[i]->id == id)
            return j->kept[i];
    return NULL;
}

static void end_job(struct jobs *j, struct job *job, enum job_state state, const char *message)
{
    job->state = state;
    job->ended = live_now();
    text_copy(job->message, sizeof job->message, message);
    j->n_ended[state]++;
}

/* A place in the list: the oldest that has ended makes room. */
static akin_status make_room(struct jobs *j, akin_error *err)
{
    akin_status status = AKIN_OK;
    int n_open = 0, oldest = -1;
    for (int i = j->n_kept - 1; i >= 0; i--) {
        n_open += is_open(j->kept[i]);
        oldest = is_open(j->kept[i]) ? oldest : i;
    }
    if (n_open >= JOBS_OPEN)
        AKIN_FAIL(AKIN_E_LIMIT, "jobs: %d are waiting already (at most %d)", n_open, JOBS_OPEN);
    if (j->n_kept == JOBS_KEPT) {
        job_free(j, j->kept[oldest]);
        j->n_kept--;
        memmove(j->kept + oldest, j->kept + oldest + 1,
                (size_t)(j->n_kept - oldest) * sizeof *j->kept);
    }
done:
    return status;
}

/* The same work twice in the queue would be done twice for nothing. */
static akin_status check_twin(struct jobs *j, const struct job_kind *kind, const char *model,
                              akin_error *err)
{
    akin_status status = AKIN_OK;
    for (int i = 0; i < j->n_kept; i++) {
        const struct job *job = j->kept[i];
        if (is_open(job) && job->kind == kind && strcmp(job->model, model) == 0)
            AKIN_FAIL(AKIN_E_UNSUPPORTED, "jobs: %s of model '%s' is %s already, as job %lld",
                      kind->name, model, job->state == JOB_QUEUED ? "queued" : "running",
                      (long long)job->id);
    }
done:
    return status;
}

static akin_status add_job(struct jobs *j, const struct job_kind *kind, const char *model,
                           int64_t k, struct job **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct job *job = NULL;
    if (j->is_stopping)
        AKIN_FAIL(AKIN_E_CANCELLED, "jobs: the server is stopping");
    AKIN_TRY(check_twin(j, kind, model, err));
    AKIN_TRY(make_room(j, err));
    MEM_ZERO(j->l->ctx, job, 1);
    job->id = j->next_id++;
    job->kind = kind;
    job->k = k;
    job->created = live_now();
    text_copy(job->model, sizeof job->model, model);
    j->kept[j->n_kept++] = job;
    *out = job;
    pthread_cond_signal(&j->wake);
done:
    return status;
}

/* ---- The thread ---- */

static struct job *oldest_queued(struct jobs *j)
{
    for (int i = 0; i < j->n_kept; i++)
        if (j->kept[i]->state == JOB_QUEUED)
            return j->kept[i];
    return NULL;
}

/* A trigger that is due queues its retrain; false: none is. *at_ns: when to look again. */
static bool pull_trigger(struct jobs *j, int64_t *at_ns)
{
    struct live *l = j->l;
    struct job *job;
    akin_error err = {0};
    int64_t at_events;
    const char *model = retrain_due(l, clock_ns(), l->n_events, at_ns, &at_events);
    atomic_store(&j->wake_at, at_events);
    if (!model)
        return l->n_events >= at_events; /* some came in between: look again */
    if (add_job(j, &job_retrain, model, 0, &job, &err) != AKIN_OK)
        log_write(l->ctx, AKIN_LOG_WARN, "retrain %s: %s", model, err.message);
    return true;
}

static void save(struct jobs *j)
{
    akin_error err = {0};
    if (jobs_save(j, &err) != AKIN_OK)
        log_write(j->l->ctx, AKIN_LOG_WARN, "jobs: %s", err.message);
}

/* The next job, now running; NULL at the end. */
static struct job *next_job(struct jobs *j)
{
    struct job *job = NULL;
    int64_t at_ns;
    pthread_mutex_lock(&j->lock);
    while (!j->is_stopping && !(job = oldest_queued(j))) {
        if (pull_trigger(j, &at_ns))
            continue;
        const struct timespec at = {(time_t)(at_ns / 1000000000), (long)(at_ns % 1000000000)};
        if (at_ns == INT64_MAX)
            pthread_cond_wait(&j->wake, &j->lock);
        else
            pthread_cond_timedwait(&j->wake, &j->lock, &at);
    }
    if (job && j->is_stopping)
        job = NULL;
    if (job) {
        job->state = JOB_RUNNING;
        job->started = live_now();
        j->running = job;
        save(j); /* a kill shows */
    }
    pthread_mutex_unlock(&j->lock);
    return job;
}

static void run_job(struct jobs *j, struct job *job)
{
    struct live *l = j->l;
    struct arena arena;
    struct job_run r = {.l = l, .jobs = j, .job = job, .arena = &arena};
    akin_error err = {0};
    uint64_t drained;
    arena_init(&arena, l->ctx);
    log_write(l->ctx, AKIN_LOG_INFO, "job %lld: %s %s", (long long)job->id, job->kind->name,
              job->model);
    akin_status status = retrain_path(l->retrain, r.work, &err, "work");
    if (status == AKIN_OK)
        status = retrain_clear(l->retrain, &err);
    if (status == AKIN_OK)
        status = job->kind->run(&r, &err);
    retrain_clear(l->retrain, NULL);
    pthread_mutex_lock(&j->lock);
    bool is_unwanted = status == AKIN_E_CANCELLED && (job->is_unwanted || j->is_stopping);
    job->result = r.result;
    if (status == AKIN_OK) {
        job->progress = 1;
        end_job(j, job, JOB_DONE, json_text(r.result, "why", ""));
    } else {
        end_job(j, job, is_unwanted ? JOB_CANCELLED : JOB_FAILED, err.message);
    }
    j->running = NULL;
    if (!j->is_stopping && read(j->stop_fd, &drained, sizeof drained) < 0)
        drained = 0; /* nobody wanted it stopped */
    save(j);
    log_write(l->ctx, status == AKIN_OK || is_unwanted ? AKIN_LOG_INFO : AKIN_LOG_ERROR,
              "job %lld: %s%s%s", (long long)job->id,
              status == AKIN_OK ? "done"
              : is_unwanted     ? "cancelled"
                                : "failed",
              job->message[0] ? ": " : "", job->message);
    pthread_mutex_unlock(&j->lock);
    arena_free(&arena);
}

static void *jobs_main(void *arg)
{
    struct jobs *j = arg;
    struct job *job;
    while ((job = next_job(j)))
        run_job(j, job);
    return NULL;
}

/* ---- Life ---- */

akin_status jobs_create(struct live *l, const char *program, struct jobs **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct jobs *j = NULL;
    pthread_condattr_t attr;
    MEM_ZERO(l->ctx, j, 1);
    j->l = l;
    j->next_id = 1;
    j->wake_at = INT64_MAX;
    pthread_mutex_init(&j->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&j->wake, &attr);
    pthread_condattr_destroy(&attr);
    j->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (j->stop_fd < 0)
        AKIN_FAIL(AKIN_E_IO, "jobs: no eventfd: %s", strerror(errno));
    j->program = mem_strdup(l->ctx, program, err);
    if (!j->program)
        AKIN_TRY(AKIN_E_MEMORY);
    AKIN_TRY(jobs_load(j, err));
    *out = j;
    j = NULL;
done:
    jobs_free(j);
    return status;
}

akin_status jobs_start(struct jobs *j, akin_error *err)
{
    akin_status status = AKIN_OK;
    sigset_t all, old;
    sigfillset(&all); /* signals are for the program's own thread */
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int rc = pthread_create(&j->thread, NULL, jobs_main, j);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (rc != 0)
        AKIN_FAIL(AKIN_E_LIMIT, "jobs: no thread: %s", strerror(rc));
    j->has_thread = true;
done:
    return status;
}

/* The child of the running job ends. Under the lock. */
static void stop_child(struct jobs *j)
{
    const uint64_t one = 1;
    if (write(j->stop_fd, &one, sizeof one) < 0)
        log_write(j->l->ctx, AKIN_LOG_ERROR, "jobs: stop: %s", strerror(errno));
}

void jobs_free(struct jobs *j)
{
    if (!j)
        return;
    if (j->has_thread) {
        pthread_mutex_lock(&j->lock);
        j->is_stopping = true;
        for (int i = 0; i < j->n_kept; i++)
            if (j->kept[i]->state == JOB_QUEUED)
                end_job(j, j->kept[i], JOB_CANCELLED, "the server stopped");
        stop_child(j);
        pthread_cond_signal(&j->wake);
        pthread_mutex_unlock(&j->lock);
        pthread_join(j->thread, NULL);
        save(j);
    }
    for (int i = 0; i < j->n_kept; i++)
        job_free(j, j->kept[i]);
    if (j->stop_fd >= 0)
        close(j->stop_fd);
    pthread_cond_destroy(&j->wake);
    pthread_mutex_destroy(&j->lock);
    mem_free(j->l->ctx, j->program);
    mem_free(j->l->ctx, j);
}

void jobs_note_events(struct jobs *j, int64_t n_events)
{
    int64_t at = atomic_load(&j->wake_at);
    if (n_events < at || !atomic_compare_exchange_strong(&j->wake_at, &at, INT64_MAX))
        return;
    pthread_mutex_lock(&j->lock);
    pthread_cond_signal(&j->wake);
    pthread_mutex_unlock(&j->lock);
}

/* ---- What others ask ---- */

static akin_status need_jobs(const struct live *l, akin_error *err)
{
    akin_status status = AKIN_OK;
    if (!l->jobs)
        AKIN_FAIL(AKIN_E_UNSUPPORTED, "jobs: this server has none (serve: retrain: {dir: FOLDER})");
done:
    return status;
}

akin_status live_job_submit(struct live *l, const struct live_job *spec, struct buf *out,
                            int64_t *id, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct generation *g = NULL;
    struct job *job;
    struct jw jw;
    const struct job_kind *kind = job_kind_find(spec->kind);
    AKIN_TRY(need_jobs(l, err));
    if (!kind)
        AKIN_FAIL(AKIN_E_ARG, "jobs: kind '%.40s' (must be retrain or export)", spec->kind);
    AKIN_TRY(generation_get(l, spec->model, &g, err));
    AKIN_TRY(kind->check(l, g->name, err));
    pthread_mutex_lock(&l->jobs->lock);
    status = add_job(l->jobs, kind, g->name, spec->k, &job, err);
    if (status == AKIN_OK) {
        *id = job->id;
        jw_init(&jw, out);
        job_json(&jw, job);
    }
    pthread_mutex_unlock(&l->jobs->lock);
done:
    generation_put(l, g);
    return status;
}

akin_status live_jobs_json(struct live *l, struct buf *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct jw jw;
    AKIN_TRY(need_jobs(l, err));
    jw_init(&jw, out);
    jw_open(&jw, '{');
    jw_key(&jw, "jobs");
    jw_open(&jw, '[');
    pthread_mutex_lock(&l->jobs->lock);
    for (int i = l->jobs->n_kept - 1; i >= 0; i--)
        job_json(&jw, l->jobs->kept[i]);
    pthread_mutex_unlock(&l->jobs->lock);
    jw_close(&jw, ']');
    jw_close(&jw, '}');
    AKIN_TRY(buf_check(out, err));
done:
    return status;
}

/* A job by the text of its id, cancelled if asked for and still possible. */
static akin_status answer_job(struct live *l, const char *id, bool is_unwanted, struct buf *out,
                              akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t number = 0;
    struct job *job = NULL;
    struct jw jw;
    AKIN_TRY(need_jobs(l, err));
    pthread_mutex_lock(&l->jobs->lock);
    if (text_is_canonical_int(id, strlen(id), &number))
        job = find_job(l->jobs, number);
    if (job && is_unwanted && job->state == JOB_QUEUED) {
        end_job(l->jobs, job, JOB_CANCELLED, "cancelled before it began");
        save(l->jobs);
    } else if (job && is_unwanted && job->state == JOB_RUNNING && !job->is_unwanted) {
        job->is_unwanted = true;
        stop_child(l->jobs);
    }
    jw_init(&jw, out);
    if (job)
        job_json(&jw, job);
    pthread_mutex_unlock(&l->jobs->lock);
    if (!job)
        AKIN_FAIL(AKIN_E_NOT_FOUND, "job '%.40s' is unknown (the last %d are kept)", id, JOBS_KEPT);
done:
    return status;
}

akin_status live_job_json(struct live *l, const char *id, struct buf *out, akin_error *err)
{
    return answer_job(l, id, false, out, err);
}

akin_status live_job_cancel(struct live *l, const char *id, struct buf *out, akin_error *err)
{
    return answer_job(l, id, true, out, err);
}

void live_job_stats(struct live *l, struct live_job_stats *out)
{
    memset(out, 0, sizeof *out);
    if (!l->jobs)
        return;
    pthread_mutex_lock(&l->jobs->lock);
    out->is_there = true;
    for (int i = 0; i < l->jobs->n_kept; i++)
        out->queued += l->jobs->kept[i]->state == JOB_QUEUED;
    out->running = l->jobs->running != NULL;
    out->done = l->jobs->n_ended[JOB_DONE];
    out->failed = l->jobs->n_ended[JOB_FAILED];
    out->cancelled = l->jobs->n_ended[JOB_CANCELLED];
    pthread_mutex_unlock(&l->jobs->lock);
    out->promoted = l->retrain->n_promoted;
    out->refused = l->retrain->n_refused;
}
