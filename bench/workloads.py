"""The table of workloads: who runs what on which data, and how seconds are read.

A contender's key names the seconds that the program or the library call reports, without process
start and without reading prepared input (timing "library"); without a key the whole process is
timed (timing "process").
"""

import importlib.util
import json
import os
import shutil
import sys

from child import run_child

HERE = os.path.dirname(os.path.abspath(__file__))
IALS = {"unobserved_weight": 0.1, "reg": 0.003, "reg_exponent": 1}
# On Gowalla, by a validation part of its train file (README.md).
IALS_GOWALLA = dict(IALS, unobserved_weight=0.01)
# Likewise (docs/models/bpr.md).
BPR_GOWALLA = {"learning_rate": 0.05, "reg": 0.01, "decay": 1, "candidates": 1}
BPR_EPOCHS = 20
SOLVERS = ("cg", "cholesky")


def akin(name, argv, key=None):
    """key: where the record of the program holds seconds; None = the process is timed."""
    return {"name": name, "is_akin": True, "argv": argv, "key": key}


def peer(o, name, task, key="seconds", **args):
    argv = [sys.executable, f"{HERE}/peers.py", task, json.dumps({"threads": o.threads, **args})]
    return {"name": name, "is_akin": False, "argv": argv, "key": key}


def fit(o, data, model, params, feedback=None, **options):
    argv = [f"{o.build}/bench/bench_fit", data, model, "--params", json.dumps(params)]
    argv += ["--threads", str(o.threads)]
    argv += ["--feedback", json.dumps(feedback)] if feedback else []
    for key, value in options.items():
        argv += [f"--{key}", str(value)]
    return argv


# ---- quality on Gowalla: one evaluation for all ----


def score(runner, argv):
    o = runner.o
    argv = (
        [runner.akin, "evaluate", "--train", f"{o.data}/gowalla/train.akin", "--test"]
        + [f"{o.data}/gowalla/test.akin", "--metrics", "recall@20,ndcg@20", "--bootstrap", "0"]
        + argv
        + ["--json", "--quiet", "--threads", str(o.threads)]
    )
    metrics = run_child(argv, runner.env)[0]["results"][0]["metrics"]
    return "recall {:.4f} ndcg {:.4f}".format(
        *(metrics[m]["value"] for m in ("recall@20", "ndcg@20"))
    )


def gowalla_quality(models, peers):
    """models: name → akin's parameters; peers: name → peers.py argv (with lists)."""

    def after(runner, rows):
        out = {}
        for name, (model, params) in models.items():
            sets = [x for k, v in params.items() for x in ("--set", f"{k}={v}")]
            out[name] = score(runner, ["--model", model] + sets)
        for name in peers:
            out[name] = score(
                runner, ["--lists", f"{runner.o.data}/lists-{name.replace(' ', '-')}.csv"]
            )
        return out

    return after


def lists(o, name):
    return f"{o.data}/lists-{name.replace(' ', '-')}.csv"


# ---- the workloads ----


def ingest(o):
    for order in ("shuffled", "by-time"):
        path = f"{o.data}/synth-{o.events}/{order}.csv"
        out = f"{o.data}/ingest.akin"
        peers = [peer(o, n, f"ingest_{n}", path=path) for n in ("duckdb", "polars", "pandas")]
        yield {
            "name": f"ingest-{order}",
            "what": f"csv, {order} → validated, ids, deduplicated, CSR both ways",
            "unit": "s",
            "needs": [path],
            "contenders": [
                akin(
                    "in memory",
                    [f"{o.build}/bench/bench_ingest", path, "--threads", str(o.threads)],
                    "seconds",
                ),
                akin(
                    "prepare -o (process)",
                    [
                        f"{o.build}/akin",
                        "prepare",
                        path,
                        "-o",
                        out,
                        "--threads",
                        str(o.threads),
                        "--quiet",
                        "--json",
                    ],
                ),
            ]
            + peers,
        }


def itemknn(o):
    same = {"similarity": "cosine", "neighbors": 100, "damping": 0, "keep": "target"}
    g, s = f"{o.data}/gowalla", f"{o.data}/synth-{o.events}"
    key = "fit_seconds"
    yield {
        "name": "itemknn-gowalla",
        "what": "item kNN fit, cosine, 100 neighbours, Gowalla",
        "unit": "s",
        "needs": [f"{g}/train.akin"],
        "contenders": [
            akin("cosine 100", fit(o, f"{g}/train.akin", "itemknn", same), key),
            akin("defaults", fit(o, f"{g}/train.akin", "itemknn", {}), key),
            peer(
                o,
                "implicit cosine",
                "knn",
                matrix=f"{g}/train.npz",
                neighbors=100,
                lists=lists(o, "implicit cosine"),
            ),
        ],
        "after": gowalla_quality(
            {"cosine 100": ("itemknn", same), "defaults": ("itemknn", {})}, ["implicit cosine"]
        ),
    }
    positive = {"positive": "value >= 4"}
    yield {
        "name": "itemknn-synth",
        "what": "item kNN fit, cosine, 100 neighbours, ML-20M-shaped positives",
        "unit": "s",
        "needs": [f"{s}/synth.akin"],
        "contenders": [
            akin("cosine 100", fit(o, f"{s}/synth.akin", "itemknn", same, positive), key),
            akin("defaults", fit(o, f"{s}/synth.akin", "itemknn", {}, positive), key),
            peer(o, "implicit cosine", "knn", matrix=f"{s}/positives.npz", neighbors=100),
        ],
    }


def linear(o):
    films = f"{o.data}/films"
    data, positives, key = f"{films}/films.akin", f"{films}/positives.npz", "fit_seconds"
    plain = {"reg": 500, "keep": 0, "dropout": 0, "damping": 0}
    yield {
        "name": "ease",
        "what": "EASE fit with its Gram matrix, 3,706 items, 1 M events",
        "unit": "s",
        "needs": [data],
        "contenders": [
            akin("all weights", fit(o, data, "ease", plain), key),
            akin("defaults", fit(o, data, "ease", {}), key),
            peer(o, "SciPy Cholesky", "ease_scipy", matrix=positives, reg=500),
            peer(o, "irspack", "ease_irspack", matrix=positives, reg=500),
        ],
    }
    shop, local = f"{o.data}/shop", {"solver": "local"}
    yield {
        "name": "ease-local-synth",
        "what": "ease by neighbourhoods, 133,074 items, 4 M events; the peer finds neighbours only",
        "unit": "s",
        "needs": [f"{shop}/shop.akin"],
        "contenders": [
            akin(f"local {k}", fit(o, f"{shop}/shop.akin", "ease", dict(local, neighbors=k)), key)
            for k in (100, 300)
        ]
        + [peer(o, "implicit cosine 300", "knn", matrix=f"{shop}/positives.npz", neighbors=300)],
    }
    same = {"l1": 3, "l2": 299, "keep": 100, "damping": 0}
    yield {
        "name": "slim",
        "what": "SLIM fit, elastic net, 100 weights an item, 3,706 items, 1 M events",
        "unit": "s",
        "needs": [data],
        "contenders": [
            akin("100 an item", fit(o, data, "slim", same), key),
            peer(o, "irspack", "slim_irspack", matrix=positives, **same),
        ],
    }


def walks(o):
    """rp3beta with irspack's own defaults on both sides, and with akin's."""
    g, s, key = f"{o.data}/gowalla", f"{o.data}/synth-{o.events}", "fit_seconds"
    same = {"alpha": 1, "beta": 0.6, "neighbors": 100}
    positive = {"positive": "value >= 4"}
    sets = [("gowalla", f"{g}/train.akin", f"{g}/train.npz", None)]
    sets += [("synth", f"{s}/synth.akin", f"{s}/positives.npz", positive)]
    for name, data, path, rule in sets:
        out = lists(o, "irspack RP3beta") if name == "gowalla" else ""
        row = {
            "name": f"rp3beta-{name}",
            "what": f"RP3beta fit, {name}",
            "unit": "s",
            "needs": [data],
            "contenders": [
                akin("as irspack", fit(o, data, "rp3beta", same, rule), key),
                akin("defaults", fit(o, data, "rp3beta", {}, rule), key),
                peer(o, "irspack RP3beta", "walks_irspack", matrix=path, lists=out, **same),
            ],
        }
        if name == "gowalla":
            row["after"] = gowalla_quality(
                {"as irspack": ("rp3beta", same), "defaults": ("rp3beta", {})}, ["irspack RP3beta"]
            )
        yield row


def userknn(o):
    """Neighbours are found when asked for, so the clock runs over everybody's list."""
    g = f"{o.data}/gowalla"
    yield {
        "name": "userknn-gowalla",
        "what": "top 20 for all users by neighbours, Gowalla (irspack: with its fit)",
        "unit": "s",
        "needs": [f"{g}/train.akin"],
        "contenders": [
            akin(name, fit(o, f"{g}/train.akin", name, {}, lists=20), "lists_seconds")
            for name in ("userknn", "itemknn")
        ]
        + [peer(o, "irspack user kNN", "userknn_irspack", matrix=f"{g}/train.npz", neighbors=100)],
    }


def als_peers(o, rule, matrix, factors, epochs, key, exact, with_lists=False):
    common = dict(rule, matrix=matrix, factors=factors, epochs=epochs)
    kinds = [
        ("implicit CG", "als_implicit", "cg"),
        ("irspack CG", "als_irspack", "cg"),
        ("irspack iALS++", "als_irspack", "ials++"),
    ]
    kinds += [("irspack exact", "als_irspack", "exact")] if exact else []
    return [
        peer(
            o, name, task, key, solver=solver, lists=lists(o, name) if with_lists else "", **common
        )
        for name, task, solver in kinds
    ]


def ials(o):
    g, s = f"{o.data}/gowalla", f"{o.data}/synth-{o.events}"
    positive = {"positive": "value >= 4"}
    for factors in (64, 128, 256):
        yield {
            "name": f"ials-synth-{factors}",
            "what": f"implicit ALS, seconds an epoch, {factors} factors, ML-20M-shaped positives",
            "unit": "s/epoch",
            "needs": [f"{s}/synth.akin"],
            "contenders": [
                akin(
                    solver,
                    fit(
                        o,
                        f"{s}/synth.akin",
                        "ials",
                        dict(IALS, factors=factors, epochs=3, solver=solver),
                        positive,
                    ),
                    "epoch_seconds",
                )
                for solver in SOLVERS
            ]
            + als_peers(o, IALS, f"{s}/positives.npz", factors, 3, "epoch_seconds", factors == 64),
        }
    params = {
        s: dict(IALS_GOWALLA, factors=128, epochs=15, solver=s) for s in SOLVERS
    }
    contenders = [
        akin(n, fit(o, f"{g}/train.akin", "ials", p), "fit_seconds") for n, p in params.items()
    ]
    peers = als_peers(o, IALS_GOWALLA, f"{g}/train.npz", 128, 15, "seconds", False, True)
    yield {
        "name": "ials-gowalla",
        "what": "implicit ALS, 15 epochs, 128 factors, Gowalla; quality",
        "unit": "s",
        "needs": [f"{g}/train.akin"],
        "contenders": contenders + peers,
        "after": gowalla_quality(
            {n: ("ials", p) for n, p in params.items()}, [p["name"] for p in peers]
        ),
    }


def svd(o):
    """256 singular vectors; `least` in the record, the last value, says how far each has got."""
    g = f"{o.data}/gowalla"
    common = {"factors": 256, "matrix": f"{g}/train.npz", "blas_threads": o.threads}
    yield {
        "name": "svd-gowalla",
        "what": "256 largest singular values and item vectors of damped Gowalla",
        "unit": "s",
        "needs": [f"{g}/train.akin"],
        "contenders": [
            akin("puresvd", fit(o, f"{g}/train.akin", "puresvd", {"factors": 256}), "fit_seconds"),
            peer(o, "SciPy svds", "svd_scipy", **common),
            peer(o, "randomized", "svd_randomized", **common),
        ],
    }


def rated(o, folder, kind, model, params, *more):
    """akin on the ratings of a folder: seconds of its fit, rmse of the test."""
    argv = [f"{o.build}/akin", "evaluate", "--model", model, "--metrics", "rmse", *more]
    argv += ["--train", f"{folder}/train.{kind}", "--test", f"{folder}/test.{kind}"]
    argv += [x for k, v in params.items() for x in ("--set", f"{k}={v}")]
    return argv + ["--bootstrap", "0", "--json", "--quiet", "--threads", str(o.threads)]


def rated_quality(runner, rows):
    """What each predicts, of the records of `rated` and of peers that say their rmse."""
    last = {n: r["last"] for n, r in rows.items()}
    return {
        n: f"rmse {x['rmse'] if 'rmse' in x else x['results'][0]['metrics']['rmse']['value']:.4f}"
        for n, x in last.items()
    }


def bayes(o):
    """Bayesian matrix factorization: seconds of a fit, and what it predicts."""
    d = f"{o.data}/movielens"
    bare = {"implicit": "false", "flipped": "false", "features": "false"}
    settings = {
        "bmf defaults": {},
        "bmf ordinal": {"likelihood": "ordinal"},
        "bmf 32 sweeps": {"factors": 8, "burn_in": 16, "thin": 1},
        "bmf bare": {"factors": 8, "burn_in": 16, "thin": 4, **bare},
    }
    tables = ["--items", f"{d}/movies.csv", "--tags", f"{d}/tags.csv"]
    peers = [("myFM", {}), ("myFM ordinal", {"ordinal": 1})]
    yield {
        "name": "bayes-movielens",
        "what": "Bayesian matrix factorization, 80,000 ratings (ml-latest-small); rmse",
        "unit": "s",
        "needs": [f"{d}/train.csv"],
        "contenders": [
            akin(n, rated(o, d, "csv", "bmf", p, *tables), "train_seconds")
            for n, p in settings.items()
        ]
        + [akin("svdpp", rated(o, d, "csv", "svdpp", {}, *tables), "train_seconds")]
        + [
            peer(o, f"{n} {f}", "ratings_myfm", folder=d, factors=f, sweeps=200, **kind)
            for n, kind in peers
            for f in (8, 16)
        ],
        "after": rated_quality,
    }


def fm(o):
    """Factorization machines with columns: seconds of a fit, and what it predicts."""
    films, hotels = f"{o.data}/movielens", f"{o.data}/hotels"
    columns = "userstate,usertimezone,itemcity,itemstate,itemtimezone,triptype"
    sets = (
        (films, "ml-latest-small, genres, tags", ["--items", f"{films}/movies.csv"]
         + ["--tags", f"{films}/tags.csv"], 8, {}),
        (hotels, "TripAdvisor, six columns", ["--context", columns], 4, {"noise": 0.95}),
    )
    for folder, what, tables, k, more in sets:
        settings = {
            "fm mcmc": ("fm", {"factors": k, **more}),
            "fm adagrad": ("fm", {"solver": "adagrad", "factors": k}),
            "ffm": ("ffm", {}),
        }
        xlearn = {"factors": k, "epochs": 20, "rate": 0.1, "reg": 0.002, "threads": o.threads}
        tasks = {
            "myFM": ("myfm", {"factors": k, "sweeps": 200}),
            "xLearn fm": ("xlearn", xlearn),
            "xLearn ffm": ("xlearn", {**xlearn, "factors": 4, "fields": True}),
        }
        yield {
            "name": f"fm-{os.path.basename(folder)}",
            "what": f"factorization machine, values of {what}; rmse",
            "unit": "s",
            "needs": [f"{folder}/train.csv"],
            "contenders": [
                akin(n, rated(o, folder, "csv", m, p, *tables), "train_seconds")
                for n, (m, p) in settings.items()
            ]
            + [
                {
                    "name": n,
                    "is_akin": False,
                    "argv": [sys.executable, f"{HERE}/peers_fm.py", task]
                    + [json.dumps({"folder": folder, **args})],
                    "key": "seconds",
                }
                for n, (task, args) in tasks.items()
            ],
            "after": rated_quality,
        }


def jester(o):
    """Jokes rated -10 to 10. Surprise's SVD++ takes the square of a user's ratings: every fifth user
    (--rounds 1 all the same)."""
    scale = {"scale": [-10, 10]}
    for name, who in (("jester-fifth", "every fifth user of "), ("jester", "")):
        d = f"{o.data}/{name}"
        models = {m: (m, {}) for m in ("bmf", "svdpp", "svd", "als")}
        surprise = ("SVD", "SVDpp") if who else ("SVD",)
        yield {
            "name": f"ratings-{name}",
            "what": f"rating prediction, four fifths of {who}Jester; rmse of the rest",
            "unit": "s",
            "needs": [f"{d}/train.akin"],
            "contenders": [
                akin(n, rated(o, d, "akin", m, p), "train_seconds")
                for n, (m, p) in models.items()
            ]
            + [
                peer(o, f"Surprise {m}", "surprise_fit", data=d, model=m, **scale)
                for m in surprise
            ]
            + [peer(o, "myFM 8", "ratings_myfm", folder=d, factors=8, sweeps=200)],
            "after": rated_quality,
        }


def objective(o):
    """Time to the same loss: what irspack CG reaches in 10 epochs."""
    g, s = f"{o.data}/gowalla", f"{o.data}/synth-{o.events}"
    sets = [("gowalla", IALS_GOWALLA, f"{g}/train.akin", f"{g}/train.npz", None)]
    sets += [("synth", IALS, f"{s}/synth.akin", f"{s}/positives.npz", {"positive": "value >= 4"})]
    for name, params, data, matrix, rule in sets:
        common = dict(params, factors=128, epochs=10)
        contenders = [
            akin(solver, fit(o, data, "ials", dict(common, solver=solver), rule), "epoch_seconds")
            for solver in SOLVERS
        ]
        contenders += [
            peer(o, n, "als_irspack", "epoch_seconds", solver=k, matrix=matrix, loss=1, **common)
            for n, k in (("irspack CG", "cg"), ("irspack iALS++", "ials++"))
        ]

        def after(runner, rows, data=data, rule=rule, common=common):
            losses = {n: r["last"].get("loss") for n, r in rows.items()}
            for solver in SOLVERS:  # the loss costs time, so it is logged apart
                argv = fit(runner.o, data, "ials", dict(common, solver=solver, log_loss=True), rule)
                losses[solver] = run_child(argv, runner.env)[0]["loss"]
            goal = losses["irspack CG"][-1]
            out = {}
            for n, row in rows.items():
                row["loss"] = losses[n]
                epochs = next((i + 1 for i, x in enumerate(losses[n]) if x <= goal), None)
                row["epochs_to_goal"] = epochs
                row["seconds_to_goal"] = epochs and epochs * row["median"]
                out[n] = (
                    f"{epochs} epochs = {epochs * row['median']:.2f} s" if epochs else "not in 10"
                )
            return out

        yield {
            "name": f"objective-{name}",
            "what": f"implicit ALS, 128 factors, {name}: to the loss of irspack CG after 10 epochs",
            "unit": "s/epoch",
            "needs": [data],
            "contenders": contenders,
            "after": after,
        }


def bpr(o):
    g = f"{o.data}/gowalla"
    params = dict(factors=64, epochs=BPR_EPOCHS, **BPR_GOWALLA)
    hardest = dict(factors=64, epochs=BPR_EPOCHS, decay=0.85)  # the rest as by default
    rule = dict(BPR_GOWALLA, factors=63, epochs=BPR_EPOCHS)  # and its bias: 64 numbers a row
    del rule["decay"], rule["candidates"]  # it has none
    yield {
        "name": "bpr-gowalla",
        "what": "BPR, seconds an epoch, 64 factors, Gowalla; quality",
        "unit": "s/epoch",
        "needs": [f"{g}/train.akin"],
        "contenders": [
            akin("bpr", fit(o, f"{g}/train.akin", "bpr", params), "epoch_seconds"),
            akin("bpr hardest of 8", fit(o, f"{g}/train.akin", "bpr", hardest), "epoch_seconds"),
            peer(
                o,
                "implicit BPR",
                "bpr_implicit",
                "epoch_seconds",
                matrix=f"{g}/train.npz",
                lists=lists(o, "implicit BPR"),
                **rule,
            ),
        ],
        "after": gowalla_quality(
            {"bpr": ("bpr", params), "bpr hardest of 8": ("bpr", hardest)}, ["implicit BPR"]
        ),
    }


def ratings(o):
    r = f"{o.data}/ratings"
    models = {
        "svd 40": ("svd", {"factors": 40}),
        "svd defaults": ("svd", {}),
        "nmf defaults": ("nmf", {}),
    }

    def after(runner, rows):
        last = {n: row["last"] for n, row in rows.items()}
        out = {n: f"rmse {x['rmse']:.4f}" for n, x in last.items() if "rmse" in x}
        for name, (model, params) in models.items():
            argv = [runner.akin, "evaluate", "--train", f"{r}/train.akin", "--test"]
            argv += [f"{r}/test.akin", "--metrics", "rmse", "--bootstrap", "0", "--model", model]
            argv += [x for k, v in params.items() for x in ("--set", f"{k}={v}")]
            argv += ["--json", "--quiet", "--threads", str(o.threads)]
            metrics = run_child(argv, runner.env)[0]["results"][0]["metrics"]
            out[name] = f"rmse {metrics['rmse']['value']:.4f}"
        return out

    yield {
        "name": "ratings-1m",
        "what": "rating prediction, 800,000 of a million ratings, 20 epochs; error on the rest",
        "unit": "s",
        "needs": [f"{r}/train.akin"],
        "contenders": [
            akin(name, fit(o, f"{r}/train.akin", model, params), "fit_seconds")
            for name, (model, params) in models.items()
        ]
        + [
            peer(
                o,
                f"Surprise SVD {factors}",
                "svd_surprise",
                train=f"{r}/train.npz",
                test=f"{r}/test.npz",
                factors=factors,
                epochs=20,
            )
            for factors in (40, 100)
        ],
        "after": after,
    }


def recommend(o):
    sets = [("gowalla", f"{o.data}/gowalla/train", None, "")]
    base = f"{o.data}/synth-{o.events}"
    sets += [("synth", base, {"positive": "value >= 4"}, "synth")]
    for name, path, rule, kind in sets:
        data = f"{path}.akin" if not kind else f"{path}/synth.akin"
        matrix = f"{path}.npz" if not kind else f"{path}/positives.npz"
        model = f"{o.data}/recommend-{name}.akin"
        params = {"factors": 128, "epochs": 2, "solver": "block"}
        yield {
            "name": f"recommend-{name}",
            "what": f"top 20 for all users, 128 factors, seen left out, {name}",
            "unit": "s",
            "needs": [data],
            "before": (data, model, params, rule),
            "contenders": [
                akin("in process", fit(o, data, "ials", params, rule, lists=20), "lists_seconds"),
                akin(
                    "recommend --all (process)",
                    [
                        f"{o.build}/akin",
                        "recommend",
                        model,
                        "--all",
                        "-k",
                        "20",
                        "-o",
                        f"{o.data}/lists.csv",
                        "--threads",
                        str(o.threads),
                        "--quiet",
                    ],
                ),
                peer(o, "implicit", "recommend", matrix=matrix, factors=128, epochs=2, k=20),
            ],
        }


def evaluate(o):
    g = f"{o.data}/gowalla"
    model = f"{o.data}/evaluate.akin"
    argv = [
        f"{o.build}/akin",
        "evaluate",
        "--train",
        f"{g}/train.akin",
        "--test",
        f"{g}/test.akin",
        "--from",
        model,
    ]
    argv += ["--metrics", "recall@20,ndcg@20", "--json", "--quiet", "--threads", str(o.threads)]
    key = "evaluate_seconds"
    yield {
        "name": "evaluate-gowalla",
        "what": "full ranking of 29,858 users, 128 factors: recall@20, ndcg@20",
        "unit": "s",
        "needs": [f"{g}/train.akin"],
        "before": (f"{g}/train.akin", model, {"factors": 128, "epochs": 2}, None),
        "contenders": [
            akin("no intervals", argv + ["--bootstrap", "0"], key),
            akin("1000 resamples", argv, key),
            peer(
                o,
                "implicit",
                "evaluate",
                matrix=f"{g}/train.npz",
                test=f"{g}/test.npz",
                factors=128,
                epochs=2,
            ),
        ],
    }


def index(o):
    """Top 20 by inner product; both sides make the same vectors (bench/index.c)."""
    size = {"items": 1000000, "factors": 64}
    kinds = [("one", 1, 1000, "one by one, one thread"), ("batch", o.threads, 4000, "in batches")]
    for name, threads, queries, how in kinds:
        argv = [f"{o.build}/bench/bench_index", "--threads", str(threads)]
        argv += ["--queries", str(queries), "--batch", str(int(name == "batch"))]
        same = dict(size, queries=queries, batch=1 if name == "one" else queries, threads=threads)
        for kind, task in (("exact", "index_flat"), ("lists", "index_ivf")):
            if (kind, name) == ("lists", "batch"):
                continue  # lists are searched one by one
            tuned = {} if kind == "exact" else {"lists": 4096, "recall": 0.955}

            def after(runner, rows):
                what = ("recall", "probes", "build_seconds", "sum")
                return {
                    n: " ".join(f"{k}={r['last'][k]}" for k in what if k in r["last"])
                    for n, r in rows.items()
                }

            yield {
                "name": f"index-{kind}-{name}",
                "what": f"top 20 of 1 M × 64, {kind}, {queries} askers {how}",
                "unit": "s",
                "needs": [],
                "contenders": [
                    akin(kind, argv + ["--mode", kind], "seconds"),
                    peer(
                        o,
                        "faiss flat" if kind == "exact" else "faiss IVF4096",
                        task,
                        **dict(same, **tuned),
                    ),
                ],
                "after": after,
            }


def factor(o):
    """Ratings by factors. Surprise's SVD++ takes minutes: --rounds 1."""
    d = f"{o.data}/stars"

    def after(runner, rows):
        out = {n: "rmse {:.4f}".format(r["last"]["rmse"]) for n, r in rows.items()
               if "rmse" in r["last"]}
        argv = [runner.akin, "evaluate", "--train", f"{d}/train.akin", "--test", f"{d}/test.akin"]
        argv += ["--metrics", "rmse", "--bootstrap", "0", "--json", "--quiet"]
        for model in ("svdpp", "als"):
            record = run_child(argv + ["--model", model], runner.env)[0]["results"][0]
            out[model] = "rmse {:.4f}".format(record["metrics"]["rmse"]["value"])
        return out

    yield {
        "name": "factor-stars",
        "what": "SVD++ with its defaults, ML-1M-shaped ratings, a fifth held out; als beside it",
        "unit": "s",
        "needs": [f"{d}/train.akin"],
        "contenders": [
            akin("svdpp", fit(o, f"{d}/train.akin", "svdpp", {}), "fit_seconds"),
            akin("als", fit(o, f"{d}/train.akin", "als", {}), "fit_seconds"),
            peer(o, "Surprise SVD++", "surprise_fit", data=d, model="SVDpp"),
            peer(o, "Surprise SVD", "surprise_fit", data=d, model="SVD"),
        ],
        "after": after,
    }


def serve(o):
    """Load on `akin serve`; the peer is a bare echo on the same HTTP library, loaded alike."""

    def load(name, items, *options, is_akin=True, server=()):
        argv = [sys.executable, f"{HERE}/serve.py", o.build, o.data, str(items), *server]
        argv += ["--", *options]
        return {"name": name, "is_akin": is_akin, "argv": argv, "key": "seconds_per_million"}

    def row(name, what, *contenders):
        return {"name": f"serve-{name}", "what": what, "unit": "s/million", "needs": []} | {
            "contenders": list(contenders)
        }

    most = ["--max", "--seconds", "5"]
    cached = most + ["--warm", "3", "--user", "1", "--users", "10000"]
    echo = load("echo", 10000, *most, "--plain", "1", is_akin=False, server=["--server", "echo"])
    for items, half in ((10000, 10000), (100000, 1500)):
        shape = f"{items:,} items × 64 factors, mixed, no cache"
        yield row(f"{items}", f"{shape}: most answers", load("mixed", items, *most), echo)
        yield row(
            f"{items}-rate",
            f"{shape}: {half:,} requests a second, latencies in the record",
            load("mixed", items, "--rate", str(half), "--seconds", "10"),
        )
    yield row(
        "cached",
        "most answers from the list cache, against a bare echo",
        load("cached", 10000, *cached, server=["--cache", "256MiB"]),
        echo,
    )
    yield row(
        "events",
        "most acknowledged events, 64 connections",
        load("events", 10000, *most, "--event", "1"),
    )
    yield row(
        "swap",
        "a swap of the model every second for 60 s: no request may fail",
        load("swaps", 10000, "--rate", "2000", "--seconds", "60", server=["--swap", "1"]),
    )
    yield row(
        "inside",
        "answers of the engine in process, 10,000 items × 64 factors",
        load("live_recommend", 10000, server=["--server", "none"]),
    )


ITEMSETS = {"retail": (0.001, 0.0005, 0.0001), "T10I4D100K": (0.001, 0.0002), "BMS1": (0.0006,)}
SPARK = [("retail", 0.001)]  # it takes too long for more


def spark_quality(runner, rows):
    """Beside Spark: how it did with and without its start, or that it is not there."""
    row = rows.get("Spark FPGrowth")
    if not row:
        note = "Spark not there (bench/requirements-spark.txt, and a java)"
    else:
        last = row["last"]
        note = (
            f"Spark {last['seconds']:.1f} s, once more {last['again_seconds']:.1f}, "
            f"its start {last['start_seconds']:.1f}"
        )
    return {n: note for n, r in rows.items() if r["is_akin"]}


def itemsets(o):
    """One thread each: pyfim has no more. Spark has all of them."""
    has_spark = importlib.util.find_spec("pyspark") and shutil.which("java")
    for data, supports in ITEMSETS.items():
        path = f"{o.data}/baskets/{data}"
        for support in supports:
            beside_spark = (data, support) in SPARK
            for is_list in (False, True):
                job = {"path": f"{path}.dat", "support": support, "list": is_list}
                contenders = [
                    akin(
                        method,
                        [f"{o.build}/bench/bench_itemsets", f"{path}.akin", str(support)]
                        + ["--method", method, "--list", str(int(is_list)), "--rounds", "1"],
                        "seconds",
                    )
                    for method in ("eclat", "fpgrowth")
                ]
                contenders += [
                    peer(o, f"pyfim {method}", "itemsets", method=method, **job)
                    for method in ("eclat", "fpgrowth")
                ]
                if beside_spark and has_spark:
                    contenders.append(peer(o, "Spark FPGrowth", "itemsets_spark", **job))
                yield {
                    "name": f"itemsets-{'list' if is_list else 'count'}-{data}-{support:g}",
                    "what": f"frequent itemsets {'listed' if is_list else 'counted'}, {data} at"
                    f" {support:.2%}, one thread",
                    "unit": "s",
                    "needs": [f"{path}.akin", f"{path}.dat"],
                    "contenders": contenders,
                    **({"after": spark_quality} if beside_spark else {}),
                }


def networks(o):
    """Epochs of an autoencoder, all outputs, the same shape and minibatch on both sides."""
    films, same = f"{o.data}/films", {"hidden": 128, "batch": 256, "epochs": 5}
    params = {"error": "cross_entropy", "denoising": 0, **same}

    def after(runner, rows):
        last = {n: r["last"]["loss"] for n, r in rows.items()}
        return {n: f"loss {x[-1] if isinstance(x, list) else x:.2f}" for n, x in last.items()}

    yield {
        "name": "autoencoder",
        "what": "five epochs of 3,706-128-3,706, sigmoid, cross entropy, Adam, 6,040 users",
        "unit": "s",
        "needs": [f"{films}/films.akin"],
        "contenders": [
            akin("sdae", fit(o, f"{films}/films.akin", "sdae", params), "fit_seconds"),
            peer(
                o,
                "NumPy",
                "autoencoder_numpy",
                matrix=f"{films}/positives.npz",
                blas_threads=o.threads,
                **same,
            ),
        ],
        "after": after,
    }

    wide, deep = f"{o.data}/wide", {"hidden": [1024] * 3, "batch": 256, "epochs": 3}
    params = {"error": "cross_entropy", "denoising": 0, **deep}
    key = "epoch_seconds"
    yield {
        "name": "autoencoder-big",
        "what": "an epoch of 27,278-1024-1024-1024-27,278, as above, 1,280 users (1/108 of"
        " MovieLens-20M); drawn: 1,000 outputs beside those of a step's users",
        "unit": "s",
        "needs": [f"{wide}/wide.akin"],
        "contenders": [
            akin("sdae", fit(o, f"{wide}/wide.akin", "sdae", params), key),
            peer(o, "JAX", "autoencoder_jax", key, matrix=f"{wide}/positives.npz", **deep),
            akin("drawn", fit(o, f"{wide}/wide.akin", "sdae", {**params, "negatives": 1000}), key),
        ],
        "after": after,
    }


GROUPS = [
    ingest,
    itemsets,
    itemknn,
    walks,
    userknn,
    linear,
    svd,
    factor,
    bayes,
    fm,
    jester,
    networks,
    bpr,
    ratings,
    ials,
    objective,
    recommend,
    evaluate,
    index,
    serve,
]


def all_workloads(o):
    for group in GROUPS:
        yield from group(o)
