"""Reference predictions of bmf for tests/unit/models/test_bmf.c.

Run: python3 tests/golden/make_bmf.py > tests/unit/models/bmf_golden.h   (needs NumPy; a minute)

The model of docs/models/bmf.md sampled once more, in another order and with whole groups of feature
weights drawn at once: posterior means of all pairs over several long chains, and their standard
errors by how far the chains are apart. All arrays have the chains first. Genres are those of the toy
data: item number modulo 4. With levels, cut points are drawn from their collapsed likelihood on a
grid, and what is expected is the mean over every draw of both sides' rows.
"""
import numpy as np
from scipy.special import ndtr, ndtri

USERS, ITEMS, GENRES, DAY = 14, 11, 4, 86400
COLD = 6  # an item that nobody rated
CHAINS, SWEEPS, BURN = 16, 4000, 400
K, K1 = 2, 3
CASES = {"plain": (False, False, False, 0), "features": (True, True, True, 0),
         "time": (False, False, False, 12), "ordinal": (False, False, False, 0)}
LEVELS, LEAST = 1 + np.arange(5), 0.5  # of the noise of latents
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


def levels(y):
    """Of ratings: shares that are far from alike."""
    return np.searchsorted([1.5, 2.5, 3, 4.5], y, side="right")


class Latents:
    """Ratings as levels: cut points (C, 6) with infinite ends, and what ratings are."""

    def __init__(self, level):
        self.level = level
        shares = np.cumsum(np.bincount(level, minlength=5))[:4] / len(level)
        self.cut = np.tile(np.concatenate([[-np.inf], ndtri(shares), [np.inf]]), (CHAINS, 1))

    def draw(self, rng, mean, alpha):
        root = np.sqrt(alpha)[:, None]
        for c in (2, 3):
            grid = self.cut[:, c - 1, None] + (self.cut[:, c + 1] - self.cut[:, c - 1])[:, None] * (
                (np.arange(120) + 0.5) / 120)
            log = 0
            for below in (True, False):
                rows = self.level == (c - 1 if below else c)
                other = self.cut[:, c - 1 if below else c + 1]
                m = mean[:, rows]
                at = ndtr((grid[:, :, None] - m[:, None, :]) * root[:, :, None])
                fix = ndtr((other[:, None] - m) * root)[:, None, :]
                log = log + np.log(np.maximum(np.abs(at - fix), 1e-300)).sum(2)
            p = np.exp(log - log.max(1, keepdims=True)).cumsum(1)
            at = (p < rng.random(CHAINS)[:, None] * p[:, -1:]).sum(1)
            width = (self.cut[:, c + 1] - self.cut[:, c - 1]) / 120
            self.cut[:, c] = grid[np.arange(CHAINS), at] + width * (rng.random(CHAINS) - 0.5)
        lo, hi = (ndtr((self.cut[:, self.level + d] - mean) * root) for d in (0, 1))
        u = np.clip(lo + rng.random(mean.shape) * (hi - lo), 1e-12, 1 - 1e-12)
        return mean + ndtri(u) / root

    def expected(self, mean, alpha):
        root = np.sqrt(alpha)[:, None, None, None]
        return LEVELS[0] + ndtr((mean[..., None] - self.cut[:, None, None, 1:5]) * root).sum(-1)


def normal(rng, P, b):
    """Draws of N(P^-1 b, P^-1): P (..., n, n), b (..., n)."""
    cov = np.linalg.inv(P)
    cov = (cov + np.swapaxes(cov, -1, -2)) / 2
    z = rng.normal(size=b.shape)
    return ((cov @ b[..., None]) + np.linalg.cholesky(cov) @ z[..., None])[..., 0]


def draw_rows(rng, R, W, y, prior, lam, alpha):
    """Rows [vector, bias] given features W (C, n, K1) and targets y (C, n) of their ratings; R
    (rows, n) says whose each is. Rows without a rating are their prior mean."""
    outer = (W[:, :, :, None] * W[:, :, None, :]).reshape(len(W), -1, K1 * K1)
    A = (R @ outer).reshape(len(W), len(R), K1, K1) * alpha[:, None, None, None]
    A += lam[:, None, :, None] * np.eye(K1)
    b = (R @ (W * y[:, :, None])) * alpha[:, None, None] + lam[:, None, :] * prior
    return np.where((R.sum(1) > 0)[:, None], normal(rng, A, b), prior)


class Common:
    """What rows share: mean, precision, and weights of features (groups of designs)."""

    def __init__(self, precision, designs, active):
        self.m, self.lam = np.zeros((CHAINS, K1)), np.full((CHAINS, K1), 4.0)
        self.start = np.append(np.full(K, precision), BIAS)
        self.F, self.active = designs, active
        self.c = [np.zeros((CHAINS, F.shape[1], K1)) for F in designs]
        self.cm = [np.zeros((CHAINS, K1)) for _ in designs]
        self.cl = [np.full((CHAINS, K1), 4.0) for _ in designs]

    def prior(self):
        return self.m[:, None, :] + sum(
            (F @ c for F, c in zip(self.F, self.c)), np.zeros((CHAINS, len(self.active), K1)))

    def draw(self, rng, X):
        act = self.active
        for t in range(K1):
            lam, x = self.lam[:, t], X[:, act, t]
            for g, F in enumerate(self.F):
                other = sum(self.c[h][:, :, t] @ f[act].T for h, f in enumerate(self.F) if h != g)
                used = (F[act] != 0).any(0)
                A, own = F[act][:, used], self.cl[g][:, t]
                P = lam[:, None, None] * (A.T @ A) + own[:, None, None] * np.eye(A.shape[1])
                left = x - self.m[:, t, None] - other
                b = lam[:, None] * (left @ A) + (own * self.cm[g][:, t])[:, None]
                c = normal(rng, P, b)
                self.c[g][:, :, t] = self.cm[g][:, t, None]
                self.c[g][:, used, t] = c
                self.cm[g][:, t], self.cl[g][:, t] = self.level(rng, c, own, GROUP)
            left = x - sum((c[:, :, t] @ f[act].T for f, c in zip(self.F, self.c)), np.zeros(1))
            self.m[:, t], self.lam[:, t] = self.level(rng, left, lam, self.start[t])

    @staticmethod
    def level(rng, x, lam, start):
        n = x.shape[1]
        m = x.sum(1) / (n + 1) + rng.normal(size=CHAINS) / np.sqrt(lam * (n + 1))
        rate = 1 / start + (((x - m[:, None]) ** 2).sum(1) + m * m) / 2
        return m, rng.gamma(1 + (n + 1) / 2, 1 / rate)


def rng_start(latents):
    """Any latents within their levels."""
    cut = np.clip(latents.cut, -3, 3)
    return (cut[:, latents.level] + cut[:, latents.level + 1]) / 2


def chains(case):
    implicit, flipped, features, bin_days = CASES[case]
    u, i, y, t = (np.array(c) for c in zip(*ratings()))
    mean, spread = y.mean(), y.std()
    latents = Latents(levels(y)) if case == "ordinal" else None
    if latents:
        mean, spread = 0, 1
        y = rng_start(latents)
    else:
        y = np.tile((y - mean) / spread, (CHAINS, 1))
    rated = np.zeros((USERS, ITEMS))
    rated[u, i] = 1
    per_user, per_item = rated.sum(1), rated.sum(0)
    active = per_item > 0
    users = Common(1, [rated / np.sqrt(per_user)[:, None]] * implicit, np.ones(USERS, bool))
    genre = np.eye(GENRES)[np.arange(ITEMS) % GENRES]
    raters = rated.T / np.sqrt(np.maximum(per_item, 1))[:, None]
    items = Common(VECTOR * K, [raters] * flipped + [genre] * features, active)
    bins = (t - t.min()) // (bin_days * DAY) if bin_days else np.zeros(len(t), int)
    of_user, of_item, of_bin = (np.arange(n)[:, None] == x[None, :] for x, n in
                                ((u, USERS), (i, ITEMS), (bins, bins.max() + 1)))
    of_user, of_item, of_bin = of_user * 1.0, of_item * 1.0, of_bin * 1.0
    times = Common(VECTOR * K, [], of_bin.sum(1) > 0)
    rng = np.random.default_rng(17)
    U = rng.normal(size=(CHAINS, USERS, K1))
    V, T = np.zeros((CHAINS, ITEMS, K1)), np.zeros((CHAINS, len(of_bin), K1))
    alpha, total = np.ones(CHAINS), np.zeros((CHAINS, USERS, ITEMS))
    scales = np.zeros((CHAINS, 5))

    def one(X):
        return np.concatenate([X[:, :, :K], np.ones(X.shape[:2] + (1,))], 2)

    for sweep in range(BURN + SWEEPS):
        who = U[:, u] + T[:, bins]
        V = draw_rows(rng, of_item, one(who), y - who[:, :, K], items.prior(), items.lam, alpha)
        Z, left = one(V)[:, i], y - V[:, i, K]
        U = draw_rows(rng, of_user, Z, left - (T[:, bins] * Z).sum(2), users.prior(), users.lam,
                      alpha)
        if bin_days:
            T = draw_rows(rng, of_bin, Z, left - (U[:, u] * Z).sum(2), times.prior(), times.lam,
                          alpha)
            times.draw(rng, T)
        error = left - ((U[:, u] + T[:, bins]) * Z).sum(2)
        alpha = rng.gamma(1 + y.shape[1] / 2, 1 / (0.01 + (error ** 2).sum(1) / 2))
        if latents:
            alpha = np.minimum(alpha, 1 / LEAST**2)
            y = latents.draw(rng, y - error, alpha)
        if sweep >= BURN:
            x = (U + T[:, -1:]) @ np.swapaxes(one(V), 1, 2) + V[:, None, :, K]
            total += latents.expected(x, alpha) if latents else x
            if latents:
                scales += np.column_stack([np.sqrt(alpha), latents.cut[:, 1:5]])
        users.draw(rng, U)
        items.draw(rng, V)
    return mean + spread * total / SWEEPS, scales / SWEEPS


def main():
    print("/* Made by tests/golden/make_bmf.py; do not edit. */\n/* clang-format off */")
    rows = ratings()
    print(f"enum {{ GOLDEN_USERS = {USERS}, GOLDEN_ITEMS = {ITEMS}, GOLDEN_RATINGS = {len(rows)} }};")
    print("static const struct toy_event golden_events[GOLDEN_RATINGS] = {")
    for u, i, r, t in rows:
        print(f"    {{{u}, {i}, {r}F, {t}}},")
    print("};")
    level = ", ".join(f"{LEVELS[c]}" for c in levels(np.array([r for _, _, r, _ in rows])))
    print(f"static const float golden_level[GOLDEN_RATINGS] = {{{level}}};")
    for case in CASES:
        runs, scales = chains(case)
        if case == "ordinal":
            errors = scales.std(0, ddof=1) / np.sqrt(CHAINS)
            for what, values in (("", scales.mean(0)), ("_error", errors)):
                print(f"static const double golden_scale{what}[5] = {{", end="")
                print(", ".join(f"{x:.5f}" for x in values) + "};")
        errors = runs.std(0, ddof=1) / np.sqrt(CHAINS)
        for what, values in (("", runs.mean(0)), ("_error", errors)):
            print(f"static const double golden_{case}{what}[GOLDEN_USERS][GOLDEN_ITEMS] = {{")
            for row in values:
                print("    {" + ", ".join(f"{x:.4f}" for x in row) + "},")
            print("};", flush=True)


if __name__ == "__main__":
    main()
