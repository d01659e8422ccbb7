/*
 * A look at the whole file, and a copy of it while it is in use.
 *
 * The check reads everything in one snapshot: SQLite's own test of pages and indices, the sum of
 * every row, that whatever is referred to is there, and that the counts are right.
 *
 * Cost: some 8 s of CPU per million events; writes go on meanwhile, the log grows.
 */
#include "store/store_impl.h"

#include "core/file_error.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static akin_status check_pages(struct sql_conn *c, akin_error *err)
{
    akin_status status = AKIN_OK;
    sqlite3_stmt *stmt = NULL;
    bool row;
    SQL_TRY(sqlite3_prepare_v2(c->db, "PRAGMA integrity_check(1)", -1, &stmt, NULL), "check");
    AKIN_TRY(sql_step(c, stmt, &row, err));
    const char *text = row ? sql_column(stmt, 0, NULL) : "no answer";
    if (!text)
        SQL_FAIL(SQLITE_NOMEM, "check");
    if (strcmp(text, "ok") != 0)
        AKIN_TRY(sql_corrupt(c, err, "%s", text));
done:
    sqlite3_finalize(stmt);
    return status;
}

static akin_status check_key(struct sql_conn *c, sqlite3_stmt *stmt, const struct store_event *e,
                             akin_error *err)
{
    akin_status status = AKIN_OK;
    struct event_id id;
    bool row;
    row_event_id(&id, e->event_id);
    SQL_TRY(sqlite3_bind_int64(stmt, 1, row_event_hash(c->salt, &id)), "check");
    SQL_TRY(sqlite3_bind_int64(stmt, 2, e->seq), "check");
    AKIN_TRY(sql_step(c, stmt, &row, err));
    if (!row)
        AKIN_TRY(sql_corrupt(c, err, "the key of event %" PRId64 " is missing", e->seq));
done:
    sqlite3_reset(stmt);
    return status;
}

/* arg: the statement that finds an event's key. */
static akin_status check_event(struct sql_conn *c, sqlite3_stmt *stmt, void *arg, bool *more,
                               akin_error *err)
{
    akin_status status = AKIN_OK;
    struct store_event e;
    char id_text[37];
    (void)more;
    AKIN_TRY(read_event(c, stmt, &e, id_text, err));
    AKIN_TRY(check_key(c, arg, &e, err));
done:
    return status;
}

static akin_status check_events(struct sql_conn *c, akin_error *err)
{
    akin_status status = AKIN_OK;
    sqlite3_stmt *stmt = NULL, *key = NULL;
    int64_t more;
    SQL_TRY(sqlite3_prepare_v2(c->db, "SELECT 1 FROM event_keys WHERE hash = ?1 AND seq = ?2", -1,
                               &key, NULL),
            "check");
    AKIN_TRY(sql_stmt(c, SQL_EVENTS, &stmt, err));
    SQL_TRY(sqlite3_bind_int64(stmt, 1, INT64_MIN), "check");
    SQL_TRY(sqlite3_bind_int64(stmt, 2, -1), "check");
    AKIN_TRY(read_rows(c, stmt, check_event, key, err));
    AKIN_TRY(sql_int(c, "SELECT (SELECT count(*) FROM event_keys) - (SELECT count(*) FROM events)",
                     &more, err));
    if (more)
        AKIN_TRY(sql_corrupt(c, err, "%" PRId64 " keys without an event", more));
done:
    sqlite3_finalize(key);
    return status;
}

/* All rows of a statement, which begins after `?1` if it has one. */
static akin_status check_rows(struct sql_conn *c, enum sql_id id, read_row_fn row,
                              enum store_kind kind, akin_error *err)
{
    akin_status status = AKIN_OK;
    sqlite3_stmt *stmt = NULL;
    struct read_sink nobody = {.kind = kind};
    AKIN_TRY(sql_stmt(c, id, &stmt, err));
    if (sqlite3_bind_parameter_count(stmt) > 0)
        SQL_TRY(sqlite3_bind_int64(stmt, 1, INT64_MIN), "check");
    AKIN_TRY(read_rows(c, stmt, row, &nobody, err));
done:
    return status;
}

static akin_status check_name(struct sql_conn *c, sqlite3_stmt *stmt, void *arg, bool *more,
                              akin_error *err)
{
    const enum name_kind *kind = arg;
    const char *text;
    (void)more;
    return read_name(c, *kind, sqlite3_column_int64(stmt, 0), &text, err);
}

static akin_status check_names(struct sql_conn *c, enum name_kind kind, akin_error *err)
{
    static const char *const tables[NAME_N] = {"SELECT num FROM users NOT INDEXED",
                                               "SELECT num FROM items NOT INDEXED",
                                               "SELECT num FROM types NOT INDEXED"};
    akin_status status = AKIN_OK;
    sqlite3_stmt *stmt = NULL;
    SQL_TRY(sqlite3_prepare_v2(c->db, tables[kind], -1, &stmt, NULL), "check");
    AKIN_TRY(read_rows(c, stmt, check_name, &kind, err));
done:
    sqlite3_finalize(stmt);
    return status;
}

static akin_status check_counts(struct sql_conn *c, akin_error *err)
{
    static const char *const counts[] = {"SELECT count(*) FROM events",
                                         "SELECT count(*) FROM items", "SELECT count(*) FROM users",
                                         "SELECT count(*) FROM erased"};
    static const char *const names[] = {"events", "items", "users", "erasures"};
    akin_status status = AKIN_OK;
    struct store_counts said;
    AKIN_TRY(row_counts_get(c, &said, err));
    const int64_t expected[] = {said.n_events, said.n_items, said.n_users, said.n_erased};
    for (int i = 0; i < 4; i++) {
        int64_t n;
        AKIN_TRY(sql_int(c, counts[i], &n, err));
        if (n != expected[i])
            AKIN_TRY(sql_corrupt(c, err, "%" PRId64 " %s, its state says %" PRId64, n, names[i],
                                 expected[i]));
    }
done:
    return status;
}

akin_status store_check(struct store *s, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct sql_conn *c = NULL;
    akin_error local = {0};
    err = err ? err : &local;
    AKIN_TRY(reader_take(s, &c, err));
    c->is_scan = true;
    AKIN_TRY(sql_exec(c, "BEGIN", err));
    AKIN_TRY(check_pages(c, err));
    AKIN_TRY(check_counts(c, err));
    for (int kind = 0; kind < NAME_N; kind++)
        AKIN_TRY(check_names(c, (enum name_kind)kind, err));
    AKIN_TRY(check_events(c, err));
    static const struct {
        enum sql_id id;
        read_row_fn row;
        enum store_kind kind;
    } rows[] = {{(enum sql_id)(SQL_WORDS + NAME_USER), read_word_row, STORE_USER},
                {(enum sql_id)(SQL_WORDS + NAME_ITEM), read_word_row, STORE_ITEM},
                {SQL_ERASED, read_erased_row, STORE_USER},
                {SQL_APIKEYS, read_key_row, STORE_USER}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        AKIN_TRY(check_rows(c, rows[i].id, rows[i].row, rows[i].kind, err));
done:
    if (c && !sqlite3_get_autocommit(c->db))
        sqlite3_exec(c->db, "ROLLBACK", NULL, NULL, NULL);
    if (c)
        reader_give(s, c, status, err);
    return status;
}

/* ---- Backup ---- */

static akin_status copy_pages(struct sql_conn *c, const char *path, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct sql_conn to = {.ctx = c->ctx, .label = path};
    sqlite3_backup *backup = NULL;
    SQL_TRY(sqlite3_open_v2(path, &to.db,
                            SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL),
            "back up");
    sqlite3_extended_result_codes(to.db, 1);
    AKIN_TRY(sql_exec(&to, "PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF", err));
    backup = sqlite3_backup_init(to.db, "main", c->db, "main");
    int rc = backup ? sqlite3_backup_step(backup, -1) : sqlite3_errcode(to.db);
    if (backup)
        sqlite3_backup_finish(backup);
    /* Whatever fails is the copy's fault: the source was only read. */
    if (rc != SQLITE_DONE)
        AKIN_TRY(sql_fail(&to, rc, "back up", __FILE__, __LINE__, err));
done:
    sqlite3_close(to.db);
    return status;
}

static akin_status make_durable(const char *made, const char *path, akin_error *err)
{
    akin_status status = AKIN_OK;
    char folder[PATH_MAX];
    int fd = open(made, O_RDWR | O_CLOEXEC);
    if (fd < 0 || fsync(fd))
        FILE_FAIL("make durable", made);
    close(fd);
    fd = -1;
    if (link(made, path)) { /* unlike rename it replaces nothing */
        if (errno == EEXIST)
            AKIN_FAIL(AKIN_E_ARG, "backup: '%.150s' exists already", path);
        FILE_FAIL("write the backup", path);
    }
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash)
        slash[slash == folder] = '\0';
    fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd))
        FILE_FAIL("make durable", folder);
done:
    if (fd >= 0)
        close(fd);
    return status;
}

akin_status store_backup(struct store *s, const char *path, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct sql_conn *c = NULL;
    char made[PATH_MAX] = "";
    akin_error local = {0};
    int64_t one;
    err = err ? err : &local;
    if (access(path, F_OK) == 0)
        AKIN_FAIL(AKIN_E_ARG, "backup: '%.150s' exists already", path);
    if ((size_t)snprintf(made, sizeof made, "%s%s.akin-%ld", path[0] == '/' ? "" : "./", path,
                         (long)getpid()) >= sizeof made)
        AKIN_FAIL(AKIN_E_ARG, "backup: '%.100s…': name too long", path);
    unlink(made);
    AKIN_TRY(reader_take(s, &c, err));
    /* The snapshot of this transaction: commits meanwhile do not make the copy start again. */
    AKIN_TRY(sql_exec(c, "BEGIN", err));
    AKIN_TRY(sql_int(c, "SELECT count(*) FROM sqlite_master", &one, err));
    AKIN_TRY(copy_pages(c, made, err));
    AKIN_TRY(make_durable(made, path, err));
done:
    if (c) {
        if (!sqlite3_get_autocommit(c->db))
            sqlite3_exec(c->db, "ROLLBACK", NULL, NULL, NULL);
        reader_give(s, c, status, err);
        unlink(made);
    }
    return status;
}
