/* What the files of rows share. */
#ifndef AKIN_SOLVE_ROWS_IMPL_H
#define AKIN_SOLVE_ROWS_IMPL_H

#include "solve/rows.h"

static inline float row_base(const struct row_system *sys, int64_t t)
{
    return sys->base ? sys->base[t] : 0.0f;
}
static inline float row_weight(const struct row_data *row, int32_t i)
{
    return row->weight ? row->weight[i] : 1.0f;
}
static inline float row_goal(const struct row_data *row, int32_t i)
{
    return row->target ? row->target[i] : 1.0f;
}
/* t - c */
static inline float row_target(const struct row_system *sys, const struct row_data *row, int32_t i)
{
    return sys->offset ? row_goal(row, i) - sys->offset[row->item[i]] : row_goal(row, i);
}

/* The lower triangle of A = diag(base + lambda) + ZᵀWZ into A (k, ld). */
akin_status row_build(akin_ctx *ctx, const struct row_system *sys, const struct row_data *row,
                      float *A, int64_t ld, akin_error *err);
/* x (k) = ZᵀW(t - c) - h */
void row_right_side(const struct row_system *sys, const struct row_data *row, float *x);

#endif
