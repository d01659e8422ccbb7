/*
 * Values, event types and correlations.
 *
 * Cost: a pass over the events for each; correlations sort the items three times.
 * Not done: intervals of the correlations: the items are all there are, not a sample.
 */
#include "report/explore.h"

#include <math.h>
#include <string.h>

/* ---- bins of a round width ---- */

static double power_of_ten(int e)
{
    double x = 1.0;
    for (; e > 0; e--)
        x *= 10.0;
    return x;
}

double explore_edge(const struct explore_bins *bins, int64_t i)
{
    return (bins->first + (double)i) * bins->num / bins->den;
}

/* Tries the width num/den; true if it needs no more than EXPLORE_BINS. */
static bool bins_try(double lo, double hi, double num, double den, struct explore_bins *out)
{
    out->num = num;
    out->den = den;
    out->first = floor(lo * den / num);
    while (explore_edge(out, 0) > lo)
        out->first -= 1.0;
    while (explore_edge(out, 1) <= lo)
        out->first += 1.0;
    double width = ceil(hi * den / num) - out->first;
    if (width > EXPLORE_BINS + 1)
        return false;
    out->n = width < 1.0 ? 1 : (int64_t)width;
    while (explore_edge(out, out->n) < hi)
        out->n++;
    while (out->n > 1 && explore_edge(out, out->n - 1) >= hi)
        out->n--;
    return out->n <= EXPLORE_BINS;
}

void explore_bins_fit(double lo, double hi, struct explore_bins *out)
{
    static const double steps[] = {1.0, 2.0, 2.5, 5.0};
    double range = hi - lo, size = fmax(fabs(lo), fabs(hi));
    if (!isfinite(range) || range <= 1e-9 * size) {
        *out = (struct explore_bins){.first = lo, .num = 1.0, .den = 1.0, .n = 1};
        return;
    }
    int e = 0;
    while (e < 40 && power_of_ten(e + 1) <= range)
        e++;
    while (e > -60 && 1.0 / power_of_ten(-e) > range)
        e--;
    for (e -= 2;; e++) {
        for (int s = 0; s < 4; s++) {
            /* 2.5 / 10^k as 25 / 10^(k+1), so that numerator and denominator are whole */
            double num = e >= 0 ? steps[s] * power_of_ten(e) : steps[s] * 10.0;
            double den = e >= 0 ? 1.0 : power_of_ten(1 - e);
            if (bins_try(lo, hi, num, den, out))
                return;
        }
    }
}

void explore_bins_whole(double lo, double hi, struct explore_bins *out)
{
    static const double steps[] = {1.0, 2.0, 5.0};
    for (double unit = 1.0;; unit *= 10.0) {
        for (int s = 0; s < 3; s++) {
            double num = steps[s] * unit, first = floor(lo / num);
            double n = floor(hi / num) - first + 1.0;
            if (n > EXPLORE_BINS)
                continue;
            *out = (struct explore_bins){.first = first, .num = num, .den = 1.0, .n = (int64_t)n};
            return;
        }
    }
}

void explore_core(const struct report_summary *s, double *lo, double *hi)
{
    double width = s->q99 - s->q01;
    *lo = s->lo;
    *hi = s->hi;
    if (width > 0.0 && *hi - *lo > 10.0 * width) {
        *lo = fmax(*lo, s->q01 - width);
        *hi = fmin(*hi, s->q99 + width);
    }
}

int64_t explore_bin(const struct explore_bins *bins, double value)
{
    double at = floor(value * bins->den / bins->num) - bins->first;
    int64_t b = at < 0.0 ? 0 : at > (double)(bins->n - 1) ? bins->n - 1 : (int64_t)at;
    while (b > 0 && value < explore_edge(bins, b))
        b--;
    while (b + 1 < bins->n && value >= explore_edge(bins, b + 1))
        b++;
    bool inside = value >= explore_edge(bins, b) && value <= explore_edge(bins, b + 1);
    return inside ? b : bins->n;
}

void explore_put_bins(struct explore *x, json_t *into, const char *key,
                      const struct explore_bins *bins, const int64_t *n)
{
    char outside[64];
    json_t *out = json_array();
    for (int64_t b = 0; b < bins->n; b++) {
        json_t *row = json_object();
        explore_put(x, row, "lo", explore_real(explore_edge(bins, b)));
        explore_put(x, row, "hi", explore_real(explore_edge(bins, b + 1)));
        explore_put(x, row, "n", json_integer(n[b]));
        explore_add(x, out, row);
    }
    snprintf(outside, sizeof outside, "outside_%s", key);
    explore_put(x, into, key, out);
    explore_put(x, into, outside, json_integer(n[bins->n]));
}

/* ---- values ---- */

/* Distinct values, ascending, as long as there are few. */
struct levels {
    int n; /* EXPLORE_BINS + 1 = more than fit */
    float value[EXPLORE_BINS];
    int64_t count[EXPLORE_BINS];
};

static bool levels_add(struct levels *l, float v, int *at)
{
    if (*at < l->n && l->value[*at] <= v && l->value[*at] >= v) {
        l->count[*at]++;
        return true;
    }
    int b = 0;
    while (b < l->n && l->value[b] < v)
        b++;
    if (b == l->n || l->value[b] > v) {
        if (l->n == EXPLORE_BINS)
            return false;
        memmove(l->value + b + 1, l->value + b, (size_t)(l->n - b) * sizeof *l->value);
        memmove(l->count + b + 1, l->count + b, (size_t)(l->n - b) * sizeof *l->count);
        l->value[b] = v;
        l->count[b] = 0;
        l->n++;
    }
    l->count[b]++;
    *at = b;
    return true;
}

static json_t *levels_json(struct explore *x, const struct levels *l)
{
    json_t *out = json_array();
    for (int b = 0; b < l->n; b++) {
        json_t *row = json_object();
        explore_put(x, row, "value", explore_real((double)l->value[b]));
        explore_put(x, row, "n", json_integer(l->count[b]));
        explore_put(x, row, "share", explore_real((double)l->count[b] / (double)x->ds->n_events));
        explore_add(x, out, row);
    }
    return out;
}

akin_status explore_values(struct explore *x, json_t *root, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct dataset *ds = x->ds;
    struct levels levels = {0};
    struct report_summary s;
    json_t *out = NULL;
    bool few = true;
    int at = 0;
    if (!ds->value || ds->n_events == 0)
        return AKIN_OK;
    out = json_object();
    AKIN_TRY(report_summarize_floats(x->ctx, ds->value, ds->n_events, &s, err));
    explore_put(x, out, "summary", explore_summary(x, &s));
    for (int64_t e = 0; few && e < ds->n_events; e++) {
        few = levels_add(&levels, ds->value[e], &at);
        if (e % EXPLORE_POLL == 0)
            AKIN_TRY(ctx_check(x->ctx, err));
    }
    if (few) {
        explore_put(x, out, "levels", levels_json(x, &levels));
    } else {
        int64_t count[EXPLORE_BINS + 1] = {0};
        struct explore_bins bins;
        double lo, hi;
        explore_core(&s, &lo, &hi);
        explore_bins_fit(lo, hi, &bins);
        for (int64_t e = 0; e < ds->n_events; e++) {
            count[explore_bin(&bins, (double)ds->value[e])]++;
            if (e % EXPLORE_POLL == 0)
                AKIN_TRY(ctx_check(x->ctx, err));
        }
        explore_put_bins(x, out, "histogram", &bins, count);
    }
    explore_put(x, root, "values", json_incref(out));
done:
    json_decref(out);
    return status;
}

/* ---- event types ---- */

akin_status explore_types(struct explore *x, json_t *root, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct dataset *ds = x->ds;
    int64_t count[256] = {0};
    double sum[256] = {0};
    if (!ds->type || ds->types.n == 0)
        return AKIN_OK;
    json_t *out = json_array();
    for (int64_t e = 0; e < ds->n_events; e++) {
        count[ds->type[e]]++;
        sum[ds->type[e]] += ds->value ? (double)ds->value[e] : 0.0;
        if (e % EXPLORE_POLL == 0)
            AKIN_TRY(ctx_check(x->ctx, err));
    }
    for (int32_t t = 0; t < ds->types.n && t < 256; t++) {
        int32_t size;
        const char *name = strtab_get(&ds->types, t, &size);
        json_t *row = json_object();
        explore_put(x, row, "type", explore_text(name, size));
        explore_put(x, row, "n", json_integer(count[t]));
        explore_put(x, row, "share", explore_real((double)count[t] / (double)ds->n_events));
        if (ds->value)
            explore_put(x, row, "mean", explore_real(sum[t] / (double)count[t]));
        explore_add(x, out, row);
    }
    explore_put(x, root, "event_types", json_incref(out));
done:
    json_decref(out);
    return status;
}

/* ---- correlations ---- */

/* Up to three variables of the same n things, raw and as ranks. */
struct variables {
    akin_ctx *ctx;
    int64_t n;
    int n_vars;
    const char *name[3];
    double *raw[3], *rank[3]; /* (n) owned */
};

static akin_status variable_add(struct variables *v, const char *name, double **raw,
                                akin_error *err)
{
    akin_status status = AKIN_OK;
    int at = v->n_vars++;
    v->name[at] = name;
    MEM_NEW(v->ctx, v->raw[at], v->n);
    MEM_NEW(v->ctx, v->rank[at], v->n);
    *raw = v->raw[at];
done:
    return status;
}

static void variables_free(struct variables *v)
{
    for (int i = 0; i < 3; i++) {
        mem_free(v->ctx, v->raw[i]);
        mem_free(v->ctx, v->rank[i]);
    }
}

static json_t *pair_json(struct explore *x, const struct variables *v, int a, int b)
{
    json_t *out = json_object();
    double r = report_pearson(v->n, v->raw[a], v->raw[b]);
    double s = report_pearson(v->n, v->rank[a], v->rank[b]);
    explore_put(x, out, "x", json_string(v->name[a]));
    explore_put(x, out, "y", json_string(v->name[b]));
    explore_put(x, out, "n", json_integer(v->n));
    explore_put(x, out, "pearson", explore_real(r));
    explore_put(x, out, "spearman", explore_real(s));
    if (v->n_vars < 3)
        return out;
    int c = 3 - a - b;
    json_t *partial = json_object();
    explore_put(x, partial, "controlling", json_string(v->name[c]));
    explore_put(x, partial, "pearson",
                explore_real(report_partial(r, report_pearson(v->n, v->raw[a], v->raw[c]),
                                            report_pearson(v->n, v->raw[b], v->raw[c]))));
    explore_put(x, partial, "spearman",
                explore_real(report_partial(s, report_pearson(v->n, v->rank[a], v->rank[c]),
                                            report_pearson(v->n, v->rank[b], v->rank[c]))));
    explore_put(x, out, "partial", partial);
    return out;
}

static akin_status correlate(struct explore *x, const struct explore_side *side,
                             const int64_t *tags, json_t *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct variables v = {.ctx = x->ctx, .n = side->n_active};
    double *count = NULL, *mean = NULL, *tag = NULL;
    AKIN_TRY(variable_add(&v, "count", &count, err));
    if (side->sum)
        AKIN_TRY(variable_add(&v, "mean", &mean, err));
    if (tags)
        AKIN_TRY(variable_add(&v, "tags", &tag, err));
    for (int64_t j = 0; j < v.n; j++) {
        int32_t i = side->order[j];
        count[j] = (double)side->count[i];
        if (mean)
            mean[j] = explore_mean(side, i);
        if (tags)
            tag[j] = (double)tags[i];
    }
    for (int a = 0; a < v.n_vars; a++)
        AKIN_TRY(report_ranks(x->ctx, v.n, v.raw[a], v.rank[a], err));
    for (int a = 0; a < v.n_vars; a++)
        for (int b = a + 1; b < v.n_vars; b++)
            explore_add(x, out, pair_json(x, &v, a, b));
done:
    variables_free(&v);
    return status;
}

akin_status explore_correlations(struct explore *x, json_t *root, akin_error *err)
{
    akin_status status = AKIN_OK;
    json_t *items = json_array(), *users = json_array();
    AKIN_TRY(correlate(x, &x->items, x->tags, items, err));
    AKIN_TRY(correlate(x, &x->users, NULL, users, err));
    json_t *out = json_object();
    explore_put(x, out, "items", json_incref(items));
    explore_put(x, out, "users", json_incref(users));
    explore_put(x, root, "correlations", out);
done:
    json_decref(items);
    json_decref(users);
    return status;
}
