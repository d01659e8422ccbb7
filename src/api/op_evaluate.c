/*
 * The operation `evaluate`: one table for any number of models on one split, with intervals and
 * paired tests. Models are trained here, read from files, or known only by their lists.
 */
#include "api/folds.h"
#include "api/lists.h"
#include "api/op.h"
#include "api/per_user.h"
#include "core/text.h"
#include "data/split.h"
#include "eval/evaluate.h"
#include "train/train.h"

#include <string.h>

struct evaluate_params {
    const char *train;
    const char *test;
    const char *split;
    json_t *model;
    json_t *set;
    json_t *from;
    json_t *lists;
    json_t *metrics;
    const char *as;
    const char *candidates;
    int64_t exclude_seen;
    int64_t cold_users;
    int64_t clip;
    int64_t segments;
    int64_t allow_leakage;
    int64_t fold_in;
    int64_t bootstrap;
    const char *per_user;
};
static const akin_param evaluate_rows[] = {
    PARAM_TEXT(struct evaluate_params, train, NULL, AKIN_PARAM_REQUIRED,
               "training data: dataset file or any SOURCE"),
    PARAM_TEXT(struct evaluate_params, test, NULL, 0, "held-out data; without it --split is used"),
    PARAM_TEXT(struct evaluate_params, split, "time:0.2", 0,
               "how to split --train when there is no --test; kfold:K evaluates each fold and "
               "prints means with intervals, sessions:SHARE asks for each next event"),
    PARAM_LIST(struct evaluate_params, model, NULL, 0,
               "model to train and evaluate; may be repeated"),
    PARAM_MAP(struct evaluate_params, set, 0,
              "a parameter of the --model before it, key=value; may be repeated"),
    PARAM_LIST(struct evaluate_params, from, NULL, 0, "trained model file; may be repeated"),
    PARAM_LIST(struct evaluate_params, lists, NULL, 0,
               "recommendation lists of any system: user_id,item_id[,score], best first"),
    PARAM_LIST(struct evaluate_params, metrics, "recall@20,ndcg@20", 0,
               "what to measure (docs/metrics.md)"),
    PARAM_TEXT(struct evaluate_params, as, NULL, 0,
               "compute as another library does: implicit, spark, recbole, rectools, gorse, "
               "recpack, elliot"),
    PARAM_TEXT(struct evaluate_params, candidates, NULL, 0,
               "file of `user positive negative …` lines: rank only those (sampled metrics)"),
    PARAM_BOOL(struct evaluate_params, exclude_seen, "true", 0,
               "leave items of the training history out of the lists"),
    PARAM_BOOL(struct evaluate_params, cold_users, "true", 0,
               "count users without training events (they get the fallback list)"),
    PARAM_BOOL(struct evaluate_params, clip, "true", 0,
               "clip predicted ratings to the range seen in training"),
    PARAM_BOOL(struct evaluate_params, segments, "false", 0,
               "also by user warmth and item popularity"),
    PARAM_BOOL(struct evaluate_params, allow_leakage, "false", 0,
               "evaluate even on pairs that were trained on"),
    PARAM_BOOL(struct evaluate_params, fold_in, "false", 0,
               "give models of --from the events of --train that they were not trained on, as a "
               "server gives them"),
    PARAM_INT(struct evaluate_params, bootstrap, "1000", 0, 100000, "resamples", 0,
              "of the 95 % intervals, 0 = none"),
    PARAM_TEXT(struct evaluate_params, per_user, NULL, 0,
               "CSV to write: what each user contributes (model,user_id,recall@20,…)"),
    PARAM_END,
};

/* One row of the table: what it is called and what came out. */
struct contender {
    const char *name; /* borrowed */
    const char *type; /* registry name or "lists" */
    json_t *card;     /* owned, may be NULL */
    double train_seconds;
    int64_t peak_bytes;
    struct eval_result result;
    bool has_result;
    int32_t *user; /* (result.n_users) index in the test users, owned */
};

struct session {
    struct op_call *call;
    struct evaluate_params p;
    struct eval_options opt;
    struct metric_spec *metrics; /* owned */
    json_t *feedback;            /* owned */
    struct contender *rows;      /* owned */
    int32_t n_rows;
    struct per_user *per_user; /* owned, NULL = not wanted */
};

static akin_status join_list(struct buf *buf, const json_t *list, akin_error *err)
{
    size_t i;
    json_t *value;
    json_array_foreach((json_t *)(uintptr_t)list, i, value) {
        if (i)
            buf_char(buf, ',');
        buf_text(buf, json_is_string(value) ? json_string_value(value) : "?");
    }
    return buf_check(buf, err);
}

static akin_status session_open(struct session *s, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = s->call->ctx;
    struct buf names;
    buf_init(&names, ctx);
    AKIN_TRY(op_parse(s->call, 0, &s->p, err));
    s->feedback = op_group_json(s->call, 1, err);
    if (!s->feedback)
        AKIN_TRY(AKIN_E_MEMORY);
    enum metric_dialect dialect = DIALECT_AKIN;
    if (s->p.as && !metric_dialect_find(s->p.as, &dialect))
        AKIN_FAIL(AKIN_E_ARG,
                  "evaluate: as=%s (must be implicit, spark, recbole, rectools, "
                  "gorse, recpack or elliot)",
                  s->p.as);
    AKIN_TRY(join_list(&names, s->p.metrics, err));
    int32_t n_metrics = 0;
    AKIN_TRY(metric_parse_list(ctx, names.data ? names.data : "", dialect, &s->metrics, &n_metrics,
                               err));
    s->opt = (struct eval_options){.metrics = s->metrics,
                                   .n_metrics = n_metrics,
                                   .include_seen = !s->p.exclude_seen,
                                   .with_cold_users = s->p.cold_users != 0,
                                   .clip = s->p.clip != 0,
                                   .allow_leakage = s->p.allow_leakage != 0,
                                   .bootstrap = (int32_t)s->p.bootstrap,
                                   .segments = s->p.segments != 0,
                                   .candidates = s->p.candidates};
    s->n_rows = (int32_t)(json_array_size(s->p.model) + json_array_size(s->p.from) +
                          json_array_size(s->p.lists));
    if (s->n_rows == 0)
        AKIN_FAIL(AKIN_E_ARG, "evaluate: nothing to evaluate (give --model, --from or --lists)");
    MEM_ZERO(ctx, s->rows, s->n_rows);
    if (s->p.per_user)
        AKIN_TRY(per_user_open(ctx, s->p.per_user, &s->opt, &s->per_user, err));
done:
    buf_free(&names);
    return status;
}

static void contenders_reset(struct session *s)
{
    for (int32_t i = 0; s->rows && i < s->n_rows; i++) {
        if (s->rows[i].has_result)
            eval_result_free(s->call->ctx, &s->rows[i].result);
        json_decref(s->rows[i].card);
        mem_free(s->call->ctx, s->rows[i].user);
        s->rows[i] = (struct contender){0};
    }
}

static void session_close(struct session *s)
{
    akin_ctx *ctx = s->call->ctx;
    contenders_reset(s);
    per_user_abort(s->per_user);
    mem_free(ctx, s->rows);
    mem_free(ctx, s->metrics);
    json_decref(s->feedback);
}

/* What is known of a row; the view's users go with it. */
static void take_result(struct contender *row, struct test_view *view)
{
    row->has_result = true;
    row->user = view->test_user;
    view->test_user = NULL;
}

/* Joins the test data to the model's numbering and evaluates. since: events that are folded in as
 * far as the model lacks them, NULL = none. */
static akin_status measure_model(struct session *s, const struct model *m,
                                 const struct dataset *since, const struct dataset *test,
                                 struct contender *row, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct test_view view = {0};
    AKIN_TRY(test_view_build(s->call->ctx, test, &m->users, &m->items, m->feedback, &view, err));
    if (since)
        AKIN_TRY(test_view_give(&view, since, &m->hist, &m->items, m->feedback, err));
    AKIN_TRY(evaluate_model(s->call->ctx, m, &view, &s->opt, &row->result, err));
    take_result(row, &view);
    row->card = json_incref(m->card);
done:
    test_view_free(&view);
    return status;
}

static akin_status measure_spec(struct session *s, const json_t *spec, const struct dataset *train,
                                const struct dataset *test, struct contender *row, akin_error *err)
{
    akin_status status = AKIN_OK;
    json_t *params = NULL;
    struct model *m = NULL;
    akin_ctx *ctx = s->call->ctx;
    AKIN_TRY(op_model_spec(spec, &row->type, &row->name, &params, err));
    if (s->p.set)
        json_object_update_missing(params, s->p.set);
    const struct train_options opt = {
        .model = row->type, .params = params, .feedback = s->feedback, .now_unix = clock_unix()};
    mem_peak_reset(ctx->mem);
    int64_t start = clock_ns();
    AKIN_TRY(train_model(ctx, train, &opt, &m, err));
    row->train_seconds = (double)(clock_ns() - start) * 1e-9;
    AKIN_TRY(measure_model(s, m, NULL, test, row, err));
    row->peak_bytes = akin_memory_peak(ctx);
done:
    model_free(m);
    json_decref(params);
    return status;
}

/* "models/ials.akin" → "ials" */
static const char *file_label(struct session *s, const char *path, akin_error *err)
{
    const char *base = strrchr(path, '/');
    base = base ? base + 1 : path;
    size_t n = strlen(base);
    if (n > 5 && strcmp(base + n - 5, ".akin") == 0)
        n -= 5;
    return arena_strndup(&s->call->arena, base, n, err);
}

static akin_status measure_file(struct session *s, const char *path, const struct dataset *train,
                                const struct dataset *test, struct contender *row, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct model *m = NULL;
    row->name = file_label(s, path, err);
    if (!row->name)
        AKIN_TRY(AKIN_E_MEMORY);
    mem_peak_reset(s->call->ctx->mem);
    AKIN_TRY(model_load(s->call->ctx, path, &m, err));
    row->type = m->cls->name;
    row->train_seconds =
        json_number_value(json_object_get(json_object_get(m->card, "train"), "seconds"));
    AKIN_TRY(measure_model(s, m, s->p.fold_in ? train : NULL, test, row, err));
    row->peak_bytes = akin_memory_peak(s->call->ctx);
done:
    model_free(m);
    return status;
}

/* Lists that another system made: joined to the train set's numbering by id. */
static akin_status measure_lists(struct session *s, const char *path, const struct dataset *train,
                                 const struct dataset *test, struct contender *row, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = s->call->ctx;
    struct feedback_params fp;
    struct feedback *f = NULL;
    struct train_view tv = {0};
    struct test_view view = {0};
    struct eval_lists lists = {0};
    row->name = path;
    row->type = "lists";
    mem_peak_reset(ctx->mem);
    AKIN_TRY(param_parse("evaluate", feedback_param_rows, feedback_n_params, s->feedback,
                         &s->call->arena, &fp, err));
    AKIN_TRY(feedback_create(ctx, &fp, &train->types, dataset_newest(train), &f, err));
    AKIN_TRY(train_view_build(ctx, train, f, NULL, &tv, err));
    AKIN_TRY(test_view_build(ctx, test, &train->users, &train->items, f, &view, err));
    AKIN_TRY(lists_read(ctx, path, &test->users, &train->items, &lists, err));
    AKIN_TRY(evaluate_lists(ctx, &lists, &tv, &view, &s->opt, &row->result, err));
    take_result(row, &view);
    row->peak_bytes = akin_memory_peak(ctx);
done:
    lists_free(ctx, &lists);
    test_view_free(&view);
    train_view_free(&tv);
    feedback_free(f);
    return status;
}

static akin_status measure_all(struct session *s, const struct dataset *train,
                               const struct dataset *test, akin_error *err)
{
    akin_status status = AKIN_OK;
    int32_t row = 0;
    size_t i;
    json_t *value;
    json_array_foreach(s->p.model, i, value)
        AKIN_TRY(measure_spec(s, value, train, test, &s->rows[row++], err));
    json_array_foreach(s->p.from, i, value)
        AKIN_TRY(measure_file(s, json_string_value(value), train, test, &s->rows[row++], err));
    json_array_foreach(s->p.lists, i, value)
        AKIN_TRY(measure_lists(s, json_string_value(value), train, test, &s->rows[row++], err));
done:
    return status;
}

static json_t *contender_json(const struct session *s, const struct contender *row)
{
    json_t *out = json_object();
    json_t *params = json_object_get(row->card, "params");
    json_object_set_new(out, "model", json_string(row->name));
    json_object_set_new(out, "type", json_string(row->type));
    json_object_set_new(out, "params", params ? json_incref(params) : json_object());
    json_object_update_new(out, eval_result_json(&row->result, &s->opt));
    json_object_set_new(out, "train_seconds", json_real(row->train_seconds));
    json_object_set_new(out, "evaluate_seconds", json_real(row->result.seconds));
    json_object_set_new(out, "peak_bytes", json_integer(row->peak_bytes));
    return out;
}

/* Every later row against the first, per user metric. */
static akin_status compare_all(struct session *s, json_t *tests, akin_error *err)
{
    akin_status status = AKIN_OK;
    for (int32_t i = 1; i < s->n_rows; i++) {
        for (int32_t m = 0; m < s->opt.n_metrics; m++) {
            if (metric_kind_of(&s->metrics[m]) != METRIC_USER)
                continue;
            struct paired_test t;
            AKIN_TRY(eval_compare(s->call->ctx, &s->rows[0].result, &s->rows[i].result, m,
                                  s->opt.bootstrap, &t, err));
            json_t *row =
                json_pack("{s:s, s:s, s:s, s:I}", "a", s->rows[0].name, "b", s->rows[i].name,
                          "metric", s->metrics[m].name, "n", (json_int_t)t.n);
            json_object_set_new(row, "difference", json_real(t.difference));
            if (s->opt.bootstrap) {
                json_object_set_new(row, "lo", json_real(t.lo));
                json_object_set_new(row, "hi", json_real(t.hi));
            }
            json_object_set_new(row, "p_wilcoxon", json_real(t.p_wilcoxon));
            json_array_append_new(tests, row);
        }
    }
done:
    return status;
}

static akin_status evaluate_once(struct session *s, const struct dataset *train,
                                 const struct dataset *test, json_t **result, akin_error *err)
{
    akin_status status = AKIN_OK;
    json_t *results = json_array(), *tests = json_array();
    AKIN_TRY(measure_all(s, train, test, err));
    for (int32_t i = 0; i < s->n_rows; i++) {
        const struct contender *row = &s->rows[i];
        json_array_append_new(results, contender_json(s, row));
        if (s->per_user)
            AKIN_TRY(
                per_user_add(s->per_user, row->name, &row->result, row->user, &test->users, err));
    }
    AKIN_TRY(compare_all(s, tests, err));
    *result = json_pack("{s:O, s:O}", "results", results, "tests", tests);
    if (!*result)
        AKIN_FAIL(AKIN_E_MEMORY, "evaluate: out of memory");
done:
    json_decref(results);
    json_decref(tests);
    return status;
}

static akin_status evaluate_folds(struct session *s, const struct dataset *data,
                                  struct split_spec spec, json_t **result, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct dataset *train = NULL, *test = NULL;
    json_t *fold = NULL;
    *result = NULL;
    for (spec.fold = 0; spec.fold < spec.n; spec.fold++) {
        AKIN_TRY(dataset_split(data, &spec, &train, &test, err));
        AKIN_TRY(evaluate_once(s, train, test, &fold, err));
        contenders_reset(s);
        AKIN_TRY(folds_add(result, fold, err));
        json_decref(fold);
        fold = NULL;
        dataset_free(train);
        dataset_free(test);
        train = test = NULL;
    }
    AKIN_TRY(folds_finish(*result, spec.n, err));
done:
    if (status != AKIN_OK) {
        json_decref(*result);
        *result = NULL;
    }
    json_decref(fold);
    dataset_free(train);
    dataset_free(test);
    return status;
}

static akin_status evaluate_run(struct op_call *call, json_t **result, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct session s = {.call = call};
    struct dataset *train = NULL, *test = NULL, *whole = NULL;
    AKIN_TRY(session_open(&s, err));
    AKIN_TRY(op_open_dataset(call, 2, s.p.train, &train, err));
    if (s.p.test) {
        AKIN_TRY(op_open_dataset(call, 2, s.p.test, &test, err));
    } else {
        struct split_spec spec;
        AKIN_TRY(split_parse(s.p.split, &spec, err));
        whole = train;
        train = NULL;
        if (spec.kind == SPLIT_KFOLD) {
            AKIN_TRY(evaluate_folds(&s, whole, spec, result, err));
            goto done;
        }
        AKIN_TRY(dataset_split(whole, &spec, &train, &test, err));
        dataset_free(whole); /* else it lies beside its parts at the peak */
        whole = NULL;
    }
    AKIN_TRY(evaluate_once(&s, train, test, result, err));
done:
    if (status == AKIN_OK && s.per_user) {
        status = per_user_commit(s.per_user, err);
        s.per_user = NULL;
        if (status != AKIN_OK) {
            json_decref(*result);
            *result = NULL;
        }
    }
    session_close(&s);
    dataset_free(test);
    dataset_free(train);
    dataset_free(whole);
    return status;
}

const struct op op_evaluate = {
    {"evaluate",
     "train if need be, and evaluate models on held-out data",
     "akin evaluate --train train.akin --test test.akin --model popular --model ials "
     "--set factors=64 --metrics recall@20,ndcg@20\n"
     "akin evaluate --train ratings.csv --split leave-last:5 --model itemknn --positive 'value >= "
     "4'\n"
     "akin evaluate --lists recs.csv --train train.akin --test test.akin",
     {{"Options", evaluate_rows}, OP_GROUP_FEEDBACK, OP_GROUP_SOURCE},
     3},
    evaluate_run,
};
