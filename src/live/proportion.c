/*
 * Intervals of shares by score, and the sign test.
 *
 * Score intervals, because rates of conversion are small: the textbook interval (Wald) covers far
 * less than it says there and reaches below 0. No correction for continuity. Deliberately not here:
 * corrections for several looks or several arms (docs/experiments.md says what that means).
 */
#include "live/proportion.h"

#include <math.h>

static const double z95 = 1.959963984540054; /* Phi(z95) = 0.975 */

struct interval proportion_wilson(int64_t k, int64_t n)
{
    if (n <= 0)
        return (struct interval){(double)NAN, 0.0, 1.0};
    double size = (double)n, p = (double)k / size, zz = z95 * z95;
    double middle = p + zz / (2.0 * size), wide = 1.0 + zz / size;
    double half = z95 * sqrt(p * (1.0 - p) / size + zz / (4.0 * size * size));
    /* at the ends the bound is the end itself, which rounding would miss */
    return (struct interval){p, k == 0 ? 0.0 : (middle - half) / wide,
                             k == n ? 1.0 : (middle + half) / wide};
}

struct interval proportion_difference(int64_t k, int64_t n, int64_t k0, int64_t n0)
{
    if (n <= 0 || n0 <= 0)
        return (struct interval){(double)NAN, -1.0, 1.0};
    struct interval a = proportion_wilson(k, n), b = proportion_wilson(k0, n0);
    double d = a.value - b.value;
    double down = a.value - a.lo, up = a.hi - a.value;
    double down0 = b.value - b.lo, up0 = b.hi - b.value;
    return (struct interval){d, d - sqrt(down * down + up0 * up0),
                             d + sqrt(up * up + down0 * down0)};
}

/* Terms relative to the largest: nothing overflows, no logarithm is needed, and what is too small
 * for a double is too small to matter. */
double proportion_sign_test(int64_t k, int64_t n)
{
    if (n <= 0)
        return 1.0;
    int64_t least = k < n - k ? k : n - k, j = n / 2;
    double term = 1.0, tail = 0.0, half = 0.0;
    double middle = n % 2 == 0 ? 1.0 : 0.0; /* an even n has one term of its own */
    for (; j >= 0 && term > 0.0; j--) {
        if (j <= least)
            tail += term;
        if (n % 2 != 0 || j < n / 2)
            half += term;
        term *= (double)j / (double)(n - j + 1);
    }
    double p = 2.0 * tail / (2.0 * half + middle);
    return p < 1.0 ? p : 1.0;
}
