"""Reference values of svdpp for tests/unit/models/test_svdpp.c.

Run: python3 tests/golden/make_svdpp.py > tests/unit/models/svdpp_golden.h   (needs NumPy)

Given items (q, b, y), what a stranger's ratings come to: s = |N|^-1/2 Σ y, then p and b_u by ridge
regression of what s leaves open, λ = reg · n; written from docs/models/svdpp.md.
"""

import numpy as np

rng = np.random.default_rng(20260713)
ITEMS, FACTORS, REG, MEAN = 8, 3, 0.08, 3.4
Q = np.round(rng.normal(size=(ITEMS, FACTORS)) * .6, 3)
B = np.round(rng.normal(size=ITEMS) * .4, 3)
Y = np.round(rng.normal(size=(ITEMS, FACTORS)) * .3, 3)
ITEM = np.array([1, 2, 4, 5, 7])
RATING = np.array([4.5, 2, 3.5, 5, 1])

s = Y[ITEM].sum(0) / np.sqrt(len(ITEM))
Z = np.hstack([Q[ITEM], np.ones((len(ITEM), 1))])
t = RATING - MEAN - B[ITEM] - Q[ITEM] @ s
x = np.linalg.solve(Z.T @ Z + REG * len(ITEM) * np.eye(FACTORS + 1), Z.T @ t)
score = MEAN + x[-1] + B + Q @ (x[:-1] + s)


def show(name, m, kind="float"):
    flat = ", ".join(f"{v:.12g}" + ("f" if kind == "float" and "." in f"{v:.12g}" else "")
                     for v in np.asarray(m).ravel())
    print(f"static const {kind} {name}[] = {{{flat}}};")


print("/* Made by tests/golden/make_svdpp.py. */")
print("#ifndef AKIN_TESTS_SVDPP_GOLDEN_H\n#define AKIN_TESTS_SVDPP_GOLDEN_H\n\n#include <stdint.h>\n")
print("/* clang-format off */")
print(f"enum {{ GOLDEN_ITEMS = {ITEMS}, GOLDEN_FACTORS = {FACTORS}, GOLDEN_N = {len(ITEM)} }};")
print(f"static const double golden_reg = {REG}, golden_mean = {MEAN};")
show("golden_q", Q)
show("golden_b", B)
show("golden_y", Y)
show("golden_item", ITEM, "int32_t")
show("golden_rating", RATING)
show("golden_score", score, "double")
print("/* clang-format on */\n\n#endif")
