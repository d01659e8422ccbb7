#!/usr/bin/env python3
"""Golden values of solve/svd.c for tests/unit/solve/test_svd.c: SciPy's svds in double.

    python3 tests/golden/make_svd.py > tests/unit/solve/svd_golden.h

The matrix is a small formula that the C test repeats, plain and divided by the square roots of the
sums of rows and columns.
"""
import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import svds

ROWS, COLS, K = 60, 47, 6


def matrix():
    i, j = np.mgrid[0:ROWS, 0:COLS]
    there = (7 * i + 3 * j + i * j) % 11 < 3
    value = ((5 * i + 3 * j + i // 8 * (j // 6)) % 7 + 1) / 4
    return sp.csr_matrix(np.where(there, value, 0.0))


def emit(name, values, dims):
    print(f"static const double {name}{dims} = {{")
    for i in range(0, len(values), 4):
        print("    " + ", ".join(f"{v:.15g}" for v in values[i:i + 4]) + ",")
    print("};")


def show(name, a):
    _, s, vt = svds(a, k=K, tol=1e-14)
    order = np.argsort(-s)
    emit(f"golden_{name}_sigma", s[order], f"[{K}]")
    emit(f"golden_{name}_right", vt[order].ravel(), f"[{K} * {COLS}]")


A = matrix()
DU, DI = (1 / np.sqrt(np.asarray(A.sum(axis)).ravel()) for axis in (1, 0))
print("/* Made by tests/golden/make_svd.py; do not edit. */")
print("#ifndef AKIN_TESTS_SVD_GOLDEN_H\n#define AKIN_TESTS_SVD_GOLDEN_H\n")
print("/* clang-format off */")
print(f"enum {{ GOLDEN_SVD_ROWS = {ROWS}, GOLDEN_SVD_COLS = {COLS}, GOLDEN_SVD_K = {K} }};")
show("plain", A)
show("scaled", sp.diags(DU) @ A @ sp.diags(DI))
print("/* clang-format on */\n\n#endif")
