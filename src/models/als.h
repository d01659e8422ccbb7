/* Shared by als.c (the model) and als_fit.c (its training) only. */
#ifndef AKIN_MODELS_ALS_H
#define AKIN_MODELS_ALS_H

#include "models/rating_rows.h"

struct als_params {
    int64_t factors;
    int64_t epochs;
    double reg;
    double reg_exponent;
    int64_t biases;
    int64_t nonnegative;
    double stddev;
    double tol;
};

struct als {
    const struct als_params *params;
    struct rated f;
};

static inline int64_t als_width(const struct als_params *p)
{
    return p->factors + (p->biases ? 1 : 0);
}
/* reg · n^reg_exponent */
float als_lambda(const struct als_params *p, int64_t n);
/* One row by the parameters' way. Scratch: als_scratch. */
int64_t als_scratch(const struct als_params *p, int64_t longest);
akin_status als_row(akin_ctx *ctx, const struct als_params *p, const struct row_system *sys,
                    const struct row_data *row, float *x, float *scratch, akin_error *err);

akin_status als_fit(struct model *m, const struct train_view *tv, const struct fit_control *ctl,
                    akin_error *err);

#endif
