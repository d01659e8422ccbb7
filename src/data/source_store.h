/*
 * Sources of prepare that are akin's own: one dataset file and one store. Both are given to the
 * readers as JSON lines, so that they pass the same checks, filters and policies as any source:
 *   dataset: its events without those of erased users; its tables and tags
 *   store:   events with base watermark < seq <= last; last words about items and users, which
 *            replace the whole row of the dataset
 * Events of items whose last word is a deletion are left out and counted.
 */
#ifndef AKIN_DATA_SOURCE_STORE_H
#define AKIN_DATA_SOURCE_STORE_H

#include "data/column_id.h"
#include "data/input.h"
#include "data/prepare.h"
#include "data/tables.h"
#include "store/store.h"

enum { OWN_PAGE = 65536 }; /* events of which lines are made at a time */

enum own_flag { OWN_GONE = 1, OWN_SAID = 2 }; /* erased or deleted; the store has a newer word */

/* Where a stream of lines stands. */
struct own_stream {
    struct own_sources *own;
    bool is_store;
    int64_t at; /* dataset: next event; store: last sequence that was read */
    int32_t user;
    struct buf text; /* lines that are made and not yet taken */
    int64_t taken;
    akin_status status; /* of a call-back */
    akin_error *err;    /* of the call that runs */
};

struct own_sources {
    akin_ctx *ctx;
    struct dataset *base;   /* owned, or NULL */
    struct store *store;    /* owned, or NULL */
    struct store_info info; /* of the store, as it was opened */
    int64_t after;          /* the dataset's watermark: older words of the store are in it */
    int64_t last;           /* watermark of the result */
    uint8_t *user_flag;     /* (base users) owned */
    uint8_t *item_flag;     /* (base items) owned */
    struct idset gone;      /* items whose last word is a deletion */
    bool has_value, has_time, has_type, has_text;
    json_t *context;           /* owned: names of event columns, besides text */
    json_t *columns;           /* owned: roles of the columns of the lines */
    int64_t n_base, n_store;   /* events they give */
    int64_t n_gone, n_erased;  /* events left out */
    char sample[DEFECT_TEXT];  /* the first deleted item that an event names */
    struct own_stream from[2]; /* dataset, store */
};

/* sqlite:PATH, or a path ending in .db. */
bool own_is_store(const char *path);
/* A store or a .akin file. */
bool own_is_source(const char *path);
/*
 * A number that changes with every write to the store that a source can see. The last words are
 * part of it, since a store restored from a backup gives its sequence numbers again. Cost: opens
 * it.
 */
akin_status own_fingerprint(akin_ctx *ctx, const char *path, uint64_t *out, akin_error *err);
/*
 * Opens those among p's sources, if any, and looks through them once. *out must be zero and stay
 * where it is; own_close it, always. Fails: E_ARG (two of a kind; order), E_INPUT (a dataset that
 * cannot be told as lines: roles, no Unix times beside a store), and as dataset_load, store_open.
 * is_estimate: not through the store, but its counts and first events only. n_store is then at
 * least what it has, nothing is known of what was erased or deleted: good for a prediction.
 */
akin_status own_open(akin_ctx *ctx, const struct prepare_params *p, bool is_estimate,
                     struct own_sources *out, akin_error *err);
void own_close(struct own_sources *own);
static inline bool own_is_used(const struct own_sources *own)
{
    return own->base || own->store;
}
/* How to read the lines: p with the format that they have. */
struct prepare_params own_params(const struct own_sources *own, const struct prepare_params *p);
/* The events of `path` as a stream; NULL if it gives none. Cost: a page of lines in memory. */
akin_status own_input(struct own_sources *own, const char *path, struct input **in,
                      akin_error *err);
/* Lines of a table, appended to out; nothing if there are no rows. */
akin_status own_table(struct own_sources *own, enum table_kind kind, struct buf *out,
                      akin_error *err);

/* Between source_store*.c: looks through events; fills has_…, n_…, sample. */
akin_status own_look(struct own_sources *own, bool is_estimate, akin_error *err);

#endif
