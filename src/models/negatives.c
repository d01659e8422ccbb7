/*
 * Drawing negatives (see negatives.h).
 *
 * Cost: slots n + n_slots; a draw is a search in the user's own items.
 */
#include "models/negatives.h"

#include <stdbool.h>

void negatives_slots(const int32_t *item, int64_t n, const double *weight, double offset,
                     int64_t n_slots, int32_t *slot)
{
    double total = 0.0, below = 0.0;
    for (int64_t t = 0; t < n; t++)
        total += weight ? weight[item[t]] : 1.0;
    int64_t at = 0;
    for (int64_t t = 0; t < n; t++) {
        below += weight ? weight[item[t]] : 1.0;
        while (at < n_slots && ((double)at + offset) * total < below * (double)n_slots)
            slot[at++] = item[t];
    }
    while (at < n_slots)
        slot[at++] = item[n - 1];
}

/* Ascending item (n > 0); without branches, which here no CPU could foretell. */
static bool has_item(const int32_t *item, int64_t n, int32_t wanted)
{
    while (n > 1) {
        int64_t half = n / 2;
        item += half & -(int64_t)(item[half - 1] < wanted);
        n -= half;
    }
    return *item == wanted;
}

int32_t negatives_draw(const struct negatives *from, uint64_t bits)
{
    for (int t = 0; t < 2; t++, bits >>= 32) {
        int32_t item = from->slot[(bits & UINT32_MAX) * (uint64_t)from->n >> 32];
        if (!has_item(from->own, from->n_own, item))
            return item;
    }
    return -1;
}
