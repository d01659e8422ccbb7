/*
 * Preloaded into a child of test_store_crash: writes a line before and after every fsync and
 * fdatasync into the file of $AKIN_SHIM_LOG, and lets them fail while the file of $AKIN_SHIM_FAIL
 * exists.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
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

static int run(int fd, long number)
{
    const char *fail = getenv("AKIN_SHIM_FAIL");
    note("begin", fd, 0);
    int result = fail && access(fail, F_OK) == 0 ? -1 : (int)syscall(number, fd);
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
