/*
 * Tokens of the expression language.
 *
 * Cost: one pass over at most 64 KiB. Names, texts and variables are copied into the arena, decoded
 * and NUL-terminated; keywords are lower case, so that a column may be called `Not`.
 */
#include "data/expr_lex.h"

#include "core/text.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { SHOWN = 24 }; /* bytes of the source in a message */

akin_status expr_lex_fail(const struct expr_lex *lex, size_t at, akin_error *err,
                          const char *format, ...)
{
    char message[160], rest[SHOWN + 4];
    int column = 1;
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    text_clean(message);
    for (size_t i = 0; i < at; i++)
        column += ((unsigned char)lex->text[i] & 0xc0) != 0x80;
    size_t n = lex->size - at < SHOWN ? lex->size - at : SHOWN;
    memcpy(rest, lex->text + at, n);
    rest[n] = '\0';
    text_clean(rest);
    if (n == 0)
        return error_set(err, AKIN_E_INPUT, __FILE__, __LINE__, "%s: column %d: %s, at the end",
                         lex->what, column, message);
    return error_set(err, AKIN_E_INPUT, __FILE__, __LINE__, "%s: column %d: %s, at >>%s%s",
                     lex->what, column, message, rest, lex->size - at > SHOWN ? "..." : "");
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_name_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_name(char c)
{
    return is_name_start(c) || is_digit(c) || c == '.';
}

static char peek(const struct expr_lex *lex, size_t ahead)
{
    return lex->at + ahead < lex->size ? lex->text[lex->at + ahead] : '\0';
}

static akin_status keep(struct expr_lex *lex, size_t lo, size_t hi, struct expr_str *out,
                        akin_error *err)
{
    out->text = arena_strndup(lex->arena, lex->text + lo, hi - lo, err);
    out->size = (int32_t)(hi - lo);
    return out->text ? AKIN_OK : AKIN_E_MEMORY;
}

static akin_status lex_number(struct expr_lex *lex, struct expr_token *out, akin_error *err)
{
    size_t lo = lex->at;
    if (peek(lex, 0) == '-' || peek(lex, 0) == '+')
        lex->at++;
    size_t digits = lex->at;
    while (is_digit(peek(lex, 0)))
        lex->at++;
    if (peek(lex, 0) == '.') {
        lex->at++;
        while (is_digit(peek(lex, 0)))
            lex->at++;
    }
    if (peek(lex, 0) == 'e' || peek(lex, 0) == 'E') {
        lex->at++;
        if (peek(lex, 0) == '-' || peek(lex, 0) == '+')
            lex->at++;
        while (is_digit(peek(lex, 0)))
            lex->at++;
    }
    size_t from = lex->text[lo] == '+' ? digits : lo;
    if (is_name(peek(lex, 0)) || !text_to_double(lex->text + from, lex->at - from, &out->number) ||
        !isfinite(out->number))
        return expr_lex_fail(lex, lo, err, "not a number");
    out->kind = TOKEN_NUMBER;
    return AKIN_OK;
}

static bool hex4(const struct expr_lex *lex, uint32_t *out)
{
    *out = 0;
    for (size_t i = 0; i < 4; i++) {
        char c = peek(lex, i);
        uint32_t digit;
        if (is_digit(c))
            digit = (uint32_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            digit = (uint32_t)(c - 'a') + 10;
        else if (c >= 'A' && c <= 'F')
            digit = (uint32_t)(c - 'A') + 10;
        else
            return false;
        *out = *out * 16 + digit;
    }
    return true;
}

static size_t put_utf8(char *out, uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3f));
    out[2] = (char)(0x80 | (c >> 6 & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

/* \uXXXX behind the 'u', with a surrogate pair as one character; 0 = none such. */
static size_t lex_unicode(struct expr_lex *lex, char *out)
{
    uint32_t c, low;
    if (!hex4(lex, &c) || c == 0 || (c >= 0xdc00 && c < 0xe000))
        return 0;
    lex->at += 4;
    if (c >= 0xd800 && c < 0xdc00) {
        if (peek(lex, 0) != '\\' || peek(lex, 1) != 'u')
            return 0;
        lex->at += 2;
        if (!hex4(lex, &low) || low < 0xdc00 || low >= 0xe000)
            return 0;
        lex->at += 4;
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    }
    return put_utf8(out, c);
}

/* Escapes never grow: the raw length bounds the decoded one. */
static akin_status lex_text(struct expr_lex *lex, struct expr_token *out, akin_error *err)
{
    size_t lo = lex->at, end = lo + 1, n = 0;
    char quote = lex->text[lo];
    while (end < lex->size && lex->text[end] != quote)
        end += lex->text[end] == '\\' ? 2 : 1;
    if (end >= lex->size)
        return expr_lex_fail(lex, lo, err, "text without its closing %c", quote);
    char *bytes = arena_alloc(lex->arena, (int64_t)(end - lo), 1, err);
    if (!bytes)
        return AKIN_E_MEMORY;
    lex->at++;
    while (lex->at < end) {
        char c = lex->text[lex->at++];
        if (c == '\\') {
            size_t mark = lex->at - 1, wrote = 1;
            c = lex->text[lex->at++];
            if (c == 'u') {
                wrote = lex_unicode(lex, bytes + n);
            } else if (c == 'n' || c == 't') {
                bytes[n] = c == 'n' ? '\n' : '\t';
            } else if (c == '"' || c == '\'' || c == '\\') {
                bytes[n] = c;
            } else {
                wrote = 0;
            }
            if (wrote == 0)
                return expr_lex_fail(lex, mark, err,
                                     "unknown escape (known: \\\" \\' \\\\ \\n \\t \\uXXXX)");
            n += wrote;
        } else {
            bytes[n++] = c;
        }
    }
    lex->at = end + 1;
    out->kind = TOKEN_TEXT;
    out->text = (struct expr_str){bytes, (int32_t)n};
    return AKIN_OK;
}

static akin_status lex_name(struct expr_lex *lex, struct expr_token *out, akin_error *err)
{
    static const struct {
        const char *word;
        enum expr_token_kind kind;
    } words[] = {{"or", TOKEN_OR},     {"and", TOKEN_AND},    {"not", TOKEN_NOT},
                 {"in", TOKEN_IN},     {"is", TOKEN_IS},      {"missing", TOKEN_MISSING},
                 {"true", TOKEN_TRUE}, {"false", TOKEN_FALSE}};
    size_t lo = lex->at;
    while (is_name(peek(lex, 0)))
        lex->at++;
    out->kind = TOKEN_NAME;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strlen(words[i].word) == lex->at - lo &&
            memcmp(words[i].word, lex->text + lo, lex->at - lo) == 0)
            out->kind = words[i].kind;
    }
    return keep(lex, lo, lex->at, &out->text, err);
}

static akin_status lex_quoted_name(struct expr_lex *lex, struct expr_token *out, akin_error *err)
{
    size_t lo = ++lex->at;
    while (lex->at < lex->size && lex->text[lex->at] != '`')
        lex->at++;
    if (lex->at == lex->size)
        return expr_lex_fail(lex, lo - 1, err, "name without its closing `");
    out->kind = TOKEN_NAME;
    lex->at++;
    return keep(lex, lo, lex->at - 1, &out->text, err);
}

static akin_status lex_var(struct expr_lex *lex, struct expr_token *out, akin_error *err)
{
    size_t lo = lex->at++;
    while (is_name(peek(lex, 0)))
        lex->at++;
    if (lex->at == lo + 1)
        return expr_lex_fail(lex, lo, err, "a variable needs a name, as in $seen");
    out->kind = TOKEN_VAR;
    return keep(lex, lo + 1, lex->at, &out->text, err);
}

/* Punctuation; false if there is none here. */
static bool lex_mark(struct expr_lex *lex, struct expr_token *out)
{
    static const struct {
        char text[3];
        enum expr_token_kind kind;
        enum expr_cmp cmp;
    } marks[] = {{"==", TOKEN_CMP, EXPR_EQ},      {"!=", TOKEN_CMP, EXPR_NE},
                 {"<=", TOKEN_CMP, EXPR_LE},      {">=", TOKEN_CMP, EXPR_GE},
                 {"<", TOKEN_CMP, EXPR_LT},       {">", TOKEN_CMP, EXPR_GT},
                 {"(", TOKEN_OPEN, EXPR_EQ},      {")", TOKEN_CLOSE, EXPR_EQ},
                 {"[", TOKEN_LIST_OPEN, EXPR_EQ}, {"]", TOKEN_LIST_CLOSE, EXPR_EQ},
                 {",", TOKEN_COMMA, EXPR_EQ}};
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        size_t n = strlen(marks[i].text);
        if (n <= lex->size - lex->at && memcmp(marks[i].text, lex->text + lex->at, n) == 0) {
            out->kind = marks[i].kind;
            out->cmp = marks[i].cmp;
            lex->at += n;
            return true;
        }
    }
    return false;
}

akin_status expr_lex_next(struct expr_lex *lex, struct expr_token *out, akin_error *err)
{
    while (lex->at < lex->size && strchr(" \t\r\n", lex->text[lex->at]))
        lex->at++;
    memset(out, 0, sizeof *out);
    out->at = lex->at;
    out->kind = TOKEN_END;
    if (lex->at == lex->size || lex_mark(lex, out))
        return AKIN_OK;
    char c = peek(lex, 0), next = peek(lex, 1);
    bool is_signed = (c == '-' || c == '+') && (is_digit(next) || next == '.');
    if (is_digit(c) || (c == '.' && is_digit(next)) || is_signed)
        return lex_number(lex, out, err);
    if (c == '"' || c == '\'')
        return lex_text(lex, out, err);
    if (c == '`')
        return lex_quoted_name(lex, out, err);
    if (c == '$')
        return lex_var(lex, out, err);
    if (is_name_start(c))
        return lex_name(lex, out, err);
    if (c == '=')
        return expr_lex_fail(lex, lex->at, err, "equality is written ==");
    if (c == '&' || c == '|' || c == '!')
        return expr_lex_fail(lex, lex->at, err, "logic is written and, or, not");
    return expr_lex_fail(lex, lex->at, err, "unexpected character");
}
