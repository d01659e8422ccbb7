/* Histories folded for one request. Cost: a sort each. */
#include "models/folded.h"

akin_status folded_make(const struct history *h, int32_t n_items, bool wants_values,
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
        if (out->item[j] < 0 || out->item[j] >= n_items)
            continue;
        out->item[out->n] = out->item[j];
        out->x[out->n++] = out->x[j];
    }
done:
    return status;
}
