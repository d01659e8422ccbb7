/*
 * Training of svdpp (see svdpp.c): users in batches (svdpp_batches.h); of each batch first the
 * users are solved, in parallel, then the items that they rated step, in parallel. An item sums
 * over its ratings by a batch in order, so that no sum depends on threads and nothing is folded.
 *
 * A step is rate · Σ / (1 + rate · n) over n ratings: for few ratings that of gradient descent, for
 * many (a small catalogue, a large batch) no further than to about the optimum, so that no choice
 * of batch diverges. Regularisation is taken implicitly, (1 + rate · reg · n)^-1, for the same
 * reason; the step of q is in units of the ratings' variance, which makes the rate mean the same on
 * every scale.
 */
#include "models/svdpp_fit.h"
#include "core/par.h"
#include "core/rng.h"
#include "kern/kern.h"
#include "kern/math.h"

#include <math.h>
#include <string.h>

enum { USERS_PER_BLOCK = 8, SEGMENTS_PER_BLOCK = 64, SETTLE_USERS = 64, POLL_ROWS = 4096 };

/* ---- Users --------------------------------------------------------------------------------- */

/* Row u of the model: [p + s, 1] and b. scratch: targets, sum, x, the solver's. */
static akin_status solve_user(struct svdpp_fit *f, int64_t u, float *scratch, struct svdpp_asker *a,
                              akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct csr *rows = &f->data.by_user;
    int64_t lo = rows->ptr[u], k = f->k;
    int32_t n = (int32_t)(rows->ptr[u + 1] - lo);
    const int32_t *item = rows->col + lo;
    float *sum = scratch + f->longest;
    *a = (struct svdpp_asker){n, n, item, item, scratch, sum, sum + k};
    for (int32_t i = 0; i < a->n; i++)
        a->target[i] = (float)((double)rows->val[lo + i] - f->data.mean);
    AKIN_TRY(svdpp_solve(f->self, a, a->x + k, err));
    float *v = f->users + u * k;
    for (int64_t t = 0; t < f->factors; t++)
        v[t] = a->x[t] + a->sum[t];
    v[f->factors] = 1.0f;
    f->user_bias[u] = a->x[f->factors];
done:
    return status;
}

struct batch_job {
    struct svdpp_fit *f;
    int64_t batch, lo, hi; /* users */
};

static akin_status user_block(void *arg, int64_t block, int worker, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct batch_job *job = arg;
    struct svdpp_fit *f = job->f;
    const struct kern *kern = f->ctx->kern;
    const int64_t *ptr = f->data.by_user.ptr;
    int64_t first = job->lo + par_lo(block, USERS_PER_BLOCK);
    int64_t last = job->lo + par_hi(block, USERS_PER_BLOCK, job->hi - job->lo);
    for (int64_t u = first; u < last; u++) {
        struct svdpp_asker a;
        float *pull = f->pull + (u - job->lo) * f->factors;
        float *error = f->error + (ptr[u] - ptr[job->lo]);
        double square = 0.0;
        AKIN_TRY(solve_user(f, u, f->scratch + worker * f->scratch_size, &a, err));
        memset(pull, 0, (size_t)f->factors * sizeof *pull);
        for (int32_t i = 0; i < a.n; i++) {
            const float *z = f->items + a.item[i] * f->k;
            error[i] = a.target[i] - kern->dot(z, a.x, f->k);
            kern->axpy(error[i], z, pull, f->factors);
            square += (double)error[i] * (double)error[i];
        }
        if (a.n > 0)
            kern->scale(1.0f / sqrtf((float)a.n), pull, f->factors);
        f->square[u] = square;
        if (f->spread)
            svdpp_spread(f, &a, f->scratch + worker * f->scratch_size,
                         f->spread + (ptr[u] - ptr[job->lo]) * f->factors);
    }
    progress_add(f->ctx, last - first);
done:
    return status;
}

static akin_status settle_block(void *arg, int64_t block, int worker, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct svdpp_fit *f = arg;
    struct svdpp_asker a;
    for (int64_t u = par_lo(block, SETTLE_USERS); u < par_hi(block, SETTLE_USERS, f->n_users); u++)
        AKIN_TRY(solve_user(f, u, f->scratch + worker * f->scratch_size, &a, err));
done:
    return status;
}

/* All users against the items as they are now. */
static akin_status settle(struct svdpp_fit *f, akin_error *err)
{
    return par_for(f->ctx, par_blocks(f->n_users, SETTLE_USERS), settle_block, f, err);
}

/* ---- Items --------------------------------------------------------------------------------- */

/* Sums over the ratings of a segment. */
struct sums {
    float *g; /* (k) Σ e [v, 1] */
    float *h; /* (factors) Σ pull */
    float *w; /* (factors) Σ A_u⁻¹ z */
    double rated;
};

static void sum_segment(const struct batch_job *job, const struct svdpp_segment *seg,
                        struct sums *s)
{
    const struct svdpp_fit *f = job->f;
    const struct kern *kern = f->ctx->kern;
    const int32_t *user = f->data.by_item.col + seg->lo;
    const int32_t *place = f->batches.place + seg->lo;
    const int64_t *ptr = f->data.by_user.ptr;
    memset(s->g, 0, (size_t)(f->k + 2 * f->factors) * sizeof *s->g); /* all three */
    s->rated = 0.0;
    for (int32_t e = 0; e < seg->n; e++) {
        kern->axpy(f->error[place[e]], f->users + user[e] * f->k, s->g, f->k);
        kern->axpy(1.0f, f->pull + (user[e] - job->lo) * f->factors, s->h, f->factors);
        if (f->spread)
            kern->axpy(1.0f, f->spread + place[e] * f->factors, s->w, f->factors);
        s->rated += (double)(ptr[user[e] + 1] - ptr[user[e]]);
    }
}

/*
 * q along g/σ² - noise²·w. What w has along q itself would overshoot where users know little (it
 * goes as 1/q), so that part is taken implicitly, as regularisation.
 */
static void step_vector(struct svdpp_fit *f, const struct svdpp_segment *seg, double step,
                        const struct sums *s)
{
    const struct kern *kern = f->ctx->kern;
    int64_t k = f->factors;
    float *q = f->items + seg->item * f->k;
    float *total = f->flipped.g ? f->flipped.g + seg->item * k : NULL;
    double keep = 1.0 / (1.0 + f->rate * f->p->reg_items * (double)seg->n);
    double noise = f->p->noise * f->p->noise, along = 0.0;
    if (total)
        kern->axpy((float)(1.0 / f->variance), s->g, total, k);
    if (f->spread) {
        double square = kern->dot64(q, q, k);
        along = square > 0.0 ? kern->dot64(s->w, q, k) / square : 0.0;
        along = along > 0.0 ? along : 0.0;
        if (total)
            kern->axpy((float)-noise, s->w, total, k);
        kern->axpy((float)-along, q, s->w, k);
        keep /= 1.0 + step * noise * along;
    }
    kern->scale((float)keep, q, k);
    kern->axpy((float)(keep * step / f->variance), s->g, q, k);
    if (f->spread)
        kern->axpy((float)(-keep * step * noise), s->w, q, k);
}

/* room: k + 2·factors. */
static void step_item(const struct batch_job *job, const struct svdpp_segment *seg, float *room)
{
    struct svdpp_fit *f = job->f;
    const struct kern *kern = f->ctx->kern;
    struct sums s = {.g = room, .h = room + f->k, .w = room + f->k + f->factors};
    double n = (double)seg->n, step = f->rate / (1.0 + f->rate * n);
    double keep_b = 1.0 / (1.0 + f->rate * f->p->reg * n);
    float *y = f->y + seg->item * f->factors, *b = f->item_bias + seg->item;
    sum_segment(job, seg, &s);
    double keep_y = 1.0 / (1.0 + f->rate * f->p->reg_implicit * s.rated);
    kern->scale((float)keep_y, y, f->factors);
    kern->axpy((float)(keep_y * step), s.h, y, f->factors);
    *b = (float)(keep_b * ((double)*b + step * (double)s.g[f->factors]));
    step_vector(f, seg, step, &s);
}

static akin_status item_block(void *arg, int64_t block, int worker, akin_error *err)
{
    const struct batch_job *job = arg;
    struct svdpp_fit *f = job->f;
    const struct svdpp_batches *of = &f->batches;
    int64_t first = of->segment_ptr[job->batch], n = of->segment_ptr[job->batch + 1] - first;
    float *room = f->scratch + worker * f->scratch_size;
    (void)err;
    for (int64_t i = par_lo(block, SEGMENTS_PER_BLOCK); i < par_hi(block, SEGMENTS_PER_BLOCK, n);
         i++)
        step_item(job, &of->segment[first + i], room);
    return AKIN_OK;
}

/* ---- Start --------------------------------------------------------------------------------- */

static akin_status start_random(struct svdpp_fit *f, akin_error *err)
{
    akin_status status = AKIN_OK;
    for (int64_t i = 0; i < f->n_items; i++) {
        float *q = f->items + i * f->k;
        struct rng rng = rng_make(f->seed, RNG_INIT_ITEM, (uint64_t)i);
        if (i % POLL_ROWS == 0)
            AKIN_TRY(ctx_check(f->ctx, err));
        for (int64_t t = 0; t < f->factors; t++) {
            uint64_t a = rng_next(&rng);
            q[t] = (float)(f->p->stddev * kern_normal(a, rng_next(&rng)));
        }
        q[f->factors] = 1.0f;
    }
done:
    return status;
}

/* Items of an earlier model over the random start. */
static akin_status start_warm(struct svdpp_fit *f, const struct fit_control *ctl, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct svdpp *old = ctl->warm->self;
    if (!ctl->warm_item)
        AKIN_FAIL(AKIN_E_ARG, "svdpp: an earlier model needs the places of its items");
    if (old->f.k != f->k)
        AKIN_FAIL(AKIN_E_ARG, "svdpp: factors=%d, but the earlier model has factors=%d",
                  (int)f->factors, (int)old->f.factors);
    for (int64_t i = 0; i < f->n_items; i++) {
        int64_t from = ctl->warm_item[i], k = f->k;
        if (from >= old->f.n_items)
            AKIN_FAIL(AKIN_E_ARG, "svdpp: item %d of the earlier model (it has %d)", (int)from,
                      (int)old->f.n_items);
        if (from < 0)
            continue;
        memcpy(f->items + i * k, old->f.items + from * k, (size_t)f->factors * sizeof(float));
        memcpy(f->y + i * f->factors, old->implicit + from * f->factors,
               (size_t)f->factors * sizeof(float));
        f->item_bias[i] = old->f.item_bias[from];
    }
done:
    return status;
}

/* ---- The whole ----------------------------------------------------------------------------- */

static akin_status fit_alloc(struct svdpp_fit *f, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = f->ctx;
    MEM_ZERO(ctx, f->users, f->n_users * f->k);
    MEM_ZERO(ctx, f->items, f->n_items * f->k);
    MEM_ZERO(ctx, f->user_bias, f->n_users);
    MEM_ZERO(ctx, f->item_bias, f->n_items);
    MEM_ZERO(ctx, f->y, f->n_items * f->factors);
    for (int64_t u = 0; u < f->n_users; u++) {
        int64_t n = f->data.by_user.ptr[u + 1] - f->data.by_user.ptr[u];
        f->longest = n > f->longest ? n : f->longest;
    }
    AKIN_TRY(svdpp_batches_make(ctx, &f->data, f->p->batch, &f->batches, err));
    MEM_NEW(ctx, f->error, f->batches.most);
    MEM_NEW(ctx, f->pull, (f->p->batch < f->n_users ? f->p->batch : f->n_users) * f->factors);
    MEM_NEW(ctx, f->square, f->n_users);
    f->scratch_size = f->longest + 3 * f->k + row_scratch_max(f->k, f->longest);
    if (f->p->noise > 0.0) {
        int64_t size = svdpp_spread_scratch(f->k, f->longest);
        f->scratch_size = size > f->scratch_size ? size : f->scratch_size;
        MEM_NEW(ctx, f->spread, f->batches.most * f->factors);
    }
    AKIN_TRY(svdpp_flipped_init(f, err));
    MEM_NEW(ctx, f->scratch, par_workers(ctx) * f->scratch_size);
done:
    return status;
}

static void fit_free(struct svdpp_fit *f)
{
    akin_ctx *ctx = f->ctx;
    svdpp_batches_free(ctx, &f->batches);
    mem_free(ctx, f->error);
    mem_free(ctx, f->spread);
    svdpp_flipped_free(f);
    mem_free(ctx, f->pull);
    mem_free(ctx, f->square);
    mem_free(ctx, f->scratch);
    rated_data_free(ctx, &f->data);
}

/* One pass; *loss: the squared errors met on the way, users at their optimum. */
static akin_status run_epoch(struct svdpp_fit *f, double *loss, akin_error *err)
{
    akin_status status = AKIN_OK;
    *loss = 0.0;
    for (int64_t b = 0; b < f->batches.n; b++) {
        struct batch_job job = {.f = f, .batch = b};
        job.lo = par_lo(b, f->p->batch);
        job.hi = par_hi(b, f->p->batch, f->n_users);
        int64_t n = f->batches.segment_ptr[b + 1] - f->batches.segment_ptr[b];
        AKIN_TRY(
            par_for(f->ctx, par_blocks(job.hi - job.lo, USERS_PER_BLOCK), user_block, &job, err));
        AKIN_TRY(par_for(f->ctx, par_blocks(n, SEGMENTS_PER_BLOCK), item_block, &job, err));
    }
    for (int64_t u = 0; u < f->n_users; u++)
        *loss += f->square[u];
done:
    return status;
}

static akin_status run_epochs(struct svdpp_fit *f, struct model *m, const struct fit_control *ctl,
                              akin_error *err)
{
    akin_status status = AKIN_OK;
    bool stop = false;
    f->rate = f->p->learning_rate;
    for (int64_t epoch = 1; epoch <= f->p->epochs && !stop; epoch++) {
        double loss;
        AKIN_TRY(run_epoch(f, &loss, err));
        AKIN_TRY(svdpp_flipped_step(f, err));
        f->rate *= f->p->decay;
        if (ctl->epoch) /* users as they were met: near enough to look at */
            AKIN_TRY(ctl->epoch(ctl->arg, m, epoch, loss, &stop, err));
    }
    AKIN_TRY(settle(f, err));
done:
    return status;
}

akin_status svdpp_fit(struct model *m, const struct train_view *tv, const struct fit_control *ctl,
                      akin_error *err)
{
    akin_status status = AKIN_OK;
    struct svdpp *self = m->self;
    struct svdpp_fit f = {.ctx = m->ctx, .self = self, .p = m->params, .seed = tv->seed};
    self->params = m->params;
    self->f.ctx = m->ctx;
    AKIN_TRY(rated_data_build(m->ctx, tv, "svdpp", &f.data, err));
    f.factors = f.p->factors;
    f.k = f.factors + 1;
    f.n_users = m->users.n;
    f.n_items = m->items.n;
    f.variance = f.data.deviation > 0.0 ? f.data.deviation * f.data.deviation : 1.0;
    progress_begin(m->ctx, "svdpp", f.p->epochs * f.n_users);
    status = fit_alloc(&f, err);
    /* the model owns these from here on, also after a failure */
    self->implicit = f.y;
    self->f = (struct rated){.ctx = m->ctx,
                             .k = f.k,
                             .factors = f.factors,
                             .n_users = f.n_users,
                             .n_items = f.n_items,
                             .users = f.users,
                             .items = f.items,
                             .user_bias = f.user_bias,
                             .item_bias = f.item_bias,
                             .mean = f.data.mean};
    AKIN_TRY(status);
    AKIN_TRY(start_random(&f, err));
    if (ctl->warm)
        AKIN_TRY(start_warm(&f, ctl, err));
    AKIN_TRY(run_epochs(&f, m, ctl, err));
done:
    progress_end(m->ctx);
    fit_free(&f);
    return status;
}
