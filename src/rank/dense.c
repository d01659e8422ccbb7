/*
 * Values of a scorer for another scorer. Vectors go through the gemm that ranking uses: one chain
 * of fused multiply-adds over k an item, whole tiles or gathered ones, so that a part of a
 * composite has the scores that it has alone, bit for bit.
 *
 * Cost: what the model's form costs; evidence takes 9 bytes an item of scratch. Not done: the
 * index (a composite asks for all items).
 */
#include "rank/dense.h"

#include "kern/kern.h"
#include "rank/explain.h"

#include <string.h>

enum { DENSE_TILE = 1024, DENSE_GATHER = 64 };

akin_status dense_open(akin_ctx *ctx, const struct scorer *scorer, struct dense *out,
                       akin_error *err)
{
    akin_status status = AKIN_OK;
    struct dense d = {.ctx = ctx, .scorer = *scorer};
    if (scorer->cls->vectors && scorer->cls->fold_in)
        scorer->cls->vectors(scorer->self, &d.v);
    if (!d.v.items || d.v.k < 0)
        memset(&d.v, 0, sizeof d.v);
    if (d.v.items) {
        int64_t k = d.v.k;
        MEM_NEW(ctx, d.packed, kern_packed_size(scorer->n_items, k));
        for (int64_t lo = 0; lo < scorer->n_items; lo += DENSE_TILE) {
            int64_t n = scorer->n_items - lo < DENSE_TILE ? scorer->n_items - lo : DENSE_TILE;
            AKIN_TRY(ctx_check(ctx, err));
            ctx->kern->pack(d.v.items + lo * k, k, n, k, d.packed + lo * k);
        }
    }
    *out = d;
    d.packed = NULL;
done:
    mem_free(ctx, d.packed);
    return status;
}

void dense_close(struct dense *d)
{
    if (d->packed)
        mem_free(d->ctx, d->packed);
    memset(d, 0, sizeof *d);
}

static inline int32_t set_item(const struct item_set *set, int32_t i)
{
    return set->ids ? set->ids[i] : set->lo + i;
}

/* n <= DENSE_GATHER items from the first-th of the set. */
static void gather(const struct dense *d, const float *states, int32_t m,
                   const struct item_set *set, int32_t first, int32_t n, float *rows, float *panels,
                   float *out, int64_t ldo)
{
    int64_t k = d->v.k;
    for (int32_t i = 0; i < n; i++)
        memcpy(rows + i * k, d->v.items + set_item(set, first + i) * k, (size_t)k * sizeof(float));
    d->ctx->kern->pack(rows, k, n, k, panels);
    for (int32_t j = 0; j < m && d->v.bias; j++) {
        for (int32_t i = 0; i < n; i++)
            out[j * ldo + i] = d->v.bias[set_item(set, first + i)];
    }
    d->ctx->kern->gemm(m, n, k, states, k, panels, out, ldo, d->v.bias != NULL);
}

static akin_status by_vectors(const struct dense *d, const struct query *q, int32_t m,
                              const struct item_set *set, float *out, int64_t ldo,
                              struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t k = d->v.k;
    int32_t n = item_set_size(set);
    float *rows = NULL, *panels = NULL;
    float *states = arena_alloc(scratch, m * k, sizeof(float), err);
    bool is_whole = !set->ids && set->lo % KERN_PANEL == 0;
    if (!states)
        AKIN_TRY(AKIN_E_MEMORY);
    for (int32_t j = 0; j < m; j++)
        AKIN_TRY(d->scorer.cls->fold_in(d->scorer.self, &q[j], states + j * k, scratch, err));
    if (!is_whole &&
        (!(rows = arena_alloc(scratch, DENSE_GATHER * k, sizeof(float), err)) ||
         !(panels = arena_alloc(scratch, kern_packed_size(DENSE_GATHER, k), sizeof(float), err))))
        AKIN_TRY(AKIN_E_MEMORY);
    int32_t tile = is_whole ? DENSE_TILE : DENSE_GATHER;
    for (int32_t lo = 0; lo < n; lo += tile) {
        int32_t size = n - lo < tile ? n - lo : tile;
        AKIN_TRY(ctx_check(d->ctx, err));
        if (!is_whole) {
            gather(d, states, m, set, lo, size, rows, panels, out + lo, ldo);
            continue;
        }
        int64_t first = set->lo + lo;
        for (int32_t j = 0; j < m && d->v.bias; j++)
            memcpy(out + j * ldo + lo, d->v.bias + first, (size_t)size * sizeof(float));
        d->ctx->kern->gemm(m, size, k, states, k, d->packed + first * k, out + lo, ldo,
                           d->v.bias != NULL);
    }
done:
    return status;
}

static akin_status scratch_evidence(const struct dense *d, struct arena *scratch,
                                    struct evidence *out, akin_error *err)
{
    int64_t n = d->scorer.n_items;
    *out = (struct evidence){.n_items = d->scorer.n_items};
    out->value = arena_alloc(scratch, n, sizeof *out->value, err);
    out->seen = out->value ? arena_alloc(scratch, n, sizeof *out->seen, err) : NULL;
    out->items = out->seen ? arena_alloc(scratch, n, sizeof *out->items, err) : NULL;
    return out->items ? AKIN_OK : AKIN_E_MEMORY;
}

static akin_status by_evidence(const struct dense *d, const struct query *q, int32_t m,
                               const struct item_set *set, float *out, int64_t ldo,
                               struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct evidence e;
    int32_t n = item_set_size(set);
    AKIN_TRY(scratch_evidence(d, scratch, &e, err));
    for (int32_t j = 0; j < m; j++) {
        AKIN_TRY(ctx_check(d->ctx, err));
        evidence_clear(&e);
        AKIN_TRY(d->scorer.cls->evidence(d->scorer.self, &q[j], &e, scratch, err));
        for (int32_t i = 0; i < n; i++) {
            int32_t item = set_item(set, i);
            out[j * ldo + i] = e.seen[item] ? e.value[item] : UNSCORED;
        }
    }
done:
    return status;
}

akin_status dense_score(const struct dense *d, const struct query *queries, int32_t n_queries,
                        const struct item_set *set, float *out, int64_t ldo, struct arena *scratch,
                        akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct scorer_class *cls = d->scorer.cls;
    int32_t n = item_set_size(set);
    if (n <= 0 || n_queries <= 0)
        return AKIN_OK;
    if (d->v.items)
        AKIN_TRY(by_vectors(d, queries, n_queries, set, out, ldo, scratch, err));
    else if (cls->evidence && !(set->ids && cls->score))
        AKIN_TRY(by_evidence(d, queries, n_queries, set, out, ldo, scratch, err));
    else
        AKIN_TRY(cls->score(d->scorer.self, queries, n_queries, set, out, ldo, scratch, err));
    for (int32_t j = 0; j < n_queries; j++) {
        for (int32_t i = 0; i < n; i++) {
            if (isnan(out[j * ldo + i]))
                out[j * ldo + i] = UNSCORED;
        }
    }
done:
    return status;
}

struct dense_scores {
    const struct dense *d;
    struct arena arena;
};

static akin_status score_of(void *arg, const struct query *q, int32_t item, float *score,
                            akin_error *err)
{
    struct dense_scores *s = arg;
    const struct item_set set = {.ids = &item, .n = 1};
    akin_status status = dense_score(s->d, q, 1, &set, score, 1, &s->arena, err);
    arena_reset_keep(&s->arena);
    return status;
}

akin_status dense_explain(const struct dense *d, const struct query *q, int32_t item,
                          struct reason *out, int32_t max, int32_t *n, struct arena *scratch,
                          akin_error *err)
{
    *n = 0;
    if (d->scorer.cls->explain)
        return d->scorer.cls->explain(d->scorer.self, q, item, out, max, n, scratch, err);
    struct dense_scores own = {.d = d};
    const struct explain_scores scores = {score_of, &own};
    arena_init(&own.arena, d->ctx);
    akin_status status = explain_leave_out(d->ctx, q, item, &scores, scratch, out, max, n, err);
    arena_free(&own.arena);
    return status;
}

akin_status dense_similar(const struct dense *d, int32_t item, struct evidence *out, bool *can,
                          struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct kern *kern = d->ctx->kern;
    *can = d->scorer.cls->similar || d->v.items;
    if (d->scorer.cls->similar)
        return d->scorer.cls->similar(d->scorer.self, item, out, scratch, err);
    if (!d->v.items)
        return AKIN_OK;
    int64_t k = d->v.k;
    const float *own = d->v.items + item * k;
    double length = sqrt(kern->dot64(own, own, k));
    for (int32_t i = 0; i < d->scorer.n_items && length > 0; i++) {
        const float *x = d->v.items + i * k;
        double norm = sqrt(kern->dot64(x, x, k));
        if (i % DENSE_TILE == 0)
            AKIN_TRY(ctx_check(d->ctx, err));
        if (i != item && norm > 0)
            evidence_add(out, i, (float)(kern->dot64(own, x, k) / (length * norm)));
    }
done:
    return status;
}
