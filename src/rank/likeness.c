/*
 * Users like given users.
 *
 * The mean of cosines is one product with the mean of the seeds' normalised states, so that a
 * thousand seeds cost no more than one. Jaccard has no such mean: an inverted index leads from an
 * item to the seeds that have it. Sums are in double: over the state's places; over the seeds as
 * the user's history leads to them, item by item, lower seeds first.
 *
 * Not done: sketches of histories (exact answers are wanted, and a batch may take its time).
 */
#include "rank/likeness.h"
#include "rank/ranker.h"
#include "rank/topk.h"

#include <inttypes.h>
#include <string.h>

struct likeness {
    struct ranker *r; /* borrowed */
    int32_t n_seeds;  /* that can be compared */
    double *mean;     /* (k) of normalised states; NULL = by positives */
    /* by positives */
    int64_t *ptr;    /* (n_items + 1) */
    int32_t *seed;   /* seeds that have the item, ascending */
    int32_t *n_own;  /* (seeds given) distinct positives */
    int32_t *both;   /* (n_workers, seeds given) in common with one query; 0 between queries */
    int32_t *hit;    /* (n_workers, seeds given) whose count is not 0 */
    int32_t n_given; /* seeds given */
};

struct score_job {
    struct likeness *x;
    const struct query *queries;
    int64_t n;
    int32_t block;
    float *out;
};

static bool is_positive(const struct history *h, int32_t e)
{
    return !h->weight || h->weight[e] > 0.0f;
}

/* ---- By states ---- */

static double product(const double *a, const float *b, int32_t k)
{
    double sum = 0.0;
    for (int32_t t = 0; t < k; t++)
        sum += a[t] * (double)b[t];
    return sum;
}

static double length_of(const float *a, int32_t k)
{
    double sum = 0.0;
    for (int32_t t = 0; t < k; t++)
        sum += (double)a[t] * (double)a[t];
    return sqrt(sum);
}

static akin_status mean_states(struct likeness *x, struct rank_worker *w, const struct query *seeds,
                               int32_t n, akin_error *err)
{
    akin_status status = AKIN_OK;
    int32_t k = x->r->v.k;
    for (int32_t lo = 0; lo < n; lo += RANK_QUERIES) {
        int32_t m = n - lo < RANK_QUERIES ? n - lo : RANK_QUERIES;
        AKIN_TRY(rank_states(x->r, w, seeds + lo, m, err));
        for (int32_t j = 0; j < m; j++) {
            const float *state = w->states + (int64_t)j * k;
            double length = length_of(state, k);
            if (!(length > 0.0))
                continue;
            x->n_seeds++;
            for (int32_t t = 0; t < k; t++)
                x->mean[t] += (double)state[t] / length;
        }
    }
    for (int32_t t = 0; t < k && x->n_seeds > 0; t++)
        x->mean[t] /= (double)x->n_seeds;
done:
    return status;
}

static akin_status score_states(struct likeness *x, struct rank_worker *w,
                                const struct query *queries, int32_t m, float *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    int32_t k = x->r->v.k;
    AKIN_TRY(rank_states(x->r, w, queries, m, err));
    for (int32_t j = 0; j < m; j++) {
        const float *state = w->states + (int64_t)j * k;
        double length = length_of(state, k);
        out[j] = length > 0.0 ? (float)(product(x->mean, state, k) / length) : UNSCORED;
    }
done:
    return status;
}

/* ---- By positives ---- */

/* The distinct positives of a history into out (room for h->n); seen: all 0 before and after. */
static int32_t positives(const struct history *h, uint64_t *seen, int32_t *out)
{
    int32_t n = 0;
    for (int32_t e = 0; e < h->n; e++) {
        if (!is_positive(h, e) || bit_get(seen, h->item[e]))
            continue;
        bit_flip(seen, h->item[e]);
        out[n++] = h->item[e];
    }
    for (int32_t i = 0; i < n; i++)
        bit_flip(seen, out[i]);
    return n;
}

static int32_t *room_for(struct rank_worker *w, const struct history *h, akin_error *err)
{
    arena_reset_keep(&w->own);
    return arena_alloc(&w->own, (int64_t)h->n + 1, sizeof(int32_t), err);
}

/* Two passes over the seeds: how many have an item, then which. */
static akin_status index_seeds(struct likeness *x, struct rank_worker *w, const struct query *seeds,
                               akin_error *err)
{
    akin_status status = AKIN_OK;
    int32_t n_items = x->r->n_items;
    for (int pass = 0; pass < 2; pass++) {
        for (int32_t s = 0; s < x->n_given; s++) {
            int32_t *items = room_for(w, &seeds[s].hist, err);
            if (!items)
                AKIN_TRY(AKIN_E_MEMORY);
            x->n_own[s] = positives(&seeds[s].hist, w->flip, items);
            for (int32_t i = 0; i < x->n_own[s]; i++) {
                if (pass == 0)
                    x->ptr[items[i] + 1]++;
                else
                    x->seed[x->ptr[items[i]]++] = s;
            }
            x->n_seeds += pass == 0 && x->n_own[s] > 0;
        }
        if (pass == 0) {
            for (int32_t i = 0; i < n_items; i++)
                x->ptr[i + 1] += x->ptr[i];
            MEM_NEW(x->r->ctx, x->seed, x->ptr[n_items]);
        }
    }
    /* filling has moved every start to the next one's */
    memmove(x->ptr + 1, x->ptr, (size_t)n_items * sizeof *x->ptr);
    x->ptr[0] = 0;
done:
    return status;
}

/* The mean over the seeds: those that have nothing in common add 0. */
static akin_status score_positives(struct likeness *x, struct rank_worker *w, int worker,
                                   const struct query *q, float *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    int32_t *both = x->both + (int64_t)worker * x->n_given;
    int32_t *hit = x->hit + (int64_t)worker * x->n_given;
    int32_t *items = room_for(w, &q->hist, err);
    int32_t n_hit = 0;
    double sum = 0.0;
    if (!items)
        AKIN_TRY(AKIN_E_MEMORY);
    int32_t n = positives(&q->hist, w->flip, items);
    for (int32_t i = 0; i < n; i++) {
        for (int64_t e = x->ptr[items[i]]; e < x->ptr[items[i] + 1]; e++) {
            if (both[x->seed[e]]++ == 0)
                hit[n_hit++] = x->seed[e];
        }
    }
    for (int32_t i = 0; i < n_hit; i++) {
        int32_t s = hit[i];
        sum += (double)both[s] / (double)(x->n_own[s] + n - both[s]);
        both[s] = 0;
    }
    *out = n_hit > 0 ? (float)(sum / (double)x->n_seeds) : UNSCORED;
done:
    return status;
}

/* ---- Both ---- */

static akin_status begin_block(void *arg, int64_t block, int worker, akin_error *err)
{
    (void)block;
    akin_status status = AKIN_OK;
    struct score_job *job = arg;
    struct likeness *x = job->x;
    struct ranker *r = x->r;
    struct rank_worker *w;
    AKIN_TRY(ranker_worker(r, worker, &w, err));
    if (r->mode == RANK_VECTORS && !(r->scorer.flags & SCORER_RATES)) {
        MEM_ZERO(r->ctx, x->mean, r->v.k);
        AKIN_TRY(mean_states(x, w, job->queries, x->n_given, err));
        goto done;
    }
    MEM_ZERO(r->ctx, x->ptr, (int64_t)r->n_items + 1);
    MEM_NEW(r->ctx, x->n_own, x->n_given);
    MEM_ZERO(r->ctx, x->both, (int64_t)r->n_workers * x->n_given);
    MEM_NEW(r->ctx, x->hit, (int64_t)r->n_workers * x->n_given);
    AKIN_TRY(index_seeds(x, w, job->queries, err));
done:
    return status;
}

akin_status likeness_create(struct ranker *r, const struct query *seeds, int32_t n,
                            struct likeness **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct likeness *x = NULL;
    if (n < 1)
        AKIN_FAIL(AKIN_E_ARG, "likeness: %d seeds (must be at least 1)", n);
    MEM_ZERO(r->ctx, x, 1);
    x->r = r;
    x->n_given = n;
    struct score_job job = {.x = x, .queries = seeds};
    AKIN_TRY(par_for(r->ctx, 1, begin_block, &job, err));
    *out = x;
    x = NULL;
done:
    likeness_free(x);
    return status;
}

void likeness_free(struct likeness *x)
{
    if (!x)
        return;
    akin_ctx *ctx = x->r->ctx;
    mem_free(ctx, x->mean);
    mem_free(ctx, x->ptr);
    mem_free(ctx, x->seed);
    mem_free(ctx, x->n_own);
    mem_free(ctx, x->both);
    mem_free(ctx, x->hit);
    mem_free(ctx, x);
}

int32_t likeness_seeds(const struct likeness *x)
{
    return x->n_seeds;
}

static akin_status score_block(void *arg, int64_t block, int worker, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct score_job *job = arg;
    struct likeness *x = job->x;
    struct rank_worker *w;
    int64_t lo = par_lo(block, job->block);
    int32_t m = (int32_t)(par_hi(block, job->block, job->n) - lo);
    AKIN_TRY(ranker_worker(x->r, worker, &w, err));
    if (x->mean) {
        AKIN_TRY(score_states(x, w, job->queries + lo, m, job->out + lo, err));
    } else {
        for (int32_t j = 0; j < m; j++) {
            AKIN_TRY(ctx_check(x->r->ctx, err));
            AKIN_TRY(score_positives(x, w, worker, &job->queries[lo + j], &job->out[lo + j], err));
        }
    }
    progress_add(x->r->ctx, m);
done:
    return status;
}

akin_status likeness_score(struct likeness *x, const struct query *queries, int64_t n, float *out,
                           akin_error *err)
{
    struct score_job job = {
        .x = x, .queries = queries, .n = n, .block = ranker_block(x->r, n), .out = out};
    if (x->n_seeds == 0) {
        for (int64_t j = 0; j < n; j++)
            out[j] = UNSCORED;
        return AKIN_OK;
    }
    return par_for(x->r->ctx, par_blocks(n, job.block), score_block, &job, err);
}

akin_status likeness_rank(struct likeness *x, const struct query *queries, int64_t n, int32_t k,
                          struct ranked *list, int32_t *count, akin_error *err)
{
    akin_status status = AKIN_OK;
    float *scores = NULL;
    struct topk t;
    *count = 0;
    if (k < 0)
        AKIN_FAIL(AKIN_E_ARG, "likeness: k=%d (must be >= 0)", k);
    if (n < 0 || n > INT32_MAX)
        AKIN_FAIL(AKIN_E_LIMIT, "likeness: %" PRId64 " users (at most %d)", n, INT32_MAX);
    if (k == 0 || n == 0)
        goto done;
    MEM_NEW(x->r->ctx, scores, n);
    AKIN_TRY(likeness_score(x, queries, n, scores, err));
    topk_init(&t, list, k < n ? k : (int32_t)n);
    for (int32_t u = 0; u < (int32_t)n; u++) {
        if (scores[u] > topk_bound(&t))
            topk_push(&t, u, scores[u]);
    }
    topk_sort(&t);
    *count = t.n;
done:
    mem_free(x->r->ctx, scores);
    return status;
}
