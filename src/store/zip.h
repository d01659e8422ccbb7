/*
 * Zip archives, read only: what publishers of data sets pack their files in. Stored and deflated
 * members, zip64. An archive is taken as hostile: every offset, size and name is checked.
 */
#ifndef AKIN_STORE_ZIP_H
#define AKIN_STORE_ZIP_H

#include "core/ctx.h"

enum { ZIP_NAME_MAX = 1024 };

/* What an archive may hold at most; 0 = the default behind the colon. */
struct zip_limits {
    int64_t members;     /* 65,536 */
    int64_t total_bytes; /* of all members unpacked: 16 GiB */
    int64_t ratio;       /* unpacked to packed of a member of more than 1 MiB: 200 */
};

struct zip;
/*
 * Maps the file and reads its directory. Names with "..", a leading '/', '\', ':', control bytes
 * or bad UTF-8 are refused, and the archive with them.
 * Fails: E_FORMAT (not a zip, cut, inconsistent, unsafe name), E_UNSUPPORTED (encrypted, in
 * several parts, another method), E_LIMIT, E_NOT_FOUND, E_IO, E_MEMORY, E_CANCELLED.
 */
akin_status zip_open(akin_ctx *ctx, const char *path, const struct zip_limits *limits,
                     struct zip **out, akin_error *err);
/* The same for bytes that must stay until zip_close; name stands in messages. */
akin_status zip_open_memory(akin_ctx *ctx, const char *name, const void *bytes, int64_t size,
                            const struct zip_limits *limits, struct zip **out, akin_error *err);
void zip_close(struct zip *z); /* NULL allowed */

int64_t zip_members(const struct zip *z);
const char *zip_name(const struct zip *z, int64_t i); /* ends in '/' for a directory */
int64_t zip_size(const struct zip *z, int64_t i);     /* unpacked */
/* The member of that name; -1 if there is none. Two of one name: E_FORMAT. */
akin_status zip_find(const struct zip *z, const char *name, int64_t *out, akin_error *err);

/*
 * Unpacks member i into path, atomically: only if its size and CRC-32 are right does path change.
 * Adds the bytes to the open stage of progress. path NULL: only checks.
 * Cost: zlib, some 200 MB/s; 256 KiB of memory.
 * Fails: E_FORMAT (size, CRC, deflate data), E_UNSUPPORTED, E_ARG (a directory), E_IO, E_CANCELLED.
 */
akin_status zip_extract(struct zip *z, int64_t i, const char *path, akin_error *err);

#endif
