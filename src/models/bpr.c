/*
 * bpr: matrix factorization for ranking (Rendle et al. 2009, "BPR: Bayesian Personalized Ranking
 * from Implicit Feedback", arXiv:1205.2618). Over positives i of user u and items j without one:
 *
 *   L = Σ ln(1 + exp(-(x_ui - x_uj))) + reg·(‖p_u‖² + ‖q_i‖² + ‖q_j‖²),   x_ui = p_u · q_i
 *
 * An epoch takes each positive once, with one negative, over a grid of stripes (solve/grid.h) to
 * which items are dealt anew: j comes from the stripe of i, and over the epochs from everywhere,
 * with a share of (users of j)^negative_exponent (Rendle, Freudenthaler 2014,
 * doi:10.1145/2556195.2556248, on negatives by popularity).
 *
 * Fold-in: the loss of one user on frozen items is convex; a fixed number of passes over the
 * asker's positives from zero, with negatives drawn by (item, pass) alone, so that equal histories
 * give equal rows. Reasons: the row is a sum over those steps, each of one positive.
 *
 * Cost: an epoch n steps of 12·factors flops, a draw and dealing; fold-in passes·items steps. Not
 * here: weights of positives, biases (a factor learns them), adaptive negatives.
 */
#include "core/par.h"
#include "core/rng.h"
#include "kern/math.h"
#include "models/factors.h"
#include "models/model_impl.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

enum {
    POOL = 4096, /* negatives for askers */
    SLOTS = 4,   /* of an item of mean weight in the table of its stripe */
    PASSES = 20, /* of fold-in over the asker's positives */
    POLL_STEPS = 1 << 12
};

struct bpr_params {
    int64_t factors;
    int64_t epochs;
    double learning_rate;
    double decay;
    double reg;
    double stddev;
    double negative_exponent;
    int64_t grid;
};

static const akin_param bpr_rows[] = {
    PARAM_INT(struct bpr_params, factors, "64", 1, 4096, "", AKIN_PARAM_TUNE | AKIN_PARAM_TUNE_LOG,
              "length of the user and item vectors"),
    PARAM_INT(struct bpr_params, epochs, "150", 1, 100000, "", 0,
              "passes over the positives; the most, if early stopping ends it"),
    PARAM_REAL(struct bpr_params, learning_rate, "0.15", 1e-6, 10, "",
               AKIN_PARAM_TUNE | AKIN_PARAM_TUNE_LOG, "size of a step in the first epoch"),
    PARAM_REAL(struct bpr_params, decay, "0.985", 0.1, 1, "", 0,
               "the learning rate is multiplied by it after each epoch"),
    PARAM_REAL(struct bpr_params, reg, "0.01", 0, 100, "", AKIN_PARAM_TUNE | AKIN_PARAM_TUNE_LOG,
               "strength of the L2 regularisation, a step"),
    PARAM_REAL(struct bpr_params, stddev, "0.1", 1e-6, 100, "", 0,
               "standard deviation of the random start"),
    PARAM_REAL(struct bpr_params, negative_exponent, "0.4", 0, 2, "", AKIN_PARAM_TUNE,
               "negatives by (users of the item)^this: 0 = all alike, 1 = by popularity"),
    PARAM_INT(struct bpr_params, grid, "0", 0, GRID_MAX, "stripes", 0,
              "stripes of users and of items; as many threads can work; 0 = by the positives"),
};

struct bpr {
    const struct bpr_params *params;
    struct factors f;
    const int32_t *pool; /* (n_pool) items by their weight as negatives */
    int64_t n_pool;      /* POOL, 0 without items */
    bool is_mapped;
};

/* ---- Negatives ----------------------------------------------------------------------------- */

/*
 * n_slots of the items (n) as their weights go: the item of every total/n_slots-th of the summed
 * weights from `offset` (in [0, 1) of such a step) on. weight by item number, NULL = all alike.
 */
static void fill_slots(const int32_t *item, int64_t n, const double *weight, double offset,
                       int64_t n_slots, int32_t *slot)
{
    double total = 0.0, below = 0.0;
    for (int64_t t = 0; t < n; t++)
        total += weight ? weight[item[t]] : 1.0;
    int64_t at = 0;
    for (int64_t t = 0; t < n; t++) {
        below += weight ? weight[item[t]] : 1.0;
        while (at < n_slots && ((double)at + offset) * total < below * (double)n_slots)
            slot[at++] = item[t];
    }
    while (at < n_slots)
        slot[at++] = item[n - 1];
}

/* Ascending item (n > 0); without branches, which here no CPU could foretell. */
static bool has_item(const int32_t *item, int64_t n, int32_t wanted)
{
    while (n > 1) {
        int64_t half = n / 2;
        item += half & -(int64_t)(item[half - 1] < wanted);
        n -= half;
    }
    return *item == wanted;
}

/* One of slot (n) that is not among own (n_own, ascending), from two draws; -1 = neither. */
static int32_t draw_negative(uint64_t bits, const int32_t *slot, int64_t n, const int32_t *own,
                             int64_t n_own)
{
    for (int t = 0; t < 2; t++, bits >>= 32) {
        int32_t item = slot[(bits & UINT32_MAX) * (uint64_t)n >> 32];
        if (!has_item(own, n_own, item))
            return item;
    }
    return -1;
}

/* ---- Fit ----------------------------------------------------------------------------------- */

struct bpr_fit {
    struct bpr *s;
    struct sgd sgd;
    uint64_t seed;
    double *weight; /* (n_items) NULL = all alike */
    int32_t *slot;  /* (SLOTS·n_items) by stripe, NULL = all alike: the stripe itself */
};

static akin_status weights_set(struct bpr_fit *fit, const int32_t *item_count, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct bpr *s = fit->s;
    double exponent = s->params->negative_exponent;
    if (!(exponent > 0.0))
        goto done;
    MEM_NEW(s->f.ctx, fit->weight, s->f.n_items);
    MEM_NEW(s->f.ctx, fit->slot, SLOTS * s->f.n_items);
    for (int64_t i = 0; i < s->f.n_items; i++) /* nobody's items may be negatives, too */
        fit->weight[i] = kern_pow(item_count[i] > 0 ? (double)item_count[i] : 0.5, exponent);
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
        fill_slots(g->item + lo, n, fit->weight, (double)(bits >> 11) * 0x1p-53, SLOTS * n,
                   fit->slot + SLOTS * lo);
    return AKIN_OK;
}

static akin_status bpr_dealt(void *arg, akin_error *err)
{
    struct bpr_fit *fit = arg;
    return fit->weight ? par_for(fit->s->f.ctx, fit->sgd.grid->n, slots_block, fit, err) : AKIN_OK;
}

/* The negative of a positive: drawn here, where the items of its user are at hand. */
static void bpr_fill(void *arg, struct grid_entry *entry, struct kern_sample *sample)
{
    const struct bpr_fit *fit = arg;
    const struct grid *g = fit->sgd.grid;
    int64_t each = fit->slot ? SLOTS : 1, b = entry->stripe;
    const int32_t *slot = (fit->slot ? fit->slot : g->item) + each * g->item_ptr[b];
    if (entry->is_first || entry->at % 2 == 0)
        rng_two(fit->seed, RNG_NEGATIVE, (uint64_t)fit->sgd.epoch, (uint64_t)entry->at / 2,
                entry->memo);
    sample->u.other =
        draw_negative(entry->memo[entry->at % 2], slot,
                      each * (g->item_ptr[b + 1] - g->item_ptr[b]), entry->own, entry->n_own);
}

/* Samples for which a negative was found. */
static double bpr_steps(void *arg, const struct kern_sample *sample, int64_t n)
{
    const struct bpr_fit *fit = arg;
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
    s->n_pool = s->f.n_items > 0 ? POOL : 0;
    MEM_NEW(s->f.ctx, pool, s->n_pool);
    s->pool = pool;
    MEM_NEW(s->f.ctx, all, s->f.n_items);
    for (int64_t i = 0; i < s->f.n_items; i++)
        all[i] = (int32_t)i;
    if (s->n_pool > 0)
        fill_slots(all, s->f.n_items, fit->weight, 0.5, POOL, pool);
done:
    mem_free(s->f.ctx, all);
    return status;
}

static akin_status bpr_fit(struct model *m, const struct train_view *tv,
                           const struct fit_control *ctl, akin_error *err)
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
    return status;
}

/* ---- The asker ----------------------------------------------------------------------------- */

/* A walk of fold-in; of a target also what each positive adds to its score. */
struct walk {
    const int32_t *item; /* (n) positives, ascending */
    int32_t n;
    float *p;            /* (k) the row */
    const float *target; /* (k) or NULL */
    double *add;         /* (n) to target · p */
};

/* A step by a·(q - o) adds to the score of the target; the steps before it fade by keep. add is in
 * units of *kept, which all steps would otherwise have to be multiplied by. */
static void walk_note(const struct bpr *s, struct walk *w, int32_t j, int32_t other, float a,
                      float keep, double *kept)
{
    const struct kern *kern = s->f.ctx->kern;
    int64_t k = s->f.k;
    const float *q = s->f.items + w->item[j] * k, *o = s->f.items + other * k;
    *kept *= (double)keep;
    if (!(fabs(*kept) > 1e-100)) {
        for (int32_t t = 0; t < w->n; t++)
            w->add[t] *= *kept;
        *kept = 1.0;
    }
    w->add[j] += (double)a * (kern->dot64(q, w->target, k) - kern->dot64(o, w->target, k)) / *kept;
}

static akin_status bpr_walk(const struct bpr *s, struct walk *w, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct kern *kern = s->f.ctx->kern;
    int64_t k = s->f.k, polled = 0;
    float lr = (float)s->params->learning_rate;
    float keep = (float)(1.0 - s->params->learning_rate * s->params->reg);
    double kept = 1.0; /* of a step at the start: add is in units of it */
    for (int pass = 0; pass < PASSES; pass++)
        for (int32_t j = 0; j < w->n; j++) {
            uint64_t bits = rng_u64(0, RNG_NEGATIVE, (uint64_t)w->item[j], (uint64_t)pass);
            int32_t other = draw_negative(bits, s->pool, s->n_pool, w->item, w->n);
            if (++polled % POLL_STEPS == 0)
                AKIN_TRY(ctx_check(s->f.ctx, err));
            if (other < 0)
                continue;
            const float *q = s->f.items + w->item[j] * k, *o = s->f.items + other * k;
            float x = kern->dot(w->p, q, k) - kern->dot(w->p, o, k);
            float a = lr / (1.0f + kern_expf(x));
            kern->scale(keep, w->p, k);
            kern->axpy(a, q, w->p, k);
            kern->axpy(-a, o, w->p, k);
            if (w->target)
                walk_note(s, w, j, other, a, keep, &kept);
        }
    for (int32_t j = 0; w->target && j < w->n; j++)
        w->add[j] *= kept;
done:
    return status;
}

/* The asker's positives that the model knows; arrays in scratch. */
static akin_status bpr_history(const struct bpr *s, const struct query *q, struct arena *scratch,
                               struct walk *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    int32_t *item = arena_alloc(scratch, q->hist.n, sizeof *item, err);
    float *weight = item ? arena_alloc(scratch, q->hist.n, sizeof *weight, err) : NULL;
    if (!weight)
        AKIN_TRY(AKIN_E_MEMORY);
    int32_t n = history_fold(&q->hist, item, weight);
    /* the fold sorts as unsigned numbers: below 0 comes last */
    while (n > 0 && (item[n - 1] < 0 || item[n - 1] >= s->f.n_items))
        n--;
    *out = (struct walk){.item = item, .n = n};
done:
    return status;
}

static akin_status bpr_fold_in(const void *self, const struct query *q, float *state,
                               struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct bpr *s = self;
    struct walk w;
    if (q->is_trained && q->user >= 0 && q->user < s->f.n_users) {
        memcpy(state, s->f.users + q->user * s->f.k, (size_t)s->f.k * sizeof *state);
        goto done;
    }
    memset(state, 0, (size_t)s->f.k * sizeof *state);
    AKIN_TRY(bpr_history(s, q, scratch, &w, err));
    w.p = state;
    AKIN_TRY(bpr_walk(s, &w, err));
done:
    return status;
}

static akin_status bpr_explain(const void *self, const struct query *q, int32_t item,
                               struct reason *out, int32_t max, int32_t *n, struct arena *scratch,
                               akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct bpr *s = self;
    struct walk w;
    *n = 0;
    AKIN_TRY(bpr_history(s, q, scratch, &w, err));
    w.target = s->f.items + item * s->f.k;
    w.p = arena_alloc(scratch, s->f.k, sizeof *w.p, err);
    w.add = w.p ? arena_alloc(scratch, w.n, sizeof *w.add, err) : NULL;
    if (!w.add)
        AKIN_TRY(AKIN_E_MEMORY);
    AKIN_TRY(bpr_walk(s, &w, err));
    for (int32_t j = 0; j < w.n; j++)
        *n = reason_put(out, max, *n, w.item[j], (float)w.add[j]);
done:
    return status;
}

static void bpr_vectors(const void *self, struct item_vectors *out)
{
    const struct bpr *s = self;
    *out = (struct item_vectors){s->f.items, NULL, (int32_t)s->f.k};
}

/* ---- Files --------------------------------------------------------------------------------- */

static akin_status bpr_save(const struct model *m, struct container_writer *w, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct bpr *s = m->self;
    AKIN_TRY(factors_save(&s->f, w, err));
    AKIN_TRY(container_add(w, "m.pool", CONTAINER_REQUIRED, s->pool,
                           s->n_pool * (int64_t)sizeof *s->pool, err));
done:
    return status;
}

static akin_status bpr_load(struct model *m, struct container *c, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct bpr *s = m->self;
    const void *data;
    s->params = m->params;
    s->is_mapped = true;
    AKIN_TRY(factors_load(m, c, s->params->factors, &s->f, err));
    AKIN_TRY(container_get(c, "m.pool", sizeof *s->pool, false, &data, &s->n_pool, err));
    s->pool = data;
    if (s->n_pool != (s->f.n_items > 0 ? POOL : 0))
        AKIN_FAIL(AKIN_E_FORMAT, "%s: section m.pool has %" PRId64 " items (must be %d)",
                  container_path(c), s->n_pool, s->f.n_items > 0 ? POOL : 0);
    for (int64_t t = 0; t < s->n_pool; t++)
        if (s->pool[t] < 0 || s->pool[t] >= s->f.n_items)
            AKIN_FAIL(AKIN_E_FORMAT, "%s: section m.pool: item %d of %" PRId64, container_path(c),
                      s->pool[t], s->f.n_items);
done:
    return status;
}

static void bpr_destroy(struct model *m)
{
    struct bpr *s = m->self;
    factors_free(&s->f);
    if (!s->is_mapped)
        model_free_array(m->ctx, s->pool);
}

static void bpr_estimate(const void *params, int64_t n_users, int64_t n_items, int64_t nnz,
                         double *bytes, double *flops)
{
    const struct bpr_params *p = params;
    double k = (double)factors_width(p->factors), n = (double)nnz;
    double slots = p->negative_exponent > 0.0 ? 8 + 4.0 * SLOTS : 0.0;
    *bytes = ((double)n_users + (double)n_items) * (4 * k + 10) + 12 * n + slots * (double)n_items;
    *flops = (double)p->epochs * n * (20 * k + 400);
}

const struct model_class model_bpr = {
    .name = "bpr",
    .summary = "matrix factorization that ranks positives above sampled negatives",
    .flags = MODEL_EPOCHS,
    .params = bpr_rows,
    .n_params = PARAM_COUNT(bpr_rows),
    .params_size = sizeof(struct bpr_params),
    .self_size = sizeof(struct bpr),
    .fit = bpr_fit,
    .scorer = {.vectors = bpr_vectors, .fold_in = bpr_fold_in, .explain = bpr_explain},
    .save = bpr_save,
    .load = bpr_load,
    .destroy = bpr_destroy,
    .estimate = bpr_estimate,
};
