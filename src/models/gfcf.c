/*
 * gfcf: graph filtering without training (Shen et al. 2021, "How Powerful is Graph Convolution for
 * Recommendation?", doi:10.1145/3459637.3482264).
 *
 * score = x·(P + low_pass·D^-½·V·Vᵀ·D^½) of a history's row x: the linear filter P of the item
 * graph (graph.h), and the ideal low-pass filter of the `factors` largest right singular vectors V
 * of D_u^-½·X·D^-½. The paper's P has user_damping 1, history_damping = target_damping = ½; ours
 * are free, which is worth more than the low pass (docs/models/gfcf.md).
 * Cost: fit is the singular vectors (solve/svd.h); a request two sparse products and items·factors
 * multiply-adds; strangers cost the same. Not done: other bands than the low one.
 */
#include "models/filter.h"

struct gfcf_params {
    struct graph_params graph;
    int64_t factors;
    double low_pass;
};

static const akin_param gfcf_rows[] = {
    GRAPH_ROWS(struct gfcf_params, "0.5", "0.7", "0.3"),
    PARAM_INT(struct gfcf_params, factors, "256", 0, 4096, "",
              AKIN_PARAM_TUNE | AKIN_PARAM_TUNE_LOG, "vectors of the low pass; 0 = without"),
    PARAM_REAL(struct gfcf_params, low_pass, "0.05", 0, 1e3, "",
               AKIN_PARAM_TUNE | AKIN_PARAM_TUNE_LOG, "weight of the low pass beside the graph"),
};

static void gfcf_shape(const struct model *m, struct filter *f)
{
    f->ctx = m->ctx;
    f->n_items = m->items.n;
    f->degree = 1;
    f->coef[0] = 1.0F;
}

static akin_status gfcf_fit(struct model *m, const struct train_view *tv,
                            const struct fit_control *ctl, akin_error *err)
{
    (void)ctl;
    akin_status status = AKIN_OK;
    struct filter *f = m->self;
    const struct gfcf_params *p = m->params;
    gfcf_shape(m, f);
    AKIN_TRY(graph_build(tv, &p->graph, 1, &f->graph, err));
    const struct low_pass low = {.k = p->factors, .weight = p->low_pass, .user = .5, .item = .5};
    AKIN_TRY(filter_low_pass(f, &low, tv->seed, err));
done:
    return status;
}

static akin_status gfcf_save(const struct model *m, struct container_writer *w, akin_error *err)
{
    return filter_save(m->self, w, err);
}

static akin_status gfcf_load(struct model *m, struct container *c, akin_error *err)
{
    const struct gfcf_params *p = m->params;
    gfcf_shape(m, m->self);
    return filter_load(m, c, &p->graph, 1, m->self, err);
}

static void gfcf_destroy(struct model *m)
{
    filter_free(m, m->self);
}

static void gfcf_estimate(const void *params, int64_t n_users, int64_t n_items, int64_t nnz,
                          double *bytes, double *flops)
{
    const struct gfcf_params *p = params;
    graph_estimate(p->factors, n_users, n_items, nnz, bytes, flops);
}

const struct model_class model_gfcf = {
    .name = "gfcf",
    .summary = "graph filter: the item graph and a low pass of singular vectors, not trained",
    .flags = MODEL_CLOSED_FORM,
    .params = gfcf_rows,
    .n_params = PARAM_COUNT(gfcf_rows),
    .params_size = sizeof(struct gfcf_params),
    .self_size = sizeof(struct filter),
    .fit = gfcf_fit,
    .scorer = {.score = filter_score, .explain = filter_explain, .similar = filter_similar},
    .save = gfcf_save,
    .load = gfcf_load,
    .destroy = gfcf_destroy,
    .estimate = gfcf_estimate,
};
