/*
 * Filters: an expression over item attributes becomes a bitmap over the catalogue.
 *
 * Whether an item is in the asker's history ($seen) is a property of the pair, and still no filter
 * is evaluated per query: the expression is evaluated twice, with $seen false and true, and each
 * pair takes its answer from the one or the other bitmap. Cost: one walk of the expression an item
 * (two if it uses $seen), in parallel; a caller that repeats filters keeps the bitmaps.
 */
#include "data/ids.h"
#include "data/item_fields.h"
#include "rank/ranker.h"

enum { FILTER_BLOCK = 4096 }; /* items, a multiple of 64 */

struct filter {
    const struct table *items; /* may have no columns */
    const struct ids *ids;
    const int32_t *item_count;
    int32_t n_items;
    bool is_seen; /* the value of $seen */
    struct expr *expr;
    uint64_t *bits;
};

static const char *column_name(const void *arg, int column, enum col_type *type)
{
    const struct filter *f = arg;
    if (!f->items || column >= f->items->n_cols)
        return NULL;
    *type = f->items->cols[column].type;
    return f->items->cols[column].name;
}

static double row_number(const void *arg, int64_t row, int field)
{
    const struct filter *f = arg;
    if (field == ITEM_FIELD_POPULARITY)
        return (double)f->item_count[row];
    return f->items->cols[field].num[row];
}

static bool row_text(const void *arg, int64_t row, int field, int n, const char **text,
                     int32_t *size)
{
    const struct filter *f = arg;
    if (field == ITEM_FIELD_ID) {
        *text = ids_get(f->ids, (int32_t)row, size);
        return n == 0;
    }
    return item_fields_text(&f->items->cols[field], row, n, text, size);
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

static akin_status bitmaps(akin_ctx *ctx, const char *text, struct filter *f, bool has_seen,
                           uint64_t **out, uint64_t **out_seen, int64_t *n_allowed, akin_error *err)
{
    akin_status status = AKIN_OK;
    char hint[ITEM_FIELDS_HINT];
    uint64_t *bits = NULL;
    uint64_t *bits_seen = NULL;
    if (f->items && f->items->n_cols == 0)
        f->items = NULL;
    if (f->items && f->items->n_rows != f->ids->n)
        AKIN_FAIL(AKIN_E_INTERNAL, "filter: %lld rows of attributes for %d ids",
                  (long long)f->items->n_rows, f->ids->n);
    struct item_fields fields = {.arg = f,
                                 .column = column_name,
                                 .has_popularity = f->item_count != NULL,
                                 .has_no_seen = !has_seen};
    item_fields_hint(&fields, hint, sizeof hint);
    struct expr_names names = {.arg = &fields,
                               .resolve = item_fields_resolve,
                               .has_var = item_fields_has_var,
                               .hint = hint};
    AKIN_TRY(expr_compile(ctx, "filter", text, &names, &f->expr, err));
    AKIN_TRY(evaluate(ctx, f, false, &bits, err));
    if (out_seen && expr_uses_var(f->expr, "seen"))
        AKIN_TRY(evaluate(ctx, f, true, &bits_seen, err));
    int64_t n = 0;
    for (int64_t w = 0; w < ((int64_t)f->n_items + 63) / 64; w++)
        n += __builtin_popcountll(bits[w]);
    *out = bits;
    if (out_seen)
        *out_seen = bits_seen;
    *n_allowed = n;
    bits = NULL;
    bits_seen = NULL;
done:
    expr_free(f->expr);
    mem_free(ctx, bits);
    mem_free(ctx, bits_seen);
    return status;
}

akin_status filter_bitmaps(akin_ctx *ctx, const char *text, const struct table *items,
                           const struct ids *ids, const int32_t *item_count, uint64_t **out,
                           uint64_t **out_seen, int64_t *n_allowed, akin_error *err)
{
    struct filter f = {.items = items, .ids = ids, .item_count = item_count, .n_items = ids->n};
    return bitmaps(ctx, text, &f, true, out, out_seen, n_allowed, err);
}

akin_status filter_users(akin_ctx *ctx, const char *text, const struct table *users,
                         const struct ids *ids, uint64_t **out, int64_t *n_allowed, akin_error *err)
{
    struct filter f = {.items = users, .ids = ids, .n_items = ids->n};
    return bitmaps(ctx, text, &f, false, out, NULL, n_allowed, err);
}

akin_status filter_bitmap(akin_ctx *ctx, const char *text, const struct table *items,
                          const struct ids *ids, const int32_t *item_count, uint64_t **out,
                          int64_t *n_allowed, akin_error *err)
{
    return filter_bitmaps(ctx, text, items, ids, item_count, out, NULL, n_allowed, err);
}
