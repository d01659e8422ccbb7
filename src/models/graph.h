/*
 * The graph of users and items that spectral models filter on: the positives X (users, items), d
 * the sums of their rows and columns, and the item graph
 *
 *   P = diag(d_i^-history)·Xᵀ·diag(d_u^-user)·X·diag(d_i^-target)
 *
 * by which a row of X turns into scores: x·P. P is scaled to a largest eigenvalue of about 1
 * (exactly if user = history + target = 1) and never made: two sparse products do. With a power
 * other than 1, which is of each element of P, it is made.
 */
#ifndef AKIN_MODELS_GRAPH_H
#define AKIN_MODELS_GRAPH_H

#include "models/model.h"
#include "solve/svd.h"

struct graph_params {
    int64_t weighting; /* 1 = all weights count as 1 */
    double user_damping, history_damping, target_damping;
};
/* Their rows in a model's table, the first field of whose parameters they are. */
#define GRAPH_ROWS(st, user, history, target)                                                      \
    {"weighting", AKIN_PARAM_CHOICE,                                                               \
     0,           offsetof(st, graph.weighting),                                                   \
     "weight",    0,                                                                               \
     0,           "weight|binary",                                                                 \
     "",          "weights of events as they are, or 1 for each item"},                            \
        {"user_damping",                                                                           \
         AKIN_PARAM_REAL,                                                                          \
         AKIN_PARAM_TUNE,                                                                          \
         offsetof(st, graph.user_damping),                                                         \
         user,                                                                                     \
         0,                                                                                        \
         4,                                                                                        \
         NULL,                                                                                     \
         "",                                                                                       \
         "users count by their weight to the power of minus this"},                                \
        {"history_damping",                                                                        \
         AKIN_PARAM_REAL,                                                                          \
         AKIN_PARAM_TUNE,                                                                          \
         offsetof(st, graph.history_damping),                                                      \
         history,                                                                                  \
         0,                                                                                        \
         4,                                                                                        \
         NULL,                                                                                     \
         "",                                                                                       \
         "the same of the items of a history"},                                                    \
    {                                                                                              \
        "target_damping", AKIN_PARAM_REAL, AKIN_PARAM_TUNE, offsetof(st, graph.target_damping),    \
            target, 0, 4, NULL, "", "the same of the items that are scored"                        \
    }

struct graph {
    struct csr by_user, by_item; /* val NULL = all 1 */
    const float *user_scale;     /* (n_users) d_u^-user; owned with all the rest */
    const float *item_in;        /* (n_items) d_i^-history */
    const float *item_out;       /* (n_items) d_i^-target */
    struct csr pairs;            /* (n_items, n_items) XᵀDX^power, symmetric; power 1: none */
    bool is_binary;
};

/* Becomes one more owner of the view's matrices. Cost: two passes over X; with a power the
 * products of solve/cooc.h and 8 bytes a pair. Fails: E_MEMORY, E_CANCELLED. */
akin_status graph_build(const struct train_view *tv, const struct graph_params *p, double power,
                        struct graph *out, akin_error *err);
/* Of a fitted model; that of a loaded one is a view into its file. */
void graph_free(const struct model *m, struct graph *g);
/* Sections m.user.…, m.item.…; loading checks order, bounds and numbers. */
akin_status graph_save(struct container_writer *w, const struct graph *g, akin_error *err);
akin_status graph_load(struct model *m, struct container *c, const struct graph_params *p,
                       double power, struct graph *out, akin_error *err);

/* d^-power of each row's sum of weights, 0 where that is 0; owned by the caller. */
akin_status graph_damp(akin_ctx *ctx, const struct csr *x, double power, const float **out,
                       akin_error *err);
/* The k largest singular values of diag(d_u^-user)·X·diag(d_i^-item) and their item vectors;
 * svd_free. */
akin_status graph_svd(akin_ctx *ctx, const struct graph *g, double user, double item, int64_t k,
                      uint64_t seed, struct svd *out, akin_error *err);

/*
 * x (n_items, lanes) = P·x, lanes 1 or SPARSE_LANES; users (n_users, lanes) is scratch, out too
 * holds n_items·lanes. Cost: the entries of X that x's items and their users have, twice at most
 * all; a column has the same bits in any number of lanes.
 */
akin_status graph_step(akin_ctx *ctx, const struct graph *g, int lanes, float *x, float *users,
                       float *out, akin_error *err);

/* A history as a row of X: distinct known items ascending, weights > 0; in the arena. */
struct graph_row {
    int32_t n;
    int32_t *item;
    float *weight;
};
akin_status graph_row(const struct history *h, int32_t n_items, bool is_binary,
                      struct arena *scratch, struct graph_row *out, akin_error *err);

/* Section `name` of n finite floats. */
akin_status graph_load_floats(struct container *c, const char *name, int64_t n, const float **out,
                              akin_error *err);
/* Columns of a section of n floats over the items, at most `most`; 0 if they do not fit. */
static inline int32_t graph_width(int64_t n, int64_t n_items, int64_t most)
{
    bool fits = n_items > 0 && n % n_items == 0 && n / n_items <= most;
    return fits ? (int32_t)(n / n_items) : 0;
}
/* Bytes that building and holding a graph takes beside the view, and flops of its values. */
void graph_estimate(int64_t k, int64_t n_users, int64_t n_items, int64_t nnz, double *bytes,
                    double *flops);

static inline int64_t graph_items(const struct graph *g)
{
    return g->pairs.ptr ? g->pairs.n_rows : g->by_item.n_rows;
}

/* Pᵀ: what speaks for an item instead of what an item speaks for. */
static inline struct graph graph_flip(const struct graph *g)
{
    struct graph t = *g;
    t.item_in = g->item_out;
    t.item_out = g->item_in;
    return t;
}

#endif
