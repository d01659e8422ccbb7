/* The largest singular values of a sparse matrix, with their vectors. */
#ifndef AKIN_SOLVE_SVD_H
#define AKIN_SOLVE_SVD_H

#include "solve/sparse.h"

/* A ≈ Σ_i sigma[i]·left_i·right_iᵀ. Arrays owned. */
struct svd {
    int64_t k;     /* found: fewer than asked for if the rank is smaller */
    double *sigma; /* (k) descending, > 0 */
    float *left;   /* (n_rows, k) orthonormal columns, or NULL */
    float *right; /* (n_cols, k) orthonormal columns; of the longer side to eps·sigma[0]/sigma[i] */
};

/*
 * The k largest singular values of A and their right vectors, left ones if wanted. Values below
 * 1e-5 of the largest count as 0. tolerance: a value's residual ‖A·Aᵀu - σ²u‖ as a share of σ²,
 * all of the k; the values are then right to about its square over the relative gap.
 * Same bits for any number of threads and CPU; draws the start from (seed, RNG_INIT_ITEM).
 * Cost: n = the smaller side, m = 3.5·k + 64 basis vectors: m/8 products with A and n·m²
 * multiply-adds; beside, about 4·m·n + 32·m² + 8·k·(n_rows + n_cols) bytes.
 * Fails: E_MEMORY, E_CANCELLED, E_INTERNAL (values or scales that are not finite).
 */
akin_status svd_truncated(akin_ctx *ctx, const struct sparse *a, int64_t k, double tolerance,
                          uint64_t seed, bool wants_left, struct svd *out, akin_error *err);
void svd_free(akin_ctx *ctx, struct svd *s);
/* What it takes at most beside its result, and flops, for `akin plan`. */
void svd_estimate(int64_t k, int64_t n_rows, int64_t n_cols, int64_t nnz, double *bytes,
                  double *flops);

#endif
