/*
 * turbocf: polynomial graph filters without decompositions (Park et al. 2024, "Turbo-CF: Matrix
 * Decomposition-Free Graph Filtering for Fast Recommendation", doi:10.1145/3626772.3657916).
 *
 * score = x·h(P̄) of a history's row x, P̄ the item graph (graph.h) with each element to the power
 * `power`: h(P̄) = P̄ (linear), 2·P̄ - P̄² (second) or P̄ + 0.01·(-P̄³ + 10·P̄² - 29·P̄) (third, a
 * steeper low pass). The paper's P has history_damping = target_damping = 1 - user_damping/2.
 * Cost: with power 1 nothing but degrees at fit, two sparse products a power of P at a request;
 * else fit makes all pairs that share a user (solve/cooc.h; 8 bytes each), and a request adds up
 * their rows. Not done: dropping small pairs, which would cost P̄ its symmetry.
 */
#include "models/filter.h"

#include <string.h>

struct turbocf_params {
    struct graph_params graph;
    double power;
    int64_t filter;
};

static const akin_param turbocf_rows[] = {
    GRAPH_ROWS(struct turbocf_params, "0.5", "0.7", "0.3"),
    PARAM_REAL(struct turbocf_params, power, "1", 0.01, 4, "", AKIN_PARAM_TUNE,
               "power of each similarity; other than 1: all pairs are kept, 8 bytes each"),
    PARAM_CHOICE(struct turbocf_params, filter, "linear", "linear|second|third", AKIN_PARAM_TUNE,
                 "order of the polynomial"),
};

static void turbocf_shape(const struct model *m, struct filter *f)
{
    static const struct {
        int degree;
        float coef[3];
    } shapes[] = {{1, {1.0F}}, {2, {2.0F, -1.0F}}, {3, {0.71F, 0.1F, -0.01F}}};
    const struct turbocf_params *p = m->params;
    f->ctx = m->ctx;
    f->n_items = m->items.n;
    f->degree = shapes[p->filter].degree;
    memcpy(f->coef, shapes[p->filter].coef, sizeof shapes[p->filter].coef);
}

static akin_status turbocf_fit(struct model *m, const struct train_view *tv,
                               const struct fit_control *ctl, akin_error *err)
{
    (void)ctl;
    struct filter *f = m->self;
    const struct turbocf_params *p = m->params;
    turbocf_shape(m, f);
    return graph_build(tv, &p->graph, p->power, &f->graph, err);
}

static akin_status turbocf_save(const struct model *m, struct container_writer *w, akin_error *err)
{
    return filter_save(m->self, w, err);
}

static akin_status turbocf_load(struct model *m, struct container *c, akin_error *err)
{
    const struct turbocf_params *p = m->params;
    turbocf_shape(m, m->self);
    return filter_load(m, c, &p->graph, p->power, m->self, err);
}

static void turbocf_destroy(struct model *m)
{
    filter_free(m, m->self);
}

static void turbocf_estimate(const void *params, int64_t n_users, int64_t n_items, int64_t nnz,
                             double *bytes, double *flops)
{
    const struct turbocf_params *p = params;
    graph_estimate(0, n_users, n_items, nnz, bytes, flops);
    if (!(p->power < 1 || p->power > 1))
        return;
    /* active users make most of the work: about five times the square of the mean */
    double mean = n_users > 0 ? (double)nnz / (double)n_users : 0;
    double products = 5 * mean * (double)nnz, all = (double)n_items * (double)n_items;
    *bytes += 8 * (products < all ? products : all) + 64.0 * (double)n_items;
    *flops += 3 * products;
}

const struct model_class model_turbocf = {
    .name = "turbocf",
    .summary = "polynomial filter on the item graph: no training, no decomposition",
    .flags = MODEL_CLOSED_FORM,
    .params = turbocf_rows,
    .n_params = PARAM_COUNT(turbocf_rows),
    .params_size = sizeof(struct turbocf_params),
    .self_size = sizeof(struct filter),
    .fit = turbocf_fit,
    .scorer = {.score = filter_score, .explain = filter_explain, .similar = filter_similar},
    .save = turbocf_save,
    .load = turbocf_load,
    .destroy = turbocf_destroy,
    .estimate = turbocf_estimate,
};
