/*
 * A growable byte buffer. Errors stick, so that a writer of many small pieces checks once.
 *
 * Cost: amortised copying by doubling. Numbers are written without regard to the locale; doubles in
 * the shortest of 15, 16 and 17 digits that reads back to the same bits, short decimals fast.
 */
#include "core/buf.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUF_FIRST 256

void buf_init(struct buf *buf, akin_ctx *ctx)
{
    memset(buf, 0, sizeof *buf);
    buf->ctx = ctx;
}

void buf_free(struct buf *buf)
{
    mem_free(buf->ctx, buf->data);
    buf_init(buf, buf->ctx);
}

void buf_clear(struct buf *buf)
{
    buf->size = 0;
    buf->failed = false;
    if (buf->data)
        buf->data[0] = '\0';
}

/* Room for size more bytes and a NUL; NULL after a failure. */
static char *buf_room(struct buf *buf, size_t size)
{
    if (buf->failed)
        return NULL;
    if (size > INT64_MAX / 4) {
        buf->failed = true;
        return NULL;
    }
    int64_t need = buf->size + (int64_t)size + 1;
    if (need > buf->cap) {
        int64_t cap = buf->cap < BUF_FIRST ? BUF_FIRST : buf->cap * 2;
        if (cap < need)
            cap = need;
        char *data = mem_resize(buf->ctx, buf->data, cap, 1, NULL);
        if (!data) {
            buf->failed = true;
            return NULL;
        }
        buf->data = data;
        buf->cap = cap;
    }
    return buf->data + buf->size;
}

void buf_add(struct buf *buf, const void *bytes, size_t size)
{
    char *to = buf_room(buf, size);
    if (!to)
        return;
    if (size > 0)
        memcpy(to, bytes, size);
    to[size] = '\0';
    buf->size += (int64_t)size;
}

void buf_text(struct buf *buf, const char *text)
{
    buf_add(buf, text, strlen(text));
}

void buf_char(struct buf *buf, char c)
{
    buf_add(buf, &c, 1);
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0) {
        buf->failed = true;
    } else {
        char *to = buf_room(buf, (size_t)n);
        if (to) {
            vsnprintf(to, (size_t)n + 1, format, again);
            buf->size += n;
        }
    }
    va_end(again);
}

/* Digits of value from the end of a 24-byte buffer; returns where they start. */
static char *digits_of(uint64_t value, char *end)
{
    do {
        *--end = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    return end;
}

void buf_int(struct buf *buf, int64_t value)
{
    char text[24];
    char *end = text + sizeof text;
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    char *at = digits_of(magnitude, end);
    if (value < 0)
        *--at = '-';
    buf_add(buf, at, (size_t)(end - at));
}

/* magnitude = scaled / 10^decimals, decimals >= 1. */
static void add_decimal(struct buf *buf, bool negative, uint64_t scaled, int decimals)
{
    char text[40];
    char *end = text + sizeof text;
    char *at = end;
    for (int i = 0; i < decimals; i++) {
        *--at = (char)('0' + scaled % 10);
        scaled /= 10;
    }
    *--at = '.';
    at = digits_of(scaled, at);
    if (negative)
        *--at = '-';
    buf_add(buf, at, (size_t)(end - at));
}

/* printf's text with whatever the locale takes for a decimal point made '.'. */
static void add_neutral(struct buf *buf, const char *text)
{
    bool foreign = false;
    for (; *text; text++) {
        if (strchr("0123456789+-eE", *text)) {
            buf_char(buf, *text);
            foreign = false;
        } else if (!foreign) {
            buf_char(buf, '.');
            foreign = true;
        }
    }
}

static bool add_special(struct buf *buf, double value)
{
    if (isnan(value))
        buf_text(buf, "nan");
    else if (isinf(value))
        buf_text(buf, value > 0 ? "inf" : "-inf");
    else if (value == 0)
        buf_text(buf, signbit(value) ? "-0" : "0");
    else if (fabs(value) < 1e15 && value == trunc(value))
        buf_int(buf, (int64_t)value);
    else
        return false;
    return true;
}

/*
 * Up to six decimals: scaled and 10^k are exact, so scaled / 10^k is the double nearest to that
 * decimal, and with at most 15 digits the first k that fits gives the shortest text.
 */
static bool add_short(struct buf *buf, double value)
{
    static const double ten[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6};
    double magnitude = fabs(value);
    if (magnitude < 1e-4)
        return false;
    for (int k = 1; k <= 6; k++) {
        double scaled = floor(magnitude * ten[k] + 0.5);
        if (scaled >= 1e15)
            return false;
        if (scaled / ten[k] == magnitude) {
            add_decimal(buf, value < 0, (uint64_t)scaled, k);
            return true;
        }
    }
    return false;
}

void buf_double(struct buf *buf, double value)
{
    if (add_special(buf, value) || add_short(buf, value))
        return;
    char text[48];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (digits == 17 || strtod(text, NULL) == value)
            break;
    }
    add_neutral(buf, text);
}

/*
 * The first of %.6g .. %.9g that reads back, without printf. With 24 bits in the value and at most
 * 12 decimals, value · 10^k, its distance to a whole number and half the gap to the next float are
 * exact. False: out of that range, or so near the middle of two floats that readers may differ.
 */
static bool add_short_float(struct buf *buf, float value)
{
    static const double ten[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12};
    int exponent, decimals = 5;
    double magnitude = fabs((double)value);
    if (magnitude < 1e-4 || magnitude >= 1e5)
        return false;
    /* half the gap to the float above, and to the one below */
    double below = frexp(magnitude, &exponent) > 0.5 ? 0.5 : 0.25;
    double above = ldexp(0.5, exponent - 24);
    below = ldexp(below, exponent - 24);
    while (magnitude * ten[decimals] < 1e5)
        decimals++;
    while (magnitude * ten[decimals] >= 1e6)
        decimals--;
    for (int digits = 6; digits <= 9; digits++, decimals++) {
        double exact = magnitude * ten[decimals];
        double scaled = nearbyint(exact);
        double off = fabs(scaled - exact);
        if (off > above * ten[decimals])
            continue;
        if (off >= below * ten[decimals] || (float)(scaled / ten[decimals]) != (float)magnitude)
            return false;
        uint64_t whole = (uint64_t)scaled;
        for (; decimals > 1 && whole % 10 == 0; decimals--)
            whole /= 10;
        add_decimal(buf, value < 0, whole, decimals);
        return true;
    }
    return false;
}

void buf_float(struct buf *buf, float value)
{
    double wide = (double)value;
    if (add_special(buf, wide) || add_short_float(buf, value))
        return;
    char text[48];
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, wide);
        /* Both ways of reading: as a float, and as a double that is then rounded. */
        if (digits == 9 || (strtof(text, NULL) == value && (float)strtod(text, NULL) == value))
            break;
    }
    add_neutral(buf, text);
}

akin_status buf_check(const struct buf *buf, akin_error *err)
{
    if (!buf->failed)
        return AKIN_OK;
    return error_set(err, AKIN_E_MEMORY, __FILE__, __LINE__,
                     "out of memory: a text of more than %lld bytes", (long long)buf->size);
}
