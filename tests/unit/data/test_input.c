/* Inputs: the same bytes from memory, file, gzip and zstd; heads, offsets, sums, refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "core/ctx.h"
#include "core/rng.h"
#include "data/input.h"

enum { SEED = 42, SIZE = 3 << 20 };

static akin_ctx *ctx;
static char dir[64], path[128];
static char *bytes, *packed;

static int set_up(void **state)
{
    (void)state;
    struct rng rng = rng_make(SEED, RNG_TEST, 0);
    printf("seed %d\n", SEED);
    snprintf(dir, sizeof dir, "/tmp/akin-input-XXXXXX");
    if (!mkdtemp(dir) || ctx_create(2, SEED, 0, &ctx, NULL) != AKIN_OK)
        return -1;
    bytes = malloc(SIZE);
    packed = malloc(SIZE + 4096);
    for (int i = 0; bytes && i < SIZE; i++)
        bytes[i] = (char)('a' + rng_below(&rng, 9));
    return bytes && packed ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    free(bytes);
    free(packed);
    remove(path);
    rmdir(dir);
    int64_t used = mem_used(ctx->mem);
    ctx_free(ctx);
    return used == 0 ? 0 : -1;
}

static struct input *open_file(const char *name, const void *data, size_t size)
{
    struct input *in;
    akin_error err;
    remove(path);
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, size, f), size);
    fclose(f);
    if (input_open(ctx, path, &in, &err) != AKIN_OK)
        fail_msg("%s", err.message);
    return in;
}

/* Head, then all bytes in uneven reads. */
static void check_stream(struct input *in, int64_t size)
{
    int64_t n, got, at = 0;
    char *out = malloc(SIZE);
    const char *head = input_head(in, &n);
    assert_int_equal(n, size < INPUT_HEAD ? size : INPUT_HEAD);
    assert_memory_equal(head, bytes, (size_t)n);
    for (int64_t want = 1;; want = want * 3 % 100003 + 1) {
        assert_int_equal(input_read(in, out, want, &got, NULL), AKIN_OK);
        assert_true(at + got <= size);
        assert_memory_equal(out, bytes + at, (size_t)got);
        at += got;
        if (got < want)
            break;
    }
    assert_int_equal(at, size);
    free(out);
}

static void test_random(void **state)
{
    (void)state;
    struct input *file = open_file("a.csv", bytes, SIZE), *memory;
    uint64_t sums[2];
    assert_true(input_is_random(file));
    assert_string_equal(input_name(file), "a.csv");
    assert_int_equal(input_size(file), SIZE);
    assert_int_equal(input_open_memory(ctx, "x/a.csv", bytes, SIZE, &memory, NULL), AKIN_OK);
    for (int i = 0; i < 2; i++) {
        struct input *in = i ? memory : file;
        char out[100];
        int64_t got;
        assert_int_equal(input_read_at(in, SIZE - 30, out, 100, &got, NULL), AKIN_OK);
        assert_int_equal(got, 30);
        assert_memory_equal(out, bytes + SIZE - 30, 30);
        assert_int_equal(input_read_at(in, SIZE + 5, out, 100, &got, NULL), AKIN_OK);
        assert_int_equal(got, 0);
        assert_int_equal(input_hash(in, &sums[i], NULL), AKIN_OK);
        input_close(in);
    }
    assert_true(sums[0] == sums[1]);
}

static void test_packed(void **state)
{
    (void)state;
    for (int64_t size = 0; size <= SIZE; size += SIZE / 3) {
        size_t n = ZSTD_compress(packed, SIZE + 4096, bytes, (size_t)size, 1);
        struct input *in = open_file("a.jsonl.zst", packed, n);
        assert_false(input_is_random(in));
        assert_string_equal(input_name(in), "a.jsonl");
        assert_true(input_expanded(in) >= 0.8 * (double)size &&
                    input_expanded(in) < 1.2 * (double)size + 1);
        check_stream(in, size);
        input_close(in);
        gzFile gz = gzopen(path, "wb1");
        assert_int_equal(gzwrite(gz, bytes, (unsigned)size), size);
        gzclose(gz);
        assert_int_equal(input_open(ctx, path, &in, NULL), AKIN_OK);
        assert_true(input_expanded(in) >= 0.8 * (double)size &&
                    input_expanded(in) < 1.2 * (double)size + 1);
        check_stream(in, size);
        input_close(in);
    }
}

static void test_pipe(void **state)
{
    (void)state;
    int ends[2], old = dup(0);
    struct input *in;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], bytes, 50000), 50000);
    close(ends[1]);
    dup2(ends[0], 0);
    close(ends[0]);
    assert_int_equal(input_open(ctx, "-", &in, NULL), AKIN_OK);
    dup2(old, 0);
    close(old);
    assert_int_equal(input_size(in), -1);
    check_stream(in, 50000);
    input_close(in);
}

static void test_refused(void **state)
{
    (void)state;
    struct input *in;
    akin_error err;
    char out[64];
    int64_t got;
    assert_int_equal(input_open(ctx, "/nowhere/a.csv", &in, &err), AKIN_E_NOT_FOUND);
    assert_non_null(strstr(err.message, "/nowhere/a.csv"));
    assert_int_equal(input_open(ctx, dir, &in, &err), AKIN_E_INPUT);
    assert_non_null(strstr(err.message, "directory"));
    size_t n = ZSTD_compress(packed, SIZE + 4096, bytes, SIZE, 1);
    packed[n / 2] = (char)(packed[n / 2] ^ 0x55);
    in = open_file("a.zst", packed, n / 2 + 4000);
    akin_status status = AKIN_OK;
    for (int i = 0; i < SIZE && status == AKIN_OK; i++) {
        status = input_read(in, out, sizeof out, &got, &err);
        if (got == 0)
            break;
    }
    assert_int_equal(status, AKIN_E_INPUT);
    assert_non_null(strstr(err.message, "a.zst"));
    input_close(in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random), cmocka_unit_test(test_packed),
                                       cmocka_unit_test(test_pipe), cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
