"""Runs the program and makes small data, for the end-to-end tests. Standard library only."""
import json
import os
import pathlib
import random
import subprocess
import tempfile
import unittest

PROGRAM = os.environ.get("AKIN_PROGRAM", "build/akin")


class Case(unittest.TestCase):
    def setUp(self):
        self.tmp = tempfile.TemporaryDirectory()
        self.dir = pathlib.Path(self.tmp.name)

    def tearDown(self):
        self.tmp.cleanup()

    def akin(self, *args, status=0, input=None, env=None):
        """Runs akin; asserts the exit status; returns (stdout, stderr)."""
        full = dict(os.environ, **env) if env else None
        done = subprocess.run([PROGRAM, *map(str, args)], capture_output=True, text=True,
                              input=input, timeout=120, env=full)
        self.assertEqual(done.returncode, status, f"akin {args}\n{done.stdout}\n{done.stderr}")
        return done.stdout, done.stderr

    def json(self, *args, **kwargs):
        return json.loads(self.akin(*args, "--json", **kwargs)[0])

    def write(self, name, text):
        path = self.dir / name
        path.write_text(text)
        return path

    def ratings(self, name="ratings.csv", users=60, items=40, per_user=15, seed=7, shuffle=None):
        """Two taste clusters: even users like even items. Prints its seed."""
        print(f"seed {seed}")
        rng = random.Random(seed)
        rows = []
        for u in range(1, users + 1):
            liked = rng.sample(range(1, items + 1), per_user)
            for t, i in enumerate(sorted(liked)):
                value = 5 if u % 2 == i % 2 else 2
                rows.append(f"u{u},{i},{value},{1500000000 + 100 * u + t * 86400}")
        if shuffle is not None:
            random.Random(shuffle).shuffle(rows)
        return self.write(name, "user_id,item_id,rating,timestamp\n" + "\n".join(rows) + "\n")

    def items(self, items=40):
        lines = ["item_id,title,categories,year"]
        for i in range(1, items + 1):
            genre = "Comedy|Drama" if i % 2 else "Action"
            lines.append(f'{i},"Title {i}, the film",{genre},{1980 + i}')
        return self.write("items.csv", "\n".join(lines) + "\n")
