/* Shares of a count: intervals, differences and an exact test, each a pure function. */
#ifndef AKIN_LIVE_PROPORTION_H
#define AKIN_LIVE_PROPORTION_H

#include <stdint.h>

/* A 95 % interval. value is NaN where there is nothing to divide by; [lo, hi] then says "anything":
 * [0, 1], for a difference [-1, 1]. */
struct interval {
    double value, lo, hi;
};

/* k of n, 0 <= k <= n. The score interval: Wilson 1927, doi:10.1080/01621459.1927.10502953. */
struct interval proportion_wilson(int64_t k, int64_t n);

/* k/n - k0/n0, the hybrid score interval of the two Wilson intervals: method 10 of Newcombe 1998,
 * doi:10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I. */
struct interval proportion_difference(int64_t k, int64_t n, int64_t k0, int64_t n0);

/*
 * Two-sided p of k heads in n throws of a fair coin, exact: twice the tail, at most 1.
 * Cost: O(sqrt n) terms; n = 1e9: about a million. n = 0: 1.
 */
double proportion_sign_test(int64_t k, int64_t n);

#endif
