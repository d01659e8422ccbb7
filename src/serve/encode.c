/* gzip by zlib, zstd by its library; one shot each, into room for the worst case. */
#include "serve/encode.h"

#include <zlib.h>
#include <zstd.h>

/* Room for size bytes at the end of an empty buffer. */
static char *room(struct buf *out, size_t size)
{
    buf_clear(out);
    if (out->cap < (int64_t)size + 1) {
        char *data = mem_resize(out->ctx, out->data, (int64_t)size + 1, 1, NULL);
        if (!data)
            return NULL;
        out->data = data;
        out->cap = (int64_t)size + 1;
    }
    return out->data;
}

static bool gzip(int level, const void *data, size_t size, struct buf *out)
{
    z_stream z = {0};
    if (size > UINT32_MAX / 2 ||
        deflateInit2(&z, level ? 9 : 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    size_t most = deflateBound(&z, (uLong)size);
    char *to = room(out, most);
    z.next_in = (Bytef *)(uintptr_t)data; /* only read */
    z.avail_in = (uInt)size;
    z.next_out = (Bytef *)to;
    z.avail_out = (uInt)most;
    bool ok = to && deflate(&z, Z_FINISH) == Z_STREAM_END;
    if (ok)
        out->size = (int64_t)z.total_out;
    deflateEnd(&z);
    return ok;
}

static bool zstd(int level, const void *data, size_t size, struct buf *out)
{
    size_t most = ZSTD_compressBound(size);
    char *to = room(out, most);
    if (!to)
        return false;
    size_t n = ZSTD_compress(to, most, data, size, level ? 19 : 1);
    if (ZSTD_isError(n))
        return false;
    out->size = (int64_t)n;
    return true;
}

bool encode(enum encoding encoding, int level, const void *data, size_t size, struct buf *out)
{
    bool ok = encoding == ENCODING_ZSTD   ? zstd(level, data, size, out)
              : encoding == ENCODING_GZIP ? gzip(level, data, size, out)
                                          : false;
    return ok && (size_t)out->size < size;
}

const char *encoding_name(enum encoding encoding)
{
    return encoding == ENCODING_ZSTD ? "zstd" : "gzip";
}
