/*
 * Training of networks by minibatches (net.h): the row itself is the target, as of autoencoders.
 *
 * Every number of a step is one chain in a fixed order: activations and deltas by kern's gemm,
 * gradients over the rows of the minibatch ascending, losses in row order. Nothing is summed across
 * threads, so that any number of them, and any ISA, gives the same bits. Draws are keyed by (seed,
 * step, row).
 */
#ifndef AKIN_SOLVE_NET_TRAIN_H
#define AKIN_SOLVE_NET_TRAIN_H

#include "data/csr.h"
#include "solve/net.h"
#include "solve/product.h"

struct net_train_spec {
    uint64_t seed;
    int64_t batch;    /* rows of a step */
    bool is_shuffled; /* rows, each epoch */
    bool is_binary;   /* all values count as 1 */
    double denoise;   /* share of a row's inputs that a step leaves out; the others weigh more */
    enum net_optimizer_id optimizer;
    double rate, momentum, momentum2;
    double decay;                 /* L2 of W */
    double sparse_p, sparse_beta; /* beta·Σ KL(p ‖ mean activation of a hidden unit); 0 = none */
    double kl;                    /* weight of the gaussian layers' divergence, … */
    double kl_steps;              /* … reached after so many steps */
    int64_t negatives;            /* columns of a step beside those of its rows; 0 = all */
};

/* Of the rows of a minibatch: inputs, and inputs by column. */
struct net_batch {
    int64_t n, cap, entry_cap;
    const int32_t *row; /* (n) */
    int64_t *ptr;       /* (cap + 1) */
    float *x;           /* (entries) inputs as layer 0 sees them */
    int64_t *at;        /* (n_in + 1) entries by column … */
    int32_t *at_row;    /* (entries) … ascending by row of the minibatch */
    float *at_x;
    int32_t *column; /* (n_columns) outputs of this step, ascending; NULL = all */
    int32_t *place;  /* (n_out) in column, -1 = not there */
    float *share;    /* (n_columns) what a column stands for */
    int64_t n_columns;
};

/* Numbers of a layer for a minibatch, (batch, ..) each, owned. */
struct net_pass {
    float *z;     /* n_z; of the output it becomes dL/dz */
    float *y;     /* n_y */
    float *x;     /* n_y with dropout; NULL = y */
    float *mask;  /* n_y with dropout: 0 or 1 / (1 - dropout) */
    float *dz;    /* n_z */
    float *dy;    /* n_y; of ordinary layers the same as dz */
    float *tilt;  /* n_z of learnt slopes: their gradient */
    float *mean;  /* (n_y) of activations, then what the penalty adds to dy; NULL = no penalty */
    float *noise; /* n_y of gaussian layers */
};

struct net_train {
    struct net *net;
    struct net_train_spec spec;
    const struct csr *rows; /* borrowed */
    int64_t n_order;
    int32_t *order; /* (n_order) rows with anything in them */
    struct net_batch batch;
    struct net_pass pass[NET_LAYERS];
    struct product_room room;
    float *grad;           /* (n_weights) */
    float *state;          /* (optimizer's states, n_weights) */
    float *picked;         /* (columns, width) output weights of this step, NULL = all */
    float *picked_d;       /* their gradient */
    float *picked_b;       /* (columns) biases */
    float *line;           /* (workers, 3, columns) */
    double *loss;          /* (batch) */
    int64_t epoch, steps;  /* done */
    double power1, power2; /* of adam's betas */
    float kl;              /* of this step */
};

/* net: begun, and changed by the steps; rows (.., n_in), values >= 0. Ends with net_train_free,
 * also after a failure. Fails: E_ARG, E_MEMORY. */
akin_status net_train_init(struct net *net, const struct csr *rows,
                           const struct net_train_spec *spec, struct net_train *out,
                           akin_error *err);
void net_train_free(struct net_train *t);
/* Bytes of a training beside rows. */
double net_train_bytes(const struct net *net, const struct net_train_spec *spec, double n_rows,
                       double nnz, int workers);

/* Gradients of one minibatch of rows (n <= batch) into grad; loss: of the rows' mean, with
 * penalties but decay. */
akin_status net_train_gradient(struct net_train *t, const int32_t *row, int64_t n, double *loss,
                               akin_error *err);
/* The optimizer's step with them. */
akin_status net_train_update(struct net_train *t, akin_error *err);
/* Floats of the optimizer's state. */
int64_t net_train_states(const struct net_train *t);
/* All rows once; loss: mean over rows, NaN or infinite if the weights grew without bound. Fails:
 * E_CANCELLED. Cost: 6·rows·weights flops, and two to five passes over the weights a step. */
akin_status net_train_epoch(struct net_train *t, int64_t epoch, double *loss, akin_error *err);

#endif
