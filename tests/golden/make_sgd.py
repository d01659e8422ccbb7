"""Reference predictions of svd and nmf for tests/unit/models/test_rating.c.

Run: python3 tests/golden/make_sgd.py > tests/unit/models/sgd_golden.h   (needs NumPy and SciPy)

R (users, items) holds ratings, 0 = none. The losses of docs/models/svd.md and nmf.md are minimised
by L-BFGS-B from many starts, not by stochastic steps; the best predictions must be those of every
start that comes near the least loss, so that they are what any good solver ends with.
Written from those pages, without a look at the C code.
"""
import numpy as np
from scipy.optimize import minimize

R = np.array([
    [5, 4, 0, 1, 0, 2, 1],
    [4, 0, 5, 1, 1, 0, 2],
    [0, 5, 4, 2, 0, 1, 0],
    [1, 2, 0, 5, 4, 0, 4],
    [2, 0, 1, 4, 5, 4, 0],
    [1, 1, 2, 0, 4, 5, 0],
    [0, 4, 0, 0, 2, 0, 1],
    [3, 0, 0, 3, 0, 0, 0],
], dtype=float)
HAS = R > 0
REG, K = 0.2, 2
USERS, ITEMS = R.shape
MEAN, SPREAD = R[HAS].mean(), R[HAS].std()


def parts(x, biases):
    at = np.cumsum([USERS * K, ITEMS * K] + ([USERS, ITEMS] if biases else []))
    pieces = np.split(x, at[:-1])
    P, Q = pieces[0].reshape(USERS, K), pieces[1].reshape(ITEMS, K)
    return (P, Q, pieces[2], pieces[3]) if biases else (P, Q, np.zeros(USERS), np.zeros(ITEMS))


def predict(x, biases):
    P, Q, b, c = parts(x, biases)
    return (MEAN if biases else 0) + SPREAD * (b[:, None] + c[None, :] + P @ Q.T)


def loss(x, biases):
    """Value and gradient. A rating's step regularises its own rows, so a row pays once a rating."""
    P, Q, b, c = parts(x, biases)
    n_u, n_i = HAS.sum(1), HAS.sum(0)
    E = np.where(HAS, predict(x, biases) - R, 0) / SPREAD
    value = (E * E).sum() + REG * ((n_u * ((P * P).sum(1) + b * b)).sum()
                                   + (n_i * ((Q * Q).sum(1) + c * c)).sum())
    grad = [2 * (E @ Q + REG * n_u[:, None] * P), 2 * (E.T @ P + REG * n_i[:, None] * Q)]
    if biases:
        grad += [2 * (E.sum(1) + REG * n_u * b), 2 * (E.sum(0) + REG * n_i * c)]
    return value, np.concatenate([g.ravel() for g in grad])


def best(biases):
    rng = np.random.default_rng(7)
    size = (USERS + ITEMS) * (K + 1 if biases else K)
    found = []
    for _ in range(40):
        start = rng.normal(0, 1, size) if biases else rng.uniform(0, 2, size)
        done = minimize(loss, start, args=(biases,), jac=True, method="L-BFGS-B",
                        bounds=None if biases else [(0, None)] * size,
                        options={"maxiter": 20000, "maxfun": 40000, "ftol": 1e-15, "gtol": 1e-10})
        found.append((done.fun, done.x))
    found.sort(key=lambda f: f[0])
    least, x = found[0]
    near = [y for value, y in found if value < least * 1.0001]
    spread = max(np.abs(predict(y, biases) - predict(x, biases)).max() for y in near)
    assert len(near) >= 5 and spread < 1e-3, (len(near), spread)
    return least, predict(x, biases), np.mean([v < least * 1.0001 for v, _ in found])


def show(name, m):
    print(f"static const double {name}[{USERS}][{ITEMS}] = {{")
    for row in m:
        print("    {" + ", ".join(f"{v:.9g}" for v in row) + "},")
    print("};")


print("/* Made by tests/golden/make_sgd.py. */")
print("#ifndef AKIN_TESTS_SGD_GOLDEN_H\n#define AKIN_TESTS_SGD_GOLDEN_H\n")
print("/* clang-format off */")
print(f"enum {{ GOLDEN_USERS = {USERS}, GOLDEN_ITEMS = {ITEMS} }};")
print(f'#define GOLDEN_PARAMS "\\"factors\\":{K},\\"reg\\":{REG}"')
print("static const float golden_ratings[GOLDEN_USERS][GOLDEN_ITEMS] = { /* 0 = none */")
for row in R:
    print("    {" + ", ".join(f"{v:g}" for v in row) + "},")
print("};")
for name, biases in (("svd", True), ("nmf", False)):
    least, predicted, share = best(biases)
    print(f"/* Loss {least:.9g}, reached from {share:.0%} of the starts. */")
    show(f"golden_{name}", predicted)
print("/* clang-format on */\n\n#endif")
