/*
 * Early stopping of composites: each part that has epochs finds its number by itself, on the same
 * validation part, and gets it as its parameter. Parts that have none stay as they are; if no part
 * has any, that is said, as for a model of its own.
 * Cost: a fit and an evaluation an epoch of each such part.
 */
#include "models/parts.h"
#include "train/run.h"

static bool has_epochs(const struct model_class *cls)
{
    return (cls->flags & MODEL_EPOCHS) && param_find(cls->params, cls->n_params, "epochs");
}

/* spec (the part's) gets its epochs, found (object) what was seen. */
static akin_status part_early(const struct train_run *whole, const struct dataset *ds,
                              const struct model *part, json_t *spec, json_t *found,
                              akin_error *err)
{
    akin_status status = AKIN_OK;
    struct train_run run = *whole;
    int64_t epochs = 0;
    run.cls = part->cls;
    run.params = json_copy(spec);
    run.loss = run.early = NULL;
    if (!run.params)
        AKIN_FAIL(AKIN_E_MEMORY, "%s: out of memory for parameters", part->cls->name);
    (void)json_object_del(run.params, "type");
    (void)json_object_del(run.params, "name");
    if (part->cls->flags & MODEL_COMPOSITE) {
        AKIN_TRY(early_parts(&run, ds, err));
        json_t *of = json_object_get(run.params, "of");
        if (of && json_object_set(spec, "of", of) != 0)
            AKIN_FAIL(AKIN_E_MEMORY, "%s: out of memory for parameters", part->cls->name);
    } else {
        AKIN_TRY(early_find(&run, ds, &epochs, err));
        if (json_object_set_new(spec, "epochs", json_integer(epochs)) != 0)
            AKIN_FAIL(AKIN_E_MEMORY, "%s: out of memory for parameters", part->cls->name);
    }
    if (json_object_set_new(found, "part", json_integer(part->place + 1)) != 0 ||
        (run.early && json_object_set(found, part->cls->name, run.early) != 0))
        AKIN_FAIL(AKIN_E_MEMORY, "%s: out of memory for the card", part->cls->name);
done:
    json_decref(run.params);
    json_decref(run.loss);
    json_decref(run.early);
    return status;
}

static bool any_epochs(const struct model *m)
{
    bool any = has_epochs(m->cls);
    for (int32_t p = 0; p < m->n_parts; p++)
        any |= any_epochs(m->part[p]);
    return any;
}

akin_status early_parts(struct train_run *run, const struct dataset *ds, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct model *m = NULL;
    json_t *of = json_array(), *seen = json_array(), *spec = NULL, *found = NULL;
    if (!of || !seen)
        AKIN_FAIL(AKIN_E_MEMORY, "%s: out of memory for parameters", run->cls->name);
    AKIN_TRY(model_create(run->ctx, run->cls, run->params, &m, err)); /* checks all parameters */
    if (!any_epochs(m))
        AKIN_FAIL(AKIN_E_ARG, "%s: early_metric=%s, but no part has epochs to stop", run->cls->name,
                  run->opt->early_metric);
    for (int32_t p = 0; p < m->n_parts; p++) {
        AKIN_TRY(parts_member(m, p, &spec, err));
        if (any_epochs(m->part[p])) {
            found = json_object();
            if (!found)
                AKIN_FAIL(AKIN_E_MEMORY, "%s: out of memory for the card", run->cls->name);
            AKIN_TRY(part_early(run, ds, m->part[p], spec, found, err));
            if (json_array_append(seen, found) != 0)
                AKIN_FAIL(AKIN_E_MEMORY, "%s: out of memory for the card", run->cls->name);
            json_decref(found);
            found = NULL;
        }
        if (json_array_append(of, spec) != 0)
            AKIN_FAIL(AKIN_E_MEMORY, "%s: out of memory for parameters", run->cls->name);
        json_decref(spec);
        spec = NULL;
    }
    if (json_object_set(run->params, "of", of) != 0)
        AKIN_FAIL(AKIN_E_MEMORY, "%s: out of memory for parameters", run->cls->name);
    run->early = json_incref(seen);
done:
    json_decref(of);
    json_decref(seen);
    json_decref(spec);
    json_decref(found);
    model_free(m);
    return status;
}
