/* The default reasons, for any way of scoring one item. */
#ifndef AKIN_RANK_EXPLAIN_H
#define AKIN_RANK_EXPLAIN_H

#include "rank/scorer.h"

struct explain_scores {
    akin_status (*of)(void *arg, const struct query *q, int32_t item, float *score,
                      akin_error *err);
    void *arg;
};

/*
 * Leaves out each distinct item of the asker's newest 200 events in turn; what the score loses is
 * its contribution. out (max), *n at 0; copies of the history lie in arena.
 * Cost: up to 201 scores. Fails: E_MEMORY, E_CANCELLED, what the scores fail by.
 */
akin_status explain_leave_out(akin_ctx *ctx, const struct query *asked, int32_t item,
                              const struct explain_scores *scores, struct arena *arena,
                              struct reason *out, int32_t max, int32_t *n, akin_error *err);

#endif
