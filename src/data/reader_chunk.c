/*
 * What all readers share: the checks a row must pass, in the order in which classes are documented,
 * and the growth of a chunk's arrays. Cost: constant per row, no allocation in the steady state.
 */
#include "data/reader_chunk.h"

#include "core/text.h"

#include <math.h>
#include <string.h>

void chunk_init(struct chunk *c, akin_ctx *ctx)
{
    memset(c, 0, sizeof *c);
    c->ctx = ctx;
    buf_init(&c->text, ctx);
    buf_init(&c->scratch, ctx);
    idset_init(&c->user.set, ctx);
    idset_init(&c->item.set, ctx);
    idset_init(&c->type.set, ctx);
}

static void chunk_id_clear(struct chunk_id *id)
{
    if (id->is_text)
        idset_clear(&id->set);
    id->is_text = false;
    id->max = 0;
}

void chunk_clear(struct chunk *c, const struct read_plan *plan)
{
    c->plan = plan;
    c->start = -1;
    c->end = -1;
    c->n_lines = c->n_records = c->n_rows = c->n_labels = 0;
    c->user_is_line = c->has_role = false;
    chunk_id_clear(&c->user);
    chunk_id_clear(&c->item);
    chunk_id_clear(&c->type);
    c->type.is_text = true;
    buf_clear(&c->text);
    memset(&c->defects, 0, sizeof c->defects);
}

void chunk_free(struct chunk *c)
{
    akin_ctx *ctx = c->ctx;
    if (!ctx)
        return;
    mem_free(ctx, c->rows);
    mem_free(ctx, c->ext);
    mem_free(ctx, c->text_end);
    mem_free(ctx, c->labels);
    mem_free(ctx, c->field);
    mem_free(ctx, c->unescape);
    mem_free(ctx, c->user.map);
    mem_free(ctx, c->item.map);
    mem_free(ctx, c->type.map);
    idset_free(&c->user.set);
    idset_free(&c->item.set);
    idset_free(&c->type.set);
    buf_free(&c->text);
    buf_free(&c->scratch);
    c->ctx = NULL;
}

void chunk_defect(struct chunk *c, enum defect what, const struct record *r)
{
    defects_add(&c->defects, what, c->plan->source, r->line, r->text, r->size);
}

akin_status chunk_room(struct chunk *c, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t need = c->n_rows + 1;
    if (need > c->cap_rows) {
        int64_t first = c->cap_rows ? need : 256;
        MEM_GROW(c->ctx, c->rows, c->cap_rows, first);
    }
    const struct read_plan *plan = c->plan;
    if (plan->has_type || plan->format == FORMAT_SESSIONS)
        MEM_GROW(c->ctx, c->ext, c->cap_ext, c->cap_rows);
    int extra = plan->n_cells - CELL_FIXED;
    if (extra > 0)
        MEM_GROW(c->ctx, c->text_end, c->cap_text, c->cap_rows * extra);
done:
    return status;
}

/* From now on the chunk's codes are texts: those already there are interned. */
static akin_status id_turn_text(struct chunk *c, struct chunk_id *id, bool is_user, akin_error *err)
{
    akin_status status = AKIN_OK;
    char text[10];
    for (int64_t i = 0; i < c->n_rows; i++) {
        uint32_t *code = is_user ? &c->rows[i].user : &c->rows[i].item;
        int size = id_from_u32(*code, text);
        AKIN_TRY(idset_add(&id->set, idset_hash(text, size), text, size, code, err));
    }
    id->is_text = true;
done:
    return status;
}

static akin_status id_code(struct chunk *c, struct chunk_id *id, bool is_user,
                           const struct cell *cell, uint32_t *code, akin_error *err)
{
    akin_status status = AKIN_OK;
    if (!id->is_text) {
        if (id_to_u32(cell->p, cell->n, code)) {
            if (*code > id->max)
                id->max = *code;
            return AKIN_OK;
        }
        AKIN_TRY(id_turn_text(c, id, is_user, err));
    }
    AKIN_TRY(idset_add(&id->set, idset_hash(cell->p, cell->n), cell->p, cell->n, code, err));
done:
    return status;
}

static bool cell_is_id(const struct cell *cell)
{
    return cell->p && cell->n > 0 && cell->n <= IDS_MAX_BYTES;
}

static void cell_trim(struct cell *cell)
{
    while (cell->n > 0 && (cell->p[0] == ' ' || cell->p[0] == '\t')) {
        cell->p++;
        cell->n--;
    }
    while (cell->n > 0 && (cell->p[cell->n - 1] == ' ' || cell->p[cell->n - 1] == '\t'))
        cell->n--;
}

/* Seconds since 1970 of a time cell; false if it does not parse. */
static bool time_parse(struct cell cell, int unit, int64_t *out)
{
    if (!cell.p)
        return false;
    cell_trim(&cell);
    if (unit == UNIT_ISO)
        return text_to_unix(cell.p, (size_t)cell.n, out);
    int64_t scale = unit == UNIT_US ? 1000000 : unit == UNIT_MS ? 1000 : 1;
    int64_t whole;
    if (text_to_int(cell.p, (size_t)cell.n, &whole)) {
        *out = whole / scale - (whole % scale < 0);
        return true;
    }
    double real;
    if (!text_to_double(cell.p, (size_t)cell.n, &real) || !isfinite(real))
        return false;
    real = floor(real / (double)scale);
    if (real < -9e15 || real > 9e15)
        return false;
    *out = (int64_t)real;
    return true;
}

/* DEFECT_COUNT if the row's ids and texts are fine. */
static enum defect check_texts(const struct read_plan *plan, const struct cell *cells)
{
    if (!cell_is_id(&cells[CELL_USER]) || !cell_is_id(&cells[CELL_ITEM]))
        return DEFECT_MISSING_ID;
    for (int i = 0; i < plan->n_cells; i++) {
        if (i == CELL_VALUE || i == CELL_TIME || !cells[i].p)
            continue;
        if (!text_is_utf8(cells[i].p, (size_t)cells[i].n))
            return DEFECT_BAD_UTF8;
    }
    return DEFECT_COUNT;
}

/* The same for numbers; fills row->value and row->time. */
static enum defect check_numbers(const struct read_plan *plan, const struct cell *cells,
                                 struct row *row)
{
    row->value = 1.0f;
    row->time = 0;
    if (plan->has_value) {
        struct cell cell = cells[CELL_VALUE];
        double value;
        if (!cell.p)
            return DEFECT_BAD_VALUE;
        cell_trim(&cell);
        if (!text_to_double(cell.p, (size_t)cell.n, &value) || !isfinite(value) ||
            fabs(value) > 3.4e38)
            return DEFECT_BAD_VALUE;
        if (value < plan->value_lo || value > plan->value_hi)
            return DEFECT_OUT_OF_RANGE;
        row->value = (float)value + 0.0f; /* no -0 */
    }
    if (plan->has_time) {
        int64_t time;
        if (!time_parse(cells[CELL_TIME], plan->unit, &time))
            return DEFECT_BAD_TIME;
        if (time < 0)
            return DEFECT_NEGATIVE_TIME;
        if (time > plan->max_time)
            return DEFECT_FUTURE_TIME;
        row->time = (uint32_t)time;
    }
    return DEFECT_COUNT;
}

static akin_status chunk_extra(struct chunk *c, const struct cell *cells, akin_error *err)
{
    int extra = c->plan->n_cells - CELL_FIXED;
    for (int i = 0; i < extra; i++) {
        const struct cell *cell = &cells[CELL_FIXED + i];
        if (cell->p)
            buf_add(&c->text, cell->p, (size_t)cell->n);
        c->text_end[c->n_rows * extra + i] = c->text.size;
    }
    return extra > 0 ? buf_check(&c->text, err) : AKIN_OK;
}

akin_status chunk_add(struct chunk *c, const struct cell *cells, const struct record *r,
                      akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct read_plan *plan = c->plan;
    struct row row = {0};
    enum defect bad = check_texts(plan, cells);
    if (bad == DEFECT_COUNT)
        bad = check_numbers(plan, cells, &row);
    const struct cell *type = &cells[CELL_TYPE];
    if (bad == DEFECT_COUNT && plan->has_type && plan->types &&
        (!type->p || idset_find(plan->types, idset_hash(type->p, type->n), type->p, type->n) < 0))
        bad = DEFECT_EVENT_TYPE_FILTERED;
    if (bad != DEFECT_COUNT) {
        chunk_defect(c, bad, r);
        return AKIN_OK;
    }
    AKIN_TRY(chunk_room(c, err));
    AKIN_TRY(id_code(c, &c->user, true, &cells[CELL_USER], &row.user, err));
    AKIN_TRY(id_code(c, &c->item, false, &cells[CELL_ITEM], &row.item, err));
    if (plan->has_type) {
        struct row_ext *ext = &c->ext[c->n_rows];
        ext->role = 0;
        const char *text = type->p ? type->p : "";
        int64_t size = type->p ? type->n : 0;
        AKIN_TRY(idset_add(&c->type.set, idset_hash(text, size), text, size, &ext->type, err));
    }
    AKIN_TRY(chunk_extra(c, cells, err));
    c->rows[c->n_rows++] = row;
done:
    return status;
}

akin_status chunk_add_item(struct chunk *c, const struct cell *user, const struct cell *item,
                           float value, uint32_t role, const struct record *r, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct row row = {0, 0, value, 0};
    if (!cell_is_id(item) || (user && !cell_is_id(user))) {
        chunk_defect(c, DEFECT_MISSING_ID, r);
        return AKIN_OK;
    }
    if (!text_is_utf8(item->p, (size_t)item->n) ||
        (user && !text_is_utf8(user->p, (size_t)user->n))) {
        chunk_defect(c, DEFECT_BAD_UTF8, r);
        return AKIN_OK;
    }
    AKIN_TRY(chunk_room(c, err));
    if (user) {
        AKIN_TRY(id_code(c, &c->user, true, user, &row.user, err));
    } else {
        c->user_is_line = true;
        row.user = (uint32_t)r->line;
        if (row.user > c->user.max)
            c->user.max = row.user;
    }
    AKIN_TRY(id_code(c, &c->item, false, item, &row.item, err));
    if (c->plan->format == FORMAT_SESSIONS) {
        c->ext[c->n_rows].type = 0;
        c->ext[c->n_rows].role = role;
    }
    c->rows[c->n_rows++] = row;
done:
    return status;
}

bool chunk_line(struct chunk *c, const char *text, int64_t n, int64_t *p, bool is_last,
                struct record *r, bool *is_blank)
{
    const char *begin = text + *p;
    const char *end = memchr(begin, '\n', (size_t)(n - *p));
    if (!end && !is_last)
        return false;
    *p = end ? end - text + 1 : n;
    end = end ? end : text + n;
    if (end > begin && end[-1] == '\r') {
        end--;
        c->defects.crlf++;
    }
    *r = (struct record){++c->n_lines, begin, end - begin};
    while (begin < end && (*begin == ' ' || *begin == '\t'))
        begin++;
    *is_blank = begin == end;
    return true;
}

read_fn read_fn_of(int format)
{
    switch (format) {
    case FORMAT_JSONL:
        return read_jsonl;
    case FORMAT_ADJACENCY:
    case FORMAT_BASKET:
    case FORMAT_SESSIONS:
        return read_lists;
    case FORMAT_LIBSVM:
        return read_libsvm;
    case FORMAT_DSSTNE:
        return read_dsstne;
    default:
        return read_csv;
    }
}

akin_status chunk_lines(struct chunk *c, const char *text, int64_t n, int64_t from, int64_t limit,
                        bool is_last, chunk_row_fn row, int64_t *at, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t p = from;
    while (p < limit) {
        struct record r;
        bool is_blank;
        if (!chunk_line(c, text, n, &p, is_last, &r, &is_blank))
            break;
        if (is_blank)
            continue;
        c->n_records++;
        if (r.size > c->plan->max_line)
            chunk_defect(c, DEFECT_LINE_TOO_LONG, &r);
        else
            AKIN_TRY(row(c, &r, err));
    }
    *at = p;
done:
    return status;
}
