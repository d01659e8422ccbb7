/*
 * The exploratory page's sections of items and of users: the same cards for both. Every sentence
 * states what was counted; none guesses why.
 * Cost: linear in the numbers.
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

/* Words for one side: what it is, and what its events are. */
struct words {
    const char *key, *one, *many, *title, *x_title, *x_plain;
};
static const struct words item_words = {
    "items", "item", "items", "Items", "events per item (log scale)", "events per item"};
static const struct words user_words = {
    "users", "user", "users", "Users", "events per user (log scale)", "events per user"};

/* ---- cards ---- */

void page_outside(struct buf *b, int64_t n, const char *many)
{
    if (n > 0)
        html_say(b,
                 "<p class=\"note\">Not drawn: %c %t far outside, which would squeeze all others "
                 "together.</p>\n",
                 n, many);
}

static int64_t points_outside(const json_t *cloud)
{
    const json_t *range = json_object_get(cloud, "range"),
                 *points = json_object_get(cloud, "points");
    double lo = json_number_value(at(range, 0)), hi = json_number_value(at(range, 1));
    int64_t n = 0;
    for (size_t i = 0; i < json_array_size(points); i++) {
        double y = json_number_value(at(at(points, i), 1));
        n += y < lo || y > hi;
    }
    return n;
}

void page_thinned(struct buf *b, const json_t *cloud, const char *many)
{
    int64_t n = json_int(cloud, "n", 0), shown = json_int(cloud, "shown", 0);
    if (shown < n)
        html_say(b,
                 "<p class=\"note\">Drawn: %c of %c %t: the %c with most, and as many evenly from "
                 "the others. The line is over all of them: the mean of means for each doubling of "
                 "the count.</p>\n",
                 shown, n, many, shown / 2);
    else
        html_say(
            b,
            "<p class=\"note\">All %c %t. The line: the mean of means for each doubling of the "
            "count.</p>\n",
            n, many);
    page_outside(b, points_outside(cloud), "of these");
}

static void card_buckets(struct buf *b, const struct words *w, const json_t *side)
{
    const json_t *rows = json_object_get(side, "buckets");
    const json_t *few = at(rows, 0), *many = at(rows, 3);
    html_card_open(
        b, strcmp(w->one, "item") == 0 ? "Items by number of events" : "Users by number of events",
        false);
    html_say(b,
             "<p>%p of the %t have fewer than 50 events and get %p of all events; the %c with 200 "
             "or more (%p) get %p.</p>\n",
             json_double(few, "share", 0), w->many, json_double(few, "share_events", 0),
             json_int(many, "n", 0), json_double(many, "share", 0),
             json_double(many, "share_events", 0));
    plot_buckets(b, w->many, rows);
    html_card_close(b);
}

/* Doublings tell nothing where they are few. */
static bool is_wide_spread(const json_t *side)
{
    const json_t *rows = json_object_get(side, "histogram");
    int filled = 0;
    for (size_t i = 0; i < json_array_size(rows); i++)
        filled += json_int(at(rows, i), "n", 0) > 0;
    return filled > 3;
}

static void card_density(struct buf *b, const struct words *w, const json_t *side)
{
    const json_t *t = json_object_get(side, "tukey"), *count = json_object_get(side, "count");
    int64_t above = json_int(t, "n_above", 0);
    bool is_log = is_wide_spread(side);
    html_card_open(b, "Density of the counts, and outliers", false);
    html_say(b, "<p>The median %t has %n events, the mean is %n. ", w->one,
             json_double(count, "median", 0), json_double(count, "mean", 0));
    if (above > 0)
        html_say(b, "%c %t lie above the upper fence of %n events; they hold %p of the events.",
                 above, w->many, json_double(t, "upper_fence", 0),
                 json_double(t, "share_events_above", 0));
    else
        html_say(b, "None lies above the upper fence of %n events.",
                 json_double(t, "upper_fence", 0));
    html_say(b, "</p>\n");
    if (is_log)
        plot_counts(b, json_object_get(side, "histogram"), side, true, w->x_title, w->many);
    else
        plot_counts(b, json_object_get(side, "count_bins"), side, false, w->x_plain, w->many);
    html_say(b,
             "<p class=\"note\">%tAbove the bars Tukey's box: quartiles, median, whisker to the "
             "fence (third quartile + 1.5 interquartile ranges)",
             is_log ? "Each bar is a doubling: 1, 2–3, 4–7, … events. " : "");
    if (above > 0)
        html_say(b, "; dashed, all outliers; the dots are the %c with most",
                 (int64_t)json_array_size(json_object_get(side, "outliers")));
    html_say(b, ".</p>\n");
    html_card_close(b);
}

double page_share_of_top(const json_t *tail, double top)
{
    const json_t *shares = json_object_get(tail, "shares");
    for (size_t i = 0; i < json_array_size(shares); i++)
        if (fabs(json_double(at(shares, i), "top", 0) - top) < 1e-9)
            return json_double(at(shares, i), "share_events", 0);
    return 0.0;
}

static void card_tail(struct buf *b, const struct words *w, const json_t *side)
{
    const json_t *tail = json_object_get(side, "long_tail");
    int64_t n = json_int(side, "with_events", 0), half = json_int(tail, "n_for_half", 0);
    html_card_open(b, strcmp(w->one, "item") == 0 ? "The long tail" : "Who makes the events",
                   false);
    html_say(b,
             "<p>20 %% of the %t %t %p of the events. Half of all events come %t %c %t "
             "(%p). Gini coefficient %n.</p>\n",
             w->many, strcmp(w->one, "item") == 0 ? "get" : "make", page_share_of_top(tail, 0.2),
             strcmp(w->one, "item") == 0 ? "to" : "from", half, w->many,
             n > 0 ? (double)half / (double)n : 0.0, json_double(tail, "gini", 0));
    plot_tail(b, w->many, tail);
    html_say(b, "<p class=\"note\">Dashed: if all had equally many.</p>\n");
    html_card_close(b);
}

static void card_means(struct buf *b, const struct words *w, const json_t *side)
{
    const json_t *mean = json_object_get(side, "mean");
    html_card_open(b, strcmp(w->one, "item") == 0 ? "Mean value per item" : "Mean value per user",
                   false);
    html_say(b,
             "<p>The means of the %t run from %n to %n; half of them lie between %n and %n.</p>\n",
             w->many, json_double(mean, "min", 0), json_double(mean, "max", 0),
             json_double(mean, "q25", 0), json_double(mean, "q75", 0));
    plot_bins(b, json_object_get(side, "mean_histogram"), "mean value", w->many, w->many);
    page_outside(b, json_int(side, "outside_mean_histogram", 0), w->many);
    html_card_close(b);
}

const json_t *page_correlation(const json_t *numbers, const char *side, const char *x,
                               const char *y)
{
    const json_t *rows = json_object_get(json_object_get(numbers, "correlations"), side);
    for (size_t i = 0; i < json_array_size(rows); i++)
        if (strcmp(json_text(at(rows, i), "x", ""), x) == 0 &&
            strcmp(json_text(at(rows, i), "y", ""), y) == 0)
            return at(rows, i);
    return NULL;
}

static const char *strength(double r)
{
    double size = fabs(r);
    return size < 0.1   ? "hardly any"
           : size < 0.3 ? "a weak"
           : size < 0.5 ? "a moderate"
                        : "a strong";
}

void page_say_correlation(struct buf *b, const json_t *row, const char *x, const char *y)
{
    if (!json_is_number(json_object_get(row, "spearman")))
        return;
    double s = json_double(row, "spearman", 0);
    html_say(b, "<p>There is %t %t link between %t and %t: Spearman %n, Pearson %n.</p>\n",
             strength(s),
             fabs(s) < 0.1 ? ""
             : s > 0.0     ? "positive"
                           : "negative",
             x, y, s, json_double(row, "pearson", 0));
}

static void card_cloud(struct buf *b, const json_t *numbers, const struct words *w,
                       const json_t *side)
{
    const json_t *cloud = json_object_get(side, "points");
    html_card_open(b, "Mean value against number of events", false);
    page_say_correlation(b, page_correlation(numbers, w->key, "count", "mean"),
                         "the number of events", "the mean value");
    plot_cloud(b, cloud, json_object_get(side, "mean_by_count"), w->x_title, "events");
    page_thinned(b, cloud, w->many);
    html_card_close(b);
}

static void card_outliers(struct buf *b, const struct words *w, const json_t *side, bool has_mean)
{
    const json_t *rows = json_object_get(side, "outliers");
    if (json_array_size(rows) == 0)
        return;
    bool has_title = json_object_get(at(rows, 0), "title") != NULL;
    const char *title =
        strcmp(w->one, "item") == 0 ? "Most popular outliers" : "Most active outliers";
    html_card_open(b, title, false);
    html_say(b, "<p>The first %c of %c %t above the upper fence.</p>\n",
             (int64_t)json_array_size(rows), json_int(json_object_get(side, "tukey"), "n_above", 0),
             w->many);
    html_table_open(b, title,
                    has_title  ? has_mean ? "title|id|#events|#mean" : "title|id|#events"
                    : has_mean ? "id|#events|#mean"
                               : "id|#events");
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = at(rows, i);
        buf_text(b, "<tr>");
        if (has_title)
            html_say(b, "<td class=\"t\">%t</td>", json_text(row, "title", ""));
        html_say(b, "<td>%t</td><td class=\"n\">%c</td>", json_text(row, "id", ""),
                 json_int(row, "n", 0));
        if (has_mean) {
            buf_text(b, "<td class=\"n\">");
            html_fixed(b, json_double(row, "mean", 0), 2);
            buf_text(b, "</td>");
        }
        buf_text(b, "</tr>\n");
    }
    html_table_close(b);
    html_card_close(b);
}

void page_side(struct buf *b, const json_t *numbers, const char *key)
{
    const struct words *w = strcmp(key, "items") == 0 ? &item_words : &user_words;
    const json_t *side = json_object_get(numbers, key);
    if (json_int(side, "with_events", 0) == 0)
        return;
    bool has_mean = json_object_get(side, "points") != NULL;
    html_section_open(b, w->key, w->title);
    card_buckets(b, w, side);
    card_density(b, w, side);
    card_tail(b, w, side);
    if (has_mean) {
        card_cloud(b, numbers, w, side);
        card_means(b, w, side);
    }
    card_outliers(b, w, side, has_mean);
    html_section_close(b);
}
