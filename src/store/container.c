/*
 * The container, reading side, and what both sides share (docs/format.md).
 *
 * A file is header, sections, table, without a gap: every section starts where the padding of the
 * one before ends, the table where the last one ends, and the file ends with the table. So each
 * byte is under exactly one sum, and a cut anywhere disagrees with the size in the header.
 *
 * Cost: opening reads header and table; each section is read once, at memory speed, when it is
 * first asked for. Sums find accidents, not forgers: who reads arrays checks every index in them.
 * Not done: compression, streaming input, big-endian machines.
 */
#include "store/container_format.h"

#include "core/file.h"
#include "core/hash.h"
#include "core/par.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct container {
    akin_ctx *ctx;
    struct file_map map;
    char *path;                       /* owned */
    char label[CONTAINER_LABEL_SIZE]; /* path, its head cut off if long: for messages */
    enum container_kind kind;
    char prefix[CONTAINER_NAME_MAX + 1]; /* of the names that are asked for */
    int n;
    const struct disk_entry *entries;  /* (n) mapped */
    const struct disk_entry **by_name; /* (n) owned, ascending */
    atomic_uchar *checked;             /* (n) owned: the sum of section i was found right */
};

void container_label(const char *path, char *label)
{
    size_t size = strlen(path);
    size_t room = CONTAINER_LABEL_SIZE - 1;
    if (size <= room) {
        text_copy(label, CONTAINER_LABEL_SIZE, path);
    } else {
        text_copy(label, CONTAINER_LABEL_SIZE, "...");
        text_copy(label + 3, CONTAINER_LABEL_SIZE - 3, path + size - (room - 3));
    }
}

bool container_name_ok(const char *name)
{
    size_t size = strlen(name);
    if (size < 1 || size > CONTAINER_NAME_MAX)
        return false;
    for (size_t i = 0; i < size; i++) {
        char c = name[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '.' && c != '_' && c != '-')
            return false;
    }
    return true;
}

bool container_name_join(const char *prefix, const char *name, char out[CONTAINER_NAME_MAX + 1])
{
    size_t n = strlen(prefix);
    if (n + strlen(name) > CONTAINER_NAME_MAX)
        return false;
    text_copy(out, CONTAINER_NAME_MAX + 1, prefix);
    text_copy(out + n, CONTAINER_NAME_MAX + 1 - n, name);
    return true;
}

akin_status container_head_sum(const struct disk_header *head, const struct disk_entry *entries,
                               int n, uint64_t *out, akin_error *err)
{
    struct hash_state *state = hash_begin();
    if (!state)
        return error_set(err, AKIN_E_MEMORY, __FILE__, __LINE__,
                         "out of memory for the sum of a container");
    hash_add(state, head, offsetof(struct disk_header, sum));
    hash_add(state, entries, (size_t)n * sizeof *entries);
    *out = hash_end(state);
    return AKIN_OK;
}

static akin_status check_header(const struct container *c, const struct disk_header *head,
                                akin_error *err)
{
    akin_status status = AKIN_OK;
    uint64_t size = (uint64_t)c->map.size;
    if (memcmp(head->magic, CONTAINER_MAGIC, sizeof head->magic) != 0)
        AKIN_FAIL(AKIN_E_FORMAT, "%s: no akin file, or its first bytes are damaged", c->label);
    if (head->version != CONTAINER_VERSION)
        AKIN_FAIL(AKIN_E_VERSION,
                  "%s: container version %" PRIu32 ", this akin reads %d; use the akin that wrote "
                  "it or make the file again",
                  c->label, head->version, CONTAINER_VERSION);
    if (head->file_size != size)
        AKIN_FAIL(AKIN_E_FORMAT, "%s: %" PRIu64 " bytes, but its header says %" PRIu64 ": %s",
                  c->label, size, head->file_size,
                  head->file_size > size ? "the file is cut" : "the file is damaged");
    uint64_t n = head->n_sections;
    if (n > CONTAINER_MAX_SECTIONS || head->table_offset < sizeof *head ||
        head->table_offset % CONTAINER_ALIGN != 0 || head->table_offset > size ||
        size - head->table_offset != n * sizeof(struct disk_entry))
        AKIN_FAIL(AKIN_E_FORMAT,
                  "%s: a section table of %" PRIu64 " rows at byte %" PRIu64 " does not fit",
                  c->label, n, head->table_offset);
done:
    return status;
}

/* Names, bounds and the gapless order; then every access is inside the map. */
static akin_status check_entries(const struct container *c, uint64_t table_offset, akin_error *err)
{
    akin_status status = AKIN_OK;
    uint64_t at = sizeof(struct disk_header);
    for (int i = 0; i < c->n; i++) {
        const struct disk_entry *e = &c->entries[i];
        if (!memchr(e->name, 0, sizeof e->name) || !container_name_ok(e->name))
            AKIN_FAIL(AKIN_E_FORMAT, "%s: section %d has a malformed name", c->label, i);
        if ((e->flags & ~(uint32_t)CONTAINER_REQUIRED) != 0 || e->zero != 0)
            AKIN_FAIL(AKIN_E_VERSION, "%s: section %s has flags unknown to this akin", c->label,
                      e->name);
        if (e->offset != at || e->size > table_offset - at ||
            container_padded(e->size) > table_offset - at)
            AKIN_FAIL(AKIN_E_FORMAT,
                      "%s: section %s (%" PRIu64 " bytes at %" PRIu64 ") does not fit", c->label,
                      e->name, e->size, e->offset);
        at += container_padded(e->size);
    }
    if (at != table_offset)
        AKIN_FAIL(AKIN_E_FORMAT, "%s: the sections end at byte %" PRIu64 ", not %" PRIu64, c->label,
                  at, table_offset);
done:
    return status;
}

static int compare_entries(const void *a, const void *b)
{
    const struct disk_entry *const *x = a;
    const struct disk_entry *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

static akin_status index_names(struct container *c, akin_error *err)
{
    akin_status status = AKIN_OK;
    MEM_NEW(c->ctx, c->by_name, c->n);
    MEM_ZERO(c->ctx, c->checked, c->n);
    for (int i = 0; i < c->n; i++)
        c->by_name[i] = &c->entries[i];
    qsort(c->by_name, (size_t)c->n, sizeof(const struct disk_entry *), compare_entries);
    for (int i = 1; i < c->n; i++) {
        if (strcmp(c->by_name[i - 1]->name, c->by_name[i]->name) == 0)
            AKIN_FAIL(AKIN_E_FORMAT, "%s: section %s occurs twice", c->label, c->by_name[i]->name);
    }
done:
    return status;
}

static akin_status container_check(struct container *c, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct disk_header *head = (const void *)c->map.data;
    uint64_t sum;
    if (c->map.size < (int64_t)sizeof *head) {
        size_t n = c->map.size < 8 ? (size_t)c->map.size : 8;
        bool is_cut = n > 0 && memcmp(c->map.data, CONTAINER_MAGIC, n) == 0;
        AKIN_FAIL(AKIN_E_FORMAT, "%s: no akin file: %" PRId64 " bytes%s", c->label, c->map.size,
                  is_cut ? ", cut within the header" : "");
    }
    AKIN_TRY(check_header(c, head, err));
    c->n = (int)head->n_sections;
    c->entries = (const void *)(c->map.data + head->table_offset);
    AKIN_TRY(container_head_sum(head, c->entries, c->n, &sum, err));
    if (sum != head->sum)
        AKIN_FAIL(AKIN_E_FORMAT,
                  "%s: the header or section table is damaged (sum %016" PRIx64 ", not %016" PRIx64
                  ")",
                  c->label, sum, head->sum);
    if (head->zero != 0 || head->reserved[0] != 0 || head->reserved[1] != 0)
        AKIN_FAIL(AKIN_E_VERSION, "%s: the header has fields unknown to this akin", c->label);
    if (head->kind != CONTAINER_DATASET && head->kind != CONTAINER_MODEL)
        AKIN_FAIL(AKIN_E_VERSION, "%s: file kind %" PRIu32 " is unknown to this akin", c->label,
                  head->kind);
    c->kind = (enum container_kind)head->kind;
    AKIN_TRY(check_entries(c, head->table_offset, err));
    AKIN_TRY(index_names(c, err));
done:
    return status;
}

bool container_is_file(const char *path)
{
    char head[8] = {0};
    size_t n_same = 0;
    struct stat info;
    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode)) /* a pipe would lose what is read here */
        return false;
    FILE *file = fopen(path, "rb");
    if (!file)
        return false;
    size_t n = fread(head, 1, sizeof head, file);
    fclose(file);
    for (size_t i = 0; i < n; i++)
        n_same += head[i] == CONTAINER_MAGIC[i];
    return n == sizeof head ? n_same >= n - 1 : n >= 4 && n_same == n;
}

akin_status container_open(akin_ctx *ctx, const char *path, struct container **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct container *c = NULL;
    MEM_ZERO(ctx, c, 1);
    c->ctx = ctx;
    container_label(path, c->label);
    c->path = mem_strdup(ctx, path, err);
    if (!c->path) {
        status = AKIN_E_MEMORY;
        goto done;
    }
    AKIN_TRY(file_map_open(path, &c->map, err));
    AKIN_TRY(container_check(c, err));
    *out = c;
    c = NULL;
done:
    container_close(c);
    return status;
}

void container_close(struct container *c)
{
    if (!c)
        return;
    akin_ctx *ctx = c->ctx;
    file_map_close(&c->map);
    mem_free(ctx, c->checked);
    mem_free(ctx, c->by_name);
    mem_free(ctx, c->path);
    mem_free(ctx, c);
}

enum container_kind container_kind_of(const struct container *c)
{
    return c->kind;
}

const char *container_path(const struct container *c)
{
    return c->path;
}

/* The sum of section i with its padding, in pieces so that a cancel is heard. */
static akin_status check_section(struct container *c, int i, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct disk_entry *e = &c->entries[i];
    struct hash_state *state = NULL;
    if (atomic_load_explicit(&c->checked[i], memory_order_acquire))
        return AKIN_OK;
    state = hash_begin();
    if (!state)
        AKIN_FAIL(AKIN_E_MEMORY, "out of memory for the sum of a section");
    const unsigned char *bytes = c->map.data + e->offset;
    uint64_t size = container_padded(e->size);
    for (uint64_t at = 0; at < size; at += CONTAINER_PIECE) {
        uint64_t n = size - at < CONTAINER_PIECE ? size - at : CONTAINER_PIECE;
        hash_add(state, bytes + at, (size_t)n);
        AKIN_TRY(ctx_check(c->ctx, err));
    }
    uint64_t sum = hash_end(state);
    state = NULL;
    if (sum != e->sum)
        AKIN_FAIL(AKIN_E_FORMAT,
                  "%s: section %s is damaged (sum %016" PRIx64 ", not %016" PRIx64 ")", c->label,
                  e->name, sum, e->sum);
    atomic_store_explicit(&c->checked[i], 1, memory_order_release);
done:
    if (state)
        hash_end(state);
    return status;
}

static int find_section(const struct container *c, const char *name)
{
    int lo = 0;
    int hi = c->n;
    while (lo < hi) {
        int mid = lo + (hi - lo) / 2;
        int order = strcmp(c->by_name[mid]->name, name);
        if (order == 0)
            return (int)(c->by_name[mid] - c->entries);
        if (order < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return -1;
}

void container_read_under(struct container *c, const char *prefix)
{
    text_copy(c->prefix, sizeof c->prefix, prefix);
}

akin_status container_get(struct container *c, const char *name, int64_t elem, bool optional,
                          const void **data, int64_t *n, akin_error *err)
{
    akin_status status = AKIN_OK;
    char whole[CONTAINER_NAME_MAX + 1];
    int i = container_name_join(c->prefix, name, whole) ? find_section(c, whole) : -1;
    if (i < 0 && !optional)
        AKIN_FAIL(AKIN_E_FORMAT, "%s: section %s%s is missing", c->label, c->prefix, name);
    if (i < 0) {
        *data = NULL;
        *n = 0;
        goto done;
    }
    const struct disk_entry *e = &c->entries[i];
    if (elem > 1 && e->size % (uint64_t)elem != 0)
        AKIN_FAIL(AKIN_E_FORMAT,
                  "%s: section %s has %" PRIu64 " bytes (must be a multiple of %" PRId64 ")",
                  c->label, e->name, e->size, elem);
    AKIN_TRY(check_section(c, i, err));
    *data = c->map.data + e->offset;
    *n = (int64_t)e->size / (elem > 1 ? elem : 1);
done:
    return status;
}

static akin_status verify_block(void *arg, int64_t block, int worker, akin_error *err)
{
    (void)worker;
    return check_section(arg, (int)block, err);
}

akin_status container_verify(struct container *c, akin_error *err)
{
    return par_for(c->ctx, c->n, verify_block, c, err);
}

static bool name_matches(const char *name, const char *const *names, int n)
{
    for (int i = 0; i < n; i++) {
        size_t size = strlen(names[i]);
        bool is_prefix = size > 0 && names[i][size - 1] == '.';
        if (is_prefix ? strncmp(name, names[i], size) == 0 : strcmp(name, names[i]) == 0)
            return true;
    }
    return false;
}

akin_status container_expect(struct container *c, const char *const *names, int n, akin_error *err)
{
    akin_status status = AKIN_OK;
    for (int i = 0; i < c->n; i++) {
        const struct disk_entry *e = &c->entries[i];
        if ((e->flags & CONTAINER_REQUIRED) && !name_matches(e->name, names, n))
            AKIN_FAIL(AKIN_E_VERSION,
                      "%s: section %s must be understood and this akin does not know it; it was "
                      "written by a newer akin",
                      c->label, e->name);
    }
done:
    return status;
}

int container_sections(const struct container *c)
{
    return c->n;
}

void container_section_info(const struct container *c, int i, const char **name, int64_t *size,
                            uint64_t *hash, uint32_t *flags)
{
    const struct disk_entry *e = &c->entries[i];
    if (name)
        *name = e->name;
    if (size)
        *size = (int64_t)e->size;
    if (hash)
        *hash = e->sum;
    if (flags)
        *flags = e->flags;
}

uint64_t container_fingerprint(const struct container *c)
{
    return hash_bytes(c->entries, (size_t)c->n * sizeof *c->entries, c->kind);
}
