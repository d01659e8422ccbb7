"""Reference values of TF-IDF and BM25 for test_itemknn.c and test_userknn.c in tests/unit/models.

Run: python3 tests/golden/make_knn.py > tests/unit/models/knn_golden.h   (needs NumPy)

W (users, items) holds the weights of events; an item is a document, its users are the terms. For
userknn a user is the document: scores are sums over all other users of similarity and weight.
Written from docs/models/itemknn.md and userknn.md, without a look at the C code.
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


def of_users(near, w):
    np.fill_diagonal(near, 0)
    return near @ w


def show(name, m):
    print(f"static const double {name}[{m.shape[0]}][{m.shape[1]}] = {{")
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
show("golden_users_tfidf", of_users(tfidf(W.T), W))
show("golden_users_tfidf_binary", of_users(tfidf(B.T), B))
show("golden_users_bm25", of_users(bm25(W.T, 1.2, .75), W))
show("golden_users_bm25_binary", of_users(bm25(B.T, 100, .8), B))
print("/* clang-format on */\n\n#endif")
