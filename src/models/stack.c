/*
 * stack: a learner over other models' answers, taught on events that these had not seen (Wolpert
 * 1992, doi:10.1016/S0893-6080(05)80023-1; linear feature-weighted: Sill et al. 2009,
 * arXiv:0911.0460).
 *
 * Ranking: candidates are the best `depth` items of each part; their features are each part's score
 * on one scale (as it is, and its log), its rank (log, reciprocal), the log rank times the log of
 * the asker's history length, and the item's popularity, alone and times that. A linear score over
 * these orders them. Items that are no candidate have no value.
 * Ratings (all parts predict them): a linear function of the predictions.
 * How it learns: stack_fit.c, meta.c.
 *
 * Cost: fit, the parts twice and `users` askers; a request, the parts' scores of all items, a top-k
 * of each. Not done: trees over the features; candidates that know a filter.
 */
#include "models/stack.h"

#include "kern/math.h"
#include "models/model_impl.h"

#include <float.h>
#include <inttypes.h>
#include <string.h>

static const akin_param stack_rows[] = {
    PARAM_LIST(struct stack_params, of, PARTS_DEFAULT, 0, PARTS_OF_HELP),
    PARAM_CHOICE(struct stack_params, learner, "listwise", "listwise|logistic|ridge",
                 AKIN_PARAM_TUNE,
                 "of lists: softmax over an asker's candidates, each candidate for itself, or "
                 "squared error; of ratings it is always ridge"),
    PARAM_REAL(struct stack_params, reg, "0.001", 0, 1e6, "", AKIN_PARAM_TUNE | AKIN_PARAM_TUNE_LOG,
               "penalty on the weights of features of variance 1, times the number of askers"),
    PARAM_INT(struct stack_params, depth, "100", 1, 10000, "items",
              AKIN_PARAM_TUNE | AKIN_PARAM_TUNE_LOG, "of each part's list that are candidates"),
    PARAM_INT(struct stack_params, users, "3000", 1, 100000, "users", 0,
              "about so many askers, by a hash, are learnt from"),
    PARAM_TEXT(struct stack_params, holdout, NULL, 0,
               "split that carves what is learnt from: ratio:0.1, leave-last:1, time:0.1; not "
               "given: as the data itself was split"),
    PARAM_INT(struct stack_params, sample, "200", 1, 1000000, "users", 0,
              "about so many, by a hash, say what a part's scores are like"),
};

/* ---- Features ------------------------------------------------------------------------------- */

static double log_1p(double x)
{
    return kern_log1p(x > 0 ? x : 0);
}

/* A candidate's row, made at its first part; slot (n_items): its number + 1. */
static float *row_of(struct stack_rows *rows, int32_t *slot, int32_t item, int32_t d)
{
    if (slot[item] == 0) {
        rows->item[rows->n++] = item;
        slot[item] = rows->n;
    }
    return rows->x + (int64_t)(slot[item] - 1) * d;
}

static void rank_features(float *x, int32_t rank, double depth, double warmth)
{
    double log_rank = 1 - kern_log1p((double)rank) / kern_log1p(depth + 1);
    x[STACK_LOG_RANK] = (float)log_rank;
    x[STACK_RECIPROCAL] = (float)(10 / (9 + (double)rank));
    x[STACK_WARMTH] = (float)(log_rank * warmth);
}

akin_status stack_candidates(const struct model *m, const struct stack_params *params,
                             const struct parts_scale *scale, const struct query *q,
                             struct stack_rows *out, struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    int32_t d = stack_width(m), depth = (int32_t)params->depth, n[PARTS_MAX];
    struct parts_place *place[PARTS_MAX];
    float *score[PARTS_MAX];
    int64_t most = 0;
    double warmth = log_1p((double)q->hist.n);
    int32_t *slot = arena_alloc(scratch, m->items.n, sizeof *slot, err);
    *out = (struct stack_rows){0};
    if (!slot)
        AKIN_TRY(AKIN_E_MEMORY);
    for (int32_t p = 0; p < m->n_parts; p++) {
        AKIN_TRY(parts_top(m, p, q, depth, &place[p], &n[p], &score[p], scratch, err));
        most += n[p];
    }
    if (!(out->item = arena_alloc(scratch, most, sizeof *out->item, err)) ||
        !(out->x = arena_alloc(scratch, most * d, sizeof *out->x, err)))
        AKIN_TRY(AKIN_E_MEMORY);
    for (int32_t p = 0; p < m->n_parts; p++) {
        for (int32_t j = 0; j < n[p]; j++)
            rank_features(row_of(out, slot, place[p][j].item, d) + p * STACK_PART, place[p][j].rank,
                          (double)depth, warmth);
    }
    for (int32_t i = 0; i < out->n; i++) {
        float *x = out->x + (int64_t)i * d;
        for (int32_t p = 0; p < m->n_parts; p++) {
            double z = parts_z(&scale[p], score[p][out->item[i]]);
            double low = (scale[p].low - scale[p].mean) * scale[p].inv_sd;
            x[p * STACK_PART + STACK_Z] = (float)z;
            x[p * STACK_PART + STACK_LOG_Z] = (float)log_1p(z - low);
        }
        double popular = log_1p((double)m->item_count[out->item[i]]);
        x[m->n_parts * STACK_PART + STACK_POPULAR] = (float)popular;
        x[m->n_parts * STACK_PART + STACK_POPULAR_WARMTH] = (float)(popular * warmth);
    }
done:
    return status;
}

akin_status stack_predictions(const struct model *m, const struct parts_scale *scale,
                              const struct query *q, const struct item_set *set, float *x,
                              struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    int32_t n = item_set_size(set);
    float *score = arena_alloc(scratch, n, sizeof *score, err);
    if (!score)
        AKIN_TRY(AKIN_E_MEMORY);
    for (int32_t p = 0; p < m->n_parts; p++) {
        AKIN_TRY(dense_score(&m->ask[p], q, 1, set, score, n, scratch, err));
        for (int32_t i = 0; i < n; i++)
            x[(int64_t)i * m->n_parts + p] = score[i] > UNSCORED ? score[i] : (float)scale[p].mean;
    }
done:
    return status;
}

/* ---- Fit, scores, reasons ------------------------------------------------------------------- */

static akin_status stack_fit(struct model *m, const struct train_view *tv,
                             const struct fit_control *ctl, akin_error *err)
{
    (void)ctl;
    akin_status status = AKIN_OK;
    struct stack *self = m->self;
    const struct stack_params *p = m->params;
    self->owner = m;
    self->is_rating = (parts_flags(m) & SCORER_RATES) != 0;
    AKIN_TRY(parts_scale_fit(m, tv, p->sample, self->scale, err));
    AKIN_TRY(stack_learn(m, tv, err));
done:
    return status;
}

static akin_status stack_evidence(const void *self_, const struct query *q, struct evidence *out,
                                  struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct stack *self = self_;
    const struct model *m = self->owner;
    struct stack_rows rows;
    int32_t d = m->n_parts;
    if (!self->is_rating) {
        d = stack_width(m);
        AKIN_TRY(stack_candidates(m, m->params, self->scale, q, &rows, scratch, err));
        for (int32_t i = 0; i < rows.n; i++)
            evidence_add(out, rows.item[i], (float)meta_score(self->w, d, rows.x + (int64_t)i * d));
        goto done;
    }
    const struct item_set all = {.lo = 0, .hi = m->items.n};
    float *x = arena_alloc(scratch, (int64_t)m->items.n * d, sizeof *x, err);
    if (!x)
        AKIN_TRY(AKIN_E_MEMORY);
    AKIN_TRY(stack_predictions(m, self->scale, q, &all, x, scratch, err));
    for (int32_t i = 0; i < m->items.n; i++)
        evidence_add(out, i, (float)meta_score(self->w, d, x + (int64_t)i * d));
done:
    return status;
}

/*
 * Ratings: each part's reasons by its weight. Ranking: by what the part's own features add to the
 * score of this item, shared among the part's reasons as they share its score; what popularity adds
 * has no reason.
 */
static akin_status stack_explain(const void *self_, const struct query *q, int32_t item,
                                 struct reason *out, int32_t max, int32_t *n, struct arena *scratch,
                                 akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct stack *self = self_;
    const struct model *m = self->owner;
    double weight[PARTS_MAX] = {0};
    struct stack_rows rows;
    int32_t d = stack_width(m);
    *n = 0;
    if (self->is_rating) {
        memcpy(weight, self->w, (size_t)m->n_parts * sizeof *weight);
    } else {
        AKIN_TRY(stack_candidates(m, m->params, self->scale, q, &rows, scratch, err));
        for (int32_t i = 0; i < rows.n; i++) {
            const float *x = rows.x + (int64_t)i * d;
            for (int32_t p = 0; p < m->n_parts && rows.item[i] == item; p++) {
                double adds = 0;
                for (int32_t k = p * STACK_PART; k < (p + 1) * STACK_PART; k++)
                    adds += self->w[k] * (double)x[k];
                double z = (double)x[p * STACK_PART + STACK_Z];
                weight[p] = adds > 0 ? adds * self->scale[p].inv_sd / (fabs(z) + 1e-6) : 0;
            }
        }
    }
    AKIN_TRY(parts_explain(m, q, item, weight, out, max, n, scratch, err));
done:
    return status;
}

static akin_status stack_similar(const void *self, int32_t item, struct evidence *out,
                                 struct arena *scratch, akin_error *err)
{
    return parts_similar(((const struct stack *)self)->owner, item, out, scratch, err);
}

static uint32_t stack_flags(const struct model *m)
{
    return ((const struct stack *)m->self)->is_rating ? SCORER_RATES : 0;
}

/* ---- File ----------------------------------------------------------------------------------- */

static int32_t n_weights(const struct model *m)
{
    const struct stack *self = m->self;
    return (self->is_rating ? m->n_parts : stack_width(m)) + 1;
}

static akin_status stack_save(const struct model *m, struct container_writer *w, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct stack *self = m->self;
    AKIN_TRY(parts_scale_save(m, self->scale, w, err));
    AKIN_TRY(container_add(w, "m.weights", CONTAINER_REQUIRED, self->w,
                           n_weights(m) * (int64_t)sizeof *self->w, err));
done:
    return status;
}

static akin_status stack_load(struct model *m, struct container *c, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct stack *self = m->self;
    const void *data;
    int64_t n;
    self->owner = m;
    self->is_rating = (parts_flags(m) & SCORER_RATES) != 0;
    AKIN_TRY(parts_scale_load(m, c, self->scale, err));
    AKIN_TRY(container_get(c, "m.weights", sizeof *self->w, false, &data, &n, err));
    if (n != n_weights(m))
        AKIN_FAIL(AKIN_E_FORMAT, "%s: section m.weights has %" PRId64 " numbers (must be %d)",
                  container_path(c), n, n_weights(m));
    memcpy(self->w, data, (size_t)n * sizeof *self->w);
    for (int64_t k = 0; k < n; k++) {
        if (!(fabs(self->w[k]) <= DBL_MAX))
            AKIN_FAIL(AKIN_E_FORMAT, "%s: section m.weights holds a number that is not finite",
                      container_path(c));
    }
done:
    return status;
}

static void stack_estimate(const void *params, int64_t n_users, int64_t n_items, int64_t nnz,
                           double *bytes, double *flops)
{
    const struct stack_params *p = params;
    double users = (double)(p->users < n_users ? p->users : n_users);
    double d = 4 * STACK_PART + STACK_ITEM, rows = users * 2 * (double)p->depth;
    (void)nnz;
    *bytes = 8.0 * rows * d + 40.0 * (double)n_items;
    *flops = users * 1000.0 * (double)n_items + 10.0 * rows * d * d;
}

const struct model_class model_stack = {
    .name = "stack",
    .summary = "a learner over other models' scores and ranks, taught out of fold",
    .flags = MODEL_COMPOSITE | MODEL_OUT_OF_FOLD,
    .params = stack_rows,
    .n_params = PARAM_COUNT(stack_rows),
    .params_size = sizeof(struct stack_params),
    .self_size = sizeof(struct stack),
    .fit = stack_fit,
    .scorer = {.evidence = stack_evidence, .explain = stack_explain, .similar = stack_similar},
    .scorer_flags = stack_flags,
    .context = parts_context,
    .save = stack_save,
    .load = stack_load,
    .estimate = stack_estimate,
};
