/*
 * One trial: a training and an evaluation in a context of its own, which nothing that runs beside
 * it can change. Datasets are lent, not copied.
 *
 * At a part of the full training a model with epochs makes fewer of them; any other is trained, and
 * measured, on a hashed sample of the users (halving, study.c).
 */
#include "tune/study.h"

#include "core/json.h"
#include "core/param.h"
#include "core/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Seconds of one core that a score of one item for one user takes in an evaluation; the start. */
static const double SECONDS_PER_SCORE = 5e-9, SECONDS_PER_TRIAL = 0.01;

static void trial_fail(struct tune_trial *t, const char *message)
{
    t->state = TRIAL_FAILED;
    snprintf(t->error, sizeof t->error, "%s", message);
}

static bool has_epochs(const struct model_class *cls)
{
    const akin_param *row = param_find(cls->params, cls->n_params, "epochs");
    return (cls->flags & MODEL_EPOCHS) && row && row->type == AKIN_PARAM_INT;
}

bool trial_wants_sample(const struct tune_study *s, const struct tune_trial *t)
{
    return t->share < 1 && !has_epochs(s->families[t->family].cls);
}

/* Parameters as train_model takes them: at a share with fewer epochs. A new object. */
static akin_status params_of(const struct tune_study *s, const struct tune_trial *t, json_t **out,
                             akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct model_class *cls = s->families[t->family].cls;
    json_t *params = json_deep_copy(t->params);
    if (!params)
        AKIN_FAIL(AKIN_E_MEMORY, "tune: out of memory for parameters");
    if (t->share < 1 && has_epochs(cls)) {
        const akin_param *row = param_find(cls->params, cls->n_params, "epochs");
        json_t *given = json_object_get(params, "epochs");
        double epochs = json_number_value(given);
        if (!given)
            (void)text_to_double(row->default_text, strlen(row->default_text), &epochs);
        epochs = floor(epochs * t->share + 0.5);
        epochs = epochs < row->lo ? row->lo : epochs;
        if (json_object_set_new(params, "epochs", json_integer((json_int_t)epochs)) != 0)
            AKIN_FAIL(AKIN_E_MEMORY, "tune: out of memory for parameters");
    }
    *out = params;
    params = NULL;
done:
    json_decref(params);
    return status;
}

/* The model's own keys of params: a new object, or NULL. */
static json_t *model_keys(const json_t *params)
{
    json_t *out = json_copy((json_t *)(uintptr_t)params);
    for (size_t i = 0; out && i < feedback_n_params; i++)
        json_object_del(out, feedback_param_rows[i].name);
    return out;
}

akin_status trial_predict(struct tune_study *s, struct tune_trial *t, akin_error *err)
{
    json_t *params = NULL, *own = NULL;
    const struct dataset *train = s->full.train;
    /* The sample may not be there: a resumed search takes results from the log, and must predict
     * what it did before. */
    double users = trial_wants_sample(s, t) ? t->share : 1;
    const struct train_shape shape = {(int64_t)((double)train->n_events * users),
                                      (int64_t)((double)train->users.n * users), train->items.n};
    akin_status status = params_of(s, t, &params, err);
    t->cost = (struct train_cost){0};
    if (status == AKIN_OK && !(own = model_keys(params)))
        status = error_set(err, AKIN_E_MEMORY, __FILE__, __LINE__, "tune: out of memory");
    if (status == AKIN_OK)
        status =
            train_predict(s->ctx, s->families[t->family].cls, own, &s->rule, &shape, &t->cost, err);
    t->cost.core_seconds += SECONDS_PER_TRIAL + SECONDS_PER_SCORE * (double)s->full.valid->users.n *
                                                    users * (double)train->items.n;
    json_decref(params);
    json_decref(own);
    if (status == AKIN_OK || status == AKIN_E_MEMORY)
        return status;
    trial_fail(t, err->message);
    return AKIN_OK;
}

static akin_status trial_measure(const struct tune_study *s, akin_ctx *ctx, const struct model *m,
                                 const struct dataset *valid, struct tune_trial *t, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct tune_goal *g = &s->goal;
    struct test_view view = {0};
    struct eval_result r = {0};
    const struct eval_options opt = {.metrics = g->metrics,
                                     .n_metrics = g->n_metrics,
                                     .clip = true,
                                     .allow_leakage = true}; /* carved, or checked at the start */
    AKIN_TRY(test_view_build(ctx, valid, &m->users, &m->items, m->feedback, &view, err));
    AKIN_TRY(evaluate_model(ctx, m, &view, &opt, &r, err));
    for (int32_t i = 0; i < g->n_metrics; i++)
        t->values[i] = r.metrics[i].value;
    for (int32_t i = 0; i < g->n_constraints + 1; i++) {
        int32_t at = i < g->n_constraints ? g->constraints[i].metric : 0;
        if (!isfinite(t->values[at]))
            AKIN_FAIL(AKIN_E_INPUT, "%s has no value on the validation part (%s)",
                      g->metrics[at].name,
                      r.reason[at] ? r.reason[at] : "no known user with a relevant item");
    }
    t->violation = goal_violation(g, t->values);
done:
    eval_result_free(ctx, &r);
    test_view_free(&view);
    return status;
}

static akin_status trial_fit(const struct tune_study *s, akin_ctx *ctx, struct tune_trial *t,
                             akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct tune_part *part = trial_wants_sample(s, t) ? &s->samples[t->rung] : &s->full;
    struct dataset *train = NULL, *valid = NULL;
    struct model *m = NULL;
    json_t *params = NULL, *feedback = NULL;
    AKIN_TRY(params_of(s, t, &params, err));
    if (s->opt->feedback && !(feedback = json_deep_copy(s->opt->feedback)))
        AKIN_FAIL(AKIN_E_MEMORY, "tune: out of memory for parameters");
    AKIN_TRY(dataset_lend(ctx, part->train, &train, err));
    AKIN_TRY(dataset_lend(ctx, part->valid, &valid, err));
    const struct train_options opt = {
        .cls = s->families[t->family].cls, .params = params, .feedback = feedback};
    AKIN_TRY(train_model(ctx, train, &opt, &m, err));
    AKIN_TRY(trial_measure(s, ctx, m, valid, t, err));
done:
    model_free(m);
    dataset_free(valid);
    dataset_free(train);
    json_decref(feedback);
    json_decref(params);
    return status;
}

static void on_progress(void *tick, const akin_progress *p)
{
    (void)p;
    progress_poll(tick);
}

akin_status trial_run(const struct tune_study *s, struct tune_trial *t, int64_t threads,
                      int64_t limit_bytes, akin_ctx *tick, bool *is_short, akin_error *err)
{
    akin_ctx *ctx = NULL;
    int64_t start = clock_ns();
    *is_short = false;
    akin_status status = ctx_fork(s->ctx, threads, limit_bytes, &ctx, err);
    if (status == AKIN_OK) {
        if (tick)
            akin_ctx_on_progress(ctx, on_progress, tick);
        status = trial_fit(s, ctx, t, err);
        t->peak_bytes = mem_peak(ctx->mem);
        ctx_free(ctx);
    }
    t->seconds = (double)(clock_ns() - start) * 1e-9;
    /* What the machine lacks is no property of the trial, as what a limit forbids is. */
    if (status == AKIN_E_CANCELLED || (status == AKIN_E_MEMORY && limit_bytes == 0))
        return status;
    t->state = TRIAL_DONE;
    if (status == AKIN_E_MEMORY) {
        *is_short = true; /* said so that it is the same at any number of threads */
        t->state = TRIAL_FAILED;
        snprintf(t->error, sizeof t->error,
                 "out of memory: more than %lld bytes are needed (the limit for one trial)",
                 (long long)limit_bytes);
    } else if (status != AKIN_OK) {
        trial_fail(t, err->message);
    }
    return AKIN_OK;
}

json_t *trial_metrics(const struct tune_study *s, const struct tune_trial *t)
{
    json_t *out = json_object();
    for (int32_t i = 0; out && i < s->goal.n_metrics; i++) {
        json_t *value = isfinite(t->values[i]) ? json_real(t->values[i]) : json_null();
        if (json_object_set_new(out, s->goal.metrics[i].name, value) != 0) {
            json_decref(out);
            out = NULL;
        }
    }
    return out;
}
