/* What every transfer of ours over the web shares: an address taken apart, a handle that trusts
 * nobody without reason, a loop that can be cancelled. For src/store only. */
#ifndef AKIN_STORE_TRANSFER_H
#define AKIN_STORE_TRANSFER_H

#include "core/ctx.h"

#include <curl/curl.h>

enum { TRANSFER_URL_MAX = 2047, TRANSFER_HOST = 256 };

struct transfer_url {
    bool is_https, is_http;
    bool is_local;            /* 127.0.0.1, ::1 or localhost, by its text */
    bool has_user;            /* user or password in front of the host */
    char host[TRANSFER_HOST]; /* with the port if one is given */
};
/* E_ARG (too long, not an address with scheme and host) or E_MEMORY; the caller has the words. */
akin_status transfer_url_parse(const char *url, struct transfer_url *out);

/* One request after another over connections that are kept. Not moved between open and close. */
struct transfer {
    const char *what; /* "download": prefix of messages */
    CURL *easy;       /* for options of the caller's own */
    CURLM *multi;
    char text[CURL_ERROR_SIZE]; /* libcurl's own words of the last failure, or "" */
};
/*
 * A handle: TLS 1.2 or newer, certificate and name verified, no redirects, http and https only.
 * After a failure transfer_close may be called. Fails: E_MEMORY, E_INTERNAL, E_UNSUPPORTED (a
 * libcurl without what we need).
 */
akin_status transfer_open(struct transfer *t, const char *what, int64_t connect_ms,
                          akin_error *err);
void transfer_close(struct transfer *t); /* of zeros, too */
/* The same for options that a caller adds: `ok &= curl_easy_setopt(…) == CURLE_OK`. */
akin_status transfer_options(const struct transfer *t, bool ok, akin_error *err);

/* Ends a transfer in which *size does not grow for stall_ms; NULL = the handle's own limits. */
struct transfer_watch {
    const int64_t *size;
    int64_t stall_ms;
};
/*
 * Makes the request, with one look at the cancel flag, the watch and the progress every
 * 100 ms at least. *result: libcurl's verdict. Fails: E_CANCELLED, E_IO (stalled), E_MEMORY.
 */
akin_status transfer_drive(struct transfer *t, akin_ctx *ctx, const struct transfer_watch *watch,
                           CURLcode *result, akin_error *err);

#endif
