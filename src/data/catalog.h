/*
 * The catalogue at run time: items with their attributes, as filters, explanations, search and the
 * page see them. A base (mapped columns of a model or dataset) under an overlay of upserts and
 * deletions; every change shows in the next answer.
 *
 * Items keep one number for the catalogue's life: those of the base 0..n_base-1 in its order, new
 * ones behind in the order they came. A deleted item keeps its number and is not alive.
 *
 * Threads: any number of readers at once; one writer at a time (a lock inside, held for some
 * microseconds). Attributes (number, text, title, json) are read between catalog_enter and
 * catalog_leave, and their texts are valid that long. Everything else may be called anywhere;
 * catalog_filter and catalog_search only outside. Ids and names of columns live as long as the
 * catalogue.
 */
#ifndef AKIN_DATA_CATALOG_H
#define AKIN_DATA_CATALOG_H

#include "core/buf.h"
#include "data/expr.h"
#include "data/ids.h"
#include "data/table.h"

#include <jansson.h>

struct catalog;

enum {
    CATALOG_ROW_MAX = 1 << 22,       /* bytes of all texts of an item */
    CATALOG_LIST_MAX = 1 << 16,      /* texts of a list */
    CATALOG_FILTERS = 128,           /* filters kept */
    CATALOG_FILTER_BYTES = 64 << 20, /* their bytes, though one is always kept */
    CATALOG_QUERY_MAX = 4096         /* bytes of a search that count */
};

/*
 * ids, table (may have no columns), count (n, popularity; may be NULL): borrowed, must outlive it.
 * max_items: E_LIMIT beyond, new ones included. Cost: O(base), with ctx's threads: 1.4 s of CPU
 * and 110 MB for a million items with titles of four words.
 */
akin_status catalog_create(akin_ctx *ctx, const struct ids *ids, const struct table *table,
                           const int32_t *count, int64_t max_items, struct catalog **out,
                           akin_error *err);
void catalog_free(struct catalog *c);

/*
 * Sets attributes of an item (the whole object replaces what the overlay had; keys the object lacks
 * are missing afterwards, null too), making it if it is new. A key that is no column yet becomes
 * one: number → NUMBER, list of texts → CATEGORY, text → TEXT; a value of another type than its
 * column's is E_INPUT naming key and types. At most TABLE_MAX_COLS columns. Empty texts and lists
 * are missing and make no column; categories have no '|'. The key `item_id` may stand there with
 * the item's own id, so that what catalog_json wrote can be put back.
 * attributes NULL: the item with what it has (an event named an unknown item); a deleted one stays
 * deleted. An object brings a deleted item back under its number.
 * Fails: E_INPUT (also columns, CATALOG_…), E_LIMIT (max_items), E_MEMORY; then nothing changed.
 */
akin_status catalog_put(struct catalog *c, const char *id, size_t size, const json_t *attributes,
                        int32_t *item, akin_error *err);
/* What catalog_put would refuse as things are, memory aside; changes nothing. From any thread. */
akin_status catalog_check(struct catalog *c, const char *id, size_t size, const json_t *attributes,
                          akin_error *err);
/* Not alive any more: in no list, filter or search. Fails: E_NOT_FOUND (also if it is deleted). */
akin_status catalog_delete(struct catalog *c, const char *id, size_t size, akin_error *err);

/* Rises with every change. */
int64_t catalog_version(const struct catalog *c);
/*
 * Items that changed after version *since, oldest first, at most `most` of them into items, some
 * perhaps twice; *since becomes the version of the last. Returns the count, `most` if there may be
 * more; -1 if the log does not reach back that far (or *since < 0): *since becomes the version now,
 * and all items are to be looked at.
 */
int32_t catalog_changes(struct catalog *c, int64_t *since, int32_t *items, int32_t most);
int32_t catalog_size(const struct catalog *c);
/* Number or -1; deleted items are found too. Cost: a hash look-up. */
int32_t catalog_find(const struct catalog *c, const char *id, size_t size);
const char *catalog_id(const struct catalog *c, int32_t item, int32_t *size);
bool catalog_is_alive(const struct catalog *c, int32_t item);

/*
 * A reader's critical section, cheap; between the two the catalogue does not change under it. A
 * thread enters once: a second time within would wait for a writer that waits for the first.
 */
void catalog_enter(struct catalog *c);
void catalog_leave(struct catalog *c);

/* Column by name or -1; its name and type. Numbers of columns stay. */
int catalog_column(const struct catalog *c, const char *name, enum col_type *type);
const char *catalog_column_name(const struct catalog *c, int column);
/* NaN = missing. */
double catalog_number(const struct catalog *c, int32_t item, int column);
/* n-th text of the cell (plain texts have one), false past the end. */
bool catalog_text(const struct catalog *c, int32_t item, int column, int n, const char **text,
                  int32_t *size);
/* The title (the column `title`), or "" without one. */
void catalog_title(const struct catalog *c, int32_t item, const char **text, int32_t *size);
/* "item_id":…, then every attribute that is not missing, as members of an object that is open. */
void catalog_json(const struct catalog *c, int32_t item, struct jw *jw);

/*
 * Which items meet a filter: bitmaps over the numbers at the time, shared and cached per text; kept
 * up to date by looking at changed items only. seen: answers with $seen true, NULL if the text
 * does not use it. Deleted items are never allowed. text NULL: all that are alive.
 * Cost: a look-up; O(items) for a text that is not cached. Fails: E_INPUT as expr_compile.
 */
struct catalog_filter {
    int64_t version; /* of the catalogue */
    int32_t n;       /* items covered */
    int64_t n_allowed;
    const uint64_t *allowed; /* ((n + 63) / 64) */
    const uint64_t *seen;    /* or NULL */
};
akin_status catalog_filter(struct catalog *c, const char *text, const struct catalog_filter **out,
                           akin_error *err);
void catalog_filter_release(struct catalog *c, const struct catalog_filter *f);
/* Whether catalog_filter of this text would find it cached: then it need not look at every item. */
bool catalog_filter_is_cached(struct catalog *c, const char *text);

/*
 * Items whose id or a word of whose title begins with the words of `text` (case and accents
 * folded, data/fold.h), most popular first, then by number; at most `most` into items; returns the
 * count. Each word of the text must be met, by the id's words or the title's. Text without a word:
 * the most popular, O(items). Cost: an index look-up, O(matches log most). It allocates nothing.
 */
int32_t catalog_search(struct catalog *c, const char *text, int32_t *items, int32_t most);

#endif
