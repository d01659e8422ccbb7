/*
 * Applying writes within a transaction of the writer's connection.
 *
 * Cost of an event: four rows (itself, its id's hash, two indices), some 8 us in cache; each in
 * another page, so a commit of one event writes about 20 KB of log.
 */
#include "store/store_impl.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { EXPIRE_SCAN = 20000, EXPIRE_DELETE = 2000 }; /* events of one portion at most */

akin_status write_begin(struct store *s, akin_error *err)
{
    s->next = s->durable;
    return sql_run(s->writer, SQL_BEGIN, err);
}

akin_status write_commit(struct store *s, akin_error *err)
{
    akin_status status = AKIN_OK;
    if (memcmp(&s->next, &s->durable, sizeof s->next) != 0)
        AKIN_TRY(row_counts_set(s->writer, &s->next, err));
    AKIN_TRY(sql_run(s->writer, SQL_COMMIT, err));
    s->durable = s->next;
done:
    return status;
}

void write_rollback(struct store *s)
{
    /* SQLite ended the transaction itself after the gravest failures. */
    if (!sqlite3_get_autocommit(s->writer->db))
        sqlite3_exec(s->writer->db, "ROLLBACK", NULL, NULL, NULL);
    s->next = s->durable;
}

/* Statement `id` with one number. */
static akin_status run_int(struct sql_conn *c, enum sql_id id, int64_t number, akin_error *err)
{
    akin_status status = AKIN_OK;
    sqlite3_stmt *stmt = NULL;
    bool row;
    AKIN_TRY(sql_stmt(c, id, &stmt, err));
    SQL_TRY(sqlite3_bind_int64(stmt, 1, number), "write");
    AKIN_TRY(sql_step(c, stmt, &row, err));
done:
    return status;
}

/* Number of an id, 0 = unknown. */
static akin_status find_name(struct sql_conn *c, enum name_kind kind, const char *id, int64_t *num,
                             akin_error *err)
{
    akin_status status = AKIN_OK;
    sqlite3_stmt *stmt = NULL;
    bool row;
    *num = 0;
    AKIN_TRY(sql_stmt(c, (enum sql_id)(SQL_NUM + kind), &stmt, err));
    SQL_TRY(sql_bind_text(stmt, 1, id), "write");
    AKIN_TRY(sql_step(c, stmt, &row, err));
    if (row) {
        *num = sqlite3_column_int64(stmt, 0);
        sqlite3_reset(stmt);
    }
done:
    return status;
}

static akin_status make_name(struct store *s, enum name_kind kind, const char *id, int64_t *num,
                             akin_error *err)
{
    akin_status status = AKIN_OK;
    struct sql_conn *c = s->writer;
    sqlite3_stmt *stmt = NULL;
    bool row;
    AKIN_TRY(find_name(c, kind, id, num, err));
    if (*num)
        goto done;
    AKIN_TRY(sql_stmt(c, (enum sql_id)(SQL_TOP + kind), &stmt, err));
    AKIN_TRY(sql_step(c, stmt, &row, err));
    *num = row ? sqlite3_column_int64(stmt, 0) + 1 : 1;
    sqlite3_reset(stmt);
    AKIN_TRY(sql_stmt(c, (enum sql_id)(SQL_ADD + kind), &stmt, err));
    int rc = sqlite3_bind_int64(stmt, 1, *num);
    rc |= sql_bind_text(stmt, 2, id);
    rc |= sqlite3_bind_int64(stmt, 3, row_sum(c->salt, num, 1, &id, 1));
    SQL_TRY(rc ? SQLITE_NOMEM : SQLITE_OK, "write");
    AKIN_TRY(sql_step(c, stmt, &row, err));
    s->next.n_users += kind == NAME_USER;
    s->next.n_items += kind == NAME_ITEM;
done:
    return status;
}

/* Is an event of that id there already? */
static akin_status find_event(struct sql_conn *c, int64_t hash, const struct event_id *id,
                              bool *is_there, akin_error *err)
{
    akin_status status = AKIN_OK;
    sqlite3_stmt *stmt = NULL;
    bool row = true;
    *is_there = false;
    AKIN_TRY(sql_stmt(c, SQL_KEY_FIND, &stmt, err));
    SQL_TRY(sqlite3_bind_int64(stmt, 1, hash), "write");
    while (!*is_there) {
        AKIN_TRY(sql_step(c, stmt, &row, err));
        if (!row)
            break;
        bool is_packed = sqlite3_column_type(stmt, 0) == SQLITE_BLOB;
        const void *bytes = sqlite3_column_blob(stmt, 0);
        size_t size = (size_t)sqlite3_column_bytes(stmt, 0);
        *is_there = bytes && is_packed == id->is_packed && size == id->size &&
                    memcmp(bytes, id->bytes, size) == 0;
    }
done:
    sqlite3_reset(stmt);
    return status;
}

static akin_status change_key(struct sql_conn *c, enum sql_id what, int64_t hash, int64_t seq,
                              akin_error *err)
{
    akin_status status = AKIN_OK;
    sqlite3_stmt *stmt = NULL;
    bool row;
    AKIN_TRY(sql_stmt(c, what, &stmt, err));
    SQL_TRY(sqlite3_bind_int64(stmt, 1, hash), "write");
    SQL_TRY(sqlite3_bind_int64(stmt, 2, seq), "write");
    AKIN_TRY(sql_step(c, stmt, &row, err));
done:
    return status;
}

/* numbers: seq, user, item, type, time. */
static akin_status add_event(struct sql_conn *c, const int64_t numbers[5],
                             const struct store_event *e, const struct event_id *id,
                             akin_error *err)
{
    akin_status status = AKIN_OK;
    sqlite3_stmt *stmt = NULL;
    bool row;
    int rc = SQLITE_OK;
    AKIN_TRY(sql_stmt(c, SQL_EVENT_ADD, &stmt, err));
    for (int i = 0; i < 5; i++)
        rc |= sqlite3_bind_int64(stmt, i + 1, numbers[i]);
    rc |= isnan(e->value) ? sqlite3_bind_null(stmt, 6) : sqlite3_bind_double(stmt, 6, e->value);
    if (id->is_packed)
        rc |= sqlite3_bind_blob(stmt, 7, id->bytes, (int)id->size, SQLITE_STATIC);
    else
        rc |= sqlite3_bind_text(stmt, 7, id->bytes, (int)id->size, SQLITE_STATIC);
    rc |= sql_bind_text(stmt, 8, e->context);
    rc |= sqlite3_bind_int64(stmt, 9, row_event_sum(c->salt, numbers, e->value, id, e->context));
    SQL_TRY(rc ? SQLITE_NOMEM : SQLITE_OK, "write");
    AKIN_TRY(sql_step(c, stmt, &row, err));
done:
    return status;
}

static akin_status put_events(struct store *s, struct store_write *w, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct sql_conn *c = s->writer;
    w->first_seq = w->n_new = 0;
    for (int64_t i = 0; i < w->n; i++) {
        const struct store_event *e = &w->events[i];
        int64_t numbers[5] = {0, 0, 0, 0, e->time};
        struct event_id id;
        bool is_there;
        row_event_id(&id, e->event_id);
        int64_t hash = row_event_hash(c->salt, &id);
        AKIN_TRY(find_event(c, hash, &id, &is_there, err));
        if (w->is_new)
            w->is_new[i] = !is_there;
        if (is_there)
            continue;
        AKIN_TRY(make_name(s, NAME_USER, e->user_id, &numbers[1], err));
        AKIN_TRY(make_name(s, NAME_ITEM, e->item_id, &numbers[2], err));
        AKIN_TRY(make_name(s, NAME_TYPE, e->event_type, &numbers[3], err));
        numbers[0] = ++s->next.seq;
        AKIN_TRY(add_event(c, numbers, e, &id, err));
        AKIN_TRY(change_key(c, SQL_KEY_ADD, hash, numbers[0], err));
        s->next.n_events++;
        if (w->n_new++ == 0)
            w->first_seq = numbers[0];
    }
done:
    return status;
}

static akin_status put_entity(struct store *s, struct store_write *w, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct sql_conn *c = s->writer;
    const enum name_kind kind = store_name_kind(w->entity->kind);
    const char *const text[1] = {w->entity->attributes};
    int64_t numbers[2]; /* seq, num */
    sqlite3_stmt *stmt = NULL;
    bool row;
    AKIN_TRY(make_name(s, kind, w->entity->id, &numbers[1], err));
    AKIN_TRY(run_int(c, (enum sql_id)(SQL_WORD_DELETE + kind), numbers[1], err));
    numbers[0] = ++s->next.seq;
    AKIN_TRY(sql_stmt(c, (enum sql_id)(SQL_WORD_ADD + kind), &stmt, err));
    int rc = sqlite3_bind_int64(stmt, 1, numbers[0]);
    rc |= sqlite3_bind_int64(stmt, 2, numbers[1]);
    rc |= sql_bind_text(stmt, 3, w->entity->attributes);
    rc |= sqlite3_bind_int64(stmt, 4, row_sum(c->salt, numbers, 2, text, 1));
    SQL_TRY(rc ? SQLITE_NOMEM : SQLITE_OK, "write");
    AKIN_TRY(sql_step(c, stmt, &row, err));
    w->first_seq = numbers[0];
done:
    return status;
}

/* The event of a row of EVENT_COLUMNS, by what the row itself says. */
static akin_status delete_event(struct store *s, sqlite3_stmt *stmt, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct sql_conn *c = s->writer;
    struct event_id id = {.is_packed = sqlite3_column_type(stmt, 6) == SQLITE_BLOB};
    int64_t seq = sqlite3_column_int64(stmt, 0);
    id.bytes = sqlite3_column_blob(stmt, 6);
    id.size = (size_t)sqlite3_column_bytes(stmt, 6);
    AKIN_TRY(change_key(c, SQL_KEY_DELETE, row_event_hash(c->salt, &id), seq, err));
    AKIN_TRY(run_int(c, SQL_EVENT_DELETE, seq, err));
    s->next.n_events--;
done:
    return status;
}

static akin_status erase_rows(struct store *s, int64_t user, int64_t *n_deleted, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct sql_conn *c = s->writer;
    sqlite3_stmt *stmt = NULL;
    bool row = true;
    AKIN_TRY(sql_stmt(c, (enum sql_id)(SQL_EVENTS_BY + NAME_USER), &stmt, err));
    SQL_TRY(sqlite3_bind_int64(stmt, 1, user), "write");
    SQL_TRY(sqlite3_bind_int64(stmt, 2, INT64_MAX), "write");
    SQL_TRY(sqlite3_bind_int64(stmt, 3, 1), "write");
    for (;;) { /* one at a time: a statement does not read what another deletes */
        AKIN_TRY(sql_step(c, stmt, &row, err));
        if (!row)
            break;
        AKIN_TRY(delete_event(s, stmt, err));
        sqlite3_reset(stmt);
        ++*n_deleted;
    }
    AKIN_TRY(run_int(c, (enum sql_id)(SQL_WORD_DELETE + NAME_USER), user, err));
    AKIN_TRY(run_int(c, SQL_USER_DELETE, user, err));
    s->next.n_users--;
done:
    sqlite3_reset(stmt);
    return status;
}

static akin_status erase_user(struct store *s, struct store_write *w, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct sql_conn *c = s->writer;
    int64_t user, numbers[2] = {0, clock_unix()}; /* seq, time */
    sqlite3_stmt *stmt = NULL;
    bool row;
    w->n_deleted = 0;
    AKIN_TRY(find_name(c, NAME_USER, w->id, &user, err));
    if (user)
        AKIN_TRY(erase_rows(s, user, &w->n_deleted, err));
    AKIN_TRY(sql_stmt(c, SQL_ERASED_HAS, &stmt, err));
    SQL_TRY(sql_bind_text(stmt, 1, w->id), "write");
    AKIN_TRY(sql_step(c, stmt, &row, err));
    sqlite3_reset(stmt);
    s->next.n_erased += !row;
    numbers[0] = ++s->next.seq;
    AKIN_TRY(sql_stmt(c, SQL_ERASED_PUT, &stmt, err));
    int rc = sql_bind_text(stmt, 1, w->id);
    rc |= sqlite3_bind_int64(stmt, 2, numbers[0]);
    rc |= sqlite3_bind_int64(stmt, 3, numbers[1]);
    rc |= sqlite3_bind_int64(stmt, 4, row_sum(c->salt, numbers, 2, &w->id, 1));
    SQL_TRY(rc ? SQLITE_NOMEM : SQLITE_OK, "write");
    AKIN_TRY(sql_step(c, stmt, &row, err));
    w->first_seq = numbers[0];
done:
    return status;
}

static akin_status put_key(struct sql_conn *c, const struct store_key *key, akin_error *err)
{
    akin_status status = AKIN_OK;
    sqlite3_stmt *stmt = NULL;
    bool row;
    AKIN_TRY(sql_stmt(c, SQL_APIKEY_PUT, &stmt, err));
    int rc = sql_bind_text(stmt, 1, key->id);
    rc |= sql_bind_text(stmt, 2, key->hash);
    rc |= sql_bind_text(stmt, 3, key->scopes);
    rc |= sql_bind_text(stmt, 4, key->note);
    rc |= sqlite3_bind_int64(stmt, 5, key->created);
    rc |= sqlite3_bind_int64(stmt, 6, key->expires);
    rc |= sqlite3_bind_int64(stmt, 7, row_key_sum(c->salt, key));
    SQL_TRY(rc ? SQLITE_NOMEM : SQLITE_OK, "write");
    AKIN_TRY(sql_step(c, stmt, &row, err));
done:
    return status;
}

static akin_status delete_key(struct sql_conn *c, struct store_write *w, akin_error *err)
{
    akin_status status = AKIN_OK;
    sqlite3_stmt *stmt = NULL;
    bool row;
    AKIN_TRY(sql_stmt(c, SQL_APIKEY_DELETE, &stmt, err));
    SQL_TRY(sql_bind_text(stmt, 1, w->id), "write");
    AKIN_TRY(sql_step(c, stmt, &row, err));
    w->n_deleted = sqlite3_changes(c->db);
    if (w->n_deleted == 0) {
        c->fault = STORE_READY;
        AKIN_FAIL(AKIN_E_NOT_FOUND, "store '%s': there is no key '%.64s'", c->label, w->id);
    }
done:
    return status;
}

akin_status write_apply(struct store *s, struct store_write *w, akin_error *err)
{
    switch (w->op) {
    case STORE_PUT_EVENTS:
        return put_events(s, w, err);
    case STORE_PUT_ENTITY:
        return put_entity(s, w, err);
    case STORE_ERASE_USER:
        return erase_user(s, w, err);
    case STORE_PUT_KEY:
        return put_key(s->writer, w->key, err);
    case STORE_DELETE_KEY:
        return delete_key(s->writer, w, err);
    case STORE_EXPIRE: /* write_expire, alone in its commits */
        break;
    }
    s->writer->fault = STORE_READY;
    return error_set(err, AKIN_E_INTERNAL, __FILE__, __LINE__, "store: operation %d", (int)w->op);
}

akin_status write_expire(struct store *s, struct store_write *w, int64_t *seq, int64_t *n_deleted,
                         akin_error *err)
{
    akin_status status = AKIN_OK;
    struct sql_conn *c = s->writer;
    sqlite3_stmt *stmt = NULL;
    int64_t type = 0, last = *seq, user;
    bool row = true;
    *n_deleted = 0;
    if (w->event_type) {
        AKIN_TRY(find_name(c, NAME_TYPE, w->event_type, &type, err));
        if (!type) {
            *seq = 0;
            goto done;
        }
    }
    AKIN_TRY(sql_stmt(c, SQL_EVENTS, &stmt, err));
    SQL_TRY(sqlite3_bind_int64(stmt, 1, last), "write");
    SQL_TRY(sqlite3_bind_int64(stmt, 2, EXPIRE_SCAN), "write");
    /* Deleting the row a scan by key stands on does not disturb it. */
    for (int i = 0; *n_deleted < EXPIRE_DELETE; i++) {
        AKIN_TRY(sql_step(c, stmt, &row, err));
        if (!row) {
            *seq = i < EXPIRE_SCAN ? 0 : last;
            goto done;
        }
        last = sqlite3_column_int64(stmt, 0);
        if (sqlite3_column_int64(stmt, 4) >= w->before ||
            (type && sqlite3_column_int64(stmt, 3) != type))
            continue;
        user = sqlite3_column_int64(stmt, 1);
        AKIN_TRY(delete_event(s, stmt, err));
        AKIN_TRY(run_int(c, SQL_USER_IDLE, user, err));
        s->next.n_users -= sqlite3_changes(c->db);
        ++*n_deleted;
    }
    *seq = last;
done:
    sqlite3_reset(stmt);
    return status;
}
