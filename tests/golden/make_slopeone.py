"""Reference values of slopeone for tests/unit/models/test_slopeone.c.

Run: python3 tests/golden/make_slopeone.py > tests/unit/models/slopeone_golden.h   (needs NumPy)
  or python3 tests/golden/make_slopeone.py TRAIN.csv TEST.csv [SHRINKAGE [DAMPING]]
for the RMSE of ratings in a file (user, item, rating, …; one header line), to be compared with
  akin evaluate --train TRAIN.csv --test TEST.csv --model slopeone --set shrinkage=0 --metrics rmse

By the deviations of pairs of items, as Lemire and Maclachlan 2005 define them; the model itself
goes by users and knows no pairs.
"""

import csv
import sys

import numpy as np

R = np.array([
    [1, 2, 0, 0, 5, 0],
    [0, 3, 1, 0, 1, 0],
    [4, 0, 2, 1.5, 0, 1],
    [1, 1, 1, 1, 1, 0],
    [0, 0, 0, 2, 3, 0],
    [2, 0, 1, 0, 0, 3],
    [0, 5, 0, 0, 4.5, 0],
], dtype=float)


def deviations(r):
    """c (users of both j and i) and c times dev of j → i."""
    has = (r > 0).astype(float)
    return has.T @ has, has.T @ r - r.T @ has


def baselines(r, damping):
    has = r > 0
    mean = r[has].mean()
    item = np.where(has, r - mean, 0).sum(0) / (has.sum(0) + damping)
    user = np.where(has, r - mean - item, 0).sum(1) / (has.sum(1) + damping)
    return mean + user[:, None] + item


def predictions(r, shrinkage, damping):
    count, shift = deviations(r)
    np.fill_diagonal(count, 0)
    np.fill_diagonal(shift, 0)
    has = (r > 0).astype(float)
    base = baselines(r, damping)
    above = has @ shift + r @ count + shrinkage * base
    weight = has @ count + shrinkage
    return np.where(weight > 0, above / np.where(weight > 0, weight, 1), base)


def show(name, m):
    print(f"static const double {name}[{m.shape[0]}][{m.shape[1]}] = {{")
    for row in m:
        print("    {" + ", ".join(f"{v:.12g}" for v in row) + "},")
    print("};")


def header():
    print("/* Made by tests/golden/make_slopeone.py. */")
    print("#ifndef AKIN_TESTS_SLOPEONE_GOLDEN_H\n#define AKIN_TESTS_SLOPEONE_GOLDEN_H\n")
    print("/* clang-format off */")
    print("static const float golden_ratings[7][6] = {")
    for row in R:
        print("    {" + ", ".join(f"{v:g}" for v in row) + "},")
    print("};")
    show("golden_plain", predictions(R, 0, 5))
    show("golden_shrunk", predictions(R, 3, 2))
    print("/* clang-format on */\n\n#endif")


def of_files(train, test, shrinkage=0, damping=5):
    rows = [list(csv.reader(open(path)))[1:] for path in (train, test)]
    users, items = ({x: n for n, x in enumerate(sorted({r[c] for r in rows[0]}))} for c in (0, 1))
    r = np.zeros((len(users), len(items)))
    for u, i, x, *_ in rows[0]:
        r[users[u], items[i]] = float(x)
    guess = np.clip(predictions(r, float(shrinkage), float(damping)), r[r > 0].min(), r.max())
    pairs = [(users[u], items[i], float(x)) for u, i, x, *_ in rows[1] if u in users and i in items]
    errors = np.array([guess[u, i] - x for u, i, x in pairs])
    print(f"rmse {np.sqrt((errors ** 2).mean()):.6f} mae {abs(errors).mean():.6f} pairs {len(pairs)}")


if len(sys.argv) > 1:
    of_files(*sys.argv[1:])
else:
    header()
