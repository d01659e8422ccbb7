/*
 * Symmetric matrices in square tiles: the lower triangle of tiles and nothing else, so that n items
 * cost n²/2 floats, and their inversion in place.
 *
 * Tile (I, J <= I) holds rows I·size.. and columns J·size.. row-major, `size` floats from row to
 * row; the last ones are partly empty. The size depends on n alone, and so do all bits.
 */
#ifndef AKIN_SOLVE_TILES_H
#define AKIN_SOLVE_TILES_H

#include "kern/kern.h"

struct tiles {
    int64_t n;
    int64_t size; /* rows and columns of a tile */
    int64_t side; /* rows of tiles */
    float *at;    /* (tiles_floats(n)) owned, or a view into a file */
};

/* Size and side for n; at stays NULL. */
struct tiles tiles_shape(int64_t n);
/* Floats of storage: n²/2 and half a row of tiles. */
int64_t tiles_floats(int64_t n);
/* Bytes that tiles_sweep takes beside: two columns of tiles. */
double tiles_sweep_bytes(int64_t n, int workers);

/* All 0. Fails: E_MEMORY. */
akin_status tiles_create(akin_ctx *ctx, int64_t n, struct tiles *out, akin_error *err);
void tiles_free(akin_ctx *ctx, struct tiles *t);

/* A matrix of n whose tiles lie in a file; nobody may write it. */
static inline struct tiles tiles_view(int64_t n, const float *at)
{
    union {
        const float *in;
        float *out;
    } cast = {at};
    struct tiles t = tiles_shape(n);
    t.at = cast.out;
    return t;
}

/* Where tile (I, J) begins, in floats. */
static inline int64_t tiles_place(const struct tiles *t, int64_t I, int64_t J)
{
    return (I * (I + 1) / 2 + J) * t->size * t->size;
}
static inline float *tiles_tile(const struct tiles *t, int64_t I, int64_t J)
{
    return t->at + tiles_place(t, I, J);
}
/* Element (i, j) with j <= i; other ways round only within a tile on the diagonal. */
static inline int64_t tiles_cell_place(const struct tiles *t, int64_t i, int64_t j)
{
    return tiles_place(t, i / t->size, j / t->size) + i % t->size * t->size + j % t->size;
}
static inline float *tiles_cell(const struct tiles *t, int64_t i, int64_t j)
{
    return t->at + tiles_cell_place(t, i, j);
}
static inline float tiles_get(const struct tiles *t, int64_t i, int64_t j)
{
    return i >= j ? *tiles_cell(t, i, j) : *tiles_cell(t, j, i);
}

/*
 * A := -A⁻¹ in place for positive definite A of which the lower triangle is given; tiles on the
 * diagonal come out whole. Deterministic for any thread count and CPU.
 * Cost: n³ flops in parallel at the speed of gemm; beside, tiles_sweep_bytes. Fails: E_INPUT (a
 * pivot is not > 0: A is not positive definite in float; *pivot is its index), E_MEMORY,
 * E_CANCELLED. A is then worthless.
 */
akin_status tiles_sweep(akin_ctx *ctx, struct tiles *t, int64_t *pivot, akin_error *err);

/* Of matrices whose tiles on the diagonal are whole: */

/* out[(i - lo)·ldo + j] = rows [lo, hi), which lie in one row of tiles. Cost: reads each once. */
void tiles_rows(const struct tiles *t, int64_t lo, int64_t hi, float *out, int64_t ldo);
/* y (n) += w · row i. Cost: half of it is a column of tiles: a line of cache an element. */
void tiles_add_row(const struct tiles *t, const struct kern *kern, int64_t i, float w, float *y);

#endif
