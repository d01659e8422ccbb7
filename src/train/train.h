/* Training drives any model: feedback, view, early stopping on a carved validation part, warm
 * start, progress, timing, the model card. */
#ifndef AKIN_TRAIN_TRAIN_H
#define AKIN_TRAIN_TRAIN_H

#include "eval/evaluate.h"
#include "models/model.h"

struct train_options {
    const char *model;             /* registry name */
    const json_t *params;          /* model parameters, and feedback keys beside them; or NULL */
    const json_t *feedback;        /* feedback keys (positive, event_weights, …) or NULL */
    const char *early_metric;      /* "ndcg@10"; NULL = off */
    int64_t early_patience;        /* epochs without gain before stopping, >= 1 */
    const char *validation;        /* split text for the validation part; NULL = that of the data */
    const struct model *warm;      /* or NULL */
    const char *checkpoint;        /* file to write after each epoch of the last fit; or NULL */
    bool resume;                   /* go on from that file if it is there */
    int64_t now_unix;              /* for the card */
    const struct model_class *cls; /* instead of model: a class outside the registry; or NULL */
};

/*
 * Trains a model on ds, which must be of ctx. The model becomes one more owner of it: the caller
 * may free its part afterwards.
 *
 * Feedback keys in params go before those in feedback. With early_metric a validation part is
 * carved from ds, a first fit finds the number of epochs, and the model that comes back is fitted
 * on all of ds for that number; of a composite, each part that has epochs finds its own number
 * alone, and has it as its parameter from then on. The card gains feedback, time, train {seconds,
 * peak_bytes, epochs, loss, early}; model_fingerprint does not cover it.
 * A checkpoint is a model file of the last good epoch, with what its next epochs need; training on
 * from it gives the same bits as not having stopped. Only of models with MODEL_CHECKPOINTS.
 * Cost: the model's (with early_metric: twice, and an evaluation an epoch).
 * Fails: E_ARG (unknown model or key, bounds; early stopping of a model without epochs or together
 * with a warm start; a checkpoint that is there, or of something else), E_INPUT, E_MEMORY,
 * E_CANCELLED. Threads: the context's.
 */
akin_status train_model(akin_ctx *ctx, const struct dataset *ds, const struct train_options *opt,
                        struct model **out, akin_error *err);

enum { TRAIN_SPLIT_TEXT = 64 };
/*
 * Carves a validation part from training data: by `text` ("time:0.1"), or as the data itself was
 * split, or by time, or at random. by: how it was done. Fails: as dataset_split and split_parse.
 */
akin_status train_carve(const struct dataset *ds, const char *text, struct dataset **train,
                        struct dataset **valid, char by[TRAIN_SPLIT_TEXT], akin_error *err);

struct train_shape {
    int64_t n_events, n_users, n_items;
};
/* bytes: of the view and the fit, beside the dataset itself; seconds: of one core. */
struct train_cost {
    double bytes, core_seconds;
};
/* Predicts a training by parameters (the model's own keys). Fails: E_ARG, E_MEMORY. */
akin_status train_predict(akin_ctx *ctx, const struct model_class *cls, const json_t *params,
                          const struct feedback_params *rule, const struct train_shape *shape,
                          struct train_cost *out, akin_error *err);

#endif
