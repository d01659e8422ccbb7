/*
 * Attribute tables: cells as text, and new tables made of the rows of old ones.
 *
 * Cost: gathering reads and writes each cell once, in parallel; categories twice, because those
 * that no row has any more leave the vocabulary.
 * Not done: joins and computed columns.
 */
#include "data/table.h"

#include "core/buf.h"
#include "core/par.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { ROW_BLOCK = 32768 };

const struct column *table_find(const struct table *t, const char *name)
{
    for (int32_t c = 0; c < t->n_cols; c++) {
        if (strcmp(t->cols[c].name, name) == 0)
            return &t->cols[c];
    }
    return NULL;
}

/* What snprintf does, for pieces. */
struct text_out {
    char *out;
    size_t size; /* room, with the NUL */
    size_t full;
};

static void text_add(struct text_out *t, const char *text, size_t n)
{
    if (t->full + 1 < t->size) {
        size_t room = t->size - 1 - t->full;
        memcpy(t->out + t->full, text, n < room ? n : room);
    }
    t->full += n;
}

static void number_text(struct text_out *t, double value)
{
    char room[64]; /* more than buf_double ever adds, so that the buffer never grows */
    struct buf buf = {.data = room, .cap = sizeof room};
    buf_double(&buf, value);
    text_add(t, room, (size_t)buf.size);
}

size_t table_cell_text(const struct column *col, int64_t row, char *out, size_t size)
{
    struct text_out t = {out, size, 0};
    if (col->type == COL_NUMBER && !isnan(col->num[row])) {
        number_text(&t, col->num[row]);
    } else if (col->type == COL_TEXT) {
        text_add(&t, col->bytes + col->off[row], (size_t)(col->off[row + 1] - col->off[row]));
    } else if (col->type == COL_CATEGORY) {
        for (int64_t i = col->ptr[row]; i < col->ptr[row + 1]; i++) {
            int32_t length;
            const char *text = strtab_get(&col->vocab, col->val[i], &length);
            if (i > col->ptr[row])
                text_add(&t, "|", 1);
            text_add(&t, text, (size_t)length);
        }
    }
    if (size > 0)
        out[t.full < size ? t.full : size - 1] = '\0';
    return t.full;
}

static void free_array(akin_ctx *ctx, const void *p)
{
    mem_free(ctx, (void *)(uintptr_t)p);
}

static void column_free(akin_ctx *ctx, struct column *col)
{
    if (!col->is_owned)
        return;
    free_array(ctx, col->num);
    free_array(ctx, col->off);
    free_array(ctx, col->bytes);
    free_array(ctx, col->ptr);
    free_array(ctx, col->val);
    strtab_free(ctx, &col->vocab);
}

void table_free(akin_ctx *ctx, struct table *t)
{
    for (int32_t c = 0; t->cols && c < t->n_cols; c++)
        column_free(ctx, &t->cols[c]);
    mem_free(ctx, t->cols);
    memset(t, 0, sizeof *t);
}

akin_status table_lend(akin_ctx *ctx, const struct table *t, struct table *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    *out = *t;
    out->cols = NULL;
    if (!t->cols)
        return AKIN_OK;
    MEM_NEW(ctx, out->cols, t->n_cols);
    for (int32_t c = 0; c < t->n_cols; c++) {
        out->cols[c] = t->cols[c];
        out->cols[c].is_owned = false;
    }
done:
    return status;
}

/* One column on its way. */
struct gather {
    const struct column *from;
    const int64_t *order; /* NULL = as is */
    int64_t n_from, n_rows;
    double *num;
    int64_t *off; /* TEXT off, CATEGORY ptr of the result */
    char *bytes;
    int32_t *val;
    uint8_t *used; /* (vocab.n) */
    int32_t *map;  /* (vocab.n) old → new category */
};

static int64_t source_row(const struct gather *g, int64_t r)
{
    return g->order ? g->order[r] : r;
}

static akin_status order_block(void *arg, int64_t block, int worker, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct gather *g = arg;
    (void)worker;
    for (int64_t r = par_lo(block, ROW_BLOCK); r < par_hi(block, ROW_BLOCK, g->n_rows); r++) {
        int64_t row = source_row(g, r);
        if (row < -1 || row >= g->n_from)
            AKIN_FAIL(AKIN_E_INTERNAL, "table: row %" PRId64 " wanted (must be -1..%" PRId64 ")",
                      row, g->n_from - 1);
    }
done:
    return status;
}

static akin_status number_block(void *arg, int64_t block, int worker, akin_error *err)
{
    struct gather *g = arg;
    (void)worker;
    (void)err;
    for (int64_t r = par_lo(block, ROW_BLOCK); r < par_hi(block, ROW_BLOCK, g->n_rows); r++) {
        int64_t row = source_row(g, r);
        g->num[r] = row < 0 ? (double)NAN : g->from->num[row];
    }
    return AKIN_OK;
}

static akin_status size_block(void *arg, int64_t block, int worker, akin_error *err)
{
    struct gather *g = arg;
    const int64_t *off = g->from->type == COL_TEXT ? g->from->off : g->from->ptr;
    (void)worker;
    (void)err;
    for (int64_t r = par_lo(block, ROW_BLOCK); r < par_hi(block, ROW_BLOCK, g->n_rows); r++) {
        int64_t row = source_row(g, r);
        g->off[r + 1] = row < 0 ? 0 : off[row + 1] - off[row];
    }
    return AKIN_OK;
}

static akin_status text_block(void *arg, int64_t block, int worker, akin_error *err)
{
    struct gather *g = arg;
    (void)worker;
    (void)err;
    for (int64_t r = par_lo(block, ROW_BLOCK); r < par_hi(block, ROW_BLOCK, g->n_rows); r++) {
        int64_t row = source_row(g, r);
        if (row >= 0)
            memcpy(g->bytes + g->off[r], g->from->bytes + g->from->off[row],
                   (size_t)(g->off[r + 1] - g->off[r]));
    }
    return AKIN_OK;
}

static akin_status category_block(void *arg, int64_t block, int worker, akin_error *err)
{
    struct gather *g = arg;
    (void)worker;
    (void)err;
    for (int64_t r = par_lo(block, ROW_BLOCK); r < par_hi(block, ROW_BLOCK, g->n_rows); r++) {
        int64_t row = source_row(g, r);
        if (row < 0)
            continue;
        const int32_t *val = g->from->val + g->from->ptr[row];
        for (int64_t i = g->off[r]; i < g->off[r + 1]; i++) {
            g->val[i] = *val++;
            __atomic_store_n(&g->used[g->val[i]], 1, __ATOMIC_RELAXED);
        }
    }
    return AKIN_OK;
}

static akin_status rename_block(void *arg, int64_t block, int worker, akin_error *err)
{
    struct gather *g = arg;
    (void)worker;
    (void)err;
    for (int64_t i = par_lo(block, ROW_BLOCK); i < par_hi(block, ROW_BLOCK, g->off[g->n_rows]); i++)
        g->val[i] = g->map[g->val[i]];
    return AKIN_OK;
}

static akin_status gather_categories(akin_ctx *ctx, struct gather *g, struct column *to,
                                     akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct strtab *vocab = &g->from->vocab;
    MEM_NEW(ctx, g->val, g->off[g->n_rows]);
    to->val = g->val;
    MEM_ZERO(ctx, g->used, vocab->n);
    MEM_NEW(ctx, g->map, vocab->n);
    AKIN_TRY(par_for(ctx, par_blocks(g->n_rows, ROW_BLOCK), category_block, g, err));
    AKIN_TRY(strtab_subset(ctx, vocab, g->used, &to->vocab, g->map, err));
    if (to->vocab.n < vocab->n)
        AKIN_TRY(par_for(ctx, par_blocks(g->off[g->n_rows], ROW_BLOCK), rename_block, g, err));
done:
    mem_free(ctx, g->map);
    mem_free(ctx, g->used);
    return status;
}

static akin_status gather_column(akin_ctx *ctx, struct gather *g, struct column *to,
                                 akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t n_blocks = par_blocks(g->n_rows, ROW_BLOCK);
    memcpy(to->name, g->from->name, sizeof to->name);
    to->type = g->from->type;
    to->is_owned = true;
    if (to->type == COL_NUMBER) {
        MEM_NEW(ctx, g->num, g->n_rows);
        to->num = g->num;
        AKIN_TRY(par_for(ctx, n_blocks, number_block, g, err));
        goto done;
    }
    MEM_NEW(ctx, g->off, g->n_rows + 1);
    if (to->type == COL_TEXT)
        to->off = g->off;
    else
        to->ptr = g->off;
    g->off[0] = 0;
    AKIN_TRY(par_for(ctx, n_blocks, size_block, g, err));
    for (int64_t r = 0; r < g->n_rows; r++)
        g->off[r + 1] += g->off[r];
    if (to->type == COL_CATEGORY) {
        AKIN_TRY(gather_categories(ctx, g, to, err));
    } else {
        MEM_NEW(ctx, g->bytes, g->off[g->n_rows]);
        to->bytes = g->bytes;
        AKIN_TRY(par_for(ctx, n_blocks, text_block, g, err));
    }
done:
    return status;
}

akin_status table_gather(akin_ctx *ctx, const struct table *t, const int64_t *order, int64_t n_rows,
                         struct table *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct table to = {.n_rows = n_rows};
    struct gather check = {.order = order, .n_from = t->n_rows, .n_rows = n_rows};
    AKIN_TRY(par_for(ctx, par_blocks(n_rows, ROW_BLOCK), order_block, &check, err));
    if (t->n_cols > 0)
        MEM_ZERO(ctx, to.cols, t->n_cols);
    to.n_cols = t->n_cols;
    for (int32_t c = 0; c < t->n_cols; c++) {
        struct gather g = check;
        g.from = &t->cols[c];
        AKIN_TRY(gather_column(ctx, &g, &to.cols[c], err));
    }
    *out = to;
    memset(&to, 0, sizeof to);
done:
    table_free(ctx, &to);
    return status;
}

akin_status table_remap(akin_ctx *ctx, const struct table *t, const int32_t *map, int64_t n_new,
                        struct table *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t *order = NULL;
    MEM_NEW(ctx, order, n_new);
    for (int64_t r = 0; r < n_new; r++)
        order[r] = -1;
    for (int64_t r = 0; r < t->n_rows; r++) {
        if (map[r] >= n_new)
            AKIN_FAIL(AKIN_E_INTERNAL,
                      "table: row %" PRId64 " to %" PRId32 " (at most %" PRId64 ")", r, map[r],
                      n_new - 1);
        if (map[r] >= 0)
            order[map[r]] = r;
    }
    AKIN_TRY(table_gather(ctx, t, order, n_new, out, err));
done:
    mem_free(ctx, order);
    return status;
}
