#!/usr/bin/env python3
"""How the defaults of bmf were chosen: validation parts carved from train, never the tests.

    bench/params/bmf-search.py [--akin build/akin] [--data DIR] [--sets a,b] key=v1,v2 ...

Every combination of the values given is trained and measured on each set (AKIN_DATA or --data
holds them; of Jester every eighth user): a fifth of each user's ratings is the test, split off first and not looked at, a fifth
of what is left the validation part, whose rmse is printed. The figures of docs/models/bmf.md come from

    bmf-search.py noise=0.01,0.65,0.75,0.85
    bmf-search.py --sets movielens factors=8,16,32
    bmf-search.py implicit=true,false flipped=true,false
    bmf-search.py --sets movielens bin_days=0,7,30
"""
import argparse
import itertools
import json
import os
import subprocess
import tempfile

AMAZON = "user_id=reviewerID,item_id=asin,value=overall,time=unixReviewTime"
# name: (ratings under the data directory, further options of prepare)
SETS = {
    "movielens": ("ml-latest-small/ratings.csv", ["--items", "ml-latest-small/movies.csv",
                                                  "--tags", "ml-latest-small/tags.csv"]),
    "jester": ("jester/jester1.csv.zst", []),
    "instruments": ("amazon-reviews/Musical_instruments_reviews.csv.zst", ["--columns", AMAZON]),
}


def run(*arguments):
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(" ".join(arguments) + "\n" + done.stderr)
    return done.stdout


def prepare(akin, data, name, folder):
    """What is left of a set once its test part is off; a dataset file."""
    path, options = os.path.join(data, SETS[name][0]), SETS[name][1]
    options = [os.path.join(data, o) if o.endswith(".csv") else o for o in options]
    whole, train = f"{folder}/{name}.all.akin", f"{folder}/{name}.akin"
    if name == "jester":
        head, *rows = run("zstd", "-dc", path).splitlines(keepends=True)
        path = f"{folder}/{name}.csv"
        with open(path, "w") as out:
            out.writelines([head] + [row for row in rows if int(row.split(",", 1)[0]) % 8 == 0])
    run(akin, "prepare", path, *options, "-o", whole, "--quiet")
    run(akin, "split", whole, "--by", "ratio:0.2", "-o", train, "--test-out",
        f"{folder}/{name}.test.akin", "--quiet")
    return train


def measure(akin, train, settings):
    """rmse and seconds of each setting on the validation part."""
    command = [akin, "evaluate", "--train", train, "--split", "ratio:0.2", "--seed", "7",
               "--bootstrap", "0", "--metrics", "rmse", "--json", "--quiet"]
    for setting in settings:
        command += ["--model", "bmf"]
        for key, value in setting.items():
            command += ["--set", f"{key}={value}"]
    results = json.loads(run(*command))["results"]
    return [(r["metrics"]["rmse"]["value"], r["train_seconds"]) for r in results]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--akin", default="build/akin")
    parser.add_argument("--data", default=os.environ.get("AKIN_DATA", "data"))
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("grid", nargs="*", metavar="key=v1,v2")
    args = parser.parse_args()
    grid = dict(entry.split("=", 1) for entry in args.grid)
    settings = [dict(zip(grid, values))
                for values in itertools.product(*(v.split(",") for v in grid.values()))]
    sets = args.sets.split(",")
    with tempfile.TemporaryDirectory() as folder:
        figures = {name: measure(args.akin, prepare(args.akin, args.data, name, folder), settings)
                   for name in sets}
    print("| setting | " + " | ".join(f"{name} rmse / s" for name in sets) + " |")
    print("|---" * (len(sets) + 1) + "|")
    for i, setting in enumerate(settings):
        text = " ".join(f"{k}={v}" for k, v in setting.items()) or "defaults"
        cells = [f"{figures[name][i][0]:.4f} / {figures[name][i][1]:.1f}" for name in sets]
        print(f"| {text} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
