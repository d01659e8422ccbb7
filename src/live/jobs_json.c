/* Jobs as JSON: for answers, and in a file from one start to the next. */
#include "core/file.h"
#include "core/json.h"
#include "core/text.h"
#include "live/jobs_impl.h"
#include "live/retrain.h"

#include <string.h>

enum { FILE_MAX = 64 << 20 };

static const char *const state_names[JOB_STATES] = {"queued", "running", "done", "failed",
                                                    "cancelled"};

static void write_time(struct jw *jw, const char *key, int64_t time)
{
    char text[32];
    jw_key(jw, key);
    if (time == 0) {
        jw_null(jw);
        return;
    }
    text_from_unix(time, text, sizeof text);
    jw_string(jw, text);
}

void job_json(struct jw *jw, const struct job *job)
{
    struct buf result;
    buf_init(&result, jw->buf->ctx);
    jw_open(jw, '{');
    jw_key(jw, "id");
    jw_int(jw, job->id);
    jw_key(jw, "kind");
    jw_string(jw, job->kind->name);
    jw_key(jw, "model");
    jw_string(jw, job->model);
    jw_key(jw, "state");
    jw_string(jw, state_names[job->state]);
    jw_key(jw, "stage");
    jw_string(jw, job->stage);
    jw_key(jw, "progress");
    jw_double(jw, job->progress);
    write_time(jw, "created", job->created);
    write_time(jw, "started", job->started);
    write_time(jw, "ended", job->ended);
    jw_key(jw, "message");
    jw_string(jw, job->message);
    jw_key(jw, "result");
    if (job->result && json_write_ordered(job->result, &result, NULL) == AKIN_OK)
        jw_raw(jw, result.data);
    else
        jw_null(jw);
    jw_close(jw, '}');
    buf_free(&result);
}

akin_status jobs_save(struct jobs *j, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct buf text;
    struct jw jw;
    char path[PATH_MAX];
    buf_init(&text, j->l->ctx);
    jw_init(&jw, &text);
    jw_open(&jw, '[');
    for (int i = 0; i < j->n_kept; i++)
        job_json(&jw, j->kept[i]);
    jw_close(&jw, ']');
    AKIN_TRY(buf_check(&text, err));
    AKIN_TRY(retrain_path(j->l->retrain, path, err, "jobs.json"));
    AKIN_TRY(file_write(j->l->ctx, path, text.data, text.size, err));
done:
    buf_free(&text);
    return status;
}

static int64_t read_time(const json_t *from, const char *key)
{
    const char *text = json_text(from, key, NULL);
    int64_t time = 0;
    return text && text_to_unix(text, strlen(text), &time) ? time : 0;
}

static enum job_state read_state(const json_t *from)
{
    const char *name = json_text(from, "state", "");
    for (int s = JOB_DONE; s < JOB_STATES; s++)
        if (strcmp(name, state_names[s]) == 0)
            return (enum job_state)s;
    return JOB_CANCELLED; /* it was open when the process ended */
}

/* One that this program does not know (any more) is left out. */
static akin_status load_one(struct jobs *j, const json_t *from, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct job *job = NULL;
    const struct job_kind *kind = job_kind_find(json_text(from, "kind", ""));
    int64_t id = json_int(from, "id", 0);
    if (!kind || id < j->next_id || j->n_kept == JOBS_KEPT)
        goto done;
    MEM_ZERO(j->l->ctx, job, 1);
    job->id = id;
    job->kind = kind;
    job->state = read_state(from);
    job->progress = json_double(from, "progress", 0);
    job->created = read_time(from, "created");
    job->started = read_time(from, "started");
    job->ended = read_time(from, "ended");
    text_copy(job->model, sizeof job->model, json_text(from, "model", ""));
    text_copy(job->stage, sizeof job->stage, json_text(from, "stage", ""));
    text_copy(job->message, sizeof job->message, json_text(from, "message", ""));
    if (job->ended == 0)
        text_copy(job->message, sizeof job->message, "the server ended before it was done");
    const json_t *result = json_object_get(from, "result");
    job->result = json_is_object(result) ? json_deep_copy(result) : NULL;
    j->kept[j->n_kept++] = job;
    j->next_id = id + 1;
done:
    return status;
}

/* A damaged file costs the memory of old jobs, no start. */
akin_status jobs_load(struct jobs *j, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = j->l->ctx;
    akin_error why = {0};
    char path[PATH_MAX];
    char *text = NULL;
    int64_t size = 0;
    json_t *list = NULL, *one;
    size_t i;
    AKIN_TRY(retrain_path(j->l->retrain, path, err, "jobs.json"));
    if (!file_exists(path))
        goto done;
    if (file_read(ctx, path, FILE_MAX, &text, &size, &why) != AKIN_OK ||
        json_parse("jobs.json", text, (size_t)size, &list, &why) != AKIN_OK)
        log_write(ctx, AKIN_LOG_WARN, "jobs: earlier ones are forgotten: %s", why.message);
    json_array_foreach(list, i, one)
        AKIN_TRY(load_one(j, one, err));
done:
    json_decref(list);
    mem_free(ctx, text);
    return status;
}
