"""Disk full at any byte, and kill -9 at any moment: the old file or the new one, never half."""
import pathlib
import random
import resource
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
from akin_cli import PROGRAM, Case  # noqa: E402


class Writes(Case):
    def run_limited(self, size, *args):
        """Every file may grow to `size` bytes only; the write beyond fails (EFBIG)."""
        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        return subprocess.run([PROGRAM, *map(str, args)], capture_output=True, text=True,
                              preexec_fn=limit, timeout=60)

    def check_command(self, output, *args):
        self.akin(*args)
        want = output.read_bytes()
        names = sorted(p.name for p in self.dir.iterdir())
        steps = sorted({0, 1, 64, len(want) - 1, *(len(want) * i // 7 for i in range(1, 7))})
        for size in steps:
            output.write_bytes(b"old")
            done = self.run_limited(size, *args)
            self.assertEqual(done.returncode, 1, (size, done.stderr))
            self.assertIn(output.name, done.stderr)
            self.assertEqual(output.read_bytes(), b"old")
            self.assertEqual(sorted(p.name for p in self.dir.iterdir()), names)

    def test_disk_full_at_any_byte(self):
        data, model = self.dir / "d.akin", self.dir / "m.akin"
        self.check_command(data, "prepare", self.ratings(), "-o", data)
        self.akin("prepare", self.dir / "ratings.csv", "-o", data)
        self.check_command(model, "train", data, "--model", "popular", "-o", model)
        self.akin("train", data, "--model", "popular", "-o", model)
        lists = self.dir / "l.csv"
        self.check_command(lists, "recommend", model, "--all", "-o", lists)

    def test_kill_at_any_moment(self):
        seed = 5
        print(f"seed {seed}")
        rng = random.Random(seed)
        data = self.dir / "d.akin"
        self.akin("prepare", self.ratings(users=400, items=200, per_user=60), "-o", data)
        want = data.read_bytes()
        for old in (None, b"old"):
            for _ in range(10):
                data.unlink(missing_ok=True)
                if old:
                    data.write_bytes(old)
                process = subprocess.Popen([PROGRAM, "prepare", str(self.dir / "ratings.csv"), "-o",
                                            str(data)], stdout=subprocess.DEVNULL,
                                           stderr=subprocess.DEVNULL)
                try:
                    process.wait(timeout=rng.uniform(0, 0.05))
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
                got = data.read_bytes() if data.exists() else None
                self.assertIn(got, (old, want))


if __name__ == "__main__":
    unittest.main(verbosity=1)
