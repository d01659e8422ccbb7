/* Operations that only tell: inspect, models, params, doctor. */
#include "api/op.h"
#include "kern/kern.h"
#include "models/model.h"
#include "store/container.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const akin_param no_rows[] = {PARAM_END};

/* ---- inspect ---- */

struct inspect_params {
    const char *file;
};
static const akin_param inspect_rows[] = {
    PARAM_TEXT(struct inspect_params, file, NULL, AKIN_PARAM_REQUIRED | AKIN_PARAM_POSITIONAL,
               "dataset or model file"),
    PARAM_END,
};

static json_t *hex64(uint64_t value)
{
    char text[20];
    snprintf(text, sizeof text, "%016" PRIx64, value);
    return json_string(text);
}

static json_t *sections_json(const struct container *c)
{
    json_t *list = json_array();
    for (int i = 0; i < container_sections(c); i++) {
        const char *name;
        int64_t size;
        uint64_t hash;
        uint32_t flags;
        container_section_info(c, i, &name, &size, &hash, &flags);
        json_t *row = json_pack("{s:s, s:I, s:b}", "name", name, "bytes", (json_int_t)size,
                                "required", (flags & CONTAINER_REQUIRED) != 0);
        json_object_set_new(row, "hash", hex64(hash));
        json_array_append_new(list, row);
    }
    return list;
}

static akin_status inspect_dataset(akin_ctx *ctx, const char *path, json_t *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct dataset *ds = NULL;
    int64_t users, items;
    float lo, hi;
    AKIN_TRY(dataset_load(ctx, path, &ds, err));
    AKIN_TRY(dataset_active(ds, &users, &items, err));
    dataset_value_range(ds, &lo, &hi);
    json_object_set_new(out, "events", json_integer(ds->n_events));
    json_object_set_new(out, "users", json_integer(users));
    json_object_set_new(out, "items", json_integer(items));
    json_object_set_new(out, "catalog_items", json_integer(ds->items.n));
    json_object_set_new(out, "tags", json_integer(ds->n_tags));
    if (dataset_has_values(ds))
        json_object_set_new(out, "value_range", json_pack("[f, f]", (double)lo, (double)hi));
    json_object_set_new(out, "fingerprint", hex64(dataset_fingerprint(ds)));
    json_object_set(out, "card", ds->card);
done:
    dataset_free(ds);
    return status;
}

static akin_status inspect_model(akin_ctx *ctx, const char *path, json_t *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct model *m = NULL;
    uint64_t fingerprint;
    AKIN_TRY(model_load(ctx, path, &m, err));
    AKIN_TRY(model_fingerprint(m, &fingerprint, err));
    json_object_set_new(out, "model", json_string(m->cls->name));
    json_object_set_new(out, "users", json_integer(m->users.n));
    json_object_set_new(out, "items", json_integer(m->items.n));
    json_object_set_new(out, "fingerprint", hex64(fingerprint));
    json_object_set(out, "card", m->card);
done:
    model_free(m);
    return status;
}

static akin_status inspect_run(struct op_call *call, json_t **result, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct inspect_params p;
    struct container *c = NULL;
    json_t *out = NULL;
    AKIN_TRY(op_parse(call, 0, &p, err));
    AKIN_TRY(container_open(call->ctx, p.file, &c, err));
    AKIN_TRY(container_verify(c, err));
    bool is_model = container_kind_of(c) == CONTAINER_MODEL;
    out = json_pack("{s:s, s:s, s:o}", "file", p.file, "kind", is_model ? "model" : "dataset",
                    "sections", sections_json(c));
    AKIN_TRY(is_model ? inspect_model(call->ctx, p.file, out, err)
                      : inspect_dataset(call->ctx, p.file, out, err));
    *result = json_incref(out);
done:
    json_decref(out);
    container_close(c);
    return status;
}

const struct op op_inspect = {
    {"inspect",
     "what a dataset or model file is: counts, parameters, provenance, checksums",
     "akin inspect data.akin",
     {{"Options", inspect_rows}},
     1},
    inspect_run,
};

/* ---- models, params ---- */

static akin_status models_run(struct op_call *call, json_t **result, akin_error *err)
{
    akin_status status = AKIN_OK;
    json_t *list = json_array();
    (void)call;
    const struct model_class *cls;
    for (size_t i = 0; (cls = model_class_at(i)); i++)
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:b, s:b, s:b}", "name", cls->name, "summary",
                                        cls->summary, "iterative", (cls->flags & MODEL_EPOCHS) != 0,
                                        "closed_form", (cls->flags & MODEL_CLOSED_FORM) != 0,
                                        "values", (cls->flags & MODEL_WANTS_VALUES) != 0));
    *result = json_pack("{s:o}", "models", list);
    if (!*result)
        AKIN_FAIL(AKIN_E_MEMORY, "models: out of memory");
done:
    return status;
}

const struct op op_models = {
    {"models", "which models exist", "akin models", {{"Options", no_rows}}, 1},
    models_run,
};

struct params_params {
    const char *model;
};
static const akin_param params_rows[] = {
    PARAM_TEXT(struct params_params, model, NULL, AKIN_PARAM_REQUIRED | AKIN_PARAM_POSITIONAL,
               "name of a model"),
    PARAM_END,
};

static const char *type_name(akin_param_type type)
{
    static const char *const names[] = {"bool",   "int",  "real", "text",
                                        "choice", "size", "list", "map"};
    return names[type];
}

static json_t *param_json(const akin_param *p)
{
    json_t *row = json_pack("{s:s, s:s, s:s, s:s}", "name", p->name, "type", type_name(p->type),
                            "unit", p->unit ? p->unit : "", "help", p->help);
    if (p->default_text)
        json_object_set_new(row, "default", json_string(p->default_text));
    if (p->type == AKIN_PARAM_INT || p->type == AKIN_PARAM_REAL || p->type == AKIN_PARAM_SIZE) {
        json_object_set_new(row, "lo", json_real(p->lo));
        json_object_set_new(row, "hi", json_real(p->hi));
    }
    if (p->choices)
        json_object_set_new(row, "choices", json_string(p->choices));
    json_object_set_new(row, "tunable", json_boolean((p->flags & AKIN_PARAM_TUNE) != 0));
    return row;
}

static akin_status params_run(struct op_call *call, json_t **result, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct params_params p;
    const struct model_class *cls;
    AKIN_TRY(op_parse(call, 0, &p, err));
    AKIN_TRY(model_class_get(p.model, &cls, err));
    json_t *list = json_array();
    for (size_t i = 0; i < cls->n_params; i++)
        json_array_append_new(list, param_json(&cls->params[i]));
    *result =
        json_pack("{s:s, s:s, s:o}", "model", cls->name, "summary", cls->summary, "params", list);
    if (!*result)
        AKIN_FAIL(AKIN_E_MEMORY, "params: out of memory");
done:
    return status;
}

const struct op op_params = {
    {"params", "the parameters of a model", "akin params ials", {{"Options", params_rows}}, 1},
    params_run,
};

/* ---- doctor ---- */

static json_t *isa_json(akin_ctx *ctx)
{
    json_t *list = json_array();
    const char *name;
    for (size_t i = 0; (name = kern_names(i)); i++) {
        json_t *row = json_pack("{s:s, s:b, s:b}", "name", name, "works", kern_find(name) != NULL,
                                "used", strcmp(ctx->kern->isa, name) == 0);
        json_array_append_new(list, row);
    }
    return list;
}

static akin_status doctor_run(struct op_call *call, json_t **result, akin_error *err)
{
    akin_status status = AKIN_OK;
    /* Parts that later versions open at run time; this build has none of them. */
    static const char *const absent[] = {"mpi", "s3", "dynamodb", "cassandra", "kafka", "parquet"};
    json_t *parts = json_object();
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++)
        json_object_set_new(
            parts, absent[i],
            json_pack("{s:b, s:s}", "works", 0, "why", "not part of akin " AKIN_VERSION));
    *result =
        json_pack("{s:s, s:o, s:o, s:I, s:I}", "version", AKIN_VERSION, "isa", isa_json(call->ctx),
                  "parts", parts, "cores", (json_int_t)sysconf(_SC_NPROCESSORS_ONLN),
                  "memory_bytes", (json_int_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE));
    if (!*result)
        AKIN_FAIL(AKIN_E_MEMORY, "doctor: out of memory");
done:
    return status;
}

const struct op op_doctor = {
    {"doctor", "what this machine can run", "akin doctor", {{"Options", no_rows}}, 1},
    doctor_run,
};
