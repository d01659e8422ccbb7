/*
 * Files: whole reads, maps, sums, and directories. Atomic writing is in file_writer.c.
 *
 * Cost: one read call a MiB; interrupted calls are repeated. A mapped file that another process
 * cuts short raises SIGBUS on access: map only files that nobody rewrites in place (ours are
 * replaced by rename, which leaves the mapped one whole).
 */
#include "core/file.h"

#include "core/file_error.h"
#include "core/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_CHUNK ((int64_t)1 << 20)
#define FILE_FIRST ((int64_t)64 << 10)

akin_status file_fail(akin_error *err, const char *what, const char *path, int number,
                      const char *file, int line)
{
    akin_status code = number == ENOENT || number == ENOTDIR ? AKIN_E_NOT_FOUND : AKIN_E_IO;
    if (number == ENOMEM)
        code = AKIN_E_MEMORY;
    char reason[96];
    if (strerror_r(number, reason, sizeof reason) != 0)
        reason[0] = '\0';
    /* The end of a long path says more than its start, and the reason must fit behind it. */
    size_t length = strlen(path);
    const char *shown = length > 100 ? path + length - 97 : path;
    return error_set(err, code, file, line, "cannot %s '%s%s': %s", what,
                     shown == path ? "" : "...", shown, reason);
}

/* Opens for reading; fills size: bytes of a regular file, -1 of anything else. */
static akin_status open_read(const char *path, int *out_fd, int64_t *out_size, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct stat info;
    int fd;
    do
        fd = open(path, O_RDONLY | O_CLOEXEC);
    while (fd < 0 && errno == EINTR);
    if (fd < 0)
        FILE_FAIL("open", path);
    if (fstat(fd, &info) != 0)
        FILE_FAIL("examine", path);
    if (S_ISDIR(info.st_mode)) {
        errno = EISDIR;
        FILE_FAIL("read", path);
    }
    *out_size = S_ISREG(info.st_mode) ? (int64_t)info.st_size : -1;
    *out_fd = fd;
    fd = -1;
done:
    if (fd >= 0)
        close(fd);
    return status;
}

static ssize_t read_some(int fd, void *to, int64_t size)
{
    ssize_t n;
    do
        n = read(fd, to, (size_t)size);
    while (n < 0 && errno == EINTR);
    return n;
}

akin_status file_map_open(const char *path, struct file_map *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    int fd = -1;
    int64_t size = 0;
    struct file_map map = {0};
    AKIN_TRY(open_read(path, &fd, &size, err));
    if (size < 0)
        AKIN_FAIL(AKIN_E_IO, "cannot map '%.100s': it is not a regular file", path);
    map.size = size;
    if (size > 0) {
        void *data = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED)
            FILE_FAIL("map", path);
        map.data = data;
    }
    *out = map;
done:
    if (fd >= 0)
        close(fd);
    return status;
}

void file_map_close(struct file_map *map)
{
    if (map->data)
        munmap((void *)(uintptr_t)map->data, (size_t)map->size);
    map->data = NULL;
    map->size = 0;
}

akin_status file_read(akin_ctx *ctx, const char *path, int64_t limit, char **out, int64_t *out_size,
                      akin_error *err)
{
    akin_status status = AKIN_OK;
    int fd = -1;
    int64_t expected = 0;
    int64_t size = 0;
    int64_t cap = 0;
    char *data = NULL;
    AKIN_TRY(open_read(path, &fd, &expected, err));
    if (limit < 0 || limit > INT64_MAX / 4)
        limit = INT64_MAX / 4;
    if (expected > limit)
        AKIN_FAIL(AKIN_E_LIMIT, "'%.90s': %" PRId64 " bytes (at most %" PRId64 ")", path, expected,
                  limit);
    /* One byte more than expected, to see the end without growing; one for the NUL. */
    cap = (expected > 0 ? expected : FILE_FIRST) + 2;
    MEM_NEW(ctx, data, cap);
    for (;;) {
        AKIN_TRY(ctx_check(ctx, err));
        MEM_GROW(ctx, data, cap, size + 2);
        int64_t room = cap - 1 - size;
        ssize_t n = read_some(fd, data + size, room < FILE_CHUNK ? room : FILE_CHUNK);
        if (n < 0)
            FILE_FAIL("read", path);
        if (n == 0)
            break;
        size += n;
        if (size > limit)
            AKIN_FAIL(AKIN_E_LIMIT, "'%.90s': more than %" PRId64 " bytes, the limit", path, limit);
    }
    data[size] = '\0';
    *out = data;
    *out_size = size;
    data = NULL;
done:
    mem_free(ctx, data);
    if (fd >= 0)
        close(fd);
    return status;
}

akin_status file_hash(akin_ctx *ctx, const char *path, uint64_t *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    int fd = -1;
    int64_t size = 0;
    unsigned char *chunk = NULL;
    struct hash_state *state = NULL;
    AKIN_TRY(open_read(path, &fd, &size, err));
    MEM_NEW(ctx, chunk, FILE_CHUNK);
    state = hash_begin();
    if (!state)
        AKIN_FAIL(AKIN_E_MEMORY, "out of memory: the sum of '%.100s'", path);
    for (;;) {
        AKIN_TRY(ctx_check(ctx, err));
        ssize_t n = read_some(fd, chunk, FILE_CHUNK);
        if (n < 0)
            FILE_FAIL("read", path);
        if (n == 0)
            break;
        hash_add(state, chunk, (size_t)n);
    }
    *out = hash_end(state);
    state = NULL;
done:
    if (state)
        (void)hash_end(state);
    mem_free(ctx, chunk);
    if (fd >= 0)
        close(fd);
    return status;
}

bool file_exists(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0;
}

static akin_status mkdir_one(const char *path, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct stat info;
    if (mkdir(path, 0777) != 0) {
        int number = errno;
        if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
            return AKIN_OK; /* there already, or made by another just now */
        errno = number;
        FILE_FAIL("make directory", path);
    }
done:
    return status;
}

akin_status file_mkdirs(const char *path, akin_error *err)
{
    akin_status status = AKIN_OK;
    char part[4096];
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof part)
        AKIN_FAIL(AKIN_E_ARG, "directory path of %zu bytes (must be 1..%zu)", length,
                  sizeof part - 1);
    memcpy(part, path, length + 1);
    for (size_t i = 1; i <= length; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        part[i] = '\0';
        AKIN_TRY(mkdir_one(part, err));
        part[i] = path[i];
    }
done:
    return status;
}
