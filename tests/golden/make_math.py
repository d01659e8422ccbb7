#!/usr/bin/env python3
"""Makes the numbers behind src/kern/poly.h, src/kern/math.c and tests/unit/kern/test_math.c.

    make_math.py poly      the minimax coefficients (Remez exchange in 60 digits)
    make_math.py golden    tests/unit/kern/math_golden.h: arguments and values as exact hex floats

Needs mpmath. Not run by the build: its output is kept in the tree.
"""
import random
import struct
import sys

from mpmath import mp, mpf, matrix, lu_solve

mp.dps = 60


def minimax(f, weight, lo, hi, degree, rounds=12, grid=3000):
    """Coefficients p (ascending) that minimise max |weight(x) (f(x) - p(x))| on [lo, hi]."""
    lo, hi = mpf(lo), mpf(hi)
    n = degree + 2
    nodes = [(lo + hi) / 2 - (hi - lo) / 2 * mp.cos(mp.pi * i / (n - 1)) for i in range(n)]
    xs = [(lo + hi) / 2 - (hi - lo) / 2 * mp.cos(mp.pi * i / grid) for i in range(grid + 1)]
    fs = [f(x) for x in xs]
    ws = [weight(x) for x in xs]
    for _ in range(rounds):
        a = matrix(n, n)
        b = matrix(n, 1)
        for i, x in enumerate(nodes):
            for j in range(degree + 1):
                a[i, j] = x**j
            a[i, degree + 1] = (-1) ** i / weight(x)
            b[i] = f(x)
        sol = lu_solve(a, b)
        p = [sol[j] for j in range(degree + 1)]
        err = [w * (y - mp.polyval(p[::-1], x)) for x, y, w in zip(xs, fs, ws)]
        peaks = []  # the largest error of each run of one sign
        for i, e in enumerate(err):
            if peaks and (e > 0) == (err[peaks[-1]] > 0):
                if abs(e) > abs(err[peaks[-1]]):
                    peaks[-1] = i
            else:
                peaks.append(i)
        while len(peaks) > n:
            drop = 0 if abs(err[peaks[0]]) < abs(err[peaks[-1]]) else -1
            peaks.pop(drop)
        if len(peaks) < n:
            break
        nodes = [xs[i] for i in peaks]
    return p, max(abs(e) for e in err)


def f32(x):
    return struct.unpack("<f", struct.pack("<f", float(x)))[0]


def show(name, result, single=False):
    p, err = result
    print(f"/* {name}: error {mp.nstr(err, 3)} */")
    for c in p:
        v = f32(c) if single else float(c)
        print(f"    {v.hex()}{'f' if single else ''},")


def split(name, value, bits, parts):
    """value as a sum of doubles; all but the last have at most `bits` significant bits."""
    rest = mpf(value)
    print(f"/* {name} */")
    for i in range(parts):
        if i + 1 < parts and bits < 53:
            e = mp.floor(mp.log(abs(rest), 2))
            scale = mpf(2) ** (bits - 1 - e)
            v = float(mp.floor(rest * scale) / scale)
        else:
            v = float(rest)
        print(f"    {v.hex()},")
        rest -= mpf(v)


def series(x, f, cut, taylor):
    """f away from 0; the Taylor sum (constant term first) near 0."""
    if abs(x) < cut:
        return mp.polyval(taylor[::-1], x)
    return f(x)


def exp_q(x):  # (e^x - 1 - x) / x^2
    return series(x, lambda v: (mp.exp(v) - 1 - v) / v**2, mpf("1e-4"),
                  [1 / mp.factorial(i + 2) for i in range(14)])


def log_q(x):  # (log(1+x) - x + x^2/2) / x^3
    return series(x, lambda v: (mp.log(1 + v) - v + v * v / 2) / v**3, mpf("1e-4"),
                  [mpf((-1) ** i) / (i + 3) for i in range(14)])


def atanh_r(z):  # (2 atanh(s) / s - 2) / z with z = s^2
    return series(z, lambda v: (2 * mp.atanh(mp.sqrt(v)) / mp.sqrt(v) - 2) / v, mpf("1e-4"),
                  [mpf(2) / (2 * i + 3) for i in range(14)])


def atanh_r2(z):  # (2 atanh(s) / s - 2 - 2z/3) / z^2
    return series(z, lambda v: (2 * mp.atanh(mp.sqrt(v)) / mp.sqrt(v) - 2 - 2 * v / 3) / v**2,
                  mpf("1e-4"), [mpf(2) / (2 * i + 5) for i in range(14)])


def tanh_q(z):  # (tanh(x)/x - 1)/z, z = x^2
    taylor = mp.taylor(mp.tanh, 0, 31)
    return series(z, lambda v: (mp.tanh(mp.sqrt(v)) / mp.sqrt(v) - 1) / v, mpf("1e-3"),
                  [taylor[2 * i + 3] for i in range(13)])


def sin_q(z):
    return series(z, lambda v: (mp.sin(mp.sqrt(v)) / mp.sqrt(v) - 1) / v, mpf("1e-4"),
                  [(-1) ** (i + 1) / mp.factorial(2 * i + 3) for i in range(12)])


def cos_q(z):
    return series(z, lambda v: (mp.cos(mp.sqrt(v)) - 1 + v / 2) / v**2, mpf("1e-4"),
                  [(-1) ** i / mp.factorial(2 * i + 4) for i in range(12)])


def cdf_q(z):  # (Phi(x) - 1/2) / x, z = x^2
    return series(z, lambda v: (mp.ncdf(mp.sqrt(v)) - mpf(1) / 2) / mp.sqrt(v), mpf("1e-4"),
                  [(-1) ** i / (mp.sqrt(2 * mp.pi) * 2**i * mp.factorial(i) * (2 * i + 1))
                   for i in range(14)])


def upper_tail(x):
    return mp.erfc(x / mp.sqrt(2)) / 2


CDF_CUT = mpf("0.65")
CDF_C = mpf(4)


def cdf_tail(t):  # e^(x^2/2) Phi(-x) (x + 2), t = (x - c) / (x + c)
    x = CDF_C * (1 + t) / (1 - t)
    return mp.exp(x * x / 2) * upper_tail(x) * (x + 2)


def poly():
    half = mp.log(2) / 2 * mpf("1.0005")
    root = mp.sqrt(2)
    rel = lambda g: (lambda x: 1 / g(x))
    show("expf: e^r = 1 + r + r^2 q(r)",
         minimax(exp_q, lambda x: x * x / mp.exp(x) + mpf("1e-9"), -half, half, 4), True)
    show("logf: log(1+f) = f - f^2/2 + f^3 q(f)",
         minimax(log_q, lambda x: x * x + mpf("1e-4"), 1 / root - 1, root - 1, 8), True)
    show("tanhf: x + x^3 q(x^2), |x| <= 0.625",
         minimax(tanh_q, lambda z: z + mpf("1e-4"), 0, mpf("0.625") ** 2, 4), True)
    show("exp: e^r = 1 + r + r^2 q(r)",
         minimax(exp_q, lambda x: x * x / mp.exp(x) + mpf("1e-9"), -half, half, 9))
    zmax = ((root - 1) / (root + 1)) ** 2 * mpf("1.001")
    show("log: 2 atanh(s) = 2s + s z q(z)", minimax(atanh_r, rel(atanh_r), 0, zmax, 6))
    show("log, two doubles: 2 atanh(s) = 2s + 2/3 s z + s z^2 q(z)",
         minimax(atanh_r2, rel(atanh_r2), 0, zmax, 8))
    quarter = (mp.pi / 4) ** 2 * mpf("1.001")
    show("sin: r + r^3 q(r^2)", minimax(sin_q, lambda z: z + mpf("1e-3"), 0, quarter, 5))
    show("cos: 1 - r^2/2 + r^4 q(r^2)", minimax(cos_q, lambda z: z * z + mpf("1e-4"), 0, quarter, 5))
    show("cdf: 1/2 + x q(x^2)", minimax(cdf_q, rel(cdf_q), 0, CDF_CUT**2 * mpf("1.001"), 8))
    lo = (CDF_CUT - CDF_C) / (CDF_CUT + CDF_C)
    hi = (mpf(39) - CDF_C) / (mpf(39) + CDF_C)
    show("cdf tail", minimax(cdf_tail, rel(cdf_tail), lo, hi, 22, grid=1500))
    split("ln 2, 32 bits + rest", mp.log(2), 32, 2)
    split("ln 2", mp.log(2), 53, 2)
    split("1 / ln 2", 1 / mp.log(2), 53, 2)
    split("2/3", mpf(2) / 3, 53, 2)
    split("pi / 2", mp.pi / 2, 53, 3)
    split("2 / pi", 2 / mp.pi, 53, 1)
    split("2 pi", 2 * mp.pi, 53, 1)
    split("float ln 2, 15 bits + rest", mp.log(2), 15, 2)
    split("1/ln2", 1 / mp.log(2), 53, 1)


def golden():
    draw = random.Random(7)
    uniform = draw.uniform

    def wide(lo, hi):  # log-uniform
        return 2.0 ** uniform(lo, hi)

    def sign(v):
        return v if draw.random() < 0.5 else -v

    def quantile(p):
        if p > 0.5:
            return -quantile(1 - p)
        guess = -mp.sqrt(-2 * mp.log(p)) if p < mpf("0.01") else mpf(0)
        return mp.findroot(lambda v: mp.log(mp.ncdf(v)) - mp.log(p), guess)

    edge = [0.65, 0.6499999999999999, 1e-300, 5e-324, 2.2250738585072014e-308]
    rows = {
        "exp": [(mp.exp, x) for x in [0.0, 1.0, -1.0, 709.78, -745.1, -708.5, 1e-20, 0.5]
                + [uniform(-745, 709) for _ in range(60)] + [uniform(-1, 1) for _ in range(60)]],
        "log": [(mp.log, x) for x in edge + [1.0, 2.0, 0.5, 1 + 2**-52, 1 - 2**-53, 1.7e308]
                + [wide(-1000, 1000) for _ in range(60)] + [uniform(0.5, 2) for _ in range(60)]],
        "log2": [(lambda v: mp.log(v, 2), x) for x in edge + [1.0, 2.0, 1024.0, 3.0, 1 + 2**-52]
                 + [wide(-1000, 1000) for _ in range(60)] + [uniform(0.5, 2) for _ in range(60)]],
        "log1p": [(mp.log1p, x) for x in [0.0, 1e-18, -1e-18, -0.5, 1.0, 1e300, -0.999999]
                  + [sign(wide(-60, -1)) for _ in range(60)] + [wide(-2, 100) for _ in range(60)]],
        "sin": [(mp.sin, x) for x in [0.0, 1e-300, 1e6, -1e6, 3.141592653589793, 355.0]
                + [uniform(-8, 8) for _ in range(60)] + [uniform(-1e6, 1e6) for _ in range(60)]],
        "cos": [(mp.cos, x) for x in [0.0, 1e-300, 1e6, -1e6, 1.5707963267948966, 11.0, 344.0]
                + [uniform(-8, 8) for _ in range(60)] + [uniform(-1e6, 1e6) for _ in range(60)]],
        "normal_cdf": [(lambda v: mp.erfc(-v / mp.sqrt(2)) / 2, x)
                       for x in [0.0, 0.65, -0.65, -38.4, 8.0, 1e-10, 1.959963984540054]
                       + [uniform(-38, 0) for _ in range(60)] + [uniform(-4, 4) for _ in range(60)]],
        "normal_quantile": [(quantile, x) for x in [0.975, 0.4999999, 1 - 2**-53]
                            + [10.0 ** -k for k in (3, 6, 10, 30, 100, 200, 300)]
                            + [k / 64 for k in range(1, 64) if k != 32]],
    }
    print("/* Made by tests/golden/make_math.py golden: arguments and correctly rounded values. */")
    for name, values in rows.items():
        print(f"static const struct golden {name}_golden[] = {{")
        for f, x in values:
            print(f"    {{{x.hex()}, 0.0, {float(f(mpf(x))).hex()}}},")
        print("};")
    print("static const struct golden pow_golden[] = {")
    pairs = [(2.0, 0.5), (0.0, 2.0), (10.0, 300.0), (10.0, -320.0), (1 + 2**-52, 1e17), (0.5, 1074.0)]
    pairs += [(wide(-20, 20), uniform(-30, 30)) for _ in range(80)]
    pairs += [(b, sign(uniform(300, 700)) / float(mp.log(b)))
              for b in (uniform(1.1, 3) for _ in range(60))]
    for x, y in pairs:
        print(f"    {{{x.hex()}, {y.hex()}, {float(mp.power(mpf(x), mpf(y))).hex()}}},")
    print("};")


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in ("poly", "golden"):
        sys.exit(__doc__)
    if sys.argv[1] == "poly":
        poly()
    else:
        golden()
