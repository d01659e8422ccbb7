"""Data of the benchmarks, made once into bench/data: the same bytes for akin and for its peers.

    data.py DIR EVENTS AKIN

DIR/synth-EVENTS: ratings of `akin synth` in MovieLens-20M's shape, shuffled and in time order;
synth.akin, gowalla.akin (the published split, from $AKIN_DATA/gowalla), and matrices for the peers
(positives: value >= 4) numbered by id as akin numbers them. DIR/films: a million ratings of `akin
synth` in MovieLens-1M's shape, all positives. DIR/shop: 4 million on 150,000 items, the same.
DIR/stars: the same shape, a fifth of them the test, as
csv and for akin. DIR/movielens: ml-latest-small, ratings dealt to train.csv and test.csv.
DIR/hotels: TripAdvisor, likewise.
DIR/baskets: the sets on which itemset miners are compared. DIR/ratings: a million ratings in
MovieLens-1M's shape, a fifth of them the test. DIR/jester: Jester's ratings, a fifth of them the test;
DIR/jester-fifth: those of every fifth user.
"""

import os
import shutil
import subprocess
import sys

import numpy as np
import polars as pl
import scipy.sparse as sp

USERS, ITEMS = 138493, 26744  # of MovieLens 20M
NAMES = ["userId", "itemId", "rating", "timestamp"]


def save_matrix(path, users, items, n_users, n_items):
    m = sp.csr_matrix((np.ones(len(users), np.float32), (users, items)), shape=(n_users, n_items))
    m.sum_duplicates()
    m.sort_indices()
    m.data[:] = 1
    sp.save_npz(path + ".tmp.npz", m, compressed=False)
    os.replace(path + ".tmp.npz", path)


def synth(root, events, akin):
    out = f"{root}/synth-{events}"
    if os.path.exists(f"{out}/done"):
        return
    share = min(1.0, events / 20e6)
    users, items = max(1000, int(USERS * share)), max(2000, int(ITEMS * share**0.5))
    print(f"bench: making {events} synthetic ratings in {out}", file=sys.stderr)
    run = [akin, "synth", "--users", users, "--items", items, "--events", events, "--seed", 42]
    subprocess.run(
        [str(a) for a in run + ["-o", out, "--quiet"]], check=True, stdout=subprocess.DEVNULL
    )
    table = pl.read_csv(f"{out}/ratings.csv", new_columns=NAMES)
    table.sort("timestamp", maintain_order=True).write_csv(f"{out}/by-time.csv")
    table.sample(fraction=1.0, shuffle=True, seed=42).write_csv(f"{out}/shuffled.csv")
    os.remove(f"{out}/ratings.csv")
    u = table["userId"].unique().sort()
    i = table["itemId"].unique().sort()
    rows = table.filter(pl.col("rating") >= 4)
    save_matrix(
        f"{out}/positives.npz",
        u.search_sorted(rows["userId"]).to_numpy(),
        i.search_sorted(rows["itemId"]).to_numpy(),
        len(u),
        len(i),
    )
    subprocess.run(
        [akin, "prepare", f"{out}/by-time.csv", "-o", f"{out}/synth.akin", "--quiet"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    open(f"{out}/done", "w").close()


def all_count(root, akin, name, users, items, events):
    """Synthetic events that all are positives, as a dataset and as a matrix."""
    out = f"{root}/{name}"
    if os.path.exists(f"{out}/done"):
        return
    run = [akin, "synth", "--users", users, "--items", items, "--events", events]
    run = [str(a) for a in run + ["--seed", 42, "-o", out, "--quiet"]]
    subprocess.run(run, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(
        [akin, "prepare", f"{out}/ratings.csv", "-o", f"{out}/{name}.akin", "--quiet"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    table = pl.read_csv(f"{out}/ratings.csv", new_columns=NAMES)
    u, i = (table[side].unique().sort() for side in ("userId", "itemId"))
    save_matrix(
        f"{out}/positives.npz",
        u.search_sorted(table["userId"]).to_numpy(),
        i.search_sorted(table["itemId"]).to_numpy(),
        len(u),
        len(i),
    )
    open(f"{out}/done", "w").close()


def films(root, akin):
    """In MovieLens-1M's shape: what n² and n³ of items cost."""
    all_count(root, akin, "films", 6040, 3706, 1000000)


def shop(root, akin):
    """So many items that n² of them fit nowhere."""
    all_count(root, akin, "shop", 200000, 150000, 4000000)


def wide(root, akin):
    """A hundredth of MovieLens-20M's users, all of its items: what wide networks cost."""
    out, items = f"{root}/wide", 27278
    if os.path.exists(f"{out}/done"):
        return
    run = [akin, "synth", "--users", "1280", "--items", str(items), "--events", "185000"]
    run += ["--seed", "42", "-o", out, "--quiet"]
    subprocess.run(run, check=True, stdout=subprocess.DEVNULL)
    run = [akin, "prepare", f"{out}/ratings.csv", "--items", f"{out}/items.csv", "--quiet"]
    subprocess.run(run + ["-o", f"{out}/wide.akin"], check=True, stdout=subprocess.DEVNULL)
    table = pl.read_csv(f"{out}/ratings.csv", new_columns=NAMES)
    u = table["userId"].unique().sort()
    all_items = pl.read_csv(f"{out}/items.csv")["item_id"].unique().sort()
    save_matrix(
        f"{out}/positives.npz",
        u.search_sorted(table["userId"]).to_numpy(),
        all_items.search_sorted(table["itemId"]).to_numpy(),
        len(u),
        len(all_items),
    )
    open(f"{out}/done", "w").close()


def stars(root, akin):
    out = f"{root}/stars"
    if os.path.exists(f"{out}/done"):
        return
    run = [akin, "synth", "--users", "6040", "--items", "3706", "--events", "1000209"]
    subprocess.run(run + ["-o", out, "--quiet"], check=True, stdout=subprocess.DEVNULL)
    table = pl.read_csv(f"{out}/ratings.csv").sample(fraction=1.0, shuffle=True, seed=42)
    fifth = len(table) // 5
    for name, part in (("test", table[:fifth]), ("train", table[fifth:])):
        part.write_csv(f"{out}/{name}.csv")
        subprocess.run(
            [akin, "prepare", f"{out}/{name}.csv", "--items", f"{out}/items.csv"]
            + ["-o", f"{out}/{name}.akin", "--quiet"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
    open(f"{out}/done", "w").close()


def ratings(root, akin):
    out = f"{root}/ratings"
    if os.path.exists(f"{out}/done"):
        return
    run = [akin, "synth", "--users", "6040", "--items", "3706", "--events", "1000000", "--seed"]
    subprocess.run(run + ["42", "-o", out, "--quiet"], check=True, stdout=subprocess.DEVNULL)
    table = pl.read_csv(f"{out}/ratings.csv", new_columns=NAMES)
    is_test = np.random.default_rng(42).random(len(table)) < 0.2
    for name, rows in (("train", table.filter(~is_test)), ("test", table.filter(is_test))):
        rows.write_csv(f"{out}/{name}.csv")
        np.savez(f"{out}/{name}.npz", **{c: rows[c].to_numpy() for c in NAMES[:3]})
        subprocess.run(
            [akin, "prepare", f"{out}/{name}.csv", "-o", f"{out}/{name}.akin", "--quiet"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
    open(f"{out}/done", "w").close()


def read_adjacency(path):
    users, items = [], []
    with open(path) as f:
        for line in f:
            fields = np.array(line.split(), dtype=np.int64)
            if len(fields) > 1:
                users.append(np.full(len(fields) - 1, fields[0]))
                items.append(fields[1:])
    return np.concatenate(users), np.concatenate(items)


def gowalla(root, akin):
    out = f"{root}/gowalla"
    source = os.environ.get("AKIN_DATA", "") + "/gowalla"
    if os.path.exists(f"{out}/done"):
        return
    if not os.path.exists(f"{source}/train.txt"):
        print("bench: no gowalla under $AKIN_DATA: its workloads are left out", file=sys.stderr)
        return
    os.makedirs(out, exist_ok=True)
    parts = {name: read_adjacency(f"{source}/{name}.txt") for name in ("train", "test")}
    n_users = 1 + max(int(p[0].max()) for p in parts.values())
    n_items = 1 + max(int(p[1].max()) for p in parts.values())
    for name, (users, items) in parts.items():
        save_matrix(f"{out}/{name}.npz", users, items, n_users, n_items)
        subprocess.run(
            [akin, "prepare", f"{source}/{name}.txt", "--format", "adjacency", "-o"]
            + [f"{out}/{name}.akin", "--quiet"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
    open(f"{out}/done", "w").close()


def baskets(root, akin):
    """The sets on which itemset miners are compared, as datasets."""
    out, source = f"{root}/baskets", os.environ.get("AKIN_DATA", "") + "/baskets"
    if os.path.exists(f"{out}/done"):
        return
    if not os.path.exists(f"{source}/retail.dat"):
        print("bench: no baskets under $AKIN_DATA: their workloads are left out", file=sys.stderr)
        return
    os.makedirs(out, exist_ok=True)
    for name in ("retail", "T10I4D100K", "BMS1"):
        shutil.copy(f"{source}/{name}.dat", f"{out}/{name}.dat")
        subprocess.run(
            [akin, "prepare", f"{source}/{name}.dat", "--format", "basket", "-o"]
            + [f"{out}/{name}.akin", "--quiet"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
    open(f"{out}/done", "w").close()


def movielens(root):
    """ml-latest-small, a random fifth of the ratings held out."""
    out, source = f"{root}/movielens", os.environ.get("AKIN_DATA", "") + "/ml-latest-small"
    if os.path.exists(f"{out}/done"):
        return
    if not os.path.exists(f"{source}/ratings.csv"):
        print("bench: no ml-latest-small under $AKIN_DATA: left out", file=sys.stderr)
        return
    os.makedirs(out, exist_ok=True)
    table = pl.read_csv(f"{source}/ratings.csv").sample(fraction=1.0, shuffle=True, seed=42)
    held_out = table.height // 5
    table[:held_out].write_csv(f"{out}/test.csv")
    table[held_out:].write_csv(f"{out}/train.csv")
    for name in ("movies", "tags"):
        with open(f"{source}/{name}.csv") as f, open(f"{out}/{name}.csv", "w") as g:
            g.write(f.read())
    open(f"{out}/done", "w").close()


def hotels(root):
    """TripAdvisor with who travels how, a random fifth of the pairs held out."""
    out = f"{root}/hotels"
    source = os.environ.get("AKIN_DATA", "") + "/context/Travel_TripAdvisor_v2"
    if os.path.exists(f"{out}/done"):
        return
    if not os.path.exists(f"{source}/Data_TripAdvisor_v2.csv"):
        print("bench: no TripAdvisor under $AKIN_DATA: left out", file=sys.stderr)
        return
    os.makedirs(out, exist_ok=True)
    table = pl.read_csv(f"{source}/Data_TripAdvisor_v2.csv", encoding="utf8-lossy")
    names = ["user_id", "item_id", "value"] + [c.lower() for c in table.columns[3:]]
    table = table.rename(dict(zip(table.columns, names)))
    table = table.unique(["user_id", "item_id"], keep="last", maintain_order=True)
    table = table.sample(fraction=1.0, shuffle=True, seed=42)
    held_out = table.height // 5
    table[:held_out].write_csv(f"{out}/test.csv")
    table[held_out:].write_csv(f"{out}/train.csv")
    open(f"{out}/done", "w").close()


def jester(root, akin):
    """All users, and every fifth: Surprise's SVD++ takes the square of a user's ratings."""
    source = os.environ.get("AKIN_DATA", "") + "/jester/jester1.csv.zst"
    sizes = [(f"{root}/jester", 1), (f"{root}/jester-fifth", 5)]
    if all(os.path.exists(f"{out}/done") for out, _ in sizes):
        return
    if not os.path.exists(source):
        print("bench: no jester under $AKIN_DATA: left out", file=sys.stderr)
        return
    table = pl.read_csv(source, new_columns=["user_id", "item_id", "value"])
    table = table.sample(fraction=1.0, shuffle=True, seed=42)
    for out, step in sizes:
        rows = table.filter(pl.col("user_id") % step == 0)
        held_out = rows.height // 5
        os.makedirs(out, exist_ok=True)
        for name, part in (("test", rows[:held_out]), ("train", rows[held_out:])):
            part.write_csv(f"{out}/{name}.csv")
            subprocess.run(
                [akin, "prepare", f"{out}/{name}.csv", "-o", f"{out}/{name}.akin", "--quiet"],
                check=True,
                stdout=subprocess.DEVNULL,
            )
        open(f"{out}/done", "w").close()


if __name__ == "__main__":
    synth(sys.argv[1], int(sys.argv[2]), sys.argv[3])
    films(sys.argv[1], sys.argv[3])
    shop(sys.argv[1], sys.argv[3])
    wide(sys.argv[1], sys.argv[3])
    gowalla(sys.argv[1], sys.argv[3])
    baskets(sys.argv[1], sys.argv[3])
    stars(sys.argv[1], sys.argv[3])
    movielens(sys.argv[1])
    hotels(sys.argv[1])
    ratings(sys.argv[1], sys.argv[3])
    jester(sys.argv[1], sys.argv[3])
