/* Writes zip archives in memory for tests, right ones and, through the fields, wrong ones. */
#ifndef AKIN_TESTS_ZIP_MAKE_H
#define AKIN_TESTS_ZIP_MAKE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

struct zip_make {
    unsigned char *bytes; /* owned: free */
    size_t size, cap;
    struct {
        const char *name;
        uint32_t crc, packed, size, offset, method;
    } member[16];
    int n;
    bool use_zip64;       /* sizes and offsets in the zip64 records */
    size_t directory;     /* set by zip_make_end */
    size_t first_central; /* the same */
};

static inline void zip_put(struct zip_make *z, const void *bytes, size_t size)
{
    if (z->size + size > z->cap) {
        z->cap = 2 * (z->size + size);
        z->bytes = realloc(z->bytes, z->cap);
        if (!z->bytes)
            abort();
    }
    if (size > 0)
        memcpy(z->bytes + z->size, bytes, size);
    z->size += size;
}

static inline void zip_put_number(struct zip_make *z, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++) {
        unsigned char c = (unsigned char)(value >> 8 * i);
        zip_put(z, &c, 1);
    }
}

/* fields: widths and values in turn, ended by width 0. */
static inline void zip_put_all(struct zip_make *z, const uint64_t *fields)
{
    for (; fields[0] != 0; fields += 2)
        zip_put_number(z, fields[1], (int)fields[0]);
}

static inline void zip_make_add(struct zip_make *z, const char *name, const void *bytes,
                                size_t size, bool deflated)
{
    uint32_t crc = (uint32_t)crc32_z(0, bytes, size);
    size_t packed = size;
    unsigned char *out = NULL;
    if (deflated) {
        z_stream s = {0};
        size_t room = compressBound(size) + 64;
        out = malloc(room);
        if (!out || deflateInit2(&s, 6, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK)
            abort();
        s.next_in = (unsigned char *)(uintptr_t)bytes;
        s.avail_in = (uInt)size;
        s.next_out = out;
        s.avail_out = (uInt)room;
        if (deflate(&s, Z_FINISH) != Z_STREAM_END)
            abort();
        packed = room - s.avail_out;
        deflateEnd(&s);
    }
    uint32_t method = deflated ? 8 : 0;
    z->member[z->n].name = name;
    z->member[z->n].crc = crc;
    z->member[z->n].packed = (uint32_t)packed;
    z->member[z->n].size = (uint32_t)size;
    z->member[z->n].offset = (uint32_t)z->size;
    z->member[z->n++].method = method;
    const uint64_t local[] = {4, 0x04034b50, 2,   20, 2,      0, 2,    method, 4,
                              0, 4,          crc, 4,  packed, 4, size, 2,      strlen(name),
                              2, 0,          0};
    zip_put_all(z, local);
    zip_put(z, name, strlen(name));
    zip_put(z, out ? out : bytes, packed);
    free(out);
}

static inline void zip_make_end(struct zip_make *z)
{
    z->directory = z->size;
    for (int i = 0; i < z->n; i++) {
        uint32_t size = z->member[i].size, packed = z->member[i].packed;
        uint32_t offset = z->member[i].offset;
        uint64_t gone = UINT32_MAX;
        bool wide = z->use_zip64;
        const uint64_t central[] = {4, 0x02014b50,
                                    2, 45,
                                    2, 45,
                                    2, 0,
                                    2, z->member[i].method,
                                    4, 0,
                                    4, z->member[i].crc,
                                    4, wide ? gone : packed,
                                    4, wide ? gone : size,
                                    2, strlen(z->member[i].name),
                                    2, wide ? 28 : 0,
                                    2, 0,
                                    2, 0,
                                    2, 0,
                                    4, 0,
                                    4, wide ? gone : offset,
                                    0};
        const uint64_t extra[] = {2, 1, 2, 24, 8, size, 8, packed, 8, offset, 0};
        zip_put_all(z, central);
        zip_put(z, z->member[i].name, strlen(z->member[i].name));
        if (wide)
            zip_put_all(z, extra);
    }
    uint64_t n = (uint64_t)z->n, size = z->size - z->directory, at = z->size;
    if (z->use_zip64) {
        const uint64_t end64[] = {4, 0x06064b50, 8, 44, 2, 45, 2, 45,   4, 0,
                                  4, 0,          8, n,  8, n,  8, size, 8, z->directory,
                                  4, 0x07064b50, 4, 0,  8, at, 4, 1,    0};
        zip_put_all(z, end64);
        n = UINT16_MAX;
        size = UINT32_MAX;
    }
    const uint64_t end[] = {4, 0x06054b50, 2, 0, 2,    0, 2,
                            n, 2,          n, 4, size, 4, z->use_zip64 ? UINT32_MAX : z->directory,
                            2, 0,          0};
    zip_put_all(z, end);
}

#endif
