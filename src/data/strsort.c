/*
 * Strings sorted by their first eight bytes as one number, radix-wise; those that tie, by their
 * next eight, and so on. Integers are one number each and never tie.
 *
 * Cost: a pass over 16-byte keys for each of the eight bytes that is not the same in all of them
 * (ids made by counting have three or four), at most the total length of the strings. Runs of up
 * to SMALL strings are sorted by insertion. Depth of recursion: longest string / 8.
 * Not done: sorting one range in parallel.
 */
#include "data/strsort.h"

#include "core/text.h"

#include <string.h>

enum { SMALL = 24, CHECK_AT = 1 << 16 };

struct key {
    uint64_t key; /* ascending as the strings are */
    int32_t index;
};

struct sorter {
    akin_ctx *ctx;
    const struct strsort *s;
    int64_t count[8][256];
};

static uint64_t key_of(const struct strsort *s, int32_t index, int64_t depth)
{
    const char *text = s->bytes + s->off[index];
    int64_t size = s->off[index + 1] - s->off[index];
    if (s->is_numeric) {
        int64_t value = 0;
        text_is_canonical_int(text, (size_t)size, &value);
        return (uint64_t)value ^ (UINT64_C(1) << 63);
    }
    unsigned char head[8] = {0};
    if (size > depth)
        memcpy(head, text + depth, (size_t)(size - depth < 8 ? size - depth : 8));
    uint64_t key = 0;
    for (int i = 0; i < 8; i++)
        key = key << 8 | head[i];
    return key;
}

static bool key_less(const struct strsort *s, const struct key *a, const struct key *b)
{
    if (a->key != b->key)
        return a->key < b->key;
    if (!s->is_numeric) {
        int64_t a_lo = s->off[a->index];
        int64_t b_lo = s->off[b->index];
        int order = text_compare(s->bytes + a_lo, (size_t)(s->off[a->index + 1] - a_lo),
                                 s->bytes + b_lo, (size_t)(s->off[b->index + 1] - b_lo));
        if (order != 0)
            return order < 0;
    }
    return a->index < b->index;
}

static void insertion_sort(const struct strsort *s, struct key *keys, int64_t n)
{
    for (int64_t i = 1; i < n; i++) {
        struct key key = keys[i];
        int64_t j = i;
        for (; j > 0 && key_less(s, &key, &keys[j - 1]); j--)
            keys[j] = keys[j - 1];
        keys[j] = key;
    }
}

/* Stable, by key; the result is in keys. */
static void radix_sort(struct sorter *sorter, struct key *keys, struct key *spare, int64_t n)
{
    memset(sorter->count, 0, sizeof sorter->count);
    for (int64_t i = 0; i < n; i++) {
        for (int d = 0; d < 8; d++)
            sorter->count[d][keys[i].key >> (8 * d) & 255]++;
    }
    struct key *from = keys;
    struct key *to = spare;
    for (int d = 0; d < 8; d++) {
        int64_t *count = sorter->count[d];
        if (count[keys[0].key >> (8 * d) & 255] == n)
            continue;
        int64_t at = 0;
        for (int v = 0; v < 256; v++) {
            int64_t size = count[v];
            count[v] = at;
            at += size;
        }
        for (int64_t i = 0; i < n; i++)
            to[count[from[i].key >> (8 * d) & 255]++] = from[i];
        struct key *swap = from;
        from = to;
        to = swap;
    }
    if (from != keys)
        memcpy(keys, from, (size_t)n * sizeof *keys);
}

static int64_t longest(const struct strsort *s, const struct key *keys, int64_t n)
{
    int64_t most = 0;
    for (int64_t i = 0; i < n; i++) {
        int64_t size = s->off[keys[i].index + 1] - s->off[keys[i].index];
        most = size > most ? size : most;
    }
    return most;
}

/* Sorts n strings that agree in their first depth bytes. */
static akin_status sort_run(struct sorter *sorter, struct key *keys, struct key *spare, int64_t n,
                            int64_t depth, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct strsort *s = sorter->s;
    if (n >= CHECK_AT)
        AKIN_TRY(ctx_check(sorter->ctx, err));
    for (int64_t i = 0; i < n; i++)
        keys[i].key = key_of(s, keys[i].index, depth);
    if (n <= SMALL) {
        insertion_sort(s, keys, n);
        goto done;
    }
    radix_sort(sorter, keys, spare, n);
    if (s->is_numeric)
        goto done;
    for (int64_t lo = 0, hi; lo < n; lo = hi) {
        for (hi = lo + 1; hi < n && keys[hi].key == keys[lo].key; hi++)
            continue;
        /* Strings that end within these eight bytes are equal (or differ in NULs, which ids and
         * categories have not): stable as radix_sort is, insertion then has nothing to move. */
        if (hi - lo == 1)
            continue;
        if (hi - lo <= SMALL || longest(s, keys + lo, hi - lo) <= depth + 8)
            insertion_sort(s, keys + lo, hi - lo);
        else
            AKIN_TRY(sort_run(sorter, keys + lo, spare + lo, hi - lo, depth + 8, err));
    }
done:
    return status;
}

akin_status strsort_run(akin_ctx *ctx, const struct strsort *s, int32_t *index, int64_t n,
                        akin_error *err)
{
    akin_status status = AKIN_OK;
    struct sorter *sorter = NULL;
    struct key *keys = NULL;
    struct key *spare = NULL;
    MEM_NEW(ctx, sorter, 1);
    MEM_NEW(ctx, keys, n);
    MEM_NEW(ctx, spare, n);
    sorter->ctx = ctx;
    sorter->s = s;
    for (int64_t i = 0; i < n; i++)
        keys[i].index = index[i];
    AKIN_TRY(sort_run(sorter, keys, spare, n, 0, err));
    for (int64_t i = 0; i < n; i++)
        index[i] = keys[i].index;
done:
    mem_free(ctx, spare);
    mem_free(ctx, keys);
    mem_free(ctx, sorter);
    return status;
}
