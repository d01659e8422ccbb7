/* What others ask of the jobs: to queue one, to tell, to cancel; counts. */
#include "core/text.h"
#include "live/jobs_impl.h"
#include "live/retrain.h"

#include <string.h>

static struct job *jobs_find(struct jobs *j, int64_t id)
{
    for (int i = 0; i < j->n_kept; i++)
        if (j->kept[i]->id == id)
            return j->kept[i];
    return NULL;
}

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
    status = jobs_add(l->jobs, kind, g->name, spec->k, &job, err);
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
        job = jobs_find(l->jobs, number);
    if (job && is_unwanted && job->state == JOB_QUEUED) {
        jobs_end(l->jobs, job, JOB_CANCELLED, "cancelled before it began");
        jobs_note(l->jobs);
    } else if (job && is_unwanted && job->state == JOB_RUNNING && !job->is_unwanted) {
        job->is_unwanted = true;
        jobs_stop_child(l->jobs);
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
