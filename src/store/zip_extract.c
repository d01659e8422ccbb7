/*
 * Unpacking a member: its local header is held against the directory, so that two readers cannot
 * see two archives in one file; size and CRC-32 must be those announced.
 */
#include "store/zip_impl.h"

#include <inttypes.h>
#include <string.h>
#include <zlib.h>

#define ZIP_OUT ((int64_t)256 << 10)
#define ZIP_IN ((int64_t)1 << 30) /* zlib counts in 32 bits */

enum {
    ZIP_METHOD_STORED = 0,
    ZIP_METHOD_DEFLATE = 8,
    ZIP_FLAG_ENCRYPTED = 1,
};

/* Where the packed bytes start, once the local header says the same as the directory. */
static akin_status find_data(const struct zip *z, const struct zip_member *m,
                             const unsigned char **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    const unsigned char *p = z->bytes + m->offset; /* ZIP_SIZE_LOCAL bytes at least: check_member */
    int64_t n_name = zip_get16(p + 26), n_extra = zip_get16(p + 28);
    if (m->flags & ZIP_FLAG_ENCRYPTED)
        ZIP_FAIL(AKIN_E_UNSUPPORTED, "'%.60s' is encrypted", z->label, m->name);
    if (m->method != ZIP_METHOD_STORED && m->method != ZIP_METHOD_DEFLATE)
        ZIP_FAIL(AKIN_E_UNSUPPORTED, "'%.60s' is packed by method %d (known: 0 and 8)", z->label,
                 m->name, m->method);
    if (zip_get32(p) != ZIP_SIG_LOCAL || zip_get16(p + 8) != m->method ||
        n_name + n_extra > z->directory - ZIP_SIZE_LOCAL - m->offset - m->packed ||
        n_name != (int64_t)strlen(m->name) ||
        memcmp(p + ZIP_SIZE_LOCAL, m->name, (size_t)n_name) != 0)
        ZIP_FAIL(AKIN_E_FORMAT, "the header of '%.60s' contradicts the directory", z->label,
                 m->name);
    if (m->method == ZIP_METHOD_STORED && m->packed != m->size)
        ZIP_FAIL(AKIN_E_FORMAT, "'%.60s' is stored, but in %" PRId64 " bytes for %" PRId64,
                 z->label, m->name, m->packed, m->size);
    *out = p + ZIP_SIZE_LOCAL + n_name + n_extra;
done:
    return status;
}

struct sink {
    struct file_writer *writer; /* owned; NULL: only the sum */
    int64_t size;
    uint32_t crc;
};

static akin_status sink_add(struct zip *z, struct sink *s, const unsigned char *bytes, int64_t n,
                            akin_error *err)
{
    akin_status status = AKIN_OK;
    AKIN_TRY(ctx_check(z->ctx, err));
    if (s->writer)
        AKIN_TRY(file_writer_add(s->writer, bytes, n, err));
    s->crc = (uint32_t)crc32_z(s->crc, bytes, (size_t)n);
    s->size += n;
    progress_add(z->ctx, n);
    progress_poll(z->ctx);
done:
    return status;
}

static akin_status copy_stored(struct zip *z, const struct zip_member *m, const unsigned char *data,
                               struct sink *s, akin_error *err)
{
    akin_status status = AKIN_OK;
    for (int64_t at = 0; at < m->size; at += ZIP_OUT) {
        int64_t n = m->size - at < ZIP_OUT ? m->size - at : ZIP_OUT;
        AKIN_TRY(sink_add(z, s, data + at, n, err));
    }
done:
    return status;
}

/* Every turn either gives bytes, of which no more than announced are taken, or ends. */
static akin_status inflate_all(struct zip *z, const struct zip_member *m, const unsigned char *data,
                               struct sink *s, akin_error *err)
{
    akin_status status = AKIN_OK;
    z_stream stream = {0};
    bool is_ready = false;
    unsigned char *block = NULL;
    int64_t left = m->packed; /* not yet given to zlib */
    int rc = Z_OK;
    MEM_NEW(z->ctx, block, ZIP_OUT);
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
        AKIN_FAIL(AKIN_E_MEMORY, "zip: no memory to inflate");
    is_ready = true;
    while (rc != Z_STREAM_END) {
        if (stream.avail_in == 0 && left > 0) {
            int64_t n = left < ZIP_IN ? left : ZIP_IN;
            stream.next_in = (unsigned char *)(uintptr_t)(data + (m->packed - left)); /* const */
            stream.avail_in = (uInt)n;
            left -= n;
        }
        stream.next_out = block;
        stream.avail_out = (uInt)ZIP_OUT;
        rc = inflate(&stream, Z_NO_FLUSH);
        int64_t got = ZIP_OUT - (int64_t)stream.avail_out;
        bool is_stuck = got == 0 && stream.avail_in == 0 && left == 0;
        if (rc == Z_MEM_ERROR)
            AKIN_FAIL(AKIN_E_MEMORY, "zip: no memory to inflate");
        if ((rc != Z_OK && rc != Z_STREAM_END) || (rc == Z_OK && is_stuck))
            ZIP_FAIL(AKIN_E_FORMAT, "bad deflate data in '%.60s'", z->label, m->name);
        if (got > m->size - s->size)
            ZIP_FAIL(AKIN_E_FORMAT, "'%.60s' unpacks to more than the %" PRId64 " bytes announced",
                     z->label, m->name, m->size);
        AKIN_TRY(sink_add(z, s, block, got, err));
    }
    if (stream.avail_in != 0 || left != 0)
        ZIP_FAIL(AKIN_E_FORMAT, "'%.60s' has bytes behind its end", z->label, m->name);
done:
    if (is_ready)
        inflateEnd(&stream);
    mem_free(z->ctx, block);
    return status;
}

akin_status zip_extract(struct zip *z, int64_t i, const char *path, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct zip_member *m = &z->members[i];
    const unsigned char *data = NULL;
    struct sink s = {0};
    if (m->name[strlen(m->name) - 1] == '/')
        ZIP_FAIL(AKIN_E_ARG, "'%.60s' is a directory", z->label, m->name);
    AKIN_TRY(find_data(z, m, &data, err));
    if (path)
        AKIN_TRY(file_writer_open(z->ctx, path, &s.writer, err));
    if (m->method == ZIP_METHOD_STORED)
        AKIN_TRY(copy_stored(z, m, data, &s, err));
    else
        AKIN_TRY(inflate_all(z, m, data, &s, err));
    if (s.size != m->size)
        ZIP_FAIL(AKIN_E_FORMAT, "'%.60s' unpacks to %" PRId64 " bytes (announced %" PRId64 ")",
                 z->label, m->name, s.size, m->size);
    if (s.crc != m->crc)
        ZIP_FAIL(AKIN_E_FORMAT, "'%.60s' is damaged (CRC-32 %08" PRIx32 ", must be %08" PRIx32 ")",
                 z->label, m->name, s.crc, m->crc);
    if (s.writer) {
        struct file_writer *w = s.writer;
        s.writer = NULL;
        AKIN_TRY(file_writer_commit(w, err));
    }
done:
    file_writer_abort(s.writer);
    return status;
}
