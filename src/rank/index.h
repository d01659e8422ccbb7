/*
 * Retrieval index over item vectors: top-k by inner product (+ bias) without scoring every item in
 * float.
 *
 * Exact: items by length, longest first, quantised to bytes with a proven bound of the error
 * (index_quant.c); a pass over the bytes keeps the items whose approximate score plus bound reaches
 * the k-th best so far, and fp32 scores decide: gemm's chain, as in rank_lists, so the same bits as
 * the exhaustive list. It stops where Cauchy-Schwarz says that no later item can enter.
 *
 * Lists (IVF): from ivf_min items on, the same inside each of n_lists lists of items of like
 * direction, made by deterministic k-means (index_ivf.c), of which a search reads the n_probe most
 * promising: the answer is the exact one over those. Recall is measured when the index is built.
 *
 * An item whose score is NaN or -inf is never returned, so that a list may be shorter than
 * min(k, eligible) only by those: what rank/ places by popularity.
 */
#ifndef AKIN_RANK_INDEX_H
#define AKIN_RANK_INDEX_H

#include "core/ctx.h"
#include "rank/rank.h"
#include "rank/topk.h"

/* One asker. */
struct index_ask {
    const float *state;
    const int32_t *exclude; /* (n_exclude) ascending */
    int32_t n_exclude;
    struct topk *top; /* of index_fill: started; what is found is pushed into it */
    /* Cosine instead of score: (n_items) lengths of the items without bias; own, the state's. The
     * bias is left out then, and the index must be exact. */
    const double *norm;
    double own;
};

struct index_options {
    int64_t ivf_min; /* items from which lists are made, 0 = never (exact) */
    int64_t n_lists; /* 0 = about 4·sqrt(items) */
    int64_t n_probe; /* 0 = the least that reaches `recall` on the sample */
    double recall;   /* wanted at k = 20, 0 = .95 */
    uint64_t seed;
    /* askers to measure recall with, e.g. trained users, whose lists leave out what they have:
     * (n_askers), borrowed during the call; a seeded sample of them is used. NULL = sums of a few
     * random items, as fold-in makes. */
    const struct index_ask *askers;
    int64_t n_askers;
};

struct index;

/*
 * vectors borrowed, must outlive the index, as ctx. Cost: O(items · k) and k + 4 bytes an item;
 * lists: eight rounds of k-means over at most 32 items a list, then items · lists · k. In parallel.
 * Same bits for any thread count and ISA. Fails: E_ARG, E_LIMIT (k), E_MEMORY, E_CANCELLED.
 */
akin_status index_create(akin_ctx *ctx, const struct item_vectors *v, int32_t n_items,
                         const struct index_options *options, struct index **out, akin_error *err);
void index_free(struct index *ix);
/* Bytes it holds; recall@20 on the sample (1 for exact); lists and how many a search reads (1). */
int64_t index_bytes(const struct index *ix);
double index_recall(const struct index *ix);
int64_t index_lists(const struct index *ix);
int64_t index_probes(const struct index *ix);

/* Per-thread scratch, of a size that is fixed by the index. Threads: made and freed by any. */
struct index_scratch;
akin_status index_scratch_create(const struct index *ix, akin_ctx *ctx, struct index_scratch **out,
                                 akin_error *err);
void index_scratch_free(struct index_scratch *s);

/*
 * Best k of the items allowed (bitmap, NULL = all) and not in exclude (ascending): score
 * descending, then item ascending, into out (room for k). state (k of the vectors). Exact indices
 * return what rank_lists would; lists are read beyond n_probe under a filter, as it is narrower,
 * and until k items are found. Few allowed items are scored one by one. Threads: any number, each
 * with its own scratch. Allocates nothing. Fails: E_ARG, E_CANCELLED.
 */
akin_status index_search(const struct index *ix, struct index_scratch *s, const float *state,
                         int32_t k, const uint64_t *allowed, const int32_t *exclude,
                         int32_t n_exclude, struct ranked *out, int32_t *count, akin_error *err);
/* n states (n, k) at once, out (n, k): bytes are shared by up to 64 askers. Same lists as one by
 * one. */
akin_status index_search_many(const struct index *ix, struct index_scratch *s, const float *states,
                              int64_t n, int32_t k, struct ranked *out, int32_t *counts,
                              akin_error *err);

/* The heart of both: the best of n_allowed allowed items (bitmap, NULL = all) for n askers, into
 * their tops, unsorted. */
akin_status index_fill(const struct index *ix, struct index_scratch *s, const struct index_ask *ask,
                       int64_t n, const uint64_t *allowed, int64_t n_allowed, akin_error *err);

#endif
