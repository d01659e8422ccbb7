/*
 * Tuning: which parameters of a model (or of which models) a validation part prefers.
 *
 * The part is carved from the training data by the code of early stopping; a test is never seen.
 * Trials are proposed in generations of TUNE_GENERATION, each from the results of the generations
 * before it, and logged as they end: so the same data, options and seed give the same trials at any
 * parallelism, and a search that was killed goes on where it was.
 */
#ifndef AKIN_TUNE_TUNE_H
#define AKIN_TUNE_TUNE_H

#include "models/model.h"

enum { TUNE_GENERATION = 8, TUNE_MODELS = 64, TUNE_RUNGS = 8 };
#define TUNE_SEARCHES "tpe|random|halving"                /* the names of enum tune_search */
enum tune_search { TUNE_TPE, TUNE_RANDOM, TUNE_HALVING }; /* halving: proposals by TPE */

struct tune_options {
    const char *const *models; /* (n_models) registry names */
    int32_t n_models;
    const json_t *space; /* key: range (tune/space.h); of several models: model: {…}; or NULL */
    const json_t *fixed; /* key: value, likewise; or NULL */
    const json_t *feedback;    /* feedback keys or NULL */
    const json_t *metrics;     /* list of names; the first is what is sought */
    const json_t *constraints; /* list of "coverage@10>=0.2", or NULL */
    enum tune_search search;
    int64_t trials;         /* 0 = no limit; then budget_seconds has one */
    double budget_seconds;  /* sum of predicted seconds of one core, 0 = no limit */
    int64_t parallel;       /* trials at a time, 0 = as many as threads */
    int64_t rungs, eta;     /* halving: 1 / eta of the trials go on to eta times the training */
    double sample;          /* share of users to search on, 1 = all */
    const char *validation; /* split of the validation part; NULL = as early stopping does */
    const struct dataset *valid; /* instead of carving: held-out data; or NULL */
    const char *log;             /* file of trials, or NULL = none is kept */
    bool replace_log;            /* where the log is of another search: start anew */
};

/* The models of the registry that can be asked for the first of metrics. Fails: E_ARG. */
akin_status tune_auto(const json_t *metrics, const char *models[TUNE_MODELS], int32_t *n,
                      akin_error *err);

/*
 * Searches. *result: a new object {best: {model, params, feedback, trial, metrics}, trials: […],
 * space, metric, constraints, importance, …} (docs/tune.md). A trial that fails is one of the
 * trials, with its error; the search goes on.
 * Fails: E_ARG, E_INPUT (no trial succeeded, or met the constraints: the nearest is named;
 * leakage), E_FORMAT, E_LIMIT (log), E_IO, E_MEMORY, E_CANCELLED. Threads: the context's.
 */
akin_status tune_run(akin_ctx *ctx, const struct dataset *ds, const struct tune_options *opt,
                     json_t **result, akin_error *err);

#endif
