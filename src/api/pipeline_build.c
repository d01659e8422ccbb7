/* Configuration → stages. Paths are those of the caller's working directory. */
#include "api/pipeline.h"
#include "core/json.h"
#include "store/sink.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct config {
    const char *name;
    int64_t seed;
    const char *out;
    json_t *data;
    json_t *clean;
    json_t *split;
    json_t *feedback;
    json_t *models;
    json_t *evaluate;
    json_t *publish;
    json_t *store;
    json_t *serve;
};
static const akin_param config_rows[] = {
    PARAM_TEXT(struct config, name, "akin", 0, "name of the pipeline"),
    PARAM_INT(struct config, seed, "42", 0, 9e15, "", 0, "of every random draw"),
    PARAM_TEXT(struct config, out, NULL, 0, "directory for results, default out/NAME"),
    PARAM_MAP(struct config, data, AKIN_PARAM_REQUIRED, "interactions, items, users, tags"),
    PARAM_MAP(struct config, clean, 0, "cleaning keys of prepare"),
    PARAM_MAP(struct config, split, 0, "by, and test or n"),
    PARAM_MAP(struct config, feedback, 0, "positive, event_weights, half_life_days"),
    PARAM_LIST(struct config, models, NULL, AKIN_PARAM_REQUIRED, "models to train"),
    PARAM_MAP(struct config, evaluate, 0, "keys of evaluate"),
    PARAM_MAP(struct config, publish, 0, "model, and keys of recommend: k, to, …"),
    PARAM_MAP(struct config, store, 0, "used by akin serve"),
    PARAM_MAP(struct config, serve, 0, "used by akin serve"),
};

/* printf into the arena; "" on lack of memory, with *status set. */
static const char *text(struct pipeline *p, akin_status *status, akin_error *err,
                        const char *format, ...) __attribute__((format(printf, 4, 5)));
static const char *text(struct pipeline *p, akin_status *status, akin_error *err,
                        const char *format, ...)
{
    char line[1024];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (n < 0 || n >= (int)sizeof line) {
        *status = error_set(err, AKIN_E_LIMIT, __FILE__, __LINE__,
                            "run: a path of %d bytes (at most %zu)", n, sizeof line - 1);
        return "";
    }
    char *copy = arena_strndup(p->arena, line, (size_t)n, err);
    if (!copy)
        *status = AKIN_E_MEMORY;
    return copy ? copy : "";
}

static struct stage *add_stage(struct pipeline *p, const char *stage, const char *name,
                               const char *op, akin_status *status, akin_error *err)
{
    if (p->n_stages == STAGE_MAX) {
        *status =
            error_set(err, AKIN_E_LIMIT, __FILE__, __LINE__, "run: more than %d stages", STAGE_MAX);
        return NULL;
    }
    struct stage *s = &p->stages[p->n_stages++];
    *s = (struct stage){.stage = stage, .name = name, .op = op, .params = json_object()};
    if (!s->params)
        *status = error_set(err, AKIN_E_MEMORY, __FILE__, __LINE__, "run: out of memory");
    return s->params ? s : NULL;
}

static void add_input(struct stage *s, const char *path)
{
    if (s->n_inputs < STAGE_INPUTS)
        s->inputs[s->n_inputs++] = path;
}

static void set_text(json_t *object, const char *key, const char *value)
{
    json_object_set_new(object, key, json_string(value));
}

/* data.interactions: path (or list), columns and any key of prepare. */
static akin_status add_interactions(struct stage *s, json_t *data, akin_error *err)
{
    akin_status status = AKIN_OK;
    json_t *part = json_object_get(data, "interactions");
    if (json_is_string(part)) {
        json_object_set_new(s->params, "source", json_pack("[O]", part));
        return AKIN_OK;
    }
    json_t *path = json_object_get(part, "path");
    if (!path)
        AKIN_FAIL(AKIN_E_ARG, "run: data.interactions.path is missing");
    json_object_update_missing(s->params, part);
    json_object_del(s->params, "path");
    if (json_is_array(path))
        json_object_set(s->params, "source", path);
    else
        json_object_set_new(s->params, "source", json_pack("[O]", path));
done:
    return status;
}

static akin_status add_table(struct stage *s, json_t *data, const char *table,
                             const char *columns_key, akin_error *err)
{
    akin_status status = AKIN_OK;
    json_t *part = json_object_get(data, table);
    const char *key;
    json_t *value;
    if (!part)
        return AKIN_OK;
    if (json_is_string(part)) {
        json_object_set(s->params, table, part);
        return AKIN_OK;
    }
    json_object_foreach(part, key, value) {
        if (strcmp(key, "path") == 0)
            json_object_set(s->params, table, value);
        else if (strcmp(key, "columns") == 0)
            json_object_set(s->params, columns_key, value);
        else
            AKIN_FAIL(AKIN_E_ARG, "run: data.%s: unknown key '%s' (path, columns)", table, key);
    }
done:
    return status;
}

static akin_status prepare_stage(struct pipeline *p, const struct config *c, akin_error *err)
{
    akin_status status = AKIN_OK;
    const char *key;
    json_t *value;
    size_t i;
    struct stage *s = add_stage(p, "prepare", "", "prepare", &status, err);
    if (!s)
        return status;
    json_object_foreach(c->data, key, value) {
        if (strcmp(key, "interactions") && strcmp(key, "items") && strcmp(key, "users") &&
            strcmp(key, "tags"))
            AKIN_FAIL(AKIN_E_ARG, "run: data: unknown key '%s' (interactions, items, users, tags)",
                      key);
    }
    AKIN_TRY(add_interactions(s, c->data, err));
    AKIN_TRY(add_table(s, c->data, "items", "item_columns", err));
    AKIN_TRY(add_table(s, c->data, "users", "user_columns", err));
    AKIN_TRY(add_table(s, c->data, "tags", "tag_columns", err));
    json_object_update(s->params, c->clean ? c->clean : json_object_get(c->data, "-"));
    s->outputs[s->n_outputs++] = text(p, &status, err, "%s/data.akin", p->out);
    s->save_result = text(p, &status, err, "%s/prepare.json", p->out);
    AKIN_TRY(status);
    set_text(s->params, "output", s->outputs[0]);
    json_array_foreach(json_object_get(s->params, "source"), i, value) {
        add_input(s, text(p, &status, err, "%s", json_string_value(value)));
    }
    static const char *const tables[] = {"items", "users", "tags"};
    for (size_t t = 0; t < 3; t++) {
        const char *path = json_string_value(json_object_get(s->params, tables[t]));
        if (path)
            add_input(s, text(p, &status, err, "%s", path));
    }
done:
    return status;
}

static akin_status report_stage(struct pipeline *p, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct stage *s = add_stage(p, "report", "", "report", &status, err);
    if (!s)
        return status;
    add_input(s, p->stages[0].outputs[0]);
    s->outputs[s->n_outputs++] = text(p, &status, err, "%s/report.html", p->out);
    set_text(s->params, "data", p->stages[0].outputs[0]);
    set_text(s->params, "output", s->outputs[0]);
    set_text(s->params, "name", p->name);
    return status;
}

/* {by: time, test: 0.2}, {by: leave-last, n: 5} or {by: "time:0.2"} */
static akin_status split_stage(struct pipeline *p, const struct config *c, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct stage *s = add_stage(p, "split", "", "split", &status, err);
    if (!s)
        return status;
    const char *by = json_text(c->split, "by", "time");
    const char *full = by;
    if (!strchr(by, ':')) {
        json_t *size = json_object_get(c->split, "test");
        size = size ? size : json_object_get(c->split, "n");
        full = json_is_integer(size)
                   ? text(p, &status, err, "%s:%lld", by, (long long)json_integer_value(size))
                   : text(p, &status, err, "%s:%g", by, size ? json_number_value(size) : 0.2);
    }
    add_input(s, p->stages[0].outputs[0]);
    s->outputs[s->n_outputs++] = text(p, &status, err, "%s/train.akin", p->out);
    s->outputs[s->n_outputs++] = text(p, &status, err, "%s/test.akin", p->out);
    AKIN_TRY(status);
    set_text(s->params, "data", p->stages[0].outputs[0]);
    set_text(s->params, "by", full);
    set_text(s->params, "output", s->outputs[0]);
    set_text(s->params, "test_out", s->outputs[1]);
done:
    return status;
}

/* What a spec of `models` says: *type NULL where a configuration (config, tune) has it. */
static akin_status model_spec(const json_t *spec, const char **type, const char **name,
                              json_t **params, akin_error *err)
{
    akin_status status = AKIN_OK;
    *params = NULL;
    if (json_object_get(spec, "type") || !json_is_object(spec) ||
        !(json_object_get(spec, "config") || json_object_get(spec, "tune"))) {
        AKIN_TRY(op_model_spec(spec, type, name, params, err));
    } else {
        *type = NULL;
        *name = json_text(spec, "name", "");
        *params = json_copy((json_t *)(uintptr_t)spec);
        json_object_del(*params, "name");
    }
    if (strchr(*name, '/') || (*name)[0] == '.' || (*name)[0] == '\0')
        AKIN_FAIL(AKIN_E_ARG, "run: model name '%s' (letters, digits, - and _)", *name);
done:
    return status;
}

/* Keys of a model's spec that are options of `train`, not parameters of the model. */
static const char *const train_keys[] = {"config", "early_stopping", "patience", "validation",
                                         "warm_start"};

/* A model with `tune`: {name: best, type: ials, tune: {trials: 40, metric: [ndcg@10]}}; what the
 * spec sets besides is not searched. */
static akin_status tune_stage(struct pipeline *p, const struct config *c, const json_t *spec,
                              const char *train, akin_error *err)
{
    akin_status status = AKIN_OK;
    const json_t *tune = json_object_get(spec, "tune");
    const char *type, *name;
    json_t *params = NULL;
    if (!tune)
        return AKIN_OK;
    AKIN_TRY(model_spec(spec, &type, &name, &params, err));
    if (!json_is_object(tune) || (!type && !json_object_get(tune, "model")))
        AKIN_FAIL(AKIN_E_ARG,
                  "run: models: %s: tune must be a map of keys of akin tune, such as "
                  "{trials: 40}, with model where the spec has no type",
                  name);
    struct stage *s = add_stage(p, "tune", text(p, &status, err, "%s", name), "tune", &status, err);
    if (!s)
        goto done;
    if (c->feedback)
        json_object_update(s->params, c->feedback);
    json_object_update(s->params, (json_t *)(uintptr_t)tune);
    if (type)
        json_object_set_new(s->params, "model", json_pack("[s]", type));
    for (size_t i = 0; i < sizeof train_keys / sizeof *train_keys; i++)
        json_object_del(params, train_keys[i]);
    json_object_del(params, "tune");
    json_object_set(s->params, "set", params);
    static const char *const files[][3] = {
        {"output", "models", "yaml"}, {"report", "tune", "html"}, {"numbers", "tune", "json"}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        s->outputs[i] =
            text(p, &status, err, "%s/%s/%s.%s", p->out, files[i][1], name, files[i][2]);
        set_text(s->params, files[i][0], s->outputs[i]);
        s->n_outputs++;
    }
    set_text(s->params, "log", text(p, &status, err, "%s/tune/%s.db", p->out, name));
    json_object_set_new(s->params, "replace_log", json_true());
    set_text(s->params, "data", train);
    add_input(s, train);
done:
    json_decref(params);
    return status;
}

/* A train stage a model; *path receives its file. A model with `path` is taken as it is. */
static akin_status train_stage(struct pipeline *p, const struct config *c, const json_t *spec,
                               const char *train, const char **path, akin_error *err)
{
    akin_status status = AKIN_OK;
    const char *given = json_string_value(json_object_get(spec, "path"));
    const char *type, *name;
    json_t *params = NULL;
    if (given) {
        *path = text(p, &status, err, "%s", given);
        return status;
    }
    AKIN_TRY(model_spec(spec, &type, &name, &params, err));
    if (json_object_get(params, "tune"))
        set_text(params, "config", text(p, &status, err, "%s/models/%s.yaml", p->out, name));
    json_object_del(params, "tune");
    struct stage *s =
        add_stage(p, "train", text(p, &status, err, "%s", name), "train", &status, err);
    if (!s)
        goto done;
    json_object_set(s->params, "set", params);
    if (c->feedback)
        json_object_update(s->params, c->feedback);
    for (size_t i = 0; i < sizeof train_keys / sizeof *train_keys; i++) {
        json_t *value = json_object_get(params, train_keys[i]);
        if (value) {
            json_object_set(s->params, train_keys[i], value);
            json_object_del(params, train_keys[i]);
        }
    }
    const char *config = json_text(s->params, "config", NULL);
    if (config)
        add_input(s, text(p, &status, err, "%s", config));
    *path = text(p, &status, err, "%s/models/%s.akin", p->out, name);
    s->outputs[s->n_outputs++] = *path;
    if (type)
        set_text(s->params, "model", type);
    set_text(s->params, "data", train);
    set_text(s->params, "output", *path);
    add_input(s, train);
done:
    json_decref(params);
    return status;
}

static akin_status evaluate_stage(struct pipeline *p, const struct config *c, const char *train,
                                  const char *test, const char *const *models, int n_models,
                                  akin_error *err)
{
    akin_status status = AKIN_OK;
    struct stage *s = add_stage(p, "evaluate", "", "evaluate", &status, err);
    if (!s)
        return status;
    if (c->evaluate)
        json_object_update(s->params, c->evaluate);
    json_t *segments = json_object_get(s->params, "segments");
    if (json_is_array(segments))
        json_object_set_new(s->params, "segments", json_true());
    json_t *from = json_array();
    for (int i = 0; i < n_models; i++) {
        json_array_append_new(from, json_string(models[i]));
        add_input(s, models[i]);
    }
    json_object_set_new(s->params, "from", from);
    set_text(s->params, "train", train);
    set_text(s->params, "test", test);
    add_input(s, test);
    s->save_result = text(p, &status, err, "%s/evaluation.json", p->out);
    AKIN_TRY(status);
    const char *json = s->save_result;
    s = add_stage(p, "report", "evaluation", "report", &status, err);
    if (!s)
        return status;
    add_input(s, json);
    s->outputs[s->n_outputs++] = text(p, &status, err, "%s/evaluation.html", p->out);
    set_text(s->params, "evaluation", json);
    set_text(s->params, "output", s->outputs[0]);
done:
    return status;
}

/* The model to publish: the one named, else the last. */
static akin_status published_model(const struct config *c, const char *const *models, int n_models,
                                   const char **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    const char *wanted = json_text(c->publish, "model", NULL);
    *out = models[n_models - 1];
    for (int i = 0; wanted && i < n_models; i++) {
        const char *base = strrchr(models[i], '/');
        base = base ? base + 1 : models[i];
        if (strncmp(base, wanted, strlen(wanted)) == 0 &&
            strcmp(base + strlen(wanted), ".akin") == 0) {
            *out = models[i];
            wanted = NULL;
        }
    }
    if (wanted)
        AKIN_FAIL(AKIN_E_ARG, "run: publish.model: '%s' is not among the models", wanted);
done:
    return status;
}

/* Files that sinks write are outputs: where one is missing, the stage runs again. */
static akin_status add_sinks(struct stage *s, struct pipeline *p, akin_error *err)
{
    akin_status status = AKIN_OK;
    json_t *to = json_object_get(s->params, "to"), *url;
    size_t i;
    if (json_is_string(to)) { /* one sink needs no list */
        json_object_set_new(s->params, "to", json_pack("[O]", to));
        to = json_object_get(s->params, "to");
    }
    json_array_foreach(to, i, url) {
        const char *path = json_is_string(url) ? sink_url_path(json_string_value(url)) : NULL;
        if (path && s->n_outputs == STAGE_OUTPUTS)
            AKIN_FAIL(AKIN_E_LIMIT, "run: publish.to: more than %d files", STAGE_OUTPUTS - 1);
        if (path)
            s->outputs[s->n_outputs++] = text(p, &status, err, "%s", path);
    }
done:
    return status;
}

static akin_status publish_stage(struct pipeline *p, const struct config *c,
                                 const char *const *models, int n_models, akin_error *err)
{
    akin_status status = AKIN_OK;
    const char *model;
    AKIN_TRY(published_model(c, models, n_models, &model, err));
    struct stage *s = add_stage(p, "publish", "", "recommend", &status, err);
    if (!s)
        return status;
    if (c->publish)
        json_object_update(s->params, c->publish);
    s->outputs[s->n_outputs++] = text(p, &status, err, "%s/recommendations.jsonl", p->out);
    AKIN_TRY(status);
    set_text(s->params, "model", model);
    json_object_set_new(s->params, "all", json_true());
    set_text(s->params, "output", s->outputs[0]);
    if (json_object_get(s->params, "to") && !json_object_get(s->params, "progress"))
        set_text(s->params, "progress", s->outputs[0]);
    AKIN_TRY(add_sinks(s, p, err));
    add_input(s, model);
done:
    return status;
}

akin_status pipeline_build(akin_ctx *ctx, const json_t *config, struct arena *arena,
                           struct pipeline *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct config c;
    json_t *resolved = NULL;
    const char *models[STAGE_INPUTS];
    int n_models = 0;
    (void)ctx;
    *out = (struct pipeline){.arena = arena};
    AKIN_TRY(param_parse("run", config_rows, PARAM_COUNT(config_rows), config, arena, &c, err));
    out->name = c.name;
    out->seed = (uint64_t)c.seed;
    out->out = c.out ? c.out : text(out, &status, err, "out/%s", c.name);
    AKIN_TRY(status);
    AKIN_TRY(prepare_stage(out, &c, err));
    AKIN_TRY(report_stage(out, err));
    AKIN_TRY(split_stage(out, &c, err));
    const struct stage *split = &out->stages[out->n_stages - 1];
    const char *train = split->outputs[0], *test = split->outputs[1];
    size_t i;
    json_t *spec;
    if (json_array_size(c.models) == 0 || json_array_size(c.models) > STAGE_INPUTS - 2)
        AKIN_FAIL(AKIN_E_ARG, "run: models: %zu given (1..%d)", json_array_size(c.models),
                  STAGE_INPUTS - 2);
    AKIN_TRY(pipeline_resolve_parts(c.models, &resolved, err));
    c.models = resolved;
    json_array_foreach(c.models, i, spec)
        AKIN_TRY(tune_stage(out, &c, spec, train, err));
    json_array_foreach(c.models, i, spec)
        AKIN_TRY(train_stage(out, &c, spec, train, &models[n_models++], err));
    AKIN_TRY(evaluate_stage(out, &c, train, test, models, n_models, err));
    AKIN_TRY(publish_stage(out, &c, models, n_models, err));
done:
    json_decref(resolved);
    return status;
}

void pipeline_free(struct pipeline *p)
{
    for (int i = 0; i < p->n_stages; i++)
        json_decref(p->stages[i].params);
    p->n_stages = 0;
}
