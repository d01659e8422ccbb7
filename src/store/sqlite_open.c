/*
 * Opening and closing the file of a store.
 *
 * One process writes: it holds an flock on PATH-lock, which the kernel releases whatever happens to
 * it. (Not on the file itself: closing any descriptor of that would drop SQLite's own locks.)
 * Readers of other processes are welcome; WAL gives them snapshots.
 *
 * What a crash left in the log moves into the file at once, with an fdatasync: after a failed
 * fdatasync the kernel may believe that pages of the log are on disk which are not, and commits
 * written behind such pages would be lost with them.
 */
#include "store/store_impl.h"

#include "core/file_error.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static akin_status format_path(struct store *s, char **out, const char *path, const char *suffix,
                               akin_error *err)
{
    akin_status status = AKIN_OK;
    size_t size = strlen(path) + strlen(suffix) + 1;
    MEM_NEW(s->ctx, *out, size);
    snprintf(*out, size, "%s%s", path, suffix);
done:
    return status;
}

/* Absolute and without links: all names of one file lead to one lock, and no text is an SQLite
 * special name or URI. s->path receives it, as given on entry. */
static akin_status resolve(struct store *s, akin_error *err)
{
    akin_status status = AKIN_OK;
    char real[PATH_MAX];
    char *full = NULL;
    if (realpath(s->path, real)) {
        AKIN_TRY(format_path(s, &full, real, "", err));
    } else if (errno == ENOENT) {
        char *slash = strrchr(s->path, '/');
        const char *base = slash ? slash + 1 : s->path;
        size_t size = PATH_MAX + strlen(base) + 2;
        char *parent = slash == s->path ? NULL : s->path;
        if (slash)
            *slash = '\0';
        if (!realpath(!slash ? "." : parent ? parent : "/", real))
            FILE_FAIL("open the folder of the store", slash ? s->path : ".");
        MEM_NEW(s->ctx, full, size);
        snprintf(full, size, "%s/%s", strcmp(real, "/") == 0 ? "" : real, base);
    } else {
        FILE_FAIL("open the store", s->path);
    }
    mem_free(s->ctx, s->path);
    s->path = full;
    AKIN_TRY(format_path(s, &s->wal_path, full, "-wal", err));
done:
    return status;
}

static akin_status sync_folder(const char *path, akin_error *err)
{
    akin_status status = AKIN_OK;
    char folder[PATH_MAX];
    int fd = -1;
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash)
        slash[slash == folder] = '\0';
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd))
        FILE_FAIL("make durable", folder);
done:
    if (fd >= 0)
        close(fd);
    return status;
}

/* The process in the lock file, if it says one. */
static long lock_holder(int fd)
{
    char text[32] = "";
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    return n > 0 ? strtol(text, NULL, 10) : 0;
}

/* *is_writable: false if the file system or its rights do not let us. */
static akin_status lock_take(struct store *s, bool *is_writable, akin_error *err)
{
    akin_status status = AKIN_OK;
    char *path = NULL;
    char text[32];
    int fd = -1;
    *is_writable = true;
    AKIN_TRY(format_path(s, &path, s->path, "-lock", err));
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0 && (errno == EROFS || errno == EACCES || errno == EPERM)) {
        *is_writable = false;
        goto done;
    }
    if (fd < 0)
        FILE_FAIL("make the lock", path);
    if (flock(fd, LOCK_EX | LOCK_NB)) {
        if (errno != EWOULDBLOCK)
            FILE_FAIL("lock", path);
        long pid = lock_holder(fd);
        if (pid > 0)
            AKIN_FAIL(AKIN_E_LIMIT, "store '%s': process %ld writes to it already", s->label, pid);
        AKIN_FAIL(AKIN_E_LIMIT, "store '%s': another process writes to it already", s->label);
    }
    s->lock_fd = fd;
    fd = -1;
    /* Only a hint for the message above: a full disk may leave it out. */
    int n = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(s->lock_fd, 0) == 0 && pwrite(s->lock_fd, text, (size_t)n, 0) != n)
        (void)!ftruncate(s->lock_fd, 0);
done:
    if (fd >= 0)
        close(fd);
    mem_free(s->ctx, path);
    return status;
}

/* "file:…?immutable=1" for a medium that nobody can write. */
static akin_status immutable_name(struct store *s, char **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    char *to;
    MEM_NEW(s->ctx, *out, 3 * strlen(s->path) + 32);
    to = *out + snprintf(*out, 8, "file:");
    for (const char *p = s->path; *p; p++) {
        if (*p == '?' || *p == '#' || *p == '%')
            to += snprintf(to, 4, "%%%02x", (unsigned)*p);
        else
            *to++ = *p;
    }
    snprintf(to, 16, "?immutable=1");
done:
    return status;
}

akin_status sqlite_connect(struct store *s, int flags, struct sql_conn **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct sql_conn *c = NULL;
    char *name = NULL;
    MEM_ZERO(s->ctx, c, 1);
    c->ctx = s->ctx;
    c->label = s->label;
    if (s->is_immutable)
        AKIN_TRY(immutable_name(s, &name, err));
    SQL_TRY(sqlite3_open_v2(name ? name : s->path, &c->db,
                            flags | SQLITE_OPEN_NOMUTEX | (name ? SQLITE_OPEN_URI : 0), NULL),
            "open");
    sqlite3_extended_result_codes(c->db, 1);
    sqlite3_busy_timeout(c->db, STORE_BUSY_MS);
    sqlite3_db_config(c->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(c->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(c->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    sqlite3_db_config(c->db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    AKIN_TRY(sql_exec(c,
                      "PRAGMA temp_store = MEMORY; PRAGMA cell_size_check = ON; "
                      "PRAGMA mmap_size = 0; PRAGMA cache_size = -8192; PRAGMA synchronous = FULL; "
                      "PRAGMA secure_delete = ON; PRAGMA wal_autocheckpoint = 0",
                      err));
    *out = c;
    c = NULL;
done:
    mem_free(s->ctx, name);
    sqlite_disconnect(c);
    return status;
}

void sqlite_disconnect(struct sql_conn *c)
{
    if (!c)
        return;
    for (int i = 0; i < SQL_N; i++)
        sqlite3_finalize(c->stmts[i]);
    sqlite3_close(c->db);
    for (int i = 0; i < NAME_N; i++) {
        mem_free(c->ctx, c->names[i].tags);
        mem_free(c->ctx, c->names[i].texts);
    }
    mem_free(c->ctx, c);
}

/* What the file must be before SQLite sees it. Makes it if it may. */
static akin_status find_file(struct store *s, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct stat st;
    if (stat(s->path, &st)) {
        if (errno != ENOENT)
            FILE_FAIL("open the store", s->path);
        if (s->options.read_only || s->options.must_exist || s->lock_fd < 0)
            AKIN_FAIL(AKIN_E_NOT_FOUND, "there is no store '%s'", s->label);
        if (stat(s->wal_path, &st) == 0 && st.st_size > 0)
            AKIN_FAIL(AKIN_E_FORMAT,
                      "store '%s' is missing, but its log '…-wal' is there: bring "
                      "it back, or remove the log",
                      s->label);
        AKIN_TRY(schema_create(s, err));
        AKIN_TRY(sync_folder(s->path, err));
        goto done;
    }
    if (!S_ISREG(st.st_mode))
        AKIN_FAIL(AKIN_E_ARG, "store '%s' is not a file", s->label);
    if (st.st_size == 0)
        AKIN_FAIL(AKIN_E_FORMAT, "'%s' is not a store: it is empty", s->label);
done:
    return status;
}

static akin_status use_wal(struct store *s, struct sql_conn *c, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_error local;
    sqlite3_stmt *stmt = NULL;
    SQL_TRY(sqlite3_prepare_v2(c->db, "PRAGMA journal_mode = WAL", -1, &stmt, NULL), "open");
    int rc = sqlite3_step(stmt);
    if (rc != SQLITE_ROW)
        SQL_FAIL(rc == SQLITE_DONE ? SQLITE_CORRUPT : rc, "open");
    const char *mode = sql_column(stmt, 0, NULL);
    if (!mode || strcmp(mode, "wal") != 0)
        AKIN_FAIL(AKIN_E_UNSUPPORTED,
                  "store '%s': its file system does not carry a write-ahead log (mode %s)",
                  c->label, mode ? mode : "?");
    sqlite3_finalize(stmt);
    stmt = NULL;
    rc = sqlite3_wal_checkpoint_v2(c->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    if (rc == SQLITE_OK || rc == SQLITE_BUSY) /* busy: somebody reads; the threads try again */
        goto done;
    status = sql_fail(c, rc, "take over the log", __FILE__, __LINE__, &local);
    if (c->fault == STORE_FULL) { /* the log can still be read */
        store_set_state(s, STORE_FULL, local.message);
        status = AKIN_OK;
    } else if (err) {
        *err = local;
    }
done:
    sqlite3_finalize(stmt);
    return status;
}

/* Numbers given out must be behind us, whatever the row of state says. */
static akin_status check_seq(struct sql_conn *c, const struct store_counts *counts, akin_error *err)
{
    akin_status status = AKIN_OK;
    static const char *const tops[] = {"SELECT ifnull(max(seq), 0) FROM events",
                                       "SELECT ifnull(max(seq), 0) FROM user_words",
                                       "SELECT ifnull(max(seq), 0) FROM item_words"};
    for (size_t i = 0; i < sizeof tops / sizeof *tops; i++) {
        int64_t top;
        AKIN_TRY(sql_int(c, tops[i], &top, err));
        if (top > counts->seq)
            AKIN_TRY(sql_corrupt(c, err, "sequence %" PRId64 " is beyond the last, %" PRId64, top,
                                 counts->seq));
    }
done:
    return status;
}

/* The first connection, which shows what the file is. */
static akin_status open_main(struct store *s, bool read_only, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct sql_conn *c;
    AKIN_TRY(sqlite_connect(s, read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE, &s->writer,
                            err));
    c = s->writer;
    if (!read_only)
        AKIN_TRY(
            sql_exec(c, "PRAGMA cache_size = -32768; PRAGMA journal_size_limit = 67108864", err));
    AKIN_TRY(schema_check(c, s->schema, read_only, &s->info.format_was, err));
    s->info.format = s->schema->format;
    if (!read_only)
        AKIN_TRY(use_wal(s, c, err));
    /* one snapshot: another process may write between the two */
    AKIN_TRY(sql_exec(c, "BEGIN", err));
    AKIN_TRY(row_counts_get(c, &s->durable, err));
    AKIN_TRY(check_seq(c, &s->durable, err));
    AKIN_TRY(sql_exec(c, "COMMIT", err));
done:
    return status;
}

akin_status sqlite_open(struct store *s, akin_error *err)
{
    akin_status status = AKIN_OK;
    bool is_writable = false;
    char why[sizeof s->info.message];
    struct stat st;
    if (sqlite3_threadsafe() == 0)
        AKIN_FAIL(AKIN_E_UNSUPPORTED, "store: this SQLite (%s) was built without threads",
                  sqlite3_libversion());
    AKIN_TRY(resolve(s, err));
    if (!s->options.read_only)
        AKIN_TRY(lock_take(s, &is_writable, err));
    AKIN_TRY(find_file(s, err));
    if (is_writable && access(s->path, W_OK))
        is_writable = false;
    if (!is_writable && (stat(s->wal_path, &st) || st.st_size == 0)) {
        char folder[PATH_MAX];
        snprintf(folder, sizeof folder, "%s", s->path);
        char *slash = strrchr(folder, '/');
        if (slash)
            slash[slash == folder] = '\0';
        s->is_immutable = access(folder, W_OK) != 0;
    }
    AKIN_TRY(open_main(s, !is_writable, err));
    if (is_writable) {
        AKIN_TRY(sqlite_connect(s, SQLITE_OPEN_READWRITE, &s->checkpointer, err));
        s->checkpointer->salt = s->writer->salt;
    } else if (!s->options.read_only) {
        snprintf(why, sizeof why, "store '%s' may not be written: the file, or its file system",
                 s->label);
        store_set_state(s, STORE_READ_ONLY, why);
    }
done:
    return status;
}

void sqlite_close(struct store *s)
{
    struct store_info info;
    store_info(s, &info);
    bool is_sound = info.state == STORE_READY || info.state == STORE_FULL;
    readers_close(s);
    sqlite_disconnect(s->checkpointer);
    /* The last connection moves the log into the file and removes it, unless the log had better be
     * left as it is for the next opening. */
    if (s->writer && !is_sound)
        sqlite3_db_config(s->writer->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite_disconnect(s->writer);
    if (s->lock_fd >= 0)
        close(s->lock_fd);
    mem_free(s->ctx, s->wal_path);
    mem_free(s->ctx, s->path);
}
