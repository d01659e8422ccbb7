/*
 * The table of operations and how one is run: parameters are checked against its groups before
 * anything happens, the result leaves as JSON text.
 */
#include "api/op.h"
#include "core/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct op *const ops[] = {
    &op_demo,         &op_run,
    &op_prepare,      &op_inspect,
    &op_report,       &op_split,
    &op_train,        &op_evaluate,
    &op_tune,         &op_recommend,
    &op_similar,      &op_segment,
    &op_predict,      &op_serve,
    &op_keys,         &op_store,
    &op_itemsets,     &op_rules,
    &op_export,       &op_dsstne_generate,
    &op_dsstne_train, &op_dsstne_predict,
    &op_synth,        &op_plan,
    &op_models,       &op_params,
    &op_doctor,
};

const akin_op *akin_op_at(size_t index)
{
    return index < sizeof ops / sizeof *ops ? &ops[index]->pub : NULL;
}

static size_t group_size(const akin_param_group *group)
{
    size_t n = 0;
    while (group->params[n].name)
        n++;
    return n;
}

/* The first group that has the key, or -1. */
static int key_group(const akin_op *op, const char *key)
{
    for (size_t g = 0; g < op->n_groups; g++) {
        if (param_find(op->groups[g].params, group_size(&op->groups[g]), key))
            return (int)g;
    }
    return -1;
}

akin_status op_check_keys(const struct op_call *call, akin_error *err)
{
    akin_status status = AKIN_OK;
    const akin_op *op = &call->op->pub;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)call->params, key, value) {
        if (key_group(op, key) >= 0)
            continue;
        const char *near = NULL;
        for (size_t g = 0; g < op->n_groups && !near; g++)
            near = param_nearest(op->groups[g].params, group_size(&op->groups[g]), key);
        if (near)
            AKIN_FAIL(AKIN_E_ARG, "%s: unknown parameter '%s' (did you mean '%s'?)", op->name, key,
                      near);
        AKIN_FAIL(AKIN_E_ARG, "%s: unknown parameter '%s' (see akin %s --help)", op->name, key,
                  op->name);
    }
done:
    return status;
}

void op_drop_secrets(const char *op, json_t *params)
{
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        const akin_op *pub = &ops[i]->pub;
        for (size_t g = 0; strcmp(pub->name, op) == 0 && g < pub->n_groups; g++)
            for (const akin_param *p = pub->groups[g].params; p->name; p++)
                if (p->flags & AKIN_PARAM_SECRET)
                    json_object_del(params, p->name);
    }
}

json_t *op_group_json(const struct op_call *call, size_t g, akin_error *err)
{
    json_t *out = json_object();
    const char *key;
    json_t *value;
    bool failed = !out;
    json_object_foreach((json_t *)(uintptr_t)call->params, key, value) {
        if (!failed && key_group(&call->op->pub, key) == (int)g)
            failed = json_object_set(out, key, value) != 0;
    }
    if (failed) {
        json_decref(out);
        error_set(err, AKIN_E_MEMORY, __FILE__, __LINE__, "%s: out of memory", call->op->pub.name);
        return NULL;
    }
    return out;
}

akin_status op_parse(struct op_call *call, size_t g, void *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    const akin_param_group *group = &call->op->pub.groups[g];
    json_t *object = op_group_json(call, g, err);
    if (!object)
        return AKIN_E_MEMORY;
    AKIN_TRY(param_parse(call->op->pub.name, group->params, group_size(group), object, &call->arena,
                         out, err));
done:
    json_decref(object);
    return status;
}

static akin_status params_from_text(const char *name, const char *text, json_t **out,
                                    akin_error *err)
{
    akin_status status = AKIN_OK;
    *out = NULL;
    if (!text) {
        *out = json_object();
        if (!*out)
            AKIN_FAIL(AKIN_E_MEMORY, "%s: out of memory", name);
        return AKIN_OK;
    }
    AKIN_TRY(json_parse(name, text, strlen(text), out, err));
    if (!json_is_object(*out))
        AKIN_FAIL(AKIN_E_ARG, "%s: parameters must be a JSON object", name);
done:
    return status;
}

static akin_status result_to_text(akin_ctx *ctx, const json_t *json, char **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct buf buf;
    buf_init(&buf, ctx);
    AKIN_TRY(json_write_ordered(json, &buf, err));
    *out = malloc((size_t)buf.size + 1);
    if (!*out)
        AKIN_FAIL(AKIN_E_MEMORY, "result of %lld bytes: out of memory", (long long)buf.size);
    memcpy(*out, buf.data, (size_t)buf.size + 1);
done:
    buf_free(&buf);
    return status;
}

akin_status akin_op_run(akin_ctx *ctx, const char *name, const char *params, char **result,
                        akin_error *err)
{
    akin_status status = AKIN_OK;
    struct op_call call = {ctx, NULL, NULL, {0}};
    json_t *object = NULL, *json = NULL;
    arena_init(&call.arena, ctx);
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        if (strcmp(ops[i]->pub.name, name) == 0)
            call.op = ops[i];
    }
    if (!call.op)
        AKIN_FAIL(AKIN_E_ARG, "unknown operation '%s' (see akin --help)", name);
    AKIN_TRY(params_from_text(name, params, &object, err));
    call.params = object;
    AKIN_TRY(op_check_keys(&call, err));
    AKIN_TRY(call.op->run(&call, &json, err));
    if (result)
        AKIN_TRY(result_to_text(ctx, json, result, err));
done:
    json_decref(json);
    json_decref(object);
    arena_free(&call.arena);
    return status;
}

void akin_string_free(char *text)
{
    free(text);
}
