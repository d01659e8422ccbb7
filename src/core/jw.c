/*
 * A streaming JSON writer: compact, one pass, no tree. The caller nests rightly; the writer puts
 * commas, escapes, and replaces what is not UTF-8 by U+FFFD, so that the text is always valid.
 */
#include "core/buf.h"
#include "core/text.h"

#include <math.h>
#include <string.h>

void jw_init(struct jw *jw, struct buf *buf)
{
    jw->buf = buf;
    jw->comma = false;
}

static void jw_comma(struct jw *jw)
{
    if (jw->comma)
        buf_char(jw->buf, ',');
    jw->comma = true;
}

void jw_open(struct jw *jw, char bracket)
{
    jw_comma(jw);
    buf_char(jw->buf, bracket);
    jw->comma = false;
}

void jw_close(struct jw *jw, char bracket)
{
    buf_char(jw->buf, bracket);
    jw->comma = true;
}

static void add_escaped(struct buf *buf, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    static const char from[] = "\"\\\b\f\n\r\t";
    static const char to[] = "\"\\bfnrt";
    char text[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
    const char *at = c ? strchr(from, c) : NULL;
    if (at) {
        text[1] = to[at - from];
        buf_add(buf, text, 2);
    } else {
        buf_add(buf, text, sizeof text);
    }
}

static void add_string(struct buf *buf, const char *text, size_t size)
{
    buf_char(buf, '"');
    size_t start = 0; /* of the run that needs no change */
    size_t i = 0;
    while (i < size) {
        unsigned char c = (unsigned char)text[i];
        size_t length = 1;
        if (c >= 0x80)
            length = text_utf8_length(text + i, size - i);
        if (length > 0 && c >= 0x20 && c != '"' && c != '\\') {
            i += length;
            continue;
        }
        buf_add(buf, text + start, i - start);
        if (length == 0)
            buf_text(buf, "\xEF\xBF\xBD");
        else
            add_escaped(buf, c);
        start = ++i;
    }
    buf_add(buf, text + start, size - start);
    buf_char(buf, '"');
}

void jw_key(struct jw *jw, const char *key)
{
    jw_comma(jw);
    add_string(jw->buf, key, strlen(key));
    buf_char(jw->buf, ':');
    jw->comma = false;
}

void jw_string_n(struct jw *jw, const char *text, size_t size)
{
    jw_comma(jw);
    add_string(jw->buf, text, size);
}

void jw_string(struct jw *jw, const char *text)
{
    if (text)
        jw_string_n(jw, text, strlen(text));
    else
        jw_null(jw);
}

void jw_int(struct jw *jw, int64_t value)
{
    jw_comma(jw);
    buf_int(jw->buf, value);
}

void jw_double(struct jw *jw, double value)
{
    if (!isfinite(value)) {
        jw_null(jw);
        return;
    }
    jw_comma(jw);
    buf_double(jw->buf, value);
}

void jw_float(struct jw *jw, float value)
{
    if (!isfinite(value)) {
        jw_null(jw);
        return;
    }
    jw_comma(jw);
    buf_float(jw->buf, value);
}

void jw_bool(struct jw *jw, bool value)
{
    jw_raw(jw, value ? "true" : "false");
}

void jw_null(struct jw *jw)
{
    jw_raw(jw, "null");
}

void jw_raw(struct jw *jw, const char *json)
{
    jw_comma(jw);
    buf_text(jw->buf, json);
}
