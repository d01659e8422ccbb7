/*
 * Reads: a bounded pool of connections, each a snapshot while it reads.
 *
 * In a scan strings come from a cache by number that lasts as long as the read, so that it costs
 * one table instead of four; 8.5 MB for a connection that scans. Every row is checked against its
 * sum.
 *
 * Cost: a scan of events some 0.7 to 1.0 us each.
 */
#include "store/store_impl.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SCAN_LEAST = 1000 }; /* events of a read that is worth a cache */

akin_status reader_take(struct store *s, struct sql_conn **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct sql_conn *c;
    int i;
    pthread_mutex_lock(&s->pool_mutex);
    for (;;) {
        for (i = 0; i < STORE_READERS && s->is_taken[i]; i++)
            ;
        if (i < STORE_READERS)
            break;
        pthread_cond_wait(&s->pool_free, &s->pool_mutex);
    }
    s->is_taken[i] = true;
    c = s->readers[i];
    pthread_mutex_unlock(&s->pool_mutex);
    if (!c)
        status = sqlite_connect(s, SQLITE_OPEN_READONLY, &c, err);
    pthread_mutex_lock(&s->pool_mutex);
    if (status == AKIN_OK) {
        s->readers[i] = c;
    } else {
        s->is_taken[i] = false;
        pthread_cond_signal(&s->pool_free);
    }
    pthread_mutex_unlock(&s->pool_mutex);
    if (status == AKIN_OK) {
        c->salt = s->writer->salt;
        c->scan++;
        c->fault = STORE_READY;
        c->is_scan = false;
        *out = c;
    }
    return status;
}

void reader_give(struct store *s, struct sql_conn *c, akin_status status, const akin_error *err)
{
    if (status == AKIN_E_FORMAT && c->fault == STORE_CORRUPT)
        store_set_state(s, STORE_CORRUPT, err ? err->message : "damaged");
    pthread_mutex_lock(&s->pool_mutex);
    for (int i = 0; i < STORE_READERS; i++)
        if (s->readers[i] == c)
            s->is_taken[i] = false;
    pthread_cond_signal(&s->pool_free);
    pthread_mutex_unlock(&s->pool_mutex);
}

void readers_close(struct store *s)
{
    for (int i = 0; i < STORE_READERS; i++)
        sqlite_disconnect(s->readers[i]);
}

/* ---- Rows ---- */

static akin_status cache_make(struct sql_conn *c, enum name_kind kind, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct name_cache *cache = &c->names[kind];
    int64_t places = kind == NAME_TYPE ? STORE_CACHE_TYPES : STORE_CACHE_NAMES;
    if (!cache->texts)
        MEM_NEW(c->ctx, cache->texts, places);
    if (!cache->tags)
        MEM_ZERO(c->ctx, cache->tags, places);
    cache->places = places;
done:
    return status;
}

akin_status read_name(struct sql_conn *c, enum name_kind kind, int64_t num, const char **out,
                      akin_error *err)
{
    static const char *const what[NAME_N] = {"user", "item", "type"};
    akin_status status = AKIN_OK;
    struct name_cache *cache = &c->names[kind];
    sqlite3_stmt *stmt = NULL;
    bool row;
    size_t size;
    if (c->is_scan && !cache->places)
        AKIN_TRY(cache_make(c, kind, err));
    const int64_t place = num & (cache->places - 1);
    const uint64_t tag = c->scan << 40 | ((uint64_t)num & 0xffffffffff);
    if (c->is_scan && cache->tags[place] == tag) {
        *out = cache->texts[place];
        return AKIN_OK;
    }
    AKIN_TRY(sql_stmt(c, (enum sql_id)(SQL_NAME + kind), &stmt, err));
    SQL_TRY(sqlite3_bind_int64(stmt, 1, num), "read");
    AKIN_TRY(sql_step(c, stmt, &row, err));
    if (!row)
        AKIN_TRY(sql_corrupt(c, err, "%s number %" PRId64 " is missing", what[kind], num));
    const char *text = sql_column(stmt, 0, &size);
    if (!text)
        SQL_FAIL(SQLITE_NOMEM, "read");
    if (size > STORE_ID_MAX || strlen(text) != size ||
        sqlite3_column_int64(stmt, 1) != row_sum(c->salt, &num, 1, &text, 1))
        AKIN_TRY(sql_corrupt(c, err, "%s number %" PRId64 " has a wrong sum", what[kind], num));
    if (c->is_scan && size < STORE_CACHE_TEXT) {
        memcpy(cache->texts[place], text, size + 1);
        cache->tags[place] = tag;
        *out = cache->texts[place];
    } else {
        memcpy(c->long_name[kind], text, size + 1);
        *out = c->long_name[kind];
    }
done:
    sqlite3_reset(stmt);
    return status;
}

akin_status read_event(struct sql_conn *c, sqlite3_stmt *stmt, struct store_event *out,
                       char id_text[37], akin_error *err)
{
    akin_status status = AKIN_OK;
    struct event_id id = {.is_packed = sqlite3_column_type(stmt, 6) == SQLITE_BLOB};
    int64_t numbers[5];
    size_t size;
    for (int i = 0; i < 5; i++)
        numbers[i] = sqlite3_column_int64(stmt, i);
    id.bytes =
        id.is_packed ? sqlite3_column_blob(stmt, 6) : (const void *)sql_column(stmt, 6, NULL);
    id.size = (size_t)sqlite3_column_bytes(stmt, 6);
    out->seq = numbers[0];
    out->time = numbers[4];
    out->value =
        sqlite3_column_type(stmt, 5) == SQLITE_NULL ? (double)NAN : sqlite3_column_double(stmt, 5);
    out->context = sqlite3_column_type(stmt, 7) == SQLITE_NULL ? NULL : sql_column(stmt, 7, &size);
    if (!id.bytes || (!out->context && sqlite3_column_type(stmt, 7) != SQLITE_NULL))
        SQL_FAIL(SQLITE_NOMEM, "read");
    if ((id.is_packed && id.size != sizeof id.packed) ||
        sqlite3_column_int64(stmt, 8) !=
            row_event_sum(c->salt, numbers, out->value, &id, out->context))
        AKIN_TRY(sql_corrupt(c, err, "event %" PRId64 " has a wrong sum", numbers[0]));
    if (id.is_packed)
        row_event_id_text(id.bytes, id_text);
    out->event_id = id.is_packed ? id_text : id.bytes;
    AKIN_TRY(read_name(c, NAME_USER, numbers[1], &out->user_id, err));
    AKIN_TRY(read_name(c, NAME_ITEM, numbers[2], &out->item_id, err));
    AKIN_TRY(read_name(c, NAME_TYPE, numbers[3], &out->event_type, err));
done:
    return status;
}

static akin_status read_word(struct sql_conn *c, sqlite3_stmt *stmt, enum store_kind kind,
                             struct store_entity *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    const int64_t numbers[2] = {sqlite3_column_int64(stmt, 0), sqlite3_column_int64(stmt, 1)};
    bool is_deleted = sqlite3_column_type(stmt, 3) == SQLITE_NULL;
    bool has_name = sqlite3_column_type(stmt, 2) != SQLITE_NULL;
    const char *id = sql_column(stmt, 2, NULL);
    const char *attributes = is_deleted ? NULL : sql_column(stmt, 3, NULL);
    if (!id || (!is_deleted && !attributes))
        SQL_FAIL(SQLITE_NOMEM, "read");
    if (!has_name || sqlite3_column_int64(stmt, 4) != row_sum(c->salt, numbers, 2, &attributes, 1))
        AKIN_TRY(sql_corrupt(c, err, "%s of sequence %" PRId64 " has a wrong sum",
                             kind == STORE_USER ? "user" : "item", numbers[0]));
    *out =
        (struct store_entity){.seq = numbers[0], .kind = kind, .id = id, .attributes = attributes};
done:
    return status;
}

/* ---- Rows of a statement ---- */

akin_status read_rows(struct sql_conn *c, sqlite3_stmt *stmt, read_row_fn fn, void *arg,
                      akin_error *err)
{
    akin_status status = AKIN_OK;
    bool row, more = true;
    while (more) {
        AKIN_TRY(sql_step(c, stmt, &row, err));
        if (!row)
            break;
        AKIN_TRY(fn(c, stmt, arg, &more, err));
    }
done:
    sqlite3_reset(stmt);
    return status;
}

static akin_status event_row(struct sql_conn *c, sqlite3_stmt *stmt, void *arg, bool *more,
                             akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct read_sink *sink = arg;
    struct store_event e;
    char id_text[37];
    AKIN_TRY(read_event(c, stmt, &e, id_text, err));
    *more = sink->event(sink->arg, &e);
done:
    return status;
}

akin_status read_word_row(struct sql_conn *c, sqlite3_stmt *stmt, void *arg, bool *more,
                          akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct read_sink *sink = arg;
    struct store_entity e;
    AKIN_TRY(read_word(c, stmt, sink->kind, &e, err));
    *more = !sink->entity || sink->entity(sink->arg, &e);
done:
    return status;
}

akin_status read_erased_row(struct sql_conn *c, sqlite3_stmt *stmt, void *arg, bool *more,
                            akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct read_sink *sink = arg;
    const int64_t numbers[2] = {sqlite3_column_int64(stmt, 1), sqlite3_column_int64(stmt, 2)};
    const char *id = sql_column(stmt, 0, NULL);
    if (!id)
        SQL_FAIL(SQLITE_NOMEM, "read");
    if (sqlite3_column_int64(stmt, 3) != row_sum(c->salt, numbers, 2, &id, 1))
        AKIN_TRY(sql_corrupt(c, err, "erasure %" PRId64 " has a wrong sum", numbers[0]));
    *more = !sink->erased || sink->erased(sink->arg, numbers[0], id, numbers[1]);
done:
    return status;
}

akin_status read_key_row(struct sql_conn *c, sqlite3_stmt *stmt, void *arg, bool *more,
                         akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct read_sink *sink = arg;
    struct store_key key = {.id = sql_column(stmt, 0, NULL),
                            .hash = sql_column(stmt, 1, NULL),
                            .scopes = sql_column(stmt, 2, NULL),
                            .note = sql_column(stmt, 3, NULL),
                            .created = sqlite3_column_int64(stmt, 4),
                            .expires = sqlite3_column_int64(stmt, 5)};
    if (!key.id || !key.hash || !key.scopes || !key.note)
        SQL_FAIL(SQLITE_NOMEM, "read");
    if (sqlite3_column_int64(stmt, 6) != row_key_sum(c->salt, &key))
        AKIN_TRY(sql_corrupt(c, err, "a key has a wrong sum"));
    *more = !sink->key || sink->key(sink->arg, &key);
done:
    return status;
}

/* ---- The reads of store.h ---- */

/* A statement, what it binds, and who takes its rows. */
struct reading {
    enum sql_id sql;
    enum sql_id find;   /* finds the number that ?1 gets, else 0; without one there are no rows */
    const char *id;     /* what `find` looks for, without it ?1 itself; NULL: only numbers */
    int64_t numbers[2]; /* the next parameters */
    int n;
    bool is_scan;
    read_row_fn row;
    struct read_sink sink;
};

static akin_status reading_bind(struct sql_conn *c, const struct reading *r, sqlite3_stmt *stmt,
                                sqlite3_stmt *found, akin_error *err)
{
    akin_status status = AKIN_OK;
    int at = 1;
    if (found)
        SQL_TRY(sqlite3_bind_int64(stmt, at++, sqlite3_column_int64(found, 0)), "read");
    else if (r->id)
        SQL_TRY(sql_bind_text(stmt, at++, r->id), "read");
    for (int i = 0; i < r->n; i++)
        SQL_TRY(sqlite3_bind_int64(stmt, at++, r->numbers[i]), "read");
done:
    return status;
}

static akin_status reading_run(struct store *s, struct reading *r, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct sql_conn *c = NULL;
    sqlite3_stmt *stmt = NULL, *found = NULL;
    akin_error local = {0};
    bool row;
    err = err ? err : &local;
    AKIN_TRY(reader_take(s, &c, err));
    c->is_scan = r->is_scan;
    if (r->find) { /* it stays open: both statements see one snapshot */
        AKIN_TRY(sql_stmt(c, r->find, &found, err));
        SQL_TRY(sql_bind_text(found, 1, r->id), "read");
        AKIN_TRY(sql_step(c, found, &row, err));
        if (!row)
            goto done;
    }
    AKIN_TRY(sql_stmt(c, r->sql, &stmt, err));
    AKIN_TRY(reading_bind(c, r, stmt, found, err));
    AKIN_TRY(read_rows(c, stmt, r->row, &r->sink, err));
done:
    sqlite3_reset(found);
    if (c)
        reader_give(s, c, status, err);
    return status;
}

akin_status store_events(struct store *s, int64_t after, int64_t limit, store_event_fn fn,
                         void *arg, akin_error *err)
{
    struct reading r = {.sql = SQL_EVENTS,
                        .numbers = {after, limit > 0 ? limit : -1},
                        .n = 2,
                        .is_scan = limit <= 0 || limit > SCAN_LEAST,
                        .row = event_row,
                        .sink = {.event = fn, .arg = arg}};
    return reading_run(s, &r, err);
}

static akin_status events_by(struct store *s, enum name_kind kind, const char *id, int64_t before,
                             int64_t limit, store_event_fn fn, void *arg, akin_error *err)
{
    struct reading r = {.sql = (enum sql_id)(SQL_EVENTS_BY + kind),
                        .find = (enum sql_id)(SQL_NUM + kind),
                        .id = id,
                        .numbers = {before > 0 ? before : INT64_MAX, limit > 0 ? limit : -1},
                        .n = 2,
                        .row = event_row,
                        .sink = {.event = fn, .arg = arg}};
    return reading_run(s, &r, err);
}

akin_status store_user_events(struct store *s, const char *user_id, int64_t before, int64_t limit,
                              store_event_fn fn, void *arg, akin_error *err)
{
    return events_by(s, NAME_USER, user_id, before, limit, fn, arg, err);
}

akin_status store_item_events(struct store *s, const char *item_id, int64_t before, int64_t limit,
                              store_event_fn fn, void *arg, akin_error *err)
{
    return events_by(s, NAME_ITEM, item_id, before, limit, fn, arg, err);
}

akin_status store_entities(struct store *s, enum store_kind kind, int64_t after, store_entity_fn fn,
                           void *arg, akin_error *err)
{
    struct reading r = {.sql = (enum sql_id)(SQL_WORDS + store_name_kind(kind)),
                        .numbers = {after},
                        .n = 1,
                        .row = read_word_row,
                        .sink = {.entity = fn, .kind = kind, .arg = arg}};
    return reading_run(s, &r, err);
}

/* The only row there can be. */
struct one_word {
    store_entity_fn fn;
    void *arg;
    bool is_there;
};

static bool take_word(void *arg, const struct store_entity *e)
{
    struct one_word *one = arg;
    one->is_there = true;
    one->fn(one->arg, e);
    return false;
}

akin_status store_entity_get(struct store *s, enum store_kind kind, const char *id,
                             store_entity_fn fn, void *arg, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct one_word one = {fn, arg, false};
    struct reading r = {.sql = (enum sql_id)(SQL_WORD + store_name_kind(kind)),
                        .id = id,
                        .row = read_word_row,
                        .sink = {.entity = take_word, .kind = kind, .arg = &one}};
    AKIN_TRY(reading_run(s, &r, err));
    if (!one.is_there)
        AKIN_FAIL(AKIN_E_NOT_FOUND, "store '%s': there is no %s '%.64s'", s->label,
                  kind == STORE_USER ? "user" : "item", id);
done:
    return status;
}

akin_status store_erased(struct store *s, store_erased_fn fn, void *arg, akin_error *err)
{
    struct reading r = {
        .sql = SQL_ERASED, .row = read_erased_row, .sink = {.erased = fn, .arg = arg}};
    return reading_run(s, &r, err);
}

akin_status store_keys(struct store *s, store_key_fn fn, void *arg, akin_error *err)
{
    struct reading r = {.sql = SQL_APIKEYS, .row = read_key_row, .sink = {.key = fn, .arg = arg}};
    return reading_run(s, &r, err);
}
