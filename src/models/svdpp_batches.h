/*
 * The batches of svdpp's training: ranges of users. The ratings of an item by a batch are a run of
 * its row by users: `segments` are these runs, `place` leads from each rating to its error among
 * those of the batch.
 */
#ifndef AKIN_MODELS_SVDPP_BATCHES_H
#define AKIN_MODELS_SVDPP_BATCHES_H

#include "models/rating_rows.h"

/* The ratings [lo, lo + n) of `item`, in its row by users. */
struct svdpp_segment {
    int64_t lo;
    int32_t n, item;
};

struct svdpp_batches {
    int64_t size, n;               /* users of a batch; batches */
    int64_t most;                  /* ratings of the longest */
    int64_t *segment_ptr;          /* (n + 1) */
    struct svdpp_segment *segment; /* items ascending within a batch */
    int32_t *place;                /* (ratings by item) */
};

/* Also what failed half is for svdpp_batches_free. Fails: E_ARG (2^31 ratings in a batch). */
akin_status svdpp_batches_make(akin_ctx *ctx, const struct rated_data *d, int64_t size,
                               struct svdpp_batches *out, akin_error *err);
void svdpp_batches_free(akin_ctx *ctx, struct svdpp_batches *b);

#endif
