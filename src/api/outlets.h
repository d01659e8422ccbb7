/* Where the lists of an operation go: `-o` or standard output, and sinks (`--to`). */
#ifndef AKIN_API_OUTLETS_H
#define AKIN_API_OUTLETS_H

#include "api/list_text.h"
#include "store/sink.h"

enum { OUTLETS_MOST = 16 };

struct outlet_params {
    json_t *to;
    const char *webhook_secret;
    const char *progress;
    int64_t allow_private;
    int64_t webhook_batch;
    int64_t webhook_retries;
    int64_t webhook_retry_ms;
    int64_t webhook_timeout_ms;
};
extern const akin_param outlet_rows[];
#define OP_GROUP_OUTLETS                                                                           \
    {                                                                                              \
        "Sinks", outlet_rows                                                                       \
    }

struct outlet {
    struct sink *sink; /* owned; NULL once it has failed or was closed */
    enum list_format format;
    json_t *report; /* owned */
};

struct outlets {
    akin_ctx *ctx;
    bool has_out;
    enum list_format out_format;
    struct op_output out;
    struct outlet sink[OUTLETS_MOST];
    int n_sinks, n_failed;
    akin_error failure;       /* of the first that failed */
    bool wants[LIST_FORMATS]; /* formats that somebody takes */
};

/*
 * Opens all: nothing is computed for an address that is wrong. Standard output is one where neither
 * output nor a sink is given.
 *   identity   what the lists are made of (store/sink.h)
 *   progress   prefix of files of progress unless p has one
 * Fails: E_ARG, E_LIMIT (sinks), E_IO, E_MEMORY.
 */
akin_status outlets_open(akin_ctx *ctx, const struct outlet_params *p, const char *output,
                         enum list_format format, const char *identity, const char *progress,
                         struct outlets *out, akin_error *err);
/*
 * Gives text of whole lists to all that take the format. A sink that fails is given up, and the
 * others go on: outlets_close tells. Fails: E_IO (the output), E_MEMORY, E_CANCELLED.
 */
akin_status outlets_add(struct outlets *o, enum list_format format, const char *text, int64_t size,
                        akin_error *err);
/* Makes all final; *sinks: a new array, {"sink","state",…} each, NULL without sinks. Fails also
 * with what the first failed sink said, after the others are final. */
akin_status outlets_close(struct outlets *o, json_t **sinks, akin_error *err);
void outlets_abort(struct outlets *o); /* after outlets_close, too */

#endif
