/* Baskets of a source, and sets as text: the one place that gives them their shape. */
#include "api/basket_rows.h"

#include "api/csv.h"

#include <math.h>
#include <string.h>

enum { TITLE = 512, NUMBER_WIDTH = 10 };

akin_status basket_source_open(struct op_call *call, const char *source, int64_t gap_seconds,
                               struct basket_source *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct feedback_params p;
    *out = (struct basket_source){.ctx = call->ctx};
    AKIN_TRY(op_parse(call, 1, &p, err));
    AKIN_TRY(op_open_dataset(call, 2, source, &out->ds, err));
    AKIN_TRY(feedback_create(call->ctx, &p, &out->ds->types, dataset_newest(out->ds),
                             &out->feedback, err));
    AKIN_TRY(train_view_build(call->ctx, out->ds, out->feedback, NULL, &out->tv, err));
    AKIN_TRY(baskets_make(&out->tv, gap_seconds, &out->baskets, err));
    out->n_baskets = itemsets_baskets(&out->baskets.by_basket);
    out->title = table_find(&out->ds->item_table, "title");
done:
    return status;
}

void basket_source_close(struct basket_source *b)
{
    if (!b->ctx)
        return;
    baskets_free(b->ctx, &b->baskets);
    train_view_free(&b->tv);
    feedback_free(b->feedback);
    dataset_free(b->ds);
    *b = (struct basket_source){0};
}

/* Title of an item (in room, TITLE bytes), its id where it has none. */
static const char *name_of(const struct basket_source *b, int32_t item, bool is_title, char *room,
                           size_t *size)
{
    int32_t id_size;
    room[0] = '\0';
    if (is_title)
        table_cell_text(b->title, item, room, TITLE);
    *size = strlen(room);
    if (*size > 0)
        return room;
    const char *id = ids_get(&b->ds->items, item, &id_size);
    *size = (size_t)id_size;
    return id;
}

/* The ids or titles of a set, a separator between them. */
static void join(const struct basket_source *b, const struct row_set *set, bool is_title,
                 const char *between, struct buf *buf)
{
    char room[TITLE];
    for (int32_t i = 0; i < set->n; i++) {
        size_t size;
        const char *name = name_of(b, set->items[i], is_title, room, &size);
        buf_text(buf, i ? between : "");
        buf_add(buf, name, size);
    }
}

/* ---- One row in each format ---- */

static void table_line(const struct basket_source *b, bool csv_safe, const struct basket_row *row,
                       struct buf *buf)
{
    (void)csv_safe;
    for (int i = 0; i < row->n_numbers; i++)
        buf_printf(buf, "%*.5g  ", NUMBER_WIDTH, row->numbers[i].value);
    for (int i = 0; i < row->n_sets; i++) {
        buf_text(buf, i ? "  →  " : "");
        join(b, &row->sets[i], b->title != NULL, ", ", buf);
    }
    buf_char(buf, '\n');
}

static void json_line(const struct basket_source *b, bool csv_safe, const struct basket_row *row,
                      struct buf *buf)
{
    (void)csv_safe;
    struct jw jw;
    char room[TITLE];
    jw_init(&jw, buf);
    int n_lists = b->title ? 2 : 1;
    jw_open(&jw, '{');
    for (int i = 0; i < row->n_sets; i++)
        for (int title = 0; title < n_lists; title++) {
            jw_key(&jw, title ? row->sets[i].titles : row->sets[i].name);
            jw_open(&jw, '[');
            for (int32_t j = 0; j < row->sets[i].n; j++) {
                size_t size;
                const char *name = name_of(b, row->sets[i].items[j], title != 0, room, &size);
                jw_string_n(&jw, name, size);
            }
            jw_close(&jw, ']');
        }
    for (int i = 0; i < row->n_numbers; i++) {
        jw_key(&jw, row->numbers[i].name);
        jw_double(&jw, row->numbers[i].value);
    }
    jw_close(&jw, '}');
    buf_char(buf, '\n');
}

static void csv_sets(const struct basket_source *b, bool csv_safe, const struct basket_row *row,
                     bool is_title, struct buf *buf)
{
    struct buf cell;
    buf_init(&cell, b->ctx);
    for (int i = 0; i < row->n_sets; i++) {
        buf_clear(&cell);
        join(b, &row->sets[i], is_title, "|", &cell);
        buf_text(buf, is_title || i ? "," : "");
        csv_field(buf, cell.data ? cell.data : "", (size_t)cell.size, csv_safe);
    }
    buf->failed = buf->failed || cell.failed;
    buf_free(&cell);
}

static void csv_line(const struct basket_source *b, bool csv_safe, const struct basket_row *row,
                     struct buf *buf)
{
    csv_sets(b, csv_safe, row, false, buf);
    for (int i = 0; i < row->n_numbers; i++) {
        buf_char(buf, ',');
        if (isinf(row->numbers[i].value))
            buf_text(buf, "inf");
        else
            buf_double(buf, row->numbers[i].value);
    }
    if (b->title)
        csv_sets(b, csv_safe, row, true, buf);
    buf_char(buf, '\n');
}

void basket_row_names(const struct basket_source *b, enum list_format format,
                      const struct basket_row *row, struct buf *buf)
{
    if (format == LIST_CSV) {
        for (int i = 0; i < row->n_sets; i++)
            buf_printf(buf, "%s%s", i ? "," : "", row->sets[i].name);
        for (int i = 0; i < row->n_numbers; i++)
            buf_printf(buf, ",%s", row->numbers[i].name);
        for (int i = 0; i < row->n_sets && b->title; i++)
            buf_printf(buf, ",%s", row->sets[i].titles);
    } else if (format == LIST_TABLE) {
        for (int i = 0; i < row->n_numbers; i++)
            buf_printf(buf, "%*s  ", NUMBER_WIDTH, row->numbers[i].name);
        for (int i = 0; i < row->n_sets; i++)
            buf_printf(buf, "%s%s", i ? "  →  " : "", row->sets[i].name);
    } else {
        return;
    }
    buf_char(buf, '\n');
}

void basket_row(const struct basket_source *b, enum list_format format, bool csv_safe,
                const struct basket_row *row, struct buf *buf)
{
    static void (*const lines[LIST_FORMATS])(const struct basket_source *, bool,
                                             const struct basket_row *,
                                             struct buf *) = {table_line, json_line, csv_line};
    lines[format](b, csv_safe, row, buf);
}

json_t *basket_rows_json(const struct buf *buf)
{
    json_t *out = json_array();
    const char *at = buf->data, *end = at ? at + buf->size : NULL;
    while (out && at < end) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        json_t *row = json_loadb(at, (size_t)(line_end - at), 0, NULL);
        if (!row || json_array_append_new(out, row) != 0) {
            json_decref(out);
            return NULL;
        }
        at = line_end + 1;
    }
    return out;
}
