/*
 * The container, writing side: sections stream through one pass of sum and write, the table
 * follows, the header is patched in last, and the file takes its name when it is complete.
 *
 * Nothing in the file depends on time, path or machine: equal sections give equal bytes.
 * Cost: one pass over the bytes; memory for the table only.
 */
#include "store/container_format.h"

#include "core/file.h"
#include "core/hash.h"

#include <inttypes.h>
#include <string.h>

struct container_writer {
    akin_ctx *ctx;
    struct file_writer *file; /* owned; NULL = only sums are wanted */
    enum container_kind kind;
    char label[CONTAINER_LABEL_SIZE];
    struct disk_entry *entries; /* (n of cap) owned */
    int64_t n, cap;
    char prefix[CONTAINER_NAME_MAX + 1]; /* of the names that are added */
    bool failed; /* an add failed: the file has a hole and is never committed */
};

static const unsigned char zeros[CONTAINER_ALIGN];

static void writer_free(struct container_writer *w)
{
    akin_ctx *ctx = w->ctx;
    mem_free(ctx, w->entries);
    mem_free(ctx, w);
}

akin_status container_create(akin_ctx *ctx, const char *path, enum container_kind kind,
                             struct container_writer **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct container_writer *w = NULL;
    MEM_ZERO(ctx, w, 1);
    w->ctx = ctx;
    w->kind = kind;
    container_label(path, w->label);
    AKIN_TRY(file_writer_open(ctx, path, &w->file, err));
    AKIN_TRY(file_writer_add(w->file, zeros, sizeof(struct disk_header), err));
    *out = w;
    w = NULL;
done:
    container_abort(w);
    return status;
}

akin_status container_create_sum(akin_ctx *ctx, struct container_writer **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct container_writer *w = NULL;
    MEM_ZERO(ctx, w, 1);
    w->ctx = ctx;
    text_copy(w->label, sizeof w->label, "sum");
    *out = w;
done:
    return status;
}

static akin_status check_name(const struct container_writer *w, const char *name, akin_error *err)
{
    akin_status status = AKIN_OK;
    if (!container_name_ok(name))
        AKIN_FAIL(AKIN_E_INTERNAL, "%s: section name '%s' (must be 1..%d of a-z 0-9 . _ -)",
                  w->label, name, CONTAINER_NAME_MAX);
    if (w->n >= CONTAINER_MAX_SECTIONS)
        AKIN_FAIL(AKIN_E_LIMIT, "%s: more than %d sections", w->label, CONTAINER_MAX_SECTIONS);
    for (int64_t i = 0; i < w->n; i++) {
        if (strcmp(w->entries[i].name, name) == 0)
            AKIN_FAIL(AKIN_E_INTERNAL, "%s: section %s added twice", w->label, name);
    }
done:
    return status;
}

/* Bytes and padding to the file and into one sum. */
static akin_status write_section(struct container_writer *w, const unsigned char *bytes,
                                 uint64_t size, uint64_t *sum, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct hash_state *state = hash_begin();
    if (!state)
        AKIN_FAIL(AKIN_E_MEMORY, "out of memory for the sum of a section");
    for (uint64_t at = 0; at < size; at += CONTAINER_PIECE) {
        uint64_t n = size - at < CONTAINER_PIECE ? size - at : CONTAINER_PIECE;
        AKIN_TRY(ctx_check(w->ctx, err));
        hash_add(state, bytes + at, (size_t)n);
        if (w->file)
            AKIN_TRY(file_writer_add(w->file, bytes + at, (int64_t)n, err));
    }
    uint64_t padding = container_padded(size) - size;
    hash_add(state, zeros, (size_t)padding);
    if (w->file)
        AKIN_TRY(file_writer_add(w->file, zeros, (int64_t)padding, err));
    *sum = hash_end(state);
    state = NULL;
done:
    if (state)
        hash_end(state);
    return status;
}

void container_write_under(struct container_writer *w, const char *prefix)
{
    text_copy(w->prefix, sizeof w->prefix, prefix);
}

akin_status container_add(struct container_writer *w, const char *name, uint32_t flags,
                          const void *bytes, int64_t size, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct disk_entry e = {.flags = flags & CONTAINER_REQUIRED};
    if (size < 0 || size > INT64_MAX - CONTAINER_ALIGN)
        AKIN_FAIL(AKIN_E_INTERNAL, "%s: section %s of %" PRId64 " bytes", w->label, name, size);
    if (!container_name_join(w->prefix, name, e.name))
        AKIN_FAIL(AKIN_E_INTERNAL, "%s: section name '%s%s' (at most %d bytes)", w->label,
                  w->prefix, name, CONTAINER_NAME_MAX);
    AKIN_TRY(check_name(w, e.name, err));
    MEM_GROW(w->ctx, w->entries, w->cap, w->n + 1);
    e.offset = w->file ? (uint64_t)file_writer_offset(w->file) : 0;
    e.size = (uint64_t)size;
    AKIN_TRY(write_section(w, bytes, e.size, &e.sum, err));
    w->entries[w->n++] = e;
done:
    if (status != AKIN_OK)
        w->failed = true;
    return status;
}

akin_status container_commit(struct container_writer *w, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct disk_header head = {.version = CONTAINER_VERSION,
                               .kind = (uint32_t)w->kind,
                               .n_sections = (uint32_t)w->n,
                               .table_offset = w->file ? (uint64_t)file_writer_offset(w->file) : 0};
    int64_t table_size = w->n * (int64_t)sizeof *w->entries;
    memcpy(head.magic, CONTAINER_MAGIC, sizeof head.magic);
    head.file_size = head.table_offset + (uint64_t)table_size;
    if (w->failed || !w->file)
        AKIN_FAIL(AKIN_E_INTERNAL, "%s: %s", w->label,
                  w->file ? "a section could not be added" : "only a sum, no file");
    AKIN_TRY(container_head_sum(&head, w->entries, (int)w->n, &head.sum, err));
    AKIN_TRY(file_writer_add(w->file, w->entries, table_size, err));
    AKIN_TRY(file_writer_patch(w->file, 0, &head, sizeof head, err));
    struct file_writer *file = w->file;
    w->file = NULL;
    AKIN_TRY(file_writer_commit(file, err));
done:
    container_abort(w);
    return status;
}

uint64_t container_sum(const struct container_writer *w)
{
    return hash_bytes(w->entries, (size_t)w->n * sizeof *w->entries, 0);
}

void container_abort(struct container_writer *w)
{
    if (!w)
        return;
    file_writer_abort(w->file);
    writer_free(w);
}
