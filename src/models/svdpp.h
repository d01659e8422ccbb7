/* Shared by svdpp.c (the model) and svdpp_fit.c (its training) only. */
#ifndef AKIN_MODELS_SVDPP_H
#define AKIN_MODELS_SVDPP_H

#include "models/rating_rows.h"

struct svdpp_params {
    int64_t factors;
    int64_t epochs;
    double learning_rate;
    double reg;
    double reg_items;
    double reg_implicit;
    int64_t flipped;
    double reg_flipped;
    double noise;
    double decay;
    int64_t batch;
    double stddev;
};

struct svdpp {
    const struct svdpp_params *params;
    struct rated f;        /* users: [p + |N|^-½ Σ y, 1] */
    const float *implicit; /* (n_items, factors) y */
};

static inline float svdpp_lambda(const struct svdpp_params *p, int64_t n)
{
    return (float)(p->reg * (double)n);
}

/* An asker: what she rated, and the arrays that a solve fills. */
struct svdpp_asker {
    int32_t n, n_known;
    const int32_t *item;  /* (n) rated, ascending */
    const int32_t *known; /* (n_known) N: rated or not */
    float *target;        /* (n) ratings less μ; then less b_i and q_i · s, too */
    float *sum;           /* (k) s = |N|^-½ Σ y, then 0 */
    float *x;             /* (k) [p, b] */
};
/* Solves for [p, b] exactly, the items held. room: row_scratch_max. */
akin_status svdpp_solve(const struct svdpp *s, struct svdpp_asker *a, float *room, akin_error *err);

akin_status svdpp_fit(struct model *m, const struct train_view *tv, const struct fit_control *ctl,
                      akin_error *err);

#endif
