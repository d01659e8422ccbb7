/*
 * Rows of neighbours: scores are sums over the items of a history, each of which speaks for the
 * items of its row; reasons are the terms of those sums, so that they add up to the score.
 *
 * Cost: a request adds up the rows of its history; a reason is a binary search an item.
 */
#include "models/neighbors.h"

#include "models/csr_file.h"

#include <inttypes.h>
#include <string.h>

void neighbors_take(struct csr *rows, struct neighbors *out)
{
    out->rows = *rows;
    memset(rows, 0, sizeof *rows);
}

void neighbors_free(const struct model *m, struct neighbors *nb)
{
    if (!m->file)
        csr_free(m->ctx, &nb->rows);
}

static const struct csr_sections sections = {"m.ptr", "m.item", "m.sim"};

akin_status neighbors_save(struct container_writer *w, const struct neighbors *nb, akin_error *err)
{
    return csr_save(w, &sections, &nb->rows, err);
}

static akin_status load_rows(struct container *c, int32_t n_items, bool is_signed,
                             struct neighbors *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct csr *rows = &out->rows;
    AKIN_TRY(csr_load(c, &sections, n_items, n_items, false, rows, err));
    for (int64_t e = 0; e < csr_nnz(rows); e++)
        if (!((is_signed ? fabsf(rows->val[e]) : rows->val[e]) > 0))
            AKIN_FAIL(AKIN_E_FORMAT, "%s: section m.sim: %g at %" PRId64, container_path(c),
                      (double)rows->val[e], e);
done:
    return status;
}

akin_status neighbors_load(struct container *c, int32_t n_items, struct neighbors *out,
                           akin_error *err)
{
    return load_rows(c, n_items, false, out, err);
}

akin_status neighbors_load_signed(struct container *c, int32_t n_items, struct neighbors *out,
                                  akin_error *err)
{
    return load_rows(c, n_items, true, out, err);
}

float neighbors_sim(const struct neighbors *nb, int32_t j, int32_t i)
{
    const struct csr *r = &nb->rows;
    int64_t lo = r->ptr[j];
    int64_t hi = r->ptr[j + 1];
    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        if (r->col[mid] == i)
            return r->val[mid];
        if (r->col[mid] < i)
            lo = mid + 1;
        else
            hi = mid;
    }
    return 0;
}

void neighbors_score(const struct neighbors *nb, const struct folded *h, struct evidence *out)
{
    for (int32_t j = 0; j < h->n; j++)
        neighbors_add(nb, h->item[j], h->x[j], out);
}

int32_t neighbors_explain(const struct neighbors *nb, const struct folded *h, int32_t item,
                          double scale, struct reason *out, int32_t max)
{
    int32_t n = 0;
    for (int32_t j = 0; j < h->n; j++) {
        float s = neighbors_sim(nb, h->item[j], item);
        if (fabsf(s) > 0 && fabsf(h->x[j]) > 0)
            n = reason_put(out, max, n, h->item[j], (float)((double)(h->x[j] * s) * scale));
    }
    return n;
}
