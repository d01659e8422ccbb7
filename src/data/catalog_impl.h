/*
 * Inside of the catalogue, shared by data/catalog*.c only.
 *
 * What a reader may look at without the lock: ids, states, columns, version and size (they are
 * only added to, or single words), and the search index of the base (immutable). Rows and the
 * overlay's words change only under the write lock, which is held for the swap of pointers alone.
 */
#ifndef AKIN_DATA_CATALOG_IMPL_H
#define AKIN_DATA_CATALOG_IMPL_H

#include "data/catalog.h"
#include "data/fold.h"
#include "data/item_fields.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    CAT_SHIFT = 12,
    CAT_CHUNK = 1 << CAT_SHIFT, /* items of a chunk; a multiple of 64 */
    CAT_LOG_LEAST = 4096,       /* changes remembered, a power of two */
    CAT_LOG_MOST = 1 << 20,
    CAT_NODES = 1024 /* word nodes allocated at once */
};

/* ---- Rows of the overlay: immutable, one block each ---- */

struct cat_text {
    const char *text;
    int32_t size;
};

struct cat_cell {
    int32_t column;
    int32_t n_texts;              /* 0 for a number */
    double number;                /* NaN for texts */
    const struct cat_text *texts; /* (n_texts) ascending and distinct if there are several */
};

struct cat_row {
    int32_t n_cells, n_words, words_size;
    const struct cat_cell *cells; /* (n_cells) by column ascending */
    const char *words;            /* (words_size) folded words of id and title */
};

/* A row in the making, with the columns that it would add. */
struct cat_draft {
    struct cat_row *row; /* owned until it is published */
    int n_columns;       /* of the catalogue with it */
};
/*
 * Checks attributes (NULL = none) and makes a row of them. New columns are written behind the
 * published ones: for the holder of the write mutex. is_check: only checks, touches nothing.
 */
akin_status cat_row_make(struct catalog *c, const char *id, size_t size, const json_t *attributes,
                         bool is_check, struct cat_draft *out, akin_error *err);

/* ---- Words of the overlay: a treap by (word, item); no call fails ---- */

struct cat_node {
    const char *word; /* ended by a blank; of the item's row */
    struct cat_node *left, *right;
    int32_t item;
    uint32_t priority;
};
struct cat_words {
    struct cat_node *root, *free;
    struct cat_nodes {
        struct cat_nodes *next;
        struct cat_node node[CAT_NODES];
    } *nodes; /* owned */
    int64_t n_free;
    uint64_t n_added, seed;
};
/* So many adds will find a node. Outside the lock. */
akin_status cat_words_reserve(akin_ctx *ctx, struct cat_words *w, int64_t n, akin_error *err);
void cat_words_add(struct cat_words *w, const struct cat_row *row, int32_t item);
void cat_words_remove(struct cat_words *w, const struct cat_row *row, int32_t item);
/* Calls visit in order for all after (word, item) until it says false. */
typedef bool (*cat_visit)(void *arg, const char *word, int32_t item);
void cat_words_walk(const struct cat_words *w, const char *word, int32_t item, cat_visit visit,
                    void *arg);
void cat_words_free(akin_ctx *ctx, struct cat_words *w);

/* ---- Words of the base: sorted once ---- */

struct cat_index {
    char *pool;        /* folded texts of the items one after another */
    int64_t *text_at;  /* (n_base + 1) of an item in pool */
    int64_t n_entries; /* sorted by (word, item) */
    int64_t *word_at;  /* (n_entries) in pool */
    int32_t *item;     /* (n_entries) */
};
akin_status cat_index_build(struct catalog *c, akin_error *err);
void cat_index_free(akin_ctx *ctx, struct cat_index *x);

/* ---- Items ---- */

enum cat_state { CAT_BASE, CAT_ROW, CAT_DELETED };

struct cat_id {
    int32_t size;
    char text[];
};

struct cat_chunk {
    _Atomic uint8_t state[CAT_CHUNK];
    const struct cat_row *row[CAT_CHUNK]; /* owned; under the lock */
    const struct cat_id *id[CAT_CHUNK];   /* of new items; in the arena */
};

/* Open addressing; a slot is item + 1 and the upper half of the id's hash, 0 = free. */
struct cat_table {
    struct cat_table *before; /* smaller ones that readers may still probe */
    int64_t n_slots;          /* a power of two, more than twice what it holds */
    _Atomic uint64_t slot[];
};

struct cat_column {
    char name[TABLE_NAME_MAX + 1];
    enum col_type type;
};

struct cat_filters;

struct catalog {
    akin_ctx *ctx;
    const struct ids *ids;     /* borrowed */
    const struct table *table; /* borrowed; NULL without columns */
    const int32_t *count;      /* borrowed; may be NULL */
    int32_t n_base, max_items;
    int n_base_columns;

    pthread_rwlock_t lock;  /* rows, words, log */
    pthread_mutex_t writer; /* one writer at a time; before lock */

    _Atomic int64_t version;
    _Atomic int32_t n_items;
    _Atomic int n_columns;
    _Atomic int title;                  /* column of titles, -1 = none yet */
    struct cat_column *column;          /* (TABLE_MAX_COLS) */
    _Atomic(struct cat_chunk *) *chunk; /* NULL = base items as they were */
    _Atomic(struct cat_table *) id_table;
    struct arena ids_arena; /* ids of new items */
    int32_t *log;           /* (log_mask + 1) the item that version v changed is log[v & mask] */
    int64_t log_mask;

    struct cat_words words;
    struct cat_index index;
    struct cat_filters *filters;
};

static inline struct cat_chunk *cat_chunk_of(const struct catalog *c, int32_t item)
{
    return atomic_load_explicit(&c->chunk[item >> CAT_SHIFT], memory_order_acquire);
}

static inline enum cat_state cat_state_of(const struct catalog *c, int32_t item)
{
    const struct cat_chunk *chunk = cat_chunk_of(c, item);
    return chunk ? (enum cat_state)atomic_load_explicit(&chunk->state[item & (CAT_CHUNK - 1)],
                                                        memory_order_acquire)
                 : CAT_BASE;
}

static inline int32_t cat_popularity(const struct catalog *c, int32_t item)
{
    return c->count && item < c->n_base ? c->count[item] : 0;
}

/* Frees a row that no reader can reach. */
void cat_row_free(akin_ctx *ctx, const struct cat_row *row);

/* ---- Ids ---- */

akin_status cat_ids_create(struct catalog *c, akin_error *err);
/* Room for one more id, and its copy, for the holder of the write mutex. */
akin_status cat_ids_reserve(struct catalog *c, const char *id, size_t size, struct cat_id **out,
                            akin_error *err);
void cat_ids_add(struct catalog *c, const char *id, size_t size, int32_t item);
void cat_ids_free(struct catalog *c);

/* ---- Filters ---- */

struct cat_test {
    struct expr *expr; /* owned; NULL = is it alive? */
    bool uses_seen;
    int32_t slice; /* items evaluated at once */
};
/* text NULL: alive. What was made is freed by expr_free(out->expr), on failure too. */
akin_status cat_test_make(struct catalog *c, const char *text, struct cat_test *out,
                          akin_error *err);

struct cat_bits {
    struct catalog_filter f; /* first: what callers hold */
    _Atomic int32_t refs;    /* rises only under the mutex of the filters */
    int64_t n_words;         /* room in each */
    uint64_t *allowed, *seen;
};
/*
 * *out: bitmaps at `want` or later: old ones (may be NULL) changed in place if is_ours, else new
 * ones with one reference. Fails: E_MEMORY, E_CANCELLED; old ones stay good.
 */
akin_status cat_bits_update(struct catalog *c, const struct cat_test *t, struct cat_bits *old,
                            bool is_ours, int64_t want, struct cat_bits **out, akin_error *err);
void cat_bits_release(akin_ctx *ctx, struct cat_bits *bits);

akin_status cat_filters_create(struct catalog *c, akin_error *err);
void cat_filters_free(struct catalog *c);

#endif
