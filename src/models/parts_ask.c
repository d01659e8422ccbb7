/*
 * What composites do with their parts' answers: numbers one a part, constants that bring scores
 * onto one scale, the top of a part's order, reasons and near items of several parts.
 *
 * Scale: over users sampled by a hash, all items but those of the history; items that a part says
 * nothing about count as the lowest score it gave anybody, at the fit and in every request. One
 * pass in double; users are folded in order, so threads do not matter.
 */
#include "core/par.h"
#include "core/rng.h"
#include "core/text.h"
#include "models/model_impl.h"
#include "models/parts.h"

#include <float.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

akin_status parts_numbers(const struct model *m, const char *key, const json_t *list,
                          double otherwise, double lo, double hi, double *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    size_t n = json_array_size(list);
    if (list && n != (size_t)m->n_parts)
        AKIN_FAIL(AKIN_E_ARG, "%s: %s has %zu numbers for %d parts", m->cls->name, key, n,
                  m->n_parts);
    for (int32_t p = 0; p < m->n_parts; p++) {
        const json_t *given = list ? json_array_get(list, (size_t)p) : NULL;
        const char *text = json_string_value(given);
        out[p] = list ? json_number_value(given) : otherwise;
        bool is_number =
            !list || (text ? text_to_double(text, strlen(text), &out[p]) : json_is_number(given));
        if (!is_number || !(out[p] >= lo && out[p] <= hi))
            AKIN_FAIL(AKIN_E_ARG, "%s: %s of part %d (must be a number %g..%g)", m->cls->name, key,
                      p + 1, lo, hi);
    }
done:
    return status;
}

/* ---- Scale ---------------------------------------------------------------------------------- */

struct scale_sum {
    double sum, square, low;
    int64_t n, n_all; /* items with a score; all that count */
};

struct scale_job {
    const struct model *m;
    const int32_t *users;  /* sampled */
    struct scale_sum *sum; /* (users, n_parts) */
};

static void scale_add(struct scale_sum *to, const float *score, const uint8_t *seen, int32_t n)
{
    for (int32_t i = 0; i < n; i++) {
        if (seen[i])
            continue;
        to->n_all++;
        if (!(score[i] > UNSCORED))
            continue;
        double s = (double)score[i];
        to->sum += s;
        to->square += s * s;
        to->low = to->n == 0 || s < to->low ? s : to->low;
        to->n++;
    }
}

static akin_status scale_block(void *arg, int64_t block, int worker, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct scale_job *job = arg;
    const struct model *m = job->m;
    struct arena scratch;
    (void)worker;
    arena_init(&scratch, m->ctx);
    int32_t n = m->items.n;
    const struct query q = model_query_user(m, job->users[block]);
    const struct item_set all = {.lo = 0, .hi = n};
    float *score;
    uint8_t *seen;
    for (int32_t p = 0; p < m->n_parts; p++) {
        if (!(seen = arena_alloc(&scratch, n, 1, err)) ||
            !(score = arena_alloc(&scratch, n, sizeof *score, err)))
            AKIN_TRY(AKIN_E_MEMORY);
        for (int32_t e = 0; e < q.hist.n; e++)
            seen[q.hist.item[e]] = 1;
        AKIN_TRY(dense_score(&m->ask[p], &q, 1, &all, score, n, &scratch, err));
        scale_add(&job->sum[block * m->n_parts + p], score, seen, n);
        arena_reset_keep(&scratch);
    }
done:
    arena_free(&scratch);
    return status;
}

/* Of the sums of all sampled users, in their order. */
static struct parts_scale scale_of(const struct scale_sum *sum, int64_t n_users, int32_t stride)
{
    struct scale_sum all = {0};
    for (int64_t u = 0; u < n_users; u++) {
        const struct scale_sum *s = &sum[u * stride];
        if (s->n > 0 && (all.n == 0 || s->low < all.low))
            all.low = s->low;
        all.sum += s->sum;
        all.square += s->square;
        all.n += s->n;
        all.n_all += s->n_all;
    }
    struct parts_scale out = {.inv_sd = 1, .low = all.low};
    if (all.n == 0)
        return out;
    double n = (double)all.n_all, rest = n - (double)all.n;
    out.mean = (all.sum + rest * all.low) / n;
    double variance = (all.square + rest * all.low * all.low) / n - out.mean * out.mean;
    if (variance > 1e-12 * (out.mean * out.mean + (double)FLT_MIN))
        out.inv_sd = 1 / sqrt(variance);
    return out;
}

/* Users with a history whose hash is low; about `sample` of them, all if they are fewer. */
static akin_status sample_users(const struct model *m, uint64_t seed, int64_t sample, int32_t **out,
                                int64_t *n, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t n_active = 0;
    int32_t *users = NULL;
    for (int32_t u = 0; u < m->users.n; u++)
        n_active += histories_of(&m->hist, u).n > 0;
    double share = n_active > sample ? (double)sample / (double)n_active : 1;
    MEM_NEW(m->ctx, users, m->users.n);
    *n = 0;
    for (int32_t u = 0; u < m->users.n; u++) {
        if (histories_of(&m->hist, u).n == 0)
            continue;
        double draw = (double)(rng_u64(seed, RNG_PARTS_USERS, (uint64_t)u, 0) >> 11) * 0x1p-53;
        if (draw < share)
            users[(*n)++] = u;
    }
    *out = users;
done:
    return status;
}

akin_status parts_scale_fit(const struct model *m, const struct train_view *tv, int64_t sample,
                            struct parts_scale *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct scale_job job = {.m = m};
    int32_t *users = NULL;
    int64_t n = 0;
    AKIN_TRY(sample_users(m, tv->seed, sample, &users, &n, err));
    MEM_ZERO(m->ctx, job.sum, n * m->n_parts);
    job.users = users;
    AKIN_TRY(par_for(m->ctx, n, scale_block, &job, err));
    for (int32_t p = 0; p < m->n_parts; p++)
        out[p] = scale_of(job.sum + p, n, m->n_parts);
done:
    mem_free(m->ctx, job.sum);
    mem_free(m->ctx, users);
    return status;
}

akin_status parts_scale_save(const struct model *m, const struct parts_scale *s,
                             struct container_writer *w, akin_error *err)
{
    return container_add(w, "m.scale", CONTAINER_REQUIRED, s,
                         m->n_parts * (int64_t)sizeof(struct parts_scale), err);
}

akin_status parts_scale_load(const struct model *m, struct container *c, struct parts_scale *s,
                             akin_error *err)
{
    akin_status status = AKIN_OK;
    const void *data;
    int64_t n;
    AKIN_TRY(container_get(c, "m.scale", sizeof *s, false, &data, &n, err));
    if (n != m->n_parts)
        AKIN_FAIL(AKIN_E_FORMAT, "%s: section m.scale has %" PRId64 " rows for %d parts",
                  container_path(c), n, m->n_parts);
    memcpy(s, data, (size_t)n * sizeof *s);
    for (int64_t p = 0; p < n; p++) {
        if (!(fabs(s[p].mean) <= DBL_MAX && fabs(s[p].low) <= DBL_MAX && s[p].inv_sd > 0 &&
              s[p].inv_sd <= DBL_MAX))
            AKIN_FAIL(AKIN_E_FORMAT, "%s: section m.scale: part %" PRId64 " has no scale",
                      container_path(c), p + 1);
    }
done:
    return status;
}

/* ---- The top of a part ---------------------------------------------------------------------- */

static int by_item(const void *a, const void *b)
{
    const struct parts_place *x = a, *y = b;
    return (x->item > y->item) - (x->item < y->item);
}

/* Items of the history that score like the best: each once, by item. */
static int32_t places_of_history(const struct query *q, const struct ranked *top, int32_t n_top,
                                 int32_t most, const float *score, uint8_t *seen,
                                 struct parts_place *out)
{
    int32_t n = 0;
    for (int32_t e = 0; e < q->hist.n; e++) {
        int32_t item = q->hist.item[e], lo = 0, hi = n_top;
        struct ranked x = {item, item < 0 ? UNSCORED : score[item]};
        if (item < 0 || seen[item] != 1 || !(x.score > UNSCORED))
            continue;
        seen[item] = 2;
        while (lo < hi) {
            int32_t mid = lo + (hi - lo) / 2;
            if (ranked_before(&top[mid], &x))
                lo = mid + 1;
            else
                hi = mid;
        }
        if (lo < most)
            out[n++] = (struct parts_place){item, lo + 1, x.score};
    }
    qsort(out, (size_t)n, sizeof *out, by_item);
    return n;
}

akin_status parts_top(const struct model *m, int32_t p, const struct query *q, int32_t n_top,
                      struct parts_place **out, int32_t *n, float **score, struct arena *scratch,
                      akin_error *err)
{
    akin_status status = AKIN_OK;
    int32_t n_items = m->items.n;
    const struct item_set all = {.lo = 0, .hi = n_items};
    struct topk t;
    struct ranked *top = NULL;
    struct parts_place *places = NULL;
    uint8_t *seen = arena_alloc(scratch, n_items, 1, err);
    float *s = arena_alloc(scratch, n_items, sizeof *s, err);
    n_top = n_top < n_items ? n_top : n_items;
    if (!seen || !s || !(top = arena_alloc(scratch, n_top, sizeof *top, err)) ||
        !(places = arena_alloc(scratch, (int64_t)n_top + q->hist.n, sizeof *places, err)))
        AKIN_TRY(AKIN_E_MEMORY);
    AKIN_TRY(dense_score(&m->ask[p], q, 1, &all, s, n_items, scratch, err));
    for (int32_t e = 0; e < q->hist.n; e++) {
        if (q->hist.item[e] >= 0)
            seen[q->hist.item[e]] = 1;
    }
    topk_init(&t, top, n_top);
    for (int32_t i = 0; i < n_items; i++) {
        if (!seen[i] && s[i] > topk_bound(&t))
            topk_push(&t, i, s[i]);
    }
    topk_sort(&t);
    for (int32_t j = 0; j < t.n; j++)
        places[j] = (struct parts_place){top[j].item, j + 1, top[j].score};
    *n = t.n + places_of_history(q, top, t.n, n_top, s, seen, places + t.n);
    *out = places;
    *score = s;
done:
    return status;
}

/* ---- Reasons and near items ----------------------------------------------------------------- */

static int reason_by_item(const void *a, const void *b)
{
    const struct reason *x = a, *y = b;
    return (x->item > y->item) - (x->item < y->item);
}

/* Sums reasons by item in double, in the order of parts: a sort of (item, part) pairs. */
static void sum_reasons(struct reason *list, int32_t n, const struct reason *more, int32_t n_more,
                        double weight)
{
    for (int32_t j = 0; j < n_more; j++) {
        struct reason *at = bsearch(&more[j], list, (size_t)n, sizeof *list, reason_by_item);
        if (at)
            at->contribution =
                (float)((double)at->contribution + weight * (double)more[j].contribution);
    }
}

akin_status parts_explain(const struct model *m, const struct query *q, int32_t item,
                          const double *weight, struct reason *out, int32_t max, int32_t *n,
                          struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    int32_t n_own = 0, most = q->hist.n, n_part;
    struct reason *own = arena_alloc(scratch, most, sizeof *own, err);
    struct reason *part = own ? arena_alloc(scratch, most, sizeof *part, err) : NULL;
    *n = 0;
    if (!part)
        AKIN_TRY(AKIN_E_MEMORY);
    for (int32_t e = 0; e < most; e++)
        if (q->hist.item[e] >= 0)
            own[n_own++] = (struct reason){q->hist.item[e], 0};
    qsort(own, (size_t)n_own, sizeof *own, reason_by_item);
    most = n_own;
    n_own = 0;
    for (int32_t e = 0; e < most; e++) {
        if (n_own == 0 || own[n_own - 1].item != own[e].item)
            own[n_own++] = own[e];
    }
    for (int32_t p = 0; p < m->n_parts && n_own > 0; p++) {
        if (!(weight[p] > 0 || weight[p] < 0))
            continue;
        n_part = 0;
        AKIN_TRY(dense_explain(&m->ask[p], q, item, part, n_own, &n_part, scratch, err));
        sum_reasons(own, n_own, part, n_part, weight[p]);
    }
    for (int32_t e = 0; e < n_own; e++) {
        if (own[e].contribution > 0 || own[e].contribution < 0)
            *n = reason_put(out, max, *n, own[e].item, own[e].contribution);
    }
done:
    return status;
}

akin_status parts_similar(const struct model *m, int32_t item, struct evidence *out,
                          struct arena *scratch, akin_error *err)
{
    enum { NEAR = 200 };
    akin_status status = AKIN_OK;
    struct ranked top[NEAR];
    struct evidence e = {.n_items = m->items.n};
    bool any = false;
    if (!(e.value = arena_alloc(scratch, e.n_items, sizeof *e.value, err)) ||
        !(e.seen = arena_alloc(scratch, e.n_items, sizeof *e.seen, err)) ||
        !(e.items = arena_alloc(scratch, e.n_items, sizeof *e.items, err)))
        AKIN_TRY(AKIN_E_MEMORY);
    for (int32_t p = 0; p < m->n_parts; p++) {
        struct topk t;
        bool can = false;
        akin_error inner;
        evidence_clear(&e);
        status = dense_similar(&m->ask[p], item, &e, &can, scratch, &inner);
        if (status == AKIN_E_UNSUPPORTED) /* a composite that compares none */
            continue;
        if (status != AKIN_OK)
            AKIN_FAIL(status, "%s", inner.message);
        any |= can;
        topk_init(&t, top, NEAR);
        for (int32_t j = 0; j < e.n; j++) {
            float value = e.value[e.items[j]];
            if (e.items[j] != item && value > UNSCORED)
                topk_push(&t, e.items[j], value);
        }
        topk_sort(&t);
        for (int32_t j = 0; j < t.n; j++)
            evidence_add(out, top[j].item, (float)(1.0 / (PARTS_FOLD_K + 1 + j)));
    }
    status = AKIN_OK;
    if (!any)
        AKIN_FAIL(AKIN_E_UNSUPPORTED, "similar: no part of this %s compares items", m->cls->name);
done:
    return status;
}

uint32_t parts_flags(const struct model *m)
{
    uint32_t flags = SCORER_RATES | SCORER_ITEMS_ONLY;
    for (int32_t p = 0; p < m->n_parts; p++)
        flags &= m->ask[p].scorer.flags;
    return flags;
}

const struct features *parts_context(const struct model *m)
{
    for (int32_t p = 0; p < m->n_parts; p++) {
        const struct model *part = m->part[p];
        const struct features *own = part->cls->context ? part->cls->context(part) : NULL;
        if (own)
            return own;
    }
    return NULL;
}
