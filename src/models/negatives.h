/*
 * Negatives: items that a user lacks, drawn by weight. Slots say how often an item comes; a draw
 * takes one of them and looks whether the user has it.
 */
#ifndef AKIN_MODELS_NEGATIVES_H
#define AKIN_MODELS_NEGATIVES_H

#include <stdbool.h>
#include <stdint.h>

/*
 * n_slots of the items (n) as their weights go: the item of every total/n_slots-th of the summed
 * weights from `offset` (in [0, 1) of such a step) on. weight by item number, NULL = all alike.
 */
void negatives_slots(const int32_t *item, int64_t n, const double *weight, double offset,
                     int64_t n_slots, int32_t *slot);

/* What is drawn from: slot (n), and what may not come: own (n_own > 0, ascending). Borrowed. */
struct negatives {
    const int32_t *slot;
    int64_t n;
    const int32_t *own;
    int64_t n_own;
};
/* Of the user's own? */
bool negatives_has(const struct negatives *from, int32_t item);
/* An item by 32 random bits; it may be the user's own. */
static inline int32_t negatives_pick(const struct negatives *from, uint64_t bits)
{
    return from->slot[(bits & UINT32_MAX) * (uint64_t)from->n >> 32];
}
/* n items (out), four a counter; some may be the user's own. */
void negatives_picks(const struct negatives *from, uint64_t seed, uint64_t index, uint64_t counter,
                     int64_t n, int32_t *out);
/* An item that is not, by 64 random bits, which are two draws; -1 = both are the user's own. */
int32_t negatives_draw(const struct negatives *from, uint64_t bits);

#endif
