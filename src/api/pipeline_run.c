/*
 * Running stages. A stage's key is a hash of its operation, parameters, the content of its inputs,
 * the seed and akin's version; state.json keeps the keys and the hashes of outputs. Outputs are
 * written atomically and the state after each stage, so a run killed at any moment resumes.
 */
#include "api/pipeline.h"
#include "core/hash.h"
#include "core/json.h"
#include "data/source_store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct runner {
    akin_ctx *ctx;
    struct pipeline *p;
    const char *state_path;
    json_t *state; /* owned: {"stages": {"train ials": {"key":…, "outputs": {path: hash}}}} */
    bool force;
};

static void hex(uint64_t value, char out[17])
{
    snprintf(out, 17, "%016" PRIx64, value);
}

static akin_status stage_key(struct runner *r, const struct stage *s, char out[17], akin_error *err)
{
    akin_status status = AKIN_OK;
    struct buf buf;
    json_t *params = json_copy(s->params);
    buf_init(&buf, r->ctx);
    if (!params)
        AKIN_FAIL(AKIN_E_MEMORY, "run: out of memory");
    op_drop_secrets(s->op, params);
    buf_printf(&buf, "%s %s %s %llu ", AKIN_VERSION, s->op, s->name,
               (unsigned long long)r->p->seed);
    AKIN_TRY(json_write(params, &buf, err));
    for (int i = 0; i < s->n_inputs; i++) {
        uint64_t h;
        char text[17];
        if (strcmp(s->inputs[i], "-") == 0)
            AKIN_FAIL(AKIN_E_ARG, "run: standard input cannot be a source of a pipeline");
        /* a store's file changes with checkpoints too, and not with every write */
        AKIN_TRY((own_is_store(s->inputs[i]) ? own_fingerprint : file_hash)(r->ctx, s->inputs[i],
                                                                            &h, err));
        hex(h, text);
        buf_printf(&buf, " %s", text);
    }
    AKIN_TRY(buf_check(&buf, err));
    hex(hash_bytes(buf.data, (size_t)buf.size, 0), out);
done:
    json_decref(params);
    buf_free(&buf);
    return status;
}

static void stage_label(const struct stage *s, char *out, size_t size)
{
    snprintf(out, size, "%s%s%s", s->stage, s->name[0] ? " " : "", s->name);
}

static int stage_files(const struct stage *s, const char *files[STAGE_OUTPUTS + 1])
{
    int n = 0;
    for (int i = 0; i < s->n_outputs; i++)
        files[n++] = s->outputs[i];
    if (s->save_result)
        files[n++] = s->save_result;
    return n;
}

/* Same key, and every output is still the file that was written. */
static bool is_fresh(struct runner *r, const struct stage *s, const char *label, const char *key)
{
    const char *files[STAGE_OUTPUTS + 1];
    const json_t *old = json_object_get(json_object_get(r->state, "stages"), label);
    if (r->force || strcmp(json_text(old, "key", ""), key) != 0)
        return false;
    int n = stage_files(s, files);
    for (int i = 0; i < n; i++) {
        uint64_t h;
        char text[17];
        akin_error ignored;
        if (!file_exists(files[i]) || file_hash(r->ctx, files[i], &h, &ignored) != AKIN_OK)
            return false;
        hex(h, text);
        if (strcmp(json_text(json_object_get(old, "outputs"), files[i], ""), text) != 0)
            return false;
    }
    return true;
}

static akin_status remember(struct runner *r, const struct stage *s, const char *label,
                            const char *key, akin_error *err)
{
    akin_status status = AKIN_OK;
    const char *files[STAGE_OUTPUTS + 1];
    json_t *outputs = json_object();
    struct buf buf;
    buf_init(&buf, r->ctx);
    int n = stage_files(s, files);
    for (int i = 0; i < n; i++) {
        uint64_t h;
        char text[17];
        AKIN_TRY(file_hash(r->ctx, files[i], &h, err));
        hex(h, text);
        json_object_set_new(outputs, files[i], json_string(text));
    }
    json_object_set_new(json_object_get(r->state, "stages"), label,
                        json_pack("{s:s, s:O}", "key", key, "outputs", outputs));
    AKIN_TRY(json_write(r->state, &buf, err));
    AKIN_TRY(file_write(r->ctx, r->state_path, buf.data, buf.size, err));
done:
    json_decref(outputs);
    buf_free(&buf);
    return status;
}

static akin_status make_parent(const char *path, akin_error *err)
{
    char dir[1024];
    const char *slash = strrchr(path, '/');
    if (!slash || (size_t)(slash - path) >= sizeof dir)
        return AKIN_OK;
    memcpy(dir, path, (size_t)(slash - path));
    dir[slash - path] = '\0';
    return file_mkdirs(dir, err);
}

static akin_status run_stage(struct runner *r, const struct stage *s, akin_error *err)
{
    akin_status status = AKIN_OK;
    const char *files[STAGE_OUTPUTS + 1];
    char *params = NULL, *result = NULL;
    int n = stage_files(s, files);
    for (int i = 0; i < n; i++)
        AKIN_TRY(make_parent(files[i], err));
    params = json_dumps(s->params, JSON_COMPACT);
    if (!params)
        AKIN_FAIL(AKIN_E_MEMORY, "run: out of memory");
    AKIN_TRY(akin_op_run(r->ctx, s->op, params, &result, err));
    if (s->save_result)
        AKIN_TRY(file_write(r->ctx, s->save_result, result, (int64_t)strlen(result), err));
done:
    free(params);
    akin_string_free(result);
    return status;
}

static akin_status step(struct runner *r, const struct stage *s, json_t *rows, bool *ran,
                        akin_error *err)
{
    akin_status status = AKIN_OK;
    char key[17], label[256];
    stage_label(s, label, sizeof label);
    AKIN_TRY(stage_key(r, s, key, err));
    *ran = !is_fresh(r, s, label, key);
    int64_t start = clock_ns();
    if (*ran) {
        log_write(r->ctx, AKIN_LOG_INFO, "%s", label);
        AKIN_TRY(run_stage(r, s, err));
        AKIN_TRY(remember(r, s, label, key, err));
    }
    json_t *row = json_pack("{s:s, s:s, s:s, s:s}", "stage", s->stage, "name", s->name, "state",
                            *ran ? "done" : "unchanged", "output",
                            s->n_outputs ? s->outputs[0] : s->save_result);
    json_object_set_new(row, "seconds", json_real((double)(clock_ns() - start) * 1e-9));
    json_array_append_new(rows, row);
done:
    return status;
}

static akin_status load_state(struct runner *r, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_error ignored;
    if (file_exists(r->state_path) &&
        json_read_file(r->ctx, r->state_path, &r->state, &ignored) != AKIN_OK)
        log_write(r->ctx, AKIN_LOG_WARN, "%s is unreadable (%s): every stage runs again",
                  r->state_path, ignored.message);
    if (!json_is_object(json_object_get(r->state, "stages"))) {
        json_decref(r->state);
        r->state = json_pack("{s:{}}", "stages");
        if (!r->state)
            AKIN_FAIL(AKIN_E_MEMORY, "run: out of memory");
    }
done:
    return status;
}

akin_status pipeline_run(akin_ctx *ctx, struct pipeline *p, const char *last, bool force,
                         json_t **result, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct runner r = {.ctx = ctx, .p = p, .force = force};
    json_t *rows = json_array();
    char path[1024], message[1100];
    bool found = last == NULL;
    int n_ran = 0;
    uint64_t seed = ctx->seed;
    for (int i = 0; i < p->n_stages && !found; i++)
        found = strcmp(p->stages[i].stage, last) == 0;
    if (!found)
        AKIN_FAIL(AKIN_E_ARG,
                  "run: stage '%s' (prepare, report, split, tune, train, evaluate or "
                  "publish)",
                  last);
    snprintf(path, sizeof path, "%s/state.json", p->out);
    r.state_path = path;
    ctx->seed = p->seed;
    AKIN_TRY(file_mkdirs(p->out, err));
    AKIN_TRY(load_state(&r, err));
    for (int i = 0; i < p->n_stages; i++) {
        bool ran, is_last = last && strcmp(p->stages[i].stage, last) == 0;
        if (last && !is_last && i > 0 && strcmp(p->stages[i - 1].stage, last) == 0)
            break;
        AKIN_TRY(step(&r, &p->stages[i], rows, &ran, err));
        n_ran += ran;
    }
    if (n_ran == 0)
        snprintf(message, sizeof message, "nothing to do: all %zu stages are unchanged",
                 json_array_size(rows));
    else
        snprintf(message, sizeof message, "%d of %zu stages ran; results in %s", n_ran,
                 json_array_size(rows), p->out);
    *result = json_pack("{s:s, s:O, s:s}", "name", p->name, "stages", rows, "message", message);
    for (int i = 0; i < p->n_stages; i++) {
        json_t *evaluation = NULL;
        akin_error ignored;
        if (strcmp(p->stages[i].stage, "evaluate") == 0 && file_exists(p->stages[i].save_result) &&
            json_read_file(ctx, p->stages[i].save_result, &evaluation, &ignored) == AKIN_OK)
            json_object_set_new(*result, "evaluation", evaluation);
    }
done:
    ctx->seed = seed;
    json_decref(r.state);
    json_decref(rows);
    return status;
}
