/*
 * What the engine lets go of by itself, once an hour and after a model was loaded: events older
 * than `retention` says (in the store and in memory), events that every generation was trained on,
 * and the tail of the recent counts. Without it a server that is retrained for months would hold
 * its whole log beside models that know it.
 *
 * A generation that is kept for rollback counts, so that rolling back loses nothing. The thread
 * waits on a condition; live_sweep is what it does, for whoever wants it now. Cost: a pass over the
 * people in memory, 1/64 of them under a lock at a time; the store deletes in portions between its
 * commits.
 */
#include "core/text.h"
#include "live/engine.h"

#include <string.h>
#include <time.h>

enum { PERIOD_SECONDS = 3600, RECENT_DAYS = 31, DAY = 86400 };

/* ---- Retention ---- */

static akin_status rule_read(struct live *l, const char *type, const json_t *value, akin_error *err)
{
    akin_status status = AKIN_OK;
    double days = json_number_value(value);
    const char *text = json_string_value(value); /* from a command line */
    if (text && !text_to_double(text, strlen(text), &days))
        days = 0;
    if (!(days > 0 && days <= 1e6))
        AKIN_FAIL(AKIN_E_ARG, "retention: %.60s: must be days, above 0 (as 90)", type);
    if (l->keeper.n_rules == LIVE_TYPES)
        AKIN_FAIL(AKIN_E_LIMIT, "retention: more than %d event types", LIVE_TYPES);
    struct retention_rule *rule = &l->keeper.rules[l->keeper.n_rules];
    rule->seconds = (int64_t)(days * DAY);
    if (strcmp(type, "*") != 0) {
        rule->type = mem_strdup(l->ctx, type, err);
        if (!rule->type)
            AKIN_TRY(AKIN_E_MEMORY);
    }
    l->keeper.n_rules++;
done:
    return status;
}

akin_status keeper_init(struct live *l, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct keeper *k = &l->keeper;
    pthread_condattr_t attr;
    const char *type;
    json_t *value;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&k->lock, NULL);
    pthread_cond_init(&k->wake, &attr);
    pthread_condattr_destroy(&attr);
    k->is_ready = true;
    json_object_foreach(l->p.retention, type, value)
        AKIN_TRY(rule_read(l, type, value, err));
    l->p.retention = NULL; /* copied */
done:
    return status;
}

/* A write of the store, awaited by who made it. */
struct expiry {
    struct store_write write;
    pthread_mutex_t lock;
    pthread_cond_t over;
    bool is_over;
    akin_status status;
    akin_error err;
};

static void expiry_done(struct store_write *w, akin_status status, const akin_error *err)
{
    struct expiry *x = w->arg;
    pthread_mutex_lock(&x->lock);
    x->status = status;
    if (status != AKIN_OK && err)
        x->err = *err;
    x->is_over = true;
    pthread_cond_signal(&x->over);
    pthread_mutex_unlock(&x->lock);
}

static akin_status expire(struct live *l, const struct retention_rule *rule, int64_t before,
                          akin_error *err)
{
    akin_status status = AKIN_OK;
    struct expiry x = {.write = {.op = STORE_EXPIRE,
                                 .event_type = rule->type,
                                 .before = before,
                                 .done = expiry_done},
                       .lock = PTHREAD_MUTEX_INITIALIZER,
                       .over = PTHREAD_COND_INITIALIZER};
    x.write.arg = &x;
    AKIN_TRY(store_submit(l->store, &x.write, err));
    pthread_mutex_lock(&x.lock);
    while (!x.is_over)
        pthread_cond_wait(&x.over, &x.lock);
    pthread_mutex_unlock(&x.lock);
    if (x.status != AKIN_OK) {
        *err = x.err;
        AKIN_TRY(x.status);
    }
done:
    return status;
}

/* The number of an event type that is known, -1 = all, -2 = nobody has sent it. */
static int type_of_rule(const struct live *l, const char *type)
{
    if (!type)
        return -1;
    for (int t = 0, n = l->n_types; t < n; t++)
        if (strcmp(l->types[t], type) == 0)
            return t;
    return -2;
}

/* ---- Memory ---- */

/* Up to here every generation, those kept for rollback too, was trained on the store. */
static int64_t known_to_all(struct live *l)
{
    int64_t known = INT64_MAX;
    pthread_rwlock_rdlock(&l->models_lock);
    for (int i = 0; i < l->n_entries; i++) {
        const struct generation *all[] = {l->entry[i].current, l->entry[i].previous,
                                          l->entry[i].canary};
        for (size_t j = 0; j < sizeof all / sizeof *all; j++)
            if (all[j] && all[j]->m->watermark < known)
                known = all[j]->m->watermark;
    }
    pthread_rwlock_unlock(&l->models_lock);
    return known == INT64_MAX ? 0 : known;
}

/* In order of arrival: what goes is at the front, as a whole. */
static void trim_recent(struct live *l, int64_t known, int64_t before)
{
    pthread_rwlock_wrlock(&l->recent_lock);
    int64_t n = 0;
    while (n < l->n_recent && l->recent[n].seq <= known && l->recent[n].time < before)
        n++;
    l->n_recent -= n;
    if (n > 0)
        memmove(l->recent, l->recent + n, (size_t)l->n_recent * sizeof *l->recent);
    pthread_rwlock_unlock(&l->recent_lock);
}

akin_status live_sweep(struct live *l, int64_t now, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_error local = {0};
    err = err ? err : &local;
    for (int i = 0; i < l->keeper.n_rules && l->store; i++) {
        const struct retention_rule *rule = &l->keeper.rules[i];
        int64_t before = now - rule->seconds;
        AKIN_TRY(expire(l, rule, before, err));
        int type = type_of_rule(l, rule->type);
        if (type > -2)
            people_forget(&l->people, 0, type, before);
    }
    pthread_mutex_lock(&l->load_lock); /* no older model may come in between */
    int64_t known = known_to_all(l);
    people_forget(&l->people, known, -1, INT64_MIN);
    l->forgotten = known > l->forgotten ? known : l->forgotten;
    pthread_mutex_unlock(&l->load_lock);
    trim_recent(l, known, now - (int64_t)RECENT_DAYS * DAY);
done:
    return status;
}

/* ---- The thread ---- */

static void *keeper_main(void *arg)
{
    struct live *l = arg;
    struct keeper *k = &l->keeper;
    pthread_mutex_lock(&k->lock);
    while (!k->is_over) {
        struct timespec until;
        akin_error err = {0};
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += PERIOD_SECONDS;
        while (!k->is_over && !k->is_poked &&
               pthread_cond_timedwait(&k->wake, &k->lock, &until) == 0)
            ;
        if (k->is_over)
            break;
        k->is_poked = false;
        pthread_mutex_unlock(&k->lock);
        if (live_sweep(l, live_now(), &err) != AKIN_OK)
            log_write(l->ctx, AKIN_LOG_WARN, "serve: old events stay for now: %s", err.message);
        pthread_mutex_lock(&k->lock);
    }
    pthread_mutex_unlock(&k->lock);
    return NULL;
}

akin_status keeper_start(struct live *l, akin_error *err)
{
    akin_status status = AKIN_OK;
    l->keeper.is_poked = false; /* what was loaded so far has nothing to let go of */
    if (pthread_create(&l->keeper.thread, NULL, keeper_main, l) != 0)
        AKIN_FAIL(AKIN_E_LIMIT, "serve: the system gives no thread for old events");
    l->keeper.has_thread = true;
done:
    return status;
}

void keeper_poke(struct live *l)
{
    pthread_mutex_lock(&l->keeper.lock);
    l->keeper.is_poked = true;
    pthread_cond_signal(&l->keeper.wake);
    pthread_mutex_unlock(&l->keeper.lock);
}

void keeper_free(struct live *l)
{
    struct keeper *k = &l->keeper;
    if (!k->is_ready)
        return;
    pthread_mutex_lock(&k->lock);
    k->is_over = true;
    pthread_cond_signal(&k->wake);
    pthread_mutex_unlock(&k->lock);
    if (k->has_thread)
        pthread_join(k->thread, NULL);
    for (int i = 0; i < k->n_rules; i++)
        mem_free(l->ctx, k->rules[i].type);
    pthread_cond_destroy(&k->wake);
    pthread_mutex_destroy(&k->lock);
}
