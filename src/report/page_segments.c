/*
 * The evaluation page's segments: a plot of the first metric and a table of all, for users by what
 * train knows of them, by activity, and for relevant items by popularity.
 * Cost: models × metrics × segments.
 */
#include "report/html.h"
#include "report/page.h"
#include "report/svg.h"

#include "core/json.h"

#include <math.h>

static const json_t *at(const json_t *array, size_t i)
{
    return json_array_get(array, i);
}

static const json_t *segment_of(const json_t *result, const char *group, const char *name)
{
    return json_object_get(json_object_get(json_object_get(result, "segments"), group), name);
}

/* Lists as a whole have no segments: such metrics have no value in any. */
static bool has_segment_value(const json_t *results, const char *group, const char *metric)
{
    const json_t *first = json_object_get(json_object_get(at(results, 0), "segments"), group);
    const char *name;
    json_t *segment;
    json_object_foreach((json_t *)(uintptr_t)first, name, segment) {
        for (size_t i = 0; i < json_array_size(results); i++)
            if (isfinite(page_real_of(
                    page_metric_of(segment_of(at(results, i), group, name), metric), "value")))
                return true;
    }
    return false;
}

/* All segments of one group: rows segment × model, columns metrics. */
static void segment_table(struct buf *b, const json_t *results, const char *group,
                          const char *title, const char *note)
{
    const json_t *first = json_object_get(json_object_get(at(results, 0), "segments"), group);
    const json_t *metrics = json_object_get(at(results, 0), "metrics");
    if (json_object_size(first) == 0)
        return;
    struct buf columns;
    const char *name, *key;
    json_t *segment, *value;
    buf_init(&columns, b->ctx);
    buf_text(&columns, "segment|#users|model");
    json_object_foreach((json_t *)(uintptr_t)metrics, key, value) {
        if (has_segment_value(results, group, key))
            html_say(&columns, "|#%t", key);
    }
    html_card_open(b, title, true);
    html_say(b, "<p>%t</p>\n", note);
    html_table_open(b, title, columns.data ? columns.data : "segment");
    json_object_foreach((json_t *)(uintptr_t)first, name, segment) {
        for (size_t i = 0; i < json_array_size(results); i++) {
            const json_t *s = segment_of(at(results, i), group, name);
            html_say(b, "<tr><td>%t</td><td class=\"n\">%c</td><td class=\"t\">%t</td>", name,
                     json_int(s, "n", 0), json_text(at(results, i), "model", ""));
            json_object_foreach((json_t *)(uintptr_t)metrics, key, value) {
                if (has_segment_value(results, group, key))
                    page_cell_metric(b, page_metric_of(s, key), (double)NAN);
            }
            buf_text(b, "</tr>\n");
        }
    }
    html_table_close(b);
    html_card_close(b);
    if (columns.failed)
        b->failed = true;
    buf_free(&columns);
}

enum { COLOURS = 8 };

/* One row a segment, one dot a model: the first metric. */
static void segment_plot(struct buf *b, const json_t *results, const char *group,
                         const char *metric, const char *title)
{
    static const char *const cls[COLOURS] = {"c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8"};
    const json_t *first = json_object_get(json_object_get(at(results, 0), "segments"), group);
    size_t n = json_object_size(first), models = json_array_size(results);
    double hi = 0.0;
    const char *name;
    json_t *segment;
    if (n < 2 || models > COLOURS)
        return;
    json_object_foreach((json_t *)(uintptr_t)first, name, segment) {
        for (size_t i = 0; i < models; i++)
            hi = fmax(hi,
                      json_double(page_metric_of(segment_of(at(results, i), group, name), metric),
                                  "value", 0.0));
    }
    html_card_open(b, title, false);
    buf_text(b, "<p>");
    for (size_t i = 0; i < models; i++)
        html_say(b,
                 "<span class=\"key\"><svg viewBox=\"0 0 12 12\" aria-hidden=\"true\"><circle "
                 "class=\"%t\" cx=\"6\" cy=\"6\" r=\"5\"/></svg>%t</span> ",
                 cls[i], json_text(at(results, i), "model", ""));
    buf_text(b, "</p>\n");
    struct svg s = {.b = b,
                    .height = 64.0 + 30.0 * (double)n,
                    .left = 80.0,
                    .top = 8.0,
                    .x = {SVG_LINEAR, SVG_NUMBER, 0.0, hi, true, metric},
                    .y = {SVG_NAMES, SVG_NUMBER, 0.0, (double)n, false, NULL}};
    svg_open(&s, title);
    double y = (double)n - 1.0;
    json_object_foreach((json_t *)(uintptr_t)first, name, segment) {
        svg_words(&s, s.left - 10.0, svg_y(&s, y) + 4.0, "end", "title");
        html_text(b, name);
        svg_words_end(&s);
        for (size_t i = 0; i < models; i++) {
            const json_t *m = page_metric_of(segment_of(at(results, i), group, name), metric);
            double v = page_real_of(m, "value");
            if (!isfinite(v))
                continue;
            svg_dot(&s, v, y, 5.0, cls[i]);
            html_say(b, "%t, %t: %n (%c users)", json_text(at(results, i), "model", ""), name, v,
                     json_int(m, "n", 0));
            svg_end(&s, "circle");
        }
        y -= 1.0;
    }
    svg_close(&s);
    html_card_close(b);
}

void page_segments(struct buf *b, const json_t *results, const char *metric)
{
    static const struct {
        const char *key, *title, *note;
    } groups[] = {
        {"users", "By what train knows of the user",
         "hot: has events in train; warm: known by attributes or given events only; cold: "
         "unknown."},
        {"activity", "By the user's events in train", "Users with so many events in train."},
        {"items", "By popularity of the relevant items",
         "head: the fewest items that hold 80 % of train; tail: the others with events; warm: in "
         "the catalogue without an event. Only the relevant items of the segment count."}};
    if (!json_object_get(at(results, 0), "segments"))
        return;
    html_section_open(b, "segments", "Segments");
    for (int i = 0; i < 3; i++)
        segment_plot(b, results, groups[i].key, metric, groups[i].title);
    for (int i = 0; i < 3; i++)
        segment_table(b, results, groups[i].key, groups[i].title, groups[i].note);
    html_section_close(b);
}
