/* file.c and file_writer.c: reads, maps, sums, directories; old or new file whatever happens. */
#include "setup.h"

#include "core/file.h"
#include "core/hash.h"

#include <dirent.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct place {
    akin_ctx *ctx;
    char dir[64];
    char path[96];
};

static int place_setup(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    place->ctx = test_ctx_new(1, 0);
    snprintf(place->dir, sizeof place->dir, "/tmp/akin-test-file-XXXXXX");
    assert_non_null(mkdtemp(place->dir));
    snprintf(place->path, sizeof place->path, "%s/f", place->dir);
    *state = place;
    return 0;
}

static int count_files(const struct place *place)
{
    int n = 0;
    DIR *dir = opendir(place->dir);
    assert_non_null(dir);
    for (struct dirent *e = readdir(dir); e; e = readdir(dir))
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    closedir(dir);
    return n;
}

static int place_teardown(void **state)
{
    struct place *place = *state;
    unlink(place->path);
    assert_int_equal(count_files(place), 0); /* no temporary stays */
    assert_int_equal(rmdir(place->dir), 0);
    test_ctx_done(place->ctx);
    free(place);
    return 0;
}

static void check_content(struct place *p, const char *want, int64_t want_size)
{
    char *data = NULL;
    int64_t size = 0;
    assert_int_equal(file_read(p->ctx, p->path, 1 << 28, &data, &size, NULL), AKIN_OK);
    assert_int_equal(size, want_size);
    assert_memory_equal(data, want, (size_t)size);
    assert_int_equal(data[size], 0);
    mem_free(p->ctx, data);
}

static void test_write_read(void **state)
{
    struct place *p = *state;
    akin_error err;
    assert_false(file_exists(p->path));
    assert_int_equal(file_write(p->ctx, p->path, "old", 3, &err), AKIN_OK);
    assert_true(file_exists(p->path));
    check_content(p, "old", 3);
    assert_int_equal(file_write(p->ctx, p->path, NULL, 0, &err), AKIN_OK);
    check_content(p, "", 0);
    char *data = NULL;
    int64_t size = 0;
    assert_int_equal(file_write(p->ctx, p->path, "12345", 5, &err), AKIN_OK);
    assert_int_equal(file_read(p->ctx, p->path, 4, &data, &size, &err), AKIN_E_LIMIT);
    assert_contains(err.message, "5 bytes (at most 4)");
    assert_int_equal(file_read(p->ctx, p->path, 5, &data, &size, &err), AKIN_OK);
    mem_free(p->ctx, data);
    assert_int_equal(file_read(p->ctx, p->dir, 5, &data, &size, &err), AKIN_E_IO);
    assert_int_equal(file_read(p->ctx, "/nowhere/at/all", 5, &data, &size, &err), AKIN_E_NOT_FOUND);
    assert_contains(err.message, "cannot open '/nowhere/at/all'");
    assert_int_equal(file_read(p->ctx, "/dev/zero", 100000, &data, &size, &err), AKIN_E_LIMIT);
    assert_int_equal(file_read(p->ctx, "/proc/self/status", 1 << 20, &data, &size, &err), AKIN_OK);
    assert_true(size > 100); /* a file that says it has 0 bytes */
    mem_free(p->ctx, data);
    akin_cancel(p->ctx);
    assert_int_equal(file_read(p->ctx, p->path, 5, &data, &size, &err), AKIN_E_CANCELLED);
    akin_cancel_clear(p->ctx);
}

static void test_large_pieces(void **state)
{
    struct place *p = *state;
    struct file_writer *w = NULL;
    int64_t total = 0;
    int64_t cap = 3000000;
    char *want = malloc((size_t)cap);
    for (int64_t i = 0; i < cap; i++)
        want[i] = (char)(i * 31 >> 3);
    assert_int_equal(file_writer_open(p->ctx, p->path, &w, NULL), AKIN_OK);
    for (int64_t step = 1; total + step <= cap; step = step * 2 + 1) {
        assert_int_equal(file_writer_add(w, want + total, step, NULL), AKIN_OK);
        total += step;
        assert_int_equal(file_writer_offset(w), total);
    }
    /* In the file, across the edge to the buffer, and in the buffer. */
    const int64_t at[] = {0, 100000, total - 20, total - 300000, total};
    for (size_t i = 0; i < sizeof at / sizeof at[0]; i++) {
        int64_t n = total - at[i] < 100 ? total - at[i] : 100;
        memset(want + at[i], 'p', (size_t)n);
        assert_int_equal(file_writer_patch(w, at[i], want + at[i], n, NULL), AKIN_OK);
    }
    akin_error err;
    assert_int_equal(file_writer_patch(w, total - 1, want, 2, &err), AKIN_E_INTERNAL);
    assert_int_equal(file_writer_patch(w, -1, want, 1, &err), AKIN_E_INTERNAL);
    assert_int_equal(file_writer_add(w, want + total, 10, NULL), AKIN_OK);
    total += 10;
    assert_int_equal(file_writer_commit(w, NULL), AKIN_OK);
    check_content(p, want, total);
    uint64_t sum = 0;
    assert_int_equal(file_hash(p->ctx, p->path, &sum, NULL), AKIN_OK);
    assert_true(sum == hash_bytes(want, (size_t)total, 0));
    struct file_map map;
    assert_int_equal(file_map_open(p->path, &map, NULL), AKIN_OK);
    assert_int_equal(map.size, total);
    assert_memory_equal(map.data, want, (size_t)total);
    file_map_close(&map);
    file_map_close(&map);
    free(want);
}

static void test_abort(void **state)
{
    struct place *p = *state;
    struct file_writer *w = NULL;
    assert_int_equal(file_write(p->ctx, p->path, "old", 3, NULL), AKIN_OK);
    assert_int_equal(file_writer_open(p->ctx, p->path, &w, NULL), AKIN_OK);
    assert_int_equal(file_writer_add(w, "new", 3, NULL), AKIN_OK);
    assert_int_equal(count_files(p), 2);
    file_writer_abort(w);
    file_writer_abort(NULL);
    check_content(p, "old", 3);
    assert_int_equal(count_files(p), 1);
    /* Two writers of one file do not meet; the last commit wins. */
    struct file_writer *v = NULL;
    assert_int_equal(file_writer_open(p->ctx, p->path, &w, NULL), AKIN_OK);
    assert_int_equal(file_writer_open(p->ctx, p->path, &v, NULL), AKIN_OK);
    assert_int_equal(file_writer_add(w, "w", 1, NULL), AKIN_OK);
    assert_int_equal(file_writer_add(v, "v", 1, NULL), AKIN_OK);
    assert_int_equal(file_writer_commit(v, NULL), AKIN_OK);
    assert_int_equal(file_writer_commit(w, NULL), AKIN_OK);
    check_content(p, "w", 1);
}

/* A full disk at the n-th write, for every n. */
static void test_failing_writes(void **state)
{
    struct place *p = *state;
    static char block[300000];
    assert_int_equal(file_write(p->ctx, p->path, "old", 3, NULL), AKIN_OK);
    int64_t n = 1;
    for (;; n++) {
        akin_error err;
        akin_status status = AKIN_OK;
        struct file_writer *w = NULL;
        assert_int_equal(file_writer_open(p->ctx, p->path, &w, NULL), AKIN_OK);
        file_writer_fail_at(w, n);
        for (int i = 0; i < 3; i++) {
            akin_status add = file_writer_add(w, "head", 4, &err);
            if (add == AKIN_OK)
                add = file_writer_add(w, block, sizeof block, &err);
            if (add != AKIN_OK)
                status = add;
        }
        akin_status patch = file_writer_patch(w, 0, "HEAD", 4, &err);
        if (patch != AKIN_OK)
            status = patch;
        akin_status commit = file_writer_commit(w, &err);
        assert_int_equal(count_files(p), 1);
        if (commit == AKIN_OK) {
            assert_int_equal(status, AKIN_OK);
            break;
        }
        assert_int_equal(commit, AKIN_E_IO);
        assert_int_equal(err.code, AKIN_E_IO);
        check_content(p, "old", 3);
    }
    assert_true(n > 4);
}

static void test_lack(void **state)
{
    struct place *p = *state;
    assert_int_equal(file_write(p->ctx, p->path, "old", 3, NULL), AKIN_OK);
    int64_t n = 1;
    for (;; n++) {
        mem_fail_at(p->ctx->mem, n);
        akin_status status = file_write(p->ctx, p->path, "new", 3, NULL);
        mem_fail_at(p->ctx->mem, 0);
        assert_int_equal(count_files(p), 1);
        assert_int_equal(mem_used(p->ctx->mem), 0);
        if (status == AKIN_OK)
            break;
        assert_int_equal(status, AKIN_E_MEMORY);
    }
    check_content(p, "new", 3);
    assert_true(n >= 4);
}

static void test_modes_and_links(void **state)
{
    struct place *p = *state;
    struct stat info;
    char link_path[128];
    mode_t mask = umask(027);
    assert_int_equal(file_write(p->ctx, p->path, "a", 1, NULL), AKIN_OK);
    umask(mask);
    assert_int_equal(stat(p->path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0640);
    assert_int_equal(chmod(p->path, 0600), 0);
    assert_int_equal(file_write(p->ctx, p->path, "b", 1, NULL), AKIN_OK);
    assert_int_equal(stat(p->path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    snprintf(link_path, sizeof link_path, "%s/link", p->dir);
    assert_int_equal(symlink("f", link_path), 0);
    assert_int_equal(file_write(p->ctx, link_path, "through", 7, NULL), AKIN_OK);
    assert_int_equal(lstat(link_path, &info), 0);
    assert_true(S_ISLNK(info.st_mode));
    check_content(p, "through", 7);
    unlink(link_path);
    assert_int_equal(file_write(p->ctx, "/dev/null", "gone", 4, NULL), AKIN_OK);
    assert_int_equal(stat("/dev/null", &info), 0);
    assert_true(S_ISCHR(info.st_mode));
}

static void test_bad_targets(void **state)
{
    struct place *p = *state;
    akin_error err;
    char path[5000];
    assert_int_equal(file_write(p->ctx, p->dir, "a", 1, &err), AKIN_E_IO);
    assert_int_equal(file_write(p->ctx, "", "a", 1, &err), AKIN_E_ARG);
    assert_int_equal(file_write(p->ctx, "/tmp/", "a", 1, &err), AKIN_E_ARG);
    snprintf(path, sizeof path, "%s/no/where", p->dir);
    assert_int_equal(file_write(p->ctx, path, "a", 1, &err), AKIN_E_NOT_FOUND);
    memset(path, 'x', sizeof path);
    path[sizeof path - 1] = '\0';
    assert_int_equal(file_write(p->ctx, path, "a", 1, &err), AKIN_E_ARG);
    assert_int_equal(file_mkdirs(path, &err), AKIN_E_ARG);
    uint64_t sum;
    struct file_map map;
    assert_int_equal(file_hash(p->ctx, p->path, &sum, &err), AKIN_E_NOT_FOUND);
    assert_int_equal(file_map_open(p->path, &map, &err), AKIN_E_NOT_FOUND);
    assert_int_equal(file_map_open("/dev/null", &map, &err), AKIN_E_IO);
    /* A long name: the temporary's is cut to fit, and the message shows the end. */
    memcpy(path, p->dir, strlen(p->dir));
    path[strlen(p->dir)] = '/';
    memset(path + strlen(p->dir) + 1, 'n', 250);
    path[strlen(p->dir) + 251] = '\0';
    assert_int_equal(file_write(p->ctx, path, "a", 1, &err), AKIN_OK);
    unlink(path);
    assert_int_equal(file_hash(p->ctx, path, &sum, &err), AKIN_E_NOT_FOUND);
    assert_contains(err.message, "No such file");
}

static void test_mkdirs(void **state)
{
    struct place *p = *state;
    akin_error err;
    char path[128];
    snprintf(path, sizeof path, "%s/a//b/c/", p->dir);
    assert_int_equal(file_mkdirs(path, &err), AKIN_OK);
    assert_int_equal(file_mkdirs(path, &err), AKIN_OK);
    assert_true(file_exists(path));
    assert_int_equal(file_write(p->ctx, p->path, "x", 1, NULL), AKIN_OK);
    char below[128];
    snprintf(below, sizeof below, "%s/f/g", p->dir);
    assert_int_not_equal(file_mkdirs(below, &err), AKIN_OK);
    assert_int_equal(file_mkdirs(p->path, &err), AKIN_E_IO);
    for (int cut = 0; cut < 3; cut++) {
        static const char *const parts[] = {"a/b/c", "a/b", "a"};
        snprintf(path, sizeof path, "%s/%s", p->dir, parts[cut]);
        assert_int_equal(rmdir(path), 0);
    }
}

/* Killed before the commit: the old file is there, whole. */
static void test_kill(void **state)
{
    struct place *p = *state;
    assert_int_equal(file_write(p->ctx, p->path, "old", 3, NULL), AKIN_OK);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct file_writer *w = NULL;
        static char block[1000000];
        if (file_writer_open(p->ctx, p->path, &w, NULL) == AKIN_OK &&
            file_writer_add(w, block, sizeof block, NULL) == AKIN_OK)
            _exit(0);
        _exit(1);
    }
    int how = -1;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_int_equal(how, 0);
    check_content(p, "old", 3);
    assert_int_equal(count_files(p), 2);
    assert_int_equal(file_write(p->ctx, p->path, "new", 3, NULL), AKIN_OK);
    check_content(p, "new", 3);
    char left[128];
    snprintf(left, sizeof left, "%s/.f.akin-%ld-0", p->dir, (long)child);
    assert_int_equal(unlink(left), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_write_read, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(test_large_pieces, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(test_abort, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(test_failing_writes, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(test_lack, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(test_modes_and_links, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(test_bad_targets, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(test_mkdirs, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(test_kill, place_setup, place_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
