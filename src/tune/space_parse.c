/* Ranges as people write them: "16..256", "1e-4..1:log", "a|b|c", lists, one value. */
#include "tune/space.h"

#include "core/text.h"
#include "data/feedback.h"

#include <stdio.h>
#include <string.h>

const akin_param *space_row(const struct model_class *cls, const char *key, size_t *size)
{
    const akin_param *row = param_find(cls->params, cls->n_params, key);
    *size = cls->params_size;
    if (row)
        return row;
    *size = sizeof(struct feedback_params);
    return param_find(feedback_param_rows, feedback_n_params, key);
}

/* Would the model take this value? Its own words if not. */
static akin_status check_value(struct arena *arena, const akin_param *row, size_t size,
                               json_t *value, akin_error *err)
{
    akin_status status = AKIN_OK;
    json_t *object = json_object();
    void *room = arena_alloc(arena, (int64_t)size, 1, err);
    if (!room || !object || json_object_set(object, row->name, value) != 0)
        AKIN_FAIL(AKIN_E_MEMORY, "tune: out of memory for the space");
    AKIN_TRY(param_parse("tune: space", row, 1, object, arena, room, err));
done:
    json_decref(object);
    return status;
}

static json_t *number_json(const struct tune_dim *d, double value)
{
    return d->kind == TUNE_INT ? json_integer((json_int_t)value) : json_real(value);
}

static akin_status check_range(struct arena *arena, const akin_param *row, size_t size,
                               const struct tune_dim *d, akin_error *err)
{
    akin_status status = AKIN_OK;
    const double ends[2] = {d->lo, d->hi};
    if (!(d->lo < d->hi))
        AKIN_FAIL(AKIN_E_ARG, "tune: space: %s=%g..%g (the first must be the smaller)", row->name,
                  d->lo, d->hi);
    if (d->is_log && !(d->lo > 0))
        AKIN_FAIL(AKIN_E_ARG, "tune: space: %s=%g..%g:log (must begin above 0)", row->name, d->lo,
                  d->hi);
    for (int i = 0; i < 2; i++) {
        json_t *value = number_json(d, ends[i]);
        if (!value)
            AKIN_FAIL(AKIN_E_MEMORY, "tune: out of memory for the space");
        status = check_value(arena, row, size, value, err);
        json_decref(value);
        AKIN_TRY(status);
    }
done:
    return status;
}

/* "lo..hi[:log|:linear]"; false if the text is something else. */
static bool read_range(const akin_param *row, const char *text, struct tune_dim *d)
{
    const char *dots = strstr(text, "..");
    const char *scale = dots ? strchr(dots, ':') : NULL;
    size_t n_hi = dots ? (scale ? (size_t)(scale - dots) : strlen(dots)) - 2 : 0;
    if (!dots || (row->type != AKIN_PARAM_INT && row->type != AKIN_PARAM_REAL))
        return false;
    if (!text_to_double(text, (size_t)(dots - text), &d->lo) ||
        !text_to_double(dots + 2, n_hi, &d->hi))
        return false;
    d->kind = row->type == AKIN_PARAM_INT ? TUNE_INT : TUNE_REAL;
    if (d->kind == TUNE_INT &&
        !((double)(int64_t)d->lo >= d->lo && (double)(int64_t)d->hi >= d->hi))
        return false;
    d->is_log =
        scale ? strcmp(scale, ":log") == 0 : (row->flags & AKIN_PARAM_TUNE_LOG) && d->lo > 0;
    return !scale || d->is_log || strcmp(scale, ":linear") == 0;
}

/* A word as the row's type says: numbers and booleans, so that equal settings look equal. */
static json_t *word_json(const akin_param *row, const char *word, size_t size)
{
    int64_t whole;
    double real;
    if ((row->type == AKIN_PARAM_INT || row->type == AKIN_PARAM_REAL) &&
        text_to_int(word, size, &whole))
        return json_integer((json_int_t)whole);
    if (row->type == AKIN_PARAM_REAL && text_to_double(word, size, &real))
        return json_real(real);
    if (row->type == AKIN_PARAM_BOOL && size == 4 && memcmp(word, "true", 4) == 0)
        return json_true();
    if (row->type == AKIN_PARAM_BOOL && size == 5 && memcmp(word, "false", 5) == 0)
        return json_false();
    return json_stringn(word, size);
}

static json_t *words_json(const akin_param *row, const char *text)
{
    json_t *list = json_array();
    for (;;) {
        size_t size = strcspn(text, "|");
        if (!list || json_array_append_new(list, word_json(row, text, size)) != 0) {
            json_decref(list);
            return NULL;
        }
        if (!text[size])
            return list;
        text += size + 1;
    }
}

static void release_json(void *json)
{
    json_decref(json);
}

static akin_status take_choices(struct arena *arena, const akin_param *row, size_t size,
                                json_t *list, struct tune_dim *d, akin_error *err)
{
    akin_status status = AKIN_OK;
    size_t i;
    json_t *value;
    if (!list)
        AKIN_FAIL(AKIN_E_MEMORY, "tune: out of memory for the space");
    AKIN_TRY(arena_own(arena, release_json, list, err));
    if (json_array_size(list) < 1 || json_array_size(list) > 1000)
        AKIN_FAIL(AKIN_E_ARG, "tune: space: %s has %zu choices (must be 1..1000)", row->name,
                  json_array_size(list));
    json_array_foreach(list, i, value) {
        AKIN_TRY(check_value(arena, row, size, value, err));
    }
    d->kind = TUNE_CHOICE;
    d->choices = list;
    d->n_choices = (int32_t)json_array_size(list);
done:
    return status;
}

akin_status space_parse(struct arena *arena, const akin_param *row, size_t params_size,
                        const json_t *range, struct tune_dim *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    const char *text = json_string_value(range);
    struct tune_dim d = {.name = row->name};
    if (text && read_range(row, text, &d)) {
        AKIN_TRY(check_range(arena, row, params_size, &d, err));
    } else if (text && strstr(text, "..")) {
        AKIN_FAIL(AKIN_E_ARG, "tune: space: %s=%.60s (must be such as 16..256, 1e-4..1:log or a|b)",
                  row->name, text);
    } else {
        json_t *list = text                   ? words_json(row, text)
                       : json_is_array(range) ? json_deep_copy(range)
                                              : json_pack("[O]", (json_t *)(uintptr_t)range);
        AKIN_TRY(take_choices(arena, row, params_size, list, &d, err));
    }
    *out = d;
done:
    return status;
}
