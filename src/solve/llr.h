/* Dunning's log-likelihood ratio of two events that meet (doi:10.5555/972450.972454). */
#ifndef AKIN_SOLVE_LLR_H
#define AKIN_SOLVE_LLR_H

#include "core/ctx.h"

struct llr {
    int64_t total; /* N: users or baskets */
    int64_t n;     /* entries of h */
    double *h;     /* (n) x·ln x of x = 0, 1, …; owned */
};

/* total N; x·ln x is kept for x up to a limit (32 MiB) and computed above it. */
akin_status llr_init(akin_ctx *ctx, int64_t total, struct llr *out, akin_error *err);
void llr_free(akin_ctx *ctx, struct llr *l);
/*
 * 2·Σ k·ln(k·N / (row · column)) over the four cells of n(ij), n(i), n(j), N; 0 if the two meet no
 * more often than by chance (n(ij)·N <= n(i)·n(j)). Needs n(ij) <= n(i), n(j) <= N.
 */
double llr_of(const struct llr *l, int64_t both, int64_t a, int64_t b);

#endif
