"""Recommending by what things are: from one's own items alone, near duplicates, items nobody has
touched, and items that are put into the catalogue of a running server."""
import csv
import json
import unittest

from akin_cli import Case
from test_serve import Server

THINGS = {
    "a": ("Grand piano, black", "Keys|Music", "1990", "A concert grand of spruce and maple."),
    "b": ("The black grand piano", "Keys|Music", "1990", "Concert grands: spruce, maple."),
    "c": ("Violin", "Strings|Music", "1995", "Spruce top, maple back."),
    "d": ("Garden hose", "Garden", "2010", "Twenty metres of rubber."),
    "e": ("Rake", "Garden", "2012", "Steel teeth for autumn leaves."),
    "f": ("Watering can", "Garden", "2011", "Steel, ten litres."),
    "g": ("😀", "", "", ""),
    "h": ("פסנתר כנף", "", "", "פסנתר"),
}


class Content(Case):
    def setUp(self):
        super().setUp()
        rows = "".join(f'{i},"{t}",{c},{y},"{d}"\n' for i, (t, c, y, d) in THINGS.items())
        items = self.write("items.csv", "item_id,title,categories,year,description\n" + rows)
        # nobody touched b, c or h; who has a also has the garden's
        events = self.write("events.csv", "user_id,item_id\n" + "".join(
            f"u{u},{i}\n" for u in range(9) for i in ("adef", "def", "a")[u % 3]) + "x,g\n")
        self.data, self.model = self.dir / "d.akin", self.dir / "m.akin"
        self.akin("prepare", events, "--items", items, "-o", self.data)
        self.akin("train", self.data, "--model", "content", "-o", self.model)

    def recommended(self, *args):
        out = self.akin("recommend", self.model, *args, "--json")[0]
        return json.loads(out.splitlines()[0])["items"]

    def test_from_ones_own_alone(self):
        items = self.recommended("--history", "a", "-k", 9, "--explain")
        self.assertEqual([i["item_id"] for i in items[:2]], ["b", "c"])
        self.assertGreater(items[0]["score"], 0.9)
        self.assertEqual(items[0]["reasons"][0]["item_id"], "a")
        self.assertEqual(len(items), 7)
        first = self.recommended("--history", "e", "-k", 9)
        self.assertEqual(first[0]["item_id"], "f")
        # nothing is like it: the popular ones
        self.assertEqual(len(self.recommended("--history", "h", "-k", 9)), 7)

    def test_near_duplicates(self):
        items = self.json("similar", self.model, "--item", "a", "-k", 3)["items"]
        self.assertEqual(items[0]["item_id"], "b")
        self.assertGreater(items[0]["score"], 2 * items[1]["score"])
        near = self.dir / "near.csv"
        said = self.json("similar", self.model, "--all", "--min-score", items[0]["score"] - 0.01,
                         "-o", near)
        self.assertEqual(said, {"items": 8, "rows": 2})
        with open(near) as f:
            rows = [(r["item_id"], r["near_id"], r["near_title"]) for r in csv.DictReader(f)]
        self.assertEqual(rows, [("a", "b", "The black grand piano"), ("b", "a", "Grand piano, black")])
        self.akin("similar", self.model, "--all", "--item", "a", status=2)
        self.akin("similar", self.model, "--item", "a", "--min-score", "0.5", status=2)

    def test_what_to_give(self):
        events = self.write("plain.csv", "user_id,item_id\nu,1\nv,2\n")
        self.akin("prepare", events, "-o", self.dir / "p.akin")
        _, error = self.akin("train", self.dir / "p.akin", "--model", "content", "-o",
                             self.dir / "no.akin", status=2)
        self.assertIn("--items", error)
        _, error = self.akin("train", self.data, "--model", "content", "--set", "columns=titel",
                             "-o", self.dir / "no.akin", status=2)
        self.assertIn("title", error)

    def test_items_that_come_while_serving(self):
        server = Server("--listen", "127.0.0.1:0", "--store", f"sqlite:{self.dir}/akin.db",
                        "--model", f"c={self.model}")

        def ask(method, path, body=None):
            status, answer, _ = server.ask(method, path, body)
            self.assertEqual(status, 200, answer)
            return answer

        def ids(path="/v1/users/u2/recommendations?k=5"):
            return [i["item_id"] for i in ask("GET", path)["items"]]

        try:
            self.assertEqual(ids()[:2], ["b", "c"])
            upright = {"title": "Upright piano, black", "categories": ["Keys", "Music"],
                       "year": 1990, "description": "Spruce and maple."}
            ask("PUT", "/v1/items/new", upright)
            ask("PUT", "/v1/items/other", {"title": "Spade", "categories": ["Garden"]})
            items = ask("GET", "/v1/users/u2/recommendations?k=5&explain=true")["items"]
            self.assertEqual([i["item_id"] for i in items[:3]], ["b", "new", "c"])
            self.assertEqual(items[1]["reasons"][0]["item_id"], "a")
            self.assertAlmostEqual(items[1]["reasons"][0]["contribution"], items[1]["score"], 4)
            # filters, another description, an end, and a restart
            self.assertEqual(ids('/v1/users/u2/recommendations?k=1&filter=title=="Upright%20piano,'
                                 '%20black"'), ["new"])
            ask("PUT", "/v1/items/new", dict(upright, title="Spade", categories=["Garden"],
                                             year=2012, description=""))
            self.assertNotIn("new", ids()[:2])
            ask("PUT", "/v1/items/new", upright)
            self.assertEqual(ids()[1], "new")
            ranked = ask("POST", "/v1/rank", {"user_id": "u2", "items": ["d", "new", "other"]})
            self.assertEqual(ranked["items"][0]["item_id"], "new")
            self.assertEqual(server.ask("DELETE", "/v1/items/new")[0], 200)
            self.assertNotIn("new", ids())
            ask("PUT", "/v1/items/new", upright)
        finally:
            self.assertEqual(server.stop(), 0)
        server = Server("--listen", "127.0.0.1:0", "--store", f"sqlite:{self.dir}/akin.db",
                        "--model", f"c={self.model}")
        try:
            self.assertEqual(ids()[:3], ["b", "new", "c"])
            ask("POST", "/v1/events", {"user_id": "u2", "item_id": "new"})
            self.assertNotIn("new", ids())
        finally:
            self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    unittest.main()
