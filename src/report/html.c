/*
 * The page: one file, no script, no font, no address of anything elsewhere. Readable at 320 px and
 * in the dark; the palette is that of Okabe and Ito, lightened for dark ground.
 *
 * Cost: linear in what is written.
 * Not done: templates. The page is short enough to be written in order.
 */
#include "report/html.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

void html_text(struct buf *b, const char *text)
{
    for (const char *p = text; *p; p++) {
        switch (*p) {
        case '&':
            buf_text(b, "&amp;");
            break;
        case '<':
            buf_text(b, "&lt;");
            break;
        case '>':
            buf_text(b, "&gt;");
            break;
        case '"':
            buf_text(b, "&quot;");
            break;
        case '\'':
            buf_text(b, "&#39;");
            break;
        default:
            if ((unsigned char)*p >= ' ' && *p != 127)
                buf_char(b, *p);
        }
    }
}

/* ---- numbers ---- */

static void add_grouped(struct buf *b, uint64_t n)
{
    char digits[32];
    int at = (int)sizeof digits, count = 0;
    do {
        if (count > 0 && count % 3 == 0)
            digits[--at] = ',';
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
        count++;
    } while (n > 0);
    buf_add(b, digits + at, sizeof digits - (size_t)at);
}

void html_count(struct buf *b, int64_t n)
{
    if (n < 0)
        buf_text(b, "−");
    add_grouped(b, n < 0 ? 0 - (uint64_t)n : (uint64_t)n);
}

void html_fixed(struct buf *b, double x, int decimals)
{
    static const double scale[] = {1, 10, 100, 1000, 1e4, 1e5, 1e6};
    int d = decimals < 0 ? 0 : decimals > 6 ? 6 : decimals;
    if (!isfinite(x)) {
        buf_text(b, "–");
        return;
    }
    if (fabs(x) >= 1e12) {
        buf_double(b, x);
        return;
    }
    uint64_t unit = (uint64_t)scale[d];
    uint64_t n = (uint64_t)floor(fabs(x) * scale[d] + 0.5);
    if (x < 0.0 && n > 0)
        buf_text(b, "−");
    add_grouped(b, n / unit);
    if (d == 0)
        return;
    buf_char(b, '.');
    for (uint64_t rest = n % unit, u = unit / 10; u > 0; u /= 10)
        buf_char(b, (char)('0' + rest / u % 10));
}

void html_number(struct buf *b, double x)
{
    double size = fabs(x);
    if (size > 0.0 && size < 1e-4) {
        int e = 0;
        for (; size < 1.0 && e < 400; e++)
            size *= 10.0;
        html_fixed(b, x < 0.0 ? -size : size, 1);
        buf_printf(b, "e−%d", e);
        return;
    }
    int decimals = size >= 100.0 ? 0 : size >= 10.0 ? 1 : size >= 0.01 ? 3 : 5;
    double scaled = size;
    for (int d = 0; d < decimals; d++)
        scaled *= 10.0;
    double digits = floor(scaled + 0.5); /* without the zeros at its end */
    while (decimals > 0 && size < 1e12 && floor(digits / 10.0) * 10.0 >= digits) {
        digits /= 10.0;
        decimals--;
    }
    html_fixed(b, x, decimals);
}

void html_percent(struct buf *b, double share)
{
    double p = share * 100.0, near = fmin(fabs(p), fabs(100.0 - p));
    int decimals = near >= 10.0 ? 0 : near >= 1.0 ? 1 : 2;
    if (!(near > 0.0))
        decimals = 0;
    if (p > 0.0 && p < 0.01)
        html_number(b, p);
    else
        html_fixed(b, p, decimals);
    buf_text(b, "&#8239;%");
}

void html_say(struct buf *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    for (const char *p = format; *p; p++) {
        if (*p != '%') {
            buf_char(b, *p);
            continue;
        }
        switch (*++p) {
        case 't':
            html_text(b, va_arg(args, const char *));
            break;
        case 'c':
            html_count(b, va_arg(args, int64_t));
            break;
        case 'n':
            html_number(b, va_arg(args, double));
            break;
        case 'p':
            html_percent(b, va_arg(args, double));
            break;
        case '\0':
            p--;
            break;
        default:
            buf_char(b, *p);
        }
    }
    va_end(args);
}

/* ---- the page ---- */

void html_page_open(struct buf *b, const char *title)
{
    html_say(b,
             "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
             "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
             "<meta name=\"generator\" content=\"akin %t\">\n<title>%t</title>\n<style>",
             AKIN_VERSION, title);
    for (const char *const *rule = html_style; *rule; rule++)
        buf_text(b, *rule);
    buf_text(b, "</style>\n</head>\n<body>\n<main>\n");
}

void html_page_close(struct buf *b)
{
    html_say(b,
             "<footer>Made by akin %t. The numbers are exact; where a plot draws only some of the "
             "points, it says so. Hover or tap a mark for its numbers.</footer>\n"
             "</main>\n</body>\n</html>\n",
             AKIN_VERSION);
}

void html_section_open(struct buf *b, const char *id, const char *title)
{
    html_say(b, "<section aria-labelledby=\"%t\">\n<h2 id=\"%t\">%t</h2>\n<div class=\"grid\">\n",
             id, id, title);
}

void html_section_close(struct buf *b)
{
    buf_text(b, "</div>\n</section>\n");
}

void html_card_open(struct buf *b, const char *title, bool wide)
{
    html_say(b, "<article class=\"card%t\">\n<h3>%t</h3>\n", wide ? " wide" : "", title);
}

void html_card_close(struct buf *b)
{
    buf_text(b, "</article>\n");
}

void html_table_open(struct buf *b, const char *label, const char *columns)
{
    html_say(b,
             "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"%t, table\">\n"
             "<table>\n<thead><tr>",
             label);
    for (const char *p = columns; p;) {
        const char *end = strchr(p, '|');
        size_t size = end ? (size_t)(end - p) : strlen(p);
        bool number = *p == '#';
        buf_text(b, size == 0 ? "<td>"
                    : number  ? "<th scope=\"col\" class=\"n\">"
                              : "<th scope=\"col\">");
        buf_add(b, p + number, size - number);
        buf_text(b, size == 0 ? "</td>" : "</th>");
        p = end ? end + 1 : NULL;
    }
    buf_text(b, "</tr></thead>\n<tbody>\n");
}

void html_table_close(struct buf *b)
{
    buf_text(b, "</tbody>\n</table>\n</div>\n");
}
