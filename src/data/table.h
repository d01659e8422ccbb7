/*
 * Attribute tables: columns of numbers, text or multi-valued categories, a row per item, user or
 * event. Immutable; arrays owned or mapped.
 */
#ifndef AKIN_DATA_TABLE_H
#define AKIN_DATA_TABLE_H

#include "core/ctx.h"
#include "store/container.h"

enum col_type { COL_NUMBER = 1, COL_TEXT = 2, COL_CATEGORY = 3 };

struct strtab { /* distinct strings, by bytes ascending */
    int32_t n;
    const int64_t *off; /* (n + 1) */
    const char *bytes;
};
int32_t strtab_find(const struct strtab *t, const char *text, size_t size); /* or -1 */
const char *strtab_get(const struct strtab *t, int32_t i, int32_t *size);
/*
 * From n distinct UTF-8 strings in any order (borrowed, copied). rank (n, may be NULL): number of
 * input i. The result is owned: strtab_free it, unless it belongs to something that does.
 */
akin_status strtab_build(akin_ctx *ctx, int32_t n, const int64_t *off, const char *bytes,
                         struct strtab *out, int32_t *rank, akin_error *err);
/* The strings with keep[i] != 0 (keep NULL = all), owned. map (n, may be NULL): new number or -1.
 */
akin_status strtab_subset(akin_ctx *ctx, const struct strtab *t, const uint8_t *keep,
                          struct strtab *out, int32_t *map, akin_error *err);
akin_status strtab_copy(akin_ctx *ctx, const struct strtab *from, struct strtab *to,
                        akin_error *err);          /* owned */
void strtab_free(akin_ctx *ctx, struct strtab *t); /* an owned one */
/* Sections PREFIX.off, .bytes; loading maps and checks order, bounds and UTF-8. */
akin_status strtab_save(struct container_writer *w, const char *prefix, uint32_t flags,
                        const struct strtab *t, akin_error *err);
akin_status strtab_load(struct container *c, const char *prefix, struct strtab *out,
                        akin_error *err);

enum { TABLE_MAX_COLS = 1024, TABLE_NAME_MAX = 63 };

struct column {
    char name[64];
    enum col_type type;
    bool is_owned;
    const double *num;  /* NUMBER: (n_rows), NaN = missing */
    const int64_t *off; /* TEXT: (n_rows + 1) into bytes; empty = missing */
    const char *bytes;
    const int64_t *ptr;  /* CATEGORY: (n_rows + 1) into val */
    const int32_t *val;  /* indices into vocab, ascending and distinct within a row */
    struct strtab vocab; /* CATEGORY */
};

struct table {
    int64_t n_rows;
    int32_t n_cols;
    struct column *cols; /* owned */
};

const struct column *table_find(const struct table *t, const char *name); /* or NULL */
/* Text of a cell into out (categories joined by '|'); returns its full length. */
size_t table_cell_text(const struct column *col, int64_t row, char *out, size_t size);
/* Rows map[i] >= 0 of t at their new index (n_new rows; rows nobody maps to are missing). */
akin_status table_remap(akin_ctx *ctx, const struct table *t, const int32_t *map, int64_t n_new,
                        struct table *out, akin_error *err);
/* Row r of the result = row order[r] of t; -1 = a missing row; order NULL = as is. Categories that
 * no row has any more leave the vocabulary. */
akin_status table_gather(akin_ctx *ctx, const struct table *t, const int64_t *order, int64_t n_rows,
                         struct table *out, akin_error *err);
void table_free(akin_ctx *ctx, struct table *t);
/* The same table for a context of its own: cells stay those of t, which must outlive it. */
akin_status table_lend(akin_ctx *ctx, const struct table *t, struct table *out, akin_error *err);
akin_status table_save(struct container_writer *w, const char *prefix, const struct table *t,
                       akin_error *err);
akin_status table_load(akin_ctx *ctx, struct container *c, const char *prefix, struct table *out,
                       akin_error *err);

/* Builder: cells row by row, in any column order; missing cells are allowed. */
struct table_builder;
akin_status table_builder_create(akin_ctx *ctx, int32_t n_cols, const char *const *names,
                                 const enum col_type *types, struct table_builder **out,
                                 akin_error *err);
/* Appends a row; cells[c] (sizes[c] bytes) as text; categories '|'-separated; NULL = missing.
 * A number that does not parse or is infinite, and text that is not UTF-8, is missing and counted
 * in *n_bad. */
akin_status table_builder_row(struct table_builder *b, const char *const *cells,
                              const int32_t *sizes, int64_t *n_bad, akin_error *err);
/* Row r of the result = appended row order[r] (-1 = missing row); frees b, always. order NULL = all
 * rows as they came (n_rows is ignored then). */
akin_status table_builder_finish(struct table_builder *b, const int64_t *order, int64_t n_rows,
                                 struct table *out, akin_error *err);
void table_builder_abort(struct table_builder *b);

#endif
