/*
 * The writer thread: takes what waits, makes one transaction of it, and says so when it is on disk.
 *
 * It lingers for more only while fewer writes wait than the commit before had: clients that wait
 * for their answer come back together, a lone one is served at once.
 *
 * A bad write of a batch is left out, and the batch begins again without it; that costs nothing
 * where all are good. What the store as a whole cannot do fails the whole batch.
 */
#include "store/store_impl.h"

#include <signal.h>
#include <string.h>
#include <time.h>

void store_turn_begin(struct store *s, bool is_exclusive)
{
    pthread_mutex_lock(&s->mutex);
    if (is_exclusive) {
        s->is_exclusive = true; /* the next commit waits */
        while (s->is_writing)
            pthread_cond_wait(&s->turn, &s->mutex);
    } else {
        while (s->is_exclusive)
            pthread_cond_wait(&s->turn, &s->mutex);
        s->is_writing = true;
    }
    pthread_mutex_unlock(&s->mutex);
}

void store_turn_end(struct store *s, bool is_exclusive)
{
    pthread_mutex_lock(&s->mutex);
    if (is_exclusive)
        s->is_exclusive = false;
    else
        s->is_writing = false;
    pthread_cond_broadcast(&s->turn);
    pthread_mutex_unlock(&s->mutex);
}

static int64_t weight(const struct store_write *w)
{
    return w->op == STORE_PUT_EVENTS ? w->n : 1;
}

/* With the mutex: until enough wait, or the time of the first is over. */
static void linger(struct store *s)
{
    const int64_t end_ns = s->first_ns + s->options.linger_us * 1000;
    const struct timespec end = {(time_t)(end_ns / 1000000000), (long)(end_ns % 1000000000)};
    while (!s->is_closing && s->queued_events < s->options.batch &&
           s->info.queued < s->last_writes && clock_ns() < end_ns)
        pthread_cond_timedwait(&s->more, &s->mutex, &end);
}

/* The writes of the next commit, waiting for them; NULL = closed, and none is left. */
static struct store_write *take(struct store *s)
{
    struct store_write *list, *last = NULL;
    int64_t n = 0;
    pthread_mutex_lock(&s->mutex);
    while (!s->head && !s->is_closing)
        pthread_cond_wait(&s->more, &s->mutex);
    if (s->head)
        linger(s);
    list = s->head;
    for (struct store_write *w = list; w; w = w->next) {
        if (last && (n + weight(w) > s->options.batch || w->op == STORE_EXPIRE))
            break;
        n += weight(w);
        s->info.queued--;
        last = w;
        if (w->op == STORE_EXPIRE) /* in portions, each a commit */
            break;
    }
    if (last) {
        s->head = last->next;
        last->next = NULL;
        s->first_ns = 0;
        s->queued_events -= n;
    }
    pthread_mutex_unlock(&s->mutex);
    return list;
}

static void call_done(struct store_write *w, akin_status status, const akin_error *err)
{
    w->next = NULL;
    w->done(w, status, status == AKIN_OK ? NULL : err); /* w may be gone now */
}

static void all_done(struct store_write *list, akin_status status, const akin_error *err)
{
    while (list) {
        struct store_write *next = list->next;
        call_done(list, status, err);
        list = next;
    }
}

/* One transaction of the writes in *list. Writes that cannot be done leave the list. */
static akin_status commit_list(struct store *s, struct store_write **list, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct store_write **at = list;
    AKIN_TRY(write_begin(s, err));
    while (*at) {
        struct store_write *w = *at;
        status = write_apply(s, w, err);
        if (status == AKIN_OK) {
            at = &w->next;
            continue;
        }
        if (s->writer->fault != STORE_READY || status == AKIN_E_LIMIT)
            goto done;
        write_rollback(s);
        *at = w->next;
        call_done(w, status, err);
        at = list;
        AKIN_TRY(write_begin(s, err));
    }
    AKIN_TRY(write_commit(s, err));
done:
    if (status != AKIN_OK)
        write_rollback(s);
    return status;
}

static akin_status commit_portion(struct store *s, struct store_write *w, int64_t *seq,
                                  akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t n_deleted;
    AKIN_TRY(write_begin(s, err));
    AKIN_TRY(write_expire(s, w, seq, &n_deleted, err));
    AKIN_TRY(write_commit(s, err));
    w->n_deleted += n_deleted;
done:
    if (status != AKIN_OK)
        write_rollback(s);
    return status;
}

/* What a commit changes for others. */
static void publish(struct store *s, akin_status status, int64_t n_writes, bool is_erasing,
                    int64_t ns)
{
    bool is_over = false;
    pthread_mutex_lock(&s->mutex);
    if (status == AKIN_OK) {
        is_over = s->info.state == STORE_FULL;
        if (is_over) {
            s->info.state = STORE_READY;
            s->info.message[0] = '\0';
        }
        s->info.n_events = s->durable.n_events;
        s->info.n_items = s->durable.n_items;
        s->info.n_users = s->durable.n_users;
        s->info.n_erased = s->durable.n_erased;
        s->info.last_seq = s->durable.seq;
        s->info.commits++;
        s->info.writes += n_writes;
        s->info.commit_seconds += (double)ns * 1e-9;
        s->must_truncate |= is_erasing;
    }
    s->last_writes = n_writes;
    s->frames = s->wal_frames;
    if (!s->is_dirty) {
        s->is_dirty = true;
        s->dirty_ns = clock_ns();
        pthread_cond_signal(&s->check);
    } else if (s->frames >= s->checkpoint_frames) {
        pthread_cond_signal(&s->check);
    }
    pthread_mutex_unlock(&s->mutex);
    if (is_over)
        log_write(s->ctx, AKIN_LOG_INFO, "store '%s': there is space again", s->label);
}

/* Is there a reason to refuse all writes for good? */
static akin_status check_state(struct store *s, akin_error *err)
{
    akin_status status = AKIN_OK;
    pthread_mutex_lock(&s->mutex);
    if (s->info.state != STORE_READY && s->info.state != STORE_FULL)
        status = error_set(err, s->info.state == STORE_CORRUPT ? AKIN_E_FORMAT : AKIN_E_IO,
                           __FILE__, __LINE__, "%s", s->info.message);
    pthread_mutex_unlock(&s->mutex);
    return status;
}

static void run_batch(struct store *s, struct store_write *list)
{
    akin_error err = {0};
    bool is_erasing = false;
    int64_t n_writes = 0;
    akin_status status = check_state(s, &err);
    if (status == AKIN_OK) {
        for (struct store_write *w = list; w; w = w->next) {
            is_erasing |= w->op == STORE_ERASE_USER;
            n_writes++;
        }
        store_turn_begin(s, false);
        int64_t start = clock_ns();
        status = commit_list(s, &list, &err);
        store_turn_end(s, false);
        if (status != AKIN_OK)
            store_set_state(s, s->writer->fault, err.message);
        publish(s, status, n_writes, is_erasing, clock_ns() - start);
    }
    all_done(list, status, &err);
}

static void run_expire(struct store *s, struct store_write *w)
{
    akin_error err = {0};
    int64_t seq = w->first_seq; /* up to here it is done */
    akin_status status = check_state(s, &err);
    if (status == AKIN_OK) {
        store_turn_begin(s, false);
        int64_t start = clock_ns();
        status = commit_portion(s, w, &seq, &err);
        store_turn_end(s, false);
        if (status != AKIN_OK)
            store_set_state(s, s->writer->fault, err.message);
        publish(s, status, 1, seq == 0, clock_ns() - start);
    }
    w->first_seq = seq;
    if (status != AKIN_OK || seq == 0) {
        w->first_seq = 0;
        call_done(w, status, &err);
        return;
    }
    pthread_mutex_lock(&s->mutex); /* others first, then the next portion */
    w->next = NULL;
    if (s->head)
        s->tail->next = w;
    else
        s->head = w;
    s->tail = w;
    s->info.queued++;
    s->queued_events += weight(w);
    pthread_mutex_unlock(&s->mutex);
}

void *store_writer_main(void *store)
{
    struct store *s = store;
    struct store_write *list;
    while ((list = take(s))) {
        if (list->op == STORE_EXPIRE)
            run_expire(s, list);
        else
            run_batch(s, list);
    }
    return NULL;
}

static int on_commit(void *store, sqlite3 *db, const char *name, int frames)
{
    (void)db;
    (void)name;
    ((struct store *)store)->wal_frames = frames;
    return SQLITE_OK;
}

akin_status store_threads_start(struct store *s, akin_error *err)
{
    akin_status status = AKIN_OK;
    sigset_t all, old;
    sqlite3_wal_hook(s->writer->db, on_commit, s);
    s->checkpoint_frames = STORE_CHECKPOINT_FRAMES;
    /* Signals are for the program's own threads. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    s->has_writer_thread = pthread_create(&s->writer_thread, NULL, store_writer_main, s) == 0;
    s->has_checkpoint_thread =
        s->has_writer_thread &&
        pthread_create(&s->checkpoint_thread, NULL, store_checkpoint_main, s) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (!s->has_checkpoint_thread)
        AKIN_FAIL(AKIN_E_MEMORY, "store '%s': the system gives no thread", s->label);
done:
    return status;
}

void store_threads_end(struct store *s)
{
    pthread_mutex_lock(&s->mutex);
    s->is_closing = true;
    pthread_cond_broadcast(&s->more);
    pthread_mutex_unlock(&s->mutex);
    if (s->has_writer_thread)
        pthread_join(s->writer_thread, NULL);
    pthread_mutex_lock(&s->mutex);
    s->is_ended = true;
    pthread_cond_broadcast(&s->check);
    pthread_mutex_unlock(&s->mutex);
    if (s->has_checkpoint_thread)
        pthread_join(s->checkpoint_thread, NULL);
}
