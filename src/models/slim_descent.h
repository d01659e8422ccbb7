/* The elastic nets of slim: one small regression an item, by coordinate descent. */
#ifndef AKIN_MODELS_SLIM_DESCENT_H
#define AKIN_MODELS_SLIM_DESCENT_H

#include "solve/cooc_rows.h"

struct slim_spec {
    double l1, l2;
    double tol;
    int64_t rounds; /* most working sets an item */
    bool is_signed; /* weights below 0, too */
    int32_t keep;   /* largest weights kept of each item */
};

/*
 * Row j of out (n, n): the items that speak for item j and their weights, w of
 *   min ½ wᵀGw - g_jᵀw + l1·‖w‖₁ + l2/2·‖w‖²,  w_j = 0,  w >= 0 unless is_signed.
 * Owned by the caller. *unfinished: items that ran out of rounds. Cost: slim_descent.c. Fails:
 * E_MEMORY, E_CANCELLED.
 */
akin_status slim_descend(akin_ctx *ctx, const struct cooc_rows *G, const struct slim_spec *spec,
                         struct csr *out, int64_t *unfinished, akin_error *err);
/* Bytes that it takes beside G and the result. */
double slim_descend_bytes(double n, double keep, int workers);

#endif
