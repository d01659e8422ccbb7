/*
 * Plots. Plot units are those of a view box 520 wide, so that a plot fills half of a wide page and
 * all of a narrow one; the page enlarges the words where the plot shrinks.
 *
 * Cost: linear in the marks.
 * Not done: automatic avoidance of overlapping words: axes have few enough ticks not to need it.
 */
#include "report/svg.h"

#include "kern/math.h"
#include "report/calendar.h"
#include "report/html.h"

#include <math.h>

enum { X_TICKS = 6, Y_TICKS = 5, MAX_TICKS = 16 };

/* ---- scales ---- */

static double place(const struct svg_axis *a, double v)
{
    if (a->scale == SVG_NAMES)
        return (v + 0.5) / a->hi;
    if (a->scale == SVG_LOG)
        return kern_log(v / a->lo) / kern_log(a->hi / a->lo);
    return (v - a->lo) / (a->hi - a->lo);
}

double svg_x(const struct svg *s, double x)
{
    return s->left + place(&s->x, x) * (s->width - s->left - s->right);
}

double svg_y(const struct svg *s, double y)
{
    return s->height - s->bottom - place(&s->y, y) * (s->height - s->top - s->bottom);
}

static double ten_to(int e)
{
    double x = 1.0;
    for (int i = 0; i < (e < 0 ? -e : e); i++)
        x *= 10.0;
    return e < 0 ? 1.0 / x : x;
}

/* 1, 2 or 5 times a power of ten: the least that cuts the range into at most n steps. */
static double step_for(double range, int n)
{
    static const double steps[] = {1.0, 2.0, 5.0};
    int e = 0;
    while (e < 300 && ten_to(e) * (double)n < range)
        e++;
    while (e > -300 && ten_to(e - 1) * (double)n >= range)
        e--;
    e--; /* 1, 2 or 5 of the decade below may do */
    for (;; e++)
        for (int i = 0; i < 3; i++)
            if (steps[i] * ten_to(e) * (double)n >= range * (1.0 - 1e-12))
                return steps[i] * ten_to(e);
}

static int decimals_of(double step)
{
    int d = 0;
    while (d < 6 && fabs(step - floor(step + 0.5)) > 1e-6 * step) {
        step *= 10.0;
        d++;
    }
    return d;
}

/* ---- ticks ---- */

struct ticks {
    int n;
    double at[MAX_TICKS];
    double step;             /* linear: for decimals */
    enum calendar_unit unit; /* time */
};

static void ticks_add(struct ticks *t, const struct svg_axis *a, double at)
{
    double slack = a->scale == SVG_LINEAR ? 1e-9 * (a->hi - a->lo) : 0.0;
    if (t->n < MAX_TICKS && at >= a->lo - slack && at <= a->hi + slack)
        t->at[t->n++] = at;
}

static void ticks_log(const struct svg_axis *a, struct ticks *t)
{
    static const double parts[] = {1.0, 2.0, 5.0};
    double decades = kern_log(a->hi / a->lo) / kern_log(10.0);
    int every = decades > 8.0 ? 2 : 1;
    for (int e = -12; e <= 18; e++) {
        if (e % every != 0)
            continue;
        for (int i = 0; i < (decades <= 2.8 ? 3 : 1); i++)
            ticks_add(t, a, parts[i] * ten_to(e));
    }
}

static void ticks_time(const struct svg_axis *a, int want, struct ticks *t)
{
    static const struct {
        enum calendar_unit unit;
        int every;
        double seconds; /* about */
    } steps[] = {{CALENDAR_HOUR, 1, 3600},        {CALENDAR_HOUR, 6, 21600},
                 {CALENDAR_HOUR, 12, 43200},      {CALENDAR_DAY, 1, 86400},
                 {CALENDAR_DAY, 2, 172800},       {CALENDAR_WEEK, 1, 604800},
                 {CALENDAR_WEEK, 2, 1209600},     {CALENDAR_MONTH, 1, 2629746},
                 {CALENDAR_MONTH, 2, 5259492},    {CALENDAR_MONTH, 3, 7889238},
                 {CALENDAR_MONTH, 6, 15778476},   {CALENDAR_YEAR, 1, 31556952},
                 {CALENDAR_YEAR, 2, 63113904},    {CALENDAR_YEAR, 5, 157784760},
                 {CALENDAR_YEAR, 10, 315569520},  {CALENDAR_YEAR, 50, 1577847600},
                 {CALENDAR_YEAR, 100, 3155695200}};
    size_t s = 0, n = sizeof steps / sizeof *steps;
    while (s + 1 < n && (a->hi - a->lo) / steps[s].seconds > (double)want)
        s++;
    t->unit = steps[s].unit;
    int64_t i = calendar_index(t->unit, (int64_t)a->lo);
    for (int64_t end = i + 6000; i < end && t->n < MAX_TICKS; i++) {
        double at = (double)calendar_start(t->unit, i);
        if (at > a->hi)
            break;
        if (i % steps[s].every == 0)
            ticks_add(t, a, at);
    }
}

static void ticks_of(const struct svg_axis *a, int want, struct ticks *t)
{
    *t = (struct ticks){0};
    if (a->scale == SVG_LOG) {
        ticks_log(a, t);
    } else if (a->scale == SVG_TIME) {
        ticks_time(a, want, t);
    } else if (a->scale == SVG_LINEAR) {
        t->step = step_for(a->hi - a->lo, want);
        if (a->unit == SVG_WHOLE && t->step < 1.0)
            t->step = 1.0;
        double first = ceil(a->lo / t->step - 1e-9);
        for (int i = 0; i < MAX_TICKS; i++)
            ticks_add(t, a, (first + i) * t->step);
    }
}

static void tick_label(struct buf *b, const struct svg_axis *a, const struct ticks *t, double at)
{
    static const struct {
        double size;
        const char *name;
    } big[] = {{1e9, "bn"}, {1e6, "M"}, {1e4, "k"}};
    if (a->scale == SVG_TIME) {
        char text[32];
        calendar_label(t->unit, (int64_t)at, text, sizeof text);
        buf_text(b, text);
        return;
    }
    if (a->unit == SVG_PERCENT) {
        html_fixed(b, at * 100.0, t->step > 0.0 ? decimals_of(t->step * 100.0) : 0);
        buf_text(b, "&#8239;%");
        return;
    }
    double most = a->scale == SVG_LOG ? at : a->hi;
    for (int i = 0; i < 3; i++) {
        double unit = i == 2 ? 1e3 : big[i].size;
        if (most < big[i].size)
            continue;
        if (at > 0.0) {
            double step = a->scale == SVG_LOG ? at / unit : t->step / unit;
            html_fixed(b, at / unit, decimals_of(step));
            buf_printf(b, "&#8239;%s", big[i].name);
        } else {
            html_fixed(b, at, 0);
        }
        return;
    }
    html_fixed(b, at, decimals_of(a->scale == SVG_LOG ? at : t->step));
}

/* ---- frame ---- */

static void axis_round(struct svg_axis *a, int want)
{
    if (a->scale == SVG_NAMES)
        return;
    if (a->scale == SVG_LOG) {
        if (!(a->hi > a->lo))
            a->hi = a->lo * 10.0;
        return;
    }
    if (!(a->hi > a->lo))
        a->hi = a->lo + (a->lo > 0.0 ? a->lo : 1.0);
    if (a->scale == SVG_LINEAR && a->nice) {
        double step = step_for(a->hi - a->lo, want);
        if (a->unit == SVG_WHOLE && step < 1.0)
            step = 1.0;
        a->lo = floor(a->lo / step + 1e-9) * step;
        a->hi = ceil(a->hi / step - 1e-9) * step;
        a->hi = a->hi > a->lo ? a->hi : a->lo + step;
    }
}

static void put_tenths(struct buf *b, double v)
{
    /* Off any screen is far enough, and what is no number stays away. */
    double near = fabs(v) < 1e6 ? v : v > 0.0 ? 1e6 : -1e6;
    int64_t tenths = (int64_t)floor(near * 10.0 + 0.5), size = tenths < 0 ? -tenths : tenths;
    if (tenths < 0)
        buf_char(b, '-');
    buf_int(b, size / 10);
    if (size % 10 != 0) {
        buf_char(b, '.');
        buf_int(b, size % 10);
    }
}

static void put(struct svg *s, const char *name, double v)
{
    buf_printf(s->b, " %s=\"", name);
    put_tenths(s->b, v);
    buf_char(s->b, '"');
}

static void put_line(struct svg *s, const char *cls, double x0, double y0, double x1, double y1)
{
    buf_printf(s->b, "<line class=\"%s\"", cls);
    put(s, "x1", x0);
    put(s, "y1", y0);
    put(s, "x2", x1);
    put(s, "y2", y1);
    buf_text(s->b, "/>\n");
}

static void draw_x(struct svg *s)
{
    double bottom = s->height - s->bottom;
    struct ticks t;
    int want = (int)((s->width - s->left - s->right) / 75.0);
    ticks_of(&s->x, want < 3 ? 3 : want, &t);
    for (int i = 0; i < t.n; i++) {
        double px = svg_x(s, t.at[i]);
        if (s->x.scale != SVG_TIME)
            put_line(s, "gridline", px, s->top, px, bottom);
        put_line(s, "axis", px, bottom, px, bottom + 4.0);
        svg_words(s, px, bottom + 18.0, "middle", "");
        tick_label(s->b, &s->x, &t, t.at[i]);
        svg_words_end(s);
    }
    put_line(s, "axis", s->left, bottom, s->width - s->right, bottom);
    if (s->x.title) {
        svg_words(s, (s->left + s->width - s->right) / 2.0, s->height - 4.0, "middle", "title");
        html_text(s->b, s->x.title);
        svg_words_end(s);
    }
}

static void draw_y(struct svg *s)
{
    struct ticks t;
    ticks_of(&s->y, Y_TICKS, &t);
    for (int i = 0; i < t.n; i++) {
        double py = svg_y(s, t.at[i]);
        put_line(s, "gridline", s->left, py, s->width - s->right, py);
        svg_words(s, s->left - 7.0, py + 4.0, "end", "");
        tick_label(s->b, &s->y, &t, t.at[i]);
        svg_words_end(s);
    }
    if (s->y.title) { /* above the axis: upright words need no tilted head */
        svg_words(s, 2.0, 13.0, "start", "title");
        html_text(s->b, s->y.title);
        svg_words_end(s);
    }
}

void svg_open(struct svg *s, const char *label)
{
    s->width = s->width > 0.0 ? s->width : 520.0;
    s->height = s->height > 0.0 ? s->height : 300.0;
    s->left = s->left > 0.0 ? s->left : 52.0;
    s->right = s->right > 0.0 ? s->right : 18.0;
    s->top = s->top > 0.0 ? s->top : 28.0;
    s->bottom = s->bottom > 0.0 ? s->bottom : 44.0;
    axis_round(&s->x, X_TICKS);
    axis_round(&s->y, Y_TICKS);
    html_say(s->b, "<svg role=\"img\" aria-label=\"%t\" viewBox=\"0 0 ", label);
    buf_printf(s->b, "%d %d\">\n", (int)s->width, (int)s->height);
    draw_y(s);
    draw_x(s);
}

void svg_close(struct svg *s)
{
    buf_text(s->b, "</svg>\n");
}

/* ---- marks ---- */

void svg_bar(struct svg *s, double x0, double x1, double y, const char *cls)
{
    double half = s->x.scale == SVG_NAMES ? 0.36 : 0.0;
    double left = svg_x(s, x0 - half), right = svg_x(s, x1 + half);
    double base = s->height - s->bottom;
    double gap = right - left > 6.0 ? 1.0 : right - left > 2.5 ? 0.4 : 0.0;
    double top = svg_y(s, y);
    if (y > 0.0 && base - top < 1.0)
        top = base - 1.0; /* what is there is seen */
    buf_printf(s->b, "<rect class=\"%s\"", cls);
    put(s, "x", left + gap / 2.0);
    put(s, "y", top);
    put(s, "width", fmax(right - left - gap, 0.6));
    put(s, "height", base - top);
    buf_text(s->b, "><title>");
}

void svg_dot(struct svg *s, double x, double y, double radius, const char *cls)
{
    buf_text(s->b, "<circle");
    if (*cls)
        buf_printf(s->b, " class=\"%s\"", cls);
    put(s, "cx", svg_x(s, x));
    put(s, "cy", svg_y(s, y));
    put(s, "r", radius);
    buf_text(s->b, "><title>");
}

void svg_rule(struct svg *s, double x0, double y0, double x1, double y1, const char *cls)
{
    buf_printf(s->b, "<line class=\"%s\"", cls);
    put(s, "x1", svg_x(s, x0));
    put(s, "y1", svg_y(s, y0));
    put(s, "x2", svg_x(s, x1));
    put(s, "y2", svg_y(s, y1));
    buf_text(s->b, "><title>");
}

void svg_end(struct svg *s, const char *element)
{
    buf_printf(s->b, "</title></%s>\n", element);
}

void svg_path_begin(struct svg *s, const char *cls)
{
    buf_printf(s->b, "<path class=\"%s\" d=\"M", cls);
}

void svg_path_to(struct svg *s, double x, double y)
{
    buf_char(s->b, ' ');
    put_tenths(s->b, svg_x(s, x));
    buf_char(s->b, ' ');
    put_tenths(s->b, svg_y(s, y));
}

void svg_path_end(struct svg *s, bool closed)
{
    buf_text(s->b, closed ? " Z\"/>\n" : "\"/>\n");
}

void svg_words(struct svg *s, double px, double py, const char *anchor, const char *cls)
{
    buf_text(s->b, "<text");
    put(s, "x", px);
    put(s, "y", py);
    buf_printf(s->b, " text-anchor=\"%s\"", anchor);
    if (*cls)
        buf_printf(s->b, " class=\"%s\"", cls);
    buf_char(s->b, '>');
}

void svg_words_end(struct svg *s)
{
    buf_text(s->b, "</text>\n");
}
