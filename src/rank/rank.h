/*
 * Ranking: the one place where scores become lists.
 *
 * Order: score descending, then item index ascending; UNSCORED items after all scored ones, by
 * train popularity descending, then index. Exactly min(k, eligible) items come back.
 */
#ifndef AKIN_RANK_RANK_H
#define AKIN_RANK_RANK_H

#include "core/ctx.h"
#include "rank/scorer.h"

struct ranked {
    int32_t item;
    float score; /* UNSCORED for items that only popularity placed */
};

struct rank_options {
    int32_t k;
    bool include_seen;       /* else items of the history are excluded */
    const uint64_t *allowed; /* bitmap over items (filter), NULL = all */
    /* the filter's answer for items of the asker's history (its $seen true), NULL = as allowed;
     * matters with include_seen only */
    const uint64_t *allowed_seen;
    const int32_t *candidates; /* rank only these (ascending, distinct), NULL = all */
    int32_t n_candidates;
    const int32_t *const *exclude; /* per query, further items to leave out (ascending); or NULL */
    const int32_t *n_exclude;
};

/*
 * Ranks n queries in parallel. lists (n rows of k), counts (n). Deterministic for any thread count
 * and batch size. Cost: one scoring pass; vectors go through gemm tiles and a top-k scan. In steady
 * state nothing is allocated. Reports progress_add(queries) of a stage that the caller began; on
 * failure lists and counts are undefined.
 * Fails: E_ARG (k < 0, candidates), E_MEMORY, E_CANCELLED, the model's.
 *
 * Threads, all functions: one caller at a time, or blocks of one par_for of the ranker's context
 * (then each call stays on its worker).
 */
struct ranker;
akin_status ranker_create(akin_ctx *ctx, const struct scorer *scorer, struct ranker **out,
                          akin_error *err); /* packs vectors, sorts popularity; scorer borrowed */
/* With lists as the options say (index.h), approximate then; ranker_create's index is exact. */
struct index_options;
akin_status ranker_create_with(akin_ctx *ctx, const struct scorer *scorer,
                               const struct index_options *options, struct ranker **out,
                               akin_error *err);
/* NULL = none: scores of all items decide. */
struct index;
const struct index *ranker_index(const struct ranker *r);
/* A ranker for another thread with a context of its own: what was prepared is shared with base,
 * which must outlive it. Cost: constant. Fails: E_MEMORY. */
akin_status ranker_fork(const struct ranker *base, akin_ctx *ctx, struct ranker **out,
                        akin_error *err);
void ranker_free(struct ranker *r);
akin_status rank_lists(struct ranker *r, const struct query *queries, int64_t n,
                       const struct rank_options *opt, struct ranked *lists, int32_t *counts,
                       akin_error *err);
/* Scores of given items for one query, in the order given (predict, candidates, AUC). Items out of
 * range (-1 = unknown) are UNSCORED; repeats are allowed. */
akin_status rank_score(struct ranker *r, const struct query *q, const int32_t *items, int32_t n,
                       float *scores, akin_error *err);
/* Full order position of items is not needed elsewhere: AUC uses rank_scores_all. (n_items) */
akin_status rank_scores_all(struct ranker *r, const struct query *q, float *scores,
                            akin_error *err);
/* The same for n queries in parallel: row j at scores + j·ld, ld >= n_items. */
akin_status rank_scores_many(struct ranker *r, const struct query *queries, int64_t n,
                             float *scores, int64_t ld, akin_error *err);
/* Nearest items, not the item itself: by the model's similar, else the cosine of item vectors.
 * Items nobody can compare follow as UNSCORED. Of opt: k, allowed, candidates, exclude[0]. Fails:
 * E_ARG, E_UNSUPPORTED (the model has neither). Users most likely to want an item (over n queries):
 * (score, query index). */
akin_status rank_similar(struct ranker *r, int32_t item, const struct rank_options *opt,
                         struct ranked *list, int32_t *count, akin_error *err);
akin_status rank_segment(struct ranker *r, const struct query *queries, int64_t n, int32_t item,
                         int32_t k, struct ranked *list, int32_t *count, akin_error *err);
/*
 * Contributions of the asker's items to the score of item, largest first, at most max: the model's
 * explain, else each distinct item of the newest 200 events is left out in turn. Zeros are not
 * reported. Cost of the default: up to 201 fold-ins.
 */
akin_status rank_explain(struct ranker *r, const struct query *q, int32_t item, struct reason *out,
                         int32_t max, int32_t *n, akin_error *err);

/*
 * Compiles a filter over item attributes to bitmaps of (n_items + 63) / 64 words, freed by
 * mem_free. Names: the columns of items (may be NULL), `id`, `popularity` (item_count); a column of
 * the same name comes first. $seen is true for items of the asker's history: *out holds the answers
 * with $seen false, *out_seen those with $seen true, NULL if the text does not use it; pass both to
 * rank_options. n_allowed: bits of *out.
 * Cost: O(items) in parallel. Fails: E_INPUT with the column of the text, unknown names listed.
 */
akin_status filter_bitmaps(akin_ctx *ctx, const char *text, const struct table *items,
                           const struct ids *ids, const int32_t *item_count, uint64_t **out,
                           uint64_t **out_seen, int64_t *n_allowed, akin_error *err);
/* Only the first: for askers without a history. */
akin_status filter_bitmap(akin_ctx *ctx, const char *text, const struct table *items,
                          const struct ids *ids, const int32_t *item_count, uint64_t **out,
                          int64_t *n_allowed, akin_error *err);
/* The same over users: the columns of their table, and `id`; no $seen. */
akin_status filter_users(akin_ctx *ctx, const char *text, const struct table *users,
                         const struct ids *ids, uint64_t **out, int64_t *n_allowed,
                         akin_error *err);

#endif
