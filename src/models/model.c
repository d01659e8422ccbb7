/*
 * A model's life: create (parameters), fit (what every artifact carries, then the algorithm),
 * scorer and queries, free. Files are model_io.c.
 *
 * Ids, tables and histories are not copied: a fitted model is one more owner of its dataset, a
 * loaded one maps its file. Cost: what the algorithm itself takes; a fitted model keeps the whole
 * dataset, also what it has no use for (event tables, who tagged). Not done here: stopping early,
 * validation, progress of several models (train/).
 */
#include "models/model.h"

#include "models/model_impl.h"
#include "models/parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* params under our names: a new reference. */
static akin_status rename_aliases(const struct model_class *cls, const json_t *params, json_t **out,
                                  akin_error *err)
{
    akin_status status = AKIN_OK;
    json_t *ours = json_copy((json_t *)(uintptr_t)params);
    if (!ours)
        AKIN_FAIL(AKIN_E_MEMORY, "%s: out of memory for parameters", cls->name);
    for (const struct model_alias *a = cls->aliases; a->theirs; a++) {
        json_t *value = json_object_get(params, a->theirs);
        if (!value)
            continue;
        if (json_object_get(params, a->ours))
            AKIN_FAIL(AKIN_E_ARG, "%s: %s and %s are the same parameter; give one", cls->name,
                      a->theirs, a->ours);
        if (json_object_set(ours, a->ours, value) != 0)
            AKIN_FAIL(AKIN_E_MEMORY, "%s: out of memory for parameters", cls->name);
        (void)json_object_del(ours, a->theirs);
    }
    *out = ours;
    ours = NULL;
done:
    json_decref(ours);
    return status;
}

akin_status model_create_part(akin_ctx *ctx, const struct model_class *cls, const json_t *params,
                              struct model *whole, struct model **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct model *m = NULL;
    json_t *renamed = NULL;
    char *bytes = NULL;
    if (cls->aliases && json_is_object(params))
        AKIN_TRY(rename_aliases(cls, params, &renamed, err));
    MEM_ZERO(ctx, m, 1);
    m->ctx = ctx;
    m->cls = cls;
    m->whole = whole;
    arena_init(&m->arena, ctx);
    MEM_ZERO(ctx, bytes, cls->params_size > 0 ? cls->params_size : 1);
    m->params = bytes;
    MEM_ZERO(ctx, bytes, cls->self_size > 0 ? cls->self_size : 1);
    m->self = bytes;
    AKIN_TRY(param_parse(cls->name, cls->params, cls->n_params, renamed ? renamed : params,
                         &m->arena, m->params, err));
    if (cls->flags & MODEL_COMPOSITE)
        AKIN_TRY(parts_create(m, err));
    *out = m;
    m = NULL;
done:
    json_decref(renamed);
    model_free(m);
    return status;
}

akin_status model_create(akin_ctx *ctx, const struct model_class *cls, const json_t *params,
                         struct model **out, akin_error *err)
{
    return model_create_part(ctx, cls, params, NULL, out, err);
}

void model_free(struct model *m)
{
    if (!m)
        return;
    akin_ctx *ctx = m->ctx;
    if (m->self && m->cls->destroy)
        m->cls->destroy(m);
    mem_free(ctx, m->self);
    parts_free(m);
    mem_free(ctx, m->params);
    arena_free(&m->arena);
    if (m->whole) { /* the rest is the whole's */
        mem_free(ctx, m);
        return;
    }
    item_tags_free(ctx, &m->tags);
    histories_free(ctx, &m->hist);
    mem_free(ctx, m->item_count);
    feedback_free(m->feedback);
    json_decref(m->card);
    if (!m->data) { /* else all three are the dataset's */
        ids_free(ctx, &m->users);
        ids_free(ctx, &m->items);
        table_free(ctx, &m->item_table);
        table_free(ctx, &m->user_table);
    }
    dataset_free(m->data);
    container_close(m->file);
    mem_free(ctx, m);
}

static akin_status feedback_copy(akin_ctx *ctx, const struct feedback *from,
                                 const struct strtab *types, struct feedback **to, akin_error *err)
{
    akin_status status = AKIN_OK;
    json_t *json = feedback_to_json(from);
    if (!json)
        AKIN_FAIL(AKIN_E_MEMORY, "out of memory for a copy of the feedback rules");
    AKIN_TRY(feedback_from_json(ctx, json, types, to, err));
done:
    json_decref(json);
    return status;
}

/* What is known of a model at its fit; train/ adds metrics and times. */
static akin_status card_make(struct model *m, const struct train_view *tv, akin_error *err)
{
    akin_status status = AKIN_OK;
    char sum[17];
    snprintf(sum, sizeof sum, "%016" PRIx64, dataset_fingerprint(tv->ds));
    m->card =
        json_pack("{s:s, s:o, s:I, s:s, s:{s:s, s:I, s:I, s:I, s:I}}", "model", m->cls->name,
                  "params", param_dump(m->cls->params, m->cls->n_params, m->params), "seed",
                  (json_int_t)tv->seed, "akin", AKIN_VERSION, "data", "fingerprint", sum, "users",
                  (json_int_t)tv->ds->users.n, "items", (json_int_t)tv->ds->items.n, "events",
                  (json_int_t)tv->ds->n_events, "positives", (json_int_t)csr_nnz(&tv->by_user));
    if (!m->card)
        AKIN_FAIL(AKIN_E_MEMORY, "out of memory for the card of %s", m->cls->name);
done:
    return status;
}

/* A table of no columns has no rows in a model file either. */
static struct table table_or_none(const struct table *t)
{
    return t->n_cols > 0 ? *t : (struct table){0};
}

static akin_status common_take(struct model *m, const struct train_view *tv, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = m->ctx;
    const struct dataset *ds = tv->ds;
    if (ds->ctx != ctx)
        AKIN_FAIL(AKIN_E_ARG,
                  "%s: the dataset belongs to another context; open it with the model's own",
                  m->cls->name);
    m->data = dataset_share(ds);
    m->users = ds->users;
    m->items = ds->items;
    m->item_table = table_or_none(&ds->item_table);
    m->user_table = table_or_none(&ds->user_table);
    m->types = ds->types;
    m->hist = histories_share(&tv->hist);
    AKIN_TRY(item_tags_build(ctx, ds, &m->tags, err));
    AKIN_TRY(feedback_copy(ctx, tv->feedback, &m->types, &m->feedback, err));
    MEM_NEW(ctx, m->item_count, ds->items.n);
    memcpy(m->item_count, tv->item_count, (size_t)ds->items.n * sizeof *m->item_count);
    m->now = tv->now;
    dataset_value_range(ds, &m->value_lo, &m->value_hi);
    m->time_kind = ds->time_kind;
    m->watermark = ds->watermark;
    AKIN_TRY(card_make(m, tv, err));
done:
    return status;
}

akin_status model_fit(struct model *m, const struct train_view *tv, const struct fit_control *ctl,
                      akin_error *err)
{
    akin_status status = AKIN_OK;
    static const struct fit_control none = {0};
    if (m->card || m->data)
        AKIN_FAIL(AKIN_E_ARG, "%s: this model is fitted already; make a new one", m->cls->name);
    if (ctl && ctl->warm && ctl->warm->cls != m->cls)
        AKIN_FAIL(AKIN_E_ARG, "%s: cannot start from a model of type %s", m->cls->name,
                  ctl->warm->cls->name);
    AKIN_TRY(common_take(m, tv, err));
    if (m->cls->flags & MODEL_COMPOSITE)
        AKIN_TRY(parts_fit(m, tv, ctl ? ctl : &none, err));
    AKIN_TRY(m->cls->fit(m, tv, ctl ? ctl : &none, err));
done:
    return status;
}

akin_status model_fit_parts(struct model *m, const struct train_view *tv, akin_error *err)
{
    akin_status status = AKIN_OK;
    static const struct fit_control none = {0};
    AKIN_TRY(common_take(m, tv, err));
    AKIN_TRY(parts_fit(m, tv, &none, err));
done:
    return status;
}

void model_estimate(const struct model *m, int64_t n_users, int64_t n_items, int64_t nnz,
                    double *bytes, double *flops)
{
    double times = m->cls->flags & MODEL_OUT_OF_FOLD ? 2 : 1;
    *bytes = *flops = 0;
    if (m->cls->estimate)
        m->cls->estimate(m->params, n_users, n_items, nnz, bytes, flops);
    for (int32_t p = 0; p < m->n_parts; p++) {
        double own_bytes, own_flops;
        model_estimate(m->part[p], n_users, n_items, nnz, &own_bytes, &own_flops);
        *bytes += times * own_bytes;
        *flops += times * own_flops;
    }
}

struct scorer model_scorer(const struct model *m)
{
    uint32_t timed = 0;
    for (int32_t p = 0; p < m->n_parts; p++)
        timed |= model_scorer(m->part[p]).flags & SCORER_TIMED;
    return (struct scorer){.cls = &m->cls->scorer,
                           .self = m->self,
                           .flags = timed | (m->cls->scorer_flags ? m->cls->scorer_flags(m) : 0U),
                           .n_items = m->items.n,
                           .item_count = m->item_count};
}

struct query model_query_user(const struct model *m, int32_t user)
{
    struct query q = {.user = -1, .now = m->now};
    if (user >= 0 && user < m->users.n) {
        q.user = user;
        q.is_trained = true;
        q.hist = histories_of(&m->hist, user);
    }
    return q;
}
