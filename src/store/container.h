/*
 * The one container of datasets and models (docs/format.md): header, section table, sections.
 *
 * Little-endian, 64-byte aligned sections, mapped for reading. The header and table carry one
 * XXH3 sum together, each section (with its padding) one of its own, checked before first use.
 * Written to a temporary file, fsynced, renamed. Unknown optional sections are skipped, unknown
 * required ones refused; a cut, flipped or foreign file is refused by name.
 */
#ifndef AKIN_STORE_CONTAINER_H
#define AKIN_STORE_CONTAINER_H

#include "core/ctx.h"

enum { CONTAINER_NAME_MAX = 31 };
enum { CONTAINER_OPTIONAL = 0, CONTAINER_REQUIRED = 1 }; /* section flags */

/* What a file is. */
enum container_kind { CONTAINER_DATASET = 1, CONTAINER_MODEL = 2 };

struct container_writer;
akin_status container_create(akin_ctx *ctx, const char *path, enum container_kind kind,
                             struct container_writer **out, akin_error *err);
/* Copies size bytes into section `name` (unique). Order of calls is the order in the file. */
akin_status container_add(struct container_writer *w, const char *name, uint32_t flags,
                          const void *bytes, int64_t size, akin_error *err);
/*
 * From now on names of sections have prefix before them ("" = none; shorter than a name may be), so
 * that what writes sections of its own can be written several times into one file.
 */
void container_write_under(struct container_writer *w, const char *prefix);
/* Finishes, fsyncs, renames; frees w whatever happens. */
akin_status container_commit(struct container_writer *w, akin_error *err);
void container_abort(struct container_writer *w); /* NULL allowed */
/*
 * A writer without a file: sections are only summed. container_sum: over names, sizes and contents
 * of the sections added; end with container_abort.
 */
akin_status container_create_sum(akin_ctx *ctx, struct container_writer **out, akin_error *err);
uint64_t container_sum(const struct container_writer *w);

struct container;
/* Maps and checks header, table, bounds, file size. Fails: E_FORMAT, E_VERSION,
 * E_NOT_FOUND, E_IO, E_MEMORY. */
akin_status container_open(akin_ctx *ctx, const char *path, struct container **out,
                           akin_error *err);
/* True if the file starts with the magic, one byte of it wrong or the rest cut off at most: what
 * looks like this is to be refused as a damaged container rather than read as text. */
bool container_is_file(const char *path);
void container_close(struct container *c); /* NULL allowed; unmaps: all pointers end */
enum container_kind container_kind_of(const struct container *c);
const char *container_path(const struct container *c);
/*
 * The bytes of a section, its sum checked on first use. Absent: E_FORMAT naming it; with
 * `optional` absent gives *data NULL and size 0 instead. elem > 1: size must be a multiple.
 * n receives size / elem. The pointer lives until container_close.
 */
akin_status container_get(struct container *c, const char *name, int64_t elem, bool optional,
                          const void **data, int64_t *n, akin_error *err);
/* The same for container_get. Threads: one, while something is loaded. */
void container_read_under(struct container *c, const char *prefix);
/* Checks all sums now. */
akin_status container_verify(struct container *c, akin_error *err);
/* Refuses a required section that is not among names (n of them, or ending in '.' = prefix). */
akin_status container_expect(struct container *c, const char *const *names, int n, akin_error *err);
int container_sections(const struct container *c);
void container_section_info(const struct container *c, int i, const char **name, int64_t *size,
                            uint64_t *hash, uint32_t *flags);
/* Sum over the section table: equal files have equal fingerprints. */
uint64_t container_fingerprint(const struct container *c);

#endif
