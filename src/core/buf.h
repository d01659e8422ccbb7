/* A growable byte buffer, and a streaming JSON writer over it (compact, finite numbers). */
#ifndef AKIN_CORE_BUF_H
#define AKIN_CORE_BUF_H

#include "core/mem.h"

#include <stdbool.h>
#include <stddef.h>

/* Errors stick: after a failed append all others do nothing; check `failed` once at the end. */
struct buf {
    akin_ctx *ctx;
    char *data; /* owned, NUL-terminated when not NULL */
    int64_t size;
    int64_t cap;
    bool failed;
};
void buf_init(struct buf *buf, akin_ctx *ctx);
void buf_free(struct buf *buf);
void buf_clear(struct buf *buf);
void buf_add(struct buf *buf, const void *bytes, size_t size);
void buf_text(struct buf *buf, const char *text);
void buf_char(struct buf *buf, char c);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_int(struct buf *buf, int64_t value);
/* Shortest decimal text that reads back to the same double (%.17g at most) or float. */
void buf_double(struct buf *buf, double value);
void buf_float(struct buf *buf, float value);
/* E_MEMORY if any append failed. */
akin_status buf_check(const struct buf *buf, akin_error *err);

/* JSON: commas are placed by the writer. NaN and infinities are written as null. */
struct jw {
    struct buf *buf;
    bool comma;
};
void jw_init(struct jw *jw, struct buf *buf);
void jw_open(struct jw *jw, char bracket);  /* '{' or '[' */
void jw_close(struct jw *jw, char bracket); /* '}' or ']' */
void jw_key(struct jw *jw, const char *key);
void jw_string(struct jw *jw, const char *text);
void jw_string_n(struct jw *jw, const char *text, size_t size);
void jw_int(struct jw *jw, int64_t value);
void jw_double(struct jw *jw, double value);
void jw_float(struct jw *jw, float value);
void jw_bool(struct jw *jw, bool value);
void jw_null(struct jw *jw);
void jw_raw(struct jw *jw, const char *json); /* a complete JSON value */

#endif
