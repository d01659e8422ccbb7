/*
 * What the models that are a network (solve/net.h) share: their epochs, their askers, their files.
 * A user is what the network makes of a history, so nothing is kept of users.
 */
#ifndef AKIN_MODELS_NETWORK_H
#define AKIN_MODELS_NETWORK_H

#include "models/model.h"
#include "solve/net_train.h"

/* self of such a model, or its first field. */
struct network {
    struct net net;
    bool is_binary;                  /* weights of events count as 1 */
    const struct net_train *running; /* while it is fitted, what a file then also holds */
    const struct network_mark
        *mark;          /* of a file saved while it was fitted, in that file; or NULL */
    const float *state; /* the optimizer's, beside mark */
};

/* Section m.mark: where a fit was. Little-endian, as all of a file. */
struct network_mark {
    int64_t epoch, steps, n_state; /* n_state: floats of m.state */
    double power1, power2;         /* of the optimizer (net_train.h) */
};

/* What a model makes of its parameters, whatever the data. */
struct network_plan {
    struct net_spec net;         /* n_in and the output's width are set by the functions below */
    struct net_train_spec train; /* seed, batch 0 = by the rows */
    int64_t n_input;             /* the items there must be, 0 = any number */
    int64_t epochs;
    double kl_epochs; /* train.kl is reached after so many */
};

/* E_ARG, E_MEMORY, E_CANCELLED. Reports epochs, starts from an earlier model (ctl). */
akin_status network_fit(struct model *m, const struct network_plan *plan,
                        const struct train_view *tv, const struct fit_control *ctl,
                        akin_error *err);
/* Of a struct scorer_class: the state is what the output layer sees, the vectors its rows. */
akin_status network_fold_in(const void *self, const struct query *q, float *state,
                            struct arena *scratch, akin_error *err);
void network_vectors(const void *self, struct item_vectors *out);
/* Is the model one of these? */
bool network_is(const struct model *m);
/* Of its output: does an item's depend on its own score alone, whatever its place in a row? */
bool network_is_by_item(const struct model *m);
/* y (n) = outputs of scores z: of any items by item, else of all of them in their order. */
void network_answer(const struct model *m, int64_t n, const float *z, float *y);
/* Section m.weights; while it is fitted also m.mark and m.state, which other readers skip. */
akin_status network_save(const struct model *m, struct container_writer *w, akin_error *err);
akin_status network_load(struct model *m, const struct network_plan *plan, struct container *c,
                         akin_error *err);
void network_destroy(struct model *m);
void network_estimate(const struct network_plan *plan, int64_t n_users, int64_t n_items,
                      int64_t nnz, double *bytes, double *flops);

#endif
