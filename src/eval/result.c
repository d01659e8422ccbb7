/* The JSON of one result; values that do not apply are null, with the reason beside them. */
#include "eval/pass.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void set_number(json_t *object, const char *key, double x)
{
    json_object_set_new(object, key, isfinite(x) ? json_real(x) : json_null());
}

static json_t *value_json(const struct metric_value *v)
{
    json_t *out = json_object();
    set_number(out, "value", v->value);
    if (isfinite(v->lo) && isfinite(v->hi)) {
        set_number(out, "lo", v->lo);
        set_number(out, "hi", v->hi);
    }
    json_object_set_new(out, "n", json_integer(v->n));
    return out;
}

json_t *metric_values_json(const struct eval_options *opt, const struct metric_value *values)
{
    json_t *out = json_object();
    for (int32_t i = 0; i < opt->n_metrics; i++)
        if (values[i].n > 0)
            json_object_set_new(out, opt->metrics[i].name, value_json(&values[i]));
    return out;
}

/* The definition as computed: what only the run decides goes into the brackets. */
static json_t *definition_json(const struct eval_result *r, const struct eval_options *opt,
                               const struct metric_spec *m)
{
    char text[sizeof m->definition + 32];
    const char *extra = "";
    if (r->is_sampled)
        extra = ",sampled";
    else if (opt->clip && (m->id == METRIC_RMSE || m->id == METRIC_MAE))
        extra = ",clip";
    size_t size = strlen(m->definition);
    snprintf(text, sizeof text, "%.*s%s]", (int)(size ? size - 1 : 0), m->definition, extra);
    return json_string(text);
}

static json_t *metric_json(const struct eval_result *r, const struct eval_options *opt, int32_t i)
{
    json_t *out = value_json(&r->metrics[i]);
    json_object_set_new(out, "definition", definition_json(r, opt, &opt->metrics[i]));
    if (r->reason[i])
        json_object_set_new(out, "reason", json_string(r->reason[i]));
    return out;
}

static bool has_metric(const struct eval_options *opt, int32_t id)
{
    for (int32_t i = 0; i < opt->n_metrics; i++)
        if (opt->metrics[i].id == id)
            return true;
    return false;
}

static bool has_pairs(const struct eval_options *opt)
{
    return has_metric(opt, METRIC_RMSE) || has_metric(opt, METRIC_MAE) ||
           has_metric(opt, METRIC_LOGLOSS);
}

json_t *eval_result_json(const struct eval_result *r, const struct eval_options *opt)
{
    json_t *out = json_object(), *metrics = json_object();
    for (int32_t i = 0; i < r->n_metrics; i++)
        json_object_set_new(metrics, opt->metrics[i].name, metric_json(r, opt, i));
    json_object_set_new(out, "metrics", metrics);
    json_object_set_new(out, "n_eval", json_integer(r->n_eval));
    json_object_set_new(out, "n_empty", json_integer(r->n_empty));
    json_object_set_new(out, "n_no_list", json_integer(r->n_no_list));
    json_object_set_new(out, "n_cold_users", json_integer(r->n_cold_users));
    json_object_set_new(out, "n_cold_items", json_integer(r->n_cold_items));
    if (has_pairs(opt)) {
        json_object_set_new(out, "n_pairs", json_integer(r->n_pairs));
        json_object_set_new(out, "n_cold", json_integer(r->n_cold_pairs));
    }
    if (has_metric(opt, METRIC_DIVERSITY))
        json_object_set_new(out, "n_short_lists", json_integer(r->n_short_lists));
    if (r->is_sampled)
        json_object_set_new(out, "sampled", json_true());
    if (r->warning[0])
        json_object_set_new(out, "warning", json_string(r->warning));
    if (r->segments)
        json_object_set(out, "segments", r->segments);
    return out;
}
