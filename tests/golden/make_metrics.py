#!/usr/bin/env python3
"""Makes metrics_golden.h: evaluation numbers computed independently of akin.

    make_metrics.py > metrics_golden.h

Needs NumPy and SciPy. Not run by the build: its output is kept in the tree. Everything is written
from the definitions in docs/metrics.md, slowly and plainly, on one small random data set.
"""
import math

import numpy as np
from scipy import stats

rng = np.random.default_rng(20250101)
N_ITEMS, N_USERS, N_TEST = 30, 40, 28
CATEGORIES = ["Action", "Comedy", "Drama", "Sci-Fi"]
K = (5, 10)

item_ids = [f"i{i:02d}" for i in range(N_ITEMS)]
weight = 1.0 / np.arange(1, N_ITEMS + 1)
rng.shuffle(weight)
train = {}
for u in range(N_USERS):
    n = int(rng.integers(2, 9))
    train[f"u{u:02d}"] = sorted(rng.choice(N_ITEMS - 2, n, replace=False,
                                           p=weight[:-2] / weight[:-2].sum()).tolist())
# the last two items come from the item table only
categories = [sorted(rng.choice(len(CATEGORIES), int(rng.integers(0, 4)), replace=False).tolist())
              for _ in range(N_ITEMS)]
test_users = [f"u{u:02d}" for u in sorted(rng.choice(N_USERS, N_TEST - 3, replace=False).tolist())]
test_users += ["v0", "v1", "v2"]
test, lists = {}, {}
for u in test_users:
    free = [i for i in range(N_ITEMS) if i not in train.get(u, [])]
    n = int(rng.integers(1, 8))
    events = [(i, int(rng.integers(1, 6))) for i in rng.choice(free, n, replace=False).tolist()]
    if rng.random() < 0.3:
        events.append((-1, 5))  # an item that train does not know
    test[u] = events
    n = int(rng.choice([0, 1, 4, 10, 10, 10]))
    lists[u] = rng.choice(free, min(n, len(free)), replace=False).tolist()
relevant = {u: {i if i >= 0 else "new" for i, v in test[u] if v >= 3} for u in test_users}

count = np.zeros(N_ITEMS, int)
for u in train:
    for i in train[u]:
        count[i] += 1
pop_order = sorted(range(N_ITEMS), key=lambda i: (-count[i], i))
pop_rank = {i: r + 1 for r, i in enumerate(pop_order)}


def dcg(flags):
    return sum(1 / math.log2(r + 2) for r, f in enumerate(flags) if f)


def per_user(name, u, k, dialect="akin"):
    R = relevant[u]
    L = lists[u][:k]
    hits = [i in R for i in L]
    H = sum(hits)
    if not R:
        return 0.0 if dialect == "spark" else None
    ap = sum(sum(hits[: r + 1]) / (r + 1) for r, f in enumerate(hits) if f)
    if name == "precision":
        if dialect == "gorse":
            return H / len(L) if L else 0.0
        return H / k
    if name == "recall":
        return H / len(R)
    if name == "recall_capped":
        return H / min(k, len(R))
    if name == "hit":
        return float(H > 0)
    if name == "ndcg":
        ideal = min(k, len(R))
        if dialect == "rectools":
            ideal = k
        if dialect == "gorse":
            ideal = min(len(L), len(R))
        return dcg(hits) / dcg([1] * ideal) if ideal else 0.0
    if name == "map":
        if dialect in ("rectools", "gorse"):
            return ap / len(R)
        if dialect == "elliot":
            return sum(sum(hits[:n]) / n for n in range(1, k + 1)) / k
        return ap / min(k, len(R))
    if name == "mrr":
        return next((1 / (r + 1) for r, f in enumerate(hits) if f), 0.0)
    if name == "serendipity":
        n = N_ITEMS
        s = 0.0
        for r, i in enumerate(L):
            if i in R:
                s += max((1 - r / n) - (1 - (pop_rank[i] - 1) / n), 0)
        return s / k
    raise KeyError(name)


def mean(values):
    values = [v for v in values if v is not None]
    return sum(values) / len(values)


def accuracy(name, k, dialect="akin"):
    if name == "precision" and dialect == "implicit":
        num = sum(sum(i in relevant[u] for i in lists[u][:k]) for u in test_users if relevant[u])
        return num / sum(min(k, len(relevant[u])) for u in test_users if relevant[u])
    return mean([per_user(name, u, k, dialect) for u in test_users])


def exposure(k):
    x = np.zeros(N_ITEMS)
    for u in test_users:
        for i in lists[u][:k]:
            x[i] += 1
    return x


def distances(kind):
    if kind == "categories":
        F = np.zeros((N_ITEMS, len(CATEGORIES)))
        for i, c in enumerate(categories):
            F[i, c] = 1
    else:
        F = np.zeros((N_ITEMS, N_USERS))
        for j, u in enumerate(sorted(train)):
            F[train[u], j] = 1
    norm = np.linalg.norm(F, axis=1)
    norm[norm == 0] = 1
    F = F / norm[:, None]
    return 1 - F @ F.T


def list_metric(name, k, dialect="akin"):
    x = exposure(k)
    p = x[x > 0] / x.sum()
    if name == "coverage":
        return float((x > 0).sum() / N_ITEMS)
    if name == "gini":
        s = np.sort(x)
        i = np.arange(1, N_ITEMS + 1)
        g = float(((2 * i - N_ITEMS - 1) * s).sum() / (N_ITEMS * s.sum()))
        if dialect == "elliot":
            return 1 - float(((2 * i - N_ITEMS - 1) * s).sum() / s.sum()) / (N_ITEMS - 1)
        return g
    if name == "entropy":
        e = float(-(p * np.log(p)).sum())
        return {"recbole": e / len(p), "elliot": e / math.log(2)}.get(dialect, e)
    have = {u: lists[u][:k] for u in test_users if lists[u]}
    if name == "novelty":
        n = np.array([-math.log2((c + 1) / (N_USERS + 1)) for c in count])
        return mean([float(n[L].mean()) for L in have.values()])
    if name == "popularity":
        return mean([float(count[L].mean()) for L in have.values()])
    D = distances("categories" if name == "diversity_categories" else "train")
    out = []
    for L in have.values():
        if len(L) < 2:
            continue
        pairs = [(a, b) for n, a in enumerate(L) for b in L[n + 1:]]
        out.append(float(np.mean([D[a, b] for a, b in pairs])))
    return mean(out)


# A scorer both sides can compute: from the sum of the indices of the history.
def score(u, i):
    h = sum(train.get(u, []))
    return -math.inf if (h + i) % 5 == 0 else ((h * 7 + i * 13) % 11) / 2


def key(u, i):
    s = score(u, i)
    return (s, 0) if s > -math.inf else (s, count[i])


def auc(u):
    R = relevant[u]
    if not R:
        return None
    seen = set(train.get(u, []))
    neg = [i for i in range(N_ITEMS) if i not in seen and i not in R]
    wins = 0.0
    for p in R:
        if p == "new":
            continue
        for n in neg:
            a, b = key(u, p), key(u, n)
            wins += 1.0 if a > b else 0.5 if a == b else 0.0
    return wins / (len(R) * len(neg))


def errors():
    e, cold = [], 0
    for u in test_users:
        for i, v in test[u]:
            s = score(u, i) if i >= 0 else -math.inf
            if s == -math.inf:
                cold += 1
                continue
            e.append(min(max(s, 1), 4) - v)  # clipped to the training values 1..4
    e = np.array(e)
    return math.sqrt((e ** 2).mean()), np.abs(e).mean(), len(e), cold


candidates = []
for u in test_users[:10] + test_users[-2:]:
    for _ in range(2):
        c = rng.choice(N_ITEMS, 8, replace=False).tolist()
        candidates.append((u, c))


def sampled(k):
    values = {}
    for u, c in candidates:
        order = sorted(c, key=lambda i: (tuple(-x for x in key(u, i)), i))
        r = order.index(c[0])
        auc_one = np.mean([1.0 if key(u, c[0]) > key(u, n) else 0.5 if key(u, c[0]) == key(u, n)
                           else 0.0 for n in c[1:]])
        values.setdefault(u, []).append((float(r < k), 1 / math.log2(r + 2) if r < k else 0.0,
                                         1 / (r + 1) if r < k else 0.0, auc_one))
    rows = [v for vs in values.values() for v in vs]
    return np.array(rows).mean(0)


# The bootstrap, with the generator of core/rng.h written again.
def philox(ctr, key0, key1):
    c = [np.asarray(x, np.uint64) for x in ctr]
    k0, k1 = np.uint64(key0), np.uint64(key1)
    mask = np.uint64(0xFFFFFFFF)
    for _ in range(10):
        p0, p1 = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
        c = [(p1 >> np.uint64(32)) ^ c[1] ^ k0, p1 & mask, (p0 >> np.uint64(32)) ^ c[3] ^ k1,
             p0 & mask]
        k0, k1 = (k0 + np.uint64(0x9E3779B9)) & mask, (k1 + np.uint64(0xBB67AE85)) & mask
    return c


def resample_counts(seed, r, n):
    blocks = np.arange((n + 3) // 4, dtype=np.uint64)
    out = philox([np.full_like(blocks, r), np.zeros_like(blocks), blocks & np.uint64(0xFFFFFFFF),
                  (blocks >> np.uint64(32)) | np.uint64(5 << 24)], seed & 0xFFFFFFFF, seed >> 32)
    draws = np.stack(out, 1).reshape(-1)[:n]
    return np.bincount(((draws * np.uint64(n)) >> np.uint64(32)).astype(int), minlength=n)


N_BOOT = 203
boot_num = rng.random(N_BOOT)
boot_den = rng.integers(0, 3, N_BOOT).astype(float)
boot_num *= boot_den
boot = []
for r in range(1000):
    c = resample_counts(42, r, N_BOOT)
    boot.append(((c * boot_num).sum() / (c * boot_den).sum(),
                 math.sqrt((c * boot_num).sum() / (c * boot_den).sum())))
boot = np.quantile(np.array(boot), [0.025, 0.975], axis=0)

wilcoxon = []
for n, step in ((12, 1), (60, 1), (500, 4), (500, 1), (3000, 16)):
    d = np.round(rng.normal(0.3, 3, n) * step) / 64
    p = stats.wilcoxon(d, zero_method="wilcox", correction=False, method="asymptotic").pvalue
    wilcoxon.append((d, p))


def c_doubles(name, x):
    print(f"static const double {name}[] = {{")
    for lo in range(0, len(x), 6):
        print("    " + ", ".join(float(v).hex() for v in x[lo:lo + 6]) + ",")
    print("};")


print("/* Made by make_metrics.py; do not edit. */\n")
print('#include "eval/metrics.h"\n\n#include <stdint.h>\n\n/* clang-format off */')
print("struct golden_event {\n    const char *user, *item;\n    int value;\n};")
print("static const struct golden_event golden_train[] = {")
for u in sorted(train):
    print("    " + " ".join(f'{{"{u}", "{item_ids[i]}", {1 + (i + len(train[u])) % 4}}},'
                            for i in train[u]))
print("};\nstatic const struct golden_event golden_test[] = {")
for u in test_users:
    print("    " + " ".join(
        f'{{"{u}", "{item_ids[i] if i >= 0 else "new"}", {v}}},' for i, v in test[u]))
print("};\n/* Best first; users without entries have no list. */")
print("static const struct golden_event golden_lists[] = {")
for u in test_users:
    if lists[u]:
        print("    " + " ".join(f'{{"{u}", "{item_ids[i]}", 0}},' for i in lists[u]))
print("};\nstatic const char *const golden_items[][2] = {")
for i in range(N_ITEMS):
    print(f'    {{"{item_ids[i]}", "{"|".join(CATEGORIES[c] for c in categories[i])}"}},')
print("};\nstatic const char golden_candidates[] =")
for u, c in candidates:
    print(f'    "{u} {" ".join(item_ids[i] for i in c)}\\n"')
print("    ;")
print("struct golden_value {\n    const char *metric;\n    enum metric_dialect dialect;\n"
      "    double value;\n};")


def row(metric, dialect, value):
    print(f'    {{"{metric}", DIALECT_{dialect.upper()}, {float(value):.17g}}},')


print("static const struct golden_value golden_values[] = {")
for k in K:
    for name in ("precision", "recall", "recall_capped", "hit", "ndcg", "map", "mrr",
                 "serendipity"):
        row(f"{name}@{k}", "akin", accuracy(name, k))
    for name in ("coverage", "gini", "entropy", "novelty", "popularity"):
        row(f"{name}@{k}", "akin", list_metric(name, k))
    row(f"precision@{k}", "implicit", accuracy("precision", k, "implicit"))
    for name in ("precision", "recall", "ndcg", "map", "mrr"):
        row(f"{name}@{k}", "spark", accuracy(name, k, "spark"))
        row(f"{name}@{k}", "gorse", accuracy(name, k, "gorse"))
        row(f"{name}@{k}", "recpack", accuracy(name, k))
        row(f"{name}@{k}", "recbole", accuracy(name, k))
    row(f"ndcg@{k}", "rectools", accuracy("ndcg", k, "rectools"))
    row(f"map@{k}", "rectools", accuracy("map", k, "rectools"))
    row(f"map@{k}", "elliot", accuracy("map", k, "elliot"))
    row(f"gini@{k}", "elliot", list_metric("gini", k, "elliot"))
    row(f"entropy@{k}", "elliot", list_metric("entropy", k, "elliot"))
    row(f"entropy@{k}", "recbole", list_metric("entropy", k, "recbole"))
print("};")
for k in K:
    print(f"static const double golden_diversity_train_{k} = "
          f"{list_metric('diversity', k):.17g};")
    print(f"static const double golden_diversity_categories_{k} = "
          f"{list_metric('diversity_categories', k):.17g};")
print(f"static const double golden_auc = {mean([auc(u) for u in test_users]):.17g};")
rmse, mae, n_pairs, n_cold = errors()
print(f"static const double golden_rmse = {rmse:.17g}, golden_mae = {mae:.17g};")
print(f"static const int64_t golden_n_pairs = {n_pairs}, golden_n_cold = {n_cold};")
s = sampled(3)
print("/* hit@3, ndcg@3, mrr@3, auc on golden_candidates */")
print(f"static const double golden_sampled[4] = {{{', '.join(f'{v:.17g}' for v in s)}}};")
c_doubles("golden_boot_num", boot_num)
c_doubles("golden_boot_den", boot_den)
print("/* lo, hi of the ratio and of its root, 1000 resamples, seed 42 */")
c_doubles("golden_boot", [boot[0][0], boot[1][0], boot[0][1], boot[1][1]])
for n, (d, p) in enumerate(wilcoxon):
    c_doubles(f"golden_wilcoxon_{n}", d)
print("static const struct {\n    const double *d;\n    int64_t n;\n    double p;\n"
      "} golden_wilcoxon[] = {")
for n, (d, p) in enumerate(wilcoxon):
    print(f"    {{golden_wilcoxon_{n}, {len(d)}, {p:.17g}}},")
print("};")
