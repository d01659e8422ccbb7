"""Training and answering: recommend, similar, segment, predict, evaluate."""
import csv
import json
import unittest

from akin_cli import Case


class Answers(Case):
    def setUp(self):
        super().setUp()
        self.data = self.dir / "d.akin"
        self.model = self.dir / "m.akin"
        self.akin("prepare", self.ratings(), "--items", self.items(), "-o", self.data)
        self.akin("train", self.data, "--model", "ials", "--set", "factors=8", "--positive",
                  "value >= 4", "-o", self.model)

    def lists(self, *args):
        out, _ = self.akin("recommend", self.model, *args, "--json")
        return [json.loads(line) for line in out.splitlines()]

    def test_shape_titles_reasons(self):
        (row,) = self.lists("--user", "u2", "-k", "5", "--explain")
        self.assertEqual(row["user_id"], "u2")
        self.assertEqual(len(row["items"]), 5)
        for item in row["items"]:
            self.assertEqual(set(item), {"item_id", "score", "title", "reasons"})
            self.assertTrue(item["title"].startswith("Title "))
            self.assertTrue(item["reasons"])
        scores = [i["score"] for i in row["items"]]
        self.assertEqual(scores, sorted(scores, reverse=True))
        # even users like even items
        self.assertTrue(all(int(i["item_id"]) % 2 == 0 for i in row["items"][:3]))

    def test_history_of_an_unknown_user(self):
        (row,) = self.lists("--history", "1,3,5", "-k", "4")
        self.assertIsNone(row["user_id"])
        ids = [i["item_id"] for i in row["items"]]
        self.assertFalse({"1", "3", "5"} & set(ids))
        self.assertTrue(all(int(i) % 2 == 1 for i in ids))

    def test_filter_keeps_k(self):
        (row,) = self.lists("--user", "u2", "-k", "7", "--filter",
                            'categories in ["Comedy"] and year >= 1985')
        self.assertEqual(len(row["items"]), 7)
        for item in row["items"]:
            self.assertEqual(int(item["item_id"]) % 2, 1)
            self.assertGreaterEqual(1980 + int(item["item_id"]), 1985)
        _, err = self.akin("recommend", self.model, "--user", "u2", "--filter", "yaer > 3", status=2)
        self.assertIn("yaer", err)
        self.assertIn("year", err)

    def test_all_to_csv_and_evaluate_lists(self):
        out = self.dir / "recs.csv"
        self.akin("recommend", self.model, "--all", "-k", "6", "-o", out)
        rows = list(csv.DictReader(out.read_text().splitlines()))
        self.assertEqual(len(rows), 60 * 6)
        self.assertEqual(rows[0]["rank"], "1")
        test = self.write("test.csv", "user_id,item_id\nu2," + rows[0]["item_id"] + "\n")
        r = self.json("evaluate", "--lists", out, "--train", self.data, "--test", test, "--metrics",
                      "hit@6")
        self.assertEqual(r["results"][0]["n_eval"], 1)

    def test_batch_equals_single(self):
        everyone = {row["user_id"]: row for row in self.lists("--all", "-k", "5")}
        for user in ("u1", "u17", "u60"):
            (row,) = self.lists("--user", user, "-k", "5")
            self.assertEqual(row, everyone[user])
        users = self.write("users.txt", "u17\nu1\n")
        self.assertEqual([r["user_id"] for r in self.lists("--users", users)], ["u17", "u1"])

    def test_unknown_ids(self):
        _, err = self.akin("recommend", self.model, "--user", "nobody", status=2)
        self.assertIn("nobody", err)
        self.akin("recommend", self.model, status=2)

    def test_similar_segment_predict(self):
        r = self.json("similar", self.model, "--item", "2", "-k", "3")
        self.assertEqual(len(r["items"]), 3)
        self.assertNotIn("2", [i["item_id"] for i in r["items"]])
        r = self.json("segment", self.model, "--item", "2", "-k", "5")
        self.assertTrue(all(int(u["user_id"][1:]) % 2 == 0 for u in r["users"]))
        pairs = self.write("pairs.csv", "user_id,item_id\nu2,2\nu2,3\nnobody,2\n")
        out, _ = self.akin("predict", self.model, "--pairs", pairs)
        rows = list(csv.DictReader(out.splitlines()))
        self.assertGreater(float(rows[0]["value"]), float(rows[1]["value"]))
        self.assertEqual(rows[2]["value"], "")

    def test_evaluate_table_and_leakage(self):
        r = self.json("evaluate", "--train", self.data, "--split", "leave-last:2", "--model",
                      "popular", "--model", "ials", "--set", "factors=8", "--positive",
                      "value >= 4", "--metrics", "ndcg@5,recall@5")
        names = [row["model"] for row in r["results"]]
        self.assertEqual(names, ["popular", "ials"])
        cell = r["results"][1]["metrics"]["ndcg@5"]
        self.assertLessEqual(cell["lo"], cell["value"])
        self.assertLessEqual(cell["value"], cell["hi"])
        self.assertIn("[", cell["definition"])
        self.assertEqual(r["results"][1]["params"]["factors"], 8)
        self.assertTrue(r["tests"])
        self.assertGreater(r["results"][1]["metrics"]["ndcg@5"]["value"],
                           r["results"][0]["metrics"]["ndcg@5"]["value"])
        _, err = self.akin("evaluate", "--train", self.data, "--test", self.data, "--from",
                           self.model, status=2)
        self.assertIn("leak", err.lower())

    def test_inspect(self):
        r = self.json("inspect", self.data)
        self.assertEqual((r["kind"], r["users"], r["items"]), ("dataset", 60, 40))
        r = self.json("inspect", self.model)
        self.assertEqual((r["kind"], r["model"]), ("model", "ials"))


if __name__ == "__main__":
    unittest.main(verbosity=1)
