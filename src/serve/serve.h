/*
 * The HTTP server over the engine (live/): routes from one table, RFC 9457 errors, keys, limits,
 * metrics, access log. libmicrohttpd carries the protocol; this room adds what it lacks: a deadline
 * for the whole request, refusal of ambiguous framing and of %00, bounded bodies and queues, drain.
 *
 * A pool thread answers inline what the engine predicts to take at most a millisecond; everything
 * else suspends its connection and joins a bounded queue of workers (full: 503 with Retry-After).
 */
#ifndef AKIN_SERVE_SERVE_H
#define AKIN_SERVE_SERVE_H

#include "core/param.h"
#include "live/live.h"

/* Keys of `serve:` in the configuration that concern the server: serve_param_rows. */
struct serve_params {
    const char *listen; /* "127.0.0.1:8080", "[::1]:0", "0.0.0.0:443" */
    int64_t threads;    /* pool threads, 0 = cores */
    int64_t workers;    /* of slow requests, 0 = cores */
    int64_t max_connections, max_connections_per_ip;
    int64_t max_header_bytes, max_body_bytes;
    int64_t queue;           /* slow requests waiting */
    int64_t timeout_ms;      /* of a whole request */
    int64_t idle_ms;         /* of a connection between requests */
    int64_t rate;            /* requests a second and key (or address), 0 = no limit */
    int64_t allow_anonymous; /* no keys needed although not on loopback */
    const char *tls_certificate, *tls_key; /* PEM files */
    int64_t tls_terminated;                /* key `tls`: something before us does TLS */
    json_t *hosts;              /* Host values answered on loopback without keys; default its own */
    json_t *cors_origins;       /* default none */
    const char *access_log;     /* path, "-" = standard error, NULL = none */
    const char *access_log_key; /* of the hashes of ids in it; NULL = another every start */
    json_t *reports;            /* files .html and .json under /v1/reports; default none */
    int64_t page;               /* serve the page at / (default yes) */
    const struct live_params *engine; /* no key: the engine's limits and rules; NULL = none */
};
extern const akin_param serve_param_rows[]; /* ends with PARAM_END */

struct server;
/* params (and what it points to) and live borrowed until server_stop. Fails: E_ARG (listen; no keys
 * or TLS on a foreign address: says which setting would allow it), E_IO (port in use). Threads of
 * its own; returns when it listens. */
akin_status server_start(akin_ctx *ctx, const struct serve_params *params, struct live *live,
                         struct server **out, akin_error *err);
/* "http://127.0.0.1:41234" */
const char *server_url(const struct server *s);
/* Stops listening, answers what is in flight (at most grace_ms), closes. */
void server_stop(struct server *s, int64_t grace_ms);
/* Reads certificates and keys anew; what is wrong leaves the old ones. */
akin_status server_reload(struct server *s, akin_error *err);
/* The OpenAPI 3.1 document of the route table, as GET /v1/openapi.json gives it. */
akin_status server_openapi(struct buf *out, akin_error *err);

#endif
