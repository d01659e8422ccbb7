/*
 * Signed requests to somebody's address: `POST`, until they are acknowledged.
 *
 * The address comes from a configuration, and what answers at it may be anybody's: nothing is
 * followed, believed or kept of an answer but its status and Retry-After. For src/store only.
 */
#ifndef AKIN_STORE_WEBHOOK_H
#define AKIN_STORE_WEBHOOK_H

#include "core/ctx.h"

enum {
    WEBHOOK_BACKOFF_MS = 60000,      /* longest wait that we choose */
    WEBHOOK_RETRY_AFTER_MS = 300000, /* longest wait that the receiver may ask for */
    WEBHOOK_ANSWER = 65536           /* bytes of an answer that are read, to be forgotten */
};

struct webhook_options {
    const char *secret; /* key of the signature, not empty */
    int64_t retries, retry_ms, timeout_ms;
    bool allow_private; /* also addresses that are not public, http to this machine, and the proxy
                           that the environment names (whose way on nobody here can check) */
};

struct webhook;

/*
 * url: https://…, or http:// to this machine with allow_private. Texts are copied. Fails: E_ARG
 * (address, secret), E_MEMORY. Messages name the host only: the rest of an address may be a secret.
 */
akin_status webhook_open(akin_ctx *ctx, const char *url, const struct webhook_options *options,
                         struct webhook **out, akin_error *err);
void webhook_free(struct webhook *w); /* NULL allowed */
const char *webhook_host(const struct webhook *w);

/*
 * Sends body until a 2xx acknowledges it. 429, 5xx and a failing network are tried again: after
 * retry_ms, then twice as long each, 60 s at most, of which between a half and all is waited
 * (seeded); at least as long as Retry-After asks, 300 s at most.
 *   key      Idempotency-Key; also keys the draws
 *   number   of the body, for messages
 *   retries  counts those that were made
 * Headers: Content-Type, Idempotency-Key, X-Akin-Signature: t=TIME,v1=HEX, the HMAC-SHA256 of
 * "TIME.BODY", made anew for each try.
 * Fails: E_IO (every other status, an address that is refused, TLS, tries used up), E_CANCELLED
 * (within 100 ms), E_MEMORY.
 */
akin_status webhook_post(struct webhook *w, const char *key, int64_t number, const char *body,
                         int64_t size, int64_t *retries, akin_error *err);

#endif
