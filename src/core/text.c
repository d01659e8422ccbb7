/*
 * Text scraps: UTF-8, safe copies, and calendar times (proleptic Gregorian, UTC).
 *
 * Nothing here looks at the locale or the machine's time zone. Days are counted with eras of 400
 * years that start in March, so that leap days come last.
 */
#include "core/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

size_t text_utf8_length(const char *text, size_t size)
{
    const unsigned char *s = (const unsigned char *)text;
    unsigned char c = s[0];
    if (c < 0x80)
        return 1;
    size_t length = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
    if (c < 0xC2 || c > 0xF4 || size < length)
        return 0;
    /* Bounds of the second byte refuse overlong forms, surrogates and what is past U+10FFFF. */
    unsigned char lo = c == 0xE0 ? 0xA0 : c == 0xF0 ? 0x90 : 0x80;
    unsigned char hi = c == 0xED ? 0x9F : c == 0xF4 ? 0x8F : 0xBF;
    if (s[1] < lo || s[1] > hi)
        return 0;
    for (size_t i = 2; i < length; i++) {
        if ((s[i] & 0xC0) != 0x80)
            return 0;
    }
    return length;
}

bool text_is_utf8(const char *text, size_t size)
{
    size_t i = 0;
    while (i < size) {
        uint64_t word;
        if (size - i >= sizeof word) {
            memcpy(&word, text + i, sizeof word);
            /* Eight ASCII bytes, none of them NUL: no high bit, and adding 0x7f sets each. */
            if ((word & 0x8080808080808080u) == 0 &&
                ((word + 0x7f7f7f7f7f7f7f7fu) & 0x8080808080808080u) == 0x8080808080808080u) {
                i += sizeof word;
                continue;
            }
        }
        size_t length = text[i] ? text_utf8_length(text + i, size - i) : 0;
        if (length == 0)
            return false;
        i += length;
    }
    return true;
}

/* Whether the bytes at text, up to its NUL, are the start of a character that was cut off. */
static bool is_cut(const char *text, size_t size)
{
    unsigned char c = (unsigned char)text[0];
    size_t length = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
    if (c < 0xC2 || c > 0xF4 || size >= length)
        return false;
    for (size_t i = 1; i < size; i++) {
        if (((unsigned char)text[i] & 0xC0) != 0x80)
            return false;
    }
    return true;
}

void text_clean(char *text)
{
    size_t size = strlen(text);
    size_t i = 0;
    while (i < size) {
        unsigned char c = (unsigned char)text[i];
        size_t length = text_utf8_length(text + i, size - i);
        /* C1 controls (U+0080..U+009F) move terminals as C0 do. */
        bool control = c < 0x20 || c == 0x7f ||
                       (c == 0xC2 && length == 2 && (unsigned char)text[i + 1] < 0xA0);
        if (length == 0 && is_cut(text + i, size - i)) {
            text[i] = '\0';
            return;
        }
        if (length == 0 || control) {
            memset(text + i, '?', length ? length : 1);
            i += length ? length : 1;
        } else {
            i += length;
        }
    }
}

void text_copy(char *out, size_t out_size, const char *text)
{
    size_t n = 0;
    while (n + 1 < out_size && text[n])
        n++;
    bool whole = text[n] == '\0';
    memmove(out, text, n);
    out[n] = '\0';
    if (whole)
        return;
    /* Cut: half a character shall not stay behind. */
    size_t last = n;
    while (last > 0 && n - last < 3 && ((unsigned char)out[last - 1] & 0xC0) == 0x80)
        last--;
    if (last > 0 && is_cut(out + last - 1, n - last + 1))
        out[last - 1] = '\0';
}

int text_compare(const char *a, size_t na, const char *b, size_t nb)
{
    size_t n = na < nb ? na : nb;
    int order = n > 0 ? memcmp(a, b, n) : 0;
    if (order != 0)
        return order;
    return (na > nb) - (na < nb);
}

/* Days since 1970-01-01; month 1..12, day 1..31. */
static int64_t days_from_civil(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static int days_of_month(int64_t year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

struct scan {
    const char *at;
    const char *end;
};

static bool scan_char(struct scan *scan, const char *any)
{
    if (scan->at < scan->end && *scan->at && strchr(any, *scan->at)) {
        scan->at++;
        return true;
    }
    return false;
}

static bool scan_digits(struct scan *scan, int count, int *out)
{
    int value = 0;
    if (scan->end - scan->at < count)
        return false;
    for (int i = 0; i < count; i++) {
        char c = scan->at[i];
        if (c < '0' || c > '9')
            return false;
        value = value * 10 + (c - '0');
    }
    scan->at += count;
    *out = value;
    return true;
}

/* Z, ±hh, ±hhmm or ±hh:mm; nothing = UTC. */
static bool scan_zone(struct scan *scan, int *out_minutes)
{
    int hours = 0;
    int minutes = 0;
    *out_minutes = 0;
    if (scan->at == scan->end || scan_char(scan, "Zz"))
        return true;
    bool west = *scan->at == '-';
    if (!scan_char(scan, "+-") || !scan_digits(scan, 2, &hours))
        return false;
    if (scan->at < scan->end) {
        scan_char(scan, ":");
        if (!scan_digits(scan, 2, &minutes))
            return false;
    }
    if (hours > 23 || minutes > 59)
        return false;
    *out_minutes = (hours * 60 + minutes) * (west ? -1 : 1);
    return true;
}

/* Thh:mm[:ss[.fraction]][zone], the fraction dropped; 60 is a leap second's number. */
static bool scan_clock(struct scan *scan, int64_t *out_seconds)
{
    int hour = 0;
    int minute = 0;
    int second = 0;
    int zone = 0;
    if (!scan_char(scan, "Tt ") || !scan_digits(scan, 2, &hour) || !scan_char(scan, ":") ||
        !scan_digits(scan, 2, &minute))
        return false;
    if (scan_char(scan, ":")) {
        if (!scan_digits(scan, 2, &second))
            return false;
        if (scan_char(scan, ".,")) {
            int digit;
            if (!scan_digits(scan, 1, &digit))
                return false;
            while (scan_digits(scan, 1, &digit)) {
            }
        }
    }
    if (!scan_zone(scan, &zone) || hour > 23 || minute > 59 || second > 60)
        return false;
    *out_seconds = hour * 3600 + minute * 60 + second - zone * 60;
    return true;
}

bool text_to_unix(const char *text, size_t size, int64_t *out)
{
    struct scan scan = {.at = text, .end = text + size};
    int year;
    int month;
    int day;
    int64_t seconds = 0;
    if (!scan_digits(&scan, 4, &year) || !scan_char(&scan, "-") || !scan_digits(&scan, 2, &month) ||
        !scan_char(&scan, "-") || !scan_digits(&scan, 2, &day))
        return false;
    if (month < 1 || month > 12 || day < 1 || day > days_of_month(year, month))
        return false;
    if (scan.at < scan.end && !scan_clock(&scan, &seconds))
        return false;
    if (scan.at != scan.end)
        return false;
    *out = days_from_civil(year, month, day) * 86400 + seconds;
    return true;
}

void text_from_unix(int64_t unix_seconds, char *out, size_t size)
{
    int64_t days = unix_seconds / 86400;
    int64_t rest = unix_seconds % 86400;
    if (rest < 0) {
        rest += 86400;
        days--;
    }
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted = (5 * day_of_year + 2) / 153; /* 0 = March */
    int64_t day = day_of_year - (153 * shifted + 2) / 5 + 1;
    int64_t month = shifted < 10 ? shifted + 3 : shifted - 9;
    int64_t year = year_of_era + era * 400 + (month <= 2);
    snprintf(out, size,
             "%04" PRId64 "-%02" PRId64 "-%02" PRId64 "T%02" PRId64 ":%02" PRId64 ":%02" PRId64 "Z",
             year, month, day, rest / 3600, rest / 60 % 60, rest % 60);
}
