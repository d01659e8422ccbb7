/* Item, user and tag tables beside the interactions. */
#ifndef AKIN_DATA_TABLES_H
#define AKIN_DATA_TABLES_H

#include "data/dataset.h"
#include "data/format.h"

/* A table as read: all cells are text. */
struct rawtable {
    akin_ctx *ctx;
    struct read_plan *plan; /* owned; names of columns */
    int n_cols;
    int64_t n_rows;
    char *bytes; /* owned: cells one after another */
    int64_t n_bytes;
    int64_t cap_bytes;
    int64_t *end; /* (n_rows × n_cols) owned: ends of cells */
    int64_t cap_end;
    int64_t *line; /* (n_rows) owned */
    int64_t cap_line;
    bool *is_list; /* (n_cols) owned: jsonl lists were seen */
    int32_t source;
    uint64_t hash;
};
akin_status rawtable_read(akin_ctx *ctx, const struct prepare_params *p, struct input *in,
                          int32_t source, struct defects *defects, struct rawtable *out,
                          akin_error *err);
void rawtable_free(struct rawtable *t);
const char *rawtable_cell(const struct rawtable *t, int64_t row, int col, int64_t *size);
/* The column of that name, -1 = none. */
int rawtable_column(const struct rawtable *t, const char *name);
/* Counts a defect of a row, with its cells as the sample. */
void rawtable_defect(const struct rawtable *t, struct defects *d, enum defect what, int64_t row);

/* What a table is about. */
enum table_kind { TABLE_ITEMS, TABLE_USERS, TABLE_TAGS };
/*
 * Standard names for columns (item_id, title, categories, …): explicit ones of `columns`, then the
 * well-known. Fails: E_INPUT without an id column, naming what was found.
 */
akin_status rawtable_name(struct rawtable *t, enum table_kind kind, const json_t *columns,
                          const char *path, akin_error *err);
/* Adds the ids of the id column to `set`; rows without one are counted. */
akin_status rawtable_ids(const struct rawtable *t, enum table_kind kind, struct defects *defects,
                         struct idset *set, akin_error *err);
/*
 * The attribute table over ids. Rows of the same id are counted, the last wins. note (object)
 * receives {column: type} and year_from_title. labels (n_labels): a number column more, for users.
 */
akin_status rawtable_build(const struct rawtable *t, enum table_kind kind, const struct ids *ids,
                           struct defects *defects, json_t *note, struct table *out,
                           akin_error *err);
/* Fills the tag arrays of ds. */
akin_status rawtable_tags(const struct rawtable *t, struct defects *defects, struct dataset *ds,
                          akin_error *err);

/*
 * A table from n_rows × n_cols cells given by `at`; types are inferred: all numbers NUMBER, '|' in
 * 1 % of the cells or a name such as categories, genre, brand CATEGORY, else TEXT.
 * order (n_out): row of the input of each row, -1 = none.
 */
struct cell_source {
    const void *arg;
    const char *(*at)(const void *arg, int64_t row, int col, int64_t *size);
};
enum col_type column_infer(const struct cell_source *cells, int64_t n_rows, int col,
                           const char *name, bool is_list);
akin_status cells_build(akin_ctx *ctx, const struct cell_source *cells, int64_t n_rows, int n_cols,
                        const char *const *names, const enum col_type *types, const int64_t *order,
                        int64_t n_out, struct table *out, akin_error *err);

#endif
