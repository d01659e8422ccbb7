/*
 * The life of a composite's parts: made from `of`, fitted one after another on the view of the
 * whole, saved as sections with a prefix in its file, freed with it.
 *
 * Cost: the parts' own; nothing that every model carries is copied, and packed vectors are one copy
 * of those of parts that have them. Not done: parts fitted beside one another (each uses all
 * threads), a feedback rule of a part's own (all parts see one view).
 */
#include "models/parts.h"

#include "core/text.h"
#include "models/model_impl.h"

#include <stdio.h>
#include <string.h>

static json_t *of_list(const struct model *m)
{
    const akin_param *row = param_find(m->cls->params, m->cls->n_params, "of");
    json_t *list = NULL;
    if (row && row->type == AKIN_PARAM_LIST)
        memcpy(&list, (const char *)m->params + row->offset, sizeof list);
    return list;
}

/* {type, key: value, …} of a member of `of`: a new reference. */
static akin_status read_member(const struct model *m, size_t i, const json_t *member, json_t **out,
                               akin_error *err)
{
    akin_status status = AKIN_OK;
    json_t *spec = NULL;
    char *pairs = NULL;
    const char *text = json_string_value(member);
    const char *colon = text ? strchr(text, ':') : NULL;
    if (json_is_object(member)) {
        spec = json_copy((json_t *)(uintptr_t)member);
    } else if (text && text[0] == '{') {
        spec = param_map_from_text(text);
    } else if (colon) {
        pairs = mem_strdup(m->ctx, colon + 1, err);
        if (!pairs)
            AKIN_TRY(AKIN_E_MEMORY);
        for (char *at = pairs; *at; at++)
            *at = *at == ';' ? ',' : *at;
        spec = param_map_from_text(pairs);
        if (spec &&
            json_object_set_new(spec, "type", json_stringn(text, (size_t)(colon - text))) != 0)
            AKIN_FAIL(AKIN_E_MEMORY, "%s: out of memory for its parts", m->cls->name);
    } else if (text) {
        spec = json_pack("{s:s}", "type", text);
    }
    if (!spec || !json_is_string(json_object_get(spec, "type")))
        AKIN_FAIL(
            AKIN_E_ARG,
            "%s: of: part %zu (must be a model's name, name:key=value;key=value, or an object "
            "with type)",
            m->cls->name, i + 1);
    *out = spec;
    spec = NULL;
done:
    json_decref(spec);
    mem_free(m->ctx, pairs);
    return status;
}

static akin_status part_create(struct model *m, size_t i, const json_t *member, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_error inner = {0};
    const struct model_class *cls;
    json_t *spec = NULL, *type = NULL;
    int depth = 1;
    AKIN_TRY(read_member(m, i, member, &spec, err));
    type = json_incref(json_object_get(spec, "type"));
    json_object_del(spec, "type");
    json_object_del(spec, "name");
    status = model_class_get(json_string_value(type), &cls, &inner);
    for (const struct model *up = m; up->whole; up = up->whole)
        depth++;
    if (status == AKIN_OK && (cls->flags & MODEL_COMPOSITE) && depth >= PARTS_DEPTH)
        AKIN_FAIL(AKIN_E_ARG, "%s: of: %s is one composite too deep (at most %d)", m->cls->name,
                  cls->name, PARTS_DEPTH);
    if (status == AKIN_OK)
        status = model_create_part(m->ctx, cls, spec, m, &m->part[i], &inner);
    if (status != AKIN_OK)
        AKIN_FAIL(status, "%s: of: part %zu: %s", m->cls->name, i + 1, inner.message);
    m->part[i]->place = (int32_t)i;
done:
    json_decref(type);
    json_decref(spec);
    return status;
}

akin_status parts_member(const struct model *m, int32_t i, json_t **out, akin_error *err)
{
    return read_member(m, (size_t)i, json_array_get(of_list(m), (size_t)i), out, err);
}

akin_status parts_create(struct model *m, akin_error *err)
{
    akin_status status = AKIN_OK;
    json_t *list = of_list(m), *member;
    size_t i, n = json_array_size(list);
    if (n < 1 || n > PARTS_MAX)
        AKIN_FAIL(AKIN_E_ARG, "%s: of has %zu parts (must be 1..%d)", m->cls->name, n, PARTS_MAX);
    MEM_ZERO(m->ctx, m->part, n);
    MEM_ZERO(m->ctx, m->ask, n);
    m->n_parts = (int32_t)n;
    json_array_foreach(list, i, member)
        AKIN_TRY(part_create(m, i, member, err));
done:
    return status;
}

void parts_free(struct model *m)
{
    for (int32_t p = 0; p < m->n_parts; p++) {
        dense_close(&m->ask[p]);
        model_free(m->part[p]);
    }
    mem_free(m->ctx, m->part);
    mem_free(m->ctx, m->ask);
}

/* What a part looks at and the whole owns. */
static void part_borrow(struct model *part)
{
    const struct model *m = part->whole;
    part->data = m->data;
    part->file = m->file;
    part->users = m->users;
    part->items = m->items;
    part->item_table = m->item_table;
    part->user_table = m->user_table;
    part->tags = m->tags;
    part->hist = m->hist;
    part->types = m->types;
    part->item_count = m->item_count;
    part->feedback = m->feedback;
    part->now = m->now;
    part->value_lo = m->value_lo;
    part->value_hi = m->value_hi;
    part->time_kind = m->time_kind;
    part->watermark = m->watermark;
}

static akin_status part_open(struct model *m, int32_t p, akin_error *err)
{
    const struct scorer scorer = model_scorer(m->part[p]);
    return dense_open(m->ctx, &scorer, &m->ask[p], err);
}

akin_status parts_fit(struct model *m, const struct train_view *tv, const struct fit_control *ctl,
                      akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct model *warm = ctl->warm;
    for (int32_t p = 0; p < m->n_parts; p++) {
        struct model *part = m->part[p];
        struct fit_control own = {0};
        part_borrow(part);
        if (warm && warm->n_parts == m->n_parts && warm->part[p]->cls == part->cls)
            own = (struct fit_control){
                .warm = warm->part[p], .warm_user = ctl->warm_user, .warm_item = ctl->warm_item};
        log_write(m->ctx, AKIN_LOG_DEBUG, "%s: part %d of %d: %s", m->cls->name, p + 1, m->n_parts,
                  part->cls->name);
        AKIN_TRY(ctx_check(m->ctx, err));
        if (part->cls->flags & MODEL_COMPOSITE)
            AKIN_TRY(parts_fit(part, tv, &own, err));
        AKIN_TRY(part->cls->fit(part, tv, &own, err));
        AKIN_TRY(part_open(m, p, err));
    }
done:
    return status;
}

void parts_prefix(const struct model *part, char out[PARTS_PREFIX])
{
    int32_t place[PARTS_DEPTH];
    int n = 0;
    size_t at = 0;
    for (const struct model *m = part; m->whole && n < PARTS_DEPTH; m = m->whole)
        place[n++] = m->place;
    out[0] = '\0';
    while (n > 0 && at + 4 < PARTS_PREFIX)
        at += (size_t)snprintf(out + at, PARTS_PREFIX - at, "p%d.", (int)place[--n]);
}

akin_status parts_save(const struct model *m, struct container_writer *w, akin_error *err)
{
    akin_status status = AKIN_OK;
    char prefix[PARTS_PREFIX];
    for (int32_t p = 0; p < m->n_parts; p++) {
        const struct model *part = m->part[p];
        AKIN_TRY(parts_save(part, w, err));
        parts_prefix(part, prefix);
        container_write_under(w, prefix);
        AKIN_TRY(part->cls->save(part, w, err));
    }
done:
    parts_prefix(m, prefix);
    container_write_under(w, prefix);
    return status;
}

akin_status parts_load(struct model *m, struct container *c, akin_error *err)
{
    akin_status status = AKIN_OK;
    char prefix[PARTS_PREFIX];
    for (int32_t p = 0; p < m->n_parts; p++) {
        struct model *part = m->part[p];
        part_borrow(part);
        AKIN_TRY(parts_load(part, c, err));
        parts_prefix(part, prefix);
        container_read_under(c, prefix);
        AKIN_TRY(part->cls->load(part, c, err));
        AKIN_TRY(part_open(m, p, err));
    }
done:
    parts_prefix(m, prefix);
    container_read_under(c, prefix);
    return status;
}
