/*
 * Statements and errors of SQLite.
 *
 * Every statement is text of this file, prepared once a connection. sql_fail is the one place that
 * decides what a code of SQLite means for the store: only this write, no space, no writing, damage,
 * or an input/output error after which nothing may be acknowledged.
 */
#include "store/store_impl.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define STORE_MEND "put a backup back (akin store restore)"
#define EVENT_COLUMNS "seq, user, item, type, time, value, event_id, context, sum"
#define WORD(table, names)                                                                         \
    "SELECT w.seq, w.num, n.id, w.attributes, w.sum FROM " table " w "                             \
    "LEFT JOIN " names " n ON n.num = w.num "

static const char *const texts[SQL_N] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",
    [SQL_STATE_GET] = "SELECT seq, n_events, n_items, n_users, n_erased, salt, sum FROM state "
                      "WHERE one = 1",
    [SQL_STATE_SET] = "UPDATE state SET seq = ?1, n_events = ?2, n_items = ?3, n_users = ?4, "
                      "n_erased = ?5, sum = ?6 WHERE one = 1",
    [SQL_NUM + NAME_USER] = "SELECT num FROM users WHERE id = ?1",
    [SQL_NUM + NAME_ITEM] = "SELECT num FROM items WHERE id = ?1",
    [SQL_NUM + NAME_TYPE] = "SELECT num FROM types WHERE id = ?1",
    [SQL_TOP + NAME_USER] = "SELECT max(num) FROM users",
    [SQL_TOP + NAME_ITEM] = "SELECT max(num) FROM items",
    [SQL_TOP + NAME_TYPE] = "SELECT max(num) FROM types",
    [SQL_ADD + NAME_USER] = "INSERT INTO users(num, id, sum) VALUES (?1, ?2, ?3)",
    [SQL_ADD + NAME_ITEM] = "INSERT INTO items(num, id, sum) VALUES (?1, ?2, ?3)",
    [SQL_ADD + NAME_TYPE] = "INSERT INTO types(num, id, sum) VALUES (?1, ?2, ?3)",
    [SQL_NAME + NAME_USER] = "SELECT id, sum FROM users WHERE num = ?1",
    [SQL_NAME + NAME_ITEM] = "SELECT id, sum FROM items WHERE num = ?1",
    [SQL_NAME + NAME_TYPE] = "SELECT id, sum FROM types WHERE num = ?1",
    [SQL_USER_DELETE] = "DELETE FROM users WHERE num = ?1",
    [SQL_USER_IDLE] = "DELETE FROM users WHERE num = ?1 "
                      "AND NOT EXISTS (SELECT 1 FROM events WHERE user = ?1) "
                      "AND NOT EXISTS (SELECT 1 FROM user_words WHERE num = ?1)",
    [SQL_KEY_FIND] = "SELECT e.event_id FROM event_keys k CROSS JOIN events e ON e.seq = k.seq "
                     "WHERE k.hash = ?1",
    [SQL_KEY_ADD] = "INSERT INTO event_keys(hash, seq) VALUES (?1, ?2)",
    [SQL_KEY_DELETE] = "DELETE FROM event_keys WHERE hash = ?1 AND seq = ?2",
    [SQL_EVENT_ADD] =
        "INSERT INTO events(" EVENT_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    [SQL_EVENT_DELETE] = "DELETE FROM events WHERE seq = ?1",
    [SQL_EVENTS] = "SELECT " EVENT_COLUMNS " FROM events WHERE seq > ?1 ORDER BY seq LIMIT ?2",
    [SQL_EVENTS_BY + NAME_USER] = "SELECT " EVENT_COLUMNS " FROM events WHERE user = ?1 "
                                  "AND seq < ?2 ORDER BY seq DESC LIMIT ?3",
    [SQL_EVENTS_BY + NAME_ITEM] = "SELECT " EVENT_COLUMNS " FROM events WHERE item = ?1 "
                                  "AND seq < ?2 ORDER BY seq DESC LIMIT ?3",
    [SQL_WORD_DELETE + NAME_USER] = "DELETE FROM user_words WHERE num = ?1",
    [SQL_WORD_DELETE + NAME_ITEM] = "DELETE FROM item_words WHERE num = ?1",
    [SQL_WORD_ADD + NAME_USER] =
        "INSERT INTO user_words(seq, num, attributes, sum) VALUES (?1, ?2, ?3, ?4)",
    [SQL_WORD_ADD + NAME_ITEM] =
        "INSERT INTO item_words(seq, num, attributes, sum) VALUES (?1, ?2, ?3, ?4)",
    [SQL_WORDS + NAME_USER] = WORD("user_words", "users") "WHERE w.seq > ?1 ORDER BY w.seq",
    [SQL_WORDS + NAME_ITEM] = WORD("item_words", "items") "WHERE w.seq > ?1 ORDER BY w.seq",
    [SQL_WORD + NAME_USER] =
        WORD("user_words", "users") "WHERE w.num = (SELECT num FROM users WHERE id = ?1)",
    [SQL_WORD + NAME_ITEM] =
        WORD("item_words", "items") "WHERE w.num = (SELECT num FROM items WHERE id = ?1)",
    [SQL_ERASED_HAS] = "SELECT 1 FROM erased WHERE id = ?1",
    [SQL_ERASED_PUT] = "INSERT OR REPLACE INTO erased(id, seq, time, sum) VALUES (?1, ?2, ?3, ?4)",
    [SQL_ERASED] = "SELECT id, seq, time, sum FROM erased ORDER BY seq",
    [SQL_APIKEY_PUT] = "INSERT OR REPLACE INTO api_keys(id, hash, scopes, note, created, expires, "
                       "sum) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [SQL_APIKEY_DELETE] = "DELETE FROM api_keys WHERE id = ?1",
    [SQL_APIKEYS] = "SELECT id, hash, scopes, note, created, expires, sum FROM api_keys "
                    "ORDER BY created, id",
};

const char *sql_text(enum sql_id id)
{
    return texts[id];
}

/* No space, whoever says so: the disk, a quota, a limit of the process. */
static bool is_space(int number)
{
    return number == ENOSPC || number == EDQUOT || number == EFBIG;
}

/* What the system said of the last operation on the log; SQLite forgets it when a commit fails. */
static int log_errno(struct sql_conn *c)
{
    sqlite3_file *file = NULL;
    int number = 0;
    if (sqlite3_file_control(c->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file) == SQLITE_OK &&
        file && file->pMethods)
        file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &number);
    return number;
}

static enum store_state io_fault(struct sql_conn *c, int rc)
{
    if (rc == SQLITE_IOERR_SHMSIZE)
        return STORE_FULL;
    if (rc != SQLITE_IOERR_WRITE)
        return STORE_FAILED;
    int number = sqlite3_system_errno(c->db);
    if (!is_space(number) && number != EROFS)
        number = log_errno(c);
    return is_space(number) ? STORE_FULL : number == EROFS ? STORE_READ_ONLY : STORE_FAILED;
}

akin_status sql_fail(struct sql_conn *c, int rc, const char *what, const char *file, int line,
                     akin_error *err)
{
    const char *why = c->db ? sqlite3_errmsg(c->db) : sqlite3_errstr(rc);
    c->fault = STORE_READY;
    switch (rc & 0xff) {
    case SQLITE_NOMEM:
        return error_set(err, AKIN_E_MEMORY, file, line, "store '%s': out of memory", c->label);
    case SQLITE_IOERR:
        if (rc == SQLITE_IOERR_NOMEM)
            return error_set(err, AKIN_E_MEMORY, file, line, "store '%s': out of memory", c->label);
        c->fault = io_fault(c, rc);
        if (c->fault == STORE_FAILED)
            return error_set(err, AKIN_E_IO, file, line,
                             "store '%s': cannot %s: input or output failed (code %d of SQLite)",
                             c->label, what, rc);
        if (c->fault == STORE_READ_ONLY)
            break;
        why = "a file may not grow";
        /* fall through */
    case SQLITE_FULL:
        c->fault = STORE_FULL;
        return error_set(err, AKIN_E_IO, file, line, "store '%s': cannot %s: no space left (%s)",
                         c->label, what, why);
    case SQLITE_READONLY:
        c->fault = STORE_READ_ONLY;
        break;
    case SQLITE_CORRUPT:
    case SQLITE_ERROR: /* our statements are right: the tables are not ours */
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_SCHEMA:
        c->fault = STORE_CORRUPT;
        return error_set(err, AKIN_E_FORMAT, file, line,
                         "store '%s': damaged: cannot %s (%s): " STORE_MEND, c->label, what, why);
    case SQLITE_NOTADB:
        c->fault = STORE_CORRUPT;
        return error_set(err, AKIN_E_FORMAT, file, line,
                         "'%s' is not a store, or its beginning is damaged: " STORE_MEND, c->label);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
        return error_set(err, AKIN_E_LIMIT, file, line,
                         "store '%s': cannot %s: another program holds the file", c->label, what);
    case SQLITE_TOOBIG:
        return error_set(err, AKIN_E_LIMIT, file, line, "store '%s': cannot %s: too long", c->label,
                         what);
    case SQLITE_CANTOPEN:
        return error_set(err, AKIN_E_IO, file, line, "store '%s': cannot %s: %s (%s)", c->label,
                         what, why, strerror(sqlite3_system_errno(c->db)));
    default:
        return error_set(err, AKIN_E_INTERNAL, file, line, "store '%s': cannot %s: %s (%d)",
                         c->label, what, why, rc);
    }
    return error_set(err, AKIN_E_IO, file, line, "store '%s': cannot %s: it may only be read",
                     c->label, what);
}

akin_status sql_corrupt(struct sql_conn *c, akin_error *err, const char *format, ...)
{
    char text[100];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    c->fault = STORE_CORRUPT;
    return error_set(err, AKIN_E_FORMAT, __FILE__, __LINE__, "store '%s': damaged: %s: " STORE_MEND,
                     c->label, text);
}

akin_status sql_stmt(struct sql_conn *c, enum sql_id id, sqlite3_stmt **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    if (!c->stmts[id])
        SQL_TRY(sqlite3_prepare_v3(c->db, texts[id], -1, SQLITE_PREPARE_PERSISTENT, &c->stmts[id],
                                   NULL),
                "prepare");
    *out = c->stmts[id];
done:
    return status;
}

akin_status sql_step(struct sql_conn *c, sqlite3_stmt *stmt, bool *row, akin_error *err)
{
    akin_status status = AKIN_OK;
    int rc = sqlite3_step(stmt);
    *row = rc == SQLITE_ROW;
    if (rc == SQLITE_ROW)
        return AKIN_OK;
    if (rc != SQLITE_DONE)
        status = sql_fail(c, rc, sqlite3_column_count(stmt) > 0 ? "read" : "write", __FILE__,
                          __LINE__, err);
    sqlite3_reset(stmt);
    return status;
}

akin_status sql_run(struct sql_conn *c, enum sql_id id, akin_error *err)
{
    akin_status status = AKIN_OK;
    sqlite3_stmt *stmt = NULL;
    bool row;
    AKIN_TRY(sql_stmt(c, id, &stmt, err));
    AKIN_TRY(sql_step(c, stmt, &row, err));
    if (row)
        sqlite3_reset(stmt);
done:
    return status;
}

akin_status sql_exec(struct sql_conn *c, const char *text, akin_error *err)
{
    akin_status status = AKIN_OK;
    SQL_TRY(sqlite3_exec(c->db, text, NULL, NULL, NULL), "set up");
done:
    return status;
}

akin_status sql_int(struct sql_conn *c, const char *text, int64_t *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    sqlite3_stmt *stmt = NULL;
    SQL_TRY(sqlite3_prepare_v2(c->db, text, -1, &stmt, NULL), "open");
    int rc = sqlite3_step(stmt);
    if (rc != SQLITE_ROW)
        SQL_FAIL(rc == SQLITE_DONE ? SQLITE_CORRUPT : rc, "open");
    *out = sqlite3_column_int64(stmt, 0);
done:
    sqlite3_finalize(stmt);
    return status;
}

const char *sql_column(sqlite3_stmt *stmt, int column, size_t *size)
{
    bool is_null = sqlite3_column_type(stmt, column) == SQLITE_NULL;
    const unsigned char *text =
        is_null ? (const unsigned char *)"" : sqlite3_column_text(stmt, column);
    if (size)
        *size = is_null ? 0 : (size_t)sqlite3_column_bytes(stmt, column);
    return (const char *)text;
}

int sql_bind_text(sqlite3_stmt *stmt, int at, const char *text)
{
    return text ? sqlite3_bind_text(stmt, at, text, -1, SQLITE_STATIC)
                : sqlite3_bind_null(stmt, at);
}
