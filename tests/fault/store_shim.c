/*
 * Preloaded into a child of test_store_crash, and into servers. $AKIN_SHIM_LOG names a file that
 * gets a line before and after every fsync and fdatasync. While the file exists that one names,
 * $AKIN_SHIM_FAIL lets these fail, $AKIN_SHIM_READ_ONLY refuses writes to a store's files, and
 * $AKIN_SHIM_CLOCK holds the seconds by which the clock of the day is moved.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void note(const char *what, int fd, int result)
{
    const char *path = getenv("AKIN_SHIM_LOG");
    char link[48], name[256], line[320];
    if (!path)
        return;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, name, sizeof name - 1);
    name[n > 0 ? n : 0] = '\0';
    int size = snprintf(line, sizeof line, "%s %d %s\n", what, result, name);
    int to = open(path, O_WRONLY | O_APPEND | O_CREAT, 0600);
    if (to < 0 || write(to, line, (size_t)size) != size)
        abort();
    close(to);
}

static int is_on(const char *name)
{
    const char *path = getenv(name);
    return path && access(path, F_OK) == 0;
}

static int run(int fd, long number)
{
    note("begin", fd, 0);
    int result = is_on("AKIN_SHIM_FAIL") ? -1 : (int)syscall(number, fd);
    if (result)
        errno = EIO;
    note("end", fd, result);
    return result;
}

int fsync(int fd)
{
    return run(fd, SYS_fsync);
}

int fdatasync(int fd)
{
    return run(fd, SYS_fdatasync);
}

static int is_of_store(int fd)
{
    char link[48], name[256];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, name, sizeof name - 1);
    name[n > 0 ? n : 0] = '\0';
    return strstr(name, "akin.db") != NULL;
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off_t at)
{
    if (is_on("AKIN_SHIM_READ_ONLY") && is_of_store(fd)) {
        errno = EROFS;
        return -1;
    }
    return syscall(SYS_pwrite64, fd, bytes, size, at);
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t at)
{
    return pwrite64(fd, bytes, size, at);
}

int clock_gettime(clockid_t id, struct timespec *out)
{
    const char *path = getenv("AKIN_SHIM_CLOCK");
    char text[32] = "";
    int result = (int)syscall(SYS_clock_gettime, id, out);
    if (result != 0 || id != CLOCK_REALTIME || !path)
        return result;
    int from = open(path, O_RDONLY);
    if (from >= 0 && read(from, text, sizeof text - 1) > 0)
        out->tv_sec += strtol(text, NULL, 10);
    if (from >= 0)
        close(from);
    return 0;
}
