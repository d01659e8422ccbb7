/*
 * Drawing negatives (see negatives.h).
 *
 * Cost: slots n + n_slots; a draw is a search in the user's own items.
 */
#include "models/negatives.h"

#include "core/rng.h"

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

/* Without branches, which here no CPU could foretell. */
bool negatives_has(const struct negatives *from, int32_t item)
{
    const int32_t *own = from->own;
    for (int64_t n = from->n_own; n > 1;) {
        int64_t half = n / 2;
        own += half & -(int64_t)(own[half - 1] < item);
        n -= half;
    }
    return *own == item;
}

void negatives_picks(const struct negatives *from, uint64_t seed, uint64_t index, uint64_t counter,
                     int64_t n, int32_t *out)
{
    uint64_t bits[2], each = (uint64_t)(n + 3) / 4;
    for (int64_t c = 0; c < n; c++) {
        if (c % 4 == 0)
            rng_two(seed, RNG_NEGATIVE, index, counter * each + (uint64_t)c / 4, bits);
        out[c] = negatives_pick(from, bits[c / 2 % 2] >> 32 * (c % 2));
    }
}

int32_t negatives_draw(const struct negatives *from, uint64_t bits)
{
    for (int t = 0; t < 2; t++, bits >>= 32) {
        int32_t item = negatives_pick(from, bits);
        if (!negatives_has(from, item))
            return item;
    }
    return -1;
}
