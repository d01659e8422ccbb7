/*
 * Items, users and tags of a dataset and of a store as JSON lines. The first line names every key,
 * since the reader takes the columns of a table from its first lines. Ids without attributes have
 * a row too: what was in the catalogue stays there. Cost: the tables' text in memory, and a parse
 * of the store's attributes.
 */
#include "data/source_store.h"

#include "core/json.h"

#include <math.h>
#include <string.h>

struct row_writer {
    struct own_sources *own;
    enum table_kind kind;
    const char *id_key;
    json_t *keys; /* of all rows, in order of arrival; values null */
    bool is_first;
    struct buf *out;
    akin_status status;
    akin_error *err;
};

static akin_status no_memory(akin_error *err)
{
    return error_set(err, AKIN_E_MEMORY, __FILE__, __LINE__, "prepare: no memory for a table row");
}

/* Takes the row. */
static akin_status row_write(struct row_writer *w, json_t *row, akin_error *err)
{
    akin_status status = AKIN_OK;
    if (!row || (w->is_first && json_object_update_missing(row, w->keys) != 0))
        AKIN_TRY(no_memory(err));
    w->is_first = false;
    AKIN_TRY(json_write_ordered(row, w->out, err));
    buf_char(w->out, '\n');
    AKIN_TRY(buf_check(w->out, err));
done:
    json_decref(row);
    return status;
}

/* ---- the store ---- */

/* The id leads and is the row's own, whatever stands in the attributes. */
static akin_status word_row(const struct row_writer *w, const struct store_entity *e, json_t **out,
                            akin_error *err)
{
    akin_status status = AKIN_OK;
    json_t *attributes = NULL, *row = json_object();
    AKIN_TRY(json_parse("attributes", e->attributes, strlen(e->attributes), &attributes, err));
    if (!row || json_object_set_new(row, w->id_key, json_string(e->id)) != 0 ||
        json_object_update_missing(row, attributes) != 0)
        AKIN_TRY(no_memory(err));
    *out = row;
    row = NULL;
done:
    json_decref(attributes);
    json_decref(row);
    return status;
}

static bool word_keys(void *arg, const struct store_entity *e)
{
    struct row_writer *w = arg;
    json_t *row = NULL;
    const char *key;
    json_t *value;
    if (!e->attributes)
        return true;
    w->status = word_row(w, e, &row, w->err);
    json_object_foreach(row, key, value) {
        if (w->status == AKIN_OK && !json_object_get(w->keys, key) &&
            json_object_set_new(w->keys, key, json_null()) != 0)
            w->status = no_memory(w->err);
    }
    json_decref(row);
    return w->status == AKIN_OK;
}

static bool word_write(void *arg, const struct store_entity *e)
{
    struct row_writer *w = arg;
    json_t *row = NULL;
    if (!e->attributes)
        return true;
    w->status = word_row(w, e, &row, w->err);
    if (w->status == AKIN_OK)
        w->status = row_write(w, row, w->err);
    return w->status == AKIN_OK;
}

static akin_status words(struct row_writer *w, store_entity_fn fn, akin_error *err)
{
    akin_status status = AKIN_OK;
    if (!w->own->store)
        return AKIN_OK;
    AKIN_TRY(store_entities(w->own->store, w->kind == TABLE_ITEMS ? STORE_ITEM : STORE_USER,
                            w->own->after, fn, w, err));
    AKIN_TRY(w->status);
done:
    return status;
}

/* ---- the dataset ---- */

static json_t *cell_json(const struct column *col, int64_t row)
{
    int32_t size;
    if (col->type == COL_NUMBER) {
        double x = col->num[row];
        bool is_whole = fabs(x) < 9e15 && floor(x) == x;
        return isnan(x) ? NULL : is_whole ? json_integer((json_int_t)x) : json_real(x);
    }
    if (col->type == COL_TEXT) {
        int64_t n = col->off[row + 1] - col->off[row];
        return n > 0 ? json_stringn(col->bytes + col->off[row], (size_t)n) : NULL;
    }
    json_t *list = col->ptr[row] < col->ptr[row + 1] ? json_array() : NULL;
    for (int64_t i = col->ptr[row]; list && i < col->ptr[row + 1]; i++) {
        const char *text = strtab_get(&col->vocab, col->val[i], &size);
        json_array_append_new(list, json_stringn(text, (size_t)size));
    }
    return list;
}

static akin_status base_rows(struct row_writer *w, const struct table *t, const struct ids *ids,
                             const uint8_t *flags, akin_error *err)
{
    akin_status status = AKIN_OK;
    for (int32_t r = 0; r < ids->n; r++) {
        int32_t size;
        const char *id = ids_get(ids, r, &size);
        if (flags[r])
            continue;
        json_t *row = json_object();
        if (row)
            json_object_set_new(row, w->id_key, json_stringn(id, (size_t)size));
        for (int c = 0; row && t->n_rows > 0 && c < t->n_cols; c++) {
            json_t *cell = cell_json(&t->cols[c], r);
            if (cell)
                json_object_set_new(row, t->cols[c].name, cell);
        }
        AKIN_TRY(row_write(w, row, err));
    }
done:
    return status;
}

/* A tag of a user who is no user of the dataset has no id: one that no source can give. */
static const char nobody[] = "\x1f";

static akin_status base_tags(const struct own_sources *own, struct buf *out, akin_error *err)
{
    const struct dataset *base = own->base;
    struct jw jw;
    int32_t size;
    for (int64_t i = 0; base && i < base->n_tags; i++) {
        int32_t user = base->tag_user[i];
        if ((user >= 0 && (own->user_flag[user] & OWN_GONE)) ||
            (own->item_flag[base->tag_item[i]] & OWN_GONE))
            continue;
        jw_init(&jw, out);
        jw_open(&jw, '{');
        const char *text = user >= 0 ? ids_get(&base->users, user, &size) : nobody;
        jw_key(&jw, "user_id");
        jw_string_n(&jw, text, user >= 0 ? (size_t)size : sizeof nobody - 1);
        text = ids_get(&base->items, base->tag_item[i], &size);
        jw_key(&jw, "item_id");
        jw_string_n(&jw, text, (size_t)size);
        text = strtab_get(&base->tag_vocab, base->tag_text[i], &size);
        jw_key(&jw, "tag");
        jw_string_n(&jw, text, (size_t)size);
        if (base->tag_time) {
            jw_key(&jw, "time");
            jw_int(&jw, base->tag_time[i]);
        }
        jw_close(&jw, '}');
        buf_char(out, '\n');
    }
    return buf_check(out, err);
}

akin_status own_table(struct own_sources *own, enum table_kind kind, struct buf *out,
                      akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct dataset *base = own->base;
    bool is_items = kind == TABLE_ITEMS;
    struct row_writer w = {.own = own,
                           .kind = kind,
                           .id_key = is_items ? "item_id" : "user_id",
                           .is_first = true,
                           .out = out,
                           .err = err};
    const struct table *t = !base ? NULL : is_items ? &base->item_table : &base->user_table;
    if (kind == TABLE_TAGS)
        return base_tags(own, out, err);
    w.keys = json_object();
    if (!w.keys)
        AKIN_TRY(no_memory(err));
    for (int c = 0; t && c < t->n_cols; c++)
        if (json_object_set_new(w.keys, t->cols[c].name, json_null()) != 0)
            AKIN_TRY(no_memory(err));
    AKIN_TRY(words(&w, word_keys, err));
    if (base)
        AKIN_TRY(base_rows(&w, t, is_items ? &base->items : &base->users,
                           is_items ? own->item_flag : own->user_flag, err));
    AKIN_TRY(words(&w, word_write, err));
done:
    json_decref(w.keys);
    return status;
}
