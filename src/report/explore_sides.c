/*
 * Items and users by their events: buckets, doublings, outliers, long tail, mean against count.
 *
 * Cost: n log n of those with events.
 * Paper: Tukey, Exploratory Data Analysis (1977): fences at 1.5 interquartile ranges.
 * Not done: a kernel density: its bandwidth would invent what a histogram of doublings shows.
 */
#include "report/explore.h"

#include <math.h>
#include <string.h>

enum { OCTAVES = 64, CURVE = 100 };

static const int64_t bucket_edges[] = {0, 50, 100, 200};
enum { BUCKETS = 4 };

static json_t *buckets_json(struct explore *x, const struct explore_side *side)
{
    int64_t n[BUCKETS] = {0}, events[BUCKETS] = {0};
    double sum[BUCKETS] = {0};
    for (int32_t i = 0; i < side->n; i++) {
        int b = 0;
        while (b + 1 < BUCKETS && side->count[i] >= bucket_edges[b + 1])
            b++;
        n[b]++;
        events[b] += side->count[i];
        sum[b] += side->sum ? side->sum[i] : 0.0;
    }
    json_t *out = json_array();
    for (int b = 0; b < BUCKETS; b++) {
        json_t *row = json_object();
        explore_put(x, row, "lo", json_integer(bucket_edges[b]));
        explore_put(x, row, "hi",
                    b + 1 < BUCKETS ? json_integer(bucket_edges[b + 1]) : json_null());
        explore_put(x, row, "n", json_integer(n[b]));
        explore_put(x, row, "share", explore_real((double)n[b] / (double)side->n));
        explore_put(x, row, "events", json_integer(events[b]));
        explore_put(x, row, "share_events",
                    explore_real((double)events[b] / (double)x->ds->n_events));
        if (side->sum)
            explore_put(x, row, "mean", explore_real(sum[b] / (double)events[b]));
        explore_add(x, out, row);
    }
    return out;
}

json_t *explore_octaves(struct explore *x, const int64_t *of, const int32_t *order, int64_t n)
{
    int64_t count[OCTAVES] = {0};
    int top = -1;
    for (int64_t j = 0; j < n; j++) {
        int b = explore_octave(of[order[j]]);
        count[b]++;
        top = b > top ? b : top;
    }
    json_t *out = json_array();
    for (int b = 0; b <= top; b++) {
        double width = (double)((int64_t)1 << b), share = (double)count[b] / (double)n;
        json_t *row = json_object();
        explore_put(x, row, "lo", json_integer((json_int_t)1 << b));
        explore_put(x, row, "hi", json_integer((int64_t)2 << b));
        explore_put(x, row, "n", json_integer(count[b]));
        explore_put(x, row, "share", explore_real(share));
        explore_put(x, row, "density", explore_real(share / width));
        explore_add(x, out, row);
    }
    return out;
}

/* Equal bins: for counts that lie too near each other for doublings to tell them apart. */
static void put_count_bins(struct explore *x, const struct explore_side *side,
                           const struct report_summary *s, json_t *into)
{
    struct explore_bins bins;
    int64_t count[EXPLORE_BINS + 1] = {0};
    if (side->n_active == 0)
        return;
    explore_bins_whole(s->lo, s->hi, &bins);
    for (int64_t j = 0; j < side->n_active; j++)
        count[explore_bin(&bins, side->sorted[j])]++;
    explore_put_bins(x, into, "count_bins", &bins, count);
}

/* ---- outliers ---- */

static json_t *outlier_json(struct explore *x, const struct explore_side *side, int32_t i)
{
    json_t *row = json_object();
    int32_t size;
    const char *id = ids_get(side->ids, i, &size);
    explore_put(x, row, "id", explore_text(id, size));
    if (side->title)
        explore_put(x, row, "title", explore_label(side, i));
    explore_put(x, row, "n", json_integer(side->count[i]));
    if (side->sum)
        explore_put(x, row, "mean", explore_real(explore_mean(side, i)));
    return row;
}

static void put_outliers(struct explore *x, const struct explore_side *side, json_t *into)
{
    int64_t n = side->n_active, above = 0, below = 0, events = 0;
    double q25 = report_quantile(side->sorted, n, 0.25);
    double q75 = report_quantile(side->sorted, n, 0.75);
    double lo = q25 - 1.5 * (q75 - q25), hi = q75 + 1.5 * (q75 - q25);
    json_t *fences = json_object(), *top = json_array();
    for (int64_t j = 0; j < n; j++) {
        int32_t i = side->order[j];
        double count = (double)side->count[i];
        below += count < lo;
        if (count > hi) {
            above++;
            events += side->count[i];
        }
    }
    for (int64_t j = 0; j < above && j < EXPLORE_TOP; j++)
        explore_add(x, top, outlier_json(x, side, side->order[j]));
    explore_put(x, fences, "q25", explore_real(q25));
    explore_put(x, fences, "median", explore_real(report_quantile(side->sorted, n, 0.5)));
    explore_put(x, fences, "q75", explore_real(q75));
    explore_put(x, fences, "lower_fence", explore_real(lo));
    explore_put(x, fences, "upper_fence", explore_real(hi));
    explore_put(x, fences, "n_below", json_integer(below));
    explore_put(x, fences, "n_above", json_integer(above));
    explore_put(x, fences, "events_above", json_integer(events));
    explore_put(x, fences, "share_events_above",
                explore_real((double)events / (double)x->ds->n_events));
    explore_put(x, into, "tukey", fences);
    explore_put(x, into, "outliers", top);
}

/* ---- long tail ---- */

static void put_long_tail(struct explore *x, const struct explore_side *side, json_t *into)
{
    static const int tops[] = {1, 5, 10, 20, 50};
    enum { TOPS = 5 };
    json_t *out = json_object(), *shares = json_array(), *curve = json_array();
    int64_t n = side->n_active, total = x->ds->n_events, sum = 0, half = 0, most = 0;
    int64_t next = 0;
    int t = 0;
    for (int64_t j = 0; j <= n && n > 0; j++) { /* sum: events of the j most active */
        if (j == (next * n + CURVE - 1) / CURVE) {
            json_t *point = json_array();
            explore_add(x, point, explore_real((double)j / (double)n));
            explore_add(x, point, explore_real((double)sum / (double)total));
            explore_add(x, curve, point);
            while (next <= CURVE && j == (next * n + CURVE - 1) / CURVE)
                next++;
        }
        while (t < TOPS && j == ((int64_t)tops[t] * n + 99) / 100) {
            json_t *row = json_object();
            explore_put(x, row, "top", explore_real(tops[t] / 100.0));
            explore_put(x, row, "n", json_integer(j));
            explore_put(x, row, "share_events", explore_real((double)sum / (double)total));
            explore_add(x, shares, row);
            t++;
        }
        half += 2 * sum < total;
        most += 5 * sum < 4 * total;
        if (j < n)
            sum += side->count[side->order[j]];
    }
    explore_put(x, out, "gini", explore_real(report_gini(side->sorted, n)));
    explore_put(x, out, "n_for_half", json_integer(half));
    explore_put(x, out, "n_for_80_percent", json_integer(most));
    explore_put(x, out, "shares", shares);
    explore_put(x, out, "curve", curve);
    explore_put(x, into, "long_tail", out);
}

/* ---- mean against count ---- */

int64_t explore_point_at(int64_t j, int64_t n)
{
    enum { WHOLE = EXPLORE_POINTS / 2, REST = EXPLORE_POINTS - WHOLE };
    if (n <= EXPLORE_POINTS || j < WHOLE)
        return j;
    return WHOLE + (2 * (j - WHOLE) + 1) * (n - WHOLE) / (2 * REST);
}

json_t *explore_points(struct explore *x, const struct explore_side *side, const int64_t *of,
                       const int32_t *order, int64_t n, const struct report_summary *means)
{
    json_t *out = json_object(), *points = json_array(), *range = json_array();
    double lo, hi;
    explore_core(means, &lo, &hi);
    explore_add(x, range, explore_real(lo));
    explore_add(x, range, explore_real(hi));
    for (int64_t j = 0; j < explore_points_n(n); j++) {
        int32_t i = order[explore_point_at(j, n)];
        json_t *point = json_array();
        explore_add(x, point, json_integer(of[i]));
        explore_add(x, point, explore_real(explore_mean(side, i)));
        explore_add(x, point, explore_label(side, i));
        explore_add(x, points, point);
    }
    explore_put(x, out, "n", json_integer(n));
    explore_put(x, out, "shown", json_integer(explore_points_n(n)));
    explore_put(x, out, "range", range);
    explore_put(x, out, "points", points);
    return out;
}

/* Means of the sides in order[0..n), ascending. */
static akin_status sorted_means(akin_ctx *ctx, const struct explore_side *side,
                                const int32_t *order, int64_t n, double *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    double *mean = NULL;
    int32_t *by = NULL;
    MEM_NEW(ctx, mean, n);
    MEM_NEW(ctx, by, n);
    for (int64_t j = 0; j < n; j++)
        mean[j] = explore_mean(side, order[j]);
    AKIN_TRY(report_order(ctx, n, mean, by, err));
    for (int64_t j = 0; j < n; j++)
        out[j] = mean[by[j]];
done:
    mem_free(ctx, mean);
    mem_free(ctx, by);
    return status;
}

akin_status explore_by_octave(struct explore *x, const struct explore_side *side, const int64_t *of,
                              const int32_t *order, int64_t n, json_t *into, const char *key,
                              akin_error *err)
{
    akin_status status = AKIN_OK;
    json_t *out = json_array();
    double *mean = NULL;
    MEM_NEW(x->ctx, mean, n);
    for (int64_t hi = n, lo; hi > 0; hi = lo) { /* order has the largest first */
        int b = explore_octave(of[order[hi - 1]]);
        lo = hi - 1;
        while (lo > 0 && explore_octave(of[order[lo - 1]]) == b)
            lo--;
        struct report_summary s;
        AKIN_TRY(sorted_means(x->ctx, side, order + lo, hi - lo, mean, err));
        report_summarize(mean, hi - lo, &s);
        json_t *row = json_object();
        explore_put(x, row, "lo", json_integer((json_int_t)1 << b));
        explore_put(x, row, "hi", json_integer((int64_t)2 << b));
        explore_put(x, row, "n", json_integer(hi - lo));
        explore_put(x, row, "mean", explore_real(s.mean));
        explore_put(x, row, "q10", explore_real(report_quantile(mean, hi - lo, 0.1)));
        explore_put(x, row, "q90", explore_real(report_quantile(mean, hi - lo, 0.9)));
        explore_add(x, out, row);
    }
    explore_put(x, into, key, json_incref(out));
done:
    json_decref(out);
    mem_free(x->ctx, mean);
    return status;
}

static akin_status put_means(struct explore *x, struct explore_side *side, json_t *into,
                             akin_error *err)
{
    akin_status status = AKIN_OK;
    struct report_summary s;
    struct explore_bins bins;
    int64_t count[EXPLORE_BINS + 1] = {0};
    double *mean = NULL, lo, hi;
    int64_t n = side->n_active;
    if (n == 0)
        return AKIN_OK;
    MEM_NEW(x->ctx, mean, n);
    AKIN_TRY(sorted_means(x->ctx, side, side->order, n, mean, err));
    report_summarize(mean, n, &s);
    explore_core(&s, &lo, &hi);
    explore_bins_fit(lo, hi, &bins);
    for (int64_t j = 0; j < n; j++)
        count[explore_bin(&bins, mean[j])]++;
    explore_put(x, into, "mean", explore_summary(x, &s));
    explore_put_bins(x, into, "mean_histogram", &bins, count);
    side->means = s;
    AKIN_TRY(explore_by_octave(x, side, side->count, side->order, n, into, "mean_by_count", err));
    explore_put(x, into, "points", explore_points(x, side, side->count, side->order, n, &s));
done:
    mem_free(x->ctx, mean);
    return status;
}

akin_status explore_side_json(struct explore *x, struct explore_side *side, json_t *into,
                              akin_error *err)
{
    struct report_summary s;
    report_summarize(side->sorted, side->n_active, &s);
    explore_put(x, into, "with_events", json_integer(side->n_active));
    explore_put(x, into, "without_events", json_integer(side->n - side->n_active));
    explore_put(x, into, "count", explore_summary(x, &s));
    explore_put(x, into, "buckets", buckets_json(x, side));
    explore_put(x, into, "histogram", explore_octaves(x, side->count, side->order, side->n_active));
    put_count_bins(x, side, &s, into);
    put_outliers(x, side, into);
    put_long_tail(x, side, into);
    return side->sum ? put_means(x, side, into, err) : AKIN_OK;
}
