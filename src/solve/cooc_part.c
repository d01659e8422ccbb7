/*
 * Of a co-occurrence matrix: the part over some of its items, and the diagonal.
 *
 * Cost: the part's entries copied once and transposed, 16 bytes each (8 if all values are 1); the
 * diagonal a pass over X.
 */
#include "solve/cooc_part.h"

#include "solve/cooc_impl.h"

#include <string.h>

/* Rows `pick` (n) of x. */
static akin_status pick_rows(akin_ctx *ctx, const struct csr *x, bool has_values,
                             const int32_t *pick, int64_t n, struct csr *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    *out = (struct csr){.n_rows = n, .n_cols = x->n_cols};
    MEM_NEW(ctx, out->ptr, n + 1);
    out->ptr[0] = 0;
    for (int64_t r = 0; r < n; r++)
        out->ptr[r + 1] = out->ptr[r] + x->ptr[pick[r] + 1] - x->ptr[pick[r]];
    MEM_NEW(ctx, out->col, out->ptr[n]);
    if (has_values)
        MEM_NEW(ctx, out->val, out->ptr[n]);
    for (int64_t r = 0; r < n; r++) {
        int64_t from = x->ptr[pick[r]], to = out->ptr[r];
        size_t size = (size_t)(out->ptr[r + 1] - to);
        memcpy(out->col + to, x->col + from, size * sizeof *out->col);
        if (has_values)
            memcpy(out->val + to, x->val + from, size * sizeof *out->val);
    }
done:
    return status;
}

akin_status cooc_part_create(akin_ctx *ctx, const struct cooc *g, const int32_t *items, int64_t n,
                             struct cooc_part *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    bool has_values = g->by_item->val && !g->is_binary;
    int64_t n_same = 0;
    *out = (struct cooc_part){.g = *g};
    while (n_same < n && items[n_same] == n_same)
        n_same++;
    if (n_same == g->by_user->n_cols) {
        out->by_item = csr_share(g->by_item, has_values);
        out->by_user = csr_share(g->by_user, has_values);
    } else {
        AKIN_TRY(pick_rows(ctx, g->by_item, has_values, items, n, &out->by_item, err));
        AKIN_TRY(csr_transpose(ctx, &out->by_item, &out->by_user, err));
    }
    out->g.by_user = &out->by_user;
    out->g.by_item = &out->by_item;
done:
    if (status != AKIN_OK)
        cooc_part_free(ctx, out);
    return status;
}

void cooc_part_free(akin_ctx *ctx, struct cooc_part *part)
{
    csr_free(ctx, &part->by_user);
    csr_free(ctx, &part->by_item);
}

void cooc_own(const struct cooc *g, float *own)
{
    const struct csr *x = g->by_item;
    bool has_values = x->val && !g->is_binary;
    for (int64_t i = 0; i < x->n_rows; i++) {
        float sum = 0;
        for (int64_t e = x->ptr[i]; e < x->ptr[i + 1] && g->kind != COOC_COUNT; e++) {
            float w = g->user_weight ? g->user_weight[x->col[e]] : 1.0F;
            sum += cooc_at_least_tiny(has_values ? w * x->val[e] * x->val[e] : w);
        }
        own[i] = g->kind == COOC_COUNT ? (float)(x->ptr[i + 1] - x->ptr[i]) : sum;
    }
}
