/* Between input.c (what is read) and input_stream.c (streams and what unpacks them) only. */
#ifndef AKIN_DATA_INPUT_IMPL_H
#define AKIN_DATA_INPUT_IMPL_H

#include "core/hash.h"
#include "data/input.h"

#include <zlib.h>
#include <zstd.h>

enum input_kind { INPUT_FILE, INPUT_PIPE, INPUT_GZIP, INPUT_ZSTD, INPUT_MEMORY, INPUT_MADE };

struct input {
    akin_ctx *ctx;
    enum input_kind kind;
    char *path; /* owned */
    char *name; /* owned */
    int fd;     /* -1 = memory */
    int64_t size;
    _Atomic int64_t consumed;
    const char *bytes;  /* MEMORY: borrowed */
    input_make_fn make; /* MADE */
    void *make_arg;     /* borrowed */
    char *head;         /* owned, INPUT_HEAD */
    int64_t head_size;
    int64_t head_used; /* streams: bytes of head already given out */
    char *raw;         /* owned: compressed bytes */
    int64_t raw_size;
    int64_t raw_at;
    bool raw_end;
    bool frame_open; /* a gzip member or zstd frame has begun and not ended */
    z_stream gz;
    bool gz_ready;
    ZSTD_DStream *zs;
    struct hash_state *hash; /* streams */
    uint64_t hash_value;
    bool hash_done;
};

/* The next bytes of the file or pipe as they are, into its fingerprint. *got < size at the end. */
akin_status input_raw(struct input *in, char *out, int64_t size, int64_t *got, akin_error *err);
/* A stream whose first n bytes were looked at. */
akin_status stream_begin(struct input *in, const char *first, int64_t n, akin_error *err);
/* The next unpacked bytes. *got < size at the end. */
akin_status stream_read(struct input *in, char *out, int64_t size, int64_t *got, akin_error *err);
/* What the file's own header or trailer says of its unpacked size; -1 = nothing. */
double stream_says(const struct input *in);
void stream_end(struct input *in);

#endif
