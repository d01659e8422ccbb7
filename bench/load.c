/*
 * A load generator for `akin serve`, in two ways:
 *   open loop (--rate R): request n is due at start + n / R whatever the server does, and its
 *     latency counts from then, so a stall counts for all that were due in it (no coordinated
 *     omission). What is due while every connection is busy waits here, and that wait counts too.
 *   closed loop (--max): every connection asks again as soon as it is answered.
 * Which request comes when follows from --seed. Every answer is checked: the status and, for lists,
 * the number of items. JSON on stdout; exit status 1 if anything went wrong.
 *
 *   load --port P (--rate R | --max) [--seconds 10] [--warm 1] [--connections 64] [--threads 1]
 *        [--user 70] [--history 10] [--similar 10] [--event 10] [--plain 0] [--path /]
 *        [--users 60000] [--items 10000] [--k 10] [--seed 42] [--tag TEXT]
 *
 * --user … --plain are weights of the mix; --plain asks for --path, whatever serves it. Ids are the
 * numbers 1..users and 1..items. --tag begins the ids of events: another one for every run.
 *
 * This file decides when and over which connection; load_http.c what is asked, load_tally.c what is
 * told of it. IPv4 loopback only, no pipelining.
 */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum {
    THREADS = 8,
    CONNECTIONS = 4096,
    DRAIN_SECONDS = 5 /* for what is on its way at the end */
};

struct worker {
    const struct options *o;
    int64_t index, n_conns, next; /* requests index, index + threads, …: the next of these */
    int64_t start, warm_end, end; /* ns */
    int64_t last;                 /* when the last counted answer came */
    int64_t unsent;
    int epoll, timer;
    struct conn *conns; /* (n_conns), owned */
    int *idle;          /* (n_conns) a stack of connections, owned */
    int64_t n_idle;
    struct tally tally[KINDS];
    bool has_failed;
    pthread_t thread;
};

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * NS + t.tv_nsec;
}

/* ---- A connection ---- */

static bool conn_open(struct worker *w, struct conn *c)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)w->o->port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    c->kind = -1;
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof to) != 0)
        return false;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct epoll_event e = {.events = EPOLLIN, .data.u32 = (uint32_t)(c - w->conns)};
    return epoll_ctl(w->epoll, EPOLL_CTL_ADD, c->fd, &e) == 0;
}

/* The server closed, or answered what cannot be read: counted, and another connection. */
static void conn_broke(struct worker *w, struct conn *c)
{
    if (c->kind >= 0 && c->is_counted)
        w->tally[c->kind].broken++;
    bool was_idle = c->kind < 0;
    close(c->fd);
    if (!conn_open(w, c))
        w->has_failed = true;
    else if (!was_idle)
        w->idle[w->n_idle++] = (int)(c - w->conns);
}

/* Sends what the socket takes; loopback takes a request whole. */
static void conn_send(struct worker *w, struct conn *c)
{
    ssize_t n = send(c->fd, c->out, c->size, MSG_NOSIGNAL);
    if (n != (ssize_t)c->size)
        conn_broke(w, c);
}

static void conn_ask(struct worker *w, struct conn *c, int64_t due, int64_t now)
{
    int64_t n = w->index + w->next++ * w->o->threads;
    request_make(c, w->o, n);
    c->due = due;
    c->is_counted = due >= w->warm_end;
    if (c->is_counted) {
        w->tally[c->kind].sent++;
        w->tally[c->kind].late += now - due > NS / 1000;
    }
    conn_send(w, c);
}

static void conn_answered(struct worker *w, struct conn *c, int status, size_t head, size_t size)
{
    int64_t now = now_ns();
    struct tally *t = &w->tally[c->kind];
    if (c->is_counted) {
        tally_answer(t, status, now - c->due);
        bool is_empty = false;
        t->wrong_body +=
            status == 200 && !is_body_right(w->o, c->kind, c->in + head, size - head, &is_empty);
        t->empty += is_empty;
        w->last = now;
    }
    c->kind = -1;
    if (w->o->is_max && now < w->end)
        conn_ask(w, c, now, now);
    else
        w->idle[w->n_idle++] = (int)(c - w->conns);
}

static void conn_read(struct worker *w, struct conn *c)
{
    int status = 0;
    size_t head = 0;
    ssize_t n = recv(c->fd, c->in + c->have, IN - c->have, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0 || c->kind < 0) {
        conn_broke(w, c);
        return;
    }
    c->have += (size_t)n;
    int64_t size = answer_size(c, &status, &head);
    if (size < 0 || (size > 0 && (size_t)size != c->have))
        conn_broke(w, c);
    else if (size > 0)
        conn_answered(w, c, status, head, (size_t)size);
}

/* ---- A thread ---- */

static int64_t due_at(const struct worker *w)
{
    double n = (double)(w->index + w->next * w->o->threads);
    return w->start + (int64_t)(n * 1e9 / (double)w->o->rate);
}

static void arm(const struct worker *w, int64_t at)
{
    struct itimerspec t = {.it_value = {.tv_sec = at / NS, .tv_nsec = at % NS}};
    timerfd_settime(w->timer, TFD_TIMER_ABSTIME, &t, NULL);
}

/* Sends what is due; says when to wake. */
static void send_due(struct worker *w)
{
    int64_t now = now_ns(), due;
    while ((due = due_at(w)) <= now && due < w->end && w->n_idle > 0) {
        conn_ask(w, &w->conns[w->idle[--w->n_idle]], due, now);
        now = now_ns();
    }
    if (due < w->end && w->n_idle > 0)
        arm(w, due);
}

static bool is_done(const struct worker *w, int64_t now)
{
    if (w->has_failed || now > w->end + DRAIN_SECONDS * NS)
        return true;
    return now >= w->end && w->n_idle == w->n_conns && (w->o->is_max || due_at(w) >= w->end);
}

static void *worker_main(void *arg)
{
    struct worker *w = arg;
    struct epoll_event events[256];
    arm(w, w->start);
    while (!is_done(w, now_ns())) {
        int n = epoll_wait(w->epoll, events, 256, 100);
        for (int i = 0; i < n; i++) {
            uint64_t expired;
            if (events[i].data.u32 < (uint32_t)w->n_conns)
                conn_read(w, &w->conns[events[i].data.u32]);
            else if (read(w->timer, &expired, sizeof expired) < 0 && errno != EAGAIN)
                w->has_failed = true;
        }
        while (w->o->is_max && w->n_idle > 0 && now_ns() < w->end) {
            int64_t now = now_ns();
            conn_ask(w, &w->conns[w->idle[--w->n_idle]], now, now);
        }
        if (!w->o->is_max)
            send_due(w);
    }
    for (; !w->o->is_max && due_at(w) < w->end; w->next++)
        w->unsent++;
    return NULL;
}

static bool worker_init(struct worker *w, const struct options *o, int64_t index)
{
    w->o = o;
    w->index = index;
    w->n_conns = (o->connections + o->threads - 1 - index) / o->threads;
    w->epoll = epoll_create1(EPOLL_CLOEXEC);
    w->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    w->conns = calloc((size_t)w->n_conns, sizeof *w->conns);
    w->idle = calloc((size_t)w->n_conns, sizeof *w->idle);
    if (w->epoll < 0 || w->timer < 0 || !w->conns || !w->idle)
        return false;
    struct epoll_event e = {.events = EPOLLIN, .data.u32 = (uint32_t)w->n_conns};
    if (epoll_ctl(w->epoll, EPOLL_CTL_ADD, w->timer, &e) != 0)
        return false;
    for (int64_t i = 0; i < w->n_conns; i++) {
        w->conns[i].fd = -1;
        w->conns[i].in = malloc(IN);
        if (!w->conns[i].in || !conn_open(w, &w->conns[i]))
            return false;
        w->idle[w->n_idle++] = (int)i;
    }
    return true;
}

static void worker_free(struct worker *w)
{
    for (int64_t i = 0; w->conns && i < w->n_conns; i++) {
        if (w->conns[i].in && w->conns[i].fd >= 0)
            close(w->conns[i].fd);
        free(w->conns[i].in);
    }
    free(w->conns);
    free(w->idle);
    close(w->epoll);
    close(w->timer);
}

/* ---- The whole ---- */

static bool report(const struct options *o, struct worker *workers)
{
    struct tally sum[KINDS + 1] = {0};
    int64_t unsent = 0, last = 0;
    bool has_failed = false;
    for (int64_t i = 0; i < o->threads; i++) {
        for (int kind = 0; kind < KINDS; kind++) {
            tally_add(&sum[kind], &workers[i].tally[kind]);
            tally_add(&sum[KINDS], &workers[i].tally[kind]);
        }
        unsent += workers[i].unsent;
        last = workers[i].last > last ? workers[i].last : last;
        has_failed |= workers[i].has_failed;
    }
    /* what came after the end came too late to count as achieved at that rate */
    double seconds = (double)(last - workers[0].warm_end) / 1e9;
    double rate = seconds > 0 ? (double)sum[KINDS].answered / seconds : 0;
    printf(
        "{\"bench\":\"load\",\"mode\":\"%s\",\"rate\":%lld,\"connections\":%lld,\"threads\":%lld,"
        "\"seconds\":%.3f,\"achieved\":%.1f,\"seconds_per_million\":%.3f,\"unsent\":%lld,",
        o->is_max ? "max" : "rate", (long long)o->rate, (long long)o->connections,
        (long long)o->threads, seconds, rate, rate > 0 ? 1e6 / rate : 0, (long long)unsent);
    tally_json(&sum[KINDS]);
    printf(",\"kinds\":{");
    const char *comma = "";
    for (int kind = 0; kind < KINDS; kind++) {
        if (sum[kind].sent == 0)
            continue;
        printf("%s\"%s\":{", comma, kind_names[kind]);
        tally_json(&sum[kind]);
        printf("}");
        comma = ",";
    }
    printf("}}\n");
    return !has_failed && unsent == 0 && sum[KINDS].answered > 0 && tally_errors(&sum[KINDS]) == 0;
}

static const char *option(int argc, char **argv, const char *name, const char *otherwise)
{
    for (int i = 1; i + 1 < argc; i++) {
        if (strncmp(argv[i], "--", 2) == 0 && strcmp(argv[i] + 2, name) == 0)
            return argv[i + 1];
    }
    return otherwise;
}

static int64_t number(int argc, char **argv, const char *name, int64_t otherwise)
{
    const char *text = option(argc, argv, name, NULL);
    return text ? strtoll(text, NULL, 10) : otherwise;
}

static bool options_read(struct options *o, int argc, char **argv)
{
    static const int64_t mix[KINDS] = {70, 10, 10, 10, 0};
    bool is_mixed = false;
    for (int kind = 0; kind < KINDS; kind++)
        is_mixed |= option(argc, argv, kind_names[kind], NULL) != NULL;
    for (int kind = 0; kind < KINDS; kind++) {
        o->mix[kind] = number(argc, argv, kind_names[kind], is_mixed ? 0 : mix[kind]);
        o->mix_sum += o->mix[kind];
    }
    for (int i = 1; i < argc; i++)
        o->is_max |= strcmp(argv[i], "--max") == 0;
    o->port = number(argc, argv, "port", 0);
    o->rate = number(argc, argv, "rate", 0);
    o->connections = number(argc, argv, "connections", 64);
    o->threads = number(argc, argv, "threads", 1);
    o->users = number(argc, argv, "users", 60000);
    o->items = number(argc, argv, "items", 10000);
    o->k = number(argc, argv, "k", 10);
    o->seed = number(argc, argv, "seed", 42);
    o->seconds = strtod(option(argc, argv, "seconds", "10"), NULL);
    o->warm = strtod(option(argc, argv, "warm", "1"), NULL);
    o->path = option(argc, argv, "path", "/");
    o->tag = option(argc, argv, "tag", "load");
    return o->port > 0 && o->port < 65536 && (o->is_max || o->rate > 0) && o->threads > 0 &&
           o->threads <= THREADS && o->connections >= o->threads && o->connections <= CONNECTIONS &&
           o->users > 0 && o->items > 0 && o->mix_sum > 0 && o->seconds > 0 && o->warm >= 0;
}

int main(int argc, char **argv)
{
    struct options o = {0};
    bool is_good = options_read(&o, argc, argv);
    if (!is_good) {
        fprintf(stderr, "load: --port P and --rate R or --max (see the head of bench/load.c)\n");
        return 2;
    }
    struct worker *workers = calloc(THREADS, sizeof *workers);
    if (!workers)
        return 1;
    for (int64_t i = 0; i < o.threads && is_good; i++)
        is_good = worker_init(&workers[i], &o, i);
    if (!is_good)
        fprintf(stderr, "load: no connection to port %lld: %s\n", (long long)o.port,
                strerror(errno));
    int64_t start = now_ns() + NS / 100;
    int64_t n = 0;
    for (; n < o.threads && is_good; n++) {
        workers[n].start = start;
        workers[n].warm_end = start + (int64_t)(o.warm * 1e9);
        workers[n].end = workers[n].warm_end + (int64_t)(o.seconds * 1e9);
        is_good = pthread_create(&workers[n].thread, NULL, worker_main, &workers[n]) == 0;
        n -= !is_good;
    }
    for (int64_t i = 0; i < n; i++)
        pthread_join(workers[i].thread, NULL);
    is_good = is_good && report(&o, workers);
    for (int64_t i = 0; i < o.threads; i++)
        worker_free(&workers[i]);
    free(workers);
    return is_good ? 0 : 1;
}
