/*
 * Lists: scores become the k best, exclusions and ties included.
 *
 * Vectors: the index (index.h) finds them. Without one, or for a small part of the catalogue: tiles
 * of 128 queries × up to 1024 packed items through gemm; each row is scanned against the score of
 * its query's k-th so far, so that of 41,000 scores some 250 are looked at one by one. Items that
 * are out of a query's list are overwritten in the tile; items that the shared filter forbids are
 * passed over when they come through the scan. Evidence: the touched items, then the rest by
 * popularity. Cost a query: one scoring pass, O(items) scan, O(k log k) to sort.
 *
 * Not done here: rules on whole lists.
 */
#include "rank/ranker.h"
#include "rank/topk.h"

#include <string.h>

void rank_row(struct ranker *r, struct rank_worker *w, const struct eligible *e,
              const struct asker *a, int32_t lo, int32_t hi, float *scores, struct topk *t)
{
    const int32_t *out = w->out + a->out;
    for (int32_t j = lower_bound(out, a->n_out, lo); j < a->n_out && out[j] < hi; j++)
        scores[out[j] - lo] = UNSCORED;
    const uint64_t *ok = e->ids ? NULL : e->ok;
    int32_t n;
    for (int32_t at = lo; at < hi; at += n) {
        /* as many again as were seen: about k pass in each step, few when the bound is good */
        n = at < RANK_SCAN_MIN ? RANK_SCAN_MIN : at < RANK_SCAN ? at : RANK_SCAN;
        n = hi - at < n ? hi - at : n;
        int64_t found = r->kern->scan_above(scores + (at - lo), n, topk_bound(t), w->hits);
        for (int64_t h = 0; h < found; h++) {
            int32_t position = at + w->hits[h];
            float score = scores[position - lo];
            if (score <= topk_bound(t) || (ok && !bit_get(ok, position)))
                continue;
            topk_push(t, e->ids ? e->ids[position] : position, score);
        }
    }
}

/*
 * Fewer than k in the heap means that every scored eligible item is there; what is missing are
 * eligible items without a score.
 */
int32_t rank_finish(struct ranker *r, struct rank_worker *w, const struct eligible *e,
                    const struct asker *a, struct topk *t)
{
    topk_sort(t);
    int32_t total = e->n_ok - a->n_out + a->n_in;
    if (t->n >= t->k || t->n >= total)
        return t->n;
    int32_t scored = t->n;
    const int32_t *order = a->n_in ? r->order : e->order;
    int32_t n_order = a->n_in ? r->n_items : e->n_order;
    asker_flip(w, e, a);
    for (int32_t j = 0; j < scored; j++)
        bit_flip(w->flip, t->at[j].item); /* taken */
    for (int32_t j = 0; j < n_order && t->n < t->k && t->n < total; j++) {
        if (is_eligible(e, w, order[j]))
            t->at[t->n++] = (struct ranked){order[j], UNSCORED};
    }
    for (int32_t j = 0; j < scored; j++)
        bit_flip(w->flip, t->at[j].item);
    asker_flip(w, e, a);
    return t->n;
}

int32_t rank_list_evidence(struct ranker *r, struct rank_worker *w, const struct eligible *e,
                           const struct asker *a, int32_t k, struct ranked *row)
{
    struct topk t;
    topk_init(&t, row, k);
    asker_flip(w, e, a);
    for (int32_t j = 0; j < w->ev.n; j++) {
        int32_t item = w->ev.items[j];
        float score = w->ev.value[item];
        /* items come in any order: an equal score may still win by its index */
        if (score > UNSCORED && score >= topk_bound(&t) && is_eligible(e, w, item))
            topk_push(&t, item, score);
    }
    asker_flip(w, e, a);
    return rank_finish(r, w, e, a, &t);
}

/* ---- Blocks of queries -------------------------------------------------------------------- */

struct lists_job {
    struct ranker *r;
    const struct query *queries;
    int64_t n;
    int32_t block;
    const struct rank_options *opt;
    const struct eligible *e;
    struct ranked *lists;
    int32_t *counts;
};

struct block {
    struct lists_job *job;
    struct rank_worker *w;
    const struct query *queries;
    int32_t m;
    struct topk top[RANK_QUERIES];
};

static akin_status block_index(struct block *b, akin_error *err)
{
    struct index_ask ask[RANK_QUERIES];
    const struct ranker *r = b->job->r;
    const struct eligible *e = b->job->e;
    for (int32_t j = 0; j < b->m; j++) {
        const struct asker *a = &b->w->asker[j];
        ask[j] = (struct index_ask){.state = b->w->states + (int64_t)j * r->v.k,
                                    .exclude = b->w->out + a->out,
                                    .n_exclude = a->n_out,
                                    .top = &b->top[j]};
    }
    return index_fill(r->index, b->w->search, ask, b->m, e->ok, e->n_ok, err);
}

static akin_status block_vectors(struct block *b, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct ranker *r = b->job->r;
    struct rank_worker *w = b->w;
    const struct eligible *e = b->job->e;
    int64_t k = r->v.k;
    AKIN_TRY(rank_states(r, w, b->queries, b->m, err));
    if (r->index && !e->ids) {
        AKIN_TRY(block_index(b, err));
        goto done;
    }
    for (int32_t lo = 0; lo < e->n; lo += r->tile) {
        AKIN_TRY(ctx_check(r->ctx, err));
        int32_t size = e->n - lo < r->tile ? e->n - lo : r->tile;
        for (int32_t j = 0; j < b->m && e->bias; j++)
            memcpy(w->scores + (int64_t)j * size, e->bias + lo, (size_t)size * sizeof(float));
        r->kern->gemm(b->m, size, k, w->states, k, e->packed + lo * k, w->scores, size,
                      e->bias != NULL);
        for (int32_t j = 0; j < b->m; j++)
            rank_row(r, w, e, &w->asker[j], lo, lo + size, w->scores + (int64_t)j * size,
                     &b->top[j]);
    }
done:
    return status;
}

static akin_status block_score(struct block *b, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct ranker *r = b->job->r;
    struct rank_worker *w = b->w;
    const struct eligible *e = b->job->e;
    for (int32_t lo = 0; lo < e->n; lo += r->score_tile) {
        AKIN_TRY(ctx_check(r->ctx, err));
        int32_t hi = e->n - lo < r->score_tile ? e->n : lo + r->score_tile;
        struct item_set set = {.lo = lo, .hi = hi};
        if (e->ids)
            set = (struct item_set){.ids = e->ids + lo, .n = hi - lo};
        AKIN_TRY(r->scorer.cls->score(r->scorer.self, b->queries, b->m, &set, w->scores, hi - lo,
                                      &w->scratch, err));
        rank_worker_reset(w);
        for (int32_t j = 0; j < b->m; j++)
            rank_row(r, w, e, &w->asker[j], lo, hi, w->scores + (int64_t)j * (hi - lo), &b->top[j]);
    }
done:
    rank_worker_reset(w);
    return status;
}

/* Items that only this asker may get: scored by id, after the scan, which wants index order. */
static akin_status push_in(struct block *b, int32_t j, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct ranker *r = b->job->r;
    struct rank_worker *w = b->w;
    const struct asker *a = &w->asker[j];
    const int32_t *in = w->in + a->in;
    const float *state = r->mode == RANK_VECTORS ? w->states + (int64_t)j * r->v.k : NULL;
    for (int32_t lo = 0; lo < a->n_in; lo += RANK_GATHER) {
        int32_t n = a->n_in - lo < RANK_GATHER ? a->n_in - lo : RANK_GATHER;
        AKIN_TRY(rank_score_ids(r, w, &b->queries[j], state, 1, in + lo, n, w->one, n, err));
        for (int32_t i = 0; i < n; i++) {
            if (w->one[i] > UNSCORED)
                topk_push(&b->top[j], in[lo + i], w->one[i]);
        }
    }
done:
    return status;
}

static akin_status block_evidence(struct block *b, int64_t first, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct lists_job *job = b->job;
    int32_t k = job->opt->k;
    for (int32_t j = 0; j < b->m; j++) {
        AKIN_TRY(ctx_check(job->r->ctx, err));
        AKIN_TRY(rank_evidence(job->r, b->w, &b->queries[j], err));
        job->counts[first + j] = rank_list_evidence(job->r, b->w, job->e, &b->w->asker[j], k,
                                                    job->lists + (first + j) * k);
    }
done:
    return status;
}

static akin_status lists_block(void *arg, int64_t index, int worker, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct lists_job *job = arg;
    struct ranker *r = job->r;
    int32_t k = job->opt->k;
    int64_t first = par_lo(index, job->block);
    struct block b = {.job = job, .queries = job->queries + first};
    b.m = (int32_t)(par_hi(index, job->block, job->n) - first);
    AKIN_TRY(ranker_worker(r, worker, &b.w, err));
    AKIN_TRY(askers_build(r, b.w, job->e, job->opt, b.queries, first, b.m, err));
    if (r->mode == RANK_EVIDENCE) {
        AKIN_TRY(block_evidence(&b, first, err));
    } else {
        for (int32_t j = 0; j < b.m; j++)
            topk_init(&b.top[j], job->lists + (first + j) * k, k);
        if (r->mode == RANK_VECTORS)
            AKIN_TRY(block_vectors(&b, err));
        else
            AKIN_TRY(block_score(&b, err));
        for (int32_t j = 0; j < b.m; j++) {
            AKIN_TRY(push_in(&b, j, err));
            job->counts[first + j] = rank_finish(r, b.w, job->e, &b.w->asker[j], &b.top[j]);
        }
    }
    progress_add(r->ctx, b.m);
done:
    return status;
}

/* In a block of its own, so that nested calls find the buffers of their worker. */
static akin_status lists_begin(void *arg, int64_t block, int worker, akin_error *err)
{
    (void)block;
    akin_status status = AKIN_OK;
    struct lists_job *job = arg;
    struct rank_worker *w;
    AKIN_TRY(ranker_worker(job->r, worker, &w, err));
    AKIN_TRY(eligible_build(job->r, &w->eligible, job->opt, job->n, true, err));
    job->e = &w->eligible;
done:
    return status;
}

akin_status rank_lists(struct ranker *r, const struct query *queries, int64_t n,
                       const struct rank_options *opt, struct ranked *lists, int32_t *counts,
                       akin_error *err)
{
    akin_status status = AKIN_OK;
    struct lists_job job = {.r = r,
                            .queries = queries,
                            .n = n,
                            .block = ranker_block(r, n),
                            .opt = opt,
                            .lists = lists,
                            .counts = counts};
    if (opt->k < 0)
        AKIN_FAIL(AKIN_E_ARG, "rank: k=%d (must be >= 0)", opt->k);
    if (n == 0)
        goto done;
    if (opt->k == 0) {
        memset(counts, 0, (size_t)n * sizeof *counts);
        progress_add(r->ctx, n);
        goto done;
    }
    AKIN_TRY(par_for(r->ctx, 1, lists_begin, &job, err));
    AKIN_TRY(par_for(r->ctx, par_blocks(n, job.block), lists_block, &job, err));
done:
    return status;
}
