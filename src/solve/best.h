/*
 * The k best of a row of values by item: candidates as keys, larger = better, equal values by the
 * lower item. Candidates above the k-th best so far are kept in a buffer of 2·k that a quickselect
 * halves.
 */
#ifndef AKIN_SOLVE_BEST_H
#define AKIN_SOLVE_BEST_H

#include "data/csr.h"

#include <string.h>

/*
 * A candidate in one word, larger = better: the bits of a float > 0 ascend with it, and below them
 * lies the item, turned over, so that of equal ones the lower index wins.
 */
static inline uint64_t best_key(float value, int32_t item)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (uint64_t)bits << 32 | (uint32_t) ~(uint32_t)item;
}

static inline int32_t best_key_item(uint64_t key)
{
    return (int32_t) ~(uint32_t)key;
}

static inline float best_key_value(uint64_t key)
{
    uint32_t bits = (uint32_t)(key >> 32);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* The best so far: m keys of which the first k are the best once it was full; none at or below
 * bound comes in any more. Keys are distinct. Starts as {keys, k}. */
struct best {
    uint64_t *keys; /* (2·k), borrowed */
    int32_t k, m;
    uint64_t bound;
};

void best_halve(struct best *b);
static inline void best_add(struct best *b, uint64_t key)
{
    if (key <= b->bound)
        return;
    b->keys[b->m++] = key;
    if (b->m == 2 * b->k)
        best_halve(b);
}
/* Puts the best first, in no order; returns how many, at most k. */
int32_t best_take(struct best *b);

/* The last of keys (n). */
uint64_t best_least(const uint64_t *keys, int32_t n);

/* Keys (n, changed) → items ascending and their values. */
void best_put(uint64_t *keys, int32_t n, int32_t *item, float *value);
/* The same, best first. */
void best_list(uint64_t *keys, int32_t n, int32_t *item, float *value);

/*
 * Rows that are written apart, in any order and by any worker, each with room for the most it may
 * get, and become a CSR at the end. Row i has n[i] items at item + at[i], values beside them.
 */
struct best_rows {
    int64_t n_rows;
    int64_t *at; /* (n_rows + 1) */
    int32_t *n;  /* (n_rows) */
    int32_t *item;
    float *value;
};
/* All rows empty; at[i + 1] takes the most that row i may get, then best_rows_room makes room. */
akin_status best_rows_init(akin_ctx *ctx, int64_t n_rows, struct best_rows *r, akin_error *err);
akin_status best_rows_room(akin_ctx *ctx, struct best_rows *r, akin_error *err);
/* out (n_rows, n_cols) takes over what r holds; owned by the caller. */
akin_status best_rows_close(akin_ctx *ctx, struct best_rows *r, int64_t n_cols, struct csr *out,
                            akin_error *err);
void best_rows_free(akin_ctx *ctx, struct best_rows *r);

#endif
