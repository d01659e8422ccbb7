/* Eigenvalues and eigenvectors of symmetric matrices. */
#ifndef AKIN_SOLVE_EIGEN_H
#define AKIN_SOLVE_EIGEN_H

#include "core/ctx.h"

/*
 * Of the symmetric matrix whose lower triangle by rows is `lower` (n·(n+1)/2, borrowed).
 *   values   (n) descending
 *   vectors  (n, n): row i is the unit eigenvector of values[i]; orthogonal to working precision
 * Deterministic for any thread count and CPU (its sign too).
 * Cost: about 9·n³ flops in double, 2/3 of them in parallel; 3 n² doubles beside.
 * Fails: E_MEMORY, E_CANCELLED, E_INTERNAL (a NaN or infinity in the matrix).
 */
akin_status eigen_symmetric(akin_ctx *ctx, int64_t n, const double *lower, double *values,
                            double *vectors, akin_error *err);

#endif
