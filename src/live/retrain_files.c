/*
 * The folder of retraining: names, what is kept, what goes, which artifact serves.
 *
 * Everything is made in work/ and moved to its place when it is whole and on disk, so that a kill
 * at any moment leaves only what a start clears: files in work/, and the hidden ones of atomic
 * writes.
 */
#include "core/file.h"
#include "core/json.h"
#include "core/text.h"
#include "live/retrain.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STAMP = 16, NAMES_MOST = 4096 }; /* "20261121T153000Z" */

bool retrain_name_is_safe(const char *name)
{
    for (const char *c = name; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr("._-", *c))
            return false;
    return *name && *name != '.';
}

akin_status retrain_name_check(const char *job, const char *model, akin_error *err)
{
    if (retrain_name_is_safe(model))
        return AKIN_OK;
    return error_set(err, AKIN_E_UNSUPPORTED, __FILE__, __LINE__,
                     "%s: model '%.60s': only letters, digits, . _ - can name a file", job, model);
}

akin_status retrain_path(const struct retrain *t, char *out, akin_error *err, const char *format,
                         ...)
{
    akin_status status = AKIN_OK;
    va_list args;
    int n = snprintf(out, PATH_MAX, "%s/", t->p.dir);
    if (n > 0 && n < PATH_MAX) {
        va_start(args, format);
        int more = vsnprintf(out + n, (size_t)(PATH_MAX - n), format, args);
        va_end(args);
        n = more < 0 ? PATH_MAX : n + more;
    }
    if (n < 0 || n >= PATH_MAX)
        AKIN_FAIL(AKIN_E_ARG, "serve: retrain: dir=%.100s: the name is too long", t->p.dir);
done:
    return status;
}

static akin_status sync_folder(const char *path, akin_error *err)
{
    akin_status status = AKIN_OK;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0)
        AKIN_FAIL(AKIN_E_IO, "retrain: %.150s: %s", path, strerror(errno));
done:
    if (fd >= 0)
        close(fd);
    return status;
}

/* ---- Clearing ---- */

/* Removes the files of a folder that `is_junk` takes. */
static akin_status clear_folder(const char *path, bool (*is_junk)(const char *name),
                                akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct dirent *e;
    DIR *dir = opendir(path);
    if (!dir)
        AKIN_FAIL(AKIN_E_IO, "retrain: %.150s: %s", path, strerror(errno));
    while ((e = readdir(dir))) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 || !is_junk(e->d_name))
            continue;
        if (unlinkat(dirfd(dir), e->d_name, 0) != 0 && errno != ENOENT && errno != EISDIR)
            AKIN_FAIL(AKIN_E_IO, "retrain: remove %.100s/%.60s: %s", path, e->d_name,
                      strerror(errno));
    }
done:
    if (dir)
        closedir(dir);
    return status;
}

static bool is_any(const char *name)
{
    (void)name;
    return true;
}

/* The temporaries of file_write. */
static bool is_temporary(const char *name)
{
    return name[0] == '.' && strstr(name, ".akin-");
}

akin_status retrain_clear(const struct retrain *t, akin_error *err)
{
    akin_status status = AKIN_OK;
    char path[PATH_MAX];
    AKIN_TRY(retrain_path(t, path, err, "work"));
    AKIN_TRY(clear_folder(path, is_any, err));
done:
    return status;
}

akin_status retrain_sweep(const struct retrain *t, akin_error *err)
{
    akin_status status = AKIN_OK;
    AKIN_TRY(retrain_clear(t, err));
    AKIN_TRY(clear_folder(t->p.dir, is_temporary, err));
done:
    return status;
}

/* ---- Keeping ---- */

static void stamp(int64_t time, char out[STAMP + 1])
{
    char text[32];
    size_t n = 0;
    text_from_unix(time, text, sizeof text);
    for (const char *c = text; *c && n < STAMP; c++)
        if (*c != '-' && *c != ':')
            out[n++] = *c;
    out[n] = '\0';
}

/* Bytes of NAME in NAME-20261121T153000Z.ext, 0 = it is no such name. */
static size_t kept_name(const char *file, const char *ext)
{
    size_t size = strlen(file), tail = 1 + STAMP + 1 + strlen(ext);
    if (size <= tail)
        return 0;
    const char *when = file + size - tail + 1;
    for (int i = 0; i < STAMP; i++)
        if (i == 8 ? when[i] != 'T' : i == 15 ? when[i] != 'Z' : !isdigit((unsigned char)when[i]))
            return 0;
    return when[-1] == '-' && when[STAMP] == '.' && strcmp(when + STAMP + 1, ext) == 0 ? size - tail
                                                                                       : 0;
}

/* Of this very name; NULL = of any. */
static bool is_kept_file(const char *file, const char *name, const char *ext)
{
    size_t n = kept_name(file, ext);
    return n > 0 && (!name || (strlen(name) == n && strncmp(file, name, n) == 0));
}

/* Under the models' lock. */
static bool is_held(const struct live *l, const char *path)
{
    struct stat file, other;
    if (stat(path, &file) != 0)
        return true;
    for (int i = 0; i < 3 * l->n_entries; i++) {
        const struct entry *e = &l->entry[i / 3];
        const struct generation *g = i % 3 == 0 ? e->current : i % 3 == 1 ? e->previous : e->canary;
        if (g && stat(g->path, &other) == 0 && other.st_ino == file.st_ino &&
            other.st_dev == file.st_dev)
            return true;
    }
    return false;
}

static int newest_first(const void *a, const void *b)
{
    return strcmp(*(char *const *)b, *(char *const *)a);
}

/* The names of the kept files, newest first of a name; each is a mem block. */
static akin_status list_kept(akin_ctx *ctx, const char *folder, const char *name, const char *ext,
                             char **out, int *n, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct dirent *e;
    DIR *dir = opendir(folder);
    if (!dir)
        AKIN_FAIL(AKIN_E_IO, "retrain: %.150s: %s", folder, strerror(errno));
    while ((e = readdir(dir)) && *n < NAMES_MOST) {
        if (!is_kept_file(e->d_name, name, ext))
            continue;
        out[*n] = mem_strdup(ctx, e->d_name, err);
        if (!out[*n])
            AKIN_TRY(AKIN_E_MEMORY);
        ++*n;
    }
    qsort(out, (size_t)*n, sizeof *out, newest_first);
done:
    if (dir)
        closedir(dir);
    return status;
}

/* A time after that of every kept file of the name: by it they are ordered, and the oldest go. Two
 * may come within a second, and a clock may have been set back. */
static akin_status next_time(const struct retrain *t, const char *folder, const char *name,
                             const char *ext, int64_t *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    char path[PATH_MAX], text[32], **names = NULL;
    int n = 0;
    int64_t newest = 0;
    MEM_ZERO(t->ctx, names, NAMES_MOST);
    AKIN_TRY(retrain_path(t, path, err, "%s", folder));
    AKIN_TRY(list_kept(t->ctx, path, name, ext, names, &n, err));
    *out = live_now();
    if (n > 0) {
        const char *when = names[0] + kept_name(names[0], ext) + 1;
        int size = snprintf(text, sizeof text, "%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", when, when + 4,
                            when + 6, when + 9, when + 11, when + 13);
        if (size > 0 && text_to_unix(text, (size_t)size, &newest) && newest >= *out)
            *out = newest + 1;
    }
done:
    for (int i = 0; i < n; i++)
        mem_free(t->ctx, names[i]);
    mem_free(t->ctx, names);
    return status;
}

akin_status retrain_keep(const struct retrain *t, const char *from, const char *folder,
                         const char *name, const char *ext, char *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    char when[STAMP + 1], parent[PATH_MAX];
    int64_t time = 0;
    AKIN_TRY(next_time(t, folder, name, ext, &time, err));
    stamp(time, when);
    AKIN_TRY(retrain_path(t, out, err, "%s%s-%s.%s", folder, name, when, ext));
    if (rename(from, out) != 0)
        AKIN_FAIL(AKIN_E_IO, "retrain: %.150s: %s", out, strerror(errno));
    AKIN_TRY(retrain_path(t, parent, err, "%s", folder));
    AKIN_TRY(sync_folder(parent, err));
done:
    return status;
}

akin_status retrain_prune(struct live *l, const char *folder, const char *name, const char *ext,
                          akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct retrain *t = l->retrain;
    char path[PATH_MAX], **names = NULL;
    int n = 0;
    MEM_ZERO(l->ctx, names, NAMES_MOST);
    AKIN_TRY(retrain_path(t, path, err, "%s", folder));
    AKIN_TRY(list_kept(l->ctx, path, name, ext, names, &n, err));
    for (int i = (int)t->p.keep; i < n; i++) {
        AKIN_TRY(retrain_path(t, path, err, "%s%s", folder, names[i]));
        pthread_rwlock_rdlock(&l->models_lock);
        if (!is_held(l, path) && unlink(path) != 0 && errno != ENOENT)
            log_write(l->ctx, AKIN_LOG_WARN, "retrain: remove %s: %s", path, strerror(errno));
        pthread_rwlock_unlock(&l->models_lock);
    }
done:
    for (int i = 0; i < n; i++)
        mem_free(l->ctx, names[i]);
    mem_free(l->ctx, names);
    return status;
}

/* How many of the first `at` files are of the same name. */
static int newer_than(char *const *names, int at, const char *ext)
{
    size_t size = kept_name(names[at], ext);
    int n = 0;
    for (int i = 0; i < at; i++)
        n += kept_name(names[i], ext) == size && strncmp(names[i], names[at], size) == 0;
    return n;
}

akin_status retrain_each(struct live *l, const char *folder, const char *ext, retrain_kept_fn fn,
                         void *arg, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct retrain *t = l->retrain;
    char path[PATH_MAX], **names = NULL;
    int n = 0;
    MEM_ZERO(l->ctx, names, NAMES_MOST);
    AKIN_TRY(retrain_path(t, path, err, "%s", folder));
    AKIN_TRY(list_kept(l->ctx, path, NULL, ext, names, &n, err));
    for (int i = 0; i < n; i++) {
        int left = (int)t->p.keep - newer_than(names, i, ext);
        AKIN_TRY(retrain_path(t, path, err, "%s%s", folder, names[i]));
        pthread_rwlock_rdlock(&l->models_lock);
        bool held = is_held(l, path);
        pthread_rwlock_unlock(&l->models_lock);
        char *end = names[i] + kept_name(names[i], ext);
        *end = '\0';
        if (!held)
            fn(arg, path, names[i], left > 1 ? left : 1);
        *end = '-';
    }
done:
    for (int i = 0; names && i < n; i++)
        mem_free(l->ctx, names[i]);
    mem_free(l->ctx, names);
    return status;
}

/* ---- Which one serves ---- */

/* The file's name if it lies in the folder under that model's name, else NULL. */
static const char *own_file(const struct retrain *t, const char *path, const char *name)
{
    size_t n = strlen(t->p.dir);
    if (strncmp(path, t->p.dir, n) != 0 || path[n] != '/' ||
        !is_kept_file(path + n + 1, name, "akin"))
        return NULL;
    return path + n + 1;
}

void retrain_remember(struct live *l, const char *name)
{
    akin_status status = AKIN_OK;
    struct retrain *t = l->retrain;
    akin_error err_ = {0}, *err = &err_;
    struct generation *g = NULL;
    char path[PATH_MAX];
    if (!retrain_name_is_safe(name))
        return;
    pthread_mutex_lock(&t->note_lock);
    AKIN_TRY(retrain_path(t, path, err, "%s.serving", name));
    AKIN_TRY(generation_get(l, name, &g, err));
    const char *file = own_file(t, g->path, name);
    if (file)
        AKIN_TRY(file_write(l->ctx, path, file, (int64_t)strlen(file), err));
    else if (unlink(path) != 0 && errno != ENOENT)
        AKIN_FAIL(AKIN_E_IO, "%.150s: %s", path, strerror(errno));
done:
    generation_put(l, g);
    pthread_mutex_unlock(&t->note_lock);
    if (status != AKIN_OK)
        log_write(l->ctx, AKIN_LOG_WARN, "retrain: a restart will not know what serves '%s': %s",
                  name, err->message);
}

static int64_t trained_at(struct live *l, const char *name)
{
    struct generation *g = NULL;
    if (generation_get(l, name, &g, NULL) != AKIN_OK)
        return INT64_MAX;
    int64_t time = json_int(g->m->card, "time", 0);
    generation_put(l, g);
    return time;
}

/* An artifact that is gone or damaged leaves the configured one. */
static void resume_one(struct live *l, const char *name)
{
    akin_status status = AKIN_OK;
    akin_error err_ = {0}, *err = &err_;
    char path[PATH_MAX], *file = NULL;
    int64_t size = 0, configured = trained_at(l, name);
    AKIN_TRY(retrain_path(l->retrain, path, err, "%s.serving", name));
    if (!file_exists(path))
        goto done;
    AKIN_TRY(file_read(l->ctx, path, PATH_MAX, &file, &size, err));
    if (!is_kept_file(file, name, "akin"))
        AKIN_FAIL(AKIN_E_INPUT, "%.150s names no artifact", path);
    AKIN_TRY(retrain_path(l->retrain, path, err, "%s", file));
    AKIN_TRY(live_model_load(l, name, path, err));
    if (trained_at(l, name) < configured) { /* somebody trained the configured file meanwhile */
        AKIN_TRY(live_model_rollback(l, name, err));
        goto done;
    }
    log_write(l->ctx, AKIN_LOG_INFO, "model %s: %s, as before the restart", name, path);
done:
    mem_free(l->ctx, file);
    if (status != AKIN_OK)
        log_write(l->ctx, AKIN_LOG_WARN, "model %s: the configured file serves: %s", name,
                  err->message);
}

void retrain_resume(struct live *l)
{
    for (int i = 0; i < l->n_entries; i++)
        if (retrain_name_is_safe(l->entry[i].name))
            resume_one(l, l->entry[i].name);
}
