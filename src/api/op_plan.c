/*
 * The operation `plan`: predicted memory, time and disk of a configuration before any work starts.
 * Reading is predicted from a sample of the sources, training from each model's own formula,
 * ranking from the shape. Rates are of one core; docs/planning.md says how they were measured.
 */
#include "api/pipeline.h"
#include "core/json.h"
#include "core/par.h"
#include "live/live.h"
#include "train/train.h"

#include <math.h>
#include <string.h>

struct plan_params {
    const char *config;
    json_t *source;
};
static const akin_param plan_rows[] = {
    PARAM_TEXT(struct plan_params, config, "config/default.yaml", AKIN_PARAM_POSITIONAL,
               "configuration (YAML); or a SOURCE with --source"),
    PARAM_LIST(struct plan_params, source, NULL, 0,
               "plan only `prepare` of these files, without a configuration"),
    PARAM_END,
};

/* What `serve` would do with a configuration. */
static akin_status read_serve(struct op_call *call, const json_t *config, struct live_params *out,
                              akin_error *err)
{
    akin_status status = AKIN_OK;
    static const char key[] = "approximate_from";
    size_t n = 0;
    json_t *given = json_object();
    json_t *value = json_object_get(json_object_get(config, "serve"), key);
    while (live_param_rows[n].name)
        n++;
    if (!given || (value && json_object_set(given, key, value) != 0))
        AKIN_FAIL(AKIN_E_MEMORY, "plan: out of memory");
    AKIN_TRY(param_parse("serve", live_param_rows, n, given, &call->arena, out, err));
done:
    json_decref(given);
    return status;
}

/* The feedback rule among the parameters of a stage. */
static akin_status read_feedback(struct op_call *call, const json_t *params,
                                 struct feedback_params *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    json_t *given = json_object();
    bool ok = given != NULL;
    for (size_t i = 0; ok && i < feedback_n_params; i++) {
        json_t *value = json_object_get(params, feedback_param_rows[i].name);
        ok = !value || json_object_set(given, feedback_param_rows[i].name, value) == 0;
    }
    if (!ok)
        AKIN_FAIL(AKIN_E_MEMORY, "plan: out of memory");
    AKIN_TRY(param_parse("feedback", feedback_param_rows, feedback_n_params, given, &call->arena,
                         out, err));
done:
    json_decref(given);
    return status;
}

/* The program and its libraries before it reads anything. */
static const double PROGRAM_BYTES = 1e7;

struct totals {
    double bytes, seconds, disk;
};

static void add_row(json_t *rows, struct totals *t, const char *stage, const char *name,
                    double bytes, double seconds, double disk)
{
    json_array_append_new(rows,
                          json_pack("{s:s, s:s, s:f, s:f, s:f}", "stage", stage, "name", name,
                                    "peak_bytes", bytes, "seconds", seconds, "disk_bytes", disk));
    t->bytes = bytes > t->bytes ? bytes : t->bytes;
    t->seconds += seconds;
    t->disk += disk;
}

static akin_status plan_prepare(struct op_call *call, const json_t *params,
                                struct prepare_cost *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct prepare_params p;
    json_t *copy = json_copy((json_t *)(uintptr_t)params);
    json_object_del(copy, "output");
    AKIN_TRY(
        param_parse("plan", prepare_param_rows, prepare_n_params, copy, &call->arena, &p, err));
    AKIN_TRY(prepare_estimate(call->ctx, &p, clock_unix(), out, err));
done:
    json_decref(copy);
    return status;
}

/* The share of values that meet a rule; 1 if it is not about values. */
static double positive_share(struct op_call *call, const struct prepare_cost *data,
                             const struct feedback_params *rule)
{
    static const struct strtab no_types;
    struct feedback *f = NULL;
    int n = 0;
    if (rule->positive && feedback_create(call->ctx, rule, &no_types, 0, &f, NULL) == AKIN_OK)
        for (int i = 0; i < data->n_values; i++)
            n += feedback_is_positive(f, data->values[i], -1);
    feedback_free(f);
    return n > 0 ? (double)n / data->n_values : 1;
}

/* Items with a positive: each row of an item is one with that chance. */
static int64_t positive_items(struct op_call *call, const struct prepare_cost *data,
                              const struct feedback_params *rule)
{
    double share = positive_share(call, data, rule), seen = 0, left = 0;
    for (int k = 0; k < PREPARE_DOUBLINGS; k++) {
        double n = (double)data->item_events[k], rows = k == 0 ? 1 : 1.5 * ldexp(1, k);
        seen += n;
        left += n * (1 - pow(1 - share, rows));
    }
    double n = (double)data->n_items; /* those that no sample saw have hardly more than one row */
    return (int64_t)(seen > n ? n * left / seen : left + (n - seen) * share);
}

static akin_status plan_train(struct op_call *call, const struct stage *s,
                              const struct prepare_cost *data, const struct live_params *serve,
                              json_t *rows, struct totals *totals, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct model_class *cls;
    struct feedback_params rule;
    struct train_cost cost;
    struct train_shape shape = {data->n_rows, data->n_users, data->n_items};
    if (!json_object_get(s->params, "model")) { /* a configuration that a search will write */
        log_write(call->ctx, AKIN_LOG_WARN, "plan: %s is not predicted: its model comes of tune",
                  s->name);
        return AKIN_OK;
    }
    AKIN_TRY(model_class_get(json_text(s->params, "model", ""), &cls, err));
    AKIN_TRY(read_feedback(call, s->params, &rule, err));
    if (cls->flags & MODEL_SOME_ITEMS)
        shape.n_items = positive_items(call, data, &rule);
    AKIN_TRY(train_predict(call->ctx, cls, json_object_get(s->params, "set"), &rule, &shape, &cost,
                           err));
    /* The dataset is mapped and shared by view and model: its pages are resident, once, and once
     * more in the two parts that early stopping cuts it into. */
    double copies = json_object_get(s->params, "early_stopping") ? 2 : 1;
    double bytes = PROGRAM_BYTES + copies * (double)data->dataset_bytes + cost.bytes;
    double disk = (double)data->n_rows * 20 + (double)data->n_items * 4 * 64;
    add_row(rows, totals, "train", s->name, bytes, cost.core_seconds / par_workers(call->ctx),
            disk);
    if (cls->scorer.vectors) {
        int64_t from = serve->approximate_from;
        bool is_large = from > 0 && data->n_items >= from;
        json_object_set_new(json_array_get(rows, json_array_size(rows) - 1), "retrieval",
                            json_string(is_large ? "lists" : "exact"));
    }
done:
    return status;
}

/* A search by its budget, or by as many trainings with the defaults of its first model. */
static akin_status plan_tune(struct op_call *call, const struct stage *s,
                             const struct prepare_cost *data, json_t *rows, struct totals *totals,
                             akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct model_class *cls;
    const json_t *model = json_object_get(s->params, "model");
    const char *name = json_string_value(json_is_array(model) ? json_array_get(model, 0) : model);
    struct feedback_params rule;
    struct train_cost cost;
    const struct train_shape shape = {data->n_rows, data->n_users, data->n_items};
    double seconds, cores = par_workers(call->ctx);
    int64_t trials = json_int(s->params, "trials", 0);
    AKIN_TRY(op_tune_budget(json_text(s->params, "budget", NULL), &seconds, err));
    cls = model_class_at(0); /* of auto: where it begins */
    if (name && strcmp(name, "auto") != 0)
        AKIN_TRY(model_class_get(name, &cls, err));
    AKIN_TRY(read_feedback(call, s->params, &rule, err));
    AKIN_TRY(train_predict(call->ctx, cls, json_object_get(s->params, "set"), &rule, &shape, &cost,
                           err));
    if (!(seconds > 0))
        seconds = cost.core_seconds * (double)(trials > 0 ? trials : OP_TUNE_TRIALS);
    add_row(rows, totals, "tune", s->name,
            PROGRAM_BYTES + 2 * (double)data->dataset_bytes + cores * cost.bytes, seconds / cores,
            0);
done:
    return status;
}

static akin_status plan_config(struct op_call *call, const char *path, json_t *rows,
                               struct totals *totals, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct pipeline pipeline = {0};
    struct prepare_cost data = {0};
    struct live_params serve;
    json_t *config = NULL;
    AKIN_TRY(yaml_read_file(call->ctx, path, &config, err));
    AKIN_TRY(read_serve(call, config, &serve, err));
    AKIN_TRY(pipeline_build(call->ctx, config, &call->arena, &pipeline, err));
    for (int i = 0; i < pipeline.n_stages; i++) {
        const struct stage *s = &pipeline.stages[i];
        if (strcmp(s->stage, "prepare") == 0) {
            AKIN_TRY(plan_prepare(call, s->params, &data, err));
            add_row(rows, totals, s->stage, s->name, (double)data.peak_bytes, data.seconds,
                    (double)data.dataset_bytes);
        } else if (strcmp(s->stage, "train") == 0) {
            AKIN_TRY(plan_train(call, s, &data, &serve, rows, totals, err));
        } else if (strcmp(s->stage, "tune") == 0) {
            AKIN_TRY(plan_tune(call, s, &data, rows, totals, err));
        } else if (strcmp(s->stage, "split") == 0) {
            add_row(rows, totals, s->stage, s->name, 2.2 * (double)data.dataset_bytes,
                    (double)data.n_rows * 1e-7, (double)data.dataset_bytes);
        }
    }
done:
    pipeline_free(&pipeline);
    json_decref(config);
    return status;
}

static akin_status plan_run(struct op_call *call, json_t **result, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct plan_params p;
    struct totals totals = {0};
    json_t *rows = json_array(), *params = NULL;
    AKIN_TRY(op_parse(call, 0, &p, err));
    if (json_array_size(p.source) > 0) {
        struct prepare_cost data = {0};
        params = op_group_json(call, 1, err);
        if (!params)
            AKIN_TRY(AKIN_E_MEMORY);
        json_object_set(params, "source", p.source);
        AKIN_TRY(plan_prepare(call, params, &data, err));
        add_row(rows, &totals, "prepare", "", (double)data.peak_bytes, data.seconds,
                (double)data.dataset_bytes);
    } else {
        AKIN_TRY(plan_config(call, p.config, rows, &totals, err));
    }
    *result = json_pack("{s:O, s:f, s:f, s:f}", "stages", rows, "peak_bytes", totals.bytes,
                        "seconds", totals.seconds, "disk_bytes", totals.disk);
    if (!*result)
        AKIN_FAIL(AKIN_E_MEMORY, "plan: out of memory");
done:
    json_decref(params);
    json_decref(rows);
    return status;
}

const struct op op_plan = {
    {"plan",
     "predicted memory, time and disk before work starts",
     "akin plan config/default.yaml\nakin plan --source ratings.csv",
     {{"Options", plan_rows}, OP_GROUP_SOURCE},
     2},
    plan_run,
};
