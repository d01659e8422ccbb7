/*
 * Ids by prefix: one order of all ids by bytes, beside their own order, which is by shard and may
 * be numeric. What begins alike stands together in it.
 *
 * Cost: a search compares about 2 log2(n) ids. Not done: ids that come later; who builds one per
 * model has them all.
 */
#include "data/ids_prefix.h"

#include "data/strsort.h"

#include <string.h>

akin_status ids_prefix_build(akin_ctx *ctx, const struct ids *ids, struct ids_prefix *out,
                             akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct strsort strings = {.off = ids->off, .bytes = ids->bytes};
    int32_t *order = NULL;
    MEM_NEW(ctx, order, ids->n);
    for (int32_t i = 0; i < ids->n; i++)
        order[i] = i;
    if (ids->n > 1)
        AKIN_TRY(strsort_run(ctx, &strings, order, ids->n, err));
    *out = (struct ids_prefix){.ids = ids, .order = order};
    order = NULL;
done:
    mem_free(ctx, order);
    return status;
}

/* The first place whose id, cut to the size of text, is not before text; or after it. */
static int32_t bound(const struct ids_prefix *p, const char *text, size_t size, bool is_after)
{
    int32_t lo = 0, hi = p->ids->n;
    while (lo < hi) {
        int32_t mid = lo + (hi - lo) / 2, n;
        const char *id = ids_get(p->ids, p->order[mid], &n);
        size_t common = (size_t)n < size ? (size_t)n : size;
        int order = common ? memcmp(id, text, common) : 0;
        if (order == 0 && (size_t)n < size)
            order = -1;
        if (order < 0 || (is_after && order == 0))
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

void ids_prefix_find(const struct ids_prefix *p, const char *text, size_t size, int32_t *lo,
                     int32_t *hi)
{
    *lo = bound(p, text, size, false);
    *hi = bound(p, text, size, true);
}

void ids_prefix_free(akin_ctx *ctx, struct ids_prefix *p)
{
    mem_free(ctx, p->order);
    p->order = NULL;
}
