#!/usr/bin/env python3
"""How the parameters of vsknn, stan and markov on RetailRocket were chosen: on the newest sessions of
train, held out whole, never on the test.

    bench/params/sessions-search.py [--models stan,vsknn,markov] [--akin build/akin] [--data DIR]
        [--trials 40] [--seed 1] [--share 0.0375] [--given 2] [--write]

The test asks from the third item of the newest 4,735 sessions on; the validation part is as many
sessions before them (`akin split --by sessions:0.0375 --given 2` of the train part), asked in the same
way. The settings are the defaults, then seeded draws from RANGES, each key at random (a list: one of
it; a pair: uniform in the logarithm). By mrr@20, the leaderboard's order; --write puts the best of each
model into bench/params/leaderboard.json.
"""
import argparse
import json
import math
import os
import pathlib
import random
import subprocess
import tempfile

PARAMS = pathlib.Path(__file__).resolve().parent / "leaderboard.json"
HOW = "bench/params/sessions-search.py"
METRICS = ("mrr@20", "hit@20")
BATCH = 8  # settings a run of the program

RANGES = {
    "stan": {
        "neighbors": (100, 3000), "decay": ["exp", "exp", "div"], "decay_scale": (0.6, 5.0),
        "spread": ["exp"], "spread_scale": (0.2, 2.0), "last_decay": ["same", "exp", "div"],
        "idf": [0, 0, 0.2, 0.5, 1],
    },
    "vsknn": {
        "neighbors": (100, 3000), "decay": ["exp", "div", "linear"], "decay_scale": (0.6, 12.0),
        "last_decay": ["linear", "exp", "div"], "spread": ["same", "div", "exp"],
        "spread_scale": (0.2, 4.0), "cosine": ["false", "true"], "idf": [0, 0.2, 0.5, 1, 2],
    },
    "markov": {
        "steps": (1, 20), "decay": ["div", "exp"], "decay_scale": (0.4, 4.0), "norm": [0, 0.2, 0.5, 0.8, 1],
        "top_n": [200, 1000], "history": (1, 20), "history_decay": ["exp", "div"],
        "history_scale": (0.3, 4.0),
    },
}
# With every draw; chosen before, with stan alone: see docs/models/vsknn.md.
FIXED = {"stan": {"spread_from": "neighbor"}, "vsknn": {"spread_from": "neighbor"}}
WHOLE = {"neighbors", "steps", "history"}


def draw(ranges, rng):
    out = {}
    for key, values in ranges.items():
        if isinstance(values, list):
            out[key] = rng.choice(values)
            continue
        value = math.exp(rng.uniform(math.log(values[0]), math.log(values[1])))
        out[key] = round(value) if key in WHOLE else float(f"{value:.3g}")
    return out


def run(*args):
    done = subprocess.run(list(map(str, args)), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return done.stdout


def measure(o, folder, model, settings):
    command = [o.akin, "evaluate", "--train", folder / "train.akin", "--test", folder / "test.akin",
               "--exclude-seen=false", "--metrics", ",".join(METRICS), "--bootstrap", 0, "--json", "--quiet"]
    for setting in settings:
        command += ["--model", model]
        for key, value in setting.items():
            command += ["--set", f"{key}={value}"]
    return [[r["metrics"][m]["value"] for m in METRICS] for r in json.loads(run(*command))["results"]]


def search(o, folder, model):
    rng = random.Random(f"{o.seed} {model}")
    drawn = [{**FIXED.get(model, {}), **draw(RANGES[model], rng)} for _ in range(o.trials)]
    settings = [{}] + drawn
    seen = []
    for at in range(0, len(settings), BATCH):
        part = settings[at:at + BATCH]
        for setting, values in zip(part, measure(o, folder, model, part)):
            seen.append((values, setting))
            print(f"{model:7} mrr@20 {values[0]:.4f} hit@20 {values[1]:.4f} {setting}", flush=True)
    best = max(seen, key=lambda s: s[0][0])
    print(f"best {model}: mrr@20 {best[0][0]:.4f} hit@20 {best[0][1]:.4f} {best[1]}", flush=True)
    if o.write:
        params = json.loads(PARAMS.read_text())
        params.setdefault("retailrocket", {})[model] = {
            "how": HOW, "params": best[1],
            "validation": {"mrr@20": round(best[0][0], 6), "hit@20": round(best[0][1], 6),
                           "defaults": round(seen[0][0][0], 6), "trials": o.trials},
        }
        PARAMS.write_text(json.dumps(params, indent=1, sort_keys=True) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="stan,vsknn,markov")
    parser.add_argument("--akin", default="build/akin")
    parser.add_argument("--data", default=os.environ.get("AKIN_DATA", ""))
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--share", type=float, default=0.0375)
    parser.add_argument("--given", type=int, default=2)
    parser.add_argument("--write", action="store_true")
    o = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        run(o.akin, "split", f"{o.data}/sessions/retailrocket_train.txt", "--format", "sessions", "--by",
            f"sessions:{o.share}", "--given", o.given, "-o", folder / "train.akin", "--test-out",
            folder / "test.akin", "--quiet")
        for model in o.models.split(","):
            search(o, folder, model)


if __name__ == "__main__":
    main()
