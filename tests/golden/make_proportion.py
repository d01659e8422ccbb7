#!/usr/bin/env python3
"""Makes tests/unit/live/experiment_golden.h: intervals, p values and assignments that are not akin's.

    make_proportion.py > ../unit/live/experiment_golden.h

Needs SciPy, statsmodels and xxhash. Not run by the build: its output is kept in the tree. Wilson and
Newcombe come from statsmodels, the exact test from SciPy, the points from the hash's own binding.
"""
import itertools

import xxhash
from scipy import stats
from statsmodels.stats import proportion

PAIRS = [(0, 10), (1, 10), (5, 10), (10, 10), (15, 148), (81, 263), (0, 1), (1, 1), (3, 100000),
         (49750, 99500), (123456, 1000000)]
DIFFERENCES = [((56, 70), (48, 80)), ((9, 10), (3, 10)), ((10, 10), (0, 20)), ((10, 10), (0, 10)),
               ((0, 10), (0, 20)), ((6, 7), (2, 7)), ((5, 56), (0, 29)), ((1200, 20000), (1100, 20100))]
TESTS = [(0, 0), (0, 1), (1, 1), (5, 10), (8, 10), (0, 20), (61, 100), (60, 101), (5100, 10000),
         (4800, 10001), (503000, 1000000), (600, 1000)]
NAMES = ["homepage", "blend-2026", "x"]
USERS = ["1", "42", "user-7", "Åsa", "a longer id that is hashed by another branch of XXH3, over 128 "
         "bytes of it, so that every size of input is seen once or twice in here, and then some more"]


def hexf(x):
    return float(x).hex()


print("/* Made by tests/golden/make_proportion.py; do not edit. */\n")
print("#include <stdint.h>\n\n/* clang-format off */")
print("static const struct { int64_t k, n; double lo, hi; } golden_wilson[] = {")
for k, n in PAIRS:
    lo, hi = proportion.proportion_confint(k, n, method="wilson")
    print(f"    {{{k}, {n}, {hexf(lo)}, {hexf(hi)}}},")
print("};\nstatic const struct { int64_t k, n, k0, n0; double lo, hi; } golden_difference[] = {")
for (k, n), (k0, n0) in DIFFERENCES:
    lo, hi = proportion.confint_proportions_2indep(k, n, k0, n0, method="newcomb", compare="diff")
    print(f"    {{{k}, {n}, {k0}, {n0}, {hexf(lo)}, {hexf(hi)}}},")
print("};\nstatic const struct { int64_t k, n; double p; } golden_sign[] = {")
for k, n in TESTS:
    p = stats.binomtest(k, n, 0.5).pvalue if n else 1.0
    print(f"    {{{k}, {n}, {hexf(p)}}},")
print("};\nstatic const struct { const char *experiment, *user; double point; } golden_point[] = {")
for name, user in itertools.product(NAMES, USERS):
    seed = xxhash.xxh3_64_intdigest(name.encode())
    point = (xxhash.xxh3_64_intdigest(user.encode(), seed) >> 11) / 2**53
    print(f'    {{"{name}", "{user}", {hexf(point)}}},')
print("};\n/* clang-format on */")
