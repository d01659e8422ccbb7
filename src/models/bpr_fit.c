/*
 * Training of bpr (see bpr.c): epochs over a grid of stripes to which items are dealt anew; the
 * candidates of a positive are drawn where its sample is placed, the hardest of them is picked
 * before the step is made.
 *
 * Cost: 4·candidates bytes a positive beside the grid where there are several; picking one is a
 * dot a candidate, over rows of the block that the steps are on.
 */
#include "core/par.h"
#include "core/rng.h"
#include "kern/math.h"
#include "models/bpr.h"
#include "models/model_impl.h"
#include "models/negatives.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { GROUP = 32 }; /* steps whose negatives are picked at once, by the rows before them */

struct bpr_fit {
    struct bpr *s;
    struct sgd sgd;
    uint64_t seed;
    double *weight;     /* (n_items) NULL = all alike */
    int32_t *slot;      /* (BPR_SLOTS·n_items) by stripe, NULL = all alike: the stripe itself */
    int32_t *candidate; /* (samples of the grid, candidates), NULL = one: the sample has it */
};

/* ---- Negatives ----------------------------------------------------------------------------- */

static akin_status weights_set(struct bpr_fit *fit, const int32_t *item_count, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct bpr *s = fit->s;
    double exponent = s->params->negative_exponent;
    if (!(exponent > 0.0))
        goto done;
    MEM_NEW(s->f.ctx, fit->weight, s->f.n_items);
    MEM_NEW(s->f.ctx, fit->slot, BPR_SLOTS * s->f.n_items);
    for (int64_t i = 0; i < s->f.n_items; i++) /* nobody's items may be negatives, too */
        fit->weight[i] = kern_pow(item_count[i] > 0 ? (double)item_count[i] : 0.5, exponent);
done:
    return status;
}

static akin_status candidates_alloc(struct bpr_fit *fit, int64_t n_samples, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t each = bpr_candidates(fit->s);
    if (each > 1)
        MEM_NEW(fit->s->f.ctx, fit->candidate, n_samples * each);
done:
    return status;
}

static akin_status slots_block(void *arg, int64_t b, int worker, akin_error *err)
{
    const struct bpr_fit *fit = arg;
    const struct grid *g = fit->sgd.grid;
    int64_t lo = g->item_ptr[b], n = g->item_ptr[b + 1] - lo;
    uint64_t bits = rng_u64(fit->seed, RNG_NEGATIVE, (uint64_t)fit->sgd.epoch, UINT64_MAX >> 8);
    (void)worker;
    (void)err;
    if (n > 0)
        negatives_slots(g->item + lo, n, fit->weight, (double)(bits >> 11) * 0x1p-53, BPR_SLOTS * n,
                        fit->slot + BPR_SLOTS * lo);
    return AKIN_OK;
}

static akin_status bpr_dealt(void *arg, akin_error *err)
{
    struct bpr_fit *fit = arg;
    return fit->weight ? par_for(fit->s->f.ctx, fit->sgd.grid->n, slots_block, fit, err) : AKIN_OK;
}

/* The candidates of a positive; of one alone it is seen here, where the items of its user are at
 * hand, that it is not among them. */
static void bpr_fill(void *arg, struct grid_entry *entry, struct kern_sample *sample)
{
    const struct bpr_fit *fit = arg;
    const struct grid *g = fit->sgd.grid;
    int64_t each = fit->slot ? BPR_SLOTS : 1, b = entry->stripe, n = bpr_candidates(fit->s);
    uint64_t epoch = (uint64_t)fit->sgd.epoch, at = (uint64_t)entry->at;
    const struct negatives from = {.slot =
                                       (fit->slot ? fit->slot : g->item) + each * g->item_ptr[b],
                                   .n = each * (g->item_ptr[b + 1] - g->item_ptr[b]),
                                   .own = entry->own,
                                   .n_own = entry->n_own};
    sample->u.other = -1;
    if (n > 1) {
        negatives_picks(&from, fit->seed, epoch, at, n, fit->candidate + n * (sample - g->sample));
        return;
    }
    if (entry->is_first || at % 2 == 0)
        rng_two(fit->seed, RNG_NEGATIVE, epoch, at / 2, entry->memo);
    sample->u.other = negatives_draw(&from, entry->memo[at % 2]);
}

/* ---- Steps --------------------------------------------------------------------------------- */

/* Of the samples those that have a negative. */
static double with_negatives(const struct bpr_fit *fit, const struct kern_sample *sample, int64_t n)
{
    const struct kern *kern = fit->s->f.ctx->kern;
    double loss = 0.0;
    for (int64_t lo = 0; lo < n;) {
        int64_t hi = lo;
        while (hi < n && sample[hi].u.other >= 0)
            hi++;
        loss += kern->sgd_pairs(&fit->sgd.step, hi - lo, sample + lo);
        lo = hi + 1;
    }
    return loss;
}

static double bpr_steps(void *arg, const struct kern_sample *sample, int64_t n)
{
    const struct bpr_fit *fit = arg;
    const struct factors *f = &fit->s->f;
    const struct grid *g = fit->sgd.grid;
    const struct csr *m = g->by_user;
    int64_t each = bpr_candidates(fit->s);
    double loss = 0.0;
    if (!fit->candidate)
        return with_negatives(fit, sample, n);
    for (int64_t lo = 0; lo < n; lo += GROUP) {
        struct kern_sample group[GROUP];
        int64_t n_group = n - lo < GROUP ? n - lo : GROUP;
        for (int64_t r = 0; r < n_group; r++) {
            struct kern_sample x = sample[lo + r];
            const struct negatives from = {.own = m->col + m->ptr[x.p],
                                           .n_own = m->ptr[x.p + 1] - m->ptr[x.p]};
            x.u.other = bpr_hardest(f, f->users + x.p * f->k, &from,
                                    fit->candidate + each * (sample + lo + r - g->sample), each);
            group[r] = x;
        }
        loss += with_negatives(fit, group, n_group);
    }
    return loss;
}

/* ---- Fit ----------------------------------------------------------------------------------- */

static akin_status bpr_begin(struct bpr *s, const struct train_view *tv,
                             const struct fit_control *ctl, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct factors *f = &s->f;
    int64_t k = s->params->factors;
    const struct factors_start start = {
        .seed = tv->seed, .width = k, .stddev = s->params->stddev, .least = -DBL_MAX};
    AKIN_TRY(factors_begin(f, &start, err));
    for (int64_t u = 0; u < f->n_users; u++)
        if (tv->by_user.ptr[u] == tv->by_user.ptr[u + 1])
            memset(f->users + u * f->k, 0, (size_t)k * sizeof *f->users);
    if (ctl->warm) {
        const struct bpr *old = ctl->warm->self;
        AKIN_TRY(factors_warm(f, &old->f, k, old->params->factors, ctl, err));
    }
done:
    return status;
}

/* The pool of fold-in: as the weights go. */
static akin_status pool_set(struct bpr *s, const struct bpr_fit *fit, akin_error *err)
{
    akin_status status = AKIN_OK;
    int32_t *all = NULL, *pool = NULL;
    s->n_pool = s->f.n_items > 0 ? BPR_POOL : 0;
    MEM_NEW(s->f.ctx, pool, s->n_pool);
    s->pool = pool;
    MEM_NEW(s->f.ctx, all, s->f.n_items);
    for (int64_t i = 0; i < s->f.n_items; i++)
        all[i] = (int32_t)i;
    if (s->n_pool > 0)
        negatives_slots(all, s->f.n_items, fit->weight, 0.5, BPR_POOL, pool);
done:
    mem_free(s->f.ctx, all);
    return status;
}

akin_status bpr_fit(struct model *m, const struct train_view *tv, const struct fit_control *ctl,
                    akin_error *err)
{
    akin_status status = AKIN_OK;
    struct bpr *s = m->self;
    const struct bpr_params *p = m->params;
    struct grid grid = {.ctx = m->ctx};
    struct bpr_fit fit = {.s = s, .seed = tv->seed};
    s->params = p;
    AKIN_TRY(factors_alloc(m, p->factors, &s->f, err));
    AKIN_TRY(weights_set(&fit, tv->item_count, err));
    AKIN_TRY(pool_set(s, &fit, err));
    AKIN_TRY(bpr_begin(s, tv, ctl, err));
    AKIN_TRY(grid_init(m->ctx, &tv->by_user, p->grid, tv->seed, &grid, err));
    AKIN_TRY(candidates_alloc(&fit, csr_nnz(&tv->by_user), err));
    fit.sgd = (struct sgd){.m = m,
                           .ctl = ctl,
                           .grid = &grid,
                           .f = &s->f,
                           .epochs = p->epochs,
                           .learning_rate = p->learning_rate,
                           .decay = p->decay,
                           .reg = p->reg,
                           .learns_p = p->factors,
                           .learns_q = p->factors,
                           .skips_q = -1,
                           .deals_anew = true,
                           .dealt = bpr_dealt,
                           .fill = bpr_fill,
                           .fn = bpr_steps,
                           .arg = &fit};
    AKIN_TRY(sgd_run(&fit.sgd, err));
done:
    grid_free(&grid);
    mem_free(m->ctx, fit.weight);
    mem_free(m->ctx, fit.slot);
    mem_free(m->ctx, fit.candidate);
    return status;
}
