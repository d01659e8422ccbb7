/*
 * Webhooks: the signature (after Stripe's scheme: the time is signed, so that an old request cannot
 * be played again), the retries, and where a request may go.
 *
 * The check of the address is at the socket: whatever a name resolves to this time, and however an
 * address is written, is what libcurl asks a socket for. A check of the name before would leave the
 * resolver free to answer otherwise a moment later (DNS rebinding).
 *
 * Cost: the network; two passes of SHA-256 over a body. Not done: requests at once (order is part
 * of what a receiver may rely on), compression.
 */
#include "store/webhook.h"

#include "core/hash.h"
#include "core/rng.h"
#include "core/text.h"
#include "store/address.h"
#include "store/transfer.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { MAC_BYTES = 32, WAIT_MS = 50 };

struct webhook {
    akin_ctx *ctx;
    struct webhook_options options;
    char *url, *secret; /* owned */
    char host[TRANSFER_HOST];
    bool must_be_local; /* http: in the clear, so to this machine only */
    struct transfer web;
    const char *refused; /* kind of the last address that was refused, or NULL */
    int64_t answer_size; /* bytes of the answer at hand */
};

/* How a try ended. */
enum outcome { SENT, TRY_AGAIN, GIVE_UP };

/* ---- libcurl's call-backs ---- */

static size_t on_answer(char *bytes, size_t one, size_t n, void *arg)
{
    struct webhook *w = arg;
    (void)bytes;
    (void)one; /* always 1 */
    w->answer_size += (int64_t)n;
    return w->answer_size <= WEBHOOK_ANSWER ? n : 0; /* 0 ends the transfer; the status is known */
}

static curl_socket_t on_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
    struct webhook *w = arg;
    const char *kind = address_reserved(&a->addr);
    if (purpose != CURLSOCKTYPE_IPCXN)
        return CURL_SOCKET_BAD;
    if (w->must_be_local && !(kind && strcmp(kind, "loopback") == 0)) {
        w->refused = "not of this machine, and http is for it only";
        return CURL_SOCKET_BAD;
    }
    if (kind && !w->options.allow_private) {
        w->refused = kind;
        return CURL_SOCKET_BAD;
    }
    return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

/* ---- Opening ---- */

static akin_status check_url(struct webhook *w, const char *url, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct transfer_url parts;
    status = transfer_url_parse(url, &parts);
    if (status == AKIN_E_MEMORY)
        AKIN_FAIL(AKIN_E_MEMORY, "webhook: out of memory");
    if (status != AKIN_OK)
        AKIN_FAIL(AKIN_E_ARG, "webhook: not a web address (webhook:https://HOST/PATH)");
    text_copy(w->host, sizeof w->host, parts.host);
    text_clean(w->host);
    if (parts.has_user)
        AKIN_FAIL(AKIN_E_ARG,
                  "webhook to '%.150s': a name or password in the address (the signature says who "
                  "sends)",
                  w->host);
    if (parts.is_https)
        goto done;
    if (!parts.is_http || !parts.is_local || !w->options.allow_private)
        AKIN_FAIL(AKIN_E_ARG,
                  "webhook to '%.150s': not https (http only to this machine, with allow_private)",
                  w->host);
    w->must_be_local = true;
done:
    return status;
}

static akin_status set_options(struct webhook *w, akin_error *err)
{
    CURL *easy = w->web.easy;
    bool ok = true;
    ok &= curl_easy_setopt(easy, CURLOPT_URL, w->url) == CURLE_OK;
    ok &= curl_easy_setopt(easy, CURLOPT_POST, 1L) == CURLE_OK;
    ok &= curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK;
    ok &= curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)w->options.timeout_ms) == CURLE_OK;
    ok &= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_answer) == CURLE_OK;
    ok &= curl_easy_setopt(easy, CURLOPT_WRITEDATA, w) == CURLE_OK;
    ok &= curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_socket) == CURLE_OK;
    ok &= curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, w) == CURLE_OK;
    if (!w->options.allow_private || w->must_be_local)
        ok &= curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK;
    return transfer_options(&w->web, ok, err);
}

akin_status webhook_open(akin_ctx *ctx, const char *url, const struct webhook_options *options,
                         struct webhook **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct webhook *w = NULL;
    MEM_ZERO(ctx, w, 1);
    w->ctx = ctx;
    w->options = *options;
    AKIN_TRY(check_url(w, url, err));
    if (!options->secret || options->secret[0] == '\0')
        AKIN_FAIL(AKIN_E_ARG,
                  "webhook to '%.150s': no secret to sign with (AKIN_WEBHOOK_SECRET in the "
                  "environment)",
                  w->host);
    w->url = mem_strdup(ctx, url, err);
    w->secret = mem_strdup(ctx, options->secret, err);
    if (!w->url || !w->secret)
        AKIN_TRY(AKIN_E_MEMORY);
    AKIN_TRY(transfer_open(&w->web, "webhook", options->timeout_ms, err));
    AKIN_TRY(set_options(w, err));
    *out = w;
    w = NULL;
done:
    webhook_free(w);
    return status;
}

void webhook_free(struct webhook *w)
{
    if (!w)
        return;
    transfer_close(&w->web);
    if (w->secret)
        gnutls_memset(w->secret, 0, strlen(w->secret));
    mem_free(w->ctx, w->secret);
    mem_free(w->ctx, w->url);
    mem_free(w->ctx, w);
}

const char *webhook_host(const struct webhook *w)
{
    return w->host;
}

/* ---- One try ---- */

/* "X-Akin-Signature: t=…,v1=…" into out. */
static akin_status sign(const struct webhook *w, const char *body, int64_t size, char *out,
                        size_t out_size, akin_error *err)
{
    akin_status status = AKIN_OK;
    unsigned char mac[MAC_BYTES];
    char time_text[32], hex[2 * MAC_BYTES + 1];
    gnutls_hmac_hd_t h = NULL;
    int n = snprintf(time_text, sizeof time_text, "%" PRId64 ".", clock_unix());
    if (gnutls_hmac_init(&h, GNUTLS_MAC_SHA256, w->secret, strlen(w->secret)) != 0)
        AKIN_FAIL(AKIN_E_INTERNAL, "webhook: no HMAC-SHA256 in this GnuTLS");
    if (gnutls_hmac(h, time_text, (size_t)n) != 0 || gnutls_hmac(h, body, (size_t)size) != 0) {
        gnutls_hmac_deinit(h, NULL);
        AKIN_FAIL(AKIN_E_INTERNAL, "webhook: HMAC-SHA256 failed");
    }
    gnutls_hmac_deinit(h, mac);
    for (int i = 0; i < MAC_BYTES; i++)
        snprintf(hex + (ptrdiff_t)2 * i, 3, "%02x", mac[i]);
    snprintf(out, out_size, "X-Akin-Signature: t=%.*s,v1=%s", n - 1, time_text, hex);
done:
    return status;
}

/* NULL on lack of memory; the list that was is freed then. */
static struct curl_slist *add_header(struct curl_slist *list, const char *text)
{
    struct curl_slist *longer = curl_slist_append(list, text);
    if (!longer)
        curl_slist_free_all(list);
    return longer;
}

static akin_status make_headers(const struct webhook *w, const char *key, const char *body,
                                int64_t size, struct curl_slist **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    char idempotency[160], signature[160];
    const char *const texts[] = {"Content-Type: application/json", "Expect:", idempotency,
                                 signature};
    struct curl_slist *list = NULL;
    snprintf(idempotency, sizeof idempotency, "Idempotency-Key: %.120s", key);
    AKIN_TRY(sign(w, body, size, signature, sizeof signature, err));
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        list = add_header(list, texts[i]);
        if (!list)
            AKIN_FAIL(AKIN_E_MEMORY, "webhook: out of memory");
    }
    *out = list;
done:
    return status;
}

/* Failures that another try cannot mend: ours, or of trust. */
static bool is_hopeless(CURLcode rc)
{
    static const CURLcode codes[] = {
        CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_CIPHER,
        CURLE_UNSUPPORTED_PROTOCOL,     CURLE_URL_MALFORMAT,      CURLE_OUT_OF_MEMORY,
    };
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (rc == codes[i])
            return true;
    return false;
}

/*
 * Sends once. err is filled if it was not acknowledged; *wait_ms: what the receiver asks for.
 */
static enum outcome send_once(struct webhook *w, const char *key, int64_t number, const char *body,
                              int64_t size, int64_t *wait_ms, akin_status *fatal, akin_error *err)
{
    struct curl_slist *headers = NULL;
    CURLcode rc = CURLE_OK;
    long code = 0;
    curl_off_t after = 0;
    *fatal = make_headers(w, key, body, size, &headers, err);
    if (*fatal != AKIN_OK)
        return GIVE_UP;
    w->refused = NULL;
    w->answer_size = 0;
    bool ok = curl_easy_setopt(w->web.easy, CURLOPT_HTTPHEADER, headers) == CURLE_OK;
    ok &= curl_easy_setopt(w->web.easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)size) == CURLE_OK;
    ok &= curl_easy_setopt(w->web.easy, CURLOPT_POSTFIELDS, body) == CURLE_OK;
    *fatal = transfer_options(&w->web, ok, err);
    if (*fatal == AKIN_OK)
        *fatal = transfer_drive(&w->web, w->ctx, NULL, &rc, err);
    curl_easy_getinfo(w->web.easy, CURLINFO_RESPONSE_CODE, &code);
    curl_easy_getinfo(w->web.easy, CURLINFO_RETRY_AFTER, &after);
    (void)curl_easy_setopt(w->web.easy, CURLOPT_HTTPHEADER, NULL); /* not to be read any more */
    curl_slist_free_all(headers);
    if (*fatal != AKIN_OK)
        return GIVE_UP;
    if (rc == CURLE_WRITE_ERROR && w->answer_size > WEBHOOK_ANSWER)
        rc = CURLE_OK; /* we ended it: enough was said */
    if (rc != CURLE_OK && w->refused) {
        error_set(err, AKIN_E_IO, __FILE__, __LINE__,
                  "webhook to '%.100s' refused: its address is %s (allow_private lets it through)",
                  w->host, w->refused);
        return GIVE_UP;
    }
    if (rc != CURLE_OK) {
        error_set(err, AKIN_E_IO, __FILE__, __LINE__,
                  "webhook to '%.80s', batch %" PRId64 ": %.80s", w->host, number,
                  w->web.text[0] ? w->web.text : curl_easy_strerror(rc));
        return is_hopeless(rc) ? GIVE_UP : TRY_AGAIN;
    }
    if (code >= 200 && code < 300)
        return SENT;
    error_set(err, AKIN_E_IO, __FILE__, __LINE__,
              "webhook to '%.80s', batch %" PRId64 ": the receiver answers %ld%s", w->host, number,
              code, code >= 300 && code < 400 ? " (redirects are not followed)" : "");
    *wait_ms = after > 0 && after < WEBHOOK_RETRY_AFTER_MS / 1000 ? (int64_t)after * 1000
               : after > 0                                        ? WEBHOOK_RETRY_AFTER_MS
                                                                  : 0;
    return code == 429 || code >= 500 ? TRY_AGAIN : GIVE_UP;
}

/* ---- Until it is acknowledged ---- */

/* The wait before retry number `retry`, 0 the first: between a half and all of the doubled one. */
static int64_t backoff_ms(const struct webhook *w, uint64_t stream_index, int64_t retry)
{
    int64_t most = w->options.retry_ms;
    for (int64_t i = 0; i < retry && most < WEBHOOK_BACKOFF_MS; i++)
        most *= 2;
    most = most < WEBHOOK_BACKOFF_MS ? most : WEBHOOK_BACKOFF_MS;
    struct rng rng = rng_make(w->ctx->seed, RNG_RETRY, stream_index);
    rng.counter = (uint64_t)retry;
    return most - (int64_t)(rng_double(&rng) * (double)most / 2.0);
}

static akin_status wait_for(akin_ctx *ctx, int64_t ms, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t end = clock_ns() + ms * 1000000;
    for (int64_t left; (left = end - clock_ns()) > 0;) {
        int64_t ns = left < WAIT_MS * 1000000 ? left : WAIT_MS * 1000000;
        AKIN_TRY(ctx_check(ctx, err));
        nanosleep(&(struct timespec){.tv_nsec = (long)ns}, NULL);
        progress_poll(ctx);
    }
done:
    return status;
}

akin_status webhook_post(struct webhook *w, const char *key, int64_t number, const char *body,
                         int64_t size, int64_t *retries, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_error local = {0};
    uint64_t index = hash_bytes(key, strlen(key), 0);
    for (int64_t retry = 0;; retry++) {
        int64_t asked_ms = 0;
        enum outcome outcome = send_once(w, key, number, body, size, &asked_ms, &status, &local);
        if (outcome == SENT)
            goto done;
        if (status != AKIN_OK) {
            if (err)
                *err = local;
            goto done;
        }
        if (outcome == GIVE_UP)
            AKIN_FAIL(AKIN_E_IO, "%s", local.message);
        if (retry == w->options.retries)
            AKIN_FAIL(AKIN_E_IO, "%.180s; tried %" PRId64 " times", local.message, retry + 1);
        int64_t ms = backoff_ms(w, index, retry);
        ms = asked_ms > ms ? asked_ms : ms;
        log_write(w->ctx, AKIN_LOG_WARN, "%s; again in %.1f s", local.message, (double)ms * 1e-3);
        AKIN_TRY(wait_for(w->ctx, ms, err));
        ++*retries;
    }
done:
    return status;
}
