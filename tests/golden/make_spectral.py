#!/usr/bin/env python3
"""Reference scores of puresvd, gfcf, turbocf and bspm for tests/unit/models/test_spectral.c.

    python3 tests/golden/make_spectral.py > tests/unit/models/spectral_golden.h   (needs NumPy)

W (users, items) holds the weights of events, by a formula that the C test repeats; a row of it is
the history that is scored. Dense matrices in double, written from docs/models/*.md without a look
at the C code; bspm is integrated step by step as the paper does, not as a polynomial.
"""
import numpy as np

USERS, ITEMS = 16, 11


def weights():
    u, i = np.mgrid[0:USERS, 0:ITEMS]
    there = (5 * u + 3 * i + u * i + u * u % 5 + i // 3) % 7 < 3
    return np.where(there, 1 + (u + 2 * i) % 3, 0).astype(float)


W = weights()


def power(d, e):
    return np.where(d > 0, np.maximum(d, 1e-9) ** e, 0)


def graph(w, user, history, target, each=1.0):
    """P: similarities to the power `each`, scaled by eight steps of growth."""
    du, di = w.sum(1), w.sum(0)
    p = w.T @ np.diag(power(du, -user)) @ w
    p = (np.diag(power(di, -history)) @ p @ np.diag(power(di, -target))) ** each
    x = power(di, each * history)
    for _ in range(8):
        growth = (x @ p).sum() / x.sum()
        x = x @ p / (x @ p).sum()
    return p / growth


def low_pass(w, k, user=0.5, item=0.5, sigma_power=0.0):
    du, di = w.sum(1), w.sum(0)
    a = np.diag(power(du, -user)) @ w @ np.diag(power(di, -item))
    _, s, vt = np.linalg.svd(a)
    v = vt[:k].T * (s[:k] / s[0]) ** (sigma_power / 2)
    return np.diag(power(di, -item)) @ v @ v.T @ np.diag(power(di, item))


def puresvd(w, k, user, item, sigma_power):
    return w @ low_pass(w, k, user, item, sigma_power)


def gfcf(w, dampings, k, weight):
    return w @ (graph(w, *dampings) + weight * low_pass(w, k))


def turbocf(w, dampings, each, order):
    p = graph(w, *dampings, each=each)
    h = {1: p, 2: 2 * p - p @ p,
         3: p + 0.01 * (-p @ p @ p + 10 * p @ p - 29 * p)}[order]
    return w @ h


def sharpen(s, p, time, steps, order):
    h = time / steps
    slope = lambda x: -x @ p
    for _ in range(steps):
        k1 = slope(s)
        if order == 1:
            s = s + h * k1
            continue
        k2 = slope(s + h / 2 * k1)
        k3 = slope(s + h / 2 * k2)
        k4 = slope(s + h * k3)
        s = s + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return s


def bspm(w, dampings, k, weight, time, steps, order, late):
    p, low = graph(w, *dampings), weight * w @ low_pass(w, k)
    if late:
        return sharpen(w @ p, p, time, steps, order) + low
    return sharpen(w @ p + low, p, time, steps, order)


def show(name, m):
    print(f"static const double golden_{name}[{USERS}][{ITEMS}] = {{")
    for row in m:
        print("    {" + ", ".join(f"{v:.10g}" for v in row) + "},")
    print("};")


PAPER, OURS = (1, 0.5, 0.5), (0.5, 0.7, 0.3)
B = (W > 0).astype(float)
print("/* Made by tests/golden/make_spectral.py; do not edit. */")
print("#ifndef AKIN_TESTS_SPECTRAL_GOLDEN_H\n#define AKIN_TESTS_SPECTRAL_GOLDEN_H\n")
print("/* clang-format off */")
print(f"enum {{ GOLDEN_USERS = {USERS}, GOLDEN_ITEMS = {ITEMS} }};")
show("puresvd_pure", puresvd(W, 3, 0, 0, 0))
show("puresvd_damped", puresvd(W, 4, 0.5, 0.5, 1))
show("gfcf_paper", gfcf(B, PAPER, 3, 0.3))
show("gfcf_ours", gfcf(W, OURS, 4, 0.7))
show("turbocf_linear", turbocf(W, OURS, 1, 1))
show("turbocf_second", turbocf(B, PAPER, 0.7, 2))
show("turbocf_third", turbocf(W, PAPER, 1, 3))
show("bspm_early", bspm(W, PAPER, 3, 0.3, 2.5, 1, 4, False))
show("bspm_late", bspm(W, OURS, 3, 0.3, 1.5, 3, 1, True))
print("/* clang-format on */\n\n#endif")
