/* Shared by fm.c (the model), fm_ask.c (askers), fm_file.c and its training (fm_fit.h) only. */
#ifndef AKIN_MODELS_FM_H
#define AKIN_MODELS_FM_H

#include "kern/kern.h"
#include "models/machine.h"

enum fm_solver { FM_MCMC, FM_ALS, FM_SGD, FM_ADAGRAD };

struct fm_params {
    int64_t task;
    int64_t solver;
    int64_t factors;
    int64_t samples;
    int64_t burn_in;
    int64_t thin;
    int64_t epochs;
    double reg;
    double linear_reg;
    double noise;
    double learning_rate;
    int64_t batch;
    double stddev;
    int64_t negatives;
    json_t *columns;
    int64_t tags;
    int64_t user_features;
    int64_t item_features;
    int64_t context;
};

/*
 * The kept samples; other solvers than mcmc keep their last state as the only one. k = factors, k1
 * = k + 1; a row of parameters is [v, w]. In a sample an item is the sum of what it has, [Σ x v,
 * 1], and its offset Σ x w and the pairs inside it; what only users and contexts have is summed
 * when they ask. An asker's row is solved with items as they were drawn; scored is the mean of what
 * could have been drawn of the item itself, which takes its noise out of predictions (as in bmf.h).
 */
struct fm {
    struct fm_known known;
    const struct fm_params *params;
    int64_t k, k1, S;
    const float *theta[FM_SIDES]; /* (S, features of the spec, k1) */
    const float *items;           /* (n_items, S, k1) means */
    const float *drawn;           /* (n_items, S, k1); of als, items */
    const float *offset;          /* (n_items, S) drawn */
    const float *bias;            /* (n_items) base + spread · the mean of offsets' means */
    const float *prior;           /* (S, 2, k1) of users themselves: mean, precision over α */
    const float *newcomer;        /* (S, k1) mean of items themselves */
};

static inline int64_t fm_samples(const struct fm_params *p)
{
    return p->solver == FM_MCMC ? p->samples : 1;
}
/* self of a model that is to be fitted or loaded. */
void fm_init(struct model *m, uint64_t seed);

/* Sums of features: to (k1) += [Σ x v, Σ x w + Σ pairs]; theta (features, k1). Cost: n·k. */
void fm_sum(int64_t k, const float *theta, const int32_t *feature, const float *value, int64_t n,
            float *to);
/* θ·θ' of the first k. */
static inline float fm_dot(const struct fm *s, const float *a, const float *b)
{
    return s->known.ctx->kern->dot(a, b, s->k);
}

/* fm_fit.c */
akin_status fm_fit(struct model *m, const struct train_view *tv, const struct fit_control *ctl,
                   akin_error *err);
/* fm_ask.c: the functions of the scorer. */
void fm_vectors(const void *self, struct item_vectors *out);
akin_status fm_fold_in(const void *self, const struct query *q, float *state, struct arena *scratch,
                       akin_error *err);
akin_status fm_explain(const void *self, const struct query *q, int32_t item, struct reason *out,
                       int32_t max, int32_t *n, struct arena *scratch, akin_error *err);
akin_status fm_similar(const void *self, int32_t item, struct evidence *out, struct arena *scratch,
                       akin_error *err);
akin_status fm_fold_in_item(const void *self, const struct attributes *a, struct item_state *out,
                            struct arena *scratch, akin_error *err);
akin_status fm_score_states(const void *self, const struct query *q, const struct item_state *items,
                            int32_t n, float *out, struct arena *scratch, akin_error *err);
akin_status fm_explain_state(const void *self, const struct query *q, const struct item_state *item,
                             struct reason *out, int32_t max, int32_t *n, struct arena *scratch,
                             akin_error *err);
/* fm_file.c */
akin_status fm_save(const struct model *m, struct container_writer *w, akin_error *err);
akin_status fm_load(struct model *m, struct container *c, akin_error *err);
void fm_destroy(struct model *m);

#endif
