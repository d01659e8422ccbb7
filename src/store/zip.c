/*
 * Zip archives, read only (APPNOTE.TXT 6.3.9: 4.3.6 to 4.3.16, zip64 in 4.5.3).
 *
 * Only the central directory is believed, and then checked against each member's local header, so
 * that two readers cannot see two archives in one file. Members may not reach into the directory.
 *
 * Cost: opening reads the directory only; see zip_extract.
 * Not done: writing, encryption, several parts, methods other than stored and deflate, archives
 * with something in front (self-extracting), symbolic links (they come out as files).
 */
#include "store/zip.h"

#include "core/file.h"
#include "core/text.h"

#include <inttypes.h>
#include <string.h>
#include <zlib.h>

#define ZIP_OUT ((int64_t)256 << 10)
#define ZIP_IN ((int64_t)1 << 30) /* zlib counts in 32 bits */
#define ZIP_SMALL ((int64_t)1 << 20)

enum {
    SIG_LOCAL = 0x04034b50,
    SIG_CENTRAL = 0x02014b50,
    SIG_END = 0x06054b50,
    SIG_END64 = 0x06064b50,
    SIG_LOCATOR64 = 0x07064b50,
    SIZE_LOCAL = 30,
    SIZE_CENTRAL = 46,
    SIZE_END = 22,
    SIZE_END64 = 56,
    SIZE_LOCATOR64 = 20,
    METHOD_STORED = 0,
    METHOD_DEFLATE = 8,
    FLAG_ENCRYPTED = 1,
};

struct member {
    char *name; /* in the arena */
    int64_t packed, size;
    int64_t offset; /* of the local header */
    uint32_t crc;
    uint16_t method, flags;
};

struct zip {
    akin_ctx *ctx;
    struct file_map map; /* empty for zip_open_memory */
    const unsigned char *bytes;
    int64_t size;
    int64_t directory; /* offset of the central directory: members end before it */
    const char *label; /* in the arena: the path, for messages */
    struct arena arena;
    struct member *members; /* (n), in the arena */
    int64_t n;
    struct zip_limits limits;
};

static uint16_t get16(const unsigned char *p)
{
    return (uint16_t)(p[0] | (unsigned)p[1] << 8);
}

static uint32_t get32(const unsigned char *p)
{
    return (uint32_t)get16(p) | (uint32_t)get16(p + 2) << 16;
}

static uint64_t get64(const unsigned char *p)
{
    return (uint64_t)get32(p) | (uint64_t)get32(p + 4) << 32;
}

/* The end of a long path says more than its start. */
static const char *label_tail(const char *path)
{
    size_t n = strlen(path);
    return n > 80 ? path + n - 80 : path;
}

#define ZIP_FAIL(code, ...) AKIN_FAIL((code), "zip '%s': " __VA_ARGS__)

struct directory {
    uint64_t n, size, offset;
    int64_t end; /* where the end records start */
};

/* The zip64 end record, if a locator stands before the plain one. */
static akin_status read_end64(const struct zip *z, int64_t end, struct directory *d,
                              akin_error *err)
{
    akin_status status = AKIN_OK;
    const unsigned char *l = z->bytes + end - SIZE_LOCATOR64;
    if (end < SIZE_LOCATOR64 + SIZE_END64 || get32(l) != SIG_LOCATOR64)
        ZIP_FAIL(AKIN_E_FORMAT, "its zip64 end record is missing", z->label);
    uint64_t at = get64(l + 8);
    if (get32(l + 4) != 0 || get32(l + 16) > 1)
        ZIP_FAIL(AKIN_E_UNSUPPORTED, "in several parts", z->label);
    if (at > (uint64_t)(end - SIZE_LOCATOR64 - SIZE_END64) || get32(z->bytes + at) != SIG_END64)
        ZIP_FAIL(AKIN_E_FORMAT, "its zip64 end record is not at %" PRIu64, z->label, at);
    const unsigned char *p = z->bytes + at;
    if (get32(p + 16) != 0 || get32(p + 20) != 0 || get64(p + 24) != get64(p + 32))
        ZIP_FAIL(AKIN_E_UNSUPPORTED, "in several parts", z->label);
    d->n = get64(p + 32);
    d->size = get64(p + 40);
    d->offset = get64(p + 48);
    d->end = (int64_t)at;
done:
    return status;
}

/* Finds the end record: the last signature whose comment reaches exactly to the end. */
static akin_status read_end(const struct zip *z, struct directory *d, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t at = z->size - SIZE_END;
    int64_t first = at > UINT16_MAX ? at - UINT16_MAX : 0;
    for (; at >= first; at--) {
        const unsigned char *p = z->bytes + at;
        if (get32(p) == SIG_END && at + SIZE_END + get16(p + 20) == z->size)
            break;
    }
    if (at < first)
        ZIP_FAIL(AKIN_E_FORMAT, "no end of directory (not a zip, or cut off)", z->label);
    const unsigned char *p = z->bytes + at;
    *d = (struct directory){get16(p + 10), get32(p + 12), get32(p + 16), at};
    if (d->n == UINT16_MAX || d->size == UINT32_MAX || d->offset == UINT32_MAX) {
        AKIN_TRY(read_end64(z, at, d, err));
    } else if (get16(p + 4) != 0 || get16(p + 6) != 0 || get16(p + 8) != d->n) {
        ZIP_FAIL(AKIN_E_UNSUPPORTED, "in several parts", z->label);
    }
    if (d->offset > (uint64_t)d->end || d->size > (uint64_t)d->end - d->offset)
        ZIP_FAIL(AKIN_E_FORMAT,
                 "directory of %" PRIu64 " bytes at %" PRIu64 " (ends at %" PRId64 ")", z->label,
                 d->size, d->offset, d->end);
    if (d->n > d->size / SIZE_CENTRAL)
        ZIP_FAIL(AKIN_E_FORMAT, "%" PRIu64 " members in a directory of %" PRIu64 " bytes", z->label,
                 d->n, d->size);
    if (d->n > (uint64_t)z->limits.members)
        ZIP_FAIL(AKIN_E_LIMIT, "%" PRIu64 " members (at most %" PRId64 ")", z->label, d->n,
                 z->limits.members);
done:
    return status;
}

/* Relative, within the directory it is unpacked in, and printable. */
static bool is_safe_name(const char *name, size_t size)
{
    if (size == 0 || size > ZIP_NAME_MAX || name[0] == '/' || !text_is_utf8(name, size))
        return false;
    for (size_t i = 0, start = 0; i <= size; i++) {
        if (i < size && name[i] != '/') {
            unsigned char c = (unsigned char)name[i];
            if (c < 32 || c == 127 || c == '\\' || c == ':')
                return false;
            continue;
        }
        size_t part = i - start;
        bool is_last = i == size;
        if (part == 0 && !is_last) /* "a//b" */
            return false;
        if ((part == 1 && name[start] == '.') ||
            (part == 2 && name[start] == '.' && name[start + 1] == '.'))
            return false;
        start = i + 1;
    }
    return true;
}

/*
 * Sizes of 32 bits that are all ones stand in the zip64 extra field, in this order: unpacked,
 * packed, offset. False if the field is missing or short.
 */
static bool read_extra64(const unsigned char *extra, int64_t size, uint64_t value[3])
{
    int64_t wanted = 0;
    for (int k = 0; k < 3; k++)
        wanted += value[k] == UINT32_MAX ? 8 : 0;
    if (wanted == 0)
        return true;
    while (size >= 4) {
        int64_t n = get16(extra + 2);
        if (n > size - 4)
            return false;
        if (get16(extra) == 1) {
            const unsigned char *p = extra + 4;
            if (n < wanted)
                return false;
            for (int k = 0; k < 3; k++) {
                if (value[k] == UINT32_MAX) {
                    value[k] = get64(p);
                    p += 8;
                }
            }
            return true;
        }
        extra += 4 + n;
        size -= 4 + n;
    }
    return false;
}

/* Within the bounds that the file and the limits set. */
static akin_status check_member(const struct zip *z, const struct member *m, akin_error *err)
{
    akin_status status = AKIN_OK;
    if (m->offset < 0 || m->packed < 0 || m->size < 0 || m->offset > z->directory - SIZE_LOCAL ||
        m->packed > z->directory - SIZE_LOCAL - m->offset)
        ZIP_FAIL(AKIN_E_FORMAT, "'%.60s' lies outside of the archive", z->label, m->name);
    if (m->size > ZIP_SMALL && m->size / z->limits.ratio > m->packed)
        ZIP_FAIL(AKIN_E_LIMIT,
                 "'%.40s' unpacks %" PRId64 " bytes to %" PRId64 " (at most %" PRId64 " times)",
                 z->label, m->name, m->packed, m->size, z->limits.ratio);
    bool is_directory = m->name[strlen(m->name) - 1] == '/';
    if (is_directory && m->size != 0)
        ZIP_FAIL(AKIN_E_FORMAT, "directory '%.60s' has contents", z->label, m->name);
done:
    return status;
}

static akin_status read_member(struct zip *z, const unsigned char *p, int64_t room,
                               struct member *m, int64_t *used, akin_error *err)
{
    akin_status status = AKIN_OK;
    if (room < SIZE_CENTRAL || get32(p) != SIG_CENTRAL)
        ZIP_FAIL(AKIN_E_FORMAT, "its directory is damaged", z->label);
    int64_t n_name = get16(p + 28), n_extra = get16(p + 30), n_comment = get16(p + 32);
    *used = SIZE_CENTRAL + n_name + n_extra + n_comment;
    if (*used > room)
        ZIP_FAIL(AKIN_E_FORMAT, "its directory is damaged", z->label);
    const char *name = (const char *)p + SIZE_CENTRAL;
    if (!is_safe_name(name, (size_t)n_name))
        ZIP_FAIL(AKIN_E_FORMAT, "unsafe name '%.*s' (must be relative, without .. \\ :)", z->label,
                 (int)(n_name < 60 ? n_name : 60), name);
    m->name = arena_strndup(&z->arena, name, (size_t)n_name, err);
    if (!m->name)
        return AKIN_E_MEMORY;
    m->flags = get16(p + 8);
    m->method = get16(p + 10);
    m->crc = get32(p + 16);
    uint64_t value[3] = {get32(p + 24), get32(p + 20), get32(p + 42)};
    if (!read_extra64(p + SIZE_CENTRAL + n_name, n_extra, value) || value[0] > INT64_MAX ||
        value[1] > INT64_MAX || value[2] > INT64_MAX)
        ZIP_FAIL(AKIN_E_FORMAT, "the zip64 sizes of '%.60s' are damaged", z->label, m->name);
    m->size = (int64_t)value[0];
    m->packed = (int64_t)value[1];
    m->offset = (int64_t)value[2];
    AKIN_TRY(check_member(z, m, err));
done:
    return status;
}

static akin_status read_directory(struct zip *z, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct directory d = {0};
    int64_t total = 0;
    AKIN_TRY(read_end(z, &d, err));
    z->directory = (int64_t)d.offset;
    z->n = (int64_t)d.n;
    z->members = arena_alloc(&z->arena, z->n + 1, (int64_t)sizeof *z->members, err);
    if (!z->members)
        return AKIN_E_MEMORY;
    int64_t at = z->directory, end = z->directory + (int64_t)d.size;
    for (int64_t i = 0; i < z->n; i++) {
        int64_t used = 0;
        if (i % 4096 == 0)
            AKIN_TRY(ctx_check(z->ctx, err));
        AKIN_TRY(read_member(z, z->bytes + at, end - at, &z->members[i], &used, err));
        at += used;
        if (z->members[i].size > z->limits.total_bytes - total)
            ZIP_FAIL(AKIN_E_LIMIT, "unpacks to more than %" PRId64 " bytes, the limit", z->label,
                     z->limits.total_bytes);
        total += z->members[i].size;
    }
done:
    return status;
}

static akin_status open_common(akin_ctx *ctx, const char *name, const struct zip_limits *limits,
                               struct zip **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct zip *z = NULL;
    MEM_ZERO(ctx, z, 1);
    z->ctx = ctx;
    arena_init(&z->arena, ctx);
    z->limits = limits ? *limits : (struct zip_limits){0};
    if (z->limits.members <= 0)
        z->limits.members = 65536;
    if (z->limits.total_bytes <= 0)
        z->limits.total_bytes = (int64_t)16 << 30;
    if (z->limits.ratio <= 0)
        z->limits.ratio = 200;
    const char *tail = label_tail(name);
    z->label = arena_strndup(&z->arena, tail, strlen(tail), err);
    if (!z->label) {
        zip_close(z);
        return AKIN_E_MEMORY;
    }
    *out = z;
done:
    return status;
}

akin_status zip_open_memory(akin_ctx *ctx, const char *name, const void *bytes, int64_t size,
                            const struct zip_limits *limits, struct zip **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct zip *z = NULL;
    AKIN_TRY(open_common(ctx, name, limits, &z, err));
    z->bytes = bytes;
    z->size = size;
    AKIN_TRY(read_directory(z, err));
    *out = z;
    z = NULL;
done:
    zip_close(z);
    return status;
}

akin_status zip_open(akin_ctx *ctx, const char *path, const struct zip_limits *limits,
                     struct zip **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct zip *z = NULL;
    AKIN_TRY(open_common(ctx, path, limits, &z, err));
    AKIN_TRY(file_map_open(path, &z->map, err));
    z->bytes = z->map.data;
    z->size = z->map.size;
    AKIN_TRY(read_directory(z, err));
    *out = z;
    z = NULL;
done:
    zip_close(z);
    return status;
}

void zip_close(struct zip *z)
{
    if (!z)
        return;
    file_map_close(&z->map);
    arena_free(&z->arena);
    mem_free(z->ctx, z);
}

int64_t zip_members(const struct zip *z)
{
    return z->n;
}

const char *zip_name(const struct zip *z, int64_t i)
{
    return z->members[i].name;
}

int64_t zip_size(const struct zip *z, int64_t i)
{
    return z->members[i].size;
}

akin_status zip_find(const struct zip *z, const char *name, int64_t *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    *out = -1;
    for (int64_t i = 0; i < z->n; i++) {
        if (strcmp(z->members[i].name, name) != 0)
            continue;
        if (*out >= 0)
            ZIP_FAIL(AKIN_E_FORMAT, "two members '%.60s'", z->label, name);
        *out = i;
    }
done:
    return status;
}

/* Where the packed bytes start, once the local header says the same as the directory. */
static akin_status find_data(const struct zip *z, const struct member *m, const unsigned char **out,
                             akin_error *err)
{
    akin_status status = AKIN_OK;
    const unsigned char *p = z->bytes + m->offset; /* SIZE_LOCAL bytes at least: check_member */
    int64_t n_name = get16(p + 26), n_extra = get16(p + 28);
    if (m->flags & FLAG_ENCRYPTED)
        ZIP_FAIL(AKIN_E_UNSUPPORTED, "'%.60s' is encrypted", z->label, m->name);
    if (m->method != METHOD_STORED && m->method != METHOD_DEFLATE)
        ZIP_FAIL(AKIN_E_UNSUPPORTED, "'%.60s' is packed by method %d (known: 0 and 8)", z->label,
                 m->name, m->method);
    if (get32(p) != SIG_LOCAL || get16(p + 8) != m->method ||
        n_name + n_extra > z->directory - SIZE_LOCAL - m->offset - m->packed ||
        n_name != (int64_t)strlen(m->name) || memcmp(p + SIZE_LOCAL, m->name, (size_t)n_name) != 0)
        ZIP_FAIL(AKIN_E_FORMAT, "the header of '%.60s' contradicts the directory", z->label,
                 m->name);
    if (m->method == METHOD_STORED && m->packed != m->size)
        ZIP_FAIL(AKIN_E_FORMAT, "'%.60s' is stored, but in %" PRId64 " bytes for %" PRId64,
                 z->label, m->name, m->packed, m->size);
    *out = p + SIZE_LOCAL + n_name + n_extra;
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

static akin_status copy_stored(struct zip *z, const struct member *m, const unsigned char *data,
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
static akin_status inflate_all(struct zip *z, const struct member *m, const unsigned char *data,
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
    const struct member *m = &z->members[i];
    const unsigned char *data = NULL;
    struct sink s = {0};
    if (m->name[strlen(m->name) - 1] == '/')
        ZIP_FAIL(AKIN_E_ARG, "'%.60s' is a directory", z->label, m->name);
    AKIN_TRY(find_data(z, m, &data, err));
    if (path)
        AKIN_TRY(file_writer_open(z->ctx, path, &s.writer, err));
    if (m->method == METHOD_STORED)
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
