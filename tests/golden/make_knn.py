"""Reference values of itemknn's TF-IDF and BM25 for tests/unit/models/test_itemknn.c.

Run: python3 tests/golden/make_knn.py > tests/unit/models/knn_golden.h   (needs NumPy)

W (users, items) holds the weights of events; an item is a document, its users are the terms.
Written from docs/models/itemknn.md, without a look at the C code.
"""

import numpy as np

W = np.array([
    [1, 2, 0, 0, 5, 0],
    [0, 3, 1, 0, 1, 0],
    [4, 0, 2, 1, 0, 1],
    [1, 1, 1, 1, 1, 0],
    [0, 0, 0, 2, 3, 0],
    [2, 0, 1, 0, 0, 3],
    [0, 5, 0, 0, 1, 0],
], dtype=float)


def tfidf(w):
    n_items = w.shape[1]
    deg = (w > 0).sum(1)
    tf = np.where(w > 0, 1 + np.log(np.where(w > 0, w, 1)), 0)
    x = tf * (1 + np.log((1 + n_items) / (1 + deg)))[:, None]
    x /= np.sqrt((x * x).sum(0))[None, :]
    return x.T @ x


def bm25(w, k1, b):
    n_items = w.shape[1]
    deg = (w > 0).sum(1)
    idf = np.log(1 + (n_items - deg + .5) / (deg + .5))
    length = w.sum(0)
    norm = k1 * (1 - b + b * length / length.mean())
    x = idf[:, None] * w * (k1 + 1) / (norm[None, :] + w)
    return x.T @ x


def show(name, m):
    print(f"static const double {name}[6][6] = {{")
    for row in m:
        print("    {" + ", ".join(f"{v:.12g}" for v in row) + "},")
    print("};")


B = (W > 0).astype(float)
print("/* Made by tests/golden/make_knn.py. */")
print("#ifndef AKIN_TESTS_KNN_GOLDEN_H\n#define AKIN_TESTS_KNN_GOLDEN_H\n")
print("/* clang-format off */")
print("static const float golden_weights[7][6] = {")
for row in W:
    print("    {" + ", ".join(f"{v:g}" for v in row) + "},")
print("};")
show("golden_tfidf", tfidf(W))
show("golden_tfidf_binary", tfidf(B))
show("golden_bm25", bm25(W, 100, .8))
show("golden_bm25_small", bm25(W, 1.2, .75))
show("golden_bm25_binary", bm25(B, 100, .8))
print("/* clang-format on */\n\n#endif")
