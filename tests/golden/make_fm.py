"""Reference predictions of fm for tests/unit/models/test_fm.c.

Run: python3 tests/golden/make_fm.py > tests/unit/models/fm_golden.h   (needs NumPy; two minutes)

The regression of docs/models/fm.md sampled once more in another way: the plain design matrix of users,
items and their columns, one coordinate at a time as in Rendle 2012. Posterior means of all pairs over
several long chains, and their standard errors by how far the chains are apart. All arrays have the
chains first. Ratings are those of make_bmf.py.
"""
import numpy as np

from make_bmf import ITEMS, USERS, ratings

GROUPS, DEVICES = 4, 3
K = 2
CHAINS, SWEEPS, BURN = 16, 3000, 300


def group(u):
    return u % GROUPS


def genre(i):
    return i % 4


def device_of_event(u, i):
    return (u + 2 * i) % DEVICES


def device_of_query(u, i):
    return (u + i) % DEVICES


# (first column, columns, precision of v, of w)
SORTS = [(0, USERS, 1, 5), (USERS, ITEMS, 2.5 * K, 5), (USERS + ITEMS, 4, 5 * K, 10),
         (USERS + ITEMS + 4, GROUPS, 5 * K, 10), (USERS + ITEMS + 4 + GROUPS, DEVICES, 5 * K, 10)]


def design(pairs, device):
    X = np.zeros((len(pairs), USERS + ITEMS + 4 + GROUPS + DEVICES))
    for row, (u, i) in zip(X, pairs):
        for (first, *_), value in zip(SORTS, (u, i, genre(i), group(u), device(u, i))):
            row[first + value] = 1
    return X


def said(X, w, v):
    s = np.einsum("np,cpk->cnk", X, v)
    squares = np.einsum("np,cpk->cnk", X * X, v * v)
    return w @ X.T + (s * s - squares).sum(2) / 2


class Level:
    """Mean and precision of one sort of features in one coordinate."""

    def __init__(self, start, chains):
        self.start, self.m, self.lam = start, np.zeros(chains), np.full(chains, float(start))

    def draw(self, rng, x):
        chains, n = x.shape
        self.m = x.sum(1) / (n + 1) + rng.normal(size=chains) / np.sqrt(self.lam * (n + 1))
        rate = 1 / self.start + (((x - self.m[:, None]) ** 2).sum(1) + self.m ** 2) / 2
        self.lam = rng.gamma(1 + (n + 1) / 2, 1 / rate)


class Values:
    def __init__(self, y, chains):
        self.y, self.alpha = y, np.ones(chains)

    def step(self, rng, x, rows, h, at, level):
        """A coordinate with derivative h of the events: its change."""
        left = self.y[rows] - x[:, rows]
        precision = self.alpha * (h * h).sum(1) + level.lam
        mean = (self.alpha * (h * (left + h * at[:, None])).sum(1) + level.lam * level.m) / precision
        return mean + rng.normal(size=len(at)) / np.sqrt(precision) - at

    def noise(self, rng, x):
        self.alpha = rng.gamma(1 + len(self.y) / 2, 1 / (.01 + ((self.y - x) ** 2).sum(1) / 2))


def runs_of(chains, burn, sweeps):
    u, i, y, _ = (np.array(c) for c in zip(*ratings()))
    X = design(list(zip(u, i)), device_of_event)
    ask = design([(a, b) for a in range(USERS) for b in range(ITEMS)], device_of_query)
    rng = np.random.default_rng(23)
    p = X.shape[1]
    w, v = np.zeros((chains, p)), np.zeros((chains, p, K))
    v[:, :USERS] = rng.normal(size=(chains, USERS, K))
    levels = [[Level(of_v, chains) for _ in range(K)] + [Level(of_w, chains)] for _, _, of_v, of_w in SORTS]
    base, spread = y.mean(), y.std()
    target = Values((y - base) / spread, chains)
    total = np.zeros((chains, len(ask)))
    for sweep in range(burn + sweeps):
        x = said(X, w, v)
        target.noise(rng, x)
        S = np.einsum("np,cpk->cnk", X, v)
        for (first, n, _, _), level in zip(SORTS, levels):
            used = [j for j in range(first, first + n) if X[:, j].any()]
            for t in range(K + 1):
                of = w if t == K else v[:, :, t]
                level[t].draw(rng, of[:, used])
                for j in used:
                    rows = X[:, j] > 0
                    h = S[:, rows, t] - of[:, j, None] if t < K else np.ones((chains, rows.sum()))
                    change = target.step(rng, x, rows, h, of[:, j], level[t])
                    of[:, j] += change
                    x[:, rows] += h * change[:, None]
                    if t < K:
                        S[:, rows, t] += change[:, None]
                for j in set(range(first, first + n)) - set(used):
                    of[:, j] = level[t].m
        if sweep >= burn:
            total += said(ask, w, v)
    return (base + spread * total / sweeps).reshape(chains, USERS, ITEMS)


def main():
    print("/* Made by tests/golden/make_fm.py; do not edit. */\n/* clang-format off */")
    rows = ratings()
    print(f"enum {{ GOLDEN_USERS = {USERS}, GOLDEN_ITEMS = {ITEMS}, GOLDEN_RATINGS = {len(rows)} }};")
    print("static const struct toy_event golden_events[GOLDEN_RATINGS] = {")
    for u, i, r, t in rows:
        print(f"    {{{u}, {i}, {r}F, {t}}},")
    print("};")
    runs = runs_of(CHAINS, BURN, SWEEPS)
    errors = runs.std(0, ddof=1) / np.sqrt(CHAINS)
    for what, values in (("", runs.mean(0)), ("_error", errors)):
        print(f"static const double golden_values{what}[GOLDEN_USERS][GOLDEN_ITEMS] = {{")
        for row in values:
            print("    {" + ", ".join(f"{x:.4f}" for x in row) + "},")
        print("};", flush=True)


if __name__ == "__main__":
    main()
