"""Peers of fm: myFM and xLearn on the rows that akin's fm sees; one line of JSON.

    peers_fm.py myfm|xlearn JSON      {"folder", "factors", "threads", "sweeps"|"epochs", …}

Features as docs/models/fm.md has them: users, items, genres and tags brought to length 1 per item
and kind, columns of events. Only the library's own fit is timed. xLearn ends the process if $USER
is not set.
"""

import csv
import json
import os
import sys
import tempfile
import time

import numpy as np
import scipy.sparse as sp

os.environ.setdefault("USER", "bench")
ARGS = json.loads(sys.argv[2])


class Columns(dict):
    """The number of a name; new ones at the end."""

    def __missing__(self, name):
        self[name] = len(self)
        return self[name]


def attributes(folder):
    """item → [(sort, name, value)], from movies.csv and tags.csv if there are any."""
    genres, tags, out = {}, {}, {}
    if os.path.exists(f"{folder}/movies.csv"):
        for row in csv.DictReader(open(f"{folder}/movies.csv", encoding="utf-8")):
            genres[row["movieId"]] = set(row["genres"].split("|"))
        for row in csv.DictReader(open(f"{folder}/tags.csv", encoding="utf-8")):
            tags.setdefault(row["movieId"], set()).add(row["tag"].lower())
    for sort, of in (("genre", genres), ("tag", tags)):
        for item, names in of.items():
            each = [(sort, n, len(names) ** -0.5) for n in sorted(names)]
            out.setdefault(item, []).extend(each)
    return out


def rows(path, has, number):
    for row in list(csv.reader(open(path, encoding="utf-8")))[1:]:
        x = [("user", row[0], 1.0), ("item", row[1], 1.0)] + has.get(row[1], [])
        if not has:
            x += [(f"context{c}", v, 1.0) for c, v in enumerate(row[3:])]
        yield float(row[2]), [(number[s, n], s, v) for s, n, v in x]


def read():
    has, number = attributes(ARGS["folder"]), Columns()
    parts = [list(rows(f"{ARGS['folder']}/{n}.csv", has, number)) for n in ("train", "test")]
    return parts, number


def clock(fit):
    wall, cpu = time.perf_counter(), time.process_time()
    fit()
    return {"seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}


def said(out, predicted, parts):
    train, test = (np.array([y for y, _ in p]) for p in parts)
    error = np.clip(predicted, train.min(), train.max()) - test
    return {**out, "rmse": float(np.sqrt((error**2).mean()))}


def myfm():
    from myfm import MyFMRegressor

    parts, number = read()
    sorts = sorted({s for s, _ in number})
    order = sorted(number, key=lambda name: (sorts.index(name[0]), number[name]))
    place = {number[name]: at for at, name in enumerate(order)}

    def design(part):
        at = [(r, place[j], v) for r, (_, x) in enumerate(part) for j, _, v in x]
        r, j, v = (np.array(c) for c in zip(*at))
        return sp.csr_matrix((v, (r, j)), shape=(len(part), len(number)))

    x, held_out = (design(p) for p in parts)
    y = np.array([y for y, _ in parts[0]])
    model = MyFMRegressor(rank=ARGS["factors"], random_seed=ARGS.get("seed", 42))
    n = ARGS["sweeps"]
    shapes = [sum(s == sort for s, _ in number) for sort in sorts]
    out = clock(
        lambda: model.fit(x, y, n_iter=n, n_kept_samples=n - n // 10, group_shapes=shapes)
    )
    return said(out, model.predict(held_out), parts)


def xlearn():
    import xlearn as xl

    parts, number = read()
    is_ffm = ARGS.get("fields", False)
    fields = Columns()
    with tempfile.TemporaryDirectory() as d:
        for name, part in zip(("train", "test"), parts):
            with open(f"{d}/{name}", "w") as f:
                for y, x in part:
                    each = (f"{fields[s]}:{j}:{v}" if is_ffm else f"{j}:{v}" for j, s, v in x)
                    f.write(f"{y} {' '.join(each)}\n")
        model = xl.create_ffm() if is_ffm else xl.create_fm()
        model.setTrain(f"{d}/train")
        model.setQuiet()
        options = {"task": "reg", "k": ARGS["factors"], "epoch": ARGS["epochs"]}
        options |= {"lr": ARGS["rate"], "lambda": ARGS["reg"], "nthread": ARGS["threads"]}
        out = clock(lambda: model.fit(options, f"{d}/model"))
        model.setTest(f"{d}/test")
        model.predict(f"{d}/model", f"{d}/said")
        return said(out, np.loadtxt(f"{d}/said"), parts)


if __name__ == "__main__":
    real = os.dup(1)
    os.dup2(2, 1)  # what the libraries print
    result = {"myfm": myfm, "xlearn": xlearn}[sys.argv[1]]()
    os.write(real, (json.dumps(result) + "\n").encode())
