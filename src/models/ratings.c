/*
 * Ratings both ways, and baselines: damped means of items, then of users (Koren 2010,
 * doi:10.1145/1644873.1644874, section 2.1). Cost: a pass over the ratings each.
 */
#include "models/ratings.h"

#include "models/model_impl.h"

#include <inttypes.h>
#include <string.h>

akin_status ratings_build(const struct train_view *tv, const char *what, const char *instead,
                          struct csr *by_user, struct csr *by_item, akin_error *err)
{
    akin_status status = AKIN_OK;
    if (!dataset_has_values(tv->ds) && tv->ds->n_events > 0)
        AKIN_FAIL(AKIN_E_INPUT, "%s needs ratings; this data has no values (%s)", what, instead);
    AKIN_TRY(histories_values(tv->ctx, &tv->hist, tv->ds->items.n, by_user, err));
    AKIN_TRY(csr_transpose(tv->ctx, by_user, by_item, err));
done:
    return status;
}

akin_status baseline_fit(akin_ctx *ctx, const struct csr *by_user, const struct csr *by_item,
                         double damping, struct baseline *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    float *bias = NULL;
    int32_t n_items = (int32_t)by_item->n_rows;
    int64_t nnz = csr_nnz(by_user);
    double sum = 0;
    MEM_NEW(ctx, bias, n_items);
    for (int64_t e = 0; e < nnz; e++)
        sum += (double)by_user->val[e];
    *out = (struct baseline){n_items, damping, bias, nnz > 0 ? sum / (double)nnz : 0};
    for (int32_t i = 0; i < n_items; i++) {
        int64_t lo = by_item->ptr[i], hi = by_item->ptr[i + 1];
        double off = 0;
        for (int64_t e = lo; e < hi; e++)
            off += (double)by_item->val[e] - out->mean;
        bias[i] = hi > lo ? (float)(off / ((double)(hi - lo) + damping)) : NAN;
    }
done:
    return status;
}

void baseline_free(const struct model *m, struct baseline *b)
{
    if (!m->file)
        model_free_array(m->ctx, b->bias);
}

akin_status baseline_save(struct container_writer *w, const struct baseline *b, akin_error *err)
{
    akin_status status = AKIN_OK;
    AKIN_TRY(container_add(w, "m.bias", CONTAINER_REQUIRED, b->bias,
                           (int64_t)b->n_items * (int64_t)sizeof *b->bias, err));
    AKIN_TRY(container_add(w, "m.mean", CONTAINER_REQUIRED, &b->mean, sizeof b->mean, err));
done:
    return status;
}

akin_status baseline_load(struct container *c, int32_t n_items, double damping,
                          struct baseline *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    const void *data;
    int64_t n;
    AKIN_TRY(container_get(c, "m.bias", sizeof *out->bias, false, &data, &n, err));
    if (n != n_items)
        AKIN_FAIL(AKIN_E_FORMAT, "%s: section m.bias has %" PRId64 " rows for %d items",
                  container_path(c), n, n_items);
    *out = (struct baseline){n_items, damping, data, 0};
    AKIN_TRY(container_get(c, "m.mean", sizeof out->mean, false, &data, &n, err));
    if (n != 1)
        AKIN_FAIL(AKIN_E_FORMAT, "%s: section m.mean holds %" PRId64 " numbers, not 1",
                  container_path(c), n);
    memcpy(&out->mean, data, sizeof out->mean);
done:
    return status;
}

double baseline_user(const struct baseline *b, const struct folded *h)
{
    double sum = 0;
    for (int32_t j = 0; j < h->n; j++)
        sum += (double)h->x[j] - b->mean - baseline_item(b, h->item[j]);
    double own = h->n > 0 ? sum / ((double)h->n + b->damping) : 0;
    return isfinite(own) ? own : 0;
}
