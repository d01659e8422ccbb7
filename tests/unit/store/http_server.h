/* A tiny HTTP server on 127.0.0.1 for tests: one thread, one connection after the other, answers
 * from a table of routes. */
#ifndef AKIN_TESTS_HTTP_SERVER_H
#define AKIN_TESTS_HTTP_SERVER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum http_end {
    HTTP_CLOSE,  /* after the body */
    HTTP_STALL,  /* after the body: nothing more until the test ends or the client goes */
    HTTP_REPEAT, /* the body again and again, until the client goes */
};

struct http_route {
    const char *path;
    const char *head; /* status line and headers, without the empty line */
    const void *body;
    size_t size;
    enum http_end end;
};

struct http_server {
    const struct http_route *routes;
    int n_routes;
    int fd, port;
    int stop[2];      /* pipe: closing [1] ends the thread */
    atomic_int asked; /* requests so far */
    pthread_t thread;
};

static inline bool http_send(int fd, const void *bytes, size_t size)
{
    const char *p = bytes;
    while (size > 0) {
        ssize_t n = send(fd, p, size, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        p += n;
        size -= (size_t)n;
    }
    return true;
}

static inline void http_answer(struct http_server *s, int fd)
{
    char text[4096];
    size_t filled = 0;
    while (filled + 1 < sizeof text) {
        ssize_t n = recv(fd, text + filled, sizeof text - 1 - filled, 0);
        if (n <= 0 || text[0] < 'A') /* gone, or TLS */
            return;
        filled += (size_t)n;
        text[filled] = '\0';
        if (strstr(text, "\r\n\r\n"))
            break;
    }
    atomic_fetch_add(&s->asked, 1);
    char *path = strchr(text, ' ');
    char *end = path ? strchr(path + 1, ' ') : NULL;
    if (!end)
        return;
    *end = '\0';
    const struct http_route *r = NULL;
    for (int i = 0; i < s->n_routes; i++)
        if (strcmp(s->routes[i].path, path + 1) == 0)
            r = &s->routes[i];
    const char *head = r ? r->head : "HTTP/1.1 404 Not Found\r\nContent-Length: 0";
    if (!http_send(fd, head, strlen(head)) || !http_send(fd, "\r\nConnection: close\r\n\r\n", 23) ||
        !r || !http_send(fd, r->body, r->size))
        return;
    while (r->end == HTTP_REPEAT && http_send(fd, r->body, r->size))
        ;
    if (r->end == HTTP_STALL) {
        struct pollfd wait[2] = {{.fd = fd, .events = POLLIN}, {.fd = s->stop[0]}};
        poll(wait, 2, 60000);
    }
}

static inline void *http_serve(void *arg)
{
    struct http_server *s = arg;
    for (;;) {
        struct pollfd wait[2] = {{.fd = s->fd, .events = POLLIN}, {.fd = s->stop[0]}};
        poll(wait, 2, -1);
        if (wait[1].revents != 0)
            return NULL;
        int fd = accept(s->fd, NULL, NULL);
        if (fd < 0)
            continue;
        http_answer(s, fd);
        shutdown(fd, SHUT_RDWR);
        close(fd);
    }
}

/* False if this machine lets no one listen. */
static inline bool http_start(struct http_server *s, const struct http_route *routes, int n)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t size = sizeof at;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    memset(s, 0, sizeof *s);
    s->routes = routes;
    s->n_routes = n;
    s->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (s->fd < 0 || pipe(s->stop) != 0 ||
        bind(s->fd, (const struct sockaddr *)&at, sizeof at) != 0 || listen(s->fd, 8) != 0 ||
        getsockname(s->fd, (struct sockaddr *)&at, &size) != 0)
        return false;
    s->port = ntohs(at.sin_port);
    return pthread_create(&s->thread, NULL, http_serve, s) == 0;
}

static inline void http_stop(struct http_server *s)
{
    close(s->stop[1]);
    pthread_join(s->thread, NULL);
    close(s->stop[0]);
    close(s->fd);
}

#endif
