/* The container: what goes in comes out, aligned; names, kinds, sums and sizes are checked. */
#include "store/container.h"

#include "core/file.h"
#include "store/container_format.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>

#include <cmocka.h>

struct fixture {
    akin_ctx *ctx;
    char dir[64];
    char path[96];
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    if (!f || ctx_create(2, 1, 0, &f->ctx, NULL) != AKIN_OK)
        return -1;
    snprintf(f->dir, sizeof f->dir, "/tmp/akin-test-XXXXXX");
    if (!mkdtemp(f->dir))
        return -1;
    snprintf(f->path, sizeof f->path, "%s/a.akin", f->dir);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    unlink(f->path);
    int failed = rmdir(f->dir); /* fails if a temporary was left behind */
    int64_t used = mem_used(f->ctx->mem);
    ctx_free(f->ctx);
    free(f);
    return failed != 0 || used != 0 ? -1 : 0;
}

static const unsigned char bytes[200] = {1, 2, 3, 4, 5, 6, 7, 8, 9};

static void write_two(struct fixture *f, enum container_kind kind)
{
    struct container_writer *w = NULL;
    assert_int_equal(container_create(f->ctx, f->path, kind, &w, NULL), AKIN_OK);
    assert_int_equal(container_add(w, "one", CONTAINER_REQUIRED, bytes, 200, NULL), AKIN_OK);
    assert_int_equal(container_add(w, "none", CONTAINER_OPTIONAL, NULL, 0, NULL), AKIN_OK);
    assert_int_equal(container_add(w, "two.x", CONTAINER_OPTIONAL, bytes, 64, NULL), AKIN_OK);
    assert_int_equal(container_commit(w, NULL), AKIN_OK);
}

static void test_round_trip(void **state)
{
    struct fixture *f = *state;
    struct container *c = NULL;
    const void *data;
    int64_t n;
    write_two(f, CONTAINER_MODEL);
    assert_int_equal(container_open(f->ctx, f->path, &c, NULL), AKIN_OK);
    assert_int_equal(container_kind_of(c), CONTAINER_MODEL);
    assert_string_equal(container_path(c), f->path);
    assert_int_equal(container_sections(c), 3);
    assert_int_equal(container_get(c, "one", 8, false, &data, &n, NULL), AKIN_OK);
    assert_int_equal(n, 25);
    assert_int_equal((uintptr_t)data % 64, 0);
    assert_memory_equal(data, bytes, 200);
    assert_int_equal(container_get(c, "none", 4, false, &data, &n, NULL), AKIN_OK);
    assert_non_null(data);
    assert_int_equal(n, 0);
    assert_int_equal(container_get(c, "two.x", 1, false, &data, &n, NULL), AKIN_OK);
    assert_int_equal(n, 64);
    assert_int_equal((uintptr_t)data % 64, 0);
    assert_int_equal(container_verify(c, NULL), AKIN_OK);

    const char *name;
    int64_t size;
    uint32_t flags;
    uint64_t sum;
    container_section_info(c, 2, &name, &size, &sum, &flags);
    assert_string_equal(name, "two.x");
    assert_int_equal(size, 64);
    assert_int_equal(flags, CONTAINER_OPTIONAL);
    container_section_info(c, 0, NULL, NULL, NULL, &flags);
    assert_int_equal(flags, CONTAINER_REQUIRED);
    container_close(c);
}

static void test_get_refuses(void **state)
{
    struct fixture *f = *state;
    struct container *c = NULL;
    const void *data = bytes;
    int64_t n = 7;
    akin_error err;
    write_two(f, CONTAINER_DATASET);
    assert_int_equal(container_open(f->ctx, f->path, &c, NULL), AKIN_OK);
    assert_int_equal(container_get(c, "three", 1, false, &data, &n, &err), AKIN_E_FORMAT);
    assert_non_null(strstr(err.message, "three"));
    assert_non_null(strstr(err.message, f->path));
    assert_int_equal(container_get(c, "three", 1, true, &data, &n, &err), AKIN_OK);
    assert_null(data);
    assert_int_equal(n, 0);
    assert_int_equal(container_get(c, "one", 16, false, &data, &n, &err), AKIN_E_FORMAT);
    assert_non_null(strstr(err.message, "multiple of 16"));
    container_close(c);
}

/* Sections under prefixes: each set is read by its own names; a name that gets too long is refused.
 */
static void test_under(void **state)
{
    struct fixture *f = *state;
    struct container_writer *w = NULL;
    struct container *c = NULL;
    const void *data;
    int64_t n;
    assert_int_equal(container_create(f->ctx, f->path, CONTAINER_MODEL, &w, NULL), AKIN_OK);
    for (int p = 0; p < 3; p++) {
        static const char *const prefix[] = {"p0.", "p1.", ""};
        container_write_under(w, prefix[p]);
        assert_int_equal(container_add(w, "m.x", CONTAINER_REQUIRED, bytes + p, 1, NULL), AKIN_OK);
    }
    assert_int_equal(container_commit(w, NULL), AKIN_OK);
    assert_int_equal(container_open(f->ctx, f->path, &c, NULL), AKIN_OK);
    for (int p = 0; p < 3; p++) {
        static const char *const prefix[] = {"p0.", "p1.", ""};
        container_read_under(c, prefix[p]);
        assert_int_equal(container_get(c, "m.x", 1, false, &data, &n, NULL), AKIN_OK);
        assert_int_equal(*(const unsigned char *)data, bytes[p]);
    }
    container_read_under(c, "p2.");
    assert_int_equal(container_get(c, "m.x", 1, false, &data, &n, NULL), AKIN_E_FORMAT);
    container_close(c);
    assert_int_equal(container_create_sum(f->ctx, &w, NULL), AKIN_OK);
    container_write_under(w, "p0.p1.p2.p3.p4.p5.p6.p7.p8.p9.");
    assert_int_equal(container_add(w, "long", 0, bytes, 1, NULL), AKIN_E_INTERNAL);
    container_abort(w);
}

static void test_expect(void **state)
{
    struct fixture *f = *state;
    struct container *c = NULL;
    static const char *const all[] = {"one"};
    static const char *const wrong[] = {"on", "one.", "two."};
    struct container_writer *w = NULL;
    akin_error err;
    static const char *const prefix[] = {"a."};
    write_two(f, CONTAINER_DATASET);
    assert_int_equal(container_open(f->ctx, f->path, &c, NULL), AKIN_OK);
    assert_int_equal(container_expect(c, all, 1, &err), AKIN_OK);
    assert_int_equal(container_expect(c, wrong, 3, &err), AKIN_E_VERSION);
    assert_non_null(strstr(err.message, "one"));
    assert_int_equal(container_expect(c, NULL, 0, &err), AKIN_E_VERSION);
    container_close(c);
    assert_int_equal(container_create(f->ctx, f->path, CONTAINER_MODEL, &w, NULL), AKIN_OK);
    assert_int_equal(container_add(w, "a.b.c", CONTAINER_REQUIRED, bytes, 1, NULL), AKIN_OK);
    assert_int_equal(container_commit(w, NULL), AKIN_OK);
    assert_int_equal(container_open(f->ctx, f->path, &c, NULL), AKIN_OK);
    assert_int_equal(container_expect(c, prefix, 1, &err), AKIN_OK);
    container_close(c);
}

static void test_add_refuses(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {
        "", "Upper", "sp ace", "a/b", "a-name-that-is-one-byte-too-lon", "one"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct container_writer *w = NULL;
        bool ok = strlen(names[i]) == CONTAINER_NAME_MAX;
        assert_int_equal(container_create(f->ctx, f->path, CONTAINER_MODEL, &w, NULL), AKIN_OK);
        assert_int_equal(container_add(w, "one", 0, bytes, 3, NULL), AKIN_OK);
        assert_int_equal(container_add(w, names[i], 0, bytes, 3, NULL),
                         ok ? AKIN_OK : AKIN_E_INTERNAL);
        if (ok) {
            container_abort(w);
        } else { /* a writer with a hole does not commit */
            assert_int_equal(container_commit(w, NULL), AKIN_E_INTERNAL);
        }
        assert_false(file_exists(f->path));
    }
    container_abort(NULL);
    container_close(NULL);
}

static void test_empty_file(void **state)
{
    struct fixture *f = *state;
    struct container_writer *w = NULL;
    struct container *c = NULL;
    assert_int_equal(container_create(f->ctx, f->path, CONTAINER_MODEL, &w, NULL), AKIN_OK);
    assert_int_equal(container_commit(w, NULL), AKIN_OK);
    assert_int_equal(container_open(f->ctx, f->path, &c, NULL), AKIN_OK);
    assert_int_equal(container_sections(c), 0);
    assert_int_equal(container_verify(c, NULL), AKIN_OK);
    container_close(c);
}

static void test_fingerprint(void **state)
{
    struct fixture *f = *state;
    struct container *c = NULL;
    uint64_t first = 0;
    for (int round = 0; round < 2; round++) {
        write_two(f, CONTAINER_DATASET);
        assert_int_equal(container_open(f->ctx, f->path, &c, NULL), AKIN_OK);
        if (round == 0)
            first = container_fingerprint(c);
        assert_true(container_fingerprint(c) == first);
        container_close(c);
    }
    write_two(f, CONTAINER_MODEL);
    assert_int_equal(container_open(f->ctx, f->path, &c, NULL), AKIN_OK);
    assert_true(container_fingerprint(c) != first);
    container_close(c);
}

/* More than one piece of the sum; the damage is only seen when the section is asked for. */
static void test_large_and_lazy(void **state)
{
    struct fixture *f = *state;
    int64_t size = (5 << 20) + 3;
    unsigned char *big = calloc(1, (size_t)size);
    struct container_writer *w = NULL;
    struct container *c = NULL;
    const void *data;
    int64_t n;
    akin_error err;
    assert_non_null(big);
    for (int64_t i = 0; i < size; i++)
        big[i] = (unsigned char)(i * 31 >> 3);
    assert_int_equal(container_create(f->ctx, f->path, CONTAINER_MODEL, &w, NULL), AKIN_OK);
    assert_int_equal(container_add(w, "small", 0, bytes, 3, NULL), AKIN_OK);
    assert_int_equal(container_add(w, "big", 0, big, size, NULL), AKIN_OK);
    assert_int_equal(container_commit(w, NULL), AKIN_OK);
    assert_int_equal(container_open(f->ctx, f->path, &c, NULL), AKIN_OK);
    assert_int_equal(container_get(c, "big", 1, false, &data, &n, NULL), AKIN_OK);
    assert_int_equal(n, size);
    assert_memory_equal(data, big, (size_t)size);
    container_close(c);

    FILE *file = fopen(f->path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, 128 + (4 << 20) + 77, SEEK_SET), 0);
    assert_int_not_equal(fputc(255, file), EOF);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(container_open(f->ctx, f->path, &c, NULL), AKIN_OK);
    assert_int_equal(container_get(c, "small", 1, false, &data, &n, NULL), AKIN_OK);
    assert_int_equal(container_get(c, "big", 1, false, &data, &n, &err), AKIN_E_FORMAT);
    assert_non_null(strstr(err.message, "big"));
    assert_int_equal(container_verify(c, NULL), AKIN_E_FORMAT);
    container_close(c);
    free(big);
}

static void patch_byte(const char *path, long offset, int value)
{
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, offset, SEEK_SET), 0);
    assert_int_not_equal(fputc(value, file), EOF);
    assert_int_equal(fclose(file), 0);
}

static void test_foreign(void **state)
{
    struct fixture *f = *state;
    struct container *c = NULL;
    akin_error err;
    static const char csv[] = "user_id,item_id,value,time\n1,2,3,4\n1,2,3,4\n1,2,3,4\n1,2,3,4\n";
    static const char *const starts[] = {"", "A", "AKIN", "AKIN\r\n\x1a", "xKIN\r\n\x1a\n"};
    static const bool is_file[] = {false, false, true, true, true};
    assert_int_equal(container_open(f->ctx, f->path, &c, &err), AKIN_E_NOT_FOUND);
    assert_false(container_is_file(f->path));
    assert_int_equal(container_open(f->ctx, f->dir, &c, &err), AKIN_E_IO);
    assert_false(container_is_file(f->dir));
    assert_int_equal(file_write(f->ctx, f->path, csv, sizeof csv - 1, NULL), AKIN_OK);
    assert_int_equal(container_open(f->ctx, f->path, &c, &err), AKIN_E_FORMAT);
    assert_non_null(strstr(err.message, f->path));
    assert_false(container_is_file(f->path));
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        assert_int_equal(file_write(f->ctx, f->path, starts[i], (int64_t)strlen(starts[i]), NULL),
                         AKIN_OK);
        assert_int_equal(container_open(f->ctx, f->path, &c, &err), AKIN_E_FORMAT);
        assert_non_null(strstr(err.message, f->path));
        assert_int_equal(container_is_file(f->path), is_file[i]);
    }
    write_two(f, CONTAINER_MODEL);
    assert_true(container_is_file(f->path));
    patch_byte(f->path, 8, 2); /* the version */
    assert_int_equal(container_open(f->ctx, f->path, &c, &err), AKIN_E_VERSION);
    assert_non_null(strstr(err.message, "version 2"));
}

/* Heads and tables that no writer makes, under right sums. */
static void test_crafted_table(void **state)
{
    struct fixture *f = *state;
    char *file = NULL;
    int64_t size;
    write_two(f, CONTAINER_MODEL);
    assert_int_equal(file_read(f->ctx, f->path, 1 << 20, &file, &size, NULL), AKIN_OK);
    for (int wrong = 0; wrong < 14; wrong++) {
        struct container *c = NULL;
        akin_error err = {0};
        struct disk_header head;
        struct disk_entry rows[3];
        memcpy(&head, file, sizeof head);
        memcpy(rows, file + head.table_offset, sizeof rows);
        switch (wrong) {
        case 0:
            head.kind = 3;
            break;
        case 1:
            head.zero = 1;
            break;
        case 2:
            head.reserved[1] = 1;
            break;
        case 3:
            head.n_sections = 4;
            break;
        case 4:
            head.n_sections = UINT32_MAX;
            break;
        case 5:
            head.table_offset += 64;
            break;
        case 6:
            head.table_offset = UINT64_MAX - 63;
            break;
        case 7:
            head.file_size += 64;
            break;
        case 8:
            rows[1].name[0] = 'N';
            break;
        case 9:
            memset(rows[1].name, 'n', sizeof rows[1].name);
            break;
        case 10:
            memcpy(rows[1].name, "one", 4);
            break;
        case 11:
            rows[0].size = UINT64_MAX - 3;
            break;
        case 12:
            rows[2].offset = 64;
            break;
        default:
            rows[2].flags = 2;
            break;
        }
        assert_int_equal(container_head_sum(&head, rows, 3, &head.sum, NULL), AKIN_OK);
        char *copy = mem_alloc(f->ctx, size, 1, NULL);
        assert_non_null(copy);
        memcpy(copy, file, (size_t)size);
        memcpy(copy, &head, sizeof head);
        memcpy(copy + size - (int64_t)sizeof rows, rows, sizeof rows);
        assert_int_equal(file_write(f->ctx, f->path, copy, size, NULL), AKIN_OK);
        mem_free(f->ctx, copy);
        akin_status status = container_open(f->ctx, f->path, &c, &err);
        bool is_newer = wrong <= 2 || wrong == 13;
        if (status != (is_newer ? AKIN_E_VERSION : AKIN_E_FORMAT))
            fail_msg("case %d: status %d, %s", wrong, (int)status, err.message);
        assert_non_null(strstr(err.message, f->path));
    }
    mem_free(f->ctx, file);
}

/* A writer without a file: the same sum for the same sections, another for any change. */
static void test_sum_writer(void **state)
{
    struct fixture *f = *state;
    uint64_t sums[3];
    for (int round = 0; round < 3; round++) {
        struct container_writer *w = NULL;
        assert_int_equal(container_create_sum(f->ctx, &w, NULL), AKIN_OK);
        assert_int_equal(container_add(w, "one", 0, bytes, round == 2 ? 199 : 200, NULL), AKIN_OK);
        assert_int_equal(container_add(w, "two", 0, bytes, 3, NULL), AKIN_OK);
        sums[round] = container_sum(w);
        if (round == 0)
            container_abort(w);
        else
            assert_int_equal(container_commit(w, NULL), AKIN_E_INTERNAL);
    }
    assert_true(sums[0] == sums[1]);
    assert_true(sums[0] != sums[2]);
}

/* The end of a long path says more than its start. */
static void test_long_path(void **state)
{
    struct fixture *f = *state;
    char path[400];
    struct container *c = NULL;
    akin_error err;
    snprintf(path, sizeof path, "%s/", f->dir);
    for (int i = 0; i < 60; i++)
        snprintf(path + strlen(path), sizeof path - strlen(path), "./");
    snprintf(path + strlen(path), sizeof path - strlen(path), "a.akin");
    assert_int_equal(file_write(f->ctx, f->path, "AKIN", 4, NULL), AKIN_OK);
    assert_int_equal(container_open(f->ctx, path, &c, &err), AKIN_E_FORMAT);
    assert_non_null(strstr(err.message, "/a.akin: "));
}

static void test_cancel(void **state)
{
    struct fixture *f = *state;
    struct container_writer *w = NULL;
    struct container *c = NULL;
    write_two(f, CONTAINER_MODEL);
    assert_int_equal(container_open(f->ctx, f->path, &c, NULL), AKIN_OK);
    atomic_store(&f->ctx->cancelled, 1);
    assert_int_equal(container_verify(c, NULL), AKIN_E_CANCELLED);
    atomic_store(&f->ctx->cancelled, 0);
    container_close(c);
    assert_int_equal(container_create(f->ctx, f->path, CONTAINER_MODEL, &w, NULL), AKIN_OK);
    atomic_store(&f->ctx->cancelled, 1);
    assert_int_equal(container_add(w, "x", 0, bytes, 3, NULL), AKIN_E_CANCELLED);
    atomic_store(&f->ctx->cancelled, 0);
    container_abort(w);
    assert_int_equal(container_open(f->ctx, f->path, &c, NULL), AKIN_OK); /* the old file */
    assert_int_equal(container_sections(c), 3);
    container_close(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_round_trip, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_get_refuses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_under, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_expect, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_add_refuses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_empty_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_fingerprint, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_large_and_lazy, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_foreign, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_crafted_table, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sum_writer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_long_path, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cancel, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
