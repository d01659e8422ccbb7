/*
 * A scorer asked from within another scorer (composites): the values of an item set, whichever form
 * the model gives, with the bits that ranking by it has.
 */
#ifndef AKIN_RANK_DENSE_H
#define AKIN_RANK_DENSE_H

#include "core/ctx.h"
#include "rank/scorer.h"

struct dense {
    akin_ctx *ctx;
    struct scorer scorer;
    struct item_vectors v; /* items NULL = none */
    float *packed;         /* panels of v.items, owned */
};

/* Cost: a copy of the item vectors. Fails: E_MEMORY, E_CANCELLED. */
akin_status dense_open(akin_ctx *ctx, const struct scorer *scorer, struct dense *out,
                       akin_error *err);
void dense_close(struct dense *d);
/*
 * out[j·ldo + i] of the i-th item of the set for query j; no value is UNSCORED, never NaN. What is
 * taken of scratch is the caller's to reset. Threads: several at once with different scratch.
 */
akin_status dense_score(const struct dense *d, const struct query *queries, int32_t n_queries,
                        const struct item_set *set, float *out, int64_t ldo, struct arena *scratch,
                        akin_error *err);
/* Reasons as rank_explain gives them. */
akin_status dense_explain(const struct dense *d, const struct query *q, int32_t item,
                          struct reason *out, int32_t max, int32_t *n, struct arena *scratch,
                          akin_error *err);
/* Items near `item`, by the model's similar or the cosine of item vectors; *can false: by neither,
 * then out stays empty. */
akin_status dense_similar(const struct dense *d, int32_t item, struct evidence *out, bool *can,
                          struct arena *scratch, akin_error *err);

#endif
