/*
 * Id columns while they are read. A chunk keeps ids as the integers they spell (canonical, below
 * 2^32 - 1) as long as all do, else as numbers of its own set of texts; the column of the whole
 * input joins the chunks and gives each id its final number.
 */
#ifndef AKIN_DATA_COLUMN_ID_H
#define AKIN_DATA_COLUMN_ID_H

#include "data/ids.h"

/* A set of distinct texts in order of arrival. */
struct idset {
    akin_ctx *ctx;
    int64_t n;
    int64_t cap;
    uint64_t *hash; /* (n) owned */
    int64_t *off;   /* (n + 1) owned */
    char *bytes;    /* owned */
    int64_t cap_bytes;
    uint32_t *slot;  /* open addressing: number + 1, 0 = free; owned */
    int64_t n_slots; /* power of two, at most half used */
};
void idset_init(struct idset *s, akin_ctx *ctx);
void idset_clear(struct idset *s); /* keeps the memory */
void idset_free(struct idset *s);
uint64_t idset_hash(const char *text, int64_t size);
/* The number of the text, added if new. Cost: one probe. Fails: E_MEMORY. */
akin_status idset_add(struct idset *s, uint64_t hash, const char *text, int64_t size,
                      uint32_t *number, akin_error *err);
/* Number or -1. */
int64_t idset_find(const struct idset *s, uint64_t hash, const char *text, int64_t size);

/* True if the text is a canonical integer 0..2^32-2. */
bool id_to_u32(const char *text, int64_t size, uint32_t *out);
/* Decimal text; out at least 10 bytes; returns its length. */
int id_from_u32(uint32_t value, char *out);

/* The ids of one chunk. */
struct chunk_id {
    bool is_text; /* codes are numbers in `set`, else the integers themselves */
    uint32_t max; /* greatest integer */
    struct idset set;
    uint32_t *map; /* (set.n) owned: number in the column, filled by idcol_merge */
    int64_t cap_map;
};

/* Integers from IDCOL_FLAT on are not kept in one flat bitmap (2 MiB); see column_map.c. */
enum { IDCOL_PARTS = 16, IDCOL_FLAT = 1 << 24 };

/* The ids of the whole input; codes: number in its part × 16 + part. */
struct idcol {
    akin_ctx *ctx;
    bool has_text;
    bool has_int;
    uint32_t max_int;
    struct idset part[IDCOL_PARTS];
    _Atomic uint64_t *bits; /* integers seen, while below IDCOL_FLAT; owned */
    int64_t n_bits;         /* capacity */
};
void idcol_init(struct idcol *col, akin_ctx *ctx);
void idcol_free(struct idcol *col);
int64_t idcol_texts(const struct idcol *col);
/* Room for integers up to max; before idcol_mark from many threads. */
akin_status idcol_reserve(struct idcol *col, uint32_t max, akin_error *err);
static inline void idcol_mark(struct idcol *col, uint32_t id)
{
    uint64_t bit = (uint64_t)1 << (id & 63);
    if (!(atomic_load_explicit(&col->bits[id >> 6], memory_order_relaxed) & bit))
        atomic_fetch_or_explicit(&col->bits[id >> 6], bit, memory_order_relaxed);
}
/* Joins part p of n chunks' texts, in chunk order; parts may run in parallel. */
akin_status idcol_merge(struct idcol *col, int p, struct chunk_id *const *chunks, int64_t n,
                        akin_error *err);
static inline uint32_t idcol_code(int64_t number, int part)
{
    return (uint32_t)(number * IDCOL_PARTS + part);
}

#endif
