/*
 * Scores of given items: the adapter over what a model gives, without ranking.
 *
 * Vectors: items are gathered by id, packed and multiplied by the same gemm as whole tiles, so that
 * a score has the same bits however it was asked for. Cost: the model's score, or fold-in + k a
 * score. Not done: caching of states between calls (the caller's, who knows when histories change).
 */
#include "rank/ranker.h"
#include "rank/topk.h"

#include <inttypes.h>
#include <string.h>

enum { IDS_CHUNK = 1024 };

akin_status rank_states(struct ranker *r, struct rank_worker *w, const struct query *queries,
                        int32_t m, akin_error *err)
{
    akin_status status = AKIN_OK;
    for (int32_t j = 0; j < m; j++) {
        AKIN_TRY(ctx_check(r->ctx, err));
        AKIN_TRY(r->scorer.cls->fold_in(r->scorer.self, &queries[j],
                                        w->states + (int64_t)j * r->v.k, &w->scratch, err));
        rank_worker_reset(w);
    }
done:
    rank_worker_reset(w);
    return status;
}

akin_status rank_evidence(struct ranker *r, struct rank_worker *w, const struct query *q,
                          akin_error *err)
{
    evidence_clear(&w->ev);
    akin_status status = r->scorer.cls->evidence(r->scorer.self, q, &w->ev, &w->scratch, err);
    rank_worker_reset(w);
    return status;
}

static void clean_row(float *row, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        if (isnan(row[i]))
            row[i] = UNSCORED;
    }
}

/* One gathered tile: out[j·ldo + i] for n <= RANK_GATHER ids. */
static void gather_tile(struct ranker *r, struct rank_worker *w, const float *states, int32_t m,
                        const int32_t *ids, int32_t n, float *out, int64_t ldo)
{
    int64_t k = r->v.k;
    for (int32_t i = 0; i < n; i++)
        memcpy(w->rows + i * k, r->v.items + ids[i] * k, (size_t)k * sizeof(float));
    r->kern->pack(w->rows, k, n, k, w->panels);
    if (r->v.bias) {
        for (int32_t j = 0; j < m; j++) {
            for (int32_t i = 0; i < n; i++)
                out[j * ldo + i] = r->v.bias[ids[i]];
        }
    }
    r->kern->gemm(m, n, k, states, k, w->panels, out, ldo, r->v.bias != NULL);
}

static akin_status score_vectors(struct ranker *r, struct rank_worker *w,
                                 const struct query *queries, const float *states, int32_t m,
                                 const int32_t *ids, int32_t n, float *out, int64_t ldo,
                                 akin_error *err)
{
    akin_status status = AKIN_OK;
    if (!states) {
        AKIN_TRY(rank_states(r, w, queries, m, err));
        states = w->states;
    }
    for (int32_t lo = 0; lo < n; lo += RANK_GATHER) {
        int32_t size = n - lo < RANK_GATHER ? n - lo : RANK_GATHER;
        gather_tile(r, w, states, m, ids + lo, size, out + lo, ldo);
    }
done:
    return status;
}

akin_status rank_score_ids(struct ranker *r, struct rank_worker *w, const struct query *queries,
                           const float *states, int32_t m, const int32_t *ids, int32_t n,
                           float *out, int64_t ldo, akin_error *err)
{
    akin_status status = AKIN_OK;
    if (n == 0 || m == 0)
        goto done;
    if (r->mode == RANK_VECTORS) {
        AKIN_TRY(score_vectors(r, w, queries, states, m, ids, n, out, ldo, err));
    } else if (r->scorer.cls->score) {
        struct item_set set = {.ids = ids, .n = n};
        AKIN_TRY(
            r->scorer.cls->score(r->scorer.self, queries, m, &set, out, ldo, &w->scratch, err));
    } else {
        for (int32_t j = 0; j < m; j++) {
            AKIN_TRY(rank_evidence(r, w, &queries[j], err));
            for (int32_t i = 0; i < n; i++)
                out[j * ldo + i] = w->ev.seen[ids[i]] ? w->ev.value[ids[i]] : UNSCORED;
        }
    }
    for (int32_t j = 0; j < m; j++)
        clean_row(out + j * ldo, n);
done:
    rank_worker_reset(w);
    return status;
}

struct score_job {
    struct ranker *r;
    const struct query *queries;
    const int32_t *items;
    int64_t n; /* queries, or items */
    int32_t block;
    float *scores;
    int64_t ld;
    int32_t item;
};

/* Scores of one chunk of ids; those out of range are UNSCORED. */
static akin_status score_chunk(struct ranker *r, struct rank_worker *w, const struct query *q,
                               const float *state, const int32_t *items, int32_t n, float *scores,
                               akin_error *err)
{
    int32_t ids[IDS_CHUNK];
    int32_t at[IDS_CHUNK];
    float got[IDS_CHUNK];
    int32_t m = 0;
    for (int32_t i = 0; i < n; i++) {
        scores[i] = UNSCORED;
        if (items[i] >= 0 && items[i] < r->n_items) {
            ids[m] = items[i];
            at[m++] = i;
        }
    }
    if (m == 0)
        return AKIN_OK;
    akin_status status = rank_score_ids(r, w, q, state, 1, ids, m, got, m, err);
    for (int32_t j = 0; j < m && status == AKIN_OK; j++)
        scores[at[j]] = got[j];
    return status;
}

/* Evidence is asked for once, however many items are wanted. */
static void lookup_evidence(const struct rank_worker *w, const int32_t *items, int64_t n,
                            float *scores)
{
    for (int64_t i = 0; i < n; i++) {
        int32_t item = items[i];
        bool is_known = item >= 0 && item < w->ev.n_items && w->ev.seen[item];
        scores[i] = is_known ? w->ev.value[item] : UNSCORED;
    }
    clean_row(scores, n);
}

static akin_status score_one(void *arg, int64_t block, int worker, akin_error *err)
{
    (void)block;
    akin_status status = AKIN_OK;
    struct score_job *job = arg;
    struct ranker *r = job->r;
    struct rank_worker *w;
    const float *state = NULL;
    AKIN_TRY(ranker_worker(r, worker, &w, err));
    if (r->mode == RANK_EVIDENCE && !r->scorer.cls->score) {
        AKIN_TRY(rank_evidence(r, w, job->queries, err));
        lookup_evidence(w, job->items, job->n, job->scores);
        goto done;
    }
    if (r->mode == RANK_VECTORS) {
        AKIN_TRY(rank_states(r, w, job->queries, 1, err));
        state = w->states;
    }
    for (int64_t lo = 0; lo < job->n; lo += IDS_CHUNK) {
        int64_t hi = lo + IDS_CHUNK < job->n ? lo + IDS_CHUNK : job->n;
        AKIN_TRY(ctx_check(r->ctx, err));
        AKIN_TRY(score_chunk(r, w, job->queries, state, job->items + lo, (int32_t)(hi - lo),
                             job->scores + lo, err));
    }
done:
    return status;
}

akin_status rank_score(struct ranker *r, const struct query *q, const int32_t *items, int32_t n,
                       float *scores, akin_error *err)
{
    struct score_job job = {.r = r, .queries = q, .items = items, .n = n, .scores = scores};
    return par_for(r->ctx, 1, score_one, &job, err);
}

/* All items for queries lo..hi through whole tiles. */
static akin_status all_vectors(struct ranker *r, struct rank_worker *w, const struct query *q,
                               int32_t m, float *out, int64_t ld, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t k = r->v.k;
    AKIN_TRY(rank_states(r, w, q, m, err));
    for (int32_t lo = 0; lo < r->n_items; lo += r->tile) {
        AKIN_TRY(ctx_check(r->ctx, err));
        int32_t size = r->n_items - lo < r->tile ? r->n_items - lo : r->tile;
        for (int32_t j = 0; j < m && r->v.bias; j++)
            memcpy(out + j * ld + lo, r->v.bias + lo, (size_t)size * sizeof(float));
        r->kern->gemm(m, size, k, w->states, k, r->packed + lo * k, out + lo, ld,
                      r->v.bias != NULL);
    }
done:
    return status;
}

static akin_status all_block(void *arg, int64_t block, int worker, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct score_job *job = arg;
    struct ranker *r = job->r;
    struct rank_worker *w;
    AKIN_TRY(ranker_worker(r, worker, &w, err));
    int64_t first = par_lo(block, job->block);
    int32_t m = (int32_t)(par_hi(block, job->block, job->n) - first);
    const struct query *q = job->queries + first;
    float *out = job->scores + first * job->ld;
    if (r->mode == RANK_VECTORS) {
        AKIN_TRY(all_vectors(r, w, q, m, out, job->ld, err));
    } else if (r->mode == RANK_SCORE) {
        struct item_set set = {.lo = 0, .hi = r->n_items};
        AKIN_TRY(r->scorer.cls->score(r->scorer.self, q, m, &set, out, job->ld, &w->scratch, err));
    } else {
        for (int32_t j = 0; j < m; j++) {
            AKIN_TRY(rank_evidence(r, w, &q[j], err));
            for (int32_t i = 0; i < r->n_items; i++)
                out[j * job->ld + i] = w->ev.seen[i] ? w->ev.value[i] : UNSCORED;
        }
    }
    for (int32_t j = 0; j < m; j++)
        clean_row(out + j * job->ld, r->n_items);
    rank_worker_reset(w);
done:
    return status;
}

akin_status rank_scores_many(struct ranker *r, const struct query *queries, int64_t n,
                             float *scores, int64_t ld, akin_error *err)
{
    struct score_job job = {.r = r,
                            .queries = queries,
                            .n = n,
                            .block = ranker_block(r, n),
                            .scores = scores,
                            .ld = ld};
    return par_for(r->ctx, par_blocks(n, job.block), all_block, &job, err);
}

akin_status rank_scores_all(struct ranker *r, const struct query *q, float *scores, akin_error *err)
{
    return rank_scores_many(r, q, 1, scores, r->n_items, err);
}

static akin_status segment_block(void *arg, int64_t block, int worker, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct score_job *job = arg;
    struct rank_worker *w;
    AKIN_TRY(ranker_worker(job->r, worker, &w, err));
    int64_t lo = par_lo(block, job->block);
    int32_t m = (int32_t)(par_hi(block, job->block, job->n) - lo);
    AKIN_TRY(rank_score_ids(job->r, w, job->queries + lo, NULL, m, &job->item, 1, job->scores + lo,
                            1, err));
    progress_add(job->r->ctx, m);
done:
    return status;
}

akin_status rank_segment(struct ranker *r, const struct query *queries, int64_t n, int32_t item,
                         int32_t k, struct ranked *list, int32_t *count, akin_error *err)
{
    akin_status status = AKIN_OK;
    float *scores = NULL;
    if (item < 0 || item >= r->n_items)
        AKIN_FAIL(AKIN_E_ARG, "segment: item index %d (must be 0..%d)", item, r->n_items - 1);
    if (k < 0)
        AKIN_FAIL(AKIN_E_ARG, "segment: k=%d (must be >= 0)", k);
    if (n < 0 || n > INT32_MAX)
        AKIN_FAIL(AKIN_E_LIMIT, "segment: %" PRId64 " users (at most %d)", n, INT32_MAX);
    *count = 0;
    if (k == 0 || n == 0)
        goto done;
    MEM_NEW(r->ctx, scores, n);
    struct score_job job = {.r = r,
                            .queries = queries,
                            .n = n,
                            .block = ranker_block(r, n),
                            .scores = scores,
                            .item = item};
    AKIN_TRY(par_for(r->ctx, par_blocks(n, job.block), segment_block, &job, err));
    struct topk t;
    topk_init(&t, list, k < n ? k : (int32_t)n);
    for (int32_t u = 0; u < (int32_t)n; u++) {
        if (scores[u] > topk_bound(&t))
            topk_push(&t, u, scores[u]);
    }
    topk_sort(&t);
    /* fewer scored than wanted means that all scored are in: the rest follow by index */
    for (int32_t u = 0; u < (int32_t)n && t.n < t.k; u++) {
        if (!(scores[u] > UNSCORED))
            list[t.n++] = (struct ranked){u, UNSCORED};
    }
    *count = t.n;
done:
    mem_free(r->ctx, scores);
    return status;
}
