#!/usr/bin/env python3
"""How the defaults of svd, nmf and bpr were chosen: validation parts carved from train, never tests.

    bench/params/sgd-search.py --model svd [--akin build/akin] [--data DIR] [--sets a,b] key=v1,v2 …

Every combination of the values given is trained and measured on each set (AKIN_DATA or --data holds
them); with --each an argument is a whole combination: 'candidates=4 epochs=40'. A set's test part is
split off first and not looked at: of rating sets fold 0 of kfold:5, Gowalla's is a file of its own, of
the others it is the leaderboard's. The validation part is carved from what is left: five folds of the
ratings (rmse), ratio:0.2 or leave-last:5 of the positives (ndcg@20, recall@20). Combinations come best
first, by the mean over sets of the first metric as a share of the best on that set.
"""
import argparse
import itertools
import json
import os
import subprocess
import tempfile

RATINGS = {"by": "kfold:5", "metrics": ["rmse"]}
POSITIVES = {"by": "ratio:0.2", "metrics": ["ndcg@20", "recall@20"]}
LIKED = {**POSITIVES, "by": "leave-last:5", "options": ["--positive", "value >= 4"]}

# name: (files under the data directory, reading options, split of the test off, how to validate)
SETS = {
    "movielens": ("ml-latest-small/ratings.csv", [], "kfold:5", RATINGS),
    "jester": ("jester/jester1.csv.zst", [], "kfold:5", RATINGS),
    "gowalla": ("gowalla/train.txt", ["--format", "adjacency"], None, POSITIVES),
    "movielens-liked": ("ml-latest-small/ratings.csv", [], "leave-last:5", LIKED),
    "lastfm": ("lastfm-hetrec/user_artists.dat", [], "ratio:0.2", POSITIVES),
}


def run(arguments):
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(" ".join(arguments) + "\n" + done.stderr)
    return done.stdout


def prepare(akin, data, name, folder):
    """What is left of a set once its test part is off; a dataset file."""
    path, options, split, _ = SETS[name]
    whole, train = f"{folder}/{name}.all.akin", f"{folder}/{name}.akin"
    run([akin, "prepare", os.path.join(data, path), *options, "-o", whole, "--quiet"])
    if not split:
        return whole
    run([akin, "split", whole, "--by", split, "-o", train, "--test-out", f"{folder}/test.akin",
         "--quiet"])
    return train


def measure(akin, model, train, how, setting):
    """The metrics of a setting on the validation part."""
    command = [akin, "evaluate", "--train", train, "--split", how["by"], "--bootstrap", "0",
               "--metrics", ",".join(how["metrics"]), "--model", model, "--json", "--quiet", *how.get("options", [])]
    for key, value in setting.items():
        command += ["--set", f"{key}={value}"]
    found = json.loads(run(command))["results"][0]["metrics"]
    return [found[m]["value"] for m in how["metrics"]]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--akin", default="build/akin")
    parser.add_argument("--data", default=os.environ.get("AKIN_DATA", "data"))
    parser.add_argument("--model", default="svd")
    parser.add_argument("--sets", default="movielens,jester")
    parser.add_argument("--each", action="store_true")
    parser.add_argument("grid", nargs="*", metavar="key=v1,v2")
    args = parser.parse_args()
    if args.each:
        settings = [dict(e.split("=", 1) for e in entry.split()) for entry in args.grid]
    else:
        grid = dict(entry.split("=", 1) for entry in args.grid)
        settings = [dict(zip(grid, values))
                    for values in itertools.product(*(v.split(",") for v in grid.values()))]
    sets = args.sets.split(",")
    rows = [[] for _ in settings]
    with tempfile.TemporaryDirectory() as folder:
        for name in sets:
            train = prepare(args.akin, args.data, name, folder)
            how = SETS[name][3]
            values = [measure(args.akin, args.model, train, how, s) for s in settings]
            firsts = [v[0] for v in values]
            best = min(firsts) if how is RATINGS else max(firsts)
            for row, value in zip(rows, values):
                share = best / value[0] if how is RATINGS else value[0] / best
                row.append((share, " / ".join(f"{v:.4f}" for v in value)))
    heads = (f"{name} {' / '.join(SETS[name][3]['metrics'])}" for name in sets)
    print("| share | " + " | ".join(heads) + " | setting |")
    print("|---" * (len(sets) + 2) + "|")
    order = sorted(range(len(settings)), key=lambda i: -sum(share for share, _ in rows[i]))
    for i in order:
        share = sum(share for share, _ in rows[i]) / len(sets)
        text = " ".join(f"{k}={v}" for k, v in settings[i].items()) or "defaults"
        print(f"| {share:.4f} | " + " | ".join(cell for _, cell in rows[i]) + f" | {text} |")


if __name__ == "__main__":
    main()
