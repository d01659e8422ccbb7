/* The bytes of a container (docs/format.md); between the two sides of store/container only. */
#ifndef AKIN_STORE_CONTAINER_FORMAT_H
#define AKIN_STORE_CONTAINER_FORMAT_H

#include "core/text.h"
#include "store/container.h"

#include <assert.h>

#define CONTAINER_MAGIC "AKIN\r\n\x1a\n"

enum {
    CONTAINER_VERSION = 1,
    CONTAINER_ALIGN = 64,
    CONTAINER_MAX_SECTIONS = 16384,
    CONTAINER_LABEL_SIZE = 100,
    CONTAINER_PIECE = 4 << 20 /* bytes between two looks at cancel */
};

/* Fields lie in the file as in memory; another byte order needs a conversion here. */
#if !defined(__BYTE_ORDER__) || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "akin's files are little-endian and mapped as they are: this machine cannot read them"
#endif
static_assert(sizeof(double) == 8 && sizeof(float) == 4, "IEEE 754 sizes");

struct disk_header {
    char magic[8];
    uint32_t version;
    uint32_t kind; /* enum container_kind */
    uint32_t n_sections;
    uint32_t zero;
    uint64_t file_size;
    uint64_t table_offset;
    uint64_t reserved[2]; /* 0 */
    uint64_t sum;         /* XXH3 of the header before this field, then the table */
};
static_assert(sizeof(struct disk_header) == CONTAINER_ALIGN, "no padding");

struct disk_entry {
    char name[CONTAINER_NAME_MAX + 1]; /* NUL-padded */
    uint64_t offset;
    uint64_t size; /* without padding */
    uint64_t sum;  /* XXH3 of the section with its padding */
    uint32_t flags;
    uint32_t zero;
};
static_assert(sizeof(struct disk_entry) == CONTAINER_ALIGN, "no padding");

/* Size rounded up to CONTAINER_ALIGN; size <= INT64_MAX. */
static inline uint64_t container_padded(uint64_t size)
{
    return (size + CONTAINER_ALIGN - 1) / CONTAINER_ALIGN * CONTAINER_ALIGN;
}

/* Path for messages, at most CONTAINER_LABEL_SIZE with its NUL. */
void container_label(const char *path, char *label);
/* prefix and name as one into out; false if that is too long. */
bool container_name_join(const char *prefix, const char *name, char out[CONTAINER_NAME_MAX + 1]);
/* 1..31 bytes of a-z 0-9 . _ - */
bool container_name_ok(const char *name);
akin_status container_head_sum(const struct disk_header *head, const struct disk_entry *entries,
                               int n, uint64_t *out, akin_error *err);

#endif
