/* A request's context by name: values as texts, read once. Cost: O(bytes); a look at the keys a
 * call of an attribute. */
#include "data/context.h"

#include "core/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Of a value in bytes, of a list in texts: cutting at bars costs their product. */
enum { VALUE_BYTES = 4096, VALUE_TEXTS = 256 };

struct entry {
    const char *key;
    const json_t *texts; /* an array of strings, or NULL */
    const char *text;    /* the one text otherwise; NULL = absent */
};

struct context {
    size_t n;
    struct entry *entry;
};

static const struct entry *find(const struct context *c, const char *column)
{
    for (size_t i = 0; i < c->n; i++)
        if (strcmp(c->entry[i].key, column) == 0)
            return &c->entry[i];
    return NULL;
}

static double number(const void *arg, const char *column)
{
    const struct entry *e = find(arg, column);
    double x;
    return e && e->text && text_to_double(e->text, strlen(e->text), &x) ? x : (double)NAN;
}

/* Texts of a cell stand between bars, as in files. */
static bool text(const void *arg, const char *column, int64_t n, const char **out, int32_t *size)
{
    const struct entry *e = find(arg, column);
    const char *at = e ? e->text : NULL;
    if (e && e->texts && n <= INT32_MAX) {
        at = json_string_value(json_array_get(e->texts, (size_t)n));
        n = 0;
    }
    for (; at && n > 0; n--) {
        at = strchr(at, '|');
        at = at ? at + 1 : NULL;
    }
    if (!at)
        return false;
    *out = at;
    *size = (int32_t)strcspn(at, "|");
    return true;
}

static akin_status read_value(const char *key, const json_t *value, struct arena *arena,
                              struct entry *out, akin_error *err)
{
    enum { DIGITS = 40 };
    akin_status status = AKIN_OK;
    bool is_list = json_is_array(value), is_ok = true;
    *out = (struct entry){.key = key, .text = json_string_value(value)};
    for (size_t i = 0; is_list && i < json_array_size(value); i++)
        is_ok = is_ok && json_is_string(json_array_get(value, i));
    if (is_list)
        out->texts = value;
    if (json_string_length(value) > VALUE_BYTES || json_array_size(value) > VALUE_TEXTS)
        AKIN_FAIL(AKIN_E_INPUT, "context: %.60s is too long (at most %d bytes or %d texts)", key,
                  VALUE_BYTES, VALUE_TEXTS);
    if (json_is_number(value)) {
        char *digits = arena_alloc(arena, DIGITS, 1, err);
        if (!digits)
            AKIN_TRY(AKIN_E_MEMORY);
        if (json_is_integer(value))
            snprintf(digits, DIGITS, "%lld", (long long)json_integer_value(value));
        else
            snprintf(digits, DIGITS, "%.15g", json_real_value(value));
        out->text = digits;
    } else if (json_is_boolean(value)) {
        out->text = json_is_true(value) ? "true" : "false";
    } else if (!is_ok || (!is_list && !out->text && !json_is_null(value))) {
        AKIN_FAIL(AKIN_E_INPUT, "context: %.60s must be a text, a number, or an array of texts",
                  key);
    }
done:
    return status;
}

akin_status context_read(const json_t *object, struct arena *arena, const struct attributes **out,
                         akin_error *err)
{
    akin_status status = AKIN_OK;
    const char *key;
    json_t *value;
    *out = NULL;
    struct context *c = arena_alloc(arena, 1, (int64_t)sizeof *c, err);
    struct attributes *a = arena_alloc(arena, 1, (int64_t)sizeof *a, err);
    if (!c || !a)
        AKIN_TRY(AKIN_E_MEMORY);
    int64_t size = (int64_t)json_object_size(object);
    *c = (struct context){0, arena_alloc(arena, size + 1, (int64_t)sizeof *c->entry, err)};
    if (!c->entry)
        AKIN_TRY(AKIN_E_MEMORY);
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
        AKIN_TRY(read_value(key, value, arena, &c->entry[c->n++], err));
    *a = (struct attributes){.arg = c, .number = number, .text = text};
    *out = a;
done:
    return status;
}

static bool is_column(const struct features *spec, const char *name)
{
    const char *column;
    for (int32_t c = 0; spec && (column = features_column(spec, c)) != NULL; c++)
        if (strcmp(column, name) == 0)
            return true;
    return false;
}

static void list_keys(const struct features *const *specs, int n, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (int s = 0; s < n; s++) {
        const char *column;
        for (int32_t c = 0; specs[s] && (column = features_column(specs[s], c)) != NULL; c++) {
            bool is_new = true;
            for (int before = 0; before < s; before++)
                is_new = is_new && !is_column(specs[before], column);
            if (is_new && used < size)
                used += (size_t)snprintf(out + used, size - used, "%s%s", used ? ", " : "", column);
        }
    }
}

akin_status context_check(const json_t *object, const struct features *const *specs, int n,
                          akin_error *err)
{
    akin_status status = AKIN_OK;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value) {
        bool is_known = false;
        char known[120];
        for (int s = 0; s < n; s++)
            is_known = is_known || is_column(specs[s], key);
        if (is_known)
            continue;
        list_keys(specs, n, known, sizeof known);
        if (*known)
            AKIN_FAIL(AKIN_E_INPUT, "context: no key '%.60s' (there are: %s)", key, known);
        AKIN_FAIL(
            AKIN_E_INPUT,
            "context: no key '%.60s': no model here goes by a context (fm does, where `prepare "
            "--context` kept columns of events)",
            key);
    }
done:
    return status;
}
