/*
 * Bridge to jansson: strict reading, writing with sorted keys and shortest numbers, look-ups.
 *
 * jansson's own writer gives doubles 17 digits ("0.10000000000000001"), so the tree is written by
 * jw. Cost: reading is jansson's; writing sorts the keys of each object.
 */
#include "core/json.h"

#include "core/file.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define JSON_MOST ((int64_t)1 << 30)
#define JSON_DEPTH 2048 /* jansson's own limit for parsing */

akin_status json_parse(const char *what, const char *text, size_t size, json_t **out,
                       akin_error *err)
{
    if (size > (size_t)JSON_MOST)
        return error_set(err, AKIN_E_LIMIT, __FILE__, __LINE__,
                         "%.80s: %zu bytes of JSON (at most %" PRId64 ")", what, size, JSON_MOST);
    json_error_t where;
    json_t *json = json_loadb(text ? text : "", text ? size : 0,
                              JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &where);
    if (json) {
        *out = json;
        return AKIN_OK;
    }
    if (json_error_code(&where) == json_error_out_of_memory)
        return error_set(err, AKIN_E_MEMORY, __FILE__, __LINE__,
                         "out of memory: reading JSON of %.100s", what);
    return error_set(err, AKIN_E_INPUT, __FILE__, __LINE__, "%.80s:%d:%d: %s", what,
                     where.line > 0 ? where.line : 1, where.column > 0 ? where.column : 1,
                     where.text);
}

akin_status json_read_file(akin_ctx *ctx, const char *path, json_t **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    char *text = NULL;
    int64_t size = 0;
    AKIN_TRY(file_read(ctx, path, JSON_MOST, &text, &size, err));
    AKIN_TRY(json_parse(path, text, (size_t)size, out, err));
done:
    mem_free(ctx, text);
    return status;
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* How a tree is written. */
struct writing {
    struct jw jw;
    bool is_sorted; /* keys by bytes, else in their order of insertion */
};

static akin_status write_value(struct writing *w, const json_t *json, int depth, akin_error *err);

static akin_status write_object(struct writing *w, const json_t *json, int depth, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct jw *jw = &w->jw;
    akin_ctx *ctx = jw->buf->ctx;
    size_t n = json_object_size(json);
    size_t i = 0;
    const char **keys = NULL;
    const char *key;
    json_t *value;
    MEM_NEW(ctx, keys, n);
    /* The iterator does not change the object, though jansson asks for a mutable one. */
    json_t *object = (json_t *)(uintptr_t)json;
    json_object_foreach(object, key, value) {
        if (i < n)
            keys[i++] = key;
    }
    if (w->is_sorted)
        qsort(keys, i, sizeof *keys, compare_keys);
    jw_open(jw, '{');
    for (size_t k = 0; k < i; k++) {
        jw_key(jw, keys[k]);
        AKIN_TRY(write_value(w, json_object_get(json, keys[k]), depth + 1, err));
    }
    jw_close(jw, '}');
done:
    mem_free(ctx, keys);
    return status;
}

/* Keeps the type: 1.0 stays a real when it is read again. */
static void write_real(struct jw *jw, double value)
{
    int64_t start = jw->buf->size;
    jw_double(jw, value);
    if (jw->buf->failed || !isfinite(value))
        return;
    if (!strpbrk(jw->buf->data + start, ".e"))
        buf_text(jw->buf, ".0");
}

static akin_status write_value(struct writing *w, const json_t *json, int depth, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct jw *jw = &w->jw;
    if (depth > JSON_DEPTH)
        AKIN_FAIL(AKIN_E_LIMIT, "JSON nested deeper than %d", JSON_DEPTH);
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        AKIN_TRY(write_object(w, json, depth, err));
        break;
    case JSON_ARRAY:
        jw_open(jw, '[');
        for (size_t i = 0; i < json_array_size(json); i++)
            AKIN_TRY(write_value(w, json_array_get(json, i), depth + 1, err));
        jw_close(jw, ']');
        break;
    case JSON_STRING:
        jw_string_n(jw, json_string_value(json), json_string_length(json));
        break;
    case JSON_INTEGER:
        jw_int(jw, json_integer_value(json));
        break;
    case JSON_REAL:
        write_real(jw, json_real_value(json));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        jw_bool(jw, json_is_true(json));
        break;
    case JSON_NULL:
        jw_null(jw);
        break;
    }
done:
    return status;
}

static akin_status write_tree(const json_t *json, bool is_sorted, struct buf *buf, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct writing w = {.is_sorted = is_sorted};
    jw_init(&w.jw, buf);
    if (!json)
        AKIN_FAIL(AKIN_E_MEMORY, "out of memory: a JSON value");
    AKIN_TRY(write_value(&w, json, 0, err));
    AKIN_TRY(buf_check(buf, err));
done:
    return status;
}

akin_status json_write(const json_t *json, struct buf *buf, akin_error *err)
{
    return write_tree(json, true, buf, err);
}

akin_status json_write_ordered(const json_t *json, struct buf *buf, akin_error *err)
{
    return write_tree(json, false, buf, err);
}

const char *json_text(const json_t *object, const char *key, const char *fallback)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : fallback;
}

int64_t json_int(const json_t *object, const char *key, int64_t fallback)
{
    const json_t *value = json_object_get(object, key);
    return json_is_integer(value) ? (int64_t)json_integer_value(value) : fallback;
}

double json_double(const json_t *object, const char *key, double fallback)
{
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : fallback;
}
