/*
 * The operation `store`: a copy of a store while a server writes it, a copy put back, a check, what
 * a store holds, and bringing one of an earlier release to this one's format.
 *
 * All but restore and migrate open the store read-only, which takes no lock. A copy is checked
 * whole before it is put back: it is copied beside its place first, so that a crash leaves the old
 * store or the new one. Cost: info one row, the others the whole file. Not here: stores that are
 * not files.
 */
#include "api/op.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { ACTION_BACKUP, ACTION_RESTORE, ACTION_CHECK, ACTION_INFO, ACTION_MIGRATE };

struct store_args {
    int64_t action;
    const char *path, *store;
    int64_t force;
};
static const akin_param store_rows[] = {
    {"action", AKIN_PARAM_CHOICE, AKIN_PARAM_POSITIONAL | AKIN_PARAM_REQUIRED,
     offsetof(struct store_args, action), NULL, 0, 0, "backup|restore|check|info|migrate", "",
     "what to do"},
    PARAM_TEXT(struct store_args, path, NULL, AKIN_PARAM_POSITIONAL,
               "file to make (backup) or to put back (restore)"),
    PARAM_TEXT(struct store_args, store, "sqlite:akin.db", 0, "URL of the store"),
    PARAM_BOOL(struct store_args, force, "false", 0, "restore: replace the store that is there"),
    PARAM_END,
};

/* ---- What it holds ---- */

static bool count_key(void *arg, const struct store_key *key)
{
    (void)key;
    ++*(int64_t *)arg;
    return true;
}

static akin_status counts_json(struct store *s, const char *url, json_t **result, akin_error *err)
{
    static const char *const states[] = {"ready", "full", "read_only", "corrupt", "failed"};
    akin_status status = AKIN_OK;
    struct store_info info;
    int64_t n_keys = 0;
    AKIN_TRY(store_keys(s, count_key, &n_keys, err));
    store_info(s, &info);
    *result = json_pack("{s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "store", url, "state",
                        states[info.state], "events", (json_int_t)info.n_events, "items",
                        (json_int_t)info.n_items, "users", (json_int_t)info.n_users, "erased",
                        (json_int_t)info.n_erased, "keys", (json_int_t)n_keys, "last_seq",
                        (json_int_t)info.last_seq, "bytes", (json_int_t)info.bytes, "wal_bytes",
                        (json_int_t)info.wal_bytes);
    if (*result)
        json_object_set_new(*result, "format", json_integer((json_int_t)info.format));
    if (*result && info.message[0])
        json_object_set_new(*result, "message", json_string(info.message));
done:
    return status;
}

/* ---- Putting a copy back ---- */

static akin_status remove_beside(const char *path, const char *suffix, akin_error *err)
{
    akin_status status = AKIN_OK;
    char name[PATH_MAX];
    if ((size_t)snprintf(name, sizeof name, "%s%s", path, suffix) >= sizeof name)
        AKIN_FAIL(AKIN_E_ARG, "store: '%.100s…': name too long", path);
    if (unlink(name) && errno != ENOENT)
        AKIN_FAIL(AKIN_E_IO, "store: remove '%.150s': %s", name, strerror(errno));
done:
    return status;
}

/*
 * Nobody else may write what is replaced, nor begin to: the lock is the one of every writer
 * (docs/store.md). It is all that is asked of the old store, which may be damaged.
 */
static akin_status lock_store(const char *path, int *fd, akin_error *err)
{
    akin_status status = AKIN_OK;
    char name[PATH_MAX];
    if ((size_t)snprintf(name, sizeof name, "%s-lock", path) >= sizeof name)
        AKIN_FAIL(AKIN_E_ARG, "store: '%.100s…': name too long", path);
    *fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (*fd < 0)
        AKIN_FAIL(AKIN_E_IO, "store: lock '%.150s': %s", name, strerror(errno));
    if (flock(*fd, LOCK_EX | LOCK_NB))
        AKIN_FAIL(errno == EWOULDBLOCK ? AKIN_E_LIMIT : AKIN_E_IO,
                  "store: a server uses '%.150s': stop it before a restore", path);
done:
    return status;
}

static akin_status sync_folder(const char *path, akin_error *err)
{
    akin_status status = AKIN_OK;
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash)
        slash[slash == folder] = '\0';
    int fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd))
        AKIN_FAIL(AKIN_E_IO, "store: make '%.150s' durable: %s", path, strerror(errno));
done:
    if (fd >= 0)
        close(fd);
    return status;
}

/* The copy takes the place of the store. Under the lock. */
static akin_status put_in_place(struct store *copy, const char *path, akin_error *err)
{
    akin_status status = AKIN_OK;
    char made[PATH_MAX];
    if ((size_t)snprintf(made, sizeof made, "%s-restore", path) >= sizeof made)
        AKIN_FAIL(AKIN_E_ARG, "store: '%.100s…': name too long", path);
    AKIN_TRY(remove_beside(path, "-restore", err)); /* of a restore that was killed */
    AKIN_TRY(store_backup(copy, made, err));
    /* first the log: left beside another file it would be taken for that one's */
    AKIN_TRY(remove_beside(path, "-wal", err));
    AKIN_TRY(remove_beside(path, "-shm", err));
    if (rename(made, path))
        AKIN_FAIL(AKIN_E_IO, "store: put '%.150s' in place: %s", path, strerror(errno));
    AKIN_TRY(sync_folder(path, err));
done:
    return status;
}

/* The file that a URL names. */
static const char *path_of(const char *url)
{
    static const char scheme[] = "sqlite:";
    bool has_scheme = strncmp(url, scheme, sizeof scheme - 1) == 0;
    return has_scheme ? url + sizeof scheme - 1 : url;
}

static akin_status run_restore(struct op_call *call, const struct store_args *p, json_t **result,
                               akin_error *err)
{
    akin_status status = AKIN_OK;
    struct store *copy = NULL;
    char url[PATH_MAX + 8], wal[PATH_MAX + 8], real[PATH_MAX], other[PATH_MAX];
    const char *path = path_of(p->store);
    int lock = -1;
    snprintf(url, sizeof url, "sqlite:%s", p->path);
    AKIN_TRY(store_open(call->ctx, url,
                        &(struct store_options){.read_only = true, .must_exist = true}, &copy,
                        err));
    AKIN_TRY(store_check(copy, err));
    if (realpath(path, real)) /* a link stays, what it names is replaced */
        path = real;
    if (realpath(p->path, other) && strcmp(path, other) == 0)
        AKIN_FAIL(AKIN_E_ARG, "store: '%.150s' is the store itself", p->path);
    AKIN_TRY(lock_store(path, &lock, err));
    snprintf(wal, sizeof wal, "%s-wal", path);
    if (!p->force && (file_exists(path) || file_exists(wal)))
        AKIN_FAIL(AKIN_E_ARG, "store: '%.150s' exists already (--force replaces it)", path);
    AKIN_TRY(put_in_place(copy, path, err));
    AKIN_TRY(counts_json(copy, p->store, result, err));
    if (*result)
        json_object_set_new(*result, "restored", json_string(p->path));
done:
    store_close(copy);
    if (lock >= 0)
        close(lock);
    return status;
}

/* ---- The operation ---- */

static akin_status run_reading(struct op_call *call, const struct store_args *p, json_t **result,
                               akin_error *err)
{
    akin_status status = AKIN_OK;
    struct store *store = NULL;
    AKIN_TRY(store_open(call->ctx, p->store,
                        &(struct store_options){.read_only = true, .must_exist = true}, &store,
                        err));
    if (p->action == ACTION_CHECK)
        AKIN_TRY(store_check(store, err));
    if (p->action == ACTION_BACKUP)
        AKIN_TRY(store_backup(store, p->path, err));
    AKIN_TRY(counts_json(store, p->store, result, err));
    if (*result && p->action == ACTION_CHECK)
        json_object_set_new(*result, "sound", json_true());
    if (*result && p->action == ACTION_BACKUP)
        json_object_set_new(*result, "backup", json_string(p->path));
done:
    store_close(store);
    return status;
}

/* Opening for writing migrates; closing puts all of it into the file. */
static akin_status run_migrate(struct op_call *call, const struct store_args *p, json_t **result,
                               akin_error *err)
{
    akin_status status = AKIN_OK;
    struct store *store = NULL;
    struct store_info info;
    AKIN_TRY(
        store_open(call->ctx, p->store, &(struct store_options){.must_exist = true}, &store, err));
    AKIN_TRY(store_check(store, err));
    AKIN_TRY(counts_json(store, p->store, result, err));
    store_info(store, &info);
    if (*result)
        json_object_set_new(*result, "format_was", json_integer((json_int_t)info.format_was));
done:
    store_close(store);
    return status;
}

static akin_status run_store(struct op_call *call, json_t **result, akin_error *err)
{
    static const char *const names[] = {"backup", "restore", "check", "info", "migrate"};
    static akin_status (*const actions[])(struct op_call *, const struct store_args *, json_t **,
                                          akin_error *) = {run_reading, run_restore, run_reading,
                                                           run_reading, run_migrate};
    akin_status status = AKIN_OK;
    struct store_args p;
    AKIN_TRY(op_parse(call, 0, &p, err));
    bool needs_path = p.action == ACTION_BACKUP || p.action == ACTION_RESTORE;
    if (needs_path != (p.path != NULL))
        AKIN_FAIL(AKIN_E_ARG, "store: %s %s", names[p.action],
                  p.path ? "takes no PATH" : "needs a PATH");
    if (p.force && p.action != ACTION_RESTORE)
        AKIN_FAIL(AKIN_E_ARG, "store: --force belongs to restore");
    AKIN_TRY(actions[p.action](call, &p, result, err));
    if (!*result)
        AKIN_FAIL(AKIN_E_MEMORY, "store: out of memory");
done:
    return status;
}

const struct op op_store = {
    {"store",
     "a server's store: back up, restore, check, what it holds, migrate",
     "akin store backup monday.db --store sqlite:akin.db\n"
     "akin store restore monday.db --store sqlite:akin.db --force\n"
     "akin store check --store sqlite:akin.db\n"
     "akin store info --store sqlite:akin.db\n"
     "akin store migrate --store sqlite:akin.db",
     {{"Options", store_rows}},
     1},
    run_store,
};
