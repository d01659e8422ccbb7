/* A part of a co-occurrence matrix, as a matrix of its own, and the diagonal alone. */
#ifndef AKIN_SOLVE_COOC_PART_H
#define AKIN_SOLVE_COOC_PART_H

#include "solve/cooc.h"

struct cooc_part {
    struct cooc g; /* looks at the next two, so the part must stay where it is */
    struct csr by_user, by_item;
};

/*
 * G over `items` (n, distinct) alone, numbered 0..n-1 in their order: the same sums. kind
 * COOC_COUNT or COOC_SUM. Holds 8 to 16 bytes an entry of X on them; shares X if nothing changes.
 * Owned by the caller.
 */
akin_status cooc_part_create(akin_ctx *ctx, const struct cooc *g, const int32_t *items, int64_t n,
                             struct cooc_part *out, akin_error *err);
void cooc_part_free(akin_ctx *ctx, struct cooc_part *part);

/* own (n_items) = the diagonal of G as cooc_visit gives it; kind COOC_COUNT or COOC_SUM. */
void cooc_own(const struct cooc *g, float *own);

#endif
