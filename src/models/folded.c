/* Histories folded for one request, and the sorted list of reasons. Cost: a sort each. */
#include "models/folded.h"

#include <string.h>

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

int32_t reason_put(struct reason *out, int32_t max, int32_t n, int32_t item, float contribution)
{
    int32_t at = n;
    while (at > 0 && out[at - 1].contribution < contribution)
        at--;
    if (at >= max)
        return n;
    int32_t last = n < max ? n : max - 1;
    memmove(out + at + 1, out + at, (size_t)(last - at) * sizeof *out);
    out[at] = (struct reason){item, contribution};
    return last + 1;
}
