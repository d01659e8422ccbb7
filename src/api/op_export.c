/* The operation `export`: what fm and ffm learn from, as rows for other programs. */
#include "api/op.h"
#include "models/machine_rows.h"

struct export_params {
    const char *data;
    const char *output;
    int64_t as;
    int64_t task;
    int64_t negatives;
    json_t *go_by;
};
static const akin_param export_rows[] = {
    PARAM_TEXT(struct export_params, data, NULL, AKIN_PARAM_REQUIRED | AKIN_PARAM_POSITIONAL,
               "dataset file or any SOURCE"),
    PARAM_TEXT(struct export_params, output, NULL, AKIN_PARAM_REQUIRED, "file to write; short: -o"),
    PARAM_CHOICE(struct export_params, as, "libsvm", "libsvm|libffm", 0,
                 "label feature:value …, or label field:feature:value …"),
    PARAM_CHOICE(struct export_params, task, "regression", FM_TASKS, 0,
                 "labels: values; 1 of positives and 0 of others; the same with items drawn "
                 "beside each positive"),
    PARAM_INT(struct export_params, negatives, "4", 1, 1000, "", 0,
              "ranking: items drawn beside each positive"),
    PARAM_LIST(struct export_params, go_by, NULL, 0,
               "names of the columns of items, users and events to write, texts by their words; "
               "all but texts if none"),
    PARAM_END,
};

static akin_status export_run(struct op_call *call, json_t **result, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct export_params p;
    struct feedback_params rule;
    struct feedback *f = NULL;
    struct dataset *ds = NULL;
    struct train_view tv = {0};
    struct fm_rows_count n;
    AKIN_TRY(op_parse(call, 0, &p, err));
    AKIN_TRY(op_parse(call, 1, &rule, err));
    AKIN_TRY(op_open_dataset(call, 2, p.data, &ds, err));
    AKIN_TRY(feedback_create(call->ctx, &rule, &ds->types, dataset_newest(ds), &f, err));
    AKIN_TRY(train_view_build(call->ctx, ds, f, NULL, &tv, err));
    const struct fm_choice choice = {.model = "export",
                                     .task = p.task,
                                     .negatives = p.negatives,
                                     .columns = p.go_by,
                                     .tags = true,
                                     .user_features = true,
                                     .item_features = true,
                                     .context = true};
    AKIN_TRY(fm_rows_write(&tv, &choice, p.as == 1, p.output, &n, err));
    *result = json_pack("{s:I, s:I, s:I, s:s}", "rows", (json_int_t)n.rows, "features",
                        (json_int_t)n.features, "values", (json_int_t)n.values, "output", p.output);
    if (p.as == 1 && *result)
        json_object_set_new(*result, "fields", json_integer((json_int_t)n.fields));
done:
    train_view_free(&tv);
    feedback_free(f);
    dataset_free(ds);
    return status;
}

const struct op op_export = {
    {"export",
     "write what a factorization machine learns from as libsvm or libffm rows",
     "akin export data.akin -o rows.svm\n"
     "akin export data.akin --as libffm --task classification --positive 'value >= 4' -o rows.ffm",
     {{"Options", export_rows}, OP_GROUP_FEEDBACK, OP_GROUP_SOURCE},
     3},
    export_run,
};
