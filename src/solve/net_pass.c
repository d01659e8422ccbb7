/*
 * One minibatch through a network and back (net_train.h): activations, errors, gradients.
 *
 * Cost: 6·rows·weights flops for all but the first layer, whose part is its rows' entries. The
 * output of a minibatch is held whole, (rows, columns) once: the error's derivative takes the place
 * of what it was taken from. The divergence of a gaussian layer from the unit normal: Kingma,
 * Welling 2014, arXiv:1312.6114. The penalty of sparseness: beta·Σ KL(p ‖ p'), p' the mean
 * activation over the minibatch as a share of its range.
 */
#include "solve/net_impl.h"

#include "core/par.h"
#include "core/rng.h"
#include "kern/math.h"
#include "solve/draw.h"

#include <math.h>
#include <string.h>

enum { ROWS = 8, COLUMNS = 256 };

struct pass_job {
    struct net_train *t;
    int layer;
    const float *b; /* biases */
    const float *dz;
    float *out;
    int64_t n; /* numbers of a row of dz */
};

static const float *below(const struct net_train *t, int l)
{
    return t->pass[l].x ? t->pass[l].x : t->pass[l].y;
}

static bool is_output(const struct net_train *t, int l)
{
    return l == t->net->spec.n_layers - 1;
}

/* ---- Forward ------------------------------------------------------------------------------- */

/* z of the first layer, without biases. */
static akin_status gather_block(void *arg, int64_t block, int worker, akin_error *err)
{
    const struct pass_job *job = arg;
    struct net_train *t = job->t;
    const struct net_batch *b = &t->batch;
    const struct net_layer *a = &t->net->layer[0];
    (void)worker;
    (void)err;
    for (int64_t r = par_lo(block, ROWS); r < par_hi(block, ROWS, b->n); r++) {
        const int32_t *col = t->rows->col + t->rows->ptr[b->row[r]];
        float *z = t->pass[0].z + r * a->n_z;
        memset(z, 0, (size_t)a->n_z * sizeof *z);
        for (int64_t j = 0; j < b->ptr[r + 1] - b->ptr[r]; j++)
            t->net->ctx->kern->axpy(b->x[b->ptr[r] + j], a->W + col[j] * a->n_z, z, a->n_z);
    }
    return AKIN_OK;
}

/* y = mean + noise·stddev; returns the divergence. z: [means, log variances]. */
static double draw_row(const struct net_train *t, int l, int64_t r, const float *z, float *y)
{
    const struct kern *kern = t->net->ctx->kern;
    int64_t n = t->net->layer[l].n_y;
    float *noise = t->pass[l].noise + r * n, *stddev = t->pass[l].dz + r * 2 * n;
    double total = 0.0;
    draw_normals(kern, t->spec.seed, RNG_NET_NOISE, net_draw_index(t, l), net_draw_counter(r), n,
                 noise);
    for (int64_t j = 0; j < n; j++)
        stddev[j] = 0.5F * z[n + j];
    kern->vexp(stddev, stddev, n);
    for (int64_t j = 0; j < n; j++) {
        y[j] = z[j] + noise[j] * stddev[j];
        double s = (double)stddev[j];
        total += s * s + (double)z[j] * (double)z[j] - 1.0 - (double)z[n + j];
    }
    return 0.5 * total;
}

static akin_status raise_block(void *arg, int64_t block, int worker, akin_error *err)
{
    const struct pass_job *job = arg;
    struct net_train *t = job->t;
    int l = job->layer;
    const struct net_layer_spec *s = &t->net->spec.layer[l];
    const struct net_layer *a = &t->net->layer[l];
    struct net_pass *p = &t->pass[l];
    const struct kern *kern = t->net->ctx->kern;
    (void)worker;
    (void)err;
    for (int64_t r = par_lo(block, ROWS); r < par_hi(block, ROWS, t->batch.n); r++) {
        float *z = p->z + r * a->n_z, *y = p->y + r * a->n_y;
        kern->axpy(1.0F, job->b, z, a->n_z);
        if (s->is_gaussian)
            t->loss[r] += (double)t->kl * draw_row(t, l, r, z, y);
        else
            net_unit(s->unit)->apply(kern, a->n_y, z, a->slope, y);
        if (p->mask) {
            float *mask = p->mask + r * a->n_y, *x = p->x + r * a->n_y;
            net_mask(t->spec.seed, net_draw_index(t, l), net_draw_counter(r), s->dropout, a->n_y,
                     mask);
            for (int64_t j = 0; j < a->n_y; j++)
                x[j] = y[j] * mask[j];
        }
    }
    return AKIN_OK;
}

/* Rows of outputs: the error, and z becomes its derivative for the mean over the minibatch. */
static akin_status answer_block(void *arg, int64_t block, int worker, akin_error *err)
{
    const struct pass_job *job = arg;
    struct net_train *t = job->t;
    const struct net_batch *b = &t->batch;
    int l = job->layer;
    const struct net_spec *spec = &t->net->spec;
    const struct kern *kern = t->net->ctx->kern;
    int64_t n = job->n, all = t->net->layer[l].n_z;
    float *y = t->line + (int64_t)worker * 3 * all, *target = y + all, *d = target + all;
    (void)err;
    for (int64_t r = par_lo(block, ROWS); r < par_hi(block, ROWS, b->n); r++) {
        float *z = t->pass[l].z + r * n;
        int64_t from = t->rows->ptr[b->row[r]], to = t->rows->ptr[b->row[r] + 1];
        memset(target, 0, (size_t)n * sizeof *target);
        for (int64_t e = from; e < to; e++) {
            int32_t i = t->rows->col[e];
            float value = t->rows->val && !t->spec.is_binary ? t->rows->val[e] : 1.0F;
            target[b->column ? b->place[i] : i] = value;
        }
        kern->axpy(1.0F, job->b, z, n);
        net_unit(spec->layer[l].unit)->apply(kern, n, z, t->net->layer[l].slope, y);
        const struct net_answer answer = {.kern = kern,
                                          .n = n,
                                          .z = z,
                                          .y = y,
                                          .t = target,
                                          .share = b->column ? b->share : NULL,
                                          .margin = &spec->margin};
        t->loss[r] +=
            net_error_row(spec->layer[l].unit, spec->error, &answer, t->net->layer[l].slope, d);
        float mean = 1.0F / (float)b->n;
        for (int64_t j = 0; j < n; j++)
            z[j] = mean * d[j];
    }
    return AKIN_OK;
}

/* Weights and biases of the step's columns, one after another. */
static void pick_columns(struct net_train *t)
{
    int l = t->net->spec.n_layers - 1;
    const struct net_layer *a = &t->net->layer[l];
    bool is_softmax = t->net->spec.layer[l].unit == NET_SOFTMAX;
    for (int64_t c = 0; c < t->batch.n_columns; c++) {
        int64_t i = t->batch.column[c];
        memcpy(t->picked + c * a->n_in, a->W + i * a->n_in, (size_t)a->n_in * sizeof *t->picked);
        t->picked_b[c] = a->b[i] + (is_softmax ? kern_logf(t->batch.share[c]) : 0.0F);
    }
}

static akin_status forward(struct net_train *t, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = t->net->ctx;
    int64_t n = t->batch.n;
    memset(t->loss, 0, (size_t)n * sizeof *t->loss);
    for (int l = 0; l < t->net->spec.n_layers; l++) {
        const struct net_layer *a = &t->net->layer[l];
        bool is_last = is_output(t, l), is_picked = is_last && t->batch.column;
        struct pass_job job = {.t = t,
                               .layer = l,
                               .b = is_picked ? t->picked_b : a->b,
                               .n = is_last ? net_columns(t) : a->n_z};
        if (is_picked)
            pick_columns(t);
        const struct product up = {.kind = PRODUCT_NT,
                                   .m = n,
                                   .n = job.n,
                                   .k = a->n_in,
                                   .A = l > 0 ? below(t, l - 1) : NULL,
                                   .lda = a->n_in,
                                   .B = is_picked ? t->picked : a->W,
                                   .ldb = a->n_in,
                                   .C = t->pass[l].z,
                                   .ldc = job.n};
        if (l == 0)
            AKIN_TRY(par_for(ctx, par_blocks(n, ROWS), gather_block, &job, err));
        else
            AKIN_TRY(product_run(&t->room, &up, err));
        AKIN_TRY(
            par_for(ctx, par_blocks(n, ROWS), is_last ? answer_block : raise_block, &job, err));
    }
done:
    return status;
}

/* ---- Back ---------------------------------------------------------------------------------- */

/* out (n) = Σ over rows of dz, rows in order. */
static akin_status sum_block(void *arg, int64_t block, int worker, akin_error *err)
{
    const struct pass_job *job = arg;
    int64_t lo = par_lo(block, COLUMNS), n = par_hi(block, COLUMNS, job->n) - lo;
    (void)worker;
    (void)err;
    memset(job->out + lo, 0, (size_t)n * sizeof *job->out);
    for (int64_t r = 0; r < job->t->batch.n; r++)
        job->t->net->ctx->kern->axpy(1.0F, job->dz + r * job->n + lo, job->out + lo, n);
    return AKIN_OK;
}

static akin_status sum_rows(struct net_train *t, const float *dz, int64_t n, float *out,
                            akin_error *err)
{
    struct pass_job job = {.t = t, .dz = dz, .out = out, .n = n};
    return par_for(t->net->ctx, par_blocks(n, COLUMNS), sum_block, &job, err);
}

/* The gradient of the first layer by inputs: rows of the minibatch ascending. */
static akin_status input_gradient(void *arg, int64_t block, int worker, akin_error *err)
{
    const struct pass_job *job = arg;
    const struct net_batch *b = &job->t->batch;
    int64_t width = job->n;
    (void)worker;
    (void)err;
    for (int64_t i = par_lo(block, COLUMNS); i < par_hi(block, COLUMNS, job->t->net->spec.n_in);
         i++) {
        float *g = job->out + i * width;
        memset(g, 0, (size_t)width * sizeof *g);
        for (int64_t e = b->at[i]; e < b->at[i + 1]; e++)
            job->t->net->ctx->kern->axpy(b->at_x[e], job->dz + b->at_row[e] * width, g, width);
    }
    return AKIN_OK;
}

/* dy of a hidden layer becomes dz. */
static akin_status lower_block(void *arg, int64_t block, int worker, akin_error *err)
{
    const struct pass_job *job = arg;
    struct net_train *t = job->t;
    int l = job->layer;
    const struct net_layer_spec *s = &t->net->spec.layer[l];
    const struct net_layer *a = &t->net->layer[l];
    const struct net_pass *p = &t->pass[l];
    int64_t n = a->n_y;
    float kl = t->kl / (float)t->batch.n;
    (void)worker;
    (void)err;
    for (int64_t r = par_lo(block, ROWS); r < par_hi(block, ROWS, t->batch.n); r++) {
        const float *z = p->z + r * a->n_z, *y = p->y + r * n;
        float *dy = p->dy + r * n, *dz = p->dz + r * a->n_z;
        for (int64_t j = 0; p->mask && j < n; j++)
            dy[j] *= p->mask[r * n + j];
        if (p->mean)
            t->net->ctx->kern->axpy(1.0F, p->mean, dy, n);
        for (int64_t j = 0; p->tilt && j < n; j++)
            p->tilt[r * n + j] = z[j] < 0.0F ? dy[j] * z[j] : 0.0F;
        if (!s->is_gaussian) {
            net_unit(s->unit)->back(n, z, y, a->slope, dy);
            continue;
        }
        for (int64_t j = 0; j < n; j++) { /* dz holds the deviations (draw_row) */
            float stddev = dz[j];
            dz[j] = dy[j] + kl * z[j];
            dz[n + j] =
                0.5F * (dy[j] * p->noise[r * n + j] * stddev + kl * (stddev * stddev - 1.0F));
        }
    }
    return AKIN_OK;
}

/* What the penalty costs; mean = what it adds to each row's dy. */
static akin_status penalty(struct net_train *t, int l, double *loss, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct net_layer *a = &t->net->layer[l];
    const struct net_unit *unit = net_unit(t->net->spec.layer[l].unit);
    float *mean = t->pass[l].mean;
    double p = t->spec.sparse_p, beta = t->spec.sparse_beta, rows = (double)t->batch.n;
    AKIN_TRY(sum_rows(t, t->pass[l].y, a->n_y, mean, err));
    for (int64_t j = 0; j < a->n_y; j++) {
        double q = ((double)mean[j] / rows - (double)unit->lo) / (double)unit->span;
        q = q < 0.001 ? 0.001 : q > 0.999 ? 0.999 : q;
        *loss += beta * (p * kern_log(p / q) + (1.0 - p) * kern_log((1.0 - p) / (1.0 - q)));
        mean[j] = (float)(beta * ((1.0 - p) / (1.0 - q) - p / q) / (rows * (double)unit->span));
    }
done:
    return status;
}

/* Gradients of layer l from dz (rows, n), and dy of the layer below. */
static akin_status layer_gradient(struct net_train *t, int l, const float *dz, int64_t n,
                                  akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct net_layer *a = &t->net->layer[l];
    bool is_picked = is_output(t, l) && t->batch.column;
    float *gW = is_picked ? t->picked_d : t->grad + a->at;
    float *gb = is_picked ? t->picked_d + n * a->n_in : t->grad + a->at_bias;
    struct pass_job job = {.t = t, .dz = dz, .out = gW, .n = n};
    AKIN_TRY(sum_rows(t, dz, n, gb, err));
    if (t->pass[l].tilt)
        AKIN_TRY(sum_rows(t, t->pass[l].tilt, n, t->grad + a->at_slope, err));
    if (l == 0) {
        AKIN_TRY(par_for(t->net->ctx, par_blocks(a->n_in, COLUMNS), input_gradient, &job, err));
        goto done;
    }
    const struct product across = {.kind = PRODUCT_TN,
                                   .m = n,
                                   .n = a->n_in,
                                   .k = t->batch.n,
                                   .A = dz,
                                   .lda = n,
                                   .B = below(t, l - 1),
                                   .ldb = a->n_in,
                                   .C = gW,
                                   .ldc = a->n_in};
    AKIN_TRY(product_run(&t->room, &across, err));
    const struct product down = {.kind = PRODUCT_NN,
                                 .m = t->batch.n,
                                 .n = a->n_in,
                                 .k = n,
                                 .A = dz,
                                 .lda = n,
                                 .B = is_picked ? t->picked : a->W,
                                 .ldb = a->n_in,
                                 .C = t->pass[l - 1].dy,
                                 .ldc = a->n_in};
    AKIN_TRY(product_run(&t->room, &down, err));
done:
    return status;
}

/* Columns that are not of this step have no gradient. */
static akin_status spread_block(void *arg, int64_t block, int worker, akin_error *err)
{
    struct net_train *t = arg;
    const struct net_layer *a = &t->net->layer[t->net->spec.n_layers - 1];
    int64_t n = t->batch.n_columns, size = a->n_in * (int64_t)sizeof(float);
    (void)worker;
    (void)err;
    for (int64_t i = par_lo(block, COLUMNS); i < par_hi(block, COLUMNS, a->n_z); i++) {
        int64_t c = t->batch.place[i];
        float *g = t->grad + a->at + i * a->n_in;
        t->grad[a->at_bias + i] = c < 0 ? 0.0F : t->picked_d[n * a->n_in + c];
        if (c < 0)
            memset(g, 0, (size_t)size);
        else
            memcpy(g, t->picked_d + c * a->n_in, (size_t)size);
    }
    return AKIN_OK;
}

akin_status net_train_gradient(struct net_train *t, const int32_t *row, int64_t n, double *loss,
                               akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = t->net->ctx;
    double total = 0.0, penalties = 0.0;
    AKIN_TRY(net_batch_fill(t, row, n, err));
    t->kl = (float)(t->spec.kl_steps > 0.0 && (double)t->steps < t->spec.kl_steps
                        ? t->spec.kl * (double)t->steps / t->spec.kl_steps
                        : t->spec.kl);
    AKIN_TRY(forward(t, err));
    for (int64_t r = 0; r < n; r++)
        total += t->loss[r];
    for (int l = t->net->spec.n_layers - 1; l >= 0; l--) {
        bool is_last = is_output(t, l);
        struct pass_job job = {.t = t, .layer = l};
        if (!is_last) {
            if (t->pass[l].mean)
                AKIN_TRY(penalty(t, l, &penalties, err));
            AKIN_TRY(par_for(ctx, par_blocks(n, ROWS), lower_block, &job, err));
        }
        AKIN_TRY(layer_gradient(t, l, is_last ? t->pass[l].z : t->pass[l].dz,
                                is_last ? net_columns(t) : t->net->layer[l].n_z, err));
    }
    if (t->batch.column)
        AKIN_TRY(par_for(ctx, par_blocks(t->net->layer[t->net->spec.n_layers - 1].n_z, COLUMNS),
                         spread_block, t, err));
    *loss = total / (double)n + penalties;
done:
    return status;
}
