/* Rows of neighbours: what models that compare items keep, score by and explain with. */
#ifndef AKIN_MODELS_NEIGHBORS_H
#define AKIN_MODELS_NEIGHBORS_H

#include "models/folded.h"
#include "models/model.h"

struct neighbors {
    /* (n_items, n_items) a row for each item of a history: the items it speaks for and how much,
     * > 0 unless loaded as signed; views into the file of a loaded model */
    struct csr rows;
};

/* Moves rows (n_items, n_items) into out. */
void neighbors_take(struct csr *rows, struct neighbors *out);
/* Of a fitted model; those of a loaded one are views into its file. */
void neighbors_free(const struct model *m, struct neighbors *nb);
/* Sections m.ptr, m.item, m.sim; loading checks order, bounds and signs. */
akin_status neighbors_save(struct container_writer *w, const struct neighbors *nb, akin_error *err);
akin_status neighbors_load(struct container *c, int32_t n_items, struct neighbors *out,
                           akin_error *err);

/* The same of rows in which some speak against. */
akin_status neighbors_load_signed(struct container *c, int32_t n_items, struct neighbors *out,
                                  akin_error *err);

/* s(j → i), 0 if it was not kept. Cost: a binary search. */
float neighbors_sim(const struct neighbors *nb, int32_t j, int32_t i);
/* Adds w · s(j → i) for all i of j. */
static inline void neighbors_add(const struct neighbors *nb, int32_t j, float w,
                                 struct evidence *out)
{
    const struct csr *r = &nb->rows;
    for (int64_t e = r->ptr[j]; e < r->ptr[j + 1]; e++)
        evidence_add(out, r->col[e], w * r->val[e]);
}

/* All asked for, h.x[j] · s(j → i) summed over j ascending; explained, the terms times scale. */
void neighbors_score(const struct neighbors *nb, const struct folded *h, struct evidence *out);
int32_t neighbors_explain(const struct neighbors *nb, const struct folded *h, int32_t item,
                          double scale, struct reason *out, int32_t max);

#endif
