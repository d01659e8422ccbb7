/*
 * What names mean in filters over items: the columns, then `id` and `popularity`, and $seen. One
 * meaning for a model's table (rank/) and for the catalogue (data/catalog.h).
 */
#ifndef AKIN_DATA_ITEM_FIELDS_H
#define AKIN_DATA_ITEM_FIELDS_H

#include "data/expr.h"

enum {
    ITEM_FIELD_ID = TABLE_MAX_COLS, /* fields below are columns */
    ITEM_FIELD_POPULARITY,
    ITEM_FIELDS_HINT = 1024 /* bytes of names in a message */
};

struct item_fields {
    const void *arg;
    /* Name and type of column c, NULL past the end; "" = not to be named. */
    const char *(*column)(const void *arg, int c, enum col_type *type);
    bool has_popularity;
    bool has_no_seen; /* rows that nobody has seen or not: users */
};

/* For struct expr_names, whose arg is the item_fields. */
int item_fields_resolve(void *arg, const char *name, enum expr_type *type);
bool item_fields_has_var(void *arg, const char *name);
/* "title, genres, year, id, popularity": what an unknown name could have been. */
void item_fields_hint(const struct item_fields *f, char *out, size_t size);

/* n-th text of a cell of a TEXT or CATEGORY column as filters see it; false past the end. */
bool item_fields_text(const struct column *col, int64_t row, int n, const char **text,
                      int32_t *size);

#endif
