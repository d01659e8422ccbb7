/*
 * The scanner behind jsonl. It checks the whole grammar of RFC 8259 (numbers, escapes, surrogate
 * pairs, depth), because a row that is only half JSON is a defect to be counted, not guessed at.
 * UTF-8 is checked by who keeps the text. Duplicate keys: the later one is reported last.
 * Cost: one pass; unescaped bytes never exceed the escaped ones, so scratch of `size` suffices.
 */
#include "data/reader_json.h"

#include <string.h>

enum { JSON_DEPTH = 64 };

struct scan {
    const char *p;
    const char *end;
    char *out;
};

static void skip_blank(struct scan *s)
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r'))
        s->p++;
}

static bool take(struct scan *s, char c)
{
    skip_blank(s);
    if (s->p >= s->end || *s->p != c)
        return false;
    s->p++;
    return true;
}

static bool hex4(struct scan *s, uint32_t *out)
{
    if (s->end - s->p < 4)
        return false;
    *out = 0;
    for (int i = 0; i < 4; i++) {
        char c = *s->p++;
        uint32_t digit;
        if (c >= '0' && c <= '9')
            digit = (uint32_t)(c - '0');
        else if ((c | 32) >= 'a' && (c | 32) <= 'f')
            digit = (uint32_t)((c | 32) - 'a' + 10);
        else
            return false;
        *out = *out << 4 | digit;
    }
    return true;
}

static void put_utf8(struct scan *s, uint32_t c)
{
    if (c < 0x80) {
        *s->out++ = (char)c;
    } else if (c < 0x800) {
        *s->out++ = (char)(0xc0 | c >> 6);
        *s->out++ = (char)(0x80 | (c & 63));
    } else if (c < 0x10000) {
        *s->out++ = (char)(0xe0 | c >> 12);
        *s->out++ = (char)(0x80 | (c >> 6 & 63));
        *s->out++ = (char)(0x80 | (c & 63));
    } else {
        *s->out++ = (char)(0xf0 | c >> 18);
        *s->out++ = (char)(0x80 | (c >> 12 & 63));
        *s->out++ = (char)(0x80 | (c >> 6 & 63));
        *s->out++ = (char)(0x80 | (c & 63));
    }
}

static bool take_escape(struct scan *s)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (s->p >= s->end)
        return false;
    char c = *s->p++;
    if (c == 'u') {
        uint32_t code, low;
        if (!hex4(s, &code))
            return false;
        if (code >= 0xdc00 && code < 0xe000)
            return false;
        if (code >= 0xd800 && code < 0xdc00) {
            if (s->end - s->p < 6 || s->p[0] != '\\' || s->p[1] != 'u')
                return false;
            s->p += 2;
            if (!hex4(s, &low) || low < 0xdc00 || low > 0xdfff)
                return false;
            code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        }
        put_utf8(s, code);
        return true;
    }
    const char *at = c ? memchr(from, c, sizeof from - 1) : NULL;
    if (!at)
        return false;
    *s->out++ = to[at - from];
    return true;
}

/* A string; points into the text if nothing was escaped, else into scratch. */
static bool take_string(struct scan *s, const char **text, int64_t *size)
{
    if (!take(s, '"'))
        return false;
    const char *begin = s->p;
    while (s->p < s->end && *s->p != '"' && *s->p != '\\' && (unsigned char)*s->p >= 0x20)
        s->p++;
    if (s->p < s->end && *s->p == '"') {
        *text = begin;
        *size = s->p++ - begin;
        return true;
    }
    char *out = s->out;
    memcpy(s->out, begin, (size_t)(s->p - begin));
    s->out += s->p - begin;
    while (s->p < s->end && *s->p != '"') {
        char c = *s->p++;
        if ((unsigned char)c < 0x20)
            return false;
        if (c != '\\')
            *s->out++ = c;
        else if (!take_escape(s))
            return false;
    }
    if (s->p >= s->end)
        return false;
    s->p++;
    *text = out;
    *size = s->out - out;
    return true;
}

static bool is_digit(const struct scan *s)
{
    return s->p < s->end && *s->p >= '0' && *s->p <= '9';
}

static bool take_digits(struct scan *s)
{
    if (!is_digit(s))
        return false;
    while (is_digit(s))
        s->p++;
    return true;
}

static bool take_number(struct scan *s)
{
    if (s->p < s->end && *s->p == '-')
        s->p++;
    if (s->p < s->end && *s->p == '0')
        s->p++;
    else if (!take_digits(s))
        return false;
    if (s->p < s->end && *s->p == '.') {
        s->p++;
        if (!take_digits(s))
            return false;
    }
    if (s->p < s->end && (*s->p | 32) == 'e') {
        s->p++;
        if (s->p < s->end && (*s->p == '-' || *s->p == '+'))
            s->p++;
        if (!take_digits(s))
            return false;
    }
    return true;
}

static bool take_word(struct scan *s, const char *word)
{
    size_t n = strlen(word);
    if ((size_t)(s->end - s->p) < n || memcmp(s->p, word, n) != 0)
        return false;
    s->p += n;
    return true;
}

static bool take_scalar(struct scan *s, enum json_kind *kind, const char **text, int64_t *size)
{
    skip_blank(s);
    if (s->p >= s->end)
        return false;
    const char *begin = s->p;
    bool ok;
    switch (*s->p) {
    case '"':
        *kind = JSON_KIND_TEXT;
        return take_string(s, text, size);
    case 't':
        *kind = JSON_KIND_BOOL;
        ok = take_word(s, "true");
        break;
    case 'f':
        *kind = JSON_KIND_BOOL;
        ok = take_word(s, "false");
        break;
    case 'n':
        *kind = JSON_KIND_NULL;
        ok = take_word(s, "null");
        break;
    default:
        *kind = JSON_KIND_NUMBER;
        ok = take_number(s);
    }
    *text = begin;
    *size = s->p - begin;
    return ok;
}

/* Any value, checked and forgotten. */
static bool skip_value(struct scan *s, int depth)
{
    enum json_kind kind;
    const char *text;
    int64_t size;
    skip_blank(s);
    if (s->p >= s->end || depth > JSON_DEPTH)
        return false;
    char open = *s->p;
    if (open != '{' && open != '[')
        return take_scalar(s, &kind, &text, &size);
    char close = open == '{' ? '}' : ']';
    s->p++;
    if (take(s, close))
        return true;
    do {
        if (open == '{' && (!take_string(s, &text, &size) || !take(s, ':')))
            return false;
        if (!skip_value(s, depth + 1))
            return false;
    } while (take(s, ','));
    return take(s, close);
}

/* A list: its texts and numbers joined by '|' in scratch. */
static bool take_list(struct scan *s, const char **text, int64_t *size)
{
    char *out = s->out; /* elements are copied down over their own unescaped bytes */
    char *end = out;
    bool is_first = true;
    s->p++;
    *text = out;
    *size = 0;
    if (take(s, ']'))
        return true;
    do {
        enum json_kind kind;
        const char *part;
        int64_t n;
        skip_blank(s);
        if (s->p < s->end && (*s->p == '{' || *s->p == '[')) {
            if (!skip_value(s, 2))
                return false;
            continue;
        }
        s->out = end + (is_first ? 0 : 1);
        if (!take_scalar(s, &kind, &part, &n))
            return false;
        if (kind == JSON_KIND_NULL || n == 0)
            continue;
        if (!is_first)
            *end++ = '|';
        is_first = false;
        memmove(end, part, (size_t)n);
        end += n;
    } while (take(s, ','));
    s->out = end;
    *size = end - out;
    return take(s, ']');
}

bool json_scan_object(const char *text, int64_t size, char *scratch, json_field_fn fn, void *arg)
{
    struct scan s = {text, text + size, scratch};
    if (!take(&s, '{'))
        return false;
    if (take(&s, '}'))
        goto tail;
    do {
        const char *key, *value = NULL;
        int64_t key_size, n = 0;
        enum json_kind kind = JSON_KIND_OBJECT;
        if (!take_string(&s, &key, &key_size) || !take(&s, ':'))
            return false;
        skip_blank(&s);
        if (s.p < s.end && *s.p == '{') {
            if (!skip_value(&s, 1))
                return false;
        } else if (s.p < s.end && *s.p == '[') {
            kind = JSON_KIND_LIST;
            if (!take_list(&s, &value, &n))
                return false;
        } else if (!take_scalar(&s, &kind, &value, &n)) {
            return false;
        }
        fn(arg, key, key_size, kind, value, n);
    } while (take(&s, ','));
    if (!take(&s, '}'))
        return false;
tail:
    skip_blank(&s);
    return s.p == s.end;
}
