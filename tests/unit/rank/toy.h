/*
 * A scorer of random values for the tests of rank: by vectors, by evidence or by score, and the
 * definition of its values in plain C. Ties, NaN, -inf, -0.0 and untouched items are common.
 */
#ifndef TESTS_UNIT_RANK_TOY_H
#define TESTS_UNIT_RANK_TOY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/ctx.h"
#include "core/rng.h"
#include "kern/kern.h"
#include "rank/rank.h"

enum toy_mode { TOY_VECTORS, TOY_EVIDENCE, TOY_SCORE, TOY_MODES };

struct toy {
    enum toy_mode mode;
    uint64_t seed;
    int32_t n_items;
    int32_t k;
    float *vec;  /* (n_items, k) small whole numbers */
    float *bias; /* (n_items) or NULL */
    int32_t *count;
    struct scorer_class cls;
    struct scorer scorer;
};

static inline uint64_t toy_hash(const struct toy *toy, uint64_t a, uint64_t b)
{
    return rng_u64(toy->seed, RNG_TEST, a, b);
}

/* What the asker's history comes to: any change of it changes the values. */
static inline uint64_t toy_key(const struct query *q)
{
    uint64_t key = 7;
    for (int32_t e = 0; e < q->hist.n; e++)
        key += (uint64_t)(q->hist.item[e] + 1) * 31;
    return key;
}

static inline bool toy_touches(const struct toy *toy, const struct query *q, int32_t item)
{
    return toy->mode != TOY_EVIDENCE || toy_hash(toy, toy_key(q), (uint64_t)item) >> 62 == 0;
}

/* The state of an asker: small whole numbers, so that ties are common and sums exact. */
static inline float toy_state(const struct toy *toy, const struct query *q, int32_t t)
{
    return (float)((int)(toy_hash(toy, toy_key(q), 1000000 + (uint64_t)t) % 5) - 2);
}

static inline float toy_value(const struct toy *toy, const struct query *q, int32_t item)
{
    if (toy->mode == TOY_VECTORS) {
        float sum = toy->bias ? toy->bias[item] : 0.0f;
        for (int32_t t = 0; t < toy->k; t++)
            sum = fmaf(toy_state(toy, q, t), toy->vec[(int64_t)item * toy->k + t], sum);
        return sum;
    }
    if (!toy_touches(toy, q, item))
        return UNSCORED;
    uint64_t h = toy_hash(toy, toy_key(q), 5000000 + (uint64_t)item);
    switch (h & 31) {
    case 0:
        return NAN;
    case 1:
        return -INFINITY;
    case 2:
        return -0.0f;
    case 3:
        return 0.0f;
    case 4:
        return INFINITY;
    default:
        return (float)((int)(h >> 5 & 15) - 8) / 4.0f;
    }
}

static inline akin_status toy_score(const void *self, const struct query *queries, int32_t n,
                                    const struct item_set *set, float *out, int64_t ldo,
                                    struct arena *scratch, akin_error *err)
{
    /* scratch of several chunks, as models may want */
    for (int i = 0; i < 5; i++) {
        if (!arena_alloc(scratch, 3000, 1, err))
            return AKIN_E_MEMORY;
    }
    for (int32_t q = 0; q < n; q++) {
        for (int32_t j = 0; j < item_set_size(set); j++)
            out[q * ldo + j] = toy_value(self, &queries[q], set->ids ? set->ids[j] : set->lo + j);
    }
    return AKIN_OK;
}

static inline akin_status toy_evidence(const void *self, const struct query *q,
                                       struct evidence *out, struct arena *scratch, akin_error *err)
{
    const struct toy *toy = self;
    if (!arena_alloc(scratch, 10000, 1, err) || !arena_alloc(scratch, 10000, 1, err))
        return AKIN_E_MEMORY;
    /* from the end and the middle: first touches come in no order */
    int32_t n = toy->n_items;
    for (int32_t j = 0; j < n; j++) {
        int32_t item = j % 2 ? (n - 1) - j / 2 : j / 2;
        if (toy_touches(toy, q, item))
            evidence_add(out, item, toy_value(toy, q, item));
    }
    return AKIN_OK;
}

static inline void toy_vectors(const void *self, struct item_vectors *out)
{
    const struct toy *toy = self;
    out->items = toy->vec;
    out->bias = toy->bias;
    out->k = toy->k;
}

static inline akin_status toy_fold_in(const void *self, const struct query *q, float *state,
                                      struct arena *scratch, akin_error *err)
{
    const struct toy *toy = self;
    if (!arena_alloc(scratch, 10000, 1, err))
        return AKIN_E_MEMORY;
    for (int32_t t = 0; t < toy->k; t++)
        state[t] = toy_state(toy, q, t);
    return AKIN_OK;
}

static inline void toy_free(struct toy *toy)
{
    free(toy->vec);
    free(toy->bias);
    free(toy->count);
    memset(toy, 0, sizeof *toy);
}

/* A toy is not moved after this: its scorer points at it. */
static inline void toy_init(struct toy *toy, enum toy_mode mode, int32_t n_items, int32_t k,
                            bool has_bias, uint64_t seed)
{
    memset(toy, 0, sizeof *toy);
    toy->mode = mode;
    toy->seed = seed;
    toy->n_items = n_items;
    toy->k = k;
    toy->vec = calloc((size_t)n_items * (size_t)k + 1, sizeof *toy->vec);
    toy->bias = has_bias ? calloc((size_t)n_items + 1, sizeof *toy->bias) : NULL;
    toy->count = calloc((size_t)n_items + 1, sizeof *toy->count);
    assert_non_null(toy->vec);
    assert_non_null(toy->count);
    struct rng rng = rng_make(seed, RNG_TEST, UINT64_MAX);
    for (int64_t e = 0; e < (int64_t)n_items * k; e++)
        toy->vec[e] = (float)rng_below(&rng, 5) - 2.0f;
    for (int32_t i = 0; i < n_items; i++) {
        toy->count[i] =
            (int32_t)(rng_below(&rng, 4) ? rng_below(&rng, 6) : rng_below(&rng, INT32_MAX));
        if (has_bias)
            toy->bias[i] = rng_below(&rng, 16) ? (float)rng_below(&rng, 4) / 2.0f : -INFINITY;
    }
    if (mode == TOY_VECTORS) {
        toy->cls.vectors = toy_vectors;
        toy->cls.fold_in = toy_fold_in;
    } else if (mode == TOY_EVIDENCE) {
        toy->cls.evidence = toy_evidence;
    } else {
        toy->cls.score = toy_score;
    }
    toy->scorer = (struct scorer){
        .cls = &toy->cls, .self = toy, .n_items = n_items, .item_count = toy->count};
}

/* ---- Contexts ------------------------------------------------------------------------------ */

static inline akin_ctx *toy_ctx(int64_t threads)
{
    akin_ctx *ctx = NULL;
    akin_error err;
    assert_int_equal(ctx_create(threads, 1, 0, &ctx, &err), AKIN_OK);
    assert_int_equal(kern_select(ctx, NULL, &err), AKIN_OK);
    return ctx;
}

/* All memory must have come back. */
static inline void toy_ctx_done(akin_ctx *ctx)
{
    assert_int_equal(mem_used(ctx->mem), 0);
    ctx_free(ctx);
}

static inline int toy_setup(void **state)
{
    *state = toy_ctx(2);
    return 0;
}

static inline int toy_teardown(void **state)
{
    toy_ctx_done(*state);
    return 0;
}

#define assert_contains(text, part)                                                                \
    do {                                                                                           \
        if (!strstr((text), (part)))                                                               \
            fail_msg("'%s' does not contain '%s'", (text), (part));                                \
    } while (0)

/* ---- The reference ------------------------------------------------------------------------- */

static inline bool toy_has(const int32_t *x, int32_t n, int32_t item)
{
    for (int32_t j = 0; j < n; j++) {
        if (x[j] == item)
            return true;
    }
    return false;
}

static inline bool toy_bit(const uint64_t *bits, int32_t i)
{
    return !bits || (bits[i / 64] >> (i % 64) & 1);
}

static inline bool toy_eligible(const struct query *q, int64_t row, const struct rank_options *opt,
                                int32_t item)
{
    bool seen = toy_has(q->hist.item, q->hist.n, item);
    if (seen && !opt->include_seen)
        return false;
    if (!toy_bit(seen && opt->allowed_seen ? opt->allowed_seen : opt->allowed, item))
        return false;
    if (opt->candidates && !toy_has(opt->candidates, opt->n_candidates, item))
        return false;
    return !opt->exclude || !toy_has(opt->exclude[row], opt->n_exclude[row], item);
}

struct toy_key {
    float score;
    int32_t count, item;
};

static inline int toy_order(const void *x, const void *y)
{
    const struct toy_key *a = x;
    const struct toy_key *b = y;
    if (a->score != b->score)
        return a->score > b->score ? -1 : 1;
    if (!(a->score > UNSCORED) && a->count != b->count)
        return a->count > b->count ? -1 : 1;
    return a->item < b->item ? -1 : 1;
}

/* Every eligible item, sorted by the definition: the naive form of rank_lists. */
static inline int32_t toy_rank(const struct toy *toy, const struct query *q, int64_t row,
                               const struct rank_options *opt, struct ranked *list)
{
    struct toy_key *all = calloc((size_t)toy->n_items + 1, sizeof *all);
    int32_t n = 0;
    for (int32_t i = 0; i < toy->n_items; i++) {
        if (!toy_eligible(q, row, opt, i))
            continue;
        float score = toy_value(toy, q, i);
        all[n++] = (struct toy_key){isnan(score) ? UNSCORED : score, toy->count[i], i};
    }
    qsort(all, (size_t)n, sizeof *all, toy_order);
    int32_t m = n < opt->k ? n : opt->k;
    for (int32_t j = 0; j < m; j++)
        list[j] = (struct ranked){all[j].item, all[j].score};
    free(all);
    return m;
}

static inline void assert_lists_equal(const struct ranked *got, int32_t n_got,
                                      const struct ranked *want, int32_t n_want)
{
    assert_int_equal(n_got, n_want);
    for (int32_t j = 0; j < n_got; j++) {
        assert_int_equal(got[j].item, want[j].item);
        assert_memory_equal(&got[j].score, &want[j].score, sizeof(float));
    }
}

#endif
