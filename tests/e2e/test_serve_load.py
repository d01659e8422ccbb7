"""The server under load, and the load generator itself, in a few seconds. bench/README.md has the
long version. Standard library only."""
import json
import os
import re
import socket
import subprocess
import threading
import time
import unittest

from test_serve import ServeCase

LOAD = os.environ.get("AKIN_LOAD", "build/tests/e2e/e2e_load")


def start_load(port, *args):
    argv = [LOAD, "--port", port, "--users", 60, "--items", 40, "--warm", 0, *args]
    return subprocess.Popen(list(map(str, argv)), stdout=subprocess.PIPE, text=True)


def end_load(process):
    out = process.communicate(timeout=120)[0]
    return process.returncode, json.loads(out) if out else None


class Load(ServeCase):
    """Ids of users are u1, u2, …: the numbers that the generator asks for are strangers until their
    first event, and folded in from then on."""

    def load(self, server, *args):
        code, r = end_load(start_load(server.port, *args))
        self.assertEqual((code, r["errors"], r["unsent"]), (0, 0, 0), r)
        self.assertEqual(r["status"], {"200": r["answered"]})
        self.assertEqual(r["sent"], r["answered"])
        return r

    def count(self, server, name):
        text = server.ask("GET", "/metrics")[1]
        text = text.decode() if isinstance(text, bytes) else text
        return int(re.search(rf"^{name} (\d+)$", text, re.M).group(1))

    def test_a_mixed_load_is_answered_and_its_events_are_kept(self):
        for cache in ("0", "1MiB"):
            s = self.serve("--cache-bytes", cache)
            events = self.count(s, "akin_events_total")
            r = self.load(s, "--rate", 400, "--seconds", 2, "--connections", 8, "--k", 5,
                          "--tag", f"cache-{cache}")
            self.assertEqual(r["sent"], 800)  # by the schedule, whatever the server does
            self.assertEqual(set(r["kinds"]), {"user", "history", "similar", "event"})
            kept = self.count(s, "akin_events_total") - events
            self.assertEqual(kept, r["kinds"]["event"]["answered"])
            self.assertEqual(s.stop(), 0)

    def test_as_fast_as_it_goes_on_two_threads(self):
        s = self.serve()
        r = self.load(s, "--max", "--seconds", 1, "--threads", 2, "--connections", 16, "--k", 3,
                      "--user", 8, "--history", 1, "--similar", 1)
        self.assertGreater(r["answered"], 0)
        ms = r["ms"]
        self.assertLessEqual(ms["p50"], ms["p90"])
        self.assertLessEqual(ms["p90"], ms["p99"])
        self.assertLessEqual(ms["p999"], ms["max"])

    def test_models_are_swapped_under_load(self):
        s = self.serve()
        load = start_load(s.port, "--rate", 300, "--seconds", 3, "--connections", 8)
        swaps = 0
        while load.poll() is None:
            if swaps % 2 == 0:
                body = {"path": str(self.dir / "ials.akin")}
                self.expect(200, s.ask("POST", "/v1/models/ials:activate", body))
            else:
                self.expect(200, s.ask("POST", "/v1/models/ials:rollback", {}))
            swaps += 1
        code, r = end_load(load)
        self.assertEqual((code, r["errors"], r["unsent"], r["sent"]), (0, 0, 0, 900), r)
        self.assertGreater(swaps, 1)


class Stub:
    """A server that answers as it is told, one connection after another."""

    def __init__(self, answer):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.answer, self.n = answer, 0
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        try:
            with self.listener.accept()[0] as c:
                had = b""
                while chunk := c.recv(65536):
                    had += chunk
                    while b"\r\n\r\n" in had:
                        had = had.split(b"\r\n\r\n", 1)[1]
                        status, body = self.answer(self.n)
                        self.n += 1
                        c.sendall(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s"
                                  % (status, len(body), body))
        except OSError:
            pass

    def close(self):
        self.listener.close()
        self.thread.join()


class Generator(unittest.TestCase):
    def run_against(self, answer, *args):
        stub = Stub(answer)
        try:
            return end_load(start_load(stub.port, "--connections", 1, "--rate", 100, "--seconds", 1,
                                       *args))
        finally:
            stub.close()

    def test_a_stall_counts_for_all_that_were_due_in_it(self):
        def answer(n):
            if n == 0:
                time.sleep(.5)  # the stall that is to be seen
            return 200, b""

        code, r = self.run_against(answer, "--plain", 1)
        self.assertEqual((code, r["sent"], r["answered"]), (0, 100, 100), r)
        # the requests due in the first 90 ms waited for 410 ms at least, though sent after it
        self.assertGreaterEqual(r["ms"]["p90"], 400)
        self.assertGreaterEqual(r["late"], 40)

    def test_what_goes_wrong_is_counted(self):
        code, r = self.run_against(lambda n: (503 if n % 10 == 0 else 200, b""), "--plain", 1)
        self.assertEqual((code, r["errors"], r["status"]), (1, 10, {"200": 90, "503": 10}))
        # a list that is too short
        code, r = self.run_against(lambda n: (200, b'{"items":[{"item_id":"1"}]}'), "--user", 1)
        self.assertEqual((code, r["errors"], r["wrong_body"]), (1, 100, 100))

    def test_the_same_seed_is_the_same_load(self):
        def sent(*args):
            return {k: v["sent"] for k, v in self.run_against(
                lambda n: (200, b""), *args)[1]["kinds"].items()}

        mix = ("--user", 3, "--similar", 1)
        self.assertEqual(sent(*mix), sent(*mix))
        self.assertNotEqual(sent(*mix), sent(*mix, "--seed", 7))

    def test_wrong_usage(self):
        done = subprocess.run([LOAD], capture_output=True)
        self.assertEqual(done.returncode, 2)
        done = subprocess.run([LOAD, "--port", "1", "--rate", "1"], capture_output=True)
        self.assertEqual(done.returncode, 1)


if __name__ == "__main__":
    unittest.main()
