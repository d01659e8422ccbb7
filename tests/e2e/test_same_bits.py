"""Same data + parameters + seed = the same bytes: threads, ISAs, order of input rows, CPUs."""
import collections
import concurrent.futures
import csv
import json
import os
import pathlib
import subprocess
import unittest

from akin_cli import PROGRAM, Case

HERE = os.path.abspath(PROGRAM)
OTHER = os.environ.get("AKIN_OTHER") and os.path.abspath(os.environ["AKIN_OTHER"])


class SameBits(Case):
    def isas(self):
        return [i["name"] for i in self.json("doctor")["isa"] if i["works"]]

    def fingerprint(self, path):
        return self.json("inspect", path)["fingerprint"]

    def test_dataset(self):
        first = self.dir / "first.akin"
        self.akin("prepare", self.ratings(), "--items", self.items(), "-o", first)
        want = self.fingerprint(first)
        for threads in (1, 2, 3, 8):
            out = self.dir / f"t{threads}.akin"
            self.akin("prepare", self.dir / "ratings.csv", "--items", self.dir / "items.csv", "-o",
                      out, "--threads", threads)
            self.assertEqual(out.read_bytes(), first.read_bytes())
        shuffled = self.dir / "s.akin"
        self.akin("prepare", self.ratings("shuffled.csv", shuffle=3), "--items",
                  self.dir / "items.csv", "-o", shuffled)
        self.assertEqual(self.fingerprint(shuffled), want)

    def test_models_and_lists(self):
        data = self.dir / "d.akin"
        self.akin("prepare", self.ratings(), "--items", self.items(), "-o", data)
        models = [m["name"] for m in self.json("models")["models"]]
        cases = [("--threads", t) for t in (1, 2, 3, 8)] + [("--isa", i) for i in self.isas()]
        for name in models:
            want = None
            for case in cases:
                model = self.dir / "m.akin"
                self.akin("train", data, "--model", name, "--positive", "value >= 4", "-o", model,
                          *case)
                lists, _ = self.akin("recommend", model, "--all", "-k", "7", "--json", *case)
                got = (self.fingerprint(model), lists)
                want = want or got
                self.assertEqual(got, want, f"{name} {case}")


class OtherProgram(Case):
    """$AKIN_OTHER, akin built for another CPU, against $AKIN_PROGRAM: the same files, lists and
    figures from the same tables, with each of its ISAs, on 1 and 3 threads (tests/aarch64.sh; ref on 1)."""

    # Clocks and the memory of threads; everything else is compared.
    VARIES = {"time", "seconds", "train_seconds", "evaluate_seconds", "peak_bytes"}
    # An emulator is a hundred times slower: smaller values of the parameters that cost time.
    SMALL = {"epochs": 3, "factors": 24, "hidden": 16, "burn_in": 2, "samples": 2, "thin": 1,
             "max_sets": 20000, "of": "itemknn,ials:factors=24;epochs=3", "users": 60,
             "sample": 20}
    METRICS = ("recall@10,ndcg@10,map@10,mrr@10,auc,rmse,mae,coverage@10,gini@10,entropy@10,"
               "novelty@10,diversity@10,serendipity@10")

    def call(self, program, where, *args):
        done = subprocess.run([program, *map(str, args)], cwd=where, capture_output=True, text=True,
                              timeout=900)
        if done.returncode != 0:
            raise AssertionError(f"{program} {args}: {done.returncode}\n{done.stderr}")
        return done.stdout

    def steady(self, value):
        """JSON without what may differ."""
        if isinstance(value, dict):
            return {k: self.steady(v) for k, v in value.items() if k not in self.VARIES}
        return [self.steady(v) for v in value] if isinstance(value, list) else value

    def same(self, got, want):
        """Says where they part: a difference can be megabytes long."""
        if got == want:
            return
        got, want = (x if isinstance(x, (str, bytes)) else json.dumps(x) for x in (got, want))
        least = min(len(got), len(want))
        at = next((i for i in range(least) if got[i] != want[i]), least)
        lo = max(at - 60, 0)
        self.fail(f"at {at}: {got[lo:at + 30]!r}, not {want[lo:at + 30]!r}")

    def tables(self):
        """The arguments of prepare."""
        ml = pathlib.Path(os.environ.get("AKIN_DATA", ""), "ml-latest-small").resolve()
        if os.environ.get("AKIN_DATA") and ml.is_dir():
            return self.often_rated(ml)
        synth = ["synth", "--users", "300", "--items", "200", "--events", "8000", "--seed", "7"]
        for program, name in ((HERE, "synth"), (OTHER, "synth-other")):
            self.call(program, self.dir, *synth, "-o", name)
        here = self.dir / "synth"
        for path in here.iterdir():
            self.assertEqual(path.read_bytes(), (self.dir / "synth-other" / path.name).read_bytes())
        return [here / "ratings.csv", "--items", here / "items.csv", "--users", here / "users.csv",
                "--tags", here / "tags.csv"]

    def often_rated(self, ml):
        """Films with 40 ratings and more: what is dense in items takes too long there."""
        with open(ml / "ratings.csv", newline="") as f:
            count = collections.Counter(row["movieId"] for row in csv.DictReader(f))
        for name in ("ratings", "movies", "tags"):
            with open(ml / f"{name}.csv", newline="") as f, \
                    open(self.dir / f"{name}.csv", "w", newline="") as out:
                rows = csv.DictReader(f)
                writer = csv.DictWriter(out, rows.fieldnames)
                writer.writeheader()
                writer.writerows(row for row in rows if count[row["movieId"]] >= 40)
        return [self.dir / "ratings.csv", "--items", self.dir / "movies.csv", "--tags",
                self.dir / "tags.csv"]

    def story(self, program, name, flags, tables, models):
        """Everything that one program makes of the tables: {what: value}."""
        where = self.dir / name
        where.mkdir()
        made = {}

        def step(what, *args, lines=False):
            out = self.call(program, where, *args, *flags, "--json")
            made[what] = out if lines else self.steady(json.loads(out))

        step("prepare", "prepare", *tables, "-o", "all.akin")
        step("split", "split", "all.akin", "--by", "leave-last:5", "-o", "train.akin", "--test-out",
             "test.akin")
        step("report", "report", "all.akin", "-o", "all.html", "--numbers", "all.json")
        for file in ("all.akin", "train.akin", "test.akin", "all.html", "all.json"):
            made[file] = (where / file).read_bytes()
        for model, settings in models.items():
            file = f"{model}.akin"
            step(f"train {model}", "train", "train.akin", "--model", model, *settings, "--positive",
                 "value >= 4", "-o", file)
            step(f"lists of {model}", "recommend", file, "--all", "-k", "10", lines=True)
            step(f"reasons of {model}", "recommend", file, "--user", "1", "--explain", lines=True)
            step(f"evaluate {model}", "evaluate", "--train", "train.akin", "--test", "test.akin",
                 "--from", file, "--positive", "value >= 4", "--metrics", self.METRICS)
            # read by the program here: it checks the sections against their hashes
            inside = json.loads(self.call(HERE, where, "inspect", file, "--json"))
            inside["sections"] = [s for s in inside["sections"] if s["name"] != "card"]
            made[file] = self.steady(inside)
        return made

    @staticmethod
    def is_less(value, default):
        try:
            return value < float(default)
        except (TypeError, ValueError):
            return True

    @unittest.skipUnless(OTHER, "AKIN_OTHER names no program")
    def test_all(self):
        models = {}
        for model in self.json("models")["models"]:
            rows = {p["name"]: p.get("default") for p in self.json("params", model["name"])["params"]}
            models[model["name"]] = [word for key, value in self.SMALL.items()
                                     if key in rows and self.is_less(value, rows[key])
                                     for word in ("--set", f"{key}={value}")]
        tables = self.tables()
        want = self.story(HERE, "here", [], tables, models)
        doctor = json.loads(self.call(OTHER, self.dir, "doctor", "--json"))
        isas = [i["name"] for i in doctor["isa"] if i["works"]]
        self.assertGreater(len(isas), 1, "only ref works there")
        # the plain kernels are the slowest, and know nothing of threads
        cases = [(isa, threads) for isa in isas for threads in ((1,) if isa == "ref" else (1, 3))]

        def run(case):
            isa, threads = case
            return self.story(OTHER, f"{isa}-{threads}", ["--isa", isa, "--threads", threads],
                              tables, models)

        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            for case, got in zip(cases, pool.map(run, cases)):
                for what in want:
                    with self.subTest(what=what, isa=case[0], threads=case[1]):
                        self.same(got[what], want[what])
        print(f"{len(models)} models, {len(want)} results, {len(cases)} ways: {cases}")


if __name__ == "__main__":
    unittest.main(verbosity=1)
