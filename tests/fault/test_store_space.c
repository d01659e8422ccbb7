/*
 * No space, and no right to write: said clearly, nothing acknowledged is lost, and the store goes
 * on by itself once there is space again.
 *
 * A limit of the process on the size of files stands for a full disk everywhere; a small tmpfs in a
 * mount namespace of our own is one, where we are root.
 */
#include "unit/store/store_setup.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>

static bool has_namespace; /* mounts are seen by nobody else */

/* One write of 64 events with long contexts; the status. */
static akin_status put_many(struct store *s, int round, akin_error *err)
{
    static char ids[64][32], context[2048];
    struct store_event e[64];
    memset(context, ' ', sizeof context - 1);
    for (int i = 0; i < 64; i++) {
        snprintf(ids[i], sizeof ids[i], "r%d-%d", round, i);
        e[i] = make_event(ids[i], "u", "i", "view", i);
        e[i].context = context;
    }
    struct store_write w = {.op = STORE_PUT_EVENTS, .events = e, .n = 64};
    return store_write_wait(s, &w, err);
}

/* Rounds until the first failure. */
static int fill(struct store *s, int round, akin_error *err)
{
    for (int n = 0; n < 1000; n++)
        if (put_many(s, round + n, err) != AKIN_OK)
            return n;
    fail_msg("1000 writes of 128 KB fit into it");
    return 0;
}

static void expect_full(struct store *s, const akin_error *err)
{
    struct store_info info;
    assert_int_equal(err->code, AKIN_E_IO);
    assert_contains(err->message, "no space");
    store_info(s, &info);
    assert_int_equal(info.state, STORE_FULL);
    assert_contains(info.message, "no space");
}

static void expect_ready(struct fixture *f, int n_rounds)
{
    struct store_info info;
    store_info(f->s, &info);
    assert_int_equal(info.state, STORE_READY);
    assert_string_equal(info.message, "");
    assert_int_equal(count_events(f->s), n_rounds * 64);
    check_store(f->s);
    store_down(f);
    store_up(f);
    assert_int_equal(count_events(f->s), n_rounds * 64);
    check_store(f->s);
}

static void test_file_limit(void **state)
{
    struct fixture *f = *state;
    struct rlimit old, low;
    akin_error err;
    store_up(f);
    assert_int_equal(put_many(f->s, 0, &err), AKIN_OK);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    low = old;
    low.rlim_cur = 2 << 20;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
    int n = 1 + fill(f->s, 1, &err);
    expect_full(f->s, &err);
    assert_int_not_equal(put_many(f->s, n, &err), AKIN_OK); /* still */
    assert_int_equal(count_events(f->s), n * 64);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(put_many(f->s, n, &err), AKIN_OK);
    expect_ready(f, n + 1);
}

static bool mount_small(struct fixture *f, const char *options)
{
    if (has_namespace && mount("tmpfs", f->dir, "tmpfs", 0, options) == 0)
        return true;
    print_message("no right to mount: left out\n");
    return false;
}

static void test_full_disk(void **state)
{
    struct fixture *f = *state;
    char filler[96];
    akin_error err;
    static char block[1 << 20];
    if (!mount_small(f, "size=8m"))
        return;
    snprintf(filler, sizeof filler, "%s/filler", f->dir);
    int fd = open(filler, O_WRONLY | O_CREAT, 0600);
    for (int i = 0; i < 5; i++)
        assert_int_equal(write(fd, block, sizeof block), sizeof block);
    close(fd);
    store_up(f);
    int n = fill(f->s, 0, &err);
    assert_true(n > 3);
    expect_full(f->s, &err);
    assert_int_equal(count_events(f->s), n * 64); /* reads go on */
    store_down(f);
    store_up(f); /* a server comes up on a full disk, too */
    assert_int_equal(count_events(f->s), n * 64);
    unlink(filler);
    assert_int_equal(put_many(f->s, n, &err), AKIN_OK);
    expect_ready(f, n + 1);
    store_down(f);
    assert_int_equal(umount(f->dir), 0);
}

/* The disk is full before there is a store. */
static void test_full_at_once(void **state)
{
    struct fixture *f = *state;
    akin_error err;
    if (!mount_small(f, "size=20k"))
        return;
    struct store *s = NULL;
    assert_int_equal(store_open(f->ctx, f->url, NULL, &s, &err), AKIN_E_IO);
    assert_contains(err.message, "no space");
    assert_null(s);
    assert_int_equal(access(f->path, F_OK), -1);
    assert_int_equal(umount(f->dir), 0);
}

static void test_read_only_disk(void **state)
{
    struct fixture *f = *state;
    akin_error err;
    if (!mount_small(f, "size=8m"))
        return;
    store_up(f);
    assert_int_equal(put_many(f->s, 0, &err), AKIN_OK);
    store_down(f);
    assert_int_equal(mount("tmpfs", f->dir, "tmpfs", MS_REMOUNT | MS_RDONLY, NULL), 0);
    store_up(f);
    struct store_info info;
    store_info(f->s, &info);
    assert_int_equal(info.state, STORE_READ_ONLY);
    assert_contains(info.message, "may not be written");
    assert_int_equal(put_many(f->s, 1, &err), AKIN_E_IO);
    assert_contains(err.message, "may not be written");
    assert_int_equal(count_events(f->s), 64);
    check_store(f->s);
    store_down(f);
    assert_int_equal(mount("tmpfs", f->dir, "tmpfs", MS_REMOUNT, NULL), 0);
    store_up(f);
    assert_int_equal(put_many(f->s, 1, &err), AKIN_OK);
    expect_ready(f, 2);
    store_down(f);
    assert_int_equal(umount(f->dir), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, store_setup, store_teardown)
    const struct CMUnitTest tests[] = {T(test_file_limit), T(test_full_disk), T(test_full_at_once),
                                       T(test_read_only_disk)};
    has_namespace =
        unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
    signal(SIGXFSZ, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
