/* A linear learner over groups of rows (a group: the candidates of one asker), for stack. */
#ifndef AKIN_MODELS_META_H
#define AKIN_MODELS_META_H

#include "core/ctx.h"

enum meta_learner {
    META_LISTWISE, /* softmax over a group: the loss of ListNet's top one, by Newton steps */
    META_LOGISTIC, /* each row for itself, by Newton steps */
    META_RIDGE     /* squared error, one solve */
};
enum { META_D_MAX = 128 };

struct meta_rows {
    int64_t n_groups;
    int32_t d;          /* features, at most META_D_MAX */
    const int64_t *ptr; /* (n_groups + 1) */
    const float *x;     /* (rows, d) row-major */
    const float *y;     /* (rows) label > 0 = positive; ridge: the value */
};

/*
 * w (d + 1): weights of the raw features, the intercept last (listwise: 0). Features are brought to
 * mean 0 and variance 1 first, so that reg, times the number of groups, bears on all alike;
 * constant ones get weight 0. Listwise leaves out groups without a positive. The same bits for any
 * thread count: sums by blocks of groups, added in order. Cost: rows · d² / 2 a step, at most 25
 * steps. Fails: E_MEMORY, E_CANCELLED.
 */
akin_status meta_fit(akin_ctx *ctx, const struct meta_rows *rows, enum meta_learner kind,
                     double reg, double *w, akin_error *err);

static inline double meta_score(const double *w, int32_t d, const float *x)
{
    double s = w[d];
    for (int32_t k = 0; k < d; k++)
        s += w[k] * (double)x[k];
    return s;
}

#endif
