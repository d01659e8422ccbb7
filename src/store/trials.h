/*
 * The log of a search: one SQLite file, a row a finished trial, durable when the call returns. What
 * a search killed at any moment goes on from. What study, params and metrics hold is the caller's.
 */
#ifndef AKIN_STORE_TRIALS_H
#define AKIN_STORE_TRIALS_H

#include "core/ctx.h"

#include <stdbool.h>

/* Texts NUL-terminated; in a read they live until the call-back returns. */
struct trial_row {
    int64_t number, rung; /* together the key */
    const char *model;
    const char *params;  /* JSON */
    const char *metrics; /* JSON, or NULL: it failed */
    const char *error;   /* why, or NULL */
    double seconds;
    int64_t peak_bytes;
};

struct trial_log;
/*
 * Opens or makes the file at path, for this process alone until it is closed. Fails: E_IO,
 * E_FORMAT (not a log of trials, or damaged), E_VERSION, E_LIMIT (another process has it open),
 * E_MEMORY. Threads: one at a time.
 */
akin_status trial_log_open(akin_ctx *ctx, const char *path, struct trial_log **out,
                           akin_error *err);
void trial_log_close(struct trial_log *log); /* NULL allowed */
/* What the trials belong to, as trial_log_begin was told; "" = a new log. The log's own. */
const char *trial_log_study(const struct trial_log *log);
/* Starts anew: earlier rows go. */
akin_status trial_log_begin(struct trial_log *log, const char *study, akin_error *err);
akin_status trial_log_add(struct trial_log *log, const struct trial_row *row, akin_error *err);
/* All rows by (rung, number). The call-back's failure ends the read and is returned. */
typedef akin_status (*trial_row_fn)(void *arg, const struct trial_row *row, akin_error *err);
akin_status trial_log_read(struct trial_log *log, trial_row_fn fn, void *arg, akin_error *err);

#endif
