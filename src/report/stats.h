/* Statistics of the report: order, quantiles, correlations. Exact, one written order of sums. */
#ifndef AKIN_REPORT_STATS_H
#define AKIN_REPORT_STATS_H

#include "core/ctx.h"

/* Numbers 0..n-1 by key ascending, equal keys by number. Keys must not be NaN. Cost: n log n. */
akin_status report_order(akin_ctx *ctx, int64_t n, const double *key, int32_t *order,
                         akin_error *err);
/* Ranks 1..n; equal keys share the mean of their ranks. */
akin_status report_ranks(akin_ctx *ctx, int64_t n, const double *key, double *rank,
                         akin_error *err);

/* Quantile of ascending numbers, linear between the two nearest (Hyndman & Fan's type 7). */
double report_quantile(const double *sorted, int64_t n, double q);

/* sd with n - 1; what n does not allow is NaN. */
struct report_summary {
    int64_t n;
    double mean, sd, lo, q01, q25, median, q75, q90, q99, hi;
};
void report_summarize(const double *sorted, int64_t n, struct report_summary *out);
/* The same of floats that need not be sorted; no copy of them is made: 17 passes. */
akin_status report_summarize_floats(akin_ctx *ctx, const float *x, int64_t n,
                                    struct report_summary *out, akin_error *err);

/* Pearson's correlation; NaN where one side does not vary or n < 2. */
double report_pearson(int64_t n, const double *x, const double *y);
/* First-order partial correlation of x and y, z held fixed, from the three pairwise ones. */
double report_partial(double xy, double xz, double yz);
/* Σ(2i − n − 1)x_i / (n Σx) of ascending x; 0 = all equal. */
double report_gini(const double *sorted, int64_t n);

#endif
