"""Reference values of p3alpha and rp3beta for tests/unit/models/test_rp3beta.c.

Run: python3 tests/golden/make_walks.py > tests/unit/models/walks_golden.h   (needs NumPy)

W (users, items) holds the weights of events. Written from docs/models/rp3beta.md as products of
transition matrices, without a look at the C code.
"""

import numpy as np

W = np.array([
    [1, 2, 0, 0, 5, 0],
    [0, 3, 1, 0, 1, 0],
    [4, 0, 2, 1, 0, 1],
    [1, 1, 1, 1, 1, 0],
    [0, 0, 0, 2, 3, 0],
    [2, 0, 1, 0, 0, 3],
    [0, 5, 0, 0, 1, 0],
], dtype=float)


def steps(w):
    """The chance of each step from a row."""
    return w / w.sum(1, keepdims=True)


def ends(w, alpha, beta):
    """W(j → i): from an item to a user to another item, over the items' users^beta."""
    out = (steps(w.T) ** alpha) @ (steps(w) ** alpha) / (w > 0).sum(0) ** beta
    np.fill_diagonal(out, 0)
    return out


def show(name, m):
    print(f"static const double {name}[{m.shape[0]}][{m.shape[1]}] = {{")
    for row in m:
        print("    {" + ", ".join(f"{v:.12g}" for v in row) + "},")
    print("};")


print("/* Made by tests/golden/make_walks.py. */")
print("#ifndef AKIN_TESTS_WALKS_GOLDEN_H\n#define AKIN_TESTS_WALKS_GOLDEN_H\n")
print("/* clang-format off */")
print("static const float golden_weights[7][6] = {")
for row in W:
    print("    {" + ", ".join(f"{v:g}" for v in row) + "},")
print("};")
CASES = [("p3", 1, 0, W), ("p3_raised", 1.4, 0, W), ("rp3", 1, .6, W), ("rp3_lowered", .7, .3, W),
         ("rp3_binary", .7, .6, (W > 0).astype(float))]
for name, alpha, beta, w in CASES:
    walks = ends(w, alpha, beta)
    show(f"golden_{name}_ends", walks)
    show(f"golden_{name}_scores", (steps(w) ** alpha) @ walks)
print("/* clang-format on */\n\n#endif")
