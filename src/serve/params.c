/* The keys of `serve:` that concern the server, and what they must be for a safe start. */
#include "serve/impl.h"

#include <string.h>

#define P struct serve_params
const akin_param serve_param_rows[] = {
    PARAM_TEXT(P, listen, "127.0.0.1:8080", 0, "address and port; port 0 = any free one"),
    PARAM_INT(P, threads, "0", 0, 256, "", 0, "threads that read and answer, 0 = as many as cores"),
    PARAM_INT(P, workers, "0", 0, 256, "", 0, "threads for slow requests, 0 = as many as cores"),
    PARAM_INT(P, max_connections, "2000", 1, 1e6, "", 0, "more are refused with 503"),
    PARAM_INT(P, max_connections_per_ip, "0", 0, 1e6, "", 0,
              "of one IPv4 address or IPv6 /64, 0 = no limit"),
    PARAM_SIZE(P, max_header_bytes, "16KiB", 1024, 1 << 20, 0, "of one request"),
    PARAM_SIZE(P, max_body_bytes, "4MiB", 1024, 1 << 30, 0, "of one request"),
    PARAM_INT(P, queue, "1024", 1, 1e6, "", 0, "slow requests that may wait for a worker"),
    PARAM_INT(P, timeout_ms, "10000", 100, 3600000, "ms", 0, "for a whole request"),
    PARAM_INT(P, idle_ms, "30000", 1000, 3600000, "ms", 0, "of a connection between requests"),
    PARAM_INT(P, rate, "0", 0, 1e6, "", 0,
              "requests a second of one key (or address without keys), 0 = no limit"),
    PARAM_BOOL(P, allow_anonymous, "false", 0,
               "answer without keys on any address (scopes read and write)"),
    PARAM_TEXT(P, tls_certificate, NULL, 0, "PEM file with the chain, the server's first"),
    PARAM_TEXT(P, tls_key, NULL, 0, "PEM file with its private key"),
    {"tls", AKIN_PARAM_CHOICE, 0, offsetof(P, tls_terminated), "own", 0, 0, "own|terminated", "",
     "terminated: a proxy before us does TLS"},
    PARAM_LIST(P, hosts, NULL, 0,
               "Host values answered without keys on loopback, besides the address and localhost"),
    PARAM_LIST(P, cors_origins, NULL, 0, "origins whose pages may read answers, default none"),
    PARAM_TEXT(P, access_log, NULL, 0, "file for JSON lines, - = standard error"),
    {"access_log_key", AKIN_PARAM_TEXT, AKIN_PARAM_SECRET, offsetof(P, access_log_key), NULL, 0, 0,
     NULL, "", "secret of the hashes of ids in it, default another every start"},
    PARAM_LIST(
        P, reports, NULL, 0,
        "report files (.html, .json) to show, default those of the run with a configuration"),
    PARAM_BOOL(P, page, "true", 0, "serve the page at /"),
    PARAM_END,
};

akin_status serve_params_check(const struct serve_params *p, bool is_loopback, bool has_keys,
                               akin_error *err)
{
    akin_status status = AKIN_OK;
    if ((p->tls_certificate != NULL) != (p->tls_key != NULL))
        AKIN_FAIL(AKIN_E_ARG, "serve: tls_certificate and tls_key belong together");
    if (is_loopback)
        goto done;
    if (!p->allow_anonymous && !has_keys)
        AKIN_FAIL(AKIN_E_ARG,
                  "serve: listen=%.60s is not loopback and the store has no keys: make one with "
                  "`akin keys create`, or set allow_anonymous: true",
                  p->listen);
    if (!p->tls_certificate && !p->tls_terminated)
        AKIN_FAIL(
            AKIN_E_ARG,
            "serve: listen=%.60s is not loopback and there is no TLS: set tls_certificate and "
            "tls_key, or tls: terminated behind a proxy",
            p->listen);
done:
    return status;
}
