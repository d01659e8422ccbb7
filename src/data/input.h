/*
 * Bytes of a SOURCE: a plain file (read in parallel), a .gz or .zst file, stdin ("-"), memory, or
 * what a function makes.
 */
#ifndef AKIN_DATA_INPUT_H
#define AKIN_DATA_INPUT_H

#include "core/ctx.h"

struct input;

enum { INPUT_HEAD = 1 << 20 };

/* path "-" = stdin. Recognises gzip and zstd by their first bytes. Fails: E_IO, E_UNSUPPORTED. */
akin_status input_open(akin_ctx *ctx, const char *path, struct input **out, akin_error *err);
/* Borrowed bytes: for tests and fuzzing. */
akin_status input_open_memory(akin_ctx *ctx, const char *name, const void *bytes, int64_t size,
                              struct input **out, akin_error *err);
/*
 * A stream that is made while it is read: fn gives the next bytes, *got < size only at the end. Not
 * unpacked. arg is borrowed; fn is called from the reading thread.
 */
typedef akin_status (*input_make_fn)(void *arg, char *out, int64_t size, int64_t *got,
                                     akin_error *err);
akin_status input_open_made(akin_ctx *ctx, const char *name, input_make_fn fn, void *arg,
                            struct input **out, akin_error *err);
void input_close(struct input *in); /* NULL allowed */

const char *input_name(const struct input *in); /* last path component, without .gz or .zst */
const char *input_path(const struct input *in); /* as given, for messages */
/* True: any part can be read at any time from any thread; size is known. */
bool input_is_random(const struct input *in);
int64_t input_size(const struct input *in);     /* of the file (compressed if it is), -1 unknown */
int64_t input_consumed(const struct input *in); /* bytes of the file read so far, for progress */

/* Size of the text, guessed from the head for compressed files; 0 if unknown (a pipe). */
double input_expanded(const struct input *in);

/* First bytes, at most INPUT_HEAD, without consuming; pointer lives until close. */
const char *input_head(const struct input *in, int64_t *size);
/* Random inputs: reads up to size bytes at offset; *got < size only at the end. Any thread. */
akin_status input_read_at(struct input *in, int64_t offset, char *out, int64_t size, int64_t *got,
                          akin_error *err);
/* Streams: the next bytes; *got = 0 at the end. One thread. */
akin_status input_read(struct input *in, char *out, int64_t size, int64_t *got, akin_error *err);
/*
 * XXH3 of the bytes as stored, over fixed blocks (equal for equal files). Random inputs read the
 * file once more, in parallel; streams have summed what they read (complete only at the end).
 */
akin_status input_hash(struct input *in, uint64_t *out, akin_error *err);

#endif
