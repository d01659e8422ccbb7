/*
 * The sparse accumulator that evidence models fill: dense arrays with a list of what was touched,
 * so that clearing costs what was touched and not the catalogue. One per worker, made once.
 */
#include "rank/scorer.h"

#include <string.h>

akin_status evidence_init(akin_ctx *ctx, int32_t n_items, struct evidence *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct evidence e = {.n_items = n_items};
    MEM_ZERO(ctx, e.value, n_items);
    MEM_ZERO(ctx, e.seen, n_items);
    MEM_NEW(ctx, e.items, n_items);
    *out = e;
    memset(&e, 0, sizeof e);
done:
    evidence_free(ctx, &e);
    return status;
}

void evidence_clear(struct evidence *e)
{
    for (int32_t j = 0; j < e->n; j++) {
        e->value[e->items[j]] = 0.0f;
        e->seen[e->items[j]] = 0;
    }
    e->n = 0;
}

void evidence_free(akin_ctx *ctx, struct evidence *e)
{
    mem_free(ctx, e->value);
    mem_free(ctx, e->seen);
    mem_free(ctx, e->items);
    memset(e, 0, sizeof *e);
}
