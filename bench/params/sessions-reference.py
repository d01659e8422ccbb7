#!/usr/bin/env python3
"""Session models written from their papers' formulae, beside akin's, on the same questions.

    bench/params/sessions-reference.py [--data DIR] [--akin build/akin] [--every 4] [--prefix 2]

What tells a gap of akin's models from a difference of data: STAN (Garg et al. 2019), V-SKNN and
sequential rules (Ludewig and Jannach 2018) over raw sessions, repeats and all, in plain Python. The
questions are those of `akin split --by sessions:0.0375 --given PREFIX` on the train part of
RetailRocket (AKIN_DATA or --data holds it): the newest 4,731 sessions, every next item; the test part
is not read. --every asks every n-th of them only. Settings are fixed, not searched; akin's are set to
the same. It prints hit@20 and mrr@20; docs/models/vsknn.md and markov.md have what came out.
"""
import argparse
import json
import math
import os
import pathlib
import subprocess
import tempfile
from collections import defaultdict

SHARE, TOP, NEIGHBORS, RECENT, STEPS = 0.0375, 20, 500, 2500, 10


class Index:
    """Sessions, and which hold an item, newest first."""

    def __init__(self, train):
        self.sessions = train
        self.by_item = defaultdict(list)
        for r in reversed(range(len(train))):
            for item in set(train[r]):
                self.by_item[item].append(r)

    def similar(self, weights, cosine):
        sim = defaultdict(float)
        for item, weight in weights.items():
            for r in self.by_item.get(item, ())[:RECENT]:
                sim[r] += weight
        if cosine:
            for r in sim:
                sim[r] /= math.sqrt(len(set(self.sessions[r])))
        return sorted(((s, r) for r, s in sim.items() if s > 0), reverse=True)[:NEIGHBORS]


def stan(index, prefix, scale=1.0, spread=2.0):
    weights = {item: math.exp((p + 1 - len(prefix)) / scale) for p, item in enumerate(prefix)}
    score = defaultdict(float)
    for sim, r in index.similar(weights, cosine=True):
        last = {item: p for p, item in enumerate(index.sessions[r])}
        shared = max(p for item, p in last.items() if item in weights)
        for item, p in last.items():
            score[item] += sim * math.exp(-abs(p - shared) / spread)
    return score


def vsknn(index, prefix, idf=1.0):
    weights = {item: max(0.0, 1 - (len(prefix) - 1 - p) / 10) for p, item in enumerate(prefix)}
    score = defaultdict(float)
    n = len(index.sessions)
    for sim, r in index.similar(weights, cosine=False):
        items = set(index.sessions[r])
        latest = next(weights[item] for item in reversed(prefix) if item in items)
        for item in items:
            score[item] += sim * latest * (1 + idf * math.log(n / len(index.by_item[item])))
    return score


def rules(index):
    """Sequential rules, weight 1 / steps; a thing may follow itself."""
    out = defaultdict(lambda: defaultdict(float))
    for line in index.sessions:
        for at, item in enumerate(line):
            for d in range(1, min(STEPS, at) + 1):
                out[line[at - d]][item] += 1 / d
    return lambda index, prefix: out.get(prefix[-1], {})


def measure(model, index, questions):
    hits = ranks = 0.0
    for prefix, target in questions:
        score = model(index, prefix)
        own = score.get(target, 0)
        if own <= 0:
            continue
        rank = 1 + sum(1 for item, s in score.items() if s > own or (s == own and item < target))
        if rank <= TOP:
            hits += 1
            ranks += 1 / rank
    return hits / len(questions), ranks / len(questions)


AKIN = [
    ("stan", {"decay": "exp", "decay_scale": 1, "spread": "exp", "spread_scale": 2, "idf": 0,
              "spread_from": "neighbor"}),
    ("vsknn", {"decay": "linear", "decay_scale": 10, "last_decay": "linear", "idf": 1, "spread": "same"}),
    ("markov", {"steps": STEPS, "decay": "div", "history": 1, "top_n": 100000}),
]


def akin(program, lines, questions):
    """The same questions, in the form of lines."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        train, test = folder / "train.txt", folder / "test.txt"
        train.write_text("".join(" ".join(map(str, line)) + "\n" for line in lines))
        test.write_text("".join(f"{' '.join(map(str, p))}\t{n}\n" for p, n in questions))
        for model, settings in AKIN:
            command = [program, "evaluate", "--train", train, "--test", test, "--format", "sessions",
                       "--exclude-seen=false", "--metrics", "hit@20,mrr@20", "--bootstrap", "0",
                       "--model", model, "--json", "--quiet"]
            for key, value in settings.items():
                command += ["--set", f"{key}={value}"]
            done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True)
            metrics = json.loads(done.stdout)["results"][0]["metrics"]
            print(f"akin {model:8} {metrics['hit@20']['value']:.4f} {metrics['mrr@20']['value']:.4f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=os.environ.get("AKIN_DATA", ""))
    parser.add_argument("--akin", default="build/akin")
    parser.add_argument("--every", type=int, default=4)
    parser.add_argument("--prefix", type=int, default=2)
    o = parser.parse_args()
    path = pathlib.Path(o.data) / "sessions" / "retailrocket_train.txt"
    lines = [list(map(int, line.split())) for line in path.read_text().splitlines()]
    newest = [i for i, line in enumerate(lines) if len(line) > o.prefix][-int(SHARE * len(lines)):]
    held = set(newest)
    train = [line for i, line in enumerate(lines) if i not in held]
    questions = [(lines[i][:k], lines[i][k]) for i in newest for k in range(o.prefix, len(lines[i]))]
    questions = questions[:: o.every]
    same = sum(p[-1] == n for p, n in questions) / len(questions)
    again = sum(n in p for p, n in questions) / len(questions)
    print(f"{len(questions)} questions; the last item again {same:.3f}, any item again {again:.3f}")
    akin(o.akin, train, questions)
    index = Index(train)
    for name, model in (("stan", stan), ("vsknn", vsknn), ("rules", rules(index))):
        hit, mrr = measure(model, index, questions)
        print(f"paper {name:7} {hit:.4f} {mrr:.4f}", flush=True)


if __name__ == "__main__":
    main()
