/*
 * Experiments: assignment, exposure, conversion.
 *
 * A user's state carries `counted`, the sequence number up to which events are in it; an event
 * counts for it if its number is higher. A new user's is that of the newest change that has looked
 * for somebody (`begun`, set under the shard's lock), a new list's that of the newest event done
 * (`applied`), so that a change under way falls on the same side now and when the store is read
 * again (experiment_start.c). Cost: an exposure is a hash and a probe of one shard.
 */
#include "core/hash.h"
#include "live/experiment_impl.h"

#include <string.h>

/* ---- Life ---- */

uint64_t experiment_seed(const char *name)
{
    return hash_bytes(name, strlen(name), 0);
}

double experiment_point(uint64_t seed, const char *user_id)
{
    return (double)(hash_bytes(user_id, strlen(user_id), seed) >> 11) * 0x1p-53;
}

void experiments_set_key(struct experiments *x, uint64_t key)
{
    x->key = key;
    for (int i = 0; i < x->n; i++)
        x->e[i].secret = hash_bytes(x->e[i].name, strlen(x->e[i].name), key);
}

akin_status experiments_create(akin_ctx *ctx, const json_t *list, int64_t max_exposed,
                               const char *journal, struct experiments **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct experiments *x = NULL;
    size_t n = json_array_size(list);
    *out = NULL;
    if (n == 0)
        goto done;
    if (n > EXPERIMENTS)
        AKIN_FAIL(AKIN_E_ARG, "experiments: %zu of them (at most %d)", n, EXPERIMENTS);
    MEM_ZERO(ctx, x, 1);
    x->ctx = ctx;
    x->max_exposed = max_exposed;
    for (int i = 0; i < (int)n; i++) {
        struct experiment *e = &x->e[i];
        AKIN_TRY(experiment_parse(ctx, json_array_get(list, (size_t)i), i, e, err));
        for (int j = 0; j < i; j++)
            if (strcmp(x->e[j].name, e->name) == 0)
                AKIN_FAIL(AKIN_E_ARG, "experiments: two are called '%s'", e->name);
        x->n = i + 1;
        MEM_NEW(ctx, e->exposures, 1);
        exposures_init(ctx, e->kind == EXPERIMENT_SPLIT, e->exposures);
    }
    if (journal) {
        x->path = mem_strdup(ctx, journal, err);
        if (!x->path)
            AKIN_TRY(AKIN_E_MEMORY);
    }
    experiments_set_key(x, 0);
    *out = x;
    x = NULL;
done:
    experiments_free(x);
    return status;
}

void experiments_free(struct experiments *x)
{
    if (!x)
        return;
    journal_close(x->journal);
    experiments_replay_free(x);
    for (int i = 0; i < x->n; i++) {
        if (x->e[i].exposures)
            exposures_free(x->e[i].exposures);
        mem_free(x->ctx, x->e[i].exposures);
    }
    mem_free(x->ctx, x->path);
    mem_free(x->ctx, x);
}

int experiments_count(const struct experiments *x)
{
    return x ? x->n : 0;
}

const struct experiment *experiments_at(const struct experiments *x, int i)
{
    return &x->e[i];
}

void experiment_counts(const struct experiment *e, struct experiment_counts *out)
{
    exposures_counts(e->exposures, out);
}

void experiments_flush(struct experiments *x)
{
    if (x->journal)
        journal_flush(x->journal);
}

int64_t experiments_unsaved(const struct experiments *x)
{
    return x && x->journal ? journal_unsaved(x->journal) : 0;
}

/* ---- Assignment ---- */

bool experiments_assign(const struct experiments *x, const char *user_id,
                        struct experiment_pick *out)
{
    for (int i = 0; i < x->n; i++) {
        const struct experiment *e = &x->e[i];
        double point = experiment_point(e->seed, user_id), hi = 0.0;
        for (int a = 0; a < e->n_arms; a++) {
            hi += e->arm[a].share;
            if (point >= hi)
                continue;
            *out = (struct experiment_pick){e, i, e->kind == EXPERIMENT_SPLIT ? a : 0};
            return true;
        }
    }
    return false;
}

uint32_t experiment_item(const char *item_id, size_t size, int team)
{
    uint32_t hash = (uint32_t)hash_bytes(item_id, size, 0) & ~(uint32_t)1;
    return (hash ? hash : 2) | (uint32_t)team;
}

/* ---- Exposure ---- */

uint64_t experiment_user(const struct experiment *e, const char *user_id)
{
    uint64_t hash = hash_bytes(user_id, strlen(user_id), e->secret);
    return hash ? hash : 1;
}

/* Returns the size of the record of a state. */
int32_t experiment_record(int experiment, const struct exposed *s, int64_t counted,
                          struct record *r)
{
    *r = (struct record){.user = s->user,
                         .first = s->first,
                         .counted = counted,
                         .shown_at = s->shown_at,
                         .n = {s->n[0], s->n[1]},
                         .list = s->list,
                         .kind = RECORD_USER,
                         .experiment = (uint8_t)experiment,
                         .arm = s->arm,
                         .n_shown = s->n_shown};
    if (s->n_shown)
        memcpy(r->shown, s->shown, s->n_shown * sizeof *r->shown);
    return record_size(s->n_shown);
}

/* A user of whom nothing is known yet; NULL: there is no room. */
static struct exposed *first_exposure(struct experiments *x, const struct experiment_pick *pick,
                                      struct exposure_shard *s, uint64_t user, int64_t now)
{
    struct exposures *to = pick->experiment->exposures;
    struct exposed *e = to->n < x->max_exposed ? exposed_add(to, s, user) : NULL;
    if (!e)
        return NULL;
    e->first = now;
    e->counted = x->begun[pick->index];
    e->arm = (uint8_t)pick->arm;
    exposed_tally(to, s, e, 1);
    return e;
}

static void new_list(struct experiments *x, struct exposures *to, struct exposed *e, int64_t now,
                     const uint32_t *shown, int n_shown, uint32_t list)
{
    int64_t applied = x->applied;
    if (!exposed_show(to, e, shown, n_shown))
        list = 0;
    e->list = list;
    e->shown_at = now;
    e->counted = applied > e->counted ? applied : e->counted;
}

void experiments_expose(struct experiments *x, const struct experiment_pick *pick,
                        const char *user_id, int64_t now, const uint32_t *shown, int n_shown)
{
    struct exposures *to = pick->experiment->exposures;
    uint64_t user = experiment_user(pick->experiment, user_id);
    struct exposure_shard *s = exposures_shard(to, user);
    uint32_t list =
        n_shown ? (uint32_t)hash_bytes(shown, (size_t)n_shown * sizeof *shown, 1) | 1 : 0;
    pthread_mutex_lock(&s->lock);
    struct exposed *e = exposed_find(s, user);
    bool is_news = !e;
    if (!e)
        e = first_exposure(x, pick, s, user, now);
    s->counts.answers[pick->arm]++;
    s->counts.untracked += !e;
    if (e && n_shown && e->list != list) {
        new_list(x, to, e, now, shown, n_shown, list);
        is_news = true;
    }
    if (e && is_news && x->journal) { /* under the lock: a user's records keep their order */
        struct record r;
        int32_t size = experiment_record(pick->index, e, e->counted, &r);
        journal_add(x->journal, &r, size);
    }
    pthread_mutex_unlock(&s->lock);
}

/* ---- Conversion ---- */

static bool converts(const struct experiment *e, const char *type)
{
    for (int i = 0; i < e->n_types; i++)
        if (strcmp(e->type[i], type) == 0)
            return true;
    return e->n_types == 0;
}

static bool is_within(int64_t time, int64_t since, int64_t window)
{
    return time >= since && time - since <= window;
}

/* An event of a user that it converts; item: its hash without a team. */
static void convert(const struct experiment *x, struct exposed *e, uint32_t item, int64_t time)
{
    if (x->kind == EXPERIMENT_SPLIT) {
        e->n[0] += is_within(time, e->first, x->window_seconds) && e->n[0] < UINT32_MAX;
        return;
    }
    for (int i = 0; i < e->n_shown && is_within(time, e->shown_at, x->window_seconds); i++) {
        if ((e->shown[i] & ~(uint32_t)1) != item)
            continue;
        e->n[e->shown[i] & 1]++;
        e->shown[i] = 0;
        return;
    }
}

void experiments_event(struct experiments *x, const char *user_id, const char *item_id,
                       const char *type, int64_t time, int64_t seq)
{
    uint32_t item = experiment_item(item_id, strlen(item_id), 0);
    experiments_replay_until(x, 2 * seq);
    for (int i = 0; i < x->n; i++) {
        const struct experiment *e = &x->e[i];
        if (!converts(e, type))
            continue;
        uint64_t user = experiment_user(e, user_id);
        struct exposure_shard *s = exposures_shard(e->exposures, user);
        pthread_mutex_lock(&s->lock);
        x->begun[i] = seq;
        struct exposed *state = exposed_find(s, user);
        if (state && seq > state->counted) {
            exposed_tally(e->exposures, s, state, -1);
            convert(e, state, item, time);
            state->counted = seq;
            exposed_tally(e->exposures, s, state, 1);
        }
        pthread_mutex_unlock(&s->lock);
    }
    x->applied = seq;
}

void experiment_forget(struct experiments *x, int i, uint64_t user, int64_t seq)
{
    const struct experiment *e = &x->e[i];
    struct exposure_shard *s = exposures_shard(e->exposures, user);
    pthread_mutex_lock(&s->lock);
    x->begun[i] = seq;
    struct exposed *state = exposed_find(s, user);
    if (state) {
        exposed_tally(e->exposures, s, state, -1);
        exposed_remove(e->exposures, s, state);
    }
    pthread_mutex_unlock(&s->lock);
}

void experiments_erase(struct experiments *x, const char *user_id, int64_t seq)
{
    for (int i = 0; i < x->n; i++)
        experiment_forget(x, i, experiment_user(&x->e[i], user_id), seq);
    x->applied = seq;
}
