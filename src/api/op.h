/* Operations: a table row each, a file for a family. What an operation may use of its call. */
#ifndef AKIN_API_OP_H
#define AKIN_API_OP_H

#include "core/buf.h"
#include "core/ctx.h"
#include "core/file.h"
#include "core/param.h"
#include "data/feedback.h"
#include "data/prepare.h"

#include <jansson.h>

struct op;

struct op_call {
    akin_ctx *ctx;
    const struct op *op;
    const json_t *params; /* borrowed: the whole object */
    struct arena arena;   /* owns parsed texts and lists */
};

struct op {
    akin_op pub;
    /* *result: a new JSON object for the caller. */
    akin_status (*run)(struct op_call *call, json_t **result, akin_error *err);
};

extern const struct op op_prepare, op_inspect, op_split, op_synth;
extern const struct op op_train, op_evaluate, op_tune;
extern const struct op op_recommend, op_similar, op_segment, op_predict;
extern const struct op op_export;
extern const struct op op_demo, op_report, op_run, op_plan, op_models, op_params, op_doctor;
extern const struct op op_serve, op_keys, op_store;
extern const struct op op_itemsets, op_rules;
extern const struct op op_dsstne_generate, op_dsstne_train, op_dsstne_predict;

/* Fills `out` from the keys that belong to group `g` of the operation. */
akin_status op_parse(struct op_call *call, size_t g, void *out, akin_error *err);
/* The raw keys of group `g`, as a new object. */
json_t *op_group_json(const struct op_call *call, size_t g, akin_error *err);
/* Every key must belong to some group; names the nearest. */
akin_status op_check_keys(const struct op_call *call, akin_error *err);

/* Opens a dataset argument; g = the group of `prepare` keys. Logs what was read. */
akin_status op_open_dataset(struct op_call *call, size_t g, const char *source,
                            struct dataset **out, akin_error *err);

/* A text of DSSTNE's as a dataset; with_values: else whatever values it has are left out. report:
 * new, may be NULL. Fails: as prepare; E_INPUT if it is a dataset. */
akin_status dsstne_text_open(akin_ctx *ctx, const char *path, bool with_values,
                             struct dataset **out, json_t **report, akin_error *err);

/* A result that streams to a file (by extension: .csv, .jsonl) or to the context's sink. */
struct op_output {
    akin_ctx *ctx;
    struct file_writer *file; /* NULL = sink */
    struct buf buf;
};
akin_status op_output_open(akin_ctx *ctx, const char *path, struct op_output *out, akin_error *err);
akin_status op_output_flush(struct op_output *out, bool force, akin_error *err);
akin_status op_output_close(struct op_output *out, akin_error *err);
void op_output_abort(struct op_output *out);
/* Takes the secret parameters of an operation out of params: keys and logs are made of the rest. */
void op_drop_secrets(const char *op, json_t *params);

/* "ials" or {"type":"ials","name":"big","factors":64} → registry name, label, parameters (new). */
akin_status op_model_spec(const json_t *spec, const char **type, const char **name, json_t **params,
                          akin_error *err);

/* `tune`: settings where nothing else is said; a budget ("90", "90s", "10m", "2h", NULL = 0) as
 * seconds. Fails: E_ARG. */
enum { OP_TUNE_TRIALS = 40 };
akin_status op_tune_budget(const char *text, double *out, akin_error *err);

/* What an operation on a trained model names first. */
#define OP_PARAM_MODEL_FILE(st)                                                                    \
    PARAM_TEXT(st, model, NULL, AKIN_PARAM_REQUIRED | AKIN_PARAM_POSITIONAL, "trained model file")

/* The group of an operation that takes any SOURCE: `prepare` without its positional `source`. */
/* clang-format off */
#define OP_GROUP_SOURCE {"Reading and cleaning", prepare_param_rows + 1}
#define OP_GROUP_FEEDBACK {"Feedback", feedback_param_rows}
/* clang-format on */

#endif
