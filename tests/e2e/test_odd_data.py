"""Every model of the registry on data that is hardly any: a clear result or a clear error."""
import json
import math
import subprocess
import unittest

from akin_cli import PROGRAM, Case

TITLES = ["", "🎬🎬", "مرحبا بالعالم", "שלום", "a", "   ", "0", "the the the", "ﬁ ﬂ", "e\u0301"]


def events(users, items, value=lambda u, i: 1 + (u + i) % 5):
    return [(u, i, value(u, i)) for u in range(users) for i in range(items)]


DATA = {
    "one event": events(1, 1),
    "one user": events(1, 9),
    "one item": events(9, 1),
    "ratings all alike": events(8, 7, lambda u, i: 3 if (u + i) % 3 else 3),
    "no positives": events(8, 7, lambda u, i: 1),
    "baskets all alike": events(9, 4, lambda u, i: 5),
    "baskets of one item": [(u, u % 5, 5) for u in range(12)],
    "two that share nothing": [(0, 0, 5), (0, 1, 4), (1, 2, 5), (1, 3, 4)],
    "one basket of 3000 items": [(0, i, 4 + i % 2) for i in range(3000)] + events(4, 5),
}


class OddData(Case):
    def prepare(self, name, rows):
        with open(self.dir / "ratings.csv", "w") as f:
            f.write("user_id,item_id,value,time\n")
            f.writelines(f"u{u},i{i},{v},{1600000000 + 60 * n}\n" for n, (u, i, v) in enumerate(rows))
        with open(self.dir / "items.csv", "w") as f:
            f.write("item_id,title,categories,price\n")
            for i in sorted({i for _, i, _ in rows}):
                f.write(f"i{i},{TITLES[i % len(TITLES)]},{'x|y' if i % 2 else ''},1\n")
        data = self.dir / f"{name.replace(' ', '-')}.akin"
        self.akin("prepare", self.dir / "ratings.csv", "--items", self.dir / "items.csv", "-o", data)
        return data

    def look_at(self, model, data, n_items):
        file = self.dir / "m.akin"
        file.unlink(missing_ok=True)
        code, out, err = self.run_akin("train", data, "--model", model, "--positive", "value >= 4",
                                       "-o", file, "--quiet")
        self.assertIn(code, (0, 1, 2), err)
        if code:
            self.assertRegex(err, r"^akin: error: .{20,}")
            self.assertFalse(file.exists())
            return False
        for who in (["--user", "u0"], ["--history", "i0"]):
            out, _ = self.akin("recommend", file, *who, "-k", 7, "--exclude-seen=false", "--explain",
                               "--json")
            items = json.loads(out)["items"]
            self.assertEqual(len(items), min(7, n_items))
            self.assertEqual(len({i["item_id"] for i in items}), len(items))
            for item in items:
                self.assertTrue(item["score"] is None or math.isfinite(item["score"]), item)
        code, _, err = self.run_akin("similar", file, "--item", "i0", "-k", 3, "--json")
        self.assertIn(code, (0, 2), err)  # 2: a model without likeness of items
        return True

    def run_akin(self, *args):
        done = subprocess.run([PROGRAM, *map(str, args)], capture_output=True, text=True, timeout=120)
        return done.returncode, done.stdout, done.stderr

    def test_every_model(self):
        models = [m["name"] for m in self.json("models")["models"]]
        trained = dict.fromkeys(models, 0)
        for name, rows in DATA.items():
            data = self.prepare(name, rows)
            for model in models:
                with self.subTest(f"{model}: {name}"):
                    trained[model] += self.look_at(model, data, len({i for _, i, _ in rows}))
        for model, n in trained.items():
            self.assertGreaterEqual(n, 3, f"{model} refuses nearly everything")


if __name__ == "__main__":
    unittest.main()
