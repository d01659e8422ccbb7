"""The context of events and of requests: kept by prepare, learnt by fm, and another order by device over
the command line and over HTTP."""
import json
import random
import unittest
from urllib.parse import quote

from akin_cli import Case
from test_serve import Server

ITEMS = 24
DEVICES = ("phone", "desk")


class Context(Case):
    def setUp(self):
        super().setUp()
        rows, chance = [], random.Random(6)
        for u in range(60):
            for n in range(10):
                i, device = (u * 5 + n * 7) % ITEMS, chance.choice(DEVICES)
                fits = (i % 2 == 0) == (device == "phone")  # short films on the phone
                value = 3 + (1.5 if fits else -1.5) + (.5 if (i + u) % 3 == 0 else 0)
                rows.append(f"u{u},{i},{value},{1600000000 + 1000 * n},{device},{'ab'[u % 2]}\n")
        header = "user_id,item_id,value,time,device,with\n"
        cut = [r for n, r in enumerate(rows) if n % 5]
        test = self.write("test.csv", header + "".join(rows[::5]))
        train = self.write("train.csv", header + "".join(cut))
        items = self.write("items.csv", "item_id,title,kind\n" + "".join(
            f"{i},Film {i},{'long' if i % 2 else 'short'}\n" for i in range(ITEMS)))
        self.train, self.test, self.model = (self.dir / n for n in ("d.akin", "t.akin", "fm.akin"))
        for source, to in ((train, self.train), (test, self.test)):
            self.akin("prepare", source, "--items", items, "--context", "device,with", "-o", to)
        self.akin("train", self.train, "--model", "fm", "-o", self.model)

    def listed(self, *args):
        out = self.akin("recommend", self.model, "--user", "u1", "-k", 6, "--json",
                        "--exclude-seen=false", *args)[0]
        return [int(i["item_id"]) for i in json.loads(out.splitlines()[0])["items"]]

    def assertParted(self, phone, desk):
        self.assertEqual({i % 2 for i in phone}, {0}, phone)
        self.assertEqual({i % 2 for i in desk}, {1}, desk)

    def test_command_line(self):
        self.assertParted(self.listed("--context", "device=phone"),
                          self.listed("--context", "device=desk,with=a"))
        self.assertEqual(self.listed("--context", "device=television"), self.listed())
        said = self.akin("recommend", self.model, "--user", "u1", "--context", "divice=phone",
                         status=2)[1]
        self.assertIn("divice", said)
        self.assertIn("device, with", said)

    def test_other_models_have_no_context(self):
        other = self.dir / "ials.akin"
        self.akin("train", self.train, "--model", "ials", "-o", other)
        said = self.akin("recommend", other, "--user", "u1", "--context", "device=phone",
                         status=2)[1]
        self.assertIn("no model here goes by a context", said)

    def test_evaluated_in_the_context_of_each_event(self):
        rmse = {}
        for wanted in ("true", "false"):
            result = self.json("evaluate", "--train", self.train, "--test", self.test, "--model", "fm",
                               "--set", f"context={wanted}", "--metrics", "rmse")["results"][0]
            rmse[wanted] = result["metrics"]["rmse"]["value"]
        self.assertLess(rmse["true"], .6)
        self.assertGreater(rmse["false"], 1.2)

    def test_over_http(self):
        self.akin("train", self.train, "--model", "ials", "-o", self.dir / "ials.akin")
        server = Server("--store", f"sqlite:{self.dir}/akin.db", "--listen", "127.0.0.1:0",
                        "--model", f"fm={self.model}", "--model", f"ials={self.dir}/ials.akin")
        connection = server.connect()

        def ask(method, path, body=None, status=200):
            got, answer, _ = server.ask(method, path, body, connection=connection)
            self.assertEqual(got, status, answer)
            return [int(i["item_id"]) for i in answer["items"]] if status == 200 else answer["detail"]

        def get(context, status=200, user="u1", model="fm"):
            return ask("GET", f"/v1/users/{user}/recommendations?k=6&exclude_seen=false&model={model}"
                       + (f"&context={quote(context)}" if context else ""), status=status)

        try:
            phone = {"model": "fm", "k": 6, "exclude_seen": False, "context": {"device": "phone"}}
            desk = {**phone, "context": {"device": ["desk"], "with": None}}
            self.assertParted(get("device=phone"), get("device=desk"))
            self.assertParted(*(ask("POST", "/v1/recommendations", {**b, "user_id": "u2"})
                                for b in (phone, desk)))
            # strangers with nothing but a place, and candidates of the caller
            self.assertParted(*(ask("POST", "/v1/recommendations", b) for b in (phone, desk)))
            first = [ask("POST", "/v1/rank", {"items": ["4", "5"], "user_id": "u3", "model": "fm",
                                              "context": b["context"]})[0] for b in (phone, desk)]
            self.assertEqual(first, [4, 5])
            self.assertEqual(get("device=phone"), get("device=phone"))  # no cache mixes them up
            self.assertEqual(get("device=television"), get(None))
            self.assertEqual(get("device=phone", model="ials"), get(None, model="ials"))
            self.assertIn("there are: device, with", get("colour=red", status=400))
            self.assertIn("device", ask("POST", "/v1/recommendations",
                                        {**phone, "context": {"device": {"a": 1}}}, status=400))
            for value in ("|" * 100000, ["a"] * 1000):
                self.assertIn("too long", ask("POST", "/v1/recommendations",
                                              {**phone, "context": {"device": value}}, status=400))
        finally:
            connection.close()
            self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    unittest.main()
