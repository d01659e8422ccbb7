/* The operation `train`. */
#include "api/op.h"
#include "core/json.h"
#include "train/train.h"

#include <string.h>

struct train_op_params {
    const char *data;
    const char *model;
    const char *config;
    json_t *set;
    const char *output;
    const char *early_stopping;
    int64_t patience;
    const char *validation;
    const char *warm_start;
    const char *checkpoint;
    int64_t resume;
};
static const akin_param train_op_rows[] = {
    PARAM_TEXT(struct train_op_params, data, NULL, AKIN_PARAM_REQUIRED | AKIN_PARAM_POSITIONAL,
               "dataset file or any SOURCE"),
    PARAM_TEXT(struct train_op_params, model, NULL, 0,
               "name of the model (see akin models); required without config"),
    PARAM_TEXT(struct train_op_params, config, NULL, 0,
               "YAML with the model as type and its parameters, as akin tune writes it; --set and "
               "feedback options go before it"),
    PARAM_MAP(struct train_op_params, set, 0,
              "a parameter of the model, key=value; may be repeated (see akin params NAME)"),
    PARAM_TEXT(struct train_op_params, output, NULL, AKIN_PARAM_REQUIRED,
               "model file to write; short: -o"),
    PARAM_TEXT(struct train_op_params, early_stopping, NULL, 0,
               "metric to stop by on a validation part, e.g. ndcg@10"),
    PARAM_INT(struct train_op_params, patience, "3", 1, 1000, "epochs", 0,
              "epochs without a gain before early stopping"),
    PARAM_TEXT(struct train_op_params, validation, NULL, 0,
               "split that carves the validation part, default time:0.1 (or ratio:0.1)"),
    PARAM_TEXT(struct train_op_params, warm_start, NULL, 0,
               "earlier model file of the same kind to start from"),
    PARAM_TEXT(
        struct train_op_params, checkpoint, NULL, 0,
        "model file to write after every epoch, so that the last good one is kept (networks)"),
    PARAM_BOOL(struct train_op_params, resume, "false", 0,
               "go on from the checkpoint if it is there: the model is that of one run"),
    PARAM_END,
};

/* *params: those of the configuration under those given beside it. */
static akin_status read_config(struct op_call *call, struct train_op_params *p,
                               const json_t *feedback, json_t **params, akin_error *err)
{
    akin_status status = AKIN_OK;
    const char *type, *name, *key;
    json_t *spec = NULL, *value;
    if (!p->config) {
        *params = p->set ? json_incref(p->set) : NULL;
        if (!p->model)
            AKIN_FAIL(AKIN_E_ARG, "train: give model, or config=FILE");
        return AKIN_OK;
    }
    AKIN_TRY(yaml_read_file(call->ctx, p->config, &spec, err));
    AKIN_TRY(op_model_spec(spec, &type, &name, params, err));
    if (p->model && strcmp(p->model, type) != 0)
        AKIN_FAIL(AKIN_E_ARG, "train: model=%s, but config=%s is of %s", p->model, p->config, type);
    p->model = arena_strndup(&call->arena, type, strlen(type), err);
    if (!p->model)
        AKIN_TRY(AKIN_E_MEMORY);
    json_object_foreach((json_t *)(uintptr_t)feedback, key, value) {
        json_object_del(*params, key);
    }
    if (p->set && json_object_update(*params, p->set) != 0)
        AKIN_FAIL(AKIN_E_MEMORY, "train: out of memory for parameters");
done:
    json_decref(spec);
    return status;
}

static akin_status train_run(struct op_call *call, json_t **result, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct train_op_params p;
    struct dataset *ds = NULL;
    struct model *m = NULL, *warm = NULL;
    json_t *feedback = NULL, *params = NULL;
    AKIN_TRY(op_parse(call, 0, &p, err));
    feedback = op_group_json(call, 1, err);
    if (!feedback)
        AKIN_TRY(AKIN_E_MEMORY);
    AKIN_TRY(read_config(call, &p, feedback, &params, err));
    const struct model_class *cls;
    AKIN_TRY(model_class_get(p.model, &cls, err));
    if (p.warm_start)
        AKIN_TRY(model_load(call->ctx, p.warm_start, &warm, err));
    AKIN_TRY(op_open_dataset(call, 2, p.data, &ds, err));
    const struct train_options opt = {.model = p.model,
                                      .params = params,
                                      .feedback = feedback,
                                      .early_metric = p.early_stopping,
                                      .early_patience = p.patience,
                                      .validation = p.validation,
                                      .warm = warm,
                                      .checkpoint = p.checkpoint,
                                      .resume = p.resume != 0,
                                      .now_unix = clock_unix()};
    AKIN_TRY(train_model(call->ctx, ds, &opt, &m, err));
    AKIN_TRY(model_save(m, p.output, err));
    *result = json_pack("{s:s, s:s, s:i, s:i, s:O}", "model", p.model, "output", p.output, "users",
                        m->users.n, "items", m->items.n, "card", m->card);
done:
    json_decref(feedback);
    json_decref(params);
    model_free(m);
    model_free(warm);
    dataset_free(ds);
    return status;
}

const struct op op_train = {
    {"train",
     "train a model and write it to a file",
     "akin train data.akin --model ials --set factors=64 --positive 'value >= 4' -o ials.akin\n"
     "akin train data.akin --config best.yaml -o best.akin",
     {{"Options", train_op_rows}, OP_GROUP_FEEDBACK, OP_GROUP_SOURCE},
     3},
    train_run,
};
