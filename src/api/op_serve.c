/*
 * The operation `serve`: models and a store behind HTTP, until it is cancelled.
 *
 * The engine and the server work in a context of their own: a cancel ends this operation's waiting,
 * not the answers that are still to be given.
 */
#include "api/log_queue.h"
#include "api/op.h"
#include "core/file.h"
#include "core/json.h"
#include "core/par.h"
#include "eval/metrics.h"
#include "live/live.h"
#include "serve/serve.h"

#include <limits.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { GROUP_SERVER = 1, GROUP_ENGINE, GROUP_RULES, GROUPS, DRAIN_MS = 10000 };

/* What the keys of `serve:` belong to, by group of the operation. */
static const akin_param *const group_rows[GROUPS] = {NULL, serve_param_rows, live_param_rows,
                                                     rule_param_rows};

struct serve_op {
    const char *config;
    json_t *model;
    const char *store;
    const char *default_model;
};
static const akin_param serve_op_rows[] = {
    PARAM_TEXT(struct serve_op, config, NULL, AKIN_PARAM_POSITIONAL,
               "configuration (YAML): models that `akin run` made or with a path, store, serve"),
    PARAM_MAP(struct serve_op, model, 0, "NAME=PATH of a model file, any number"),
    PARAM_TEXT(struct serve_op, store, NULL, 0, "URL of the store, as sqlite:akin.db"),
    {"default", AKIN_PARAM_TEXT, 0, offsetof(struct serve_op, default_model), NULL, 0, 0, NULL, "",
     "model that answers if none is named; the last one if not given"},
    PARAM_END,
};

/* Everything that is to be undone. */
struct serving {
    struct op_call *call;
    akin_ctx *ctx; /* the engine's */
    json_t *config;
    json_t *keys[GROUPS]; /* from 1 on */
    json_t *models;       /* name → path, in order */
    const char *store_url, *default_model;
    struct buf exposures; /* path of the experiments' journal, beside the store */
    struct serve_params server_params;
    struct live_params live_params;
    struct store *store;
    struct live *live;
    struct server *server;
    struct log_queue log; /* of the engine's threads */
};

static size_t row_count(const akin_param *rows)
{
    size_t n = 0;
    while (rows[n].name)
        n++;
    return n;
}

/* A key of `serve:` goes to the group that has it, or is wrong. */
static akin_status place_key(struct serving *s, const char *key, json_t *value, akin_error *err)
{
    akin_status status = AKIN_OK;
    const char *near = NULL;
    if (strcmp(key, "default") == 0) {
        s->default_model = json_string_value(value);
        if (!s->default_model)
            AKIN_FAIL(AKIN_E_ARG, "serve: default must be the name of a model");
        goto done;
    }
    for (int g = 1; g < GROUPS; g++) {
        if (param_find(group_rows[g], row_count(group_rows[g]), key)) {
            if (json_object_set(s->keys[g], key, value) != 0)
                AKIN_FAIL(AKIN_E_MEMORY, "serve: out of memory");
            goto done;
        }
        near = near ? near : param_nearest(group_rows[g], row_count(group_rows[g]), key);
    }
    AKIN_FAIL(AKIN_E_ARG, "serve: unknown parameter '%.40s' (%s%s%s)", key,
              near ? "did you mean '" : "see akin serve --help", near ? near : "",
              near ? "'?" : "");
done:
    return status;
}

/* The model of an entry of `models:`: its path, or where `akin run` put it. */
static akin_status add_config_model(struct serving *s, const char *out, const json_t *spec,
                                    akin_error *err)
{
    akin_status status = AKIN_OK;
    struct buf path;
    buf_init(&path, s->call->ctx);
    const char *name = json_string_value(spec);
    const char *given = json_text(spec, "path", NULL);
    if (!name)
        name = json_text(spec, "name", json_text(spec, "type", NULL));
    if (!name)
        AKIN_FAIL(AKIN_E_ARG, "serve: models: an entry has neither name nor type");
    if (given)
        buf_text(&path, given);
    else
        buf_printf(&path, "%s/models/%s.akin", out, name);
    AKIN_TRY(buf_check(&path, err));
    if (!file_exists(path.data))
        AKIN_FAIL(AKIN_E_NOT_FOUND, "serve: model %.60s: there is no %.100s%s", name, path.data,
                  given ? "" : " (akin run makes it)");
    if (json_object_set_new(s->models, name, json_string(path.data)) != 0)
        AKIN_FAIL(AKIN_E_MEMORY, "serve: out of memory");
done:
    buf_free(&path);
    return status;
}

/* What the run left beside its models, unless the configuration names others. */
static akin_status add_config_reports(struct serving *s, const char *out, akin_error *err)
{
    static const char *const names[] = {"report.html", "evaluation.html", "evaluation.json"};
    akin_status status = AKIN_OK;
    struct buf path;
    json_t *found = json_array();
    buf_init(&path, s->call->ctx);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        buf_clear(&path);
        buf_printf(&path, "%s/%s", out, names[i]);
        AKIN_TRY(buf_check(&path, err));
        if (file_exists(path.data))
            json_array_append_new(found, json_string(path.data));
    }
    if (!found || json_object_set(s->keys[GROUP_SERVER], "reports", found) != 0)
        AKIN_FAIL(AKIN_E_MEMORY, "serve: out of memory");
done:
    json_decref(found);
    buf_free(&path);
    return status;
}

static akin_status read_config(struct serving *s, const char *path, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct buf out;
    const char *key;
    json_t *value;
    size_t i;
    buf_init(&out, s->call->ctx);
    AKIN_TRY(yaml_read_file(s->call->ctx, path, &s->config, err));
    const char *dir = json_text(s->config, "out", NULL);
    if (dir)
        buf_text(&out, dir);
    else
        buf_printf(&out, "out/%s", json_text(s->config, "name", "akin"));
    AKIN_TRY(buf_check(&out, err));
    json_array_foreach(json_object_get(s->config, "models"), i, value)
        AKIN_TRY(add_config_model(s, out.data, value, err));
    AKIN_TRY(add_config_reports(s, out.data, err));
    const json_t *store = json_object_get(s->config, "store");
    s->store_url = json_is_string(store) ? json_string_value(store) : json_text(store, "url", NULL);
    s->default_model = json_text(json_object_get(s->config, "publish"), "model", NULL);
    json_object_foreach(json_object_get(s->config, "serve"), key, value)
        AKIN_TRY(place_key(s, key, value, err));
done:
    buf_free(&out);
    return status;
}

/* The configuration, with what stands on the command line over it. */
static akin_status read_params(struct serving *s, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct op_call *call = s->call;
    struct serve_op p;
    json_t *given = NULL;
    void *const to[GROUPS] = {NULL, &s->server_params, &s->live_params, &s->live_params.rules};
    s->models = json_object();
    for (int g = 1; g < GROUPS; g++)
        s->keys[g] = json_object();
    AKIN_TRY(op_parse(call, 0, &p, err));
    if (p.config)
        AKIN_TRY(read_config(s, p.config, err));
    for (int g = 1; g < GROUPS; g++) {
        given = op_group_json(call, (size_t)g, err);
        if (!given || json_object_update(s->keys[g], given) != 0)
            AKIN_FAIL(AKIN_E_MEMORY, "serve: out of memory");
        json_decref(given);
        given = NULL;
        AKIN_TRY(param_parse("serve", group_rows[g], row_count(group_rows[g]), s->keys[g],
                             &call->arena, to[g], err));
    }
    if (!s->models || (p.model && json_object_update(s->models, p.model) != 0))
        AKIN_FAIL(AKIN_E_MEMORY, "serve: out of memory");
    s->store_url = p.store ? p.store : s->store_url;
    s->default_model = p.default_model ? p.default_model : s->default_model;
    s->server_params.engine = &s->live_params;
    if (json_object_size(s->models) == 0)
        AKIN_FAIL(AKIN_E_ARG,
                  "serve: no model given: akin serve CONFIG.yaml, or --model NAME=PATH");
done:
    json_decref(given);
    return status;
}

static akin_status load_models(struct serving *s, akin_error *err)
{
    akin_status status = AKIN_OK;
    const char *name, *last = NULL;
    json_t *path;
    json_object_foreach(s->models, name, path) {
        if (!json_is_string(path))
            AKIN_FAIL(AKIN_E_ARG, "serve: model %.60s: must be NAME=PATH", name);
        AKIN_TRY(live_model_load(s->live, name, json_string_value(path), err));
        log_write(s->call->ctx, AKIN_LOG_INFO, "model %s: %s", name, json_string_value(path));
        last = name;
    }
    AKIN_TRY(live_model_default(s->live, s->default_model ? s->default_model : last, err));
done:
    return status;
}

/* A metric that cannot be computed is told now, not by the first retrain. */
static akin_status check_retrain(const struct serving *s, akin_error *err)
{
    akin_status status = AKIN_OK;
    const char *metric = json_text(s->live_params.retrain, "metric", NULL);
    struct metric_spec spec;
    if (metric)
        AKIN_TRY(metric_parse(metric, DIALECT_AKIN, &spec, err));
done:
    return status;
}

/* sqlite:akin.db → akin.db.exposures */
static akin_status name_exposures(struct serving *s, akin_error *err)
{
    static const char scheme[] = "sqlite:";
    bool has_scheme = strncmp(s->store_url, scheme, sizeof scheme - 1) == 0;
    buf_printf(&s->exposures, "%s.exposures", s->store_url + (has_scheme ? sizeof scheme - 1 : 0));
    return buf_check(&s->exposures, err);
}

static akin_status start_serving(struct serving *s, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = s->call->ctx;
    char program[PATH_MAX] = "";
    if (readlink("/proc/self/exe", program, sizeof program - 1) < 0)
        program[0] = '\0';
    AKIN_TRY(check_retrain(s, err));
    AKIN_TRY(ctx_create(par_workers(ctx), ctx->seed, mem_limit(ctx->mem), &s->ctx, err));
    s->ctx->kern = ctx->kern;
    akin_ctx_on_log(s->ctx, log_queue_add, &s->log);
    if (s->store_url) {
        const struct store_options options = {0};
        AKIN_TRY(store_open(s->ctx, s->store_url, &options, &s->store, err));
        AKIN_TRY(name_exposures(s, err));
    } else {
        log_write(ctx, AKIN_LOG_WARN,
                  "serve: no store (--store sqlite:akin.db): events are refused");
    }
    const struct live_options options = {.params = &s->live_params,
                                         .store = s->store,
                                         .seed = (int64_t)(ctx->seed & INT64_MAX),
                                         .program = program[0] ? program : NULL,
                                         .exposures = s->exposures.data};
    AKIN_TRY(live_create(s->ctx, &options, &s->live, err));
    s->store = NULL; /* the engine's from here on */
    AKIN_TRY(load_models(s, err));
    AKIN_TRY(live_start(s->live, err));
    AKIN_TRY(server_start(s->ctx, &s->server_params, s->live, &s->server, err));
done:
    return status;
}

/* The address on a line of its own, at once: who started us waits for it. */
static akin_status announce(struct serving *s, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = s->call->ctx;
    struct buf line;
    buf_init(&line, ctx);
    buf_printf(&line, "%s\n", server_url(s->server));
    AKIN_TRY(buf_check(&line, err));
    if (ctx->sink_fn && ctx->sink_fn(ctx->sink_arg, line.data, (size_t)line.size) != 0)
        AKIN_FAIL(AKIN_E_IO, "serve: the receiver of the output stopped reading");
    log_write(ctx, AKIN_LOG_INFO, "serving at %s", server_url(s->server));
done:
    buf_free(&line);
    return status;
}

/* Signals interrupt the sleep, so that a stop or reload begins at once. */
static void wait_for_cancel(struct serving *s)
{
    akin_ctx *ctx = s->call->ctx;
    int seen = 0;
    while (!ctx_cancelled(ctx)) {
        log_queue_drain(&s->log, ctx);
        int reloads = atomic_load_explicit(&ctx->reloads, memory_order_relaxed);
        if (reloads != seen) {
            akin_error err = {0};
            seen = reloads;
            if (server_reload(s->server, &err) == AKIN_OK)
                log_write(ctx, AKIN_LOG_INFO, "serve: keys and certificates read anew");
            else
                log_write(ctx, AKIN_LOG_ERROR, "serve: reload: %s", err.message);
        }
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    }
}

static akin_status run_serve(struct op_call *call, json_t **result, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct serving s = {.call = call};
    log_queue_init(&s.log);
    buf_init(&s.exposures, call->ctx);
    AKIN_TRY(read_params(&s, err));
    AKIN_TRY(start_serving(&s, err));
    AKIN_TRY(announce(&s, err));
    wait_for_cancel(&s);
    log_write(call->ctx, AKIN_LOG_INFO, "serve: stopping");
    *result = json_object();
    if (!*result)
        AKIN_FAIL(AKIN_E_MEMORY, "serve: out of memory");
done:
    server_stop(s.server, DRAIN_MS);
    live_free(s.live);
    store_close(s.store);
    log_queue_drain(&s.log, call->ctx);
    log_queue_free(&s.log);
    ctx_free(s.ctx);
    json_decref(s.config);
    for (int g = 1; g < GROUPS; g++)
        json_decref(s.keys[g]);
    json_decref(s.models);
    buf_free(&s.exposures);
    return status;
}

const struct op op_serve = {
    {"serve",
     "the HTTP server and its page",
     "akin serve config/default.yaml\n"
     "akin serve --model ials=model.akin --store sqlite:akin.db --listen 127.0.0.1:8080",
     {{"Options", serve_op_rows},
      {"Server", serve_param_rows},
      {"Engine", live_param_rows},
      {"Rules of every list", rule_param_rows}},
     4},
    run_serve,
};
