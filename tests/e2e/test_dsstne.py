"""DSSTNE's three programs by their flags, as its MovieLens example has them."""
import json
import re

import akin_cli

CONFIG = """{
    "Version" : 0.7, "Name" : "AE", "Kind" : "FeedForward",
    "SparsenessPenalty" : {"p" : 0.5, "beta" : 2.0},
    "ShuffleIndices" : false,
    "Denoising" : {"p" : 0.2},
    "ScaledMarginalCrossEntropy" :
        {"oneTarget" : 1.0, "zeroTarget" : 0.0, "oneScale" : 1.0, "zeroScale" : 1.0},
    "Layers" : [
        {"Name" : "Input", "Kind" : "Input", "N" : "auto", "DataSet" : "gl_input", "Sparse" : true},
        {"Name" : "Hidden", "Kind" : "Hidden", "Type" : "FullyConnected", "N" : 16,
         "Activation" : "Sigmoid", "Sparse" : true},
        {"Name" : "Output", "Kind" : "Output", "Type" : "FullyConnected", "DataSet" : "gl_output",
         "N" : "auto", "Activation" : "Sigmoid", "Sparse" : true}],
    "ErrorFunction" : "ScaledMarginalCrossEntropy"
}"""


class Dsstne(akin_cli.Case):
    def setUp(self):
        super().setUp()
        # what convert_ratings.awk makes: features with dates; even samples like even features
        lines = []
        for u in range(1, 81):
            items = [i for i in range(1, 41) if i % 2 == u % 2 and (i * u) % 7 != 3]
            lines.append(f"{u}\t" + ":".join(f"{i},{1500000000 + i}" for i in items))
        self.text = self.write("ratings", "\n".join(lines) + "\n")
        self.config = self.write("config.json", CONFIG)

    def at(self, name):
        return str(self.dir / name)

    def generate(self, name, *more, status=0, text=None, create="-c"):
        flags = [create] if create else []
        return self.akin("dsstne", "generate", "-d", f"gl_{name}", "-i", text or self.text, "-o",
                         self.at(f"gl_{name}.nc"), "-f", self.at(f"features_{name}"), "-s",
                         self.at("samples_input"), *flags, *more, status=status)

    def train(self, *more, status=0, network="gl.nc"):
        return self.akin("dsstne", "train", "-c", self.config, "-i", self.at("gl_input.nc"), "-o",
                         self.at("gl_output.nc"), "-n", self.at(network), "-b", 256, "-e", 10,
                         *more, status=status)

    def predict(self, *more, status=0, network="gl.nc", recs="recs", batch=256):
        _, err = self.akin("dsstne", "predict", "-b", batch, "-d", "gl", "-i",
                           self.at("features_input"), "-o", self.at("features_output"), "-k", 10,
                           "-n", self.at(network), "-s", self.at(recs), "-r", self.text, *more,
                           status=status)
        return err if status else (self.dir / recs).read_text().splitlines()

    def both(self):
        self.generate("input")
        self.generate("output")

    def test_migration(self):
        """docs/dsstne.md: the three steps of DSSTNE's example, their flags unchanged."""
        self.both()
        index = dict(line.split("\t") for line in
                     (self.dir / "features_input").read_text().splitlines())
        self.assertEqual(sorted(map(int, index.values())), list(range(len(index))))
        self.assertEqual(len((self.dir / "samples_input").read_text().splitlines()), 80)
        self.train("-alpha", 5)
        lines = self.predict("-f", self.text)
        self.assertEqual(len(lines), 80)
        own = {k: {x.split(",")[0] for x in v.split(":")} for k, v in
               (line.split("\t") for line in self.text.read_text().splitlines())}
        for line in lines:
            self.assertRegex(line, r"^\d+\t(\d+,\d\.\d{3}:){10}$")
            sample, rest = line.split("\t")
            recs = [x.split(",") for x in rest.strip(":").split(":")]
            self.assertFalse(own[sample] & {r[0] for r in recs}, line)
            scores = [float(r[1]) for r in recs]
            self.assertEqual(scores, sorted(scores, reverse=True))
        self.assertEqual([int(line.split("\t")[0]) for line in lines], list(range(1, 81)))

    def test_learns_and_same_bits(self):
        self.both()
        self.train("--optimizer", "adam", "-alpha", "0.05", "--threads", 1)
        self.train("--optimizer", "adam", "-alpha", "0.05", "--threads", 3, network="b.nc")
        a, b = self.predict(), self.predict(batch=7, network="b.nc", recs="b")
        self.assertEqual(a, b)
        # without a filter the input's own features come first
        hits = sum(int(r.split(",")[0]) % 2 == int(line.split("\t")[0]) % 2
                   for line in a for r in line.split("\t")[1].strip(":").split(":"))
        self.assertGreater(hits, 720)

    def test_indices(self):
        self.generate("input")
        more = self.write("more", "81\t1:2:99\n82\t99\n")
        out, _ = self.generate("input", "--json", text=more, create=None)
        got = json.loads(out)
        self.assertEqual((got["unknown_features"], got["features"], got["samples"]), (2, 2, 1))
        out, _ = self.generate("input", "--json", text=more, create="-m")
        got = json.loads(out)
        self.assertEqual((got["features_added"], got["samples_added"]), (1, 1))
        self.assertIn("99\t40\n", (self.dir / "features_input").read_text())
        _, err = self.generate("output", create=None, status=2)
        self.assertIn("features_output", err)
        _, err = self.generate("input", "-m", status=2)
        self.assertIn("exclude one another", err)
        self.write("features_input", "1\t0\n2 1\n")
        _, err = self.generate("input", create="-m", status=2)
        self.assertIn("line 2", err)
        self.write("features_input", "1\t0\n2\t0\n")
        _, err = self.generate("input", create="-m", status=2)
        self.assertIn("number 0", err)

    def test_analog(self):
        self.generate("input", "-t", "analog", text=self.write("a", "a\t1,2.5:2,3\nb\t1,1\n"))
        out = self.json("inspect", self.at("gl_input.nc"))
        self.assertEqual(out["events"], 3)
        _, err = self.generate("input", "-t", "other", status=2)
        self.assertIn("indicator|analog", err)

    def test_refusals(self):
        self.both()
        self.generate("output", text=self.write("other", "1\t1:2\n2\t2:3\n"))
        self.assertIn("give back what goes in", self.train(status=2)[1])
        self.generate("output")
        self.train()
        self.assertIn("is there already", self.train(status=2)[1])
        self.assertIn("lambda1", self.train("-lambda1", "0.1", status=2, network="c.nc")[1])
        self.assertIn("layer=Hidden", self.predict("-l", "Hidden", status=2))
        self.assertIn("given twice", self.predict("-k", 5, status=2))
        self.assertIn("precision=x", self.predict("-p", "x", status=2))
        self.assertIn("unknown option '-z'", self.predict("-z", "x", status=2))
        self.assertIn("is no dataset", self.akin(
            "dsstne", "train", "-c", self.config, "-i", self.text, "-o", self.text, "-n",
            self.at("d.nc"), status=2)[1])
        self.config.write_text(CONFIG.replace('"N" : 16', '"N" : 16, "Kernel" : 3'))
        self.assertIn("Kernel", self.train(status=2, network="d.nc")[1])

    def test_help(self):
        out, _ = self.akin("dsstne", "generate", "--help")
        self.assertTrue(re.search(r"-d, --dataset .*-c, --create", out, re.S), out)
        self.assertIn("NetCDF is not built", out)
        self.assertIn("--input-index", self.akin("help", "dsstne", "predict")[0])
        self.assertIn("dsstne-train", self.akin("help")[0])


if __name__ == "__main__":
    akin_cli.unittest.main()
