/*
 * The checkpoint thread: moves the log into the file, with a connection of its own, so that no
 * commit pays for it.
 *
 * A passive checkpoint runs beside commits. Under writes without a pause it never catches up with
 * them, so the log would grow for ever; at 64 MB the next commit waits while the little that came
 * since is moved, and the log begins anew.
 */
#include "store/store_impl.h"

#include <time.h>

enum { RETRY_MS = 200 }; /* erased bytes are in the log, and somebody reads it */

/* Waits until there is something to do; false = the end. *truncate: the log must become empty. */
static bool wait_for_work(struct store *s, int64_t not_before_ns, bool *truncate)
{
    bool is_due = false;
    pthread_mutex_lock(&s->mutex);
    while (!s->is_ended && !is_due) {
        int64_t now = clock_ns(), due = INT64_MAX;
        if (s->is_dirty)
            due = s->frames >= s->checkpoint_frames
                      ? now
                      : s->dirty_ns + (int64_t)STORE_CHECKPOINT_MS * 1000000;
        if (s->must_truncate && not_before_ns < due)
            due = not_before_ns;
        is_due = due <= now;
        if (is_due)
            break;
        if (due == INT64_MAX) {
            pthread_cond_wait(&s->check, &s->mutex);
        } else {
            const struct timespec end = {(time_t)(due / 1000000000), (long)(due % 1000000000)};
            pthread_cond_timedwait(&s->check, &s->mutex, &end);
        }
    }
    *truncate = s->must_truncate;
    s->must_truncate = false;
    s->is_dirty = false;
    pthread_mutex_unlock(&s->mutex);
    return is_due;
}

/* What failed and matters: the next commit would build on a file that cannot be written. Lack of
 * space is no reason: the log still holds everything, and commits tell by themselves. */
static void checkpoint_failed(struct store *s, int rc)
{
    akin_error err;
    struct sql_conn *c = s->checkpointer;
    sql_fail(c, rc, "checkpoint", __FILE__, __LINE__, &err);
    if (c->fault != STORE_READY && c->fault != STORE_FULL)
        store_set_state(s, c->fault, err.message);
}

static int run(struct store *s, int mode, int *log, int *moved)
{
    return sqlite3_wal_checkpoint_v2(s->checkpointer->db, NULL, mode, log, moved);
}

/* The log moved whole, commits waiting. False: a reader still needs it. */
static bool run_alone(struct store *s, int mode)
{
    store_turn_begin(s, true);
    int rc = run(s, mode, NULL, NULL);
    store_turn_end(s, true);
    if (rc != SQLITE_OK && rc != SQLITE_BUSY)
        checkpoint_failed(s, rc);
    return rc != SQLITE_BUSY;
}

static void checkpoint(struct store *s, bool truncate)
{
    int log = 0, moved = 0;
    bool is_whole = true, is_anew = truncate;
    int rc = run(s, SQLITE_CHECKPOINT_PASSIVE, &log, &moved);
    if (rc != SQLITE_OK && rc != SQLITE_BUSY) {
        checkpoint_failed(s, rc);
    } else if (truncate) {
        is_whole = run_alone(s, SQLITE_CHECKPOINT_TRUNCATE);
    } else if (log >= STORE_RESTART_FRAMES) {
        /* Once more beside commits, so that they wait for little. */
        run(s, SQLITE_CHECKPOINT_PASSIVE, &log, &moved);
        is_whole = run_alone(s, SQLITE_CHECKPOINT_RESTART);
        is_anew = true;
    }
    pthread_mutex_lock(&s->mutex);
    if (truncate && (!is_whole || rc != SQLITE_OK))
        s->must_truncate = true;
    /* The log goes on behind what was moved, unless all was: then it begins anew. */
    s->checkpoint_frames = is_whole && (is_anew || log == moved) ? STORE_CHECKPOINT_FRAMES
                                                                 : log + STORE_CHECKPOINT_FRAMES;
    /* Once in the file nothing is left to do, although the log keeps its size. */
    if ((rc != SQLITE_OK || log != moved) && !s->is_dirty) {
        s->is_dirty = true;
        s->dirty_ns = clock_ns();
    }
    pthread_mutex_unlock(&s->mutex);
}

void *store_checkpoint_main(void *store)
{
    struct store *s = store;
    int64_t not_before_ns = 0;
    bool truncate;
    sqlite3_busy_timeout(s->checkpointer->db, 0);
    while (wait_for_work(s, not_before_ns, &truncate)) {
        checkpoint(s, truncate);
        not_before_ns = clock_ns() + (int64_t)RETRY_MS * 1000000;
    }
    return NULL;
}
