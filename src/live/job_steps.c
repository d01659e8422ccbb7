/*
 * A step of a job: the program itself with an argument list, its answer as JSON, its progress as
 * the job's. The child ends with this process (--parent), whatever becomes of it.
 */
#include "live/jobs.h"

#include "core/json.h"
#include "live/child.h"
#include "live/jobs_impl.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { ANSWER_MAX = 16 << 20, ARG_MAX_TEXT = 1 << 16 };

akin_status job_stage(struct job_run *r, const char *stage, double lo, double hi, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct jobs *j = r->jobs;
    r->lo = lo;
    r->hi = hi;
    pthread_mutex_lock(&j->lock);
    snprintf(j->running->stage, sizeof j->running->stage, "%s", stage);
    j->running->progress = lo;
    bool is_unwanted = j->running->is_unwanted || j->is_stopping;
    pthread_mutex_unlock(&j->lock);
    if (is_unwanted)
        AKIN_FAIL(AKIN_E_CANCELLED, "job: cancelled before %s", stage);
done:
    return status;
}

/* ---- Arguments ---- */

void job_args_init(struct job_args *a, struct arena *arena)
{
    *a = (struct job_args){.arena = arena};
}

static void add(struct job_args *a, char *text)
{
    if (a->n + 2 > a->cap) {
        int cap = a->cap ? 2 * a->cap : 32;
        char **v = arena_alloc(a->arena, cap, sizeof *v, NULL);
        if (v && a->n)
            memcpy(v, a->v, (size_t)a->n * sizeof *v);
        a->v = v ? v : a->v;
        a->cap = v ? cap : a->cap;
        a->has_failed = a->has_failed || !v;
    }
    a->has_failed = a->has_failed || !text;
    if (a->has_failed)
        return;
    a->v[a->n++] = text;
    a->v[a->n] = NULL;
}

void job_arg(struct job_args *a, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    char *text = n < 0 ? NULL : arena_alloc(a->arena, (int64_t)n + 1, 1, NULL);
    if (text)
        vsnprintf(text, (size_t)n + 1, format, again);
    va_end(again);
    va_end(args);
    add(a, text);
}

/* --name=value: a value may begin with a dash. */
void job_option(struct job_args *a, const char *name, const char *value)
{
    job_arg(a, "--%s=%s", name, value);
}

/* A value as it is typed; in the arena. */
static const char *value_text(struct job_args *a, const json_t *value)
{
    if (json_is_string(value))
        return json_string_value(value);
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    const char *copy = text ? arena_strndup(a->arena, text, strlen(text), NULL) : NULL;
    free(text);
    a->has_failed = a->has_failed || !copy;
    return copy ? copy : "";
}

/* In a=b,c=d a comma ends a value where another '=' follows it (cli/args.c). */
static bool is_ambiguous(const char *value)
{
    const char *comma = strchr(value, ',');
    return comma && strchr(comma, '=');
}

akin_status job_options(struct job_args *a, const json_t *object, bool is_set, akin_error *err)
{
    akin_status status = AKIN_OK;
    const char *key, *inner;
    json_t *value, *one;
    size_t i;
    json_object_foreach((json_t *)(uintptr_t)object, key, value) {
        if (json_is_null(value))
            continue;
        const char *text = value_text(a, value);
        if (is_set && is_ambiguous(text))
            AKIN_FAIL(AKIN_E_UNSUPPORTED, "job: %s=%.80s cannot be passed on", key, text);
        if (is_set) {
            job_arg(a, "--set=%s=%s", key, text);
        } else if (json_is_array(value)) {
            json_array_foreach(value, i, one)
                job_option(a, key, value_text(a, one));
        } else if (json_is_object(value)) {
            json_object_foreach(value, inner, one) {
                text = value_text(a, one);
                if (strchr(inner, '=') || is_ambiguous(text))
                    AKIN_FAIL(AKIN_E_UNSUPPORTED, "job: %s: '%.80s' cannot be passed on", key,
                              inner);
                job_arg(a, "--%s=%s=%s", key, inner, text);
            }
        } else {
            job_option(a, key, text);
        }
    }
done:
    return status;
}

/* ---- The child ---- */

/* "akin: train 40 of 100  12 s left" */
static void on_line(void *arg, const char *line)
{
    struct job_run *r = arg;
    const char *of = strstr(line, " of ");
    const char *digits = of;
    while (digits && digits > line && digits[-1] >= '0' && digits[-1] <= '9')
        digits--;
    long long done = digits && digits < of ? strtoll(digits, NULL, 10) : 0;
    long long total = done > 0 ? strtoll(of + 4, NULL, 10) : 0;
    if (total < done || done <= 0)
        return;
    pthread_mutex_lock(&r->jobs->lock);
    r->jobs->running->progress = r->lo + (r->hi - r->lo) * (double)done / (double)total;
    pthread_mutex_unlock(&r->jobs->lock);
}

static akin_status child_failed(const struct job_args *a, const struct child_end *end,
                                akin_error *err)
{
    static const char prefix[] = "akin: error: ";
    bool has_prefix = strncmp(end->said, prefix, sizeof prefix - 1) == 0;
    return error_set(
        err, end->code == 2 ? AKIN_E_INPUT : AKIN_E_IO, __FILE__, __LINE__, "%s (%s, %s %d)",
        end->said[0] ? end->said + (has_prefix ? sizeof prefix - 1 : 0) : "it ended", a->v[1],
        end->code > 128 ? "signal" : "status", end->code > 128 ? end->code - 128 : end->code);
}

akin_status job_child(struct job_run *r, struct job_args *a, json_t **answer, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct jobs *j = r->jobs;
    struct child_end end;
    struct buf out;
    buf_init(&out, r->l->ctx);
    job_arg(a, "--json");
    job_arg(a, "--parent=%ld", (long)getpid());
    if (a->has_failed)
        AKIN_FAIL(AKIN_E_MEMORY, "job: out of memory for the arguments");
    const struct child_spec spec = {.argv = a->v,
                                    .most_output = ANSWER_MAX,
                                    .stop_fd = j->stop_fd,
                                    .grace_ms = JOB_GRACE_MS,
                                    .on_line = on_line,
                                    .arg = r};
    AKIN_TRY(child_run(&spec, &out, &end, err));
    if (end.is_stopped)
        AKIN_FAIL(AKIN_E_CANCELLED, "job: stopped in %s", a->v[1]);
    if (end.code != 0)
        AKIN_TRY(child_failed(a, &end, err));
    if (answer)
        AKIN_TRY(json_parse(a->v[1], out.size ? out.data : "", (size_t)out.size, answer, err));
done:
    buf_free(&out);
    return status;
}
