/*
 * One file from the web: HTTPS, checked by TLS and by length, whole or not at all.
 */
#ifndef AKIN_STORE_DOWNLOAD_H
#define AKIN_STORE_DOWNLOAD_H

#include "core/ctx.h"

enum { DOWNLOAD_URL_MAX = 2047, DOWNLOAD_REDIRECTS = 5 };
enum { DOWNLOAD_CONNECT_MS = 10000, DOWNLOAD_STALL_MS = 30000 };

struct download_options {
    int64_t limit;      /* bytes at most; must be positive */
    int64_t connect_ms; /* to a connection, TLS included; 0 = DOWNLOAD_CONNECT_MS */
    int64_t stall_ms;   /* without a byte of the file; 0 = DOWNLOAD_STALL_MS */
};

struct download_result {
    int64_t size;
    char md5[33]; /* lower-case hex */
};

/*
 * Fetches url into path: a temporary file beside it, fsynced and renamed at the end, so that a
 * failed transfer leaves path as it was. Reports progress ("download", bytes).
 *   url   https://, or http:// to this machine only (127.0.0.1, [::1], localhost); the same holds
 * for redirects, which may not leave https. The proxy variables of libcurl (https_proxy, no_proxy)
 * are kept. out   may be NULL Fails: E_NOT_FOUND (404, 410), E_LIMIT (announced or received more
 * than limit), E_IO (network, TLS, another HTTP status, shorter than announced, the disk), E_ARG
 * (url, limit), E_MEMORY, E_CANCELLED (within 100 ms, except while a system resolver hangs).
 */
akin_status download_file(akin_ctx *ctx, const char *url, const char *path,
                          const struct download_options *options, struct download_result *out,
                          akin_error *err);

#endif
