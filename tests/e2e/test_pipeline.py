"""akin run: cached stages, changed parameters, killed at any moment, cancelled."""
import json
import os
import random
import signal
import subprocess
import time
import unittest

from akin_cli import PROGRAM, Case

CONFIG = """
name: test
out: {out}
data:
  interactions: {{path: "${{WHERE}}/ratings.csv"}}
  items: {{path: "${{WHERE}}/items.csv"}}
split: {{by: leave-last, n: 2}}
feedback: {{positive: "value >= 4"}}
models:
  - {{name: popular, type: popular}}
  - {{name: small, type: ials, factors: {factors}}}
evaluate: {{metrics: [{metric}]}}
publish: {{model: small, k: 3}}
"""


class Pipeline(Case):
    def setUp(self):
        super().setUp()
        self.ratings()
        self.items()
        self.out = self.dir / "out"
        self.env = {"WHERE": str(self.dir)}

    def config(self, factors=8, metric="ndcg@5"):
        return self.write("c.yaml", CONFIG.format(out=self.out, factors=factors, metric=metric))

    def states(self, *extra, **config):
        r = self.json("run", self.config(**config), *extra, env=self.env)
        return {(s["stage"] + " " + s["name"]).strip(): s["state"] for s in r["stages"]}, r

    def test_second_run_does_nothing_and_says_so(self):
        first, _ = self.states()
        self.assertEqual(set(first.values()), {"done"})
        second, r = self.states()
        self.assertEqual(set(second.values()), {"unchanged"})
        self.assertIn("nothing to do", r["message"])

    def test_a_change_reruns_only_what_depends_on_it(self):
        self.states()
        changed, _ = self.states(factors=4)
        self.assertEqual({k for k, v in changed.items() if v == "done"},
                         {"train small", "evaluate", "report evaluation", "publish"})
        changed, _ = self.states(factors=4, metric="recall@5")
        self.assertEqual({k for k, v in changed.items() if v == "done"},
                         {"evaluate", "report evaluation"})
        (self.out / "train.akin").unlink()
        changed, _ = self.states(factors=4, metric="recall@5")
        self.assertEqual({k for k, v in changed.items() if v == "done"}, {"split"})
        forced, _ = self.states("--force", factors=4)
        self.assertEqual(set(forced.values()), {"done"})

    def test_tuned_models(self):
        text = CONFIG.format(out=self.out, factors=8, metric="ndcg@5").replace(
            "models:\n", "models:\n"
            "  - {name: best, type: itemknn, neighbors: 10, tune: {trials: 5, metric: [ndcg@5]}}\n"
            "  - {name: any, tune: {model: [popular, itemknn], trials: 6, metric: [ndcg@5]}}\n")
        config = self.write("t.yaml", text)
        r = self.json("run", config, env=self.env)
        done = [s["stage"] + " " + s["name"] for s in r["stages"] if s["state"] == "done"]
        self.assertLess(done.index("tune any"), done.index("train best"))
        found = json.loads((self.out / "tune" / "best.json").read_text())
        card = self.json("inspect", self.out / "models" / "best.akin")["card"]
        for key, value in {**found["best"]["params"], "neighbors": 10}.items():
            self.assertEqual(card["params"][key], value)
        page = (self.out / "tune" / "best.html").read_text()
        self.assertIn("All trials", page)
        self.assertNotIn("http", page)
        again = self.json("run", config, env=self.env)
        self.assertIn("nothing to do", again["message"])
        changed = self.write("t.yaml", text.replace("trials: 5", "trials: 6"))
        r = self.json("run", changed, env=self.env)
        done = {s["stage"] + " " + s["name"] for s in r["stages"] if s["state"] == "done"}
        self.assertIn("tune best", done)
        self.assertNotIn("tune any", done)
        found = json.loads((self.out / "tune" / "best.json").read_text())
        self.assertEqual(found["resumed"], 5)
        self.write("t.yaml", text.replace("trials: 5", "trails: 5"))
        _, err = self.akin("run", config, env=self.env, status=2)
        self.assertIn("did you mean 'trials'", err)
        planned = self.json("plan", self.write("t.yaml", text), env=self.env)
        self.assertEqual([s["name"] for s in planned["stages"] if s["stage"] == "tune"],
                         ["best", "any"])

    def test_composites_of_earlier_entries(self):
        text = CONFIG.format(out=self.out, factors=8, metric="ndcg@5").replace(
            "evaluate:",
            "  - {name: mix, type: blend, weights: [1, 0], of: [small, {type: popular}]}\n"
            "  - {name: warm, type: switch, of: [popular, {type: fusion, of: 'small,popular'}]}\n"
            "evaluate:", 1)
        r = self.json("run", self.write("h.yaml", text), env=self.env)
        value = {m["model"]: m["metrics"]["ndcg@5"]["value"] for m in r["evaluation"]["results"]}
        self.assertEqual(value["mix"], value["small"])  # weights (1, 0) are the single model
        params = self.json("inspect", self.out / "models" / "mix.akin")["card"]["params"]
        self.assertEqual(params["of"], [{"type": "ials", "factors": 8}, {"type": "popular"}])
        spelt = self.dir / "spelt.akin"
        self.akin("train", self.out / "train.akin", "--model", "blend", "--set",
                  "of=popular:method=count,ials:factors=4;epochs=2", "--set", "weights=1,2",
                  "-o", spelt, env=self.env)
        params = self.json("inspect", spelt)["card"]["params"]
        self.assertEqual(params["of"], ["popular:method=count", "ials:factors=4;epochs=2"])
        args = ("train", self.out / "train.akin", "--model", "fusion", "--early-stopping", "ndcg@5",
                "--validation", "leave-last:1", "-o", spelt, "--set")
        card = self.json(*args, "of=popular,ials:factors=4", env=self.env)["card"]
        self.assertEqual(card["params"]["of"][0], {"type": "popular"})
        early = card["train"]["early"][0]
        self.assertEqual((early["part"], early["ials"]["epoch"]),
                         (2, card["params"]["of"][1]["epochs"]))
        _, err = self.akin(*args, "of=popular", env=self.env, status=2)
        self.assertIn("no part has epochs", err)
        for wrong, says in (("{name: w, type: blend, of: [small, other]}", "'other' is unknown"),
                            ("{name: w, type: blend, of: [old]}", "path, tune or config"),
                            ("{name: w, type: blend, of: [ruled]}", "rule of its own")):
            bad = text.replace("evaluate:", "  - {name: old, path: x.akin}\n"
                               "  - {name: ruled, type: ials, positive: value >= 3}\n"
                               f"  - {wrong}\nevaluate:", 1)
            _, err = self.akin("run", self.write("w.yaml", bad), env=self.env, status=2)
            self.assertIn(says, err)

    def test_stage_stops_there(self):
        some, _ = self.states("--stage", "split")
        self.assertEqual(list(some), ["prepare", "report", "split"])

    def test_killed_at_any_moment_it_resumes(self):
        seed = 11
        print(f"seed {seed}")
        rng = random.Random(seed)
        config = self.config()
        want = None
        for _ in range(12):
            process = subprocess.Popen([PROGRAM, "run", str(config)], env={**os.environ, **self.env},
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                process.wait(timeout=rng.uniform(0.0, 0.15))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.states()
        want = (self.out / "recommendations.jsonl").read_bytes()
        whole = self.dir / "whole"
        text = CONFIG.format(out=whole, factors=8, metric="ndcg@5")
        self.akin("run", self.write("d.yaml", text), env=self.env)
        self.assertEqual((whole / "recommendations.jsonl").read_bytes(), want)
        for name in ("data.akin", "train.akin", "test.akin"):
            self.assertEqual((whole / name).read_bytes(), (self.out / name).read_bytes())

    def test_errors_name_the_key(self):
        path = self.write("bad.yaml", "name: x\nmodles: []\n")
        _, err = self.akin("run", path, status=2)
        self.assertIn("modles", err)
        path = self.write("tab.yaml", "name: x\n  bad: [\n")
        _, err = self.akin("run", path, status=2)
        self.assertIn("tab.yaml:", err)
        _, err = self.akin("run", self.config(), status=2)
        self.assertIn("WHERE", err)

    def test_interrupt_is_130_and_leaves_no_output(self):
        big = self.dir / "big"
        self.akin("synth", "--users", 3000, "--items", 2000, "--events", 300000, "-o", big)
        out = self.dir / "big.akin"
        model = self.dir / "model.akin"
        self.akin("prepare", big / "ratings.csv", "-o", out)
        process = subprocess.Popen([PROGRAM, "train", str(out), "--model", "ials", "--set",
                                    "factors=256", "--set", "epochs=500", "-o", str(model)],
                                   stderr=subprocess.PIPE, text=True)
        self.assertIn("events", process.stderr.readline())  # the data are read, the fit begins
        process.send_signal(signal.SIGINT)
        start = time.monotonic()
        _, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130, err)
        self.assertLess(time.monotonic() - start, 5)
        self.assertFalse(model.exists())


if __name__ == "__main__":
    unittest.main(verbosity=1)
