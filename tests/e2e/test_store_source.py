"""A store as a source: the server's events come back by `prepare`, merge into the dataset, train."""
import signal
import unittest

from test_serve import ServeCase


CONFIG = """
name: test
out: {dir}/out
data: {{interactions: {{path: "{store}"}}}}
clean: {{duplicates: keep}}
split: {{by: leave-last, n: 2}}
models: [{{name: popular, type: popular}}]
evaluate: {{metrics: [ndcg@5]}}
"""


class StoreSource(ServeCase):
    def events(self, path):
        return self.json("inspect", path)["events"]

    def test_from_server_to_the_next_model(self):
        s = self.serve()
        put = lambda *a: self.expect(200, s.ask(*a))
        put("POST", "/v1/events", [{"event_id": f"e{n}", "user_id": "new", "item_id": str(n),
                                    "value": 5, "time": 1600000000 + n} for n in (2, 4, 6, 8)])
        put("PUT", "/v1/items/77", {"title": "A late film", "year": 2031})
        put("PUT", "/v1/items/2", {"title": "Title 2, again"})
        put("DELETE", "/v1/items/8")
        put("DELETE", "/v1/users/u5")
        before = self.json("prepare", self.data, "-o", self.dir / "same.akin")

        # beside the server, which goes on writing
        alone = self.json("prepare", self.store, "-o", self.dir / "late.akin")
        self.assertEqual((alone["kept"], alone["users"], alone["dropped"]),
                         (3, 1, {"unknown_item": 1}))
        merged = self.dir / "merged.akin"
        r = self.json("prepare", self.data, self.store, "-o", merged)
        self.assertEqual(r["erased_events"], 15)
        self.assertEqual(r["users"], before["users"])  # one came, one went
        self.assertGreater(r["watermark"], 7)
        again = self.json("prepare", merged, self.store, "-o", self.dir / "again.akin")
        self.assertEqual((again["kept"], again["watermark"]), (r["kept"], r["watermark"]))

        for name in ("popular", "ials"):
            self.akin("train", merged, "--model", name, "-o", self.dir / f"{name}.akin")
        lists = self.json("recommend", self.dir / "ials.akin", "--user", "new", "-k", 50)
        items = [i["item_id"] for i in lists["items"]]
        self.assertNotIn("8", items)
        self.assertNotIn("2", items)
        self.assertIn("77", items)
        self.assertEqual(s.stop(), 0)

        # the new model over the same store: what it was trained on is not added once more
        s = self.serve(models=("ials",))
        model = self.expect(200, s.ask("GET", "/v1/models"))["models"][0]
        self.assertEqual(model["watermark"], r["watermark"])
        served = self.expect(200, s.ask("GET", "/v1/users/new/recommendations?k=50"))
        self.assertEqual([(i["item_id"], i["score"]) for i in served["items"]],
                         [(i["item_id"], i["score"]) for i in lists["items"]])
        self.assertEqual(self.expect(200, s.ask("GET", "/v1/items/2"))["title"], "Title 2, again")
        self.expect(404, s.ask("GET", "/v1/users/u5"))
        self.assertEqual(s.stop(signal.SIGTERM), 0)

    def test_a_pipeline_runs_again_when_the_store_has_changed(self):
        s = self.serve(models=("popular",))
        put = lambda at, n: self.expect(200, s.ask("POST", "/v1/events", [
            {"event_id": f"e{at + i}", "user_id": f"v{(at + i) % 40}",
             "item_id": str((at + i) * 7 % 30), "value": 5, "time": 1600000000 + at + i}
            for i in range(n)]))
        put(0, 600)
        config = self.write("c.yaml", CONFIG.format(dir=self.dir, store=self.store))
        plan = self.json("plan", config)
        self.assertEqual([r["stage"] for r in plan["stages"]], ["prepare", "split", "train"])
        run = lambda: {r["stage"]: r["state"] for r in self.json("run", config)["stages"]}
        self.assertEqual(set(run().values()), {"done"})
        self.assertEqual(self.events(self.dir / "out" / "data.akin"), 600)
        self.assertEqual(set(run().values()), {"unchanged"})
        put(600, 1)
        self.assertEqual(run()["prepare"], "done")
        self.assertEqual(self.events(self.dir / "out" / "data.akin"), 601)
        self.expect(200, s.ask("DELETE", "/v1/users/v1"))
        self.assertEqual(run()["prepare"], "done")
        self.assertEqual(set(run().values()), {"unchanged"})
        self.assertEqual(s.stop(), 0)
        self.assertEqual(set(run().values()), {"unchanged"})  # checkpoints change no content

    def test_wrong_files_are_named(self):
        text = self.write("text.db", "no database at all, only some words in a file\n" * 20)
        _, err = self.akin("prepare", f"sqlite:{text}", "-o", self.dir / "x.akin", status=2)
        self.assertIn("text.db", err)
        _, err = self.akin("prepare", "sqlite:/nowhere/akin.db", "-o", self.dir / "x.akin",
                           status=2)
        self.assertIn("/nowhere", err)
        self.assertFalse((self.dir / "x.akin").exists())


if __name__ == "__main__":
    unittest.main()
