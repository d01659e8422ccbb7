/*
 * Kernels over rows of bits, the same for each ISA but for `bits_extract` (bits of x where mask is
 * set, moved together), which the file that includes this one defines. Exact: any order will do.
 *
 * The compiler's popcount is an instruction on all of them (on NEON three).
 */
#ifndef AKIN_KERN_BODY_BITS_H
#define AKIN_KERN_BODY_BITS_H

/* Rows of one word are the common case: sets that few baskets hold. */
static void bits_meet(int64_t words, int64_t n, const uint64_t *a, const uint64_t *rows,
                      int32_t *out)
{
    if (words == 1) {
        for (int64_t j = 0; j < n; j++)
            out[j] = __builtin_popcountll(a[0] & rows[j]);
        return;
    }
    for (int64_t j = 0; j < n; j++, rows += words) {
        int64_t sum = 0, t = 0, other = 0;
        for (; t + 2 <= words; t += 2) {
            sum += __builtin_popcountll(a[t] & rows[t]);
            other += __builtin_popcountll(a[t + 1] & rows[t + 1]);
        }
        if (t < words)
            sum += __builtin_popcountll(a[t] & rows[t]);
        out[j] = (int32_t)(sum + other);
    }
}

BITS_TARGET static void bits_pick(int64_t words, const uint64_t *mask, const uint64_t *row,
                                  uint64_t *out)
{
    uint64_t word = 0;
    int fill = 0; /* bits of word in use, < 64 */
    for (int64_t t = 0; t < words; t++) {
        if (mask[t] == 0)
            continue;
        uint64_t x = bits_extract(row[t], mask[t]);
        int n = __builtin_popcountll(mask[t]);
        word |= x << fill;
        if (fill + n < 64) {
            fill += n;
            continue;
        }
        *out++ = word;
        word = fill > 0 ? x >> (64 - fill) : 0;
        fill += n - 64;
    }
    if (fill > 0)
        *out = word;
}

#endif
