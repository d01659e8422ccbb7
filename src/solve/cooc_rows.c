/* Rows of a co-occurrence matrix, sized in a first pass over the products, filled in a second. */
#include "solve/cooc_rows.h"

#include "solve/cooc_impl.h"

#include <string.h>

enum { WHOLE_SHARE = 4 }; /* rows that touch a quarter of the items are kept whole */

static bool is_shared(const struct cooc_row *row, int32_t t)
{
    return row->sum ? row->sum[t] > 0 : row->count[t] > 0;
}

static akin_status size_row(void *arg, const struct cooc_row *row, int worker, akin_error *err)
{
    (void)worker;
    (void)err;
    struct cooc_rows *r = arg;
    int64_t n = 0;
    for (int32_t t = 0; t < row->n; t++)
        n += is_shared(row, t);
    int64_t width = cooc_rows_width(r, row->item);
    bool is_whole = n == width || n >= width / WHOLE_SHARE;
    r->at[row->item + 1] = is_whole ? width : n;
    r->lat[row->item + 1] = is_whole ? 0 : n;
    return AKIN_OK;
}

static akin_status fill_row(void *arg, const struct cooc_row *row, int worker, akin_error *err)
{
    (void)worker;
    (void)err;
    struct cooc_rows *r = arg;
    float *value = r->value + r->at[row->item];
    bool is_whole = !cooc_rows_items(r, row->item);
    int32_t *item = r->item + r->lat[row->item];
    int64_t n = 0;
    if (is_whole)
        memset(value, 0, (size_t)cooc_rows_width(r, row->item) * sizeof *value);
    for (int32_t t = 0; t < row->n; t++) {
        if (!is_shared(row, t))
            continue;
        int32_t j = cooc_item(row, t);
        float x = row->sum ? row->sum[t] : (float)row->count[t];
        if (j == row->item)
            r->own[j] = x;
        if (is_whole) {
            value[j] = x;
        } else {
            item[n] = j;
            value[n++] = x;
        }
    }
    return AKIN_OK;
}

akin_status cooc_rows_create(akin_ctx *ctx, const struct cooc *g, bool is_lower, int64_t most_bytes,
                             struct cooc_rows *out, akin_error *err)
{
    akin_status (*const visit)(akin_ctx *, const struct cooc *, cooc_visit_fn, void *,
                               akin_error *) = is_lower ? cooc_visit_lower : cooc_visit;
    akin_status status = AKIN_OK;
    *out = (struct cooc_rows){.n = g->by_user->n_cols, .is_lower = is_lower};
    MEM_ZERO(ctx, out->at, out->n + 1);
    MEM_ZERO(ctx, out->lat, out->n + 1);
    MEM_ZERO(ctx, out->own, out->n);
    AKIN_TRY(visit(ctx, g, size_row, out, err));
    for (int64_t i = 0; i < out->n; i++) {
        out->at[i + 1] += out->at[i];
        out->lat[i + 1] += out->lat[i];
    }
    if (cooc_rows_bytes(out) > most_bytes)
        goto done;
    MEM_NEW(ctx, out->value, out->at[out->n]);
    MEM_NEW(ctx, out->item, out->lat[out->n]);
    AKIN_TRY(visit(ctx, g, fill_row, out, err));
done:
    if (status != AKIN_OK)
        cooc_rows_free(ctx, out);
    return status;
}

void cooc_rows_free(akin_ctx *ctx, struct cooc_rows *r)
{
    mem_free(ctx, r->at);
    mem_free(ctx, r->lat);
    mem_free(ctx, r->value);
    mem_free(ctx, r->item);
    mem_free(ctx, r->own);
    *r = (struct cooc_rows){0};
}

void cooc_rows_place(const int32_t *pick, int64_t n_pick, bool is_on, int16_t *place)
{
    for (int64_t t = 0; t < n_pick; t++)
        place[pick[t]] = is_on ? (int16_t)t : -1;
}

void cooc_rows_pick(const struct cooc_rows *r, int64_t i, const int32_t *pick, int64_t n_pick,
                    const int16_t *place, float *out)
{
    const int32_t *items = cooc_rows_items(r, i);
    const float *value = r->value + r->at[i];
    int64_t n = cooc_rows_size(r, i);
    if (!items) {
        for (int64_t t = 0; t < n_pick; t++)
            out[t] = pick[t] < n ? value[pick[t]] : 0;
        return;
    }
    memset(out, 0, (size_t)n_pick * sizeof *out);
    for (int64_t t = 0; t < n; t++)
        if (place[items[t]] >= 0)
            out[place[items[t]]] = value[t];
}

void cooc_rows_make(const struct cooc *g, int64_t i, int64_t n_pick, const int16_t *place,
                    float *out)
{
    const struct csr *x = g->by_user, *by_item = g->by_item;
    const float *val = by_item->val && !g->is_binary ? x->val : NULL;
    memset(out, 0, (size_t)n_pick * sizeof *out);
    for (int64_t e = by_item->ptr[i]; e < by_item->ptr[i + 1]; e++) {
        int32_t user = by_item->col[e];
        float weight = g->user_weight ? g->user_weight[user] : 1.0F;
        weight *= val ? by_item->val[e] : 1.0F;
        for (int64_t f = x->ptr[user]; f < x->ptr[user + 1] && x->col[f] <= i; f++) {
            int16_t at = place[x->col[f]];
            if (at >= 0)
                out[at] += cooc_at_least_tiny(val ? weight * val[f] : weight);
        }
    }
}
