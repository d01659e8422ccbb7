/*
 * Targets and routes: cutting and decoding of what stands in the request line, and the match
 * against the table, in its order. Cost: linear in the target, times the rows passed.
 */
#include "serve/route.h"

#include "core/text.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    enum method method;
} methods[] = {{"GET", METHOD_GET},       {"POST", METHOD_POST}, {"PUT", METHOD_PUT},
               {"DELETE", METHOD_DELETE}, {"HEAD", METHOD_HEAD}, {"OPTIONS", METHOD_OPTIONS}};

enum method method_of(const char *name)
{
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        if (strcmp(methods[i].name, name) == 0)
            return methods[i].method;
    }
    return METHOD_NONE;
}

const char *method_name(enum method method)
{
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        if (methods[i].method == method)
            return methods[i].name;
    }
    return "?";
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Percent-decodes text into the arena; in a query '+' is a space. */
static akin_status decode(const char *what, const char *text, size_t size, bool is_query,
                          struct arena *arena, const char **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    size_t n = 0;
    char *to = arena_alloc(arena, (int64_t)size + 1, 1, err);
    if (!to)
        return AKIN_E_MEMORY;
    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        if (c == '%') {
            int hi = size - i > 2 ? hex_digit(text[i + 1]) : -1;
            int lo = size - i > 2 ? hex_digit(text[i + 2]) : -1;
            if (hi < 0 || lo < 0)
                AKIN_FAIL(AKIN_E_ARG, "%s: '%%' without two hex digits behind it", what);
            c = (char)(hi * 16 + lo);
            i += 2;
        } else if (c == '+' && is_query) {
            c = ' ';
        }
        if (c == '\0')
            AKIN_FAIL(AKIN_E_ARG, "%s: contains a NUL byte (%%00)", what);
        to[n++] = c;
    }
    to[n] = '\0';
    if (!text_is_utf8(to, n))
        AKIN_FAIL(AKIN_E_ARG, "%s: not UTF-8", what);
    *out = to;
done:
    return status;
}

static akin_status parse_path(const char *raw, size_t size, struct arena *arena, struct target *out,
                              akin_error *err)
{
    akin_status status = AKIN_OK;
    size_t at = 1;
    for (;;) {
        const char *slash = memchr(raw + at, '/', size - at);
        size_t end = slash ? (size_t)(slash - raw) : size;
        const char *text;
        AKIN_TRY(decode("path", raw + at, end - at, false, arena, &text, err));
        if (strlen(text) > ROUTE_ID_MAX)
            AKIN_FAIL(AKIN_E_ARG, "path: an id of %zu bytes (at most %d)", strlen(text),
                      ROUTE_ID_MAX);
        if (out->n < ROUTE_SEGMENTS)
            out->segment[out->n] = text;
        out->n++;
        if (!slash || out->n > ROUTE_SEGMENTS)
            break;
        at = end + 1;
    }
done:
    return status;
}

static akin_status add_pair(const char *text, size_t size, struct arena *arena, struct target *out,
                            akin_error *err)
{
    akin_status status = AKIN_OK;
    const char *eq = memchr(text, '=', size);
    size_t n = eq ? (size_t)(eq - text) : size;
    const char *key, *value = "";
    if (out->n_pairs == ROUTE_PAIRS)
        AKIN_FAIL(AKIN_E_ARG, "query: more than %d parameters", ROUTE_PAIRS);
    AKIN_TRY(decode("query", text, n, true, arena, &key, err));
    if (eq)
        AKIN_TRY(decode("query", eq + 1, size - n - 1, true, arena, &value, err));
    for (int i = 0; i < out->n_pairs; i++) {
        if (strcmp(out->key[i], key) == 0)
            AKIN_FAIL(AKIN_E_ARG, "query: %.40s is given twice", key);
    }
    out->key[out->n_pairs] = key;
    out->value[out->n_pairs++] = value;
done:
    return status;
}

akin_status target_parse(const char *raw, size_t size, struct arena *arena, struct target *out,
                         akin_error *err)
{
    akin_status status = AKIN_OK;
    out->n = out->n_pairs = 0;
    if (size == 0 || raw[0] != '/')
        AKIN_FAIL(AKIN_E_ARG, "path: must begin with '/'");
    for (size_t i = 0; i < size; i++) {
        if ((unsigned char)raw[i] <= ' ' || raw[i] == 0x7f)
            AKIN_FAIL(AKIN_E_ARG, "path: a space or control byte at %zu (percent-encode it)", i);
    }
    const char *mark = memchr(raw, '?', size);
    size_t n = mark ? (size_t)(mark - raw) : size;
    AKIN_TRY(parse_path(raw, n, arena, out, err));
    if (!mark)
        goto done;
    for (size_t at = n + 1; at < size;) {
        const char *amp = memchr(raw + at, '&', size - at);
        size_t end = amp ? (size_t)(amp - raw) : size;
        if (end > at)
            AKIN_TRY(add_pair(raw + at, end - at, arena, out, err));
        at = end + 1;
    }
done:
    return status;
}

/*
 * Whether a segment meets its part of a template: equal, or `{x}` (any but empty), or `{x}:verb`.
 * *size: bytes of it that stand for {x}, -1 if none do.
 */
static bool segment_matches(const char *part, size_t n, const char *segment, int64_t *size)
{
    size_t m = strlen(segment);
    *size = -1;
    if (n == 0 || part[0] != '{')
        return m == n && memcmp(part, segment, n) == 0;
    const char *close = memchr(part, '}', n);
    size_t tail = close ? n - (size_t)(close - part) - 1 : 0;
    if (m <= tail || memcmp(segment + m - tail, close ? close + 1 : "", tail) != 0)
        return false;
    *size = (int64_t)(m - tail);
    return true;
}

static bool path_matches(const char *path, const struct target *target, int *at, int64_t *size)
{
    int i = 0;
    *at = -1;
    for (path++;; i++) {
        size_t n = 0; /* strcspn sets up more than these few bytes are worth */
        int64_t taken;
        while (path[n] != '\0' && path[n] != '/')
            n++;
        if (i >= target->n || i >= ROUTE_SEGMENTS ||
            !segment_matches(path, n, target->segment[i], &taken))
            return false;
        if (taken >= 0) {
            *at = i;
            *size = taken;
        }
        path += n;
        if (*path == '\0')
            return i + 1 == target->n;
        path++;
    }
}

/* The methods of a path: 0 = there is no such path. */
static unsigned path_methods(const struct target *target)
{
    unsigned allowed = 0;
    for (const struct route *r = route_table; r->path; r++) {
        int at;
        int64_t size;
        if (path_matches(r->path, target, &at, &size))
            allowed |= r->method | METHOD_OPTIONS | (r->method == METHOD_GET ? METHOD_HEAD : 0u);
    }
    return allowed;
}

akin_status route_match(enum method method, const struct target *target, struct arena *arena,
                        struct match *out, akin_error *err)
{
    const enum method wanted = method == METHOD_HEAD ? METHOD_GET : method;
    *out = (struct match){0};
    for (const struct route *r = route_table; r->path && !out->route; r++) {
        int at;
        int64_t size = 0;
        if (r->method != wanted || !path_matches(r->path, target, &at, &size))
            continue;
        out->route = r;
        if (at < 0)
            continue;
        out->param = arena_strndup(arena, target->segment[at], (size_t)size, err);
        if (!out->param)
            return AKIN_E_MEMORY;
    }
    if (!out->route) /* a refusal says what there is instead */
        out->allowed = path_methods(target);
    return AKIN_OK;
}

void route_allow_text(unsigned allowed, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        if (!(allowed & methods[i].method))
            continue;
        int n = snprintf(out + used, size - used, "%s%s", used ? ", " : "", methods[i].name);
        if (n < 0 || (size_t)n >= size - used)
            return;
        used += (size_t)n;
    }
}
