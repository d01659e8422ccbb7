/*
 * puresvd: truncated singular vectors as a recommender (Cremonesi, Koren, Turrin 2010,
 * doi:10.1145/1864708.1864721).
 *
 * A = diag(d_u^-user_damping)·X·diag(d_i^-item_damping) ≈ U·S·Vᵀ, d the sums of weights;
 * score = x·D^-item_damping·V·S^power·Vᵀ·D^item_damping of a history's row x: what A's main
 * directions see of it. Dampings and power 0 are the paper's PureSVD; dampings of ½ are EigenRec's
 * (Nikolakopoulos et al. 2019, doi:10.1007/s10115-018-1197-7) and gfcf's low pass. A power above 0
 * fades the directions out instead of cutting them off, so that factors near the rank do not give
 * the history back.
 * Cost: fit: solve/svd.h; folding in factors multiply-adds an item of the history. The state of an
 * asker needs no trained row, so that strangers cost and get the same. Not done: updates of V.
 */
#include "models/graph.h"
#include "models/model_impl.h"
#include "models/neighbors.h"

#include "kern/kern.h"
#include "kern/math.h"

#include <inttypes.h>
#include <string.h>

enum { POLL_ITEMS = 4096 };

struct puresvd_params {
    int64_t factors;
    double user_damping, item_damping, power;
    int64_t weighting;
};

static const akin_param puresvd_rows[] = {
    PARAM_INT(struct puresvd_params, factors, "256", 1, 4096, "",
              AKIN_PARAM_TUNE | AKIN_PARAM_TUNE_LOG, "singular vectors kept"),
    PARAM_REAL(struct puresvd_params, user_damping, "0.5", 0, 4, "", AKIN_PARAM_TUNE,
               "rows of users are divided by their weight to this power"),
    PARAM_REAL(struct puresvd_params, item_damping, "0.5", 0, 4, "", AKIN_PARAM_TUNE,
               "columns of items are divided by their weight to this power"),
    PARAM_REAL(struct puresvd_params, power, "0.5", 0, 4, "", AKIN_PARAM_TUNE,
               "directions count by their singular value to this power"),
    PARAM_CHOICE(struct puresvd_params, weighting, "weight", "weight|binary", 0,
                 "weights of events as they are, or 1 for each item"),
};

struct puresvd {
    const struct model *owner;
    int32_t n_items, k;
    const float *items; /* (n_items, k) D^item_damping·V·S^(power/2) */
    const float *in; /* (n_items) d^(-2·item_damping): what turns a row of items into D^-…·V */
};

static const struct puresvd_params *params_of(const struct model *m)
{
    return m->params;
}

static akin_status puresvd_fit(struct model *m, const struct train_view *tv,
                               const struct fit_control *ctl, akin_error *err)
{
    (void)ctl;
    akin_status status = AKIN_OK;
    struct puresvd *self = m->self;
    const struct puresvd_params *p = params_of(m);
    const struct graph_params gp = {.weighting = p->weighting};
    struct graph g = {0};
    struct svd svd = {0};
    const float *root = NULL;
    self->owner = m;
    self->n_items = m->items.n;
    AKIN_TRY(graph_build(tv, &gp, 1, &g, err));
    AKIN_TRY(
        graph_svd(m->ctx, &g, p->user_damping, p->item_damping, p->factors, tv->seed, &svd, err));
    AKIN_TRY(graph_damp(m->ctx, &g.by_item, p->item_damping, &root, err));
    AKIN_TRY(graph_damp(m->ctx, &g.by_item, 2 * p->item_damping, &self->in, err));
    self->k = (int32_t)svd.k;
    for (int64_t t = svd.k; t-- > 0;) /* the first last: the others are divided by it */
        svd.sigma[t] = kern_pow(svd.sigma[t] / svd.sigma[0], p->power / 2);
    for (int64_t i = 0; i < self->n_items; i++) {
        if (i % POLL_ITEMS == 0)
            AKIN_TRY(ctx_check(m->ctx, err));
        double less = root[i] > 0 ? 1 / (double)root[i] : 0;
        for (int64_t t = 0; t < svd.k; t++)
            svd.right[i * svd.k + t] *= (float)(svd.sigma[t] * less);
    }
    self->items = svd.right;
    svd.right = NULL;
done:
    graph_free(m, &g);
    svd_free(m->ctx, &svd);
    model_free_array(m->ctx, root);
    return status;
}

static void puresvd_vectors(const void *state, struct item_vectors *out)
{
    const struct puresvd *self = state;
    *out = (struct item_vectors){self->items, NULL, self->k};
}

static akin_status puresvd_fold_in(const void *state, const struct query *q, float *out,
                                   struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct puresvd *self = state;
    const struct model *m = self->owner;
    struct graph_row row;
    memset(out, 0, (size_t)self->k * sizeof *out);
    AKIN_TRY(graph_row(&q->hist, self->n_items, params_of(m)->weighting != 0, scratch, &row, err));
    for (int32_t j = 0; j < row.n; j++)
        m->ctx->kern->axpy(row.weight[j] * self->in[row.item[j]],
                           self->items + (int64_t)row.item[j] * self->k, out, self->k);
done:
    return status;
}

static akin_status puresvd_explain(const void *state, const struct query *q, int32_t item,
                                   struct reason *out, int32_t max, int32_t *n,
                                   struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct puresvd *self = state;
    const struct model *m = self->owner;
    struct graph_row row;
    *n = 0;
    AKIN_TRY(graph_row(&q->hist, self->n_items, params_of(m)->weighting != 0, scratch, &row, err));
    for (int32_t j = 0; j < row.n; j++) {
        int64_t own = row.item[j];
        float x = row.weight[j] * self->in[own] *
                  m->ctx->kern->dot(self->items + own * self->k,
                                    self->items + (int64_t)item * self->k, self->k);
        if (x < 0.0F || x > 0.0F)
            *n = reason_put(out, max, *n, row.item[j], x);
    }
done:
    return status;
}

static akin_status puresvd_save(const struct model *m, struct container_writer *w, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct puresvd *self = m->self;
    int64_t column = (int64_t)self->n_items * (int64_t)sizeof(float);
    AKIN_TRY(container_add(w, "m.items", CONTAINER_REQUIRED, self->items, self->k * column, err));
    AKIN_TRY(container_add(w, "m.in", CONTAINER_REQUIRED, self->in, column, err));
done:
    return status;
}

static akin_status puresvd_load(struct model *m, struct container *c, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct puresvd *self = m->self;
    const void *data;
    int64_t n;
    self->owner = m;
    self->n_items = m->items.n;
    AKIN_TRY(graph_load_floats(c, "m.in", self->n_items, &self->in, err));
    AKIN_TRY(container_get(c, "m.items", sizeof(float), false, &data, &n, err));
    self->k = graph_width(n, self->n_items, params_of(m)->factors);
    AKIN_TRY(graph_load_floats(c, "m.items", (int64_t)self->n_items * self->k, &self->items, err));
done:
    return status;
}

static void puresvd_destroy(struct model *m)
{
    const struct puresvd *self = m->self;
    if (m->file) /* else views into it */
        return;
    model_free_array(m->ctx, self->items);
    model_free_array(m->ctx, self->in);
}

static void puresvd_estimate(const void *params, int64_t n_users, int64_t n_items, int64_t nnz,
                             double *bytes, double *flops)
{
    const struct puresvd_params *p = params;
    graph_estimate(p->factors, n_users, n_items, nnz, bytes, flops);
}

const struct model_class model_puresvd = {
    .name = "puresvd",
    .summary = "truncated singular vectors of users by items, damped or pure",
    .flags = MODEL_CLOSED_FORM,
    .params = puresvd_rows,
    .n_params = PARAM_COUNT(puresvd_rows),
    .params_size = sizeof(struct puresvd_params),
    .self_size = sizeof(struct puresvd),
    .fit = puresvd_fit,
    .scorer = {.vectors = puresvd_vectors, .fold_in = puresvd_fold_in, .explain = puresvd_explain},
    .save = puresvd_save,
    .load = puresvd_load,
    .destroy = puresvd_destroy,
    .estimate = puresvd_estimate,
};
