/*
 * Row problems of alternating least squares: for one row with features of n items and weights,
 *
 *     x = argmin Σ_i w_i (t_i - c_i - z_i·x)² + xᵀ B x + 2 h·x + lambda·‖x‖²
 *
 * where B is the same for all rows of a half-step. Features are given in the eigenbasis of B, so
 * that B is diagonal: A = diag(base + lambda) + Σ w z zᵀ has a cheap inverse for short rows. The
 * targets t are 1 for implicit feedback; explicit ratings give their own, and have no B.
 */
#ifndef AKIN_SOLVE_ROWS_H
#define AKIN_SOLVE_ROWS_H

#include "core/ctx.h"
#include "kern/kern.h"

/* What the rows of a half-step share. Arrays borrowed. */
struct row_system {
    const struct kern *kern;
    int64_t k;
    const float *Z;      /* (items, k) features in the eigenbasis */
    const float *offset; /* (items) c, or NULL = 0 */
    const float *base;   /* (k) diagonal of B, >= 0; NULL = 0 */
    const float *shift;  /* (k) h, NULL = 0 */
};

/* One row. weight NULL = 1; items in a fixed order (ascending). */
struct row_data {
    int32_t n;
    const int32_t *item;
    const float *weight; /* > 0 */
    float lambda;        /* > 0 */
    const float *target; /* (n) t, NULL = 1 */
};

/*
 * Rows [lo, hi) of a matrix (ptr as in a CSR) into blocks of about equal work of row_solve at k,
 * around a millisecond each: block (hi - lo + 2, the caller's) receives the bounds; returns how
 * many blocks.
 */
int64_t row_cut(const int64_t *ptr, int64_t lo, int64_t hi, int64_t k, int64_t *block);

/* Floats of scratch for rows of up to n items. */
int64_t row_scratch(int64_t k, int64_t n);
/* Enough for every row of at most n items, by any of the functions below. */
int64_t row_scratch_max(int64_t k, int64_t n);

/*
 * x (k) = the exact minimum. The method depends on n and k only, so that a row always gets the
 * same bits: n < 7/8 k by the n×n system (Woodbury), else by the k×k one.
 * Cost: min(n²k/2 + n³/6, nk²/2 + k³/6) + 3nk multiply-adds.
 * Fails: E_CANCELLED (polled in long rows), E_INTERNAL (weights or features are not finite).
 */
akin_status row_solve(akin_ctx *ctx, const struct row_system *sys, const struct row_data *row,
                      float *x, float *scratch, akin_error *err);

/*
 * The same with x[0..n_bound) >= 0, by coordinate descent from zero, so that a row has the same
 * bits whatever was known of it before. Stops when no coordinate moves by 1e-6 of the largest, or
 * after 1000 rounds. Scratch: row_nonneg_scratch(k). Cost: nk²/2 and k² a round; tens of rounds.
 */
int64_t row_nonneg_scratch(int64_t k);
akin_status row_solve_nonneg(akin_ctx *ctx, const struct row_system *sys,
                             const struct row_data *row, int64_t n_bound, float *x, float *scratch,
                             akin_error *err);

/*
 * One pass of block coordinate descent from x (k), blocks of `block` coordinates in order, each
 * solved exactly; never raises the objective. Short rows (n <= 2·block and n < 7/8 k) are solved
 * exactly, which is cheaper. Cost: n·k·(2 + block/2) + k·block²/6.
 */
akin_status row_descend(akin_ctx *ctx, const struct row_system *sys, const struct row_data *row,
                        int64_t block, float *x, float *scratch, akin_error *err);

/*
 * At most `steps` steps of conjugate gradients from x (k); never raises the objective. Rows of at
 * most 16 items are solved exactly, which is cheaper. Cost: (steps + 1)·2nk.
 */
akin_status row_conjugate(akin_ctx *ctx, const struct row_system *sys, const struct row_data *row,
                          int64_t steps, float *x, float *scratch, akin_error *err);

/* x (k) = A⁻¹·b for explanations; b (k) may be x. Cost and failures as row_solve. */
akin_status row_apply(akin_ctx *ctx, const struct row_system *sys, const struct row_data *row,
                      const float *b, float *x, float *scratch, akin_error *err);
/* The same where some coordinates are held at 0: those of `support` (k) that are exactly 0, as
 * row_solve_nonneg leaves them. x is neither support nor b. Scratch: row_nonneg_scratch(k). */
akin_status row_apply_support(akin_ctx *ctx, const struct row_system *sys,
                              const struct row_data *row, const float *support, const float *b,
                              float *x, float *scratch, akin_error *err);

/*
 * The same as row_solve in double by plain Cholesky: the yardstick of the tests, and the way out
 * when rounding in float makes A indefinite. Cost: (nk²/2 + k³/6), scalar; allocates.
 */
akin_status row_solve_reference(akin_ctx *ctx, const struct row_system *sys,
                                const struct row_data *row, const float *b, double *x,
                                akin_error *err);

#endif
