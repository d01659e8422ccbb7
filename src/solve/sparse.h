/*
 * Products of a sparse matrix with narrow dense ones, in the order of the matrix: each output adds
 * its terms by index ascending, each lane for itself, so that a column has the same bits alone, in
 * a panel of many, gathered or spread.
 */
#ifndef AKIN_SOLVE_SPARSE_H
#define AKIN_SOLVE_SPARSE_H

#include "data/csr.h"

enum {
    SPARSE_LANES = 8, /* columns that spread takes at once */
    SPARSE_PANEL = 16 /* columns of gather: KERN_PANEL, so that a panel is packed for gemm */
};

/*
 * A = diag(row_scale)·X·diag(col_scale), X with its transpose. Arrays borrowed; scales NULL = 1.
 */
struct sparse {
    struct csr by_row, by_col; /* val NULL = all 1 */
    const float *row_scale;    /* (n_rows) */
    const float *col_scale;    /* (n_cols) */
};

/* A by its other side: Aᵀ. */
static inline struct sparse sparse_flip(const struct sparse *a)
{
    struct sparse t = {a->by_col, a->by_row, a->col_scale, a->row_scale};
    return t;
}

/*
 * out (n_rows, SPARSE_PANEL) = diag(scale)·X·in, in (n_cols, SPARSE_PANEL), scale (n_rows) or NULL.
 * Cost: SPARSE_PANEL additions an entry. Fails: E_CANCELLED. Threads: the context's.
 */
akin_status sparse_gather(akin_ctx *ctx, const struct csr *x, const float *in, const float *scale,
                          float *out, akin_error *err);
/* in (n_rows, SPARSE_PANEL) = diag(scale)·in; scale NULL = nothing to do. */
void sparse_scale(const float *scale, int64_t n_rows, float *in);

/*
 * out (n_cols, lanes) = Xᵀ·diag(scale)·in, in (n_rows, lanes), scale (n_rows) or NULL; lanes is 1
 * or SPARSE_LANES. Rows that are 0 in all lanes cost a look. One thread, polling for cancel.
 */
akin_status sparse_spread(akin_ctx *ctx, const struct csr *x, const float *in, const float *scale,
                          int lanes, float *out, akin_error *err);

#endif
