#!/usr/bin/env python3
"""How the defaults of itemknn, userknn, p3alpha and rp3beta, vae and sdae were chosen: validation
parts carved from train, never the tests.

    bench/params/neighbors-search.py [--model itemknn] [--akin build/akin] [--data DIR] [--sets a,b]
        [--min-item-events N] key=v1,v2 ...

Every combination of the values given is trained and measured on each set (AKIN_DATA or --data
holds them). A set's test part is split off first and not looked at: Gowalla's is a file of its own;
CiteULike-a and Last.fm ratio:0.2; ml-latest-small leave-last:5 of ratings >= 4. The validation part
is then carved from what is left in the same way. Combinations are ordered by the mean over sets of
ndcg@20 as a share of the best ndcg@20 on that set. The tables of docs/models/itemknn.md come from

    neighbors-search.py similarity=cosine damping=0,0.5,1 neighbors=100,200,400 keep=history,target
    neighbors-search.py similarity=asymmetric_cosine alpha=0.5,0.6,0.7,0.8 damping=0.3,0.5,0.7 \\
        shrinkage=0,1 neighbors=200
    neighbors-search.py similarity=cosine,asymmetric_cosine,jaccard,bm25,tfidf,llr damping=0,0.5 \\
        alpha=0.7 neighbors=200
"""
import argparse
import itertools
import json
import os
import subprocess
import tempfile

RATIO = "ratio:0.2"
LAST = "leave-last:5"

MODEL = "itemknn"
FIXED = {}  # settings of a set that are not searched

# name: (files under the data directory, reading options, split, is the test a file of its own)
SETS = {
    "gowalla": ("gowalla/train.txt", ["--format", "adjacency"], RATIO, True),
    "citeulike": ("citeulike-a/users.dat", ["--format", "adjacency", "--lead", "count"], RATIO,
                  False),
    "lastfm": ("lastfm-hetrec/user_artists.dat",
               ["--format", "tsv", "--columns", "user_id=userID,item_id=artistID,value=weight"],
               RATIO, False),
    "movielens": ("ml-latest-small/ratings.csv", [], LAST, False),
}


def run(arguments):
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(" ".join(arguments) + "\n" + done.stderr)
    return done.stdout


def prepare(akin, data, name, folder, cleaning):
    """What is left of a set once its test part is off; a dataset file."""
    path, options, split, has_test = SETS[name]
    whole, train = f"{folder}/{name}.all.akin", f"{folder}/{name}.akin"
    options = [option.replace("DATA", data) for option in options]
    run([akin, "prepare", os.path.join(data, path), *options, *cleaning, "-o", whole,
         "--quiet"])
    if has_test:
        return whole
    run([akin, "split", whole, "--by", split, "-o", train, "--test-out",
         f"{folder}/{name}.test.akin", "--quiet"])
    return train


def measure(akin, model, train, name, settings):
    """ndcg@20 and recall@20 of each setting on the validation part."""
    command = [akin, "evaluate", "--train", train, "--split", SETS[name][2], "--bootstrap", "0",
               "--metrics", "recall@20,ndcg@20", "--json", "--quiet"]
    if name == "movielens":
        command += ["--positive", "value >= 4"]
    for setting in settings:
        command += ["--model", model]
        for key, value in {**FIXED.get(name, {}), **setting}.items():
            command += ["--set", f"{key}={value}"]
    results = json.loads(run(command))["results"]
    return [(r["metrics"]["ndcg@20"]["value"], r["metrics"]["recall@20"]["value"])
            for r in results]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=MODEL)
    parser.add_argument("--akin", default="build/akin")
    parser.add_argument("--data", default=os.environ.get("AKIN_DATA", "data"))
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--min-item-events", default="1", help="rarer items are left out")
    parser.add_argument("grid", nargs="*", metavar="key=v1,v2")
    args = parser.parse_args()
    grid = dict(entry.split("=", 1) for entry in args.grid)
    settings = [dict(zip(grid, values))
                for values in itertools.product(*(v.split(",") for v in grid.values()))]
    sets = args.sets.split(",")
    scores = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in sets:
            train = prepare(args.akin, args.data, name, folder,
                            ["--min-item-events", args.min_item_events])
            scores[name] = measure(args.akin, args.model, train, name, settings)
    best = {name: max(ndcg for ndcg, _ in scores[name]) for name in sets}
    share = [sum(scores[name][i][0] / best[name] for name in sets) / len(sets)
             for i in range(len(settings))]
    print("| share | " + " | ".join(f"{name} ndcg@20 / recall@20" for name in sets) + " | setting |")
    print("|---" * (len(sets) + 2) + "|")
    for i in sorted(range(len(settings)), key=lambda i: -share[i]):
        cells = [f"{scores[name][i][0]:.4f} / {scores[name][i][1]:.4f}" for name in sets]
        text = " ".join(f"{k}={v}" for k, v in settings[i].items()) or "defaults"
        print(f"| {share[i]:.4f} | " + " | ".join(cells) + f" | {text} |")


if __name__ == "__main__":
    main()
