/*
 * Attribute tables: ids of a table, inferred types, rows joined to ids. One pass over the cells
 * each for inference and for building. Names are tables_names.c's, tags tables_tags.c's.
 */
#include "data/tables.h"

#include "core/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- ids ---- */

static int id_column(const struct rawtable *t, enum table_kind kind)
{
    return rawtable_column(t, kind == TABLE_USERS ? "user_id" : "item_id");
}

static bool id_is_good(const char *id, int64_t n)
{
    return n > 0 && n <= IDS_MAX_BYTES && text_is_utf8(id, (size_t)n);
}

akin_status rawtable_ids(const struct rawtable *t, enum table_kind kind, struct defects *defects,
                         struct idset *set, akin_error *err)
{
    akin_status status = AKIN_OK;
    int col = id_column(t, kind);
    for (int64_t r = 0; r < t->n_rows; r++) {
        int64_t n;
        uint32_t number;
        const char *id = rawtable_cell(t, r, col, &n);
        if (!id_is_good(id, n))
            rawtable_defect(t, defects,
                            n == 0 || n > IDS_MAX_BYTES ? DEFECT_MISSING_ID : DEFECT_BAD_UTF8, r);
        else
            AKIN_TRY(idset_add(set, idset_hash(id, n), id, n, &number, err));
    }
done:
    return status;
}

/* ---- types ---- */

static bool name_is_category(const char *name)
{
    static const char *const names[] = {
        "categories", "category",   "genres",   "genre",  "tags",     "brand",
        "gender",     "occupation", "country",  "state",  "city",     "color",
        "maincat",    "type",       "language", "device", "triptype", NULL};
    char normal[64];
    name_normalise(name, (int64_t)strlen(name), normal, sizeof normal);
    for (int i = 0; names[i]; i++)
        if (strcmp(names[i], normal) == 0)
            return true;
    return false;
}

enum col_type column_infer(const struct cell_source *cells, int64_t n_rows, int col,
                           const char *name, bool is_list)
{
    int64_t n_full = 0, n_bar = 0, n_long = 0;
    bool all_numbers = true;
    if (strcmp(name, "title") == 0 || strcmp(name, "text") == 0)
        return COL_TEXT;
    bool is_named = name_is_category(name);
    for (int64_t r = 0; r < n_rows; r++) {
        int64_t n;
        double value;
        const char *text = cells->at(cells->arg, r, col, &n);
        if (n == 0)
            continue;
        n_full++;
        if (all_numbers && !is_named)
            all_numbers = text_to_double(text, (size_t)n, &value) && !isinf(value);
        int64_t parts = 1;
        for (const char *p = text; (p = memchr(p, '|', (size_t)(text + n - p))); p++)
            parts++;
        n_bar += parts > 1;
        n_long += n / parts > 64;
    }
    if (is_named)
        return COL_CATEGORY;
    if (n_full > 0 && all_numbers)
        return COL_NUMBER;
    if (n_long * 10 > n_full)
        return COL_TEXT; /* lists of sentences and addresses are text */
    return is_list || (n_bar > 0 && n_bar * 100 >= n_full) ? COL_CATEGORY : COL_TEXT;
}

akin_status cells_build(akin_ctx *ctx, const struct cell_source *cells, int64_t n_rows, int n_cols,
                        const char *const *names, const enum col_type *types, const int64_t *order,
                        int64_t n_out, struct table *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct table_builder *b = NULL;
    const char **cell = NULL;
    int32_t *size = NULL;
    MEM_NEW(ctx, cell, n_cols);
    MEM_NEW(ctx, size, n_cols);
    AKIN_TRY(table_builder_create(ctx, n_cols, names, types, &b, err));
    for (int64_t r = 0; r < n_rows; r++) {
        int64_t n_bad = 0;
        if ((r & 4095) == 0)
            AKIN_TRY(ctx_check(ctx, err));
        for (int c = 0; c < n_cols; c++) {
            int64_t n;
            cell[c] = cells->at(cells->arg, r, c, &n);
            size[c] = n < INT32_MAX ? (int32_t)n : INT32_MAX;
            if (n == 0)
                cell[c] = NULL;
        }
        AKIN_TRY(table_builder_row(b, cell, size, &n_bad, err));
    }
    struct table_builder *full = b;
    b = NULL;
    AKIN_TRY(table_builder_finish(full, order, n_out, out, err));
done:
    table_builder_abort(b);
    mem_free(ctx, cell);
    mem_free(ctx, size);
    return status;
}

/* ---- attribute tables ---- */

/* The columns that are kept: not the id; a year out of the title may follow. */
struct view_cols {
    const struct rawtable *t;
    int col[READ_COLS_MAX + 1]; /* of the raw table, -1 = year */
    int n;
    int title;
};

/* "(1995)" at the end of a title: the four digits, or NULL. */
static const char *title_year(const char *title, int64_t n)
{
    while (n > 0 && title[n - 1] == ' ')
        n--;
    if (n < 6 || title[n - 1] != ')' || title[n - 6] != '(')
        return NULL;
    for (int i = 2; i <= 5; i++)
        if (title[n - i] < '0' || title[n - i] > '9')
            return NULL;
    return title + n - 5;
}

static const char *view_cell(const void *arg, int64_t row, int col, int64_t *size)
{
    const struct view_cols *v = arg;
    if (v->col[col] >= 0)
        return rawtable_cell(v->t, row, v->col[col], size);
    int64_t n;
    const char *title = rawtable_cell(v->t, row, v->title, &n);
    const char *year = title_year(title, n);
    *size = year ? 4 : 0;
    return year ? year : title;
}

static bool titles_have_years(const struct rawtable *t, int title)
{
    int64_t n_full = 0, n_year = 0;
    if (title < 0 || rawtable_column(t, "year") >= 0)
        return false;
    for (int64_t r = 0; r < t->n_rows; r++) {
        int64_t n;
        const char *text = rawtable_cell(t, r, title, &n);
        n_full += n > 0;
        n_year += n > 0 && title_year(text, n);
    }
    return n_full > 0 && n_year * 2 > n_full;
}

static akin_status rows_join(const struct rawtable *t, enum table_kind kind, const struct ids *ids,
                             struct defects *defects, int64_t *order)
{
    int col = id_column(t, kind);
    for (int64_t i = 0; i < ids->n; i++)
        order[i] = -1;
    for (int64_t r = 0; r < t->n_rows; r++) {
        int64_t n;
        const char *id = rawtable_cell(t, r, col, &n);
        int32_t at = id_is_good(id, n) ? ids_find(ids, id, (size_t)n) : -1;
        if (at < 0)
            continue; /* counted by rawtable_ids */
        if (order[at] >= 0)
            rawtable_defect(t, defects, DEFECT_DUPLICATE, r);
        order[at] = r;
    }
    return AKIN_OK;
}

akin_status rawtable_build(const struct rawtable *t, enum table_kind kind, const struct ids *ids,
                           struct defects *defects, json_t *note, struct table *out,
                           akin_error *err)
{
    static const char *const type_names[] = {"", "number", "text", "category"};
    akin_status status = AKIN_OK;
    akin_ctx *ctx = t->ctx;
    struct view_cols *view = NULL;
    const char **names = NULL;
    enum col_type *types = NULL;
    int64_t *order = NULL;
    MEM_ZERO(ctx, view, 1);
    MEM_NEW(ctx, names, t->n_cols + 1);
    MEM_NEW(ctx, types, t->n_cols + 1);
    MEM_NEW(ctx, order, ids->n);
    view->t = t;
    view->title = kind == TABLE_ITEMS ? rawtable_column(t, "title") : -1;
    struct cell_source cells = {view, view_cell};
    for (int c = 0; c < t->n_cols; c++) {
        const char *name = t->plan->name[c];
        if (c == id_column(t, kind) || name[0] == '\0' || rawtable_column(t, name) != c)
            continue;
        names[view->n] = name;
        view->col[view->n] = c;
        types[view->n] = column_infer(&cells, t->n_rows, view->n, name, t->is_list[c]);
        view->n++;
    }
    if (titles_have_years(t, view->title)) {
        names[view->n] = "year";
        types[view->n] = COL_NUMBER;
        view->col[view->n++] = -1;
        json_object_set_new(note, "year_from_title", json_true());
    }
    json_t *columns = json_object();
    for (int c = 0; columns && c < view->n; c++)
        json_object_set_new(columns, names[c], json_string(type_names[types[c]]));
    json_object_set_new(note, "columns", columns);
    AKIN_TRY(rows_join(t, kind, ids, defects, order));
    AKIN_TRY(cells_build(ctx, &cells, t->n_rows, view->n, names, types, order, ids->n, out, err));
done:
    mem_free(ctx, view);
    mem_free(ctx, names);
    mem_free(ctx, types);
    mem_free(ctx, order);
    return status;
}
