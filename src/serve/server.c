/*
 * Start, reload and end of the server.
 *
 * The end: no new connection is taken, but those waiting in the kernel's queue are; every answer
 * says that it is the last on its connection; when nothing is in flight, or the grace is over, what
 * still waits is answered 503, and the library closes.
 */
#include "serve/impl.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define NS_PER_MS INT64_C(1000000)
#define LINGER_MS 500  /* for clients about to use an idle connection */
#define WRONG_RATE 1   /* wrong keys a second of an address, … */
#define WRONG_BURST 20 /* … after so many */
#define FILES_OWN 128  /* files that are no connections */

static int64_t cores(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 && n < 256 ? (int64_t)n : 1;
}

static akin_status init_locks(struct server *s, akin_error *err)
{
    akin_status status = AKIN_OK;
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->idle, &attr);
    pthread_mutex_init(&s->queue_lock, NULL);
    pthread_cond_init(&s->queue_wake, NULL);
    pthread_condattr_destroy(&attr);
    if (pipe(s->wake_fd) != 0)
        AKIN_FAIL(AKIN_E_IO, "serve: no pipe: %s", strerror(errno));
    for (int i = 0; i < 2; i++) {
        fcntl(s->wake_fd[i], F_SETFD, FD_CLOEXEC);
        fcntl(s->wake_fd[i], F_SETFL, O_NONBLOCK);
    }
done:
    return status;
}

/* As many connections as the process may have files. */
static void fit_connections(struct server *s)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return;
    int64_t most = (int64_t)limit.rlim_cur - FILES_OWN;
    if (most < 1)
        most = 1;
    if (s->p.max_connections > most) {
        log_write(s->ctx, AKIN_LOG_WARN,
                  "serve: max_connections=%lld, as the limit of open files allows",
                  (long long)most);
        s->p.max_connections = most;
    }
}

static akin_status init_access(struct server *s, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct sockaddr_storage address;
    socklen_t size;
    AKIN_TRY(listen_parse(s->p.listen, &address, &size, err));
    s->is_loopback = address_is_loopback((struct sockaddr *)&address);
    AKIN_TRY(key_table_create(s->ctx, &s->keys, err));
    AKIN_TRY(key_table_load(s->keys, live_store(s->live), err));
    AKIN_TRY(serve_params_check(&s->p, s->is_loopback, key_table_count(s->keys) > 0, err));
    if (s->p.rate > 0)
        AKIN_TRY(limiter_create(s->ctx, (double)s->p.rate, (double)s->p.rate, &s->rate, err));
    AKIN_TRY(limiter_create(s->ctx, WRONG_RATE, WRONG_BURST, &s->wrong, err));
    if (s->p.tls_certificate)
        AKIN_TRY(tls_create(s->ctx, s->p.tls_certificate, s->p.tls_key, &s->tls, err));
    AKIN_TRY(reports_check(s->p.reports, err));
    if (gnutls_rnd(GNUTLS_RND_NONCE, &s->id_base, sizeof s->id_base) != 0 ||
        gnutls_rnd(GNUTLS_RND_KEY, s->link_secret, sizeof s->link_secret) != 0)
        AKIN_FAIL(AKIN_E_IO, "serve: the system gives no random numbers");
done:
    return status;
}

static akin_status init_parts(struct server *s, akin_error *err)
{
    akin_status status = AKIN_OK;
    AKIN_TRY(init_locks(s, err));
    AKIN_TRY(init_access(s, err));
    if (s->p.page)
        AKIN_TRY(page_create(s->ctx, web_files, &s->page, err));
    AKIN_TRY(server_openapi(&s->openapi, err));
    if (s->p.access_log)
        AKIN_TRY(access_log_open(s->ctx, s->p.access_log, s->p.access_log_key,
                                 &s->metrics.log_dropped, &s->log, err));
    fit_connections(s);
    AKIN_TRY(listen_open(s, err));
    AKIN_TRY(workers_start(s, err));
    AKIN_TRY(http_start(s, err));
    AKIN_TRY(warden_start(s, err));
done:
    return status;
}

akin_status server_start(akin_ctx *ctx, const struct serve_params *params, struct live *live,
                         struct server **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct server *s = NULL;
    sigset_t all, old;
    MEM_ZERO(ctx, s, 1);
    s->ctx = ctx;
    s->live = live;
    s->p = *params;
    s->listen_fd = s->wake_fd[0] = s->wake_fd[1] = -1;
    s->metrics.start_unix = clock_unix();
    buf_init(&s->openapi, ctx);
    if (s->p.threads == 0)
        s->p.threads = cores();
    if (s->p.workers == 0)
        s->p.workers = cores();
    /* Signals are for the program's own thread. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    status = init_parts(s, err);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (status != AKIN_OK)
        goto done;
    *out = s;
    s = NULL;
done:
    server_stop(s, 0);
    return status;
}

const char *server_url(const struct server *s)
{
    return s->url;
}

akin_status server_reload(struct server *s, akin_error *err)
{
    akin_status status = AKIN_OK;
    AKIN_TRY(tls_reload(s->tls, err));
    AKIN_TRY(key_table_load(s->keys, live_store(s->live), err));
    AKIN_TRY(access_log_reopen(s->log, err));
done:
    return status;
}

/* Waits under s->lock until until_ns or a signal of idle. */
static void wait_idle(struct server *s, int64_t until_ns)
{
    struct timespec at = {.tv_sec = (time_t)(until_ns / 1000000000),
                          .tv_nsec = (long)(until_ns % 1000000000)};
    pthread_cond_timedwait(&s->idle, &s->lock, &at);
}

static void drain(struct server *s, int64_t grace_ms)
{
    int64_t start = clock_ns();
    int64_t end = start + grace_ms * NS_PER_MS;
    int64_t linger = start + (grace_ms < LINGER_MS ? grace_ms : LINGER_MS) * NS_PER_MS;
    pthread_mutex_lock(&s->lock);
    for (;;) {
        int64_t now = clock_ns();
        bool is_closed = s->listen_fd < 0 && s->n_conns == 0;
        bool is_quiet = s->listen_fd < 0 && atomic_load(&s->metrics.in_flight) == 0;
        if (now >= end || is_closed || (is_quiet && now >= linger))
            break;
        wait_idle(s, is_quiet ? linger : end);
    }
    pthread_mutex_unlock(&s->lock);
}

/* Nothing is held any more: what waits gets 503, what runs is awaited. */
static void end_jobs(struct server *s)
{
    pthread_mutex_lock(&s->lock);
    atomic_store(&s->stopping, true);
    pthread_mutex_unlock(&s->lock);
    warden_sweep(s, clock_ns(), true);
    pthread_mutex_lock(&s->lock);
    while (s->n_jobs > 0) {
        /* One between hold and WAITING is not swept yet. */
        wait_idle(s, clock_ns() + 20 * NS_PER_MS);
        pthread_mutex_unlock(&s->lock);
        warden_sweep(s, clock_ns(), true);
        pthread_mutex_lock(&s->lock);
    }
    pthread_mutex_unlock(&s->lock);
}

static void free_parts(struct server *s)
{
    request_free_all(s);
    access_log_close(s->log);
    page_free(s->page);
    tls_free(s->tls);
    limiter_free(s->rate);
    limiter_free(s->wrong);
    key_table_free(s->keys);
    buf_free(&s->openapi);
    if (s->listen_fd >= 0)
        close(s->listen_fd);
    if (s->wake_fd[0] >= 0) {
        close(s->wake_fd[0]);
        close(s->wake_fd[1]);
        pthread_cond_destroy(&s->idle);
        pthread_mutex_destroy(&s->lock);
        pthread_cond_destroy(&s->queue_wake);
        pthread_mutex_destroy(&s->queue_lock);
    }
    mem_free(s->ctx, s);
}

void server_stop(struct server *s, int64_t grace_ms)
{
    if (!s)
        return;
    atomic_store(&s->draining, true);
    if (s->has_warden) {
        warden_wake(s);
        drain(s, grace_ms);
        end_jobs(s);
    }
    atomic_store(&s->quit, true);
    if (s->has_warden) {
        warden_wake(s);
        pthread_join(s->warden, NULL);
    }
    if (s->daemon)
        MHD_stop_daemon(s->daemon);
    workers_stop(s);
    free_parts(s);
}
