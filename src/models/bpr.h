/* Shared by bpr.c (the model) and bpr_fit.c (its training) only. */
#ifndef AKIN_MODELS_BPR_H
#define AKIN_MODELS_BPR_H

#include "models/factors.h"

enum {
    BPR_POOL = 4096, /* negatives for askers */
    BPR_SLOTS = 4,   /* of an item of mean weight in the table of its stripe */
    BPR_CANDIDATES_MAX = 64
};

struct bpr_params {
    int64_t factors;
    int64_t epochs;
    double learning_rate;
    double decay;
    double reg;
    double stddev;
    double negative_exponent;
    int64_t candidates;
    int64_t grid;
};

struct bpr {
    const struct bpr_params *params;
    struct factors f;
    const int32_t *pool; /* (n_pool) items by their weight as negatives */
    int64_t n_pool;      /* BPR_POOL, 0 without items */
    bool is_mapped;
};

akin_status bpr_fit(struct model *m, const struct train_view *tv, const struct fit_control *ctl,
                    akin_error *err);

#endif
