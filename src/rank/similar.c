/*
 * Similar items: by the model's own measure, else the cosine of item vectors.
 *
 * Cosine = gemm product / (length · length), lengths summed in double when the ranker was made; an
 * item of length zero compares with nothing. Cost: one pass over the index's bytes, or without an
 * exact one over the item vectors, on one core; the item itself never comes back.
 */
#include "rank/ranker.h"
#include "rank/topk.h"

#include <string.h>

struct similar_job {
    struct ranker *r;
    int32_t item;
    struct rank_options opt;
    struct ranked *list;
    int32_t *count;
};

static akin_status by_tiles(struct similar_job *job, struct rank_worker *w,
                            const struct eligible *e, struct topk *t, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct ranker *r = job->r;
    int64_t k = r->v.k;
    double own = r->norm[job->item];
    for (int32_t lo = 0; lo < r->n_items; lo += r->tile) {
        AKIN_TRY(ctx_check(r->ctx, err));
        int32_t size = r->n_items - lo < r->tile ? r->n_items - lo : r->tile;
        r->kern->gemm(1, size, k, r->v.items + job->item * k, k, r->packed + lo * k, w->scores,
                      size, 0);
        for (int32_t i = 0; i < size; i++) {
            double both = own * r->norm[lo + i];
            w->scores[i] = both > 0 ? (float)((double)w->scores[i] / both) : UNSCORED;
        }
        rank_row(r, w, e, &w->asker[0], lo, lo + size, w->scores, t);
    }
done:
    return status;
}

static akin_status by_cosine(struct similar_job *job, struct rank_worker *w,
                             const struct eligible *e, struct topk *t, akin_error *err)
{
    struct ranker *r = job->r;
    const struct asker *a = &w->asker[0];
    const struct index_ask ask = {.state = r->v.items + (int64_t)job->item * r->v.k,
                                  .exclude = w->out + a->out,
                                  .n_exclude = a->n_out,
                                  .top = t,
                                  .norm = r->norm,
                                  .own = r->norm[job->item]};
    if (!r->index || index_lists(r->index) > 1 || !(ask.own > 0))
        return by_tiles(job, w, e, t, err);
    return index_fill(r->index, w->search, &ask, 1, e->ok, e->n_ok, err);
}

static akin_status similar_block(void *arg, int64_t block, int worker, akin_error *err)
{
    (void)block;
    akin_status status = AKIN_OK;
    struct similar_job *job = arg;
    struct ranker *r = job->r;
    const struct scorer_class *cls = r->scorer.cls;
    struct rank_worker *w = NULL;
    AKIN_TRY(ranker_worker(r, worker, &w, err));
    struct eligible *e = &w->eligible;
    AKIN_TRY(eligible_build(r, e, &job->opt, 1, false, err));
    /* the item is the whole history of this query, so it is left out as seen */
    struct query q = {.user = -1, .hist = {.n = 1, .item = &job->item}};
    AKIN_TRY(askers_build(r, w, e, &job->opt, &q, 0, 1, err));
    if (cls->similar) {
        if (!w->ev.value)
            AKIN_TRY(evidence_init(r->ctx, r->n_items, &w->ev, err));
        evidence_clear(&w->ev);
        AKIN_TRY(cls->similar(r->scorer.self, job->item, &w->ev, &w->scratch, err));
        *job->count = rank_list_evidence(r, w, e, &w->asker[0], job->opt.k, job->list);
    } else {
        struct topk t;
        topk_init(&t, job->list, job->opt.k);
        AKIN_TRY(by_cosine(job, w, e, &t, err));
        *job->count = rank_finish(r, w, e, &w->asker[0], &t);
    }
done:
    if (w)
        rank_worker_reset(w);
    return status;
}

akin_status rank_similar(struct ranker *r, int32_t item, const struct rank_options *opt,
                         struct ranked *list, int32_t *count, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct similar_job job = {.r = r, .item = item, .opt = *opt, .list = list, .count = count};
    job.opt.include_seen = false;
    job.opt.allowed_seen = NULL;
    if (item < 0 || item >= r->n_items)
        AKIN_FAIL(AKIN_E_ARG, "similar: item index %d (must be 0..%d)", item, r->n_items - 1);
    if (opt->k < 0)
        AKIN_FAIL(AKIN_E_ARG, "similar: k=%d (must be >= 0)", opt->k);
    if (!r->scorer.cls->similar && !r->v.items)
        AKIN_FAIL(AKIN_E_UNSUPPORTED, "similar: this model compares no items");
    if (opt->k == 0) {
        *count = 0;
        goto done;
    }
    AKIN_TRY(par_for(r->ctx, 1, similar_block, &job, err));
done:
    return status;
}
