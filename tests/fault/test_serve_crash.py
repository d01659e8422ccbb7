"""The server and its store when things end badly: killed at random under event load, and a disk that
fails or is full. What was answered 200 is there, once; nothing is answered before it is on disk.

    AKIN_KILLS        how many (5)
    AKIN_STORED       events of others that the store gets before the last tenth of them (none)
    AKIN_TEST_SEED    of the times of the kills
    AKIN_SHIM         the library that logs fdatasync

With AKIN_STORED=1000000 the best of the starts after that must take less than two seconds: the others
say what else the machine did."""
import http.client
import json
import os
import pathlib
import random
import resource
import signal
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
from akin_cli import PROGRAM  # noqa: E402
from test_serve import JSON, ServeCase  # noqa: E402

KILLS = int(os.environ.get("AKIN_KILLS", 5))
STORED = int(os.environ.get("AKIN_STORED", 0))
SHIM = os.environ.get("AKIN_SHIM", "")
CLIENTS, BATCH = 4, 20000


class Client(threading.Thread):
    """Posts events one after another, in ones and in batches; what had no answer when the server died
    is sent again, by the same ids, to the next one. Remembers what was answered 200."""

    def __init__(self, n, seed):
        super().__init__()
        self.rng = random.Random(f"{seed}-{n}")
        self.n, self.next_id, self.acked, self.wrong = n, 0, [], []
        self.pending = []

    def again(self):
        """The same client for the next server: threads start once."""
        fresh = Client(self.n, 0)
        for name in ("rng", "next_id", "acked", "wrong", "pending"):
            setattr(fresh, name, getattr(self, name))
        return fresh

    def aim(self, port, first_ack):
        self.port, self.first_ack = port, first_ack
        self.start()

    def run(self):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            while True:
                if not self.pending:
                    ids = [f"c{self.n}-{self.next_id + i}" for i in range(self.rng.choice((1, 1, 5)))]
                    self.next_id += len(ids)
                    self.pending = [{"event_id": i, "user_id": f"w{self.n}",
                                     "item_id": str(self.rng.randint(1, 40))} for i in ids]
                c.request("POST", "/v1/events", json.dumps(self.pending), JSON)
                answer = c.getresponse()
                text = answer.read()
                if answer.status != 200:
                    self.wrong.append((answer.status, text[:300]))
                    return
                self.acked += [e["event_id"] for e in self.pending]
                self.pending = []
                self.first_ack.set()
        except (OSError, http.client.HTTPException):
            pass  # killed
        finally:
            c.close()


class Crash(ServeCase):
    def setUp(self):
        super().setUp()
        self.seed = int(os.environ.get("AKIN_TEST_SEED") or random.SystemRandom().getrandbits(32))
        print(f"seed {self.seed} (AKIN_TEST_SEED)")

    def fill(self, n):
        """n events of other users."""
        s = self.serve("--max-batch", BATCH, "--timeout-ms", 60000, models=("popular",))
        c = s.connect()
        for lo in range(0, n, BATCH):
            events = [{"event_id": f"old-{i}", "user_id": f"o{i % 50000}", "item_id": str(i % 40 + 1),
                       "time": 1600000000 + i} for i in range(lo, min(lo + BATCH, n))]
            self.expect(200, s.ask("POST", "/v1/events", events, connection=c))
        c.close()
        self.assertEqual(s.stop(), 0)

    def kept(self, server):
        """event_id → times it is in the store, of the clients' users."""
        times = {}
        c = server.connect()
        for n in range(CLIENTS):
            before = 0
            while before is not None:
                r = self.expect(200, server.ask(
                    "GET", f"/v1/users/w{n}/events?limit=1000&before={before}", connection=c))
                for e in r["events"]:
                    times[e["event_id"]] = times.get(e["event_id"], 0) + 1
                before = r["next"]
        c.close()
        return times

    def check(self, server, clients):
        times = self.kept(server)
        acked = [i for c in clients for i in c.acked]
        self.assertEqual([i for i in acked if i not in times][:5], [], "acknowledged and lost")
        self.assertEqual([i for i, n in times.items() if n > 1][:5], [], "kept twice")
        sent = set(acked) | {e["event_id"] for c in clients for e in c.pending}
        self.assertEqual(set(times) - sent, set(), "kept, but never sent")
        self.assertEqual([w for c in clients for w in c.wrong], [])
        return len(acked)

    def test_killed_under_load(self):
        rng = random.Random(self.seed)
        clients = [Client(n, self.seed) for n in range(CLIENTS)]
        starts = []
        for kill in range(KILLS):
            if STORED and kill == KILLS - max(1, KILLS // 10):
                self.fill(STORED)
                starts.clear()
            if kill % 10 == 3:  # while it starts
                argv = [PROGRAM, "serve", "--listen", "127.0.0.1:0", "--store", self.store,
                        "--model", f"popular={self.dir / 'popular.akin'}", "--quiet"]
                process = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
                time.sleep(rng.random() * 0.1)
                process.kill()
                process.wait()
            start = time.monotonic()
            s = self.serve(models=("popular",))
            self.expect(200, s.ask("GET", "/readyz"))
            starts.append(time.monotonic() - start)
            clients = [c.again() for c in clients]
            first_ack = threading.Event()
            for c in clients:
                c.aim(s.port, first_ack)
            self.assertTrue(first_ack.wait(60))
            time.sleep(rng.random() * 0.4)  # the moment of the kill, at random
            s.stop(signal.SIGKILL)
            for c in clients:
                c.join()
            if kill % 10 == 9:
                s = self.serve(models=("popular",))
                self.check(s, clients)
                s.stop(signal.SIGKILL)
        s = self.serve(models=("popular",))
        n = self.check(s, clients)
        self.assertEqual(self.expect(200, s.ask("GET", "/readyz")), {"status": "ready"})
        self.assertEqual(s.stop(), 0)
        self.assertIs(self.json("store", "check", "--store", self.store)["sound"], True)
        starts.sort()
        print(f"{n} acknowledged events, {KILLS} kills; {len(starts)} starts with {STORED} others: "
              f"{starts[0]:.2f} s best, {starts[len(starts) // 2]:.2f} s median, {starts[-1]:.2f} s "
              "worst")
        self.assertGreater(n, KILLS)
        if STORED:
            self.assertLess(starts[0], 2)


class Space(ServeCase):
    def test_no_room_acknowledges_nothing_and_says_so_until_there_is_some(self):
        s = self.serve(models=("popular",))
        event = lambda i: {"event_id": i, "user_id": "u", "item_id": "2", "context": {"x": "y" * 9000}}
        self.expect(200, s.ask("POST", "/v1/events", event("before")))
        was = resource.prlimit(s.process.pid, resource.RLIMIT_FSIZE)
        most = os.path.getsize(self.dir / "akin.db-wal")
        resource.prlimit(s.process.pid, resource.RLIMIT_FSIZE, (most, was[1]))
        refused, status = [], 200
        for i in range(200):  # until the log cannot grow any more
            status, body, _ = s.ask("POST", "/v1/events", event(f"e{i}"))
            if status != 200:
                refused.append(f"e{i}")
                self.assertEqual((status, body["status"]), (503, 503), body)
                break
        self.assertEqual(len(refused), 1)
        why = self.expect(503, s.ask("GET", "/readyz"))["detail"]
        self.assertIn("store: ", why)
        self.assertEqual(s.ask("GET", "/v1/users/u2/recommendations")[0], 200)
        resource.prlimit(s.process.pid, resource.RLIMIT_FSIZE, was)
        r = self.expect(200, s.ask("POST", "/v1/events", event(refused[0])))
        self.assertEqual((r["accepted"], r["duplicates"]), (1, 0))  # it was not kept before
        self.assertEqual(self.expect(200, s.ask("GET", "/readyz")), {"status": "ready"})
        self.assertEqual(s.stop(), 0)
        self.assertRegex("".join(s.errors), "(?s)no space left.*there is space again")


@unittest.skipUnless(SHIM, "no shim in this build")
class Disk(ServeCase):
    def shimmed(self, *args):
        self.log, self.flag = self.dir / "log", self.dir / "fail"
        env = {"LD_PRELOAD": SHIM, "AKIN_SHIM_LOG": str(self.log), "AKIN_SHIM_FAIL": str(self.flag)}
        return self.serve(*args, models=("popular",), env=env)

    def test_nothing_is_answered_before_it_is_on_disk(self):
        s = self.shimmed()
        to = os.open(self.log, os.O_WRONLY | os.O_APPEND)
        note = lambda what, ids: os.write(to, "".join(f"{what} {i}\n" for i in ids).encode())
        wrong = []

        def client(n):
            c = s.connect()
            for k in range(40):
                ids = [f"e{n}-{k}-{i}" for i in range(1 + k % 3)]
                body = [{"event_id": i, "user_id": f"u{n}", "item_id": "2"} for i in ids]
                note("submit", ids)
                status = s.ask("POST", "/v1/events", body, connection=c)[0]
                note("done", ids)  # one write is one piece of the log
                if status != 200:
                    wrong.append(status)
            c.close()

        threads = [threading.Thread(target=client, args=(n,)) for n in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        os.close(to)
        self.assertEqual((s.stop(), wrong), (0, []))
        begun = synced = -1
        submitted, done, syncs = {}, 0, 0
        for at, line in enumerate(self.log.read_text().splitlines()):
            word, rest = line.split(" ", 1)
            if word == "submit":
                submitted[rest] = at
            elif word == "done":
                done += 1
                self.assertGreater(synced, submitted[rest], f"{rest}: no fdatasync of the log between")
            elif rest.endswith("akin.db-wal") and word == "begin":
                begun = at
            elif rest.startswith("0 ") and rest.endswith("akin.db-wal"):
                synced, syncs = begun, syncs + 1
        self.assertEqual(done, 4 * sum(1 + k % 3 for k in range(40)))
        self.assertGreater(syncs, 0)
        print(f"{done} events, {syncs} syncs of the log")

    def test_a_failing_disk_acknowledges_nothing_and_says_so(self):
        s = self.shimmed()
        event = lambda i: {"event_id": i, "user_id": "u", "item_id": "2"}
        self.expect(200, s.ask("POST", "/v1/events", event("before")))
        self.flag.touch()
        for i in ("lost", "lost too"):
            got = s.ask("POST", "/v1/events", event(i))
            self.expect(503, got)
            self.assertIn("input or output failed", got[1]["detail"])
        got = s.ask("GET", "/readyz")
        self.assertIn("store: ", self.expect(503, got)["detail"])
        self.assertIn("input or output failed", got[1]["detail"])
        self.flag.unlink()  # it works again, but what is on disk is not known
        self.expect(503, s.ask("POST", "/v1/events", event("lost as well")))
        self.expect(503, s.ask("PUT", "/v1/items/2", {"title": "lost"}))
        self.assertRegex(s.ask("GET", "/metrics")[1].decode(), r"(?m)^akin_store_state 4$")
        r = self.expect(200, s.ask("GET", "/v1/users/u/events"))  # reads go on
        self.assertEqual([e["event_id"] for e in r["events"]], ["before"])
        self.expect(200, s.ask("GET", "/v1/users/u2/recommendations"))
        s.stop()
        s = self.serve(models=("popular",))  # opened again: the state is known again
        self.expect(200, s.ask("GET", "/readyz"))
        r = self.expect(200, s.ask("POST", "/v1/events", [event("before"), event("lost")]))
        ids = [e["event_id"] for e in self.expect(200, s.ask("GET", "/v1/users/u/events"))["events"]]
        self.assertEqual(len(ids), len(set(ids)))
        self.assertLessEqual({"before", "lost"}, set(ids))
        self.assertGreaterEqual(r["duplicates"], 1)
        self.assertEqual(s.stop(), 0)


if __name__ == "__main__":
    unittest.main()
