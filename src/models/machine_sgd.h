/*
 * Stochastic gradients of factorization machines, with fields (ffm) or with one (fm):
 *
 *   ŷ = b + Σ_j w_j x_j + Σ_{j<j'} (v_{j,f(j')} · v_{j',f(j)}) x_j x_j'
 *
 * A row of parameters is θ_j = [v_{j,0} … v_{j,F-1}, w_j] (width = F·k + 1), F = 1: that of fm.
 * The loss is what als has: Σ ½ (ŷ - y)², or logistic, + ½ Σ reg ‖v‖² + linear_reg w².
 */
#ifndef AKIN_MODELS_MACHINE_SGD_H
#define AKIN_MODELS_MACHINE_SGD_H

#include "models/machine.h"

struct fm_sgd_params {
    bool is_adagrad;
    int64_t epochs, batch;
    double rate, linear_rate; /* of v, of w */
    double reg, linear_reg;
    double stddev; /* of v at first */
};

struct fm_sgd {
    akin_ctx *ctx;
    const struct fm_data *d;
    struct fm_sgd_params p;
    int64_t k, F, width, ld; /* ld = width up to a multiple of 4; what is beyond is 0 */
    int64_t n_features;
    int32_t first[FM_SIDES]; /* the number of a side's first feature */
    int32_t *field;          /* (n_features) owned; 0 unless the caller fills it after make */
    float *theta;            /* (n_features, ld) owned */
    /* Inside: */
    float *square; /* (n_features, ld) of adagrad; NULL = sgd */
    float *reg;    /* (ld) of the coordinates of θ */
    float *rate;   /* (ld) */
    float *share;  /* (n_features) 1 over the events that have it */
    float *target; /* (n) as events are dealt, from here on */
    int64_t *ptr;  /* (n + 1) features of events */
    int32_t *feature;
    float *value;
    int64_t n_batches;    /* batch b: events [b·batch, …) */
    int64_t *touched_ptr; /* (n_batches + 1) */
    int32_t *touched;     /* features that a batch has */
    int64_t cap_touched;
    int64_t *pair_ptr; /* (touched + 1) */
    int64_t cap_pair_ptr;
    int32_t *pair_event; /* (pairs) place of the event in its batch */
    float *pair_value;   /* (pairs) */
    float *Z;            /* (batch, F, ld) slopes of the loss along θ of each field, of x = 1 */
    float *delta;        /* (batch) slopes of the loss along ŷ */
    float *scratch;      /* (workers, (F + 2)·ld) */
    int64_t now;         /* the batch at hand */
};

/*
 * Deals the events. ctx, d, p, k, F are given, all else is 0. Also what failed half is for
 * fm_sgd_free. Fails: E_LIMIT (2^31 features), E_MEMORY, E_CANCELLED.
 */
akin_status fm_sgd_make(struct fm_sgd *s, uint64_t seed, akin_error *err);
/* All epochs; the same bits at any thread count. Fails: E_INPUT (it diverged), E_CANCELLED. */
akin_status fm_sgd_run(struct fm_sgd *s, uint64_t seed, akin_error *err);
void fm_sgd_free(struct fm_sgd *s);

/* The first part of make (machine_deal.c). Fails: E_MEMORY, E_CANCELLED. */
akin_status fm_sgd_deal(struct fm_sgd *s, uint64_t seed, akin_error *err);

/*
 * Sums of features by field, T (F, ld), and own (k), the squares of what they have for their own
 * field; then ŷ of them without base.
 */
void fm_fields_add(int64_t k, int64_t width, int64_t ld, const float *theta, int64_t field, float x,
                   float *T, float *own);
float fm_fields_said(int64_t k, int64_t F, int64_t ld, const float *T, const float *own);

#endif
