/*
 * All of a co-occurrence matrix by rows, in the smaller of two forms each: a list of items and
 * sums, or one sum for every item. For solvers that read rows of it over and over.
 */
#ifndef AKIN_SOLVE_COOC_ROWS_H
#define AKIN_SOLVE_COOC_ROWS_H

#include "kern/kern.h"
#include "solve/cooc.h"

struct cooc_rows {
    int64_t n;
    bool is_lower; /* rows end at their own item */
    int64_t *at;   /* (n + 1) first value of a row, owned; as many as it is wide = a whole one */
    int64_t *lat;  /* (n + 1) first item of a listed row */
    float *value;  /* NULL = not filled */
    int32_t *item; /* of listed rows, in no order */
    float *own;    /* (n) the diagonal */
};

/*
 * kind COOC_COUNT or COOC_SUM; is_lower: half of each row, where symmetry does the rest. Rows that
 * would take more than most_bytes are sized but not filled. Cost: the products twice; 4 to 8 bytes
 * a pair of items that meet.
 */
akin_status cooc_rows_create(akin_ctx *ctx, const struct cooc *g, bool is_lower, int64_t most_bytes,
                             struct cooc_rows *out, akin_error *err);
void cooc_rows_free(akin_ctx *ctx, struct cooc_rows *r);

static inline int64_t cooc_rows_size(const struct cooc_rows *r, int64_t i)
{
    return r->at[i + 1] - r->at[i];
}
static inline int64_t cooc_rows_width(const struct cooc_rows *r, int64_t i)
{
    return r->is_lower ? i + 1 : r->n;
}
/* What values and items take, or would. */
static inline int64_t cooc_rows_bytes(const struct cooc_rows *r)
{
    return 4 * (r->at[r->n] + r->lat[r->n]);
}
/* Items of row i; NULL = all of them. */
static inline const int32_t *cooc_rows_items(const struct cooc_rows *r, int64_t i)
{
    return cooc_rows_size(r, i) == cooc_rows_width(r, i) ? NULL : r->item + r->lat[i];
}
/* y (width) += w · row i */
static inline void cooc_rows_add(const struct cooc_rows *r, const struct kern *kern, int64_t i,
                                 float w, float *y)
{
    const int32_t *items = cooc_rows_items(r, i);
    if (items)
        kern->scatter(w, items, r->value + r->at[i], cooc_rows_size(r, i), y);
    else
        kern->axpy(w, r->value + r->at[i], y, cooc_rows_width(r, i));
}
/*
 * out[t] = element (i, pick[t]), t < n_pick <= 32767, or 0 past the end of the row. place (n) says
 * where an item is in pick, -1 = not there (cooc_rows_place), so that a listed row is read once.
 */
void cooc_rows_pick(const struct cooc_rows *r, int64_t i, const int32_t *pick, int64_t n_pick,
                    const int16_t *place, float *out);
/* The same of half row i, from X: for rows not worth keeping. Cost: half the items of i's users. */
void cooc_rows_make(const struct cooc *g, int64_t i, int64_t n_pick, const int16_t *place,
                    float *out);
/* Marks pick in place, which is all -1 before; with is_on false takes the marks away. */
void cooc_rows_place(const int32_t *pick, int64_t n_pick, bool is_on, int16_t *place);

#endif
