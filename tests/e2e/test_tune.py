"""akin tune as people run it: killed at any moment, resumed, its YAML trained from, bad input."""
import json
import os
import random
import signal
import sqlite3
import subprocess
import unittest

from akin_cli import PROGRAM, Case

SEED = int(os.environ.get("AKIN_TEST_SEED", "3"))


class Tune(Case):
    def setUp(self):
        super().setUp()
        self.source = self.ratings()
        self.best = self.dir / "best.yaml"
        self.log = self.dir / "best.yaml.db"

    def args(self, *more, trials=20):
        return ("tune", self.source, "--model", "ials", "--set", "epochs=2", "--metric",
                "ndcg@5,coverage@5", "--positive", "value >= 4", "--trials", trials, "-o",
                self.best, *more)

    def essence(self, result):
        drop = ("seconds", "peak_bytes")
        return [{k: v for k, v in t.items() if k not in drop} for t in result["trials"]]

    def test_killed_at_any_moment(self):
        want = self.json(*self.args("--log", self.dir / "undisturbed.db"))
        yaml = self.best.read_bytes()
        self.best.unlink()
        print(f"seed {SEED}")
        rng = random.Random(SEED)
        kills = 0
        while kills < 10:
            run = subprocess.Popen([PROGRAM, *map(str, self.args()), "--quiet", "--parallel",
                                    str(rng.choice((1, 2, 8)))],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            try:
                run.wait(rng.uniform(0, 0.1))
                self.assertEqual(run.returncode, 0, run.stderr.read())
                self.log.unlink()  # it came to its end: from the beginning
            except subprocess.TimeoutExpired:
                run.send_signal(signal.SIGKILL)
                run.wait()
                kills += 1
            run.stderr.close()
        got = self.json(*self.args())
        self.assertEqual(self.essence(got), self.essence(want))
        self.assertEqual(self.best.read_bytes(), yaml)
        rows = sqlite3.connect(self.log).execute(
            "SELECT number, params, metrics FROM trials ORDER BY number").fetchall()
        self.assertEqual([(t["trial"], t["params"], t["metrics"]) for t in want["trials"]],
                         [(n, json.loads(p), json.loads(m)) for n, p, m in rows])
        self.assertEqual(self.json(*self.args())["resumed"], 20)

    def test_what_was_found_is_trained(self):
        r = self.json(*self.args(trials=4))
        model = self.dir / "m.akin"
        trained = self.json("train", self.source, "--config", self.best, "-o", model)
        self.assertEqual(trained["model"], "ials")
        for key, value in r["best"]["params"].items():
            self.assertEqual(trained["card"]["params"][key], value)
        self.assertEqual(trained["card"]["feedback"]["positive"], "value >= 4")
        trained = self.json("train", self.source, "--config", self.best, "-o", model, "--set",
                            "epochs=1", "--positive", "value >= 5")
        self.assertEqual(trained["card"]["params"]["epochs"], 1)
        self.assertEqual(trained["card"]["feedback"]["positive"], "value >= 5")
        _, err = self.akin("train", self.source, "--config", self.best, "--model", "ease", "-o",
                           model, status=2)
        self.assertIn("is of ials", err)

    def test_ranges_and_constraints(self):
        r = self.json(*self.args("--space", "factors=4..6,reg=0.01|0.1", "--constraint",
                                 "coverage@5>=0.1", trials=6))
        for t in r["trials"][1:]:
            self.assertIn(t["params"]["factors"], (4, 5, 6))
            self.assertIn(t["params"]["reg"], (0.01, 0.1))
        self.assertEqual(r["constraints"], ["coverage@5>=0.1"])
        out, err = self.akin(*self.args("--log", self.dir / "other.db", trials=6))
        self.assertIn("best: ials", out)
        self.assertIn("tune: trial 5", err)

    def test_refused(self):
        for more, words in (
                (("--space", "factor=1..2"), "did you mean 'factors'"),
                (("--space", "factors=0..2"), "must be 1..4096"),
                (("--constraint", "coverage@5"), "must be such as"),
                (("--constraint", "coverage@5>=2"), "no trial meets the constraints"),
                (("--budget", "soon"), "must be such as 90s"),
                (("--validation", "time:2"), "share=2"),
                (("--valid", self.source, "--log", self.dir / "leaks.db"), "trained on"),
                (("--log", self.source), "no log of trials")):
            _, err = self.akin(*self.args(*more, trials=2), status=2)
            self.assertIn(words, err)
        self.assertFalse(self.best.exists())
        self.log.unlink()
        self.akin(*self.args(trials=2))
        _, err = self.akin(*self.args("--sample", "0.5", trials=2), status=2)
        self.assertIn("sample differs", err)
        self.akin(*self.args("--sample", "0.5", "--replace-log", trials=2))
        self.akin("tune", self.source, "-o", self.best, status=2)
        before = sorted(self.dir.iterdir())
        out, _ = self.akin("tune", self.source, "--model", "itemknn", "--trials", 2)
        self.assertIn("best: itemknn", out)
        self.assertEqual(sorted(self.dir.iterdir()), before)

    def test_budget_and_auto_end(self):
        r = self.json("tune", self.source, "--model", "popular", "--model", "itemknn", "--model",
                      "ials", "--set", "epochs=1", "--budget", "0.5s", "-o", self.best)
        self.assertLessEqual(r["predicted_seconds"], 0.5)
        self.assertEqual(len({t["model"] for t in r["trials"]}), 3)


if __name__ == "__main__":
    unittest.main()
