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
 * Latencies are counted in buckets of 1/64 of their value. IPv4 loopback only, no pipelining.
 */
#include "core/rng.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define NS INT64_C(1000000000)

enum { USER, HISTORY, SIMILAR, EVENT, PLAIN, KINDS };
static const char *const kind_names[KINDS] = {"user", "history", "similar", "event", "plain"};

enum {
    THREADS = 8,
    CONNECTIONS = 4096,
    IN = 1 << 18, /* bytes of an answer at most */
    OUT = 2048,
    STATUSES = 600,
    SUB = 64,           /* buckets of a power of two */
    BUCKETS = 40 * SUB, /* to 2^45 ns */
    HISTORY_ITEMS = 5,
    DRAIN_SECONDS = 5 /* for what is on its way at the end */
};

struct options {
    int64_t port, rate, connections, threads, users, items, k, seed;
    int64_t mix[KINDS], mix_sum;
    double seconds, warm;
    bool is_max;
    const char *path, *tag;
};

struct tally {
    int64_t sent, answered, late; /* late: over a millisecond after it was due */
    int64_t status[STATUSES];
    int64_t wrong_body, empty;
    int64_t broken; /* the connection ended before the answer */
    int64_t bucket[BUCKETS];
    int64_t longest;
};

struct conn {
    int fd;
    int kind; /* what it waits for, -1 = idle */
    int64_t due;
    size_t have, sent, size; /* bytes of the answer so far; of the request */
    bool is_counted;         /* after the warm-up */
    char *in;                /* (IN), owned */
    char out[OUT];
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

/* ---- Latencies ---- */

static int bucket_of(int64_t ns)
{
    uint64_t v = ns > 0 ? (uint64_t)ns : 0;
    if (v < SUB)
        return (int)v;
    int top = 63 - __builtin_clzll(v); /* v in [2^top, 2^(top+1)), top >= 6 */
    int at = (top - 5) * SUB + (int)(v >> (top - 6)) - SUB;
    return at < BUCKETS ? at : BUCKETS - 1;
}

/* The greatest value of a bucket. */
static int64_t bucket_top(int at)
{
    if (at < SUB)
        return at;
    int shift = at / SUB - 1;
    return (((int64_t)(at % SUB) + SUB + 1) << shift) - 1;
}

static int64_t quantile(const struct tally *t, double q)
{
    int64_t rank = (int64_t)(q * (double)t->answered), seen = 0;
    for (int i = 0; i < BUCKETS; i++) {
        seen += t->bucket[i];
        if (seen > rank || seen == t->answered)
            return bucket_top(i) < t->longest ? bucket_top(i) : t->longest;
    }
    return t->longest;
}

/* ---- Requests ---- */

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

static void request_make(struct conn *c, const struct options *o, int64_t n)
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

/* ---- Answers ---- */

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

/* Enough items; *is_empty: an item that nobody has had, which nothing is like. */
static bool is_body_right(const struct options *o, int kind, const char *body, size_t size,
                          bool *is_empty)
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

/* Bytes of the whole answer, 0 = not all here yet, -1 = not HTTP as this program knows it. */
static int64_t answer_size(const struct conn *c, int *status, size_t *head)
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
        int64_t ns = now - c->due;
        t->answered++;
        t->status[status > 0 && status < STATUSES ? status : 0]++;
        t->bucket[bucket_of(ns)]++;
        t->longest = ns > t->longest ? ns : t->longest;
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

/* ---- The result ---- */

static void add(struct tally *to, const struct tally *t)
{
    to->sent += t->sent;
    to->answered += t->answered;
    to->late += t->late;
    to->wrong_body += t->wrong_body;
    to->empty += t->empty;
    to->broken += t->broken;
    to->longest = t->longest > to->longest ? t->longest : to->longest;
    for (int i = 0; i < STATUSES; i++)
        to->status[i] += t->status[i];
    for (int i = 0; i < BUCKETS; i++)
        to->bucket[i] += t->bucket[i];
}

/* Answers that were not as asked for, and requests without one. */
static int64_t errors_of(const struct tally *t)
{
    return t->sent - t->status[200] + t->wrong_body;
}

static void tally_json(const struct tally *t)
{
    static const struct {
        const char *name;
        double q;
    } quantiles[] = {{"p50", .5}, {"p90", .9}, {"p99", .99}, {"p999", .999}};
    printf("\"sent\":%lld,\"answered\":%lld,\"errors\":%lld,\"wrong_body\":%lld,\"empty\":%lld,"
           "\"broken\":%lld,"
           "\"late\":%lld,\"status\":{",
           (long long)t->sent, (long long)t->answered, (long long)errors_of(t),
           (long long)t->wrong_body, (long long)t->empty, (long long)t->broken, (long long)t->late);
    const char *comma = "";
    for (int i = 0; i < STATUSES; i++) {
        if (t->status[i] > 0) {
            printf("%s\"%d\":%lld", comma, i, (long long)t->status[i]);
            comma = ",";
        }
    }
    printf("},\"ms\":{");
    for (int i = 0; i < 4; i++)
        printf("\"%s\":%.3f,", quantiles[i].name, (double)quantile(t, quantiles[i].q) / 1e6);
    printf("\"max\":%.3f}", (double)t->longest / 1e6);
}

static bool report(const struct options *o, struct worker *workers)
{
    struct tally sum[KINDS + 1] = {0};
    int64_t unsent = 0, last = 0;
    bool has_failed = false;
    for (int64_t i = 0; i < o->threads; i++) {
        for (int kind = 0; kind < KINDS; kind++) {
            add(&sum[kind], &workers[i].tally[kind]);
            add(&sum[KINDS], &workers[i].tally[kind]);
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
    return !has_failed && unsent == 0 && sum[KINDS].answered > 0 && errors_of(&sum[KINDS]) == 0;
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
