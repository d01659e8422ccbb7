/*
 * Sinks: where lists go after a refresh. `scheme:rest`; a scheme is a row of the table in sink.c
 * and a file of its own.
 *
 * A refresh is a sequence of records (one a user, in the order of users), the same for the same
 * model and parameters, whoever makes it and however often. That is what lets a sink tell a repeat.
 */
#ifndef AKIN_STORE_SINK_H
#define AKIN_STORE_SINK_H

#include "core/ctx.h"

enum sink_format { SINK_JSONL, SINK_CSV };

struct sink_options {
    /* Equal texts promise equal records in an equal order: model, parameters, version. */
    const char *identity;
    const char *progress; /* prefix of the files that say what was acknowledged (webhooks) */
    const char *secret;   /* webhooks: key of the signature; kept out of every message */
    int64_t allow_private;
    int64_t batch;      /* records of a request, 0 = 100 */
    int64_t retries;    /* after the first try; -1 = 6 */
    int64_t retry_ms;   /* before the first of them, then twice as long each, 0 = 1000 */
    int64_t timeout_ms; /* of a request, connecting included, 0 = 30000 */
};

/* What became of a refresh. */
struct sink_report {
    int64_t n_bytes;     /* of records taken */
    int64_t n_batches;   /* 0 for sinks that write one file */
    int64_t n_unchanged; /* of them acknowledged before, and not sent again */
    int64_t n_retries;
};

struct sink;

/*
 * Opens what url names. Everything that can be wrong with the address is found here, before work.
 *   options   its texts are copied
 * Fails: E_ARG (unknown scheme, bad address, no secret), E_IO, E_MEMORY. Messages and sink_label
 * name a web address by its host only: the rest may be a secret.
 */
akin_status sink_open(akin_ctx *ctx, const char *url, const struct sink_options *options,
                      struct sink **out, akin_error *err);
enum sink_format sink_format(const struct sink *s);
const char *sink_label(const struct sink *s);
/* Path of the file that the sink writes, NULL if it writes none. Borrowed. */
const char *sink_path(const struct sink *s);

/* text: whole records, each ended by a newline; JSONL: a JSON object a line. Fails: E_IO, E_MEMORY,
 * E_CANCELLED; then only sink_abort is left. */
akin_status sink_write(struct sink *s, const char *text, int64_t size, akin_error *err);
/* What is left goes out and all is made final. Frees s, always. report may be NULL. */
akin_status sink_close(struct sink *s, struct sink_report *report, akin_error *err);
/* Frees s; a file is as it was, what was acknowledged stays known. NULL allowed. */
void sink_abort(struct sink *s);

/* The url's path if it is a `file:` sink, else NULL: for whoever must know what will be written. */
const char *sink_url_path(const char *url);

#endif
