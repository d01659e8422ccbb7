"""Experiments and canaries over HTTP: assignment, exposure, conversion, restart, load. Standard
library only."""
import signal
import time
import unittest

from test_serve import Server, ServeCase
from test_serve_load import end_load, start_load

# tests/unit/live/experiment_golden.h: the points of these users under the name "homepage"
POINTS = {"1": .42106, "42": .77847, "user-7": .00691, "Åsa": .21012}
SPLIT = """
  experiments:
    - name: homepage
      arms: [{name: old, model: popular, share: 0.3}, {name: new, model: itemknn, share: 0.4}]
      types: [buy]
      window: 7d
"""
MIX = """
  experiments:
    - {name: duel, kind: interleave, arms: [{model: popular, share: 0.5}, {model: itemknn, share: 0.5}]}
"""


class Experiments(ServeCase):
    def configured(self, experiments):
        config = self.write("c.yaml", f"""
name: films
models:
  - {{name: popular, path: "{self.dir / 'popular.akin'}"}}
  - {{name: itemknn, path: "{self.dir / 'itemknn.akin'}"}}
  - {{name: ials, path: "{self.dir / 'ials.akin'}"}}
store: {{url: "{self.store}"}}
serve:
  listen: "127.0.0.1:0"
  default: ials
{experiments}""")
        s = Server(config)
        self.servers.append(s)
        return s

    def ok(self, s, method, path, body=None):
        return self.expect(200, s.ask(method, path, body))

    def arm(self, s, user):
        return self.ok(s, "POST", "/v1/recommendations", {"user_id": user})

    def result(self, s):
        return self.ok(s, "GET", "/v1/experiments")["experiments"][0]

    def test_a_split_from_assignment_to_result(self):
        s = self.configured(SPLIT)
        for user, point in POINTS.items():
            r = self.arm(s, user)
            arm, model = (("old", "popular") if point < .3 else
                          ("new", "itemknn") if point < .7 else (None, "ials"))
            self.assertEqual(r["model"], model, user)
            self.assertEqual(r.get("experiment"), arm and {"name": "homepage", "arm": arm})
        r = self.ok(s, "POST", "/v1/recommendations", {"user_id": "1", "model": "itemknn"})
        self.assertNotIn("experiment", r)
        self.assertNotIn("experiment", self.ok(s, "POST", "/v1/recommendations", {"history": ["2"]}))
        for user in ("1", "42", "Åsa", "nobody"):
            self.ok(s, "POST", "/v1/events", {"user_id": user, "item_id": "2", "event_type": "buy"})
        self.ok(s, "POST", "/v1/events", {"user_id": "user-7", "item_id": "2"})
        r = self.result(s)
        old, new = r["arms"]
        self.assertEqual((old["users"], old["converted"], new["users"], new["converted"]),
                         (2, 1, 1, 1))
        self.assertEqual(old["rate"]["value"], .5)
        self.assertLess(old["rate"]["lo"], .5)
        self.assertEqual(new["difference"]["value"], .5)
        metrics = s.ask("GET", "/metrics")[1].decode()
        self.assertIn('akin_experiment_users{experiment="homepage",arm="old"} 2', metrics)
        self.assertIn('akin_experiment_converted{experiment="homepage",arm="new"} 1', metrics)
        self.assertEqual(s.stop(), 0)
        s = self.configured(SPLIT)
        r = self.result(s)
        self.assertEqual([(a["users"], a["converted"]) for a in r["arms"]], [(2, 1), (1, 1)])
        self.ok(s, "DELETE", "/v1/users/1")
        self.assertEqual(self.result(s)["arms"][1]["users"], 0)
        document = self.ok(s, "GET", "/v1/openapi.json")
        self.assertIn("/v1/experiments", document["paths"])
        self.assertIn("/v1/models/{name}:promote", document["paths"])

    def test_a_crash_keeps_what_was_exposed_a_second_before(self):
        s = self.configured(SPLIT)
        journal = self.dir / "akin.db.exposures"
        before = journal.stat().st_size
        for user in POINTS:
            self.arm(s, user)
        deadline = time.monotonic() + 60
        while journal.stat().st_size == before:  # its thread writes by itself
            self.assertLess(time.monotonic(), deadline)
            time.sleep(.02)
        self.ok(s, "POST", "/v1/events", {"user_id": "1", "item_id": "2", "event_type": "buy"})
        s.stop(signal.SIGKILL)
        s = self.configured(SPLIT)
        arms = self.result(s)["arms"]
        self.assertEqual([(a["users"], a["converted"]) for a in arms], [(2, 0), (1, 1)])
        # no id is in the file, only hashes of them
        self.assertNotIn(b"user-7", journal.read_bytes())

    def test_interleaving(self):
        s = self.configured(MIX)
        r = self.ok(s, "GET", "/v1/users/u2/recommendations?k=6&explain=true")
        self.assertEqual(r["experiment"], {"name": "duel", "arms": ["popular", "itemknn"]})
        arms = [i["arm"] for i in r["items"]]
        self.assertEqual(sorted(arms), ["itemknn"] * 3 + ["popular"] * 3)
        self.assertEqual(len({i["item_id"] for i in r["items"]}), 6)
        last = r["items"][-1]
        self.ok(s, "POST", "/v1/events", {"user_id": "u2", "item_id": last["item_id"]})
        duel = self.result(s)
        self.assertEqual([a["credits"] for a in duel["arms"]],
                         [int(a == last["arm"]) for a in ("popular", "itemknn")])
        preference = duel["preference"]
        self.assertEqual(preference["first"] + preference["second"], 1)
        self.assertEqual(preference["p"], 1)

    def test_a_wrong_experiment_is_named(self):
        for experiments, says in ((SPLIT.replace("0.4", "0.8"), "sum to 1.1"),
                                  (SPLIT.replace("itemknn", "none"), "'none' is not served"),
                                  (SPLIT.replace("window", "windw"), "did you mean 'window'")):
            with self.assertRaises(AssertionError) as raised:
                self.configured(experiments)
            self.assertIn(says, str(raised.exception))

    def test_results_are_for_admins(self):
        store = self.store
        key = self.akin("keys", "create", "--store", store, "--scopes", "admin")[0].split()[-1]
        read = self.akin("keys", "create", "--store", store, "--scopes", "read")[0].split()[-1]
        s = self.configured(SPLIT)
        bearer = lambda k: {"Authorization": f"Bearer {k}"}
        self.expect(403, s.ask("GET", "/v1/experiments", headers=bearer(read)))
        self.expect(403, s.ask("POST", "/v1/models/ials:promote", {}, headers=bearer(read)))
        self.expect(200, s.ask("GET", "/v1/experiments", headers=bearer(key)))


class Canaries(ServeCase):
    def test_canaries_come_and_go_under_load(self):
        s = self.serve()
        path = {"path": str(self.dir / "ials.akin")}
        step = lambda verb, body: self.expect(200, s.ask("POST", f"/v1/models/ials:{verb}", body))
        load = start_load(s.port, "--rate", 300, "--seconds", 3, "--connections", 8)
        rounds = 0
        while load.poll() is None:
            models = step("activate", {**path, "share": .3})["models"]
            canary = models[-1]["canary"]
            self.assertEqual((canary["share"], canary["errors"]), (.3, 0))
            self.assertEqual(step("activate", {**path, "share": .6})["models"][-1]["canary"]
                             ["generation"], canary["generation"])
            self.expect(409, s.ask("POST", "/v1/models/ials:activate", path))
            after = step("promote" if rounds % 2 else "rollback", {})["models"][-1]
            self.assertIsNone(after["canary"])
            self.assertEqual(after["generation"] == canary["generation"], rounds % 2 == 1)
            rounds += 1
        code, r = end_load(load)
        self.assertEqual((code, r["errors"], r["unsent"], r["sent"]), (0, 0, 0, 900), r)
        self.assertGreater(rounds, 1)
        self.expect(404, s.ask("POST", "/v1/models/ials:promote", {}))
        for share in (0, 1.5, "much"):
            self.expect(400, s.ask("POST", "/v1/models/ials:activate", {**path, "share": share}))

    def test_a_share_of_the_users(self):
        s = self.serve()
        body = {"path": str(self.dir / "popular.akin"), "share": .25}
        self.expect(200, s.ask("POST", "/v1/models/ials:activate", body))
        batch = {"requests": [{"user_id": f"v{i}", "k": 1} for i in range(400)] + [{"k": 1}]}
        before = self.expect(200, s.ask("POST", "/v1/recommendations", batch))["results"]
        after = self.expect(200, s.ask("POST", "/v1/recommendations", batch))["results"]
        generations = [r["generation"] for r in before]
        self.assertEqual(generations, [r["generation"] for r in after])
        canary = max(generations)
        self.assertTrue(60 <= generations.count(canary) <= 140, generations.count(canary))
        self.assertNotEqual(generations[-1], canary)  # who has no id stays with the old
        model = self.expect(200, s.ask("GET", "/v1/models"))["models"][-1]
        self.assertEqual(model["canary"]["answers"], 2 * generations.count(canary))


if __name__ == "__main__":
    unittest.main()
