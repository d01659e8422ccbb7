/* Framing, encodings, tags, keys, token buckets, start rules: each without a socket. */
#include "serve/serve.h"
#include "unit/serve/fake_live.c"

#include "serve/impl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define NS INT64_C(1000000000)

static int frame(const char *const *headers, const char *version, struct framing *f)
{
    akin_error err = {0};
    *f = (struct framing){0};
    for (; *headers; headers += 2)
        framing_add(f, headers[0], headers[1]);
    int status = framing_check(f, version, 1000, 100, &err);
    assert_true((status == 0) == (err.message[0] == '\0'));
    return status;
}
#define FRAME_HOST(...) FRAME("HTTP/1.1", "Host", "a", __VA_ARGS__)
#define FRAME(version, ...) frame((const char *const[]){__VA_ARGS__, NULL}, version, &f)

static void test_framing(void **state)
{
    struct framing f;
    char large[1100];
    (void)state;
    memset(large, 'x', sizeof large);
    large[sizeof large - 1] = '\0';
    assert_int_equal(FRAME("HTTP/1.1", "Host", "a"), 0);
    assert_false(f.has_body);
    assert_int_equal(FRAME_HOST("content-LENGTH", "100"), 0);
    assert_true(f.has_body);
    assert_int_equal(f.content_length, 100);
    assert_int_equal(FRAME_HOST("Transfer-Encoding", "chunked"), 0);
    assert_true(f.has_body);
    assert_int_equal(FRAME_HOST("Content-Length", "0"), 0);
    assert_false(f.has_body);
    assert_int_equal(FRAME_HOST("Content-Length", "101"), 413);
    assert_int_equal(FRAME_HOST("Content-Length", "99999999999999999999999"), 413);
    assert_int_equal(FRAME_HOST("Content-Length", "-1"), 400);
    assert_int_equal(FRAME_HOST("Content-Length", "+1"), 400);
    assert_int_equal(FRAME_HOST("Content-Length", ""), 400);
    assert_int_equal(FRAME_HOST("Content-Length", "5, 5"), 400);
    assert_int_equal(FRAME_HOST("Content-Length", "5", "Content-Length", "5"), 400);
    assert_int_equal(FRAME_HOST("Content-Length", "5", "Transfer-Encoding", "chunked"), 400);
    assert_int_equal(FRAME_HOST("Transfer-Encoding", "gzip, chunked"), 400);
    assert_int_equal(FRAME_HOST("Transfer-Encoding", "xchunked"), 400);
    assert_int_equal(FRAME("HTTP/1.0", "Transfer-Encoding", "chunked"), 400);
    assert_int_equal(FRAME("HTTP/1.1", "Host", "a", "Host", "a"), 400);
    assert_int_equal(FRAME_HOST("Authorization", "a", "X-Api-Key", "b"), 400);
    assert_int_equal(FRAME_HOST("X", large), 431);
    assert_int_equal(FRAME("HTTP/2.0", "Host", "a"), 505);
    assert_int_equal(FRAME("HTTP/1.1", "X", "a"), 400);
    assert_int_equal(FRAME("HTTP/1.0", "X", "a"), 0);
    static const char *const names[] = {"Content-Length ", "Transfer-Encoding\t", "X Y", "", "a\"b",
                                        "\xc3\xa4"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_int_equal(FRAME_HOST(names[i], "2"), 400);
}

static void test_json_types(void **state)
{
    (void)state;
    assert_true(framing_is_json("application/json"));
    assert_true(framing_is_json("Application/JSON; charset=UTF-8"));
    assert_true(framing_is_json("application/json;charset=\"utf-8\""));
    assert_true(framing_is_json("application/merge-patch+json"));
    assert_false(framing_is_json(NULL));
    assert_false(framing_is_json(""));
    assert_false(framing_is_json("text/plain"));
    assert_false(framing_is_json("application/jsonx"));
    assert_false(framing_is_json("application/json; charset=latin1"));
    assert_false(framing_is_json("text/plain; application/json"));
}

static void test_encodings(void **state)
{
    (void)state;
    assert_int_equal(framing_encoding(NULL), ENCODING_NONE);
    assert_int_equal(framing_encoding("gzip"), ENCODING_GZIP);
    assert_int_equal(framing_encoding("gzip, deflate, br, zstd"), ENCODING_ZSTD);
    assert_int_equal(framing_encoding("gzip;q=1.0, zstd;q=0.5"), ENCODING_GZIP);
    assert_int_equal(framing_encoding("gzip;q=0"), ENCODING_NONE);
    assert_int_equal(framing_encoding("*"), ENCODING_GZIP);
    assert_int_equal(framing_encoding("*;q=0, zstd"), ENCODING_ZSTD);
    assert_int_equal(framing_encoding("identity"), ENCODING_NONE);
    assert_int_equal(framing_encoding("gzip;q=oops"), ENCODING_NONE);
    assert_int_equal(framing_encoding(",,;;,gzip"), ENCODING_GZIP);
}

static void test_tags(void **state)
{
    (void)state;
    assert_true(framing_etag_matches("W/\"a\"", "W/\"a\""));
    assert_true(framing_etag_matches("\"b\", \"a\"", "W/\"a\""));
    assert_true(framing_etag_matches(" *", "W/\"a\""));
    assert_false(framing_etag_matches("\"b\"", "W/\"a\""));
    assert_false(framing_etag_matches("", "W/\"a\""));
    assert_false(framing_etag_matches(NULL, "W/\"a\""));
    assert_true(framing_is_request_id("a-1_B.2"));
    assert_false(framing_is_request_id(""));
    assert_false(framing_is_request_id("a b"));
    assert_false(framing_is_request_id("\"}"));
}

static akin_ctx *make_ctx(void)
{
    akin_ctx *ctx;
    assert_int_equal(ctx_create(1, 42, 0, &ctx, NULL), AKIN_OK);
    return ctx;
}

static void test_keys(void **state)
{
    (void)state;
    akin_ctx *ctx = make_ctx();
    struct live *live = fake_live_new();
    struct store *store = live_store(live);
    struct key_table *t;
    struct key_secret a, b, old;
    akin_error err;
    char id[KEY_ID_SIZE];
    unsigned scopes;
    assert_int_equal(key_create(store, "read", "shop", 0, &a, &err), AKIN_OK);
    assert_int_equal(key_create(store, "write,admin", NULL, 0, &b, &err), AKIN_OK);
    assert_int_equal(key_create(store, "read", NULL, 1000, &old, &err), AKIN_OK);
    assert_int_equal(key_create(store, "raed", NULL, 0, &old, &err), AKIN_E_ARG);
    assert_int_equal(key_create(store, "", NULL, 0, &old, &err), AKIN_E_ARG);
    assert_string_not_equal(a.text, b.text);
    assert_int_equal(strlen(a.text), KEY_TEXT_SIZE - 1);
    assert_null(strstr(a.hash, a.text + 18));
    assert_int_equal(key_table_create(ctx, &t, &err), AKIN_OK);
    assert_int_equal(key_table_check(t, a.text, 10, id, &scopes), KEY_WRONG);
    assert_int_equal(key_table_load(t, store, &err), AKIN_OK);
    assert_int_equal(key_table_count(t), 3);
    assert_int_equal(key_table_check(t, a.text, 10, id, &scopes), KEY_GOOD);
    assert_int_equal(scopes, SCOPE_READ);
    assert_string_equal(id, a.id);
    assert_int_equal(key_table_check(t, b.text, 10, id, &scopes), KEY_GOOD);
    assert_int_equal(scopes, SCOPE_ALL);
    assert_int_equal(key_table_check(t, old.text, 999, id, &scopes), KEY_GOOD);
    assert_int_equal(key_table_check(t, old.text, 1000, id, &scopes), KEY_EXPIRED);
    assert_int_equal(scopes, 0);
    char wrong[KEY_TEXT_SIZE];
    for (size_t i = 0; i < KEY_TEXT_SIZE - 1; i++) {
        memcpy(wrong, a.text, sizeof wrong);
        wrong[i] = wrong[i] == '0' ? '1' : '0';
        assert_int_equal(key_table_check(t, wrong, 10, id, &scopes), KEY_WRONG);
    }
    assert_int_equal(key_table_check(t, "", 10, id, &scopes), KEY_WRONG);
    assert_int_equal(key_revoke(store, "000000000000", &err), AKIN_E_NOT_FOUND);
    assert_int_equal(key_revoke(store, a.id, &err), AKIN_OK);
    assert_int_equal(key_table_load(t, store, &err), AKIN_OK);
    assert_int_equal(key_table_check(t, a.text, 10, id, &scopes), KEY_WRONG);
    key_table_free(t);
    fake_live_free(live);
    assert_int_equal(mem_used(ctx->mem), 0);
    ctx_free(ctx);
}

static void test_buckets(void **state)
{
    (void)state;
    akin_ctx *ctx = make_ctx();
    struct limiter *l;
    assert_int_equal(limiter_create(ctx, 2, 4, &l, NULL), AKIN_OK);
    assert_int_equal(limiter_take(NULL, 1, 0), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(limiter_take(l, 7, NS), 0);
    assert_int_equal(limiter_take(l, 7, NS), 1);
    assert_int_equal(limiter_take(l, 8, NS), 0); /* another's bucket */
    assert_int_equal(limiter_take(l, 7, NS + NS / 2), 0);
    assert_int_equal(limiter_take(l, 7, NS + NS / 2), 1);
    assert_int_equal(limiter_take(l, 7, 1), 1); /* the clock jumps back */
    for (int i = 0; i < 4; i++)
        assert_int_equal(limiter_take(l, 7, 1000 * NS), 0);
    assert_int_equal(limiter_take(l, 7, 1000 * NS), 1);
    /* A flood of addresses takes no memory and nobody is refused wrongly. */
    for (uint64_t who = 1; who < 200000; who++)
        assert_int_equal(limiter_take(l, who * UINT64_C(0x9E3779B97F4A7C15), 2000 * NS), 0);
    limiter_free(l);
    assert_int_equal(mem_used(ctx->mem), 0);
    ctx_free(ctx);
}

static void test_start_rules(void **state)
{
    (void)state;
    akin_error err;
    struct serve_params p = {.listen = "0.0.0.0:80"};
    assert_int_equal(serve_params_check(&p, true, false, &err), AKIN_OK);
    assert_int_equal(serve_params_check(&p, false, false, &err), AKIN_E_ARG);
    assert_non_null(strstr(err.message, "allow_anonymous"));
    assert_int_equal(serve_params_check(&p, false, true, &err), AKIN_E_ARG);
    assert_non_null(strstr(err.message, "tls: terminated"));
    p.tls_terminated = 1;
    assert_int_equal(serve_params_check(&p, false, true, &err), AKIN_OK);
    assert_int_equal(serve_params_check(&p, false, false, &err), AKIN_E_ARG);
    p.allow_anonymous = 1;
    assert_int_equal(serve_params_check(&p, false, false, &err), AKIN_OK);
    p.tls_key = "key.pem";
    assert_int_equal(serve_params_check(&p, true, true, &err), AKIN_E_ARG);
}

static void test_listen(void **state)
{
    (void)state;
    struct sockaddr_storage a;
    socklen_t size;
    akin_error err;
    char text[INET6_ADDRSTRLEN];
    assert_int_equal(listen_parse("127.0.0.1:0", &a, &size, &err), AKIN_OK);
    assert_true(address_is_loopback((struct sockaddr *)&a));
    assert_int_equal(listen_parse("127.9.0.1:8080", &a, &size, &err), AKIN_OK);
    assert_true(address_is_loopback((struct sockaddr *)&a));
    address_text((struct sockaddr *)&a, text, sizeof text);
    assert_string_equal(text, "127.9.0.1");
    assert_int_equal(listen_parse("0.0.0.0:1", &a, &size, &err), AKIN_OK);
    assert_false(address_is_loopback((struct sockaddr *)&a));
    assert_int_equal(listen_parse("[::1]:8080", &a, &size, &err), AKIN_OK);
    assert_true(address_is_loopback((struct sockaddr *)&a));
    assert_int_equal(listen_parse("[::]:8080", &a, &size, &err), AKIN_OK);
    assert_false(address_is_loopback((struct sockaddr *)&a));
    static const char *const bad[] = {"",           "127.0.0.1",       ":80",
                                      "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:8x",
                                      "[]:80",      "no such name:80"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(listen_parse(bad[i], &a, &size, &err), AKIN_E_ARG);
}

static void test_encode(void **state)
{
    (void)state;
    akin_ctx *ctx = make_ctx();
    struct buf out;
    char text[5000];
    memset(text, 'a', sizeof text);
    buf_init(&out, ctx);
    for (int level = 0; level < 2; level++) {
        assert_true(encode(ENCODING_GZIP, level, text, sizeof text, &out));
        assert_true(out.size < 200);
        assert_memory_equal(out.data, "\x1f\x8b", 2);
        assert_true(encode(ENCODING_ZSTD, level, text, sizeof text, &out));
        assert_memory_equal(out.data, "\x28\xb5\x2f\xfd", 4);
    }
    assert_false(encode(ENCODING_NONE, 0, text, sizeof text, &out));
    assert_false(encode(ENCODING_GZIP, 0, "x", 1, &out)); /* no gain */
    buf_free(&out);
    ctx_free(ctx);
}

static void test_page_files(void **state)
{
    (void)state;
    akin_ctx *ctx = make_ctx();
    static unsigned char large[4000];
    static const struct web_file files[] = {{"/index.html", (const unsigned char *)"<html>", 6},
                                            {"/app.js", large, sizeof large},
                                            {NULL, NULL, 0}};
    struct page *p;
    assert_int_equal(page_create(ctx, files, &p, NULL), AKIN_OK);
    assert_string_equal(page_find(p, "/")->type, "text/html; charset=utf-8");
    assert_null(page_find(p, "/index.htm"));
    assert_null(page_find(p, "/../app.js"));
    const struct page_file *js = page_find(p, "/app.js");
    assert_string_equal(js->type, "text/javascript; charset=utf-8");
    assert_true(js->size[ENCODING_ZSTD] < 200 && js->size[ENCODING_NONE] == sizeof large);
    page_free(p);
    assert_int_equal(mem_used(ctx->mem), 0);
    ctx_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_framing),     cmocka_unit_test(test_json_types),
        cmocka_unit_test(test_encodings),   cmocka_unit_test(test_tags),
        cmocka_unit_test(test_keys),        cmocka_unit_test(test_buckets),
        cmocka_unit_test(test_start_rules), cmocka_unit_test(test_listen),
        cmocka_unit_test(test_encode),      cmocka_unit_test(test_page_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
