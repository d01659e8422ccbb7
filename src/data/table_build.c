/*
 * Building a table row by row from text.
 *
 * Columns grow by doubling; a category is looked up in a hash table of its column's vocabulary,
 * which is sorted once at the end, so that the result does not depend on the order of rows.
 *
 * Cost: one look at each byte of a cell, one probe a category.
 * Not done: parallel building; tables are small beside the events, and readers parse in parallel.
 */
#include "data/table.h"

#include "core/hash.h"
#include "core/text.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { SLOTS_FIRST = 64 };

/* A column while it grows; categories are numbered as they come. */
struct growing {
    double *num;
    int64_t num_cap;
    int64_t *off; /* (n_rows + 1) TEXT into bytes, CATEGORY into val */
    int64_t off_cap;
    char *bytes;
    int64_t bytes_cap;
    int32_t *val;
    int64_t val_cap;
    int32_t n_vocab;
    int64_t *vocab_off; /* (n_vocab + 1) */
    int64_t vocab_off_cap;
    char *vocab_bytes;
    int64_t vocab_cap;
    int64_t *seen; /* (n_vocab) last row with the category, + 1 */
    int64_t seen_cap;
    int32_t *slots; /* (n_slots) category + 1, 0 = free; a power of two, at most half full */
    int64_t n_slots;
};

struct table_builder {
    akin_ctx *ctx;
    struct table table;      /* names and types; arrays come when finished */
    struct growing *growing; /* (n_cols) owned */
};

static akin_status check_column(const struct table *t, int32_t c, const char *name,
                                enum col_type type, akin_error *err)
{
    akin_status status = AKIN_OK;
    size_t size = strlen(name);
    if (size < 1 || size > TABLE_NAME_MAX || !text_is_utf8(name, size))
        AKIN_FAIL(AKIN_E_INPUT, "column name '%.80s' (must be 1..%d bytes of UTF-8)", name,
                  TABLE_NAME_MAX);
    if (type != COL_NUMBER && type != COL_TEXT && type != COL_CATEGORY)
        AKIN_FAIL(AKIN_E_INTERNAL, "column '%s' has type %d", name, (int)type);
    for (int32_t i = 0; i < c; i++) {
        if (strcmp(t->cols[i].name, name) == 0)
            AKIN_FAIL(AKIN_E_INPUT, "column '%s' occurs twice", name);
    }
done:
    return status;
}

akin_status table_builder_create(akin_ctx *ctx, int32_t n_cols, const char *const *names,
                                 const enum col_type *types, struct table_builder **out,
                                 akin_error *err)
{
    akin_status status = AKIN_OK;
    struct table_builder *b = NULL;
    MEM_ZERO(ctx, b, 1);
    b->ctx = ctx;
    if (n_cols < 0 || n_cols > TABLE_MAX_COLS)
        AKIN_FAIL(AKIN_E_LIMIT, "table: %" PRId32 " columns (must be 0..%d)", n_cols,
                  TABLE_MAX_COLS);
    if (n_cols > 0) {
        MEM_ZERO(ctx, b->table.cols, n_cols);
        MEM_ZERO(ctx, b->growing, n_cols);
    }
    b->table.n_cols = n_cols;
    for (int32_t c = 0; c < n_cols; c++) {
        struct growing *g = &b->growing[c];
        AKIN_TRY(check_column(&b->table, c, names[c], types[c], err));
        text_copy(b->table.cols[c].name, sizeof b->table.cols[c].name, names[c]);
        b->table.cols[c].type = types[c];
        if (types[c] == COL_NUMBER)
            continue;
        MEM_GROW(ctx, g->off, g->off_cap, 1);
        g->off[0] = 0;
        if (types[c] == COL_CATEGORY) {
            MEM_GROW(ctx, g->vocab_off, g->vocab_off_cap, 1);
            g->vocab_off[0] = 0;
            MEM_ZERO(ctx, g->slots, SLOTS_FIRST);
            g->n_slots = SLOTS_FIRST;
        }
    }
    *out = b;
    b = NULL;
done:
    table_builder_abort(b);
    return status;
}

/* The slot of text: it is there, or the slot is free. */
static int64_t find_slot(const struct growing *g, const char *text, int64_t size)
{
    int64_t mask = g->n_slots - 1;
    int64_t slot = (int64_t)(hash_bytes(text, (size_t)size, 0) & (uint64_t)mask);
    for (; g->slots[slot] != 0; slot = (slot + 1) & mask) {
        const int64_t *off = &g->vocab_off[g->slots[slot] - 1];
        if (off[1] - off[0] == size && memcmp(g->vocab_bytes + off[0], text, (size_t)size) == 0)
            break;
    }
    return slot;
}

static akin_status grow_slots(akin_ctx *ctx, struct growing *g, akin_error *err)
{
    akin_status status = AKIN_OK;
    int32_t *slots = NULL;
    MEM_ZERO(ctx, slots, g->n_slots * 2);
    mem_free(ctx, g->slots);
    g->slots = slots;
    g->n_slots *= 2;
    for (int32_t v = 0; v < g->n_vocab; v++) {
        const int64_t *off = &g->vocab_off[v];
        g->slots[find_slot(g, g->vocab_bytes + off[0], off[1] - off[0])] = v + 1;
    }
done:
    return status;
}

static akin_status number_category(akin_ctx *ctx, struct growing *g, const char *text, int64_t size,
                                   int32_t *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t slot = find_slot(g, text, size);
    if (g->slots[slot] == 0) {
        if (g->n_vocab >= INT32_MAX - 1)
            AKIN_FAIL(AKIN_E_LIMIT, "table: more than %d categories", INT32_MAX - 1);
        int64_t end = g->vocab_off[g->n_vocab];
        MEM_GROW(ctx, g->vocab_bytes, g->vocab_cap, end + size);
        MEM_GROW(ctx, g->vocab_off, g->vocab_off_cap, (int64_t)g->n_vocab + 2);
        MEM_GROW(ctx, g->seen, g->seen_cap, (int64_t)g->n_vocab + 1);
        g->seen[g->n_vocab] = 0;
        memcpy(g->vocab_bytes + end, text, (size_t)size);
        g->vocab_off[g->n_vocab + 1] = end + size;
        g->slots[slot] = ++g->n_vocab;
        *out = g->n_vocab - 1;
        if ((int64_t)g->n_vocab * 2 > g->n_slots)
            AKIN_TRY(grow_slots(ctx, g, err));
    } else {
        *out = g->slots[slot] - 1;
    }
done:
    return status;
}

static akin_status add_categories(akin_ctx *ctx, struct growing *g, int64_t row, const char *text,
                                  int64_t size, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t n = g->off[row];
    for (int64_t lo = 0, hi; lo < size; lo = hi + 1) {
        const char *bar = memchr(text + lo, '|', (size_t)(size - lo));
        hi = bar ? bar - text : size;
        if (hi == lo)
            continue;
        int32_t category = 0;
        AKIN_TRY(number_category(ctx, g, text + lo, hi - lo, &category, err));
        if (g->seen[category] == row + 1)
            continue;
        g->seen[category] = row + 1;
        MEM_GROW(ctx, g->val, g->val_cap, n + 1);
        g->val[n++] = category;
    }
    g->off[row + 1] = n;
done:
    return status;
}

static akin_status add_cell(struct table_builder *b, int32_t c, const char *text, int64_t size,
                            int64_t *n_bad, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = b->ctx;
    struct growing *g = &b->growing[c];
    int64_t row = b->table.n_rows;
    enum col_type type = b->table.cols[c].type;
    if (type == COL_NUMBER) {
        double value = (double)NAN;
        MEM_GROW(ctx, g->num, g->num_cap, row + 1);
        if (size > 0 && (!text_to_double(text, (size_t)size, &value) || isinf(value))) {
            value = (double)NAN;
            ++*n_bad;
        }
        g->num[row] = isnan(value) ? (double)NAN : value; /* one NaN: equal data, equal bytes */
        goto done;
    }
    MEM_GROW(ctx, g->off, g->off_cap, row + 2);
    g->off[row + 1] = g->off[row];
    if (size > 0 && !text_is_utf8(text, (size_t)size)) {
        ++*n_bad;
    } else if (size > 0 && type == COL_TEXT) {
        MEM_GROW(ctx, g->bytes, g->bytes_cap, g->off[row] + size);
        memcpy(g->bytes + g->off[row], text, (size_t)size);
        g->off[row + 1] += size;
    } else if (size > 0) {
        AKIN_TRY(add_categories(ctx, g, row, text, size, err));
    }
done:
    return status;
}

akin_status table_builder_row(struct table_builder *b, const char *const *cells,
                              const int32_t *sizes, int64_t *n_bad, akin_error *err)
{
    akin_status status = AKIN_OK;
    for (int32_t c = 0; c < b->table.n_cols; c++)
        AKIN_TRY(add_cell(b, c, cells[c], cells[c] ? sizes[c] : 0, n_bad, err));
    b->table.n_rows++;
done:
    return status;
}

static void sort_few(int32_t *val, int64_t n)
{
    for (int64_t i = 1; i < n; i++) {
        int32_t v = val[i];
        int64_t j = i;
        for (; j > 0 && val[j - 1] > v; j--)
            val[j] = val[j - 1];
        val[j] = v;
    }
}

static int compare_int32(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a;
    int32_t y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* Numbers categories by their bytes and sorts each row's. */
static akin_status settle_categories(struct table_builder *b, int32_t c, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct growing *g = &b->growing[c];
    int32_t *rank = NULL;
    MEM_NEW(b->ctx, rank, g->n_vocab);
    AKIN_TRY(strtab_build(b->ctx, g->n_vocab, g->vocab_off, g->vocab_bytes, &b->table.cols[c].vocab,
                          rank, err));
    for (int64_t r = 0; r < b->table.n_rows; r++) {
        int64_t n = g->off[r + 1] - g->off[r];
        int32_t *val = g->val + g->off[r];
        if (n == 0)
            continue;
        for (int64_t i = 0; i < n; i++)
            val[i] = rank[val[i]];
        if (n <= 32)
            sort_few(val, n);
        else
            qsort(val, (size_t)n, sizeof *val, compare_int32);
    }
done:
    mem_free(b->ctx, rank);
    return status;
}

/* Hands the grown arrays of column c to the table; empty ones become valid pointers. */
static akin_status settle_column(struct table_builder *b, int32_t c, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct growing *g = &b->growing[c];
    struct column *col = &b->table.cols[c];
    col->is_owned = true;
    if (col->type == COL_NUMBER) {
        MEM_GROW(b->ctx, g->num, g->num_cap, 1);
        col->num = g->num;
        g->num = NULL;
    } else if (col->type == COL_TEXT) {
        MEM_GROW(b->ctx, g->bytes, g->bytes_cap, 1);
        col->off = g->off;
        col->bytes = g->bytes;
        g->off = NULL;
        g->bytes = NULL;
    } else {
        MEM_GROW(b->ctx, g->val, g->val_cap, 1);
        AKIN_TRY(settle_categories(b, c, err));
        col->ptr = g->off;
        col->val = g->val;
        g->off = NULL;
        g->val = NULL;
    }
done:
    return status;
}

akin_status table_builder_finish(struct table_builder *b, const int64_t *order, int64_t n_rows,
                                 struct table *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    for (int32_t c = 0; c < b->table.n_cols; c++)
        AKIN_TRY(settle_column(b, c, err));
    if (order) {
        AKIN_TRY(table_gather(b->ctx, &b->table, order, n_rows, out, err));
    } else {
        *out = b->table;
        b->table.cols = NULL; /* n_cols stays: the growing arrays are still to be freed */
    }
done:
    table_builder_abort(b);
    return status;
}

void table_builder_abort(struct table_builder *b)
{
    if (!b)
        return;
    akin_ctx *ctx = b->ctx;
    for (int32_t c = 0; b->growing && c < b->table.n_cols; c++) {
        struct growing *g = &b->growing[c];
        mem_free(ctx, g->num);
        mem_free(ctx, g->off);
        mem_free(ctx, g->bytes);
        mem_free(ctx, g->val);
        mem_free(ctx, g->vocab_off);
        mem_free(ctx, g->vocab_bytes);
        mem_free(ctx, g->seen);
        mem_free(ctx, g->slots);
    }
    mem_free(ctx, b->growing);
    table_free(ctx, &b->table);
    mem_free(ctx, b);
}
