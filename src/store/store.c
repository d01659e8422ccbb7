/*
 * The store's front: opening by URL, checking and queueing writes, its state.
 *
 * Everything a caller may get wrong is refused here, before it waits with others for a commit.
 */
#include "store/store.h"

#include "core/text.h"
#include "store/store_impl.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { BATCH = 512, LINGER_US = 1000, QUEUE = 65536, KEY_TEXT_MAX = 1024 };

/* ---- Opening and closing ---- */

static akin_status take_url(struct store *s, const char *url, akin_error *err)
{
    akin_status status = AKIN_OK;
    static const char scheme[] = "sqlite:";
    size_t n = url ? strlen(url) : 0;
    bool has_scheme = n > 0 && strncmp(url, scheme, sizeof scheme - 1) == 0;
    if (!has_scheme && !(n > 3 && strcmp(url + n - 3, ".db") == 0))
        AKIN_FAIL(AKIN_E_ARG, "store: '%.100s' is not sqlite:PATH, nor a path ending in .db",
                  n ? url : "");
    const char *path = has_scheme ? url + sizeof scheme - 1 : url;
    n = strlen(path);
    if (n == 0 || path[n - 1] == '/')
        AKIN_FAIL(AKIN_E_ARG, "store: '%.100s' names no file", url);
    s->path = mem_strdup(s->ctx, path, err);
    if (!s->path)
        AKIN_TRY(AKIN_E_MEMORY);
    /* The end of a path says most. */
    const char *shown = path;
    for (; n >= STORE_LABEL && *shown; n--)
        shown++;
    while (((unsigned char)*shown & 0xc0) == 0x80)
        shown++;
    text_copy(s->label, sizeof s->label, shown);
    text_clean(s->label);
done:
    return status;
}

static void init_sync(struct store *s)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&s->mutex, NULL);
    pthread_mutex_init(&s->pool_mutex, NULL);
    pthread_cond_init(&s->more, &attr);
    pthread_cond_init(&s->turn, &attr);
    pthread_cond_init(&s->check, &attr);
    pthread_cond_init(&s->pool_free, &attr);
    pthread_condattr_destroy(&attr);
}

static akin_status take_options(struct store *s, const struct store_options *options,
                                akin_error *err)
{
    akin_status status = AKIN_OK;
    if (options)
        s->options = *options;
    if (s->options.batch < 0 || s->options.linger_us < 0 || s->options.queue < 0 ||
        s->options.linger_us > 60000000)
        AKIN_FAIL(AKIN_E_ARG,
                  "store: batch=%" PRId64 ", linger_us=%" PRId64 ", queue=%" PRId64
                  " (must be >= 0, linger_us <= 60000000)",
                  s->options.batch, s->options.linger_us, s->options.queue);
    s->options.batch = s->options.batch ? s->options.batch : BATCH;
    s->options.linger_us = s->options.linger_us ? s->options.linger_us : LINGER_US;
    s->options.queue = s->options.queue ? s->options.queue : QUEUE;
done:
    return status;
}

akin_status store_open(akin_ctx *ctx, const char *url, const struct store_options *options,
                       struct store **out, akin_error *err)
{
    return store_open_as(ctx, url, options, &store_schema, out, err);
}

akin_status store_open_as(akin_ctx *ctx, const char *url, const struct store_options *options,
                          const struct store_schema *schema, struct store **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct store *s = NULL;
    MEM_ZERO(ctx, s, 1);
    s->ctx = ctx;
    s->schema = schema;
    s->lock_fd = -1;
    init_sync(s);
    AKIN_TRY(take_options(s, options, err));
    AKIN_TRY(take_url(s, url, err));
    AKIN_TRY(sqlite_open(s, err));
    s->info.n_events = s->durable.n_events;
    s->info.n_items = s->durable.n_items;
    s->info.n_users = s->durable.n_users;
    s->info.n_erased = s->durable.n_erased;
    s->info.last_seq = s->durable.seq;
    if (s->checkpointer)
        AKIN_TRY(store_threads_start(s, err));
    *out = s;
    s = NULL;
done:
    store_close(s);
    return status;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    store_threads_end(s);
    sqlite_close(s);
    pthread_cond_destroy(&s->more);
    pthread_cond_destroy(&s->turn);
    pthread_cond_destroy(&s->check);
    pthread_cond_destroy(&s->pool_free);
    pthread_mutex_destroy(&s->mutex);
    pthread_mutex_destroy(&s->pool_mutex);
    mem_free(s->ctx, s);
}

/* ---- State ---- */

void store_set_state(struct store *s, enum store_state state, const char *message)
{
    pthread_mutex_lock(&s->mutex);
    bool is_worse = state > s->info.state;
    if (is_worse) {
        s->info.state = state;
        text_copy(s->info.message, sizeof s->info.message, message);
    }
    pthread_mutex_unlock(&s->mutex);
    if (is_worse)
        log_write(s->ctx, AKIN_LOG_ERROR, "%s; until that is over no write is taken", message);
}

static int64_t file_bytes(const char *path)
{
    struct stat st;
    return path && stat(path, &st) == 0 ? (int64_t)st.st_size : 0;
}

void store_info(struct store *s, struct store_info *out)
{
    pthread_mutex_lock(&s->mutex);
    *out = s->info;
    pthread_mutex_unlock(&s->mutex);
    out->bytes = file_bytes(s->path);
    out->wal_bytes = file_bytes(s->wal_path);
}

/* ---- Writes ---- */

/* what: "event 3: user_id"; least and most bytes. */
static akin_status check_text(const char *what, const char *text, size_t least, size_t most,
                              akin_error *err)
{
    akin_status status = AKIN_OK;
    if (!text)
        AKIN_FAIL(AKIN_E_ARG, "store: %s is missing", what);
    size_t n = strnlen(text, most + 1);
    if (n < least)
        AKIN_FAIL(AKIN_E_ARG, "store: %s is empty", what);
    if (n > most)
        AKIN_FAIL(AKIN_E_ARG, "store: %s has more than %zu bytes", what, most);
    if (!text_is_utf8(text, n))
        AKIN_FAIL(AKIN_E_ARG, "store: %s is not UTF-8", what);
done:
    return status;
}

static akin_status check_event(const struct store_event *e, akin_error *err)
{
    akin_status status = AKIN_OK;
    AKIN_TRY(check_text("event_id", e->event_id, 1, STORE_ID_MAX, err));
    AKIN_TRY(check_text("user_id", e->user_id, 1, STORE_ID_MAX, err));
    AKIN_TRY(check_text("item_id", e->item_id, 1, STORE_ID_MAX, err));
    AKIN_TRY(check_text("event_type", e->event_type, 0, STORE_TYPE_MAX, err));
    if (e->context)
        AKIN_TRY(check_text("context", e->context, 0, STORE_JSON_MAX, err));
    if (isinf(e->value))
        AKIN_FAIL(AKIN_E_ARG, "store: value is infinite");
    if (e->time < 0)
        AKIN_FAIL(AKIN_E_ARG, "store: time=%" PRId64 " (must be >= 0)", e->time);
done:
    return status;
}

static akin_status check_events(const struct store_write *w, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_error local;
    if (w->n < 1 || !w->events)
        AKIN_FAIL(AKIN_E_ARG, "store: a write of %" PRId64 " events", w->n);
    for (int64_t i = 0; i < w->n; i++) {
        if (check_event(&w->events[i], &local) == AKIN_OK)
            continue;
        if (w->n == 1)
            AKIN_FAIL(AKIN_E_ARG, "%s", local.message);
        AKIN_FAIL(AKIN_E_ARG, "%.160s (event %" PRId64 " of %" PRId64 ")", local.message, i + 1,
                  w->n);
    }
done:
    return status;
}

static akin_status check_key(const struct store_key *key, akin_error *err)
{
    akin_status status = AKIN_OK;
    if (!key)
        AKIN_FAIL(AKIN_E_ARG, "store: a write without its key");
    AKIN_TRY(check_text("key id", key->id, 1, KEY_TEXT_MAX, err));
    AKIN_TRY(check_text("key hash", key->hash, 1, KEY_TEXT_MAX, err));
    AKIN_TRY(check_text("key scopes", key->scopes, 0, KEY_TEXT_MAX, err));
    AKIN_TRY(check_text("key note", key->note, 0, KEY_TEXT_MAX, err));
done:
    return status;
}

static akin_status check_write(const struct store_write *w, akin_error *err)
{
    akin_status status = AKIN_OK;
    switch (w->op) {
    case STORE_PUT_EVENTS:
        return check_events(w, err);
    case STORE_PUT_ENTITY:
        if (!w->entity || (w->entity->kind != STORE_ITEM && w->entity->kind != STORE_USER))
            AKIN_FAIL(AKIN_E_ARG, "store: a write without its item or user");
        AKIN_TRY(check_text("id", w->entity->id, 1, STORE_ID_MAX, err));
        if (w->entity->attributes)
            AKIN_TRY(check_text("attributes", w->entity->attributes, 0, STORE_JSON_MAX, err));
        break;
    case STORE_ERASE_USER:
    case STORE_DELETE_KEY:
        return check_text("id", w->id, 1, STORE_ID_MAX, err);
    case STORE_PUT_KEY:
        return check_key(w->key, err);
    case STORE_EXPIRE:
        if (w->event_type)
            AKIN_TRY(check_text("event_type", w->event_type, 0, STORE_TYPE_MAX, err));
        break;
    default:
        AKIN_FAIL(AKIN_E_ARG, "store: operation %d is unknown", (int)w->op);
    }
done:
    return status;
}

static akin_status check_open(struct store *s, akin_error *err)
{
    akin_status status = AKIN_OK;
    if (s->options.read_only)
        AKIN_FAIL(AKIN_E_UNSUPPORTED, "store '%s' was opened for reading only", s->label);
    if (!s->has_writer_thread)
        AKIN_FAIL(AKIN_E_IO, "store '%s' may not be written: the file, or its file system",
                  s->label);
done:
    return status;
}

akin_status store_submit(struct store *s, struct store_write *w, akin_error *err)
{
    akin_status status = AKIN_OK;
    bool is_full;
    AKIN_TRY(check_open(s, err));
    AKIN_TRY(check_write(w, err));
    w->first_seq = w->n_new = w->n_deleted = 0;
    w->next = NULL;
    pthread_mutex_lock(&s->mutex);
    is_full = s->info.queued >= s->options.queue || s->is_closing;
    if (!is_full) {
        if (s->head)
            s->tail->next = w;
        else
            s->head = w;
        if (s->head == w)
            s->first_ns = clock_ns();
        s->tail = w;
        s->info.queued++;
        s->queued_events += w->op == STORE_PUT_EVENTS ? w->n : 1;
        if (s->head == w || s->info.queued >= s->last_writes ||
            s->queued_events >= s->options.batch)
            pthread_cond_signal(&s->more);
    }
    pthread_mutex_unlock(&s->mutex);
    if (is_full)
        AKIN_FAIL(AKIN_E_LIMIT, "store '%s': %" PRId64 " writes wait already, the limit", s->label,
                  s->options.queue);
done:
    return status;
}

struct waiter {
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    bool is_done;
    akin_status status;
    akin_error *err;
};

static void wake(struct store_write *w, akin_status status, const akin_error *err)
{
    struct waiter *waiter = w->arg;
    pthread_mutex_lock(&waiter->mutex);
    waiter->is_done = true;
    waiter->status = status;
    if (err && waiter->err)
        *waiter->err = *err;
    pthread_cond_signal(&waiter->cond);
    pthread_mutex_unlock(&waiter->mutex);
}

akin_status store_write_wait(struct store *s, struct store_write *w, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct waiter waiter = {.err = err};
    pthread_mutex_init(&waiter.mutex, NULL);
    pthread_cond_init(&waiter.cond, NULL);
    w->done = wake;
    w->arg = &waiter; /* cppcheck-suppress autoVariables */
    AKIN_TRY(store_submit(s, w, err));
    pthread_mutex_lock(&waiter.mutex);
    while (!waiter.is_done)
        pthread_cond_wait(&waiter.cond, &waiter.mutex);
    status = waiter.status;
    pthread_mutex_unlock(&waiter.mutex);
done:
    pthread_cond_destroy(&waiter.cond);
    pthread_mutex_destroy(&waiter.mutex);
    return status;
}
