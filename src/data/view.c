/*
 * The train view: everything a fit may look at, built once: weighted histories, the folded matrix
 * both ways, counts. The test view is in view_test.c.
 *
 * Cost: a pass for the weights, the fold of all histories, one transpose. Memory: 4 bytes an event
 * for weights (none if every event weighs 1), 16 a distinct pair for the matrices.
 */
#include "data/view.h"

#include <string.h>

akin_status train_view_build(akin_ctx *ctx, const struct dataset *ds, const struct feedback *f,
                             struct comm *comm, struct train_view *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct train_view *tv = out;
    memset(tv, 0, sizeof *tv);
    tv->ctx = ctx;
    tv->ds = ds;
    tv->feedback = f;
    tv->seed = ctx->seed;
    tv->now = dataset_newest(ds);
    comm_self(&tv->self_comm);
    tv->comm = comm ? comm : &tv->self_comm;
    AKIN_TRY(histories_build(ctx, ds, f, &tv->hist, err));
    AKIN_TRY(histories_matrix(ctx, &tv->hist, ds->items.n, &tv->by_user, err));
    AKIN_TRY(csr_transpose(ctx, &tv->by_user, &tv->by_item, err));
    MEM_NEW(ctx, tv->item_count, ds->items.n);
    for (int64_t i = 0; i < ds->items.n; i++)
        tv->item_count[i] = (int32_t)(tv->by_item.ptr[i + 1] - tv->by_item.ptr[i]);
done:
    if (status != AKIN_OK)
        train_view_free(tv);
    return status;
}

void train_view_free(struct train_view *tv)
{
    if (!tv || !tv->ctx)
        return;
    histories_free(tv->ctx, &tv->hist);
    csr_free(tv->ctx, &tv->by_user);
    csr_free(tv->ctx, &tv->by_item);
    mem_free(tv->ctx, tv->item_count);
    memset(tv, 0, sizeof *tv);
}

void train_view_shard(const struct train_view *tv, int shard, int64_t *lo, int64_t *hi)
{
    *lo = tv->ds->users.shard_ptr[shard];
    *hi = tv->ds->users.shard_ptr[shard + 1];
}
