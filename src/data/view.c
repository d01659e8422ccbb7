/*
 * The train view: everything a fit may look at, built once: weighted histories, the folded matrix
 * both ways, counts. The test view is in view_test.c.
 *
 * Cost: a pass for the weights, the fold of all histories, one transpose. Memory: 4 bytes an event
 * for weights (none if every event weighs 1), 16 a distinct pair for the matrices (12 if all pairs
 * weigh the same).
 */
#include "data/view.h"

#include <string.h>

/* Nothing but one weight, as under every rule without weights or decay of its own. */
static bool is_level(const struct csr *a)
{
    int64_t nnz = csr_nnz(a), e = 1;
    while (e < nnz && a->val[e] == a->val[0])
        e++;
    return e >= nnz;
}

/* Weights that are all the same lie the same in both orders: they are kept once. */
static akin_status build_by_item(struct train_view *tv, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct csr by_user = tv->by_user;
    if (!is_level(&by_user))
        return csr_transpose(tv->ctx, &by_user, &tv->by_item, err);
    by_user.val = NULL;
    AKIN_TRY(csr_transpose(tv->ctx, &by_user, &tv->by_item, err));
    tv->by_item.val = mem_share(tv->by_user.val);
done:
    return status;
}

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
    AKIN_TRY(build_by_item(tv, err));
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

double train_view_estimate(const struct feedback_params *p, int64_t n_events, int64_t n_users,
                           int64_t n_items)
{
    bool has_weights =
        json_object_size(p->event_weights) > 0 || p->value_weight != 0 || p->half_life_days > 0.0;
    double per_event = 12 + (has_weights ? 8 : p->positive ? 4 : 0);
    double counters =
        64.0 * (double)n_items; /* of the transpose, which keeps below a byte an event */
    if (counters > (double)n_events)
        counters = (double)n_events;
    return per_event * (double)n_events + 8.0 * (double)n_users + 12.0 * (double)n_items + counters;
}

void train_view_shard(const struct train_view *tv, int shard, int64_t *lo, int64_t *hi)
{
    *lo = tv->ds->users.shard_ptr[shard];
    *hi = tv->ds->users.shard_ptr[shard + 1];
}
