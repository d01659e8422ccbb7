/*
 * The call-backs of libmicrohttpd. It reads, frames and writes; every decision is made in check.c
 * and request.c. Its own decoding of URLs is turned off: targets are cut before they are decoded.
 */
#include "serve/impl.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NS_PER_MS INT64_C(1000000)

static struct conn *conn_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

struct tls *http_tls_of(struct MHD_Connection *connection)
{
    struct conn *c = connection ? conn_of(connection) : NULL;
    return c ? c->server->tls : NULL;
}

static void set_deadline(struct conn *c, int64_t now_ns, int64_t ms)
{
    atomic_store_explicit(&c->deadline_ns, now_ns + ms * NS_PER_MS, memory_order_relaxed);
}

static struct conn *conn_new(struct server *s, struct MHD_Connection *connection)
{
    struct conn *c = mem_zalloc(s->ctx, 1, sizeof *c, NULL);
    if (!c)
        return NULL;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    c->server = s;
    c->fd = info ? info->connect_fd : -1;
    info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (info && info->client_addr) {
        address_text(info->client_addr, c->address, sizeof c->address);
        c->address_hash = address_hash(info->client_addr);
    }
    set_deadline(c, clock_ns(), s->p.timeout_ms); /* until the first request line */
    return c;
}

static void on_connection(void *arg, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct server *s = arg;
    struct conn *c = *context;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        c = conn_new(s, connection);
        *context = c;
        if (!c)
            return;
        pthread_mutex_lock(&s->lock);
        c->next = s->conns;
        if (c->next)
            c->next->prev = c;
        s->conns = c;
        pthread_mutex_unlock(&s->lock);
        return;
    }
    *context = NULL;
    pthread_mutex_lock(&s->lock);
    s->n_conns--;
    atomic_fetch_sub(&s->metrics.connections, 1);
    if (c && c->prev)
        c->prev->next = c->next;
    else if (c)
        s->conns = c->next;
    if (c && c->next)
        c->next->prev = c->prev;
    if (atomic_load(&s->draining))
        pthread_cond_broadcast(&s->idle);
    pthread_mutex_unlock(&s->lock);
    mem_free(s->ctx, c);
}

/* The request line is here. */
static void *on_target(void *arg, const char *raw, struct MHD_Connection *connection)
{
    struct server *s = arg;
    struct conn *c = conn_of(connection);
    struct request *r = c ? request_new(s, raw) : NULL;
    if (!r)
        return NULL;
    r->connection = connection;
    r->conn = c;
    set_deadline(c, r->start_ns, s->p.timeout_ms);
    atomic_fetch_add(&s->metrics.in_flight, 1);
    return r;
}

static void log_request(struct request *r, int64_t ns)
{
    struct server *s = r->server;
    if (!s->log)
        return;
    struct access_line line = {.time_unix = clock_unix(),
                               .id = r->id,
                               .method = method_name(r->method),
                               .route = r->route ? r->route->path : "",
                               .key = r->key_id,
                               .entity = r->param,
                               .address = r->conn->address,
                               .status = r->sent_status,
                               .ns = ns,
                               .bytes = r->sent_bytes};
    access_log_add(s->log, &line);
}

static void on_completed(void *arg, struct MHD_Connection *connection, void **context,
                         enum MHD_RequestTerminationCode code)
{
    struct server *s = arg;
    struct request *r = *context;
    (void)connection;
    *context = NULL;
    if (!r)
        return;
    int64_t now = clock_ns();
    if (r->sent_status == 0) /* cut while it was read, or refused by the library itself */
        r->sent_status = code == MHD_REQUEST_TERMINATED_WITH_ERROR ? 400 : 499;
    metrics_add(&s->metrics, r->route ? (int)(r->route - route_table) : -1, r->sent_status,
                now - r->start_ns);
    log_request(r, now - r->start_ns);
    set_deadline(r->conn, now, s->p.idle_ms + s->p.timeout_ms);
    request_release(r);
    atomic_fetch_sub(&s->metrics.in_flight, 1);
    if (atomic_load(&s->draining)) {
        pthread_mutex_lock(&s->lock);
        pthread_cond_broadcast(&s->idle);
        pthread_mutex_unlock(&s->lock);
    }
}

static size_t leave_escaped(void *arg, struct MHD_Connection *connection, char *text)
{
    (void)arg;
    (void)connection;
    return strlen(text);
}

static void add_cors(const struct request *r, struct MHD_Response *response)
{
    if (!r->cors)
        return;
    MHD_add_response_header(response, "Access-Control-Allow-Origin", r->cors);
    MHD_add_response_header(response, "Vary", "Origin");
    MHD_add_response_header(response, "Access-Control-Expose-Headers",
                            "ETag, Retry-After, X-Request-Id");
    if (!r->is_preflight)
        return;
    MHD_add_response_header(response, "Access-Control-Allow-Methods", r->answer.allow);
    MHD_add_response_header(response, "Access-Control-Allow-Headers",
                            "Authorization, Content-Type, X-Api-Key, X-Request-Id");
    MHD_add_response_header(response, "Access-Control-Max-Age", "600");
}

static void add_headers(const struct request *r, const struct answer *a,
                        struct MHD_Response *response)
{
    char number[24];
    if (a->type && a->status != 304 && a->status != 204)
        MHD_add_response_header(response, "Content-Type", a->type);
    MHD_add_response_header(response, "X-Request-Id", r->id);
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(response, "Cache-Control", a->etag[0] ? "no-cache" : "no-store");
    if (a->etag[0])
        MHD_add_response_header(response, "ETag", a->etag);
    if (a->varies)
        MHD_add_response_header(response, "Vary", "Accept-Encoding");
    if (a->encoding != ENCODING_NONE && a->status != 304)
        MHD_add_response_header(response, "Content-Encoding", encoding_name(a->encoding));
    if (a->allow[0])
        MHD_add_response_header(response, "Allow", a->allow);
    if (a->location[0])
        MHD_add_response_header(response, "Location", a->location);
    if (a->status == 401)
        MHD_add_response_header(response, "WWW-Authenticate", "Bearer realm=\"akin\"");
    if (a->retry_after > 0) {
        snprintf(number, sizeof number, "%lld", (long long)a->retry_after);
        MHD_add_response_header(response, "Retry-After", number);
    }
    if (a->close || atomic_load(&r->server->draining))
        MHD_add_response_header(response, "Connection", "close");
    if (a->csp) {
        MHD_add_response_header(response, "Content-Security-Policy", a->csp);
        MHD_add_response_header(response, "Referrer-Policy", "no-referrer");
        MHD_add_response_header(response, "Cross-Origin-Opener-Policy", "same-origin");
    }
    add_cors(r, response);
}

static enum MHD_Result send_answer(struct request *r)
{
    const struct answer *a = request_sent(r);
    const void *data = a->data ? a->data : a->body.data;
    size_t size = a->data ? a->size : (size_t)a->body.size;
    if (a->status == 204 || a->status == 304)
        size = 0;
    /* The bytes belong to the request, which outlives the response. */
    struct MHD_Response *response = MHD_create_response_from_buffer(
        size, (void *)(uintptr_t)(size ? data : ""), MHD_RESPMEM_PERSISTENT);
    if (!response)
        return MHD_NO;
    add_headers(r, a, response);
    enum MHD_Result done = MHD_queue_response(r->connection, (unsigned)a->status, response);
    MHD_destroy_response(response);
    if (done == MHD_YES) {
        r->sent_status = a->status;
        r->sent_bytes = r->is_head ? 0 : (int64_t)size;
    }
    return done;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *size, void **context)
{
    struct request *r = *context;
    (void)arg;
    (void)connection;
    if (!r)
        return MHD_NO;
    if (!r->has_headers) {
        r->has_headers = true;
        if (!check_headers(r, url, method, version) && r->answer.close)
            return send_answer(r); /* now, and the connection ends */
        return MHD_YES;
    }
    if (*size > 0) {
        request_take_body(r, data, *size);
        *size = 0;
        /* Who goes on long after the limit will not read the answer either. */
        return r->body_seen > 4 * r->server->p.max_body_bytes ? MHD_NO : MHD_YES;
    }
    switch (atomic_load(&r->state)) {
    case REQUEST_FRESH:
        return request_run(r) ? send_answer(r) : MHD_YES;
    case REQUEST_ANSWERED:
    case REQUEST_TIMED_OUT:
        return send_answer(r);
    default:
        return MHD_YES;
    }
}

static void on_library_log(void *arg, const char *format, va_list args)
{
    (void)arg;
    (void)format;
    (void)args; /* what it complains about is the clients' doing and counted in metrics */
}

akin_status http_start(struct server *s, akin_error *err)
{
    akin_status status = AKIN_OK;
    unsigned threads = (unsigned)s->p.threads;
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_ALLOW_SUSPEND_RESUME |
                     MHD_USE_ERROR_LOG | (s->tls ? MHD_USE_TLS : 0u);
    struct MHD_OptionItem more[3] = {{MHD_OPTION_END, 0, NULL}};
    int n = 0;
    if (threads > 1) {
        more[n].option = MHD_OPTION_THREAD_POOL_SIZE;
        more[n++].value = (intptr_t)threads;
    }
    if (s->tls) {
        more[n].option = MHD_OPTION_HTTPS_CERT_CALLBACK;
        more[n++].ptr_value = tls_callback();
    }
    more[n].option = MHD_OPTION_END;
    /*
     * Connections come from the warden, which counts them; a thread pool insists on a listening
     * socket nevertheless, so it gets one that nobody can reach, and that is closed again.
     * Strictness is ours (framing.c, route.c): the library's answers a missing Host with a page of
     * its own whose head stands in its body, and a space in the target with silence.
     */
    int nowhere = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr unnamed = {.sa_family = AF_UNIX};
    if (nowhere < 0 || bind(nowhere, &unnamed, sizeof(sa_family_t)) != 0 || listen(nowhere, 1) != 0)
        AKIN_FAIL(AKIN_E_IO, "serve: no socket to start with");
    s->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, s, MHD_OPTION_EXTERNAL_LOGGER, on_library_log, NULL,
        MHD_OPTION_LISTEN_SOCKET, nowhere, MHD_OPTION_STRICT_FOR_CLIENT, 0,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)(s->p.max_connections * 2 + 64),
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)((s->p.idle_ms + 999) / 1000),
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)s->p.max_header_bytes + 8192,
        MHD_OPTION_URI_LOG_CALLBACK, on_target, s, MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped,
        NULL, MHD_OPTION_NOTIFY_CONNECTION, on_connection, s, MHD_OPTION_NOTIFY_COMPLETED,
        on_completed, s, MHD_OPTION_ARRAY, more, MHD_OPTION_END);
    if (!s->daemon)
        AKIN_FAIL(AKIN_E_IO, "serve: the HTTP library does not start");
    nowhere = MHD_quiesce_daemon(s->daemon);
done:
    if (nowhere >= 0)
        close(nowhere);
    return status;
}
