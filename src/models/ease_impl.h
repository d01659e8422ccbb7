/* What the files of ease share. */
#ifndef AKIN_MODELS_EASE_IMPL_H
#define AKIN_MODELS_EASE_IMPL_H

#include "models/neighbors.h"
#include "solve/cooc_rows.h"
#include "solve/tiles.h"

enum ease_solver { EASE_EXACT, EASE_LOCAL };

struct ease_params {
    double reg;
    double dropout;
    double diagonal;
    double damping;
    int64_t weighting;
    int64_t keep;
    int64_t solver;
    int64_t neighbors;
};

struct ease {
    const struct model *owner;
    int32_t n_items;
    struct neighbors nb; /* b, trimmed; ptr NULL = not trimmed */
    struct tiles m;      /* else M = -P, its diagonal b_jj / s_j, so that b_ij = M_ij·s_j */
    const float *scale;  /* (n_items) s */
};

struct ease_reg {
    double reg, dropout, diagonal;
};
/* γ of an item, of which G has own on the diagonal. */
static inline float ease_gamma(const struct ease_reg *r, float own)
{
    return (float)(r->reg + r->dropout / (1 - r->dropout) * (double)own);
}

/* s_j, and b_jj into own, from P_jj of (G + diag γ)⁻¹. */
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

akin_status ease_fit(struct model *m, const struct train_view *tv, const struct fit_control *ctl,
                     akin_error *err);
/* Of an exact fit, everything beside the view, at the peak. */
double ease_bytes(const struct ease_params *p, int64_t n, int workers);

#endif
