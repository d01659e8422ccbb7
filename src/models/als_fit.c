/*
 * Training of als (see als.c): alternating half-steps until epochs or tol end it.
 *
 * An epoch is items, then users; users start at random, items at zero. A warm start takes the items
 * of an earlier model and solves the users. Both sides always lie as features [p, σ], [q, 1] beside
 * their biases, so that whichever was solved last is fixed as it is; the items' solution is
 * [q, b/σ] with reg · σ², by which reg means the same on every scale of ratings.
 */
#include "core/par.h"
#include "core/rng.h"
#include "kern/kern.h"
#include "kern/math.h"
#include "models/als.h"

#include <math.h>
#include <string.h>

enum { LOSS_ROWS = 1024 }; /* items of one partial sum of the loss */

struct als_side {
    const struct csr *rows; /* ratings of each row */
    int64_t n;
    int64_t lo, hi; /* rows of this rank */
    float *X;       /* (n, k), owned until the model has it */
    float *bias;    /* (n) likewise, or NULL */
    float one;      /* the constant feature beside the biases of the other side */
    double weight;  /* of the regularisation of its rows */
    int64_t *block; /* (n_blocks + 1) */
    int64_t n_blocks;
};

struct als_fit {
    akin_ctx *ctx;
    struct model *m;
    const struct train_view *tv;
    const struct als_params *p;
    struct comm *comm;
    struct rated_data data;
    double mean, scale; /* 0 and 1 without biases */
    int64_t k;
    struct als_side users, items;
    int64_t scratch_size, longest;
    float *scratch; /* (workers, scratch_size): targets of a row, its solution, the solver's */
};

/* ---- A half-step --------------------------------------------------------------------------- */

struct solve_job {
    struct als_fit *f;
    struct als_side *side;
    struct row_system sys;
    float other_one;
};

static akin_status solve_block(void *arg, int64_t block, int worker, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct solve_job *job = arg;
    struct als_fit *f = job->f;
    const struct als_side *s = job->side;
    float *target = f->scratch + worker * f->scratch_size;
    float *x = target + f->longest, *room = x + f->k;
    for (int64_t r = s->block[block]; r < s->block[block + 1]; r++) {
        int64_t lo = s->rows->ptr[r];
        int32_t n = (int32_t)(s->rows->ptr[r + 1] - lo);
        float lambda = (float)(s->weight * (double)als_lambda(f->p, n));
        struct row_data row = {n, s->rows->col + lo, NULL, lambda, target};
        for (int32_t i = 0; i < n; i++)
            target[i] = (float)((double)s->rows->val[lo + i] - f->mean);
        AKIN_TRY(als_row(f->ctx, f->p, &job->sys, &row, x, room, err));
        if (s->bias) {
            s->bias[r] = job->other_one * x[f->k - 1];
            x[f->k - 1] = s->one;
        }
        memcpy(s->X + r * f->k, x, (size_t)f->k * sizeof *x);
    }
    progress_add(f->ctx, s->block[block + 1] - s->block[block]);
done:
    return status;
}

static akin_status exchange(struct als_fit *f, struct als_side *s, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct comm_class *cls = f->comm->cls;
    AKIN_TRY(cls->rows_start(f->comm, s->X, s->n, f->k, s->lo, s->hi, NULL, err));
    AKIN_TRY(cls->rows_wait(f->comm, err));
    if (s->bias) {
        AKIN_TRY(cls->rows_start(f->comm, s->bias, s->n, 1, s->lo, s->hi, NULL, err));
        AKIN_TRY(cls->rows_wait(f->comm, err));
    }
done:
    return status;
}

static akin_status half_step(struct als_fit *f, struct als_side *solved,
                             const struct als_side *fixed, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct solve_job job = {.f = f, .side = solved, .other_one = fixed->one};
    job.sys = (struct row_system){f->ctx->kern, f->k, fixed->X, fixed->bias, NULL, NULL};
    AKIN_TRY(par_for(f->ctx, solved->n_blocks, solve_block, &job, err));
    AKIN_TRY(exchange(f, solved, err));
done:
    return status;
}

/* ---- The loss ------------------------------------------------------------------------------ */

/* Of row r; the constant among its features is not a part of it. */
static double row_penalty(const struct als_fit *f, const struct als_side *s, int64_t r)
{
    const float *x = s->X + r * f->k;
    double norm = s->weight * f->ctx->kern->dot64(x, x, f->p->factors);
    if (s->bias)
        norm += (double)s->bias[r] * (double)s->bias[r];
    return (double)als_lambda(f->p, s->rows->ptr[r + 1] - s->rows->ptr[r]) * norm;
}

/* acc: Σ (r - x̂)² + penalties of the users of a shard. */
static akin_status loss_shard(void *arg, int shard, int worker, double *acc, akin_error *err)
{
    struct als_fit *f = arg;
    const struct als_side *users = &f->users, *items = &f->items;
    const int32_t *shard_ptr = f->m->users.shard_ptr;
    (void)worker;
    for (int64_t u = shard_ptr[shard]; u < shard_ptr[shard + 1]; u++) {
        double b = users->bias ? (double)users->bias[u] - (double)users->one
                               : 0.0; /* it is in the product */
        if (ctx_cancelled(f->ctx))
            return ctx_check(f->ctx, err);
        for (int64_t e = users->rows->ptr[u]; e < users->rows->ptr[u + 1]; e++) {
            int64_t i = users->rows->col[e];
            double miss = (double)users->rows->val[e] - f->mean - b -
                          (items->bias ? (double)items->bias[i] : 0.0) -
                          f->ctx->kern->dot64(users->X + u * f->k, items->X + i * f->k, f->k);
            acc[0] += miss * miss;
        }
        acc[0] += row_penalty(f, users, u);
    }
    return AKIN_OK;
}

struct item_loss {
    struct als_fit *f;
    double *part; /* (blocks) */
};

static akin_status item_loss_block(void *arg, int64_t block, int worker, akin_error *err)
{
    const struct item_loss *job = arg;
    const struct als_side *items = &job->f->items;
    (void)worker;
    (void)err;
    job->part[block] = 0.0;
    for (int64_t i = par_lo(block, LOSS_ROWS); i < par_hi(block, LOSS_ROWS, items->n); i++)
        job->part[block] += row_penalty(job->f, items, i);
    return AKIN_OK;
}

static akin_status als_loss(struct als_fit *f, double *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct item_loss job = {.f = f};
    int64_t blocks = par_blocks(f->items.n, LOSS_ROWS);
    double sum = 0.0;
    MEM_NEW(f->ctx, job.part, blocks);
    AKIN_TRY(comm_sum_shards(f->ctx, f->comm, 1, loss_shard, f, &sum, err));
    AKIN_TRY(par_for(f->ctx, blocks, item_loss_block, &job, err));
    for (int64_t b = 0; b < blocks; b++)
        sum += job.part[b];
    *out = sum;
done:
    mem_free(f->ctx, job.part);
    return status;
}

/* ---- Start --------------------------------------------------------------------------------- */

static akin_status start_random(struct als_fit *f, akin_error *err)
{
    akin_status status = AKIN_OK;
    double scale = f->p->stddev / sqrt((double)f->p->factors);
    for (int64_t u = 0; u < f->users.n; u++) {
        float *x = f->users.X + u * f->k;
        struct rng rng = rng_make(f->tv->seed, RNG_INIT_USER, (uint64_t)u);
        if (u % 4096 == 0)
            AKIN_TRY(ctx_check(f->ctx, err));
        for (int64_t t = 0; t < f->p->factors; t++) {
            uint64_t a = rng_next(&rng);
            double v = scale * kern_normal(a, rng_next(&rng));
            x[t] = (float)(f->p->nonnegative ? fabs(v) : v);
        }
        if (f->users.bias)
            x[f->k - 1] = f->users.one;
    }
done:
    return status;
}

/* Items of an earlier model, new ones at zero; then the users are solved. */
static akin_status start_warm(struct als_fit *f, const struct fit_control *ctl, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct als *old = ctl->warm->self;
    int64_t k = f->k;
    if (!ctl->warm_item)
        AKIN_FAIL(AKIN_E_ARG, "als: an earlier model needs the places of its items");
    if (old->f.k != k || !old->params->biases != !f->p->biases)
        AKIN_FAIL(AKIN_E_ARG,
                  "als: factors=%d, biases=%d, but the earlier model has factors=%d, biases=%d",
                  (int)f->p->factors, (int)f->p->biases, (int)old->params->factors,
                  (int)old->params->biases);
    for (int64_t i = 0; i < f->items.n; i++) {
        int64_t from = ctl->warm_item[i];
        if (from >= old->f.n_items)
            AKIN_FAIL(AKIN_E_ARG, "als: item %d of the earlier model (it has %d)", (int)from,
                      (int)old->f.n_items);
        if (from >= 0)
            memcpy(f->items.X + i * k, old->f.items + from * k, (size_t)k * sizeof *f->items.X);
        if (f->items.bias) {
            f->items.bias[i] = from >= 0 ? old->f.item_bias[from] : 0.0f;
            f->items.X[i * k + k - 1] = f->items.one;
        }
    }
    AKIN_TRY(half_step(f, &f->users, &f->items, err));
done:
    return status;
}

/* ---- The whole ----------------------------------------------------------------------------- */

static akin_status fit_alloc(struct als_fit *f, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = f->ctx;
    struct als_side *sides[2] = {&f->users, &f->items};
    for (int i = 0; i < 2; i++) {
        struct als_side *s = sides[i];
        MEM_ZERO(ctx, s->X, s->n * f->k);
        if (f->p->biases)
            MEM_ZERO(ctx, s->bias, s->n);
        MEM_NEW(ctx, s->block, s->hi - s->lo + 2);
        s->n_blocks = row_cut(s->rows->ptr, s->lo, s->hi, f->k, s->block);
        for (int64_t r = s->lo; r < s->hi; r++) {
            int64_t n = s->rows->ptr[r + 1] - s->rows->ptr[r];
            f->longest = n > f->longest ? n : f->longest;
        }
    }
    f->scratch_size = f->longest + f->k + als_scratch(f->p, f->longest);
    MEM_NEW(ctx, f->scratch, par_workers(ctx) * f->scratch_size);
done:
    return status;
}

static void fit_free(struct als_fit *f)
{
    mem_free(f->ctx, f->users.block);
    mem_free(f->ctx, f->items.block);
    mem_free(f->ctx, f->scratch);
    rated_data_free(f->ctx, &f->data);
}

static akin_status run_epochs(struct als_fit *f, const struct fit_control *ctl, akin_error *err)
{
    akin_status status = AKIN_OK;
    bool stop = false;
    double last = (double)NAN, loss = (double)NAN;
    for (int64_t epoch = 1; epoch <= f->p->epochs && !stop; epoch++) {
        AKIN_TRY(half_step(f, &f->items, &f->users, err));
        AKIN_TRY(half_step(f, &f->users, &f->items, err));
        if (ctl->epoch || f->p->tol > 0.0)
            AKIN_TRY(als_loss(f, &loss, err));
        if (f->p->tol > 0.0 && last - loss <= f->p->tol * fabs(last))
            stop = true;
        last = loss;
        if (ctl->epoch)
            AKIN_TRY(ctl->epoch(ctl->arg, f->m, epoch, loss, &stop, err));
    }
done:
    return status;
}

/* Sides and sizes; f->data is there. */
static void fit_sides(struct als_fit *f)
{
    struct model *m = f->m;
    f->k = als_width(f->p);
    f->mean = f->p->biases ? f->data.mean : 0.0;
    f->scale = f->p->biases && f->data.deviation > 0.0 ? f->data.deviation : 1.0;
    f->users = (struct als_side){
        .rows = &f->data.by_user, .n = m->users.n, .one = (float)f->scale, .weight = 1.0};
    f->users.lo = m->users.shard_ptr[f->comm->shard_lo];
    f->users.hi = m->users.shard_ptr[f->comm->shard_hi];
    f->items = (struct als_side){
        .rows = &f->data.by_item, .n = m->items.n, .one = 1.0f, .weight = f->scale * f->scale};
    comm_item_range(f->comm, f->items.n, &f->items.lo, &f->items.hi);
}

akin_status als_fit(struct model *m, const struct train_view *tv, const struct fit_control *ctl,
                    akin_error *err)
{
    akin_status status = AKIN_OK;
    struct als *self = m->self;
    struct als_fit f = {.ctx = m->ctx, .m = m, .tv = tv, .p = m->params, .comm = tv->comm};
    self->params = m->params;
    self->f.ctx = m->ctx;
    AKIN_TRY(rated_data_build(m->ctx, tv, "als", &f.data, err));
    fit_sides(&f);
    progress_begin(m->ctx, "als",
                   f.p->epochs * (f.users.hi - f.users.lo + f.items.hi - f.items.lo));
    status = fit_alloc(&f, err);
    /* the model owns these from here on, also after a failure */
    self->f = (struct rated){.ctx = m->ctx,
                             .k = f.k,
                             .factors = f.p->factors,
                             .n_users = f.users.n,
                             .n_items = f.items.n,
                             .users = f.users.X,
                             .items = f.items.X,
                             .user_bias = f.users.bias,
                             .item_bias = f.items.bias,
                             .mean = f.mean};
    AKIN_TRY(status);
    if (ctl->warm)
        AKIN_TRY(start_warm(&f, ctl, err));
    else
        AKIN_TRY(start_random(&f, err));
    AKIN_TRY(run_epochs(&f, ctl, err));
done:
    progress_end(m->ctx);
    fit_free(&f);
    return status;
}
