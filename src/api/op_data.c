/* Operations on datasets: prepare, split, synth. */
#include "api/op.h"
#include "data/split.h"
#include "data/synth.h"

/* ---- prepare ---- */

struct prepare_op_params {
    const char *output;
};
static const akin_param prepare_op_rows[] = {
    PARAM_TEXT(struct prepare_op_params, output, NULL, AKIN_PARAM_REQUIRED,
               "dataset file to write (.akin); short: -o"),
    PARAM_END,
};

static akin_status prepare_run(struct op_call *call, json_t **result, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct prepare_op_params own;
    struct prepare_params p;
    struct dataset *ds = NULL;
    json_t *report = NULL;
    AKIN_TRY(op_parse(call, 0, &own, err));
    AKIN_TRY(op_parse(call, 1, &p, err));
    AKIN_TRY(dataset_prepare(call->ctx, &p, clock_unix(), &ds, &report, err));
    AKIN_TRY(dataset_save(ds, own.output, err));
    json_object_set_new(report, "output", json_string(own.output));
    *result = report;
    report = NULL;
done:
    json_decref(report);
    dataset_free(ds);
    return status;
}

const struct op op_prepare = {
    {"prepare",
     "read, clean and index interactions into a dataset file",
     "akin prepare ratings.csv --items movies.csv -o data.akin\n"
     "akin prepare train.txt --format adjacency -o train.akin\n"
     "akin prepare base.akin sqlite:akin.db -o new.akin",
     {{"Output", prepare_op_rows}, {"Reading and cleaning", prepare_param_rows}},
     2},
    prepare_run,
};

/* ---- split ---- */

struct split_op_params {
    const char *data;
    const char *by;
    int64_t fold;
    int64_t given;
    const char *output;
    const char *test_out;
};
static const akin_param split_op_rows[] = {
    PARAM_TEXT(struct split_op_params, data, NULL, AKIN_PARAM_REQUIRED | AKIN_PARAM_POSITIONAL,
               "dataset file or any SOURCE"),
    PARAM_TEXT(struct split_op_params, by, "time:0.2", 0,
               "time:SHARE, ratio:SHARE, leave-last:N, users:SHARE, sessions:SHARE or kfold:K"),
    PARAM_INT(struct split_op_params, fold, "0", 0, 1e6, "", 0, "which fold of kfold is the test"),
    PARAM_INT(struct split_op_params, given, "1", 1, SPLIT_GIVEN_MAX, "", 0,
              "sessions: events of a session that are given before the first is asked for"),
    PARAM_TEXT(struct split_op_params, output, NULL, AKIN_PARAM_REQUIRED,
               "train dataset to write; short: -o"),
    PARAM_TEXT(struct split_op_params, test_out, NULL, AKIN_PARAM_REQUIRED,
               "test dataset to write"),
    PARAM_END,
};

static akin_status split_run(struct op_call *call, json_t **result, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct split_op_params p;
    struct split_spec spec;
    struct dataset *ds = NULL, *train = NULL, *test = NULL;
    AKIN_TRY(op_parse(call, 0, &p, err));
    AKIN_TRY(split_parse(p.by, &spec, err));
    spec.fold = p.fold;
    spec.given = p.given;
    AKIN_TRY(op_open_dataset(call, 1, p.data, &ds, err));
    AKIN_TRY(dataset_split(ds, &spec, &train, &test, err));
    AKIN_TRY(dataset_save(train, p.output, err));
    AKIN_TRY(dataset_save(test, p.test_out, err));
    *result =
        json_pack("{s:s, s:{s:s, s:I, s:i, s:i}, s:{s:s, s:I, s:i, s:i}}", "by", p.by, "train",
                  "file", p.output, "events", (json_int_t)train->n_events, "users", train->users.n,
                  "items", train->items.n, "test", "file", p.test_out, "events",
                  (json_int_t)test->n_events, "users", test->users.n, "items", test->items.n);
done:
    dataset_free(test);
    dataset_free(train);
    dataset_free(ds);
    return status;
}

const struct op op_split = {
    {"split",
     "split a dataset into train and test",
     "akin split data.akin --by time:0.2 -o train.akin --test-out test.akin\n"
     "akin split sessions.akin --by sessions:0.05 -o train.akin --test-out test.akin",
     {{"Options", split_op_rows}, OP_GROUP_SOURCE},
     2},
    split_run,
};

/* ---- synth ---- */

struct synth_op_params {
    const char *output;
};
static const akin_param synth_op_rows[] = {
    PARAM_TEXT(struct synth_op_params, output, NULL, AKIN_PARAM_REQUIRED,
               "directory for the tables; short: -o"),
    PARAM_END,
};

static akin_status synth_run(struct op_call *call, json_t **result, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct synth_op_params own;
    struct synth_params p;
    AKIN_TRY(op_parse(call, 0, &own, err));
    AKIN_TRY(op_parse(call, 1, &p, err));
    AKIN_TRY(synth_write(call->ctx, &p, own.output, result, err));
done:
    return status;
}

const struct op op_synth = {
    {"synth",
     "write a realistic synthetic shop or film site, seeded, at any size",
     "akin synth --users 1000 --items 500 --events 50000 -o synth",
     {{"Output", synth_op_rows}, {"Size and shape", synth_param_rows}},
     2},
    synth_run,
};
