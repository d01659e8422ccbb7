"""Reference weights of ease and slim for tests/unit/models/test_ease.c and test_slim.c.

Run: python3 tests/golden/make_linear.py > tests/unit/models/linear_golden.h   (needs NumPy)

W (users, items) holds the weights of events; B (items, items) is printed, row = item of a history.
Written from docs/models/ease.md and slim.md, without a look at the C code.
"""

import numpy as np

W = np.array([
    [1, 2, 0, 0, 5, 0, 1, 0],
    [0, 3, 1, 0, 1, 0, 0, 2],
    [4, 0, 2, 1, 0, 1, 0, 0],
    [1, 1, 1, 1, 1, 0, 1, 1],
    [0, 0, 0, 2, 3, 0, 0, 0],
    [2, 0, 1, 0, 0, 3, 0, 1],
    [0, 5, 0, 0, 1, 0, 2, 0],
    [1, 0, 0, 1, 0, 1, 0, 4],
    [3, 1, 0, 0, 0, 2, 1, 0],
], dtype=float)
ONES = (W > 0).astype(float)


def gram(x, damping):
    deg = (W > 0).sum(1)
    return x.T @ (x * (deg ** -damping)[:, None])


def ease(x, reg, dropout=0., diagonal=0., damping=0.):
    g = gram(x, damping)
    gamma = reg + dropout / (1 - dropout) * np.diag(g)
    p = np.linalg.inv(g + np.diag(gamma))
    own = 1 - gamma * np.diag(p)
    scale = np.where(own > diagonal, (1 - diagonal) / np.diag(p), gamma)
    b = -p * scale[None, :]
    np.fill_diagonal(b, np.minimum(own, diagonal))
    return b


def local(x, reg, most, dropout=0., diagonal=0.):
    """Column j of ease over j and its `most` best neighbours."""
    g = gram(x, 0)
    gamma = reg + dropout / (1 - dropout) * np.diag(g)
    b = np.zeros_like(g)
    for j in range(len(g)):
        gain = g[j] ** 2 / (np.diag(g) + gamma)
        gain[j] = 0
        near = [i for i in np.argsort(-gain, kind="stable")[:most] if gain[i] > 0]
        at = near + [j]
        p = np.linalg.inv((g + np.diag(gamma))[np.ix_(at, at)])[:, -1]
        own = 1 - gamma[j] * p[-1]
        b[near, j] = -p[:-1] * ((1 - diagonal) / p[-1] if own > diagonal else gamma[j])
        b[j, j] = min(own, diagonal)
    return b


def slim(x, l1, l2, positive=True, damping=0.):
    """Residual coordinate descent on the users themselves, a target at a time."""
    root = ((W > 0).sum(1) ** (-damping / 2))[:, None]
    x = x * root
    n = x.shape[1]
    b = np.zeros((n, n))
    for j in range(n):
        w = b[:, j]
        for _ in range(20000):
            change = 0.
            for i in range(n):
                if i == j:
                    continue
                left = x[:, j] - x @ w + x[:, i] * w[i]
                rho = x[:, i] @ left
                new = (max(rho - l1, 0) if positive
                       else np.sign(rho) * max(abs(rho) - l1, 0)) / (x[:, i] @ x[:, i] + l2)
                change = max(change, abs(new - w[i]))
                w[i] = new
            if change < 1e-14:
                break
    return b


def show(name, m):
    print(f"static const double {name}[{len(m)}][{len(m[0])}] = {{")
    for row in m:
        print("    {" + ", ".join(f"{v:.12g}" for v in row) + "},")
    print("};")


print("/* Made by tests/golden/make_linear.py. */")
print("#ifndef AKIN_TESTS_LINEAR_GOLDEN_H\n#define AKIN_TESTS_LINEAR_GOLDEN_H\n")
print("/* clang-format off */")
print(f"enum {{ GOLDEN_USERS = {len(W)}, GOLDEN_ITEMS = {len(W[0])} }};")
print("static const float golden_weights[GOLDEN_USERS][GOLDEN_ITEMS] = {")
for row in W:
    print("    {" + ", ".join(f"{v:g}" for v in row) + "},")
print("};")
show("golden_ease", ease(W, 2))
show("golden_edlae", ease(W, 2, dropout=.4))
show("golden_rlae", ease(W, 2, diagonal=.3))
show("golden_rdlae", ease(ONES, .5, dropout=.25, diagonal=.4))
show("golden_ease_damped", ease(ONES, .5, damping=.7))
show("golden_local", local(W, 2, 3))
show("golden_local_rdlae", local(ONES, .5, 5, dropout=.25, diagonal=.4))
show("golden_slim", slim(W, 1, 2))
show("golden_slim_signed", slim(W, .5, 1, positive=False))
show("golden_slim_damped", slim(ONES, .2, .3, damping=.5))
print("/* clang-format on */\n\n#endif")
