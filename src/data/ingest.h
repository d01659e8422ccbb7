/*
 * From sources to rows: pieces of text are parsed in parallel, checked against each other, and
 * joined in input order into one list of rows with columns of ids.
 */
#ifndef AKIN_DATA_INGEST_H
#define AKIN_DATA_INGEST_H

#include "data/dataset.h"
#include "data/input.h"
#include "data/reader_chunk.h"

enum { SLAB_BITS = 20, SLAB_ROWS = 1 << SLAB_BITS };

/* Rows lo..hi whose codes are of one kind: integers, or numbers in the column's texts. */
struct segment {
    int64_t lo, hi;
    bool user_is_text, item_is_text;
};

struct ingest {
    akin_ctx *ctx;
    int64_t max_ids;
    bool has_ext; /* rows have types or roles */
    int n_extra;  /* extra columns */
    int64_t n_rows;
    int64_t n_slabs;
    int64_t cap_slabs;
    int64_t cap_first;
    struct row **slab;    /* (n_slabs) of SLAB_ROWS rows (a lone one: of cap_first), owned; NULL
                             once consumed */
    struct row_ext **ext; /* beside slab, or NULL */
    struct segment *seg;  /* (n_seg) owned */
    int64_t n_seg;
    int64_t cap_seg;
    struct idcol user, item, type;
    struct defects defects;
    int64_t n_records;
    int64_t line_total; /* lines of the sources before this one: numbers of baskets go on */
    bool has_role;
    struct buf text;   /* cells of the extra columns, row by row */
    int64_t *text_end; /* (n_rows × n_extra) owned */
    int64_t cap_text;
    struct row_label *labels; /* owned */
    int64_t n_labels;
    int64_t cap_labels;
};
void ingest_init(struct ingest *ing, akin_ctx *ctx, int64_t max_ids);
void ingest_free(struct ingest *ing);
/* Adds all rows of the source. hash receives its fingerprint. Cost: one pass. */
akin_status ingest_source(struct ingest *ing, struct input *in, const struct read_plan *plan,
                          uint64_t *hash, akin_error *err);
/* Commits parsed chunks in order; for ingest_source. */
akin_status ingest_commit(struct ingest *ing, struct chunk *chunks, int64_t n,
                          const struct read_plan *plan, int64_t *n_lines, akin_error *err);

static inline struct row *ingest_row(const struct ingest *ing, int64_t i)
{
    return &ing->slab[i >> SLAB_BITS][i & (SLAB_ROWS - 1)];
}

/* Final numbers of a column. */
struct idmap {
    uint32_t *direct; /* integer → number; or NULL and then: */
    uint32_t *dir;    /* integer / 512 → page */
    uint64_t *bits;   /* (pages × 8) */
    uint32_t *base;   /* (pages) integers before the page */
    uint32_t *number; /* (integers) by rank */
    uint32_t *text;   /* code → number */
};
void idmap_free(akin_ctx *ctx, struct idmap *map);
static inline uint32_t idmap_int(const struct idmap *m, uint32_t id)
{
    if (m->direct)
        return m->direct[id];
    uint32_t page = m->dir[id >> 9];
    uint32_t rank = m->base[page];
    const uint64_t *bits = m->bits + (int64_t)page * 8;
    for (uint32_t w = 0; w < ((id >> 6) & 7); w++)
        rank += (uint32_t)__builtin_popcountll(bits[w]);
    uint64_t below = ((uint64_t)1 << (id & 63)) - 1;
    return m->number[rank + (uint32_t)__builtin_popcountll(bits[(id >> 6) & 7] & below)];
}

/*
 * Numbers all ids of a column (of the rows' users or items) and `more` (texts of a table, may be
 * NULL). ids is built; map gives the numbers of codes. Fails: E_LIMIT over max_ids.
 */
akin_status ingest_number(struct ingest *ing, bool is_user, const struct idset *more,
                          struct ids *ids, struct idmap *map, akin_error *err);

enum dup_policy { DUP_AUTO, DUP_LAST, DUP_FIRST, DUP_SUM, DUP_MAX, DUP_MEAN, DUP_ERROR, DUP_KEEP };

/*
 * Sorts the rows by (user, time, item, type), removes duplicates, and fills ds->user_ptr, item,
 * value, time, type, role, n_events. Consumes the slabs. src (n_events) receives the input row of
 * each event if ing->n_extra > 0; caller frees. type_map: code of ing->type → number.
 */
struct sort_plan {
    int policy;
    bool has_value, has_time, has_type;
    const struct idmap *users, *items;
    const uint32_t *type_map;
};
akin_status ingest_sort(struct ingest *ing, const struct sort_plan *plan, struct dataset *ds,
                        uint32_t **src, akin_error *err);

#endif
