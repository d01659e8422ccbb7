/* Downloads from a server of our own: whole, checked, or not at all. And MD5, RFC 1321's suite. */
#include "store/download.h"

#include "core/file.h"
#include "store/md5.h"
#include "unit/core/setup.h"
#include "unit/store/http_server.h"

static char block[200000];

#define OK "HTTP/1.1 200 OK"
#define SEE "HTTP/1.1 302 Found\r\nContent-Length: 5\r\nLocation: "
static const struct http_route routes[] = {
    {"/file", OK "\r\nContent-Length: 200000", block, sizeof block, HTTP_CLOSE},
    {"/abc", OK "\r\nContent-Length: 3", "abc", 3, HTTP_CLOSE},
    {"/empty", OK "\r\nContent-Length: 0", "", 0, HTTP_CLOSE},
    {"/short", OK "\r\nContent-Length: 100", "abc", 3, HTTP_CLOSE},
    {"/chunked", OK "\r\nTransfer-Encoding: chunked", "3\r\nabc\r\n0\r\n\r\n", 13, HTTP_CLOSE},
    {"/cut", OK "\r\nTransfer-Encoding: chunked", "3\r\nabc\r\n", 8, HTTP_CLOSE},
    {"/huge", OK "\r\nContent-Length: 9000000000", "abc", 3, HTTP_STALL},
    {"/endless", OK, block, sizeof block, HTTP_REPEAT},
    {"/stall", OK "\r\nContent-Length: 100", "abc", 3, HTTP_STALL},
    {"/error", "HTTP/1.1 500 Oops\r\nContent-Length: 3", "abc", 3, HTTP_CLOSE},
    {"/part", "HTTP/1.1 206 Partial\r\nContent-Length: 3", "abc", 3, HTTP_CLOSE},
    {"/see", SEE "/see2", "moved", 5, HTTP_CLOSE},
    {"/see2", SEE "abc", "moved", 5, HTTP_CLOSE},
    {"/loop", SEE "/loop", "moved", 5, HTTP_CLOSE},
    {"/away", SEE "http://example.invalid/x", "moved", 5, HTTP_CLOSE},
    {"/local", SEE "ftp://127.0.0.1/x", "moved", 5, HTTP_CLOSE},
};
enum { N_ROUTES = sizeof routes / sizeof *routes };

struct fixture {
    akin_ctx *ctx;
    struct http_server server;
    char dir[64], path[96];
    int64_t told; /* bytes in the last report of progress */
    int64_t total;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    if (!f || !http_start(&f->server, routes, N_ROUTES))
        return -1;
    f->ctx = test_ctx_new(1, 0);
    snprintf(f->dir, sizeof f->dir, "/tmp/akin-test-XXXXXX");
    if (!mkdtemp(f->dir))
        return -1;
    snprintf(f->path, sizeof f->path, "%s/got", f->dir);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    http_stop(&f->server);
    unlink(f->path);
    int failed = rmdir(f->dir); /* fails if a temporary was left behind */
    test_ctx_done(f->ctx);
    free(f);
    return failed;
}

static akin_status get(struct fixture *f, const char *path, const struct download_options *o,
                       struct download_result *out, akin_error *err)
{
    char url[128];
    snprintf(url, sizeof url, "http://127.0.0.1:%d%s", f->server.port, path);
    return download_file(f->ctx, url, f->path, o, out, err);
}

static const struct download_options usual = {.limit = 1000000};

static void on_progress(void *arg, const akin_progress *p)
{
    struct fixture *f = arg;
    assert_string_equal(p->stage, "download");
    f->told = p->done;
    f->total = p->total;
}

static void test_whole(void **state)
{
    struct fixture *f = *state;
    struct download_result r;
    char *back;
    int64_t size;
    akin_ctx_on_progress(f->ctx, on_progress, f);
    assert_int_equal(get(f, "/file", &usual, &r, NULL), AKIN_OK);
    assert_int_equal(r.size, sizeof block);
    assert_int_equal(f->told, sizeof block);
    assert_int_equal(f->total, sizeof block);
    assert_int_equal(file_read(f->ctx, f->path, 1 << 20, &back, &size, NULL), AKIN_OK);
    assert_int_equal(size, sizeof block);
    assert_memory_equal(back, block, sizeof block);
    mem_free(f->ctx, back);
    const char *const same[] = {"/abc", "/chunked", "/see"};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(get(f, same[i], &usual, &r, NULL), AKIN_OK);
        assert_int_equal(r.size, 3);
        assert_string_equal(r.md5, "900150983cd24fb0d6963f7d28e17f72");
        assert_int_equal(file_read(f->ctx, f->path, 10, &back, &size, NULL), AKIN_OK);
        assert_string_equal(back, "abc");
        mem_free(f->ctx, back);
    }
    assert_int_equal(get(f, "/empty", &usual, &r, NULL), AKIN_OK);
    assert_int_equal(r.size, 0);
    assert_string_equal(r.md5, "d41d8cd98f00b204e9800998ecf8427e");
}

/* Each leaves the old file. */
static void test_refused(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *path;
        akin_status code;
        const char *part;
    } cases[] = {
        {"/missing", AKIN_E_NOT_FOUND, "404"}, {"/error", AKIN_E_IO, "500"},
        {"/part", AKIN_E_IO, "206"},           {"/short", AKIN_E_IO, "/short"},
        {"/cut", AKIN_E_IO, "/cut"},           {"/huge", AKIN_E_LIMIT, "9000000000"},
        {"/endless", AKIN_E_LIMIT, "1000000"}, {"/loop", AKIN_E_IO, "redirects"},
        {"/away", AKIN_E_ARG, "not https"},    {"/local", AKIN_E_ARG, "not https"},
    };
    char *back;
    int64_t size;
    assert_int_equal(file_write(f->ctx, f->path, "old", 3, NULL), AKIN_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        akin_error err;
        akin_status status = get(f, cases[i].path, &usual, NULL, &err);
        if (status != cases[i].code)
            fail_msg("%s: status %d, %s", cases[i].path, (int)status, err.message);
        assert_contains(err.message, cases[i].part);
        assert_int_equal(file_read(f->ctx, f->path, 10, &back, &size, NULL), AKIN_OK);
        assert_string_equal(back, "old");
        mem_free(f->ctx, back);
    }
}

/* Nothing is asked of a server that may not be asked. */
static void test_addresses(void **state)
{
    struct fixture *f = *state;
    const char *const bad[] = {"http://example.org/x",
                               "http://127.0.0.1.example.org/x",
                               "ftp://127.0.0.1/x",
                               "file:///etc/passwd",
                               "http://127.0.0.2/x",
                               "http://127.0.0.1@example.org/x",
                               "",
                               "no address"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(download_file(f->ctx, bad[i], f->path, &usual, NULL, NULL), AKIN_E_ARG);
    char *url = malloc(4000);
    assert_non_null(url);
    memset(url, 'a', 3999);
    url[3999] = '\0';
    memcpy(url, "https://", 8);
    assert_int_equal(download_file(f->ctx, url, f->path, &usual, NULL, NULL), AKIN_E_ARG);
    free(url);
    const struct download_options none = {0};
    assert_int_equal(get(f, "/file", &none, NULL, NULL), AKIN_E_ARG);
    assert_int_equal(atomic_load(&f->server.asked), 0);
    assert_false(file_exists(f->path));
    /* https to a server that speaks no TLS */
    snprintf(f->path, sizeof f->path, "%s/got", f->dir);
    char tls[64];
    snprintf(tls, sizeof tls, "https://127.0.0.1:%d/file", f->server.port);
    assert_int_equal(download_file(f->ctx, tls, f->path, &usual, NULL, NULL), AKIN_E_IO);
}

static void test_nobody_there(void **state)
{
    struct fixture *f = *state;
    char url[64];
    akin_error err;
    struct http_server gone;
    assert_true(http_start(&gone, routes, 0));
    http_stop(&gone);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/file", gone.port);
    assert_int_equal(download_file(f->ctx, url, f->path, &usual, NULL, &err), AKIN_E_IO);
    assert_contains(err.message, url);
}

static void cancel_now(void *arg, const akin_progress *p)
{
    (void)p;
    akin_cancel(arg);
}

static void *cancel_later(void *arg)
{
    struct timespec pause = {0, 50000000};
    nanosleep(&pause, NULL);
    akin_cancel(arg);
    return NULL;
}

static void test_cancel(void **state)
{
    struct fixture *f = *state;
    pthread_t thread;
    int64_t start = clock_ns();
    assert_int_equal(pthread_create(&thread, NULL, cancel_later, f->ctx), 0);
    assert_int_equal(get(f, "/stall", &usual, NULL, NULL), AKIN_E_CANCELLED);
    assert_true(clock_ns() - start < (int64_t)1000000000);
    pthread_join(thread, NULL);
    akin_cancel_clear(f->ctx);
    akin_ctx_on_progress(f->ctx, cancel_now, f->ctx);
    const struct download_options much = {.limit = INT64_MAX};
    assert_int_equal(get(f, "/endless", &much, NULL, NULL), AKIN_E_CANCELLED);
    akin_cancel_clear(f->ctx);
    assert_false(file_exists(f->path));
}

static void test_stall(void **state)
{
    struct fixture *f = *state;
    const struct download_options quick = {.limit = 100, .stall_ms = 200};
    akin_error err;
    int64_t start = clock_ns();
    assert_int_equal(get(f, "/stall", &quick, NULL, &err), AKIN_E_IO);
    assert_contains(err.message, "nothing came for 200 ms (3 bytes did)");
    assert_true(clock_ns() - start < (int64_t)10 * 1000000000);
}

static void test_md5(void **state)
{
    static const char *const cases[][2] = {
        {"", "d41d8cd98f00b204e9800998ecf8427e"},
        {"a", "0cc175b9c0f1b6a831c399e269772661"},
        {"abc", "900150983cd24fb0d6963f7d28e17f72"},
        {"message digest", "f96b697d7cb7938d525a2f31aaf161d0"},
        {"abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"},
        {"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
         "d174ab98d277d9f5a5611c2c9f419d9f"},
        {"12345678901234567890123456789012345678901234567890123456789012345678901234567890",
         "57edf4a22be3c955ac49da2e2107b67a"},
    };
    struct md5 m;
    char sum[33], again[33];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        md5_begin(&m);
        md5_add(&m, cases[i][0], strlen(cases[i][0]));
        md5_end(&m, sum);
        assert_string_equal(sum, cases[i][1]);
    }
    /* In pieces of every length around a block the same. */
    md5_begin(&m);
    md5_add(&m, block, 1000);
    md5_end(&m, sum);
    for (size_t step = 1; step < 130; step++) {
        md5_begin(&m);
        for (size_t at = 0; at < 1000; at += step)
            md5_add(&m, block + at, at + step < 1000 ? step : 1000 - at);
        md5_end(&m, again);
        assert_string_equal(sum, again);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_md5),
        cmocka_unit_test_setup_teardown(test_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_addresses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nobody_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cancel, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stall, set_up, tear_down),
    };
    for (size_t i = 0; i < sizeof block; i++)
        block[i] = (char)(i * 31 >> 3);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
