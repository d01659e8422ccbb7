/*
 * What headers say about the framing of a request, the client's wishes and its rights: collected in
 * one walk, judged without looking at the library that read them.
 */
#ifndef AKIN_SERVE_FRAMING_H
#define AKIN_SERVE_FRAMING_H

#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Texts borrowed from the headers; NULL = absent. */
struct framing {
    int n_length, n_encoding, n_host, n_authorization;
    const char *length, *encoding, *host;
    const char *content_type, *content_encoding;
    const char *authorization, *api_key;
    const char *accept_encoding, *if_none_match, *request_id;
    const char *origin, *preflight; /* Access-Control-Request-Method */
    int64_t size;                   /* of names and values */
    int64_t content_length;         /* -1 = not said: set by framing_check */
    bool has_body;                  /* by framing_check */
    bool has_bad_name;              /* one that is no token */
};

void framing_add(struct framing *f, const char *name, const char *value);
/*
 * 0, or the HTTP status with err filled: 400 for what two readers could understand differently
 * (length and encoding together, two lengths, no host or two, an encoding other than chunked, a
 * space before a colon), 505, 431, 413. After any of them the connection must be closed.
 */
int framing_check(struct framing *f, const char *version, int64_t max_header_bytes,
                  int64_t max_body_bytes, akin_error *err);

/* Whether a Content-Type is JSON: application/json or one that ends in +json, UTF-8 if it says. */
bool framing_is_json(const char *content_type);
enum encoding { ENCODING_NONE = 0, ENCODING_GZIP = 1, ENCODING_ZSTD = 2 };
/* The best of an Accept-Encoding by its q values; zstd before gzip. */
enum encoding framing_encoding(const char *accept_encoding);
/* Whether If-None-Match (a list, or "*") names the tag, weakly compared. */
bool framing_etag_matches(const char *if_none_match, const char *etag);
/* A request id as others may echo it: 1..64 of letters, digits and "._-". */
bool framing_is_request_id(const char *text);

#endif
