"""All models on the sets of the field, one table a set; docs/leaderboard.md is made from it.

    leaderboard.py [--sets a,b] [--models a,b] [--threads N] [--force] [--write]
    leaderboard.py --tune MODEL[,MODEL] [--sets a,b] [--trials N]

A cell is a model with its parameters on a set. It is kept under bench/data/leaderboard/cells by the
hash of all that decides it (the set's files and options, model, parameters, metrics, version of
akin), so that a run that was stopped goes on and a changed parameter runs alone; --force measures
the chosen cells again. Beside it lies what each user contributes: any two models are paired from
that. --write makes docs/leaderboard.md; tables of sets that were not chosen stay in it.

Parameters are those of bench/params/leaderboard.json (set → model → parameters; "*" for all sets),
else the defaults. --tune looks for them: --trials random settings of the model's tunable parameters,
seeded, each measured on a validation part carved from train in the way the test was, over a sample of
the users where the set is large. The test part is never looked at by it. A better setting than the one
in the file (on that same validation part) replaces it; the file says what was seen.
"""

import argparse
import hashlib
import json
import math
import os
import pathlib
import random
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
DATA = HERE / "data" / "leaderboard"
PARAMS = HERE / "params" / "leaderboard.json"
PAGE = ROOT / "docs" / "leaderboard.md"

RANKING = ["recall@20", "ndcg@20", "coverage@20"]
SESSION = ["hit@20", "mrr@20", "coverage@20"]
RATING = ["rmse", "mae"]

# name: title, files under the data directory, options of reading, how the test part is made ("given"
# = a file of its own), how the validation part, the share of users for tuning, evaluate's options,
# metrics (the second, or the first of one direction, orders the table); given: of carve sessions;
# fixed: parameters that are not tuned; without: models that are not asked, and why
DENSE = dict.fromkeys(
    ("vae", "sdae"),
    "not run: half a minute and more an epoch over so many items, and no setting was looked for",
)
SETS = {
    "gowalla": {
        "title": "Gowalla (LightGCN's split)",
        "train": "gowalla/train.txt",
        "test": "gowalla/test.txt",
        "read": ["--format", "adjacency"],
        "carve": "ratio:0.1",
        "sample": 0.5,
        "metrics": RANKING,
        "without": {"sdae": DENSE["sdae"]},
    },
    "ml-latest-small": {
        "title": "MovieLens latest small (leave-last:5, positive: value >= 4)",
        "train": "ml-latest-small/ratings.csv",
        "items": "ml-latest-small/movies.csv",
        "read": [],
        "split": "leave-last:5",
        "options": ["--positive", "value >= 4"],
        "metrics": RANKING,
    },
    "lastfm": {
        "title": "Last.fm (HetRec 2011; ratio:0.2)",
        "train": "lastfm-hetrec/user_artists.dat",
        "read": [],
        "split": "ratio:0.2",
        "metrics": RANKING,
    },
    "citeulike-a": {
        "title": "CiteULike-a (ratio:0.2)",
        "train": "citeulike-a/users.dat",
        "read": ["--format", "adjacency", "--lead", "count"],
        "split": "ratio:0.2",
        "metrics": RANKING,
    },
    "beauty": {
        "title": "Amazon Beauty (leave-last:1)",
        "train": "beauty-seq/Beauty.txt",
        "read": ["--format", "adjacency", "--order", "rows"],
        "split": "leave-last:1",
        "metrics": RANKING,
        "without": {"sdae": DENSE["sdae"]},
    },
    "retailrocket": {
        "title": "RetailRocket sessions (next item, repeats allowed)",
        "train": "sessions/retailrocket_train.txt",
        "test": "sessions/retailrocket_test.txt",
        "read": ["--format", "sessions"],
        # As the test was made: the newest 4,735 of the sessions, asked from the third item on.
        "carve": "sessions:0.0375",
        "given": 2,
        "fixed": ["recency_days"],  # there are no times
        "options": ["--exclude-seen=false"],
        "metrics": SESSION,
        "without": DENSE,
    },
    "ratings-ml-latest-small": {
        "title": "Ratings: MovieLens latest small (5-fold)",
        "train": "ml-latest-small/ratings.csv",
        "items": "ml-latest-small/movies.csv",
        "read": [],
        "split": "kfold:5",
        "metrics": RATING,
        "without": dict.fromkeys(DENSE, "gives no rmse"),
    },
    "ratings-jester": {
        "title": "Ratings: Jester (5-fold)",
        "train": "jester/jester1.csv.zst",
        "read": [],
        "split": "kfold:5",
        "metrics": RATING,
        "without": dict.fromkeys(DENSE, "gives no rmse"),
    },
}


class Board:
    def __init__(self, options):
        self.o = options
        self.akin = f"{options.build}/akin"
        self.source = os.environ.get("AKIN_DATA", "")
        self.version = self.run("--version").split()[-1]
        self.params = json.loads(PARAMS.read_text()) if PARAMS.exists() else {}

    def run(self, *args):
        done = subprocess.run([self.akin, *map(str, args)], capture_output=True, text=True)
        if done.returncode == 130:
            sys.exit(130)
        if done.returncode:
            lines = done.stderr.strip().splitlines() or ["no message"]
            raise RuntimeError(lines[-1].removeprefix("akin: error: "))
        return done.stdout

    def models(self):
        known = [m["name"] for m in json.loads(self.run("models", "--json"))["models"]]
        wanted = self.o.models.split(",") if self.o.models else known
        unknown = set(wanted) - set(known)
        if unknown:
            sys.exit(f"leaderboard: no model {', '.join(sorted(unknown))} (there are {', '.join(known)})")
        return wanted

    # ---- data ----

    def prepare(self, name):
        """(train, test) as dataset files; test None: folds of train."""
        spec, folder = SETS[name], DATA / name
        folder.mkdir(parents=True, exist_ok=True)
        train, test = folder / "train.akin", folder / "test.akin"
        folds = spec.get("split", "").startswith("kfold")
        if not (folder / "done").exists():
            if not (pathlib.Path(self.source) / spec["train"]).exists():
                return None
            read = list(spec["read"])
            if "items" in spec:
                read += ["--items", f"{self.source}/{spec['items']}"]
            whole = folder / "whole.akin" if "split" in spec and not folds else train
            self.run("prepare", f"{self.source}/{spec['train']}", *read, "-o", whole, "--quiet")
            if "test" in spec:
                self.run("prepare", f"{self.source}/{spec['test']}", *spec["read"], "-o", test, "--quiet")
            elif not folds:
                self.run("split", whole, "--by", spec["split"], "-o", train, "--test-out", test, "--quiet")
                whole.unlink()
            (folder / "done").touch()
        return (train, None if folds else test)

    def carve(self, name):
        """The validation part of train, over a sample of the users of large sets."""
        spec, folder = SETS[name], DATA / name
        train, test = self.prepare(name)
        if test is None:
            return train, None  # folds of one seed are for tuning, of another for the table
        inner, held, done = folder / "tune-train.akin", folder / "tune-test.akin", folder / "tune-done"
        way = json.dumps([spec.get(key) for key in ("sample", "carve", "given", "split")])
        if not done.exists() or done.read_text() != way:
            base = train
            if "sample" in spec:
                base = folder / "sample.akin"
                self.run("split", train, "--by", f"users:{1 - spec['sample']}", "-o", base,
                         "--test-out", folder / "rest.akin", "--quiet")
                (folder / "rest.akin").unlink()
            by = spec.get("carve", spec.get("split"))
            self.run("split", base, "--by", by, "--given", spec.get("given", 1), "-o", inner, "--test-out",
                     held, "--quiet")
            done.write_text(way)
        return inner, held

    # ---- cells ----

    def settings(self, name, model):
        out = dict(self.params.get("*", {}).get(model, {}).get("params", {}))
        out.update(self.params.get(name, {}).get(model, {}).get("params", {}))
        return out

    def evaluate(self, name, model, params, train, test, *more, metrics=None):
        spec = SETS[name]
        args = ["evaluate", "--train", train, *(["--test", test] if test else ["--split", spec["split"]])]
        args += [*spec.get("options", []), "--metrics", ",".join(metrics or spec["metrics"])]
        args += ["--model", model, "--json", "--quiet", "--threads", self.o.threads, *more]
        for key, value in params.items():
            args += ["--set", f"{key}={value}"]
        return json.loads(self.run(*args))["results"][0]

    def cell(self, name, model):
        spec = SETS[name]
        if model in spec.get("without", {}):
            return {"model": model, "error": spec["without"][model]}
        train, test = self.prepare(name)
        params = self.settings(name, model)
        decides = [name, {k: v for k, v in spec.items() if k != "without"}, model, params, self.version]
        key = hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:16]
        path = DATA / "cells" / f"{name}.{model}.{key}.json"
        if path.exists() and not self.o.force:
            return json.loads(path.read_text())
        path.parent.mkdir(exist_ok=True)
        users = path.with_suffix(".csv")
        more = ["--per-user", users] if test else []
        start = time.monotonic()
        try:
            cell = self.evaluate(name, model, params, train, test, *more)
        except RuntimeError as error:
            cell = {"error": str(error)}
        cell.update(model=model, set=name, given=params, wall_seconds=time.monotonic() - start)
        if users.exists():
            cell["users"] = users.name
        made = path.with_suffix(".new")
        made.write_text(json.dumps(cell, indent=1) + "\n")
        made.rename(path)
        return cell

    # ---- tuning ----

    def draw(self, rows, rng):
        out = {}
        for row in rows:
            low, high, default = row.get("lo"), row.get("hi"), row["default"]
            if row["type"] == "choice":
                out[row["name"]] = rng.choice(row["choices"].split("|"))
            elif row["type"] == "bool":
                out[row["name"]] = rng.choice(["true", "false"])
            elif row["type"] == "real" and low == 0 and high == 1:
                out[row["name"]] = round(rng.random(), 3)
            elif row["type"] in ("int", "real"):
                value = float(default) * 2 ** rng.uniform(-3, 3) if float(default) else rng.random()
                value = min(max(value, low), high)
                out[row["name"]] = round(value) if row["type"] == "int" else float(f"{value:.3g}")
        # Some parameters at a time: the defaults are no bad place to start from.
        return {k: v for k, v in out.items() if rng.random() < 0.6}

    def tune(self, name, model):
        """Random search on the validation part; the best of it and of what the file has."""
        spec = SETS[name]
        inner, held = self.carve(name)
        metric = order_of(spec)[0]
        rows = [r for r in json.loads(self.run("params", model, "--json"))["params"]
                if r["tunable"] and r["name"] not in spec.get("fixed", [])]
        rng = random.Random(f"{name} {model}")
        more = ["--seed", "7"] if held is None else []
        tried = [self.settings(name, model)]
        tried += [{**tried[0], **self.draw(rows, rng)} for _ in range(self.o.trials)]
        seen = []
        for i, params in enumerate(tried):
            try:
                r = self.evaluate(name, model, params, inner, held, *more, "--bootstrap", 0, metrics=[metric])
            except RuntimeError as error:
                print(f"{name} {model} {params}: {error}", file=sys.stderr)
                if i == 0:
                    return
                continue
            value = r["metrics"][metric]["value"]
            seen.append((value, i, params))
            print(f"{name} {model} {i}/{self.o.trials} {metric} {value:.4f} {params}", file=sys.stderr)
        sign = -1 if metric in RATING else 1
        value, i, params = max(seen, key=lambda s: (sign * s[0], -s[1]))
        if i > 0 or name in self.params and model in self.params[name]:
            if PARAMS.exists():  # others may have written meanwhile
                self.params = json.loads(PARAMS.read_text())
            self.params.setdefault(name, {})[model] = {
                "params": params,
                "validation": {metric: round(value, 6), "defaults": round(seen[0][0], 6), "trials": self.o.trials},
            }
            text = json.dumps(self.params, indent=1, sort_keys=True) + "\n"
            made = PARAMS.with_suffix(".new")
            made.write_text(text)
            made.rename(PARAMS)


# ---- the page ----


def order_of(spec):
    """The metric that orders a table, and its direction."""
    metrics = spec["metrics"]
    return (metrics[0], 1) if metrics[0] in RATING else (metrics[1], -1)


def users_of(cell):
    """{user: (values)} of a cell."""
    import csv

    with open(DATA / "cells" / cell["users"], newline="") as f:
        rows = csv.reader(f)
        columns = next(rows)[2:]
        return columns, {r[1]: r[2:] for r in rows}


def paired(a, b, metric):
    """p of the Wilcoxon signed-rank test over the users of both."""
    from scipy.stats import wilcoxon

    (names, left), (_, right) = users_of(a), users_of(b)
    at = names.index(metric)
    both = [(float(left[u][at]), float(right[u][at])) for u in left
            if u in right and left[u][at] and right[u][at]]
    differences = [round(x - y, 6) for x, y in both]
    if not any(differences):
        return 1.0
    return float(wilcoxon(differences).pvalue)


def number(cell, metric):
    m = cell["metrics"].get(metric, {})
    value = m.get("value")
    if value is None:
        return "–"
    if m.get("lo") is None:
        folds = m.get("folds")
        if folds and len(folds) > 1:
            mean = sum(folds) / len(folds)
            error = math.sqrt(sum((f - mean) ** 2 for f in folds) / (len(folds) - 1) / len(folds))
            return f"{value:.4f} ±{1.96 * error:.4f}"
        return f"{value:.4f}"
    return f"{value:.4f} ±{(m['hi'] - m['lo']) / 2:.4f}"


def table(name, cells):
    spec = SETS[name]
    metric, sign = order_of(spec)
    good = [c for c in cells if "error" not in c and c["metrics"].get(metric, {}).get("value") is not None]
    good.sort(key=lambda c: sign * c["metrics"][metric]["value"])
    head = ["model", *spec["metrics"], "p", "train s", "evaluate s", "peak MB", "parameters"]
    lines = [f"## {spec['title']}", "", "| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for c in good:
        p = ""
        if c is not good[0] and "users" in c:
            value = paired(good[0], c, metric)
            p = f"{value:.2g}" if value >= 1e-4 else "< 1e-4"
        given = " ".join(f"{k}={v}" for k, v in sorted(c["given"].items())) or "defaults"
        row = [c["model"], *(number(c, m) for m in spec["metrics"]), p, f"{c['train_seconds']:.2f}",
               f"{c['evaluate_seconds']:.2f}", f"{c['peak_bytes'] / 1e6:.0f}", given]
        lines.append("| " + " | ".join(row) + " |")
    reasons = {}
    for c in cells:
        if c not in good:
            reasons.setdefault(c.get("error", "gives no " + metric), []).append(f"`{c['model']}`")
    for reason, who in reasons.items():
        lines.append(f"\nNot here: {', '.join(who)}: {reason.removeprefix(who[0].strip('`') + ': ')}.")
    return "\n".join(lines) + "\n"


INTRO = """# Leaderboard

Made by `make leaderboard` (bench/leaderboard.py), which says how; do not edit. Full catalogue, the
definitions of docs/metrics.md, 95 % intervals (over users by bootstrap; over folds by their spread), p:
Wilcoxon signed-rank against the first of the table, per user, on the metric that orders it. Parameters
in the last column were found on a validation part of train (bench/params/leaderboard.json has what was
seen there, or the page that says it); the test part was opened for the rows below, and where a model's
page says so. For RetailRocket the validation part is the newest sessions of train, whole
(`sessions:0.0375`). Seconds and memory are of two cores of a virtual machine, one model after another;
some ran beside other work (`bpr`, `vae`, `sdae`, `fm`, RetailRocket, all of MovieLens and Last.fm: their
seconds are too many by up to three times). Composites, `ffm`, and `svdpp` as it is now were run on
MovieLens and Last.fm; the other tables are older.
"""


def merged(tables):
    """The page's tables, in the order of SETS: those just made, and of other sets what stands there."""
    old = PAGE.read_text().split("\n## ")[1:] if PAGE.exists() else []
    by_title = {t.split("\n", 1)[0]: f"## {t.rstrip()}\n" for t in old}
    by_title.update((t.split("\n", 1)[0].removeprefix("## "), t) for t in tables)
    return [by_title[spec["title"]] for spec in SETS.values() if spec["title"] in by_title]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.environ.get("BENCH_BUILD", str(ROOT / "build")))
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--models", default="")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--force", action="store_true")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--tune", default="")
    parser.add_argument("--trials", type=int, default=20)
    o = parser.parse_args()
    if o.tune:
        o.models = o.tune
    board = Board(o)
    names = o.sets.split(",")
    unknown = set(names) - set(SETS)
    if unknown:
        sys.exit(f"leaderboard: no set {', '.join(sorted(unknown))} (there are {', '.join(SETS)})")
    models = board.models()
    text = [INTRO]
    for at, name in enumerate(names):
        if not board.prepare(name):
            print(f"leaderboard: {name}: not under $AKIN_DATA, left out", file=sys.stderr)
            continue
        cells = []
        for i, model in enumerate(models):
            if sys.stderr.isatty():
                print(f"\rleaderboard: {name} {model} ({at * len(models) + i + 1} of {len(names) * len(models)}) ",
                      end="\033[K", file=sys.stderr)
            if o.tune:
                board.tune(name, model)
            else:
                cells.append(board.cell(name, model))
        if not o.tune:
            text.append(table(name, cells))
    if sys.stderr.isatty():
        print(file=sys.stderr)
    if o.tune:
        return
    print("\n".join(text[1:]))
    if o.write:
        PAGE.write_text("\n".join([INTRO, *merged(text[1:])]))


if __name__ == "__main__":
    main()
