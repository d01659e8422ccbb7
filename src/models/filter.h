/*
 * Scores by a filter on the item graph: F = Σ_t coef[t]·P^(t+1) + in·outᵀ, a polynomial of the
 * graph and a low pass of few vectors. What gfcf, turbocf and bspm are; each says which.
 */
#ifndef AKIN_MODELS_FILTER_H
#define AKIN_MODELS_FILTER_H

#include "models/graph.h"

enum { FILTER_DEGREE = 17 };

struct filter {
    akin_ctx *ctx; /* of the model */
    struct graph graph;
    int32_t n_items;
    int degree; /* 1..FILTER_DEGREE */
    float coef[FILTER_DEGREE];
    int32_t k;        /* vectors of the low pass, 0 = none; in and out are owned */
    const float *in;  /* (n_items, k) what an item of a history adds to the state */
    const float *out; /* (n_items, k) packed for kern's gemm: what a state gives an item */
};

/* A low pass: weight·diag(d_i^-item)·V·Vᵀ·diag(d_i^item), V the k largest right singular vectors of
 * diag(d_u^-user)·X·diag(d_i^-item), through the polynomial 1 + Σ_t sharpen[t]·P^(t+1). */
struct low_pass {
    int64_t k;
    double weight, user, item;
    const float *sharpen;
    int n_sharpen;
};
/* Adds the low pass to f, whose graph is made. */
akin_status filter_low_pass(struct filter *f, const struct low_pass *low, uint64_t seed,
                            akin_error *err);
void filter_free(const struct model *m, struct filter *f);
/* The graph, m.low.in, m.low.out; n_items, degree and coef are the model's to set. */
akin_status filter_save(const struct filter *f, struct container_writer *w, akin_error *err);
akin_status filter_load(struct model *m, struct container *c, const struct graph_params *p,
                        double power, struct filter *f, akin_error *err);

/* Of a struct scorer_class; self = struct filter. */
akin_status filter_score(const void *self, const struct query *queries, int32_t n_queries,
                         const struct item_set *set, float *out, int64_t ldo, struct arena *scratch,
                         akin_error *err);
akin_status filter_explain(const void *self, const struct query *q, int32_t item,
                           struct reason *out, int32_t max, int32_t *n, struct arena *scratch,
                           akin_error *err);
akin_status filter_similar(const void *self, int32_t item, struct evidence *out,
                           struct arena *scratch, akin_error *err);

#endif
