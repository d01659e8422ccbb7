/*
 * An append-only file of checksummed records, written behind by a thread of its own: what a crash
 * may lose is what was added within the last second (JOURNAL_LINGER_MS). docs/experiments.md has
 * its layout. Single process.
 */
#ifndef AKIN_LIVE_JOURNAL_H
#define AKIN_LIVE_JOURNAL_H

#include "core/ctx.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    JOURNAL_RECORD_MAX = 1 << 16,
    JOURNAL_LINGER_MS = 1000,
    JOURNAL_PENDING_MAX = 8 << 20, /* bytes that wait for the disk; with more it is written anew */
    JOURNAL_SLACK = 16 << 20       /* bytes past twice the last rewrite, then it is written anew */
};

/* A file as it was found: records (n) point into bytes; all freed by journal_image_free. */
struct journal_image {
    uint64_t key;
    char *bytes;
    const unsigned char **records;
    int32_t *sizes;
    int64_t n;
    int64_t n_torn; /* bytes at the end that are no records */
};
/*
 * A file that is not there gives no records and a new random key. Fails: E_FORMAT (not a journal),
 * E_VERSION (of a newer akin), E_IO, E_MEMORY. Cost: reads the file.
 */
akin_status journal_read(akin_ctx *ctx, const char *path, struct journal_image *out,
                         akin_error *err);
void journal_image_free(akin_ctx *ctx, struct journal_image *image);

struct journal;
struct journal_writer;
/* Writes all that is to be kept, by journal_put; may run while others call journal_add. */
typedef akin_status (*journal_fill_fn)(void *arg, struct journal_writer *w, akin_error *err);
akin_status journal_put(struct journal_writer *w, const void *record, int32_t size,
                        akin_error *err);

/* The file anew, from fill, in place of the one before (atomically); then its thread starts. */
akin_status journal_open(akin_ctx *ctx, const char *path, uint64_t key, journal_fill_fn fill,
                         void *arg, struct journal **out, akin_error *err);
/* Writes what waits; NULL allowed. */
void journal_close(struct journal *j);
/* Of one thread's records the order is kept. Never waits for the disk. Threads: any. */
void journal_add(struct journal *j, const void *record, int32_t size);
/* Until what was added so far is on disk, or counted as unsaved. */
void journal_flush(struct journal *j);
int64_t journal_unsaved(struct journal *j); /* records that are not in the file, for now */
int64_t journal_bytes(struct journal *j);

#endif
