/*
 * Reading tables: every cell as text, on one thread (tables are small beside interactions), in
 * windows, so that memory is that of the cells. Formats: csv, tsv, "::" and jsonl.
 */
#include "data/tables.h"

#include "data/reader_json.h"

#include <string.h>

enum { TABLE_WINDOW = 4 << 20, MAP_MAX = 256 << 20 };

void rawtable_free(struct rawtable *t)
{
    if (!t->ctx)
        return;
    plan_free(t->ctx, t->plan);
    mem_free(t->ctx, t->bytes);
    mem_free(t->ctx, t->end);
    mem_free(t->ctx, t->line);
    mem_free(t->ctx, t->is_list);
    memset(t, 0, sizeof *t);
}

const char *rawtable_cell(const struct rawtable *t, int64_t row, int col, int64_t *size)
{
    int64_t i = row * t->n_cols + col;
    int64_t begin = i > 0 ? t->end[i - 1] : 0;
    *size = t->end[i] - begin;
    return t->bytes + begin;
}

static akin_status row_add(struct rawtable *t, const struct cell *cells, int64_t line,
                           akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = t->ctx;
    int64_t at = t->n_rows * t->n_cols;
    MEM_GROW(ctx, t->end, t->cap_end, at + t->n_cols);
    MEM_GROW(ctx, t->line, t->cap_line, t->n_rows + 1);
    for (int c = 0; c < t->n_cols; c++) {
        int64_t n = cells[c].p ? cells[c].n : 0;
        MEM_GROW(ctx, t->bytes, t->cap_bytes, t->n_bytes + n + 1);
        if (n > 0)
            memcpy(t->bytes + t->n_bytes, cells[c].p, (size_t)n);
        t->n_bytes += n;
        t->end[at + c] = t->n_bytes;
    }
    t->line[t->n_rows++] = line;
done:
    return status;
}

struct json_row {
    struct rawtable *t;
    struct cell *cells;
};

static void json_cell(void *arg, const char *key, int64_t key_size, enum json_kind kind,
                      const char *value, int64_t size)
{
    struct json_row *row = arg;
    struct rawtable *t = row->t;
    if (kind == JSON_KIND_NULL || kind == JSON_KIND_OBJECT || key_size > 63)
        return;
    for (int c = 0; c < t->n_cols; c++) {
        const char *name = t->plan->name[c];
        if (memcmp(name, key, (size_t)key_size) == 0 && !name[key_size]) {
            row->cells[c] = (struct cell){value, size};
            t->is_list[c] = t->is_list[c] || (kind == JSON_KIND_LIST && size > 0);
            return;
        }
    }
}

struct table_reader {
    struct rawtable *t;
    struct chunk c;
    struct defects *defects;
    struct cell *cells; /* (READ_COLS_MAX) owned */
};

static akin_status json_record(struct table_reader *tr, const struct record *r, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct json_row row = {tr->t, tr->cells};
    memset(tr->cells, 0, (size_t)tr->t->n_cols * sizeof *tr->cells);
    MEM_GROW(tr->c.ctx, tr->c.unescape, tr->c.cap_unescape, r->size + 1);
    if (json_scan_object(r->text, r->size, tr->c.unescape, json_cell, &row))
        AKIN_TRY(row_add(tr->t, tr->cells, r->line, err));
    else
        defects_add(tr->defects, DEFECT_MALFORMED, tr->t->source, r->line, r->text, r->size);
done:
    return status;
}

/* The record at *p; false if it is cut off. */
static akin_status one_record(struct table_reader *tr, const char *text, int64_t n, bool is_last,
                              int64_t *p, bool *is_cut, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct chunk *c = &tr->c;
    struct record r;
    *is_cut = false;
    if (tr->t->plan->format == FORMAT_JSONL) {
        bool is_blank;
        if (!chunk_line(c, text, n, p, is_last, &r, &is_blank))
            *is_cut = true;
        else if (!is_blank)
            return json_record(tr, &r, err);
        return AKIN_OK;
    }
    int n_fields = 0;
    int64_t lines = 0, broken = 0;
    int64_t end = csv_record(c, text, n, *p, is_last, &n_fields, &lines, &broken);
    if (end == -1) {
        *is_cut = true;
        return AKIN_OK;
    }
    int64_t next = end >= 0 ? end : broken;
    next = next < n ? next : n;
    r = (struct record){c->n_lines + 1, text + *p, next - *p};
    c->n_lines += lines + 1;
    *p = next;
    if (end >= 0 && n_fields == 1 && c->field[0].n == 0)
        return AKIN_OK;
    if (end < 0 || n_fields != tr->t->n_cols) {
        defects_add(tr->defects, DEFECT_MALFORMED, tr->t->source, r.line, r.text, r.size);
        return AKIN_OK;
    }
    AKIN_TRY(buf_check(&c->scratch, err));
    AKIN_TRY(row_add(tr->t, c->field, r.line, err));
done:
    return status;
}

/* Bytes of the input from offset on; streams ignore it (they go on where they are). */
static akin_status more_bytes(struct input *in, int64_t offset, char *out, int64_t size,
                              int64_t *got, akin_error *err)
{
    return input_is_random(in) ? input_read_at(in, offset, out, size, got, err)
                               : input_read(in, out, size, got, err);
}

static akin_status table_records(struct table_reader *tr, struct input *in, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = tr->c.ctx;
    int64_t max_line = tr->t->plan->max_line;
    int64_t size = input_is_random(in) ? input_size(in) : TABLE_WINDOW;
    int64_t cap = (size < TABLE_WINDOW ? size + 1 : TABLE_WINDOW) + max_line + 2;
    int64_t n = 0, offset = 0, skip = tr->t->plan->body;
    bool is_last = false, is_skipping = false;
    char *text = NULL;
    MEM_NEW(ctx, text, cap + READ_PAD);
    while (!is_last) {
        int64_t got = 0, p = 0;
        AKIN_TRY(ctx_check(ctx, err));
        AKIN_TRY(more_bytes(in, offset, text + n, cap - n, &got, err));
        is_last = got < cap - n;
        offset += got;
        n += got;
        memset(text + n, 0, READ_PAD);
        text[n] = '\n';
        p = skip < n ? skip : n;
        skip = 0;
        if (is_skipping) {
            const char *stop = memchr(text, '\n', (size_t)n);
            p = stop ? stop - text + 1 : n;
            is_skipping = !stop;
        }
        bool is_cut = false;
        while (p < n && !is_cut)
            AKIN_TRY(one_record(tr, text, n, is_last, &p, &is_cut, err));
        if (n - p > max_line + 1) {
            defects_add(tr->defects, DEFECT_LINE_TOO_LONG, tr->t->source, ++tr->c.n_lines, text + p,
                        DEFECT_TEXT);
            is_skipping = true;
            p = n;
        }
        memmove(text, text + p, (size_t)(n - p));
        n -= p;
    }
done:
    mem_free(ctx, text);
    return status;
}

/* ---- one object of all items: {"id": ["category", …], …} ---- */

struct map_rows {
    struct rawtable *t;
    akin_status status;
    akin_error *err;
};

static void map_row(void *arg, const char *key, int64_t key_size, enum json_kind kind,
                    const char *value, int64_t size)
{
    struct map_rows *m = arg;
    if (m->status != AKIN_OK)
        return;
    struct cell cells[2] = {{key, key_size}, {value, size}};
    m->t->is_list[1] = m->t->is_list[1] || kind == JSON_KIND_LIST;
    if (kind == JSON_KIND_NULL || kind == JSON_KIND_OBJECT)
        cells[1] = (struct cell){NULL, 0};
    m->status = row_add(m->t, cells, 1, m->err);
}

/* The whole file in memory: such files are made by a script's json.dump. */
static akin_status map_read(akin_ctx *ctx, struct input *in, struct rawtable *t, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct map_rows m = {t, AKIN_OK, err};
    char *text = NULL, *scratch = NULL;
    int64_t n = 0, cap = 0, got = 1;
    while (got > 0) {
        AKIN_TRY(ctx_check(ctx, err));
        MEM_GROW(ctx, text, cap, n + TABLE_WINDOW);
        AKIN_TRY(more_bytes(in, n, text + n, TABLE_WINDOW, &got, err));
        n += got;
        if (n > MAP_MAX)
            AKIN_FAIL(AKIN_E_LIMIT,
                      "%s: one JSON object of more than %d bytes (give one object a "
                      "line)",
                      input_path(in), MAP_MAX);
    }
    MEM_NEW(ctx, scratch, n + 1);
    if (!json_scan_object(text + t->plan->body, n - t->plan->body, scratch, map_row, &m))
        AKIN_FAIL(AKIN_E_INPUT, "%s: neither one JSON object a line nor one of all items",
                  input_path(in));
    status = m.status;
done:
    mem_free(ctx, text);
    mem_free(ctx, scratch);
    return status;
}

akin_status rawtable_read(akin_ctx *ctx, const struct prepare_params *p, struct input *in,
                          int32_t source, struct defects *defects, struct rawtable *out,
                          akin_error *err)
{
    akin_status status = AKIN_OK;
    struct table_reader tr = {.t = out, .defects = defects};
    memset(out, 0, sizeof *out);
    out->ctx = ctx;
    out->source = source;
    chunk_init(&tr.c, ctx);
    AKIN_TRY(plan_create_table(ctx, p, in, &out->plan, err));
    out->n_cols = out->plan->n_cols;
    MEM_ZERO(ctx, out->is_list, out->n_cols);
    chunk_clear(&tr.c, out->plan);
    tr.c.n_lines = out->plan->head_lines;
    MEM_NEW(ctx, tr.c.field, READ_COLS_MAX + 1);
    MEM_ZERO(ctx, tr.cells, READ_COLS_MAX);
    if (out->plan->is_map)
        AKIN_TRY(map_read(ctx, in, out, err));
    else
        AKIN_TRY(table_records(&tr, in, err));
    AKIN_TRY(input_hash(in, &out->hash, err));
done:
    chunk_free(&tr.c);
    mem_free(ctx, tr.cells);
    if (status != AKIN_OK)
        rawtable_free(out);
    return status;
}

void rawtable_defect(const struct rawtable *t, struct defects *d, enum defect what, int64_t row)
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
