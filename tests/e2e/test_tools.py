"""synth, split, plan, report, demo, examples of the help: the commands around the main line."""
import os
import subprocess
import unittest

from akin_cli import PROGRAM, Case


class Tools(Case):
    def test_synth_is_seeded_and_read_back(self):
        size = ("--users", 200, "--items", 150, "--events", 4000)
        for name, threads in (("a", 1), ("b", 3)):
            self.akin("synth", *size, "-o", self.dir / name, "--threads", threads)
        for path in sorted((self.dir / "a").iterdir()):
            self.assertEqual(path.read_bytes(), (self.dir / "b" / path.name).read_bytes())
        self.akin("synth", *size, "-o", self.dir / "c", "--seed", 7)
        self.assertNotEqual((self.dir / "c" / "ratings.csv").read_bytes(),
                            (self.dir / "a" / "ratings.csv").read_bytes())
        r = self.json("prepare", self.dir / "a" / "ratings.csv", "--items",
                      self.dir / "a" / "items.csv", "--strict", "-o", self.dir / "d.akin")
        self.assertEqual((r["kept"], sum(r["dropped"].values())), (4000, 0))

    def test_split_parts_add_up(self):
        data = self.dir / "d.akin"
        whole = self.json("prepare", self.ratings(), "-o", data)["kept"]
        for by in ("time:0.2", "ratio:0.2", "leave-last:2", "users:0.2", "sessions:0.2", "kfold:4"):
            r = self.json("split", data, "--by", by, "-o", self.dir / "a.akin", "--test-out",
                          self.dir / "b.akin")
            self.assertEqual(r["train"]["events"] + r["test"]["events"], whole, by)
        self.akin("split", data, "--by", "tiem:0.2", "-o", self.dir / "a.akin", "--test-out",
                  self.dir / "b.akin", status=2)

    def test_folds_are_evaluated_as_one(self):
        data = self.dir / "d.akin"
        whole = self.json("prepare", self.ratings(), "-o", data)["kept"]
        r = self.json("evaluate", "--train", data, "--split", "kfold:4", "--metrics",
                      "rmse,recall@5", "--positive", "value >= 4", "--model", "als", "--model",
                      "popular")
        als, popular = r["results"]
        rmse = als["metrics"]["rmse"]
        self.assertEqual((r["n_folds"], len(rmse["folds"]), rmse["n"]), (4, 4, 4))
        self.assertAlmostEqual(rmse["value"], sum(rmse["folds"]) / 4)
        self.assertTrue(rmse["lo"] < rmse["value"] < rmse["hi"] and rmse["std"] > 0)
        self.assertEqual(als["n_pairs"] + als["n_cold"], whole)
        self.assertIsNone(popular["metrics"]["rmse"]["value"])
        self.assertIn("reason", popular["metrics"]["rmse"])
        for i in range(4):  # a fold is what split and evaluate make of it
            self.json("split", data, "--by", "kfold:4", "--fold", i, "-o", self.dir / "a.akin",
                      "--test-out", self.dir / "b.akin")
            one = self.json("evaluate", "--train", self.dir / "a.akin", "--test",
                            self.dir / "b.akin", "--metrics", "rmse", "--model", "als")
            self.assertEqual(one["results"][0]["metrics"]["rmse"]["value"], rmse["folds"][i])

    def test_plan_is_near_what_prepare_takes(self):
        self.akin("synth", "--users", 4000, "--items", 2000, "--events", 400000, "-o",
                  self.dir / "s")
        path = self.dir / "s" / "ratings.csv"
        r = self.json("plan", "--source", path)
        done = self.json("prepare", path, "-o", self.dir / "d.akin", "--memory",
                         int(r["peak_bytes"] * 1.2))
        self.assertEqual(done["kept"], 400000)
        self.assertAlmostEqual(r["disk_bytes"] / (self.dir / "d.akin").stat().st_size, 1, delta=.2)

    def test_plan_knows_that_ease_has_items_with_positives(self):
        # item i has i ratings, from 1 to 5; the fewer must be met, the fewer items there are
        path, users = self.dir / "r.csv", 400
        path.write_text("user_id,item_id,value\n" + "".join(
            f"{u},{i},{(u * 7 + i * 3) % 5 + 1}\n" for u in range(users) for i in range(u, users)
            if (u * 31 + i * 17) % 23 == 0 or i > users - 9))
        seconds = {}
        for rule in ("value >= 1", "value >= 5"):
            config = self.write("c.yaml", f"""
name: c
out: {self.dir}/out
data: {{interactions: {{path: "{path}"}}}}
split: {{by: ratio, share: 0.2}}
feedback: {{positive: "{rule}"}}
models: [{{name: ease, type: ease}}, {{name: ials, type: ials}}]
""")
            rows = self.json("plan", config)["stages"]
            seconds[rule] = {r["name"]: r["seconds"] for r in rows if r["stage"] == "train"}
        everything, few = seconds.values()
        self.assertEqual(everything["ials"], few["ials"])
        self.assertLess(few["ease"], .8 * everything["ease"])

    def test_report_is_one_page(self):
        page = self.dir / "r.html"
        self.akin("report", self.ratings(), "--items", self.items(), "-o", page)
        text = page.read_text()
        self.assertIn("</html>", text)
        for outside in ("http://", "https://", "<link", "src="):
            self.assertNotIn(outside, text.replace("http://www.w3.org", ""))

    def test_demo_without_data_says_so_and_works(self):
        out, err = self.akin("demo", "--data", "synthetic", "--no-serve", "-o", self.dir / "demo")
        self.assertIn("ndcg@10", out)
        self.assertIn("data: synthetic", out)
        self.assertTrue((self.dir / "demo" / "report.html").exists())
        self.assertEqual(out.count("because of"), 10)
        _, err = self.akin("demo", "--data", self.dir / "nowhere", status=2)
        self.assertIn("ratings.csv", err)

    def test_a_reader_that_stops_is_an_error_not_a_crash(self):
        model = self.dir / "m.akin"
        self.akin("train", self.ratings(users=3000), "--model", "popular", "-o", model)
        process = subprocess.Popen([PROGRAM, "recommend", str(model), "--all", "-k", "30"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        process.stdout.readline()
        process.stdout.close()
        err = process.stderr.read()
        process.stderr.close()
        self.assertEqual(process.wait(timeout=60), 1, err)
        self.assertIn("output", err)

    def test_environment_and_dotenv(self):
        self.ratings()
        config = self.write("c.yaml", "out: ${OUT}\ndata: {interactions: {path: \"${R}\"}}\n"
                            "split: {by: leave-last, n: 1}\nmodels: [{type: popular}]\n")
        self.write(".env", f"OUT={self.dir}/o\nR={self.dir}/ratings.csv\n")
        env = {k: v for k, v in os.environ.items() if k not in ("OUT", "R")}
        done = subprocess.run([PROGRAM, "run", str(config), "--stage", "split", "--quiet"], env=env,
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue((self.dir / "o" / "test.akin").exists())


if __name__ == "__main__":
    unittest.main(verbosity=1)
