"""Reference values of the model rules for tests/unit/models/test_model_rules.c.

Run: python3 tests/golden/make_rules.py > tests/unit/models/rules_golden.h   (needs NumPy)

Every antecedent of one to three items is tried against every basket. Written from
docs/models/rules.md, without a look at the C code.
"""

from itertools import combinations

import numpy as np

rng = np.random.default_rng(11)
BASKETS, ITEMS, MIN_COUNT, MIN_CONFIDENCE, MIN_LIFT = 40, 8, 3, 0.25, 1.0
taste = rng.integers(0, 2, BASKETS)
B = rng.random((BASKETS, ITEMS)) < np.where((np.arange(ITEMS) % 2)[None, :] == taste[:, None], .6, .2)
B[B.sum(1) == 0, 0] = True  # a user without events is none
N = BASKETS
ASKED = [(0,), (1, 3), (0, 2, 5), (1, 2, 4, 7), (0, 1, 2, 3, 4, 5, 6), ()]


def count(items):
    return int(B[:, list(items)].all(1).sum())


def rules(longest):
    for size in range(1, longest + 1):
        for left in combinations(range(ITEMS), size):
            for i in set(range(ITEMS)) - set(left):
                both = count(left + (i,))
                if both < MIN_COUNT:
                    continue
                confidence = both / count(left)
                lift = both * N / (count(left) * count((i,)))
                if confidence >= MIN_CONFIDENCE and lift >= MIN_LIFT:
                    yield left, i, confidence, lift


def scores(basket, longest, is_lift, is_sum):
    out = np.full(ITEMS, np.nan)
    for left, i, confidence, lift in rules(longest):
        if set(left) <= set(basket) and i not in basket:
            value = lift if is_lift else confidence
            if np.isnan(out[i]):
                out[i] = value
            else:
                out[i] = out[i] + value if is_sum else max(out[i], value)
    return out


print("/* Made by tests/golden/make_rules.py. */")
print("#ifndef AKIN_TESTS_RULES_GOLDEN_H\n#define AKIN_TESTS_RULES_GOLDEN_H\n")
print("/* clang-format off */")
print(f"enum {{ RULES_BASKETS = {BASKETS}, RULES_ITEMS = {ITEMS}, RULES_ASKED = {len(ASKED)} }};")
print("static const char golden_baskets[RULES_BASKETS][RULES_ITEMS + 1] = {")
for row in B:
    print('    "' + "".join("01"[int(v)] for v in row) + '",')
print("};")
print("static const char golden_asked[RULES_ASKED][RULES_ITEMS + 1] = {")
for basket in ASKED:
    print('    "' + "".join("01"[i in basket] for i in range(ITEMS)) + '",')
print("};")
print("/* [antecedents up to 1, 2, 3][confidence, lift][best, sum]; NAN = nothing said */")
print("static const double golden_rules[3][2][2][RULES_ASKED][RULES_ITEMS] = {")
for longest in (1, 2, 3):
    print("  {")
    for is_lift in (False, True):
        print("    {")
        for is_sum in (False, True):
            print("      {")
            for basket in ASKED:
                row = scores(basket, longest, is_lift, is_sum)
                cells = ("NAN" if np.isnan(v) else f"{v:.12g}" for v in row)
                print("        {" + ", ".join(cells) + "},")
            print("      },")
        print("    },")
    print("  },")
print("};")
print("/* clang-format on */\n\n#endif")
