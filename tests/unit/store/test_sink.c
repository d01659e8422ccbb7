/* sink.c, sink_file.c, address.c: what addresses of sinks are refused, before anything happens and
 * without telling secrets; files whole or as they were; which network addresses are public. */
#include "unit/core/setup.h"

#include "core/file.h"
#include "store/address.h"
#include "store/sink.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <unistd.h>

struct folder {
    akin_ctx *ctx;
    char dir[64], path[96], url[112];
};

static int setup(void **state)
{
    struct folder *f = calloc(1, sizeof *f);
    if (!f)
        return -1;
    f->ctx = test_ctx_new(1, 0);
    snprintf(f->dir, sizeof f->dir, "/tmp/akin-test-XXXXXX");
    if (!mkdtemp(f->dir))
        return -1;
    snprintf(f->path, sizeof f->path, "%s/lists.csv", f->dir);
    snprintf(f->url, sizeof f->url, "file:%s", f->path);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct folder *f = *state;
    unlink(f->path);
    int failed = rmdir(f->dir); /* nothing temporary stays */
    test_ctx_done(f->ctx);
    free(f);
    return failed;
}

static const struct sink_options with_secret = {
    .identity = "x", .secret = "top-secret-key", .retries = -1};

static void refuse(akin_ctx *ctx, const char *url, const struct sink_options *o, const char *why)
{
    struct sink *s = NULL;
    akin_error err = {0};
    assert_int_equal(sink_open(ctx, url, o, &s, &err), AKIN_E_ARG);
    assert_null(s);
    if (!strstr(err.message, why))
        fail_msg("%s: %s", url, err.message);
    assert_null(strstr(err.message, "hush"));
    assert_null(strstr(err.message, "top-secret"));
}

static void test_addresses_of_sinks(void **state)
{
    struct folder *f = *state;
    struct sink_options local = with_secret, unsigned_ = with_secret;
    char long_url[4096];
    local.allow_private = 1;
    unsigned_.secret = "";
    static const struct {
        const char *url, *why;
    } bad[] = {
        {"", "none of file:PATH"},
        {"lists.csv", "none of file:PATH"},
        {"ftp:hush", "'ftp:…' is none of"},
        {"File:lists.csv", "none of"},
        {"file:", "must end in .csv or .jsonl"},
        {"file:lists.txt", "must end in"},
        {"file:a.csv/lists", "must end in"},
        {"webhook:", "not a web address"},
        {"webhook:/hush", "not a web address"},
        {"webhook:https://", "not a web address"},
        {"webhook:https://a b/hush", "not a web address"},
        {"webhook:http://shop.example/hush", "'shop.example': not https"},
        {"webhook:http://127.0.0.1:80/hush", "not https"},
        {"webhook:ftp://shop.example/hush", "not https"},
        {"webhook:file:///etc/passwd", "not a web address"},
        {"webhook:https://ann:hush@shop.example/", "a name or password"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refuse(f->ctx, bad[i].url, &with_secret, bad[i].why);
    refuse(f->ctx, "webhook:http://shop.example/hush", &local, "not https");
    refuse(f->ctx, "webhook:https://shop.example/hush", &unsigned_, "no secret");
    memset(long_url, 'a', sizeof long_url);
    memcpy(long_url, "webhook:https://", 16);
    long_url[sizeof long_url - 1] = '\0';
    refuse(f->ctx, long_url, &with_secret, "not a web address");

    struct sink *s;
    akin_error err;
    assert_int_equal(sink_open(f->ctx, "webhook:https://shop.example:8443/hush?key=hush",
                               &with_secret, &s, &err),
                     AKIN_OK);
    assert_string_equal(sink_label(s), "webhook:shop.example:8443");
    assert_int_equal(sink_format(s), SINK_JSONL);
    assert_null(sink_path(s));
    sink_abort(s);
    assert_int_equal(sink_open(f->ctx, "webhook:http://[::1]:9/", &local, &s, &err), AKIN_OK);
    sink_abort(s);
    assert_string_equal(sink_url_path("file:a/b.csv"), "a/b.csv");
    assert_null(sink_url_path("webhook:https://shop.example/a.csv"));
}

static void expect_file(akin_ctx *ctx, const char *path, const char *want)
{
    char *text;
    int64_t size;
    assert_int_equal(file_read(ctx, path, 1000, &text, &size, NULL), AKIN_OK);
    assert_string_equal(text, want);
    mem_free(ctx, text);
}

static void test_file_is_whole_or_as_it_was(void **state)
{
    struct folder *f = *state;
    struct sink_report report;
    struct sink *s;
    akin_error err;
    assert_int_equal(sink_open(f->ctx, f->url, &with_secret, &s, &err), AKIN_OK);
    assert_int_equal(sink_format(s), SINK_CSV);
    assert_string_equal(sink_path(s), f->path);
    assert_int_equal(sink_write(s, "a,b\n", 4, &err), AKIN_OK);
    assert_int_equal(sink_write(s, "", 0, &err), AKIN_OK);
    assert_int_equal(sink_write(s, "1,2\n", 4, &err), AKIN_OK);
    assert_false(file_exists(f->path));
    assert_int_equal(sink_close(s, &report, &err), AKIN_OK);
    assert_int_equal(report.n_bytes, 8);
    assert_int_equal(report.n_batches, 0);
    expect_file(f->ctx, f->path, "a,b\n1,2\n");
    assert_int_equal(sink_open(f->ctx, f->url, &with_secret, &s, &err), AKIN_OK);
    assert_int_equal(sink_write(s, "half", 4, &err), AKIN_OK);
    sink_abort(s);
    expect_file(f->ctx, f->path, "a,b\n1,2\n");
    sink_abort(NULL);
    assert_int_equal(sink_open(f->ctx, "file:/nowhere/at/all.csv", &with_secret, &s, &err),
                     AKIN_E_NOT_FOUND);
}

static void test_memory(void **state)
{
    struct folder *f = *state;
    static const char *const urls[] = {NULL, "webhook:https://shop.example/"};
    struct sink_options options = with_secret;
    options.progress = f->path;
    for (int i = 0; i < 2; i++) {
        akin_status status = AKIN_E_MEMORY;
        for (int64_t at = 1; status != AKIN_OK; at++) {
            struct sink *s = NULL;
            akin_error err;
            assert_true(at < 100);
            mem_fail_at(f->ctx->mem, at);
            status = sink_open(f->ctx, urls[i] ? urls[i] : f->url, &options, &s, &err);
            if (status == AKIN_OK)
                status = sink_write(s, "{}\n", 3, &err);
            mem_fail_at(f->ctx->mem, 0);
            assert_true(status == AKIN_OK || status == AKIN_E_MEMORY);
            sink_abort(s);
            assert_int_equal(mem_used(f->ctx->mem), 0);
        }
    }
}

static const char *kind4(const char *text)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    assert_int_equal(inet_pton(AF_INET, text, &in.sin_addr), 1);
    return address_reserved((const struct sockaddr *)&in);
}

static const char *kind6(const char *text)
{
    struct sockaddr_in6 in = {.sin6_family = AF_INET6};
    assert_int_equal(inet_pton(AF_INET6, text, &in.sin6_addr), 1);
    return address_reserved((const struct sockaddr *)&in);
}

static void test_public_addresses(void **state)
{
    (void)state;
    static const char *const public4[] = {
        "1.1.1.1",        "8.8.8.8",         "9.255.255.255",  "11.0.0.0",        "100.63.255.255",
        "100.128.0.0",    "126.255.255.255", "128.0.0.0",      "169.253.255.255", "169.255.0.0",
        "172.15.255.255", "172.32.0.0",      "192.0.1.0",      "192.167.255.255", "192.169.0.0",
        "198.17.255.255", "198.20.0.0",      "223.255.255.255"};
    static const char *const reserved4[] = {
        "0.0.0.0",         "0.1.2.3",         "10.0.0.0",        "10.255.255.255",
        "100.64.0.0",      "100.100.100.200", "100.127.255.255", "127.0.0.1",
        "127.255.255.255", "169.254.169.254", "172.16.0.0",      "172.31.255.255",
        "192.0.0.192",     "192.0.2.1",       "192.88.99.1",     "192.168.0.1",
        "198.18.0.0",      "198.19.255.255",  "198.51.100.7",    "203.0.113.9",
        "224.0.0.1",       "239.255.255.255", "240.0.0.1",       "255.255.255.255"};
    static const char *const public6[] = {
        "2606:4700:4700::1111", "2a00::1",           "2400::1",
        "64:ff9b::808:808",     "2002:0808:0808::1", "::ffff:8.8.8.8"};
    static const char *const reserved6[] = {"::",
                                            "::1",
                                            "::ffff:127.0.0.1",
                                            "::ffff:169.254.169.254",
                                            "::ffff:10.0.0.1",
                                            "::7f00:1",
                                            "64:ff9b::7f00:1",
                                            "64:ff9b:1::1",
                                            "100::1",
                                            "2001::1",
                                            "2001:db8::1",
                                            "2002:7f00:1::",
                                            "2002:c0a8:1::1",
                                            "fc00::1",
                                            "fd00:ec2::254",
                                            "fdff::1",
                                            "fe80::1",
                                            "febf::1",
                                            "fec0::1",
                                            "ff02::1",
                                            "3fff::1",
                                            "4000::1",
                                            "5f00::1"};
    for (size_t i = 0; i < sizeof public4 / sizeof *public4; i++)
        if (kind4(public4[i]))
            fail_msg("%s: %s", public4[i], kind4(public4[i]));
    for (size_t i = 0; i < sizeof reserved4 / sizeof *reserved4; i++)
        if (!kind4(reserved4[i]))
            fail_msg("%s is public", reserved4[i]);
    for (size_t i = 0; i < sizeof public6 / sizeof *public6; i++)
        if (kind6(public6[i]))
            fail_msg("%s: %s", public6[i], kind6(public6[i]));
    for (size_t i = 0; i < sizeof reserved6 / sizeof *reserved6; i++)
        if (!kind6(reserved6[i]))
            fail_msg("%s is public", reserved6[i]);
    assert_string_equal(kind4("127.0.0.1"), "loopback");
    assert_string_equal(kind6("::1"), "loopback");
    assert_string_equal(kind6("::ffff:127.0.0.1"), "loopback");
    assert_string_equal(kind4("169.254.169.254"), "link-local or metadata");
    assert_non_null(address_reserved(&(struct sockaddr){.sa_family = AF_UNIX}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_addresses_of_sinks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_file_is_whole_or_as_it_was, setup, teardown),
        cmocka_unit_test_setup_teardown(test_memory, setup, teardown),
        cmocka_unit_test(test_public_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
