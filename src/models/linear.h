/* What linear item models (ease, slim) share: their Gram matrix and the rows that they keep. */
#ifndef AKIN_MODELS_LINEAR_H
#define AKIN_MODELS_LINEAR_H

#include "models/neighbors.h"
#include "solve/cooc.h"

#define LINEAR_WEIGHTING "weight|binary"
enum linear_weighting { LINEAR_WEIGHT, LINEAR_BINARY };

/*
 * The Gram matrix of a view's positives, users weighted by (items of the user)^-damping; g looks
 * at the view and at *user_weight (NULL without damping), which the caller frees.
 */
akin_status linear_gram(const struct train_view *tv, enum linear_weighting weighting,
                        double damping, struct cooc *g, float **user_weight, akin_error *err);

/* The asker's known items and weights; 1 each for LINEAR_BINARY. */
akin_status linear_fold(const struct query *q, int32_t n_items, enum linear_weighting weighting,
                        struct arena *scratch, struct folded *out, akin_error *err);

/* What the rows of a Gram matrix are likely to cost, for estimates. */
struct linear_cost {
    double flops; /* of its products */
    double pairs; /* of items that meet */
    double bytes; /* of cooc_rows */
};
struct linear_cost linear_cost(int64_t n_users, int64_t n_items, int64_t nnz);

#endif
