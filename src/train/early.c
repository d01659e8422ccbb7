/*
 * Early stopping: how many epochs a validation part prefers.
 *
 * The part is carved from the training data in the way the data itself was split (or as told), so
 * that the test is never looked at. After each epoch the metric is taken; `patience` epochs
 * without a gain end the search. Cost: one fit on the rest, one evaluation an epoch.
 */
#include "train/run.h"

#include <math.h>
#include <string.h>

struct early {
    struct train_run *run;
    const struct dataset *valid;
    struct test_view view; /* joined to the model at its first epoch */
    bool has_view;
    struct metric_spec metric;
    bool is_error; /* smaller is better */
    double best;
    int64_t best_epoch;
    json_t *curve; /* owned */
};

static akin_status early_measure(struct early *e, const struct model *m, double *value,
                                 akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct eval_options opt = {.metrics = &e->metric,
                                     .n_metrics = 1,
                                     .with_cold_users = false,
                                     .clip = true,
                                     .allow_leakage = true}; /* carved: there is none */
    struct eval_result r = {0};
    if (!e->has_view) {
        AKIN_TRY(test_view_build(e->run->ctx, e->valid, &m->users, &m->items, m->feedback, &e->view,
                                 err));
        e->has_view = true;
    }
    AKIN_TRY(evaluate_model(e->run->ctx, m, &e->view, &opt, &r, err));
    *value = r.metrics[0].value;
    if (!isfinite(*value))
        AKIN_FAIL(AKIN_E_ARG, "%s: early_metric=%s has no value on the validation part (%s)",
                  m->cls->name, e->metric.name,
                  r.reason[0] ? r.reason[0] : "no known user with a relevant item");
done:
    eval_result_free(e->run->ctx, &r);
    return status;
}

static akin_status early_epoch(void *arg, struct model *m, int64_t epoch, double loss, bool *stop,
                               akin_error *err)
{
    akin_status status = AKIN_OK;
    struct early *e = arg;
    double value = 0.0;
    AKIN_TRY(run_note(e->run, epoch, loss, err));
    AKIN_TRY(early_measure(e, m, &value, err));
    if (json_array_append_new(e->curve, json_real(value)) != 0)
        AKIN_FAIL(AKIN_E_MEMORY, "%s: out of memory for the curve", m->cls->name);
    if (e->best_epoch == 0 || (e->is_error ? value < e->best : value > e->best)) {
        e->best = value;
        e->best_epoch = epoch;
    }
    log_write(e->run->ctx, AKIN_LOG_INFO, "%s: epoch %lld, validation %s %.6f", m->cls->name,
              (long long)epoch, e->metric.name, value);
    *stop = epoch - e->best_epoch >= e->run->opt->early_patience;
done:
    return status;
}

akin_status early_find(struct train_run *run, const struct dataset *ds, int64_t *epochs,
                       akin_error *err)
{
    akin_status status = AKIN_OK;
    struct early e = {.run = run};
    struct dataset *train = NULL, *valid = NULL;
    struct model *m = NULL;
    struct fit_control ctl = {.arg = &e, .epoch = early_epoch};
    char by[TRAIN_SPLIT_TEXT];
    AKIN_TRY(metric_parse(run->opt->early_metric, DIALECT_AKIN, &e.metric, err));
    e.is_error = metric_direction(&e.metric) < 0;
    AKIN_TRY(train_carve(ds, run->opt->validation, &train, &valid, by, err));
    e.valid = valid;
    e.curve = json_array();
    if (!e.curve)
        AKIN_FAIL(AKIN_E_MEMORY, "%s: out of memory", run->cls->name);
    AKIN_TRY(run_fit(run, train, &ctl, &m, err));
    if (e.best_epoch == 0)
        AKIN_FAIL(AKIN_E_ARG, "%s: made no epoch to choose from", run->cls->name);
    run->early = json_pack("{s:s, s:s, s:I, s:I, s:f, s:O}", "metric", e.metric.definition,
                           "validation", by, "patience", (json_int_t)run->opt->early_patience,
                           "epoch", (json_int_t)e.best_epoch, "value", e.best, "curve", e.curve);
    if (!run->early)
        AKIN_FAIL(AKIN_E_MEMORY, "%s: out of memory", run->cls->name);
    *epochs = e.best_epoch;
done:
    if (e.has_view)
        test_view_free(&e.view);
    json_decref(e.curve);
    model_free(m);
    dataset_free(train);
    dataset_free(valid);
    return status;
}
