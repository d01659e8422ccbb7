/* Shared by svdpp_fit.c, svdpp_spread.c and svdpp_flipped.c, the training of svdpp, only. */
#ifndef AKIN_MODELS_SVDPP_FIT_H
#define AKIN_MODELS_SVDPP_FIT_H

#include "models/svdpp.h"
#include "models/svdpp_batches.h"

/* What q_i shares with others by who rated i (svdpp_flipped.c). All owned; NULL without it. */
struct svdpp_flipped {
    float *z, *dz;  /* (n_users, factors) and what an epoch adds */
    float *g, *dq;  /* (n_items, factors) -dL/dq over an epoch, in units of σ²; what it adds */
    double *square; /* (blocks of users) */
};

struct svdpp_fit {
    akin_ctx *ctx;
    struct svdpp *self; /* looks at the arrays below */
    const struct svdpp_params *p;
    struct rated_data data;
    int64_t k, factors, n_users, n_items;
    float *users, *items, *user_bias, *item_bias, *y; /* the model's */
    uint64_t seed;
    double rate, variance;
    struct svdpp_batches batches;
    float *error;   /* of a batch, ratings by user */
    float *spread;  /* (ratings of a batch, factors) A_u⁻¹ z_i; NULL if noise = 0 */
    float *pull;    /* (batch, factors) |N|^-½ Σ e q */
    double *square; /* (n_users) Σ e² */
    struct svdpp_flipped flipped;
    int64_t longest, scratch_size;
    float *scratch; /* (workers, scratch_size) */
};

/* out (n, factors): A⁻¹ z of the n items of a row, A = Σ z zᵀ + lambda. Cost: nk² + k³/2. */
int64_t svdpp_spread_scratch(int64_t k, int64_t n);
void svdpp_spread(const struct svdpp_fit *f, const struct svdpp_asker *a, float *scratch,
                  float *out);

/* Also what failed half is for svdpp_flipped_free. */
akin_status svdpp_flipped_init(struct svdpp_fit *f, akin_error *err);
void svdpp_flipped_free(struct svdpp_fit *f);
/* A step of z and with it of q, after an epoch that left its gradients in g. Cost: 6nk. */
akin_status svdpp_flipped_step(struct svdpp_fit *f, akin_error *err);

#endif
