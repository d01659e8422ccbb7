/*
 * Keys that are selected, sorted and laid down as rows (best.h).
 *
 * Cost: a quickselect each k candidates that come in, and a quicksort of the k that remain.
 */
#include "solve/best.h"

#include <stdlib.h>

enum { SHORT = 16, DEPTH = 64 };

static uint64_t key_median(uint64_t a, uint64_t b, uint64_t c)
{
    if (a < b)
        return b < c ? b : (a < c ? c : a);
    return a < c ? a : (b < c ? c : b);
}

/*
 * Puts the keys of x (n) above a pivot first and the pivot behind them; returns its place. Without
 * a branch on the keys, which no predictor could guess (Lomuto). Keys are distinct.
 */
static int32_t keys_part(uint64_t *x, int32_t n)
{
    uint64_t pivot = key_median(x[0], x[n / 2], x[n - 1]);
    int32_t from = pivot == x[0] ? 0 : (pivot == x[n - 1] ? n - 1 : n / 2);
    int32_t at = 0;
    x[from] = x[n - 1];
    for (int32_t i = 0; i < n - 1; i++) {
        uint64_t key = x[i];
        x[i] = x[at];
        x[at] = key;
        at += key > pivot;
    }
    x[n - 1] = x[at];
    x[at] = pivot;
    return at;
}

/*
 * Puts the k largest of x (n) first, k < n. Rows come in an order that no caller chooses, so the
 * square of n that a quickselect may cost stays a theory.
 */
static void keys_select(uint64_t *x, int32_t n, int32_t k)
{
    while (n > 1) {
        int32_t at = keys_part(x, n);
        if (at == k || at == k - 1)
            return;
        if (at > k) {
            n = at;
        } else {
            x += at + 1;
            n -= at + 1;
            k -= at + 1;
        }
    }
}

uint64_t best_least(const uint64_t *x, int32_t n)
{
    uint64_t least = UINT64_MAX;
    for (int32_t i = 0; i < n; i++)
        least = x[i] < least ? x[i] : least;
    return least;
}

void best_halve(struct best *b)
{
    keys_select(b->keys, b->m, b->k);
    b->m = b->k;
    b->bound = best_least(b->keys, b->k);
}

int32_t best_take(struct best *b)
{
    if (b->m > b->k)
        keys_select(b->keys, b->m, b->k);
    return b->m < b->k ? b->m : b->k;
}

/* ---- Sorting a row by item ----------------------------------------------------------------- */

/* Item above, turned over, and bits of the value below: larger = lower item. */
static inline uint64_t key_turn(uint64_t key)
{
    return key << 32 | key >> 32;
}

static int compare_keys(const void *x, const void *y)
{
    uint64_t a = *(const uint64_t *)x;
    uint64_t b = *(const uint64_t *)y;
    return (a < b) - (a > b);
}

/* Largest first. Quicksort, the library's sort once it goes deeper than a good cut would. */
static void keys_sort(uint64_t *x, int32_t n, int depth)
{
    while (n > SHORT) {
        if (depth-- == 0) {
            qsort(x, (size_t)n, sizeof *x, compare_keys);
            return;
        }
        int32_t at = keys_part(x, n);
        keys_sort(x, at, depth);
        x += at + 1;
        n -= at + 1;
    }
    for (int32_t i = 1; i < n; i++) {
        uint64_t key = x[i];
        int32_t at = i;
        for (; at > 0 && x[at - 1] < key; at--)
            x[at] = x[at - 1];
        x[at] = key;
    }
}

void best_put(uint64_t *keys, int32_t n, int32_t *item, float *value)
{
    for (int32_t t = 0; t < n; t++)
        keys[t] = key_turn(keys[t]);
    keys_sort(keys, n, DEPTH);
    for (int32_t t = 0; t < n; t++) {
        uint64_t key = key_turn(keys[t]);
        item[t] = best_key_item(key);
        value[t] = best_key_value(key);
    }
}

void best_list(uint64_t *keys, int32_t n, int32_t *item, float *value)
{
    keys_sort(keys, n, DEPTH);
    for (int32_t t = 0; t < n; t++) {
        item[t] = best_key_item(keys[t]);
        value[t] = best_key_value(keys[t]);
    }
}

/* An array no longer than it must be. */
static akin_status cut(akin_ctx *ctx, void **p, int64_t n, int64_t size, akin_error *err)
{
    void *shorter = mem_resize(ctx, *p, n, size, err);
    if (!shorter)
        return AKIN_E_MEMORY;
    *p = shorter;
    return AKIN_OK;
}

/* ---- Rows apart ---------------------------------------------------------------------------- */

akin_status best_rows_init(akin_ctx *ctx, int64_t n_rows, struct best_rows *r, akin_error *err)
{
    akin_status status = AKIN_OK;
    *r = (struct best_rows){.n_rows = n_rows};
    MEM_ZERO(ctx, r->at, n_rows + 1);
    MEM_ZERO(ctx, r->n, n_rows);
done:
    return status;
}

akin_status best_rows_room(akin_ctx *ctx, struct best_rows *r, akin_error *err)
{
    akin_status status = AKIN_OK;
    for (int64_t i = 0; i < r->n_rows; i++)
        r->at[i + 1] += r->at[i];
    MEM_NEW(ctx, r->item, r->at[r->n_rows]);
    MEM_NEW(ctx, r->value, r->at[r->n_rows]);
done:
    return status;
}

akin_status best_rows_close(akin_ctx *ctx, struct best_rows *r, int64_t n_cols, struct csr *out,
                            akin_error *err)
{
    akin_status status = AKIN_OK;
    void *items = r->item, *values = r->value;
    int64_t to = 0;
    for (int64_t i = 0; i < r->n_rows; i++) {
        memmove(r->item + to, r->item + r->at[i], (size_t)r->n[i] * sizeof *r->item);
        memmove(r->value + to, r->value + r->at[i], (size_t)r->n[i] * sizeof *r->value);
        r->at[i] = to;
        to += r->n[i];
    }
    r->at[r->n_rows] = to;
    AKIN_TRY(cut(ctx, &items, to, (int64_t)sizeof *r->item, err));
    r->item = items;
    AKIN_TRY(cut(ctx, &values, to, (int64_t)sizeof *r->value, err));
    *out = (struct csr){r->n_rows, n_cols, r->at, items, values};
    r->at = NULL;
    r->item = NULL;
    r->value = NULL;
done:
    return status;
}

void best_rows_free(akin_ctx *ctx, struct best_rows *r)
{
    mem_free(ctx, r->at);
    mem_free(ctx, r->n);
    mem_free(ctx, r->item);
    mem_free(ctx, r->value);
    *r = (struct best_rows){0};
}
