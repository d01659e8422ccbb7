/*
 * Parameters from tables of rows: reading, checking, dumping, and naming the nearest to a typo.
 *
 * One reader for every surface (command line, YAML, HTTP, C), so that a value means the same
 * everywhere and a wrong one gets the same message. Cost: linear in the values, times the rows for
 * an unknown key.
 */
#include "core/param.h"

#include "core/buf.h"
#include "core/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define PARAM_SHOWN 40 /* bytes of a value in a message */
#define PARAM_NAME 64  /* longest name that is compared for nearness */

/* What a value is read with. */
struct reader {
    const char *owner;
    const akin_param *row;
    struct arena *arena;
    akin_error *err;
};

/* The value as it was given, for messages; secrets stay out. */
static void value_show(const struct reader *r, const json_t *value, char *out, size_t size)
{
    if (r->row->flags & AKIN_PARAM_SECRET)
        snprintf(out, size, "(secret)");
    else if (json_is_string(value) && r->row->type != AKIN_PARAM_TEXT)
        snprintf(out, size, "%.*s%s", PARAM_SHOWN, json_string_value(value),
                 json_string_length(value) > PARAM_SHOWN ? "..." : "");
    else if (json_is_string(value))
        snprintf(out, size, "'%.*s%s'", PARAM_SHOWN, json_string_value(value),
                 json_string_length(value) > PARAM_SHOWN ? "..." : "");
    else if (json_is_integer(value))
        snprintf(out, size, "%" PRId64, (int64_t)json_integer_value(value));
    else if (json_is_real(value))
        snprintf(out, size, "%.9g", json_real_value(value));
    else
        snprintf(out, size, "%s",
                 json_is_object(value)  ? "{...}"
                 : json_is_array(value) ? "[...]"
                 : json_is_true(value)  ? "true"
                 : json_is_false(value) ? "false"
                                        : "null");
}

static akin_status value_fail(const struct reader *r, const json_t *value, const char *must)
{
    char shown[PARAM_SHOWN + 16];
    value_show(r, value, shown, sizeof shown);
    return error_set(r->err, AKIN_E_ARG, __FILE__, __LINE__, "%s: %s=%s (must be %s)", r->owner,
                     r->row->name, shown, must);
}

/* A bound as people write it: whole numbers without a point or exponent where they fit. */
static void bound_text(double value, char *out, size_t size)
{
    if (value == trunc(value) && fabs(value) < 1e15)
        snprintf(out, size, "%" PRId64, (int64_t)value);
    else
        snprintf(out, size, "%.9g", value);
}

static akin_status bounds_fail(const struct reader *r, const json_t *value, const char *kind)
{
    char lo[32];
    char hi[32];
    char must[128];
    const char *unit = r->row->unit ? r->row->unit : "";
    bound_text(r->row->lo, lo, sizeof lo);
    bound_text(r->row->hi, hi, sizeof hi);
    snprintf(must, sizeof must, "%s%s%s..%s%s%s", kind, kind[0] ? " in " : "", lo, hi,
             unit[0] ? " " : "", unit);
    return value_fail(r, value, must);
}

static bool real_to_int(double value, int64_t *out)
{
    if (!(value == trunc(value) && fabs(value) <= 0x1p53))
        return false;
    *out = (int64_t)value;
    return true;
}

static bool get_int(const json_t *value, int64_t *out)
{
    double real;
    if (json_is_integer(value)) {
        *out = (int64_t)json_integer_value(value);
        return true;
    }
    if (json_is_real(value))
        return real_to_int(json_real_value(value), out);
    if (!json_is_string(value))
        return false;
    const char *text = json_string_value(value);
    size_t size = json_string_length(value);
    return text_to_int(text, size, out) ||
           (text_to_double(text, size, &real) && real_to_int(real, out));
}

static akin_status read_int(const struct reader *r, const json_t *value, void *field)
{
    int64_t number;
    if (r->row->type == AKIN_PARAM_SIZE && json_is_string(value)) {
        if (!param_parse_size_n(json_string_value(value), json_string_length(value), &number))
            return value_fail(r, value, "a size such as 512MiB, 2GB or 1000");
    } else if (!get_int(value, &number)) {
        return bounds_fail(r, value, "a whole number");
    }
    if (!((double)number >= r->row->lo && (double)number <= r->row->hi))
        return bounds_fail(r, value, "");
    memcpy(field, &number, sizeof number);
    return AKIN_OK;
}

static akin_status read_real(const struct reader *r, const json_t *value, void *field)
{
    double number = 0;
    bool ok = json_is_number(value);
    if (ok)
        number = json_number_value(value);
    else if (json_is_string(value))
        ok = text_to_double(json_string_value(value), json_string_length(value), &number);
    if (!ok)
        return bounds_fail(r, value, "a number");
    if (!(number >= r->row->lo && number <= r->row->hi)) /* so written, NaN fails */
        return bounds_fail(r, value, "");
    memcpy(field, &number, sizeof number);
    return AKIN_OK;
}

static akin_status read_bool(const struct reader *r, const json_t *value, void *field)
{
    static const char *const words[] = {"false", "true", "no", "yes", "0", "1", "off", "on"};
    int64_t number = -1;
    if (json_is_boolean(value))
        number = json_is_true(value);
    else if (json_is_integer(value))
        number = json_integer_value(value) == 0 ? 0 : json_integer_value(value) == 1 ? 1 : -1;
    else if (json_is_string(value))
        for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
            if (strcmp(json_string_value(value), words[i]) == 0)
                number = (int64_t)(i & 1);
        }
    if (number < 0)
        return value_fail(r, value, "true or false");
    memcpy(field, &number, sizeof number);
    return AKIN_OK;
}

/* Scalars that lose nothing as text: strings, integers, booleans. NULL if value is none. */
static const char *get_text(const json_t *value, char *out, size_t size)
{
    if (json_is_string(value)) {
        const char *text = json_string_value(value);
        return strlen(text) == json_string_length(value) ? text : NULL;
    }
    if (json_is_integer(value))
        snprintf(out, size, "%" PRId64, (int64_t)json_integer_value(value));
    else if (json_is_boolean(value))
        snprintf(out, size, "%s", json_is_true(value) ? "true" : "false");
    else
        return NULL;
    return out;
}

static akin_status read_text(const struct reader *r, const json_t *value, void *field)
{
    char space[32];
    const char *text = get_text(value, space, sizeof space);
    if (!text)
        return value_fail(r, value, "text; put it in quotes");
    char *copy = arena_strndup(r->arena, text, strlen(text), r->err);
    if (!copy)
        return AKIN_E_MEMORY;
    memcpy(field, &copy, sizeof copy);
    return AKIN_OK;
}

static akin_status read_choice(const struct reader *r, const json_t *value, void *field)
{
    char space[32];
    const char *text = get_text(value, space, sizeof space);
    int64_t index = text ? param_choice_index(r->row->choices, text) : -1;
    if (index < 0)
        return value_fail(r, value, r->row->choices);
    memcpy(field, &index, sizeof index);
    return AKIN_OK;
}

static void release_json(void *json)
{
    json_decref(json);
}

static akin_status keep_json(const struct reader *r, json_t *json, void *field)
{
    akin_status status = arena_own(r->arena, release_json, json, r->err);
    if (status == AKIN_OK)
        memcpy(field, &json, sizeof json);
    return status;
}

static akin_status read_list(const struct reader *r, const json_t *value, void *field)
{
    json_t *list = NULL;
    if (json_is_array(value)) {
        list = json_incref((json_t *)(uintptr_t)value);
    } else if (json_is_string(value)) {
        list = param_list_from_text(json_string_value(value));
    } else if (!json_is_object(value)) {
        list = json_array();
        if (list && json_array_append(list, (json_t *)(uintptr_t)value) != 0) {
            json_decref(list);
            list = NULL;
        }
    }
    return list ? keep_json(r, list, field) : value_fail(r, value, "a list such as [a, b] or a,b");
}

static akin_status read_map(const struct reader *r, const json_t *value, void *field)
{
    json_t *map = NULL;
    if (json_is_object(value))
        map = json_incref((json_t *)(uintptr_t)value);
    else if (json_is_string(value))
        map = param_map_from_text(json_string_value(value));
    return map ? keep_json(r, map, field)
               : value_fail(r, value, "pairs such as {a: b} or a=b,c=d, each key once");
}

static akin_status read_value(const struct reader *r, const json_t *value, void *field)
{
    switch (r->row->type) {
    case AKIN_PARAM_BOOL:
        return read_bool(r, value, field);
    case AKIN_PARAM_INT:
    case AKIN_PARAM_SIZE:
        return read_int(r, value, field);
    case AKIN_PARAM_REAL:
        return read_real(r, value, field);
    case AKIN_PARAM_TEXT:
        return read_text(r, value, field);
    case AKIN_PARAM_CHOICE:
        return read_choice(r, value, field);
    case AKIN_PARAM_LIST:
        return read_list(r, value, field);
    case AKIN_PARAM_MAP:
        return read_map(r, value, field);
    }
    return error_set(r->err, AKIN_E_INTERNAL, __FILE__, __LINE__, "%s: row %s has type %d",
                     r->owner, r->row->name, (int)r->row->type);
}

/* Defaults of numbers need no JSON between text and field. False: to be read as any other. */
static bool default_number(const akin_param *row, void *field)
{
    const char *text = row->default_text;
    int64_t number = 0;
    double real = 0;
    bool is_real = row->type == AKIN_PARAM_REAL;
    if (!(is_real ? text_to_double(text, strlen(text), &real)
                  : row->type == AKIN_PARAM_INT && text_to_int(text, strlen(text), &number)))
        return false;
    real = is_real ? real : (double)number;
    if (!(real >= row->lo && real <= row->hi))
        return false;
    memcpy(field, is_real ? (const void *)&real : (const void *)&number, sizeof number);
    return true;
}

/* A row's value: the one given, else its default as a user would type it. */
static akin_status read_row(const struct reader *r, const json_t *object, void *field)
{
    const akin_param *row = r->row;
    const json_t *value = json_object_get(object, row->name);
    if (value && !json_is_null(value))
        return read_value(r, value, field);
    if (row->flags & AKIN_PARAM_REQUIRED)
        return error_set(r->err, AKIN_E_ARG, __FILE__, __LINE__, "%s: %s is missing (%.120s)",
                         r->owner, row->name, row->help ? row->help : "it is required");
    if (!row->default_text || default_number(row, field))
        return AKIN_OK;
    json_t *text = json_string_nocheck(row->default_text); /* ours: UTF-8 */
    if (!text)
        return error_set(r->err, AKIN_E_MEMORY, __FILE__, __LINE__,
                         "out of memory: the default of %s", row->name);
    akin_status status = read_value(r, text, field);
    json_decref(text);
    return status;
}

/* Names of the rows, as many as fit, for whoever is far off. */
static akin_status unknown_fail(const char *owner, const akin_param *rows, size_t n_rows,
                                const char *key, akin_error *err)
{
    const char *nearest = param_nearest(rows, n_rows, key);
    if (nearest)
        return error_set(err, AKIN_E_ARG, __FILE__, __LINE__,
                         "%s: unknown parameter '%.*s' (did you mean '%s'?)", owner, PARAM_SHOWN,
                         key, nearest);
    char known[160] = "";
    size_t used = 0;
    for (size_t i = 0; i < n_rows; i++) {
        size_t length = strlen(rows[i].name);
        if (rows[i].flags & AKIN_PARAM_HIDDEN)
            continue;
        if (used + length + 8 > sizeof known) {
            memcpy(known + used, ", ...", 6);
            break;
        }
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", used ? ", " : "",
                                 rows[i].name);
    }
    return error_set(err, AKIN_E_ARG, __FILE__, __LINE__,
                     "%s: unknown parameter '%.*s' (known: %s)", owner, PARAM_SHOWN, key,
                     known[0] ? known : "none");
}

akin_status param_parse(const char *owner, const akin_param *rows, size_t n_rows,
                        const json_t *object, struct arena *arena, void *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    const char *key;
    json_t *value;
    for (size_t i = 0; i < n_rows; i++)
        memset((char *)out + rows[i].offset, 0, 8);
    if (object && !json_is_object(object))
        AKIN_FAIL(AKIN_E_ARG, "%s: parameters must be a JSON object of names and values", owner);
    json_t *given =
        (json_t *)(uintptr_t)object; /* only read, though jansson's iterator is not const */
    json_object_foreach(given, key, value) {
        if (!param_find(rows, n_rows, key)) {
            status = unknown_fail(owner, rows, n_rows, key, err);
            goto done;
        }
    }
    for (size_t i = 0; i < n_rows; i++) {
        struct reader reader = {.owner = owner, .row = &rows[i], .arena = arena, .err = err};
        AKIN_TRY(read_row(&reader, object, (char *)out + rows[i].offset));
    }
done:
    return status;
}

const akin_param *param_find(const akin_param *rows, size_t n_rows, const char *name)
{
    for (size_t i = 0; i < n_rows; i++) {
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    }
    return NULL;
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* Edits (insert, delete, replace, swap of neighbours) from a to b, both shorter than PARAM_NAME. */
static int edit_distance(const char *a, const char *b)
{
    int rows[3][PARAM_NAME + 1];
    int na = (int)strlen(a);
    int nb = (int)strlen(b);
    for (int j = 0; j <= nb; j++)
        rows[0][j] = j;
    for (int i = 1; i <= na; i++) {
        int *now = rows[i % 3];
        const int *last = rows[(i + 2) % 3];
        const int *before = rows[(i + 1) % 3];
        now[0] = i;
        for (int j = 1; j <= nb; j++) {
            int cost = a[i - 1] != b[j - 1];
            now[j] = least(least(last[j] + 1, now[j - 1] + 1), last[j - 1] + cost);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = least(now[j], before[j - 2] + 1);
        }
    }
    return rows[na % 3][nb];
}

const char *param_nearest(const akin_param *rows, size_t n_rows, const char *name)
{
    char plain[PARAM_NAME]; /* as rows are written: small, `_` */
    size_t size = strlen(name);
    if (size == 0 || size >= sizeof plain)
        return NULL;
    for (size_t i = 0; i <= size; i++) {
        char c = name[i];
        plain[i] = c == '-' ? '_' : c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    const char *nearest = NULL;
    int best = least(3, (int)size / 3 + 1) + 1;
    for (size_t i = 0; i < n_rows; i++) {
        if (rows[i].flags & AKIN_PARAM_HIDDEN || strlen(rows[i].name) >= sizeof plain)
            continue;
        int distance = edit_distance(plain, rows[i].name);
        if (size >= 3 && strncmp(plain, rows[i].name, size) == 0)
            distance = least(distance, 1); /* a beginning of the name */
        if (distance < best) {
            best = distance;
            nearest = rows[i].name;
        }
    }
    return nearest;
}

/* A row's value as JSON; a new reference, NULL on lack of memory. */
static json_t *dump_value(const akin_param *row, const void *field)
{
    int64_t number;
    double real;
    const char *text;
    json_t *json;
    char choice[PARAM_NAME];
    memcpy(&number, field, sizeof number);
    switch (row->type) {
    case AKIN_PARAM_BOOL:
        return json_boolean(number != 0);
    case AKIN_PARAM_INT:
    case AKIN_PARAM_SIZE:
        return json_integer((json_int_t)number);
    case AKIN_PARAM_REAL:
        memcpy(&real, field, sizeof real);
        /* JSON has no infinity; the text reads back. */
        return isfinite(real) ? json_real(real) : json_string(real > 0 ? "inf" : "-inf");
    case AKIN_PARAM_TEXT:
        memcpy(&text, field, sizeof text);
        return text ? json_string(text) : json_null();
    case AKIN_PARAM_CHOICE:
        param_choice_text(row->choices, number, choice, sizeof choice);
        return json_string(choice);
    case AKIN_PARAM_LIST:
    case AKIN_PARAM_MAP:
        memcpy(&json, field, sizeof json);
        return json ? json_incref(json) : json_null();
    }
    return NULL;
}

json_t *param_dump(const akin_param *rows, size_t n_rows, const void *values)
{
    json_t *object = json_object();
    for (size_t i = 0; object && i < n_rows; i++) {
        if (rows[i].flags & AKIN_PARAM_SECRET)
            continue;
        json_t *value = dump_value(&rows[i], (const char *)values + rows[i].offset);
        if (json_object_set_new(object, rows[i].name, value) != 0) {
            json_decref(object);
            object = NULL;
        }
    }
    return object;
}
