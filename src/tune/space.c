/*
 * Spaces of models, and points in them. The ranges that a table does not state follow from its
 * defaults: a log row is searched over a factor on either side, a linear one over its bounds if
 * they are near, else up to four times the default.
 */
#include "tune/space.h"

#include "core/text.h"
#include "data/feedback.h"
#include "kern/math.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define LOG_FACTOR_REAL 32.0
#define LOG_FACTOR_INT 8.0
#define LINEAR_NEAR 10.0
#define LINEAR_FACTOR 4.0

static double clamp(double x, double lo, double hi)
{
    return x < lo ? lo : x > hi ? hi : x;
}

static double default_number(const akin_param *row)
{
    double value = 0;
    if (row->default_text)
        (void)text_to_double(row->default_text, strlen(row->default_text), &value);
    return value;
}

/* The range of a number's row; false where its default gives no scale. */
static bool natural_range(const akin_param *row, struct tune_dim *d)
{
    double def = default_number(row);
    bool is_int = row->type == AKIN_PARAM_INT;
    double factor = is_int ? LOG_FACTOR_INT : LOG_FACTOR_REAL;
    d->kind = is_int ? TUNE_INT : TUNE_REAL;
    d->is_log = (row->flags & AKIN_PARAM_TUNE_LOG) != 0;
    if (d->is_log) {
        d->lo = clamp(def / factor, row->lo, row->hi);
        d->hi = clamp(def * factor, row->lo, row->hi);
    } else {
        bool is_near = row->hi - row->lo <= LINEAR_NEAR;
        d->lo = is_near ? row->lo : clamp(def / LINEAR_FACTOR, row->lo, row->hi);
        d->hi = is_near ? row->hi : clamp(def * LINEAR_FACTOR, row->lo, row->hi);
    }
    if (is_int) {
        d->lo = ceil(d->lo);
        d->hi = floor(d->hi);
    }
    return d->lo < d->hi && (!d->is_log || d->lo > 0);
}

/* "a|b" of a CHOICE row, or the two of a BOOL one. */
static akin_status natural_choices(struct arena *arena, const akin_param *row, size_t size,
                                   struct tune_dim *d, akin_error *err)
{
    json_t *text = json_string(row->type == AKIN_PARAM_BOOL ? "false|true" : row->choices);
    akin_status status = text ? space_parse(arena, row, size, text, d, err) : AKIN_E_MEMORY;
    json_decref(text);
    return status;
}

static akin_status add_dim(struct tune_space *s, const struct tune_dim *d, akin_error *err)
{
    akin_status status = AKIN_OK;
    if (s->n == TUNE_DIMS)
        AKIN_FAIL(AKIN_E_LIMIT, "tune: space: more than %d parameters", TUNE_DIMS);
    s->dims[s->n++] = *d;
done:
    return status;
}

/* The model's rows that are marked for tuning and not spoken of elsewhere. */
static akin_status add_natural(struct arena *arena, const struct model_class *cls,
                               const json_t *ranges, const json_t *fixed, struct tune_space *s,
                               akin_error *err)
{
    akin_status status = AKIN_OK;
    for (size_t i = 0; i < cls->n_params; i++) {
        const akin_param *row = &cls->params[i];
        struct tune_dim d = {.name = row->name};
        bool is_number = row->type == AKIN_PARAM_INT || row->type == AKIN_PARAM_REAL;
        bool is_choice = row->type == AKIN_PARAM_CHOICE || row->type == AKIN_PARAM_BOOL;
        if (!(row->flags & AKIN_PARAM_TUNE) || json_object_get(ranges, row->name) ||
            json_object_get(fixed, row->name))
            continue;
        if (is_choice)
            AKIN_TRY(natural_choices(arena, row, cls->params_size, &d, err));
        if (is_choice || (is_number && natural_range(row, &d)))
            AKIN_TRY(add_dim(s, &d, err));
    }
done:
    return status;
}

static akin_status fail_unknown(const struct model_class *cls, const char *key, akin_error *err)
{
    const char *near = param_nearest(cls->params, cls->n_params, key);
    return error_set(err, AKIN_E_ARG, __FILE__, __LINE__,
                     "tune: space: %s has no parameter '%.60s'%s%s%s", cls->name, key,
                     near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
}

akin_status space_build(struct arena *arena, const struct model_class *cls, const json_t *ranges,
                        const json_t *fixed, struct tune_space *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    void *iter = json_object_iter((json_t *)(uintptr_t)ranges);
    memset(out, 0, sizeof *out);
    AKIN_TRY(add_natural(arena, cls, ranges, fixed, out, err));
    for (; iter; iter = json_object_iter_next((json_t *)(uintptr_t)ranges, iter)) {
        const char *key = json_object_iter_key(iter);
        struct tune_dim d;
        size_t size;
        const akin_param *row = space_row(cls, key, &size);
        if (!row)
            AKIN_TRY(fail_unknown(cls, key, err));
        if (json_object_get(fixed, key))
            AKIN_FAIL(AKIN_E_ARG, "tune: %s is both set and in the space; give one", key);
        AKIN_TRY(space_parse(arena, row, size, json_object_iter_value(iter), &d, err));
        AKIN_TRY(add_dim(out, &d, err));
    }
done:
    return status;
}

/* Of the scale on which coordinates are even: a whole number owns half a step to either side. */
static void scale_of(const struct tune_dim *d, double *lo, double *hi)
{
    double half = d->kind == TUNE_INT ? 0.5 : 0;
    *lo = d->is_log ? kern_log(d->lo - half) : d->lo - half;
    *hi = d->is_log ? kern_log(d->hi + half) : d->hi + half;
}

static json_t *value_at(const struct tune_dim *d, double x)
{
    double lo, hi, value;
    char text[32];
    if (d->kind == TUNE_CHOICE)
        return json_incref(json_array_get(d->choices, (size_t)clamp(x, 0, d->n_choices - 1)));
    scale_of(d, &lo, &hi);
    value = lo + clamp(x, 0, 1) * (hi - lo);
    value = d->is_log ? kern_exp(value) : value;
    if (d->kind == TUNE_INT)
        return json_integer((json_int_t)clamp(floor(value + 0.5), d->lo, d->hi));
    snprintf(text, sizeof text, "%.4g", value); /* what people read is what is tried */
    (void)text_to_double(text, strlen(text), &value);
    return json_real(clamp(value, d->lo, d->hi));
}

json_t *space_values(const struct tune_space *s, const double *point, const json_t *fixed)
{
    json_t *out = fixed ? json_deep_copy(fixed) : json_object();
    for (int32_t d = 0; out && d < s->n; d++)
        if (json_object_set_new(out, s->dims[d].name, value_at(&s->dims[d], point[d])) != 0) {
            json_decref(out);
            out = NULL;
        }
    return out;
}

static double coordinate(const struct tune_dim *d, double value)
{
    double lo, hi;
    scale_of(d, &lo, &hi);
    value = clamp(value, d->lo, d->hi);
    return clamp(((d->is_log ? kern_log(value) : value) - lo) / (hi - lo), 0, 1);
}

static bool same_value(const json_t *a, const json_t *b)
{
    if (json_is_number(a) && json_is_number(b))
        return !(json_number_value(a) < json_number_value(b)) &&
               !(json_number_value(a) > json_number_value(b));
    return json_equal((json_t *)(uintptr_t)a, (json_t *)(uintptr_t)b) != 0;
}

static double choice_index(const struct tune_dim *d, const json_t *value)
{
    for (int32_t i = 0; i < d->n_choices; i++)
        if (same_value(json_array_get(d->choices, (size_t)i), value))
            return i;
    return 0;
}

void space_point(const struct tune_space *s, const json_t *values, double *point)
{
    for (int32_t d = 0; d < s->n; d++) {
        const struct tune_dim *dim = &s->dims[d];
        const json_t *value = json_object_get(values, dim->name);
        point[d] = dim->kind == TUNE_CHOICE ? choice_index(dim, value)
                                            : coordinate(dim, json_number_value(value));
    }
}

void space_default(const struct tune_space *s, const struct model_class *cls, double *point)
{
    for (int32_t d = 0; d < s->n; d++) {
        const struct tune_dim *dim = &s->dims[d];
        size_t size;
        const akin_param *row = space_row(cls, dim->name, &size);
        point[d] = 0;
        if (dim->kind != TUNE_CHOICE)
            point[d] = coordinate(dim, default_number(row));
        for (int32_t i = 0; i < dim->n_choices; i++) {
            const json_t *c = json_array_get(dim->choices, (size_t)i);
            const char *word = json_is_true(c)    ? "true"
                               : json_is_false(c) ? "false"
                                                  : json_string_value(c);
            bool is_default = word && row->default_text && strcmp(word, row->default_text) == 0;
            if (json_is_number(c))
                is_default = fabs(json_number_value(c) - default_number(row)) <= 0;
            point[d] = is_default ? i : point[d];
        }
    }
}

json_t *space_json(const struct tune_space *s)
{
    static const char *const kinds[] = {"int", "real", "choice"};
    json_t *out = json_array();
    for (int32_t d = 0; out && d < s->n; d++) {
        const struct tune_dim *dim = &s->dims[d];
        json_t *row =
            dim->kind == TUNE_CHOICE
                ? json_pack("{s:s, s:s, s:O}", "name", dim->name, "kind", kinds[dim->kind],
                            "choices", dim->choices)
                : json_pack("{s:s, s:s, s:f, s:f, s:b}", "name", dim->name, "kind",
                            kinds[dim->kind], "lo", dim->lo, "hi", dim->hi, "log", dim->is_log);
        if (json_array_append_new(out, row) != 0) {
            json_decref(out);
            out = NULL;
        }
    }
    return out;
}
