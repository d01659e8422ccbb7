/*
 * Training of ials (see ials.c): the start, and alternating half-steps (ials_step.c) until epochs
 * or tol end it.
 *
 * An epoch is items, then users; users start at random, items at zero. A warm start takes the items
 * of an earlier model and solves the users exactly.
 */
#include "models/ials_fit.h"
#include "core/par.h"
#include "core/rng.h"
#include "kern/math.h"
#include "solve/gram.h"

#include <math.h>
#include <string.h>

/* ---- Start ---- */

struct start_job {
    struct ials_fit *f;
    double scale;
};

/* n normal deviates by the polar method (Marsaglia and Bray 1964, doi:10.1137/1006063). */
static void normal_fill(struct rng *rng, double scale, float *x, int64_t n)
{
    for (int64_t t = 0; t < n;) {
        uint64_t bits = rng_next(rng);
        double a = ((double)(uint32_t)bits + 0.5) * 0x1p-31 - 1.0;
        double b = ((double)(uint32_t)(bits >> 32) + 0.5) * 0x1p-31 - 1.0;
        double square = a * a + b * b;
        if (square >= 1.0)
            continue;
        double factor = scale * sqrt(-2.0 * kern_log(square) / square);
        x[t++] = (float)(a * factor);
        if (t < n)
            x[t++] = (float)(b * factor);
    }
}

static akin_status start_block(void *arg, int64_t block, int worker, akin_error *err)
{
    const struct start_job *job = arg;
    struct ials_fit *f = job->f;
    (void)worker;
    (void)err;
    for (int64_t u = par_lo(block, IALS_TURN_ROWS); u < par_hi(block, IALS_TURN_ROWS, f->users.n);
         u++) {
        float *x = f->users.X + u * f->k;
        struct rng rng = rng_make(f->tv->seed, RNG_INIT_USER, (uint64_t)u);
        normal_fill(&rng, job->scale, x, f->p->factors);
        if (f->p->biases)
            x[f->k - 1] = 1.0f;
    }
    return AKIN_OK;
}

static akin_status start_random(struct ials_fit *f, akin_error *err)
{
    struct start_job job = {f, f->p->stddev / sqrt((double)f->p->factors)};
    return par_for(f->ctx, par_blocks(f->users.n, IALS_TURN_ROWS), start_block, &job, err);
}

/* Items of an earlier model, new ones at zero; then the users are solved exactly. */
static akin_status start_warm(struct ials_fit *f, const struct fit_control *ctl, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct ials *old = ctl->warm->self;
    int64_t k = f->k;
    if (!ctl->warm_item)
        AKIN_FAIL(AKIN_E_ARG, "ials: an earlier model needs the places of its items");
    if (old->k != k || (old->bias != NULL) != (f->p->biases != 0))
        AKIN_FAIL(AKIN_E_ARG,
                  "ials: factors=%d, biases=%d, but the earlier model has factors=%d, biases=%d",
                  (int)f->p->factors, (int)f->p->biases, (int)old->params->factors,
                  (int)old->params->biases);
    for (int64_t i = 0; i < f->items.n; i++) {
        int64_t from = ctl->warm_item[i];
        if (from >= old->n_items)
            AKIN_FAIL(AKIN_E_ARG, "ials: item %d of the earlier model (it has %d)", (int)from,
                      (int)old->n_items);
        if (from >= 0)
            memcpy(f->items.X + i * k, old->items + from * k, (size_t)k * sizeof *f->items.X);
        if (f->items.offset)
            f->items.offset[i] = from >= 0 ? old->bias[from] : 0.0f;
    }
    if (f->p->biases) { /* back to [q, 1] */
        memcpy(f->basis, old->basis, (size_t)(k * k) * sizeof *f->basis);
        AKIN_TRY(ials_turn_back(f, &f->items, err));
        for (int64_t i = 0; i < f->items.n; i++)
            f->items.X[i * k + k - 1] = 1.0f;
    }
    AKIN_TRY(ials_half_step(f, &f->users, &f->items, IALS_CHOLESKY, err));
done:
    return status;
}

/* ---- The whole ---- */

static akin_status fit_alloc(struct ials_fit *f, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = f->ctx;
    int64_t k = f->k, longest = 0;
    struct ials_side *sides[2] = {&f->users, &f->items};
    for (int i = 0; i < 2; i++) {
        struct ials_side *s = sides[i];
        MEM_ZERO(ctx, s->X, s->n * k);
        if (f->p->biases)
            MEM_ZERO(ctx, s->offset, s->n);
        MEM_NEW(ctx, s->block, s->hi - s->lo + 2);
        s->n_blocks = row_cut(s->rows->ptr, s->lo, s->hi, k, s->block);
        for (int64_t r = s->lo; r < s->hi; r++) {
            int64_t n = s->rows->ptr[r + 1] - s->rows->ptr[r];
            longest = n > longest ? n : longest;
        }
    }
    f->scratch_size = row_scratch_max(k, longest);
    f->scratch_size = f->scratch_size > IALS_TURN_ROWS * k ? f->scratch_size : IALS_TURN_ROWS * k;
    f->scratch_size = f->scratch_size > k * k ? f->scratch_size : k * k;
    MEM_NEW(ctx, f->scratch, par_workers(ctx) * f->scratch_size);
    MEM_NEW(ctx, f->gram, gram_size(k));
    MEM_NEW(ctx, f->values, k);
    MEM_NEW(ctx, f->vectors, k * k);
    MEM_NEW(ctx, f->basis, k * k);
    MEM_NEW(ctx, f->packed, kern_packed_size(k, k));
    MEM_NEW(ctx, f->base, k);
    if (f->p->biases)
        MEM_ZERO(ctx, f->shift, k);
done:
    return status;
}

static void fit_free(struct ials_fit *f)
{
    akin_ctx *ctx = f->ctx;
    struct ials_side *sides[2] = {&f->users, &f->items};
    for (int i = 0; i < 2; i++)
        mem_free(ctx, sides[i]->block);
    mem_free(ctx, f->users.offset);
    if (!f->p->biases)
        mem_free(ctx, f->basis);
    mem_free(ctx, f->scratch);
    mem_free(ctx, f->gram);
    mem_free(ctx, f->values);
    mem_free(ctx, f->vectors);
    mem_free(ctx, f->packed);
}

/* The model owns what it scores with from here on. */
static void hand_over(struct ials_fit *f, struct ials *self)
{
    self->users = f->users.X;
    self->items = f->items.X;
    self->bias = f->items.offset;
    self->base = f->base;
    self->shift = f->shift;
    self->basis = f->p->biases ? f->basis : NULL;
}

static akin_status run_epochs(struct ials_fit *f, const struct fit_control *ctl, akin_error *err)
{
    akin_status status = AKIN_OK;
    int how = (int)f->p->solver;
    bool stop = false;
    double last = (double)NAN;
    for (int64_t epoch = 1; epoch <= f->p->epochs && !stop; epoch++) {
        double loss = (double)NAN;
        AKIN_TRY(ials_half_step(f, &f->items, &f->users, how, err));
        AKIN_TRY(ials_half_step(f, &f->users, &f->items, how, err));
        if (f->p->log_loss || f->p->tol > 0.0)
            AKIN_TRY(ials_loss(f, &loss, err));
        if (f->p->log_loss)
            log_write(f->ctx, AKIN_LOG_INFO, "ials: epoch %d: loss %.9g", (int)epoch, loss);
        if (f->p->tol > 0.0 && last - loss <= f->p->tol * fabs(last))
            stop = true;
        last = loss;
        if (!ctl->epoch)
            continue;
        AKIN_TRY(ials_exchange(f, &f->users, err));
        AKIN_TRY(ctl->epoch(ctl->arg, f->m, epoch, loss, &stop, err));
    }
    if (how !=
        IALS_CHOLESKY) /* the items are as they were: only the rows are to be solved to the end */
        AKIN_TRY(ials_solve_rows(f, &f->users, &f->items, IALS_CHOLESKY, err));
    AKIN_TRY(ials_exchange(f, &f->users, err));
done:
    return status;
}

akin_status ials_fit(struct model *m, const struct train_view *tv, const struct fit_control *ctl,
                     akin_error *err)
{
    akin_status status = AKIN_OK;
    struct ials *self = m->self;
    struct ials_fit f = {.ctx = m->ctx, .m = m, .tv = tv, .p = m->params, .comm = tv->comm};
    f.k = ials_width(f.p);
    f.users = (struct ials_side){.rows = &tv->by_user, .n = m->users.n, .n_other = m->items.n};
    f.items = (struct ials_side){
        .is_items = true, .rows = &tv->by_item, .n = m->items.n, .n_other = m->users.n};
    f.users.lo = m->users.shard_ptr[f.comm->shard_lo];
    f.users.hi = m->users.shard_ptr[f.comm->shard_hi];
    comm_item_range(f.comm, f.items.n, &f.items.lo, &f.items.hi);
    *self = (struct ials){
        .ctx = m->ctx, .params = m->params, .k = f.k, .n_users = f.users.n, .n_items = f.items.n};
    progress_begin(m->ctx, "ials",
                   f.p->epochs * (f.users.hi - f.users.lo + f.items.hi - f.items.lo));
    status = fit_alloc(&f, err);
    hand_over(&f, self); /* also what a failure leaves: model_free frees it */
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
