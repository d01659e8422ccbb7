/*
 * One file from the web, with libcurl.
 *
 * Redirects are followed here and not by libcurl, so that every hop passes the same check of its
 * address. The MD5 that publishers list is summed on the way: it finds damage, and TLS is what
 * proves the origin.
 *
 * Cost: the network; one copy into the file writer; about 2 ms of MD5 a MB.
 * Not done: resuming, parallel ranges, retries (the caller knows what a failure is worth), content
 * encodings (bytes arrive as they are stored).
 */
#include "store/download.h"

#include "core/file.h"
#include "store/md5.h"
#include "store/transfer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct download {
    akin_ctx *ctx;
    struct transfer web;
    struct file_writer *writer; /* owned until commit */
    struct md5 md5;
    int64_t stall_ms;
    int64_t limit;
    int64_t size;       /* received so far */
    int64_t announced;  /* Content-Length, -1 if there was none */
    bool is_body;       /* the first byte of a 200 was seen; a stage of progress is open */
    akin_status failed; /* why on_bytes refused; AKIN_OK if it did not */
    akin_error *err;
};

/* Refuses what is neither https nor http to this machine, and a step from https down to http. */
static akin_status check_url(const char *url, bool was_https, bool *is_https, bool *is_local,
                             akin_error *err)
{
    akin_status status = AKIN_OK;
    struct transfer_url parts;
    if (strlen(url) > DOWNLOAD_URL_MAX)
        AKIN_FAIL(AKIN_E_ARG, "download: address of %zu bytes (at most %d)", strlen(url),
                  DOWNLOAD_URL_MAX);
    status = transfer_url_parse(url, &parts);
    if (status == AKIN_E_MEMORY)
        AKIN_FAIL(AKIN_E_MEMORY, "download: out of memory");
    if (status != AKIN_OK)
        AKIN_FAIL(AKIN_E_ARG, "download: '%.120s' is not a web address", url);
    *is_https = parts.is_https;
    *is_local = parts.is_local;
    if (!parts.is_https && !(parts.is_http && parts.is_local && !was_https))
        AKIN_FAIL(AKIN_E_ARG, "download: '%.120s' is not https (http only from this machine)", url);
done:
    return status;
}

/* The first bytes of the wanted body: its length is known now, if ever. */
static akin_status begin_body(struct download *t, akin_error *err)
{
    curl_off_t length = -1;
    curl_easy_getinfo(t->web.easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    t->announced = (int64_t)length;
    if (t->announced > t->limit)
        return error_set(err, AKIN_E_LIMIT, __FILE__, __LINE__,
                         "download: %" PRId64 " bytes announced (at most %" PRId64 ")",
                         t->announced, t->limit);
    t->is_body = true;
    progress_begin(t->ctx, "download", t->announced > 0 ? t->announced : 0);
    return AKIN_OK;
}

static akin_status take_bytes(struct download *t, const char *bytes, int64_t n, akin_error *err)
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
    struct download *t = arg;
    long code = 0;
    (void)one; /* always 1 */
    curl_easy_getinfo(t->web.easy, CURLINFO_RESPONSE_CODE, &code);
    if (code != 200 || n == 0)
        return n;
    t->failed = take_bytes(t, bytes, (int64_t)n, t->err);
    return t->failed == AKIN_OK ? n : 0;
}

/* One request. *next receives the address of a redirect (libcurl's, until the next request). */
static akin_status request(struct download *t, const char *url, bool is_local, const char **next,
                           akin_error *err)
{
    akin_status status = AKIN_OK;
    CURLcode rc = CURLE_OK;
    long code = 0;
    *next = NULL;
    if (curl_easy_setopt(t->web.easy, CURLOPT_URL, url) != CURLE_OK ||
        curl_easy_setopt(t->web.easy, CURLOPT_NOPROXY, is_local ? "*" : NULL) != CURLE_OK)
        AKIN_FAIL(AKIN_E_MEMORY, "download: out of memory");
    const struct transfer_watch watch = {&t->size, t->stall_ms};
    AKIN_TRY(transfer_drive(&t->web, t->ctx, &watch, &rc, err));
    if (t->failed != AKIN_OK)
        return t->failed; /* err was filled by take_bytes */
    if (rc != CURLE_OK)
        AKIN_FAIL(AKIN_E_IO, "download of '%.90s' failed: %.110s", url,
                  t->web.text[0] ? t->web.text : curl_easy_strerror(rc));
    curl_easy_getinfo(t->web.easy, CURLINFO_RESPONSE_CODE, &code);
    if (code == 200)
        return AKIN_OK;
    if (code == 301 || code == 302 || code == 303 || code == 307 || code == 308) {
        char *target = NULL;
        curl_easy_getinfo(t->web.easy, CURLINFO_REDIRECT_URL, &target);
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
static akin_status fetch(struct download *t, const char *url, akin_error *err)
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

static akin_status finish(struct download *t, const char *url, struct download_result *out,
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
    struct download t = {.ctx = ctx, .limit = options->limit, .announced = -1, .err = err};
    if (options->limit <= 0)
        AKIN_FAIL(AKIN_E_ARG, "download: limit of %" PRId64 " bytes (must be positive)",
                  options->limit);
    int64_t connect_ms = options->connect_ms > 0 ? options->connect_ms : DOWNLOAD_CONNECT_MS;
    AKIN_TRY(transfer_open(&t.web, "download", connect_ms, err));
    bool ok = curl_easy_setopt(t.web.easy, CURLOPT_WRITEFUNCTION, on_bytes) == CURLE_OK;
    ok &= curl_easy_setopt(t.web.easy, CURLOPT_WRITEDATA, &t) == CURLE_OK;
    AKIN_TRY(transfer_options(&t.web, ok, err));
    md5_begin(&t.md5);
    t.stall_ms = options->stall_ms > 0 ? options->stall_ms : DOWNLOAD_STALL_MS;
    AKIN_TRY(file_writer_open(ctx, path, &t.writer, err));
    AKIN_TRY(fetch(&t, url, err));
    AKIN_TRY(finish(&t, url, out, err));
done:
    if (t.is_body)
        progress_end(ctx);
    file_writer_abort(t.writer);
    transfer_close(&t.web);
    return status;
}
