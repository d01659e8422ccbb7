/*
 * The evaluation page: table, one interval plot a metric, quality against training time, segments,
 * paired tests, definitions, parameters. Works on the JSON of `evaluate` and leaves out what that
 * does not have (no intervals: no whiskers; k-fold: the folds as ticks).
 *
 * Cost: models × metrics (× segments).
 * Not done: a single winner: metrics disagree, and the paired tests say what differs for certain.
 */
#include "report/html.h"
#include "report/page.h"
#include "report/svg.h"

#include "core/json.h"

#include <math.h>
#include <string.h>

static const json_t *at(const json_t *array, size_t i)
{
    return json_array_get(array, i);
}

const json_t *page_metric_of(const json_t *result, const char *metric)
{
    return json_object_get(json_object_get(result, "metrics"), metric);
}

double page_real_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

/* +1: more is better; −1: less is; 0: neither is. By the name before '@'. */
static int direction_of(const char *metric)
{
    static const struct {
        const char *name;
        int direction;
    } table[] = {{"rmse", -1}, {"mae", -1}, {"logloss", -1}, {"gini", -1}, {"popularity", 0}};
    size_t n = strcspn(metric, "@");
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strlen(table[i].name) == n && strncmp(table[i].name, metric, n) == 0)
            return table[i].direction;
    return 1;
}

/* The best value of a metric; NaN if there is no best. */
static double best_of(const json_t *results, const char *metric)
{
    int direction = direction_of(metric);
    double best = (double)NAN;
    for (size_t i = 0; direction != 0 && i < json_array_size(results); i++) {
        double v = page_real_of(page_metric_of(at(results, i), metric), "value");
        if (isfinite(v) && (!isfinite(best) || (v - best) * direction > 0.0))
            best = v;
    }
    return best;
}

static bool is_best(double v, double best)
{
    return isfinite(best) && v >= best && v <= best;
}

void page_cell_metric(struct buf *b, const json_t *metric, double best)
{
    double v = page_real_of(metric, "value"), lo = page_real_of(metric, "lo"),
           hi = page_real_of(metric, "hi");
    bool bold = is_best(v, best);
    buf_text(b, bold ? "<td class=\"n\"><b>" : "<td class=\"n\">");
    html_fixed(b, v, fabs(v) >= 100.0 ? 1 : 4);
    buf_text(b, bold ? "</b>" : "");
    if (isfinite(lo) && isfinite(hi)) {
        buf_text(b, " <span class=\"ci\">");
        html_fixed(b, lo, 4);
        buf_text(b, "–");
        html_fixed(b, hi, 4);
        buf_text(b, "</span>");
    }
    buf_text(b, "</td>");
}

/* ---- the table ---- */

static void card_table(struct buf *b, const json_t *results)
{
    const json_t *metrics = json_object_get(at(results, 0), "metrics");
    struct buf columns;
    const char *key;
    json_t *value;
    buf_init(&columns, b->ctx);
    buf_text(&columns, "model|type");
    json_object_foreach((json_t *)(uintptr_t)metrics, key, value) {
        html_say(&columns, "|#%t", key);
    }
    buf_text(&columns, "|#train s|#evaluate s|#peak MB");
    html_card_open(b, "All models", true);
    html_say(b, "<p>Bold: the best of each metric. In grey the 95 %% bootstrap interval over "
                "users.</p>\n");
    html_table_open(b, "Results", columns.data ? columns.data : "model");
    for (size_t i = 0; i < json_array_size(results); i++) {
        const json_t *row = at(results, i);
        html_say(b, "<tr><td class=\"t\">%t</td><td>%t</td>", json_text(row, "model", ""),
                 json_text(row, "type", ""));
        json_object_foreach((json_t *)(uintptr_t)metrics, key, value) {
            page_cell_metric(b, page_metric_of(row, key), best_of(results, key));
        }
        buf_text(b, "<td class=\"n\">");
        html_fixed(b, json_double(row, "train_seconds", 0), 2);
        buf_text(b, "</td><td class=\"n\">");
        html_fixed(b, json_double(row, "evaluate_seconds", 0), 2);
        buf_text(b, "</td><td class=\"n\">");
        html_fixed(b, json_double(row, "peak_bytes", 0) / 1e6, 0);
        buf_text(b, "</td></tr>\n");
    }
    html_table_close(b);
    html_card_close(b);
    if (columns.failed)
        b->failed = true;
    buf_free(&columns);
}

/* ---- intervals ---- */

/* At most 20 characters of a model's name; the tooltip has all of it. */
static void short_name(struct buf *b, const char *name)
{
    char text[96];
    size_t n = 0, chars = 0;
    for (; n < sizeof text - 8 && name[n]; n++) {
        if (((unsigned char)name[n] & 0xC0) != 0x80 && ++chars > 20)
            break;
        text[n] = name[n];
    }
    text[n] = '\0';
    html_text(b, text);
    if (name[n])
        buf_text(b, "…");
}

static void interval_range(const json_t *results, const char *metric, double *lo, double *hi)
{
    *lo = (double)INFINITY;
    *hi = -(double)INFINITY;
    for (size_t i = 0; i < json_array_size(results); i++) {
        const json_t *m = page_metric_of(at(results, i), metric);
        const double all[] = {page_real_of(m, "value"), page_real_of(m, "lo"),
                              page_real_of(m, "hi")};
        for (int j = 0; j < 3; j++) {
            *lo = isfinite(all[j]) ? fmin(*lo, all[j]) : *lo;
            *hi = isfinite(all[j]) ? fmax(*hi, all[j]) : *hi;
        }
    }
    if (*lo >= 0.0 && *lo < 0.7 * *hi)
        *lo = 0.0; /* a zero in sight keeps the distances honest */
}

static void interval_row(struct svg *s, const json_t *result, const char *metric, double y,
                         double best)
{
    struct buf *b = s->b;
    const json_t *m = page_metric_of(result, metric), *folds = json_object_get(m, "folds");
    const char *name = json_text(result, "model", "");
    double v = page_real_of(m, "value"), lo = page_real_of(m, "lo"), hi = page_real_of(m, "hi");
    svg_words(s, s->left - 10.0, svg_y(s, y) + 4.0, "end", is_best(v, best) ? "strong" : "title");
    short_name(b, name);
    svg_words_end(s);
    if (!isfinite(v))
        return;
    if (isfinite(lo) && isfinite(hi)) {
        svg_rule(s, lo, y, hi, y, "c1 thick");
        html_say(b, "%t: 95 %% interval %n to %n", name, lo, hi);
        svg_end(s, "line");
    }
    for (size_t i = 0; i < json_array_size(folds); i++) {
        svg_dot(s, json_number_value(at(folds, i)), y, 2.5, "c7");
        html_say(b, "%t: fold %c: %n", name, (int64_t)i + 1, json_number_value(at(folds, i)));
        svg_end(s, "circle");
    }
    svg_dot(s, v, y, 5.5, is_best(v, best) ? "c2" : "c1");
    html_say(b, "%t: %n", name, v);
    if (isfinite(lo) && isfinite(hi))
        html_say(b, " (%n to %n), %c users", lo, hi, json_int(m, "n", 0));
    svg_end(s, "circle");
}

static void say_best(struct buf *b, const json_t *results, const char *metric, double best)
{
    for (size_t i = 0; i < json_array_size(results); i++) {
        if (!is_best(page_real_of(page_metric_of(at(results, i), metric), "value"), best))
            continue;
        html_say(b, "<p>Best: <b>%t</b> with ", json_text(at(results, i), "model", ""));
        html_fixed(b, best, 4);
        html_say(b, "%t.</p>\n", direction_of(metric) < 0 ? " (less is better)" : "");
        return;
    }
}

static void card_interval(struct buf *b, const json_t *results, const char *metric)
{
    double lo, hi, best = best_of(results, metric);
    size_t n = json_array_size(results);
    interval_range(results, metric, &lo, &hi);
    if (!(lo <= hi))
        return;
    if (!(hi > lo))
        hi = lo + (lo > 0.0 ? 0.1 * lo : 1.0);
    html_say(b, "<article class=\"card\">\n<h3>%t</h3>\n", metric);
    say_best(b, results, metric, best);
    struct svg s = {.b = b,
                    .height = 64.0 + 28.0 * (double)n,
                    .left = 150.0,
                    .top = 8.0,
                    .x = {SVG_LINEAR, SVG_NUMBER, lo, hi, true, metric},
                    .y = {SVG_NAMES, SVG_NUMBER, 0.0, (double)n, false, NULL}};
    svg_open(&s, metric);
    for (size_t i = 0; i < n; i++)
        interval_row(&s, at(results, i), metric, (double)(n - 1 - i), best);
    svg_close(&s);
    const char *definition = json_text(page_metric_of(at(results, 0), metric), "definition", NULL);
    if (definition)
        html_say(b, "<p class=\"note\">Definition <code>%t</code></p>\n", definition);
    html_card_close(b);
}

/* ---- quality against time ---- */

static void card_cost(struct buf *b, const json_t *results, const char *metric)
{
    double lo, hi, least = (double)INFINITY, most = 0.0;
    size_t n = json_array_size(results), timed = 0;
    interval_range(results, metric, &lo, &hi);
    for (size_t i = 0; i < n; i++) {
        double t = json_double(at(results, i), "train_seconds", 0.0);
        if (!(t > 0.0) || !isfinite(page_real_of(page_metric_of(at(results, i), metric), "value")))
            continue;
        least = fmin(least, t);
        most = fmax(most, t);
        timed++;
    }
    if (timed < 2 || !(lo < hi))
        return;
    html_card_open(b, "Quality against training time", false);
    html_say(b, "<p>To the upper left is best. Times are of this machine.</p>\n");
    struct svg s = {
        .b = b,
        .right = 60.0,
        .x = {SVG_LOG, SVG_NUMBER, least / 1.6, most * 1.6, false, "seconds to train (log scale)"},
        .y = {SVG_LINEAR, SVG_NUMBER, lo, hi, true, metric}};
    svg_open(&s, "Scatter plot: quality against training time");
    for (size_t i = 0; i < n; i++) {
        const json_t *row = at(results, i);
        double t = json_double(row, "train_seconds", 0.0);
        double v = page_real_of(page_metric_of(row, metric), "value");
        if (!(t > 0.0) || !isfinite(v))
            continue;
        svg_dot(&s, t, v, 5.0, "c1");
        html_say(b, "%t: %t %n, trained in %n s", json_text(row, "model", ""), metric, v, t);
        svg_end(&s, "circle");
        bool right = svg_x(&s, t) > s.width * 0.7;
        svg_words(&s, svg_x(&s, t) + (right ? -9.0 : 9.0), svg_y(&s, v) + 4.0,
                  right ? "end" : "start", "title");
        short_name(b, json_text(row, "model", ""));
        svg_words_end(&s);
    }
    svg_close(&s);
    html_card_close(b);
}

/* ---- paired tests, parameters ---- */

static void page_tests(struct buf *b, const json_t *tests)
{
    if (json_array_size(tests) == 0)
        return;
    html_section_open(b, "tests", "Paired tests");
    html_card_open(b, "Same users, two models", true);
    html_say(b,
             "<p>The mean difference over the users both have, its 95 %% bootstrap interval, and "
             "Wilcoxon's signed-rank test (two-sided). Bold: the interval leaves out 0. With many "
             "comparisons some small p come by chance.</p>\n");
    html_table_open(b, "Paired tests", "metric|a|b|#a − b|#95 % interval|#Wilcoxon p|#users");
    for (size_t i = 0; i < json_array_size(tests); i++) {
        const json_t *t = at(tests, i);
        double d = page_real_of(t, "difference"), lo = page_real_of(t, "lo"),
               hi = page_real_of(t, "hi");
        double p = page_real_of(t, "p_wilcoxon");
        bool sure = isfinite(lo) && isfinite(hi) && (lo > 0.0 || hi < 0.0);
        html_say(b, "<tr><td>%t</td><td class=\"t\">%t</td><td class=\"t\">%t</td><td class=\"n\">",
                 json_text(t, "metric", ""), json_text(t, "a", ""), json_text(t, "b", ""));
        buf_text(b, sure ? "<b>" : "");
        html_fixed(b, d, 4);
        buf_text(b, sure ? "</b></td><td class=\"n\">" : "</td><td class=\"n\">");
        if (isfinite(lo) && isfinite(hi)) {
            html_fixed(b, lo, 4);
            buf_text(b, " … ");
            html_fixed(b, hi, 4);
        }
        buf_text(b, "</td><td class=\"n\">");
        if (isfinite(p))
            html_number(b, p);
        buf_text(b, "</td><td class=\"n\">");
        if (json_object_get(t, "n"))
            html_count(b, json_int(t, "n", 0));
        buf_text(b, "</td></tr>\n");
    }
    html_table_close(b);
    html_card_close(b);
    html_section_close(b);
}

static void page_params(struct buf *b, const json_t *results)
{
    html_section_open(b, "parameters", "Parameters");
    html_card_open(b, "What each model was trained with", true);
    html_table_open(b, "Parameters", "model|type|parameters");
    for (size_t i = 0; i < json_array_size(results); i++) {
        const json_t *row = at(results, i), *params = json_object_get(row, "params");
        struct buf text;
        buf_init(&text, b->ctx);
        html_say(b, "<tr><td class=\"t\">%t</td><td>%t</td><td class=\"t\"><code>",
                 json_text(row, "model", ""), json_text(row, "type", ""));
        if (params && json_write(params, &text, NULL) == AKIN_OK && text.data)
            html_text(b, text.data);
        if (text.failed)
            b->failed = true;
        buf_free(&text);
        buf_text(b, "</code></td></tr>\n");
    }
    html_table_close(b);
    html_card_close(b);
    html_section_close(b);
}

/* ---- header ---- */

static void header(struct buf *b, const json_t *evaluation, const json_t *results)
{
    const json_t *first = at(results, 0);
    html_say(b,
             "<header>\n<h1 id=\"evaluation\">Evaluation</h1>\n<p class=\"sub\">%c models on the "
             "same held-out data",
             (int64_t)json_array_size(results));
    if (json_int(evaluation, "n_folds", 0) > 0)
        html_say(b, ", means over %c folds", json_int(evaluation, "n_folds", 0));
    html_say(b, "</p>\n<dl class=\"tiles\">\n");
    static const struct {
        const char *key, *title;
    } all[] = {{"n_eval", "users evaluated"},
               {"n_cold_users", "of them not in train"},
               {"n_cold_items", "test items not in train"},
               {"n_no_list", "users without a list"},
               {"n_pairs", "pairs predicted"}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (i == 0 || json_int(first, all[i].key, 0) > 0)
            html_say(b, "<div><dt>%t</dt><dd>%c</dd></div>\n", all[i].title,
                     json_int(first, all[i].key, 0));
    html_say(b, "</dl>\n");
    for (size_t i = 0; i < json_array_size(results); i++)
        if (json_text(at(results, i), "warning", NULL))
            html_say(b, "<p class=\"warn\" role=\"note\"><b>%t</b>: %t</p>\n",
                     json_text(at(results, i), "model", ""),
                     json_text(at(results, i), "warning", ""));
    html_say(b, "</header>\n");
}

void page_evaluate(struct buf *b, const json_t *evaluation)
{
    const json_t *results = json_object_get(evaluation, "results");
    const json_t *metrics = json_object_get(at(results, 0), "metrics");
    const char *first = NULL, *key;
    json_t *value;
    header(b, evaluation, results);
    if (json_array_size(results) == 0) {
        html_say(b, "<p>No model was evaluated.</p>\n");
        return;
    }
    html_section_open(b, "results", "Results");
    card_table(b, results);
    json_object_foreach((json_t *)(uintptr_t)metrics, key, value) {
        first = first ? first : key;
        card_interval(b, results, key);
    }
    if (first)
        card_cost(b, results, first);
    html_section_close(b);
    if (first)
        page_segments(b, results, first);
    page_tests(b, json_object_get(evaluation, "tests"));
    page_params(b, results);
}
