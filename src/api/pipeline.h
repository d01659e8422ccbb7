/* The pipeline of `akin run`: a configuration becomes a list of stages, each an operation with its
 * parameters, inputs and outputs; a stage whose key is unchanged is skipped. */
#ifndef AKIN_API_PIPELINE_H
#define AKIN_API_PIPELINE_H

#include "api/op.h"

enum { STAGE_INPUTS = 40, STAGE_OUTPUTS = 20, STAGE_MAX = 64 };

struct stage {
    const char *stage;                /* prepare, report, split, tune, train, evaluate, publish */
    const char *name;                 /* which one: the model's name, or "" */
    const char *op;                   /* operation to run */
    json_t *params;                   /* owned */
    const char *inputs[STAGE_INPUTS]; /* files whose content decides */
    int n_inputs;
    const char *outputs[STAGE_OUTPUTS];
    int n_outputs;
    const char *save_result; /* file for the operation's JSON result, or NULL; an output too */
};

struct pipeline {
    struct arena *arena; /* borrowed; owns texts */
    const char *name;
    const char *out; /* directory */
    uint64_t seed;
    struct stage stages[STAGE_MAX];
    int n_stages;
};

/* From a parsed configuration. Fails: E_ARG naming the unknown or missing key. */
akin_status pipeline_build(akin_ctx *ctx, const json_t *config, struct arena *arena,
                           struct pipeline *out, akin_error *err);
void pipeline_free(struct pipeline *p);

/* Runs the stages up to `last` (NULL = all). *result: {"stages":[…],"evaluation":…,"message":…} */
akin_status pipeline_run(akin_ctx *ctx, struct pipeline *p, const char *last, bool force,
                         json_t **result, akin_error *err);

/* models with the names in each `of` replaced by what earlier entries say: a new reference. Fails:
 * E_ARG (a part whose parameters or rule the composite cannot have), E_MEMORY. */
akin_status pipeline_resolve_parts(const json_t *models, json_t **out, akin_error *err);

#endif
