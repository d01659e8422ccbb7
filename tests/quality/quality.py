#!/usr/bin/env python3
"""Figures on real data, compared with results.csv: a changed number is a visible diff.

    quality.py           compare (exit 1 and a diff on any change; 77 without $AKIN_DATA)
    quality.py --write   measure again and write results.csv (say why in the commit)

akin gives the same bits on any machine, so the comparison is exact to the six decimals printed."""
import csv
import io
import json
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
PROGRAM = os.environ.get("AKIN_PROGRAM", "build/akin")
DATA = os.environ.get("AKIN_DATA", "")

# set, arguments of evaluate, models (and what is set, for time), metrics
FILMS = ["--train", "{data}/ml-latest-small/ratings.csv", "--items",
         "{data}/ml-latest-small/movies.csv"]
ML = [*FILMS, "--split", "leave-last:5", "--positive", "value >= 4"]
RATINGS = [*FILMS, "--split", "ratio:0.2"]
GOWALLA = ["--train", "{data}/gowalla/train.txt", "--test", "{data}/gowalla/test.txt", "--format",
           "adjacency"]
LASTFM = ["--train", "{data}/lastfm-hetrec/user_artists.dat", "--split", "ratio:0.2"]
CITEULIKE = ["--train", "{data}/citeulike-a/users.dat", "--format", "adjacency", "--lead", "count",
             "--split", "ratio:0.2"]
RETAILROCKET = ["--train", "{data}/sessions/retailrocket_train.txt", "--test",
                "{data}/sessions/retailrocket_test.txt", "--format", "sessions",
                "--exclude-seen=false"]
RANKING = "popular together itemknn ials userknn p3alpha rp3beta slim ease puresvd gfcf turbocf " \
          "bspm bpr rules content markov vsknn stan vae:epochs=3 sdae:epochs=3"
RATING = "slopeone als svd svdpp nmf bmf fm:samples=4:burn_in=4"
CASES = [
    ("ml-latest-small", ML, RANKING, "ndcg@10,recall@20,coverage@20"),
    ("ml-latest-small ratings", RATINGS, RATING, "rmse,mae"),
    ("gowalla", GOWALLA, "popular itemknn ials rp3beta", "recall@20,ndcg@20"),
    ("lastfm", LASTFM, "popular itemknn ials rp3beta slim", "recall@20,ndcg@20"),
    ("citeulike-a", CITEULIKE, "popular itemknn ials rp3beta", "recall@20,ndcg@20"),
    ("retailrocket", RETAILROCKET, "markov vsknn stan", "hit@20,mrr@20"),
]


def measure():
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["set", "model", "metric", "value", "n_eval"])
    for name, args, models, metrics in CASES:
        command = [PROGRAM, "evaluate", *[a.format(data=DATA) for a in args], "--metrics", metrics,
                   "--bootstrap", "0", "--json", "--quiet"]
        for model in models.split():
            model, *settings = model.split(":")
            command += ["--model", model]
            for setting in settings:
                command += ["--set", setting]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"quality: {name}: {done.stderr}")
        for row in json.loads(done.stdout)["results"]:
            for metric, cell in row["metrics"].items():
                writer.writerow([name, row["model"], metric, f"{cell['value']:.6f}",
                                 row["n_eval"]])
    return out.getvalue()


def main():
    if not DATA:
        print("quality: skipped, AKIN_DATA is not set")
        sys.exit(77)
    got = measure()
    path = HERE / "results.csv"
    if "--write" in sys.argv:
        path.write_text(got)
        return
    want = path.read_text()
    if got != want:
        old, new = want.splitlines(), got.splitlines()
        for line in old:
            if line not in new:
                print("-", line)
        for line in new:
            if line not in old:
                print("+", line)
        sys.exit("quality: figures changed (quality.py --write, and say why in the commit)")
    print(f"quality: {len(got.splitlines()) - 1} figures as recorded")


main()
