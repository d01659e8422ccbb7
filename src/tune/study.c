/*
 * A search from its options to its result: goal, spaces, the parts of the data, the log that an
 * earlier run left, then generations until the plan has no more.
 * Cost: that of the trials.
 */
#include "tune/study.h"

#include "core/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static void release_json(void *json)
{
    json_decref(json);
}

/* What `map` says of one model: all of it, or the part under the model's name. */
static akin_status part_of(const struct tune_options *opt, const json_t *map, const char *what,
                           const char *model, const json_t **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    const json_t *own = json_object_get(map, model);
    *out = json_is_object(own) ? own : opt->n_models == 1 ? map : NULL;
    if (map && !json_is_object(map))
        AKIN_FAIL(AKIN_E_ARG, "tune: %s must be a map of key: value", what);
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)map, key, value) {
        bool is_model = false;
        for (int32_t m = 0; m < opt->n_models; m++)
            is_model = is_model || (strcmp(opt->models[m], key) == 0 && json_is_object(value));
        if (!is_model && opt->n_models > 1)
            AKIN_FAIL(
                AKIN_E_ARG,
                "tune: %s of several models needs the model's name first, as in {%s: {%s: …}}",
                what, opt->models[0], key);
    }
done:
    return status;
}

/* Is our name, or another library's for it, among given? */
static bool is_given(const struct model_class *cls, const json_t *given, const char *ours)
{
    bool is = json_object_get(given, ours) != NULL;
    for (const struct model_alias *a = cls->aliases; a && a->theirs; a++)
        is = is || (strcmp(a->ours, ours) == 0 && json_object_get(given, a->theirs));
    return is;
}

/* What is set, checked and in the types of its rows: "8" of a command line is the number 8. */
static akin_status typed_values(struct tune_study *s, const struct model_class *cls,
                                const json_t *given, const json_t **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct model *m = NULL;
    struct feedback_params rule;
    json_t *values = json_object(), *own = json_object(), *rules = json_object(), *model = NULL;
    json_t *feedback = NULL, *value;
    const char *key;
    bool ok = values && own && rules;
    json_object_foreach((json_t *)(uintptr_t)given, key, value) {
        bool is_rule = param_find(feedback_param_rows, feedback_n_params, key) != NULL;
        ok = ok && json_object_set(is_rule ? rules : own, key, value) == 0;
    }
    if (!ok)
        AKIN_FAIL(AKIN_E_MEMORY, "tune: out of memory for parameters");
    AKIN_TRY(model_create(s->ctx, cls, own, &m, err));
    AKIN_TRY(param_parse("feedback", feedback_param_rows, feedback_n_params, rules, &s->arena,
                         &rule, err));
    model = param_dump(cls->params, cls->n_params, m->params);
    feedback = param_dump(feedback_param_rows, feedback_n_params, &rule);
    json_object_foreach(json_object_size(rules) > 0 ? feedback : NULL, key, value) {
        ok = ok && (!json_object_get(rules, key) || json_object_set(values, key, value) == 0);
    }
    json_object_foreach(model, key, value) {
        ok = ok && (!is_given(cls, own, key) || json_object_set(values, key, value) == 0);
    }
    if (!ok || !model || !feedback)
        AKIN_FAIL(AKIN_E_MEMORY, "tune: out of memory for parameters");
    *out = values;
    values = NULL;
    status = arena_own(&s->arena, release_json, (json_t *)(uintptr_t)*out, err);
done:
    model_free(m);
    json_decref(values);
    json_decref(own);
    json_decref(rules);
    json_decref(model);
    json_decref(feedback);
    return status;
}

static akin_status open_families(struct tune_study *s, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct tune_options *opt = s->opt;
    if (opt->n_models < 1 || opt->n_models > TUNE_MODELS)
        AKIN_FAIL(AKIN_E_ARG, "tune: %d models (must be 1..%d)", opt->n_models, TUNE_MODELS);
    MEM_ZERO(s->ctx, s->families, opt->n_models);
    s->n_families = opt->n_models;
    for (int32_t i = 0; i < opt->n_models; i++) {
        struct tune_family *f = &s->families[i];
        const json_t *ranges, *fixed;
        AKIN_TRY(model_class_get(opt->models[i], &f->cls, err));
        for (int32_t j = 0; j < i; j++)
            if (s->families[j].cls == f->cls)
                AKIN_FAIL(AKIN_E_ARG, "tune: model %s is named twice", f->cls->name);
        AKIN_TRY(part_of(opt, opt->space, "space", f->cls->name, &ranges, err));
        AKIN_TRY(part_of(opt, opt->fixed, "set", f->cls->name, &fixed, err));
        AKIN_TRY(typed_values(s, f->cls, fixed, &f->fixed, err));
        AKIN_TRY(space_build(&s->arena, f->cls, ranges, f->fixed, &f->space, err));
        for (int32_t d = 0; d < f->space.n; d++)
            if (json_object_get(opt->feedback, f->space.dims[d].name))
                AKIN_FAIL(AKIN_E_ARG, "tune: %s is both set and in the space; give one",
                          f->space.dims[d].name);
        f->is_alive = true;
        if (f->space.n == 0 && opt->n_models == 1)
            AKIN_FAIL(AKIN_E_ARG,
                      "tune: %s has nothing to tune; name ranges by space, such as key=1..10",
                      f->cls->name);
    }
    for (s->n_rounds = 1; 1 << (s->n_rounds - 1) < s->n_families; s->n_rounds++) {
    }
done:
    return status;
}

static akin_status check_options(const struct tune_options *opt, akin_error *err)
{
    akin_status status = AKIN_OK;
    if (opt->trials < 0 || opt->budget_seconds < 0 ||
        (opt->trials == 0 && !(opt->budget_seconds > 0)))
        AKIN_FAIL(AKIN_E_ARG, "tune: give trials, or a budget, of more than 0");
    if (!(opt->sample > 0 && opt->sample <= 1))
        AKIN_FAIL(AKIN_E_ARG, "tune: sample=%g (must be above 0 and at most 1)", opt->sample);
    if (opt->valid && opt->validation)
        AKIN_FAIL(AKIN_E_ARG, "tune: both valid and validation; give one");
    if (opt->search != TUNE_HALVING)
        goto done;
    if (opt->rungs < 2 || opt->rungs > TUNE_RUNGS || opt->eta < 2 || opt->eta > 10)
        AKIN_FAIL(AKIN_E_ARG, "tune: rungs=%" PRId64 ", eta=%" PRId64 " (must be 2..%d and 2..10)",
                  opt->rungs, opt->eta, TUNE_RUNGS);
    if (opt->n_models > 1)
        AKIN_FAIL(AKIN_E_ARG, "tune: halving is over the trials of one model; several models are "
                              "halved by themselves");
done:
    return status;
}

/* A part of the data on a share of the users. */
static akin_status sample_part(const struct tune_part *from, double share, struct tune_part *out,
                               akin_error *err)
{
    akin_status status = AKIN_OK;
    out->share = share;
    AKIN_TRY(dataset_sample_users(from->train, share, &out->train, err));
    AKIN_TRY(dataset_sample_users(from->valid, share, &out->valid, err));
done:
    return status;
}

static void part_free(struct tune_part *p)
{
    dataset_free(p->train);
    dataset_free(p->valid);
    *p = (struct tune_part){0};
}

/* Held-out data of the caller: what was trained on is refused before any trial. */
static akin_status check_leakage(const struct tune_study *s, const struct dataset *ds,
                                 const struct dataset *valid, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct feedback *f = NULL;
    struct histories hist = {0};
    struct test_view view = {0};
    AKIN_TRY(feedback_create(s->ctx, &s->rule, &ds->types, dataset_newest(ds), &f, err));
    AKIN_TRY(histories_build(s->ctx, ds, f, &hist, err));
    AKIN_TRY(test_view_build(s->ctx, valid, &ds->users, &ds->items, f, &view, err));
    AKIN_TRY(eval_check_leakage(s->ctx, &hist, ds->time_kind, &ds->users, &ds->items, &view, false,
                                err));
done:
    test_view_free(&view);
    histories_free(s->ctx, &hist);
    feedback_free(f);
    return status;
}

static akin_status open_data(struct tune_study *s, const struct dataset *ds, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct tune_part whole = {.share = 1};
    if (ds->n_events == 0)
        AKIN_FAIL(AKIN_E_INPUT, "tune: the data has no events");
    if (s->opt->valid) {
        whole.train = dataset_share(ds);
        whole.valid = dataset_share(s->opt->valid);
        snprintf(s->validation, sizeof s->validation, "given");
        AKIN_TRY(check_leakage(s, ds, s->opt->valid, err));
    } else {
        AKIN_TRY(
            train_carve(ds, s->opt->validation, &whole.train, &whole.valid, s->validation, err));
    }
    if (s->opt->sample < 1) {
        AKIN_TRY(sample_part(&whole, s->opt->sample, &s->full, err));
    } else {
        s->full = whole;
        whole = (struct tune_part){0};
    }
done:
    part_free(&whole);
    return status;
}

/* The sample that models without epochs are tried on at a rung. */
static akin_status open_sample(struct tune_study *s, const struct tune_trial *t, akin_error *err)
{
    struct tune_part *p = &s->samples[t->rung];
    if (!trial_wants_sample(s, t) || p->train)
        return AKIN_OK;
    for (int32_t r = 0; r < t->rung; r++)
        part_free(&s->samples[r]);
    return sample_part(&s->full, t->share, p, err);
}

/* ---- the search ---- */

static void say_trials(const struct tune_study *s, int64_t first)
{
    for (int64_t i = first; i < s->n_trials; i++) {
        const struct tune_trial *t = s->trials[i];
        const char *model = s->families[t->family].cls->name;
        if (!t->is_new)
            continue;
        if (t->state == TRIAL_FAILED)
            log_write(s->ctx, AKIN_LOG_WARN, "tune: trial %d (%s) failed: %s", t->number, model,
                      t->error);
        else
            log_write(s->ctx, AKIN_LOG_INFO, "tune: trial %d (%s, rung %d): %s %.6f, %.2f s",
                      t->number, model, t->rung, s->goal.metrics[0].name, t->values[0], t->seconds);
    }
}

/* Units of progress: trials where they are the limit, else predicted milliseconds. */
static int64_t planned_units(const struct tune_study *s)
{
    double n = (double)s->opt->trials, sum = 0;
    if (s->opt->trials == 0)
        return (int64_t)(s->opt->budget_seconds * 1e3);
    for (int32_t r = 0; r < study_rungs(s); r++) {
        sum += n;
        n = ceil(n / (double)s->opt->eta);
    }
    return (int64_t)sum;
}

/* Trials that failed before they ran (their prediction did) are logged with the others. */
static akin_status study_search(struct tune_study *s, akin_error *err)
{
    akin_status status = AKIN_OK;
    progress_begin(s->ctx, "tune", planned_units(s));
    for (;;) {
        int64_t first = s->n_trials;
        AKIN_TRY(ctx_check(s->ctx, err));
        AKIN_TRY(plan_next(s, err));
        if (s->n_trials == first)
            break;
        for (int64_t i = first; i < s->n_trials; i++) {
            struct tune_trial *t = s->trials[i];
            AKIN_TRY(log_take(s, t, err));
            if (t->state != TRIAL_PLANNED)
                progress_add(s->ctx,
                             s->opt->trials > 0 ? 1 : (int64_t)(t->cost.core_seconds * 1e3));
            else
                AKIN_TRY(open_sample(s, t, err));
        }
        AKIN_TRY(crew_run(s, first, err));
        say_trials(s, first);
    }
done:
    progress_end(s->ctx);
    return status;
}

static void study_free(struct tune_study *s)
{
    trial_log_close(s->log);
    for (int32_t r = 0; r < TUNE_RUNGS; r++)
        part_free(&s->samples[r]);
    part_free(&s->full);
    mem_free(s->ctx, s->logged);
    mem_free(s->ctx, s->trials);
    mem_free(s->ctx, s->families);
    arena_free(&s->arena);
}

akin_status tune_run(akin_ctx *ctx, const struct dataset *ds, const struct tune_options *opt,
                     json_t **result, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct tune_study s = {.ctx = ctx, .opt = opt};
    arena_init(&s.arena, ctx);
    AKIN_TRY(check_options(opt, err));
    AKIN_TRY(goal_parse(opt->metrics, opt->constraints, &s.goal, err));
    AKIN_TRY(param_parse("feedback", feedback_param_rows, feedback_n_params, opt->feedback,
                         &s.arena, &s.rule, err));
    AKIN_TRY(open_families(&s, err));
    AKIN_TRY(open_data(&s, ds, err));
    AKIN_TRY(log_open(&s, ds, err));
    AKIN_TRY(study_search(&s, err));
    AKIN_TRY(study_result(&s, result, err));
done:
    study_free(&s);
    return status;
}
