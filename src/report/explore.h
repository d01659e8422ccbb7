/* Inside the exploratory numbers: what its files share. */
#ifndef AKIN_REPORT_EXPLORE_H
#define AKIN_REPORT_EXPLORE_H

#include "report/report.h"
#include "report/stats.h"

enum { EXPLORE_TOP = 20, EXPLORE_POINTS = 2000, EXPLORE_BINS = 40, EXPLORE_POLL = 1 << 20 };

/* Items or users: what their events say of each. */
struct explore_side {
    const struct ids *ids;
    const struct table *table;
    const struct column *title;  /* TEXT column that names them, or NULL: the id does */
    int32_t n;                   /* in the dataset, with and without events */
    int32_t n_active;            /* with events */
    int64_t *count;              /* (n) events */
    double *sum;                 /* (n) of their values; NULL when the data has no values */
    int32_t *order;              /* (n_active) those with events: most first, then by number */
    double *sorted;              /* (n_active) counts ascending */
    struct report_summary means; /* of the mean values, once explore_side_json ran */
};

struct explore {
    akin_ctx *ctx;
    const struct dataset *ds;
    bool failed;     /* jansson ran out of memory: sticks, asked once at the end */
    int64_t n_pairs; /* distinct (user, item) */
    struct explore_side items, users;
    int64_t *tags; /* (items.n) tags of each item, or NULL without tags */
};

/* JSON that remembers failures; values are taken over. NaN and infinities become null. */
void explore_put(struct explore *x, json_t *object, const char *key, json_t *value);
void explore_add(struct explore *x, json_t *array, json_t *value);
json_t *explore_real(double value);
json_t *explore_summary(struct explore *x, const struct report_summary *s);
json_t *explore_text(const char *text, int64_t size); /* cut to 120 bytes, always UTF-8 */
json_t *explore_label(const struct explore_side *side, int32_t i);

static inline double explore_mean(const struct explore_side *side, int32_t i)
{
    return side->sum[i] / (double)side->count[i];
}

/* Equal bins of a round width: edge i = (first + i) * num / den. The last one is closed. */
struct explore_bins {
    double first, num, den;
    int64_t n;
};
void explore_bins_fit(double lo, double hi, struct explore_bins *out);
/* The same for whole numbers lo..hi: edges are whole, the last bin holds hi alone or within. */
void explore_bins_whole(double lo, double hi, struct explore_bins *out);
/* What of a summary's range is worth a picture: all of it, unless the outer 2 % of the numbers
 * would squeeze the rest into less than a tenth; then they are cut. */
void explore_core(const struct report_summary *s, double *lo, double *hi);
double explore_edge(const struct explore_bins *bins, int64_t i);
/* Bin of a value, or n for one outside all of them. */
int64_t explore_bin(const struct explore_bins *bins, double value);
/* n (bins->n + 1): [{"lo", "hi", "n"}] under key, and n[bins->n] under "outside_" key. */
void explore_put_bins(struct explore *x, json_t *into, const char *key,
                      const struct explore_bins *bins, const int64_t *n);

/* Doublings: bin b holds counts 2^b .. 2^(b+1) - 1. */
static inline int explore_octave(int64_t count)
{
    return 63 - __builtin_clzll((unsigned long long)count);
}

/*
 * At most EXPLORE_POINTS of n positions in an order that starts with the largest: the first half of
 * the budget whole, then evenly. Position of point j of explore_points_n(n).
 */
static inline int64_t explore_points_n(int64_t n)
{
    return n < EXPLORE_POINTS ? n : EXPLORE_POINTS;
}
int64_t explore_point_at(int64_t j, int64_t n);
/* {"n", "shown", "range": core of the means, "points": [[x_i, mean, label]]} of the sides in
 * `order`; x by number. */
json_t *explore_points(struct explore *x, const struct explore_side *side, const int64_t *of,
                       const int32_t *order, int64_t n, const struct report_summary *means);
/* Per doubling of x: how many, mean, 10 % and 90 % quantile of their mean values. */
akin_status explore_by_octave(struct explore *x, const struct explore_side *side, const int64_t *of,
                              const int32_t *order, int64_t n, json_t *into, const char *key,
                              akin_error *err);
/* The doublings themselves: {"lo", "hi", "n", "share", "density"}. */
json_t *explore_octaves(struct explore *x, const int64_t *of, const int32_t *order, int64_t n);
/* Numbers 0..n-1 with of > 0, largest first, then by number; *n_out of them. Owned. */
akin_status explore_largest(akin_ctx *ctx, const int64_t *of, int64_t n, int32_t **out,
                            int64_t *n_out, akin_error *err);

/* Sections; each puts its part into root. */
akin_status explore_side_json(struct explore *x, struct explore_side *side, json_t *into,
                              akin_error *err);
akin_status explore_values(struct explore *x, json_t *root, akin_error *err);
akin_status explore_time(struct explore *x, json_t *root, akin_error *err);
akin_status explore_types(struct explore *x, json_t *root, akin_error *err);
akin_status explore_tags(struct explore *x, json_t *root, akin_error *err);
akin_status explore_categories(struct explore *x, const struct explore_side *side, json_t *root,
                               const char *key, akin_error *err);
akin_status explore_columns(struct explore *x, json_t *root, akin_error *err);
akin_status explore_correlations(struct explore *x, json_t *root, akin_error *err);

#endif
