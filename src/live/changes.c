/*
 * Changes: checked, stored, then in memory, then acknowledged, in that order and by one thread (the
 * store's), so that whoever got an answer 200 sees the change in the next one.
 *
 * A request is checked whole before anything is stored. Room in memory is reserved first: what
 * would not fit is refused (E_LIMIT), not acknowledged and lost. Cost: O(events) + a commit shared
 * with others. How an event is read and joined: events.c.
 */
#include "core/json.h"
#include "core/text.h"
#include "live/events.h"
#include "live/receipt.h"

#include <string.h>

struct live_change {
    struct live *l;
    live_done_fn done;
    void *arg;
    struct event_batch batch;
    uint8_t *is_new; /* (batch.n) */
    struct store_entity entity;
    json_t *object;        /* the entity's attributes; NULL = deletion */
    char *id, *attributes; /* copies; of an erasure: who holds the person */
    struct buf answer;
    struct jw jw; /* into answer */
    struct store_write write;
};

static void change_free(struct live_change *c)
{
    if (!c)
        return;
    akin_ctx *ctx = c->l->ctx;
    atomic_fetch_sub(&c->l->reserved, c->write.op == STORE_PUT_EVENTS ? c->write.n : 0);
    event_batch_free(ctx, &c->batch);
    json_decref(c->object);
    mem_free(ctx, c->is_new);
    mem_free(ctx, c->id);
    mem_free(ctx, c->attributes);
    buf_free(&c->answer);
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
    buf_init(&c->answer, l->ctx);
    jw_init(&c->jw, &c->answer);
    *out = c;
done:
    return status;
}

/* Whoever asked for it hears how it went. */
static void change_end(struct live_change *c, akin_status status, const akin_error *err)
{
    bool is_told = status == AKIN_OK && !c->answer.failed; /* it is done, said or not */
    c->done(c->arg, status, is_told ? c->answer.data : NULL, err);
    change_free(c);
}

/* ---- Events ---- */

static void fell_behind(struct live *l, const akin_error *err)
{
    (void)err;
    l->is_behind = true;
}

static void events_done(struct store_write *w, akin_status status, const akin_error *err)
{
    struct live_change *c = w->arg;
    akin_error local;
    int64_t seq = w->first_seq;
    for (int64_t i = 0; status == AKIN_OK && i < w->n; i++) {
        if (!c->is_new[i])
            continue;
        struct store_event e = w->events[i];
        e.seq = seq++;
        if (event_apply(c->l, NULL, &e, &local) != AKIN_OK)
            fell_behind(c->l, &local);
        event_convert(c->l, &e);
    }
    jw_open(&c->jw, '{');
    jw_key(&c->jw, "accepted");
    jw_int(&c->jw, w->n_new);
    jw_key(&c->jw, "duplicates");
    jw_int(&c->jw, w->n - w->n_new);
    jw_key(&c->jw, "seq");
    jw_int(&c->jw, w->n_new ? seq - 1 : 0);
    jw_close(&c->jw, '}');
    change_end(c, status, err);
}

akin_status live_put_events(struct live *l, const json_t *body, live_done_fn done, void *arg,
                            akin_error *err)
{
    akin_status status = AKIN_OK;
    struct live_change *c = NULL;
    AKIN_TRY(change_new(l, done, arg, &c, err));
    AKIN_TRY(event_batch_parse(l, body, &c->batch, err));
    int64_t n = c->batch.n;
    MEM_ZERO(l->ctx, c->is_new, n);
    c->write.op = STORE_PUT_EVENTS;
    c->write.n = n;
    if (atomic_fetch_add(&l->reserved, n) + n + l->people.n_events > l->p.max_overlay)
        AKIN_FAIL(AKIN_E_LIMIT,
                  "%lld events are held beside the models (max_overlay=%lld): retrain, or raise it",
                  (long long)l->people.n_events, (long long)l->p.max_overlay);
    /* a kind that could not be counted any more must not be acknowledged */
    AKIN_TRY(types_add(l, c->batch.event, n, err));
    c->write.events = c->batch.event;
    c->write.is_new = c->is_new;
    c->write.done = events_done;
    AKIN_TRY(store_submit(l->store, &c->write, err));
    c = NULL;
done:
    change_free(c);
    return status;
}

/* ---- Items and users ---- */

static void entity_done(struct store_write *w, akin_status status, const akin_error *err)
{
    struct live_change *c = w->arg;
    struct live *l = c->l;
    akin_error local = {0};
    int32_t item;
    if (status == AKIN_OK && c->entity.kind == STORE_ITEM) {
        akin_status applied =
            c->object ? catalog_put(l->catalog, c->id, strlen(c->id), c->object, &item, &local)
                      : catalog_delete(l->catalog, c->id, strlen(c->id), &local);
        if (applied != AKIN_OK && applied != AKIN_E_NOT_FOUND)
            fell_behind(l, &local);
    }
    jw_open(&c->jw, '{');
    jw_key(&c->jw, c->entity.kind == STORE_ITEM ? "item_id" : "user_id");
    jw_string(&c->jw, c->id);
    jw_key(&c->jw, "seq");
    jw_int(&c->jw, w->first_seq);
    jw_close(&c->jw, '}');
    change_end(c, status, err);
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
        c->object = json_deep_copy(attributes);
        if (!c->attributes || !c->object)
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
    int32_t item;
    AKIN_TRY(item_find(l, item_id, &item, err));
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

static void erase_done(struct store_write *w, akin_status status, const akin_error *err)
{
    struct live_change *c = w->arg;
    struct live *l = c->l;
    akin_error local;
    if (status == AKIN_OK &&
        people_erase(&l->people, w->id, strlen(w->id), w->first_seq, &local) != AKIN_OK)
        fell_behind(l, &local);
    if (status == AKIN_OK && l->experiments)
        experiments_erase(l->experiments, w->id, w->first_seq);
    if (status == AKIN_OK)
        receipt_write(w, c->attributes, &c->answer);
    change_end(c, status, err);
}

akin_status live_erase_user(struct live *l, const char *user_id, live_done_fn done, void *arg,
                            akin_error *err)
{
    akin_status status = AKIN_OK;
    struct live_change *c = NULL;
    struct buf holders;
    buf_init(&holders, l->ctx);
    AKIN_TRY(change_new(l, done, arg, &c, err));
    AKIN_TRY(receipt_holders(l, user_id, &holders, err));
    c->id = mem_strdup(l->ctx, user_id, err);
    c->attributes = mem_strdup(l->ctx, holders.data, err);
    if (!c->id || !c->attributes)
        AKIN_TRY(AKIN_E_MEMORY);
    c->write.op = STORE_ERASE_USER;
    c->write.id = c->id;
    c->write.done = erase_done;
    AKIN_TRY(store_submit(l->store, &c->write, err));
    c = NULL;
done:
    buf_free(&holders);
    change_free(c);
    return status;
}
