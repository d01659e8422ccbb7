/* Files: whole reads, read-only maps, and atomic writes (temporary file, fsync, rename, fsync of
 * the directory), so that a crash leaves the old file or the new one. */
#ifndef AKIN_CORE_FILE_H
#define AKIN_CORE_FILE_H

#include "core/ctx.h"

#include <stddef.h>

struct file_map {
    const unsigned char *data; /* NULL when size is 0 */
    int64_t size;
};
akin_status file_map_open(const char *path, struct file_map *out, akin_error *err);
void file_map_close(struct file_map *map);

/* Whole file into a mem block with a NUL behind it; at most limit bytes (E_LIMIT). */
akin_status file_read(akin_ctx *ctx, const char *path, int64_t limit, char **data, int64_t *size,
                      akin_error *err);

struct file_writer;
akin_status file_writer_open(akin_ctx *ctx, const char *path, struct file_writer **out,
                             akin_error *err);
akin_status file_writer_add(struct file_writer *w, const void *bytes, int64_t size,
                            akin_error *err); /* buffered */
int64_t file_writer_offset(const struct file_writer *w);
/* Overwrites bytes already written (a header whose sums were unknown); within offset. */
akin_status file_writer_patch(struct file_writer *w, int64_t offset, const void *bytes,
                              int64_t size, akin_error *err);
akin_status file_writer_commit(struct file_writer *w, akin_error *err); /* and frees w, always */
void file_writer_abort(struct file_writer *w); /* removes the temporary; NULL allowed */
/* Convenience: the whole file at once, atomically. */
akin_status file_write(akin_ctx *ctx, const char *path, const void *bytes, int64_t size,
                       akin_error *err);
/* Test hook: the n-th write call from now fails with ENOSPC; 0 = off. */
void file_writer_fail_at(struct file_writer *w, int64_t n);

bool file_exists(const char *path);
akin_status file_mkdirs(const char *path, akin_error *err); /* like mkdir -p */
akin_status file_hash(akin_ctx *ctx, const char *path, uint64_t *out, akin_error *err);

#endif
