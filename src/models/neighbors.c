/*
 * Rows of neighbours: scores are sums over the items of a history, each of which speaks for the
 * items of its row; reasons are the terms of those sums, so that they add up to the score.
 *
 * Cost: a request adds up the rows of its history; a reason is a binary search an item.
 */
#include "models/neighbors.h"

#include "models/model_impl.h"

#include <inttypes.h>
#include <string.h>

void neighbors_take(struct csr *rows, struct neighbors *out)
{
    *out = (struct neighbors){(int32_t)rows->n_rows, rows->ptr, rows->col, rows->val};
    memset(rows, 0, sizeof *rows);
}

void neighbors_free(const struct model *m, struct neighbors *nb)
{
    if (m->file)
        return;
    model_free_array(m->ctx, nb->ptr);
    model_free_array(m->ctx, nb->item);
    model_free_array(m->ctx, nb->sim);
}

akin_status neighbors_save(struct container_writer *w, const struct neighbors *nb, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t nnz = nb->ptr[nb->n_items];
    AKIN_TRY(container_add(w, "m.ptr", CONTAINER_REQUIRED, nb->ptr,
                           ((int64_t)nb->n_items + 1) * (int64_t)sizeof *nb->ptr, err));
    AKIN_TRY(container_add(w, "m.item", CONTAINER_REQUIRED, nb->item,
                           nnz * (int64_t)sizeof *nb->item, err));
    AKIN_TRY(container_add(w, "m.sim", CONTAINER_REQUIRED, nb->sim, nnz * (int64_t)sizeof *nb->sim,
                           err));
done:
    return status;
}

static akin_status check_row(const struct neighbors *nb, int32_t row, const char *path,
                             akin_error *err)
{
    akin_status status = AKIN_OK;
    for (int64_t e = nb->ptr[row]; e < nb->ptr[row + 1]; e++) {
        if (nb->item[e] < 0 || nb->item[e] >= nb->n_items ||
            (e > nb->ptr[row] && nb->item[e] <= nb->item[e - 1]))
            AKIN_FAIL(AKIN_E_FORMAT, "%s: section m.item: item %d of %d at %" PRId64, path,
                      nb->item[e], nb->n_items, e);
        if (!(nb->sim[e] > 0) || isinf(nb->sim[e]))
            AKIN_FAIL(AKIN_E_FORMAT, "%s: section m.sim: %g at %" PRId64, path, (double)nb->sim[e],
                      e);
    }
done:
    return status;
}

akin_status neighbors_load(struct container *c, int32_t n_items, struct neighbors *out,
                           akin_error *err)
{
    akin_status status = AKIN_OK;
    const char *path = container_path(c);
    const void *ptr, *item, *sim;
    int64_t n_ptr, n_item, n_sim;
    AKIN_TRY(container_get(c, "m.ptr", sizeof *out->ptr, false, &ptr, &n_ptr, err));
    AKIN_TRY(container_get(c, "m.item", sizeof *out->item, false, &item, &n_item, err));
    AKIN_TRY(container_get(c, "m.sim", sizeof *out->sim, false, &sim, &n_sim, err));
    *out = (struct neighbors){n_items, ptr, item, sim};
    if (n_ptr != (int64_t)n_items + 1 || n_item != n_sim || out->ptr[0] != 0 ||
        out->ptr[n_items] != n_item)
        AKIN_FAIL(AKIN_E_FORMAT, "%s: sections m.ptr, m.item and m.sim do not fit", path);
    for (int32_t i = 0; i < n_items; i++)
        if (out->ptr[i] > out->ptr[i + 1])
            AKIN_FAIL(AKIN_E_FORMAT, "%s: section m.ptr does not ascend", path);
    for (int32_t i = 0; i < n_items; i++)
        AKIN_TRY(check_row(out, i, path, err));
done:
    return status;
}

float neighbors_sim(const struct neighbors *nb, int32_t j, int32_t i)
{
    int64_t lo = nb->ptr[j];
    int64_t hi = nb->ptr[j + 1];
    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        if (nb->item[mid] == i)
            return nb->sim[mid];
        if (nb->item[mid] < i)
            lo = mid + 1;
        else
            hi = mid;
    }
    return 0;
}

akin_status neighbors_fold(const struct neighbors *nb, const struct history *h, bool wants_values,
                           struct arena *scratch, struct folded *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    out->item = arena_alloc(scratch, h->n, sizeof *out->item, err);
    if (!out->item)
        AKIN_TRY(AKIN_E_MEMORY);
    out->x = arena_alloc(scratch, h->n, sizeof *out->x, err);
    if (!out->x)
        AKIN_TRY(AKIN_E_MEMORY);
    int32_t n = wants_values ? history_fold_values(h, out->item, out->x)
                             : history_fold(h, out->item, out->x);
    out->n = 0;
    for (int32_t j = 0; j < n; j++) {
        if (out->item[j] < 0 || out->item[j] >= nb->n_items)
            continue;
        out->item[out->n] = out->item[j];
        out->x[out->n++] = out->x[j];
    }
done:
    return status;
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
        if (s > 0 && (h->x[j] < 0 || h->x[j] > 0))
            reason_push(out, max, &n, h->item[j], (float)((double)(h->x[j] * s) * scale));
    }
    return n;
}
