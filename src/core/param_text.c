/*
 * Parameter values as people type them: sizes, choices, lists, maps.
 *
 * Cost: linear in the text. Not done: quoting inside "a,b,c"; a value with a comma is given as
 * JSON.
 */
#include "core/param.h"
#include "core/text.h"

#include <math.h>
#include <string.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Moves *text and *size inside the blanks around. */
static void trim(const char **text, size_t *size)
{
    while (*size > 0 && is_blank((*text)[0])) {
        (*text)++;
        (*size)--;
    }
    while (*size > 0 && is_blank((*text)[*size - 1]))
        (*size)--;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Bytes of a unit in any case; 0 = no such unit. */
static int64_t unit_bytes(const char *unit, size_t size)
{
    static const char prefixes[] = "kmgtp";
    if (size == 0 || (size == 1 && lower(unit[0]) == 'b'))
        return 1;
    const char *at = strchr(prefixes, lower(unit[0]));
    if (unit[0] == '\0' || !at)
        return 0;
    int64_t base;
    if (size == 2 && lower(unit[1]) == 'b')
        base = 1000;
    else if (size == 3 && lower(unit[1]) == 'i' && lower(unit[2]) == 'b')
        base = 1024;
    else
        return 0;
    int64_t bytes = base;
    for (const char *p = prefixes; p < at; p++)
        bytes *= base;
    return bytes;
}

bool param_parse_size_n(const char *text, size_t size, int64_t *out)
{
    trim(&text, &size);
    size_t digits = 0;
    while (digits < size && ((text[digits] >= '0' && text[digits] <= '9') || text[digits] == '.'))
        digits++;
    const char *unit = text + digits;
    size_t unit_size = size - digits;
    trim(&unit, &unit_size);
    int64_t bytes = unit_bytes(unit, unit_size);
    int64_t whole;
    double value;
    if (digits == 0 || bytes == 0)
        return false;
    if (text_to_int(text, digits, &whole))
        return !__builtin_mul_overflow(whole, bytes, out);
    if (!text_to_double(text, digits, &value))
        return false;
    value = floor(value * (double)bytes);
    if (!(value >= 0 && value < 0x1p63))
        return false;
    *out = (int64_t)value;
    return true;
}

bool param_parse_size(const char *text, int64_t *out)
{
    return param_parse_size_n(text, strlen(text), out);
}

int64_t param_choice_index(const char *choices, const char *text)
{
    size_t size = strlen(text);
    int64_t index = 0;
    for (const char *at = choices;; index++) {
        size_t length = strcspn(at, "|");
        if (length == size && memcmp(at, text, size) == 0)
            return index;
        if (at[length] == '\0')
            return -1;
        at += length + 1;
    }
}

void param_choice_text(const char *choices, int64_t index, char *out, size_t size)
{
    const char *at = choices;
    out[0] = '\0';
    if (index < 0)
        return;
    for (; index > 0; index--) {
        at = strchr(at, '|');
        if (!at)
            return;
        at++;
    }
    size_t length = strcspn(at, "|");
    if (length >= size)
        length = size - 1;
    memcpy(out, at, length);
    out[length] = '\0';
}

/* JSON text of the given type, or NULL. */
static json_t *json_of(const char *text, size_t size, json_type type)
{
    json_t *json = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
    if (json && json_typeof(json) != type) {
        json_decref(json);
        json = NULL;
    }
    return json;
}

/*
 * Calls add for each comma-separated part. An empty text has no parts; an empty part is refused,
 * as it is a slip of the hand ("a,,b").
 */
static bool split(json_t *into, const char *text, size_t size,
                  bool (*add)(json_t *into, const char *part, size_t size))
{
    const char *end = text + size;
    if (size == 0)
        return true;
    for (;;) {
        const char *comma = memchr(text, ',', (size_t)(end - text));
        const char *part = text;
        size_t length = (size_t)((comma ? comma : end) - text);
        trim(&part, &length);
        if (length == 0 || !add(into, part, length))
            return false;
        if (!comma)
            return true;
        text = comma + 1;
    }
}

static bool add_text(json_t *into, const char *part, size_t size)
{
    return json_array_append_new(into, json_stringn(part, size)) == 0;
}

static bool add_pair(json_t *into, const char *part, size_t size)
{
    char key[256];
    const char *equal = memchr(part, '=', size);
    if (!equal)
        return false;
    const char *name = part;
    size_t length = (size_t)(equal - part);
    const char *value = equal + 1;
    size_t rest = size - length - 1;
    trim(&name, &length);
    trim(&value, &rest);
    if (length == 0 || length >= sizeof key || memchr(name, '\0', length))
        return false;
    memcpy(key, name, length);
    key[length] = '\0';
    if (json_object_get(into, key))
        return false; /* given twice */
    return json_object_set_new(into, key, json_stringn(value, rest)) == 0;
}

json_t *param_list_from_text(const char *text)
{
    size_t size = strlen(text);
    trim(&text, &size);
    if (size > 0 && text[0] == '[')
        return json_of(text, size, JSON_ARRAY);
    json_t *list = json_array();
    if (list && !split(list, text, size, add_text)) {
        json_decref(list);
        list = NULL;
    }
    return list;
}

json_t *param_map_from_text(const char *text)
{
    size_t size = strlen(text);
    trim(&text, &size);
    if (size > 0 && text[0] == '{')
        return json_of(text, size, JSON_OBJECT);
    json_t *map = json_object();
    if (map && !split(map, text, size, add_pair)) {
        json_decref(map);
        map = NULL;
    }
    return map;
}
