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

void jobs_end(struct jobs *j, struct job *job, enum job_state state, const char *message)
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

akin_status jobs_add(struct jobs *j, const struct job_kind *kind, const char *model, int64_t k,
                     struct job **out, akin_error *err)
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
    if (jobs_add(j, &job_retrain, model, 0, &job, &err) != AKIN_OK)
        log_write(l->ctx, AKIN_LOG_WARN, "retrain %s: %s", model, err.message);
    return true;
}

void jobs_note(struct jobs *j)
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
        jobs_note(j); /* a kill shows */
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
        jobs_end(j, job, JOB_DONE, json_text(r.result, "why", ""));
    } else {
        jobs_end(j, job, is_unwanted ? JOB_CANCELLED : JOB_FAILED, err.message);
    }
    j->running = NULL;
    if (!j->is_stopping && read(j->stop_fd, &drained, sizeof drained) < 0)
        drained = 0; /* nobody wanted it stopped */
    jobs_note(j);
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
void jobs_stop_child(struct jobs *j)
{
    const uint64_t one = 1;
    if (write(j->stop_fd, &one, sizeof one) < 0)
        log_write(j->l->ctx, AKIN_LOG_ERROR, "jobs: stop: %s", strerror(errno));
}

void jobs_stop(struct jobs *j)
{
    if (!j || !j->has_thread)
        return;
    pthread_mutex_lock(&j->lock);
    j->is_stopping = true;
    for (int i = 0; i < j->n_kept; i++)
        if (j->kept[i]->state == JOB_QUEUED)
            jobs_end(j, j->kept[i], JOB_CANCELLED, "the server stopped");
    jobs_stop_child(j);
    pthread_cond_signal(&j->wake);
    pthread_mutex_unlock(&j->lock);
    pthread_join(j->thread, NULL);
    j->has_thread = false;
    jobs_note(j);
}

void jobs_free(struct jobs *j)
{
    if (!j)
        return;
    jobs_stop(j);
    for (int i = 0; i < j->n_kept; i++)
        job_free(j, j->kept[i]);
    if (j->stop_fd >= 0)
        close(j->stop_fd);
    pthread_cond_destroy(&j->wake);
    pthread_mutex_destroy(&j->lock);
    mem_free(j->l->ctx, j->program);
    mem_free(j->l->ctx, j);
}

int64_t jobs_running(struct jobs *j, const char **kind)
{
    pthread_mutex_lock(&j->lock);
    int64_t id = j->running ? j->running->id : 0;
    *kind = j->running ? j->running->kind->name : NULL;
    pthread_mutex_unlock(&j->lock);
    return id;
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

int64_t jobs_last_retrain(struct jobs *j, const char *model)
{
    int64_t last = 0;
    pthread_mutex_lock(&j->lock);
    for (int i = 0; i < j->n_kept; i++)
        if (j->kept[i]->kind == &job_retrain && strcmp(j->kept[i]->model, model) == 0)
            last = j->kept[i]->started;
    pthread_mutex_unlock(&j->lock);
    return last;
}
