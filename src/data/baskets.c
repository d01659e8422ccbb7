/*
 * Baskets from histories: cut at pauses they are histories of more users, the same arrays with
 * other pointers.
 *
 * Cost: two passes over the events and the matrices of the cut histories; nothing without a gap.
 */
#include "data/baskets.h"

void baskets_free(akin_ctx *ctx, struct baskets *b)
{
    if (!b->is_owned)
        return;
    csr_free(ctx, &b->by_basket);
    csr_free(ctx, &b->by_item);
}

/* Does event e of a user begin a basket? */
static bool is_start(const struct histories *h, int64_t e, int64_t first, int64_t gap)
{
    return e == first || h->time[e] - h->time[e - 1] > gap;
}

static akin_status cut_histories(akin_ctx *ctx, const struct histories *h, int64_t gap,
                                 int64_t **ptr, int64_t *n, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t count = 0;
    for (int64_t u = 0; u < h->n_users; u++)
        for (int64_t e = h->ptr[u]; e < h->ptr[u + 1]; e++)
            count += is_start(h, e, h->ptr[u], gap);
    AKIN_TRY(ctx_check(ctx, err));
    MEM_NEW(ctx, *ptr, count + 1);
    *n = 0;
    for (int64_t u = 0; u < h->n_users; u++)
        for (int64_t e = h->ptr[u]; e < h->ptr[u + 1]; e++)
            if (is_start(h, e, h->ptr[u], gap))
                (*ptr)[(*n)++] = e;
    (*ptr)[count] = h->ptr[h->n_users];
done:
    return status;
}

akin_status baskets_make(const struct train_view *tv, int64_t gap_seconds, struct baskets *out,
                         akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = tv->ctx;
    int64_t *ptr = NULL;
    *out = (struct baskets){tv->by_user, tv->by_item, false};
    if (gap_seconds == 0 || tv->ds->n_events == 0)
        goto done;
    if (tv->ds->time_kind != TIME_UNIX)
        AKIN_FAIL(AKIN_E_INPUT, "gap_seconds=%lld needs the times of events; this data has %s",
                  (long long)gap_seconds,
                  tv->ds->time_kind == TIME_NONE ? "none" : "only their order");
    *out = (struct baskets){.is_owned = true};
    struct histories cut = tv->hist; /* arrays borrowed */
    AKIN_TRY(cut_histories(ctx, &tv->hist, gap_seconds, &ptr, &cut.n_users, err));
    cut.ptr = ptr;
    AKIN_TRY(histories_matrix(ctx, &cut, tv->ds->items.n, &out->by_basket, err));
    AKIN_TRY(csr_transpose(ctx, &out->by_basket, &out->by_item, err));
done:
    mem_free(ctx, ptr);
    return status;
}
