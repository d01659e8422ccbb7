/*
 * Changes to containers that keep their sums right, so that a fuzzer gets behind the sums to the
 * checks of contents: one section is mutated, cut, dropped, given other flags or taken from another
 * input, then the file is laid out anew as container_write.c would.
 */
#ifndef TESTS_FUZZ_SUMS_H
#define TESTS_FUZZ_SUMS_H

#include "core/hash.h"
#include "fuzz_base.h"
#include "store/container_format.h"

enum { FUZZ_SECTIONS = 64 };

struct fuzz_section {
    struct disk_entry entry; /* its name, size and flags count */
    const uint8_t *bytes;    /* (entry.size) */
};

struct fuzz_container {
    struct disk_header head;
    struct fuzz_section section[FUZZ_SECTIONS];
    int n;
};

/* Takes what can be taken; false if the bytes are no container at all. */
static inline bool fuzz_container_read(const uint8_t *data, size_t size, struct fuzz_container *out)
{
    memset(out, 0, sizeof *out);
    if (size < sizeof out->head)
        return false;
    memcpy(&out->head, data, sizeof out->head);
    uint64_t at = out->head.table_offset;
    for (uint32_t i = 0; i < out->head.n_sections && out->n < FUZZ_SECTIONS; i++) {
        struct fuzz_section *s = &out->section[out->n];
        if (at > size || size - at < sizeof s->entry)
            break;
        memcpy(&s->entry, data + at, sizeof s->entry);
        at += sizeof s->entry;
        if (s->entry.offset > size || s->entry.size > size - s->entry.offset)
            continue;
        s->bytes = data + s->entry.offset;
        out->n++;
    }
    return true;
}

/* Bytes of the file, 0 if it has no room in max. */
static inline size_t fuzz_container_write(const struct fuzz_container *c, uint8_t *out, size_t max)
{
    struct disk_header head = c->head;
    struct disk_entry rows[FUZZ_SECTIONS];
    uint64_t at = sizeof head;
    for (int i = 0; i < c->n; i++) {
        const struct fuzz_section *s = &c->section[i];
        uint64_t padded = container_padded(s->entry.size);
        if (padded > max || at + padded > max)
            return 0;
        memset(out + at, 0, padded);
        if (s->entry.size > 0)
            memcpy(out + at, s->bytes, s->entry.size);
        rows[i] = s->entry;
        rows[i].offset = at;
        rows[i].sum = hash_bytes(out + at, padded, 0);
        at += padded;
    }
    uint64_t table = (uint64_t)c->n * sizeof rows[0];
    if (at + table > max)
        return 0;
    memcpy(head.magic, CONTAINER_MAGIC, sizeof head.magic);
    head.version = CONTAINER_VERSION;
    head.n_sections = (uint32_t)c->n;
    head.zero = 0;
    head.table_offset = at;
    head.file_size = at + table;
    memset(head.reserved, 0, sizeof head.reserved);
    if (container_head_sum(&head, rows, c->n, &head.sum, NULL) != AKIN_OK)
        abort();
    memcpy(out, &head, sizeof head);
    if (table > 0)
        memcpy(out + at, rows, table);
    return at + table;
}

#ifdef AKIN_FUZZING
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size,
                                 uint8_t *out, size_t max_size, unsigned seed);

static inline uint32_t fuzz_draw(unsigned *state, uint32_t below)
{
    *state = *state * 1664525U + 1013904223U;
    return (*state >> 8) % below;
}

/* One word of the section becomes one that an index or a count should not be. */
static inline void fuzz_word(uint8_t *bytes, uint64_t size, unsigned *state)
{
    static const int64_t words[] = {-1,        0,         1,          2,          3,
                                    255,       256,       4096,       INT32_MAX,  INT32_MIN,
                                    INT64_MAX, INT64_MIN, 0x7f800000, 0x7fc00000, (int64_t)1 << 32};
    int64_t word = words[fuzz_draw(state, sizeof words / sizeof words[0])], old = 0;
    uint64_t width = fuzz_draw(state, 2) ? 8 : 4;
    if (size < width)
        return;
    uint8_t *at = bytes + fuzz_draw(state, (uint32_t)(size / width)) * width;
    memcpy(&old, at, width);
    if (fuzz_draw(state, 2))
        word = (int64_t)((uint64_t)old + (fuzz_draw(state, 2) ? 1 : UINT64_MAX));
    memcpy(at, &word, width);
}

/* Changes one section of c; room (size bytes) holds its new contents. */
static inline void fuzz_change(struct fuzz_container *c, uint8_t *room, size_t size,
                               unsigned *state)
{
    int i = (int)fuzz_draw(state, (uint32_t)c->n);
    struct fuzz_section *s = &c->section[i];
    size_t n = s->entry.size < size ? s->entry.size : size;
    switch (fuzz_draw(state, 16)) {
    case 0:
        memmove(s, s + 1, (size_t)(c->n - i - 1) * sizeof *s);
        c->n--;
        return;
    case 1:
        s->entry.flags ^= CONTAINER_REQUIRED;
        return;
    case 2:
        (void)LLVMFuzzerMutate((uint8_t *)s->entry.name, strlen(s->entry.name), CONTAINER_NAME_MAX);
        return;
    case 3:
        s->entry.size = n > 0 ? fuzz_draw(state, (uint32_t)n) : 0;
        return;
    default:
        break;
    }
    if (n > 0)
        memcpy(room, s->bytes, n);
    if (fuzz_draw(state, 3) == 0)
        fuzz_word(room, n, state);
    else
        n = LLVMFuzzerMutate(room, n, fuzz_draw(state, 4) && n > 0 ? n : size);
    s->bytes = room;
    s->entry.size = n;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    struct fuzz_container c;
    enum { ROUNDS = 3 };
    uint8_t *room[ROUNDS], *out = malloc(max_size + 1);
    size_t n = 0;
    if (fuzz_draw(&seed, 32) == 0 || !out || !fuzz_container_read(data, size, &c)) {
        free(out);
        return LLVMFuzzerMutate(data, size, max_size);
    }
    uint32_t rounds = 1 + fuzz_draw(&seed, ROUNDS);
    for (uint32_t r = 0; r < ROUNDS; r++) {
        room[r] = malloc(512);
        if (r < rounds && room[r] && c.n > 0)
            fuzz_change(&c, room[r], 512, &seed);
    }
    if (fuzz_draw(&seed, 64) == 0)
        c.head.kind ^= 3;
    n = fuzz_container_write(&c, out, max_size);
    if (n > 0)
        memcpy(data, out, n);
    for (int r = 0; r < ROUNDS; r++)
        free(room[r]);
    free(out);
    return n > 0 ? n : LLVMFuzzerMutate(data, size, max_size);
}

/* a, with the contents of some sections of b; sections that a lacks are added. */
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size,
                                 uint8_t *out, size_t max_size, unsigned seed)
{
    struct fuzz_container x, y;
    if (!fuzz_container_read(a, a_size, &x) || !fuzz_container_read(b, b_size, &y))
        return 0;
    for (int j = 0; j < y.n; j++) {
        int i = 0;
        if (fuzz_draw(&seed, 4) != 0)
            continue;
        while (i < x.n && memcmp(x.section[i].entry.name, y.section[j].entry.name,
                                 sizeof y.section[j].entry.name) != 0)
            i++;
        if (i < FUZZ_SECTIONS)
            x.section[i] = y.section[j];
        if (i == x.n && i < FUZZ_SECTIONS)
            x.n++;
    }
    return fuzz_container_write(&x, out, max_size);
}
#endif

#endif
