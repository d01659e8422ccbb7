/*
 * Conjugate gradients for a row, in the eigenbasis of B.
 *
 * Hestenes and Stiefel 1952, doi:10.6028/jres.049.044; for implicit feedback Takács, Pilászy, Tikk
 * 2011, doi:10.1145/2043932.2043987. In the eigenbasis B is diagonal: a step costs the row's own
 * items only, 2nk, where another basis needs k² more for the product with B; and D = diag(base +
 * lambda) as preconditioner takes out all of B's spectrum. Three steps then bring a half-step as
 * far as an exact one (the loss after each epoch agrees to 1e-4 on Gowalla at 64 factors, where the
 * diagonal of all of A as preconditioner is no better).
 *
 * Bound by the gathers of rows: each step reads n·k floats twice, the second time from the nearest
 * cache. Not here: a stop by the residual, as steps are few.
 */
#include "solve/rows_impl.h"

enum { EXACT_ROWS = 16 }; /* up to here the n×n system is cheaper than the steps */

akin_status row_conjugate(akin_ctx *ctx, const struct row_system *sys, const struct row_data *row,
                          int64_t steps, float *x, float *scratch, akin_error *err)
{
    const struct kern *kern = sys->kern;
    int64_t k = sys->k;
    int32_t n = row->n;
    float *restrict r = scratch;    /* (k) b - A·x */
    float *restrict z = r + k;      /* (k) D⁻¹·r */
    float *restrict p = z + k;      /* (k) direction */
    float *restrict q = p + k;      /* (k) -A·p */
    float *restrict d = q + k;      /* (k) D */
    float *restrict target = d + k; /* (n) t - c */
    if (n <= EXACT_ROWS)
        return row_solve(ctx, sys, row, x, scratch, err);
    for (int32_t i = 0; i < n; i++)
        target[i] = row_target(sys, row, i);
    for (int64_t t = 0; t < k; t++) {
        d[t] = row_base(sys, t) + row->lambda;
        r[t] = -d[t] * x[t] - (sys->shift ? sys->shift[t] : 0.0f);
    }
    kern->residual(k, n, sys->Z, k, row->item, row->weight, target, x, r);
    for (int64_t t = 0; t < k; t++)
        p[t] = z[t] = r[t] / d[t];
    float rz = kern->dot(r, z, k);
    for (int64_t step = 1;; step++) {
        akin_status status = ctx_check(ctx, err);
        if (status != AKIN_OK)
            return status;
        for (int64_t t = 0; t < k; t++)
            q[t] = -d[t] * p[t];
        kern->residual(k, n, sys->Z, k, row->item, row->weight, NULL, p, q);
        float curvature = -kern->dot(p, q, k);
        if (!(rz > 0.0f && curvature > 0.0f))
            break; /* at the minimum, to rounding */
        float alpha = rz / curvature, last = rz;
        kern->axpy(alpha, p, x, k);
        if (step == steps)
            break;
        kern->axpy(alpha, q, r, k);
        for (int64_t t = 0; t < k; t++)
            z[t] = r[t] / d[t];
        rz = kern->dot(r, z, k);
        float beta = rz / last;
        for (int64_t t = 0; t < k; t++)
            p[t] = z[t] + beta * p[t];
    }
    return AKIN_OK;
}
