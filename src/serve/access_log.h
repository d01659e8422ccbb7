/* The access log: JSON lines, written by a thread of its own; ids as keyed hashes only. */
#ifndef AKIN_SERVE_ACCESS_LOG_H
#define AKIN_SERVE_ACCESS_LOG_H

#include "core/buf.h"

#include <stdatomic.h>

struct access_log;

/* path "-": standard error. key: of the hashes, NULL = random. dropped: counts lost lines. */
akin_status access_log_open(akin_ctx *ctx, const char *path, const char *key,
                            _Atomic int64_t *dropped, struct access_log **out, akin_error *err);
/* Opens the path anew (the file was moved away). */
akin_status access_log_reopen(struct access_log *log, akin_error *err);
/* Writes what is left. NULL allowed. */
void access_log_close(struct access_log *log);

/* Borrowed; NULL = absent. Texts but `id`, `method`, `route`, `key` are hashed. */
struct access_line {
    int64_t time_unix;
    const char *id, *method, *route, *key;
    const char *entity, *address; /* hashed */
    int status;
    int64_t ns, bytes;
};
/* Never waits for the disk: without room the line is dropped and counted. log NULL: nothing. */
void access_log_add(struct access_log *log, const struct access_line *line);
/* 16 hex digits of HMAC-SHA256(key, text). */
void access_log_hash(const struct access_log *log, const char *text, char out[17]);

#endif
