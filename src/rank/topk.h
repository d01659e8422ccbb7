/* The k best of a stream of (item, score): a bounded heap in the caller's own output row. */
#ifndef AKIN_RANK_TOPK_H
#define AKIN_RANK_TOPK_H

#include "rank/rank.h"

/* Heap with the worst of the kept on top: at[0]. Nothing to free. */
struct topk {
    struct ranked *at; /* (k) the caller's row */
    int32_t k;
    int32_t n;
};

/* Before: higher score, then lower index. Total, since no score is NaN. */
static inline bool ranked_before(const struct ranked *a, const struct ranked *b)
{
    if (a->score != b->score)
        return a->score > b->score;
    return a->item < b->item;
}

static inline void topk_init(struct topk *t, struct ranked *row, int32_t k)
{
    t->at = row;
    t->k = k;
    t->n = 0;
}

/*
 * Scores at or below this cannot enter while items come in ascending order: an equal score loses
 * to the smaller index. Items out of order are for topk_push alone to judge.
 */
static inline float topk_bound(const struct topk *t)
{
    return t->n < t->k ? UNSCORED : t->at[0].score;
}

/* score is not NaN and not UNSCORED. Cost: O(log k) if it enters, else O(1). */
void topk_push(struct topk *t, int32_t item, float score);
/* The heap becomes the list, best first. Cost: O(n log n). */
void topk_sort(struct topk *t);

#endif
