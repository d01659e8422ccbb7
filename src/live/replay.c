/*
 * What the store knows comes into memory: at the start everything after the oldest model's
 * watermark, later what an older model asks for again. New changes are changes.c.
 *
 * Cost: one scan of the store's items and erasures, one of its events after the watermark.
 */
#include "core/json.h"
#include "live/events.h"
#include "live/jobs.h"
#include "live/retrain.h"

#include <string.h>

struct replay {
    struct live *l;
    int64_t watermark; /* of the oldest model: its histories hold what is before */
    struct people_queue queue;
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
    if (r->l->people.n_events + r->queue.n < r->l->p.max_overlay)
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
    r->status = event_remember(r->l, NULL, e, &x, r->err);
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
    r->status = event_apply(r->l, &r->queue, e, r->err);
    return r->status == AKIN_OK;
}

/* Experiments may know less of the store than the models. */
static akin_status replay_store(struct live *l, int64_t watermark, int64_t last_seq,
                                akin_error *err)
{
    akin_status status = AKIN_OK;
    struct replay r = {.l = l, .watermark = watermark, .queue.p = &l->people, .err = err};
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
    AKIN_TRY(people_queue_flush(&r.queue, err));
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
    char why[160];
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
    if (live_clock_fault(l, why, sizeof why))
        log_write(l->ctx, AKIN_LOG_WARN, "serve: %s", why);
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
