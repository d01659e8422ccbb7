#!/usr/bin/env python3
"""Golden values for tests/unit/solve: NumPy in double.

    python3 tests/golden/make_solve.py > tests/unit/solve/tests_solve_golden.h

Inputs are small formulae that the C tests repeat, so that no data file is needed.
"""
import numpy as np


def emit(name, values):
    print(f"static const double {name}[{len(values)}] = {{")
    for i in range(0, len(values), 3):
        print("    " + ", ".join(f"{v:.17g}" for v in values[i:i + 3]) + ",")
    print("};")


def eigen(n=12):
    a = np.zeros((n, n))
    for i in range(n):
        for j in range(i + 1):
            a[i, j] = a[j, i] = ((7 * i * i + 3 * j + i * j) % 11 - 5) / 4
    print(f"enum {{ GOLDEN_EIGEN_N = {n} }};")
    emit("golden_eigen", np.linalg.eigvalsh(a)[::-1])


def features(n, k):
    i, t = np.mgrid[0:n, 0:k]
    return ((5 * i + 3 * t + i * t) % 13 - 6) / 8.0


def row(k=10, n=30):
    """The row problem in the eigenbasis: short (3 items) and long (20)."""
    z = features(n, k)
    base = 0.25 + np.arange(k) / 4
    shift = (np.arange(k) % 3 - 1) / 8
    offset = (np.arange(n) % 5 - 2) / 16
    print(f"enum {{ GOLDEN_ROW_K = {k}, GOLDEN_ROW_ITEMS = {n} }};")
    for name, items in (("short", [2, 11, 17]), ("long", list(range(4, 24)))):
        w = 1 + (np.array(items) % 4) / 2
        a = np.diag(base + 0.5) + (z[items].T * w) @ z[items]
        b = z[items].T @ (w * (1 - offset[items])) - shift
        emit(f"golden_row_{name}", np.linalg.solve(a, b))


if __name__ == "__main__":
    print("/* Made by tests/golden/make_solve.py; do not edit. */")
    print("#ifndef TESTS_SOLVE_GOLDEN_H\n#define TESTS_SOLVE_GOLDEN_H\n")
    eigen()
    row()
    print("\n#endif")
