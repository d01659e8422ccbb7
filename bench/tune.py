#!/usr/bin/env python3
"""What tuning brings: on three sets, the defaults, random draws and the Parzen estimator on the
validation part, trial by trial over several seeds.

    bench/tune.py [--akin build/akin] [--data DIR] [--trials 24] [--seeds 3] [--sets a,b] [--test]

The test part is split off first and not looked at, except with --test: once, at the end, a model with
the defaults and one with what the first seed of tpe found. JSON on stdout: per set the metric of the
defaults, and per searcher, as means over seeds: the best of all trials; the best so far after 8, 16, …
trials, the defaults (which are the first) left out; the mean of the trials after the first generation,
which both searchers share.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

# name: (source, options of prepare, feedback, split, metric, model, options of tune)
SETS = {
    "movielens": (["ml-latest-small/ratings.csv"], [], ["--positive", "value >= 4"], "time:0.2",
                  "ndcg@10", "itemknn", []),
    "lastfm": (["lastfm-hetrec/user_artists.dat"],
               ["--format", "tsv", "--columns", "user_id=userID,item_id=artistID,value=weight"], [],
               "ratio:0.2", "ndcg@10", "rp3beta", []),
    "citeulike": (["citeulike-a/users.dat"], ["--format", "adjacency", "--lead", "count"], [],
                  "ratio:0.2", "ndcg@10", "ials",
                  ["--space", "factors=8..64", "--set", "epochs=6", "--sample", "0.3"]),
}


def run(*arguments):
    done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(" ".join(map(str, arguments)) + "\n" + done.stderr)
    return done.stdout


def course(trials, metric):
    """Best so far after each trial but the first, which is the defaults; a failed one adds nothing."""
    best, out = float("-inf"), []
    for t in trials[1:]:
        best = max(best, (t.get("metrics") or {}).get(metric, float("-inf")))
        out.append(best)
    return out


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def search(args, folder, name, train):
    _, _, feedback, _, metric, model, more = SETS[name]
    out = {"model": model, "metric": metric, "trials": args.trials, "seeds": args.seeds}
    marks = list(range(8, args.trials + 1, 8))
    for searcher in ("random", "tpe"):
        runs = []
        for seed in range(1, args.seeds + 1):
            yaml = f"{folder}/{name}.{searcher}.{seed}.yaml"
            result = json.loads(run(args.akin, "tune", train, "--model", model, *feedback, *more,
                                    "--metric", metric, "--search", searcher, "--trials",
                                    args.trials, "--seed", seed, "-o", yaml, "--json", "--quiet"))
            runs.append(result["trials"])
        values = [[t["metrics"][metric] for t in r if t["state"] == "done"] for r in runs]
        out["defaults"] = mean(v[0] for v in values)
        out[searcher] = {
            "best": mean(max(v) for v in values),
            "best_after": {m: mean(course(r, metric)[m - 2] for r in runs) for m in marks},
            "mean_trial": mean(mean(v[8:]) for v in values),
        }
        print(name, searcher, json.dumps({"defaults": out["defaults"], **out[searcher]}),
              file=sys.stderr)
    return out


def measure(args, folder, name, train, test):
    """The test, opened once: defaults against what the first seed of tpe found."""
    _, _, feedback, _, metric, model, _ = SETS[name]
    tuned = f"{folder}/{name}.model.akin"
    run(args.akin, "train", train, "--config", f"{folder}/{name}.tpe.1.yaml", "-o", tuned, "--quiet")
    results = json.loads(run(args.akin, "evaluate", "--train", train, "--test", test, "--model",
                             model, "--from", tuned, *feedback, "--metrics", metric, "--json",
                             "--quiet"))
    values = [r["metrics"][metric] for r in results["results"]]
    return {"defaults": values[0], "tuned": values[1], "paired": results["tests"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--akin", default="build/akin")
    parser.add_argument("--data", default=os.environ.get("AKIN_DATA", "data"))
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--trials", type=int, default=24)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--test", action="store_true")
    args = parser.parse_args()
    report = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in args.sets.split(","):
            sources, options, _, split, *_ = SETS[name]
            whole, train = f"{folder}/{name}.all.akin", f"{folder}/{name}.akin"
            test = f"{folder}/{name}.test.akin"
            run(args.akin, "prepare", *(os.path.join(args.data, s) for s in sources), *options, "-o",
                whole, "--quiet")
            run(args.akin, "split", whole, "--by", split, "-o", train, "--test-out", test, "--quiet")
            report[name] = search(args, folder, name, train)
            if args.test:
                report[name]["test"] = measure(args, folder, name, train, test)
    json.dump(report, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
