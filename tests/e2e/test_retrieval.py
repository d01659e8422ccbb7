"""Approximate lists of a large catalogue: their recall is said, and is what an exact server shows."""
import unittest

from akin_cli import Case
from test_serve import Server

ITEMS, USERS, K, SEED = 20000, 3000, 20, 11


class Retrieval(Case):
    def setUp(self):
        super().setUp()
        print(f"seed {SEED}")
        self.akin("synth", "--users", USERS, "--items", ITEMS, "--events", 150000, "--seed", SEED,
                  "-o", self.dir)
        self.ratings = self.dir / "ratings.csv"
        self.model = self.dir / "ials.akin"
        self.akin("train", self.ratings, "--model", "ials", "--set", "factors=16", "--set",
                  "epochs=2", "-o", self.model)

    def lists(self, *options):
        """What a server with these options says of its retrieval, and lists of 200 users."""
        server = Server("--model", f"m={self.model}", "--listen", "127.0.0.1:0", *options)
        try:
            model = server.ask("GET", "/v1/models")[1]["models"][0]
            c = server.connect()
            found = {}
            for user in range(1, USERS, USERS // 200):
                answer = server.ask("GET", f"/v1/users/{user}/recommendations?k={K}", connection=c)
                self.assertEqual(answer[0], 200)
                found[user] = [i["item_id"] for i in answer[1]["items"]]
            c.close()
            return model["retrieval"], found
        finally:
            self.assertEqual(server.stop(), 0)

    def test_recall_is_as_said(self):
        how, exact = self.lists()
        self.assertEqual((how["kind"], how["recall"]), ("exact", 1))
        how, near = self.lists("--approximate-from", 10000)
        self.assertEqual(how["kind"], "lists")
        self.assertLess(how["read"], how["lists"] / 2)
        self.assertGreaterEqual(how["recall"], .95)
        hits = sum(len(set(near[u]) & set(exact[u])) for u in exact)
        recall = hits / (K * len(exact))
        print(f"recall {recall:.3f}, said {how['recall']:.3f}")
        self.assertTrue(all(len(x) == K for x in near.values()))
        self.assertGreaterEqual(recall, .93)
        again = self.lists("--approximate-from", 10000, "--threads", 1)[1]
        self.assertEqual(again, near)

    def test_plan_says_so(self):
        config = self.write("c.yaml", f"""
name: c
out: {self.dir}/out
data: {{interactions: {{path: "{self.ratings}"}}}}
split: {{by: ratio, share: 0.2}}
models: [{{name: a, type: ials}}, {{name: b, type: popular}}]
serve: {{approximate_from: 1000}}
""")
        rows = {r["name"]: r for r in self.json("plan", config)["stages"] if r["stage"] == "train"}
        self.assertEqual(rows["a"]["retrieval"], "lists")
        self.assertNotIn("retrieval", rows["b"])
        self.assertIn("approximate", self.akin("plan", config)[0])


if __name__ == "__main__":
    unittest.main()
