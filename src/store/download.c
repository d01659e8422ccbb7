/*
 * One file from the web, with libcurl.
 *
 * Redirects are followed here and not by libcurl, so that every hop passes the same check of its
 * address. The transfer runs through the multi interface, as that lets us look at the cancel flag
 * ten times a second whatever the network does. The MD5 that publishers list is summed on the way:
 * it finds damage, and TLS is what proves the origin.
 *
 * Cost: the network; one copy into the file writer; about 2 ms of MD5 a MB.
 * Not done: resuming, parallel ranges, retries (the caller knows what a failure is worth), content
 * encodings (bytes arrive as they are stored).
 */
#include "store/download.h"

#include "core/file.h"
#include "store/md5.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

struct transfer {
    akin_ctx *ctx;
    CURL *easy;                 /* owned */
    struct file_writer *writer; /* owned until commit */
    struct md5 md5;
    int64_t stall_ms;
    int64_t limit;
    int64_t size;       /* received so far */
    int64_t announced;  /* Content-Length, -1 if there was none */
    bool is_body;       /* the first byte of a 200 was seen; a stage of progress is open */
    akin_status failed; /* why on_bytes refused; AKIN_OK if it did not */
    akin_error *err;
    char curl_text[CURL_ERROR_SIZE];
};

static bool is_loopback(const char *host)
{
    return strcmp(host, "127.0.0.1") == 0 || strcasecmp(host, "localhost") == 0;
}

/* Refuses what is neither https nor http to this machine, and a step from https down to http. */
static akin_status check_url(const char *url, bool was_https, bool *is_https, bool *is_local,
                             akin_error *err)
{
    akin_status status = AKIN_OK;
    char *scheme = NULL, *host = NULL;
    CURLU *parts = curl_url();
    if (!parts)
        AKIN_FAIL(AKIN_E_MEMORY, "download: out of memory");
    if (strlen(url) > DOWNLOAD_URL_MAX)
        AKIN_FAIL(AKIN_E_ARG, "download: address of %zu bytes (at most %d)", strlen(url),
                  DOWNLOAD_URL_MAX);
    if (curl_url_set(parts, CURLUPART_URL, url, 0) != CURLUE_OK ||
        curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        curl_url_get(parts, CURLUPART_HOST, &host, 0) != CURLUE_OK)
        AKIN_FAIL(AKIN_E_ARG, "download: '%.120s' is not a web address", url);
    *is_https = strcasecmp(scheme, "https") == 0;
    *is_local = is_loopback(host);
    if (!*is_https && !(strcasecmp(scheme, "http") == 0 && *is_local && !was_https))
        AKIN_FAIL(AKIN_E_ARG, "download: '%.120s' is not https (http only from this machine)", url);
done:
    curl_free(scheme);
    curl_free(host);
    curl_url_cleanup(parts);
    return status;
}

/* The first bytes of the wanted body: its length is known now, if ever. */
static akin_status begin_body(struct transfer *t, akin_error *err)
{
    curl_off_t length = -1;
    curl_easy_getinfo(t->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    t->announced = (int64_t)length;
    if (t->announced > t->limit)
        return error_set(err, AKIN_E_LIMIT, __FILE__, __LINE__,
                         "download: %" PRId64 " bytes announced (at most %" PRId64 ")",
                         t->announced, t->limit);
    t->is_body = true;
    progress_begin(t->ctx, "download", t->announced > 0 ? t->announced : 0);
    return AKIN_OK;
}

static akin_status take_bytes(struct transfer *t, const char *bytes, int64_t n, akin_error *err)
{
    akin_status status = AKIN_OK;
    if (!t->is_body)
        AKIN_TRY(begin_body(t, err));
    if (n > t->limit - t->size)
        AKIN_FAIL(AKIN_E_LIMIT, "download: more than %" PRId64 " bytes, the limit", t->limit);
    AKIN_TRY(file_writer_add(t->writer, bytes, n, err));
    md5_add(&t->md5, bytes, (size_t)n);
    t->size += n;
    progress_add(t->ctx, n);
done:
    return status;
}

/* libcurl's write call-back: any answer but n ends the transfer. Bodies of other codes are lost. */
static size_t on_bytes(char *bytes, size_t one, size_t n, void *arg)
{
    struct transfer *t = arg;
    long code = 0;
    (void)one; /* always 1 */
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &code);
    if (code != 200 || n == 0)
        return n;
    t->failed = take_bytes(t, bytes, (int64_t)n, t->err);
    return t->failed == AKIN_OK ? n : 0;
}

static akin_status set_options(struct transfer *t, const struct download_options *o,
                               akin_error *err)
{
    CURL *easy = t->easy;
    long connect_ms = (long)(o->connect_ms > 0 ? o->connect_ms : DOWNLOAD_CONNECT_MS);
    bool ok = true;
    ok &= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
    ok &= curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->curl_text) == CURLE_OK;
    ok &= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https,http") == CURLE_OK;
    ok &= curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK;
    ok &= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK;
    ok &= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK;
    ok &= curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK;
    ok &= curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, connect_ms) == CURLE_OK;
    ok &= curl_easy_setopt(easy, CURLOPT_USERAGENT, "akin/" AKIN_VERSION) == CURLE_OK;
    ok &= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_bytes) == CURLE_OK;
    ok &= curl_easy_setopt(easy, CURLOPT_WRITEDATA, t) == CURLE_OK;
    if (!ok)
        return error_set(err, AKIN_E_UNSUPPORTED, __FILE__, __LINE__,
                         "download: this libcurl (%s) lacks an option akin needs", curl_version());
    return AKIN_OK;
}

/*
 * Runs the easy handle to its end, one look at the cancel flag and the clock every 100 ms at least.
 * (libcurl's own limit of speed looks at an average of five seconds.)
 */
static akin_status drive(struct transfer *t, CURLcode *result, akin_error *err)
{
    akin_status status = AKIN_OK;
    bool is_added = false;
    int running = 1, left;
    int64_t seen = t->size, seen_ns = clock_ns();
    CURLM *multi = curl_multi_init();
    if (!multi)
        AKIN_FAIL(AKIN_E_MEMORY, "download: out of memory");
    if (curl_multi_add_handle(multi, t->easy) != CURLM_OK)
        AKIN_FAIL(AKIN_E_INTERNAL, "download: libcurl refuses the transfer");
    is_added = true;
    while (running > 0) {
        AKIN_TRY(ctx_check(t->ctx, err));
        CURLMcode rc = curl_multi_perform(multi, &running);
        if (rc == CURLM_OK && running > 0)
            rc = curl_multi_poll(multi, NULL, 0, 100, NULL);
        if (rc != CURLM_OK)
            AKIN_FAIL(AKIN_E_IO, "download: %s", curl_multi_strerror(rc));
        if (t->is_body)
            progress_poll(t->ctx);
        int64_t now = clock_ns();
        if (t->size != seen) {
            seen = t->size;
            seen_ns = now;
        } else if (running > 0 && (now - seen_ns) / 1000000 > t->stall_ms) {
            AKIN_FAIL(AKIN_E_IO,
                      "download: nothing came for %" PRId64 " ms (%" PRId64 " bytes did)",
                      t->stall_ms, t->size);
        }
    }
    *result = CURLE_OK;
    for (CURLMsg *m; (m = curl_multi_info_read(multi, &left));)
        if (m->msg == CURLMSG_DONE)
            *result = m->data.result;
done:
    if (is_added)
        curl_multi_remove_handle(multi, t->easy);
    curl_multi_cleanup(multi);
    return status;
}

/* One request. *next receives the address of a redirect (libcurl's, until the next request). */
static akin_status request(struct transfer *t, const char *url, bool is_local, const char **next,
                           akin_error *err)
{
    akin_status status = AKIN_OK;
    CURLcode rc = CURLE_OK;
    long code = 0;
    *next = NULL;
    t->curl_text[0] = '\0';
    if (curl_easy_setopt(t->easy, CURLOPT_URL, url) != CURLE_OK ||
        curl_easy_setopt(t->easy, CURLOPT_NOPROXY, is_local ? "*" : NULL) != CURLE_OK)
        AKIN_FAIL(AKIN_E_MEMORY, "download: out of memory");
    AKIN_TRY(drive(t, &rc, err));
    if (t->failed != AKIN_OK)
        return t->failed; /* err was filled by take_bytes */
    if (rc != CURLE_OK)
        AKIN_FAIL(AKIN_E_IO, "download of '%.90s' failed: %.110s", url,
                  t->curl_text[0] ? t->curl_text : curl_easy_strerror(rc));
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &code);
    if (code == 200)
        return AKIN_OK;
    if (code == 301 || code == 302 || code == 303 || code == 307 || code == 308) {
        char *target = NULL;
        curl_easy_getinfo(t->easy, CURLINFO_REDIRECT_URL, &target);
        *next = target;
        if (target)
            return AKIN_OK;
    }
    AKIN_FAIL(code == 404 || code == 410 ? AKIN_E_NOT_FOUND : AKIN_E_IO,
              "download of '%.120s' failed: the server answers %ld, not 200", url, code);
done:
    return status;
}

/* Requests after requests until one is answered with the file. */
static akin_status fetch(struct transfer *t, const char *url, akin_error *err)
{
    akin_status status = AKIN_OK;
    char current[DOWNLOAD_URL_MAX + 1];
    bool is_https = false, is_local = false;
    AKIN_TRY(check_url(url, false, &is_https, &is_local, err));
    snprintf(current, sizeof current, "%s", url);
    for (int i = 0; i <= DOWNLOAD_REDIRECTS; i++) {
        const char *next;
        AKIN_TRY(request(t, current, is_local, &next, err));
        if (!next)
            return AKIN_OK;
        AKIN_TRY(check_url(next, is_https, &is_https, &is_local, err));
        snprintf(current, sizeof current, "%s", next);
    }
    AKIN_FAIL(AKIN_E_IO, "download of '%.120s' failed: more than %d redirects", url,
              DOWNLOAD_REDIRECTS);
done:
    return status;
}

static akin_status finish(struct transfer *t, const char *url, struct download_result *out,
                          akin_error *err)
{
    akin_status status = AKIN_OK;
    if (t->is_body && t->announced >= 0 && t->size != t->announced)
        AKIN_FAIL(AKIN_E_IO, "download of '%.90s' failed: %" PRId64 " bytes of %" PRId64, url,
                  t->size, t->announced);
    struct file_writer *w = t->writer;
    t->writer = NULL;
    AKIN_TRY(file_writer_commit(w, err));
    if (out) {
        out->size = t->size;
        md5_end(&t->md5, out->md5);
    }
done:
    return status;
}

akin_status download_file(akin_ctx *ctx, const char *url, const char *path,
                          const struct download_options *options, struct download_result *out,
                          akin_error *err)
{
    akin_status status = AKIN_OK;
    struct transfer t = {.ctx = ctx, .limit = options->limit, .announced = -1, .err = err};
    if (options->limit <= 0)
        AKIN_FAIL(AKIN_E_ARG, "download: limit of %" PRId64 " bytes (must be positive)",
                  options->limit);
    /* Idempotent, and thread-safe since libcurl 7.84; left open, as others may use it too. */
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        AKIN_FAIL(AKIN_E_INTERNAL, "download: libcurl does not start");
    t.easy = curl_easy_init();
    if (!t.easy)
        AKIN_FAIL(AKIN_E_MEMORY, "download: out of memory");
    md5_begin(&t.md5);
    t.stall_ms = options->stall_ms > 0 ? options->stall_ms : DOWNLOAD_STALL_MS;
    AKIN_TRY(set_options(&t, options, err));
    AKIN_TRY(file_writer_open(ctx, path, &t.writer, err));
    AKIN_TRY(fetch(&t, url, err));
    AKIN_TRY(finish(&t, url, out, err));
done:
    if (t.is_body)
        progress_end(ctx);
    file_writer_abort(t.writer);
    curl_easy_cleanup(t.easy);
    return status;
}
