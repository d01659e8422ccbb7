/*
 * Tables with meaning: standard names, inferred types, rows joined to ids. One pass over the cells
 * each for inference and for building.
 */
#include "data/tables.h"

#include "core/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- names ---- */

static int column_named(const struct rawtable *t, const char *name)
{
    for (int i = 0; i < t->n_cols; i++)
        if (strcmp(t->plan->name[i], name) == 0)
            return i;
    return -1;
}

static void column_rename(struct rawtable *t, int col, const char *name)
{
    int old = column_named(t, name);
    if (old >= 0 && old != col) /* the name is taken: the other one steps aside */
        snprintf(t->plan->name[old], sizeof t->plan->name[old], "%.50s_original", name);
    memset(t->plan->name[col], 0, sizeof t->plan->name[col]);
    snprintf(t->plan->name[col], sizeof t->plan->name[col], "%.63s", name);
}

static void column_standard(struct rawtable *t, const char *name, const char *const *known)
{
    if (column_named(t, name) >= 0)
        return;
    int col = plan_known(t->plan, known);
    if (col >= 0)
        column_rename(t, col, name);
}

/* Tables without a header, as MovieLens 1M and 10M have them. */
static void names_bare(struct rawtable *t, enum table_kind kind)
{
    static const char *const items[] = {"item_id", "title", "categories", NULL};
    static const char *const users[] = {"user_id", "gender", "age", "occupation", "zip", NULL};
    static const char *const tags[] = {"user_id", "item_id", "tag", "time", NULL};
    const char *const *names = kind == TABLE_ITEMS ? items : kind == TABLE_USERS ? users : tags;
    bool more = true;
    for (int i = 0; i < t->n_cols; i++) {
        more = more && names[i];
        memset(t->plan->name[i], 0, sizeof t->plan->name[i]);
        if (more)
            snprintf(t->plan->name[i], sizeof t->plan->name[i], "%s", names[i]);
        else
            snprintf(t->plan->name[i], sizeof t->plan->name[i], "column%d", i + 1);
    }
}

static const char *const *const role_lists[3][4] = {
    {known_item, known_title, known_categories, NULL},
    {known_user, NULL, NULL, NULL},
    {known_user, known_item, known_tag, known_time}};
static const char *const role_names[3][4] = {{"item_id", "title", "categories", NULL},
                                             {"user_id", NULL, NULL, NULL},
                                             {"user_id", "item_id", "tag", "time"}};

akin_status rawtable_name(struct rawtable *t, enum table_kind kind, const json_t *columns,
                          const char *path, akin_error *err)
{
    akin_status status = AKIN_OK;
    static const char *const what[] = {"items", "users", "tags"};
    char names[100];
    const char *key;
    json_t *value;
    if (!t->plan->has_header && t->plan->format != FORMAT_JSONL)
        names_bare(t, kind);
    plan_names(t->plan, names, sizeof names);
    json_object_foreach((json_t *)(uintptr_t)columns, key, value) {
        const char *name = json_string_value(value);
        int col = name ? plan_column(t->plan, name) : -1;
        if (col < 0)
            AKIN_FAIL(AKIN_E_INPUT, "%s: no column '%s' for %s (found: %s)", path,
                      name ? name : "?", key, names);
        column_rename(t, col, key);
    }
    for (int i = 0; i < 4 && role_names[kind][i]; i++)
        column_standard(t, role_names[kind][i], role_lists[kind][i]);
    int n_must = kind == TABLE_TAGS ? 3 : 1;
    for (int i = 0; i < n_must; i++)
        if (column_named(t, role_names[kind][i]) < 0)
            AKIN_FAIL(AKIN_E_INPUT, "%s: no column is known as %s of the %s table (found: %s)",
                      path, role_names[kind][i], what[kind], names);
done:
    return status;
}

/* ---- ids ---- */

static void table_defect(const struct rawtable *t, struct defects *d, enum defect what, int64_t row)
{
    char text[DEFECT_TEXT];
    size_t n = 0;
    for (int c = 0; c < t->n_cols && n + 2 < sizeof text; c++) {
        int64_t size, room = (int64_t)(sizeof text - n - 2);
        const char *cell = rawtable_cell(t, row, c, &size);
        size = size < room ? size : room;
        if (c > 0)
            text[n++] = ',';
        memcpy(text + n, cell, (size_t)size);
        n += (size_t)size;
    }
    defects_add(d, what, t->source, t->line[row], text, (int64_t)n);
}

static int id_column(const struct rawtable *t, enum table_kind kind)
{
    return column_named(t, kind == TABLE_USERS ? "user_id" : "item_id");
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
            table_defect(t, defects,
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
    if (title < 0 || column_named(t, "year") >= 0)
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
            table_defect(t, defects, DEFECT_DUPLICATE, r);
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
    view->title = kind == TABLE_ITEMS ? column_named(t, "title") : -1;
    struct cell_source cells = {view, view_cell};
    for (int c = 0; c < t->n_cols; c++) {
        const char *name = t->plan->name[c];
        if (c == id_column(t, kind) || name[0] == '\0' || column_named(t, name) != c)
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

/* ---- tags ---- */

struct tag {
    int32_t item, user, text;
    int64_t time;
};

static int tag_order(const void *a, const void *b)
{
    const struct tag *x = a, *y = b;
    if (x->item != y->item)
        return x->item < y->item ? -1 : 1;
    if (x->user != y->user)
        return x->user < y->user ? -1 : 1;
    if (x->text != y->text)
        return x->text < y->text ? -1 : 1;
    return (x->time > y->time) - (x->time < y->time);
}

/* A whole number of seconds, or ISO 8601. */
static bool tag_time(const char *text, int64_t n, int64_t *out)
{
    return text_to_int(text, (size_t)n, out) || text_to_unix(text, (size_t)n, out);
}

/* Rows that hold together, texts still numbered by arrival. */
static akin_status tags_collect(const struct rawtable *t, const struct prepare_params *p,
                                struct defects *defects, const struct dataset *ds,
                                struct idset *texts, struct tag *tags, int64_t *n_tags,
                                akin_error *err)
{
    akin_status status = AKIN_OK;
    int user = column_named(t, "user_id"), item = column_named(t, "item_id");
    int tag = column_named(t, "tag"), time = column_named(t, "time");
    (void)p;
    for (int64_t r = 0; r < t->n_rows; r++) {
        int64_t nu, ni, nt, nx = 0;
        struct tag row = {0};
        uint32_t number;
        const char *u = rawtable_cell(t, r, user, &nu);
        const char *i = rawtable_cell(t, r, item, &ni);
        const char *x = rawtable_cell(t, r, tag, &nt);
        const char *when = time >= 0 ? rawtable_cell(t, r, time, &nx) : NULL;
        enum defect bad = DEFECT_COUNT;
        if (nu == 0 || ni == 0 || nt == 0)
            bad = DEFECT_MISSING_ID;
        else if (!text_is_utf8(x, (size_t)nt))
            bad = DEFECT_BAD_UTF8;
        else if (when && !tag_time(when, nx, &row.time))
            bad = DEFECT_BAD_TIME;
        else if ((row.item = ids_find(&ds->items, i, (size_t)ni)) < 0)
            bad = DEFECT_UNKNOWN_ITEM;
        if (bad != DEFECT_COUNT) {
            table_defect(t, defects, bad, r);
            continue;
        }
        row.user = ids_find(&ds->users, u, (size_t)nu);
        AKIN_TRY(idset_add(texts, idset_hash(x, nt), x, nt, &number, err));
        row.text = (int32_t)number;
        tags[(*n_tags)++] = row;
    }
done:
    return status;
}

akin_status rawtable_tags(const struct rawtable *t, const struct prepare_params *p,
                          struct defects *defects, struct dataset *ds, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = t->ctx;
    struct idset texts;
    struct tag *tags = NULL;
    int32_t *rank = NULL, *user = NULL, *item = NULL, *text = NULL;
    int64_t *time = NULL;
    int64_t n = 0, kept = 0;
    static const int64_t no_off[1] = {0};
    idset_init(&texts, ctx);
    MEM_NEW(ctx, tags, t->n_rows);
    AKIN_TRY(tags_collect(t, p, defects, ds, &texts, tags, &n, err));
    MEM_NEW(ctx, rank, texts.n);
    AKIN_TRY(strtab_build(ctx, (int32_t)texts.n, texts.n ? texts.off : no_off,
                          texts.bytes ? texts.bytes : "", &ds->tag_vocab, rank, err));
    for (int64_t i = 0; i < n; i++)
        tags[i].text = rank[tags[i].text];
    if (n > 0)
        qsort(tags, (size_t)n, sizeof *tags, tag_order);
    for (int64_t i = 0; i < n; i++) { /* of the same user, item and tag the latest stays */
        bool is_same = i + 1 < n && tags[i].item == tags[i + 1].item &&
                       tags[i].user == tags[i + 1].user && tags[i].text == tags[i + 1].text;
        if (is_same && tags[i].user >= 0)
            defects_add_n(defects, DEFECT_DUPLICATE, 1, "the same tag of one user and item");
        else
            tags[kept++] = tags[i];
    }
    MEM_NEW(ctx, user, kept);
    MEM_NEW(ctx, item, kept);
    MEM_NEW(ctx, text, kept);
    if (column_named(t, "time") >= 0)
        MEM_NEW(ctx, time, kept);
    for (int64_t i = 0; i < kept; i++) {
        user[i] = tags[i].user;
        item[i] = tags[i].item;
        text[i] = tags[i].text;
        if (time)
            time[i] = tags[i].time;
    }
    ds->n_tags = kept;
    ds->tag_user = user;
    ds->tag_item = item;
    ds->tag_text = text;
    ds->tag_time = time;
    user = item = text = NULL;
    time = NULL;
done:
    idset_free(&texts);
    mem_free(ctx, tags);
    mem_free(ctx, rank);
    mem_free(ctx, user);
    mem_free(ctx, item);
    mem_free(ctx, text);
    mem_free(ctx, time);
    return status;
}
