"""Whole sessions held out, each next item asked for: against brute force, and in both forms."""
import random
import unittest

from akin_cli import Case

K = 5


def sessions(seed, n, items=30):
    """Lines of a walk with habits: the next item is mostly near the last, or the last again."""
    rng = random.Random(seed)
    out = []
    for _ in range(n):
        line = [rng.randrange(items)]
        while rng.random() < 0.7:
            step = rng.choice([0, 1, 1, 2, rng.randrange(items)])
            line.append((line[-1] + step) % items)
        out.append(line)
    return out


def brute_force(train, questions):
    """hit@K and mrr@K of: what most often came right behind the last item, then what is popular."""
    follows, popular = {}, {}
    for line in train:
        for item in set(line):
            popular[item] = popular.get(item, 0) + 1
        for a, b in zip(line, line[1:]):
            row = follows.setdefault(a, {})
            row[b] = row.get(b, 0) + 1
    hits = ranks = 0
    for prefix, target in questions:
        known = [i for i in prefix if i in popular]
        row = follows.get(known[-1], {}) if known else {}
        order = sorted(popular, key=lambda i: (-row.get(i, 0), -popular[i] if i not in row else 0, i))
        if target in order[:K]:
            hits += 1
            ranks += 1 / (order.index(target) + 1)
    return hits / len(questions), ranks / len(questions)


class Sessions(Case):
    def setUp(self):
        super().setUp()
        self.seed = random.randrange(1 << 30)
        print("seed", self.seed)
        self.lines = sessions(self.seed, 400)

    def lines_of(self, name, lines):
        return self.write(name, "".join(line + "\n" for line in lines))

    def sessions_file(self, name, sessions):
        return self.lines_of(name, [" ".join(map(str, line)) for line in sessions])

    def measure(self, *where):
        r = self.json("evaluate", *where, "--format", "sessions", "--exclude-seen=false", "--model",
                      "markov", "--set", "steps=1", "--set", "history=1", "--metrics",
                      f"hit@{K},mrr@{K}")["results"][0]
        return r["n_eval"], r["metrics"][f"hit@{K}"]["value"], r["metrics"][f"mrr@{K}"]["value"]

    def test_every_next_item_of_the_newest_sessions(self):
        path = self.sessions_file("all.txt", self.lines)
        askable = [i for i, line in enumerate(self.lines) if len(line) > 1]
        held = set(askable[-80:])  # the newest fifth of 400 that has something to ask
        train = [line for i, line in enumerate(self.lines) if i not in held]
        questions = [(self.lines[i][:k], self.lines[i][k]) for i in sorted(held)
                     for k in range(1, len(self.lines[i]))]
        want = (len(questions), *brute_force(train, questions))
        for got in (self.measure("--train", path, "--split", "sessions:0.2"),
                    self.in_files(train, questions)):
            self.assertEqual(got[0], want[0])
            self.assertAlmostEqual(got[1], want[1], places=12)
            self.assertAlmostEqual(got[2], want[2], places=12)

    def in_files(self, train, questions):
        """The same as files of lines: line 7 of one has nothing to do with line 7 of the other."""
        train = self.sessions_file("train.txt", train)
        test = self.lines_of("test.txt", [f"{' '.join(map(str, p))}\t{n}" for p, n in questions])
        return self.measure("--train", train, "--test", test)

    def test_given_and_what_cannot_be_told_apart(self):
        path = self.sessions_file("all.txt", self.lines)
        train, test = self.dir / "train.akin", self.dir / "test.akin"
        self.akin("split", path, "--format", "sessions", "--by", "sessions:0.2", "--given", 2, "-o",
                  train, "--test-out", test)
        held = [line for line in self.lines if len(line) > 2][-80:]
        self.assertEqual(self.measure("--train", train, "--test", test)[0],
                         sum(len(line) - 2 for line in held))
        lists = self.lines_of("lists.csv", ["user_id,item_id", "1,2"])
        said = self.akin("evaluate", "--lists", lists, "--train", train, "--test", test, "--metrics",
                         "hit@5", "--exclude-seen=false", status=2)[1]
        self.assertIn("asks more than once", said)
        candidates = self.lines_of("candidates.txt", ["1 2 3"])
        said = self.akin("evaluate", "--model", "markov", "--train", train, "--test", test,
                         "--metrics", "hit@5", "--exclude-seen=false", "--candidates", candidates,
                         status=2)[1]
        self.assertIn("asks more than once", said)


if __name__ == "__main__":
    unittest.main()
