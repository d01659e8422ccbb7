#!/usr/bin/env python3
"""How the defaults of als and svdpp were chosen: validation parts carved from train, never the tests.

    bench/params/rating-search.py MODEL [--akin build/akin] [--data DIR] [--sets a,b] key=v1,v2 ...

Of each set (AKIN_DATA or --data holds them) fold 0 of kfold:5 is split off first and not looked at;
ratio:0.2 of what is left is the validation part. All items of the catalogue count, those without a
rating too. Combinations are ordered by the mean over sets of rmse as a multiple of the best rmse on
that set. The tables of docs/models/als.md and svdpp.md come from the commands that stand there.
"""
import argparse
import itertools
import json
import os
import subprocess
import tempfile

# name: (interactions, reading options; {data} is the data directory)
SETS = {
    "movielens": ("ml-latest-small/ratings.csv", ["--items", "{data}/ml-latest-small/movies.csv"]),
    "jester": ("jester/jester1.csv.zst", []),
}


def run(arguments):
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(" ".join(arguments) + "\n" + done.stderr)
    return done.stdout


def prepare(akin, data, name, folder):
    """What is left of a set once its test part is off; a dataset file."""
    path, options = SETS[name]
    whole, train = f"{folder}/{name}.all.akin", f"{folder}/{name}.akin"
    options = [o.format(data=data) for o in options]
    run([akin, "prepare", os.path.join(data, path), *options, "-o", whole, "--quiet"])
    run([akin, "split", whole, "--by", "kfold:5", "-o", train, "--test-out",
         f"{folder}/{name}.test.akin", "--quiet"])
    return train


def measure(akin, train, model, settings):
    """(rmse, seconds of training) of each setting on the validation part."""
    command = [akin, "evaluate", "--train", train, "--split", "ratio:0.2", "--bootstrap", "0",
               "--metrics", "rmse", "--json", "--quiet"]
    for setting in settings:
        command += ["--model", model]
        for key, value in setting.items():
            command += ["--set", f"{key}={value}"]
    results = json.loads(run(command))["results"]
    return [(r["metrics"]["rmse"]["value"], r["train_seconds"]) for r in results]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--akin", default="build/akin")
    parser.add_argument("--data", default=os.environ.get("AKIN_DATA", "data"))
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("grid", nargs="*", metavar="key=v1,v2")
    args = parser.parse_args()
    grid = dict(entry.split("=", 1) for entry in args.grid)
    settings = [dict(zip(grid, values))
                for values in itertools.product(*(v.split(",") for v in grid.values()))]
    sets = args.sets.split(",")
    scores = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in sets:
            train = prepare(args.akin, args.data, name, folder)
            scores[name] = measure(args.akin, train, args.model, settings)
    best = {name: min(rmse for rmse, _ in scores[name]) for name in sets}
    share = [sum(scores[name][i][0] / best[name] for name in sets) / len(sets)
             for i in range(len(settings))]
    print("| times the best | " + " | ".join(f"{name} rmse (s)" for name in sets) + " | setting |")
    print("|---" * (len(sets) + 2) + "|")
    for i in sorted(range(len(settings)), key=lambda i: share[i]):
        cells = [f"{scores[name][i][0]:.4f} ({scores[name][i][1]:.1f})" for name in sets]
        text = " ".join(f"{k}={v}" for k, v in settings[i].items()) or "defaults"
        print(f"| {share[i]:.4f} | " + " | ".join(cells) + f" | {text} |")


if __name__ == "__main__":
    main()
