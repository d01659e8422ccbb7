/* CSV fields, written and read: the one place that quotes, and that disarms formulas. */
#include "api/csv.h"

#include "core/text.h"

#include <string.h>

/* Does a spreadsheet take the text for a formula? */
static bool is_formula(const char *text, size_t size)
{
    /* ＝ ＋ － ＠: some versions take them for the ASCII ones */
    static const char *const wide[] = {"\xef\xbc\x9d", "\xef\xbc\x8b", "\xef\xbc\x8d",
                                       "\xef\xbc\xa0"};
    double number;
    if (size == 0)
        return false;
    if (memchr("=@\t\r\n", text[0], 5))
        return true;
    if (text[0] == '+' || text[0] == '-')
        return !text_to_double(text, size, &number) || strspn(text + 1, "0123456789.") == 0;
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
        if (size >= 3 && memcmp(text, wide[i], 3) == 0)
            return true;
    return false;
}

/* Apostrophes and then a formula: a field that was guarded, or must be told from one. */
static bool is_guarded(const char *text, size_t size)
{
    size_t n = 0;
    while (n < size && text[n] == '\'')
        n++;
    return n > 0 && is_formula(text + n, size - n);
}

void csv_field(struct buf *buf, const char *text, size_t size, bool is_safe)
{
    bool guard = is_safe && (is_formula(text, size) || is_guarded(text, size));
    bool quote = guard;
    /* ; and TAB separate fields where the reader's country or habit says so */
    for (size_t i = 0; i < size && !quote; i++)
        quote = memchr(",\"\n\r;\t", text[i], 6) != NULL;
    if (quote)
        buf_char(buf, '"');
    if (guard)
        buf_char(buf, '\'');
    if (!quote) {
        buf_add(buf, text, size);
        return;
    }
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '"')
            buf_char(buf, '"');
        buf_char(buf, text[i]);
    }
    buf_char(buf, '"');
}

/* Unquotes in place; returns where the text behind the closing quote begins. */
static char *unquote(char *at, char **field, size_t *size)
{
    char *out = ++at;
    *field = out;
    while (*at) {
        if (*at == '"') {
            if (at[1] != '"') {
                at++;
                break;
            }
            at++;
        }
        *out++ = *at++;
    }
    *size = (size_t)(out - *field);
    return at;
}

char *csv_next(char *at, char sep, char **field, size_t *size)
{
    const char ends[] = {sep, '\r', '\0'};
    char *end = at;
    if (*at == '"') {
        end = unquote(at, field, size);
    } else {
        end = at + strcspn(at, ends);
        *field = at;
        *size = (size_t)(end - at);
    }
    if (is_guarded(*field, *size)) {
        ++*field;
        --*size;
    }
    return *end == sep ? end + 1 : NULL;
}

char *csv_line_end(char *line, char sep)
{
    const char ends[] = {sep, '\n', '\0'};
    for (char *at = line;; at++) { /* at a field */
        if (*at == '"') {
            char *shut = at + 1;
            while (*shut && !(shut[0] == '"' && shut[1] != '"'))
                shut += shut[0] == '"' ? 2 : 1;
            if (!*shut) /* never closed: then it is no quote */
                break;
            at = shut;
        }
        at += strcspn(at, ends);
        if (*at != sep)
            return at;
    }
    return line + strcspn(line, "\n");
}

char csv_separator(const char *line)
{
    const char *at = line;
    if (*at == '"')
        for (at++; *at && !(at[0] == '"' && at[1] != '"'); at++)
            at += *at == '"';
    at += strcspn(at, ",\t\n");
    return *at == '\t' ? '\t' : ',';
}
