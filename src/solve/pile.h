/* A pile: memory that is given back in the reverse order, as a depth-first walk needs it. */
#ifndef AKIN_SOLVE_PILE_H
#define AKIN_SOLVE_PILE_H

#include "core/ctx.h"

/* Chunks are accounted (core/mem.h). Not thread-safe. */
struct pile {
    akin_ctx *ctx;
    struct pile_chunk *top;   /* owned, with those below it */
    struct pile_chunk *spare; /* owned: one that was emptied */
};
struct pile_mark {
    struct pile_chunk *chunk;
    int64_t used;
};
/* Not cleared, 64-byte aligned. NULL on lack of memory. */
void *pile_alloc(struct pile *p, int64_t n, int64_t size, akin_error *err);
struct pile_mark pile_mark(const struct pile *p);
void pile_release(struct pile *p, struct pile_mark mark);
void pile_free(struct pile *p);

#endif
