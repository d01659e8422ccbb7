/*
 * The warden: one thread that accepts connections within their limits and ends what is past its
 * time.
 *
 * The library's own time-out starts anew with every byte; here a whole request has a deadline, and
 * so has a connection without one. Whoever waits for a job gets 504, everybody else is cut. Cost: a
 * walk over the connections ten times a second.
 */
#include "serve/impl.h"

#include "core/hash.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TICK_MS 100
#define LATE_NS INT64_C(5000000000) /* to send a 504 */
#define ACCEPT_BURST 256

akin_status listen_parse(const char *text, struct sockaddr_storage *out, socklen_t *size,
                         akin_error *err)
{
    akin_status status = AKIN_OK;
    char host[256];
    struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    const char *colon = strrchr(text, ':');
    size_t n = colon ? (size_t)(colon - text) : 0;
    if (!colon || n >= sizeof host || colon[1] == '\0')
        AKIN_FAIL(AKIN_E_ARG, "serve: listen=%.80s (must be ADDRESS:PORT)", text);
    if (n >= 2 && text[0] == '[' && text[n - 1] == ']') {
        memcpy(host, text + 1, n - 2);
        n -= 2;
    } else {
        memcpy(host, text, n);
    }
    host[n] = '\0';
    size_t digits = strspn(colon + 1, "0123456789");
    if (colon[1 + digits] != '\0' || digits > 5 || strtol(colon + 1, NULL, 10) > 65535)
        AKIN_FAIL(AKIN_E_ARG, "serve: listen=%.80s (the port must be 0..65535)", text);
    if (n == 0 || getaddrinfo(host, colon + 1, &hints, &found) != 0 || !found ||
        found->ai_addrlen > sizeof *out)
        AKIN_FAIL(AKIN_E_ARG, "serve: listen=%.80s (no such address)", text);
    memset(out, 0, sizeof *out);
    memcpy(out, found->ai_addr, found->ai_addrlen);
    *size = found->ai_addrlen;
done:
    if (found)
        freeaddrinfo(found);
    return status;
}

bool address_is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof in);
        return ntohl(in.sin_addr.s_addr) >> 24 == 127;
    }
    struct sockaddr_in6 in6;
    memcpy(&in6, address, sizeof in6);
    return address->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&in6.sin6_addr);
}

void address_text(const struct sockaddr *address, char *out, size_t size)
{
    out[0] = '\0';
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof in);
        inet_ntop(AF_INET, &in.sin_addr, out, (socklen_t)size);
    } else if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, address, sizeof in6);
        inet_ntop(AF_INET6, &in6.sin6_addr, out, (socklen_t)size);
    }
}

uint64_t address_hash(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof in);
        return hash_bytes(&in.sin_addr, sizeof in.sin_addr, 4);
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, address, sizeof in6);
        return hash_bytes(&in6.sin6_addr, 8, 6);
    }
    return 0;
}

static void name_hosts(struct server *s, const struct sockaddr_storage *address)
{
    char text[INET6_ADDRSTRLEN];
    struct sockaddr_in6 in6;
    struct sockaddr_in in;
    memcpy(&in6, address, sizeof in6);
    memcpy(&in, address, sizeof in);
    bool is6 = address->ss_family == AF_INET6;
    int port = ntohs(is6 ? in6.sin6_port : in.sin_port);
    address_text((const struct sockaddr *)address, text, sizeof text);
    snprintf(s->hosts[0], sizeof s->hosts[0], is6 ? "[%s]:%d" : "%s:%d", text, port);
    snprintf(s->hosts[1], sizeof s->hosts[1], "localhost:%d", port);
    if (port == 80 || port == 443)
        snprintf(s->hosts[2], sizeof s->hosts[2], "localhost");
    snprintf(s->url, sizeof s->url, "%s://%s", s->tls ? "https" : "http", s->hosts[0]);
}

akin_status listen_open(struct server *s, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct sockaddr_storage address;
    socklen_t size;
    int on = 1;
    AKIN_TRY(listen_parse(s->p.listen, &address, &size, err));
    int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        AKIN_FAIL(AKIN_E_IO, "serve: listen=%.80s: %s", s->p.listen, strerror(errno));
    s->listen_fd = fd;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (address.ss_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&address, size) != 0 || listen(fd, 1024) != 0)
        AKIN_FAIL(AKIN_E_IO, "serve: listen=%.80s: %s", s->p.listen, strerror(errno));
    size = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &size) != 0)
        AKIN_FAIL(AKIN_E_IO, "serve: listen=%.80s: %s", s->p.listen, strerror(errno));
    name_hosts(s, &address);
done:
    return status;
}

/* ---- Accepting ---- */

static int64_t conns_of(struct server *s, uint64_t address)
{
    int64_t n = 0;
    for (struct conn *c = s->conns; c; c = c->next)
        n += c->address_hash == address;
    return n;
}

/* Best effort: an answer that fits into the socket's buffer, or only the end. */
static void refuse_connection(struct server *s, int fd)
{
    static const char text[] =
        "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\n"
        "Content-Type: application/problem+json\r\nContent-Length: 114\r\n\r\n"
        "{\"type\":\"about:blank\",\"title\":\"Service Unavailable\",\"status\":503,"
        "\"detail\":\"too many connections (max_connections)\"}";
    atomic_fetch_add(&s->metrics.refused_connections, 1);
    if (!s->tls)
        (void)!send(fd, text, sizeof text - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    close(fd);
}

/* False: nobody is waiting. */
static bool accept_one(struct server *s)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    int on = 1;
    int fd =
        accept4(s->listen_fd, (struct sockaddr *)&address, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return errno == EINTR || errno == ECONNABORTED;
    pthread_mutex_lock(&s->lock);
    bool ok =
        s->n_conns < s->p.max_connections &&
        (s->p.max_connections_per_ip == 0 ||
         conns_of(s, address_hash((struct sockaddr *)&address)) < s->p.max_connections_per_ip);
    if (ok)
        s->n_conns++;
    pthread_mutex_unlock(&s->lock);
    if (!ok) {
        refuse_connection(s, fd);
        return true;
    }
    atomic_fetch_add(&s->metrics.connections, 1);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (MHD_add_connection(s->daemon, fd, (struct sockaddr *)&address, size) != MHD_YES) {
        pthread_mutex_lock(&s->lock); /* the library has closed it */
        s->n_conns--;
        pthread_mutex_unlock(&s->lock);
        atomic_fetch_sub(&s->metrics.connections, 1);
    }
    return true;
}

/* ---- Deadlines ---- */

enum { SWEEP_ROOM = 64 };

/* Requests to be ended now are moved to TIMED_OUT; the others past their time are cut. */
static int collect_late(struct server *s, int64_t now_ns, bool all, struct request **late)
{
    int n = 0;
    pthread_mutex_lock(&s->lock);
    for (struct conn *c = s->conns; c && n < SWEEP_ROOM; c = c->next) {
        if (!all && now_ns < atomic_load_explicit(&c->deadline_ns, memory_order_relaxed))
            continue;
        int expected = REQUEST_WAITING;
        if (c->waiting &&
            atomic_compare_exchange_strong(&c->waiting->state, &expected, REQUEST_TIMED_OUT)) {
            late[n++] = c->waiting;
            c->waiting = NULL;
            atomic_store(&c->deadline_ns, now_ns + LATE_NS);
        } else if (!all && !c->waiting) {
            shutdown(c->fd, SHUT_RDWR);
            atomic_store(&c->deadline_ns, now_ns + LATE_NS);
            atomic_fetch_add(&s->metrics.cut_connections, 1);
        }
    }
    pthread_mutex_unlock(&s->lock);
    return n;
}

void warden_sweep(struct server *s, int64_t now_ns, bool all)
{
    struct request *late[SWEEP_ROOM];
    int n;
    do {
        n = collect_late(s, now_ns, all, late);
        for (int i = 0; i < n; i++) {
            /* Suspended: nobody else touches the connection until it is resumed. */
            request_write_late(late[i], all ? 503 : 504,
                               all ? "the server is stopping"
                                   : "not answered within timeout_ms; a change may still happen");
            atomic_fetch_add(&s->metrics.timeouts, 1);
            MHD_resume_connection(late[i]->connection);
        }
    } while (n == SWEEP_ROOM);
}

static void close_listener(struct server *s)
{
    while (accept_one(s)) /* who has connected already is answered */
        ;
    close(s->listen_fd);
    pthread_mutex_lock(&s->lock);
    s->listen_fd = -1;
    pthread_cond_broadcast(&s->idle);
    pthread_mutex_unlock(&s->lock);
}

static void *warden_main(void *arg)
{
    struct server *s = arg;
    char bytes[16];
    int64_t next = 0;
    while (!atomic_load(&s->quit)) {
        struct pollfd fds[2] = {{.fd = s->wake_fd[0], .events = POLLIN},
                                {.fd = s->listen_fd, .events = POLLIN}};
        poll(fds, s->listen_fd >= 0 ? 2 : 1, TICK_MS);
        if (fds[0].revents)
            (void)!read(s->wake_fd[0], bytes, sizeof bytes);
        if (s->listen_fd >= 0 && atomic_load(&s->draining))
            close_listener(s);
        for (int i = 0; s->listen_fd >= 0 && fds[1].revents && i < ACCEPT_BURST; i++) {
            if (accept_one(s))
                continue;
            if (errno == EMFILE || errno == ENFILE) /* poll would report it again at once */
                poll(fds, 1, TICK_MS);
            break;
        }
        int64_t now = clock_ns();
        if (now >= next) {
            warden_sweep(s, now, false);
            next = now + (int64_t)TICK_MS * 1000000;
        }
    }
    return NULL;
}

akin_status warden_start(struct server *s, akin_error *err)
{
    akin_status status = AKIN_OK;
    if (pthread_create(&s->warden, NULL, warden_main, s) != 0)
        AKIN_FAIL(AKIN_E_MEMORY, "serve: no thread");
    s->has_warden = true;
done:
    return status;
}

void warden_wake(struct server *s)
{
    (void)!write(s->wake_fd[1], "", 1);
}
