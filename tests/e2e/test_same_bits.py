"""Same data + parameters + seed = the same bytes: threads, ISAs, order of input rows."""
import json
import unittest

from akin_cli import Case


class SameBits(Case):
    def isas(self):
        return [i["name"] for i in self.json("doctor")["isa"] if i["works"]]

    def fingerprint(self, path):
        return self.json("inspect", path)["fingerprint"]

    def test_dataset(self):
        first = self.dir / "first.akin"
        self.akin("prepare", self.ratings(), "--items", self.items(), "-o", first)
        want = self.fingerprint(first)
        for threads in (1, 2, 3, 8):
            out = self.dir / f"t{threads}.akin"
            self.akin("prepare", self.dir / "ratings.csv", "--items", self.dir / "items.csv", "-o",
                      out, "--threads", threads)
            self.assertEqual(out.read_bytes(), first.read_bytes())
        shuffled = self.dir / "s.akin"
        self.akin("prepare", self.ratings("shuffled.csv", shuffle=3), "--items",
                  self.dir / "items.csv", "-o", shuffled)
        self.assertEqual(self.fingerprint(shuffled), want)

    def test_models_and_lists(self):
        data = self.dir / "d.akin"
        self.akin("prepare", self.ratings(), "-o", data)
        models = [m["name"] for m in self.json("models")["models"]]
        cases = [("--threads", t) for t in (1, 2, 3, 8)] + [("--isa", i) for i in self.isas()]
        for name in models:
            want = None
            for case in cases:
                model = self.dir / "m.akin"
                self.akin("train", data, "--model", name, "--positive", "value >= 4", "-o", model,
                          *case)
                lists, _ = self.akin("recommend", model, "--all", "-k", "7", "--json", *case)
                got = (self.fingerprint(model), lists)
                want = want or got
                self.assertEqual(got, want, f"{name} {case}")


if __name__ == "__main__":
    unittest.main(verbosity=1)
