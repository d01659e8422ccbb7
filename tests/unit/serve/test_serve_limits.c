/*
 * The server at its limits, over real sockets: rate, queue, suspended requests, deadlines,
 * connections, drain. Nothing here depends on the clock's speed but that a deadline comes.
 */
#include "http_world.h"

static void test_rate(void **state)
{
    struct world *w = *state;
    start(w, "{\"rate\":5}");
    int n_ok = 0, n_limited = 0;
    for (int i = 0; i < 50; i++) {
        int status = get(w, "/v1/models");
        n_ok += status == 200;
        n_limited += status == 429 && says(w, "Retry-After: 1");
    }
    assert_true(n_ok >= 5 && n_limited >= 1);
    assert_int_equal(n_ok + n_limited, 50);
    EXPECT(get(w, "/healthz"), 200);
}

static int send_slow(struct world *w)
{
    char text[256];
    int fd = dial(w);
    snprintf(text, sizeof text,
             "GET /v1/users/u/recommendations?model=slow HTTP/1.1\r\nHost: localhost:%d\r\n\r\n",
             w->port);
    puts_to(fd, text);
    return fd;
}

static void test_queue(void **state)
{
    struct world *w = *state;
    start(w, "{\"workers\":1,\"queue\":2,\"threads\":2,\"timeout_ms\":60000}");
    int first = send_slow(w);
    AWAIT(fake_slow_waiting(w->live) == 1);
    int second = send_slow(w), third = send_slow(w);
    AWAIT(atomic_load(&w->server->metrics.queued) == 2);
    int fourth = send_slow(w);
    EXPECT(take(w, fourth), 503);
    assert_true(says(w, "Retry-After"));
    /* Threads that read are free all the while. */
    for (int i = 0; i < 20; i++)
        EXPECT(get(w, "/v1/models"), 200);
    fake_let_slow(w->live, 3);
    EXPECT(take(w, first), 200);
    EXPECT(take(w, second), 200);
    EXPECT(take(w, third), 200);
    close(first);
    close(second);
    close(third);
    close(fourth);
}

static void test_deadlines(void **state)
{
    struct world *w = *state;
    char text[256];
    start(w, "{\"workers\":1,\"timeout_ms\":300,\"idle_ms\":1000}");
    int slow = send_slow(w);
    AWAIT(fake_slow_waiting(w->live) == 1);
    int queued = send_slow(w);
    EXPECT(take(w, slow), 504);
    EXPECT(take(w, queued), 504);
    fake_let_slow(w->live, 100);
    /* A connection without a request, half a request line, half a head, half a body. */
    static const char *const parts[] = {"", "GET /hea", "GET /healthz HTTP/1.1\r\nHost: loc",
                                        "POST /v1/events HTTP/1.1\r\nHost: localhost\r\n"
                                        "Content-Length: 10\r\n\r\n{"};
    int fds[4];
    for (int i = 0; i < 4; i++) {
        fds[i] = dial(w);
        puts_to(fds[i], parts[i]);
    }
    for (int i = 0; i < 4; i++) {
        assert_true(is_ended(fds[i]));
        close(fds[i]);
    }
    /* One byte at a time. */
    int fd = dial(w);
    snprintf(text, sizeof text, "GET /healthz HTTP/1.1\r\nHost: localhost:%d\r\nX: ", w->port);
    puts_to(fd, text);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int n = 0;
    while (poll(&p, 1, 10) == 0 && n++ < 5000)
        puts_to(fd, "x");
    assert_true(n < 5000);
    close(fd);
    /* A change that is never done: 504, and its late call-back harms nobody. */
    EXPECT(ask_with(w, "POST", "/v1/events", "", "{\"user_id\":\"held\"}"), 504);
    assert_int_equal(fake_let_changes(w->live), 1);
    EXPECT(get(w, "/healthz"), 200);
    close(slow);
    close(queued);
}

static void test_connection_limit(void **state)
{
    struct world *w = *state;
    start(w, "{\"max_connections\":5}");
    int fds[5];
    for (int i = 0; i < 5; i++)
        fds[i] = dial(w);
    AWAIT(atomic_load(&w->server->metrics.connections) == 5);
    int fd = dial(w);
    EXPECT(take(w, fd), 503);
    assert_true(says(w, "max_connections"));
    close(fd);
    for (int i = 0; i < 5; i++)
        close(fds[i]);
    AWAIT(atomic_load(&w->server->metrics.connections) == 0);
    EXPECT(get(w, "/healthz"), 200);
}

static void *stop_main(void *arg)
{
    struct world *w = arg;
    struct server *s = w->server;
    server_stop(s, 20000);
    return NULL;
}

static void test_drain(void **state)
{
    struct world *w = *state;
    char text[256];
    pthread_t thread;
    start(w, "{\"workers\":1,\"timeout_ms\":60000}");
    int slow = send_slow(w), idle = dial(w);
    AWAIT(fake_slow_waiting(w->live) == 1);
    snprintf(text, sizeof text,
             "POST /v1/events HTTP/1.1\r\nHost: localhost:%d\r\nContent-Type: application/json\r\n"
             "Content-Length: 18\r\n\r\n{\"user_id\":\"held\"}",
             w->port);
    int change = dial(w);
    puts_to(change, text);
    AWAIT(fake_changes_held(w->live) == 1);
    pthread_create(&thread, NULL, stop_main, w);
    AWAIT(atomic_load(&w->server->draining));
    snprintf(text, sizeof text, "GET /healthz HTTP/1.1\r\nHost: localhost:%d\r\n\r\n", w->port);
    puts_to(idle, text); /* an idle connection may still ask once */
    EXPECT(take(w, idle), 200);
    assert_true(says(w, "Connection: close"));
    fake_let_slow(w->live, 1);
    fake_let_changes(w->live);
    EXPECT(take(w, slow), 200);
    EXPECT(take(w, change), 200);
    assert_true(says(w, "\"held\":true"));
    pthread_join(thread, NULL);
    w->server = NULL;
    close(slow);
    close(idle);
    close(change);
}

static void test_stop_without_grace(void **state)
{
    struct world *w = *state;
    start(w, "{\"workers\":1,\"timeout_ms\":60000}");
    int slow = send_slow(w);
    AWAIT(fake_slow_waiting(w->live) == 1);
    int queued = send_slow(w);
    AWAIT(atomic_load(&w->server->metrics.queued) == 1);
    fake_let_slow(w->live, 2);
    server_stop(w->server, 0);
    w->server = NULL;
    int fds[] = {slow, queued};
    for (int i = 0; i < 2; i++) {
        int status = take(w, fds[i]); /* served, refused or cut: but ended */
        assert_true(status == 200 || status == 503 || status == 0);
        close(fds[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_rate),      TEST(test_queue),
        TEST(test_deadlines), TEST(test_connection_limit),
        TEST(test_drain),     TEST(test_stop_without_grace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
