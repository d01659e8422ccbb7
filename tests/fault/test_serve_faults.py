"""The server and its store when the disk may only be read, when the file is damaged, and when the
clock goes back: /readyz and the log say so, nothing acknowledged is lost, nothing is acknowledged
that is not kept.

    AKIN_SHIM         the library that fails writes and moves the clock"""
import os
import pathlib
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
from akin_cli import PROGRAM  # noqa: E402
from test_serve import Server, ServeCase  # noqa: E402

SHIM = os.environ.get("AKIN_SHIM", "")
NOBODY = 65534


class FaultCase(ServeCase):
    def event(self, i, user="u", **more):
        return {"event_id": i, "user_id": user, "item_id": "2", **more}

    def put(self, s, *ids, **more):
        r = self.expect(200, s.ask("POST", "/v1/events", [self.event(i, **more) for i in ids]))
        return r["accepted"]

    def ids(self, s, user="u"):
        r = self.expect(200, s.ask("GET", f"/v1/users/{user}/events?limit=1000"))
        return sorted(e["event_id"] for e in r["events"])

    def refuses(self, s, words):
        """Neither ready nor writing, and says why; answers go on."""
        self.assertRegex(self.expect(503, s.ask("GET", "/readyz"))["detail"], "store: .*" + words)
        self.assertRegex(self.expect(503, s.ask("POST", "/v1/events", self.event("refused")))["detail"],
                         words)
        self.expect(503, s.ask("PUT", "/v1/items/2", {"title": "refused"}))
        self.expect(503, s.ask("DELETE", "/v1/users/u"))
        r = self.expect(200, s.ask("GET", "/v1/users/u2/recommendations?k=5"))
        self.assertEqual(len(r["items"]), 5)
        self.assertEqual(self.expect(200, s.ask("GET", "/healthz")), {"status": "ok"})
        self.assertRegex(s.ask("GET", "/metrics")[1].decode(), r"(?m)^akin_ready 0$")

    def log_of(self, s, how=signal.SIGTERM):
        self.assertEqual(s.stop(how), 0)
        return "".join(s.errors)


class ReadOnly(FaultCase):
    def as_nobody(self):
        """Runs the program as somebody who may not write here."""
        if os.geteuid() == 0:
            if subprocess.run([PROGRAM, "--version"], user=NOBODY, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL).returncode != 0:
                self.skipTest("nobody may not run the program here")
            return {"user": NOBODY}
        return {}

    def test_a_store_that_may_only_be_read(self):
        self.read_only(signal.SIGTERM)

    def test_the_same_after_a_kill(self):
        self.read_only(signal.SIGKILL)  # part of the events is in the log only

    def read_only(self, how):
        s = self.serve(models=("popular",))
        self.put(s, "a", "b")
        s.stop(how)
        who = self.as_nobody()
        for path in self.dir.iterdir():
            path.chmod(0o444)
        self.dir.chmod(0o555)
        try:
            s = self.serve(models=("popular",), **who)
            self.refuses(s, "may not be written")
            self.assertEqual(self.ids(s), ["a", "b"])
            self.assertIn("may not be written", self.log_of(s))
        finally:
            self.dir.chmod(0o755)
            for path in self.dir.iterdir():
                path.chmod(0o644)
        s = self.serve(models=("popular",))
        self.assertEqual(self.expect(200, s.ask("GET", "/readyz")), {"status": "ready"})
        self.assertEqual(self.ids(s), ["a", "b"])
        self.assertEqual((self.put(s, "a", "refused"), s.stop()), (1, 0))

    @unittest.skipUnless(SHIM, "no shim in this build")
    def test_a_disk_that_may_only_be_read_from_now_on(self):
        flag = self.dir / "read-only"
        s = self.serve(models=("popular",), env={"LD_PRELOAD": SHIM, "AKIN_SHIM_READ_ONLY": str(flag)})
        self.put(s, "a", "b")
        flag.touch()
        self.expect(503, s.ask("POST", "/v1/events", self.event("c")))
        self.refuses(s, "may only be read")
        self.assertEqual(self.ids(s), ["a", "b"])
        self.assertIn("may only be read", self.log_of(s))
        s = self.serve(models=("popular",))
        self.assertEqual(self.expect(200, s.ask("GET", "/readyz")), {"status": "ready"})
        self.assertEqual((self.put(s, "a", "b", "c"), self.ids(s)), (1, ["a", "b", "c"]))
        self.assertEqual(s.stop(), 0)


class Damage(FaultCase):
    def setUp(self):
        super().setUp()
        self.file = self.dir / "akin.db"
        s = self.serve(models=("popular",))
        for n in range(20):
            self.put(s, *(f"damage-{n}-{i}" for i in range(50)), user=f"user-{n}")
        self.put(s, "a", "b")
        self.assertEqual(s.stop(), 0)
        self.copy = self.dir / "copy.db"
        self.json("store", "backup", self.copy, "--store", self.store)

    def flip(self, text):
        """One byte of a text that an event has, in place as a bad disk would."""
        at = self.file.read_bytes().index(text)
        with self.file.open("r+b") as f:
            f.seek(at + len(text) - 1)
            byte = f.read(1)[0]
            f.seek(at + len(text) - 1)
            f.write(bytes([byte ^ 1]))

    def restored(self):
        self.json("store", "restore", self.copy, "--store", self.store, "--force")
        s = self.serve(models=("popular",))
        self.assertEqual(self.expect(200, s.ask("GET", "/readyz")), {"status": "ready"})
        self.assertEqual((self.put(s, "a", "b", "c"), self.ids(s)), (1, ["a", "b", "c"]))
        self.assertEqual(len(self.ids(s, "user-7")), 50)
        self.assertEqual(s.stop(), 0)

    def test_a_damaged_file_is_not_served(self):
        sound = self.file.read_bytes()
        for text in (b"damage-7-21", b"user-7", b"SQLite format 3", b"CREATE TABLE events"):
            with self.subTest(text=text):
                self.file.write_bytes(sound)
                self.flip(text)
                bad = self.file.read_bytes()
                with self.assertRaisesRegex(AssertionError, "akin.db.*damaged") as caught:
                    self.serve(models=("popular",))
                self.assertIn("akin store restore", str(caught.exception))
                self.assertEqual(self.file.read_bytes(), bad, "evidence was written over")
        self.restored()

    def test_damage_while_it_is_served(self):
        s = self.serve(models=("popular",))
        self.put(s, "later")
        self.flip(b"damage-7-21")
        self.expect(503, s.ask("GET", "/v1/users/user-7/events?limit=1000"))
        self.refuses(s, "damaged.*wrong sum")
        r = self.expect(200, s.ask("GET", "/v1/users/user-3/events"))  # what is sound
        self.assertEqual(r["events"][0]["event_id"], "damage-3-49")
        self.assertRegex(self.log_of(s), "damaged: event .* wrong sum")
        self.restored()


@unittest.skipUnless(SHIM, "no shim in this build")
class Clock(FaultCase):
    """The machine's clock is set while the server runs."""

    def setUp(self):
        super().setUp()
        self.clock = self.dir / "clock"

    def set(self, seconds):
        new = self.dir / "clock.new"
        new.write_text(str(seconds))
        new.rename(self.clock)

    def moved(self, *args, models=("popular",)):
        return self.serve(*args, models=models,
                          env={"LD_PRELOAD": SHIM, "AKIN_SHIM_CLOCK": str(self.clock)})

    def events(self, s, user="u"):
        return self.expect(200, s.ask("GET", f"/v1/users/{user}/events"))["events"]

    def test_times_go_on_and_ready_says_so(self):
        s = self.moved()
        self.put(s, "a")
        self.assertEqual(self.expect(200, s.ask("GET", "/readyz")), {"status": "ready"})
        self.set(-7200)
        self.put(s, "b")
        self.set(-864000)  # what is now for the client is not "after tomorrow" for us
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self.put(s, "c", time=now)
        self.put(s, "d")
        r = self.expect(200, s.ask("GET", "/readyz"))
        self.assertEqual(r["status"], "ready")
        self.assertRegex(r["clock"], r"went back 86[34]\d\d\d s")
        self.assertRegex(s.ask("GET", "/metrics")[1].decode(),
                         r"(?m)^akin_clock_behind_seconds 86[34]\d\d\d$")
        times = {e["event_id"]: e["time"] for e in self.events(s)}
        self.assertEqual(sorted(times), list("abcd"))
        self.assertLessEqual(times["a"], times["b"])
        self.assertLessEqual(times["b"], times["d"])
        self.assertRegex(self.log_of(s), "clock went back 7(199|200) s")
        s = self.moved()  # the machine's clock counts again, and the store knows better
        r = self.expect(200, s.ask("GET", "/readyz"))
        self.assertRegex(r["clock"], "the store has an event of .* is the machine's clock behind")
        self.assertEqual(self.ids(s), list("abcd"))
        self.put(s, "e")
        self.set(0)
        self.assertEqual(self.expect(200, s.ask("GET", "/readyz")), {"status": "ready"})
        self.assertIn("is the machine's clock behind", self.log_of(s))

    def test_what_expired_stays_expired(self):
        report = self.write("one.html", "<p>it</p>")
        ever = self.json("keys", "create", "--store", self.store, "--scopes", "admin")["key"]
        day = self.json("keys", "create", "--store", self.store, "--scopes", "read",
                        "--expires-days", "1")["key"]
        s = self.moved("--reports", report)
        ask = lambda key, path: s.ask("GET", path, headers={"X-Api-Key": key} if key else {})
        link = self.expect(200, ask(ever, "/v1/reports"))["reports"][0]["href"]
        self.assertEqual(ask(day, "/v1/models")[0], 200)
        self.assertEqual(ask(None, link)[0], 200)
        self.set(7200)
        self.assertEqual((ask(day, "/v1/models")[0], ask(None, link)[0]), (200, 401))
        self.set(0)
        self.assertEqual((ask(day, "/v1/models")[0], ask(None, link)[0]), (200, 401))
        self.set(2 * 86400)
        self.assertEqual((ask(day, "/v1/models")[0], ask(ever, "/v1/models")[0]), (401, 200))
        self.set(-86400)
        self.assertEqual((ask(day, "/v1/models")[0], ask(ever, "/v1/models")[0]), (401, 200))
        self.assertEqual(s.stop(), 0)

    def test_retention_keeps_what_it_kept(self):
        s = self.moved("--retention", "*=30")
        now = int(time.time())
        self.put(s, "stale", time=now - 36 * 86400)
        self.put(s, "old", time=now - 20 * 86400)
        self.put(s, "new", time=now)
        self.set(400 * 86400)  # and back, before the hourly look
        self.put(s, "far")
        self.set(-5 * 86400)
        self.put(s, "later")
        self.expect(200, s.ask("POST", "/v1/models/popular:activate",  # wakes who lets go
                               {"path": str(self.dir / "popular.akin")}))
        end = time.monotonic() + 60
        while "stale" in self.ids(s):
            self.assertLess(time.monotonic(), end, "nothing is let go of")
        self.assertEqual(self.ids(s), ["far", "later", "new", "old"])
        self.assertEqual(s.stop(), 0)
        self.assertIs(self.json("store", "check", "--store", self.store)["sound"], True)

    def test_a_conversion_after_it_counts(self):
        config = self.write("c.yaml", f"""
models:
  - {{name: popular, path: "{self.dir / 'popular.akin'}"}}
  - {{name: itemknn, path: "{self.dir / 'itemknn.akin'}"}}
store: {{url: "{self.store}"}}
serve:
  listen: "127.0.0.1:0"
  experiments:
    - name: homepage
      arms: [{{model: popular, share: 0.5}}, {{model: itemknn, share: 0.5}}]
      types: [buy]
      window: 1d
""")
        s = Server(config, env={"LD_PRELOAD": SHIM, "AKIN_SHIM_CLOCK": str(self.clock)})
        self.servers.append(s)
        for user in ("1", "2", "3", "4"):
            self.expect(200, s.ask("POST", "/v1/recommendations", {"user_id": user}))
        self.set(-7200)
        self.put(s, "bought", user="1", event_type="buy")
        arms = self.expect(200, s.ask("GET", "/v1/experiments"))["experiments"][0]["arms"]
        self.assertEqual((sum(a["users"] for a in arms), sum(a["converted"] for a in arms)), (4, 1))
        self.assertEqual(s.stop(), 0)

    def test_the_newest_export_is_the_one_that_is_kept(self):
        s = self.moved("--retrain", f"dir={self.dir / 'retrain'},keep=1", models=("popular",))
        files = []
        for seconds in (0, -86400, -2 * 86400):
            self.set(seconds)
            job = self.expect(202, s.ask("POST", "/v1/jobs", {"kind": "export", "k": 3}))
            while not job["ended"]:
                job = self.expect(200, s.ask("GET", f"/v1/jobs/{job['id']}"))
            self.assertEqual(job["state"], "done", job)
            files.append(pathlib.Path(job["result"]["file"]))
        self.assertEqual([f.exists() for f in files], [False, False, True])
        self.assertEqual(s.stop(), 0)


if __name__ == "__main__":
    unittest.main()
