/*
 * Feedback: event → weight.
 *
 * The rule `positive` sees a value and an event type. Types are few, and between two constants that
 * the rule compares the value with it cannot change, so that it is tabulated once: a row a type, a
 * column an interval of values. An event then costs a few comparisons and a look-up; with decay,
 * one exp more. Rules with more than MAX_CUTS constants are evaluated as they stand.
 *
 * Not done here: which event of several counts (history.c folds), sessions.
 */
#include "data/feedback.h"

#include "core/text.h"
#include "kern/math.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { MAX_CUTS = 32, FIELD_VALUE = 0, FIELD_TYPE = 1, SECONDS_PER_DAY = 86400 };
enum value_weight { VALUE_NONE, VALUE_LINEAR, VALUE_LOG };

static const char *const value_weight_names[] = {"none", "linear", "log"};

const akin_param feedback_param_rows[] = {
    PARAM_TEXT(struct feedback_params, positive, NULL, 0,
               "which events are positives, as in \"value >= 4\" or \"event_type == 'buy'\"; "
               "absent: all"),
    PARAM_MAP(struct feedback_params, event_weights, 0,
              "weight of each event type; types not named weigh 1, 0 leaves one out"),
    PARAM_CHOICE(struct feedback_params, value_weight, "none", "none|linear|log", AKIN_PARAM_TUNE,
                 "how the value scales the weight: not, times value, times 1 + ln(1 + value)"),
    PARAM_REAL(struct feedback_params, half_life_days, "0", 0, 1e6, "days", AKIN_PARAM_TUNE,
               "age at which an event counts half, 0 = events do not fade"),
    PARAM_END,
};
const size_t feedback_n_params = PARAM_COUNT(feedback_param_rows) - 1;

struct feedback {
    akin_ctx *ctx;
    char *positive;    /* owned, NULL = every event */
    struct expr *rule; /* NULL = every event */
    int32_t n_types;
    struct strtab types;   /* owned copy */
    double *type_weight;   /* (n_types + 1) by type + 1 */
    json_t *event_weights; /* owned, NULL = none: as given */
    enum value_weight value_weight;
    double half_life_days;
    double decay; /* -ln 2 / half life in seconds, 0 = none */
    int64_t now;
    int n_cuts;            /* -1 = not tabulated */
    double cuts[MAX_CUTS]; /* constants of the rule, ascending */
    uint8_t *table;        /* (n_types + 1, 2·n_cuts + 2): below c0, = c0, above c0, …, NaN */
};

/* An event as the rule sees it. */
struct event_row {
    const struct feedback *f;
    double value;
    int type;
};

static int resolve_name(void *arg, const char *name, enum expr_type *type)
{
    (void)arg;
    if (strcmp(name, "value") == 0) {
        *type = EXPR_NUMBER;
        return FIELD_VALUE;
    }
    if (strcmp(name, "event_type") == 0) {
        *type = EXPR_TEXT;
        return FIELD_TYPE;
    }
    return -1;
}

static bool no_variable(void *arg, const char *name)
{
    (void)arg;
    (void)name;
    return false;
}

static double row_number(const void *arg, int64_t row, int field)
{
    const struct event_row *event = arg;
    (void)row;
    (void)field;
    return event->value;
}

static bool row_text(const void *arg, int64_t row, int field, int n, const char **text,
                     int32_t *size)
{
    const struct event_row *event = arg;
    (void)row;
    (void)field;
    if (n > 0 || event->type < 0 || event->type >= event->f->n_types)
        return false;
    *text = strtab_get(&event->f->types, event->type, size);
    return true;
}

static bool rule_holds(const struct feedback *f, double value, int type)
{
    struct event_row event = {f, value, type};
    struct expr_row row = {.arg = &event, .number = row_number, .text = row_text};
    return expr_eval(f->rule, &row);
}

/* Column of the table: 2·(cuts below) + (on the next cut). */
static int value_column(const struct feedback *f, double value)
{
    int column = 0;
    if (isnan(value))
        return 2 * f->n_cuts + 1;
    for (int i = 0; i < f->n_cuts; i++)
        column += (value >= f->cuts[i]) + (value > f->cuts[i]);
    return column;
}

/* A value that lies in the column; for an interval without doubles, one that never occurs. */
static double column_value(const struct feedback *f, int column)
{
    if (column == 2 * f->n_cuts + 1)
        return (double)NAN;
    if (f->n_cuts == 0)
        return 0;
    if (column % 2 == 1)
        return f->cuts[column / 2];
    return column == 0 ? nextafter(f->cuts[0], -(double)INFINITY)
                       : nextafter(f->cuts[column / 2 - 1], (double)INFINITY);
}

static akin_status rule_compile(struct feedback *f, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct expr_names names = {
        .resolve = resolve_name, .hint = "value, event_type", .has_var = no_variable};
    if (!f->positive)
        goto done;
    AKIN_TRY(expr_compile(f->ctx, "positive", f->positive, &names, &f->rule, err));
    f->n_cuts = expr_constants(f->rule, FIELD_VALUE, f->cuts, MAX_CUTS);
    if (f->n_cuts < 0 || f->n_cuts > MAX_CUTS) {
        f->n_cuts = -1;
        goto done;
    }
    int n_columns = 2 * f->n_cuts + 2;
    MEM_NEW(f->ctx, f->table, ((int64_t)f->n_types + 1) * n_columns);
    for (int32_t type = -1; type < f->n_types; type++) {
        for (int c = 0; c < n_columns; c++)
            f->table[(type + 1) * n_columns + c] = rule_holds(f, column_value(f, c), type);
    }
done:
    return status;
}

static akin_status types_copy(struct feedback *f, const struct strtab *types, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t *off = NULL;
    char *bytes = NULL;
    int32_t n = types ? types->n : 0;
    int64_t size = n > 0 ? types->off[n] : 0;
    MEM_ZERO(f->ctx, off, n + 1);
    MEM_NEW(f->ctx, bytes, size);
    if (n > 0)
        memcpy(off, types->off, ((size_t)n + 1) * sizeof *off);
    if (size > 0)
        memcpy(bytes, types->bytes, (size_t)size);
    f->n_types = n;
    f->types = (struct strtab){n, off, bytes};
    off = NULL;
    bytes = NULL;
done:
    mem_free(f->ctx, off);
    mem_free(f->ctx, bytes);
    return status;
}

/* A number, or one as typed on a command line. */
static bool weight_of(const json_t *json, double *out)
{
    if (json_is_number(json))
        *out = json_number_value(json);
    else if (!json_is_string(json) ||
             !text_to_double(json_string_value(json), json_string_length(json), out))
        return false;
    return isfinite(*out) && *out >= 0;
}

static akin_status weights_set(struct feedback *f, const json_t *weights, akin_error *err)
{
    akin_status status = AKIN_OK;
    MEM_NEW(f->ctx, f->type_weight, (int64_t)f->n_types + 1);
    for (int32_t i = 0; i <= f->n_types; i++)
        f->type_weight[i] = 1;
    if (!weights || json_is_null(weights))
        goto done;
    if (!json_is_object(weights))
        AKIN_FAIL(AKIN_E_ARG, "event_weights: must map an event type to a weight");
    if (json_object_size(weights) == 0)
        goto done;
    f->event_weights = json_object();
    if (!f->event_weights)
        AKIN_FAIL(AKIN_E_MEMORY, "event_weights: out of memory");
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)weights, name, value) {
        double weight = 0;
        if (!weight_of(value, &weight))
            AKIN_FAIL(AKIN_E_ARG, "event_weights: weight of '%.60s' must be a number >= 0", name);
        if (json_object_set_new(f->event_weights, name, json_real(weight)) != 0)
            AKIN_FAIL(AKIN_E_MEMORY, "event_weights: out of memory");
        int32_t type = f->n_types > 0 ? strtab_find(&f->types, name, strlen(name)) : -1;
        if (type >= 0)
            f->type_weight[type + 1] = weight;
    }
done:
    return status;
}

static akin_status create(akin_ctx *ctx, const struct feedback_params *p,
                          const struct strtab *types, int64_t now, struct feedback **out,
                          akin_error *err)
{
    akin_status status = AKIN_OK;
    struct feedback *f = NULL;
    if (p->value_weight < VALUE_NONE || p->value_weight > VALUE_LOG)
        AKIN_FAIL(AKIN_E_ARG, "value_weight=%lld (must be none, linear or log)",
                  (long long)p->value_weight);
    if (!isfinite(p->half_life_days) || p->half_life_days < 0)
        AKIN_FAIL(AKIN_E_ARG, "half_life_days=%g (must be >= 0; 0 = events do not fade)",
                  p->half_life_days);
    MEM_ZERO(ctx, f, 1);
    f->ctx = ctx;
    f->now = now;
    f->value_weight = (enum value_weight)p->value_weight;
    f->half_life_days = p->half_life_days;
    if (p->half_life_days > 0)
        f->decay = -0.693147180559945309417 / (p->half_life_days * SECONDS_PER_DAY);
    AKIN_TRY(types_copy(f, types, err));
    AKIN_TRY(weights_set(f, p->event_weights, err));
    if (p->positive && *p->positive) {
        f->positive = mem_strdup(ctx, p->positive, err);
        if (!f->positive) {
            status = AKIN_E_MEMORY;
            goto done;
        }
    }
    AKIN_TRY(rule_compile(f, err));
    *out = f;
    f = NULL;
done:
    feedback_free(f);
    return status;
}

akin_status feedback_create(akin_ctx *ctx, const struct feedback_params *p,
                            const struct strtab *types, int64_t now, struct feedback **out,
                            akin_error *err)
{
    akin_status status = AKIN_OK;
    const char *name;
    json_t *value;
    AKIN_TRY(create(ctx, p, types, now, out, err));
    json_object_foreach((*out)->event_weights, name, value) {
        if ((*out)->n_types == 0 || strtab_find(&(*out)->types, name, strlen(name)) < 0)
            log_write(ctx, AKIN_LOG_WARN, "event_weights: no event has the type '%.60s'", name);
    }
done:
    return status;
}

void feedback_free(struct feedback *f)
{
    if (!f)
        return;
    akin_ctx *ctx = f->ctx;
    expr_free(f->rule);
    json_decref(f->event_weights);
    mem_free(ctx, f->positive);
    mem_free(ctx, (void *)(uintptr_t)f->types.off);
    mem_free(ctx, (void *)(uintptr_t)f->types.bytes);
    mem_free(ctx, f->type_weight);
    mem_free(ctx, f->table);
    mem_free(ctx, f);
}

/* Weight before decay. */
static double base_weight(const struct feedback *f, float value, int type)
{
    if (type < -1 || type >= f->n_types)
        type = -1;
    if (f->table) {
        if (!f->table[(type + 1) * (2 * f->n_cuts + 2) + value_column(f, (double)value)])
            return 0;
    } else if (f->rule && !rule_holds(f, (double)value, type)) {
        return 0;
    }
    double weight = f->type_weight[type + 1];
    if (f->value_weight == VALUE_NONE)
        return weight;
    if (!(value >= 0))
        return 0;
    return f->value_weight == VALUE_LINEAR ? weight * (double)value
                                           : weight * (1 + kern_log1p((double)value));
}

float feedback_weight(const struct feedback *f, float value, int type, int64_t time, int64_t now)
{
    double weight = base_weight(f, value, type);
    if (!(weight > 0))
        return 0;
    if (f->decay < 0 && time < now)
        weight *= kern_exp(f->decay * ((double)now - (double)time));
    if (weight < (double)FLT_MIN)
        return FLT_MIN;
    return weight > (double)FLT_MAX ? FLT_MAX : (float)weight;
}

bool feedback_is_positive(const struct feedback *f, float value, int type)
{
    return base_weight(f, value, type) > 0;
}

const struct strtab *feedback_types(const struct feedback *f)
{
    return &f->types;
}

bool feedback_is_plain(const struct feedback *f)
{
    return !f->rule && !f->event_weights && f->value_weight == VALUE_NONE && f->decay == 0;
}

bool feedback_decays(const struct feedback *f)
{
    return f->decay < 0;
}

bool feedback_uses_types(const struct feedback *f)
{
    return f->event_weights || (f->rule && expr_uses_field(f->rule, FIELD_TYPE));
}

int64_t feedback_now(const struct feedback *f)
{
    return f->now;
}

json_t *feedback_to_json(const struct feedback *f)
{
    json_t *json =
        json_pack("{s:s?, s:O?, s:s, s:f, s:I}", "positive", f->positive, "event_weights",
                  f->event_weights, "value_weight", value_weight_names[f->value_weight],
                  "half_life_days", f->half_life_days, "now", (json_int_t)f->now);
    return json;
}

akin_status feedback_from_json(akin_ctx *ctx, const json_t *json, const struct strtab *types,
                               struct feedback **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    const json_t *positive = json_object_get(json, "positive");
    const json_t *weights = json_object_get(json, "event_weights");
    const json_t *half_life = json_object_get(json, "half_life_days");
    const json_t *now = json_object_get(json, "now");
    const char *scale = json_string_value(json_object_get(json, "value_weight"));
    struct feedback_params p = {.positive = json_string_value(positive),
                                .event_weights = (json_t *)(uintptr_t)weights,
                                .value_weight = -1,
                                .half_life_days = json_number_value(half_life)};
    for (int i = 0; scale && i < 3; i++) {
        if (strcmp(scale, value_weight_names[i]) == 0)
            p.value_weight = i;
    }
    if (p.value_weight < 0 || !json_is_number(half_life) || !json_is_integer(now) ||
        (positive && !json_is_null(positive) && !json_is_string(positive)))
        AKIN_FAIL(AKIN_E_FORMAT, "feedback rule: value_weight, half_life_days or now is damaged");
    AKIN_TRY(create(ctx, &p, types, (int64_t)json_integer_value(now), out, err));
done:
    return status;
}
