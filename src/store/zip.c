/*
 * Zip archives, read only (APPNOTE.TXT 6.3.9: 4.3.6 to 4.3.16, zip64 in 4.5.3).
 *
 * This file opens and answers what there is; zip_directory.c reads the directory, zip_extract.c the
 * members.
 *
 * Cost: opening reads the directory only; see zip_extract.
 * Not done: writing, encryption, several parts, methods other than stored and deflate, archives
 * with something in front (self-extracting), symbolic links (they come out as files).
 */
#include "store/zip_impl.h"

#include <string.h>

/* The end of a long path says more than its start. */
static const char *label_tail(const char *path)
{
    size_t n = strlen(path);
    return n > 80 ? path + n - 80 : path;
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
    AKIN_TRY(zip_directory_read(z, err));
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
    AKIN_TRY(zip_directory_read(z, err));
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
