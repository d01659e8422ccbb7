/* What the files of cooc share. */
#ifndef AKIN_SOLVE_COOC_IMPL_H
#define AKIN_SOLVE_COOC_IMPL_H

#include "solve/cooc.h"

#include <float.h>

/* A term of a sum: what is shared never counts as 0. */
static inline float cooc_at_least_tiny(float x)
{
    return x > FLT_MIN ? x : FLT_MIN;
}

/* work (n_items) = additions of each row of G, an upper bound of what it touches. */
akin_status cooc_work(akin_ctx *ctx, const struct cooc *g, int64_t *work, akin_error *err);
/* cooc_visit for whom the work is known. */
akin_status cooc_visit_work(akin_ctx *ctx, const struct cooc *g, const int64_t *work,
                            cooc_visit_fn fn, void *arg, akin_error *err);

#endif
