/*
 * Atomic writes: a temporary file in the same directory, fsync, rename, fsync of the directory.
 * Whatever happens, the path names the old file or the whole new one.
 *
 * A symbolic link is followed, so that the link stays; the mode of a file that is replaced is
 * kept, a new one gets 0644 without the umask. What is not a regular file (/dev/null, a pipe) is
 * written directly, as there is nothing to rename over.
 *
 * Cost: one copy into a 256 KiB buffer; larger pieces go straight through. Temporaries of a
 * process that was killed stay (".NAME.akin-PID-N") and do no harm.
 */
#include "core/file.h"
#include "core/file_error.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WRITER_BUFFER ((int64_t)256 << 10)
#define WRITER_MOST ((int64_t)1 << 30) /* bytes a write call; Linux takes at most 2 GiB */
#define WRITER_TRIES 10000

struct file_writer {
    akin_ctx *ctx;
    char *path;      /* owned */
    char *temporary; /* owned; NULL when writing directly */
    char *buffer;    /* owned, WRITER_BUFFER bytes */
    int64_t filled;
    int64_t flushed; /* bytes in the file */
    int64_t fail_at;
    int fd;
    bool failed; /* a write failed: commit will not rename */
};

static void writer_free(struct file_writer *w)
{
    akin_ctx *ctx = w->ctx;
    if (w->fd >= 0)
        close(w->fd);
    if (w->temporary)
        unlink(w->temporary);
    mem_free(ctx, w->buffer);
    mem_free(ctx, w->temporary);
    mem_free(ctx, w->path);
    mem_free(ctx, w);
}

/* Length of the directory part of path, its last '/' included; 0 if it has none. */
static size_t directory_length(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) + 1 : 0;
}

/* O_EXCL with a name that no other process and no other writer of this one has. */
static akin_status open_temporary(struct file_writer *w, akin_error *err)
{
    akin_status status = AKIN_OK;
    size_t directory = directory_length(w->path);
    const char *base = w->path + directory;
    size_t size = strlen(w->path) + 48;
    int base_length = (int)strnlen(base, 180); /* the whole must stay below NAME_MAX */
    MEM_NEW(w->ctx, w->temporary, size);
    for (int i = 0; i < WRITER_TRIES; i++) {
        snprintf(w->temporary, size, "%.*s.%.*s.akin-%ld-%d", (int)directory, w->path, base_length,
                 base, (long)getpid(), i);
        w->fd = open(w->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        if (w->fd >= 0 || (errno != EEXIST && errno != EINTR))
            break;
    }
    if (w->fd < 0) {
        int number = errno;
        mem_free(w->ctx, w->temporary); /* not ours: nothing to remove */
        w->temporary = NULL;
        errno = number;
        FILE_FAIL("create a temporary file beside", w->path);
    }
done:
    return status;
}

/* What path names once links are followed; the path itself where nothing is there yet. */
static akin_status resolve(akin_ctx *ctx, const char *path, char **out, akin_error *err)
{
    struct stat info;
    char *real = NULL;
    if (lstat(path, &info) == 0 && S_ISLNK(info.st_mode))
        real = realpath(path, NULL); /* NULL for a dangling link, which is then replaced */
    *out = mem_strdup(ctx, real ? real : path, err);
    free(real);
    return *out ? AKIN_OK : AKIN_E_MEMORY;
}

akin_status file_writer_open(akin_ctx *ctx, const char *path, struct file_writer **out,
                             akin_error *err)
{
    akin_status status = AKIN_OK;
    struct file_writer *w = NULL;
    struct stat info;
    size_t length = strlen(path);
    if (length == 0 || length >= PATH_MAX || path[length - 1] == '/')
        AKIN_FAIL(AKIN_E_ARG, "output path '%.100s' (must name a file, in 1..%d bytes)", path,
                  PATH_MAX - 1);
    MEM_ZERO(ctx, w, 1);
    w->ctx = ctx;
    w->fd = -1;
    AKIN_TRY(resolve(ctx, path, &w->path, err));
    MEM_NEW(ctx, w->buffer, WRITER_BUFFER);
    bool there = stat(w->path, &info) == 0;
    if (there && S_ISDIR(info.st_mode)) {
        errno = EISDIR;
        FILE_FAIL("write", path);
    }
    if (there && !S_ISREG(info.st_mode)) {
        w->fd = open(w->path, O_WRONLY | O_CLOEXEC);
        if (w->fd < 0)
            FILE_FAIL("open", path);
    } else {
        AKIN_TRY(open_temporary(w, err));
        if (there && fchmod(w->fd, info.st_mode & 07777) != 0)
            FILE_FAIL("keep the mode of", path);
    }
    *out = w;
    w = NULL;
done:
    if (w)
        writer_free(w);
    return status;
}

/* One write call's worth after another, at offset (>= 0) or at the end (-1). */
static akin_status write_all(struct file_writer *w, const char *bytes, int64_t size, int64_t offset,
                             akin_error *err)
{
    akin_status status = AKIN_OK;
    while (size > 0) {
        size_t part = (size_t)(size < WRITER_MOST ? size : WRITER_MOST);
        ssize_t n;
        if (w->fail_at > 0 && --w->fail_at == 0) {
            n = -1;
            errno = ENOSPC;
        } else if (offset >= 0) {
            n = pwrite(w->fd, bytes, part, (off_t)offset);
        } else {
            n = write(w->fd, bytes, part);
        }
        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0)
            errno = EIO;
        if (n <= 0) {
            w->failed = true;
            FILE_FAIL("write", w->path);
        }
        bytes += n;
        size -= n;
        if (offset >= 0)
            offset += n;
    }
done:
    return status;
}

static akin_status writer_flush(struct file_writer *w, akin_error *err)
{
    akin_status status = AKIN_OK;
    AKIN_TRY(write_all(w, w->buffer, w->filled, -1, err));
    w->flushed += w->filled;
    w->filled = 0;
done:
    return status;
}

static akin_status check_failed(const struct file_writer *w, akin_error *err)
{
    if (!w->failed)
        return AKIN_OK;
    return error_set(err, AKIN_E_IO, __FILE__, __LINE__,
                     "cannot write '%.120s': an earlier write failed", w->path);
}

akin_status file_writer_add(struct file_writer *w, const void *bytes, int64_t size, akin_error *err)
{
    akin_status status = AKIN_OK;
    AKIN_TRY(check_failed(w, err));
    if (size <= 0)
        goto done;
    if (size > WRITER_BUFFER - w->filled)
        AKIN_TRY(writer_flush(w, err));
    if (size >= WRITER_BUFFER) {
        AKIN_TRY(write_all(w, bytes, size, -1, err));
        w->flushed += size;
    } else {
        memcpy(w->buffer + w->filled, bytes, (size_t)size);
        w->filled += size;
    }
done:
    return status;
}

int64_t file_writer_offset(const struct file_writer *w)
{
    return w->flushed + w->filled;
}

akin_status file_writer_patch(struct file_writer *w, int64_t offset, const void *bytes,
                              int64_t size, akin_error *err)
{
    akin_status status = AKIN_OK;
    AKIN_TRY(check_failed(w, err));
    if (offset < 0 || size < 0 || size > file_writer_offset(w) - offset)
        AKIN_FAIL(AKIN_E_INTERNAL,
                  "patch of %" PRId64 " bytes at %" PRId64 " (only %" PRId64 " are written)", size,
                  offset, file_writer_offset(w));
    if (offset < w->flushed)
        AKIN_TRY(writer_flush(w, err));
    if (offset >= w->flushed)
        memcpy(w->buffer + (offset - w->flushed), bytes, (size_t)size);
    else
        AKIN_TRY(write_all(w, bytes, size, offset, err));
done:
    return status;
}

/* Makes the rename last. File systems that cannot sync a directory say EINVAL. */
static akin_status sync_directory(const struct file_writer *w, akin_error *err)
{
    akin_status status = AKIN_OK;
    size_t length = directory_length(w->path);
    int fd = -1;
    char *directory = NULL;
    MEM_NEW(w->ctx, directory, length + 2);
    memcpy(directory, w->path, length);
    directory[length] = '\0';
    if (length == 0)
        memcpy(directory, ".", 2);
    fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == EACCES)
        goto done; /* a directory one may write to but not read */
    if (fd < 0)
        FILE_FAIL("open directory", directory);
    if (fsync(fd) != 0 && errno != EINVAL && errno != ENOTSUP)
        FILE_FAIL("sync directory", directory);
done:
    if (fd >= 0)
        close(fd);
    mem_free(w->ctx, directory);
    return status;
}

akin_status file_writer_commit(struct file_writer *w, akin_error *err)
{
    akin_status status = AKIN_OK;
    AKIN_TRY(check_failed(w, err));
    AKIN_TRY(writer_flush(w, err));
    if (w->temporary && fsync(w->fd) != 0)
        FILE_FAIL("sync", w->path);
    int fd = w->fd;
    w->fd = -1;
    if (close(fd) != 0 && errno != EINTR)
        FILE_FAIL("close", w->path);
    if (w->temporary) {
        if (rename(w->temporary, w->path) != 0)
            FILE_FAIL("replace", w->path);
        mem_free(w->ctx, w->temporary); /* is the file now */
        w->temporary = NULL;
        AKIN_TRY(sync_directory(w, err));
    }
done:
    writer_free(w);
    return status;
}

void file_writer_abort(struct file_writer *w)
{
    if (w)
        writer_free(w);
}

void file_writer_fail_at(struct file_writer *w, int64_t n)
{
    w->fail_at = n;
}

akin_status file_write(akin_ctx *ctx, const char *path, const void *bytes, int64_t size,
                       akin_error *err)
{
    akin_status status = AKIN_OK;
    struct file_writer *w = NULL;
    AKIN_TRY(file_writer_open(ctx, path, &w, err));
    AKIN_TRY(file_writer_add(w, bytes, size, err));
    status = file_writer_commit(w, err);
    w = NULL;
done:
    file_writer_abort(w);
    return status;
}
