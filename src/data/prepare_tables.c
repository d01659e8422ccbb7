/*
 * prepare: item, user and tag tables. Their cells are read before ids are numbered, since a table
 * may name ids that no event has; the tables over those ids are built afterwards (tables*.c).
 */
#include "data/prepare_impl.h"

#include "core/json.h"

#include <stdio.h>
#include <string.h>

enum { OWN_TABLE_LINE = 8 << 20 };

/* A file; without one, what a dataset and a store among the sources have. */
static akin_status table_open(struct prepare *pr, const char *path, enum table_kind kind,
                              const json_t *columns, struct rawtable *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct input *in = NULL;
    json_t *note = NULL;
    int32_t number;
    static const char *const made[] = {"items.jsonl", "users.jsonl", "tags.jsonl"};
    struct prepare_params p = *pr->p;
    struct buf text;
    buf_init(&text, pr->ctx);
    if (!path && own_is_used(&pr->own)) {
        AKIN_TRY(own_table(&pr->own, kind, &text, err));
        path = made[kind];
        if (text.size == 0)
            goto done;
        p.max_line = OWN_TABLE_LINE;
        AKIN_TRY(input_open_memory(pr->ctx, path, text.data, text.size, &in, err));
    } else if (path) {
        AKIN_TRY(prepare_refuse(path, err));
        AKIN_TRY(input_open(pr->ctx, path, &in, err));
    } else {
        goto done;
    }
    AKIN_TRY(prepare_name(pr, in, &number, err));
    AKIN_TRY(rawtable_read(pr->ctx, &p, in, number, &pr->ing.defects, out, err));
    AKIN_TRY(rawtable_name(out, kind, columns, path, err));
    note = json_object();
    if (!note)
        AKIN_FAIL(AKIN_E_MEMORY, "no memory for the report");
    AKIN_TRY(prepare_note(pr, in, note, out->hash, out->n_rows, err));
    AKIN_TRY(prepare_strict(pr, err));
done:
    json_decref(note);
    input_close(in);
    buf_free(&text);
    return status;
}

akin_status prepare_tables_read(struct prepare *pr, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct prepare_params *p = pr->p;
    AKIN_TRY(table_open(pr, p->items, TABLE_ITEMS, p->item_columns, &pr->items, err));
    AKIN_TRY(table_open(pr, p->users, TABLE_USERS, p->user_columns, &pr->users, err));
    AKIN_TRY(table_open(pr, p->tags, TABLE_TAGS, p->tag_columns, &pr->tags, err));
done:
    return status;
}

/* libsvm: the label of each line as a number column of the user table. */
struct label_cells {
    const struct row_label *labels;
    char text[40];
};

static const char *label_cell(const void *arg, int64_t row, int col, int64_t *size)
{
    struct label_cells *l = (struct label_cells *)(uintptr_t)arg;
    (void)col;
    *size = snprintf(l->text, sizeof l->text, "%.17g", l->labels[row].label);
    return l->text;
}

static akin_status labels_table(struct prepare *pr, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct ids *users = &pr->ds->users;
    struct label_cells arg = {pr->ing.labels, ""};
    struct cell_source cells = {&arg, label_cell};
    const char *names[] = {"label"};
    enum col_type types[] = {COL_NUMBER};
    int64_t *order = NULL;
    char id[10];
    if (pr->ing.n_labels == 0 || pr->users.ctx)
        return AKIN_OK;
    MEM_NEW(pr->ctx, order, users->n);
    for (int64_t u = 0; u < users->n; u++)
        order[u] = -1;
    for (int64_t i = 0; i < pr->ing.n_labels; i++) {
        int n = id_from_u32((uint32_t)pr->ing.labels[i].line, id);
        int32_t at = ids_find(users, id, (size_t)n);
        if (at >= 0)
            order[at] = i;
    }
    AKIN_TRY(cells_build(pr->ctx, &cells, pr->ing.n_labels, 1, names, types, order, users->n,
                         &pr->ds->user_table, err));
done:
    mem_free(pr->ctx, order);
    return status;
}

akin_status prepare_tables_build(struct prepare *pr, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct dataset *ds = pr->ds;
    struct {
        struct rawtable *t;
        enum table_kind kind;
        const struct ids *ids;
        struct table *out;
        const char *name;
    } both[] = {{&pr->items, TABLE_ITEMS, &ds->items, &ds->item_table, "items"},
                {&pr->users, TABLE_USERS, &ds->users, &ds->user_table, "users"}};
    for (int i = 0; i < 2; i++) {
        if (!both[i].t->ctx)
            continue;
        json_t *note = json_object();
        status = note ? rawtable_build(both[i].t, both[i].kind, both[i].ids, &pr->ing.defects, note,
                                       both[i].out, err)
                      : AKIN_E_MEMORY;
        if (status == AKIN_OK)
            json_object_set(pr->notes, both[i].name, note);
        json_decref(note);
        AKIN_TRY(status);
        rawtable_free(both[i].t);
    }
    AKIN_TRY(labels_table(pr, err));
    if (pr->tags.ctx)
        AKIN_TRY(rawtable_tags(&pr->tags, &pr->ing.defects, ds, err));
done:
    return status;
}
