/*
 * Model files (docs/format.md): one container with what every model carries and what its class
 * adds in sections "m.…".
 *
 *   model       JSON: class, parameters, feedback rules, now, time kind, value range, watermark
 *   users.* items.* utab.* itab.* hist.* types.*   ids, tables, training histories, event types
 *   count       (items) int32, users with a positive
 *   m.*         the class
 *   p0.m.* …    the class of each part of a composite; p1.p0.m.* of a part's part
 *   card        JSON: provenance; the only part that may hold times
 *
 * Equal fits give equal bytes but for the card. Loading maps the file and checks sizes, offsets
 * and indices, so that a damaged or foreign file is refused by name.
 * Cost: a copy to disk; loading is one pass over ids and histories.
 */
#include "core/buf.h"
#include "core/json.h"
#include "models/model_impl.h"
#include "models/parts.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

static akin_status add_json(struct container_writer *w, akin_ctx *ctx, const char *name,
                            const json_t *json, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct buf buf;
    buf_init(&buf, ctx);
    AKIN_TRY(json_write(json, &buf, err));
    AKIN_TRY(buf_check(&buf, err));
    AKIN_TRY(container_add(w, name, CONTAINER_REQUIRED, buf.data, buf.size, err));
done:
    buf_free(&buf);
    return status;
}

static akin_status add_head(const struct model *m, struct container_writer *w, akin_error *err)
{
    akin_status status = AKIN_OK;
    json_t *head = json_pack("{s:s, s:o, s:o, s:I, s:i, s:[f,f], s:I}", "class", m->cls->name,
                             "params", param_dump(m->cls->params, m->cls->n_params, m->params),
                             "feedback", feedback_to_json(m->feedback), "now", (json_int_t)m->now,
                             "time_kind", (int)m->time_kind, "value_range", (double)m->value_lo,
                             (double)m->value_hi, "watermark", (json_int_t)m->watermark);
    if (!head)
        AKIN_FAIL(AKIN_E_MEMORY, "out of memory for the head of a model file");
    AKIN_TRY(add_json(w, m->ctx, "model", head, err));
done:
    json_decref(head);
    return status;
}

static akin_status add_types(const struct model *m, struct container_writer *w, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct strtab *t = &m->types;
    int64_t none = 0;
    const int64_t *off = t->off ? t->off : &none;
    AKIN_TRY(container_add(w, "types.off", CONTAINER_REQUIRED, off,
                           ((int64_t)t->n + 1) * (int64_t)sizeof *off, err));
    AKIN_TRY(container_add(w, "types.bytes", CONTAINER_REQUIRED, t->bytes, off[t->n], err));
done:
    return status;
}

/* All but the card. */
static akin_status add_all(const struct model *m, struct container_writer *w, akin_error *err)
{
    akin_status status = AKIN_OK;
    if (!m->card)
        AKIN_FAIL(AKIN_E_ARG, "%s: this model is not fitted", m->cls->name);
    AKIN_TRY(add_head(m, w, err));
    AKIN_TRY(ids_save(w, "users", &m->users, err));
    AKIN_TRY(ids_save(w, "items", &m->items, err));
    AKIN_TRY(table_save(w, "utab", &m->user_table, err));
    AKIN_TRY(table_save(w, "itab", &m->item_table, err));
    AKIN_TRY(item_tags_save(w, &m->tags, m->items.n, err));
    AKIN_TRY(add_types(m, w, err));
    AKIN_TRY(histories_save(w, "hist", &m->hist, err));
    AKIN_TRY(container_add(w, "count", CONTAINER_REQUIRED, m->item_count,
                           (int64_t)m->items.n * (int64_t)sizeof *m->item_count, err));
    AKIN_TRY(parts_save(m, w, err));
    AKIN_TRY(m->cls->save(m, w, err));
done:
    return status;
}

akin_status model_save(const struct model *m, const char *path, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct container_writer *w = NULL;
    AKIN_TRY(container_create(m->ctx, path, CONTAINER_MODEL, &w, err));
    AKIN_TRY(add_all(m, w, err));
    AKIN_TRY(add_json(w, m->ctx, "card", m->card, err));
    struct container_writer *complete = w;
    w = NULL;
    AKIN_TRY(container_commit(complete, err));
done:
    container_abort(w);
    return status;
}

akin_status model_fingerprint(const struct model *m, uint64_t *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct container_writer *w = NULL;
    AKIN_TRY(container_create_sum(m->ctx, &w, err));
    AKIN_TRY(add_all(m, w, err));
    *out = container_sum(w);
done:
    container_abort(w);
    return status;
}

static akin_status get_json(struct container *c, const char *name, json_t **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_error inner;
    const void *data;
    int64_t size;
    AKIN_TRY(container_get(c, name, 1, false, &data, &size, err));
    status = json_parse(name, data, (size_t)size, out, &inner);
    if (status == AKIN_E_MEMORY)
        AKIN_FAIL(status, "%s", inner.message);
    if (status != AKIN_OK || !json_is_object(*out))
        AKIN_FAIL(AKIN_E_FORMAT, "%s: section %s is not a JSON object", container_path(c), name);
done:
    return status;
}

static bool is_number_pair(const json_t *json)
{
    return json_is_array(json) && json_array_size(json) == 2 &&
           json_is_number(json_array_get(json, 0)) && json_is_number(json_array_get(json, 1));
}

static akin_status load_head(struct model *m, struct container *c, const json_t *head,
                             akin_error *err)
{
    akin_status status = AKIN_OK;
    const char *path = container_path(c);
    const json_t *range = json_object_get(head, "value_range");
    const json_t *kind = json_object_get(head, "time_kind");
    if (!json_is_integer(json_object_get(head, "now")) || !json_is_integer(kind) ||
        !json_is_integer(json_object_get(head, "watermark")) || !is_number_pair(range))
        AKIN_FAIL(AKIN_E_FORMAT, "%s: section model lacks a field", path);
    if (json_integer_value(kind) < TIME_NONE || json_integer_value(kind) > TIME_ORDINAL)
        AKIN_FAIL(AKIN_E_FORMAT, "%s: time_kind=%" JSON_INTEGER_FORMAT " (must be 0..2)", path,
                  json_integer_value(kind));
    m->now = json_integer_value(json_object_get(head, "now"));
    m->time_kind = (enum time_kind)json_integer_value(kind);
    m->watermark = json_integer_value(json_object_get(head, "watermark"));
    m->value_lo = (float)json_number_value(json_array_get(range, 0));
    m->value_hi = (float)json_number_value(json_array_get(range, 1));
done:
    return status;
}

static akin_status load_types(struct model *m, struct container *c, akin_error *err)
{
    akin_status status = AKIN_OK;
    const void *off, *bytes;
    int64_t n, size;
    AKIN_TRY(container_get(c, "types.off", sizeof(int64_t), false, &off, &n, err));
    AKIN_TRY(container_get(c, "types.bytes", 1, false, &bytes, &size, err));
    const int64_t *at = off;
    if (n < 1 || n > 257 || at[0] != 0 || at[n - 1] != size)
        AKIN_FAIL(AKIN_E_FORMAT, "%s: section types.off does not fit types.bytes",
                  container_path(c));
    for (int64_t i = 1; i < n; i++)
        if (at[i] < at[i - 1])
            AKIN_FAIL(AKIN_E_FORMAT, "%s: section types.off does not ascend", container_path(c));
    m->types = (struct strtab){(int32_t)(n - 1), at, bytes};
done:
    return status;
}

static akin_status load_counts(struct model *m, struct container *c, akin_error *err)
{
    akin_status status = AKIN_OK;
    const void *data;
    int64_t n;
    AKIN_TRY(container_get(c, "count", sizeof *m->item_count, false, &data, &n, err));
    if (n != m->items.n)
        AKIN_FAIL(AKIN_E_FORMAT, "%s: section count has %" PRId64 " rows for %d items",
                  container_path(c), n, m->items.n);
    MEM_NEW(m->ctx, m->item_count, n);
    if (n > 0)
        memcpy(m->item_count, data, (size_t)n * sizeof *m->item_count);
    for (int64_t i = 0; i < n; i++)
        if (m->item_count[i] < 0 || m->item_count[i] > m->users.n)
            AKIN_FAIL(AKIN_E_FORMAT, "%s: item %" PRId64 " counts %d users of %d",
                      container_path(c), i, m->item_count[i], m->users.n);
done:
    return status;
}

static akin_status load_table(struct model *m, struct container *c, const char *prefix,
                              int64_t n_rows, struct table *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    AKIN_TRY(table_load(m->ctx, c, prefix, out, err));
    if (out->n_cols > 0 && out->n_rows != n_rows)
        AKIN_FAIL(AKIN_E_FORMAT, "%s: table %s has %" PRId64 " rows, not %" PRId64,
                  container_path(c), prefix, out->n_rows, n_rows);
done:
    return status;
}

/* A rule that is refused is the file's fault, not that of an argument. */
static akin_status load_feedback(struct model *m, struct container *c, const json_t *rule,
                                 akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_error inner;
    status = feedback_from_json(m->ctx, rule, &m->types, &m->feedback, &inner);
    if (status != AKIN_OK)
        AKIN_FAIL(status == AKIN_E_ARG || status == AKIN_E_INPUT ? AKIN_E_FORMAT : status, "%s: %s",
                  container_path(c), inner.message);
done:
    return status;
}

/* Everything but the class's own sections. */
static akin_status load_common(struct model *m, struct container *c, const json_t *head,
                               akin_error *err)
{
    akin_status status = AKIN_OK;
    static const char *const names[] = {"model",  "users.", "items.", "utab.", "itab.", "tags.",
                                        "types.", "hist.",  "count",  "m.",    "card"};
    const char *known[sizeof names / sizeof names[0] + PARTS_MAX];
    char part[PARTS_MAX][PARTS_PREFIX];
    int n = 0;
    for (; n < (int)(sizeof names / sizeof names[0]); n++)
        known[n] = names[n];
    for (int32_t p = 0; p < m->n_parts; p++, n++) {
        parts_prefix(m->part[p], part[p]);
        known[n] = part[p];
    }
    AKIN_TRY(container_expect(c, known, n, err));
    AKIN_TRY(load_head(m, c, head, err));
    AKIN_TRY(ids_load(m->ctx, c, "users", &m->users, err));
    AKIN_TRY(ids_load(m->ctx, c, "items", &m->items, err));
    AKIN_TRY(load_table(m, c, "utab", m->users.n, &m->user_table, err));
    AKIN_TRY(load_table(m, c, "itab", m->items.n, &m->item_table, err));
    AKIN_TRY(item_tags_load(c, m->items.n, &m->tags, err));
    AKIN_TRY(load_types(m, c, err));
    AKIN_TRY(histories_load(m->ctx, c, "hist", m->users.n, m->items.n, &m->hist, err));
    AKIN_TRY(load_counts(m, c, err));
    AKIN_TRY(load_feedback(m, c, json_object_get(head, "feedback"), err));
    AKIN_TRY(get_json(c, "card", &m->card, err));
done:
    return status;
}

/* cls NULL = the registry's. */
static akin_status load_any(akin_ctx *ctx, const char *path, const struct model_class *cls,
                            struct model **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct container *c = NULL;
    struct model *m = NULL;
    json_t *head = NULL;
    akin_error inner;
    AKIN_TRY(container_open(ctx, path, &c, err));
    if (container_kind_of(c) != CONTAINER_MODEL)
        AKIN_FAIL(AKIN_E_FORMAT, "%s: a dataset, not a model", path);
    AKIN_TRY(get_json(c, "model", &head, err));
    const char *name = json_text(head, "class", NULL);
    if (!name)
        AKIN_FAIL(AKIN_E_FORMAT, "%s: the file names no model class", path);
    if (!cls)
        cls = model_class_find(name);
    if (!cls)
        AKIN_FAIL(AKIN_E_VERSION, "%s: model class '%.60s' is unknown to this akin", path, name);
    if (strcmp(cls->name, name) != 0)
        AKIN_FAIL(AKIN_E_FORMAT, "%s: model class '%.60s' (%s wanted)", path, name, cls->name);
    status = model_create(ctx, cls, json_object_get(head, "params"), &m, &inner);
    if (status != AKIN_OK)
        AKIN_FAIL(status == AKIN_E_ARG ? AKIN_E_FORMAT : status, "%s: %s", path, inner.message);
    m->file = c;
    AKIN_TRY(load_common(m, c, head, err));
    AKIN_TRY(parts_load(m, c, err));
    AKIN_TRY(cls->load(m, c, err));
    *out = m;
    m = NULL;
    c = NULL;
done:
    if (m)
        c = NULL; /* model_free closes it */
    model_free(m);
    container_close(c);
    json_decref(head);
    return status;
}

akin_status model_load(akin_ctx *ctx, const char *path, struct model **out, akin_error *err)
{
    return load_any(ctx, path, NULL, out, err);
}

akin_status model_load_as(akin_ctx *ctx, const char *path, const struct model_class *cls,
                          struct model **out, akin_error *err)
{
    return load_any(ctx, path, cls, out, err);
}

/* The sum has just read them: looking costs no pass over the disk. */
akin_status model_load_floats(akin_ctx *ctx, struct container *c, const char *name, int64_t n,
                              const float **out, akin_error *err)
{
    enum { PIECE = 1 << 22 }; /* between two looks at cancel */
    akin_status status = AKIN_OK;
    const void *data;
    int64_t found;
    AKIN_TRY(container_get(c, name, sizeof(float), false, &data, &found, err));
    if (found != n)
        AKIN_FAIL(AKIN_E_FORMAT, "%s: section %s has %" PRId64 " numbers (must be %" PRId64 ")",
                  container_path(c), name, found, n);
    const float *x = data;
    bool bad = false;
    for (int64_t lo = 0; lo < n; lo += PIECE) {
        AKIN_TRY(ctx_check(ctx, err));
        for (int64_t i = lo; i < n && i < lo + PIECE; i++)
            bad |= !(fabsf(x[i]) <= FLT_MAX);
    }
    if (bad)
        AKIN_FAIL(AKIN_E_FORMAT, "%s: section %s holds a number that is not finite",
                  container_path(c), name);
    *out = x;
done:
    return status;
}
