/* Statistics of evaluation: bootstrap over users, Wilcoxon signed-rank. */
#ifndef AKIN_EVAL_STATS_H
#define AKIN_EVAL_STATS_H

#include "core/ctx.h"

#include <stdbool.h>

/* Σ num / Σ den over users, or its square root. Arrays borrowed, one entry a user. */
struct stats_ratio {
    const double *num, *den;
    bool root;
    double value, lo, hi; /* out: NaN without users or without resamples */
};

/*
 * Values and 95 % percentile intervals of n_ratios ratios over the same n users. Resample r draws
 * from RNG_BOOTSTRAP keyed by r, once for all ratios; the sums run in user order. Up to
 * STATS_GROUPS users are drawn one by one; beyond that users are dealt to STATS_GROUPS groups by
 * index and groups are drawn, which bounds the cost and hardly moves an interval.
 * Cost: resamples · min(n, STATS_GROUPS) · (one draw / 4 + 2 n_ratios additions), parallel.
 */
enum { STATS_GROUPS = 32768 };
akin_status stats_intervals(akin_ctx *ctx, int64_t n, struct stats_ratio *ratios, int32_t n_ratios,
                            int32_t resamples, akin_error *err);
/* The same for value(a) − value(b), drawn together. lo, hi NaN without resamples. */
akin_status stats_difference(akin_ctx *ctx, int64_t n, const struct stats_ratio *a,
                             const struct stats_ratio *b, int32_t resamples, double *value,
                             double *lo, double *hi, akin_error *err);

/*
 * Two-sided p of the Wilcoxon signed-rank test by the normal approximation with ties; zeros are
 * dropped, no continuity correction (the defaults of scipy.stats.wilcoxon, method "asymptotic").
 * d (n) is overwritten. No difference at all: 1. Cost: a sort.
 */
double stats_wilcoxon(double *d, int64_t n);

/* Mean of x (n), the deviation of x (n - 1 degrees of freedom) and the 95 % interval of the mean by
 * Student's t: for a few folds or seeds. NaN where n is too small. */
struct stats_mean {
    double value, deviation, lo, hi;
};
struct stats_mean stats_mean(const double *x, int64_t n);

/* Linear-interpolation quantile of x (n >= 1), ascending. */
double stats_quantile(const double *x, int64_t n, double q);

#endif
