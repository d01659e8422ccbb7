/*
 * The server over real sockets: routes, errors, attacks on framing, keys, the log, the page. Limits
 * and ends: test_serve_limits.c.
 */
#include "http_world.h"

static void test_routes(void **state)
{
    struct world *w = *state;
    start(w, "{}");
    EXPECT(get(w, "/v1/users/4%2F2/recommendations?k=3&explain=true&exclude_seen=false"), 200);
    assert_true(says(w, "{\"what\":\"recommend\",\"id\":\"4/2\",\"k\":3,\"n_history\":0,"
                        "\"explain\":true,\"include_seen\":true,\"has_rules\":false}"));
    assert_true(says(w, "Content-Type: application/json"));
    assert_true(says(w, "X-Content-Type-Options: nosniff"));
    EXPECT(get(w, "/v1/users/u/recommendations?diversity=0.5"), 200);
    assert_true(says(w, "\"has_rules\":true"));
    EXPECT(ask_with(w, "POST", "/v1/recommendations", "",
                    "{\"history\":[\"a\",{\"item_id\":\"b\",\"value\":4,\"time\":9}],\"basket\":"
                    "[\"c\"],\"k\":2}"),
           200);
    assert_true(says(w, "\"k\":2,\"n_history\":3"));
    EXPECT(ask_with(w, "POST", "/v1/recommendations", "",
                    "{\"requests\":[{\"user_id\":\"a\"},{\"kk\":1},{\"user_id\":\"b\"}]}"),
           200);
    assert_true(says(w, "{\"results\":[{\"what\":\"recommend\",\"id\":\"a\""));
    assert_true(says(w, ",{\"error\":{\"type\":\"about:blank\",\"title\":\"Bad Request\""));
    assert_true(says(w, ",{\"what\":\"recommend\",\"id\":\"b\""));
    EXPECT(ask_with(w, "POST", "/v1/rank", "", "{\"items\":[\"a\",\"b\"],\"user_id\":\"u\"}"), 200);
    static const char *const gets[] = {"/v1/items/i/similar?k=2",
                                       "/v1/items/i/bought-together",
                                       "/v1/items/i/users",
                                       "/v1/popular?window=60",
                                       "/v1/search?q=to",
                                       "/v1/items/i",
                                       "/v1/items/i/events",
                                       "/v1/users/u",
                                       "/v1/users/u/events?limit=3",
                                       "/v1/users/u/export",
                                       "/v1/models",
                                       "/v1/jobs",
                                       "/v1/jobs/7",
                                       "/v1/keys",
                                       "/v1/openapi.json",
                                       "/healthz",
                                       "/readyz",
                                       "/metrics"};
    for (size_t i = 0; i < sizeof gets / sizeof *gets; i++)
        EXPECT(get(w, gets[i]), 200);
    assert_true(says(w, "akin_http_requests_total{method=\"GET\",route=\"/v1/items/{id}/similar\","
                        "status=\"200\"} 1"));
    EXPECT(ask_with(w, "POST", "/v1/events", "", "{\"user_id\":\"u\",\"item_id\":\"i\"}"), 200);
    EXPECT(ask_with(w, "PUT", "/v1/items/i", "", "{\"title\":\"x\"}"), 200);
    EXPECT(ask_with(w, "PUT", "/v1/users/u", "", "{}"), 200);
    EXPECT(ask_with(w, "DELETE", "/v1/items/i", "", NULL), 200);
    EXPECT(ask_with(w, "DELETE", "/v1/users/u", "", NULL), 200);
    EXPECT(ask_with(w, "POST", "/v1/models/m:activate", "", "{\"path\":\"/a\"}"), 200);
    EXPECT(ask_with(w, "POST", "/v1/models/m:activate", "", "{\"path\":\"/missing\"}"), 422);
    EXPECT(ask_with(w, "POST", "/v1/models/m:rollback", "", "{}"), 404);
}

static void test_jobs(void **state)
{
    struct world *w = *state;
    start(w, "{}");
    EXPECT(ask_with(w, "POST", "/v1/jobs", "", "{\"kind\":\"export\",\"k\":3}"), 202);
    assert_true(says(w, "Location: /v1/jobs/7\r\n"));
    assert_true(says(w, "{\"id\":7,\"kind\":\"export\",\"k\":3}"));
    EXPECT(ask_with(w, "POST", "/v1/jobs", "", "{\"kind\":\"none\"}"), 409);
    assert_false(says(w, "Location:"));
    EXPECT(ask_with(w, "POST", "/v1/jobs", "", "{\"model\":\"m\"}"), 400);
    EXPECT(ask_with(w, "POST", "/v1/jobs", "", "{\"kind\":\"export\",\"k\":0}"), 400);
    EXPECT(ask_with(w, "POST", "/v1/jobs", "", NULL), 415);
    EXPECT(ask_with(w, "DELETE", "/v1/jobs/7", "", NULL), 200);
    EXPECT(get(w, "/v1/jobs/missing"), 404);
    EXPECT(get(w, "/metrics"), 200);
    assert_true(says(w, "akin_jobs_total{state=\"done\"} 2\n"));
    assert_true(says(w, "akin_retrain_promoted_total 1\n"));
    EXPECT(get(w, "/v1/openapi.json"), 200);
    assert_true(says(w, "\"202\":{\"description\":\"Queues a job: retrain or export\""));
}

static void test_errors(void **state)
{
    struct world *w = *state;
    start(w, "{\"max_body_bytes\":\"2000\"}");
    EXPECT(get(w, "/v1/users/u/recommendations?kk=3"), 400);
    assert_true(says(w, "did you mean 'k'"));
    assert_true(says(w, "Content-Type: application/problem+json"));
    assert_true(says(w, "\"instance\":\"urn:akin:request:"));
    EXPECT(get(w, "/v1/users/u/recommendations?k=x"), 400);
    EXPECT(get(w, "/v1/users/u/recommendations?model=none"), 404);
    EXPECT(get(w, "/v1/users/u/recommendations?filter=bad"), 400);
    assert_true(says(w, "column 4"));
    EXPECT(get(w, "/v1/items/missing"), 404);
    EXPECT(get(w, "/v1/items/i?x=1"), 400);
    EXPECT(get(w, "/v1/nothing"), 404);
    EXPECT(get(w, "/v1/items/%00"), 400);
    EXPECT(get(w, "/v1/items/%ff"), 400);
    EXPECT(get(w, "/v1/items/a/../../etc"), 404);
    EXPECT(ask_with(w, "POST", "/v1/models", "", "{}"), 405);
    assert_true(says(w, "Allow: GET, HEAD, OPTIONS"));
    EXPECT(ask_with(w, "BREW", "/v1/models", "", NULL), 405);
    EXPECT(ask_with(w, "GET", "/v1/models", "", "{}"), 400);
    EXPECT(ask_with(w, "POST", "/v1/rank", "", "{"), 400);
    EXPECT(ask_with(w, "POST", "/v1/rank", "", "[]"), 400);
    EXPECT(ask_with(w, "POST", "/v1/rank", "", "{}"), 400);
    EXPECT(ask_with(w, "POST", "/v1/rank", "", "{\"items\":[\"a\",\"a\\u0000\"]}"), 400);
    EXPECT(ask_with(w, "POST", "/v1/rank", "", "{\"items\":[1]}"), 400);
    EXPECT(ask_with(w, "POST", "/v1/recommendations", "", "{\"history\":[{\"id\":1}]}"), 400);
    EXPECT(ask_with(w, "POST", "/v1/rank", "Content-Length: 0\r\n", NULL), 415);
    EXPECT(ask_with(w, "POST", "/v1/events", "", "{\"user_id\":\"refused\"}"), 400);
    EXPECT(ask_with(w, "POST", "/v1/events", "", "{\"user_id\":\"full\"}"), 503);
    assert_true(says(w, "Retry-After: 1"));
    char deep[1000];
    memset(deep, '[', sizeof deep);
    deep[sizeof deep - 1] = '\0';
    EXPECT(ask_with(w, "POST", "/v1/events", "", deep), 400);
    assert_true(says(w, "nested deeper"));
    fake_set_ready(w->live, false);
    EXPECT(get(w, "/readyz"), 503);
    assert_true(says(w, "no space left"));
    EXPECT(get(w, "/healthz"), 200);
}

/* One raw request; the server must answer so and end the connection. */
static void refuse_raw(struct world *w, const char *text, size_t size, int expected)
{
    int fd = dial(w);
    put(fd, text, size);
    int status = take(w, fd);
    if (status != expected)
        fail_msg("%.60s: %d, not %d: %s", text, status, expected, w->answer);
    close(fd);
}

static void test_batches_are_bounded(void **state)
{
    struct world *w = *state;
    static const struct live_params engine = {.max_batch = 2};
    start(w, "{}");
    w->server->p.engine = &engine;
    EXPECT(ask_with(w, "POST", "/v1/events", "", "[{},{}]"), 200);
    EXPECT(ask_with(w, "POST", "/v1/events", "", "[{},{},{}]"), 413);
    EXPECT(ask_with(w, "POST", "/v1/events", "", "{\"events\":[{},{},{}]}"), 413);
    EXPECT(ask_with(w, "POST", "/v1/recommendations", "", "{\"requests\":[{},{},{}]}"), 413);
    EXPECT(ask_with(w, "POST", "/v1/recommendations", "", "{\"requests\":[{},{}]}"), 200);
}

static void test_framing_attacks(void **state)
{
    struct world *w = *state;
    char text[4096];
    start(w, "{\"max_body_bytes\":\"2000\",\"max_header_bytes\":\"2000\"}");
#define RAW(expected, line, rest)                                                                  \
    do {                                                                                           \
        int n_ =                                                                                   \
            snprintf(text, sizeof text, "%s\r\nHost: 127.0.0.1:%d\r\n%s", line, w->port, rest);    \
        refuse_raw(w, text, (size_t)n_, expected);                                                 \
    } while (0)
#define JSON "Content-Type: application/json\r\n"
    RAW(400, "POST /v1/events HTTP/1.1",
        JSON "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    RAW(400, "POST /v1/events HTTP/1.1", JSON "Content-Length: 2\r\nContent-Length: 5\r\n\r\n{}");
    RAW(400, "POST /v1/events HTTP/1.1", JSON "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}");
    RAW(413, "POST /v1/events HTTP/1.1", JSON "Content-Length: 2001\r\n\r\n");
    RAW(413, "POST /v1/events HTTP/1.1",
        JSON "Expect: 100-continue\r\nContent-Length: 2001\r\n\r\n");
    RAW(400, "GET /healthz HTTP/1.1", "Host: other\r\n\r\n");
    RAW(400, "GET /v1/items/%00 HTTP/1.1", "\r\n");
    static const char nul[] = "GET /healthz\0/x HTTP/1.1\r\nHost: localhost\r\n\r\n";
    refuse_raw(w, nul, sizeof nul - 1, 400);
    /* A chunked body beyond the limit: 413, and memory stays bounded. */
    int fd = dial(w);
    int n = snprintf(text, sizeof text,
                     "POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n" JSON
                     "Transfer-Encoding: chunked\r\n\r\n",
                     w->port);
    put(fd, text, (size_t)n);
    for (int i = 0; i < 3; i++) {
        char chunk[1100];
        memset(chunk, ' ', sizeof chunk);
        memcpy(chunk, "400\r\n", 5);
        memcpy(chunk + 5 + 1024, "\r\n", 2);
        put(fd, chunk, 5 + 1024 + 2);
    }
    puts_to(fd, "0\r\n\r\n");
    EXPECT(take(w, fd), 413);
    close(fd);
    /* Headers beyond the limit: whatever the library says, it is no 200. */
    memset(text, 'x', sizeof text);
    fd = dial(w);
    puts_to(fd, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ");
    for (int i = 0; i < 8; i++)
        put(fd, text, sizeof text);
    puts_to(fd, "\r\n\r\n");
    int status = take(w, fd);
    assert_true(status == 0 || status >= 400);
    close(fd);
    EXPECT(get(w, "/healthz"), 200);
}

static void test_keep_alive_and_pipelining(void **state)
{
    struct world *w = *state;
    char text[512];
    start(w, "{}");
    int fd = dial(w);
    snprintf(text, sizeof text,
             "GET /v1/items/a HTTP/1.1\r\nHost: localhost:%d\r\n\r\n"
             "POST /v1/events HTTP/1.1\r\nHost: localhost:%d\r\nContent-Type: application/json\r\n"
             "Content-Length: 15\r\n\r\n{\"user_id\":\"u\"}"
             "HEAD /v1/items/b HTTP/1.1\r\nHost: localhost:%d\r\n\r\n"
             "GET /v1/items/c HTTP/1.1\r\nHost: localhost:%d\r\n\r\n",
             w->port, w->port, w->port, w->port);
    puts_to(fd, text);
    EXPECT(take(w, fd), 200);
    assert_true(says(w, "{\"item_id\":\"a\"}"));
    EXPECT(take(w, fd), 200);
    assert_true(says(w, "{\"accepted\":1}"));
    EXPECT(take_answer(w, fd, true), 200);
    assert_true(says(w, "Content-Length: 15"));
    EXPECT(take(w, fd), 200);
    assert_true(says(w, "{\"item_id\":\"c\"}"));
    close(fd);
    fd = dial(w);
    puts_to(fd, "GET /healthz HTTP/1.0\r\n\r\n");
    EXPECT(take(w, fd), 200);
    assert_true(is_ended(fd));
    close(fd);
}

static void test_conditional_and_encoded(void **state)
{
    struct world *w = *state;
    start(w, "{}");
    EXPECT(get(w, "/v1/items/a"), 200);
    const char *tag = strstr(w->answer, "ETag: ");
    assert_non_null(tag);
    char header[128];
    snprintf(header, sizeof header, "If-None-Match: %.*s\r\n", (int)strcspn(tag + 6, "\r"),
             tag + 6);
    EXPECT(ask_with(w, "GET", "/v1/items/a", header, NULL), 304);
    EXPECT(ask_with(w, "GET", "/v1/items/b", header, NULL), 200);
    EXPECT(ask_with(w, "GET", "/v1/users/u/recommendations?model=large",
                    "Accept-Encoding: gzip\r\n", NULL),
           200);
    assert_true(says(w, "Content-Encoding: gzip"));
    assert_true(says(w, "Vary: Accept-Encoding"));
    assert_true(w->size < 4000);
    EXPECT(ask_with(w, "GET", "/v1/users/u/recommendations?model=large",
                    "Accept-Encoding: gzip, zstd\r\n", NULL),
           200);
    assert_true(says(w, "Content-Encoding: zstd"));
    EXPECT(get(w, "/v1/users/u/recommendations?model=large"), 200);
    assert_false(says(w, "Content-Encoding"));
    EXPECT(ask_with(w, "GET", "/healthz", "X-Request-Id: mine-1\r\n", NULL), 200);
    assert_true(says(w, "X-Request-Id: mine-1"));
    EXPECT(ask_with(w, "GET", "/healthz", "X-Request-Id: \"{}<>\r\n", NULL), 200);
    assert_false(says(w, "{}<>"));
    EXPECT(ask_with(w, "OPTIONS", "/v1/items/a", "", NULL), 204);
    assert_true(says(w, "Allow: GET, PUT, DELETE, HEAD, OPTIONS"));
}

static void test_hosts_and_origins(void **state)
{
    struct world *w = *state;
    char text[256];
    start(w, "{\"hosts\":[\"akin.test\"],\"cors_origins\":[\"https://shop.test\"]}");
    static const struct {
        const char *host;
        int expected;
    } rows[] = {{"akin.test", 200}, {"evil.test", 421}, {"127.0.0.1", 421}, {"", 421}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int fd = dial(w);
        snprintf(text, sizeof text, "GET /healthz HTTP/1.1\r\nHost: %s\r\n\r\n", rows[i].host);
        puts_to(fd, text);
        EXPECT(take(w, fd), rows[i].expected);
        close(fd);
    }
    EXPECT(ask_with(w, "POST", "/v1/events", "Origin: https://evil.test\r\n", "{}"), 403);
    EXPECT(ask_with(w, "GET", "/v1/models", "Origin: null\r\n", NULL), 403);
    EXPECT(ask_with(w, "GET", "/v1/models", "Origin: https://shop.test\r\n", NULL), 200);
    assert_true(says(w, "Access-Control-Allow-Origin: https://shop.test"));
    EXPECT(ask_with(w, "OPTIONS", "/v1/events",
                    "Origin: https://shop.test\r\nAccess-Control-Request-Method: POST\r\n", NULL),
           204);
    assert_true(says(w, "Access-Control-Allow-Methods: POST, OPTIONS"));
    snprintf(text, sizeof text, "Origin: http://localhost:%d\r\n", w->port);
    EXPECT(ask_with(w, "POST", "/v1/events", text, "{}"), 200);
    assert_false(says(w, "Access-Control"));
}

/* Makes a key over HTTP; its header into out. */
static void make_key(struct world *w, const char *auth, const char *scopes, char *out, size_t size)
{
    char body[128];
    snprintf(body, sizeof body, "{\"scopes\":\"%s\"}", scopes);
    EXPECT(ask_with(w, "POST", "/v1/keys", auth, body), 201);
    const char *key = strstr(w->answer, "akin_");
    assert_non_null(key);
    snprintf(out, size, "Authorization: Bearer %.*s\r\n", KEY_TEXT_SIZE - 1, key);
}

static void test_keys_over_http(void **state)
{
    struct world *w = *state;
    char admin[160], read[160], write[160], wrong[160];
    start(w, "{}");
    EXPECT(ask_with(w, "POST", "/v1/keys", "", "{\"scopes\":\"read\"}"), 400);
    make_key(w, "", "admin", admin, sizeof admin);
    EXPECT(get(w, "/v1/models"), 401); /* from the first key on */
    assert_true(says(w, "WWW-Authenticate: Bearer"));
    EXPECT(get(w, "/healthz"), 200);
    make_key(w, admin, "read", read, sizeof read);
    make_key(w, admin, "write", write, sizeof write);
    EXPECT(ask_with(w, "GET", "/v1/models", read, NULL), 200);
    EXPECT(ask_with(w, "POST", "/v1/events", read, "{}"), 403);
    EXPECT(ask_with(w, "POST", "/v1/events", write, "{}"), 200);
    EXPECT(ask_with(w, "GET", "/v1/models", write, NULL), 403);
    EXPECT(ask_with(w, "DELETE", "/v1/users/u", write, NULL), 403);
    EXPECT(ask_with(w, "DELETE", "/v1/users/u", admin, NULL), 200);
    EXPECT(ask_with(w, "GET", "/v1/keys", admin, NULL), 200);
    assert_false(says(w, "hash"));
    /* Another host is fine with a key: rebinding gains nothing. */
    snprintf(wrong, sizeof wrong, "X-Api-Key: %.*s\r\n", KEY_TEXT_SIZE - 1, strstr(read, "akin_"));
    EXPECT(ask_with(w, "GET", "/v1/models", wrong, NULL), 200);
    wrong[strlen(wrong) - 4] ^= 1;
    EXPECT(ask_with(w, "GET", "/v1/models", wrong, NULL), 401);
    EXPECT(ask_with(w, "GET", "/v1/models", "Authorization: Basic eDp5\r\n", NULL), 401);
    char path[64];
    snprintf(path, sizeof path, "/v1/keys/%.12s", strstr(read, "akin_") + 5);
    EXPECT(ask_with(w, "DELETE", path, admin, NULL), 200);
    EXPECT(ask_with(w, "DELETE", path, admin, NULL), 404);
    EXPECT(ask_with(w, "GET", "/v1/models", read, NULL), 401);
    int n_limited = 0;
    for (int i = 0; i < 60; i++)
        n_limited += ask_with(w, "GET", "/v1/models", wrong, NULL) == 429;
    assert_true(n_limited > 10);
    EXPECT(ask_with(w, "GET", "/v1/models", admin, NULL), 200); /* right keys are not held up */
}

static void test_access_log(void **state)
{
    struct world *w = *state;
    char path[] = "/tmp/akin-log-XXXXXX", text[4096] = "", settings[128];
    int fd = mkstemp(path);
    snprintf(settings, sizeof settings, "{\"access_log\":\"%s\",\"access_log_key\":\"k\"}", path);
    start(w, settings);
    EXPECT(get(w, "/v1/users/alice%22/recommendations?k=3"), 200);
    EXPECT(ask_with(w, "GET", "/v1/models", "Authorization: Bearer secret\r\n", NULL), 200);
    server_stop(w->server, 1000);
    w->server = NULL;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    unlink(path);
    assert_true(n > 0);
    assert_null(strstr(text, "alice"));
    assert_null(strstr(text, "secret"));
    assert_non_null(strstr(text, "\"route\":\"/v1/users/{id}/recommendations\",\"status\":200"));
    assert_non_null(strstr(text, "\"entity\":\""));
    json_t *line = json_loads(text, JSON_DISABLE_EOF_CHECK, NULL);
    assert_non_null(line);
    json_decref(line);
}

static void test_page(void **state)
{
    struct world *w = *state;
    start(w, "{}");
    if (!web_files[0].path)
        return;
    EXPECT(get(w, "/"), 200);
    assert_true(says(w, "Content-Security-Policy: default-src 'self'"));
    assert_true(says(w, "Content-Type: text/html"));
    for (const struct web_file *f = web_files; f->path; f++) {
        EXPECT(ask_with(w, "HEAD", strcmp(f->path, "/index.html") == 0 ? "/" : f->path, "", NULL),
               200);
        assert_true(says(w, "ETag: W/"));
    }
    EXPECT(get(w, "/nothing.js"), 404);
    EXPECT(ask_with(w, "POST", "/", "", "{}"), 405);
}

static void test_no_page(void **state)
{
    struct world *w = *state;
    start(w, "{\"page\":false}");
    EXPECT(get(w, "/"), 404);
    EXPECT(get(w, "/app.js"), 404);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_routes),
        TEST(test_jobs),
        TEST(test_errors),
        TEST(test_batches_are_bounded),
        TEST(test_framing_attacks),
        TEST(test_keep_alive_and_pipelining),
        TEST(test_conditional_and_encoded),
        TEST(test_hosts_and_origins),
        TEST(test_keys_over_http),
        TEST(test_access_log),
        TEST(test_page),
        TEST(test_no_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
