/* What the tests of the index share: vectors of many kinds, and the exhaustive definition. */
#ifndef TESTS_UNIT_RANK_INDEX_WORLD_H
#define TESTS_UNIT_RANK_INDEX_WORLD_H

#include "core/par.h"
#include "rank/index.h"
#include "rank/index_impl.h"
#include "toy.h"

enum { K_MAX = 130 };

struct world {
    int32_t n, k;
    float *items, *bias; /* bias or NULL */
};

/* What the coordinates are like. */
enum kind { PLAIN, SMALL, SPREAD, ZEROS, DENORMAL, HUGE_NORM, WILD, KINDS };

static inline float value(struct rng *rng, enum kind kind)
{
    float x = (float)(rng_double(rng) + rng_double(rng) + rng_double(rng) - 1.5);
    uint64_t r = rng_next(rng);
    switch (kind) {
    case SMALL: /* whole numbers: ties everywhere */
        return (float)(int)(r % 5) - 2.0f;
    case SPREAD:
        return ldexpf(x, (int)(r % 24) - 12);
    case ZEROS:
        return r % 8 ? 0.0f : (r & 8) ? -0.0f : x;
    case DENORMAL:
        return r % 16 ? ldexpf(x, -(int)(r % 150)) : -0.0f;
    case HUGE_NORM:
        return ldexpf(x, (int)(r % 30) + 5);
    case WILD: {
        static const float wild[] = {NAN, INFINITY, -INFINITY, 3e38f, -3e38f, 1e20f, 0x1p40f};
        return r % 64 ? x : wild[(r >> 8) % (sizeof wild / sizeof *wild)];
    }
    default:
        return x;
    }
}

static inline void world_init(struct world *w, int32_t n, int32_t k, bool has_bias, enum kind kind,
                              uint64_t seed)
{
    struct rng rng = rng_make(seed, RNG_TEST, 0);
    w->n = n;
    w->k = k;
    w->items = calloc((size_t)n * (size_t)k + 1, sizeof *w->items);
    w->bias = has_bias ? calloc((size_t)n + 1, sizeof *w->bias) : NULL;
    assert_non_null(w->items);
    for (int32_t i = 0; i < n; i++) {
        /* one of eight is another item's twin, one of sixteen has nothing */
        uint64_t r = rng_next(&rng);
        float *row = w->items + (int64_t)i * k;
        if (r % 8 == 0 && i > 0)
            memcpy(row, w->items + (int64_t)((r >> 8) % (uint64_t)i) * k, (size_t)k * sizeof *row);
        else if (r % 16 != 1)
            for (int32_t t = 0; t < k; t++)
                row[t] = value(&rng, kind);
        if (has_bias)
            w->bias[i] = r % 32 == 2 ? -INFINITY : value(&rng, kind);
    }
}

static inline void world_free(struct world *w)
{
    free(w->items);
    free(w->bias);
}

static inline struct item_vectors vectors(const struct world *w)
{
    return (struct item_vectors){.items = w->items, .bias = w->bias, .k = w->k};
}

static inline int by_rank(const void *a, const void *b)
{
    return ranked_before(a, b) ? -1 : 1;
}

/* The definition: every eligible score by one chain, sorted. */
static inline int32_t exhaustive(const struct world *w, const float *state, int32_t k,
                                 const uint64_t *allowed, const int32_t *exclude, int32_t n_exclude,
                                 struct ranked *out)
{
    struct ranked *all = calloc((size_t)w->n + 1, sizeof *all);
    int32_t n = 0;
    for (int32_t i = 0; i < w->n; i++) {
        float score = w->bias ? w->bias[i] : 0.0f;
        for (int32_t t = 0; t < w->k; t++)
            score = fmaf(state[t], w->items[(int64_t)i * w->k + t], score);
        if (score > UNSCORED && toy_bit(allowed, i) && !toy_has(exclude, n_exclude, i))
            all[n++] = (struct ranked){i, score};
    }
    qsort(all, (size_t)n, sizeof *all, by_rank);
    n = n < k ? n : k;
    memcpy(out, all, (size_t)n * sizeof *all);
    free(all);
    return n;
}

static inline struct index *create(akin_ctx *ctx, const struct world *w,
                                   const struct index_options *o)
{
    akin_error err;
    struct index *ix = NULL;
    struct item_vectors v = vectors(w);
    if (index_create(ctx, &v, w->n, o, &ix, &err) != AKIN_OK)
        fail_msg("%s", err.message);
    return ix;
}

static inline struct index_scratch *scratch(akin_ctx *ctx, const struct index *ix)
{
    akin_error err;
    struct index_scratch *s = NULL;
    assert_int_equal(index_scratch_create(ix, ctx, &s, &err), AKIN_OK);
    return s;
}

/* Items around centres, lengths of all kinds, as trained vectors are. */
static inline void clustered(struct world *w, int32_t n, int32_t k, int32_t centres, uint64_t seed)
{
    world_init(w, n, k, false, PLAIN, seed);
    for (int32_t i = 0; i < n; i++) {
        struct rng rng = rng_make(seed, RNG_TEST, 100 + (uint64_t)i % (uint64_t)centres);
        float length = (float)(0.2 + rng_double(&(struct rng){seed, (uint64_t)i, 0, RNG_TEST}));
        for (int32_t t = 0; t < k; t++) {
            float *x = w->items + (int64_t)i * k + t;
            *x = length * (value(&rng, PLAIN) + 0.3f * *x);
        }
    }
}

/* ---- Searches against the definition ---- */

struct filters {
    uint64_t *bits; /* or NULL */
    int32_t *out;
    int32_t n_out;
};

static inline void filters_init(struct filters *f, int32_t n, struct rng *rng)
{
    uint64_t part = rng_below(rng, 4);
    f->bits = part == 0 ? NULL : calloc((size_t)n / 64 + 1, sizeof *f->bits);
    for (int32_t i = 0; f->bits && i < n; i++) {
        if (part == 1 ? rng_below(rng, 60) == 0 : rng_below(rng, part) == 0)
            f->bits[i / 64] |= (uint64_t)1 << (i % 64);
    }
    if (f->bits) /* beyond the last item: to be ignored */
        f->bits[n / 64] |= ~(uint64_t)0 << (n % 64);
    f->out = calloc((size_t)n + 1, sizeof *f->out);
    f->n_out = 0;
    uint64_t every = 1 + rng_below(rng, 40);
    for (int32_t i = 0; i < n && rng_below(rng, 3); i++) {
        if (rng_below(rng, every) == 0)
            f->out[f->n_out++] = i;
    }
}

static inline void filters_free(struct filters *f)
{
    free(f->bits);
    free(f->out);
}

static inline void check_searches(akin_ctx *ctx, const struct world *w, const struct index *ix,
                                  uint64_t seed)
{
    akin_error err;
    struct index_scratch *s = scratch(ctx, ix);
    struct rng rng = rng_make(seed, RNG_TEST, 1);
    struct ranked *got = calloc((size_t)w->n + 40, sizeof *got);
    struct ranked *want = calloc((size_t)w->n + 40, sizeof *want);
    float state[K_MAX];
    int64_t used = mem_used(ctx->mem);
    for (int round = 0; round < 8; round++) {
        struct filters f;
        enum kind kind = rng_below(&rng, 4) ? PLAIN : (enum kind)rng_below(&rng, KINDS);
        int32_t n_got, k = rng_below(&rng, 4) ? 1 + (int32_t)rng_below(&rng, 30)
                                              : (int32_t)rng_below(&rng, (uint64_t)w->n + 30);
        for (int32_t t = 0; t < w->k; t++)
            state[t] = round == 7 ? 0.0f : value(&rng, kind);
        filters_init(&f, w->n, &rng);
        int32_t n_want = exhaustive(w, state, k, f.bits, f.out, f.n_out, want);
        mem_fail_at(ctx->mem, 1); /* nothing is allocated */
        assert_int_equal(index_search(ix, s, state, k, f.bits, f.out, f.n_out, got, &n_got, &err),
                         AKIN_OK);
        mem_fail_at(ctx->mem, 0);
        assert_lists_equal(got, n_got, want, n_want);
        filters_free(&f);
    }
    assert_int_equal(mem_used(ctx->mem), used);
    free(got);
    free(want);
    index_scratch_free(s);
}

/* Blocks of askers of every size, some of them wild or zero: the lists of one by one. */
static inline void check_many(akin_ctx *ctx, const struct world *w, const struct index *ix,
                              uint64_t seed)
{
    akin_error err;
    struct rng rng = rng_make(seed, RNG_TEST, 2);
    int32_t n = (int32_t)rng_below(&rng, 150), k = (int32_t)rng_below(&rng, 25);
    struct index_scratch *s = scratch(ctx, ix);
    float *states = calloc((size_t)n * (size_t)w->k + 1, sizeof *states);
    struct ranked *got = calloc((size_t)n * (size_t)k + 1, sizeof *got);
    int32_t *counts = calloc((size_t)n + 1, sizeof *counts);
    for (int32_t j = 0; j < n; j++) {
        uint64_t r = rng_below(&rng, 16);
        for (int32_t t = 0; t < w->k && r != 1; t++)
            states[(int64_t)j * w->k + t] = value(&rng, r == 2 ? WILD : PLAIN);
    }
    assert_int_equal(index_search_many(ix, s, states, n, k, got, counts, &err), AKIN_OK);
    for (int32_t j = 0; j < n; j++) {
        struct ranked one[25];
        int32_t count;
        assert_int_equal(
            index_search(ix, s, states + (int64_t)j * w->k, k, NULL, NULL, 0, one, &count, &err),
            AKIN_OK);
        assert_lists_equal(got + (int64_t)j * k, counts[j], one, count);
    }
    free(states);
    free(got);
    free(counts);
    index_scratch_free(s);
}

#endif
