"""Reference predictions of bmf for tests/unit/models/test_bmf.c.

Run: python3 tests/golden/make_bmf.py > tests/unit/models/bmf_golden.h   (needs NumPy; minutes)

The model of docs/models/bmf.md sampled once more, in another order and with whole groups of feature
weights drawn at once: posterior means of all pairs over several long chains, and their standard
errors by how far the chains are apart. Genres are those of the toy data: item number modulo 4.
"""
import sys
from concurrent.futures import ProcessPoolExecutor

import numpy as np

USERS, ITEMS, GENRES, DAY = 14, 11, 4, 86400
COLD = 6  # an item that nobody rated
CHAINS, SWEEPS, BURN = 8, 6000, 500
CASES = {"plain": (False, False, False, 0), "features": (True, True, True, 0),
         "time": (False, False, False, 12)}
VECTOR, BIAS, GROUP = 2.5, 5, 10  # precisions that a row more or less is taken to have


def ratings():
    rng = np.random.default_rng(5)
    p, q = rng.normal(size=(USERS, 2)), rng.normal(size=(ITEMS, 2))
    p[:, 1] += 0.8
    rows = []
    for u in range(USERS):
        for i in range(ITEMS):
            if i == COLD or rng.random() < 0.45:
                continue
            day = int(rng.integers(0, 100))
            r = 3 + 0.8 * p[u] @ q[i] + 0.5 * (i % GENRES == 1) + 0.01 * (day - 50)
            r += rng.normal() * 0.3
            rows.append((u, i, round(float(np.clip(r, 0, 6)) * 2) / 2, 1600000000 + day * DAY))
    return rows


def normal(rng, mean, cov):
    return mean + np.linalg.cholesky(cov) @ rng.normal(size=len(mean))


def draw_rows(rng, rows, W, y, prior, lam, alpha):
    """Each row's [vector, bias] given features W and targets y of its ratings."""
    out = prior.copy()
    for r, at in enumerate(rows):
        if len(at) == 0:
            continue
        X = W[at]
        cov = np.linalg.inv(alpha * X.T @ X + np.diag(lam))
        mean = cov @ (alpha * X.T @ y[at] + lam * prior[r])
        out[r] = normal(rng, mean, cov)
    return out


class Common:
    """What rows share: mean, precision, and weights of features (groups of designs)."""

    def __init__(self, k, precision, designs, active):
        k1 = k + 1
        self.m, self.lam = np.zeros(k1), np.full(k1, 4.0)
        self.start = np.append(np.full(k, precision), BIAS)
        self.F, self.active = designs, active
        self.c = [np.zeros((F.shape[1], k1)) for F in designs]
        self.cm = [np.zeros(k1) for _ in designs]
        self.cl = [np.full(k1, 4.0) for _ in designs]

    def prior(self):
        return sum((F @ c for F, c in zip(self.F, self.c)), np.tile(self.m, (len(self.active), 1)))

    def draw(self, rng, X):
        act = self.active
        for t in range(X.shape[1]):
            x = X[act, t]
            for g, F in enumerate(self.F):
                other = sum(f[act] @ self.c[h][:, t] for h, f in enumerate(self.F) if h != g)
                used = (F[act] != 0).any(0)
                A = F[act][:, used]
                P = self.lam[t] * A.T @ A + self.cl[g][t] * np.eye(A.shape[1])
                b = self.lam[t] * A.T @ (x - self.m[t] - other) + self.cl[g][t] * self.cm[g][t]
                cov = np.linalg.inv(P)
                c = normal(rng, cov @ b, cov)
                self.c[g][:, t] = self.cm[g][t]
                self.c[g][used, t] = c
                self.cm[g][t], self.cl[g][t] = self.level(rng, c, self.cl[g][t], GROUP)
            left = x - sum((f[act] @ c[:, t] for f, c in zip(self.F, self.c)), np.zeros(1))
            self.m[t], self.lam[t] = self.level(rng, left, self.lam[t], self.start[t])

    @staticmethod
    def level(rng, x, lam, start):
        n = len(x)
        m = rng.normal(x.sum() / (n + 1), 1 / np.sqrt(lam * (n + 1)))
        rate = 1 / start + (((x - m) ** 2).sum() + m * m) / 2
        return m, rng.gamma(1 + (n + 1) / 2, 1 / rate)


def chain(case, seed):
    implicit, flipped, features, bin_days = CASES[case]
    rows = ratings()
    k, k1 = 2, 3
    u, i, y, t = (np.array(c) for c in zip(*rows))
    mean, spread = y.mean(), y.std()
    y = (y - mean) / spread
    rated = np.zeros((USERS, ITEMS))
    rated[u, i] = 1
    per_user, per_item = rated.sum(1), rated.sum(0)
    active = per_item > 0
    users = Common(k, 1, [rated / np.sqrt(per_user)[:, None]] if implicit else [],
                   np.ones(USERS, bool))
    genre = np.eye(GENRES)[np.arange(ITEMS) % GENRES]
    raters = rated.T / np.sqrt(np.maximum(per_item, 1))[:, None]
    items = Common(k, VECTOR * k, [raters] * flipped + [genre] * features, active)
    width = bin_days * DAY
    bins = (t - t.min()) // width if bin_days else np.zeros(len(t), int)
    n_bins = bins.max() + 1 if bin_days else 0
    at_bins = [np.flatnonzero(bins == b) for b in range(n_bins)]
    times = Common(k, VECTOR * k, [], np.array([len(a) > 0 for a in at_bins], bool))
    rng = np.random.default_rng(seed)
    U, V, T = rng.normal(size=(USERS, k1)), np.zeros((ITEMS, k1)), np.zeros((max(n_bins, 1), k1))
    at_user = [np.flatnonzero(u == a) for a in range(USERS)]
    at_item = [np.flatnonzero(i == a) for a in range(ITEMS)]
    alpha, total = 1.0, np.zeros((USERS, ITEMS))

    def one(X):
        return np.concatenate([X[:, :k], np.ones((len(X), 1))], 1)

    for sweep in range(BURN + SWEEPS):
        V = draw_rows(rng, at_item, one(U[u] + T[bins]), y - U[u, k] - T[bins, k], items.prior(),
                      items.lam, alpha)
        Z = one(V)
        fixed = y - V[i, k] - (T[bins] * Z[i]).sum(1)
        U = draw_rows(rng, at_user, Z[i], fixed, users.prior(), users.lam, alpha)
        if n_bins:
            left = y - V[i, k] - (U[u] * Z[i]).sum(1)
            T = draw_rows(rng, at_bins, Z[i], left, times.prior(), times.lam, alpha)
            times.draw(rng, T)
        error = y - V[i, k] - ((U[u] + T[bins]) * Z[i]).sum(1)
        alpha = rng.gamma(1 + len(y) / 2, 1 / (0.01 + (error ** 2).sum() / 2))
        users.draw(rng, U)
        items.draw(rng, V)
        if sweep >= BURN:  # the cold item is as the features have it
            Vc = np.where(active[:, None], V, items.prior())
            total += (U + T[-1]) @ one(Vc).T + Vc[:, k]
    return mean + spread * total / SWEEPS


def main():
    print("/* Made by tests/golden/make_bmf.py; do not edit. */")
    rows = ratings()
    print(f"enum {{ GOLDEN_USERS = {USERS}, GOLDEN_ITEMS = {ITEMS}, GOLDEN_RATINGS = {len(rows)} }};")
    print("static const struct toy_event golden_events[GOLDEN_RATINGS] = {")
    for u, i, r, t in rows:
        print(f"    {{{u}, {i}, {r}F, {t}}},")
    print("};")
    for case in CASES:
        with ProcessPoolExecutor(2) as pool:
            runs = np.array(list(pool.map(chain, [case] * CHAINS, range(CHAINS))))
        apart = runs.std(0, ddof=1) / np.sqrt(CHAINS)
        for what, values in (("", runs.mean(0)), ("_error", apart)):
            print(f"static const double golden_{case}{what}[GOLDEN_USERS][GOLDEN_ITEMS] = {{")
            for row in values:
                print("    {" + ", ".join(f"{x:.4f}" for x in row) + "},")
            print("};")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
