/*
 * The pool: everything that may come into an answer, each item once, best first, with what the
 * rules ask of it again and again (damped score, categories, likeness to what is chosen) at hand.
 *
 * Cost: O(n) hash look-ups, a stable merge sort if scores are damped, one call of `categories` an
 * item if they are needed. Likeness to the chosen is kept as a running maximum, so that MMR costs
 * n·k likenesses and not n·k². Everything is in the caller's arena.
 */
#include "kern/math.h"
#include "rank/ranker.h"
#include "rank/rules_impl.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* ---- Numbers by key ---- */

/* Open addressing, at most half full. */
struct number_map {
    struct number_pair {
        int32_t key;
        int32_t value; /* + 1; 0 = empty */
    } *at;
    uint32_t mask;
};

static akin_status map_init(struct number_map *map, int64_t most, struct arena *scratch,
                            akin_error *err)
{
    int64_t size = 16;
    while (size < 2 * most)
        size *= 2;
    map->mask = (uint32_t)(size - 1);
    map->at = arena_alloc(scratch, size, (int64_t)sizeof *map->at, err);
    return map->at ? AKIN_OK : AKIN_E_MEMORY;
}

/* The place of key, or the empty one where it belongs. */
static struct number_pair *map_find(const struct number_map *map, int32_t key)
{
    uint32_t i = (uint32_t)(((uint64_t)(uint32_t)key * UINT64_C(0x9E3779B97F4A7C15)) >> 32);
    for (;; i++) {
        struct number_pair *pair = &map->at[i & map->mask];
        if (pair->value == 0 || pair->key == key)
            return pair;
    }
}

/* ---- Who may come ---- */

static bool has(const int32_t *x, int32_t n, int32_t v)
{
    int32_t i = lower_bound(x, n, v);
    return i < n && x[i] == v;
}

static bool is_allowed(const struct rule_input *in, int32_t item)
{
    return item >= 0 && (!in->allow || has(in->allow, in->n_allow, item)) &&
           (in->n_deny <= 0 || !has(in->deny, in->n_deny, item));
}

/* The list, its scores damped: popular items lose, whatever the sign. */
static void read_list(struct rule_pool *pool)
{
    const struct rule_input *in = pool->in;
    double damping = in->count ? pool->p->popularity_damping : 0.0;
    for (int32_t j = 0; j < in->n; j++) {
        struct rule_cand c = {.item = in->list[j].item, .score = rule_score(in->list[j].score)};
        if (!is_allowed(in, c.item))
            continue;
        c.tier = c.score == UNSCORED ? TIER_UNSCORED : TIER_SCORED;
        if (c.tier == TIER_SCORED) {
            c.value = c.score < FLT_MAX ? (double)c.score : (double)FLT_MAX;
            int32_t count = damping > 0.0 ? in->count(in->arg, c.item) : 0;
            double factor = count > 0 ? kern_pow(1.0 + (double)count, damping) : 1.0;
            c.value = c.value > 0.0 ? c.value / factor : c.value * factor;
        }
        pool->cand[pool->n++] = c;
    }
}

static bool comes_after(const struct rule_cand *a, const struct rule_cand *b)
{
    return a->tier != b->tier ? a->tier > b->tier : a->value < b->value;
}

/* Bottom-up and stable: equal values keep the order of the list. */
static akin_status sort_list(struct rule_pool *pool, struct arena *scratch, akin_error *err)
{
    int64_t n = pool->n;
    struct rule_cand *from = pool->cand;
    struct rule_cand *to = arena_alloc(scratch, n, (int64_t)sizeof *to, err);
    if (!to)
        return AKIN_E_MEMORY;
    for (int64_t width = 1; width < n; width *= 2) {
        for (int64_t lo = 0; lo < n; lo += 2 * width) {
            int64_t mid = lo + width < n ? lo + width : n;
            int64_t hi = mid + width < n ? mid + width : n;
            int64_t a = lo, b = mid;
            for (int64_t j = lo; j < hi; j++) {
                bool is_right = a == mid || (b < hi && comes_after(&from[a], &from[b]));
                to[j] = from[is_right ? b++ : a++];
            }
        }
        struct rule_cand *swap = from;
        from = to;
        to = swap;
    }
    if (from != pool->cand)
        memcpy(pool->cand, from, (size_t)n * sizeof *from);
    return AKIN_OK;
}

/* Later ones of the same item go; the map then knows all. */
static void drop_repeats(struct rule_pool *pool, struct number_map *map)
{
    int32_t n = 0;
    for (int32_t j = 0; j < pool->n; j++) {
        struct number_pair *pair = map_find(map, pool->cand[j].item);
        if (pair->value != 0)
            continue;
        pool->cand[n] = pool->cand[j];
        *pair = (struct number_pair){pool->cand[n].item, n + 1};
        n++;
    }
    pool->n = n;
}

/* The candidate of an item, added behind all if the list has it not; -1 if it may not come. */
static int32_t candidate_of(struct rule_pool *pool, struct number_map *map, int32_t item)
{
    if (!is_allowed(pool->in, item))
        return -1;
    struct number_pair *pair = map_find(map, item);
    if (pair->value == 0) {
        pool->cand[pool->n] =
            (struct rule_cand){.item = item, .score = UNSCORED, .tier = TIER_FILLER};
        *pair = (struct number_pair){item, ++pool->n};
    }
    return pair->value - 1;
}

/* Pins first: they are placed before anything is chosen. A second pin of an item is none. */
static akin_status read_pins(struct rule_pool *pool, struct number_map *map, struct arena *scratch,
                             akin_error *err)
{
    const struct rule_input *in = pool->in;
    int32_t n = in->n_pinned < in->k ? in->n_pinned : in->k;
    pool->pins = arena_alloc(scratch, n > 0 ? n : 0, (int64_t)sizeof *pool->pins, err);
    if (!pool->pins)
        return AKIN_E_MEMORY;
    for (int32_t place = 0; place < n; place++) {
        int32_t i = candidate_of(pool, map, in->pinned[place]);
        if (i < 0 || pool->cand[i].is_placed)
            continue;
        pool->cand[i].is_placed = true;
        pool->pins[pool->n_pins++] = (struct rule_pin){i, place};
    }
    for (int32_t place = n; place < in->n_pinned; place++)
        candidate_of(pool, map, in->pinned[place]);
    return AKIN_OK;
}

/* Candidates of named items, each once. */
static akin_status read_named(struct rule_pool *pool, struct number_map *map, const int32_t *items,
                              int32_t n, int32_t **out, int32_t *n_out, struct arena *scratch,
                              akin_error *err)
{
    struct number_map seen;
    int32_t *at = arena_alloc(scratch, n > 0 ? n : 0, (int64_t)sizeof *at, err);
    if (!at || map_init(&seen, n, scratch, err) != AKIN_OK)
        return AKIN_E_MEMORY;
    *out = at;
    *n_out = 0;
    for (int32_t j = 0; j < n; j++) {
        int32_t i = candidate_of(pool, map, items[j]);
        if (i < 0)
            continue;
        struct number_pair *pair = map_find(&seen, i);
        if (pair->value != 0)
            continue;
        *pair = (struct number_pair){i, 1};
        at[(*n_out)++] = i;
    }
    return AKIN_OK;
}

/* ---- What the rules ask ---- */

/* Categories of all candidates as numbers 0, 1, … */
static akin_status read_categories(struct rule_pool *pool, struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct rule_input *in = pool->in;
    struct number_map map;
    int32_t ids[RULE_CATEGORIES];
    int64_t total = 0;
    for (int32_t i = 0; i < pool->n; i++) {
        int32_t n = in->categories(in->arg, pool->cand[i].item, ids, RULE_CATEGORIES);
        n = n < 0 ? 0 : n < RULE_CATEGORIES ? n : RULE_CATEGORIES;
        int32_t *cats = arena_alloc(scratch, n, (int64_t)sizeof *cats, err);
        if (!cats)
            AKIN_TRY(AKIN_E_MEMORY);
        int32_t m = 0;
        for (int32_t j = 0; j < n; j++) {
            if (m == 0 || ids[j] != cats[m - 1])
                cats[m++] = ids[j];
        }
        pool->cand[i].cats = cats;
        pool->cand[i].n_cats = m;
        total += m;
    }
    AKIN_TRY(map_init(&map, total, scratch, err));
    for (int32_t i = 0; i < pool->n; i++) {
        struct rule_cand *c = &pool->cand[i];
        for (int32_t j = 0; j < c->n_cats; j++) {
            struct number_pair *pair = map_find(&map, c->cats[j]);
            if (pair->value == 0)
                *pair = (struct number_pair){c->cats[j], ++pool->n_cats};
            c->cats[j] = pair->value - 1;
        }
    }
    pool->cat_count = arena_alloc(scratch, pool->n_cats, (int64_t)sizeof *pool->cat_count, err);
    pool->cat_stamp = arena_alloc(scratch, pool->n_cats, (int64_t)sizeof *pool->cat_stamp, err);
    if (!pool->cat_count || !pool->cat_stamp)
        AKIN_TRY(AKIN_E_MEMORY);
done:
    return status;
}

/*
 * Scores have any scale and likeness has not, so relevance is brought to 0..1: scores linearly
 * between the least and the greatest that is to be placed, items without one by their order.
 */
static void read_relevance(struct rule_pool *pool)
{
    double lo = DBL_MAX, hi = -DBL_MAX;
    int32_t n[TIER_FILLER + 1] = {0}, place[TIER_FILLER + 1] = {0};
    for (int32_t i = 0; i < pool->n; i++) {
        const struct rule_cand *c = &pool->cand[i];
        if (c->is_placed)
            continue;
        n[c->tier]++;
        if (c->tier == TIER_SCORED) {
            lo = c->value < lo ? c->value : lo;
            hi = c->value > hi ? c->value : hi;
        }
    }
    for (int32_t i = 0; i < pool->n; i++) {
        struct rule_cand *c = &pool->cand[i];
        if (c->is_placed)
            continue;
        if (c->tier == TIER_SCORED)
            c->value = hi > lo ? (c->value - lo) / (hi - lo) : 1.0;
        else
            c->value = (double)(n[c->tier] - place[c->tier]++) / (double)n[c->tier];
    }
}

int64_t rule_pool_excess(const struct rule_pool *pool, int32_t i)
{
    const struct rule_cand *c = &pool->cand[i];
    int32_t most = -1;
    for (int32_t j = 0; j < c->n_cats; j++)
        most = pool->cat_count[c->cats[j]] > most ? pool->cat_count[c->cats[j]] : most;
    return pool->cap > 0 && c->n_cats > 0 ? (int64_t)most + 1 - pool->cap : 0;
}

/* Shared categories of all categories; stamps of `chosen` are set. No category: like nothing. */
static double jaccard(const struct rule_pool *pool, const struct rule_cand *c, int32_t chosen)
{
    int32_t both = 0;
    for (int32_t j = 0; j < c->n_cats; j++)
        both += pool->cat_stamp[c->cats[j]] == chosen + 1;
    return both ? (double)both / (double)(c->n_cats + pool->cand[chosen].n_cats - both) : 0.0;
}

static double likeness(const struct rule_pool *pool, int32_t i, int32_t chosen)
{
    const struct rule_input *in = pool->in;
    if (!in->likeness)
        return jaccard(pool, &pool->cand[i], chosen);
    double x = (double)in->likeness(in->arg, pool->cand[i].item, pool->cand[chosen].item);
    return x >= -1.0 ? (x <= 1.0 ? x : 1.0) : x < -1.0 ? -1.0 : 0.0; /* NaN: nothing known */
}

void rule_pool_choose(struct rule_pool *pool, int32_t i)
{
    const struct rule_cand *chosen = &pool->cand[i];
    pool->cand[i].is_placed = true;
    for (int32_t j = 0; j < chosen->n_cats; j++) {
        pool->cat_count[chosen->cats[j]]++;
        pool->cat_stamp[chosen->cats[j]] = i + 1;
    }
    for (int32_t j = pool->head; pool->is_diverse && j < pool->n; j++) {
        if (pool->cand[j].is_placed)
            continue;
        double x = likeness(pool, j, i);
        if (pool->n_chosen == 0 || x > pool->cand[j].near)
            pool->cand[j].near = x;
    }
    pool->n_chosen++;
}

/* ---- The whole ---- */

static akin_status read_orders(struct rule_pool *pool, struct number_map *map,
                               struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct rule_input *in = pool->in;
    struct rule_queue *promoted = &pool->promoted, *ranking = &pool->ranking;
    AKIN_TRY(read_pins(pool, map, scratch, err));
    AKIN_TRY(read_named(pool, map, in->promoted, in->n_promoted, &promoted->at, &promoted->n,
                        scratch, err));
    AKIN_TRY(
        read_named(pool, map, in->fresh, in->n_fresh, &pool->fresh, &pool->n_fresh, scratch, err));
    ranking->n = pool->n;
    ranking->at = arena_alloc(scratch, pool->n, (int64_t)sizeof *ranking->at, err);
    if (!ranking->at)
        AKIN_TRY(AKIN_E_MEMORY);
    for (int32_t i = 0; i < pool->n; i++)
        ranking->at[i] = i;
done:
    return status;
}

akin_status rule_pool_build(struct rule_pool *pool, const struct rule_params *p,
                            const struct rule_input *in, struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct number_map map;
    int64_t most = (int64_t)(in->n > 0 ? in->n : 0) + (in->n_pinned > 0 ? in->n_pinned : 0) +
                   (in->n_promoted > 0 ? in->n_promoted : 0) + (in->n_fresh > 0 ? in->n_fresh : 0);
    *pool = (struct rule_pool){.p = p, .in = in};
    if (most > INT32_MAX / 2)
        AKIN_FAIL(AKIN_E_ARG, "rules: %lld items (must be at most %d)", (long long)most,
                  INT32_MAX / 2);
    pool->cand = arena_alloc(scratch, most, (int64_t)sizeof *pool->cand, err);
    if (!pool->cand)
        AKIN_TRY(AKIN_E_MEMORY);
    AKIN_TRY(map_init(&map, most, scratch, err));
    read_list(pool);
    if (p->popularity_damping > 0.0 && in->count)
        AKIN_TRY(sort_list(pool, scratch, err));
    drop_repeats(pool, &map);
    AKIN_TRY(read_orders(pool, &map, scratch, err));
    pool->cap = in->categories && p->category_cap > 0 ? p->category_cap : 0;
    pool->is_diverse = p->diversity > 0.0 && (in->likeness || in->categories);
    if (pool->cap > 0 || (pool->is_diverse && !in->likeness))
        AKIN_TRY(read_categories(pool, scratch, err));
    if (pool->is_diverse)
        read_relevance(pool);
    for (int32_t j = 0; j < pool->n_pins; j++)
        rule_pool_choose(pool, pool->pins[j].at);
done:
    return status;
}
