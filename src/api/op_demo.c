/*
 * The operation `demo`: the whole story on MovieLens (or synthetic data) with one command. It
 * only gets the data, writes a configuration and runs the pipeline of `akin run` on it.
 */
#include "api/asker.h"
#include "api/movielens.h"
#include "api/pipeline.h"
#include "data/synth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct demo_params {
    const char *data;
    int64_t serve;
    const char *user;
    const char *output;
};
static const akin_param demo_rows[] = {
    PARAM_TEXT(struct demo_params, data, "small", 0,
               "small or full (MovieLens latest-small, latest; downloaded if not under $AKIN_DATA "
               "or demo-data), synthetic, or a directory with ratings.csv and movies.csv"),
    PARAM_BOOL(struct demo_params, serve, "true", 0,
               "start the server afterwards, until Ctrl-C; by default on a terminal only"),
    PARAM_TEXT(struct demo_params, user, NULL, 0, "whose recommendations to show"),
    PARAM_TEXT(struct demo_params, output, "out/demo", 0, "directory for the results; short: -o"),
    PARAM_END,
};

struct demo {
    struct op_call *call;
    struct demo_params p;
    char dir[1024]; /* where the tables are */
    bool is_synthetic;
};

static bool has_ratings(const char *dir)
{
    char path[1100];
    snprintf(path, sizeof path, "%s/ratings.csv", dir);
    return file_exists(path);
}

static akin_status make_synthetic(struct demo *d, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct synth_params p;
    json_t *report = NULL;
    json_t *size = json_pack("{s:i, s:i, s:i}", "users", 2000, "items", 3000, "events", 100000);
    AKIN_TRY(param_parse("demo", synth_param_rows, synth_n_params, size, &d->call->arena, &p, err));
    snprintf(d->dir, sizeof d->dir, "%s/synthetic", d->p.output);
    AKIN_TRY(file_mkdirs(d->p.output, err));
    AKIN_TRY(synth_write(d->call->ctx, &p, d->dir, &report, err));
    d->is_synthetic = true;
done:
    json_decref(report);
    json_decref(size);
    return status;
}

/* MovieLens from this machine or its publisher; without network synthetic, with a warning. */
static akin_status get_movielens(struct demo *d, const char *set, akin_error *err)
{
    akin_error why;
    if (movielens_find(set, d->dir, sizeof d->dir))
        return AKIN_OK;
    akin_status got =
        movielens_fetch(d->call->ctx, MOVIELENS_URL, set, "demo-data", d->dir, sizeof d->dir, &why);
    if (got == AKIN_OK)
        return got;
    if (got == AKIN_E_CANCELLED || got == AKIN_E_MEMORY)
        return error_set(err, got, __FILE__, __LINE__, "%s", why.message);
    log_write(d->call->ctx, AKIN_LOG_WARN, "demo: no MovieLens: %s", why.message);
    log_write(d->call->ctx, AKIN_LOG_WARN,
              "demo: going on with SYNTHETIC data; for the real thing put %s under demo-data or "
              "$AKIN_DATA",
              set);
    return make_synthetic(d, err);
}

static akin_status find_data(struct demo *d, akin_error *err)
{
    akin_status status = AKIN_OK;
    if (strcmp(d->p.data, "synthetic") == 0)
        return make_synthetic(d, err);
    if (strcmp(d->p.data, "small") == 0)
        return get_movielens(d, "ml-latest-small", err);
    if (strcmp(d->p.data, "full") == 0)
        return get_movielens(d, "ml-latest", err);
    snprintf(d->dir, sizeof d->dir, "%s", d->p.data);
    if (!has_ratings(d->dir))
        AKIN_FAIL(AKIN_E_NOT_FOUND,
                  "demo: no ratings.csv in '%s' (small, full, synthetic or a "
                  "directory)",
                  d->p.data);
done:
    return status;
}

static json_t *path_json(const struct demo *d, const char *file)
{
    return json_sprintf("%s/%s", d->dir, file);
}

static bool has_file(const struct demo *d, const char *file)
{
    char path[1200];
    snprintf(path, sizeof path, "%s/%s", d->dir, file);
    return file_exists(path);
}

static json_t *demo_config(const struct demo *d)
{
    json_t *data = json_pack("{s:{s:o}}", "interactions", "path", path_json(d, "ratings.csv"));
    const char *items = has_file(d, "movies.csv") ? "movies.csv" : "items.csv";
    if (has_file(d, items))
        json_object_set_new(data, "items", json_pack("{s:o}", "path", path_json(d, items)));
    if (has_file(d, "tags.csv"))
        json_object_set_new(data, "tags", json_pack("{s:o}", "path", path_json(d, "tags.csv")));
    return json_pack("{s:s, s:I, s:s, s:o, s:{s:s, s:i}, s:{s:s},"
                     " s:[{s:s}, {s:s}, {s:s}, {s:s, s:i}], s:{s:[s, s, s], s:b}, s:{s:s, s:i}}",
                     "name", "demo", "seed", (json_int_t)d->call->ctx->seed, "out", d->p.output,
                     "data", data, "split", "by", "leave-last", "n", 5, "feedback", "positive",
                     "value >= 4", "models", "type", "popular", "type", "together", "type",
                     "itemknn", "type", "ials", "factors", 64, "evaluate", "metrics", "ndcg@10",
                     "recall@20", "coverage@20", "segments", 1, "publish", "model", "ials", "k",
                     10);
}

/* The user with the longest history up to 100 events: enough to explain, not a robot. */
static int32_t typical_user(const struct model *m)
{
    int32_t best = -1;
    int64_t most = 0;
    for (int32_t u = 0; u < m->users.n; u++) {
        int64_t n = m->hist.ptr[u + 1] - m->hist.ptr[u];
        if (n > most && n <= 100) {
            most = n;
            best = u;
        }
    }
    return best < 0 && m->users.n > 0 ? 0 : best;
}

static akin_status add_recommendations(struct demo *d, json_t *result, akin_error *err)
{
    akin_status status = AKIN_OK;
    enum { K = 10 };
    akin_ctx *ctx = d->call->ctx;
    struct asker a = {0};
    struct ranked list[K];
    struct buf buf;
    struct jw jw;
    char path[1200];
    int32_t user, n = 0, size;
    buf_init(&buf, ctx);
    snprintf(path, sizeof path, "%s/models/ials.akin", d->p.output);
    AKIN_TRY(asker_load(ctx, path, &a, err));
    const struct model *m = a.m;
    user = typical_user(m);
    if (d->p.user)
        AKIN_TRY(asker_user(&a, d->p.user, &user, err));
    if (user < 0)
        goto done;
    struct query q = model_query_user(m, user);
    const struct rank_options opt = {.k = K};
    AKIN_TRY(rank_lists(a.ranker, &q, 1, &opt, list, &n, err));
    jw_init(&jw, &buf);
    jw_open(&jw, '[');
    for (int32_t i = 0; i < n; i++)
        AKIN_TRY(asker_item_json(&a, &jw, &list[i], &q, true, err));
    jw_close(&jw, ']');
    AKIN_TRY(buf_check(&buf, err));
    const char *id = ids_get(&m->users, user, &size);
    json_object_set_new(result, "user_id", json_stringn(id, (size_t)size));
    json_object_set_new(result, "items", json_loadb(buf.data, (size_t)buf.size, 0, NULL));
done:
    buf_free(&buf);
    asker_close(&a);
    return status;
}

/* What `akin serve` is to be given afterwards: who runs this decides whether it is. */
static json_t *serve_params(const struct demo *d)
{
    static const char *const models[] = {"popular", "together", "itemknn", "ials"};
    json_t *paths = json_object();
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++)
        json_object_set_new(paths, models[i],
                            json_sprintf("%s/models/%s.akin", d->p.output, models[i]));
    json_t *reports = json_pack("[o, o, o]", json_sprintf("%s/report.html", d->p.output),
                                json_sprintf("%s/evaluation.html", d->p.output),
                                json_sprintf("%s/evaluation.json", d->p.output));
    return json_pack("{s:o, s:o, s:s, s:s, s:o}", "model", paths, "store",
                     json_sprintf("sqlite:%s/akin.db", d->p.output), "default", "ials", "listen",
                     "127.0.0.1:8080", "reports", reports);
}

static akin_status demo_run(struct op_call *call, json_t **result, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct demo d = {.call = call};
    struct pipeline pipeline = {0};
    json_t *config = NULL, *out = NULL;
    AKIN_TRY(op_parse(call, 0, &d.p, err));
    AKIN_TRY(find_data(&d, err));
    config = demo_config(&d);
    if (!config)
        AKIN_FAIL(AKIN_E_MEMORY, "demo: out of memory");
    AKIN_TRY(pipeline_build(call->ctx, config, &call->arena, &pipeline, err));
    AKIN_TRY(pipeline_run(call->ctx, &pipeline, NULL, false, &out, err));
    json_object_set_new(out, "data", json_string(d.is_synthetic ? "synthetic" : d.dir));
    json_object_set_new(out, "report", json_sprintf("%s/report.html", d.p.output));
    AKIN_TRY(add_recommendations(&d, out, err));
    if (d.p.serve)
        json_object_set_new(out, "serve", serve_params(&d));
    *result = json_incref(out);
done:
    json_decref(out);
    json_decref(config);
    pipeline_free(&pipeline);
    return status;
}

const struct op op_demo = {
    {"demo",
     "the whole story on MovieLens, one command",
     "akin demo --data small",
     {{"Options", demo_rows}},
     1},
    demo_run,
};
