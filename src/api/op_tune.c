/* The operation `tune`: the best parameters of a model on a validation part, as YAML. */
#include "api/model_yaml.h"
#include "api/op.h"
#include "core/json.h"
#include "core/text.h"
#include "report/report.h"
#include "tune/tune.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct tune_params {
    const char *data;
    json_t *model;
    json_t *metric;
    json_t *constraint;
    json_t *space;
    json_t *set;
    int64_t search;
    int64_t trials;
    const char *budget;
    int64_t parallel;
    int64_t rungs;
    int64_t eta;
    double sample;
    const char *validation;
    const char *valid;
    const char *output;
    const char *log;
    int64_t replace_log;
    const char *report;
    const char *numbers;
};
static const akin_param tune_rows[] = {
    PARAM_TEXT(struct tune_params, data, NULL, AKIN_PARAM_REQUIRED | AKIN_PARAM_POSITIONAL,
               "training data: dataset file or any SOURCE; the test stays out of it"),
    PARAM_LIST(struct tune_params, model, NULL, AKIN_PARAM_REQUIRED,
               "model to tune (see akin models); of several the better half goes on, round by "
               "round; auto: all that can be asked for the metric"),
    PARAM_LIST(struct tune_params, metric, "ndcg@10", 0,
               "what to search for (docs/metrics.md); further ones are measured beside it"),
    PARAM_LIST(struct tune_params, constraint, NULL, 0,
               "what the result must meet, e.g. 'coverage@10>=0.2'; may be repeated"),
    PARAM_MAP(
        struct tune_params, space, 0,
        "ranges, key=16..256, key=1e-4..1:log or key=a|b|c, beside those of akin params NAME"),
    PARAM_MAP(struct tune_params, set, 0, "a parameter that is not searched, key=value"),
    PARAM_CHOICE(struct tune_params, search, "tpe", TUNE_SEARCHES, 0,
                 "how settings are proposed; halving tries them on a part of the training first"),
    PARAM_INT(struct tune_params, trials, "0", 0, 100000, "settings", 0,
              "how many to try; 0 = 40, or as many as the budget allows"),
    PARAM_TEXT(struct tune_params, budget, NULL, 0,
               "predicted time of one core at most, e.g. 90s, 10m, 2h"),
    PARAM_INT(struct tune_params, parallel, "0", 0, 1024, "trials", 0,
              "how many at a time, as memory allows; 0 = as many as threads"),
    PARAM_INT(struct tune_params, rungs, "3", 2, TUNE_RUNGS, "", 0, "halving: steps of training"),
    PARAM_INT(struct tune_params, eta, "3", 2, 10, "", 0,
              "halving: 1/eta of a rung goes on to eta times the training"),
    PARAM_REAL(struct tune_params, sample, "1", 0.0001, 1, "", 0,
               "share of users to search on, by a hash of their ids"),
    PARAM_TEXT(
        struct tune_params, validation, NULL, 0,
        "split that carves the validation part, default as the data was split, else time:0.1 "
        "(or ratio:0.1)"),
    PARAM_TEXT(struct tune_params, valid, NULL, 0,
               "held-out data to measure on instead; pairs that were trained on are refused"),
    PARAM_TEXT(struct tune_params, output, NULL, 0,
               "YAML to write for akin train --config; short: -o"),
    PARAM_TEXT(
        struct tune_params, log, NULL, 0,
        "file of trials, from which a search goes on; default: the output with .db behind, none "
        "without output"),
    PARAM_BOOL(struct tune_params, replace_log, "false", 0,
               "start anew where the log is of another search"),
    PARAM_TEXT(struct tune_params, report, NULL, 0,
               "page to write (.html): what mattered, trade-offs, all trials"),
    PARAM_TEXT(struct tune_params, numbers, NULL, 0, "also write the result as JSON to this file"),
    PARAM_END,
};

akin_status op_tune_budget(const char *text, double *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    static const struct {
        char unit;
        double seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    size_t n = text ? strlen(text) : 0;
    double factor = 1;
    *out = 0;
    if (!text)
        return AKIN_OK;
    for (size_t i = 0; n > 1 && i < sizeof units / sizeof *units; i++)
        if (text[strlen(text) - 1] == units[i].unit) {
            factor = units[i].seconds;
            n = strlen(text) - 1;
        }
    if (!text_to_double(text, n, out) || !(*out > 0) || !isfinite(*out *= factor))
        AKIN_FAIL(AKIN_E_ARG, "tune: budget=%.40s (must be such as 90s, 10m or 2h)", text);
done:
    return status;
}

/* What --model names, and what is set for each: {model: {key: value}}. */
static akin_status read_models(struct op_call *call, const struct tune_params *p,
                               const char **models, int32_t *n, json_t **fixed, akin_error *err)
{
    akin_status status = AKIN_OK;
    size_t i;
    json_t *spec, *params = NULL;
    *fixed = json_object();
    const char *only = json_string_value(json_array_get(p->model, 0));
    if (only && json_array_size(p->model) == 1 && strcmp(only, "auto") == 0) {
        if (p->set)
            AKIN_FAIL(AKIN_E_ARG, "tune: set is of a model; name the models instead of auto");
        AKIN_TRY(tune_auto(p->metric, models, n, err));
        goto done;
    }
    json_array_foreach(p->model, i, spec) {
        const char *name;
        if (i >= TUNE_MODELS)
            AKIN_FAIL(AKIN_E_LIMIT, "tune: more than %d models", TUNE_MODELS);
        AKIN_TRY(op_model_spec(spec, &models[i], &name, &params, err));
        models[i] = arena_strndup(&call->arena, models[i], strlen(models[i]), err);
        if (!models[i])
            AKIN_TRY(AKIN_E_MEMORY);
        if (p->set && json_object_update_missing(params, p->set) != 0)
            AKIN_FAIL(AKIN_E_MEMORY, "tune: out of memory for parameters");
        if (json_object_set_new(*fixed, models[i], params) != 0) {
            params = NULL;
            AKIN_FAIL(AKIN_E_MEMORY, "tune: out of memory for parameters");
        }
        params = NULL;
        *n = (int32_t)i + 1;
    }
done:
    json_decref(params);
    return status;
}

/* The best trial for train --config: its keys, and the rule of feedback it was found under. */
static akin_status write_best(struct op_call *call, const struct tune_params *p,
                              const json_t *result, akin_error *err)
{
    akin_status status = AKIN_OK;
    const json_t *best = json_object_get(result, "best");
    const char *metric =
        json_text(json_array_get(json_object_get(result, "metrics"), 0), "name", "");
    char comment[256];
    json_t *spec = json_pack("{s:O}", "type", json_object_get(best, "model"));
    snprintf(comment, sizeof comment, "by akin tune: %s %.6g on validation %s, trial %d of %d",
             metric, json_double(json_object_get(best, "metrics"), metric, 0),
             json_text(result, "validation", ""), (int)json_int(best, "trial", 0),
             (int)json_int(result, "settings", 0));
    if (!spec || json_object_update(spec, json_object_get(best, "params")) != 0 ||
        json_object_update_missing(spec, json_object_get(best, "feedback")) != 0)
        AKIN_FAIL(AKIN_E_MEMORY, "tune: out of memory for the result");
    AKIN_TRY(model_yaml_write(call->ctx, p->output, comment, spec, err));
done:
    json_decref(spec);
    return status;
}

/* The page and the numbers, where they are asked for. */
static akin_status write_report(struct op_call *call, const struct tune_params *p,
                                const json_t *result, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct buf page, numbers;
    buf_init(&page, call->ctx);
    buf_init(&numbers, call->ctx);
    if (p->report) {
        AKIN_TRY(report_tune_html(call->ctx, result, &page, err));
        AKIN_TRY(file_write(call->ctx, p->report, page.data, page.size, err));
    }
    if (p->numbers) {
        AKIN_TRY(json_write_ordered(result, &numbers, err));
        buf_char(&numbers, '\n');
        AKIN_TRY(buf_check(&numbers, err));
        AKIN_TRY(file_write(call->ctx, p->numbers, numbers.data, numbers.size, err));
    }
done:
    buf_free(&page);
    buf_free(&numbers);
    return status;
}

static akin_status log_path(struct op_call *call, struct tune_params *p, akin_error *err)
{
    akin_status status = AKIN_OK;
    char path[1024];
    if (p->log || !p->output)
        return AKIN_OK;
    if (snprintf(path, sizeof path, "%s.db", p->output) >= (int)sizeof path)
        AKIN_FAIL(AKIN_E_LIMIT, "tune: a path of more than %zu bytes", sizeof path - 1);
    p->log = arena_strndup(&call->arena, path, strlen(path), err);
    if (!p->log)
        AKIN_TRY(AKIN_E_MEMORY);
done:
    return status;
}

static akin_status tune_op_run(struct op_call *call, json_t **result, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct tune_params p;
    struct dataset *ds = NULL, *valid = NULL;
    json_t *feedback = NULL, *fixed = NULL, *out = NULL;
    const char *models[TUNE_MODELS];
    struct tune_options opt = {.models = models};
    AKIN_TRY(op_parse(call, 0, &p, err));
    feedback = op_group_json(call, 1, err);
    if (!feedback)
        AKIN_TRY(AKIN_E_MEMORY);
    AKIN_TRY(op_tune_budget(p.budget, &opt.budget_seconds, err));
    AKIN_TRY(read_models(call, &p, models, &opt.n_models, &fixed, err));
    AKIN_TRY(log_path(call, &p, err));
    AKIN_TRY(op_open_dataset(call, 2, p.data, &ds, err));
    if (p.valid)
        AKIN_TRY(op_open_dataset(call, 2, p.valid, &valid, err));
    opt.space = p.space;
    opt.fixed = fixed;
    opt.feedback = feedback;
    opt.metrics = p.metric;
    opt.constraints = p.constraint;
    opt.search = (enum tune_search)p.search;
    opt.trials = p.trials > 0 || p.budget ? p.trials : OP_TUNE_TRIALS;
    opt.parallel = p.parallel;
    opt.rungs = p.rungs;
    opt.eta = p.eta;
    opt.sample = p.sample;
    opt.validation = p.validation;
    opt.valid = valid;
    opt.log = p.log;
    opt.replace_log = p.replace_log != 0;
    AKIN_TRY(tune_run(call->ctx, ds, &opt, &out, err));
    if (p.output)
        AKIN_TRY(write_best(call, &p, out, err));
    if ((p.output && json_object_set_new(out, "output", json_string(p.output)) != 0) ||
        (p.log && json_object_set_new(out, "log", json_string(p.log)) != 0) ||
        (p.report && json_object_set_new(out, "report", json_string(p.report)) != 0))
        AKIN_FAIL(AKIN_E_MEMORY, "tune: out of memory for the result");
    AKIN_TRY(write_report(call, &p, out, err));
    *result = out;
    out = NULL;
done:
    json_decref(out);
    json_decref(fixed);
    json_decref(feedback);
    dataset_free(valid);
    dataset_free(ds);
    return status;
}

const struct op op_tune = {
    {"tune",
     "find the parameters that a validation part prefers",
     "akin tune train.akin --model ials --metric ndcg@10 --trials 40 -o best.yaml\n"
     "akin tune train.akin --model ease --metric ndcg@10,coverage@10 --constraint "
     "'coverage@10>=0.2' --space 'reg=1..1000:log' -o best.yaml\n"
     "akin train train.akin --config best.yaml -o best.akin",
     {{"Options", tune_rows}, OP_GROUP_FEEDBACK, OP_GROUP_SOURCE},
     3},
    tune_op_run,
};
