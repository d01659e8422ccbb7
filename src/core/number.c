/*
 * Numbers from text: strict, decimal, without locale, correctly rounded.
 *
 * Cost: one pass; a double whose digits fit 53 bits and whose power of ten is at most 22 needs one
 * exact multiplication or division (Clinger 1990). The rest goes to strtod as "digits e exponent",
 * which has no decimal point and so no locale, with at most 800 digits: a double and the half-way
 * point to its neighbour have at most 768, and a last '1' stands for all that were cut.
 */
#include "core/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_DIGITS 800

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool text_to_int(const char *text, size_t size, int64_t *out)
{
    size_t i = 0;
    bool negative = false;
    if (size > 0 && (text[0] == '-' || text[0] == '+')) {
        negative = text[0] == '-';
        i = 1;
    }
    if (i == size)
        return false;
    int64_t value = 0; /* grows downwards: INT64_MIN has no positive twin */
    for (; i < size; i++) {
        if (!is_digit(text[i]) || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, text[i] - '0', &value))
            return false;
    }
    if (!negative && value == INT64_MIN)
        return false;
    *out = negative ? value : -value;
    return true;
}

bool text_is_canonical_int(const char *text, size_t size, int64_t *out)
{
    size_t first = size > 0 && text[0] == '-' ? 1 : 0;
    if (size <= first || !is_digit(text[first]))
        return false;
    if (text[first] == '0' && size != 1) /* no -0, no leading zero */
        return false;
    return text_to_int(text, size, out);
}

static bool same_word(const char *text, size_t size, const char *lower)
{
    if (strlen(lower) != size)
        return false;
    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        if (c >= 'A' && c <= 'Z')
            c = (char)(c - 'A' + 'a');
        if (c != lower[i])
            return false;
    }
    return true;
}

static bool special_value(const char *text, size_t size, double *out)
{
    if (same_word(text, size, "nan"))
        *out = (double)NAN;
    else if (same_word(text, size, "inf") || same_word(text, size, "infinity"))
        *out = (double)INFINITY;
    else
        return false;
    return true;
}

struct decimal {
    const char *digits; /* mantissa text, may hold one '.' */
    size_t size;
    uint64_t mantissa; /* of the first 19 significant digits */
    int n_digits;      /* of those; 20 = there were more */
    int64_t exponent;  /* of ten, for the mantissa as an integer */
    int64_t written;   /* of ten, as written */
};

/* Reads digits [. digits] [e exponent]; the whole text. */
static bool decimal_scan(const char *text, size_t size, struct decimal *out)
{
    size_t i = 0;
    bool any = false;
    bool point = false;
    int64_t dropped = 0; /* digits beyond 19 before the point, minus digits taken behind it */
    memset(out, 0, sizeof *out);
    out->digits = text;
    for (; i < size; i++) {
        char c = text[i];
        if (c == '.' && !point) {
            point = true;
            continue;
        }
        if (!is_digit(c))
            break;
        any = true;
        if (out->n_digits >= 19) {
            if (c != '0' || out->n_digits == 20)
                out->n_digits = 20;
            dropped += !point;
            continue;
        }
        out->mantissa = out->mantissa * 10 + (uint64_t)(c - '0');
        out->n_digits += out->mantissa > 0;
        dropped -= point;
    }
    out->size = i;
    out->exponent = dropped;
    if (!any)
        return false;
    if (i == size)
        return true;
    if (text[i] != 'e' && text[i] != 'E')
        return false;
    bool negative = false;
    i++;
    if (i < size && (text[i] == '-' || text[i] == '+'))
        negative = text[i++] == '-';
    if (i == size)
        return false;
    int64_t exponent = 0;
    for (; i < size; i++) {
        if (!is_digit(text[i]))
            return false;
        if (exponent < INT64_MAX / 100)
            exponent = exponent * 10 + (text[i] - '0');
    }
    out->written = negative ? -exponent : exponent;
    out->exponent += out->written;
    return true;
}

static double decimal_slow(const struct decimal *decimal)
{
    int64_t exponent = decimal->written;
    char text[NUMBER_DIGITS + 40];
    size_t n = 0;
    bool point = false;
    bool cut = false;
    int64_t shift = 0;
    for (size_t i = 0; i < decimal->size; i++) {
        char c = decimal->digits[i];
        if (c == '.') {
            point = true;
        } else if (n == 0 && c == '0') {
            shift -= point;
        } else if (n < NUMBER_DIGITS) {
            text[n++] = c;
            shift -= point;
        } else {
            cut = cut || c != '0';
            shift += !point;
        }
    }
    if (cut) {
        text[n++] = '1';
        shift--;
    }
    exponent += shift;
    if (exponent > 99999)
        exponent = 99999; /* with at most 801 digits: infinite or zero all the same */
    if (exponent < -99999)
        exponent = -99999;
    snprintf(text + n, sizeof text - n, "e%d", (int)exponent);
    return strtod(text, NULL);
}

bool text_to_double(const char *text, size_t size, double *out)
{
    static const double ten[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                 1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    bool negative = false;
    if (size > 0 && (text[0] == '-' || text[0] == '+')) {
        negative = text[0] == '-';
        text++;
        size--;
    }
    double value;
    struct decimal decimal;
    if (decimal_scan(text, size, &decimal)) {
        int64_t e = decimal.exponent;
        if (decimal.mantissa == 0) {
            value = 0;
        } else if (decimal.n_digits < 20 && decimal.mantissa <= (uint64_t)1 << 53 && e >= -22 &&
                   e <= 22) {
            value = (double)decimal.mantissa;
            value = e < 0 ? value / ten[-e] : value * ten[e];
        } else {
            value = decimal_slow(&decimal);
        }
    } else if (!special_value(text, size, &value)) {
        return false;
    }
    *out = negative ? -value : value;
    return true;
}
