/* stack: what its two files share. */
#ifndef AKIN_MODELS_STACK_H
#define AKIN_MODELS_STACK_H

#include "models/meta.h"
#include "models/parts.h"

struct stack_params {
    json_t *of;
    int64_t learner;
    double reg;
    int64_t depth;
    int64_t users;
    const char *holdout;
    int64_t sample;
};

/* Features of a part, and of the item: what the columns are. */
enum {
    STACK_Z,          /* score on the part's scale */
    STACK_LOG_Z,      /* log(1 + how far above the lowest), for scores with long tails */
    STACK_LOG_RANK,   /* 1 at the top, falling by the log of the rank to 0 */
    STACK_RECIPROCAL, /* 10 / (9 + rank), 0 below */
    STACK_WARMTH,     /* log rank · log history length */
    STACK_PART        /* how many */
};
enum { STACK_POPULAR, STACK_POPULAR_WARMTH, STACK_ITEM };

static inline int32_t stack_width(const struct model *m)
{
    return m->n_parts * STACK_PART + STACK_ITEM;
}

struct stack {
    const struct model *owner;
    bool is_rating;
    struct parts_scale scale[PARTS_MAX];
    double w[META_D_MAX + 1];
};

/* An asker's candidates and their features, in scratch. */
struct stack_rows {
    int32_t n;
    int32_t *item; /* (n) in order of the parts' lists */
    float *x;      /* (n, d) */
};

/*
 * The best `depth` of each part, with features. m: the parts that are asked; params: of the stack;
 * scale: of these parts. Cost: all parts' scores of all items.
 */
akin_status stack_candidates(const struct model *m, const struct stack_params *params,
                             const struct parts_scale *scale, const struct query *q,
                             struct stack_rows *out, struct arena *scratch, akin_error *err);
/* Parts' predictions of n items as features: x (n, n_parts); no value is the part's mean. */
akin_status stack_predictions(const struct model *m, const struct parts_scale *scale,
                              const struct query *q, const struct item_set *set, float *x,
                              struct arena *scratch, akin_error *err);
/* Learns self->w out of fold; self->is_rating says which. */
akin_status stack_learn(struct model *m, const struct train_view *tv, akin_error *err);

#endif
