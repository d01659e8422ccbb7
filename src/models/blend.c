/*
 * blend: a weighted sum of other models' scores.
 *
 * score(i) = Σ_p w_p · (s_p(i) - mean_p) / sd_p; mean and sd of part p are learnt at the fit over
 * sampled users (parts_ask.c), never from a request, so that a score does not depend on what else
 * is asked. An item that a part says nothing about has its lowest score seen at the fit; one that
 * no weighted part scores has no value. If all weighted parts predict ratings, so does the blend:
 * r̂(i) = Σ w_p r̂_p(i) / Σ w_p over those that have one. With one weighted part its scores are taken
 * as they are, so that its lists come out exactly.
 *
 * Cost: fit, the parts' and the scores of `sample` users; a request, the parts' scores of all
 * items. Not done: weights by user (switch, stack), weights of a request.
 */
#include "models/model_impl.h"
#include "models/parts.h"

#include <string.h>

struct blend_params {
    json_t *of;
    json_t *weights;
    int64_t sample;
};

static const akin_param blend_rows[] = {
    PARAM_LIST(struct blend_params, of, PARTS_DEFAULT, 0, PARTS_OF_HELP),
    PARAM_LIST(struct blend_params, weights, NULL, 0,
               "weight of each part, 0..1e6; not given: all 1"),
    PARAM_INT(struct blend_params, sample, "200", 1, 1000000, "users", 0,
              "about so many, by a hash, say what a part's scores are like"),
};

struct blend {
    const struct model *owner;
    double weight[PARTS_MAX];
    struct parts_scale scale[PARTS_MAX];
    bool is_rating;
    int32_t single; /* the only weighted part, or -1 */
};

static akin_status blend_open(struct model *m, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct blend *self = m->self;
    const struct blend_params *p = m->params;
    int32_t n = 0;
    self->owner = m;
    self->single = -1;
    self->is_rating = true;
    AKIN_TRY(parts_numbers(m, "weights", p->weights, 1, 0, 1e6, self->weight, err));
    for (int32_t i = 0; i < m->n_parts; i++) {
        if (!(self->weight[i] > 0))
            continue;
        self->single = n++ == 0 ? i : -1;
        self->is_rating &= (m->ask[i].scorer.flags & SCORER_RATES) != 0;
    }
    if (n == 0)
        AKIN_FAIL(AKIN_E_ARG, "%s: weights are all 0 (at least one must be more)", m->cls->name);
done:
    return status;
}

static akin_status blend_fit(struct model *m, const struct train_view *tv,
                             const struct fit_control *ctl, akin_error *err)
{
    (void)ctl;
    akin_status status = AKIN_OK;
    struct blend *self = m->self;
    const struct blend_params *p = m->params;
    AKIN_TRY(blend_open(m, err));
    AKIN_TRY(parts_scale_fit(m, tv, p->sample, self->scale, err));
done:
    return status;
}

/* One part's scores added: sum and, of ratings, the weights that were in it. */
static void add_part(const struct blend *self, int32_t p, const float *score, int64_t n,
                     double *sum, double *weight)
{
    double w = self->weight[p];
    for (int64_t i = 0; i < n; i++) {
        bool has = score[i] > UNSCORED;
        if (self->is_rating) {
            sum[i] += has ? w * (double)score[i] : 0;
            weight[i] += has ? w : 0;
        } else {
            sum[i] += w * parts_z(&self->scale[p], score[i]);
            weight[i] += has ? 1 : 0;
        }
    }
}

static akin_status blend_score(const void *self_, const struct query *queries, int32_t n_queries,
                               const struct item_set *set, float *out, int64_t ldo,
                               struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct blend *self = self_;
    const struct model *m = self->owner;
    int64_t n = item_set_size(set), all = n * n_queries;
    if (self->single >= 0)
        return dense_score(&m->ask[self->single], queries, n_queries, set, out, ldo, scratch, err);
    double *weight = NULL, *sum = arena_alloc(scratch, all, sizeof *sum, err);
    float *score = NULL;
    if (!sum || !(weight = arena_alloc(scratch, all, sizeof *weight, err)) ||
        !(score = arena_alloc(scratch, all, sizeof *score, err)))
        AKIN_TRY(AKIN_E_MEMORY);
    for (int32_t p = 0; p < m->n_parts; p++) {
        if (!(self->weight[p] > 0))
            continue;
        AKIN_TRY(dense_score(&m->ask[p], queries, n_queries, set, score, n, scratch, err));
        add_part(self, p, score, all, sum, weight);
    }
    for (int32_t j = 0; j < n_queries; j++) {
        for (int64_t i = 0; i < n; i++) {
            double w = weight[j * n + i], s = sum[j * n + i];
            out[j * ldo + i] = !(w > 0) ? UNSCORED : (float)(self->is_rating ? s / w : s);
        }
    }
done:
    return status;
}

static akin_status blend_explain(const void *self_, const struct query *q, int32_t item,
                                 struct reason *out, int32_t max, int32_t *n, struct arena *scratch,
                                 akin_error *err)
{
    const struct blend *self = self_;
    const struct model *m = self->owner;
    double weight[PARTS_MAX], sum = 0;
    for (int32_t p = 0; p < m->n_parts; p++)
        sum += self->weight[p];
    for (int32_t p = 0; p < m->n_parts; p++)
        weight[p] = self->single >= 0 ? self->weight[p] > 0
                    : self->is_rating ? self->weight[p] / sum
                                      : self->weight[p] * self->scale[p].inv_sd;
    return parts_explain(m, q, item, weight, out, max, n, scratch, err);
}

static akin_status blend_similar(const void *self, int32_t item, struct evidence *out,
                                 struct arena *scratch, akin_error *err)
{
    return parts_similar(((const struct blend *)self)->owner, item, out, scratch, err);
}

static uint32_t blend_flags(const struct model *m)
{
    const struct blend *self = m->self;
    if (self->single >= 0)
        return m->ask[self->single].scorer.flags;
    return (parts_flags(m) & ~(uint32_t)SCORER_RATES) | (self->is_rating ? SCORER_RATES : 0U);
}

static akin_status blend_save(const struct model *m, struct container_writer *w, akin_error *err)
{
    return parts_scale_save(m, ((const struct blend *)m->self)->scale, w, err);
}

static akin_status blend_load(struct model *m, struct container *c, akin_error *err)
{
    akin_status status = AKIN_OK;
    AKIN_TRY(blend_open(m, err));
    AKIN_TRY(parts_scale_load(m, c, ((struct blend *)m->self)->scale, err));
done:
    return status == AKIN_E_ARG ? AKIN_E_FORMAT : status;
}

static void blend_estimate(const void *params, int64_t n_users, int64_t n_items, int64_t nnz,
                           double *bytes, double *flops)
{
    const struct blend_params *p = params;
    double users = (double)(p->sample < n_users ? p->sample : n_users);
    (void)nnz;
    *bytes = 64.0 * users + 18.0 * (double)n_items;
    *flops = 1000.0 * users * (double)n_items;
}

const struct model_class model_blend = {
    .name = "blend",
    .summary = "weighted sum of other models' scores on one scale",
    .flags = MODEL_COMPOSITE,
    .params = blend_rows,
    .n_params = PARAM_COUNT(blend_rows),
    .params_size = sizeof(struct blend_params),
    .self_size = sizeof(struct blend),
    .fit = blend_fit,
    .scorer = {.score = blend_score, .explain = blend_explain, .similar = blend_similar},
    .scorer_flags = blend_flags,
    .context = parts_context,
    .save = blend_save,
    .load = blend_load,
    .estimate = blend_estimate,
};
