/*
 * Inputs that come once and in order: pipes, gzip, zstd, what a function makes. Multi-member gzip
 * and multi-frame zstd files are read whole; a stream that ends within a member is an error.
 */
#include "data/input_impl.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

enum { INPUT_RAW = 1 << 18 };

akin_status input_raw(struct input *in, char *out, int64_t size, int64_t *got, akin_error *err)
{
    *got = 0;
    while (*got < size) {
        ssize_t n = read(in->fd, out + *got, (size_t)(size - *got));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_set(err, AKIN_E_IO, __FILE__, __LINE__, "%s: cannot read: %s", in->path,
                             strerror(errno));
        if (n == 0)
            break;
        if (in->hash)
            hash_add(in->hash, out + *got, (size_t)n);
        *got += n;
    }
    atomic_fetch_add_explicit(&in->consumed, *got, memory_order_relaxed);
    return AKIN_OK;
}

static akin_status raw_more(struct input *in, akin_error *err)
{
    if (in->raw_at < in->raw_size || in->raw_end)
        return AKIN_OK;
    in->raw_at = 0;
    akin_status status = input_raw(in, in->raw, INPUT_RAW, &in->raw_size, err);
    if (status == AKIN_OK && in->raw_size == 0)
        in->raw_end = true;
    return status;
}

static akin_status gzip_read(struct input *in, char *out, int64_t size, int64_t *got,
                             akin_error *err)
{
    akin_status status = AKIN_OK;
    *got = 0;
    while (*got < size) {
        AKIN_TRY(raw_more(in, err));
        if (in->raw_at == in->raw_size) {
            if (in->frame_open)
                AKIN_FAIL(AKIN_E_INPUT, "%s: the gzip stream is cut short", in->path);
            break;
        }
        if (!in->frame_open) {
            if (inflateReset(&in->gz) != Z_OK)
                AKIN_FAIL(AKIN_E_INTERNAL, "%s: gzip reset failed", in->path);
            in->frame_open = true;
        }
        in->gz.next_in = (unsigned char *)in->raw + in->raw_at;
        in->gz.avail_in = (unsigned)(in->raw_size - in->raw_at);
        int64_t want = size - *got < INPUT_HEAD ? size - *got : INPUT_HEAD;
        in->gz.next_out = (unsigned char *)out + *got;
        in->gz.avail_out = (unsigned)want;
        int rc = inflate(&in->gz, Z_NO_FLUSH);
        in->raw_at = in->raw_size - (int64_t)in->gz.avail_in;
        *got += want - (int64_t)in->gz.avail_out;
        if (rc == Z_STREAM_END)
            in->frame_open = false;
        else if (rc != Z_OK && rc != Z_BUF_ERROR)
            AKIN_FAIL(AKIN_E_INPUT, "%s: bad gzip data near byte %" PRId64, in->path,
                      (int64_t)in->consumed);
    }
done:
    return status;
}

static akin_status zstd_read(struct input *in, char *out, int64_t size, int64_t *got,
                             akin_error *err)
{
    akin_status status = AKIN_OK;
    *got = 0;
    while (*got < size) {
        AKIN_TRY(raw_more(in, err));
        bool is_end = in->raw_at == in->raw_size;
        if (is_end && !in->frame_open)
            break;
        ZSTD_inBuffer from = {in->raw, (size_t)in->raw_size, (size_t)in->raw_at};
        ZSTD_outBuffer to = {out, (size_t)size, (size_t)*got};
        size_t rc = ZSTD_decompressStream(in->zs, &to, &from);
        if (ZSTD_isError(rc))
            AKIN_FAIL(AKIN_E_INPUT, "%s: bad zstd data near byte %" PRId64 ": %s", in->path,
                      (int64_t)in->consumed, ZSTD_getErrorName(rc));
        bool moved = (int64_t)from.pos != in->raw_at || (int64_t)to.pos != *got;
        in->raw_at = (int64_t)from.pos;
        *got = (int64_t)to.pos;
        in->frame_open = rc != 0;
        if (is_end && in->frame_open && !moved)
            AKIN_FAIL(AKIN_E_INPUT, "%s: the zstd stream is cut short", in->path);
    }
done:
    return status;
}

static akin_status made_read(struct input *in, char *out, int64_t size, int64_t *got,
                             akin_error *err)
{
    akin_status status = in->make(in->make_arg, out, size, got, err);
    if (status == AKIN_OK)
        hash_add(in->hash, out, (size_t)*got);
    return status;
}

akin_status stream_read(struct input *in, char *out, int64_t size, int64_t *got, akin_error *err)
{
    switch (in->kind) {
    case INPUT_MADE:
        return made_read(in, out, size, got, err);
    case INPUT_GZIP:
        return gzip_read(in, out, size, got, err);
    case INPUT_ZSTD:
        return zstd_read(in, out, size, got, err);
    default:
        return input_raw(in, out, size, got, err);
    }
}

akin_status stream_begin(struct input *in, const char *first, int64_t n, akin_error *err)
{
    akin_status status = AKIN_OK;
    in->hash = hash_begin();
    if (!in->hash)
        AKIN_FAIL(AKIN_E_MEMORY, "%s: no memory for the fingerprint", in->path);
    if (in->kind == INPUT_PIPE) { /* the bytes that were looked at are the start of the head */
        hash_add(in->hash, first, (size_t)n);
        in->consumed = n;
        memcpy(in->head, first, (size_t)n);
        in->head_size = n;
    } else {
        MEM_NEW(in->ctx, in->raw, INPUT_RAW);
        memcpy(in->raw, first, (size_t)n);
        in->raw_size = n;
        in->consumed = n;
        hash_add(in->hash, first, (size_t)n);
    }
    if (in->kind == INPUT_GZIP) {
        if (inflateInit2(&in->gz, 15 + 16) != Z_OK)
            AKIN_FAIL(AKIN_E_MEMORY, "%s: no memory to inflate", in->path);
        in->gz_ready = true;
        in->frame_open = true;
    } else if (in->kind == INPUT_ZSTD) {
        in->zs = ZSTD_createDStream();
        if (!in->zs)
            AKIN_FAIL(AKIN_E_MEMORY, "%s: no memory to decompress", in->path);
        ZSTD_initDStream(in->zs);
    }
done:
    return status;
}

double stream_says(const struct input *in)
{
    unsigned char b[18];
    if (in->kind == INPUT_ZSTD && pread(in->fd, b, sizeof b, 0) == (ssize_t)sizeof b) {
        unsigned long long n = ZSTD_getFrameContentSize(b, sizeof b);
        return n < ((unsigned long long)1 << 62) ? (double)n : -1;
    }
    if (in->kind == INPUT_GZIP && in->size > 18 && in->size < (int64_t)1 << 30 &&
        pread(in->fd, b, 4, (off_t)(in->size - 4)) == 4)
        return (double)((uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 |
                        (uint32_t)b[3] << 24);
    return -1;
}

void stream_end(struct input *in)
{
    if (in->gz_ready)
        inflateEnd(&in->gz);
    ZSTD_freeDStream(in->zs);
    if (in->hash)
        hash_end(in->hash);
    mem_free(in->ctx, in->raw);
}
