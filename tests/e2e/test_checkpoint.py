"""Training of networks: what a loss without bound leaves, and going on from a checkpoint."""
import akin_cli

GROWS = ["error=l2", "output=linear", "activation=linear", "optimizer=sgd", "learning_rate=0.5",
         "denoising=0", "epochs=40", "hidden=8", "batch=30"]


class Checkpoint(akin_cli.Case):
    def setUp(self):
        super().setUp()
        self.data = self.ratings()
        self.file = self.dir / "c.akin"

    def train(self, out, *more, settings=(), status=0, model="sdae"):
        sets = [x for s in settings for x in ("--set", s)]
        return self.akin("train", self.data, "--model", model, *sets, "-o", self.dir / out, *more,
                         status=status)[1]

    def weights(self, name):
        sections = self.json("inspect", self.dir / name)["sections"]
        return [(s["name"], s["hash"]) for s in sections if s["name"] != "card"]

    def test_resume_is_one_run(self):
        for model, settings in (("sdae", ["dropout=0.2", "hidden=16"]), ("vae", ["dropout=0.3"]),
                                ("sdae", ["optimizer=sgd", "hidden=16"])):
            self.file.unlink(missing_ok=True)
            keep = ["--checkpoint", self.file]
            self.train("one.akin", settings=settings + ["epochs=5"], model=model)
            # nothing there yet: from the start; then the rest
            self.train("half.akin", *keep, "--resume", settings=settings + ["epochs=2"],
                       model=model)
            err = self.train("two.akin", *keep, "--resume", "--threads", "3",
                             settings=settings + ["epochs=5"], model=model)
            self.assertIn("goes on after epoch 2", err)
            # the head names the epochs, which are the same by now
            self.assertEqual(self.weights("one.akin"), self.weights("two.akin"))
            loss = [self.json("inspect", self.dir / n)["card"]["train"]["loss"]
                    for n in ("one.akin", "two.akin", "c.akin")]
            self.assertEqual(loss[0], loss[1])
            self.assertEqual(loss[0], loss[2])
            # a checkpoint is a model
            a = self.akin("recommend", self.file, "--all")[0]
            self.assertEqual(a, self.akin("recommend", self.dir / "one.akin", "--all")[0])

    def test_loss_without_bound(self):
        err = self.train("x.akin", "--checkpoint", self.file, settings=GROWS, status=2)
        self.assertRegex(err, r"grew without bound in epoch (\d+) \(learning_rate=0.5 is too high")
        epoch = int(err.split("in epoch ")[1].split()[0])
        self.assertGreater(epoch, 1)
        self.assertIn(f"epoch {epoch - 1} is kept in {self.file}", err)
        self.assertFalse((self.dir / "x.akin").exists())
        card = self.json("inspect", self.file)["card"]
        self.assertEqual(card["train"]["epochs"], epoch - 1)
        self.akin("recommend", self.file, "--user", "u1")
        err = self.train("x.akin", settings=GROWS, status=2)
        self.assertIn("--checkpoint FILE keeps the last good epoch", err)

    def test_refusals(self):
        keep = ["--checkpoint", self.file]
        few = ["epochs=2", "hidden=8"]
        self.train("a.akin", *keep, settings=few)
        self.assertIn("is there already", self.train("b.akin", *keep, settings=few, status=2))
        self.assertIn("other parameters", self.train(
            "b.akin", *keep, "--resume", settings=few + ["batch=9"], status=2))
        self.assertIn("other seed", self.train(
            "b.akin", *keep, "--resume", "--seed", "7", settings=few, status=2))
        self.assertIn("other feedback", self.train(
            "b.akin", *keep, "--resume", "--positive", "value > 3", settings=few, status=2))
        self.assertIn("needs a checkpoint", self.train("b.akin", "--resume", status=2))
        self.assertIn("makes no checkpoints", self.train("b.akin", *keep, model="ials", status=2))
        self.data = self.ratings(seed=8)
        self.assertIn("other data", self.train("b.akin", *keep, "--resume", settings=few, status=2))
        self.file.write_bytes((self.dir / "a.akin").read_bytes())
        self.assertTrue(self.train("b.akin", *keep, "--resume", settings=few, status=2))


if __name__ == "__main__":
    akin_cli.unittest.main()
