/*
 * Names of filters over items. A column hides the name `id` or `popularity` that it has.
 *
 * Cost: resolving compares the names one after another; filters name few.
 */
#include "data/item_fields.h"

#include <stdio.h>
#include <string.h>

int item_fields_resolve(void *arg, const char *name, enum expr_type *type)
{
    const struct item_fields *f = arg;
    const char *column;
    enum col_type found;
    for (int c = 0; (column = f->column(f->arg, c, &found)) != NULL; c++) {
        if (*column && strcmp(column, name) == 0) {
            *type = found == COL_NUMBER ? EXPR_NUMBER : found == COL_TEXT ? EXPR_TEXT : EXPR_SET;
            return c;
        }
    }
    *type = EXPR_TEXT;
    if (strcmp(name, "id") == 0)
        return ITEM_FIELD_ID;
    *type = EXPR_NUMBER;
    if (strcmp(name, "popularity") == 0 && f->has_popularity)
        return ITEM_FIELD_POPULARITY;
    return -1;
}

bool item_fields_has_var(void *arg, const char *name)
{
    const struct item_fields *f = arg;
    return !f->has_no_seen && strcmp(name, "seen") == 0;
}

void item_fields_hint(const struct item_fields *f, char *out, size_t size)
{
    const char *column;
    enum col_type type;
    size_t used = 0;
    out[0] = '\0';
    for (int c = 0; used < size && (column = f->column(f->arg, c, &type)) != NULL; c++) {
        if (*column)
            used += (size_t)snprintf(out + used, size - used, "%s, ", column);
    }
    if (used < size)
        snprintf(out + used, size - used, "id%s", f->has_popularity ? ", popularity" : "");
}

bool item_fields_text(const struct column *col, int64_t row, int n, const char **text,
                      int32_t *size)
{
    if (col->type == COL_TEXT) {
        *text = col->bytes + col->off[row];
        *size = (int32_t)(col->off[row + 1] - col->off[row]);
        return n == 0 && *size > 0;
    }
    if (col->type != COL_CATEGORY || n < 0 || n >= col->ptr[row + 1] - col->ptr[row])
        return false;
    *text = strtab_get(&col->vocab, col->val[col->ptr[row] + n], size);
    return true;
}
