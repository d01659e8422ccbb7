/*
 * Look-ups: items, users and their events, page by page, and everything about one person.
 */
#include "core/json.h"
#include "core/text.h"
#include "live/engine.h"

#include <string.h>

/* ---- Items ---- */

akin_status item_find(struct live *l, const char *id, int32_t *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    *out = l->catalog ? catalog_find(l->catalog, id, strlen(id)) : -1;
    if (*out < 0 || !catalog_is_alive(l->catalog, *out))
        AKIN_FAIL(AKIN_E_NOT_FOUND, "item '%.100s' is not in the catalogue", id);
done:
    return status;
}

akin_status live_item_json(struct live_slot *s, const char *item_id, struct buf *out,
                           akin_error *err)
{
    akin_status status = AKIN_OK;
    struct live *l = s->l;
    struct jw jw;
    int32_t item;
    AKIN_TRY(item_find(l, item_id, &item, err));
    jw_init(&jw, out);
    jw_open(&jw, '{');
    catalog_enter(l->catalog);
    catalog_json(l->catalog, item, &jw);
    catalog_leave(l->catalog);
    jw_close(&jw, '}');
    AKIN_TRY(buf_check(out, err));
done:
    return status;
}

/* ---- Users ---- */

/* The user in the default generation, or -1: unknown, or erased since. */
static akin_status user_in(struct live_slot *s, const struct generation *g, const char *user_id,
                           int32_t *user, int32_t *n_late, int64_t *version, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct live_event *late;
    int64_t erased;
    size_t size = strlen(user_id);
    AKIN_TRY(people_read(&s->l->people, user_id, size, g->m->watermark, &s->arena, &late, n_late,
                         version, &erased, err));
    *user = erased > g->m->watermark ? -1 : ids_find(&g->m->users, user_id, size);
done:
    return status;
}

static bool take_attributes(void *arg, const struct store_entity *e)
{
    struct buf *out = arg;
    if (e->attributes)
        buf_text(out, e->attributes);
    return false;
}

/* Attributes as one JSON object: the model's table, and what was put later instead. */
static akin_status attributes_json(struct live_slot *s, const struct generation *g, int32_t user,
                                   const char *user_id, struct jw *jw, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_error local;
    const struct table *t = &g->m->user_table;
    char text[1024];
    buf_clear(&s->buf);
    if (s->l->store) {
        akin_status found =
            store_entity_get(s->l->store, STORE_USER, user_id, take_attributes, &s->buf, &local);
        if (found != AKIN_OK && found != AKIN_E_NOT_FOUND)
            AKIN_FAIL(found, "%s", local.message);
    }
    if (s->buf.size > 0) {
        AKIN_TRY(buf_check(&s->buf, err));
        jw_raw(jw, s->buf.data);
        goto done;
    }
    jw_open(jw, '{');
    for (int32_t c = 0; user >= 0 && c < t->n_cols; c++) {
        const struct column *col = &t->cols[c];
        if (col->type == COL_NUMBER && isnan(col->num[user]))
            continue;
        if (col->type != COL_NUMBER && table_cell_text(col, user, text, sizeof text) == 0)
            continue;
        jw_key(jw, col->name);
        if (col->type == COL_NUMBER) {
            jw_double(jw, col->num[user]);
        } else {
            text_clean(text); /* a character cut at the end of the room */
            jw_string(jw, text);
        }
    }
    jw_close(jw, '}');
done:
    return status;
}

akin_status live_user_json(struct live_slot *s, const char *user_id, struct buf *out,
                           akin_error *err)
{
    akin_status status = AKIN_OK;
    struct generation *g = NULL;
    struct jw jw;
    int32_t user, n_late;
    int64_t version;
    slot_begin(s);
    AKIN_TRY(generation_get(s->l, NULL, &g, err));
    AKIN_TRY(user_in(s, g, user_id, &user, &n_late, &version, err));
    jw_init(&jw, out);
    jw_open(&jw, '{');
    jw_key(&jw, "user_id");
    jw_string(&jw, user_id);
    jw_key(&jw, "trained");
    jw_bool(&jw, user >= 0);
    jw_key(&jw, "events_trained");
    jw_int(&jw, user >= 0 ? histories_of(&g->m->hist, user).n : 0);
    jw_key(&jw, "events_since");
    jw_int(&jw, n_late);
    jw_key(&jw, "attributes");
    int64_t at = out->size;
    AKIN_TRY(attributes_json(s, g, user, user_id, &jw, err));
    bool is_empty = out->size - at <= 2;
    jw_close(&jw, '}');
    AKIN_TRY(buf_check(out, err));
    if (user < 0 && n_late == 0 && is_empty)
        AKIN_FAIL(AKIN_E_NOT_FOUND, "user '%.100s' is not known", user_id);
done:
    generation_put(s->l, g);
    return status;
}

/* ---- Events ---- */

struct page {
    struct live_slot *s;
    struct jw *jw;
    int64_t most, n;
    int64_t last; /* sequence of the last one written */
    bool more;
};

static void event_json(struct jw *jw, struct catalog *c, const struct store_event *e)
{
    char when[32];
    int32_t item = catalog_find(c, e->item_id, strlen(e->item_id));
    jw_open(jw, '{');
    jw_key(jw, "event_id");
    jw_string(jw, e->event_id);
    jw_key(jw, "user_id");
    jw_string(jw, e->user_id);
    jw_key(jw, "item_id");
    jw_string(jw, e->item_id);
    if (item >= 0) {
        catalog_enter(c);
        title_json(c, item, jw);
        catalog_leave(c);
    }
    if (*e->event_type) {
        jw_key(jw, "event_type");
        jw_string(jw, e->event_type);
    }
    if (!isnan(e->value)) {
        jw_key(jw, "value");
        jw_double(jw, e->value);
    }
    jw_key(jw, "time");
    text_from_unix(e->time, when, sizeof when);
    jw_string(jw, when);
    if (e->context) {
        jw_key(jw, "context");
        jw_raw(jw, e->context);
    }
    jw_key(jw, "seq");
    jw_int(jw, e->seq);
    jw_close(jw, '}');
}

static bool page_event(void *arg, const struct store_event *e)
{
    struct page *p = arg;
    if (p->n == p->most) {
        p->more = true;
        return false;
    }
    event_json(p->jw, p->s->l->catalog, e);
    p->last = e->seq;
    p->n++;
    return true;
}

/* One event of a model's history: it has no sequence. */
static void trained_json(struct jw *jw, struct catalog *c, const struct generation *g,
                         const char *user_id, const struct history *h, int32_t i)
{
    char when[32];
    jw_open(jw, '{');
    jw_key(jw, "user_id");
    jw_string(jw, user_id);
    catalog_enter(c);
    item_name_json(c, g->item[h->item[i]], jw);
    catalog_leave(c);
    if (h->type && h->type[i] < g->m->types.n) {
        int32_t size;
        const char *text = strtab_get(&g->m->types, h->type[i], &size);
        if (size > 0) {
            jw_key(jw, "event_type");
            jw_string_n(jw, text, (size_t)size);
        }
    }
    if (h->value) {
        jw_key(jw, "value");
        jw_float(jw, h->value[i]);
    }
    if (h->time && g->m->time_kind == TIME_UNIX) {
        jw_key(jw, "time");
        text_from_unix(h->time[i], when, sizeof when);
        jw_string(jw, when);
    }
    jw_close(jw, '}');
}

static akin_status page_check(int64_t most, akin_error *err)
{
    if (most < 1 || most > 1000)
        return error_set(err, AKIN_E_ARG, __FILE__, __LINE__, "limit=%lld (must be 1..1000)",
                         (long long)most);
    return AKIN_OK;
}

/*
 * Pages go newest first: the store's events by sequence (cursor > 0), then those that the model was
 * trained on, newest first (cursor -1 - index).
 */
akin_status live_user_events(struct live_slot *s, const char *user_id, int64_t before, int64_t most,
                             struct buf *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct generation *g = NULL;
    struct jw jw;
    struct page p = {.s = s, .jw = &jw, .most = most};
    int32_t user, n_late;
    int64_t version;
    slot_begin(s);
    AKIN_TRY(page_check(most, err));
    AKIN_TRY(generation_get(s->l, NULL, &g, err));
    AKIN_TRY(user_in(s, g, user_id, &user, &n_late, &version, err));
    jw_init(&jw, out);
    jw_open(&jw, '{');
    jw_key(&jw, "events");
    jw_open(&jw, '[');
    if (s->l->store && before >= 0)
        AKIN_TRY(store_user_events(s->l->store, user_id, before, most + 1, page_event, &p, err));
    int64_t next = p.more ? p.last : 0;
    if (!p.more && user >= 0) {
        struct history h = histories_of(&g->m->hist, user);
        int64_t from = before < 0 ? -1 - before : h.n - 1;
        for (; from >= 0 && from < h.n && p.n < most; from--, p.n++)
            trained_json(&jw, s->l->catalog, g, user_id, &h, (int32_t)from);
        next = from >= 0 && from < h.n ? -1 - from : 0;
    }
    jw_close(&jw, ']');
    jw_key(&jw, "next");
    if (next != 0)
        jw_int(&jw, next);
    else
        jw_null(&jw);
    jw_close(&jw, '}');
    AKIN_TRY(buf_check(out, err));
done:
    generation_put(s->l, g);
    return status;
}

akin_status live_item_events(struct live_slot *s, const char *item_id, int64_t before, int64_t most,
                             struct buf *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct jw jw;
    struct page p = {.s = s, .jw = &jw, .most = most};
    slot_begin(s);
    AKIN_TRY(page_check(most, err));
    if (!s->l->catalog || catalog_find(s->l->catalog, item_id, strlen(item_id)) < 0)
        AKIN_FAIL(AKIN_E_NOT_FOUND, "item '%.100s' is not in the catalogue", item_id);
    jw_init(&jw, out);
    jw_open(&jw, '{');
    jw_key(&jw, "events");
    jw_open(&jw, '[');
    if (s->l->store)
        AKIN_TRY(store_item_events(s->l->store, item_id, before > 0 ? before : 0, most + 1,
                                   page_event, &p, err));
    jw_close(&jw, ']');
    jw_key(&jw, "next");
    if (p.more)
        jw_int(&jw, p.last);
    else
        jw_null(&jw);
    jw_close(&jw, '}');
    AKIN_TRY(buf_check(out, err));
done:
    return status;
}

/* ---- Everything about one person ---- */

static bool export_event(void *arg, const struct store_event *e)
{
    struct page *p = arg;
    event_json(p->jw, p->s->l->catalog, e);
    return !p->jw->buf->failed;
}

akin_status live_user_export(struct live_slot *s, const char *user_id, struct buf *out,
                             akin_error *err)
{
    akin_status status = AKIN_OK;
    struct live *l = s->l;
    struct generation *g = NULL;
    struct jw jw;
    struct page p = {.s = s, .jw = &jw};
    int32_t user, n_late;
    int64_t version;
    slot_begin(s);
    AKIN_TRY(generation_get(l, NULL, &g, err));
    AKIN_TRY(user_in(s, g, user_id, &user, &n_late, &version, err));
    jw_init(&jw, out);
    jw_open(&jw, '{');
    jw_key(&jw, "user_id");
    jw_string(&jw, user_id);
    jw_key(&jw, "attributes");
    AKIN_TRY(attributes_json(s, g, user, user_id, &jw, err));
    jw_key(&jw, "events");
    jw_open(&jw, '[');
    if (l->store)
        AKIN_TRY(store_user_events(l->store, user_id, 0, 0, export_event, &p, err));
    jw_close(&jw, ']');
    jw_key(&jw, "models");
    jw_open(&jw, '[');
    for (int i = 0;; i++) {
        struct generation *each = NULL;
        pthread_rwlock_rdlock(&l->models_lock);
        if (i < l->n_entries) {
            each = l->entry[i].current;
            atomic_fetch_add(&each->refs, 1);
        }
        pthread_rwlock_unlock(&l->models_lock);
        if (!each)
            break;
        status = user_in(s, each, user_id, &user, &n_late, &version, err);
        if (status == AKIN_OK && user >= 0) {
            struct history h = histories_of(&each->m->hist, user);
            jw_open(&jw, '{');
            jw_key(&jw, "model");
            jw_string(&jw, each->name);
            jw_key(&jw, "path");
            jw_string(&jw, each->path);
            jw_key(&jw, "events");
            jw_open(&jw, '[');
            for (int32_t e = 0; e < h.n; e++)
                trained_json(&jw, l->catalog, each, user_id, &h, e);
            jw_close(&jw, ']');
            jw_close(&jw, '}');
        }
        generation_put(l, each);
        AKIN_TRY(status);
    }
    jw_close(&jw, ']');
    jw_close(&jw, '}');
    AKIN_TRY(buf_check(out, err));
done:
    generation_put(l, g);
    return status;
}
