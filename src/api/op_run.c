/* The operation `run`: the whole pipeline from one configuration file. */
#include "api/pipeline.h"
#include "core/json.h"

struct run_params {
    const char *config;
    const char *stage;
    int64_t force;
};
static const akin_param run_rows[] = {
    PARAM_TEXT(struct run_params, config, "config/default.yaml", AKIN_PARAM_POSITIONAL,
               "configuration (YAML)"),
    PARAM_TEXT(struct run_params, stage, NULL, 0,
               "last stage to run: prepare, report, split, tune, train, evaluate or publish"),
    PARAM_BOOL(struct run_params, force, "false", 0, "run every stage, changed or not"),
    PARAM_END,
};

static akin_status run_run(struct op_call *call, json_t **result, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct run_params p;
    struct pipeline pipeline = {0};
    json_t *config = NULL;
    AKIN_TRY(op_parse(call, 0, &p, err));
    AKIN_TRY(yaml_read_file(call->ctx, p.config, &config, err));
    AKIN_TRY(pipeline_build(call->ctx, config, &call->arena, &pipeline, err));
    AKIN_TRY(pipeline_run(call->ctx, &pipeline, p.stage, p.force != 0, result, err));
done:
    pipeline_free(&pipeline);
    json_decref(config);
    return status;
}

const struct op op_run = {
    {"run",
     "the whole pipeline: prepare, report, split, tune, train, evaluate, publish",
     "akin run config/default.yaml\nakin run config/default.yaml --stage evaluate",
     {{"Options", run_rows}},
     1},
    run_run,
};
