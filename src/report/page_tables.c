/*
 * The exploratory page, second half: correlations, time, categories, attributes, cleaning.
 * Cost: linear in the numbers.
 */
#include "report/html.h"
#include "report/page.h"
#include "report/plots.h"
#include "report/svg.h"

#include "core/json.h"

#include <math.h>
#include <string.h>

static const json_t *at(const json_t *array, size_t i)
{
    return json_array_get(array, i);
}

static void cell_fixed(struct buf *b, const json_t *object, const char *key, int decimals)
{
    const json_t *value = json_object_get(object, key);
    buf_text(b, "<td class=\"n\">");
    html_fixed(b, json_is_number(value) ? json_number_value(value) : (double)NAN, decimals);
    buf_text(b, "</td>");
}

static void cell_bar(struct buf *b, double share)
{
    buf_text(b, "<td class=\"bars\"><span class=\"bar\" style=\"width:");
    html_fixed(b, 100.0 * share, 1);
    buf_text(b, "%\"></span></td>");
}

/* ---- correlations ---- */

static const char *variable_name(const char *key)
{
    return strcmp(key, "count") == 0  ? "number of events"
           : strcmp(key, "mean") == 0 ? "mean value"
                                      : "number of tags";
}

static void correlation_rows(struct buf *b, const json_t *rows, const char *of)
{
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = at(rows, i), *partial = json_object_get(row, "partial");
        html_say(b, "<tr><td>%t: %t and %t</td><td class=\"n\">%c</td>", of,
                 variable_name(json_text(row, "x", "")), variable_name(json_text(row, "y", "")),
                 json_int(row, "n", 0));
        cell_fixed(b, row, "pearson", 3);
        cell_fixed(b, row, "spearman", 3);
        cell_fixed(b, partial, "pearson", 3);
        cell_fixed(b, partial, "spearman", 3);
        html_say(b, "<td>%t</td></tr>\n",
                 partial ? variable_name(json_text(partial, "controlling", "")) : "");
    }
}

static void page_correlations(struct buf *b, const json_t *all)
{
    const json_t *items = json_object_get(all, "items"), *users = json_object_get(all, "users");
    if (json_array_size(items) + json_array_size(users) == 0)
        return;
    html_section_open(b, "correlations", "Correlations");
    html_card_open(b, "What goes together", true);
    html_say(b,
             "<p>Over all with events. A partial correlation holds the third variable fixed; for "
             "mean value and tags that is popularity, the number of events.</p>\n");
    html_table_open(b, "Correlations",
                    "pair|#n|#Pearson|#Spearman|#partial Pearson|#partial Spearman|held fixed");
    correlation_rows(b, items, "items");
    correlation_rows(b, users, "users");
    html_table_close(b);
    html_card_close(b);
    html_section_close(b);
}

/* ---- time ---- */

static void plot_time(struct buf *b, const json_t *time, const char *key, const char *cls,
                      const char *y_title)
{
    const json_t *rows = json_object_get(time, "bins");
    size_t n = json_array_size(rows);
    const char *unit = json_text(time, "unit", "");
    double first = json_double(at(rows, 0), "start", 0);
    double last = json_double(at(rows, n - 1), "start", 0);
    double width = n > 1 ? (last - first) / (double)(n - 1) : 86400.0;
    struct svg s = {.b = b,
                    .width = 1080.0,
                    .height = 250.0,
                    .x = {SVG_TIME, SVG_NUMBER, first, last + width, false, NULL},
                    .y = {SVG_LINEAR, SVG_WHOLE, 0.0, plot_largest(rows, key), true, y_title},
                    .bottom = 26.0};
    svg_open(&s, "Bar chart over time");
    for (size_t i = 0; i < n; i++) {
        const json_t *row = at(rows, i);
        double lo = json_double(row, "start", 0);
        double hi = i + 1 < n ? json_double(at(rows, i + 1), "start", 0) : lo + width;
        svg_bar(&s, lo, hi, json_double(row, key, 0), cls);
        html_say(b, "%t %t: %c events, %c new users, %c new items", unit,
                 json_text(row, "label", ""), json_int(row, "n", 0), json_int(row, "new_users", 0),
                 json_int(row, "new_items", 0));
        svg_end(&s, "rect");
    }
    svg_close(&s);
}

static void say_days(struct buf *b, double days)
{
    if (days >= 2.0)
        html_say(b, "%n days", days);
    else if (days * 24.0 >= 2.0)
        html_say(b, "%n hours", days * 24.0);
    else
        html_say(b, "%n minutes", days * 1440.0);
}

static void page_time(struct buf *b, const json_t *time)
{
    const json_t *rows = json_object_get(time, "bins");
    const json_t *span = json_object_get(time, "user_span_days");
    if (json_array_size(rows) == 0)
        return;
    const char *unit = json_text(time, "unit", "");
    const json_t *most = at(rows, 0);
    for (size_t i = 1; i < json_array_size(rows); i++)
        if (json_int(at(rows, i), "n", 0) > json_int(most, "n", 0))
            most = at(rows, i);
    html_section_open(b, "time", "Time");
    html_card_open(b, "Events over time", true);
    html_say(b, "<p>The events span ");
    say_days(b, json_double(time, "days", 0));
    html_say(b,
             ". The busiest %t is %t with %c events. From its first to its last event the median "
             "user takes ",
             unit, json_text(most, "label", ""), json_int(most, "n", 0));
    say_days(b, json_double(span, "median", 0));
    html_say(b, "; the mean is ");
    say_days(b, json_double(span, "mean", 0));
    html_say(b, ".</p>\n");
    html_say(b, "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Events over "
                "time\"><div class=\"long\">\n");
    plot_time(b, time, "n", "c1", "events");
    plot_time(b, time, "new_users", "c3", "users with their first event");
    plot_time(b, time, "new_items", "c2", "items with their first event");
    html_say(b, "</div></div>\n<p class=\"note\">One bar a %t (UTC).</p>\n", unit);
    html_card_close(b);
    html_section_close(b);
}

/* ---- types and categories ---- */

static void card_types(struct buf *b, const json_t *rows)
{
    bool has_mean = json_object_get(at(rows, 0), "mean") != NULL;
    html_card_open(b, "Event types", false);
    html_table_open(b, "Event types",
                    has_mean ? "type|#events|#share|#mean value|" : "type|#events|#share|");
    double most = plot_largest(rows, "n");
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = at(rows, i);
        html_say(b, "<tr><td class=\"t\">%t</td><td class=\"n\">%c</td><td class=\"n\">%p</td>",
                 json_text(row, "type", ""), json_int(row, "n", 0), json_double(row, "share", 0));
        if (has_mean)
            cell_fixed(b, row, "mean", 2);
        cell_bar(b, json_double(row, "n", 0) / fmax(most, 1.0));
        buf_text(b, "</tr>\n");
    }
    html_table_close(b);
    html_card_close(b);
}

static void card_category(struct buf *b, const json_t *column, const char *many, double events)
{
    const json_t *rows = json_object_get(column, "rows");
    if (json_array_size(rows) == 0)
        return;
    bool has_mean = json_object_get(at(rows, 0), "mean") != NULL;
    html_say(b, "<article class=\"card\">\n<h3>%t</h3>\n", json_text(column, "column", ""));
    html_say(b, "<p>%c different values; most events: %t (%p).", json_int(column, "distinct", 0),
             json_text(at(rows, 0), "value", ""),
             json_double(at(rows, 0), "events", 0) / fmax(events, 1.0));
    if (json_int(column, "without", 0) > 0)
        html_say(b, " %c %t have none.", json_int(column, "without", 0), many);
    html_say(b, "</p>\n");
    char columns[64] = "value|#items|#events|";
    if (strcmp(many, "users") == 0)
        memcpy(columns, "value|#users|#events|", 22);
    if (has_mean)
        memcpy(columns + 21, "#mean|", 7);
    struct buf label;
    buf_init(&label, b->ctx);
    buf_printf(&label, "%s of %s", json_text(column, "column", ""), many);
    html_table_open(b, label.data ? label.data : many, columns);
    buf_free(&label);
    double most = plot_largest(rows, "events");
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = at(rows, i);
        html_say(b, "<tr><td class=\"t\">%t</td><td class=\"n\">%c</td><td class=\"n\">%c</td>",
                 json_text(row, "value", ""), json_int(row, "members", 0),
                 json_int(row, "events", 0));
        if (has_mean)
            cell_fixed(b, row, "mean", 2);
        cell_bar(b, json_double(row, "events", 0) / fmax(most, 1.0));
        buf_text(b, "</tr>\n");
    }
    html_table_close(b);
    html_card_close(b);
}

static void page_categories(struct buf *b, const json_t *numbers)
{
    const json_t *types = json_object_get(numbers, "event_types");
    const json_t *items = json_object_get(numbers, "item_categories");
    const json_t *users = json_object_get(numbers, "user_categories");
    double events = json_double(json_object_get(numbers, "data"), "events", 0);
    if (json_array_size(types) + json_array_size(items) + json_array_size(users) == 0)
        return;
    html_section_open(b, "categories", "Categories and event types");
    if (json_array_size(types) > 0)
        card_types(b, types);
    for (size_t i = 0; i < json_array_size(items); i++)
        card_category(b, at(items, i), "items", events);
    for (size_t i = 0; i < json_array_size(users); i++)
        card_category(b, at(users, i), "users", events);
    html_section_close(b);
}

/* ---- attributes ---- */

static void page_columns(struct buf *b, const json_t *columns)
{
    static const char *const tables[] = {"items", "users", "events"};
    if (!columns)
        return;
    html_section_open(b, "columns", "Attributes");
    html_card_open(b, "How full the tables are", true);
    html_table_open(b, "Attributes", "of|column|kind|#distinct|#filled|#share|");
    for (int t = 0; t < 3; t++) {
        const json_t *rows = json_object_get(columns, tables[t]);
        for (size_t i = 0; i < json_array_size(rows); i++) {
            const json_t *row = at(rows, i);
            html_say(b, "<tr><td>%t</td><td>%t</td><td>%t</td><td class=\"n\">", tables[t],
                     json_text(row, "column", ""), json_text(row, "type", ""));
            if (json_object_get(row, "distinct"))
                html_count(b, json_int(row, "distinct", 0));
            html_say(b, "</td><td class=\"n\">%c</td><td class=\"n\">%p</td>",
                     json_int(row, "filled", 0), json_double(row, "share", 0));
            cell_bar(b, json_double(row, "share", 0));
            buf_text(b, "</tr>\n");
        }
    }
    html_table_close(b);
    html_card_close(b);
    html_section_close(b);
}

/* ---- cleaning ---- */

static void cleaning_samples(struct buf *b, const json_t *samples)
{
    if (json_array_size(samples) == 0)
        return;
    html_card_open(b, "Examples of what was dropped", false);
    html_table_open(b, "Examples of dropped rows", "class|source|#line|text");
    for (size_t i = 0; i < json_array_size(samples); i++) {
        const json_t *row = at(samples, i);
        html_say(b, "<tr><td>%t</td><td>%t</td><td class=\"n\">", json_text(row, "class", ""),
                 json_text(row, "source", ""));
        if (json_int(row, "line", 0) > 0)
            html_count(b, json_int(row, "line", 0));
        html_say(b, "</td><td class=\"t\"><code>%t</code></td></tr>\n", json_text(row, "text", ""));
    }
    html_table_close(b);
    html_card_close(b);
}

static void page_cleaning(struct buf *b, const json_t *c)
{
    const json_t *dropped = json_object_get(c, "dropped");
    const json_t *split = json_object_get(c, "split");
    if (!c)
        return;
    html_section_open(b, "cleaning", "Cleaning");
    html_card_open(b, "What was kept", false);
    int64_t rows = json_int(c, "rows", 0), kept = json_int(c, "kept", 0);
    html_say(b, "<p>Of %c rows read as %t, %c were kept (%p).", rows,
             json_text(c, "format", "data"), kept, rows > 0 ? (double)kept / (double)rows : 1.0);
    if (json_object_size(dropped) == 0)
        html_say(b, " Nothing had to be dropped.");
    if (split)
        html_say(b, " These are counts of the whole data; this is a part of it, split by %t.",
                 json_text(split, "by", "?"));
    html_say(b, "</p>\n");
    if (json_object_size(dropped) > 0) {
        const char *key;
        json_t *value;
        html_table_open(b, "Dropped rows by class", "dropped because|#rows");
        json_object_foreach((json_t *)(uintptr_t)dropped, key, value) {
            html_say(b, "<tr><td>%t</td><td class=\"n\">%c</td></tr>\n", key,
                     (int64_t)json_number_value(value));
        }
        html_table_close(b);
    }
    html_card_close(b);
    cleaning_samples(b, json_object_get(c, "samples"));
    html_section_close(b);
}

void page_tables(struct buf *b, const json_t *numbers)
{
    page_correlations(b, json_object_get(numbers, "correlations"));
    page_time(b, json_object_get(numbers, "time"));
    page_categories(b, numbers);
    page_columns(b, json_object_get(numbers, "columns"));
    page_cleaning(b, json_object_get(numbers, "cleaning"));
}
