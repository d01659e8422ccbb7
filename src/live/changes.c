/*
 * Changes: checked, stored, then in memory, then acknowledged, in that order and by one thread (the
 * store's), so that whoever got an answer 200 sees the change in the next one.
 *
 * A request is checked whole before anything is stored. Room in memory is reserved first: what
 * would not fit is refused (E_LIMIT), not acknowledged and lost. Cost: O(events) + a commit shared
 * with others.
 */
#include "core/json.h"
#include "core/text.h"
#include "live/jobs.h"
#include "live/retrain.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

enum { EVENT_ID = 33 }; /* a made one: 128 bits in hex */

struct live_change {
    struct live *l;
    live_done_fn done;
    void *arg;
    json_t *body; /* a reference: texts live in it */
    struct store_event *events;
    char (*made)[EVENT_ID]; /* ids that the client did not give */
    uint8_t *is_new;
    struct store_entity entity;
    char *id, *attributes; /* copies */
    struct store_write write;
};

static void change_free(struct live_change *c)
{
    akin_ctx *ctx = c->l->ctx;
    atomic_fetch_sub(&c->l->reserved, c->write.op == STORE_PUT_EVENTS ? c->write.n : 0);
    json_decref(c->body);
    mem_free(ctx, c->events);
    mem_free(ctx, c->made);
    mem_free(ctx, c->is_new);
    mem_free(ctx, c->id);
    mem_free(ctx, c->attributes);
    mem_free(ctx, c);
}

static akin_status change_new(struct live *l, live_done_fn done, void *arg,
                              struct live_change **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct live_change *c = NULL;
    if (!l->store)
        AKIN_FAIL(AKIN_E_UNSUPPORTED, "no store is configured (store: {url: sqlite:akin.db}): "
                                      "changes cannot be kept");
    if (!l->catalog || !l->is_started)
        AKIN_FAIL(AKIN_E_UNSUPPORTED, "the engine is not started yet");
    MEM_ZERO(l->ctx, c, 1);
    c->l = l;
    c->done = done;
    c->arg = arg;
    c->write.arg = c;
    *out = c;
done:
    return status;
}

/* ---- Into memory ---- */

static akin_status recent_add(struct live *l, const struct live_event *e, akin_error *err)
{
    akin_status status = AKIN_OK;
    pthread_rwlock_wrlock(&l->recent_lock);
    if (l->n_recent == l->cap_recent) {
        int64_t cap = l->cap_recent ? l->cap_recent * 2 : 1024;
        void *recent = mem_resize(l->ctx, l->recent, cap, sizeof *l->recent, err);
        if (!recent)
            AKIN_TRY(AKIN_E_MEMORY);
        l->recent = recent;
        l->cap_recent = cap;
    }
    l->recent[l->n_recent++] = (struct recent){e->seq, e->time, e->item};
done:
    pthread_rwlock_unlock(&l->recent_lock);
    return status;
}

/* The person's part of an event. */
static akin_status person_event(struct live *l, const struct store_event *e, struct live_event *x,
                                akin_error *err)
{
    akin_status status = AKIN_OK;
    size_t size = strlen(e->item_id);
    *x = (struct live_event){.seq = e->seq, .time = e->time, .value = (float)e->value};
    x->item = catalog_find(l->catalog, e->item_id, size);
    if (x->item < 0)
        AKIN_TRY(catalog_put(l->catalog, e->item_id, size, NULL, &x->item, err));
    AKIN_TRY(type_number(l, e->event_type, &x->type, err));
    AKIN_TRY(people_add(&l->people, e->user_id, strlen(e->user_id), x, err));
done:
    return status;
}

/* A durable event joins its person, the catalogue and the counts. */
static akin_status event_apply(struct live *l, const struct store_event *e, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct live_event x;
    AKIN_TRY(person_event(l, e, &x, err));
    AKIN_TRY(recent_add(l, &x, err));
    l->n_events++;
    if (l->jobs)
        jobs_note_events(l->jobs, l->n_events);
done:
    return status;
}

static void event_convert(struct live *l, const struct store_event *e)
{
    if (l->experiments)
        experiments_event(l->experiments, e->user_id, e->item_id, e->event_type, e->time, e->seq);
}

static void fell_behind(struct live *l, const akin_error *err)
{
    (void)err;
    l->is_behind = true;
}

static void events_done(struct store_write *w, akin_status status, const akin_error *err)
{
    struct live_change *c = w->arg;
    char text[128];
    akin_error local;
    int64_t seq = w->first_seq;
    for (int64_t i = 0; status == AKIN_OK && i < w->n; i++) {
        if (!c->is_new[i])
            continue;
        struct store_event e = w->events[i];
        e.seq = seq++;
        if (event_apply(c->l, &e, &local) != AKIN_OK)
            fell_behind(c->l, &local);
        event_convert(c->l, &e);
    }
    snprintf(text, sizeof text, "{\"accepted\":%lld,\"duplicates\":%lld,\"seq\":%lld}",
             (long long)w->n_new, (long long)(w->n - w->n_new),
             (long long)(w->n_new ? seq - 1 : 0));
    c->done(c->arg, status, status == AKIN_OK ? text : NULL, err);
    change_free(c);
}

/* ---- Events from JSON ---- */

static bool make_id(char out[EVENT_ID])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char bits[16];
    if (getrandom(bits, sizeof bits, 0) != (ssize_t)sizeof bits)
        return false;
    for (int i = 0; i < 16; i++) {
        out[2 * i] = digits[bits[i] >> 4];
        out[2 * i + 1] = digits[bits[i] & 15];
    }
    out[32] = '\0';
    return true;
}

static akin_status text_of(const json_t *object, const char *key, int64_t at, size_t most,
                           bool is_needed, const char **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    const json_t *value = json_object_get(object, key);
    *out = NULL;
    if (!value || json_is_null(value)) {
        if (is_needed)
            AKIN_FAIL(AKIN_E_INPUT, "event %lld: %s is missing", (long long)at, key);
        goto done;
    }
    if (!json_is_string(value))
        AKIN_FAIL(AKIN_E_INPUT, "event %lld: %s must be a text", (long long)at, key);
    size_t size = json_string_length(value);
    *out = json_string_value(value);
    if (size != strlen(*out) || size > most || (is_needed && size == 0))
        AKIN_FAIL(AKIN_E_INPUT, "event %lld: %s has %zu bytes (must be 1..%zu, no NUL)",
                  (long long)at, key, size, most);
done:
    return status;
}

static akin_status time_of(const json_t *value, int64_t at, int64_t *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    *out = live_now();
    if (!value || json_is_null(value))
        goto done;
    bool is_good = false;
    if (json_is_integer(value)) {
        *out = json_integer_value(value);
        is_good = true;
    } else if (json_is_string(value)) {
        is_good = text_to_unix(json_string_value(value), json_string_length(value), out);
    }
    if (!is_good || *out < 0 || *out > live_now() + 86400)
        AKIN_FAIL(AKIN_E_INPUT,
                  "event %lld: time must be Unix seconds or RFC 3339, not after tomorrow",
                  (long long)at);
done:
    return status;
}

static akin_status event_parse(struct live_change *c, json_t *object, int64_t at, akin_error *err)
{
    static const char *const keys[] = {"event_id", "user_id", "item_id", "event_type",
                                       "value",    "time",    "context"};
    akin_status status = AKIN_OK;
    struct store_event *e = &c->events[at];
    const char *key;
    json_t *value;
    if (!json_is_object(object))
        AKIN_FAIL(AKIN_E_INPUT, "event %lld: must be an object", (long long)at);
    json_object_foreach(object, key, value) {
        size_t i = 0;
        while (i < sizeof keys / sizeof keys[0] && strcmp(key, keys[i]) != 0)
            i++;
        if (i == sizeof keys / sizeof keys[0])
            AKIN_FAIL(AKIN_E_INPUT,
                      "event %lld: unknown key '%.40s' (known: event_id, user_id, item_id, "
                      "event_type, value, time, context)",
                      (long long)at, key);
    }
    AKIN_TRY(text_of(object, "user_id", at, STORE_ID_MAX, true, &e->user_id, err));
    AKIN_TRY(text_of(object, "item_id", at, STORE_ID_MAX, true, &e->item_id, err));
    AKIN_TRY(text_of(object, "event_id", at, STORE_ID_MAX, false, &e->event_id, err));
    AKIN_TRY(text_of(object, "event_type", at, STORE_TYPE_MAX, false, &e->event_type, err));
    if (!e->event_type)
        e->event_type = "";
    if (!e->event_id || !*e->event_id) {
        if (!make_id(c->made[at]))
            AKIN_FAIL(AKIN_E_IO, "no random numbers: %s", strerror(errno));
        e->event_id = c->made[at];
    }
    value = json_object_get(object, "value");
    e->value = (double)NAN;
    if (value && !json_is_null(value)) {
        if (!json_is_number(value) || !isfinite(json_number_value(value)))
            AKIN_FAIL(AKIN_E_INPUT, "event %lld: value must be a number", (long long)at);
        e->value = json_number_value(value);
    }
    AKIN_TRY(time_of(json_object_get(object, "time"), at, &e->time, err));
    value = json_object_get(object, "context");
    if (value && !json_is_null(value)) {
        if (!json_is_object(value))
            AKIN_FAIL(AKIN_E_INPUT, "event %lld: context must be an object", (long long)at);
        /* kept as text in the body, which lives as long as the write */
        char *text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS);
        if (!text || json_object_set_new(object, "context", json_string(text)) != 0) {
            free(text);
            AKIN_FAIL(AKIN_E_MEMORY, "event %lld: context", (long long)at);
        }
        free(text);
        e->context = json_string_value(json_object_get(object, "context"));
    }
    /* a kind that could not be counted any more must not be acknowledged */
    uint8_t type;
    AKIN_TRY(type_number(c->l, e->event_type, &type, err));
done:
    return status;
}

akin_status live_put_events(struct live *l, const json_t *body, live_done_fn done, void *arg,
                            akin_error *err)
{
    akin_status status = AKIN_OK;
    struct live_change *c = NULL;
    json_t *copy = NULL;
    AKIN_TRY(change_new(l, done, arg, &c, err));
    copy = json_deep_copy(body);
    if (!copy)
        AKIN_FAIL(AKIN_E_MEMORY, "events: no room");
    json_t *list = json_is_object(copy) ? json_object_get(copy, "events") : copy;
    c->body = copy;
    if (json_is_object(copy) && !list) { /* one, by itself */
        c->body = json_pack("[o]", copy);
        list = c->body;
    }
    if (!json_is_array(list) || json_array_size(list) == 0)
        AKIN_FAIL(AKIN_E_INPUT, "events: give one event, an array, or {\"events\": [...]}");
    int64_t n = (int64_t)json_array_size(list);
    if (n > l->p.max_batch)
        AKIN_FAIL(AKIN_E_LIMIT, "%lld events in one request (at most max_batch=%lld)", (long long)n,
                  (long long)l->p.max_batch);
    MEM_ZERO(l->ctx, c->events, n);
    MEM_ZERO(l->ctx, c->made, n);
    MEM_ZERO(l->ctx, c->is_new, n);
    for (int64_t i = 0; i < n; i++)
        AKIN_TRY(event_parse(c, json_array_get(list, (size_t)i), i, err));
    c->write.op = STORE_PUT_EVENTS;
    c->write.n = n;
    if (atomic_fetch_add(&l->reserved, n) + n + l->people.n_events > l->p.max_overlay)
        AKIN_FAIL(AKIN_E_LIMIT,
                  "%lld events are held beside the models (max_overlay=%lld): retrain, or raise it",
                  (long long)l->people.n_events, (long long)l->p.max_overlay);
    c->write.events = c->events;
    c->write.is_new = c->is_new;
    c->write.done = events_done;
    AKIN_TRY(store_submit(l->store, &c->write, err));
    c = NULL;
done:
    if (c)
        change_free(c);
    return status;
}

/* ---- Items and users ---- */

static void entity_done(struct store_write *w, akin_status status, const akin_error *err)
{
    struct live_change *c = w->arg;
    struct live *l = c->l;
    const char *key = c->entity.kind == STORE_ITEM ? "item_id" : "user_id";
    akin_error local = {0};
    struct buf out;
    struct jw jw;
    int32_t item;
    if (status == AKIN_OK && c->entity.kind == STORE_ITEM) {
        akin_status applied =
            c->body ? catalog_put(l->catalog, c->id, strlen(c->id), c->body, &item, &local)
                    : catalog_delete(l->catalog, c->id, strlen(c->id), &local);
        if (applied != AKIN_OK && applied != AKIN_E_NOT_FOUND)
            fell_behind(l, &local);
    }
    buf_init(&out, l->ctx);
    jw_init(&jw, &out);
    jw_open(&jw, '{');
    jw_key(&jw, key);
    jw_string(&jw, c->id);
    jw_key(&jw, "seq");
    jw_int(&jw, w->first_seq);
    jw_close(&jw, '}');
    c->done(c->arg, status, status == AKIN_OK ? out.data : NULL, err);
    buf_free(&out);
    change_free(c);
}

/* attributes NULL = deletion. */
static akin_status entity_put(struct live *l, enum store_kind kind, const char *id,
                              const json_t *attributes, live_done_fn done, void *arg,
                              akin_error *err)
{
    akin_status status = AKIN_OK;
    struct live_change *c = NULL;
    struct buf text;
    buf_init(&text, l->ctx);
    AKIN_TRY(change_new(l, done, arg, &c, err));
    c->id = mem_strdup(l->ctx, id, err);
    if (!c->id)
        AKIN_TRY(AKIN_E_MEMORY);
    if (attributes) {
        if (!json_is_object(attributes))
            AKIN_FAIL(AKIN_E_INPUT, "attributes must be an object");
        if (kind == STORE_ITEM) /* types and limits, before anything is stored */
            AKIN_TRY(catalog_check(l->catalog, id, strlen(id), attributes, err));
        AKIN_TRY(json_write(attributes, &text, err));
        if (text.size > STORE_JSON_MAX)
            AKIN_FAIL(AKIN_E_LIMIT, "attributes of %lld bytes (at most %d)", (long long)text.size,
                      STORE_JSON_MAX);
        c->attributes = mem_strdup(l->ctx, text.data, err);
        c->body = json_deep_copy(attributes);
        if (!c->attributes || !c->body)
            AKIN_FAIL(AKIN_E_MEMORY, "attributes: no room");
    }
    c->entity = (struct store_entity){.kind = kind, .id = c->id, .attributes = c->attributes};
    c->write.op = STORE_PUT_ENTITY;
    c->write.entity = &c->entity;
    c->write.done = entity_done;
    AKIN_TRY(store_submit(l->store, &c->write, err));
    c = NULL;
done:
    buf_free(&text);
    if (c)
        change_free(c);
    return status;
}

akin_status live_put_item(struct live *l, const char *item_id, const json_t *attributes,
                          live_done_fn done, void *arg, akin_error *err)
{
    return entity_put(l, STORE_ITEM, item_id, attributes, done, arg, err);
}

akin_status live_delete_item(struct live *l, const char *item_id, live_done_fn done, void *arg,
                             akin_error *err)
{
    akin_status status = AKIN_OK;
    int32_t item = l->catalog ? catalog_find(l->catalog, item_id, strlen(item_id)) : -1;
    if (item < 0 || !catalog_is_alive(l->catalog, item))
        AKIN_FAIL(AKIN_E_NOT_FOUND, "item '%.100s' is not in the catalogue", item_id);
    AKIN_TRY(entity_put(l, STORE_ITEM, item_id, NULL, done, arg, err));
done:
    return status;
}

akin_status live_put_user(struct live *l, const char *user_id, const json_t *attributes,
                          live_done_fn done, void *arg, akin_error *err)
{
    return entity_put(l, STORE_USER, user_id, attributes, done, arg, err);
}

/* ---- Erasure ---- */

static void receipt_json(struct live *l, const struct store_write *w, struct jw *jw)
{
    char when[32];
    text_from_unix(live_now(), when, sizeof when);
    jw_open(jw, '{');
    jw_key(jw, "user_id");
    jw_string(jw, w->id);
    jw_key(jw, "time");
    jw_string(jw, when);
    jw_key(jw, "seq");
    jw_int(jw, w->first_seq);
    jw_key(jw, "events_deleted");
    jw_int(jw, w->n_deleted);
    jw_key(jw, "artifacts");
    jw_open(jw, '[');
    pthread_rwlock_rdlock(&l->models_lock);
    for (int i = 0; i < l->n_entries; i++) {
        const struct generation *all[] = {l->entry[i].current, l->entry[i].previous,
                                          l->entry[i].canary};
        for (size_t j = 0; j < sizeof all / sizeof all[0]; j++) {
            if (!all[j] || ids_find(&all[j]->m->users, w->id, strlen(w->id)) < 0)
                continue;
            jw_open(jw, '{');
            jw_key(jw, "model");
            jw_string(jw, l->entry[i].name);
            jw_key(jw, "path");
            jw_string(jw, all[j]->path);
            jw_key(jw, "until");
            jw_string(jw, "the next training from the store");
            jw_close(jw, '}');
        }
    }
    pthread_rwlock_unlock(&l->models_lock);
    jw_close(jw, ']');
    jw_close(jw, '}');
}

static void erase_done(struct store_write *w, akin_status status, const akin_error *err)
{
    struct live_change *c = w->arg;
    struct live *l = c->l;
    akin_error local;
    struct buf out;
    struct jw jw;
    buf_init(&out, l->ctx);
    jw_init(&jw, &out);
    if (status == AKIN_OK &&
        people_erase(&l->people, w->id, strlen(w->id), w->first_seq, &local) != AKIN_OK)
        fell_behind(l, &local);
    if (status == AKIN_OK && l->experiments)
        experiments_erase(l->experiments, w->id, w->first_seq);
    if (status == AKIN_OK)
        receipt_json(l, w, &jw);
    c->done(c->arg, status, status == AKIN_OK ? out.data : NULL, err);
    buf_free(&out);
    change_free(c);
}

akin_status live_erase_user(struct live *l, const char *user_id, live_done_fn done, void *arg,
                            akin_error *err)
{
    akin_status status = AKIN_OK;
    struct live_change *c = NULL;
    AKIN_TRY(change_new(l, done, arg, &c, err));
    c->id = mem_strdup(l->ctx, user_id, err);
    if (!c->id)
        AKIN_TRY(AKIN_E_MEMORY);
    c->write.op = STORE_ERASE_USER;
    c->write.id = c->id;
    c->write.done = erase_done;
    AKIN_TRY(store_submit(l->store, &c->write, err));
    c = NULL;
done:
    if (c)
        change_free(c);
    return status;
}

/* ---- At the start: what the store has ---- */

struct replay {
    struct live *l;
    int64_t watermark; /* of the oldest model: its histories hold what is before */
    akin_status status;
    akin_error *err;
};

static bool replay_item(void *arg, const struct store_entity *e)
{
    struct replay *r = arg;
    json_t *object = NULL;
    int32_t item;
    size_t size = strlen(e->id);
    if (!e->attributes) {
        akin_status status = catalog_delete(r->l->catalog, e->id, size, r->err);
        r->status = status == AKIN_E_NOT_FOUND ? AKIN_OK : status;
        return r->status == AKIN_OK;
    }
    r->status = json_parse("item", e->attributes, strlen(e->attributes), &object, r->err);
    if (r->status == AKIN_OK)
        r->status = catalog_put(r->l->catalog, e->id, size, object, &item, r->err);
    json_decref(object);
    return r->status == AKIN_OK;
}

static bool replay_erased(void *arg, int64_t seq, const char *user_id, int64_t time)
{
    struct replay *r = arg;
    (void)time;
    r->status = people_erase(&r->l->people, user_id, strlen(user_id), seq, r->err);
    if (r->status == AKIN_OK && r->l->experiments)
        r->status = experiments_erased(r->l->experiments, user_id, seq, r->err);
    return r->status == AKIN_OK;
}

static bool is_overlay_full(struct replay *r)
{
    if (r->l->people.n_events < r->l->p.max_overlay)
        return false;
    r->status = error_set(r->err, AKIN_E_LIMIT, __FILE__, __LINE__,
                          "the store has more than max_overlay=%lld events after the oldest "
                          "model's watermark: train from the store, or raise it",
                          (long long)r->l->p.max_overlay);
    return true;
}

static bool replay_forgotten(void *arg, const struct store_event *e)
{
    struct replay *r = arg;
    struct live_event x;
    if (e->seq > r->l->forgotten || is_overlay_full(r))
        return false;
    r->status = person_event(r->l, e, &x, r->err);
    return r->status == AKIN_OK;
}

akin_status remember(struct live *l, int64_t watermark, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct replay r = {.l = l, .err = err};
    if (!l->store || watermark >= l->forgotten)
        goto done;
    status = store_events(l->store, watermark, 0, replay_forgotten, &r, err);
    if (status == AKIN_OK)
        status = r.status;
    if (status == AKIN_OK)
        l->forgotten = watermark;
    else
        people_forget(&l->people, l->forgotten, -1, INT64_MIN);
done:
    return status;
}

static bool replay_event(void *arg, const struct store_event *e)
{
    struct replay *r = arg;
    event_convert(r->l, e);
    if (e->seq <= r->watermark)
        return true;
    if (is_overlay_full(r))
        return false;
    r->status = event_apply(r->l, e, r->err);
    return r->status == AKIN_OK;
}

/* Experiments may know less of the store than the models. */
static akin_status replay_store(struct live *l, int64_t watermark, int64_t last_seq,
                                akin_error *err)
{
    akin_status status = AKIN_OK;
    struct replay r = {.l = l, .watermark = watermark, .err = err};
    int64_t after = watermark, counted = last_seq;
    if (l->experiments)
        AKIN_TRY(experiments_load(l->experiments, last_seq, &counted, err));
    after = counted < after ? counted : after;
    AKIN_TRY(store_entities(l->store, STORE_ITEM, 0, replay_item, &r, err));
    AKIN_TRY(r.status);
    AKIN_TRY(store_erased(l->store, replay_erased, &r, err));
    AKIN_TRY(r.status);
    AKIN_TRY(store_events(l->store, after, 0, replay_event, &r, err));
    AKIN_TRY(r.status);
done:
    return status;
}

static akin_status check_arms(struct live *l, akin_error *err)
{
    akin_status status = AKIN_OK;
    for (int i = 0; i < experiments_count(l->experiments); i++) {
        const struct experiment *e = experiments_at(l->experiments, i);
        for (int a = 0; a < e->n_arms; a++)
            if (!entry_find(l, e->arm[a].model))
                AKIN_FAIL(AKIN_E_ARG, "experiment %s: arm %s: model '%s' is not served", e->name,
                          e->arm[a].name, e->arm[a].model);
    }
done:
    return status;
}

akin_status live_start(struct live *l, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t watermark = INT64_MAX, newest = 0;
    if (!l->catalog)
        AKIN_FAIL(AKIN_E_ARG, "serve: no model is loaded (give models: or --model NAME=PATH)");
    if (l->retrain)
        retrain_resume(l);
    AKIN_TRY(check_arms(l, err));
    for (int i = 0; i < 2 * l->n_entries; i++) { /* those that wait for a rollback too */
        const struct entry *e = &l->entry[i / 2];
        const struct generation *g = i % 2 ? e->previous : e->current;
        int64_t known = g ? g->m->watermark : e->current->m->watermark;
        watermark = known < watermark ? known : watermark;
        newest = known > newest ? known : newest;
    }
    if (l->store) {
        struct store_info info;
        store_info(l->store, &info);
        if (newest > info.last_seq)
            AKIN_FAIL(AKIN_E_INPUT,
                      "the models know the store up to %lld, this one ends at %lld: another store, "
                      "or an older copy; its new events would be taken for known ones",
                      (long long)newest, (long long)info.last_seq);
        AKIN_TRY(replay_store(l, watermark, info.last_seq, err));
    }
    l->forgotten = watermark; /* what is older was not read */
    if (l->experiments)
        AKIN_TRY(experiments_start(l->experiments, err));
    if (l->retrain)
        AKIN_TRY(retrain_arm(l, err));
    AKIN_TRY(keeper_start(l, err));
    l->is_started = true;
    if (l->jobs)
        AKIN_TRY(jobs_start(l->jobs, err));
done:
    return status;
}
