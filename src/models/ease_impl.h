/* What the files of ease share. */
#ifndef AKIN_MODELS_EASE_IMPL_H
#define AKIN_MODELS_EASE_IMPL_H

#include "solve/cooc_rows.h"

/* γ of an item, of which G has own on the diagonal. */
struct ease_reg {
    double reg, dropout, diagonal;
};
static inline float ease_gamma(const struct ease_reg *r, float own)
{
    return (float)(r->reg + r->dropout / (1 - r->dropout) * (double)own);
}

/*
 * s_j and b_jj from P_jj = the diagonal of (G + diag γ)⁻¹.
 */
static inline float ease_scale(const struct ease_reg *r, float gamma, double P, float *own)
{
    double b = 1 - (double)gamma * P;
    b = b > 0 ? b : 0; /* rounding of 1 - 1 */
    *own = (float)(b > r->diagonal ? r->diagonal : b);
    return b > r->diagonal ? (float)((1 - r->diagonal) / P) : gamma;
}

/*
 * The closed form of each item over itself and the `most` items that alone would tell it best: row
 * j of out (n, n) has the items that speak for item j. Owned by the caller. *pivot: the item whose
 * matrix is singular in float (E_INPUT). Cost: ease_local.c. Fails: E_MEMORY, E_CANCELLED, E_INPUT.
 */
akin_status ease_local(akin_ctx *ctx, const struct cooc_rows *G, const struct ease_reg *reg,
                       int32_t most, struct csr *out, int32_t *pivot, akin_error *err);
double ease_local_bytes(double n, double most, int workers);

#endif
