/* The typed functions of akin.h: datasets, models, answers. Thin: no algorithm is here. */
#include "api/asker.h"
#include "core/json.h"
#include "core/text.h"
#include "data/split.h"
#include "eval/evaluate.h"
#include "train/train.h"

#include <stdlib.h>
#include <string.h>

struct akin_dataset {
    akin_ctx *ctx;
    struct dataset *ds; /* owned */
};

struct akin_model {
    akin_ctx *ctx;
    struct model *m; /* owned */
    struct asker asker;
    /* Buffers of one answer, grown and kept. */
    struct ranked *list;
    int64_t list_cap;
    int32_t *item;
    float *weight;
    int64_t item_cap, weight_cap;
    uint64_t *allowed; /* bitmaps of the last filter text: $seen false and true */
    uint64_t *allowed_seen;
    char *filter;
    char *names; /* item ids with a NUL behind each, item i at items.off[i] + i */
};

/* ---- datasets ---- */

static akin_status wrap_dataset(akin_ctx *ctx, struct dataset *ds, akin_dataset **out,
                                akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_dataset *handle;
    MEM_ZERO(ctx, handle, 1);
    handle->ctx = ctx;
    handle->ds = ds;
    *out = handle;
done:
    return status;
}

static akin_status parse_params(const char *text, json_t **out, akin_error *err)
{
    *out = NULL;
    return text ? json_parse("parameters", text, strlen(text), out, err) : AKIN_OK;
}

akin_status akin_dataset_open(akin_ctx *ctx, const char *path, const char *params,
                              akin_dataset **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    json_t *object = NULL, *report = NULL;
    struct dataset *ds = NULL;
    AKIN_TRY(parse_params(params, &object, err));
    AKIN_TRY(dataset_open(ctx, path, object, clock_unix(), &ds, &report, err));
    AKIN_TRY(wrap_dataset(ctx, ds, out, err));
    ds = NULL;
done:
    dataset_free(ds);
    json_decref(report);
    json_decref(object);
    return status;
}

akin_status akin_dataset_save(const akin_dataset *ds, const char *path, akin_error *err)
{
    return dataset_save(ds->ds, path, err);
}

void akin_dataset_free(akin_dataset *ds)
{
    if (!ds)
        return;
    dataset_free(ds->ds);
    mem_free(ds->ctx, ds);
}

int64_t akin_dataset_users(const akin_dataset *ds)
{
    return ds->ds->users.n;
}

int64_t akin_dataset_items(const akin_dataset *ds)
{
    return ds->ds->items.n;
}

int64_t akin_dataset_events(const akin_dataset *ds)
{
    return ds->ds->n_events;
}

akin_status akin_dataset_split(akin_ctx *ctx, const akin_dataset *ds, const char *by, int64_t fold,
                               akin_dataset **train, akin_dataset **test, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct split_spec spec;
    struct dataset *a = NULL, *b = NULL;
    akin_dataset *first = NULL;
    AKIN_TRY(split_parse(by, &spec, err));
    spec.fold = fold;
    AKIN_TRY(dataset_split(ds->ds, &spec, &a, &b, err));
    AKIN_TRY(wrap_dataset(ctx, a, &first, err));
    a = NULL;
    AKIN_TRY(wrap_dataset(ctx, b, test, err));
    b = NULL;
    *train = first;
    first = NULL;
done:
    akin_dataset_free(first);
    dataset_free(a);
    dataset_free(b);
    return status;
}

/* ---- models ---- */

static akin_status copy_names(akin_model *h, const struct ids *ids, akin_error *err)
{
    akin_status status = AKIN_OK;
    MEM_NEW(h->ctx, h->names, ids->off[ids->n] + ids->n);
    for (int32_t i = 0; i < ids->n; i++) {
        int32_t size;
        const char *id = ids_get(ids, i, &size);
        char *to = h->names + ids->off[i] + i;
        memcpy(to, id, (size_t)size);
        to[size] = '\0';
    }
done:
    return status;
}

/* Takes m only on success. */
static akin_status wrap_model(akin_ctx *ctx, struct model *m, akin_model **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_model *handle = NULL;
    MEM_ZERO(ctx, handle, 1);
    handle->ctx = ctx;
    AKIN_TRY(copy_names(handle, &m->items, err));
    AKIN_TRY(asker_open(ctx, m, &handle->asker, err));
    handle->m = m;
    *out = handle;
    handle = NULL;
done:
    akin_model_free(handle);
    return status;
}

akin_status akin_model_train(akin_ctx *ctx, const akin_dataset *ds, const char *name,
                             const char *params, akin_model **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    json_t *object = NULL;
    struct model *m = NULL;
    AKIN_TRY(parse_params(params, &object, err));
    const struct train_options opt = {.model = name, .params = object, .now_unix = clock_unix()};
    AKIN_TRY(train_model(ctx, ds->ds, &opt, &m, err));
    AKIN_TRY(wrap_model(ctx, m, out, err));
    m = NULL;
done:
    model_free(m);
    json_decref(object);
    return status;
}

akin_status akin_model_open(akin_ctx *ctx, const char *path, akin_model **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct model *m = NULL;
    AKIN_TRY(model_load(ctx, path, &m, err));
    AKIN_TRY(wrap_model(ctx, m, out, err));
    m = NULL;
done:
    model_free(m);
    return status;
}

akin_status akin_model_save(const akin_model *model, const char *path, akin_error *err)
{
    return model_save(model->m, path, err);
}

void akin_model_free(akin_model *model)
{
    if (!model)
        return;
    akin_ctx *ctx = model->ctx;
    asker_close(&model->asker);
    model_free(model->m);
    mem_free(ctx, model->list);
    mem_free(ctx, model->item);
    mem_free(ctx, model->weight);
    mem_free(ctx, model->allowed);
    mem_free(ctx, model->allowed_seen);
    mem_free(ctx, model->filter);
    mem_free(ctx, model->names);
    mem_free(ctx, model);
}

const char *akin_model_name(const akin_model *model)
{
    return model->m->cls->name;
}

int64_t akin_model_users(const akin_model *model)
{
    return model->m->users.n;
}

int64_t akin_model_items(const akin_model *model)
{
    return model->m->items.n;
}

/* ---- answers ---- */

/* Compiles the filter unless it is the last one's text. */
static akin_status use_filter(akin_model *h, const char *filter, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t n_allowed;
    uint64_t *allowed = NULL, *allowed_seen = NULL;
    char *copy = NULL;
    if (!filter || (h->filter && strcmp(filter, h->filter) == 0))
        return AKIN_OK;
    copy = mem_strdup(h->ctx, filter, err);
    if (!copy)
        AKIN_TRY(AKIN_E_MEMORY);
    AKIN_TRY(filter_bitmaps(h->ctx, filter, &h->m->item_table, &h->m->items, h->m->item_count,
                            &allowed, &allowed_seen, &n_allowed, err));
    mem_free(h->ctx, h->filter);
    mem_free(h->ctx, h->allowed);
    mem_free(h->ctx, h->allowed_seen);
    h->filter = copy;
    h->allowed = allowed;
    h->allowed_seen = allowed_seen;
    copy = NULL;
done:
    mem_free(h->ctx, copy);
    return status;
}

/* The training history (if the user is known) followed by the items of this second. */
static akin_status build_history(akin_model *h, const akin_query *in, struct query *q,
                                 akin_error *err)
{
    akin_status status = AKIN_OK;
    int32_t user = in->user_id ? ids_find(&h->m->users, in->user_id, strlen(in->user_id)) : -1;
    if (user < 0 && in->n_items == 0)
        AKIN_FAIL(AKIN_E_NOT_FOUND, "user '%s' is not in the model and no history was given",
                  in->user_id ? in->user_id : "");
    if (user >= 0 && in->n_items == 0) {
        *q = model_query_user(h->m, user);
        goto done;
    }
    struct history known = {0};
    if (user >= 0)
        known = histories_of(&h->m->hist, user);
    if (in->n_items < 0 || in->n_items > INT32_MAX - known.n)
        AKIN_FAIL(AKIN_E_ARG, "n_items=%lld (must be 0..%d)", (long long)in->n_items,
                  INT32_MAX - known.n);
    MEM_GROW(h->ctx, h->item, h->item_cap, known.n + in->n_items);
    MEM_GROW(h->ctx, h->weight, h->weight_cap, known.n + in->n_items);
    int32_t n = known.n;
    for (int32_t j = 0; j < n; j++) {
        h->item[j] = known.item[j];
        h->weight[j] = known.weight ? known.weight[j] : 1.0f;
    }
    for (int64_t j = 0; j < in->n_items; j++) {
        int32_t item = ids_find(&h->m->items, in->item_ids[j], strlen(in->item_ids[j]));
        if (item < 0)
            AKIN_FAIL(AKIN_E_NOT_FOUND, "item '%s' is not in the model", in->item_ids[j]);
        h->item[n] = item;
        h->weight[n++] = in->weights ? (float)in->weights[j] : 1.0f;
    }
    *q = (struct query){.user = user, .hist = {.n = n, .item = h->item, .weight = h->weight}};
done:
    return status;
}

static void copy_list(const akin_model *h, int32_t n, akin_item *items, int64_t *n_items)
{
    for (int32_t i = 0; i < n; i++) {
        int32_t item = h->list[i].item;
        items[i].item_id = h->names + h->m->items.off[item] + item;
        items[i].score = (double)h->list[i].score;
    }
    *n_items = n;
}

akin_status akin_recommend(akin_model *model, const akin_query *query, akin_item *items,
                           int64_t *n_items, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct query q;
    int32_t n = 0;
    int64_t k = query->k ? query->k : 10;
    if (k < 0 || k > 1000000)
        AKIN_FAIL(AKIN_E_ARG, "k=%lld (must be 0..1000000; 0 = 10)", (long long)query->k);
    MEM_GROW(model->ctx, model->list, model->list_cap, k);
    AKIN_TRY(use_filter(model, query->filter, err));
    AKIN_TRY(build_history(model, query, &q, err));
    q.now = query->now ? query->now : model->m->now;
    const struct rank_options opt = {.k = (int32_t)k,
                                     .include_seen = query->include_seen != 0,
                                     .allowed = query->filter ? model->allowed : NULL,
                                     .allowed_seen = query->filter ? model->allowed_seen : NULL};
    AKIN_TRY(rank_lists(model->asker.ranker, &q, 1, &opt, model->list, &n, err));
    copy_list(model, n, items, n_items);
done:
    return status;
}

akin_status akin_similar(akin_model *model, const char *item_id, int64_t k, akin_item *items,
                         int64_t *n_items, akin_error *err)
{
    akin_status status = AKIN_OK;
    int32_t item, n = 0;
    if (k < 0 || k > 1000000)
        AKIN_FAIL(AKIN_E_ARG, "k=%lld (must be 0..1000000)", (long long)k);
    MEM_GROW(model->ctx, model->list, model->list_cap, k + 1);
    AKIN_TRY(asker_item(&model->asker, item_id, &item, err));
    const struct rank_options opt = {.k = (int32_t)k};
    AKIN_TRY(rank_similar(model->asker.ranker, item, &opt, model->list, &n, err));
    copy_list(model, n, items, n_items);
done:
    return status;
}

struct evaluate_keys {
    const char *metrics;
    int64_t exclude_seen;
    int64_t cold_users;
    int64_t clip;
    int64_t segments;
    int64_t allow_leakage;
    int64_t bootstrap;
};
static const akin_param evaluate_rows[] = {
    PARAM_TEXT(struct evaluate_keys, metrics, "recall@20,ndcg@20", 0, "comma-separated"),
    PARAM_BOOL(struct evaluate_keys, exclude_seen, "true", 0, "leave seen items out"),
    PARAM_BOOL(struct evaluate_keys, cold_users, "true", 0, "count users not in train"),
    PARAM_BOOL(struct evaluate_keys, clip, "true", 0, "clip predicted ratings"),
    PARAM_BOOL(struct evaluate_keys, segments, "false", 0, "also by warmth and popularity"),
    PARAM_BOOL(struct evaluate_keys, allow_leakage, "false", 0, "even on trained pairs"),
    PARAM_INT(struct evaluate_keys, bootstrap, "1000", 0, 100000, "resamples", 0, "0 = none"),
};

akin_status akin_evaluate(akin_ctx *ctx, akin_model *model, const akin_dataset *test,
                          const char *params, char **result, akin_error *err)
{
    akin_status status = AKIN_OK;
    json_t *object = NULL, *json = NULL;
    struct metric_spec *metrics = NULL;
    int32_t n_metrics;
    struct test_view view = {0};
    struct eval_result r = {0};
    struct evaluate_keys keys;
    struct arena arena;
    arena_init(&arena, ctx);
    AKIN_TRY(parse_params(params, &object, err));
    AKIN_TRY(param_parse("evaluate", evaluate_rows, PARAM_COUNT(evaluate_rows), object, &arena,
                         &keys, err));
    AKIN_TRY(metric_parse_list(ctx, keys.metrics, DIALECT_AKIN, &metrics, &n_metrics, err));
    const struct eval_options opt = {.metrics = metrics,
                                     .n_metrics = n_metrics,
                                     .include_seen = !keys.exclude_seen,
                                     .with_cold_users = keys.cold_users != 0,
                                     .clip = keys.clip != 0,
                                     .segments = keys.segments != 0,
                                     .allow_leakage = keys.allow_leakage != 0,
                                     .bootstrap = (int32_t)keys.bootstrap};
    AKIN_TRY(test_view_build(ctx, test->ds, &model->m->users, &model->m->items, model->m->feedback,
                             &view, err));
    AKIN_TRY(evaluate_model(ctx, model->m, &view, &opt, &r, err));
    json = eval_result_json(&r, &opt);
    *result = json ? json_dumps(json, JSON_COMPACT) : NULL;
    if (!*result)
        AKIN_FAIL(AKIN_E_MEMORY, "evaluate: out of memory");
done:
    eval_result_free(ctx, &r);
    test_view_free(&view);
    mem_free(ctx, metrics);
    arena_free(&arena);
    json_decref(json);
    json_decref(object);
    return status;
}
