/* Shared by bpr.c (the model) and bpr_fit.c (its training) only. */
#ifndef AKIN_MODELS_BPR_H
#define AKIN_MODELS_BPR_H

#include "models/factors.h"
#include "models/negatives.h"

enum {
    BPR_POOL = 4096, /* negatives for askers */
    BPR_SLOTS = 4,   /* of an item of mean weight in the table of its stripe */
    BPR_CANDIDATES_MAX = 64,
    BPR_SPARSE = 16 /* of so many items one is a candidate at most */
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

/* In a small catalogue the hardest of many are what the user would take next. */
static inline int64_t bpr_candidates(const struct bpr *s)
{
    int64_t most = s->f.n_items / BPR_SPARSE, n = s->params->candidates;
    return n < most ? n : most > 1 ? most : 1;
}

/* The candidate (n) that scores highest for the row p and is not the user's own, the first of
 * equals; -1 = there is none. They are looked up among the own only where they score highest: a
 * search for each would cost as much as its score. */
int32_t bpr_hardest(const struct factors *f, const float *p, const struct negatives *from,
                    const int32_t *candidate, int64_t n);

akin_status bpr_fit(struct model *m, const struct train_view *tv, const struct fit_control *ctl,
                    akin_error *err);

#endif
