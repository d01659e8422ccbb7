/*
 * What tests of the server over real sockets share: a server with an engine that does what the test
 * says (fake_live.c), and a client.
 */
#ifndef TESTS_UNIT_SERVE_HTTP_WORLD_H
#define TESTS_UNIT_SERVE_HTTP_WORLD_H

#include "serve/serve.h"
#include "unit/serve/fake_live.c"

#include "serve/impl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

struct world {
    akin_ctx *ctx;
    struct live *live;
    struct server *server;
    struct serve_params params;
    struct arena arena;
    int port;
    char answer[1 << 17];
    size_t size;
};

static inline void start(struct world *w, const char *settings)
{
    akin_error err;
    json_t *json = json_loads(settings, 0, NULL);
    size_t n = 0;
    while (serve_param_rows[n].name)
        n++;
    if (param_parse("serve", serve_param_rows, n, json, &w->arena, &w->params, &err) != AKIN_OK)
        fail_msg("%s", err.message);
    json_decref(json);
    w->params.listen = "127.0.0.1:0";
    if (server_start(w->ctx, &w->params, w->live, &w->server, &err) != AKIN_OK)
        fail_msg("%s", err.message);
    w->port = (int)strtol(strrchr(server_url(w->server), ':') + 1, NULL, 10);
}

static inline int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    assert_int_equal(ctx_create(1, 42, 0, &w->ctx, NULL), AKIN_OK);
    arena_init(&w->arena, w->ctx);
    w->live = fake_live_new();
    *state = w;
    return 0;
}

static inline int teardown(void **state)
{
    struct world *w = *state;
    server_stop(w->server, 1000);
    fake_live_free(w->live);
    arena_free(&w->arena);
    assert_int_equal(mem_used(w->ctx->mem), 0);
    ctx_free(w->ctx);
    free(w);
    return 0;
}

/* ---- A client ---- */

static inline int dial(struct world *w)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)w->port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static inline void put(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t n = send(fd, data, size, MSG_NOSIGNAL);
        if (n <= 0)
            return; /* the server has closed: what it said is still to be read */
        data += n;
        size -= (size_t)n;
    }
}

static inline void puts_to(int fd, const char *text)
{
    put(fd, text, strlen(text));
}

/* Whether an answer with its Content-Length is complete. */
static inline bool is_complete(struct world *w, bool is_head)
{
    const char *end = strstr(w->answer, "\r\n\r\n");
    const char *length = strstr(w->answer, "Content-Length: ");
    if (!end)
        return false;
    if (is_head || !length || length > end)
        return true;
    return w->size >= (size_t)(end + 4 - w->answer) + strtoul(length + 16, NULL, 10);
}

/* Reads one answer; returns its status, 0 if the connection ended before. */
static inline int take_answer(struct world *w, int fd, bool is_head)
{
    w->size = 0;
    w->answer[0] = '\0';
    while (!is_complete(w, is_head) && w->size + 1 < sizeof w->answer) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (poll(&p, 1, 20000) != 1)
            fail_msg("no answer within 20 s: '%s'", w->answer);
        ssize_t n = recv(fd, w->answer + w->size, 1, 0);
        if (n <= 0)
            return 0;
        w->size++;
        w->answer[w->size] = '\0';
    }
    return (int)strtol(w->answer + 9, NULL, 10);
}

static inline int take(struct world *w, int fd)
{
    return take_answer(w, fd, false);
}

/* Whether the connection ends without another byte. */
static inline bool is_ended(int fd)
{
    char c;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, 20000) == 1 && recv(fd, &c, 1, 0) <= 0;
}

static inline int ask_with(struct world *w, const char *method, const char *target,
                           const char *headers, const char *body)
{
    char request[1 << 15];
    int fd = dial(w);
    int n = snprintf(request, sizeof request,
                     "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n%s", method,
                     target, w->port, headers);
    if (body)
        n += snprintf(request + n, sizeof request - (size_t)n,
                      "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                      strlen(body), body);
    else
        n += snprintf(request + n, sizeof request - (size_t)n, "\r\n");
    put(fd, request, (size_t)n);
    int status = take_answer(w, fd, strcmp(method, "HEAD") == 0);
    close(fd);
    return status;
}

static inline int get(struct world *w, const char *target)
{
    return ask_with(w, "GET", target, "", NULL);
}

static inline bool says(const struct world *w, const char *text)
{
    return strstr(w->answer, text) != NULL;
}

#define EXPECT(call, expected)                                                                     \
    do {                                                                                           \
        int status_ = (call);                                                                      \
        if (status_ != (expected))                                                                 \
            fail_msg("%s: %d, not %d: %s", #call, status_, (expected), w->answer);                 \
    } while (0)

/* Until cond holds; each look lets the other threads run. */
#define AWAIT(cond)                                                                                \
    do {                                                                                           \
        for (int i_ = 0; !(cond); i_++) {                                                          \
            struct pollfd none_ = {.fd = -1};                                                      \
            if (i_ > 20000)                                                                        \
                fail_msg("never: %s", #cond);                                                      \
            poll(&none_, 1, 1);                                                                    \
        }                                                                                          \
    } while (0)

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
