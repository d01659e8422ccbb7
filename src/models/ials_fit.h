/* Between ials_fit.c, ials_step.c and ials_loss.c only: the state of one training. */
#ifndef AKIN_MODELS_IALS_FIT_H
#define AKIN_MODELS_IALS_FIT_H

#include "models/ials.h"

enum { IALS_TURN_ROWS = 256 }; /* rows that one block turns; a worker's scratch has room for them */

struct ials_side {
    bool is_items;
    const struct csr *rows; /* positives of each row */
    int64_t n, n_other;
    int64_t lo, hi; /* rows of this rank */
    float *X;       /* (n, k) owned by the fit until it is handed to the model */
    float *offset;  /* (n) features form with biases, else NULL */
    int64_t *block; /* (n_blocks + 1) */
    int64_t n_blocks;
};

struct ials_fit {
    akin_ctx *ctx;
    struct model *m;
    const struct train_view *tv;
    const struct ials_params *p;
    struct comm *comm;
    int64_t k;
    struct ials_side users, items;
    bool is_turned;      /* both sides are in `basis`, which is that of the items */
    double *gram;        /* (k(k+1)/2) */
    double *values;      /* (k) eigenvalues of the last Gram */
    double *vectors;     /* (k, k) */
    float *basis;        /* (k, k) rows: eigenvectors */
    float *packed;       /* a packed (k, k) */
    float *base, *shift; /* (k); shift NULL without biases */
    float *scratch;      /* (workers, scratch_size) */
    int64_t scratch_size;
};

/* Solves one side against the other. how: enum ials_solver. Both sides lie in `basis` after it. */
akin_status ials_half_step(struct ials_fit *f, struct ials_side *solved, struct ials_side *fixed,
                           int how, akin_error *err);
/* The same against a fixed side that has not changed since the last half-step. */
akin_status ials_solve_rows(struct ials_fit *f, struct ials_side *solved,
                            const struct ials_side *fixed, int how, akin_error *err);
/* All rows of a side out of `basis`. */
akin_status ials_turn_back(struct ials_fit *f, struct ials_side *s, akin_error *err);
/* All ranks get all rows of a side. */
akin_status ials_exchange(struct ials_fit *f, struct ials_side *s, akin_error *err);
/* The loss, after a half-step on users. Cost: a pass over the positives. */
akin_status ials_loss(struct ials_fit *f, double *out, akin_error *err);

#endif
