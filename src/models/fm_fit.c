/*
 * The training of fm: sweeps over items, contexts and users, each side's features given all else
 * (fm_step.c). mcmc (Freudenthaler, Schmidt-Thieme, Rendle 2011; libFM's groups, but features drawn
 * as a whole) keeps every thin-th sweep after burn_in, als its last state.
 *
 * Kept of users is what they share: anybody's own row follows from her events (fm_ask.c), exactly
 * and without the draw's noise, so that no user is stored and strangers are no other case.
 * Cost of a sweep: fm_step.c's; sgd, adagrad: fm_gradient.c. Not here: several ranks, warm start.
 */
#include "models/fm_fit.h"
#include "core/par.h"
#include "models/model_impl.h"
#include "solve/draw.h"

#include <math.h>
#include <string.h>

static akin_status kept_make(struct fm_fit *f, struct fm_kept *to, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t n = f->self->known.n_items, S = f->self->S;
    MEM_ZERO(f->ctx, to->items, n * S * f->k1);
    if (f->p->solver == FM_MCMC) {
        MEM_ZERO(f->ctx, to->drawn, n * S * f->k1);
        MEM_ZERO(f->ctx, to->gap, n * f->k1);
    }
    MEM_ZERO(f->ctx, to->offset, n * S);
    MEM_ZERO(f->ctx, to->bias, n);
    MEM_ZERO(f->ctx, to->prior, 2 * S * f->k1);
    MEM_ZERO(f->ctx, to->newcomer, S * f->k1);
    for (int s = 0; s < FM_SIDES; s++)
        MEM_ZERO(f->ctx, to->theta[s], S * fm_count(&f->self->known, s) * f->k1);
done:
    return status;
}

static void hand_over(const struct fm_kept *to, struct fm *self)
{
    self->items = to->items;
    self->drawn = to->drawn ? to->drawn : to->items;
    self->offset = to->offset;
    self->bias = to->bias;
    self->prior = to->prior;
    self->newcomer = to->newcomer;
    for (int s = 0; s < FM_SIDES; s++)
        self->theta[s] = to->theta[s];
}

static void keep(const struct fm_fit *f, const struct fm_kept *to, int64_t sample)
{
    const struct fm_side *items = &f->side[FM_ITEMS];
    const struct fm_group *user = f->side[FM_USERS].group, *item = items->group;
    int64_t S = f->self->S, k1 = f->k1;
    for (int64_t i = 0; i < items->n_rows; i++) {
        const float *sum = items->sum + i * k1, *own = items->theta + i * k1;
        const float *gap = to->gap ? to->gap + i * k1 : NULL;
        int64_t at = (i * S + sample) * k1;
        float *mean = to->items + at, *drawn = to->drawn ? to->drawn + at : mean;
        double offset = (double)sum[f->k];
        memcpy(drawn, sum, (size_t)f->k * sizeof *drawn);
        to->offset[i * S + sample] = sum[f->k];
        for (int64_t t = 0; gap && t < f->k; t++) {
            mean[t] = drawn[t] + gap[t];
            offset += (double)gap[t] * (double)(sum[t] - own[t]);
        }
        mean[f->k] = drawn[f->k] = 1;
        to->bias[i] += (float)((offset + (gap ? (double)gap[f->k] : 0)) / (double)S);
    }
    for (int64_t t = 0; t < k1; t++) {
        to->prior[2 * sample * k1 + t] = (float)user->mean[t];
        to->prior[(2 * sample + 1) * k1 + t] = (float)(user->precision[t] / f->noise);
        to->newcomer[sample * k1 + t] = (float)item->mean[t];
    }
    for (int s = 0; s < FM_SIDES; s++) {
        int64_t n = fm_count(&f->self->known, s) * k1;
        if (n > 0)
            memcpy(to->theta[s] + sample * n, f->side[s].theta + f->side[s].n_own * k1,
                   (size_t)n * sizeof(float));
    }
}

/* From means of offsets. */
static void set_biases(const struct fm *s, float *bias)
{
    for (int64_t i = 0; i < s->known.n_items; i++)
        bias[i] = (float)(s->known.base + s->known.spread * (double)bias[i]);
}

/* α given Σ left²; the noise of classes is part of their weights. */
static void draw_noise(struct fm_fit *f, double loss)
{
    if (f->p->solver != FM_MCMC || f->p->task != FM_REGRESSION || f->sweep == 1)
        return;
    struct rng rng = rng_make(f->seed, RNG_GIBBS_HYPER, fm_index(FM_DRAW_NOISE, 0, 0));
    rng.counter = fm_counter(f->sweep);
    double most = 1 / (f->p->noise * f->p->noise);
    f->noise = draw_gamma(&rng, 1 + (double)f->n / 2, .01 + loss / 2);
    f->noise = f->noise < most ? f->noise : most;
}

static akin_status sweep(struct fm_fit *f, akin_error *err)
{
    akin_status status = AKIN_OK;
    double loss;
    AKIN_TRY(fm_residuals(f, &loss, err));
    draw_noise(f, loss);
    for (int s = 0; s < FM_SIDES; s++)
        if (f->side[s].row)
            AKIN_TRY(fm_step(f, s, err));
done:
    return status;
}

static akin_status run(struct fm_fit *f, const struct fm_kept *to, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct fm_params *p = f->p;
    bool is_als = p->solver == FM_ALS;
    int64_t n = is_als ? p->epochs : p->burn_in + p->samples * p->thin;
    int64_t features = f->side[FM_ITEMS].n_features + f->side[FM_USERS].n_features;
    progress_begin(f->ctx, "fm", n * features);
    for (f->sweep = 1; f->sweep <= n; f->sweep++) {
        int64_t after = is_als ? f->sweep - n + 1 : f->sweep - p->burn_in;
        int64_t thin = is_als ? 1 : p->thin;
        bool is_kept = after > 0 && after % thin == 0;
        f->gap = is_kept ? to->gap : NULL;
        AKIN_TRY(sweep(f, err));
        if (is_kept)
            keep(f, to, after / thin - 1);
    }
    log_write(f->ctx, AKIN_LOG_DEBUG, "fm: noise %.6g", 1 / sqrt(f->noise));
done:
    progress_end(f->ctx);
    return status;
}

/* Users start at normal vectors, all else at 0. */
static void start(struct fm_fit *f)
{
    struct fm_side *s = &f->side[FM_USERS];
    for (int64_t u = 0; u < s->n_rows; u++) {
        float *theta = s->theta + u * f->k1;
        draw_normals(f->ctx->kern, f->seed, RNG_GIBBS,
                     fm_index(FM_DRAW_START, FM_USERS, (uint64_t)u), 0, f->k, theta);
        memcpy(s->sum + u * f->k1, theta, (size_t)f->k * sizeof *theta);
    }
    f->noise = 1;
}

static akin_status fit_make(struct fm_fit *f, akin_error *err)
{
    akin_status status = AKIN_OK;
    f->scratch_size = FM_CHUNK * (f->k1 + 2) + f->k1 * (f->k1 + 3);
    MEM_NEW(f->ctx, f->scratch, par_workers(f->ctx) * f->scratch_size);
    MEM_ZERO(f->ctx, f->zeros, f->k1);
    MEM_NEW(f->ctx, f->sums, par_blocks(f->n, FM_EVENTS));
done:
    return status;
}

static void fit_free(struct fm_fit *f)
{
    for (int s = 0; s < FM_SIDES; s++)
        fm_side_free(f, &f->side[s]);
    mem_free(f->ctx, f->target);
    mem_free(f->ctx, f->weight);
    mem_free(f->ctx, f->left);
    mem_free(f->ctx, f->start);
    mem_free(f->ctx, f->zeros);
    mem_free(f->ctx, f->sums);
    mem_free(f->ctx, f->scratch);
    mem_free(f->ctx, f->piece);
    mem_free(f->ctx, f->cut);
}

akin_status fm_fit(struct model *m, const struct train_view *tv, const struct fit_control *ctl,
                   akin_error *err)
{
    akin_status status = AKIN_OK;
    struct fm *self = m->self;
    const struct fm_params *p = m->params;
    struct fm_kept to = {0};
    struct fm_fit f = {.ctx = m->ctx, .m = m, .tv = tv, .p = p, .self = self, .seed = tv->seed};
    struct fm_data d = {.ctx = m->ctx, .m = m, .tv = tv, .known = &self->known};
    bool is_gradient = p->solver == FM_SGD || p->solver == FM_ADAGRAD;
    (void)ctl;
    fm_init(m, tv->seed);
    f.k = self->k;
    f.k1 = self->k1;
    AKIN_TRY(fm_data_read(&d, err));
    status = kept_make(&f, &to, err);
    hand_over(&to, self); /* also what a failure leaves: model_free frees it */
    AKIN_TRY(status);
    if (is_gradient) {
        AKIN_TRY(fm_fit_gradient(&f, &to, &d, err));
    } else {
        AKIN_TRY(fm_take(&f, &d, err));
        AKIN_TRY(fit_make(&f, err));
        start(&f);
        AKIN_TRY(run(&f, &to, err));
    }
    set_biases(self, to.bias);
done:
    fm_data_free(&d);
    mem_free(m->ctx, to.gap);
    fit_free(&f);
    return status;
}
