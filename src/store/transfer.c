/*
 * Transfers over libcurl's multi interface, as that lets us look at the cancel flag ten times a
 * second whatever the network does.
 */
#include "store/transfer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static bool is_loopback(const char *host)
{
    return strcmp(host, "127.0.0.1") == 0 || strcmp(host, "[::1]") == 0 ||
           strcasecmp(host, "localhost") == 0;
}

akin_status transfer_url_parse(const char *url, struct transfer_url *out)
{
    akin_status status = AKIN_E_ARG;
    char *scheme = NULL, *host = NULL, *port = NULL, *user = NULL;
    CURLU *parts = curl_url();
    memset(out, 0, sizeof *out);
    if (!parts)
        return AKIN_E_MEMORY;
    if (strnlen(url, TRANSFER_URL_MAX + 1) > TRANSFER_URL_MAX ||
        curl_url_set(parts, CURLUPART_URL, url, 0) != CURLUE_OK ||
        curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        curl_url_get(parts, CURLUPART_HOST, &host, 0) != CURLUE_OK)
        goto done;
    (void)curl_url_get(parts, CURLUPART_PORT, &port, 0); /* none is fine */
    out->has_user = curl_url_get(parts, CURLUPART_USER, &user, 0) == CURLUE_OK;
    out->is_https = strcasecmp(scheme, "https") == 0;
    out->is_http = strcasecmp(scheme, "http") == 0;
    out->is_local = is_loopback(host);
    int n =
        snprintf(out->host, sizeof out->host, "%s%s%s", host, port ? ":" : "", port ? port : "");
    if (n > 0 && n < (int)sizeof out->host)
        status = AKIN_OK;
done:
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_free(user);
    curl_url_cleanup(parts);
    return status;
}

akin_status transfer_options(const struct transfer *t, bool ok, akin_error *err)
{
    if (!ok)
        return error_set(err, AKIN_E_UNSUPPORTED, __FILE__, __LINE__,
                         "%s: this libcurl (%s) lacks an option akin needs", t->what,
                         curl_version());
    return AKIN_OK;
}

akin_status transfer_open(struct transfer *t, const char *what, int64_t connect_ms, akin_error *err)
{
    akin_status status = AKIN_OK;
    bool ok = true;
    *t = (struct transfer){.what = what};
    /* Idempotent, and thread-safe since libcurl 7.84; left open, as others may use it too. */
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        AKIN_FAIL(AKIN_E_INTERNAL, "%s: libcurl does not start", what);
    t->easy = curl_easy_init();
    t->multi = curl_multi_init();
    if (!t->easy || !t->multi)
        AKIN_FAIL(AKIN_E_MEMORY, "%s: out of memory", what);
    CURL *easy = t->easy;
    ok &= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
    ok &= curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->text) == CURLE_OK;
    ok &= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https,http") == CURLE_OK;
    ok &= curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK;
    ok &= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK;
    ok &= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK;
    ok &= curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK;
    ok &= curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms) == CURLE_OK;
    ok &= curl_easy_setopt(easy, CURLOPT_USERAGENT, "akin/" AKIN_VERSION) == CURLE_OK;
    AKIN_TRY(transfer_options(t, ok, err));
done:
    return status;
}

void transfer_close(struct transfer *t)
{
    curl_easy_cleanup(t->easy);
    curl_multi_cleanup(t->multi);
    *t = (struct transfer){0};
}

/* libcurl's own limit of speed looks at an average of five seconds: too coarse. */
static akin_status look(const char *what, const struct transfer_watch *watch, int64_t *seen,
                        int64_t *seen_ns, akin_error *err)
{
    int64_t now = clock_ns();
    if (!watch)
        return AKIN_OK;
    if (*watch->size != *seen) {
        *seen = *watch->size;
        *seen_ns = now;
    } else if ((now - *seen_ns) / 1000000 > watch->stall_ms) {
        return error_set(err, AKIN_E_IO, __FILE__, __LINE__,
                         "%s: nothing came for %" PRId64 " ms (%" PRId64 " bytes did)", what,
                         watch->stall_ms, *watch->size);
    }
    return AKIN_OK;
}

akin_status transfer_drive(struct transfer *t, akin_ctx *ctx, const struct transfer_watch *watch,
                           CURLcode *result, akin_error *err)
{
    akin_status status = AKIN_OK;
    int running = 1, left;
    int64_t seen = watch ? *watch->size : 0, seen_ns = clock_ns();
    t->text[0] = '\0';
    if (curl_multi_add_handle(t->multi, t->easy) != CURLM_OK)
        AKIN_FAIL(AKIN_E_INTERNAL, "%s: libcurl refuses the transfer", t->what);
    while (running > 0) {
        AKIN_TRY(ctx_check(ctx, err));
        CURLMcode rc = curl_multi_perform(t->multi, &running);
        if (rc == CURLM_OK && running > 0)
            rc = curl_multi_poll(t->multi, NULL, 0, 100, NULL);
        if (rc != CURLM_OK)
            AKIN_FAIL(AKIN_E_IO, "%s: %s", t->what, curl_multi_strerror(rc));
        progress_poll(ctx);
        if (running > 0)
            AKIN_TRY(look(t->what, watch, &seen, &seen_ns, err));
    }
    *result = CURLE_OK;
    for (CURLMsg *m; (m = curl_multi_info_read(t->multi, &left));)
        if (m->msg == CURLMSG_DONE)
            *result = m->data.result;
done:
    curl_multi_remove_handle(t->multi, t->easy); /* nothing, if it was not added */
    return status;
}
