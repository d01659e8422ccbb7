/*
 * The central directory of an archive: found from the end, read, and taken as hostile. Only it is
 * believed; members may not reach into it, nor name anything outside of where they are unpacked.
 */
#include "store/zip_impl.h"

#include "core/text.h"

#include <inttypes.h>
#include <string.h>

#define ZIP_SMALL ((int64_t)1 << 20)

enum {
    ZIP_SIG_CENTRAL = 0x02014b50,
    ZIP_SIG_END = 0x06054b50,
    ZIP_SIG_END64 = 0x06064b50,
    ZIP_SIG_LOCATOR64 = 0x07064b50,
    ZIP_SIZE_CENTRAL = 46,
    ZIP_SIZE_END = 22,
    ZIP_SIZE_END64 = 56,
    ZIP_SIZE_LOCATOR64 = 20,
};

struct zip_directory {
    uint64_t n, size, offset;
    int64_t end; /* where the end records start */
};

/* The zip64 end record, if a locator stands before the plain one. */
static akin_status read_end64(const struct zip *z, int64_t end, struct zip_directory *d,
                              akin_error *err)
{
    akin_status status = AKIN_OK;
    const unsigned char *l = z->bytes + end - ZIP_SIZE_LOCATOR64;
    if (end < ZIP_SIZE_LOCATOR64 + ZIP_SIZE_END64 || zip_get32(l) != ZIP_SIG_LOCATOR64)
        ZIP_FAIL(AKIN_E_FORMAT, "its zip64 end record is missing", z->label);
    uint64_t at = zip_get64(l + 8);
    if (zip_get32(l + 4) != 0 || zip_get32(l + 16) > 1)
        ZIP_FAIL(AKIN_E_UNSUPPORTED, "in several parts", z->label);
    if (at > (uint64_t)(end - ZIP_SIZE_LOCATOR64 - ZIP_SIZE_END64) ||
        zip_get32(z->bytes + at) != ZIP_SIG_END64)
        ZIP_FAIL(AKIN_E_FORMAT, "its zip64 end record is not at %" PRIu64, z->label, at);
    const unsigned char *p = z->bytes + at;
    if (zip_get32(p + 16) != 0 || zip_get32(p + 20) != 0 || zip_get64(p + 24) != zip_get64(p + 32))
        ZIP_FAIL(AKIN_E_UNSUPPORTED, "in several parts", z->label);
    d->n = zip_get64(p + 32);
    d->size = zip_get64(p + 40);
    d->offset = zip_get64(p + 48);
    d->end = (int64_t)at;
done:
    return status;
}

/* Finds the end record: the last signature whose comment reaches exactly to the end. */
static akin_status read_end(const struct zip *z, struct zip_directory *d, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t at = z->size - ZIP_SIZE_END;
    int64_t first = at > UINT16_MAX ? at - UINT16_MAX : 0;
    for (; at >= first; at--) {
        const unsigned char *p = z->bytes + at;
        if (zip_get32(p) == ZIP_SIG_END && at + ZIP_SIZE_END + zip_get16(p + 20) == z->size)
            break;
    }
    if (at < first)
        ZIP_FAIL(AKIN_E_FORMAT, "no end of directory (not a zip, or cut off)", z->label);
    const unsigned char *p = z->bytes + at;
    *d = (struct zip_directory){zip_get16(p + 10), zip_get32(p + 12), zip_get32(p + 16), at};
    if (d->n == UINT16_MAX || d->size == UINT32_MAX || d->offset == UINT32_MAX) {
        AKIN_TRY(read_end64(z, at, d, err));
    } else if (zip_get16(p + 4) != 0 || zip_get16(p + 6) != 0 || zip_get16(p + 8) != d->n) {
        ZIP_FAIL(AKIN_E_UNSUPPORTED, "in several parts", z->label);
    }
    if (d->offset > (uint64_t)d->end || d->size > (uint64_t)d->end - d->offset)
        ZIP_FAIL(AKIN_E_FORMAT,
                 "directory of %" PRIu64 " bytes at %" PRIu64 " (ends at %" PRId64 ")", z->label,
                 d->size, d->offset, d->end);
    if (d->n > d->size / ZIP_SIZE_CENTRAL)
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
        int64_t n = zip_get16(extra + 2);
        if (n > size - 4)
            return false;
        if (zip_get16(extra) == 1) {
            const unsigned char *p = extra + 4;
            if (n < wanted)
                return false;
            for (int k = 0; k < 3; k++) {
                if (value[k] == UINT32_MAX) {
                    value[k] = zip_get64(p);
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
static akin_status check_member(const struct zip *z, const struct zip_member *m, akin_error *err)
{
    akin_status status = AKIN_OK;
    if (m->offset < 0 || m->packed < 0 || m->size < 0 ||
        m->offset > z->directory - ZIP_SIZE_LOCAL ||
        m->packed > z->directory - ZIP_SIZE_LOCAL - m->offset)
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
                               struct zip_member *m, int64_t *used, akin_error *err)
{
    akin_status status = AKIN_OK;
    if (room < ZIP_SIZE_CENTRAL || zip_get32(p) != ZIP_SIG_CENTRAL)
        ZIP_FAIL(AKIN_E_FORMAT, "its directory is damaged", z->label);
    int64_t n_name = zip_get16(p + 28), n_extra = zip_get16(p + 30), n_comment = zip_get16(p + 32);
    *used = ZIP_SIZE_CENTRAL + n_name + n_extra + n_comment;
    if (*used > room)
        ZIP_FAIL(AKIN_E_FORMAT, "its directory is damaged", z->label);
    const char *name = (const char *)p + ZIP_SIZE_CENTRAL;
    if (!is_safe_name(name, (size_t)n_name))
        ZIP_FAIL(AKIN_E_FORMAT, "unsafe name '%.*s' (must be relative, without .. \\ :)", z->label,
                 (int)(n_name < 60 ? n_name : 60), name);
    m->name = arena_strndup(&z->arena, name, (size_t)n_name, err);
    if (!m->name)
        return AKIN_E_MEMORY;
    m->flags = zip_get16(p + 8);
    m->method = zip_get16(p + 10);
    m->crc = zip_get32(p + 16);
    uint64_t value[3] = {zip_get32(p + 24), zip_get32(p + 20), zip_get32(p + 42)};
    if (!read_extra64(p + ZIP_SIZE_CENTRAL + n_name, n_extra, value) || value[0] > INT64_MAX ||
        value[1] > INT64_MAX || value[2] > INT64_MAX)
        ZIP_FAIL(AKIN_E_FORMAT, "the zip64 sizes of '%.60s' are damaged", z->label, m->name);
    m->size = (int64_t)value[0];
    m->packed = (int64_t)value[1];
    m->offset = (int64_t)value[2];
    AKIN_TRY(check_member(z, m, err));
done:
    return status;
}

akin_status zip_directory_read(struct zip *z, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct zip_directory d = {0};
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
