/*
 * The log of a search: what it belongs to, and the results that an earlier run left in it.
 *
 * It is a cache of results, not of state: proposals are made anew from them, so a log that was cut
 * off at any row leads to the same trials as none.
 */
#include "tune/study.h"

#include "core/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { TUNE_LOG_FORMAT = 1 };

static void release_json(void *json)
{
    json_decref(json);
}

static json_t *maybe(const json_t *json)
{
    return json ? json_deep_copy(json) : json_null();
}

/* All that decides what the trials are. A longer search of one model goes on from a shorter one. */
static akin_status study_identity(const struct tune_study *s, const struct dataset *ds,
                                  json_t **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct tune_options *opt = s->opt;
    char data[17], valid[17] = "", search[16];
    json_t *models = json_object(), *o = NULL;
    bool ok = models != NULL;
    param_choice_text(TUNE_SEARCHES, opt->search, search, sizeof search);
    snprintf(data, sizeof data, "%016" PRIx64, dataset_fingerprint(ds));
    if (opt->valid)
        snprintf(valid, sizeof valid, "%016" PRIx64, dataset_fingerprint(opt->valid));
    for (int32_t f = 0; ok && f < s->n_families; f++)
        ok = json_object_set_new(models, s->families[f].cls->name,
                                 json_pack("{s:o, s:o}", "space", space_json(&s->families[f].space),
                                           "set", maybe(s->families[f].fixed))) == 0;
    o = json_pack("{s:i, s:s, s:s, s:s, s:s, s:O, s:o, s:o, s:o, s:s, s:f, s:I, s:I}", "format",
                  TUNE_LOG_FORMAT, "akin", AKIN_VERSION, "data", data, "valid", valid, "validation",
                  s->validation, "models", models, "feedback", maybe(opt->feedback), "metric",
                  maybe(opt->metrics), "constraint", maybe(opt->constraints), "search", search,
                  "sample", opt->sample, "seed", (json_int_t)s->ctx->seed, "memory",
                  (json_int_t)mem_limit(s->ctx->mem));
    ok = ok && o;
    if (ok && (opt->search == TUNE_HALVING || s->n_families > 1))
        ok = json_object_set_new(o, "trials", json_integer(opt->trials)) == 0 &&
             json_object_set_new(o, "budget", json_real(opt->budget_seconds)) == 0;
    if (ok && opt->search == TUNE_HALVING)
        ok = json_object_set_new(o, "rungs", json_integer(opt->rungs)) == 0 &&
             json_object_set_new(o, "eta", json_integer(opt->eta)) == 0;
    json_decref(models);
    if (!ok) {
        json_decref(o);
        AKIN_FAIL(AKIN_E_MEMORY, "tune: out of memory");
    }
    *out = o;
done:
    return status;
}

/* The first key by which two identities differ. */
static const char *first_difference(const json_t *a, const json_t *b)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)a, key, value) {
        if (!json_equal(value, json_object_get(b, key)))
            return key;
    }
    return "options";
}

static akin_status keep_json(struct tune_study *s, const char *text, json_t **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    *out = NULL;
    if (!text)
        return AKIN_OK;
    AKIN_TRY(json_parse("log of trials", text, strlen(text), out, err));
    status = arena_own(&s->arena, release_json, *out, err);
done:
    return status;
}

static akin_status on_row(void *arg, const struct trial_row *row, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct tune_study *s = arg;
    struct logged_trial l = {row->number, row->rung, NULL,         NULL,
                             NULL,        NULL,      row->seconds, row->peak_bytes};
    AKIN_TRY(keep_json(s, row->params, &l.params, err));
    AKIN_TRY(keep_json(s, row->metrics, &l.metrics, err));
    l.model = arena_strndup(&s->arena, row->model, strlen(row->model), err);
    l.error = row->error ? arena_strndup(&s->arena, row->error, strlen(row->error), err) : NULL;
    if (!l.model || (row->error && !l.error))
        AKIN_TRY(AKIN_E_MEMORY);
    MEM_GROW(s->ctx, s->logged, s->cap_logged, s->n_logged + 1);
    s->logged[s->n_logged++] = l;
done:
    return status;
}

akin_status log_open(struct tune_study *s, const struct dataset *ds, akin_error *err)
{
    akin_status status = AKIN_OK;
    json_t *now = NULL, *then = NULL;
    struct buf text;
    buf_init(&text, s->ctx);
    if (!s->opt->log)
        goto done;
    AKIN_TRY(study_identity(s, ds, &now, err));
    AKIN_TRY(json_write(now, &text, err));
    AKIN_TRY(trial_log_open(s->ctx, s->opt->log, &s->log, err));
    const char *was = trial_log_study(s->log);
    if (strcmp(was, text.data) == 0) {
        AKIN_TRY(trial_log_read(s->log, on_row, s, err));
        goto done;
    }
    if (was[0] && !s->opt->replace_log) {
        AKIN_TRY(json_parse("log of trials", was, strlen(was), &then, err));
        AKIN_FAIL(AKIN_E_ARG,
                  "tune: log=%.100s is of another search (%s differs): name another log, or "
                  "replace_log",
                  s->opt->log, first_difference(now, then));
    }
    AKIN_TRY(trial_log_begin(s->log, text.data, err));
done:
    buf_free(&text);
    json_decref(now);
    json_decref(then);
    return status;
}

/* The result of a planned trial from the log, if it is there. */
akin_status log_take(struct tune_study *s, struct tune_trial *t, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct logged_trial *l = NULL;
    for (int64_t i = 0; i < s->n_logged && !l; i++)
        if (s->logged[i].number == t->number && s->logged[i].rung == t->rung)
            l = &s->logged[i];
    if (!l)
        return AKIN_OK;
    if (strcmp(l->model, s->families[t->family].cls->name) != 0 ||
        !json_equal(l->params, t->params))
        AKIN_FAIL(AKIN_E_FORMAT,
                  "tune: log=%.100s: trial %d is not what this akin would try; remove the log",
                  s->opt->log, t->number);
    t->seconds = l->seconds;
    t->peak_bytes = l->peak_bytes;
    t->state = l->metrics ? TRIAL_DONE : TRIAL_FAILED;
    snprintf(t->error, sizeof t->error, "%s", l->error ? l->error : "");
    for (int32_t i = 0; l->metrics && i < s->goal.n_metrics; i++)
        t->values[i] = json_double(l->metrics, s->goal.metrics[i].name, (double)NAN);
    if (l->metrics)
        t->violation = goal_violation(&s->goal, t->values);
    s->n_resumed++;
done:
    return status;
}

akin_status log_add(const struct tune_study *s, const struct tune_trial *t, akin_error *err)
{
    akin_status status = AKIN_OK;
    json_t *metrics = NULL;
    struct buf params, values;
    buf_init(&params, s->ctx);
    buf_init(&values, s->ctx);
    AKIN_TRY(json_write(t->params, &params, err));
    if (t->state == TRIAL_DONE) {
        metrics = trial_metrics(s, t);
        if (!metrics)
            AKIN_FAIL(AKIN_E_MEMORY, "tune: out of memory for the log");
        AKIN_TRY(json_write(metrics, &values, err));
    }
    const struct trial_row row = {.number = t->number,
                                  .rung = t->rung,
                                  .model = s->families[t->family].cls->name,
                                  .params = params.data,
                                  .metrics = metrics ? values.data : NULL,
                                  .error = metrics ? NULL : t->error,
                                  .seconds = t->seconds,
                                  .peak_bytes = t->peak_bytes};
    AKIN_TRY(trial_log_add(s->log, &row, err));
done:
    buf_free(&params);
    buf_free(&values);
    json_decref(metrics);
    return status;
}
