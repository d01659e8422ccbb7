/*
 * Itemsets in memory and their look-up: one array of items, an open hash table of set numbers at
 * most half full.
 *
 * Cost: a look-up one hash and about 1.5 comparisons.
 */
#include "solve/assoc.h"

#include "core/hash.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

struct collect {
    akin_ctx *ctx;
    struct assoc_sets *sets;
};

static int by_item(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

static akin_status collect_set(void *arg, const int32_t *items, int32_t n, int32_t count,
                               akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct collect *c = arg;
    struct assoc_sets *s = c->sets;
    int64_t at = s->n > 0 ? s->ptr[s->n] : 0, ptr_cap = s->cap;
    if (s->n == INT32_MAX - 1)
        AKIN_FAIL(AKIN_E_LIMIT, "itemsets: more than %d: raise min_support", INT32_MAX - 1);
    MEM_GROW(c->ctx, s->ptr, ptr_cap, (int64_t)s->n + 2);
    MEM_GROW(c->ctx, s->count, s->cap, (int64_t)s->n + 2);
    MEM_GROW(c->ctx, s->item, s->item_cap, at + n);
    memcpy(s->item + at, items, (size_t)n * sizeof *items);
    qsort(s->item + at, (size_t)n, sizeof *items, by_item);
    s->count[s->n++] = count;
    s->ptr[s->n] = at + n;
    s->ptr[0] = 0;
done:
    return status;
}

static uint64_t hash_of(const int32_t *items, int32_t n)
{
    return hash_bytes(items, (size_t)n * sizeof *items, 0);
}

static akin_status sets_index(akin_ctx *ctx, struct assoc_sets *s, akin_error *err)
{
    akin_status status = AKIN_OK;
    s->n_slots = 16;
    while (s->n_slots < 2 * (int64_t)s->n)
        s->n_slots *= 2;
    MEM_NEW(ctx, s->slot, s->n_slots);
    memset(s->slot, 0xff, (size_t)s->n_slots * sizeof *s->slot);
    uint64_t mask = (uint64_t)s->n_slots - 1;
    for (int32_t i = 0; i < s->n; i++) {
        uint64_t at = hash_of(s->item + s->ptr[i], assoc_length(s, i)) & mask;
        while (s->slot[at] >= 0)
            at = (at + 1) & mask;
        s->slot[at] = i;
        if (i % 65536 == 0)
            AKIN_TRY(ctx_check(ctx, err));
    }
done:
    return status;
}

akin_status assoc_sets_mine(akin_ctx *ctx, const struct csr *by_basket, const struct csr *by_item_,
                            const struct itemset_spec *spec, struct assoc_sets *out,
                            akin_error *err)
{
    akin_status status = AKIN_OK;
    struct collect c = {ctx, out};
    *out = (struct assoc_sets){.n_baskets = itemsets_baskets(by_basket)};
    AKIN_TRY(itemsets_mine(ctx, by_basket, by_item_, spec, collect_set, &c, NULL, err));
    AKIN_TRY(sets_index(ctx, out, err));
done:
    if (status != AKIN_OK)
        assoc_sets_free(ctx, out);
    return status;
}

void assoc_sets_free(akin_ctx *ctx, struct assoc_sets *s)
{
    mem_free(ctx, s->ptr);
    mem_free(ctx, s->item);
    mem_free(ctx, s->count);
    mem_free(ctx, s->slot);
    *s = (struct assoc_sets){0};
}

int32_t assoc_find(const struct assoc_sets *s, const int32_t *items, int32_t n)
{
    uint64_t mask = (uint64_t)s->n_slots - 1;
    uint64_t at = hash_of(items, n) & mask;
    for (; s->slot[at] >= 0; at = (at + 1) & mask) {
        int32_t set = s->slot[at];
        if (assoc_length(s, set) == n &&
            memcmp(s->item + s->ptr[set], items, (size_t)n * sizeof *items) == 0)
            return set;
    }
    return -1;
}
