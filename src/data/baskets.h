/* Baskets: what lies together. All of a user's positives, or runs of them without a longer pause.
 */
#ifndef AKIN_DATA_BASKETS_H
#define AKIN_DATA_BASKETS_H

#include "data/view.h"

struct baskets {
    struct csr by_basket; /* (n_baskets, n_items) distinct items */
    struct csr by_item;   /* its transpose */
    bool is_owned;        /* else borrowed from the view */
};
/*
 * gap_seconds: a longer pause between two events of a user begins a new basket; 0 = never, and the
 * view's own matrices are lent. Cost: that of the matrices anew. Fails: E_INPUT (a gap, but no Unix
 * times), E_MEMORY, E_CANCELLED.
 */
akin_status baskets_make(const struct train_view *tv, int64_t gap_seconds, struct baskets *out,
                         akin_error *err);
void baskets_free(akin_ctx *ctx, struct baskets *b);

#endif
