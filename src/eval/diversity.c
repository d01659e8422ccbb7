/*
 * Distance of two items for diversity@k: 1 − cosine of their category sets if the item table has
 * category columns, else of their columns of the train matrix (who has them).
 *
 * Sets are rows of ascending indices. Heavy sets (more than 1/32 of the universe) also have a
 * bitmap, so that a pair costs at most universe/16 steps; bitmaps together take at most 4 bytes an
 * element of all sets. Items of lists repeat, so each worker remembers pairs in a direct-mapped
 * cache; a hit gives the same number as the computation. Cost: k²/2 look-ups a list.
 * An item without any element has distance 1 to all.
 */
#include "eval/pass.h"

#include <math.h>
#include <string.h>

enum { CACHE_BITS = 17 };

struct pair_cache {
    uint64_t key; /* (a + 1) << 32 | b, 0 = empty */
    double distance;
};

struct diversity {
    akin_ctx *ctx;
    int32_t n_items;
    int64_t n_words;          /* of a bitmap */
    int64_t *ptr;             /* (n_items + 1) */
    int32_t *element;         /* ascending and distinct within an item */
    uint64_t *bits;           /* bitmaps of heavy items */
    int64_t *bits_at;         /* (n_items) index of the bitmap, -1 = none */
    struct pair_cache *cache; /* (workers, 1 << CACHE_BITS) */
};

void diversity_free(struct diversity *d)
{
    if (!d)
        return;
    mem_free(d->ctx, d->ptr);
    mem_free(d->ctx, d->element);
    mem_free(d->ctx, d->bits);
    mem_free(d->ctx, d->bits_at);
    mem_free(d->ctx, d->cache);
    mem_free(d->ctx, d);
}

/* Elements of all category columns, each column's vocabulary behind that of the one before. */
static akin_status sets_from_categories(struct diversity *d, const struct table *t,
                                        int64_t *universe, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t total = 0, at = 0;
    *universe = 0;
    for (int32_t c = 0; c < t->n_cols; c++)
        if (t->cols[c].type == COL_CATEGORY)
            total += t->cols[c].ptr[d->n_items];
    MEM_NEW(d->ctx, d->ptr, d->n_items + 1);
    MEM_NEW(d->ctx, d->element, total);
    for (int32_t i = 0; i < d->n_items; i++) {
        int64_t base = 0;
        d->ptr[i] = at;
        for (int32_t c = 0; c < t->n_cols; c++) {
            const struct column *col = &t->cols[c];
            if (col->type != COL_CATEGORY)
                continue;
            for (int64_t e = col->ptr[i]; e < col->ptr[i + 1]; e++)
                d->element[at++] = (int32_t)(base + col->val[e]);
            base += col->vocab.n;
        }
        *universe = base;
    }
    d->ptr[d->n_items] = at;
done:
    return status;
}

/* Users with a positive on each item. */
static akin_status sets_from_train(struct diversity *d, const struct histories *hist,
                                   akin_error *err)
{
    akin_status status = AKIN_OK;
    struct csr by_user = {0}, by_item = {0};
    AKIN_TRY(histories_matrix(d->ctx, hist, d->n_items, &by_user, err));
    AKIN_TRY(csr_transpose(d->ctx, &by_user, &by_item, err));
    d->ptr = by_item.ptr;
    d->element = by_item.col;
    by_item.ptr = NULL;
    by_item.col = NULL;
done:
    csr_free(d->ctx, &by_user);
    csr_free(d->ctx, &by_item);
    return status;
}

static akin_status bitmaps_build(struct diversity *d, int64_t universe, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t n_heavy = 0;
    d->n_words = (universe + 63) / 64;
    MEM_NEW(d->ctx, d->bits_at, d->n_items);
    for (int32_t i = 0; i < d->n_items; i++)
        d->bits_at[i] = d->ptr[i + 1] - d->ptr[i] > universe / 32 ? n_heavy++ : -1;
    MEM_ZERO(d->ctx, d->bits, n_heavy * d->n_words);
    for (int32_t i = 0; i < d->n_items; i++) {
        if (d->bits_at[i] < 0)
            continue;
        uint64_t *bits = d->bits + d->bits_at[i] * d->n_words;
        for (int64_t e = d->ptr[i]; e < d->ptr[i + 1]; e++)
            bits[d->element[e] >> 6] |= (uint64_t)1 << (d->element[e] & 63);
    }
done:
    return status;
}

static bool has_categories(const struct table *t)
{
    for (int32_t c = 0; t && c < t->n_cols; c++)
        if (t->cols[c].type == COL_CATEGORY)
            return true;
    return false;
}

akin_status diversity_create(akin_ctx *ctx, const struct eval_side *side, struct diversity **out,
                             akin_error *err)
{
    akin_status status = AKIN_OK;
    struct diversity *d = NULL;
    int64_t universe = side->n_users;
    MEM_ZERO(ctx, d, 1);
    d->ctx = ctx;
    d->n_items = side->n_items;
    if (has_categories(side->item_table))
        AKIN_TRY(sets_from_categories(d, side->item_table, &universe, err));
    else
        AKIN_TRY(sets_from_train(d, side->hist, err));
    AKIN_TRY(bitmaps_build(d, universe, err));
    MEM_ZERO(ctx, d->cache, (int64_t)par_workers(ctx) << CACHE_BITS);
    *out = d;
    return AKIN_OK;
done:
    diversity_free(d);
    return status;
}

static int64_t common_bits(const uint64_t *a, const uint64_t *b, int64_t n)
{
    int64_t sum = 0;
    for (int64_t w = 0; w < n; w++)
        sum += __builtin_popcountll(a[w] & b[w]);
    return sum;
}

static int64_t common_in_bits(const uint64_t *bits, const int32_t *x, int64_t n)
{
    int64_t sum = 0;
    for (int64_t e = 0; e < n; e++)
        sum += (int64_t)((bits[x[e] >> 6] >> (x[e] & 63)) & 1);
    return sum;
}

static int64_t common_sorted(const int32_t *a, int64_t na, const int32_t *b, int64_t nb)
{
    int64_t sum = 0, i = 0, j = 0;
    while (i < na && j < nb) {
        sum += a[i] == b[j];
        int64_t step = a[i] <= b[j];
        j += b[j] <= a[i];
        i += step;
    }
    return sum;
}

static double pair_distance(const struct diversity *d, int32_t a, int32_t b)
{
    const int32_t *xa = d->element + d->ptr[a], *xb = d->element + d->ptr[b];
    int64_t na = d->ptr[a + 1] - d->ptr[a], nb = d->ptr[b + 1] - d->ptr[b], common;
    if (na == 0 || nb == 0)
        return 1.0;
    const uint64_t *ba = d->bits_at[a] < 0 ? NULL : d->bits + d->bits_at[a] * d->n_words;
    const uint64_t *bb = d->bits_at[b] < 0 ? NULL : d->bits + d->bits_at[b] * d->n_words;
    if (ba && bb)
        common = common_bits(ba, bb, d->n_words);
    else if (ba)
        common = common_in_bits(ba, xb, nb);
    else if (bb)
        common = common_in_bits(bb, xa, na);
    else
        common = common_sorted(xa, na, xb, nb);
    return 1.0 - (double)common / sqrt((double)na * (double)nb);
}

double diversity_of(struct diversity *d, const int32_t *items, int32_t n, int worker)
{
    struct pair_cache *cache = d->cache + ((int64_t)worker << CACHE_BITS);
    double sum = 0.0;
    for (int32_t i = 0; i < n; i++) {
        for (int32_t j = i + 1; j < n; j++) {
            int32_t a = items[i] < items[j] ? items[i] : items[j];
            int32_t b = items[i] < items[j] ? items[j] : items[i];
            if (a < 0) {
                sum += 1.0;
                continue;
            }
            uint64_t key = ((uint64_t)a + 1) << 32 | (uint32_t)b;
            struct pair_cache *slot = &cache[(key * 0x9E3779B97F4A7C15u) >> (64 - CACHE_BITS)];
            if (slot->key != key)
                *slot = (struct pair_cache){key, pair_distance(d, a, b)};
            sum += slot->distance;
        }
    }
    return sum / (0.5 * n * (n - 1.0));
}
