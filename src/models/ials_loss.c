/*
 * The loss of ials, for log_loss and tol: observed part over the positives, the unobserved part by
 * the items' Gram, which is diagonal in the basis that a half-step on users leaves.
 */
#include "core/par.h"
#include "models/ials_fit.h"

enum { LOSS_ITEMS = 1024 }; /* rows of one partial sum of the items' part */

/* acc: Σ w(1 - x̂)² over positives, Σ lambda‖p‖², then per coordinate Σ p², Σ p. */
static akin_status loss_shard(void *arg, int shard, int worker, double *acc, akin_error *err)
{
    struct ials_fit *f = arg;
    const struct ials_side *users = &f->users, *items = &f->items;
    int64_t k = f->k;
    (void)worker;
    for (int64_t u = f->m->users.shard_ptr[shard]; u < f->m->users.shard_ptr[shard + 1]; u++) {
        const float *x = users->X + u * k;
        int64_t lo = users->rows->ptr[u], hi = users->rows->ptr[u + 1];
        double norm = 0.0;
        if (ctx_cancelled(f->ctx))
            return ctx_check(f->ctx, err);
        for (int64_t e = lo; e < hi; e++) {
            int64_t i = users->rows->col[e];
            double miss = 1.0 - f->ctx->kern->dot64(items->X + i * k, x, k) -
                          (items->offset ? (double)items->offset[i] : 0.0);
            acc[0] += (users->rows->val ? (double)users->rows->val[e] : 1.0) * miss * miss;
        }
        for (int64_t t = 0; t < k; t++) {
            double v = (double)x[t];
            norm += v * v;
            acc[2 + t] += v * v;
            acc[2 + k + t] += v;
        }
        acc[1] += (double)ials_lambda(f->p, hi - lo, users->n_other) * norm;
    }
    return AKIN_OK;
}

struct item_loss {
    struct ials_fit *f;
    double *part; /* (blocks, 2): Σ lambda‖q‖², Σ b² */
};

static akin_status item_loss_block(void *arg, int64_t block, int worker, akin_error *err)
{
    const struct item_loss *job = arg;
    const struct ials_side *items = &job->f->items;
    int64_t k = job->f->k;
    double *part = job->part + 2 * block;
    (void)worker;
    (void)err;
    part[0] = part[1] = 0.0;
    for (int64_t i = par_lo(block, LOSS_ITEMS); i < par_hi(block, LOSS_ITEMS, items->n); i++) {
        double norm = job->f->ctx->kern->dot64(items->X + i * k, items->X + i * k, k);
        double b = items->offset ? (double)items->offset[i] : 0.0;
        if (items->offset) /* the turned features hold the constant 1 in place of the bias */
            norm += b * b - 1.0;
        part[0] += (double)ials_lambda(job->f->p, items->rows->ptr[i + 1] - items->rows->ptr[i],
                                       items->n_other) *
                   norm;
        part[1] += b * b;
    }
    return AKIN_OK;
}

akin_status ials_loss(struct ials_fit *f, double *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct item_loss job = {.f = f};
    int64_t k = f->k, blocks = par_blocks(f->items.n, LOSS_ITEMS);
    double *sum = NULL;
    double loss = 0.0, unobserved = 0.0, offsets = 0.0;
    MEM_NEW(f->ctx, sum, 2 + 2 * k);
    MEM_NEW(f->ctx, job.part, 2 * blocks);
    AKIN_TRY(comm_sum_shards(f->ctx, f->comm, 2 + 2 * k, loss_shard, f, sum, err));
    AKIN_TRY(par_for(f->ctx, blocks, item_loss_block, &job, err));
    for (int64_t b = 0; b < blocks; b++) {
        loss += job.part[2 * b];
        offsets += job.part[2 * b + 1];
    }
    /* Σ_all (z·p + b)², Gram of the items being diag(values) in this basis */
    for (int64_t t = 0; t < k; t++)
        unobserved += f->values[t] * sum[2 + t];
    unobserved *= f->p->unobserved_weight;
    for (int64_t t = 0; f->shift && t < k; t++)
        unobserved += 2.0 * (double)f->shift[t] * sum[2 + k + t];
    unobserved += f->p->unobserved_weight * (double)f->users.n * offsets;
    *out = loss + sum[0] + sum[1] + unobserved;
done:
    mem_free(f->ctx, sum);
    mem_free(f->ctx, job.part);
    return status;
}
