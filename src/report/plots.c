/*
 * The plots of the exploratory page, each from its part of the numbers.
 * Cost: linear in the marks.
 */
#include "report/plots.h"

#include "core/json.h"
#include "report/html.h"
#include "report/svg.h"

#include <math.h>

static const json_t *at(const json_t *array, size_t i)
{
    return json_array_get(array, i);
}

static double real_at(const json_t *array, size_t i)
{
    return json_number_value(json_array_get(array, i));
}

/* Largest number under `key` in an array of objects. */
double plot_largest(const json_t *rows, const char *key)
{
    double most = 0.0;
    for (size_t i = 0; i < json_array_size(rows); i++)
        most = fmax(most, json_double(json_array_get(rows, i), key, 0.0));
    return most;
}

void plot_buckets(struct buf *b, const char *many, const json_t *rows)
{
    size_t n = json_array_size(rows);
    struct svg s = {.b = b,
                    .x = {SVG_NAMES, SVG_NUMBER, 0.0, (double)n, false, "events"},
                    .y = {SVG_LINEAR, SVG_WHOLE, 0.0, plot_largest(rows, "n"), true, many}};
    svg_open(&s, "Bar chart: how many have so many events");
    for (size_t i = 0; i < n; i++) {
        const json_t *row = at(rows, i);
        int64_t lo = json_int(row, "lo", 0), hi = json_int(row, "hi", 0);
        int64_t count = json_int(row, "n", 0);
        double x = (double)i;
        svg_bar(&s, x, x, (double)count, "c1");
        html_say(b, "%c %t (%p) with %c", count, many, json_double(row, "share", 0), lo);
        if (hi)
            html_say(b, " to %c", hi - 1);
        html_say(b, "%t events: %c events (%p)", hi ? "" : " or more", json_int(row, "events", 0),
                 json_double(row, "share_events", 0));
        svg_end(&s, "rect");
        svg_words(&s, svg_x(&s, x), svg_y(&s, (double)count) - 6.0, "middle", "strong");
        html_say(b, "%c", count);
        svg_words_end(&s);
        svg_words(&s, svg_x(&s, x), s.height - s.bottom + 18.0, "middle", "");
        if (hi)
            html_say(b, "%c–%c", lo, hi - 1);
        else
            html_say(b, "%c+", lo);
        svg_words_end(&s);
    }
    svg_close(&s);
}

/* A Tukey box and the outliers above the histogram of doublings, on the axis of the counts. */
static void plot_box(struct svg *s, const json_t *side)
{
    const json_t *t = json_object_get(side, "tukey");
    const json_t *outliers = json_object_get(side, "outliers");
    double hi = json_double(json_object_get(side, "count"), "max", 1);
    double lo = json_double(json_object_get(side, "count"), "min", 1);
    double q25 = json_double(t, "q25", 1), q75 = json_double(t, "q75", 1);
    double fence = fmin(json_double(t, "upper_fence", hi), hi);
    double top = s->y.hi; /* plot units above the axis: drawn by hand, in data units of y */
    double y = top * 1.1, half = top * 0.035;
    svg_rule(s, fmax(lo, 1.0), y, fmax(fence, 1.0), y, "c2 thin");
    html_say(s->b, "up to the upper fence: %n events", json_double(t, "upper_fence", 0));
    svg_end(s, "line");
    if (hi > fence && json_array_size(outliers) > 0) {
        svg_rule(s, fmax(fence, 1.0), y, hi, y, "c2 thin dash");
        html_say(s->b, "%c outliers, up to %n events", json_int(t, "n_above", 0), hi);
        svg_end(s, "line");
    }
    svg_path_begin(s, "box c2 thin");
    svg_path_to(s, q25, y - half);
    svg_path_to(s, q75, y - half);
    svg_path_to(s, q75, y + half);
    svg_path_to(s, q25, y + half);
    svg_path_end(s, true);
    double median = json_double(t, "median", 1);
    svg_rule(s, median, y - half, median, y + half, "c2 thick");
    html_say(s->b, "median %n, quartiles %n and %n", median, q25, q75);
    svg_end(s, "line");
    for (size_t i = 0; i < json_array_size(outliers); i++) {
        const json_t *row = at(outliers, i);
        svg_dot(s, json_double(row, "n", 1), y, 3.0, "c2");
        html_say(s->b, "%t: %c events", json_text(row, "title", json_text(row, "id", "")),
                 json_int(row, "n", 0));
        svg_end(s, "circle");
    }
}

void plot_counts(struct buf *b, const json_t *rows, const json_t *side, bool is_log,
                 const char *x_title, const char *y_title)
{
    size_t n = json_array_size(rows), first = 0;
    double hi = json_double(at(rows, n - 1), "hi", 2.0);
    while (first + 1 < n && json_int(at(rows, first), "n", 0) == 0)
        first++;
    struct svg s = {.b = b,
                    .top = side ? 62.0 : 0.0,
                    .height = side ? 330.0 : 300.0,
                    .x = {is_log ? SVG_LOG : SVG_LINEAR, SVG_NUMBER,
                          json_double(at(rows, first), "lo", 1.0), hi, false, x_title},
                    .y = {SVG_LINEAR, SVG_WHOLE, 0.0, plot_largest(rows, "n"), true, y_title}};
    svg_open(&s, "Histogram of counts");
    for (size_t i = first; i < n; i++) {
        const json_t *row = at(rows, i);
        int64_t from = (int64_t)json_double(row, "lo", 1), to = (int64_t)json_double(row, "hi", 2);
        svg_bar(&s, (double)from, (double)to, json_double(row, "n", 0), "c1");
        html_say(b, "%c", from);
        if (to - from > 1)
            html_say(b, " to %c", to - 1);
        html_say(b, ": %c %t", json_int(row, "n", 0), y_title);
        if (json_object_get(row, "share"))
            html_say(b, " (%p)", json_double(row, "share", 0));
        svg_end(&s, "rect");
    }
    if (side)
        plot_box(&s, side);
    svg_close(&s);
}

void plot_tail(struct buf *b, const char *many, const json_t *tail)
{
    const json_t *curve = json_object_get(tail, "curve");
    size_t n = json_array_size(curve);
    struct svg s = {.b = b,
                    .x = {SVG_LINEAR, SVG_PERCENT, 0.0, 1.0, false, "share, most active first"},
                    .y = {SVG_LINEAR, SVG_PERCENT, 0.0, 1.0, false, "share of the events"}};
    svg_open(&s, "Curve: share of all events held by the most active");
    svg_path_begin(&s, "c1 area");
    for (size_t i = 0; i < n; i++)
        svg_path_to(&s, real_at(at(curve, i), 0), real_at(at(curve, i), 1));
    svg_path_to(&s, 1.0, 0.0);
    svg_path_end(&s, true);
    svg_path_begin(&s, "c7 thin dash");
    svg_path_to(&s, 0.0, 0.0);
    svg_path_to(&s, 1.0, 1.0);
    svg_path_end(&s, false);
    svg_path_begin(&s, "c1 line");
    for (size_t i = 0; i < n; i++)
        svg_path_to(&s, real_at(at(curve, i), 0), real_at(at(curve, i), 1));
    svg_path_end(&s, false);
    for (size_t i = 0; i < n; i++) { /* nothing to see, all to hover */
        double x = real_at(at(curve, i), 0), y = real_at(at(curve, i), 1);
        svg_dot(&s, x, y, 5.0, "hit");
        html_say(b, "the top %p of the %t: %p of the events", x, many, y);
        svg_end(&s, "circle");
    }
    const json_t *shares = json_object_get(tail, "shares");
    for (size_t i = 0; i < json_array_size(shares); i++) {
        double top = json_double(at(shares, i), "top", 0);
        if (top < 0.09 || top > 0.21)
            continue;
        double y = json_double(at(shares, i), "share_events", 0);
        svg_dot(&s, top, y, 4.0, "c1");
        html_say(b, "the top %p of the %t: %p of the events", top, many, y);
        svg_end(&s, "circle");
        svg_words(&s, svg_x(&s, top) + 9.0, svg_y(&s, y) + 14.0, "start", "strong");
        html_say(b, "%p → %p", top, y);
        svg_words_end(&s);
    }
    svg_close(&s);
}

/* Where a doubling is marked: its geometric middle, kept within the plot. */
static double octave_middle(const json_t *row, const struct svg *s)
{
    double x = sqrt(json_double(row, "lo", 1) * (json_double(row, "hi", 2) - 1.0));
    return fmin(fmax(x, s->x.lo), s->x.hi);
}

/* Bands outside the drawn range are left out, as points are. */
static bool band_inside(const json_t *row, const struct svg *s)
{
    double mean = json_double(row, "mean", 0);
    return mean >= s->y.lo && mean <= s->y.hi;
}

void plot_cloud(struct buf *b, const json_t *cloud, const json_t *bands, const char *x_title,
                const char *unit)
{
    const json_t *points = json_object_get(cloud, "points");
    const json_t *range = json_object_get(cloud, "range");
    double lo = real_at(range, 0), hi = real_at(range, 1), most = 1.0, least = (double)INFINITY;
    for (size_t i = 0; i < json_array_size(points); i++) {
        most = fmax(most, real_at(at(points, i), 0));
        least = fmin(least, real_at(at(points, i), 0));
    }
    struct svg s = {
        .b = b,
        .height = 340.0,
        .x = {SVG_LOG, SVG_NUMBER, 0.9 * least, fmax(most * 1.1, 2.0 * least), false, x_title},
        .y = {SVG_LINEAR, SVG_NUMBER, lo, hi, true, "mean value"}};
    svg_open(&s, "Scatter plot of the mean value");
    buf_text(b, "<g class=\"cloud\">\n");
    for (size_t i = 0; i < json_array_size(points); i++) {
        const json_t *p = at(points, i);
        if (real_at(p, 1) < lo || real_at(p, 1) > hi)
            continue; /* said below the plot */
        svg_dot(&s, real_at(p, 0), real_at(p, 1), 2.6, "c1");
        html_say(b, "%t: %c %t, mean %n",
                 json_string_value(at(p, 2)) ? json_string_value(at(p, 2)) : "",
                 (int64_t)real_at(p, 0), unit, real_at(p, 1));
        svg_end(&s, "circle");
    }
    buf_text(b, "</g>\n");
    bool begun = false;
    for (size_t i = 0; i < json_array_size(bands); i++) {
        const json_t *row = at(bands, i);
        if (!band_inside(row, &s))
            continue;
        if (!begun)
            svg_path_begin(&s, "c2 line");
        begun = true;
        svg_path_to(&s, octave_middle(row, &s), json_double(row, "mean", 0));
    }
    if (begun)
        svg_path_end(&s, false);
    for (size_t i = 0; i < json_array_size(bands); i++) {
        const json_t *row = at(bands, i);
        if (!band_inside(row, &s))
            continue;
        svg_dot(&s, octave_middle(row, &s), json_double(row, "mean", 0), 4.0, "c2");
        html_say(b, "%c to %c %t: %c, mean of means %n, the middle 80 %% from %n to %n",
                 json_int(row, "lo", 1), json_int(row, "hi", 2) - 1, unit, json_int(row, "n", 0),
                 json_double(row, "mean", 0), json_double(row, "q10", 0),
                 json_double(row, "q90", 0));
        svg_end(&s, "circle");
    }
    svg_close(&s);
}

void plot_bins(struct buf *b, const json_t *rows, const char *x_title, const char *y_title,
               const char *what)
{
    size_t n = json_array_size(rows);
    struct svg s = {.b = b,
                    .x = {SVG_LINEAR, SVG_NUMBER, json_double(at(rows, 0), "lo", 0),
                          json_double(at(rows, n - 1), "hi", 1), true, x_title},
                    .y = {SVG_LINEAR, SVG_WHOLE, 0.0, plot_largest(rows, "n"), true, y_title}};
    svg_open(&s, "Histogram");
    for (size_t i = 0; i < n; i++) {
        const json_t *row = at(rows, i);
        double lo = json_double(row, "lo", 0), hi = json_double(row, "hi", 0);
        svg_bar(&s, lo, hi, json_double(row, "n", 0), "c1");
        html_say(b, "%n to %n: %c %t", lo, hi, json_int(row, "n", 0), what);
        svg_end(&s, "rect");
    }
    svg_close(&s);
}

void plot_levels(struct buf *b, const json_t *rows)
{
    size_t n = json_array_size(rows);
    struct svg s = {.b = b,
                    .x = {SVG_NAMES, SVG_NUMBER, 0.0, (double)n, false, "value"},
                    .y = {SVG_LINEAR, SVG_WHOLE, 0.0, plot_largest(rows, "n"), true, "events"}};
    svg_open(&s, "Bar chart of the values");
    size_t every = (n + 11) / 12;
    for (size_t i = 0; i < n; i++) {
        const json_t *row = at(rows, i);
        double x = (double)i, value = json_double(row, "value", 0);
        svg_bar(&s, x, x, json_double(row, "n", 0), "c1");
        html_say(b, "value %n: %c events (%p)", value, json_int(row, "n", 0),
                 json_double(row, "share", 0));
        svg_end(&s, "rect");
        if (i % every != 0)
            continue;
        svg_words(&s, svg_x(&s, x), s.height - s.bottom + 18.0, "middle", "");
        html_number(b, value);
        svg_words_end(&s);
    }
    svg_close(&s);
}
