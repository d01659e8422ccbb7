/*
 * The exploratory page from its numbers: header, overview, values and tags; items and users are in
 * page_side.c, the tables in page_tables.c.
 *
 * Cost: linear in the numbers.
 * Not done: arithmetic beyond shares; whoever reads the JSON sees the same.
 */
#include "report/html.h"
#include "report/page.h"
#include "report/plots.h"

#include "core/json.h"

#include <math.h>
#include <string.h>

static const json_t *at(const json_t *array, size_t i)
{
    return json_array_get(array, i);
}

/* ---- values, tags ---- */

static void page_values(struct buf *b, const json_t *values)
{
    const json_t *s = json_object_get(values, "summary");
    const json_t *levels = json_object_get(values, "levels");
    if (!s)
        return;
    html_section_open(b, "values", "Values");
    html_card_open(b, "How often each value", false);
    html_say(b, "<p>Values run from %n to %n with mean %n and median %n. ",
             json_double(s, "min", 0), json_double(s, "max", 0), json_double(s, "mean", 0),
             json_double(s, "median", 0));
    if (levels) {
        const json_t *most = at(levels, 0);
        for (size_t i = 1; i < json_array_size(levels); i++)
            if (json_int(at(levels, i), "n", 0) > json_int(most, "n", 0))
                most = at(levels, i);
        html_say(b, "The most frequent is %n: %p of the events.", json_double(most, "value", 0),
                 json_double(most, "share", 0));
    }
    buf_text(b, "</p>\n");
    if (levels) {
        plot_levels(b, levels);
    } else {
        plot_bins(b, json_object_get(values, "histogram"), "value", "events", "events");
        page_outside(b, json_int(values, "outside_histogram", 0), "events");
    }
    html_card_close(b);
    html_card_open(b, "Summary of the values", false);
    html_table_open(b, "Summary of the values", "statistic|#value");
    static const char *const keys[] = {"n",      "mean", "sd",  "min", "q25",
                                       "median", "q75",  "q90", "q99", "max"};
    static const char *const names[] = {"events",         "mean",    "standard deviation", "least",
                                        "first quartile", "median",  "third quartile",     "90 %",
                                        "99 %",           "greatest"};
    for (int i = 0; i < 10; i++)
        html_say(b, "<tr><td>%t</td><td class=\"n\">%n</td></tr>\n", names[i],
                 json_double(s, keys[i], (double)NAN));
    html_table_close(b);
    html_card_close(b);
    html_section_close(b);
}

static void card_tag_list(struct buf *b, const json_t *top)
{
    html_card_open(b, "Most used tags", false);
    html_table_open(b, "Most used tags", "tag|#times|#items|");
    double most = plot_largest(top, "n");
    for (size_t i = 0; i < json_array_size(top); i++) {
        const json_t *row = at(top, i);
        html_say(b,
                 "<tr><td class=\"t\">%t</td><td class=\"n\">%c</td><td class=\"n\">%c</td>"
                 "<td class=\"bars\"><span class=\"bar\" style=\"width:",
                 json_text(row, "tag", ""), json_int(row, "n", 0), json_int(row, "items", 0));
        html_fixed(b, 100.0 * json_double(row, "n", 0) / most, 1);
        buf_text(b, "%\"></span></td></tr>\n");
    }
    html_table_close(b);
    html_card_close(b);
}

static void page_tags(struct buf *b, const json_t *numbers)
{
    const json_t *tags = json_object_get(numbers, "tags");
    const json_t *s = json_object_get(tags, "per_item");
    if (!tags)
        return;
    int64_t items = json_int(tags, "items", 0);
    int64_t all = json_int(json_object_get(numbers, "data"), "catalog_items", 0);
    html_section_open(b, "tags", "Tags");
    html_card_open(b, "Tags per item", false);
    html_say(b,
             "<p>%c users gave %c tags (%c different) to %c items: %p of the catalogue. The "
             "median tagged item has %n, none more than %n.</p>\n",
             json_int(tags, "users", 0), json_int(tags, "n", 0), json_int(tags, "distinct", 0),
             items, all > 0 ? (double)items / (double)all : 0.0, json_double(s, "median", 0),
             json_double(s, "max", 0));
    plot_counts(b, json_object_get(tags, "histogram"), NULL, true, "tags per item (log scale)",
                "items");
    html_say(b,
             "<p class=\"note\">Each bar is a doubling; the %c items without a tag are not "
             "drawn.</p>\n",
             all - items);
    html_card_close(b);
    const json_t *cloud = json_object_get(tags, "points");
    if (json_array_size(json_object_get(cloud, "points")) > 0) {
        html_card_open(b, "Mean value against number of tags", false);
        const json_t *row = page_correlation(numbers, "items", "mean", "tags");
        page_say_correlation(b, row, "the mean value",
                             "the number of tags (over all items with events)");
        const json_t *partial = json_object_get(row, "partial");
        if (json_is_number(json_object_get(partial, "spearman")))
            html_say(b, "<p>With popularity held fixed it is %n (Spearman).</p>\n",
                     json_double(partial, "spearman", 0));
        plot_cloud(b, cloud, json_object_get(tags, "mean_by_tags"), "tags per item (log scale)",
                   "tags");
        page_thinned(b, cloud, "tagged items with events");
        html_card_close(b);
    }
    card_tag_list(b, json_object_get(tags, "top"));
    html_section_close(b);
}

/* ---- header ---- */

static void tile(struct buf *b, const char *name, const char *format, int64_t n)
{
    html_say(b, "<div><dt>%t</dt><dd>", name);
    html_say(b, format, n);
    buf_text(b, "</dd></div>\n");
}

static void tiles(struct buf *b, const json_t *numbers)
{
    const json_t *d = json_object_get(numbers, "data");
    buf_text(b, "<dl class=\"tiles\">\n");
    tile(b, "events", "%c", json_int(d, "events", 0));
    tile(b, "users", "%c", json_int(d, "users", 0));
    tile(b, "items with events", "%c", json_int(d, "items", 0));
    tile(b, "items in the catalogue", "%c", json_int(d, "catalog_items", 0));
    html_say(b, "<div><dt>of all pairs known</dt><dd>%p</dd></div>\n",
             json_double(d, "density", 0));
    if (json_int(d, "tags", 0) > 0)
        tile(b, "tags", "%c", json_int(d, "tags", 0));
    buf_text(b, "</dl>\n");
}

static void glance(struct buf *b, const json_t *numbers)
{
    const json_t *d = json_object_get(numbers, "data");
    const json_t *items = json_object_get(numbers, "items"),
                 *users = json_object_get(numbers, "users");
    const json_t *time = json_object_get(numbers, "time");
    int64_t unseen = json_int(items, "without_events", 0);
    buf_text(b, "<ul class=\"glance\">\n");
    html_say(b, "<li>The median user has %n events (mean %n), the median item %n (mean %n).</li>\n",
             json_double(json_object_get(users, "count"), "median", 0),
             json_double(json_object_get(users, "count"), "mean", 0),
             json_double(json_object_get(items, "count"), "median", 0),
             json_double(json_object_get(items, "count"), "mean", 0));
    html_say(b,
             "<li>20 %% of the items get %p of the events; %p of all user–item pairs are "
             "unknown.</li>\n",
             page_share_of_top(json_object_get(items, "long_tail"), 0.2),
             json_double(d, "sparsity", 0));
    if (unseen > 0)
        html_say(b,
                 "<li>%c items of the catalogue have no event at all: only their attributes can "
                 "recommend them.</li>\n",
                 unseen);
    if (json_int(d, "repeated_events", 0) > 0)
        html_say(b, "<li>%p of the events repeat an earlier one of the same user and item.</li>\n",
                 json_double(d, "repeated_events", 0) / json_double(d, "events", 1));
    if (json_object_get(time, "users_within_a_day"))
        html_say(b, "<li>%p of the users have all their events within one day.</li>\n",
                 json_double(time, "users_within_a_day", 0) /
                     fmax(json_double(d, "users", 1), 1.0));
    buf_text(b, "</ul>\n");
}

static void links(struct buf *b, const json_t *numbers, bool has_evaluation)
{
    static const struct {
        const char *key, *id, *title;
    } all[] = {{"items", "items", "Items"},
               {"users", "users", "Users"},
               {"values", "values", "Values"},
               {"tags", "tags", "Tags"},
               {"correlations", "correlations", "Correlations"},
               {"time", "time", "Time"},
               {"item_categories", "categories", "Categories"},
               {"columns", "columns", "Attributes"},
               {"cleaning", "cleaning", "Cleaning"}};
    buf_text(b, "<nav aria-label=\"Sections\">");
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (json_object_get(numbers, all[i].key))
            html_say(b, "<a href=\"#%t\">%t</a> ", all[i].id, all[i].title);
    if (has_evaluation)
        html_say(b, "<a href=\"#evaluation\">Evaluation</a>");
    buf_text(b, "</nav>\n");
}

void page_explore(struct buf *b, const json_t *numbers, bool has_evaluation)
{
    const json_t *time = json_object_get(numbers, "time");
    const char *first = json_text(time, "first", NULL), *last = json_text(time, "last", NULL);
    html_say(b, "<header>\n<h1>%t</h1>\n<p class=\"sub\">What is in the data",
             json_text(numbers, "name", "Data"));
    if (first && last) {
        html_say(b, ", from ");
        buf_add(b, first, strnlen(first, 10));
        html_say(b, " to ");
        buf_add(b, last, strnlen(last, 10));
    }
    html_say(b, "</p>\n");
    tiles(b, numbers);
    glance(b, numbers);
    links(b, numbers, has_evaluation);
    html_say(b, "</header>\n");
    page_side(b, numbers, "items");
    page_side(b, numbers, "users");
    page_values(b, json_object_get(numbers, "values"));
    page_tags(b, numbers);
    page_tables(b, numbers);
}
