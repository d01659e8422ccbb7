"""The peers: one task a process, limited to the same threads; prints one line of JSON.

    peers.py TASK JSON

Only the library's own work is timed (not imports, not reading prepared matrices); lists for
quality are written after the clock has stopped.
"""

import json
import os
import sys
import time

ARGS = json.loads(sys.argv[2])
THREADS = int(ARGS["threads"])
os.environ["POLARS_MAX_THREADS"] = str(THREADS)
os.environ["OMP_NUM_THREADS"] = str(THREADS)
# The libraries thread over rows themselves and ask for a single-threaded BLAS below.
os.environ["OPENBLAS_NUM_THREADS"] = str(ARGS.get("blas_threads", 1))

import numpy as np
import scipy.sparse as sp


class Watch:
    """Seconds by the clock, and of all threads: the latter hold where others share the cores."""

    def __init__(self):
        self.cpu, self.wall = time.process_time(), time.perf_counter()

    def read(self):
        wall = time.perf_counter() - self.wall
        return {"seconds": wall, "cpu_seconds": time.process_time() - self.cpu}


# ---- ingest: parse, validate, map ids, deduplicate (newest wins), CSR both ways ----


def check(value, user, item, time_):
    """What akin counts as defects, on columns that the reader already typed."""
    if not np.isfinite(value).all() or (time_ < 0).any() or (user < 0).any() or (item < 0).any():
        raise SystemExit("a defect in clean data")


def matrices(u, i, value, time_, n_users, n_items):
    """CSR both ways. Duplicates are looked for in the sorted rows and resolved if there are any."""
    order = np.arange(len(u), dtype=np.int32)
    m = sp.csr_matrix((value, (u, i)), shape=(n_users, n_items))
    if m.nnz != len(u):  # SciPy has summed some: keep the newest of each pair instead
        order = np.lexsort((value, time_, i, u))
        last = np.ones(len(u), bool)
        last[:-1] = (np.diff(u[order]) != 0) | (np.diff(i[order]) != 0)
        order = order[last]
        m = sp.csr_matrix((value[order], (u[order], i[order])), shape=(n_users, n_items))
    m.sort_indices()
    t = m.T.tocsr()
    return m, t


def ingest_duckdb():
    import duckdb

    watch = Watch()
    db = duckdb.connect(config={"threads": THREADS})
    db.execute(
        "create temp table r as select * from read_csv(?, header=true, columns={'user':'BIGINT',"
        "'item':'BIGINT','value':'FLOAT','time':'BIGINT'})",
        [ARGS["path"]],
    )
    for side in ("user", "item"):
        db.execute(
            f'create temp table {side}s as select "{side}" as id, '
            f'(row_number() over (order by "{side}") - 1)::INTEGER as n '
            f'from (select distinct "{side}" from r)'
        )
    c = db.execute(
        "select users.n as u, items.n as i, value, time from r "
        'join users on r."user" = users.id join items on r.item = items.id'
    ).fetchnumpy()
    n_users, n_items = (
        db.execute(f"select count(*) from {s}s").fetchone()[0] for s in ("user", "item")
    )
    c = {k: np.ma.getdata(v) for k, v in c.items()}
    check(c["value"], c["u"], c["i"], c["time"])
    m, t = matrices(c["u"], c["i"], c["value"], c["time"], n_users, n_items)
    return {**watch.read(), "events": m.nnz, "users": n_users, "items": n_items}


def ingest_polars():
    import polars as pl

    watch = Watch()
    names = {"userId": "user", "itemId": "item", "rating": "value", "timestamp": "time"}
    types = dict(zip(names, [pl.Int64, pl.Int64, pl.Float32, pl.Int64]))
    r = pl.read_csv(ARGS["path"], schema=types).rename(names)
    if sum(r.null_count().row(0)):
        raise SystemExit("a defect in clean data")
    ids = {}
    for side in ("user", "item"):
        unique = r[side].unique().sort()
        ids[side] = len(unique)
        number = pl.DataFrame({side: unique, side[0]: np.arange(len(unique), dtype=np.int32)})
        r = r.join(number, on=side, how="left", maintain_order="none").drop(side)
    u, i, value, time_ = (r[k].to_numpy() for k in ("u", "i", "value", "time"))
    check(value, u, i, time_)
    m, t = matrices(u, i, value, time_, ids["user"], ids["item"])
    return {**watch.read(), "events": m.nnz, "users": ids["user"], "items": ids["item"]}


def ingest_pandas():
    import pandas as pd

    watch = Watch()
    names = ["user", "item", "value", "time"]
    types = dict(zip(names, [np.int64, np.int64, np.float32, np.int64]))
    r = pd.read_csv(ARGS["path"], header=0, names=names, dtype=types)
    codes = []
    for side in ("user", "item"):
        c, unique = pd.factorize(r[side], sort=True)
        codes += [c.astype(np.int32), len(unique)]
    value, time_ = r["value"].to_numpy(), r["time"].to_numpy()
    check(value, codes[0], codes[2], time_)
    m, t = matrices(codes[0], codes[2], value, time_, codes[1], codes[3])
    return {**watch.read(), "events": m.nnz, "users": codes[1], "items": codes[3]}


# ---- itemsets ----


def itemsets():
    """Borgelt's C code. Transactions are lists of ints already; they are read into its own arrays
    within the clock, as akin ranks its items within it."""
    import fim

    mine = getattr(fim, ARGS["method"])
    with open(ARGS["path"]) as f:
        baskets = [[int(x) for x in line.split()] for line in f if line.split()]
    watch = Watch()
    found = mine(baskets, target="s", supp=100 * ARGS["support"], report="a" if ARGS["list"] else "#")
    read = watch.read()
    return {**read, "itemsets": len(found) if ARGS["list"] else int(sum(found.values()))}


def itemsets_spark():
    """FPGrowth of Spark in local mode. The clock covers the fit and its counting or collecting, of
    baskets that lie in Spark's memory; its start and a second fit, the machine warm, are apart."""
    from pyspark.ml.fpm import FPGrowth
    from pyspark.sql import SparkSession, functions

    watch = Watch()
    spark = (
        SparkSession.builder.master(f"local[{THREADS}]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.memory", "4g")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.sql.shuffle.partitions", str(THREADS))
        .getOrCreate()
    )
    baskets = spark.read.text(ARGS["path"])
    baskets = baskets.select(functions.split(functions.trim("value"), " +").alias("items"))
    baskets = baskets.repartition(THREADS).cache()
    baskets.count()
    out = {"start_seconds": watch.read()["seconds"]}
    for name in ("seconds", "again_seconds"):
        watch = Watch()
        model = FPGrowth(itemsCol="items", minSupport=ARGS["support"]).fit(baskets)
        found = model.freqItemsets
        out["itemsets"] = len(found.collect()) if ARGS["list"] else found.count()
        out[name] = watch.read()["seconds"]
    spark.stop()
    return out


# ---- models ----


def matrix():
    return sp.load_npz(ARGS["matrix"]).astype(np.float32)


def write_lists(path, users, lists):
    with open(path, "w") as f:
        f.write("user_id,item_id\n")
        for u, row in zip(users, lists):
            f.writelines(f"{u},{i}\n" for i in row if i >= 0)


def top_lists(users, items, seen, k=20, block=1000):
    """Full-ranking lists from factors, for quality only."""
    out = np.empty((len(users), k), np.int32)
    for lo in range(0, len(users), block):
        s = users[lo : lo + block] @ items.T
        part = seen[lo : lo + block]
        s[np.repeat(np.arange(part.shape[0]), np.diff(part.indptr)), part.indices] = -np.inf
        top = np.argpartition(-s, k, axis=1)[:, :k]
        order = np.argsort(-np.take_along_axis(s, top, 1), axis=1, kind="stable")
        out[lo : lo + block] = np.take_along_axis(top, order, 1)
    return out


def loss(m, users, items):
    """The loss of docs/models/ials.md, in double."""
    a, reg, nu = ARGS["unobserved_weight"], ARGS["reg"], ARGS["reg_exponent"]
    P, Q = users.astype(np.float64), items.astype(np.float64)
    total = a * float(((P.T @ P) * (Q.T @ Q)).sum())
    for lo in range(0, m.shape[0], 4096):
        part = m[lo : lo + 4096]
        rows = np.repeat(np.arange(lo, lo + part.shape[0]), np.diff(part.indptr))
        x = np.einsum("nk,nk->n", users[rows], items[part.indices], dtype=np.float64)
        total += float((part.data * (1 - x) ** 2).sum())
    n_u, n_i = np.diff(m.indptr), np.bincount(m.indices, minlength=m.shape[1])
    total += reg * float(((n_u + a * m.shape[1]) ** nu * (P * P).sum(1)).sum())
    return total + reg * float(((n_i + a * m.shape[0]) ** nu * (Q * Q).sum(1)).sum())


def knn():
    from implicit.nearest_neighbours import CosineRecommender

    m = matrix()
    watch = Watch()
    model = CosineRecommender(K=ARGS["neighbors"], num_threads=THREADS)
    model.fit(m, show_progress=False)
    out = watch.read()
    if ARGS.get("lists"):
        users = np.arange(m.shape[0])
        ids, _ = model.recommend(users, m, N=20)
        write_lists(ARGS["lists"], users, ids)
    return out


def ease_scipy():
    """The closed form by Cholesky, as its author writes it."""
    from scipy import linalg

    m = matrix()
    watch = Watch()
    g = np.asfortranarray((m.T @ m).toarray())
    g[np.diag_indices_from(g)] += ARGS["reg"]
    factor, _ = linalg.lapack.spotrf(g, lower=1, overwrite_a=1)
    p, _ = linalg.lapack.spotri(factor, lower=1, overwrite_c=1)
    p += np.tril(p, -1).T
    p /= -np.diag(p)[None, :]
    np.fill_diagonal(p, 0)
    return {**watch.read(), "sum": float(np.abs(p).sum(dtype=np.float64))}


def ease_irspack():
    from irspack import DenseSLIMRecommender

    m = matrix()
    watch = Watch()
    DenseSLIMRecommender(m, reg=ARGS["reg"]).learn()
    return watch.read()


def slim_irspack():
    from irspack import SLIMRecommender

    m = matrix()
    watch = Watch()
    alpha = (ARGS["l1"] + ARGS["l2"]) / m.shape[0]
    ratio = ARGS["l1"] / (ARGS["l1"] + ARGS["l2"])
    r = SLIMRecommender(
        m, alpha=alpha, l1_ratio=ratio, top_k=ARGS["keep"], n_threads=THREADS
    ).learn()
    return {**watch.read(), "weights": int(r.W.nnz)}


def damped():
    """Rows and columns divided by the square root of their sums, as gfcf's low pass wants them."""
    m = matrix()
    users, items = (np.maximum(np.asarray(m.sum(axis)).ravel(), 1) ** -0.5 for axis in (1, 0))
    return (sp.diags(users) @ m @ sp.diags(items)).tocsr().astype(np.float32)


def svd_scipy():
    from scipy.sparse.linalg import svds

    a = damped()
    watch = Watch()
    sigma = svds(a, k=ARGS["factors"], tol=1e-4, random_state=42, return_singular_vectors="vh")[1]
    return {**watch.read(), "least": float(sigma.min())}


def svd_randomized():
    """Halko, Martinsson and Tropp's range finder as scikit-learn runs it: 10 more vectors, four
    power iterations, normalised between by LU there and by QR here."""
    a, k = damped(), ARGS["factors"]
    watch = Watch()
    q = a @ np.random.default_rng(42).standard_normal((a.shape[1], k + 10), dtype=np.float32)
    for _ in range(4):
        q = np.linalg.qr(a.T @ np.linalg.qr(q)[0])[0]
        q = a @ q
    q = np.linalg.qr(q)[0]
    sigma = np.linalg.svd(a.T @ q, full_matrices=False)[1][:k]
    return {**watch.read(), "least": float(sigma.min())}


def als_implicit():
    from implicit.cpu.als import AlternatingLeastSquares


def irspack_lists(model, m, k=20, block=1000):
    out = np.empty((m.shape[0], k), np.int32)
    for lo in range(0, m.shape[0], block):
        s = model.get_score_remove_seen_block(lo, min(lo + block, m.shape[0]))
        top = np.argpartition(-s, k, axis=1)[:, :k]
        order = np.argsort(-np.take_along_axis(s, top, 1), axis=1, kind="stable")
        out[lo : lo + block] = np.take_along_axis(top, order, 1)
    return out


def walks_irspack():
    from irspack import RP3betaRecommender

    m = matrix()
    watch = Watch()
    model = RP3betaRecommender(
        m, alpha=ARGS["alpha"], beta=ARGS["beta"], top_k=ARGS["neighbors"], n_threads=THREADS
    )
    model.learn()
    out = watch.read()
    if ARGS.get("lists"):
        write_lists(ARGS["lists"], range(m.shape[0]), irspack_lists(model, m))
    return out


def userknn_irspack():
    from irspack import CosineUserKNNRecommender

    m = matrix()
    watch = Watch()
    model = CosineUserKNNRecommender(m, top_k=ARGS["neighbors"], n_threads=THREADS)
    model.learn()
    irspack_lists(model, m)
    return watch.read()


def svd_surprise():
    """The clock covers fit; error on the test by its own predictions."""
    from surprise import SVD, Dataset, Reader, accuracy
    import pandas as pd

    train, test = (
        pd.DataFrame(dict(np.load(ARGS[part]).items())) for part in ("train", "test")
    )
    columns = ["userId", "itemId", "rating"]
    data = Dataset.load_from_df(train[columns], Reader(rating_scale=(0.5, 5)))
    trainset = data.build_full_trainset()
    model = SVD(
        n_factors=ARGS["factors"],
        n_epochs=ARGS["epochs"],
        lr_all=ARGS.get("learning_rate", 0.005),
        reg_all=ARGS.get("reg", 0.02),
        random_state=42,
    )
    watch = Watch()
    model.fit(trainset)
    out = watch.read()
    pairs = list(test[columns].itertuples(index=False, name=None))
    out["rmse"] = accuracy.rmse(model.test(pairs), verbose=False)
    return out


def bpr_implicit():
    from implicit.cpu.bpr import BayesianPersonalizedRanking

    m = matrix()
    model = BayesianPersonalizedRanking(
        factors=ARGS["factors"],
        learning_rate=ARGS["learning_rate"],
        regularization=ARGS["reg"],
        iterations=ARGS["epochs"],
        num_threads=THREADS,
        random_state=42,
    )
    watch = Watch()
    model.fit(m, show_progress=False)
    out = watch.read()
    # it reports no epochs: all of the fit, its start included
    out = {**out, **{"epoch_" + k: [v / ARGS["epochs"]] for k, v in out.items()}}
    if ARGS.get("lists"):
        write_lists(
            ARGS["lists"], range(m.shape[0]), top_lists(model.user_factors, model.item_factors, m)
        )
    return out


def als_implicit():
    from implicit.cpu.als import AlternatingLeastSquares

    m = matrix()
    # Its loss weighs unobserved pairs 1: nearly the same problem divided by unobserved_weight; it
    # regularises all rows alike, so by the mean of ours.
    a, nu = ARGS["unobserved_weight"], ARGS["reg_exponent"]
    confidence = m.copy()
    confidence.data[:] = 1 + 1 / a
    scale = [((m.nnz / n + a * other) ** nu) / a for n, other in (m.shape, m.shape[::-1])]
    model = AlternatingLeastSquares(
        factors=ARGS["factors"],
        regularization=ARGS["reg"] * sum(scale) / 2,
        alpha=1.0,
        iterations=ARGS["epochs"],
        use_cg=ARGS["solver"] == "cg",
        num_threads=THREADS,
        random_state=42,
    )
    epochs, cpu = [], [time.process_time()]

    def on_epoch(_, seconds, __):
        epochs.append(seconds)
        cpu.append(time.process_time())

    watch = Watch()
    model.fit(confidence, show_progress=False, callback=on_epoch)
    out = {**watch.read(), "epoch_seconds": epochs, "epoch_cpu_seconds": np.diff(cpu).tolist()}
    if ARGS.get("lists"):
        write_lists(
            ARGS["lists"], range(m.shape[0]), top_lists(model.user_factors, model.item_factors, m)
        )
    return out


def als_irspack():
    from irspack import IALSRecommender

    m = matrix()
    watch = Watch()
    r = IALSRecommender(
        m,
        n_components=ARGS["factors"],
        alpha0=ARGS["unobserved_weight"],
        reg=ARGS["reg"],
        nu=ARGS["reg_exponent"],
        solver_type={"cg": "CG", "exact": "CHOLESKY", "ials++": "IALSPP"}[ARGS["solver"]],
        n_threads=THREADS,
        random_seed=42,
    )
    trainer = r._create_trainer()
    spent, epochs, losses = watch.read(), [], []
    for _ in range(ARGS["epochs"]):
        watch = Watch()
        trainer.run_epoch()
        epochs.append(watch.read())
        if ARGS.get("loss"):
            losses.append(loss(m, trainer.core_trainer.user, trainer.core_trainer.item))
    out = {k: spent[k] + sum(e[k] for e in epochs) for k in spent}
    out.update({"epoch_" + k: [e[k] for e in epochs] for k in spent})
    if losses:
        out["loss"] = losses
    if ARGS.get("lists"):
        users, items = trainer.core_trainer.user, trainer.core_trainer.item
        write_lists(ARGS["lists"], range(m.shape[0]), top_lists(users, items, m))
    return out


def autoencoder_jax():
    """The same of several hidden layers in JAX, compiled whole; the clock leaves compiling out."""
    import jax
    import jax.numpy as jnp

    m = matrix()
    n, items, batch = *m.shape, ARGS["batch"]
    rng = np.random.default_rng(1)
    sizes = [items, *ARGS["hidden"], items]
    weights = [
        (jnp.asarray(rng.normal(0, 0.02, s).astype(np.float32)), jnp.zeros(s[1], jnp.float32))
        for s in zip(sizes, sizes[1:])
    ]

    def loss_of(weights, t):
        y = t
        for w, b in weights[:-1]:
            y = jax.nn.sigmoid(y @ w + b)
        z = y @ weights[-1][0] + weights[-1][1]
        return (jnp.logaddexp(0, z) - z * t).sum() / t.shape[0]

    def step(weights, first, second, t, rate):
        loss, grad = jax.value_and_grad(loss_of)(weights, t)
        tree = jax.tree_util.tree_map
        first = tree(lambda a, g: a + 0.1 * (g - a), first, grad)
        second = tree(lambda b, g: b + 0.001 * (g * g - b), second, grad)
        weights = tree(
            lambda w, a, b: w - rate * a / (jnp.sqrt(b) + 1e-8), weights, first, second
        )
        return weights, first, second, loss

    step = jax.jit(step, donate_argnums=(0, 1, 2))
    zeros = jax.tree_util.tree_map(jnp.zeros_like, weights)
    first, second = zeros, jax.tree_util.tree_map(jnp.zeros_like, weights)
    step.lower(weights, first, second, np.zeros((batch, items), np.float32), 0.0).compile()
    done, seconds, cpu, losses = 0, [], [], []
    for _ in range(ARGS["epochs"]):
        watch, loss = Watch(), 0.0
        order = rng.permutation(n)
        for lo in range(0, n, batch):
            t = m[order[lo : lo + batch]].toarray().astype(np.float32)
            done += 1
            rate = 0.005 * np.sqrt(1 - 0.999**done) / (1 - 0.9**done)
            weights, first, second, one = step(weights, first, second, t, float(rate))
            loss += float(one) * len(t)
        read = watch.read()
        seconds.append(read["seconds"])
        cpu.append(read["cpu_seconds"])
        losses.append(loss / n)
    return {"epoch_seconds": seconds, "epoch_cpu_seconds": cpu, "loss": losses}


# ---- ratings ----


def read_ratings(folder):
    """users, items, values of train and test; users and items numbered over both."""
    parts = [np.loadtxt(f"{folder}/{n}.csv", delimiter=",", skiprows=1) for n in ("train", "test")]
    n = len(parts[0])
    both = np.concatenate(parts)
    u, i = (np.unique(both[:, c], return_inverse=True)[1] for c in (0, 1))
    return (u[:n], i[:n], both[:n, 2]), (u[n:], i[n:], both[n:, 2]), u.max() + 1, i.max() + 1


def ratings_myfm():
    """Its sampler, one thread as it is; the first tenth of the sweeps is not kept. With ordinal its
    ordered probit, whose prediction is the rating to expect."""
    from myfm import MyFMOrderedProbit, MyFMRegressor

    train, test, n_users, n_items = read_ratings(ARGS["folder"])

    def design(u, i):
        one, row = np.ones(len(u)), np.arange(len(u))
        shapes = ((u, n_users), (i, n_items))
        return sp.hstack([sp.csr_matrix((one, (row, x)), shape=(len(u), n)) for x, n in shapes])

    x, held_out = (design(u, i).tocsr() for u, i, _ in (train, test))
    sweeps = ARGS["sweeps"]
    levels, train_y = None, train[2]
    if ARGS.get("ordinal"):
        levels, train_y = np.unique(train[2], return_inverse=True)
    model = (MyFMOrderedProbit if ARGS.get("ordinal") else MyFMRegressor)(
        rank=ARGS["factors"], random_seed=42
    )
    watch = Watch()
    with open(os.devnull, "w") as nowhere:
        sys.stderr, keep = nowhere, sys.stderr
        model.fit(
            x,
            train_y,
            n_iter=sweeps,
            n_kept_samples=sweeps - sweeps // 10,
            group_shapes=[int(n_users), int(n_items)],
        )
        sys.stderr = keep
    out = watch.read()
    if levels is None:
        expected = np.clip(model.predict(held_out), train[2].min(), train[2].max())
    else:
        expected = model.predict_proba(held_out) @ levels
    error = expected - test[2]
    return {**out, "rmse": float(np.sqrt((error**2).mean()))}


def implicit_model(m):
    from implicit.cpu.als import AlternatingLeastSquares

    model = AlternatingLeastSquares(
        factors=ARGS["factors"], iterations=ARGS["epochs"], num_threads=THREADS, random_state=42
    )
    model.fit(m, show_progress=False)
    return model


def recommend():
    m = matrix()
    model = implicit_model(m)
    users = np.arange(m.shape[0])
    watch = Watch()
    model.recommend(users, m, N=ARGS["k"], filter_already_liked_items=True)
    return watch.read()


def evaluate():
    from implicit.evaluation import ranking_metrics_at_k

    m = matrix()
    test = sp.load_npz(ARGS["test"]).astype(np.float32)
    model = implicit_model(m)
    watch = Watch()
    r = ranking_metrics_at_k(model, m, test, K=20, show_progress=False, num_threads=THREADS)
    return {**watch.read(), "metrics": {k: float(v) for k, v in r.items()}}


# ---- retrieval: top-k by inner product over many vectors ----


def mix(x):
    """The finaliser of splitmix64, as in bench/index.c."""
    x = (x + np.uint64(0x9E3779B97F4A7C15)).astype(np.uint64)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def vectors(seed, n, k, block=1 << 16):
    """The bits of bench/index.c: near-normal deviates (sums of 12 uniforms), coordinate t times
    (t + 1)^-1/4."""
    out = np.empty((n, k), np.float32)
    spectrum = np.sqrt(1 / np.sqrt(np.arange(1, k + 1))).astype(np.float32)
    for lo in range(0, n, block):
        m = min(block, n - lo)
        at = np.uint64(seed << 40) + np.arange(lo * k, (lo + m) * k, dtype=np.uint64)
        total = np.zeros(m * k, np.int64)
        for w in range(3):
            x = mix(at * np.uint64(3) + np.uint64(w))
            for part in range(4):
                total += ((x >> np.uint64(16 * part)) & np.uint64(65535)).astype(np.int64)
        unit = ((2 * total - 12 * 65535).astype(np.float32) * np.float32(2.0**-17)).reshape(m, k)
        out[lo : lo + m] = unit * spectrum
    return out


def search(index, queries, k, batch):
    """Lists one by one or in batches; the clock covers the search alone."""
    index.search(queries[:1], k)
    watch = Watch()
    found = [index.search(queries[lo : lo + batch], k)[1] for lo in range(0, len(queries), batch)]
    return watch.read(), np.concatenate(found)


def index_flat():
    import faiss

    faiss.omp_set_num_threads(THREADS)
    x, q = vectors(1, ARGS["items"], ARGS["factors"]), vectors(2, ARGS["queries"], ARGS["factors"])
    index = faiss.IndexFlatIP(ARGS["factors"])
    index.add(x)
    out, found = search(index, q, 20, ARGS["batch"])
    return {**out, "sum": int(found.sum())}


def index_ivf():
    """nprobe: the least that reaches the recall on other askers than those of the clock."""
    import faiss

    faiss.omp_set_num_threads(THREADS)
    n, k = ARGS["items"], ARGS["factors"]
    x, q, sample = vectors(1, n, k), vectors(2, ARGS["queries"], k), vectors(3, 200, k)
    flat = faiss.IndexFlatIP(k)
    index = faiss.IndexIVFFlat(flat, k, ARGS["lists"], faiss.METRIC_INNER_PRODUCT)
    watch = Watch()
    faiss.omp_set_num_threads(2)
    index.train(x)
    index.add(x)
    built = watch.read()
    exact = faiss.IndexFlatIP(k)
    exact.add(x)
    both = [exact.search(s, 20)[1] for s in (sample, q)]

    def recall(found, true):
        return sum(len(np.intersect1d(a, b)) for a, b in zip(found, true)) / true.size

    lo, hi = 0, ARGS["lists"]
    while hi - lo > max(1, hi // 64):
        index.nprobe = min(2 * lo + 32, (lo + hi) // 2)
        enough = recall(index.search(sample, 20)[1], both[0]) >= ARGS["recall"]
        lo, hi = (lo, index.nprobe) if enough else (index.nprobe, hi)
    index.nprobe = hi
    faiss.omp_set_num_threads(THREADS)
    out, found = search(index, q, 20, ARGS["batch"])
    return {
        **out,
        "recall": recall(found, both[1]),
        "probes": index.nprobe,
        "build_seconds": built["seconds"],
        "build_cpu_seconds": built["cpu_seconds"],
    }


# ---- networks ----


def autoencoder_numpy():
    """items–hidden–items, sigmoid, cross entropy, Adam: dense rows, as one writes it in NumPy."""
    m = matrix()
    n, items, hidden, batch = *m.shape, ARGS["hidden"], ARGS["batch"]
    rng = np.random.default_rng(1)
    sizes = [(items, hidden), (1, hidden), (hidden, items), (1, items)]
    weights = [rng.normal(0, 0.02, s).astype(np.float32) for s in sizes]
    first, second = ([np.zeros_like(w) for w in weights] for _ in range(2))
    step, watch = 0, Watch()
    for _ in range(ARGS["epochs"]):
        loss = 0.0
        order = rng.permutation(n)
        for lo in range(0, n, batch):
            t = m[order[lo : lo + batch]].toarray()
            h = 1 / (1 + np.exp(-(t @ weights[0] + weights[1])))
            z = h @ weights[2] + weights[3]
            loss += float((np.logaddexp(0, z) - z * t).sum())
            dz = (1 / (1 + np.exp(-z)) - t) / np.float32(len(t))
            dh = (dz @ weights[2].T) * h * (1 - h)
            step += 1
            rate = np.float32(0.005 * np.sqrt(1 - 0.999**step) / (1 - 0.9**step))
            for w, a, b, g in zip(
                weights, first, second, [t.T @ dh, dh.sum(0), h.T @ dz, dz.sum(0)]
            ):
                a += np.float32(0.1) * (g - a)
                b += np.float32(0.001) * (g * g - b)
                w -= rate * a / (np.sqrt(b) + np.float32(1e-8))
    return {**watch.read(), "loss": loss / n}


# ---- ratings ----


def surprise_fit():
    """SVD or SVD++ with their defaults; rmse on the test, predictions cut to the scale (lo, hi)."""
    import pandas as pd
    import surprise

    columns = ["user_id", "item_id", "value"]
    train, test = (pd.read_csv(f"{ARGS['data']}/{p}.csv")[columns] for p in ("train", "test"))
    scale = surprise.Reader(rating_scale=tuple(ARGS.get("scale", (0.5, 5))))
    data = surprise.Dataset.load_from_df(train, scale).build_full_trainset()
    model = getattr(surprise, ARGS["model"])(random_state=0)
    watch = Watch()
    model.fit(data)
    out = watch.read()
    misses = [model.predict(u, i).est - r for u, i, r in test.itertuples(index=False)]
    return {**out, "rmse": float(np.sqrt(np.mean(np.square(misses))))}


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]]()))
