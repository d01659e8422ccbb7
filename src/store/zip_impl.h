/* Between zip.c, zip_directory.c and zip_extract.c only. */
#ifndef AKIN_STORE_ZIP_IMPL_H
#define AKIN_STORE_ZIP_IMPL_H

#include "core/file.h"
#include "store/zip.h"

#define ZIP_FAIL(code, ...) AKIN_FAIL((code), "zip '%s': " __VA_ARGS__)

enum {
    ZIP_SIG_LOCAL = 0x04034b50,
    ZIP_SIZE_LOCAL = 30,
};

struct zip_member {
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
    struct zip_member *members; /* (n), in the arena */
    int64_t n;
    struct zip_limits limits;
};

static inline uint16_t zip_get16(const unsigned char *p)
{
    return (uint16_t)(p[0] | (unsigned)p[1] << 8);
}

static inline uint32_t zip_get32(const unsigned char *p)
{
    return (uint32_t)zip_get16(p) | (uint32_t)zip_get16(p + 2) << 16;
}

static inline uint64_t zip_get64(const unsigned char *p)
{
    return (uint64_t)zip_get32(p) | (uint64_t)zip_get32(p + 4) << 32;
}

/* Fills z->members from the central directory: every name, offset and size is checked. */
akin_status zip_directory_read(struct zip *z, akin_error *err);

#endif
