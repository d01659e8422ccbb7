/* A small catalogue and a request to the rules, by hand or random. */
#ifndef TESTS_UNIT_RANK_SHOP_H
#define TESTS_UNIT_RANK_SHOP_H

#include "rank/rules.h"
#include "unit/rank/toy.h"

enum { ITEMS = 400, CATS = 4 };

/* A catalogue and a request. */
struct shop {
    struct rule_params p;
    struct rule_input in;
    struct ranked list[ITEMS];
    int32_t n_cats[ITEMS];
    int32_t cats[ITEMS][CATS];
    int32_t count[ITEMS];
    int32_t allow[ITEMS], deny[ITEMS], pinned[ITEMS], promoted[ITEMS], fresh[ITEMS];
};

static inline int32_t shop_categories(const void *arg, int32_t item, int32_t *out, int32_t most)
{
    const struct shop *s = arg;
    assert_true(s->n_cats[item] <= most);
    memcpy(out, s->cats[item], (size_t)s->n_cats[item] * sizeof *out);
    return s->n_cats[item];
}

static inline int32_t shop_count(const void *arg, int32_t item)
{
    return ((const struct shop *)arg)->count[item];
}

/* Symmetric, of both signs. */
static inline float shop_likeness(const void *arg, int32_t a, int32_t b)
{
    (void)arg;
    int32_t lo = a < b ? a : b, hi = a < b ? b : a;
    return (float)(int)(rng_u64(5, RNG_TEST, (uint64_t)lo, (uint64_t)hi) % 21) / 10.0f - 1.0f;
}

/* Items 0..n-1 with scores n, n-1, … 1 and no categories; k places. */
static inline void shop_init(struct shop *s, int32_t n, int32_t k)
{
    memset(s, 0, sizeof *s);
    for (int32_t i = 0; i < n; i++)
        s->list[i] = (struct ranked){i, (float)(n - i)};
    s->in = (struct rule_input){.list = s->list,
                                .n = n,
                                .k = k,
                                .deny = s->deny,
                                .pinned = s->pinned,
                                .promoted = s->promoted,
                                .fresh = s->fresh,
                                .categories = shop_categories,
                                .count = shop_count,
                                .arg = s};
}

static inline void shop_cat(struct shop *s, int32_t item, int32_t cat)
{
    s->cats[item][s->n_cats[item]++] = cat;
}

/* A list of a fresh arena. */
static inline int32_t apply(akin_ctx *ctx, const struct shop *s, struct ruled *out)
{
    struct arena scratch;
    int32_t n = -1;
    akin_error err;
    arena_init(&scratch, ctx);
    assert_int_equal(rules_apply(&s->p, &s->in, out, &n, &scratch, &err), AKIN_OK);
    arena_free(&scratch);
    return n;
}

/* Ascending distinct items, each with the chance. */
static inline int32_t some_items(struct rng *rng, int32_t n_items, uint64_t of_1000, int32_t *out)
{
    int32_t n = 0;
    for (int32_t i = 0; i < n_items; i++) {
        if (rng_below(rng, 1000) < of_1000)
            out[n++] = i;
    }
    return n;
}

/* Items with repeats and -1. */
static inline int32_t any_items(struct rng *rng, int32_t n_items, int32_t most, int32_t *out)
{
    int32_t n = (int32_t)rng_below(rng, (uint64_t)most + 1);
    for (int32_t i = 0; i < n; i++)
        out[i] = rng_below(rng, 4) ? (int32_t)rng_below(rng, (uint64_t)n_items) : -1;
    return n;
}

static inline int by_rank(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    return x->score != y->score ? (x->score > y->score ? -1 : 1) : x->item < y->item ? -1 : 1;
}

static inline double some_share(struct rng *rng)
{
    static const double shares[] = {0.0, 0.0, 0.1, 0.3, 0.5, 0.9, 1.0};
    return shares[rng_below(rng, 7)];
}

/* A small world where everything meets everything. */
static inline void shop_random(struct shop *s, uint64_t seed, int32_t most_items, int32_t most_cats)
{
    struct rng rng = rng_make(seed, RNG_TEST, 1);
    int32_t n_items = 1 + (int32_t)rng_below(&rng, (uint64_t)most_items), ids[ITEMS];
    uint64_t n_kinds = 1 + rng_below(&rng, 6);
    shop_init(s, 0, (int32_t)rng_below(&rng, (uint64_t)n_items + 3));
    s->in.n = some_items(&rng, n_items, rng_below(&rng, 1001), ids);
    for (int32_t j = 0; j < s->in.n; j++)
        s->list[j] = (struct ranked){ids[j], rng_below(&rng, 5) ? (float)rng_below(&rng, 9) - 4.0f
                                                                : UNSCORED};
    qsort(s->list, (size_t)s->in.n, sizeof s->list[0], by_rank);
    for (int32_t i = 0; i < n_items; i++) {
        s->count[i] = (int32_t)rng_below(&rng, 50);
        for (int32_t c = 0; c < (int32_t)n_kinds && s->n_cats[i] < most_cats; c++) {
            if (rng_below(&rng, n_kinds) == 0)
                shop_cat(s, i, c * 1000003 - 5);
        }
    }
    if (rng_below(&rng, 3) == 0) {
        s->in.n_allow = some_items(&rng, n_items, 700, s->allow);
        s->in.allow = s->allow;
    }
    s->in.n_deny = rng_below(&rng, 2) ? some_items(&rng, n_items, 200, s->deny) : 0;
    s->in.n_pinned = rng_below(&rng, 2) ? any_items(&rng, n_items, n_items, s->pinned) : 0;
    s->in.n_promoted = rng_below(&rng, 2) ? any_items(&rng, n_items, 8, s->promoted) : 0;
    s->in.n_fresh = rng_below(&rng, 2) ? any_items(&rng, n_items, 8, s->fresh) : 0;
    s->in.seed = seed;
    s->in.likeness = rng_below(&rng, 4) ? NULL : shop_likeness;
    s->p.diversity = some_share(&rng);
    s->p.popularity_damping = rng_below(&rng, 2) ? 0.0 : some_share(&rng) * 4.0;
    s->p.category_cap = (int64_t)rng_below(&rng, 4);
    s->p.explore = some_share(&rng);
    s->p.promote_every = (int64_t)rng_below(&rng, 5);
}

#endif
