/* Shared by ials.c (the model) and its training (ials_fit.h) only. */
#ifndef AKIN_MODELS_IALS_H
#define AKIN_MODELS_IALS_H

#include "models/model.h"
#include "solve/rows.h"

struct ials_params {
    int64_t factors;
    int64_t epochs;
    double reg;
    double reg_exponent;
    double unobserved_weight;
    double stddev;
    int64_t solver; /* enum ials_solver */
    int64_t block;
    int64_t cg_steps;
    int64_t biases;
    double tol;
    int64_t log_loss;
};
enum ials_solver { IALS_CHOLESKY, IALS_BLOCK, IALS_CG };

/*
 * A trained state. k = factors, + 1 with biases. Items lie in the eigenbasis of their own Gram
 * matrix, users in the same basis; with biases the features are [q, 1] turned.
 */
struct ials {
    akin_ctx *ctx;
    const struct ials_params *params;
    int64_t k;
    int64_t n_users, n_items;
    const float *users; /* (n_users, k) */
    const float *items; /* (n_items, k) */
    const float *base;  /* (k) unobserved_weight · eigenvalues */
    const float *bias;  /* (n_items) b, NULL without biases; so are the next two */
    const float *shift; /* (k) unobserved_weight · Σ b_i z_i */
    const float *basis; /* (k, k) rows: eigenvectors; original features = items · basis */
    bool is_mapped;     /* arrays lie in the model's file */
};

static inline int64_t ials_width(const struct ials_params *p)
{
    return p->factors + (p->biases ? 1 : 0);
}
static inline struct row_system ials_system(const struct ials *s)
{
    return (struct row_system){s->ctx->kern, s->k, s->items, s->bias, s->base, s->shift};
}
/* reg · (n + unobserved_weight · others)^reg_exponent */
float ials_lambda(const struct ials_params *p, int64_t n, int64_t others);

akin_status ials_fit(struct model *m, const struct train_view *tv, const struct fit_control *ctl,
                     akin_error *err);

#endif
