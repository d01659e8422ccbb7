/* Rows of neighbours: what models that compare items keep, score by and explain with. */
#ifndef AKIN_MODELS_NEIGHBORS_H
#define AKIN_MODELS_NEIGHBORS_H

#include "models/model.h"

struct neighbors {
    int32_t n_items;
    const int64_t *ptr;  /* (n_items + 1) a row for each item of a history */
    const int32_t *item; /* the items it speaks for, ascending within a row */
    const float *sim;    /* > 0: how much */
};

/* Moves rows (n_items, n_items) into out. */
void neighbors_take(struct csr *rows, struct neighbors *out);
/* Of a fitted model; those of a loaded one are views into its file. */
void neighbors_free(const struct model *m, struct neighbors *nb);
/* Sections m.ptr, m.item, m.sim; loading checks order, bounds and signs. */
akin_status neighbors_save(struct container_writer *w, const struct neighbors *nb, akin_error *err);
akin_status neighbors_load(struct container *c, int32_t n_items, struct neighbors *out,
                           akin_error *err);

/* s(j → i), 0 if it was not kept. Cost: a binary search. */
float neighbors_sim(const struct neighbors *nb, int32_t j, int32_t i);
/* Adds w · s(j → i) for all i of j. */
static inline void neighbors_add(const struct neighbors *nb, int32_t j, float w,
                                 struct evidence *out)
{
    for (int64_t e = nb->ptr[j]; e < nb->ptr[j + 1]; e++)
        evidence_add(out, nb->item[e], w * nb->sim[e]);
}

/* A history folded: distinct known items ascending; in the arena it was made in. */
struct folded {
    int32_t n;
    int32_t *item;
    float *x; /* folded weights, or last values */
};
/* The same of a model without rows of neighbours. */
akin_status history_known(const struct history *h, int32_t n_items, bool wants_values,
                          struct arena *scratch, struct folded *out, akin_error *err);
akin_status neighbors_fold(const struct neighbors *nb, const struct history *h, bool wants_values,
                           struct arena *scratch, struct folded *out, akin_error *err);
/* Keeps out (room for max) sorted by contribution descending, then in the order they came; the last
 * falls off. Returns the new count. */
int32_t reason_put(struct reason *out, int32_t max, int32_t n, int32_t item, float contribution);
/* All asked for, h.x[j] · s(j → i) summed over j ascending; explained, the terms times scale. */
void neighbors_score(const struct neighbors *nb, const struct folded *h, struct evidence *out);
int32_t neighbors_explain(const struct neighbors *nb, const struct folded *h, int32_t item,
                          double scale, struct reason *out, int32_t max);

#endif
