/*
 * Judging headers. The rules are those of RFC 9112 section 6.3, on its strict side: whatever could
 * be read in two ways by a proxy and by us is refused.
 */
#include "serve/framing.h"

#include "core/text.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* RFC 9110 section 5.6.2. "Content-Length :" is a length to some readers and none to others. */
static bool is_token(const char *name)
{
    return *name && name[strspn(name, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
                                      "ABCDEFGHIJKLMNOPQRSTUVWXYZ")] == '\0';
}

void framing_add(struct framing *f, const char *name, const char *value)
{
    static const struct {
        const char *name;
        size_t offset;
    } rows[] = {
        {"Content-Length", offsetof(struct framing, length)},
        {"Transfer-Encoding", offsetof(struct framing, encoding)},
        {"Host", offsetof(struct framing, host)},
        {"Authorization", offsetof(struct framing, authorization)},
        {"Content-Type", offsetof(struct framing, content_type)},
        {"Content-Encoding", offsetof(struct framing, content_encoding)},
        {"X-Api-Key", offsetof(struct framing, api_key)},
        {"Accept-Encoding", offsetof(struct framing, accept_encoding)},
        {"If-None-Match", offsetof(struct framing, if_none_match)},
        {"X-Request-Id", offsetof(struct framing, request_id)},
        {"Origin", offsetof(struct framing, origin)},
        {"Access-Control-Request-Method", offsetof(struct framing, preflight)},
    };
    if (!value)
        value = "";
    f->size += (int64_t)(strlen(name) + strlen(value) + 4);
    f->has_bad_name |= !is_token(name);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (strcasecmp(rows[i].name, name) != 0)
            continue;
        memcpy((char *)f + rows[i].offset, &value, sizeof value);
        f->n_length += i == 0;
        f->n_encoding += i == 1;
        f->n_host += i == 2;
        f->n_authorization += i == 3 || i == 6;
        return;
    }
}

static int refuse(akin_error *err, int status, const char *why)
{
    error_set(err, AKIN_E_INPUT, __FILE__, __LINE__, "%s", why);
    return status;
}

int framing_check(struct framing *f, const char *version, int64_t max_header_bytes,
                  int64_t max_body_bytes, akin_error *err)
{
    f->content_length = -1;
    f->has_body = false;
    if (strcmp(version, "HTTP/1.1") != 0 && strcmp(version, "HTTP/1.0") != 0)
        return refuse(err, 505, "HTTP version: 1.0 and 1.1 are spoken here");
    if (f->size > max_header_bytes)
        return refuse(err, 431, "headers: over max_header_bytes");
    if (f->has_bad_name)
        return refuse(err, 400, "headers: a name with a space or another byte that names have not");
    if (f->n_encoding > 0 && f->n_length > 0)
        return refuse(err, 400, "headers: Content-Length and Transfer-Encoding together");
    if (f->n_length > 1)
        return refuse(err, 400, "headers: Content-Length twice");
    if (f->n_encoding > 1 || (f->n_encoding == 1 && strcasecmp(f->encoding, "chunked") != 0))
        return refuse(err, 400, "headers: a Transfer-Encoding other than one chunked");
    if (f->n_encoding == 1 && strcmp(version, "HTTP/1.0") == 0)
        return refuse(err, 400, "headers: Transfer-Encoding in HTTP/1.0");
    if (f->n_host > 1)
        return refuse(err, 400, "headers: Host twice");
    if (f->n_host == 0 && strcmp(version, "HTTP/1.1") == 0)
        return refuse(err, 400, "headers: Host is missing");
    if (f->n_authorization > 1)
        return refuse(err, 400, "headers: more than one key");
    f->has_body = f->n_encoding == 1;
    if (f->n_length == 0)
        return 0;
    size_t n = strlen(f->length);
    if (n == 0 || strspn(f->length, "0123456789") != n)
        return refuse(err, 400, "headers: Content-Length must be digits");
    if (n > 18 || !text_to_int(f->length, n, &f->content_length))
        f->content_length = INT64_MAX;
    f->has_body = f->content_length > 0;
    if (f->content_length > max_body_bytes)
        return refuse(err, 413, "body: over max_body_bytes");
    return 0;
}

bool framing_is_json(const char *content_type)
{
    if (!content_type)
        return false;
    size_t n = strcspn(content_type, "; \t");
    bool is_json = (n == 16 && strncasecmp(content_type, "application/json", n) == 0) ||
                   (n > 17 && strncasecmp(content_type, "application/", 12) == 0 &&
                    strncasecmp(content_type + n - 5, "+json", 5) == 0);
    const char *charset = strchr(content_type, '=');
    if (!is_json || !charset)
        return is_json;
    charset += 1 + (charset[1] == '"');
    return strncasecmp(charset, "utf-8", 5) == 0;
}

/* q of a coding in thousandths; -1 = not mentioned. */
static int coding_q(const char *list, const char *coding)
{
    size_t size = strlen(coding);
    while (*list) {
        list += strspn(list, ", \t");
        size_t n = strcspn(list, ",");
        size_t name = strcspn(list, ",; \t");
        if (name == size && strncasecmp(list, coding, size) == 0) {
            const char *q = list + name;
            const char *end = list + n;
            while (q < end && *q != '=')
                q++;
            if (q >= end)
                return 1000;
            double value = 0;
            size_t digits = strspn(q + 1, "0123456789.");
            return text_to_double(q + 1, digits, &value) && value <= 1 ? (int)(value * 1000) : 0;
        }
        list += n;
    }
    return -1;
}

enum encoding framing_encoding(const char *accept_encoding)
{
    if (!accept_encoding)
        return ENCODING_NONE;
    int zstd = coding_q(accept_encoding, "zstd"), gzip = coding_q(accept_encoding, "gzip");
    int any = coding_q(accept_encoding, "*");
    if (gzip < 0)
        gzip = any; /* "*" need not mean what is rare */
    if (zstd > 0 && zstd >= gzip)
        return ENCODING_ZSTD;
    return gzip > 0 ? ENCODING_GZIP : ENCODING_NONE;
}

bool framing_etag_matches(const char *if_none_match, const char *etag)
{
    if (!if_none_match)
        return false;
    size_t size = strlen(etag);
    const char *at = if_none_match + strspn(if_none_match, " \t");
    if (at[0] == '*' && at[1] == '\0')
        return true;
    if (size > 2 && etag[0] == 'W') {
        etag += 2;
        size -= 2;
    }
    while (*at) {
        at += strspn(at, ", \t");
        if (at[0] == 'W' && at[1] == '/')
            at += 2;
        size_t n = strcspn(at, ", \t");
        if (n == size && memcmp(at, etag, n) == 0)
            return true;
        at += n;
    }
    return false;
}

bool framing_is_request_id(const char *text)
{
    size_t n = text ? strlen(text) : 0;
    return n >= 1 && n <= 64 &&
           strspn(text, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ._-") == n;
}
