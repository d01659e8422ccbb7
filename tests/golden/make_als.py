"""Reference values of als for tests/unit/models/test_als.c.

Run: python3 tests/golden/make_als.py > tests/unit/models/als_golden.h   (needs NumPy)

Where every pair is rated, plain regularisation has one best product: with R = U S Vᵀ,
min ‖R - P Qᵀ‖² + λ(‖P‖² + ‖Q‖²) is at P Qᵀ = U max(S - λ, 0) Vᵀ (Srebro, Rennie, Jaakkola 2004).
Alternating least squares must arrive there from any start.
"""

import numpy as np

rng = np.random.default_rng(20260711)
USERS, ITEMS, RANK, REG = 14, 9, 4, 0.7
R = np.round(3 + rng.normal(size=(USERS, 3)) @ rng.normal(size=(3, ITEMS)) * .8 +
             rng.normal(size=(USERS, ITEMS)) * .3, 2)
U, S, V = np.linalg.svd(R, full_matrices=False)
assert S[RANK - 1] > REG and S[RANK - 1] - S[RANK] > .1
shrunk = np.where(np.arange(len(S)) < RANK, np.maximum(S - REG, 0), 0)
best = (U * shrunk) @ V


def show(name, m):
    print(f"static const double {name}[{USERS}][{ITEMS}] = {{")
    for row in m:
        print("    {" + ", ".join(f"{v:.12g}" for v in row) + "},")
    print("};")


print("/* Made by tests/golden/make_als.py. */")
print("#ifndef AKIN_TESTS_ALS_GOLDEN_H\n#define AKIN_TESTS_ALS_GOLDEN_H\n")
print("/* clang-format off */")
print(f"enum {{ GOLDEN_USERS = {USERS}, GOLDEN_ITEMS = {ITEMS} }};")
print(f'static const char golden_params[] = "{{\\"factors\\":{RANK},\\"reg\\":{REG},'
      '\\"reg_exponent\\":0,\\"biases\\":false,\\"epochs\\":400}";')
show("golden_ratings", R)
show("golden_product", best)
print("/* clang-format on */\n\n#endif")
