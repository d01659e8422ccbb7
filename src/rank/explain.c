/*
 * Reasons: what each of the asker's own items adds to a score.
 *
 * A model that can say so does; for the others one history item after another is left out (all its
 * events), the asker is folded in again, and the change of the score is what the item contributed.
 * Cost of the default: one fold-in and one score a distinct item among the newest 200 events.
 * Contributions need not sum to the score: items explain each other.
 */
#include "rank/explain.h"
#include "rank/ranker.h"

#include <string.h>

struct explain_job {
    struct ranker *r;
    const struct query *q;
    int32_t item;
    struct reason *out;
    int32_t max;
    int32_t n;
};

/* The history with an item left out: arrays (n) as h has them, others NULL. */
struct rest {
    int32_t *item;
    float *weight;
    float *value;
    int64_t *time;
    uint8_t *type;
};

static akin_status rest_init(struct rest *rest, const struct history *h, struct arena *arena,
                             akin_error *err)
{
    akin_status status = AKIN_OK;
    memset(rest, 0, sizeof *rest);
    if (!(rest->item = arena_alloc(arena, h->n, sizeof *h->item, err)) ||
        (h->weight && !(rest->weight = arena_alloc(arena, h->n, sizeof *h->weight, err))) ||
        (h->value && !(rest->value = arena_alloc(arena, h->n, sizeof *h->value, err))) ||
        (h->time && !(rest->time = arena_alloc(arena, h->n, sizeof *h->time, err))) ||
        (h->type && !(rest->type = arena_alloc(arena, h->n, sizeof *h->type, err))))
        status = AKIN_E_MEMORY;
    return status;
}

/* The events of h that are not of `item`. */
static struct history history_without(const struct history *h, int32_t item,
                                      const struct rest *rest)
{
    struct history out = {0, rest->item, rest->weight, rest->value, rest->time, rest->type};
    int32_t m = 0;
    for (int32_t e = 0; e < h->n; e++) {
        if (h->item[e] == item)
            continue;
        rest->item[m] = h->item[e];
        if (rest->weight)
            rest->weight[m] = h->weight[e];
        if (rest->value)
            rest->value[m] = h->value[e];
        if (rest->time)
            rest->time[m] = h->time[e];
        if (rest->type)
            rest->type[m] = h->type[e];
        m++;
    }
    out.n = m;
    return out;
}

/* True if a newer event has the same item: it was left out already. */
static bool is_repeat(const struct history *h, int32_t event)
{
    for (int32_t e = event + 1; e < h->n; e++) {
        if (h->item[e] == h->item[event])
            return true;
    }
    return false;
}

akin_status explain_leave_out(akin_ctx *ctx, const struct query *asked, int32_t item,
                              const struct explain_scores *scores, struct arena *arena,
                              struct reason *out, int32_t max, int32_t *n, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct history *h = &asked->hist;
    struct query q = *asked;
    struct rest rest;
    float base;
    q.is_trained = false; /* fold in, also for the whole history: differences of like with like */
    AKIN_TRY(scores->of(scores->arg, &q, item, &base, err));
    if (!(base > UNSCORED))
        goto done;
    AKIN_TRY(rest_init(&rest, h, arena, err));
    int32_t oldest = h->n > RANK_EXPLAIN_MAX ? h->n - RANK_EXPLAIN_MAX : 0;
    for (int32_t e = h->n - 1; e >= oldest; e--) {
        float less;
        AKIN_TRY(ctx_check(ctx, err));
        if (h->item[e] < 0 || is_repeat(h, e))
            continue;
        q.hist = history_without(h, h->item[e], &rest);
        AKIN_TRY(scores->of(scores->arg, &q, item, &less, err));
        float change = less > UNSCORED ? base - less : base;
        if (change < 0.0f || change > 0.0f)
            *n = reason_put(out, max, *n, h->item[e], change);
    }
done:
    return status;
}

/* Scores of one ranker's worker. */
struct ranker_scores {
    struct ranker *r;
    struct rank_worker *w;
};

static akin_status score_of(void *arg, const struct query *q, int32_t item, float *score,
                            akin_error *err)
{
    struct ranker_scores *s = arg;
    return rank_score_ids(s->r, s->w, q, NULL, 1, &item, 1, score, 1, err);
}

static akin_status leave_out(struct explain_job *job, struct rank_worker *w, akin_error *err)
{
    struct ranker_scores own = {job->r, w};
    const struct explain_scores scores = {score_of, &own};
    return explain_leave_out(job->r->ctx, job->q, job->item, &scores, &w->own, job->out, job->max,
                             &job->n, err);
}

static akin_status explain_block(void *arg, int64_t block, int worker, akin_error *err)
{
    (void)block;
    akin_status status = AKIN_OK;
    struct explain_job *job = arg;
    const struct scorer *s = &job->r->scorer;
    struct rank_worker *w;
    AKIN_TRY(ranker_worker(job->r, worker, &w, err));
    if (s->cls->explain)
        status = s->cls->explain(s->self, job->q, job->item, job->out, job->max, &job->n,
                                 &w->scratch, err);
    else
        status = leave_out(job, w, err);
    rank_worker_reset(w);
    arena_reset_keep(&w->own);
done:
    return status;
}

akin_status rank_explain(struct ranker *r, const struct query *q, int32_t item, struct reason *out,
                         int32_t max, int32_t *n, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct explain_job job = {.r = r, .q = q, .item = item, .out = out, .max = max};
    if (item < 0 || item >= r->n_items)
        AKIN_FAIL(AKIN_E_ARG, "explain: item index %d (must be 0..%d)", item, r->n_items - 1);
    if (max > 0)
        AKIN_TRY(par_for(r->ctx, 1, explain_block, &job, err));
    *n = job.n;
done:
    return status;
}
