/* What the files of ease share. */
#ifndef AKIN_MODELS_EASE_IMPL_H
#define AKIN_MODELS_EASE_IMPL_H

#include "models/neighbors.h"
#include "solve/cooc.h"
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
    /* Else over the items with events alone; others have no weights. */
    int32_t n_known;
    const int32_t *known; /* (n_known) these items, ascending; NULL = all */
    struct tiles m;       /* M = -P, its diagonal b_jj / s_j, so that b_ij = M_ij·s_j */
    const float *scale;   /* (n_known) s */
};

static inline int32_t ease_item(const struct ease *self, int64_t at)
{
    return self->known ? self->known[at] : (int32_t)at;
}

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

/* E_INPUT: the matrix is singular in float at that item of the model. */
akin_status ease_refuse(const struct model *owner, int32_t item, akin_error *err);

#define EASE_LEAST_ROOM (1LL << 28)
/*
 * The closed form of each item over itself and the `most` items that alone would tell it best: row
 * i of out (n, n) has the items that item i speaks for. Owned by the caller. Rows of the Gram
 * matrix g may take as much as the weights (8 bytes each), or least_room bytes if that is more; no
 * bit depends on it. Cost: ease_local.c. Fails: E_MEMORY, E_CANCELLED, E_INPUT.
 */
akin_status ease_local(const struct model *owner, const struct cooc *g, const struct ease_reg *reg,
                       int32_t most, int64_t least_room, struct csr *out, akin_error *err);
/* At its peak, with so many pairs of items that meet. */
double ease_local_bytes(double n, double nnz, double most, double pairs, int workers);

/* Tiles and what goes with them, of a model that owns them. */
void ease_free_exact(struct ease *self, akin_ctx *ctx);
akin_status ease_fit(struct model *m, const struct train_view *tv, const struct fit_control *ctl,
                     akin_error *err);
/* Of an exact fit, everything beside the view, at the peak. */
double ease_bytes(const struct ease_params *p, int64_t n, int workers);

#endif
