/* Zip: what was packed comes out, zip64 too; each lie an archive can tell is refused by name. */
#include "store/zip.h"

#include "core/file.h"
#include "unit/core/setup.h"
#include "unit/store/zip_make.h"

#include <unistd.h>

static char text[300000]; /* several inflate blocks */

static void fill_text(void)
{
    uint32_t x = 1;
    for (size_t i = 0; i < sizeof text; i++) {
        x = x * 1664525 + 1013904223;
        text[i] = (char)('a' + (x >> 28));
    }
}

static struct zip_make two_members(bool use_zip64)
{
    struct zip_make m = {.use_zip64 = use_zip64};
    zip_make_add(&m, "set/", "", 0, false);
    zip_make_add(&m, "set/stored.txt", "stored", 6, false);
    zip_make_add(&m, "set/deflated.txt", text, sizeof text, true);
    zip_make_add(&m, "set/empty", "", 0, true);
    zip_make_end(&m);
    return m;
}

/* Opens and checks each member: the first failure, its message in err. */
static akin_status check_all(akin_ctx *ctx, const void *bytes, size_t size,
                             const struct zip_limits *limits, akin_error *err)
{
    struct zip *z = NULL;
    akin_status status = zip_open_memory(ctx, "x.zip", bytes, (int64_t)size, limits, &z, err);
    for (int64_t i = 0; status == AKIN_OK && i < zip_members(z); i++)
        if (zip_name(z, i)[strlen(zip_name(z, i)) - 1] != '/')
            status = zip_extract(z, i, NULL, err);
    zip_close(z);
    return status;
}

#define assert_refused(ctx, m, code, part)                                                         \
    do {                                                                                           \
        akin_error err_;                                                                           \
        akin_status status_ = check_all((ctx), (m).bytes, (m).size, NULL, &err_);                  \
        if (status_ != (code))                                                                     \
            fail_msg("status %d: %s", (int)status_, err_.message);                                 \
        assert_contains(err_.message, (part));                                                     \
        assert_contains(err_.message, "x.zip");                                                    \
    } while (0)

static void test_round_trip(void **state)
{
    akin_ctx *ctx = *state;
    char dir[] = "/tmp/akin-test-XXXXXX", path[64], out[64];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/x.zip", dir);
    snprintf(out, sizeof out, "%s/out", dir);
    for (int wide = 0; wide < 2; wide++) {
        struct zip_make m = two_members(wide != 0);
        struct zip *z = NULL;
        int64_t i, size;
        char *back;
        assert_int_equal(file_write(ctx, path, m.bytes, (int64_t)m.size, NULL), AKIN_OK);
        assert_int_equal(zip_open(ctx, path, NULL, &z, NULL), AKIN_OK);
        assert_int_equal(zip_members(z), 4);
        assert_int_equal(zip_find(z, "set/none", &i, NULL), AKIN_OK);
        assert_int_equal(i, -1);
        assert_int_equal(zip_extract(z, 0, out, NULL), AKIN_E_ARG);
        assert_int_equal(zip_find(z, "set/deflated.txt", &i, NULL), AKIN_OK);
        assert_int_equal(zip_size(z, i), sizeof text);
        assert_int_equal(zip_extract(z, i, out, NULL), AKIN_OK);
        assert_int_equal(file_read(ctx, out, 1 << 20, &back, &size, NULL), AKIN_OK);
        assert_int_equal(size, sizeof text);
        assert_memory_equal(back, text, sizeof text);
        mem_free(ctx, back);
        assert_int_equal(zip_find(z, "set/stored.txt", &i, NULL), AKIN_OK);
        assert_int_equal(zip_extract(z, i, out, NULL), AKIN_OK);
        assert_int_equal(file_read(ctx, out, 100, &back, &size, NULL), AKIN_OK);
        assert_string_equal(back, "stored");
        mem_free(ctx, back);
        zip_close(z);
        assert_int_equal(check_all(ctx, m.bytes, m.size, NULL, NULL), AKIN_OK);
        free(m.bytes);
    }
    unlink(path);
    unlink(out);
    assert_int_equal(rmdir(dir), 0); /* no temporary stayed */
}

/* Every way of cutting it, and every byte of headers flipped: an error or the right contents. */
static void test_cut_and_flipped(void **state)
{
    akin_ctx *ctx = *state;
    for (int wide = 0; wide < 2; wide++) {
        struct zip_make m = {.use_zip64 = wide != 0};
        zip_make_add(&m, "a/b.txt", "some text, some text, some text", 31, true);
        zip_make_add(&m, "c", "stored", 6, false);
        zip_make_end(&m);
        assert_int_equal(check_all(ctx, m.bytes, m.size, NULL, NULL), AKIN_OK);
        for (size_t n = 0; n < m.size; n++) {
            unsigned char *cut = malloc(n + 1); /* exact, for the sanitizer */
            assert_non_null(cut);
            memcpy(cut, m.bytes, n);
            assert_int_equal(check_all(ctx, cut, n, NULL, NULL), AKIN_E_FORMAT);
            free(cut);
        }
        for (size_t i = 0; i < m.size * 8; i++) {
            m.bytes[i / 8] ^= (unsigned char)(1 << i % 8);
            (void)check_all(ctx, m.bytes, m.size, NULL, NULL); /* no crash, no leak */
            m.bytes[i / 8] ^= (unsigned char)(1 << i % 8);
        }
        free(m.bytes);
    }
}

static void test_bad_contents(void **state)
{
    akin_ctx *ctx = *state;
    struct zip_make m = {0};
    zip_make_add(&m, "a", "stored", 6, false);
    zip_make_end(&m);
    m.bytes[31] ^= 1; /* the first byte of the contents */
    assert_refused(ctx, m, AKIN_E_FORMAT, "CRC-32");
    m.bytes[31] ^= 1;
    m.bytes[30] = 'b'; /* its name in the local header */
    assert_refused(ctx, m, AKIN_E_FORMAT, "contradicts");
    m.bytes[30] = 'a';
    m.bytes[m.directory + 8] |= 1;
    assert_refused(ctx, m, AKIN_E_UNSUPPORTED, "encrypted");
    m.bytes[m.directory + 8] = 0;
    m.bytes[m.directory + 10] = 12;
    assert_refused(ctx, m, AKIN_E_UNSUPPORTED, "method 12");
    m.bytes[m.directory + 10] = 0;
    m.bytes[m.directory + 24]++;
    assert_refused(ctx, m, AKIN_E_FORMAT, "is stored");
    m.bytes[m.directory + 24]--;
    m.bytes[m.directory + 42] = 200;
    assert_refused(ctx, m, AKIN_E_FORMAT, "outside");
    free(m.bytes);

    m = (struct zip_make){0};
    zip_make_add(&m, "a", text, 1000, true);
    m.member[0].size = 999;
    zip_make_end(&m);
    assert_refused(ctx, m, AKIN_E_FORMAT, "more than the 999");
    free(m.bytes);
    m = (struct zip_make){0};
    zip_make_add(&m, "a", text, 1000, true);
    m.member[0].size = 1001;
    zip_make_end(&m);
    assert_refused(ctx, m, AKIN_E_FORMAT, "unpacks to 1000");
    free(m.bytes);
    assert_int_equal(check_all(ctx, "PK", 2, NULL, NULL), AKIN_E_FORMAT);
    assert_int_equal(check_all(ctx, "", 0, NULL, NULL), AKIN_E_FORMAT);
}

static void test_names(void **state)
{
    akin_ctx *ctx = *state;
    const char *const bad[] = {"/etc/passwd", "../x", "a/../../x", "..",   "a/..", "./a", "a//b",
                               "a\\b",        "C:x",  "a\nb",      "\xff", "a/.",  "\x7f"};
    const char *const good[] = {"a", "a/b", "..a", "a..", "a/...", "Zoë.csv", "a b"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct zip_make m = {0};
        zip_make_add(&m, bad[i], "x", 1, false);
        zip_make_end(&m);
        assert_refused(ctx, m, AKIN_E_FORMAT, "unsafe name");
        free(m.bytes);
    }
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct zip_make m = {0};
        zip_make_add(&m, good[i], "x", 1, false);
        zip_make_end(&m);
        assert_int_equal(check_all(ctx, m.bytes, m.size, NULL, NULL), AKIN_OK);
        free(m.bytes);
    }
    struct zip_make m = {0};
    struct zip *z = NULL;
    int64_t found;
    zip_make_add(&m, "twice", "x", 1, false);
    zip_make_add(&m, "twice", "y", 1, false);
    zip_make_end(&m);
    assert_int_equal(zip_open_memory(ctx, "x", m.bytes, (int64_t)m.size, NULL, &z, NULL), AKIN_OK);
    assert_int_equal(zip_find(z, "twice", &found, NULL), AKIN_E_FORMAT);
    zip_close(z);
    free(m.bytes);
}

static void test_limits(void **state)
{
    akin_ctx *ctx = *state;
    struct zip_make m = {0};
    struct zip_limits limits = {0};
    akin_error err;
    size_t size = (size_t)4 << 20;
    char *zeros = calloc(1, size); /* deflates a thousand to one */
    assert_non_null(zeros);
    zip_make_add(&m, "bomb", zeros, size, true);
    zip_make_add(&m, "b", "x", 1, false);
    zip_make_end(&m);
    assert_refused(ctx, m, AKIN_E_LIMIT, "at most 200 times");
    limits.ratio = 2000;
    assert_int_equal(check_all(ctx, m.bytes, m.size, &limits, NULL), AKIN_OK);
    limits.total_bytes = (int64_t)size;
    assert_int_equal(check_all(ctx, m.bytes, m.size, &limits, &err), AKIN_E_LIMIT);
    assert_contains(err.message, "4194304");
    limits.total_bytes = 0;
    limits.members = 1;
    assert_int_equal(check_all(ctx, m.bytes, m.size, &limits, &err), AKIN_E_LIMIT);
    assert_contains(err.message, "2 members");
    free(m.bytes);
    /* A bomb that announces little is stopped at what it announced. */
    m = (struct zip_make){0};
    zip_make_add(&m, "bomb", zeros, size, true);
    m.member[0].size = 1000;
    zip_make_end(&m);
    assert_refused(ctx, m, AKIN_E_FORMAT, "more than the 1000");
    free(m.bytes);
    free(zeros);
}

static void test_failed_leaves_old(void **state)
{
    akin_ctx *ctx = *state;
    char dir[] = "/tmp/akin-test-XXXXXX", out[64], *back;
    struct zip_make m = {0};
    struct zip *z = NULL;
    int64_t size;
    assert_non_null(mkdtemp(dir));
    snprintf(out, sizeof out, "%s/out", dir);
    assert_int_equal(file_write(ctx, out, "old", 3, NULL), AKIN_OK);
    zip_make_add(&m, "a", "new", 3, false);
    m.member[0].crc ^= 1;
    zip_make_end(&m);
    assert_int_equal(zip_open_memory(ctx, "x", m.bytes, (int64_t)m.size, NULL, &z, NULL), AKIN_OK);
    assert_int_equal(zip_extract(z, 0, out, NULL), AKIN_E_FORMAT);
    akin_cancel(ctx);
    assert_int_equal(zip_extract(z, 0, out, NULL), AKIN_E_CANCELLED);
    akin_cancel_clear(ctx);
    zip_close(z);
    free(m.bytes);
    assert_int_equal(file_read(ctx, out, 100, &back, &size, NULL), AKIN_OK);
    assert_string_equal(back, "old");
    mem_free(ctx, back);
    unlink(out);
    assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_round_trip, test_setup, test_teardown),
        cmocka_unit_test_setup_teardown(test_cut_and_flipped, test_setup, test_teardown),
        cmocka_unit_test_setup_teardown(test_bad_contents, test_setup, test_teardown),
        cmocka_unit_test_setup_teardown(test_names, test_setup, test_teardown),
        cmocka_unit_test_setup_teardown(test_limits, test_setup, test_teardown),
        cmocka_unit_test_setup_teardown(test_failed_leaves_old, test_setup, test_teardown),
    };
    fill_text();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
