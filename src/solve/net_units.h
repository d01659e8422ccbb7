/*
 * What the layers of a network are made of: activations, errors and optimizers, each a row of a
 * table, found by name. Rows of n numbers; kern's exp, log and tanh, so the same bits everywhere.
 */
#ifndef AKIN_SOLVE_NET_UNITS_H
#define AKIN_SOLVE_NET_UNITS_H

#include "kern/kern.h"

#include <stdbool.h>

/* ---- Activations ---- */

/* y = f(z), a row of a layer at a time. */
struct net_unit {
    const char *name;
    /* y = lo..lo + span, as sigmoid and tanh have it; span 0 = it has no such range. What the
     * penalty of sparseness needs. */
    float lo, span;
    bool has_slope; /* a slope for z < 0 is learnt for each unit */
    /* slope: (n) where learnt, else one number. y may not be z. */
    void (*apply)(const struct kern *kern, int64_t n, const float *z, const float *slope, float *y);
    /* d: dL/dy in, dL/dz out. */
    void (*back)(int64_t n, const float *z, const float *y, const float *slope, float *d);
};
#define NET_UNIT_CHOICES "sigmoid|tanh|relu|linear|prelu|lrelu|elu|selu|softplus|softsign|softmax"
enum net_unit_id {
    NET_SIGMOID,
    NET_TANH,
    NET_RELU,
    NET_LINEAR,
    NET_PRELU,
    NET_LRELU,
    NET_ELU,
    NET_SELU,
    NET_SOFTPLUS,
    NET_SOFTSIGN,
    NET_SOFTMAX,
    NET_UNITS
};
const struct net_unit *net_unit(enum net_unit_id id);

/* ---- Errors ---- */

/* Scaled marginal cross entropy: what counts as reached, and what the rest weighs. */
struct net_margin {
    double one_target, zero_target; /* a one above and a zero below cost nothing */
    double one_scale, zero_scale;
};

/* A row of outputs: y against t. share (n): what a column counts for, NULL = 1. */
struct net_answer {
    const struct kern *kern;
    int64_t n;
    const float *z, *y, *t;
    const float *share; /* softmax: its z has the logarithm of it already */
    const struct net_margin *margin;
};
#define NET_ERROR_CHOICES "l1|l2|cross_entropy|scaled_marginal|hinge"
enum net_error_id {
    NET_L1,              /* Σ |y - t| */
    NET_L2,              /* Σ (y - t)² / 2 */
    NET_CROSS_ENTROPY,   /* -Σ t ln y + (1 - t) ln(1 - y); of softmax -Σ t ln y */
    NET_SCALED_MARGINAL, /* the same where the target is not reached; t > 0 is a one of weight t */
    NET_HINGE,           /* Σ max(0, 1 - (2t - 1)·y) */
    NET_ERRORS
};
const char *net_error_name(enum net_error_id error);
/* Entropies are of sigmoid and softmax only. */
bool net_error_fits(enum net_error_id error, enum net_unit_id unit);
/*
 * The error of a row and d = its derivative by z, where activation and error together are better
 * than one after the other: sigmoid and softmax under entropies. slope as for units.
 */
double net_error_row(enum net_unit_id unit, enum net_error_id error, const struct net_answer *a,
                     const float *slope, float *d);

/* ---- Optimizers ---- */

struct net_rates {
    const struct kern *kern;
    float rate;     /* of this step */
    float momentum; /* momentum, nesterov; share of the old square: rmsprop, adadelta; adam beta1 */
    float momentum2;  /* adam beta2 */
    float decay;      /* L2 of what decays */
    float fix1, fix2; /* adam: 1 / (1 - beta^steps so far) */
};
struct net_optimizer {
    const char *name;
    int n_states; /* arrays beside the weights, 0 at the start */
    /* One step of n weights w with gradients g; a, b: states. */
    void (*step)(const struct net_rates *r, int64_t n, float *w, const float *g, float *a,
                 float *b);
};
#define NET_OPTIMIZER_CHOICES "sgd|momentum|nesterov|adagrad|rmsprop|adadelta|adam"
enum net_optimizer_id {
    NET_SGD,
    NET_MOMENTUM,
    NET_NESTEROV,
    NET_ADAGRAD,
    NET_RMSPROP,
    NET_ADADELTA,
    NET_ADAM,
    NET_OPTIMIZERS
};
const struct net_optimizer *net_optimizer(enum net_optimizer_id id);

#endif
