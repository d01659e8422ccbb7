/*
 * load: requests as they go over the wire, and what a right answer is. No sockets, no clock.
 */
#include "load.h"

#include "core/rng.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *const kind_names[KINDS] = {"user", "history", "similar", "event", "plain"};

enum { HISTORY_ITEMS = 5 };

__attribute__((format(printf, 2, 3))) static void put(struct conn *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(c->out + c->size, OUT - c->size, format, args);
    va_end(args);
    if (n > 0)
        c->size += (size_t)n;
    if (c->size >= OUT)
        c->size = OUT - 1; /* a path too long: the server will refuse it */
}

/* The server wants its own name and port. */
static void put_host(struct conn *c, const struct options *o)
{
    put(c, " HTTP/1.1\r\nHost: 127.0.0.1:%lld\r\n", (long long)o->port);
}

static void put_post(struct conn *c, const struct options *o, const char *path, const char *body)
{
    put(c, "POST %s", path);
    put_host(c, o);
    put(c, "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body);
}

static void put_get(struct conn *c, const struct options *o)
{
    put_host(c, o);
    put(c, "\r\n");
}

static int choose(const struct options *o, struct rng *rng)
{
    int64_t at = (int64_t)rng_below(rng, (uint64_t)o->mix_sum);
    int kind = 0;
    while (at >= o->mix[kind])
        at -= o->mix[kind++];
    return kind;
}

void request_make(struct conn *c, const struct options *o, int64_t n)
{
    struct rng rng = rng_make((uint64_t)o->seed, RNG_TEST, (uint64_t)n);
    char body[1024];
    int size = 0;
    c->kind = choose(o, &rng);
    c->size = c->sent = c->have = 0;
    long long user = (long long)rng_below(&rng, (uint64_t)o->users) + 1;
    long long item = (long long)rng_below(&rng, (uint64_t)o->items) + 1;
    switch (c->kind) {
    case USER:
        put(c, "GET /v1/users/%lld/recommendations?k=%lld", user, (long long)o->k);
        put_get(c, o);
        break;
    case HISTORY:
        for (int i = 0; i < HISTORY_ITEMS; i++)
            size += snprintf(body + size, sizeof body - (size_t)size, "%s\"%lld\"",
                             i ? "," : "{\"history\":[",
                             (long long)rng_below(&rng, (uint64_t)o->items) + 1);
        snprintf(body + size, sizeof body - (size_t)size, "],\"k\":%lld}", (long long)o->k);
        put_post(c, o, "/v1/recommendations", body);
        break;
    case SIMILAR:
        put(c, "GET /v1/items/%lld/similar?k=%lld", item, (long long)o->k);
        put_get(c, o);
        break;
    case EVENT:
        snprintf(body, sizeof body,
                 "{\"event_id\":\"%.40s-%lld\",\"user_id\":\"%lld\",\"item_id\":\"%lld\","
                 "\"value\":4}",
                 o->tag, (long long)n, user, item);
        put_post(c, o, "/v1/events", body);
        break;
    default:
        put(c, "GET %s", o->path);
        put_get(c, o);
    }
}

static const char *find(const char *text, size_t size, const char *what)
{
    size_t n = strlen(what);
    const char *end = text + size;
    while (text + n <= end) {
        text = memchr(text, what[0], (size_t)(end - text) - n + 1);
        if (!text)
            return NULL;
        if (memcmp(text, what, n) == 0)
            return text;
        text++;
    }
    return NULL;
}

bool is_body_right(const struct options *o, int kind, const char *body, size_t size, bool *is_empty)
{
    static const char id[] = "\"item_id\":";
    int64_t n = 0;
    if (kind == PLAIN)
        return true;
    if (kind == EVENT)
        return find(body, size, "\"accepted\":1,") != NULL;
    const char *end = body + size;
    while ((body = find(body, (size_t)(end - body), id)) != NULL) {
        body += sizeof id - 1;
        n++;
    }
    *is_empty = kind == SIMILAR && n == 1; /* which names the item asked about, too */
    return *is_empty || n == o->k + (kind == SIMILAR);
}

int64_t answer_size(const struct conn *c, int *status, size_t *head)
{
    const char *end = find(c->in, c->have, "\r\n\r\n");
    if (!end)
        return c->have < IN ? 0 : -1;
    *head = (size_t)(end - c->in) + 4;
    if (c->have < 12 || memcmp(c->in, "HTTP/1.1 ", 9) != 0)
        return -1;
    *status = (int)strtol(c->in + 9, NULL, 10);
    for (const char *line = c->in; (line = find(line, (size_t)(end - line) + 2, "\r\n")) != NULL;) {
        line += 2;
        if (strncasecmp(line, "Content-Length:", 15) == 0) {
            int64_t size = (int64_t)*head + strtoll(line + 15, NULL, 10);
            return size > IN ? -1 : (int64_t)c->have >= size ? size : 0;
        }
    }
    return -1;
}
