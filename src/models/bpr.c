/*
 * bpr: matrix factorization for ranking (Rendle et al. 2009, "BPR: Bayesian Personalized Ranking
 * from Implicit Feedback", arXiv:1205.2618). Over positives i of user u and items j without one:
 *
 *   L = Σ ln(1 + exp(-(x_ui - x_uj))) + reg·(‖p_u‖² + ‖q_i‖² + ‖q_j‖²),   x_ui = p_u · q_i
 *
 * An epoch takes each positive once, with one negative, over a grid of stripes (solve/grid.h) to
 * which items are dealt anew: j comes from the stripe of i, and over the epochs from everywhere. It
 * is the one that x_uj is highest of among some candidates (Zhang et al. 2013,
 * doi:10.1145/2484028.2484126), drawn with a share of (users of j)^negative_exponent (Rendle,
 * Freudenthaler 2014, doi:10.1145/2556195.2556248, on negatives by popularity). See bpr_fit.c.
 *
 * Fold-in: the same for one row on frozen items: a fixed number of passes over the asker's
 * positives from zero, in steps that fade to nothing, with candidates drawn by (item, pass) alone,
 * so that equal histories give equal rows. Reasons: the row is a sum over those steps, each of one
 * positive.
 *
 * Cost: an epoch n steps of 12·factors flops, candidates·(2·factors flops and a draw) and dealing;
 * fold-in as many steps as passes·items. Not here: weights of positives, biases (a factor learns
 * them).
 */
#include "models/bpr.h"
#include "core/par.h"
#include "core/rng.h"
#include "kern/math.h"
#include "models/model_impl.h"
#include "models/negatives.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum {
    PASSES = 20, /* of fold-in over the asker's positives */
    POLL_STEPS = 1 << 12
};

static const akin_param bpr_rows[] = {
    PARAM_INT(struct bpr_params, factors, "64", 1, 4096, "", AKIN_PARAM_TUNE | AKIN_PARAM_TUNE_LOG,
              "length of the user and item vectors"),
    PARAM_INT(struct bpr_params, epochs, "100", 1, 100000, "", 0,
              "passes over the positives; the most, if early stopping ends it"),
    PARAM_REAL(struct bpr_params, learning_rate, "0.2", 1e-6, 10, "",
               AKIN_PARAM_TUNE | AKIN_PARAM_TUNE_LOG, "size of a step in the first epoch"),
    PARAM_REAL(struct bpr_params, decay, "0.97", 0.1, 1, "", 0,
               "the learning rate is multiplied by it after each epoch"),
    PARAM_REAL(struct bpr_params, reg, "0.03", 0, 100, "", AKIN_PARAM_TUNE | AKIN_PARAM_TUNE_LOG,
               "strength of the L2 regularisation, a step"),
    PARAM_REAL(struct bpr_params, stddev, "0.1", 1e-6, 100, "", 0,
               "standard deviation of the random start"),
    PARAM_REAL(struct bpr_params, negative_exponent, "0", 0, 2, "", AKIN_PARAM_TUNE,
               "negatives by (users of the item)^this: 0 = all alike, 1 = by popularity"),
    PARAM_INT(struct bpr_params, candidates, "8", 1, BPR_CANDIDATES_MAX, "items",
              AKIN_PARAM_TUNE | AKIN_PARAM_TUNE_LOG,
              "negatives drawn for a positive, of which the one that scores highest is taken"),
    PARAM_INT(struct bpr_params, grid, "0", 0, GRID_MAX, "stripes", 0,
              "stripes of users and of items; as many threads can work; 0 = by the positives"),
};

int32_t bpr_hardest(const struct factors *f, const float *p, const struct negatives *from,
                    const int32_t *candidate, int64_t n)
{
    float score[BPR_CANDIDATES_MAX];
    for (int64_t c = 0; c < n; c++)
        score[c] = f->ctx->kern->dot(p, f->items + candidate[c] * f->k, f->k);
    for (int64_t left = n; left > 0; left--) {
        int64_t best = 0;
        for (int64_t c = 1; c < n; c++)
            if (score[c] > score[best])
                best = c;
        if (!negatives_has(from, candidate[best]))
            return candidate[best];
        score[best] = -INFINITY;
    }
    return -1;
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
    const struct negatives from = {s->pool, s->n_pool, w->item, w->n};
    double kept = 1.0; /* of a step at the start: add is in units of it */
    for (int pass = 0; pass < PASSES; pass++) {
        double rate = s->params->learning_rate * (PASSES - pass) / PASSES;
        float lr = (float)rate, keep = (float)(1.0 - rate * s->params->reg);
        for (int32_t j = 0; j < w->n; j++) {
            int32_t candidate[BPR_CANDIDATES_MAX];
            int64_t n = bpr_candidates(s);
            negatives_picks(&from, 0, (uint64_t)w->item[j], (uint64_t)pass, n, candidate);
            int32_t other = bpr_hardest(&s->f, w->p, &from, candidate, n);
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

/* Values that no fit takes are the file's fault. */
static akin_status load_check(const struct bpr *s, struct container *c, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_error inner;
    if (sgd_check("bpr", s->params->learning_rate, s->params->reg, &inner) != AKIN_OK)
        AKIN_FAIL(AKIN_E_FORMAT, "%s: %s", container_path(c), inner.message);
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
    AKIN_TRY(load_check(s, c, err));
    AKIN_TRY(factors_load(m, c, s->params->factors, &s->f, err));
    AKIN_TRY(container_get(c, "m.pool", sizeof *s->pool, false, &data, &s->n_pool, err));
    s->pool = data;
    if (s->n_pool != (s->f.n_items > 0 ? BPR_POOL : 0))
        AKIN_FAIL(AKIN_E_FORMAT, "%s: section m.pool has %" PRId64 " items (must be %d)",
                  container_path(c), s->n_pool, s->f.n_items > 0 ? BPR_POOL : 0);
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
    double slots = p->negative_exponent > 0.0 ? 8 + 4.0 * BPR_SLOTS : 0.0;
    double drawn = (double)p->candidates, picked = drawn > 1 ? drawn : 0.0;
    *bytes = ((double)n_users + (double)n_items) * (4 * k + 10) + (12 + 4 * picked) * n +
             slots * (double)n_items;
    *flops = (double)p->epochs * n * (20 * k + 300 + drawn * 100 + picked * (2 * k + 50));
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
