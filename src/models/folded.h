/* A history as models compute with it. */
#ifndef AKIN_MODELS_FOLDED_H
#define AKIN_MODELS_FOLDED_H

#include "rank/scorer.h"

/* Distinct known items ascending; in the arena it was made in. */
struct folded {
    int32_t n;
    int32_t *item;
    float *x; /* folded weights, or last values */
};
/* Items at n_items and above are left out. Cost: that of history_fold. */
akin_status folded_make(const struct history *h, int32_t n_items, bool wants_values,
                        struct arena *scratch, struct folded *out, akin_error *err);

#endif
