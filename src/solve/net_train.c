/*
 * Training of networks: what it holds, epochs of minibatches, the optimizer's steps (net_train.h).
 *
 * Memory: the weights two to four times (gradients, the optimizer's states), a minibatch of
 * outputs, three lines of outputs a worker. Not here: a way back to the epoch before a network blew
 * up; the caller learns of it by the loss, and keeps what it wants (models/network.c).
 */
#include "solve/net_impl.h"

#include "core/par.h"
#include "core/rng.h"

#include <math.h>
#include <string.h>

enum { PIECE = 1 << 14 /* weights of a block of the optimizer */ };

/* ---- What it holds ------------------------------------------------------------------------- */

static akin_status pass_init(struct net_train *t, int l, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = t->net->ctx;
    const struct net_layer_spec *s = &t->net->spec.layer[l];
    const struct net_layer *a = &t->net->layer[l];
    struct net_pass *p = &t->pass[l];
    int64_t batch = t->spec.batch;
    MEM_NEW(ctx, p->z, batch * a->n_z);
    if (l == t->net->spec.n_layers - 1)
        goto done;
    MEM_NEW(ctx, p->y, batch * a->n_y);
    MEM_NEW(ctx, p->dy, batch * a->n_y);
    p->dz = p->dy;
    if (s->dropout > 0.0) {
        MEM_NEW(ctx, p->x, batch * a->n_y);
        MEM_NEW(ctx, p->mask, batch * a->n_y);
    }
    if (s->is_gaussian) {
        p->dz = NULL;
        MEM_NEW(ctx, p->dz, batch * a->n_z);
        MEM_NEW(ctx, p->noise, batch * a->n_y);
    }
    if (a->at_slope < a->end)
        MEM_NEW(ctx, p->tilt, batch * a->n_z);
    if (t->spec.sparse_beta > 0.0 && s->is_sparse)
        MEM_NEW(ctx, p->mean, a->n_y);
done:
    return status;
}

static void pass_free(akin_ctx *ctx, struct net_pass *p)
{
    if (p->dz != p->dy)
        mem_free(ctx, p->dz);
    mem_free(ctx, p->dy);
    mem_free(ctx, p->z);
    mem_free(ctx, p->y);
    mem_free(ctx, p->x);
    mem_free(ctx, p->mask);
    mem_free(ctx, p->tilt);
    mem_free(ctx, p->mean);
    mem_free(ctx, p->noise);
}

/* What weights need: gradients, states, the columns of a step. */
static akin_status weights_init(struct net_train *t, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = t->net->ctx;
    const struct net_layer *out = &t->net->layer[t->net->spec.n_layers - 1];
    int n_states = net_optimizer(t->spec.optimizer)->n_states;
    MEM_ZERO(ctx, t->grad, t->net->n_weights);
    MEM_ZERO(ctx, t->state, n_states * t->net->n_weights);
    MEM_NEW(ctx, t->line, 3 * out->n_z * par_workers(ctx));
    MEM_NEW(ctx, t->loss, t->spec.batch);
    if (t->spec.negatives > 0) {
        MEM_NEW(ctx, t->picked, out->n_z * out->n_in);
        MEM_NEW(ctx, t->picked_d, out->n_z * (out->n_in + 1));
        MEM_NEW(ctx, t->picked_b, out->n_z);
    }
done:
    return status;
}

akin_status net_train_init(struct net *net, const struct csr *rows,
                           const struct net_train_spec *spec, struct net_train *out,
                           akin_error *err)
{
    akin_status status = AKIN_OK;
    *out = (struct net_train){.net = net, .spec = *spec, .rows = rows};
    for (int64_t r = 0; r < rows->n_rows; r++)
        out->n_order += rows->ptr[r + 1] > rows->ptr[r];
    MEM_NEW(net->ctx, out->order, out->n_order);
    if (out->spec.batch > out->n_order)
        out->spec.batch = out->n_order > 0 ? out->n_order : 1;
    if (net->spec.n_layers < 2) /* the first layer is gathered: no columns to choose from */
        out->spec.negatives = 0;
    AKIN_TRY(product_room_init(net->ctx, &out->room, err));
    AKIN_TRY(net_batch_init(out, err));
    for (int l = 0; l < net->spec.n_layers; l++)
        AKIN_TRY(pass_init(out, l, err));
    AKIN_TRY(weights_init(out, err));
done:
    return status;
}

int64_t net_train_states(const struct net_train *t)
{
    return net_optimizer(t->spec.optimizer)->n_states * t->net->n_weights;
}

void net_train_free(struct net_train *t)
{
    if (!t->net)
        return;
    akin_ctx *ctx = t->net->ctx;
    for (int l = 0; l < NET_LAYERS; l++)
        pass_free(ctx, &t->pass[l]);
    net_batch_free(ctx, &t->batch);
    product_room_free(&t->room);
    mem_free(ctx, t->order);
    mem_free(ctx, t->grad);
    mem_free(ctx, t->state);
    mem_free(ctx, t->picked);
    mem_free(ctx, t->picked_d);
    mem_free(ctx, t->picked_b);
    mem_free(ctx, t->line);
    mem_free(ctx, t->loss);
    *t = (struct net_train){0};
}

double net_train_bytes(const struct net *net, const struct net_train_spec *spec, double n_rows,
                       double nnz, int workers)
{
    const struct net_layer *out = &net->layer[net->spec.n_layers - 1];
    double batch = (double)spec->batch < n_rows ? (double)spec->batch : n_rows, units = 0.0;
    for (int l = 0; l < net->spec.n_layers; l++)
        units += (double)net->layer[l].n_z * (l == net->spec.n_layers - 1 ? 1.0 : 4.0);
    double per_row = n_rows > 0.0 ? nnz / n_rows : 0.0;
    double picked = spec->negatives > 0 ? 2.0 * (double)out->n_z * (double)(out->n_in + 8) : 0.0;
    return 4.0 * ((double)net->n_weights * (1 + net_optimizer(spec->optimizer)->n_states) +
                  batch * units + 3.0 * (double)out->n_z * workers + picked + n_rows) +
           8.0 * (double)net->spec.n_in + 60.0 * batch * per_row + product_room_bytes(workers);
}

/* ---- Steps --------------------------------------------------------------------------------- */

struct update_job {
    const struct net_train *t;
    struct net_rates rates;
    int64_t from, to; /* of the weights */
};

static akin_status update_block(void *arg, int64_t block, int worker, akin_error *err)
{
    const struct update_job *job = arg;
    const struct net_train *t = job->t;
    int64_t lo = job->from + par_lo(block, PIECE);
    int64_t n = job->from + par_hi(block, PIECE, job->to - job->from) - lo;
    const struct net_optimizer *o = net_optimizer(t->spec.optimizer);
    (void)worker;
    (void)err;
    o->step(&job->rates, n, t->net->weights + lo, t->grad + lo,
            o->n_states > 0 ? t->state + lo : NULL,
            o->n_states > 1 ? t->state + t->net->n_weights + lo : NULL);
    return AKIN_OK;
}

akin_status net_train_update(struct net_train *t, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct net_train_spec *s = &t->spec;
    struct update_job job = {.t = t};
    t->steps++;
    t->power1 = t->steps == 1 ? s->momentum : t->power1 * s->momentum;
    t->power2 = t->steps == 1 ? s->momentum2 : t->power2 * s->momentum2;
    job.rates = (struct net_rates){.kern = t->net->ctx->kern,
                                   .rate = (float)s->rate,
                                   .momentum = (float)s->momentum,
                                   .momentum2 = (float)s->momentum2,
                                   .fix1 = (float)(1.0 / (1.0 - t->power1)),
                                   .fix2 = (float)(1.0 / (1.0 - t->power2))};
    for (int l = 0; l < t->net->spec.n_layers; l++) {
        const struct net_layer *a = &t->net->layer[l];
        for (int part = 0; part < 2; part++) { /* W decays, biases and slopes do not */
            job.from = part == 0 ? a->at : a->at_bias;
            job.to = part == 0 ? a->at_bias : a->end;
            job.rates.decay = part == 0 ? (float)s->decay : 0.0F;
            AKIN_TRY(par_for(t->net->ctx, par_blocks(job.to - job.from, PIECE), update_block, &job,
                             err));
        }
    }
done:
    return status;
}

/* ---- Epochs -------------------------------------------------------------------------------- */

/* Rows with anything in them: as they come, or dealt anew by (seed, epoch). */
static void deal_rows(struct net_train *t, int64_t epoch)
{
    int64_t n = 0;
    for (int64_t r = 0; r < t->rows->n_rows; r++)
        if (t->rows->ptr[r + 1] > t->rows->ptr[r])
            t->order[n++] = (int32_t)r;
    struct rng rng = rng_make(t->spec.seed, RNG_SHUFFLE, (uint64_t)epoch);
    for (int64_t i = n - 1; i > 0 && t->spec.is_shuffled; i--) {
        int64_t j = (int64_t)rng_below(&rng, (uint64_t)(i + 1));
        int32_t row = t->order[i];
        t->order[i] = t->order[j];
        t->order[j] = row;
    }
}

akin_status net_train_epoch(struct net_train *t, int64_t epoch, double *loss, akin_error *err)
{
    akin_status status = AKIN_OK;
    double total = 0.0;
    deal_rows(t, epoch);
    for (int64_t lo = 0; lo < t->n_order && isfinite(total); lo += t->spec.batch) {
        int64_t n = t->n_order - lo < t->spec.batch ? t->n_order - lo : t->spec.batch;
        double mean;
        AKIN_TRY(ctx_check(t->net->ctx, err));
        AKIN_TRY(net_train_gradient(t, t->order + lo, n, &mean, err));
        AKIN_TRY(net_train_update(t, err));
        total += mean * (double)n;
    }
    t->epoch = epoch;
    *loss = total / (double)(t->n_order > 0 ? t->n_order : 1);
done:
    return status;
}
