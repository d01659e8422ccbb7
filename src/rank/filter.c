/*
 * Filters: an expression over item attributes becomes a bitmap over the catalogue.
 *
 * Whether an item is in the asker's history ($seen) is a property of the pair, and still no filter
 * is evaluated per query: the expression is evaluated twice, with $seen false and true, and each
 * pair takes its answer from the one or the other bitmap. Cost: one walk of the expression an item
 * (two if it uses $seen), in parallel; a caller that repeats filters keeps the bitmaps.
 */
#include "data/expr.h"
#include "data/ids.h"
#include "rank/ranker.h"

#include <stdio.h>
#include <string.h>

enum { FILTER_BLOCK = 4096, FILTER_HINT = 1024 }; /* items, a multiple of 64; bytes of names */

struct filter {
    const struct table *items; /* may have no columns */
    const struct ids *ids;
    const int32_t *item_count;
    int32_t n_items;
    bool is_seen; /* the value of $seen */
    struct expr *expr;
    uint64_t *bits;
};

/* Fields: the columns, then these two. */
enum { FIELD_ID, FIELD_POPULARITY };

static int n_columns(const struct filter *f)
{
    return f->items ? f->items->n_cols : 0;
}

static int resolve_name(void *arg, const char *name, enum expr_type *type)
{
    const struct filter *f = arg;
    int n = n_columns(f);
    for (int c = 0; c < n; c++) {
        const struct column *col = &f->items->cols[c];
        if (strcmp(col->name, name) == 0) {
            *type = col->type == COL_NUMBER ? EXPR_NUMBER
                    : col->type == COL_TEXT ? EXPR_TEXT
                                            : EXPR_SET;
            return c;
        }
    }
    *type = EXPR_TEXT;
    if (strcmp(name, "id") == 0)
        return n + FIELD_ID;
    *type = EXPR_NUMBER;
    if (strcmp(name, "popularity") == 0 && f->item_count)
        return n + FIELD_POPULARITY;
    return -1;
}

static bool has_var(void *arg, const char *name)
{
    (void)arg;
    return strcmp(name, "seen") == 0;
}

static double row_number(const void *arg, int64_t row, int field)
{
    const struct filter *f = arg;
    if (field >= n_columns(f))
        return (double)f->item_count[row];
    return f->items->cols[field].num[row];
}

static bool row_text(const void *arg, int64_t row, int field, int n, const char **text,
                     int32_t *size)
{
    const struct filter *f = arg;
    if (field >= n_columns(f)) {
        *text = ids_get(f->ids, (int32_t)row, size);
        return n == 0;
    }
    const struct column *col = &f->items->cols[field];
    if (col->type == COL_TEXT) {
        *text = col->bytes + col->off[row];
        *size = (int32_t)(col->off[row + 1] - col->off[row]);
        return n == 0 && *size > 0;
    }
    if (n >= col->ptr[row + 1] - col->ptr[row])
        return false;
    *text = strtab_get(&col->vocab, col->val[col->ptr[row] + n], size);
    return true;
}

static bool row_in_var(const void *arg, int64_t row, const char *name)
{
    (void)row;
    (void)name;
    return ((const struct filter *)arg)->is_seen;
}

static akin_status filter_block(void *arg, int64_t block, int worker, akin_error *err)
{
    (void)worker;
    (void)err;
    const struct filter *f = arg;
    struct expr_row row = {.arg = f, .number = row_number, .text = row_text, .in_var = row_in_var};
    int64_t hi = par_hi(block, FILTER_BLOCK, f->n_items);
    for (int64_t i = par_lo(block, FILTER_BLOCK); i < hi; i++) {
        row.row = i;
        if (expr_eval(f->expr, &row))
            f->bits[i >> 6] |= (uint64_t)1 << (i & 63);
    }
    return AKIN_OK;
}

/* "title, genres, year, id, popularity": what an unknown name could have been. */
static void name_hint(const struct filter *f, char *hint, size_t size)
{
    size_t used = 0;
    hint[0] = '\0';
    for (int c = 0; c < n_columns(f) && used < size; c++)
        used += (size_t)snprintf(hint + used, size - used, "%s, ", f->items->cols[c].name);
    if (used < size)
        snprintf(hint + used, size - used, "id%s", f->item_count ? ", popularity" : "");
}

static akin_status evaluate(akin_ctx *ctx, struct filter *f, bool is_seen, uint64_t **bits,
                            akin_error *err)
{
    akin_status status = AKIN_OK;
    f->is_seen = is_seen;
    MEM_ZERO(ctx, *bits, ((int64_t)f->n_items + 63) / 64);
    f->bits = *bits;
    AKIN_TRY(par_for(ctx, par_blocks(f->n_items, FILTER_BLOCK), filter_block, f, err));
done:
    return status;
}

akin_status filter_bitmaps(akin_ctx *ctx, const char *text, const struct table *items,
                           const struct ids *ids, const int32_t *item_count, uint64_t **out,
                           uint64_t **out_seen, int64_t *n_allowed, akin_error *err)
{
    akin_status status = AKIN_OK;
    char hint[FILTER_HINT];
    uint64_t *bits = NULL;
    uint64_t *bits_seen = NULL;
    struct filter f = {.items = items && items->n_cols > 0 ? items : NULL,
                       .ids = ids,
                       .item_count = item_count,
                       .n_items = ids->n};
    if (f.items && f.items->n_rows != ids->n)
        AKIN_FAIL(AKIN_E_INTERNAL, "filter: %lld rows of attributes for %d items",
                  (long long)f.items->n_rows, ids->n);
    name_hint(&f, hint, sizeof hint);
    struct expr_names names = {
        .arg = &f, .resolve = resolve_name, .has_var = has_var, .hint = hint};
    AKIN_TRY(expr_compile(ctx, "filter", text, &names, &f.expr, err));
    AKIN_TRY(evaluate(ctx, &f, false, &bits, err));
    if (out_seen && expr_uses_var(f.expr, "seen"))
        AKIN_TRY(evaluate(ctx, &f, true, &bits_seen, err));
    int64_t n = 0;
    for (int64_t w = 0; w < ((int64_t)f.n_items + 63) / 64; w++)
        n += __builtin_popcountll(bits[w]);
    *out = bits;
    if (out_seen)
        *out_seen = bits_seen;
    *n_allowed = n;
    bits = NULL;
    bits_seen = NULL;
done:
    expr_free(f.expr);
    mem_free(ctx, bits);
    mem_free(ctx, bits_seen);
    return status;
}

akin_status filter_bitmap(akin_ctx *ctx, const char *text, const struct table *items,
                          const struct ids *ids, const int32_t *item_count, uint64_t **out,
                          int64_t *n_allowed, akin_error *err)
{
    return filter_bitmaps(ctx, text, items, ids, item_count, out, NULL, n_allowed, err);
}
