/*
 * Histories: a user's events as models see them. The fold of repeated items into one weight is
 * here once, so that fit and fold-in agree bit for bit.
 */
#ifndef AKIN_DATA_HISTORY_H
#define AKIN_DATA_HISTORY_H

#include "data/dataset.h"
#include "data/feedback.h"

/* All train histories; events oldest first within a user; weight 0 = seen but no positive. */
struct histories {
    int64_t n_users;
    const int64_t *ptr; /* (n_users + 1) */
    const int32_t *item;
    const float *weight; /* NULL = all 1 */
    const float *value;  /* raw values, NULL = implicit */
    const int64_t *time; /* NULL = none */
    const uint8_t *type; /* NULL = one type */
    bool owns_weight; /* weight is a mem block, perhaps of several owners; the rest is borrowed */
};

/* One history, borrowed. */
struct history {
    int32_t n;
    const int32_t *item;
    const float *weight;
    const float *value;
    const int64_t *time;
    const uint8_t *type;
};

static inline struct history histories_of(const struct histories *h, int64_t user)
{
    int64_t lo = h->ptr[user];
    struct history out = {(int32_t)(h->ptr[user + 1] - lo),  h->item + lo,
                          h->weight ? h->weight + lo : NULL, h->value ? h->value + lo : NULL,
                          h->time ? h->time + lo : NULL,     h->type ? h->type + lo : NULL};
    return out;
}

/*
 * Weights of all events of ds under f at feedback_now(f). Event arrays are borrowed from ds, which
 * must outlive out. Fails: E_INPUT (decay asked for, but ds has no instants), E_MEMORY.
 */
akin_status histories_build(akin_ctx *ctx, const struct dataset *ds, const struct feedback *f,
                            struct histories *out, akin_error *err);
/* The same histories once more, to be freed on their own: the weights are shared, the event arrays
 * borrowed from where h borrows them. */
struct histories histories_share(const struct histories *h);
void histories_free(akin_ctx *ctx, struct histories *h);
akin_status histories_save(struct container_writer *w, const char *prefix,
                           const struct histories *h, akin_error *err);
akin_status histories_load(akin_ctx *ctx, struct container *c, const char *prefix, int64_t n_users,
                           int64_t n_items, struct histories *out, akin_error *err);

/*
 * Folds one history: distinct items ascending, weights of repeats summed in event order in double,
 * zero weights left out. item/weight (room for h->n; written also past the count). Returns the
 * count. Cost: n log n, no allocation.
 */
int32_t history_fold(const struct history *h, int32_t *item, float *weight);
/* The same with values: of repeats the last one, 1 for implicit data; all events. */
int32_t history_fold_values(const struct history *h, int32_t *item, float *value);
/*
 * The fold of all users at once: (n_users, n_items); val is never NULL. Row for row the bits of
 * history_fold. Cost: a sort of each history; n events of staging, which becomes the result.
 */
akin_status histories_matrix(akin_ctx *ctx, const struct histories *h, int64_t n_items,
                             struct csr *out, akin_error *err);
/* The value form of histories_matrix, for rating models. */
akin_status histories_values(akin_ctx *ctx, const struct histories *h, int64_t n_items,
                             struct csr *out, akin_error *err);

#endif
