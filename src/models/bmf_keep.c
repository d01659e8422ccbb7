/*
 * What bmf keeps of a sweep: of each item what was drawn and the mean of what could have been, and
 * what users share. Cost: items · factors a kept sample.
 */
#include "core/par.h"
#include "models/bmf_fit.h"

#include <math.h>
#include <string.h>

struct keep_job {
    struct bmf_fit *f;
    const struct bmf_kept *to;
    int64_t s; /* the sample */
};

enum { KEEP_ROWS = 1024 };

static akin_status keep_block(void *arg, int64_t block, int worker, akin_error *err)
{
    const struct keep_job *job = arg;
    const struct bmf_fit *f = job->f;
    const struct bmf_kept *to = job->to;
    const struct bmf_group *y = to->implicit ? &f->users.group[0] : NULL;
    int64_t S = f->self->S, k1 = f->k1, hi = par_hi(block, KEEP_ROWS, f->items.n);
    double part = f->self->spread / (double)S;
    (void)worker;
    (void)err;
    for (int64_t i = par_lo(block, KEEP_ROWS); i < hi; i++) {
        const float *x = f->items.X + i * f->ld;
        float *mean = to->items + (i * S + job->s) * k1; /* the bias is still in its last place */
        memcpy(to->features + (i * S + job->s) * k1, x, (size_t)k1 * sizeof *x);
        to->offset[i * S + job->s] = x[f->k + 1];
        if (f->items.ptr[i + 1] == f->items.ptr[i]) {
            memcpy(mean, x, (size_t)f->k * sizeof *x);
            mean[f->k] = x[f->k + 1];
        }
        if (f->latents.n > 0)
            to->bias[i * S + job->s] = mean[f->k];
        else
            to->bias[i] += (float)(part * (double)mean[f->k]);
        mean[f->k] = 1.0F;
        for (int64_t t = 0; y && t < k1; t++)
            to->implicit[(i * S + job->s) * k1 + t] = y->c[t * y->n + i];
    }
    return AKIN_OK;
}

static void keep_levels(const struct bmf_fit *f, const struct bmf_kept *to, int64_t s)
{
    const struct bmf_latents *l = &f->latents;
    float *row = to->cuts + s * l->n;
    row[0] = (float)sqrt(f->noise);
    for (int32_t c = 1; c < l->n; c++)
        row[c] = (float)l->cut[c];
    bmf_expected_make(f->self, s, to->expected + s * BMF_GRID);
}

akin_status bmf_keep(struct bmf_fit *f, const struct bmf_kept *to, int64_t s, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct keep_job job = {f, to, s};
    int64_t k1 = f->k1;
    bmf_side_cold(f, &f->items);
    bmf_side_cold(f, &f->times);
    AKIN_TRY(par_for(f->ctx, par_blocks(f->items.n, KEEP_ROWS), keep_block, &job, err));
    for (int64_t t = 0; t < k1; t++) {
        to->prior[2 * s * k1 + t] = (float)f->users.mean[t];
        to->prior[(2 * s + 1) * k1 + t] = (float)(f->users.precision[t] / f->noise);
    }
    if (f->latents.n > 0)
        keep_levels(f, to, s);
    for (int64_t b = 0; b < f->times.n; b++) {
        const float *x = f->times.X + b * f->ld;
        float *out = to->time + (s * f->times.n + b) * k1;
        memcpy(out, x, (size_t)f->k * sizeof *x);
        out[f->k] = x[f->k + 1];
    }
done:
    return status;
}

akin_status bmf_kept_make(struct bmf_fit *f, struct bmf_kept *to, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t n = f->items.n, S = f->self->S;
    MEM_ZERO(f->ctx, to->items, n * S * f->k1);
    MEM_ZERO(f->ctx, to->features, n * S * f->k1);
    MEM_ZERO(f->ctx, to->offset, n * S);
    int64_t n_biases = f->latents.n > 0 ? n * S : n;
    MEM_NEW(f->ctx, to->bias, n_biases);
    for (int64_t i = 0; i < n_biases; i++)
        to->bias[i] = (float)f->self->mean;
    if (f->latents.n > 0) {
        MEM_ZERO(f->ctx, to->cuts, S * f->latents.n);
        MEM_ZERO(f->ctx, to->expected, S * BMF_GRID);
    }
    MEM_ZERO(f->ctx, to->prior, 2 * S * f->k1);
    if (f->p->implicit)
        MEM_ZERO(f->ctx, to->implicit, n * S * f->k1);
    if (f->times.n > 0)
        MEM_ZERO(f->ctx, to->time, S * f->times.n * f->k1);
done:
    return status;
}

void bmf_kept_hand_over(const struct bmf_kept *to, struct bmf *self)
{
    self->items = to->items;
    self->features = to->features;
    self->offset = to->offset;
    self->bias = to->bias;
    self->implicit = to->implicit;
    self->prior = to->prior;
    self->time = to->time;
    self->cuts = to->cuts;
    self->expected = to->expected;
}
