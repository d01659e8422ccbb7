/* See fake_live.h. */
#include "unit/serve/fake_live.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FAKE_KEYS = 16, FAKE_HELD = 64 };

struct store {
    pthread_mutex_t lock;
    int n;
    struct {
        char id[32], hash[128], scopes[32], note[64];
        int64_t created, expires;
    } keys[FAKE_KEYS];
};

struct live {
    struct store store;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    int slow_waiting, slow_passed, slow_allowed;
    int n_held;
    struct {
        live_done_fn done;
        void *arg;
    } held[FAKE_HELD];
    bool is_ready;
    int64_t events;
};

struct live_slot {
    struct live *live;
    bool in_use;
};

struct live *fake_live_new(void)
{
    struct live *l = calloc(1, sizeof *l);
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->wake, NULL);
    pthread_mutex_init(&l->store.lock, NULL);
    l->is_ready = true;
    return l;
}

void fake_live_free(struct live *l)
{
    pthread_mutex_destroy(&l->lock);
    pthread_cond_destroy(&l->wake);
    pthread_mutex_destroy(&l->store.lock);
    free(l);
}

void fake_let_slow(struct live *l, int n)
{
    pthread_mutex_lock(&l->lock);
    l->slow_allowed = n;
    pthread_cond_broadcast(&l->wake);
    pthread_mutex_unlock(&l->lock);
}

int fake_slow_waiting(struct live *l)
{
    pthread_mutex_lock(&l->lock);
    int n = l->slow_waiting;
    pthread_mutex_unlock(&l->lock);
    return n;
}

int fake_changes_held(struct live *l)
{
    pthread_mutex_lock(&l->lock);
    int n = l->n_held;
    pthread_mutex_unlock(&l->lock);
    return n;
}

int fake_let_changes(struct live *l)
{
    int n = 0;
    pthread_mutex_lock(&l->lock);
    while (l->n_held > 0) {
        int i = --l->n_held;
        live_done_fn done = l->held[i].done;
        void *arg = l->held[i].arg;
        pthread_mutex_unlock(&l->lock);
        done(arg, AKIN_OK, "{\"accepted\":1,\"held\":true}", NULL);
        n++;
        pthread_mutex_lock(&l->lock);
    }
    pthread_mutex_unlock(&l->lock);
    return n;
}

void fake_set_ready(struct live *l, bool ready)
{
    pthread_mutex_lock(&l->lock);
    l->is_ready = ready;
    pthread_mutex_unlock(&l->lock);
}

/* ---- live.h ---- */

akin_status live_slot_create(struct live *l, struct live_slot **out, akin_error *err)
{
    (void)err;
    *out = calloc(1, sizeof **out);
    (*out)->live = l;
    return AKIN_OK;
}

void live_slot_free(struct live_slot *s)
{
    free(s);
}

static void wait_slow(struct live *l)
{
    pthread_mutex_lock(&l->lock);
    l->slow_waiting++;
    while (l->slow_passed >= l->slow_allowed)
        pthread_cond_wait(&l->wake, &l->lock);
    l->slow_passed++;
    l->slow_waiting--;
    pthread_mutex_unlock(&l->lock);
}

static akin_status echo(struct live_slot *s, const char *what, const char *id,
                        const struct live_query *q, struct buf *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct jw jw;
    if (s->in_use)
        AKIN_FAIL(AKIN_E_INTERNAL, "a slot is used twice");
    s->in_use = true;
    if (q->model && strcmp(q->model, "none") == 0)
        AKIN_FAIL(AKIN_E_NOT_FOUND, "model 'none' is not served");
    if (q->filter && strcmp(q->filter, "bad") == 0)
        AKIN_FAIL(AKIN_E_INPUT, "filter: column 4: expected an operator");
    if (q->model && strcmp(q->model, "slow") == 0)
        wait_slow(s->live);
    jw_init(&jw, out);
    jw_open(&jw, '{');
    jw_key(&jw, "what");
    jw_string(&jw, what);
    jw_key(&jw, "id");
    jw_string(&jw, id ? id : q->user_id);
    jw_key(&jw, "k");
    jw_int(&jw, q->k);
    jw_key(&jw, "n_history");
    jw_int(&jw, q->n_history);
    jw_key(&jw, "explain");
    jw_bool(&jw, q->explain);
    jw_key(&jw, "include_seen");
    jw_bool(&jw, q->include_seen);
    jw_key(&jw, "has_rules");
    jw_bool(&jw, q->rules != NULL);
    if (q->model && strcmp(q->model, "large") == 0) {
        jw_key(&jw, "padding");
        jw_open(&jw, '[');
        for (int i = 0; i < 2000; i++)
            jw_string(&jw, "again and again");
        jw_close(&jw, ']');
    }
    jw_close(&jw, '}');
done:
    s->in_use = false;
    return status;
}

akin_status live_recommend(struct live_slot *s, const struct live_query *q, struct buf *out,
                           akin_error *err)
{
    return echo(s, "recommend", NULL, q, out, err);
}

akin_status live_rank(struct live_slot *s, const struct live_query *q, struct buf *out,
                      akin_error *err)
{
    return echo(s, "rank", NULL, q, out, err);
}

akin_status live_similar(struct live_slot *s, const char *item_id, const struct live_query *q,
                         struct buf *out, akin_error *err)
{
    return echo(s, "similar", item_id, q, out, err);
}

akin_status live_together(struct live_slot *s, const char *item_id, const struct live_query *q,
                          struct buf *out, akin_error *err)
{
    return echo(s, "together", item_id, q, out, err);
}

akin_status live_item_users(struct live_slot *s, const char *item_id, const struct live_query *q,
                            struct buf *out, akin_error *err)
{
    return echo(s, "users", item_id, q, out, err);
}

akin_status live_user_similar(struct live_slot *s, const char *user_id, const struct live_query *q,
                              struct buf *out, akin_error *err)
{
    return echo(s, "like", user_id, q, out, err);
}

akin_status live_popular(struct live_slot *s, int64_t window_seconds, const struct live_query *q,
                         struct buf *out, akin_error *err)
{
    (void)window_seconds;
    return echo(s, "popular", NULL, q, out, err);
}

static akin_status echo_id(const char *what, const char *id, struct buf *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct jw jw;
    if (strcmp(id, "missing") == 0)
        AKIN_FAIL(AKIN_E_NOT_FOUND, "%s 'missing' is unknown", what);
    jw_init(&jw, out);
    jw_open(&jw, '{');
    jw_key(&jw, what);
    jw_string(&jw, id);
    jw_close(&jw, '}');
done:
    return status;
}

akin_status live_search(struct live_slot *s, const char *text, int64_t most, struct buf *out,
                        akin_error *err)
{
    (void)s;
    (void)most;
    return echo_id("q", text, out, err);
}

int64_t live_scan_us(struct live *l)
{
    (void)l;
    return 0;
}

int64_t live_time(struct live *l)
{
    (void)l;
    return clock_unix();
}

bool live_clock_fault(struct live *l, char *why, size_t size)
{
    (void)l;
    (void)why;
    (void)size;
    return false;
}

int64_t live_cost_us(struct live *l, const struct live_query *q)
{
    (void)l;
    return q->model && strcmp(q->model, "slow") == 0 ? 100000 : 10;
}

akin_status live_item_json(struct live_slot *s, const char *item_id, struct buf *out,
                           akin_error *err)
{
    (void)s;
    return echo_id("item_id", item_id, out, err);
}

akin_status live_item_tags(struct live_slot *s, const char *item_id, int64_t from, int64_t most,
                           struct buf *out, akin_error *err)
{
    (void)s;
    (void)from;
    (void)most;
    return echo_id("item_id", item_id, out, err);
}

akin_status live_user_json(struct live_slot *s, const char *user_id, struct buf *out,
                           akin_error *err)
{
    (void)s;
    return echo_id("user_id", user_id, out, err);
}

akin_status live_user_events(struct live_slot *s, const char *user_id, int64_t before, int64_t most,
                             struct buf *out, akin_error *err)
{
    (void)s;
    (void)before;
    (void)most;
    return echo_id("user_id", user_id, out, err);
}

akin_status live_item_events(struct live_slot *s, const char *item_id, int64_t before, int64_t most,
                             struct buf *out, akin_error *err)
{
    return live_user_events(s, item_id, before, most, out, err);
}

akin_status live_user_export(struct live_slot *s, const char *user_id, struct buf *out,
                             akin_error *err)
{
    (void)s;
    return echo_id("user_id", user_id, out, err);
}

static akin_status change(struct live *l, const char *id, live_done_fn done, void *arg,
                          akin_error *err)
{
    akin_status status = AKIN_OK;
    if (strcmp(id, "refused") == 0)
        AKIN_FAIL(AKIN_E_INPUT, "events[0]: refused");
    if (strcmp(id, "full") == 0)
        AKIN_FAIL(AKIN_E_LIMIT, "the queue is full");
    if (strcmp(id, "held") == 0) {
        pthread_mutex_lock(&l->lock);
        l->held[l->n_held].done = done;
        l->held[l->n_held++].arg = arg;
        pthread_mutex_unlock(&l->lock);
    } else {
        done(arg, AKIN_OK, "{\"accepted\":1}", NULL);
    }
done:
    return status;
}

akin_status live_put_events(struct live *l, const json_t *body, live_done_fn done, void *arg,
                            akin_error *err)
{
    const char *id = json_string_value(json_object_get(body, "user_id"));
    return change(l, id ? id : "", done, arg, err);
}

akin_status live_put_item(struct live *l, const char *item_id, const json_t *attributes,
                          live_done_fn done, void *arg, akin_error *err)
{
    (void)attributes;
    return change(l, item_id, done, arg, err);
}

akin_status live_delete_item(struct live *l, const char *item_id, live_done_fn done, void *arg,
                             akin_error *err)
{
    return change(l, item_id, done, arg, err);
}

akin_status live_put_user(struct live *l, const char *user_id, const json_t *attributes,
                          live_done_fn done, void *arg, akin_error *err)
{
    (void)attributes;
    return change(l, user_id, done, arg, err);
}

akin_status live_erase_user(struct live *l, const char *user_id, live_done_fn done, void *arg,
                            akin_error *err)
{
    return change(l, user_id, done, arg, err);
}

akin_status live_model_load(struct live *l, const char *name, const char *path, akin_error *err)
{
    (void)l;
    if (strcmp(path, "/missing") == 0)
        return error_set(err, AKIN_E_FORMAT, __FILE__, __LINE__, "%s: not a model", name);
    return AKIN_OK;
}

akin_status live_model_rollback(struct live *l, const char *name, akin_error *err)
{
    (void)l;
    return error_set(err, AKIN_E_NOT_FOUND, __FILE__, __LINE__, "%s has no elder", name);
}

akin_status live_model_canary(struct live *l, const char *name, const char *path, double share,
                              akin_error *err)
{
    (void)l;
    (void)path;
    return error_set(err, AKIN_E_NOT_FOUND, __FILE__, __LINE__, "%s: no canary of %g", name, share);
}

akin_status live_model_promote(struct live *l, const char *name, akin_error *err)
{
    (void)l;
    return error_set(err, AKIN_E_NOT_FOUND, __FILE__, __LINE__, "%s has no canary", name);
}

akin_status live_experiments_json(struct live *l, struct buf *out, akin_error *err)
{
    (void)l;
    (void)err;
    buf_text(out, "{\"experiments\":[]}");
    return AKIN_OK;
}

int live_experiment_arms(struct live *l, struct live_arm_stats out[LIVE_ARMS_MAX])
{
    (void)l;
    out[0] = (struct live_arm_stats){.experiment = "test", .arm = "one", .users = 3, .answers = 7};
    return 1;
}

akin_status live_model_default(struct live *l, const char *name, akin_error *err)
{
    (void)l;
    return error_set(err, AKIN_E_NOT_FOUND, __FILE__, __LINE__, "%s is not served", name);
}

akin_status live_models_json(struct live *l, struct buf *out, akin_error *err)
{
    (void)l;
    (void)err;
    buf_text(out, "{\"models\":[]}");
    return AKIN_OK;
}

/* One job, number 7; "none" has no jobs. */
akin_status live_job_submit(struct live *l, const struct live_job *spec, struct buf *out,
                            int64_t *id, akin_error *err)
{
    akin_status status = AKIN_OK;
    (void)l;
    if (strcmp(spec->kind, "none") == 0)
        AKIN_FAIL(AKIN_E_UNSUPPORTED, "jobs: this server has none");
    buf_printf(out, "{\"id\":7,\"kind\":\"%s\",\"k\":%d}", spec->kind, (int)spec->k);
    *id = 7;
done:
    return status;
}

akin_status live_jobs_json(struct live *l, struct buf *out, akin_error *err)
{
    (void)l;
    (void)err;
    buf_text(out, "{\"jobs\":[{\"id\":7}]}");
    return AKIN_OK;
}

akin_status live_job_json(struct live *l, const char *id, struct buf *out, akin_error *err)
{
    (void)l;
    return echo_id("job", id, out, err);
}

akin_status live_job_cancel(struct live *l, const char *id, struct buf *out, akin_error *err)
{
    return live_job_json(l, id, out, err);
}

void live_job_stats(struct live *l, struct live_job_stats *out)
{
    (void)l;
    *out = (struct live_job_stats){.is_there = true, .done = 2, .promoted = 1};
}

void live_stats(struct live *l, struct live_stats *out)
{
    (void)l;
    memset(out, 0, sizeof *out);
}

bool live_is_ready(struct live *l, char *why, size_t size)
{
    pthread_mutex_lock(&l->lock);
    bool ready = l->is_ready;
    pthread_mutex_unlock(&l->lock);
    if (!ready)
        snprintf(why, size, "store: no space left");
    return ready;
}

struct store *live_store(struct live *l)
{
    return &l->store;
}

/* ---- store.h ---- */

akin_status store_keys(struct store *s, store_key_fn fn, void *arg, akin_error *err)
{
    (void)err;
    pthread_mutex_lock(&s->lock);
    for (int i = 0; i < s->n; i++) {
        struct store_key key = {s->keys[i].id,   s->keys[i].hash,    s->keys[i].scopes,
                                s->keys[i].note, s->keys[i].created, s->keys[i].expires};
        if (!fn(arg, &key))
            break;
    }
    pthread_mutex_unlock(&s->lock);
    return AKIN_OK;
}

akin_status store_write_wait(struct store *s, struct store_write *w, akin_error *err)
{
    (void)err;
    pthread_mutex_lock(&s->lock);
    if (w->op == STORE_PUT_KEY && s->n < FAKE_KEYS) {
        snprintf(s->keys[s->n].id, sizeof s->keys[0].id, "%s", w->key->id);
        snprintf(s->keys[s->n].hash, sizeof s->keys[0].hash, "%s", w->key->hash);
        snprintf(s->keys[s->n].scopes, sizeof s->keys[0].scopes, "%s", w->key->scopes);
        snprintf(s->keys[s->n].note, sizeof s->keys[0].note, "%s", w->key->note);
        s->keys[s->n].created = w->key->created;
        s->keys[s->n++].expires = w->key->expires;
    }
    for (int i = 0; w->op == STORE_DELETE_KEY && i < s->n; i++) {
        if (strcmp(s->keys[i].id, w->id) == 0)
            s->keys[i] = s->keys[--s->n];
    }
    pthread_mutex_unlock(&s->lock);
    return AKIN_OK;
}
