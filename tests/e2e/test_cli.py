"""Usage, help, exit statuses, defects in data, golden metrics through the program."""
import csv
import json
import os
import unittest

from akin_cli import Case


class Usage(Case):
    def test_who_works_for_a_process_ends_with_it(self):
        self.assertTrue(self.json("models", "--parent", os.getpid())["models"])
        _, err = self.akin("models", "--parent", 2**31 - 1, status=1)
        self.assertIn("did not start this process", err)
        self.akin("models", "--parent", "x", status=2)

    def test_help_and_version(self):
        out, _ = self.akin("--version")
        self.assertRegex(out, r"^akin \d+\.\d+\.\d+\n$")
        out, _ = self.akin("--help")
        self.assertIn("prepare", out)
        ops = [line.split()[0] for line in out.splitlines() if line.startswith("  ")
               and not line.startswith("  akin")]
        for op in ops:
            text, _ = self.akin(op, "--help")
            self.assertIn("Example", text)
            self.assertIn("usage: akin " + op, text)

    def test_wrong_usage_is_status_2_and_names_the_nearest(self):
        _, err = self.akin(status=2)
        self.assertIn("usage", err)
        _, err = self.akin("trian", status=2)
        self.assertIn("'trian'", err)
        _, err = self.akin("train", "x", "--modl", "ials", status=2)
        self.assertIn("--model", err)
        _, err = self.akin("train", "x", "--model", "ialz", "-o", "y", status=2)
        self.assertIn("ials", err)
        _, err = self.akin("recommend", self.dir / "absent.akin", "--user", "1", status=2)
        self.assertIn("absent.akin", err)

    def test_parameters_out_of_bounds(self):
        data = self.ratings()
        _, err = self.akin("train", data, "--model", "ials", "--set", "factors=0", "-o",
                           self.dir / "m.akin", status=2)
        self.assertIn("factors=0", err)
        _, err = self.akin("train", data, "--model", "ials", "--set", "factor=8", "-o",
                           self.dir / "m.akin", status=2)
        self.assertIn("factors", err)
        self.assertFalse((self.dir / "m.akin").exists())

    def test_man_and_completion(self):
        self.assertIn(".TH AKIN 1", self.akin("man")[0])
        self.assertIn("complete", self.akin("completion", "bash")[0])
        self.akin("completion", "tcl", status=2)

    def test_models_params_doctor(self):
        names = {m["name"] for m in self.json("models")["models"]}
        self.assertLessEqual({"popular", "together", "itemknn", "ials"}, names)
        for name in names:
            self.assertTrue(self.json("params", name)["params"])
        parts = self.json("doctor")["parts"]
        self.assertLessEqual({"mpi", "s3", "dynamodb", "cassandra", "kafka", "parquet"},
                             set(parts))

    def test_memory_limit_is_kept(self):
        self.akin("models", "--memory", "8589934592GiB", status=2)  # past int64
        _, err = self.akin("prepare", self.ratings(), "-o", self.dir / "d.akin", "--memory",
                           "100kB", status=1)
        self.assertIn("memory", err)
        self.assertFalse((self.dir / "d.akin").exists())


class Defects(Case):
    def test_every_class_is_counted(self):
        path = self.dir / "bad.csv"
        path.write_bytes(b"user_id,item_id,rating,timestamp\r\n"
                         b"1,a,4,1000\r\n"           # kept, CRLF
                         b"1,a,4,1000\n"             # duplicate
                         b"1,b,nan,1000\n"           # bad value
                         b"1,c,inf,1000\n"           # bad value
                         b"1,d\xff,3,1000\n"         # bad UTF-8
                         b"1,e\x00f,3,1000\n"        # NUL
                         b"1,f,9,1000\n"             # out of range
                         b"1,g,3,99999999999\n"      # future
                         b"1,h,3,-5\n"               # negative time
                         b",i,3,1000\n"              # missing id
                         b"1,j\n"                    # malformed
                         b'2,"k ""x"",\ny",5,1000\n'  # kept: quotes, comma, newline
                         b"2,l,3,1000\n")            # kept
        r = self.json("prepare", path, "-o", self.dir / "d.akin", "--value-range", "0.5,5",
                      "--time-unit", "s")
        self.assertEqual(r["kept"], 3)
        got = {k: v for k, v in r["dropped"].items() if v}
        self.assertEqual(got, {"duplicate": 1, "bad_value": 2, "bad_utf8": 2, "out_of_range": 1,
                               "future_time": 1, "negative_time": 1, "missing_id": 1,
                               "malformed": 1})
        self.assertEqual((r["users"], r["items"]), (2, 3))
        _, err = self.akin("prepare", path, "-o", self.dir / "e.akin", "--strict", status=2)
        self.assertIn("bad.csv:", err)
        self.assertFalse((self.dir / "e.akin").exists())

    def test_unreadable_input(self):
        for name, text, word in (("empty.csv", "", "empty"),
                                 ("nocol.csv", "a,b\n1,2\n", "column")):
            _, err = self.akin("prepare", self.write(name, text), "-o", self.dir / "d.akin",
                               status=2)
            self.assertIn(word, err)
        long = self.write("long.csv", "user_id,item_id\n1,2\n3," + "x" * 10_000_000 + "\n")
        r = self.json("prepare", long, "-o", self.dir / "d.akin")
        self.assertEqual(r["kept"], 1)
        self.assertEqual(r["dropped"]["line_too_long"], 1)
        many = self.write("many.csv", "user_id,item_id\n" +
                          "".join(f"{u},1\n" for u in range(100)))
        _, err = self.akin("prepare", many, "--max-ids", "50", "-o", self.dir / "d.akin", status=1)
        self.assertIn("50", err)

    def test_corrupt_artifact_is_refused_by_name(self):
        data = self.dir / "d.akin"
        self.akin("prepare", self.ratings(), "-o", data)
        raw = data.read_bytes()
        bad = self.dir / "bad.akin"
        for at in range(0, len(raw), max(1, len(raw) // 40)):
            bad.write_bytes(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1:])
            _, err = self.akin("inspect", bad, status=2)
            self.assertIn("bad.akin", err)
            bad.write_bytes(raw[:at])
            self.akin("inspect", bad, status=2)


class Golden(Case):
    """The golden vectors of docs/metrics.md, computed by `evaluate --lists`."""
    LISTS = "user_id,item_id\n" + "".join(f"u{u},{i}\n" for u, l in
                                          ((1, "abcde"), (2, "abcde"), (3, "abcde"), (4, "fa"))
                                          for i in l)
    # u3 is in the test set without a positive: no accuracy, but a list.
    TEST = "user_id,item_id,value\nu3,j,1\n" + "".join(
        f"u{u},{i},5\n" for u, l in ((1, "be"), (2, "abcdefg"), (4, "f")) for i in l)

    def measure(self, metrics, *extra):
        train = self.write("train.csv", "user_id,item_id,value\n" +
                           "".join(f"x,{i},5\n" for i in "abcdefghij") +
                           "u1,h,5\nu2,h,5\nu3,h,5\nu4,h,5\n")
        r = self.json("evaluate", "--train", train, "--test", self.write("test.csv", self.TEST),
                      "--lists", self.write("lists.csv", self.LISTS), "--metrics", metrics, "--positive",
                      "value >= 4", *extra)
        return {k: v["value"] for k, v in r["results"][0]["metrics"].items()}

    def test_own_definitions(self):
        got = self.measure("precision@5,recall@5,recall_capped@5,ndcg@5,map@5,mrr@5,coverage@5,"
                           "gini@5,entropy@5")
        want = {"precision@5": .533333, "recall@5": .904762, "recall_capped@5": 1,
                "ndcg@5": .874684, "map@5": .816667, "mrr@5": .833333, "coverage@5": .6,
                "gini@5": .488235, "entropy@5": 1.731535}
        for name, value in want.items():
            self.assertAlmostEqual(got[name], value, places=6, msg=name)

    def test_what_each_user_contributes(self):
        data, path = self.ratings(), self.dir / "users.csv"
        args = ["--train", data, "--split", "leave-last:2", "--model", "popular", "--model",
                "itemknn", "--metrics", "recall@5,ndcg@5,coverage@5"]
        results = self.json("evaluate", *args, "--per-user", path)["results"]
        with open(path, newline="") as f:
            rows = list(csv.DictReader(f))
        self.assertEqual(list(rows[0]), ["model", "user_id", "recall@5", "ndcg@5"])
        for r in results:
            for metric in ("recall@5", "ndcg@5"):
                own = [float(u[metric]) for u in rows if u["model"] == r["model"] and u[metric]]
                self.assertEqual(len(own), r["n_eval"])
                self.assertAlmostEqual(sum(own) / len(own), r["metrics"][metric]["value"], 6)
        whole = self.json("evaluate", "--train", data, "--split", "kfold:3", "--model", "popular",
                          "--per-user", path)  # every user of every fold
        self.assertEqual(whole["n_folds"], 3)
        with open(path) as f:
            self.assertGreater(sum(1 for _ in f), len(rows) / 2)
        _, err = self.akin("evaluate", *args[:6], "--metrics", "coverage@5", "--per-user",
                           self.dir / "none.csv", status=2)
        self.assertIn("mean over users", err)
        self.assertFalse((self.dir / "none.csv").exists())

    def test_as_others_define(self):
        for dialect, metric, value in (("gorse", "precision@5", .633333),
                                       ("implicit", "precision@5", 1.0),
                                       ("rectools", "ndcg@5", .561451),
                                       ("elliot", "map@5", .584444)):
            got = self.measure(metric, "--as", dialect)
            self.assertAlmostEqual(got[metric], value, places=6, msg=dialect)


if __name__ == "__main__":
    unittest.main(verbosity=1)
