/*
 * Parts of composites in a configuration: a name in `of` that an earlier entry of `models` has
 * stands for that entry's type and parameters. The part is fitted anew inside the composite, whose
 * file then needs no other.
 */
#include "api/pipeline.h"
#include "core/json.h"
#include "data/feedback.h"

#include <string.h>

/* Options of `train`, which say nothing of the model itself. */
static const char *const not_parameters[] = {"name", "early_stopping", "patience", "validation",
                                             "warm_start"};

/* The parameters of the entry called name among the first n of models, or NULL. */
static akin_status part_spec(const json_t *models, size_t n, const char *whole, const char *name,
                             json_t **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    const char *key;
    json_t *value, *spec = NULL;
    *out = NULL;
    for (size_t i = 0; i < n; i++) {
        const json_t *entry = json_array_get(models, i);
        const char *type = json_text(entry, "type", NULL);
        const char *own = json_text(entry, "name", type);
        if (!own || strcmp(own, name) != 0)
            continue;
        if (!type || json_object_get(entry, "tune") || json_object_get(entry, "config"))
            AKIN_FAIL(
                AKIN_E_ARG,
                "run: models: %s: of: %s has its parameters elsewhere (path, tune or config); "
                "write {type: …, key: value} instead",
                whole, name);
        json_decref(spec);
        spec = json_deep_copy(entry);
    }
    for (size_t i = 0; spec && i < sizeof not_parameters / sizeof not_parameters[0]; i++)
        json_object_del(spec, not_parameters[i]);
    json_object_foreach(spec, key, value) {
        if (param_find(feedback_param_rows, feedback_n_params, key))
            AKIN_FAIL(AKIN_E_ARG,
                      "run: models: %s: of: %s has a rule of its own (%s); parts learn by that of "
                      "the whole",
                      whole, name, key);
    }
    *out = spec;
    spec = NULL;
done:
    json_decref(spec);
    return status;
}

/* Replaces names in spec.of, and in the `of` of its members. */
static akin_status resolve(const json_t *models, size_t n, const char *whole, json_t *spec,
                           akin_error *err)
{
    akin_status status = AKIN_OK;
    json_t *of = json_object_get(spec, "of"), *member, *found;
    size_t i;
    if (json_is_string(of)) {
        of = param_list_from_text(json_string_value(of));
        if (!of)
            AKIN_FAIL(AKIN_E_ARG, "run: models: %s: of (must be a list of models)", whole);
        json_object_set_new(spec, "of", of);
    }
    json_array_foreach(of, i, member) {
        if (json_is_object(member)) {
            AKIN_TRY(resolve(models, n, whole, member, err));
        } else if (json_is_string(member)) {
            AKIN_TRY(part_spec(models, n, whole, json_string_value(member), &found, err));
            if (found && json_array_set_new(of, i, found) != 0)
                AKIN_FAIL(AKIN_E_MEMORY, "run: out of memory for parts");
        }
    }
done:
    return status;
}

akin_status pipeline_resolve_parts(const json_t *models, json_t **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    size_t i;
    json_t *spec, *all = json_deep_copy(models);
    if (!all)
        AKIN_FAIL(AKIN_E_MEMORY, "run: out of memory for models");
    json_array_foreach(all, i, spec) {
        if (json_object_get(spec, "of"))
            AKIN_TRY(
                resolve(all, i, json_text(spec, "name", json_text(spec, "type", "?")), spec, err));
    }
    *out = all;
    all = NULL;
done:
    json_decref(all);
    return status;
}
