"""Every model of the registry over HTTP: an acknowledged event shows in the next answer, tastes part
people, and a history in the request is answered as its owner is. A new model is tested by existing."""
import csv
import math
import unittest

from akin_cli import Case
from test_serve import Server

# fold-in of the history it was trained on gives the row itself
EXACT = {"ials", "als", "svdpp", "bmf", "fm", "vae", "sdae"}
LEVELS = {"slopeone"}  # shifts of level between items: lists differ, tastes hardly part
K = 20


class EveryModel(Case):
    def setUp(self):
        super().setUp()
        self.data = self.dir / "d.akin"
        path = self.ratings(users=120, items=60, per_user=14)
        with open(path) as f:
            self.events = list(csv.DictReader(f))
        self.akin("prepare", path, "--items", self.items(60), "-o", self.data)
        self.models = {m["name"]: m for m in self.json("models")["models"]}
        args = ["--store", f"sqlite:{self.dir}/akin.db", "--listen", "127.0.0.1:0"]
        for name in self.models:
            self.akin("train", self.data, "--model", name, "--positive", "value >= 4", "-o",
                      self.dir / f"{name}.akin")
            args += ["--model", f"{name}={self.dir}/{name}.akin"]
        self.server = Server(*args)
        self.connection = self.server.connect()
        self.served = {m["name"]: m for m in self.ask("GET", "/v1/models")["models"]}

    def tearDown(self):
        self.connection.close()
        self.assertEqual(self.server.stop(), 0)
        super().tearDown()

    def ask(self, method, path, body=None):
        status, answer, _ = self.server.ask(method, path, body, connection=self.connection)
        self.assertEqual(status, 200, answer)
        return answer

    def list(self, model, user, k=K):
        return self.ask("GET", f"/v1/users/{user}/recommendations?model={model}&k={k}")["items"]

    def ids(self, model, user, k=K):
        return [i["item_id"] for i in self.list(model, user, k)]

    def rate(self, user, values):
        self.ask("POST", "/v1/events", {"events": [
            {"user_id": user, "item_id": i, "value": v, "time": 1700000000 + n}
            for n, (i, v) in enumerate(values.items())]})

    def test_an_event_takes_its_item_from_the_next_answer(self):
        for n, model in enumerate(self.models):
            user = f"u{n + 1}"
            for _ in range(5):
                first = self.ids(model, user, 5)[0]
                self.rate(user, {first: 5})
                self.assertNotIn(first, self.ids(model, user), model)

    def test_two_alike_with_different_events_get_different_lists(self):
        for model in self.models:
            if not self.served[model]["personal"]:
                continue
            with self.subTest(model):
                odd, even = f"{model}-odd", f"{model}-even"
                self.assertEqual(self.ids(model, odd), self.ids(model, even))
                self.rate(odd, {"1": 5, "3": 5, "5": 5, "7": 5, "2": 1, "4": 1, "6": 1})
                self.rate(even, {"2": 5, "4": 5, "6": 5, "8": 5, "1": 1, "3": 1, "5": 1})
                ours, theirs = self.ids(model, odd, 10), self.ids(model, even, 10)
                self.assertNotEqual(ours, theirs)
                if self.models[model]["values"]:
                    continue  # a predictor of ratings need not part tastes
                of_taste = [sum(int(i) % 2 == rest for i in x)
                            for x, rest in ((ours, 1), (theirs, 0))]
                self.assertGreaterEqual(min(of_taste), 3 if model in LEVELS else 7,
                                        f"{ours} {theirs}")

    def test_a_history_is_answered_as_its_owner(self):
        users = [f"u{n}" for n in range(1, 121, 2)]
        for model, about in self.models.items():
            if not self.served[model]["personal"]:
                continue
            with self.subTest(model):
                shared = 0
                for user in users:
                    own = [e for e in self.events if e["user_id"] == user]
                    own.sort(key=lambda e: (int(e["timestamp"]), int(e["item_id"])))
                    history = [{"item_id": e["item_id"], "value": float(e["rating"]),
                                "time": int(e["timestamp"])} for e in own]
                    want = self.list(model, user)
                    got = self.ask("POST", "/v1/recommendations",
                                   {"history": history, "model": model, "k": K})["items"]
                    if model in EXACT:
                        self.assertEqual(got, want, user)
                    elif about["closed_form"]:
                        for a, b in zip(got, want, strict=True):
                            self.assertEqual(a["score"] is None, b["score"] is None)
                            self.assertTrue(a["score"] is None or
                                            math.isclose(a["score"], b["score"], rel_tol=1e-5), user)
                    shared += len({i["item_id"] for i in got} & {i["item_id"] for i in want}) / K
                self.assertGreaterEqual(shared / len(users), .8)


if __name__ == "__main__":
    unittest.main()
