/*
 * Cutting a file into pieces must not show: quoted line ends that look like rows, very long lines,
 * records across every cut; plain, gzip and zstd; 1, 2, 3 and 8 threads; shuffled rows.
 */
#include "prepare_fixture.h"

#include "core/buf.h"
#include "core/ctx.h"
#include "core/rng.h"

#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

enum { SEED = 42 };

static akin_ctx *ctx;
static char dir[64];

static int set_up(void **state)
{
    (void)state;
    printf("seed %d\n", SEED);
    snprintf(dir, sizeof dir, "/tmp/akin-pieces-XXXXXX");
    return mkdtemp(dir) && ctx_create(2, SEED, 0, &ctx, NULL) == AKIN_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    int64_t used = mem_used(ctx->mem);
    ctx_free(ctx);
    rmdir(dir);
    return used == 0 ? 0 : -1;
}

static uint64_t fingerprint(akin_ctx *with, const char *name, const struct buf *text,
                            const char *params)
{
    struct prepared r = prepare_text(with, name, text->data, text->size, params);
    if (r.status != AKIN_OK)
        fail_msg("%s", r.err.message);
    uint64_t sum = dataset_fingerprint(r.ds);
    prepared_free(&r);
    return sum;
}

static uint64_t file_fingerprint(const char *name, const void *bytes, size_t size)
{
    char path[128], params[256];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, size, f), size);
    fclose(f);
    snprintf(params, sizeof params, "{\"source\":[\"%s\"]}", path);
    struct prepared r = prepare_text(ctx, NULL, NULL, 0, params);
    remove(path);
    if (r.status != AKIN_OK)
        fail_msg("%s", r.err.message);
    uint64_t sum = dataset_fingerprint(r.ds);
    prepared_free(&r);
    return sum;
}

/* Rows with texts that hold what looks like rows; the count is known. */
static int64_t tricky(struct buf *out, int64_t n, uint64_t seed)
{
    struct rng rng = rng_make(seed, RNG_TEST, 0);
    buf_text(out, "user,item,rating,review\n");
    for (int64_t i = 0; i < n; i++) {
        buf_printf(out, "%d,%d,%d,", (int)rng_below(&rng, 500), (int)rng_below(&rng, 900),
                   (int)rng_below(&rng, 5));
        int lines = (int)rng_below(&rng, 40);
        bool quoted = lines > 20;
        if (quoted)
            buf_char(out, '"');
        for (int k = 0; quoted && k < lines; k++)
            buf_printf(out, "say \"\"%d\"\"\n9999,%d,1,\"\"fake\"\"%s", k, k,
                       rng_below(&rng, 3) ? "\n" : ", ");
        if (quoted)
            buf_char(out, '"');
        buf_char(out, '\n');
    }
    return n;
}

static void test_quoted_lines(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, ctx);
    int64_t n = tricky(&text, 12000, SEED);
    assert_false(text.failed);
    assert_true(text.size > 3 << 20);
    struct prepared r =
        prepare_text(ctx, "t.csv", text.data, text.size, "{\"duplicates\":\"keep\"}");
    assert_int_equal(r.status, AKIN_OK);
    assert_int_equal(r.ds->n_events, n);
    assert_int_equal(defects_sum(&r), 0);
    assert_int_equal(ids_find(&r.ds->users, "9999", 4), -1);
    uint64_t want = dataset_fingerprint(r.ds);
    prepared_free(&r);
    static const int threads[] = {1, 3, 8};
    for (int i = 0; i < 3; i++) {
        akin_ctx *other;
        assert_int_equal(ctx_create(threads[i], SEED, 0, &other, NULL), AKIN_OK);
        assert_true(fingerprint(other, "t.csv", &text, "{\"duplicates\":\"keep\"}") == want);
        ctx_free(other);
    }
    buf_free(&text);
}

static void test_long_line(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, ctx);
    buf_text(&text, "user,item,rating\n1,2,3\n");
    for (int i = 0; i < 200000; i++) /* 10 MB, in pieces and across windows */
        buf_text(&text, "0123456789012345678901234567890123456789,0123456789");
    buf_text(&text, "\n4,5,6\n7,\"");
    for (int i = 0; i < 50000; i++)
        buf_text(&text, "a quote that is not closed and rows in it\n1,2,3\n");
    struct prepared r = prepare_text(ctx, "l.csv", text.data, text.size, "{}");
    assert_int_equal(r.status, AKIN_OK);
    assert_int_equal(dropped(&r, "line_too_long"), 1);
    assert_int_equal(dropped(&r, "malformed"), 50000);
    assert_int_equal(dropped(&r, "duplicate"), 50000);
    assert_events(r.ds, "4", "5 6\n");
    uint64_t want = dataset_fingerprint(r.ds);
    prepared_free(&r);
    assert_true(file_fingerprint("l.csv", text.data, (size_t)text.size) == want);
    size_t cap = ZSTD_compressBound((size_t)text.size);
    char *packed = malloc(cap);
    size_t size = ZSTD_compress(packed, cap, text.data, (size_t)text.size, 1);
    assert_true(file_fingerprint("l.csv.zst", packed, size) == want);
    free(packed);
    buf_free(&text);
}

/* Plain rows: the same set in file order, backwards, and compressed in two members. */
static void test_streams(void **state)
{
    (void)state;
    struct rng rng = rng_make(SEED, RNG_TEST, 1);
    struct buf text, back;
    buf_init(&text, ctx);
    buf_init(&back, ctx);
    enum { N = 120000 };
    static char row[N][40];
    for (int i = 0; i < N; i++)
        snprintf(row[i], sizeof row[i], "%d,i%d,%d,%d\n", (int)rng_below(&rng, 2000),
                 (int)rng_below(&rng, 700), (int)rng_below(&rng, 5), (int)rng_below(&rng, 1000000));
    buf_text(&text, "user,item,rating,time\n");
    buf_text(&back, "user,item,rating,time\n");
    for (int i = 0; i < N; i++) {
        buf_text(&text, row[i]);
        buf_text(&back, row[N - 1 - i]);
    }
    uint64_t want = fingerprint(ctx, "s.csv", &text, "{}");
    assert_true(fingerprint(ctx, "s.csv", &back, "{}") == want);
    int64_t half = text.size / 2;
    size_t cap = ZSTD_compressBound((size_t)text.size) + 4096, n = 0;
    char *packed = malloc(cap);
    n = ZSTD_compress(packed, cap, text.data, (size_t)half, 1);
    n += ZSTD_compress(packed + n, cap - n, text.data + half, (size_t)(text.size - half), 1);
    assert_true(file_fingerprint("s.csv.zst", packed, n) == want);
    n = 0;
    for (int part = 0; part < 2; part++) {
        z_stream z = {0};
        assert_int_equal(deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
        z.next_in = (unsigned char *)text.data + (part ? half : 0);
        z.avail_in = (unsigned)(part ? text.size - half : half);
        z.next_out = (unsigned char *)packed + n;
        z.avail_out = (unsigned)(cap - n);
        assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
        n += z.total_out;
        deflateEnd(&z);
    }
    assert_true(file_fingerprint("s.csv.gz", packed, n) == want);
    char path[128], params[256];
    snprintf(path, sizeof path, "%s/cut.csv.gz", dir); /* cut short: refused by name */
    FILE *f = fopen(path, "wb");
    fwrite(packed, 1, n - 100, f);
    fclose(f);
    snprintf(params, sizeof params, "{\"source\":[\"%s\"]}", path);
    struct prepared r = prepare_text(ctx, NULL, NULL, 0, params);
    assert_int_equal(r.status, AKIN_E_INPUT);
    assert_non_null(strstr(r.err.message, "cut"));
    remove(path);
    free(packed);
    buf_free(&text);
    buf_free(&back);
}

/* Texts of many rows: one chunk of integers only, then texts; ids must join. */
static void test_turn_to_text(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, ctx);
    buf_text(&text, "user,item\n");
    for (int i = 0; i < 400000; i++)
        buf_printf(&text, "%d,%d\n", i % 777, i % 31);
    for (int i = 0; i < 777; i++)
        buf_printf(&text, "%d,x%d\n", i, i % 31);
    struct prepared r = prepare_text(ctx, "m.csv", text.data, text.size, "{}");
    assert_int_equal(r.status, AKIN_OK);
    assert_int_equal(r.ds->users.n, 777);
    assert_int_equal(r.ds->items.n, 62);
    assert_int_equal(r.ds->n_events, 777 * 31 + 777);
    prepared_free(&r);
    buf_free(&text);
}

/* Ids as large as hashes, in enough rows for the paged bitmap. */
static void test_large_ints(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, ctx);
    buf_text(&text, "user,item\n");
    for (uint32_t i = 0; i < 150000; i++)
        buf_printf(&text, "%u,%u\n", (i % 5003 + 1) * 858000u, 1000000000u + i % 701 * 4096u);
    buf_text(&text, "x,1000000000\n");
    struct prepared r =
        prepare_text(ctx, "m.csv", text.data, text.size, "{\"duplicates\":\"keep\"}");
    assert_int_equal(r.status, AKIN_OK);
    assert_int_equal(r.ds->users.n, 5004);
    assert_int_equal(r.ds->items.n, 701);
    assert_true(r.ds->items.is_numeric);
    assert_int_equal(r.ds->n_events, 150001);
    int32_t user = ids_find(&r.ds->users, "858000", 6);
    int32_t item = ids_find(&r.ds->items, "1000000000", 10);
    assert_true(user >= 0);
    assert_int_equal(item, 0);
    assert_int_equal(r.ds->user_ptr[user + 1] - r.ds->user_ptr[user], 30);
    assert_events(r.ds, "x", "1000000000\n");
    prepared_free(&r);
    buf_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quoted_lines), cmocka_unit_test(test_long_line),
        cmocka_unit_test(test_streams),      cmocka_unit_test(test_turn_to_text),
        cmocka_unit_test(test_large_ints),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
