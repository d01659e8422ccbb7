/* Metrics and constraints of a search. */
#include "tune/goal.h"

#include "core/text.h"

#include <math.h>
#include <string.h>

/* Index of a metric, which joins the list if it is new there. */
static akin_status goal_metric(struct tune_goal *g, const char *text, int32_t *index,
                               akin_error *err)
{
    akin_status status = AKIN_OK;
    struct metric_spec spec;
    AKIN_TRY(metric_parse(text, DIALECT_AKIN, &spec, err));
    for (*index = 0; *index < g->n_metrics; (*index)++)
        if (strcmp(g->metrics[*index].name, spec.name) == 0)
            return AKIN_OK;
    if (g->n_metrics == GOAL_METRICS)
        AKIN_FAIL(AKIN_E_LIMIT, "tune: more than %d metrics", GOAL_METRICS);
    g->metrics[g->n_metrics++] = spec;
done:
    return status;
}

static akin_status goal_constrain(struct tune_goal *g, const char *text, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct goal_constraint c = {0};
    char name[40] = "";
    size_t n = strcspn(text, "<> =");
    const char *sign = text + n + strspn(text + n, " ");
    const char *bound = sign + 2 + (strlen(sign) > 2 ? strspn(sign + 2, " ") : 0);
    if (n == 0 || n >= sizeof name || strlen(text) >= sizeof c.text ||
        (strncmp(sign, ">=", 2) != 0 && strncmp(sign, "<=", 2) != 0) ||
        !text_to_double(bound, strlen(bound), &c.bound) || !isfinite(c.bound))
        AKIN_FAIL(AKIN_E_ARG, "tune: constraint '%.60s' (must be such as coverage@10>=0.2)", text);
    if (g->n_constraints == GOAL_CONSTRAINTS)
        AKIN_FAIL(AKIN_E_LIMIT, "tune: more than %d constraints", GOAL_CONSTRAINTS);
    text_copy(name, n + 1, text);
    c.is_most = sign[0] == '<';
    text_copy(c.text, sizeof c.text, text);
    AKIN_TRY(goal_metric(g, name, &c.metric, err));
    g->constraints[g->n_constraints++] = c;
done:
    return status;
}

akin_status goal_parse(const json_t *metrics, const json_t *constraints, struct tune_goal *out,
                       akin_error *err)
{
    akin_status status = AKIN_OK;
    struct tune_goal *g = out;
    size_t i;
    json_t *value;
    int32_t index;
    memset(g, 0, sizeof *g);
    json_array_foreach((json_t *)(uintptr_t)metrics, i, value) {
        if (!json_is_string(value))
            AKIN_FAIL(AKIN_E_ARG, "tune: metric: a list of names such as ndcg@10");
        AKIN_TRY(goal_metric(g, json_string_value(value), &index, err));
    }
    if (g->n_metrics == 0)
        AKIN_FAIL(AKIN_E_ARG, "tune: no metric is named (for example ndcg@10)");
    g->direction = metric_direction(&g->metrics[0]);
    if (g->direction == 0)
        AKIN_FAIL(AKIN_E_ARG,
                  "tune: metric=%s has no better side to search for; use it as a constraint",
                  g->metrics[0].name);
    json_array_foreach((json_t *)(uintptr_t)constraints, i, value) {
        if (!json_is_string(value))
            AKIN_FAIL(AKIN_E_ARG, "tune: constraint: a list of texts such as coverage@10>=0.2");
        AKIN_TRY(goal_constrain(g, json_string_value(value), err));
    }
done:
    return status;
}

double goal_violation(const struct tune_goal *g, const double *values)
{
    double sum = 0;
    for (int32_t i = 0; i < g->n_constraints; i++) {
        const struct goal_constraint *c = &g->constraints[i];
        double lack = c->is_most ? values[c->metric] - c->bound : c->bound - values[c->metric];
        double unit = fabs(c->bound) > 0 ? fabs(c->bound) : 1;
        sum += lack > 0 ? lack / unit : 0;
    }
    return sum;
}
