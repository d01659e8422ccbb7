/*
 * A child from its start to its end: posix_spawn, then one poll over its end (a pidfd), its two
 * pipes and the caller's wish to stop it.
 *
 * Where the kernel gives no pidfd the end of both pipes tells the end. Not here: standard input,
 * several children at once.
 */
#include "live/child.h"

#include "core/ctx.h"
#include "core/text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHILD_NICE = 10, PART = 16384 };
enum { FD_END, FD_OUT, FD_ERR, FD_STOP, FDS };

extern char **environ;

struct child {
    const struct child_spec *spec;
    struct child_end *end;
    struct buf *out;
    pid_t pid;
    struct pollfd fd[FDS]; /* -1 = closed, or never there */
    bool has_ended, is_over;
    int64_t kill_ns; /* when SIGKILL is due, 0 = not stopping */
    char line[CHILD_LINE];
    size_t n_line;
};

/* ---- Start ---- */

static akin_status pipes_open(int out[2], int from_err[2], akin_error *err)
{
    akin_status status = AKIN_OK;
    if (pipe2(out, O_CLOEXEC) != 0 || pipe2(from_err, O_CLOEXEC) != 0)
        AKIN_FAIL(AKIN_E_IO, "job: no pipe: %s", strerror(errno));
    fcntl(out[0], F_SETFL, O_NONBLOCK);
    fcntl(from_err[0], F_SETFL, O_NONBLOCK);
done:
    return status;
}

/* Signals as at a login; a group of its own, so that Ctrl-C at the server's terminal is ours. */
static int attributes_set(posix_spawnattr_t *attr)
{
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    int rc = posix_spawnattr_setsigmask(attr, &none);
    if (rc == 0)
        rc = posix_spawnattr_setsigdefault(attr, &all);
    if (rc == 0)
        rc = posix_spawnattr_setpgroup(attr, 0);
    return rc ? rc
              : posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                                   POSIX_SPAWN_SETPGROUP);
}

static int files_set(posix_spawn_file_actions_t *files, int out, int from_err)
{
    int rc = posix_spawn_file_actions_addopen(files, 0, "/dev/null", O_RDONLY, 0);
    if (rc == 0)
        rc = posix_spawn_file_actions_adddup2(files, out, 1);
    if (rc == 0)
        rc = posix_spawn_file_actions_adddup2(files, from_err, 2);
    return rc ? rc : posix_spawn_file_actions_addclosefrom_np(files, 3);
}

static akin_status start(struct child *c, int out, int from_err, akin_error *err)
{
    akin_status status = AKIN_OK;
    posix_spawnattr_t attr;
    posix_spawn_file_actions_t files;
    char *const *argv = c->spec->argv;
    posix_spawnattr_init(&attr);
    posix_spawn_file_actions_init(&files);
    /* where vfork is a fork (qemu-user) the spawn itself cannot tell */
    int rc = access(argv[0], X_OK) == 0 ? attributes_set(&attr) : errno;
    if (rc == 0)
        rc = files_set(&files, out, from_err);
    if (rc == 0)
        rc = posix_spawn(&c->pid, argv[0], &files, &attr, argv, environ);
    if (rc != 0)
        AKIN_FAIL(AKIN_E_IO, "job: cannot run %.150s: %s", argv[0], strerror(rc));
    /* Linux: threads that it makes from here on inherit it. */
    setpriority(PRIO_PROCESS, (id_t)c->pid, CHILD_NICE);
    c->fd[FD_END].fd = (int)syscall(SYS_pidfd_open, c->pid, 0);
done:
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attr);
    return status;
}

/* ---- What it says ---- */

/* "akin: train 40 of 100": progress, and no reason why something failed. */
static bool is_progress(const char *line)
{
    const char *of = strstr(line, " of ");
    return of && of > line && of[-1] >= '0' && of[-1] <= '9';
}

static void line_end(struct child *c)
{
    c->line[c->n_line] = '\0';
    c->n_line = 0;
    text_clean(c->line);
    if (!c->line[0])
        return;
    if (!is_progress(c->line))
        text_copy(c->end->said, sizeof c->end->said, c->line);
    if (c->spec->on_line)
        c->spec->on_line(c->spec->arg, c->line);
}

static void take_words(struct child *c, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] == '\n')
            line_end(c);
        else if (c->n_line < sizeof c->line - 1) /* the rest of a long line is left out */
            c->line[c->n_line++] = bytes[i];
    }
}

static void stop(struct child *c)
{
    if (c->kill_ns)
        return;
    kill(-c->pid, SIGTERM);
    c->kill_ns = clock_ns() + c->spec->grace_ms * 1000000;
}

/* Reads what is there; at its end closes the pipe. */
static void take(struct child *c, int which)
{
    char part[PART];
    for (;;) {
        ssize_t n = read(c->fd[which].fd, part, sizeof part);
        if (n > 0 && which == FD_ERR) {
            take_words(c, part, (size_t)n);
        } else if (n > 0) {
            if (!c->is_over)
                buf_add(c->out, part, (size_t)n);
            c->is_over = c->is_over || c->out->failed || c->out->size > c->spec->most_output;
            if (c->is_over)
                stop(c);
        } else if (n < 0 && errno == EINTR) {
            continue;
        } else {
            if (n == 0 || errno != EAGAIN) {
                close(c->fd[which].fd);
                c->fd[which].fd = -1;
            }
            return;
        }
    }
}

/* ---- The end ---- */

static int left_ms(const struct child *c)
{
    int64_t left = (c->kill_ns - clock_ns() + 999999) / 1000000;
    return !c->kill_ns ? -1 : left < 0 ? 0 : (int)left;
}

static void wait_once(struct child *c)
{
    int n = poll(c->fd, FDS, left_ms(c));
    if (n == 0) {
        kill(-c->pid, SIGKILL);
        c->kill_ns = clock_ns() + c->spec->grace_ms * 1000000 + 1;
    }
    if (n <= 0)
        return;
    if (c->fd[FD_STOP].revents) {
        c->end->is_stopped = true;
        c->fd[FD_STOP].fd = -1;
        stop(c);
    }
    for (int which = FD_OUT; which <= FD_ERR; which++)
        if (c->fd[which].fd >= 0 && c->fd[which].revents)
            take(c, which);
    bool is_silent = c->fd[FD_OUT].fd < 0 && c->fd[FD_ERR].fd < 0;
    c->has_ended = c->fd[FD_END].fd < 0 ? is_silent : c->fd[FD_END].revents != 0;
}

static void reap(struct child *c)
{
    int how = 0;
    for (int which = FD_OUT; which <= FD_ERR; which++)
        if (c->fd[which].fd >= 0)
            take(c, which);
    line_end(c);
    kill(-c->pid, SIGKILL); /* whatever it started; the number is ours until it is waited for */
    while (waitpid(c->pid, &how, 0) < 0 && errno == EINTR)
        continue;
    c->end->code = WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how);
}

akin_status child_run(const struct child_spec *spec, struct buf *out, struct child_end *end,
                      akin_error *err)
{
    akin_status status = AKIN_OK;
    struct child c = {.spec = spec, .end = end, .out = out};
    int to_out[2] = {-1, -1}, to_err[2] = {-1, -1};
    memset(end, 0, sizeof *end);
    for (int i = 0; i < FDS; i++)
        c.fd[i] = (struct pollfd){.fd = -1, .events = POLLIN};
    status = pipes_open(to_out, to_err, err);
    if (status == AKIN_OK)
        status = start(&c, to_out[1], to_err[1], err);
    for (int i = 0; i < 2; i++)
        if ((i ? to_err : to_out)[1] >= 0)
            close((i ? to_err : to_out)[1]);
    c.fd[FD_OUT].fd = to_out[0];
    c.fd[FD_ERR].fd = to_err[0];
    c.fd[FD_STOP].fd = spec->stop_fd;
    AKIN_TRY(status);
    while (!c.has_ended)
        wait_once(&c);
    reap(&c);
    AKIN_TRY(buf_check(out, err));
    if (c.is_over)
        AKIN_FAIL(AKIN_E_LIMIT, "job: %.100s wrote more than %lld bytes", spec->argv[1],
                  (long long)spec->most_output);
done:
    for (int which = FD_END; which <= FD_ERR; which++)
        if (c.fd[which].fd >= 0)
            close(c.fd[which].fd);
    return status;
}
