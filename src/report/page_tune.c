/*
 * The page of a search: what was found, how it went, which parameters mattered, what the metrics
 * cost one another. Works on the JSON of the operation `tune`.
 *
 * Cost: trials × (parameters + metrics) marks.
 */
#include "report/html.h"
#include "report/page.h"
#include "report/svg.h"

#include "core/json.h"

#include <math.h>
#include <string.h>

enum { TABLE_ROWS = 50 };

/* The trials of a page, and what of them is drawn. */
struct tune_page {
    struct buf *b;
    const json_t *result, *trials, *metrics;
    const char *metric; /* the one sought */
    int64_t best;       /* its trial's number */
};

static bool is_shown(const json_t *trial)
{
    return strcmp(json_text(trial, "state", ""), "done") == 0;
}

static double value_of(const json_t *trial, const char *metric)
{
    return page_real_of(json_object_get(trial, "metrics"), metric);
}

/* The range of one number over the done trials, never empty; false if there is none. */
static bool range_of(const struct tune_page *p, double (*get)(const json_t *, const char *),
                     const char *key, double *lo, double *hi)
{
    *lo = (double)INFINITY;
    *hi = -(double)INFINITY;
    for (size_t i = 0; i < json_array_size(p->trials); i++) {
        double v = is_shown(json_array_get(p->trials, i)) ? get(json_array_get(p->trials, i), key)
                                                          : (double)NAN;
        *lo = isfinite(v) ? fmin(*lo, v) : *lo;
        *hi = isfinite(v) ? fmax(*hi, v) : *hi;
    }
    if (*lo <= *hi && !(*hi > *lo)) {
        double half = fabs(*lo) > 0 ? 0.1 * fabs(*lo) : 0.5;
        *lo -= half;
        *hi += half;
    }
    return *lo < *hi;
}

static void say_params(struct buf *b, const json_t *params)
{
    struct buf text;
    buf_init(&text, b->ctx);
    if (params && json_write(params, &text, NULL) == AKIN_OK && text.data)
        html_text(b, text.data);
    if (text.failed)
        b->failed = true;
    buf_free(&text);
}

/* The tooltip of a trial's mark. */
static void say_trial(const struct tune_page *p, const json_t *t)
{
    html_say(p->b, "trial %c, %t, %t %n: ", json_int(t, "trial", 0), json_text(t, "model", ""),
             p->metric, value_of(t, p->metric));
    say_params(p->b, json_object_get(t, "params"));
}

static const char *class_of(const struct tune_page *p, const json_t *t)
{
    bool is_best = json_int(t, "trial", 0) == p->best;
    return is_best ? "c2" : json_is_false(json_object_get(t, "feasible")) ? "c7" : "c1";
}

static void trial_dot(struct svg *s, const struct tune_page *p, const json_t *t, double x, double y)
{
    svg_dot(s, x, y, json_int(t, "trial", 0) == p->best ? 6.0 : 3.5, class_of(p, t));
    say_trial(p, t);
    svg_end(s, "circle");
}

/* ---- how it went ---- */

static void card_course(const struct tune_page *p)
{
    double lo, hi, best = (double)NAN;
    int direction = (int)json_int(json_array_get(p->metrics, 0), "direction", 1);
    size_t n = json_array_size(p->trials);
    if (!range_of(p, value_of, p->metric, &lo, &hi))
        return;
    html_card_open(p->b, "Trials in their order", true);
    html_say(p->b, "<p>The line is the best so far that meets the constraints; the large mark is "
                   "the trial that was chosen.</p>\n");
    struct svg s = {.b = p->b,
                    .x = {SVG_LINEAR, SVG_WHOLE, 0.0, (double)n, true, "trials"},
                    .y = {SVG_LINEAR, SVG_NUMBER, lo, hi, true, p->metric}};
    svg_open(&s, "Scatter plot: the metric of each trial");
    svg_path_begin(&s, "line c2");
    for (size_t i = 0; i < n; i++) {
        const json_t *t = json_array_get(p->trials, i);
        double v = value_of(t, p->metric);
        if (isfinite(best))
            svg_path_to(&s, (double)i, best); /* level up to here, then a step */
        if (json_is_true(json_object_get(t, "feasible")) &&
            (!isfinite(best) || (v - best) * direction > 0))
            best = v;
        if (isfinite(best))
            svg_path_to(&s, (double)i, best);
    }
    svg_path_end(&s, false);
    for (size_t i = 0; i < n; i++)
        if (is_shown(json_array_get(p->trials, i)))
            trial_dot(&s, p, json_array_get(p->trials, i), (double)i,
                      value_of(json_array_get(p->trials, i), p->metric));
    svg_close(&s);
    html_card_close(p->b);
}

/* ---- what mattered ---- */

static void card_importance(const struct tune_page *p, const json_t *family)
{
    const json_t *rows = json_object_get(family, "importance");
    size_t n = json_array_size(rows);
    if (n == 0)
        return;
    html_say(p->b, "<article class=\"card\">\n<h3>What mattered for %t</h3>\n",
             json_text(family, "model", ""));
    html_say(p->b,
             "<p>Share of the variance of %t that lies between up to four groups of trials by one "
             "parameter alone, corrected for chance (epsilon squared). What parameters do only "
             "together is not in it; trials gather where results were good, which makes shares "
             "smaller.</p>\n",
             p->metric);
    struct svg s = {.b = p->b,
                    .height = 64.0 + 28.0 * (double)n,
                    .left = 150.0,
                    .top = 8.0,
                    .x = {SVG_LINEAR, SVG_PERCENT, 0.0, 1.0, true, "share of the variance"},
                    .y = {SVG_NAMES, SVG_NUMBER, 0.0, (double)n, false, NULL}};
    svg_open(&s, "Bar chart: importance of parameters");
    for (size_t i = 0; i < n; i++) {
        const json_t *row = json_array_get(rows, i);
        double y = (double)(n - 1 - i), share = json_double(row, "share", 0);
        svg_words(&s, s.left - 10.0, svg_y(&s, y) + 4.0, "end", "title");
        html_say(p->b, "%t", json_text(row, "name", ""));
        svg_words_end(&s);
        svg_rule(&s, 0.0, y, share, y, "c1 thick");
        html_say(p->b, "%t: %p", json_text(row, "name", ""), share);
        svg_end(&s, "line");
    }
    svg_close(&s);
    html_card_close(p->b);
}

/* The x of a trial by one parameter: its number, or the place among the choices; NaN = has none. */
static double param_place(const json_t *dim, const json_t *t)
{
    const json_t *choices = json_object_get(dim, "choices");
    const json_t *value = json_object_get(json_object_get(t, "params"), json_text(dim, "name", ""));
    for (size_t i = 0; i < json_array_size(choices); i++)
        if (json_equal(json_array_get(choices, i), (json_t *)(uintptr_t)value))
            return (double)i;
    return choices || !json_is_number(value) ? (double)NAN : json_number_value(value);
}

/* Names of choices at the left, each with its trials to the right by the metric. */
static void choice_names(struct svg *s, const json_t *choices)
{
    for (size_t i = 0; i < json_array_size(choices); i++) {
        const json_t *c = json_array_get(choices, i);
        svg_words(s, s->left - 10.0, svg_y(s, (double)i) + 4.0, "end", "title");
        if (json_is_string(c))
            html_text(s->b, json_string_value(c));
        else if (json_is_number(c))
            html_number(s->b, json_number_value(c));
        else
            html_text(s->b, json_is_true(c) ? "true" : "false");
        svg_words_end(s);
    }
}

static void card_param(const struct tune_page *p, const char *model, const json_t *dim)
{
    double lo, hi;
    const json_t *choices = json_object_get(dim, "choices");
    const char *name = json_text(dim, "name", "");
    double n = (double)json_array_size(choices);
    bool is_log = json_is_true(json_object_get(dim, "log"));
    if (json_array_size(choices) == 1 || !range_of(p, value_of, p->metric, &lo, &hi))
        return;
    html_say(p->b, "<article class=\"card\">\n<h3>%t of %t</h3>\n", name, model);
    html_say(p->b, "<p>Each trial by this parameter, whatever the others were.</p>\n");
    const struct svg_axis metric = {SVG_LINEAR, SVG_NUMBER, lo, hi, true, p->metric};
    struct svg s = {.b = p->b,
                    .x = {is_log ? SVG_LOG : SVG_LINEAR, SVG_NUMBER, json_double(dim, "lo", 0),
                          json_double(dim, "hi", 1), false, name},
                    .y = metric};
    if (choices) {
        s.left = 150.0;
        s.height = 64.0 + 28.0 * n;
        s.x = metric;
        s.y = (struct svg_axis){SVG_NAMES, SVG_NUMBER, 0.0, n, false, NULL};
    }
    svg_open(&s, name);
    for (size_t i = 0; i < json_array_size(p->trials); i++) {
        const json_t *t = json_array_get(p->trials, i);
        double at = param_place(dim, t), value = value_of(t, p->metric);
        if (is_shown(t) && isfinite(at) && strcmp(json_text(t, "model", ""), model) == 0)
            trial_dot(&s, p, t, choices ? value : at, choices ? at : value);
    }
    choice_names(&s, choices);
    svg_close(&s);
    html_card_close(p->b);
}

/* ---- trade-offs ---- */

static void card_trade(const struct tune_page *p, const char *other, const char *title,
                       double (*get)(const json_t *, const char *), bool is_log)
{
    double lo, hi, x_lo, x_hi;
    if (!range_of(p, value_of, p->metric, &lo, &hi) || !range_of(p, get, other, &x_lo, &x_hi) ||
        (is_log && !(x_lo > 0)))
        return;
    html_say(p->b, "<article class=\"card\">\n<h3>%t against %t</h3>\n", p->metric, title);
    html_say(p->b, is_log ? "<p>Times are of this machine.</p>\n"
                          : "<p>Ringed: no other trial is at least as good in every metric and "
                            "better in one.</p>\n");
    struct svg s = {.b = p->b,
                    .x = {is_log ? SVG_LOG : SVG_LINEAR, SVG_NUMBER, x_lo, x_hi, !is_log, title},
                    .y = {SVG_LINEAR, SVG_NUMBER, lo, hi, true, p->metric}};
    svg_open(&s, "Scatter plot: trade-off");
    for (size_t i = 0; i < json_array_size(p->trials); i++) {
        const json_t *t = json_array_get(p->trials, i);
        double x = get(t, other);
        if (!is_shown(t) || !isfinite(x))
            continue;
        if (!is_log && json_is_true(json_object_get(t, "front"))) {
            svg_dot(&s, x, value_of(t, p->metric), 8.0, "c8");
            html_say(p->b, "trial %c", json_int(t, "trial", 0));
            svg_end(&s, "circle");
        }
        trial_dot(&s, p, t, x, value_of(t, p->metric));
    }
    svg_close(&s);
    html_card_close(p->b);
}

static double seconds_of(const json_t *trial, const char *key)
{
    return page_real_of(trial, key);
}

/* ---- words and tables ---- */

static void tune_header(const struct tune_page *p)
{
    struct buf *b = p->b;
    const json_t *best = json_object_get(p->result, "best");
    html_say(b,
             "<header>\n<h1>Search for %t</h1>\n<p class=\"sub\">%c settings by %t, measured on a "
             "validation part (%t) of the training data; the test was not seen. Share of users: "
             "%p.</p>\n<dl class=\"tiles\">\n",
             p->metric, json_int(p->result, "settings", 0), json_text(p->result, "search", ""),
             json_text(p->result, "validation", ""), json_double(p->result, "sample", 1));
    html_say(b, "<div><dt>model</dt><dd>%t</dd></div>\n", json_text(best, "model", ""));
    for (size_t i = 0; i < json_array_size(p->metrics); i++) {
        const char *name = json_text(json_array_get(p->metrics, i), "name", "");
        html_say(b, "<div><dt>%t</dt><dd>%n</dd></div>\n", name, value_of(best, name));
    }
    html_say(b, "<div><dt>trials failed</dt><dd>%c</dd></div>\n</dl>\n<p>Best: <code>",
             json_int(p->result, "failed", 0));
    say_params(b, json_object_get(best, "params"));
    html_say(b, "</code></p>\n");
    for (size_t i = 0; i < json_array_size(json_object_get(p->result, "constraints")); i++)
        html_say(b, "<p class=\"note\">Constraint: <code>%t</code></p>\n",
                 json_string_value(json_array_get(json_object_get(p->result, "constraints"), i)));
    html_say(b, "</header>\n");
}

static void table_head(const struct tune_page *p, struct buf *columns)
{
    buf_text(columns, "#trial|model|#rung");
    for (size_t i = 0; i < json_array_size(p->metrics); i++)
        html_say(columns, "|#%t", json_text(json_array_get(p->metrics, i), "name", ""));
    buf_text(columns, "|#s|parameters, or why it failed");
}

static void card_trials(const struct tune_page *p)
{
    struct buf *b = p->b, columns;
    size_t n = json_array_size(p->trials), from = n > TABLE_ROWS ? n - TABLE_ROWS : 0;
    buf_init(&columns, b->ctx);
    table_head(p, &columns);
    html_card_open(b, "The trials", true);
    html_say(b, "<p>The last %c of %c; the log and the numbers have all.</p>\n",
             (int64_t)(n - from), (int64_t)n);
    html_table_open(b, "Trials", columns.data ? columns.data : "trial");
    for (size_t i = from; i < n; i++) {
        const json_t *t = json_array_get(p->trials, i);
        html_say(b, "<tr><td class=\"n\">%c</td><td>%t</td><td class=\"n\">%c</td>",
                 json_int(t, "trial", 0), json_text(t, "model", ""), json_int(t, "rung", 0));
        for (size_t m = 0; m < json_array_size(p->metrics); m++) {
            double v = value_of(t, json_text(json_array_get(p->metrics, m), "name", ""));
            buf_text(b, "<td class=\"n\">");
            if (isfinite(v))
                html_fixed(b, v, 4);
            buf_text(b, "</td>");
        }
        buf_text(b, "<td class=\"n\">");
        html_fixed(b, json_double(t, "seconds", 0), 2);
        buf_text(b, "</td><td class=\"t\"><code>");
        say_params(b, json_object_get(t, "params"));
        html_say(b, "</code> %t</td></tr>\n", json_text(t, "error", ""));
    }
    html_table_close(b);
    html_card_close(b);
    b->failed = b->failed || columns.failed;
    buf_free(&columns);
}

static void page_families(const struct tune_page *p)
{
    const json_t *families = json_object_get(p->result, "models");
    html_section_open(p->b, "parameters", "Parameters");
    for (size_t i = 0; i < json_array_size(families); i++) {
        const json_t *family = json_array_get(families, i);
        const json_t *space = json_object_get(family, "space");
        if (!json_is_true(json_object_get(family, "last_round")))
            continue;
        card_importance(p, family);
        for (size_t d = 0; d < json_array_size(space); d++)
            card_param(p, json_text(family, "model", ""), json_array_get(space, d));
    }
    html_section_close(p->b);
}

void page_tune(struct buf *b, const json_t *result)
{
    struct tune_page p = {.b = b,
                          .result = result,
                          .trials = json_object_get(result, "trials"),
                          .metrics = json_object_get(result, "metrics")};
    p.metric = json_text(json_array_get(p.metrics, 0), "name", "");
    p.best = json_int(json_object_get(result, "best"), "trial", -1);
    tune_header(&p);
    html_section_open(b, "course", "The search");
    card_course(&p);
    html_section_close(b);
    page_families(&p);
    html_section_open(b, "trade-offs", "Trade-offs");
    for (size_t i = 1; i < json_array_size(p.metrics); i++) {
        const char *other = json_text(json_array_get(p.metrics, i), "name", "");
        card_trade(&p, other, other, value_of, false);
    }
    card_trade(&p, "seconds", "seconds of a trial (log scale)", seconds_of, true);
    html_section_close(b);
    html_section_open(b, "trials", "All trials");
    card_trials(&p);
    html_section_close(b);
}
