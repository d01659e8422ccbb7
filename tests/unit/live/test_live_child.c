/*
 * Children of jobs: output, exit, last words, limits, stopping gently and not, what they inherit.
 * Each is /bin/sh with a script.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/ctx.h"
#include "live/child.h"

struct bed {
    akin_ctx *ctx;
    struct buf out;
    struct child_end end;
    akin_error err;
    int stop_fd;
    int n_lines;
    const char *stop_at; /* a line that sets stop_fd */
};

static void on_line(void *arg, const char *line)
{
    struct bed *b = arg;
    const uint64_t one = 1;
    b->n_lines++;
    if (b->stop_at && strcmp(line, b->stop_at) == 0)
        assert_int_equal(write(b->stop_fd, &one, sizeof one), sizeof one);
}

static void bed_make(struct bed *b)
{
    memset(b, 0, sizeof *b);
    assert_int_equal(ctx_create(1, 1, 0, &b->ctx, &b->err), AKIN_OK);
    buf_init(&b->out, b->ctx);
    b->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    assert_true(b->stop_fd >= 0);
}

static void bed_free(struct bed *b)
{
    close(b->stop_fd);
    buf_free(&b->out);
    assert_int_equal(mem_used(b->ctx->mem), 0);
    ctx_free(b->ctx);
}

static akin_status run(struct bed *b, const char *script, int64_t most, int64_t grace_ms)
{
    const char *const argv[] = {"/bin/sh", "-c", script, "sh", "a b;c", NULL};
    const struct child_spec spec = {.argv = (char *const *)(uintptr_t)argv,
                                    .most_output = most,
                                    .stop_fd = b->stop_fd,
                                    .grace_ms = grace_ms,
                                    .on_line = on_line,
                                    .arg = b};
    buf_clear(&b->out);
    return child_run(&spec, &b->out, &b->end, &b->err);
}

static void test_what_it_says(void **state)
{
    (void)state;
    struct bed bed, *b = &bed;
    bed_make(b);
    assert_int_equal(run(b, "cat; printf '%s' \"$1\"; echo why >&2; exit 3", 100, 1000), AKIN_OK);
    assert_int_equal(b->end.code, 3);
    assert_false(b->end.is_stopped);
    assert_string_equal(b->out.data, "a b;c"); /* no shell of ours, nothing on standard input */
    assert_string_equal(b->end.said, "why");
    /* progress is no reason, a line without an end counts, control bytes do not pass */
    assert_int_equal(
        run(b, "printf 'the \\033[31mreason\\nakin: x 4 of 9  1 s left' >&2; exit 1", 100, 1000),
        AKIN_OK);
    assert_string_equal(b->end.said, "the ?[31mreason");
    assert_int_equal(b->n_lines, 3);
    /* more than a pipe holds, on both at once */
    assert_int_equal(run(b,
                         "i=0; while [ $i -lt 3000 ]; do echo 0123456789012345678901234567890123456"
                         "789; echo 0123456789012345678901234567890123456789 >&2; i=$((i+1)); done",
                         1 << 20, 1000),
                     AKIN_OK);
    assert_int_equal(b->out.size, 3000 * 41);
    assert_int_equal(b->end.code, 0);
    assert_int_equal(run(b, "kill -9 $$", 100, 1000), AKIN_OK);
    assert_int_equal(b->end.code, 128 + SIGKILL);
    bed_free(b);
}

static void test_limits(void **state)
{
    (void)state;
    struct bed bed, *b = &bed;
    const char *const none[] = {"/nowhere/akin", "x", NULL};
    const struct child_spec spec = {
        .argv = (char *const *)(uintptr_t)none, .most_output = 1, .stop_fd = -1};
    bed_make(b);
    assert_int_equal(run(b, "while :; do echo again and again; done", 1000, 1000), AKIN_E_LIMIT);
    assert_true(b->out.size < 100000);
    assert_int_equal(child_run(&spec, &b->out, &b->end, &b->err), AKIN_E_IO);
    assert_non_null(strstr(b->err.message, "/nowhere/akin"));
    for (int64_t n = 1;; n++) { /* lack of memory ends the child, too */
        mem_fail_at(b->ctx->mem, n);
        buf_free(&b->out);
        buf_init(&b->out, b->ctx);
        akin_status status = run(b, "echo something", 100, 1000);
        mem_fail_at(b->ctx->mem, 0);
        if (status == AKIN_OK)
            break;
        assert_int_equal(status, AKIN_E_MEMORY);
    }
    bed_free(b);
}

static void test_stopping(void **state)
{
    (void)state;
    struct bed bed, *b = &bed;
    bed_make(b);
    b->stop_at = "ready";
    assert_int_equal(run(b,
                         "trap 'echo bye; exit 7' TERM; echo ready >&2; while :; do sleep 100 & "
                         "wait; done",
                         100, 60000),
                     AKIN_OK);
    assert_true(b->end.is_stopped);
    assert_int_equal(b->end.code, 7);
    assert_string_equal(b->out.data, "bye\n");
    bed_free(b);
    bed_make(b); /* one that does not listen */
    b->stop_at = "ready";
    assert_int_equal(run(b, "trap '' TERM; echo ready >&2; while :; do sleep 100; done", 100, 50),
                     AKIN_OK);
    assert_true(b->end.is_stopped);
    assert_int_equal(b->end.code, 128 + SIGKILL);
    bed_free(b);
    bed_make(b); /* stopped before it began */
    const uint64_t one = 1;
    assert_int_equal(write(b->stop_fd, &one, sizeof one), sizeof one);
    assert_int_equal(run(b, "sleep 1000", 100, 60000), AKIN_OK);
    assert_true(b->end.is_stopped);
    bed_free(b);
}

/* What it started neither keeps us waiting nor stays. */
static void test_grandchildren(void **state)
{
    (void)state;
    struct bed bed, *b = &bed;
    bed_make(b);
    assert_int_equal(run(b, "sleep 1000 & echo $!", 100, 60000), AKIN_OK);
    assert_int_equal(b->end.code, 0);
    pid_t pid = (pid_t)strtol(b->out.data, NULL, 10);
    assert_true(pid > 1);
    char path[64], stat[256] = "";
    snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
    FILE *file = fopen(path, "r");
    if (file) { /* dying, or a zombie that init has not taken yet */
        assert_true(fread(stat, 1, sizeof stat - 1, file) > 0 || stat[0] == '\0');
        fclose(file);
    }
    bed_free(b);
}

static void test_what_it_inherits(void **state)
{
    (void)state;
    struct bed bed, *b = &bed;
    bed_make(b);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int leak = fcntl(null, F_DUPFD, 50); /* without close-on-exec, as of a careless library */
    close(null);
    sigset_t all, old;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &old);
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(run(b,
                         "ls /proc/$$/fd | tr '\\n' ' '; readlink /proc/$$/fd/0; grep -E "
                         "'^Sig(Blk|Ign)' /proc/self/status",
                         4000, 1000),
                     AKIN_OK);
    sigprocmask(SIG_SETMASK, &old, NULL);
    signal(SIGPIPE, SIG_DFL);
    close(leak);
    char name[16];
    snprintf(name, sizeof name, " %d ", leak);
    assert_non_null(strstr(b->out.data, "/dev/null\n"));
    char *end = strstr(b->out.data, "/dev/null");
    assert_non_null(strstr(b->out.data, "SigBlk:\t0000000000000000"));
    const char *ignored = strstr(b->out.data, "SigIgn:\t");
    assert_non_null(ignored); /* 32 and 33 are the C library's */
    assert_int_equal(strtoull(ignored + 8, NULL, 16) & 0x7fffffff, 0);
    *end = '\0';
    assert_null(strstr(b->out.data, name));
    bed_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_it_says),     cmocka_unit_test(test_limits),
        cmocka_unit_test(test_stopping),         cmocka_unit_test(test_grandchildren),
        cmocka_unit_test(test_what_it_inherits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
