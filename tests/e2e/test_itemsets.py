"""akin itemsets and akin rules as people run them: counts and rules against plain counting, titles,
files of each kind, spreadsheets, limits, baskets of every bad shape."""
import csv
import itertools
import json
import math
import random
import unittest

from akin_cli import Case

GOODS = ["bread", "butter", "jam", "salt", "tea", "milk", "=1+1", "a|b"]
SEED = 5


class Baskets(Case):
    def setUp(self):
        super().setUp()
        print(f"seed {SEED}")
        rng = random.Random(SEED)
        self.baskets = []
        for _ in range(60):
            taste = rng.sample(GOODS, 4)
            self.baskets.append(sorted({i for i in taste if rng.random() < .8} |
                                       {rng.choice(GOODS)}))
        # a one-item basket, and one that names an item three times
        self.baskets += [["tea"], ["tea", "milk"]]
        lines = [",".join(b) for b in self.baskets[:-1]] + ["tea,milk,tea,tea"]
        self.path = self.write("baskets.txt", "\n".join(lines) + "\n")
        self.source = (self.path, "--format", "basket", "--sep", ",", "--quiet")

    def count(self, items):
        return sum(set(items) <= set(b) for b in self.baskets)

    def sets(self, least, longest=len(GOODS)):
        return {s: self.count(s) for n in range(1, longest + 1)
                for s in itertools.combinations(sorted(GOODS), n) if self.count(s) >= least}

    def rows(self, path):
        with open(path, newline="") as f:
            return list(csv.DictReader(f))

    def test_counts_are_those_of_counting(self):
        for least, longest in ((2, 0), (5, 0), (5, 2), (63, 0)):
            want = self.sets(least, longest or len(GOODS))
            for method in ("auto", "eclat", "fpgrowth"):
                r = self.json("itemsets", *self.source, "--min-support", least, "--max-length",
                              longest, "--method", method, "--limit", 1000)
                self.assertEqual(r["n_itemsets"], len(want))
                self.assertEqual(r["n_baskets"], 62)
                self.assertEqual({tuple(sorted(i["items"])): i["count"] for i in r["itemsets"]},
                                 want)
                counts = [i["count"] for i in r["itemsets"]]
                self.assertEqual(counts, sorted(counts, reverse=True))

    def test_closed_and_maximal(self):
        every = self.sets(3)
        above = {s: [every[t] for t in every if set(s) < set(t)] for s in every}
        for kind, want in (("closed", [s for s in every if every[s] not in above[s]]),
                           ("maximal", [s for s in every if not above[s]])):
            self.akin("itemsets", *self.source, "--min-support", 3, "--kind", kind, "-o",
                      self.dir / "sets.jsonl")
            lines = (self.dir / "sets.jsonl").read_text().splitlines()
            self.assertEqual(sorted(tuple(sorted(json.loads(x)["items"])) for x in lines),
                             sorted(want), kind)

    def test_rules_are_those_of_counting(self):
        out, n = self.dir / "rules.csv", len(self.baskets)
        self.akin("rules", *self.source, "--min-support", .05, "--min-confidence", .4,
                  "--max-consequent", 2, "--sort", "lift", "-o", out)
        least = math.ceil(.05 * n)
        want = {}
        for whole, both in self.sets(least).items():
            for size in (1, 2):
                for right in itertools.combinations(whole, size):
                    left = tuple(i for i in whole if i not in right)
                    if left and both / self.count(left) >= .4:
                        want[left, right] = both
        got, rows = {}, self.rows(out)

        def items(cell):  # the guard of a spreadsheet, and the id that holds the separator
            cell = cell[1:] if cell.startswith("'") else cell
            return tuple(sorted(cell.replace("a|b", "a/b").replace("|", "\n").replace("a/b", "a|b")
                                .split("\n")))

        for row in rows:
            self.assertFalse(row["antecedents"].startswith("="))
            got[items(row["antecedents"]), items(row["consequents"])] = row
        self.assertEqual(len(got), len(rows))
        self.assertEqual(set(got), {(tuple(sorted(a)), tuple(sorted(b))) for a, b in want})
        for (left, right), both in want.items():
            row = got[tuple(sorted(left)), tuple(sorted(right))]
            s, a, b = both / n, self.count(left) / n, self.count(right) / n
            most = max(s * (1 - a), a * (b - s))
            for name, value in (("support", s), ("confidence", s / a), ("lift", s / a / b),
                                ("leverage", s - a * b),
                                ("conviction", math.inf if s == a else (1 - b) / (1 - s / a)),
                                ("zhang", (s - a * b) / most if most else 0)):
                self.assertTrue(math.isclose(float(row[name]), value, rel_tol=1e-9, abs_tol=1e-12),
                                (left, right, name, row[name], value))
        lifts = [float(row["lift"]) for row in rows]
        self.assertEqual(lifts, sorted(lifts, reverse=True))

    def test_titles_limits_and_tables(self):
        titles = "item_id,title\n" + "".join(f'{g},"The {g}"\n' for g in GOODS[:6])
        args = (*self.source, "--items", self.write("items.csv", titles))
        out = self.dir / "rules.csv"
        self.akin("rules", *args, "--min-support", 3, "--limit", 5, "-o", out)
        rows = self.rows(out)
        self.assertEqual(len(rows), 5)
        for row in rows:
            for ids, names in (("antecedents", "antecedent_titles"),
                               ("consequents", "consequent_titles")):
                if "|" not in row[ids] and "=" not in row[ids]:
                    self.assertEqual(row[names], f"The {row[ids]}")
        text, _ = self.akin("rules", *args, "--min-support", 3)
        self.assertIn("The ", text)
        text, _ = self.akin("itemsets", *args, "--min-support", 3)
        self.assertIn("itemsets lie in 3 of 62 baskets", text)
        text, _ = self.akin("itemsets", *args, "--min-support", 3, "--limit", 4, "--as", "csv")
        self.assertEqual(len(text.splitlines()), 5)
        self.assertEqual(text.splitlines()[0], "items,length,count,support,titles")
        bare, _ = self.akin("itemsets", *args, "--min-support", 1, "--max-length", 1, "--as", "csv",
                            "--no-csv-safe")
        self.assertIn("\n=1+1,1,", bare)

    def test_same_file_at_any_number_of_threads(self):
        texts = set()
        for threads in (1, 3):
            for what in ("itemsets", "rules"):
                self.akin(what, *self.source, "--min-support", 1, "--threads", threads, "-o",
                          self.dir / f"{what}.csv")
            texts.add((self.dir / "itemsets.csv").read_bytes() + (self.dir / "rules.csv").read_bytes())
        self.assertEqual(len(texts), 1)

    def test_a_pause_ends_a_basket(self):
        day = 86400
        rows = [f"u{u},{item},{1500000000 + 1000 * u + at}" for u in range(4)
                for item, at in (("bread", 0), ("butter", 60), ("salt", 30 * day), ("tea", 30 * day))]
        path = self.write("log.csv", "user_id,item_id,timestamp\n" + "\n".join(rows) + "\n")
        whole = self.json("itemsets", path, "--min-support", 4, "--quiet")
        cut = self.json("itemsets", path, "--min-support", 4, "--gap-seconds", 3600, "--quiet")
        self.assertEqual((whole["n_baskets"], whole["n_itemsets"]), (4, 15))
        self.assertEqual((cut["n_baskets"], cut["n_itemsets"]), (8, 6))

    def test_a_huge_basket_is_refused_at_once_and_says_why(self):
        path = self.write("huge.txt", "\n".join([",".join(f"i{i}" for i in range(10000))] * 2) + "\n")
        args = (path, "--format", "basket", "--sep", ",", "--quiet")
        _, err = self.akin("itemsets", *args, "--min-support", 2, "--max-sets", 1000000, status=1)
        for advice in ("min_support", "max_length", "max_sets"):
            self.assertIn(advice, err)
        r = self.json("itemsets", *args, "--min-support", 2, "--max-length", 1)
        self.assertEqual(r["n_itemsets"], 10000)
        r = self.json("itemsets", *args, "--min-support", 2, "--kind", "closed")
        self.assertEqual((r["n_itemsets"], r["longest"]), (1, 10000))

    def test_bad_input(self):
        for support in ("0", "1.5", "-1", "nan"):
            self.akin("itemsets", *self.source, "--min-support", support, status=2)
        self.akin("itemsets", *self.source, status=2)
        _, err = self.akin("itemsets", *self.source, "--min-support", 2, "--kind", "closed",
                           "--method", "fpgrowth", status=2)
        self.assertIn("eclat", err)
        self.akin("rules", *self.source, "--min-confidence", 2, status=2)
        log = "user_id,item_id\nu1,a\n"
        r = self.json("rules", self.write("one.csv", log), "--min-support", 1, "--quiet")
        self.assertEqual((r["n_rules"], r["n_itemsets"], r["n_baskets"]), (0, 1, 1))
        r = self.json("itemsets", self.write("rated.csv", "user_id,item_id,rating\nu1,a,2\n"),
                      "--min-support", .5, "--positive", "value >= 4", "--quiet")
        self.assertEqual((r["n_itemsets"], r["n_baskets"]), (0, 0))

    def test_a_basket_of_nobody_gets_consequents(self):
        model = self.dir / "rules.akin"
        self.akin("train", *self.source, "--model", "rules", "--set", "min_support=3", "--set",
                  "max_antecedent=2", "-o", model)
        r = json.loads(self.akin("recommend", model, "--history", "bread,butter", "-k", "8",
                                 "--explain", "--format", "jsonl", "--quiet")[0])
        scored = [i for i in r["items"] if i["score"] is not None]
        self.assertGreater(len(scored), 0)
        self.assertFalse({"bread", "butter"} & {i["item_id"] for i in r["items"]})
        for item in scored:
            left = {x["item_id"] for x in item["reasons"] if x["code"] == "because_of"}
            self.assertTrue(left and left <= {"bread", "butter"}, item)


class Published(Case):
    """Counts of the groceries of arules' manual."""

    def test_groceries(self):
        import os
        path = os.path.join(os.environ.get("AKIN_DATA", ""), "baskets", "groceries.csv")
        if not os.path.exists(path):
            self.skipTest("no baskets under AKIN_DATA")
        for confidence, n in ((.5, 5668), (.8, 410)):
            r = self.json("rules", path, "--min-support", .001, "--min-confidence", confidence,
                          "--quiet")
            self.assertEqual((r["n_itemsets"], r["n_rules"]), (13492, n))


if __name__ == "__main__":
    unittest.main()
