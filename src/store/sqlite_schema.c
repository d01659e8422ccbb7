/*
 * The tables of a store (docs/store.md), making them, and refusing files that are something else.
 *
 * A new store is made beside its path and renamed, so that an empty or half-made file is never a
 * store of ours. The text of every table in an existing file must be what this file says: what
 * differs is damage, or somebody's change.
 */
#include "store/store_impl.h"

#include "core/file_error.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define NAMES(table)                                                                               \
    {                                                                                              \
        table, "CREATE TABLE " table "(num INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, "         \
               "sum INTEGER NOT NULL)"                                                             \
    }
#define WORDS(table)                                                                               \
    {                                                                                              \
        table, "CREATE TABLE " table "(seq INTEGER PRIMARY KEY, num INTEGER NOT NULL UNIQUE, "     \
               "attributes TEXT, sum INTEGER NOT NULL)"                                            \
    }

static const struct store_object objects[] = {
    {"state", "CREATE TABLE state(one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL, "
              "n_events INTEGER NOT NULL, n_items INTEGER NOT NULL, n_users INTEGER NOT NULL, "
              "n_erased INTEGER NOT NULL, salt INTEGER NOT NULL, sum INTEGER NOT NULL)"},
    NAMES("users"),
    NAMES("items"),
    NAMES("types"),
    {"events", "CREATE TABLE events(seq INTEGER PRIMARY KEY, user INTEGER NOT NULL, "
               "item INTEGER NOT NULL, type INTEGER NOT NULL, time INTEGER NOT NULL, value REAL, "
               "event_id NOT NULL, context TEXT, sum INTEGER NOT NULL)"},
    {"events_user", "CREATE INDEX events_user ON events(user)"},
    {"events_item", "CREATE INDEX events_item ON events(item)"},
    {"event_keys", "CREATE TABLE event_keys(hash INTEGER NOT NULL, seq INTEGER NOT NULL, "
                   "PRIMARY KEY (hash, seq)) WITHOUT ROWID"},
    WORDS("user_words"),
    WORDS("item_words"),
    {"erased", "CREATE TABLE erased(id TEXT PRIMARY KEY, seq INTEGER NOT NULL, "
               "time INTEGER NOT NULL, sum INTEGER NOT NULL) WITHOUT ROWID"},
    {"api_keys", "CREATE TABLE api_keys(id TEXT PRIMARY KEY, hash TEXT NOT NULL, "
                 "scopes TEXT NOT NULL, note TEXT NOT NULL, created INTEGER NOT NULL, "
                 "expires INTEGER NOT NULL, sum INTEGER NOT NULL) WITHOUT ROWID"},
};
enum { FORMAT = 1 };
static const char *const steps[FORMAT] = {NULL};

const struct store_schema store_schema = {FORMAT, objects, sizeof objects / sizeof *objects, steps};

static akin_status set_version(struct sql_conn *c, int64_t format, akin_error *err)
{
    char text[64];
    snprintf(text, sizeof text, "PRAGMA user_version = %" PRId64, format);
    return sql_exec(c, text, err);
}

static akin_status make_tables(struct sql_conn *c, const struct store_schema *schema,
                               akin_error *err)
{
    akin_status status = AKIN_OK;
    char text[96];
    uint64_t salt;
    const struct store_counts none = {0};
    if (getrandom(&salt, sizeof salt, 0) != (ssize_t)sizeof salt)
        AKIN_FAIL(AKIN_E_IO, "store '%s': the system gives no random numbers", c->label);
    AKIN_TRY(sql_exec(c, "BEGIN IMMEDIATE", err));
    for (int i = 0; i < schema->n_objects; i++)
        AKIN_TRY(sql_exec(c, schema->objects[i].sql, err));
    snprintf(text, sizeof text, "PRAGMA application_id = %d", STORE_APPLICATION_ID);
    AKIN_TRY(sql_exec(c, text, err));
    AKIN_TRY(set_version(c, schema->format, err));
    snprintf(text, sizeof text, "INSERT INTO state VALUES (1, 0, 0, 0, 0, 0, %" PRId64 ", 0)",
             (int64_t)salt);
    AKIN_TRY(sql_exec(c, text, err));
    c->salt = (uint64_t)(int64_t)salt;
    AKIN_TRY(row_counts_set(c, &none, err));
    AKIN_TRY(sql_exec(c, "COMMIT", err));
done:
    return status;
}

akin_status schema_create(struct store *s, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct sql_conn *c = NULL;
    char *made = NULL, *path = s->path;
    size_t size = strlen(path) + 16;
    MEM_NEW(s->ctx, made, size);
    /* What a process that was killed in here left; the lock is ours. */
    snprintf(made, size, "%s-new-journal", path);
    unlink(made);
    snprintf(made, size, "%s-new", path);
    unlink(made);
    s->path = made;
    status = sqlite_connect(s, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &c, err);
    s->path = path;
    AKIN_TRY(status);
    AKIN_TRY(make_tables(c, s->schema, err));
    sqlite_disconnect(c);
    c = NULL;
    if (rename(made, path))
        FILE_FAIL("make", path);
done:
    sqlite_disconnect(c);
    if (made && status != AKIN_OK)
        unlink(made);
    mem_free(s->ctx, made);
    return status;
}

static akin_status migrate(struct sql_conn *c, const struct store_schema *schema, int64_t version,
                           akin_error *err)
{
    akin_status status = AKIN_OK;
    AKIN_TRY(sql_run(c, SQL_BEGIN, err));
    for (int64_t v = version; v < schema->format; v++)
        AKIN_TRY(sql_exec(c, schema->steps[v], err));
    AKIN_TRY(set_version(c, schema->format, err));
    AKIN_TRY(sql_run(c, SQL_COMMIT, err));
done:
    if (status != AKIN_OK && !sqlite3_get_autocommit(c->db))
        sqlite3_exec(c->db, "ROLLBACK", NULL, NULL, NULL);
    return status;
}

static akin_status check_tables(struct sql_conn *c, const struct store_schema *schema,
                                akin_error *err)
{
    akin_status status = AKIN_OK;
    sqlite3_stmt *stmt = NULL;
    int64_t is_utf8;
    AKIN_TRY(sql_int(c, "SELECT encoding = 'UTF-8' FROM pragma_encoding", &is_utf8, err));
    if (!is_utf8)
        AKIN_TRY(sql_corrupt(c, err, "its texts are not UTF-8"));
    SQL_TRY(
        sqlite3_prepare_v2(c->db, "SELECT sql FROM sqlite_master WHERE name = ?1", -1, &stmt, NULL),
        "open");
    for (int i = 0; i < schema->n_objects; i++) {
        const struct store_object *object = &schema->objects[i];
        bool row;
        sqlite3_reset(stmt);
        SQL_TRY(sql_bind_text(stmt, 1, object->name), "open");
        AKIN_TRY(sql_step(c, stmt, &row, err));
        const char *sql = row ? sql_column(stmt, 0, NULL) : "";
        if (!sql)
            SQL_FAIL(SQLITE_NOMEM, "open");
        if (strcmp(sql, object->sql) != 0)
            AKIN_TRY(sql_corrupt(c, err, "table or index '%s' is %s", object->name,
                                 row ? "not as akin made it" : "missing"));
    }
done:
    sqlite3_finalize(stmt);
    return status;
}

akin_status schema_check(struct sql_conn *c, const struct store_schema *schema, bool read_only,
                         int64_t *was, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t application, version = 0;
    AKIN_TRY(sql_int(c, "PRAGMA application_id", &application, err));
    AKIN_TRY(sql_int(c, "PRAGMA user_version", &version, err));
    if (application != STORE_APPLICATION_ID) {
        c->fault = STORE_CORRUPT;
        AKIN_FAIL(AKIN_E_FORMAT, "'%s' is not a store: a database of another program", c->label);
    }
    if (version > schema->format)
        AKIN_FAIL(AKIN_E_VERSION,
                  "store '%s' was made by a newer akin: format %" PRId64
                  " (this one knows up to %" PRId64 ")",
                  c->label, version, schema->format);
    if (version < 1)
        AKIN_TRY(sql_corrupt(c, err, "format %" PRId64, version));
    if (version < schema->format && read_only)
        AKIN_FAIL(AKIN_E_VERSION,
                  "store '%s' has the older format %" PRId64 ": akin store migrate brings it to "
                  "%" PRId64,
                  c->label, version, schema->format);
    if (version < schema->format)
        AKIN_TRY(migrate(c, schema, version, err));
    AKIN_TRY(check_tables(c, schema, err));
    *was = version;
done:
    return status;
}
