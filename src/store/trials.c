/*
 * The log of a search in SQLite: a row of `study` says what the trials belong to, `trials` has one
 * for each that ended.
 *
 * The file is held for this process alone (locking mode EXCLUSIVE), so that two searches cannot mix
 * their rows. A rollback journal, not WAL: commits are few, and the file is one when nobody has it
 * open. Each row is a transaction with synchronous = FULL. Cost: an fsync or two a trial.
 */
#include "store/trials.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

enum { TRIALS_APPLICATION_ID = 0x616b746e /* "aktn" */, TRIALS_FORMAT = 1, TRIALS_LABEL = 100 };

#define TRIALS_TABLES                                                                              \
    "CREATE TABLE study(one INTEGER PRIMARY KEY CHECK (one = 1), text TEXT NOT NULL);"             \
    "CREATE TABLE trials(number INTEGER NOT NULL, rung INTEGER NOT NULL, model TEXT NOT NULL, "    \
    "params TEXT NOT NULL, metrics TEXT, error TEXT, seconds REAL NOT NULL, "                      \
    "peak_bytes INTEGER NOT NULL, PRIMARY KEY (number, rung)) WITHOUT ROWID;"

struct trial_log {
    akin_ctx *ctx;
    sqlite3 *db;
    char *study; /* owned */
    char label[TRIALS_LABEL];
};

static akin_status log_fail(struct trial_log *log, int rc, const char *what, int line,
                            akin_error *err)
{
    static const struct {
        int code;
        akin_status status;
        const char *text;
    } table[] = {
        {SQLITE_NOMEM, AKIN_E_MEMORY, "out of memory"},
        {SQLITE_BUSY, AKIN_E_LIMIT, "another process has it open"},
        {SQLITE_FULL, AKIN_E_IO, "no space left"},
        {SQLITE_CANTOPEN, AKIN_E_IO, "it cannot be opened; is its folder there?"},
        {SQLITE_READONLY, AKIN_E_IO, "it may only be read"},
        {SQLITE_IOERR, AKIN_E_IO, "input or output failed"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].code == (rc & 0xff))
            return error_set(err, table[i].status, __FILE__, line,
                             "log of trials '%s': cannot %s: %s", log->label, what, table[i].text);
    return error_set(err, AKIN_E_FORMAT, __FILE__, line,
                     "'%s' is no log of trials, or it is damaged (%s): remove it, or name another",
                     log->label, log->db ? sqlite3_errmsg(log->db) : sqlite3_errstr(rc));
}

/* Within the house pattern, in a function with a `struct trial_log *log`. */
#define LOG_TRY(call, what)                                                                        \
    do {                                                                                           \
        int log_rc_ = (call);                                                                      \
        if (log_rc_ != SQLITE_OK) {                                                                \
            status = log_fail(log, log_rc_, (what), __LINE__, err);                                \
            goto done;                                                                             \
        }                                                                                          \
    } while (0)

static akin_status log_exec(struct trial_log *log, const char *sql, const char *what,
                            akin_error *err)
{
    akin_status status = AKIN_OK;
    LOG_TRY(sqlite3_exec(log->db, sql, NULL, NULL, NULL), what);
done:
    return status;
}

/* The first cell of the first row as a number; 0 if there is none. */
static akin_status log_int(struct trial_log *log, const char *sql, int64_t *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    sqlite3_stmt *stmt = NULL;
    LOG_TRY(sqlite3_prepare_v2(log->db, sql, -1, &stmt, NULL), "read");
    int rc = sqlite3_step(stmt);
    *out = rc == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : 0;
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        LOG_TRY(rc, "read");
done:
    sqlite3_finalize(stmt);
    return status;
}

/* A text cell; NULL stays NULL, and *failed says that SQLite had no memory for it. */
static const char *cell_text(sqlite3_stmt *stmt, int column, bool *failed)
{
    if (sqlite3_column_type(stmt, column) == SQLITE_NULL)
        return NULL;
    const char *text = (const char *)sqlite3_column_text(stmt, column);
    *failed = *failed || !text;
    return text;
}

static akin_status read_study(struct trial_log *log, akin_error *err)
{
    akin_status status = AKIN_OK;
    sqlite3_stmt *stmt = NULL;
    bool failed = false;
    const char *text = NULL;
    LOG_TRY(sqlite3_prepare_v2(log->db, "SELECT text FROM study WHERE one = 1", -1, &stmt, NULL),
            "read");
    int rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW)
        text = cell_text(stmt, 0, &failed);
    if (failed || (rc != SQLITE_ROW && rc != SQLITE_DONE))
        LOG_TRY(failed ? SQLITE_NOMEM : rc, "read");
    log->study = mem_strdup(log->ctx, text ? text : "", err);
    if (!log->study)
        status = AKIN_E_MEMORY;
done:
    sqlite3_finalize(stmt);
    return status;
}

/* Makes the tables in an empty file; refuses what is not ours. */
static akin_status check_file(struct trial_log *log, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t n_objects, application, version, n_ours, is_damaged;
    char sql[160];
    AKIN_TRY(log_int(log, "SELECT count(*) FROM sqlite_master", &n_objects, err));
    AKIN_TRY(log_int(log, "PRAGMA application_id", &application, err));
    AKIN_TRY(log_int(log, "PRAGMA user_version", &version, err));
    if (n_objects == 0 && application == 0 && version == 0) {
        snprintf(sql, sizeof sql, "PRAGMA application_id = %d; PRAGMA user_version = %d",
                 TRIALS_APPLICATION_ID, TRIALS_FORMAT);
        AKIN_TRY(log_exec(log, TRIALS_TABLES, "make its tables", err));
        AKIN_TRY(log_exec(log, sql, "make its tables", err));
        goto done;
    }
    if (application != TRIALS_APPLICATION_ID)
        AKIN_FAIL(AKIN_E_FORMAT, "'%s' is no log of trials: a database of another program",
                  log->label);
    if (version > TRIALS_FORMAT)
        AKIN_FAIL(AKIN_E_VERSION,
                  "log of trials '%s' was made by a newer akin: format %d (this one knows %d)",
                  log->label, (int)version, TRIALS_FORMAT);
    AKIN_TRY(log_int(log,
                     "SELECT count(*) FROM sqlite_master WHERE type = 'table' "
                     "AND name IN ('study', 'trials')",
                     &n_ours, err));
    AKIN_TRY(
        log_int(log, "SELECT quick_check <> 'ok' FROM pragma_quick_check(1)", &is_damaged, err));
    if (n_ours != 2 || is_damaged)
        LOG_TRY(SQLITE_CORRUPT, "read");
done:
    return status;
}

akin_status trial_log_open(akin_ctx *ctx, const char *path, struct trial_log **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct trial_log *log = NULL;
    char *name = NULL;
    size_t size = strlen(path) + 3;
    MEM_ZERO(ctx, log, 1);
    log->ctx = ctx;
    snprintf(log->label, sizeof log->label, "%s", path);
    /* No path is a special name of SQLite. */
    MEM_NEW(ctx, name, size);
    snprintf(name, size, "%s%s", path[0] == '/' ? "" : "./", path);
    LOG_TRY(sqlite3_open_v2(name, &log->db,
                            SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL),
            "open");
    sqlite3_db_config(log->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(log->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(log->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    sqlite3_db_config(log->db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    AKIN_TRY(log_exec(log,
                      "PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = FULL; "
                      "PRAGMA temp_store = MEMORY; PRAGMA cell_size_check = ON; BEGIN EXCLUSIVE",
                      "open", err));
    AKIN_TRY(check_file(log, err));
    AKIN_TRY(log_exec(log, "COMMIT", "make its tables", err));
    AKIN_TRY(read_study(log, err));
    *out = log;
    log = NULL;
done:
    mem_free(ctx, name);
    trial_log_close(log);
    return status;
}

void trial_log_close(struct trial_log *log)
{
    if (!log)
        return;
    sqlite3_close(log->db);
    mem_free(log->ctx, log->study);
    mem_free(log->ctx, log);
}

const char *trial_log_study(const struct trial_log *log)
{
    return log->study;
}

static int bind_text(sqlite3_stmt *stmt, int at, const char *text)
{
    return text ? sqlite3_bind_text(stmt, at, text, -1, SQLITE_STATIC)
                : sqlite3_bind_null(stmt, at);
}

static akin_status run_stmt(struct trial_log *log, sqlite3_stmt *stmt, akin_error *err)
{
    int rc = sqlite3_step(stmt);
    return rc == SQLITE_DONE ? AKIN_OK : log_fail(log, rc, "write", __LINE__, err);
}

akin_status trial_log_begin(struct trial_log *log, const char *study, akin_error *err)
{
    akin_status status = AKIN_OK;
    sqlite3_stmt *stmt = NULL;
    char *copy = mem_strdup(log->ctx, study, err);
    if (!copy)
        return AKIN_E_MEMORY;
    AKIN_TRY(log_exec(log, "BEGIN IMMEDIATE; DELETE FROM trials", "write", err));
    LOG_TRY(
        sqlite3_prepare_v2(log->db, "INSERT OR REPLACE INTO study VALUES (1, ?1)", -1, &stmt, NULL),
        "write");
    LOG_TRY(bind_text(stmt, 1, study), "write");
    AKIN_TRY(run_stmt(log, stmt, err));
    AKIN_TRY(log_exec(log, "COMMIT", "write", err));
    mem_free(log->ctx, log->study);
    log->study = copy;
    copy = NULL;
done:
    sqlite3_finalize(stmt);
    if (status != AKIN_OK && !sqlite3_get_autocommit(log->db))
        sqlite3_exec(log->db, "ROLLBACK", NULL, NULL, NULL);
    mem_free(log->ctx, copy);
    return status;
}

akin_status trial_log_add(struct trial_log *log, const struct trial_row *row, akin_error *err)
{
    akin_status status = AKIN_OK;
    sqlite3_stmt *stmt = NULL;
    LOG_TRY(sqlite3_prepare_v2(log->db,
                               "INSERT INTO trials VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)", -1,
                               &stmt, NULL),
            "write");
    LOG_TRY(sqlite3_bind_int64(stmt, 1, row->number), "write");
    LOG_TRY(sqlite3_bind_int64(stmt, 2, row->rung), "write");
    LOG_TRY(bind_text(stmt, 3, row->model), "write");
    LOG_TRY(bind_text(stmt, 4, row->params), "write");
    LOG_TRY(bind_text(stmt, 5, row->metrics), "write");
    LOG_TRY(bind_text(stmt, 6, row->error), "write");
    LOG_TRY(sqlite3_bind_double(stmt, 7, row->seconds), "write");
    LOG_TRY(sqlite3_bind_int64(stmt, 8, row->peak_bytes), "write");
    AKIN_TRY(run_stmt(log, stmt, err));
done:
    sqlite3_finalize(stmt);
    return status;
}

akin_status trial_log_read(struct trial_log *log, trial_row_fn fn, void *arg, akin_error *err)
{
    akin_status status = AKIN_OK;
    sqlite3_stmt *stmt = NULL;
    int rc;
    LOG_TRY(sqlite3_prepare_v2(log->db,
                               "SELECT number, rung, model, params, metrics, error, seconds, "
                               "peak_bytes FROM trials ORDER BY rung, number",
                               -1, &stmt, NULL),
            "read");
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        bool failed = false;
        const struct trial_row row = {.number = sqlite3_column_int64(stmt, 0),
                                      .rung = sqlite3_column_int64(stmt, 1),
                                      .model = cell_text(stmt, 2, &failed),
                                      .params = cell_text(stmt, 3, &failed),
                                      .metrics = cell_text(stmt, 4, &failed),
                                      .error = cell_text(stmt, 5, &failed),
                                      .seconds = sqlite3_column_double(stmt, 6),
                                      .peak_bytes = sqlite3_column_int64(stmt, 7)};
        if (failed)
            LOG_TRY(SQLITE_NOMEM, "read");
        if (!row.model || !row.params)
            LOG_TRY(SQLITE_CORRUPT, "read");
        AKIN_TRY(fn(arg, &row, err));
    }
    if (rc != SQLITE_DONE)
        LOG_TRY(rc, "read");
done:
    sqlite3_finalize(stmt);
    return status;
}
