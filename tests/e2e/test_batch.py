"""Batches: segments and look-alikes, lists that a spreadsheet may open, sinks after a refresh,
stores and files of other releases. The receiver of webhooks is a server of this test's own."""
import collections
import csv
import hashlib
import hmac
import http.server
import json
import random
import re
import shutil
import signal
import sqlite3
import ssl
import subprocess
import threading
import time
import unittest

from akin_cli import PROGRAM, Case

SECRET = "a secret of forty-two letters, or so it is"
QUICK = ("--webhook-retry-ms", "5", "--allow-private")


class Receiver:
    """Answers POSTs from a list of (status, headers[, body]), then 204; keeps what came."""

    def __init__(self, answers=(), tls=None):
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with receiver.lock:
                    receiver.came.append((self.path, self.headers, body))
                    receiver.connections.add(self.client_address)
                    receiver.arrived.set()
                    status, headers, answer = (receiver.answers.popleft() if receiver.answers
                                               else (204, {}, b""))
                if status is None:  # the network fails
                    self.close_connection = True
                    return
                if status == "hold":
                    receiver.go_on.wait(60)
                    self.close_connection = True
                    return
                try:
                    self.send_response(status)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    if status != 204:
                        self.send_header("Content-Length", str(len(answer)))
                    self.end_headers()
                    self.wfile.write(answer)
                except OSError:
                    pass  # who listens may have heard enough

            def do_GET(self):
                receiver.came.append(("GET " + self.path, self.headers, b""))
                self.send_error(500)

            def log_message(self, *args):
                pass

        self.answers = collections.deque((*a, *((), {}, b"")[len(a):]) for a in answers)
        self.came, self.connections, self.lock = [], set(), threading.Lock()
        self.arrived, self.go_on = threading.Event(), threading.Event()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        self.url = f"webhook:http://127.0.0.1:{self.port}/in?token=hush"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self.go_on.set()
        self.server.shutdown()
        self.server.server_close()

    def bodies(self):
        return [json.loads(body) for _, _, body in self.came]


class Trained(Case):
    """120 users in three planted clusters of 40, in turn; a users' table; ids and titles of any
    kind."""

    def setUp(self):
        super().setUp()
        self.data, self.model = self.dir / "d.akin", self.dir / "m.akin"
        rng = random.Random(5)
        print("seed 5")
        rows, users = ["user_id,item_id,timestamp"], ["user_id,country,age,tags"]
        for u in range(120):
            for t, i in enumerate(rng.sample(range(20), 8)):
                rows.append(f"u{u:03},{20 * (u % 3) + i},{1500000000 + 100 * u + t * 86400}")
            users.append(f"u{u:03},{'ES' if u % 2 else 'PT'},{15 + u},{'a|b' if u % 4 else 'c'}")
        events, people = self.write("e.csv", "\n".join(rows)), self.write("u.csv", "\n".join(users))
        self.akin("prepare", events, "--users", people, "-o", self.data)
        self.train("ials")

    def train(self, name):
        args = ("--set", "factors=3") if name == "ials" else ()
        self.akin("train", self.data, "--model", name, *args, "-o", self.model)


class Segments(Trained):
    def clusters(self, rows, n):
        return [int(r["user_id"][1:]) % 3 for r in rows[:n]]

    def test_the_planted_cluster_comes_first(self):
        for name in ("ials", "itemknn", "popular"):
            self.train(name)
            r = self.json("segment", self.model, "--like", "u001,u004,u007", "-k", "200")
            self.assertEqual(r["seeds"], 3)
            self.assertEqual(self.clusters(r["users"], 37), [1] * 37, name)
            self.assertFalse({"u001", "u004", "u007"} & {x["user_id"] for x in r["users"]})
            again = self.json("segment", self.model, "--like", "u007,u001,u004,u001", "-k", "200",
                              "--threads", 3)
            self.assertEqual(again["users"], r["users"], name)
            r = self.json("segment", self.model, "--like", "u001,u004,u007", "-k", "40",
                          "--no-exclude-seeds")
            self.assertEqual(sorted(x["user_id"] for x in r["users"]),
                             [f"u{u:03}" for u in range(1, 120, 3)], name)
            r = self.json("similar", self.model, "--user", "u005", "-k", "30")
            self.assertEqual(r["user_id"], "u005")
            self.assertEqual(self.clusters(r["users"], 30), [2] * 30, name)
            scores = [x["score"] for x in r["users"]]
            self.assertEqual(scores, sorted(scores, reverse=True))

    def test_like_one_is_the_server_s_definition(self):
        """Jaccard over positives, by this test's own arithmetic."""
        self.train("popular")
        seen = collections.defaultdict(set)
        for row in csv.DictReader((self.dir / "e.csv").read_text().splitlines()):
            seen[row["user_id"]].add(row["item_id"])
        r = self.json("similar", self.model, "--user", "u010", "-k", "119")
        want = {u: len(s & seen["u010"]) / len(s | seen["u010"]) for u, s in seen.items()
                if u != "u010" and s & seen["u010"]}
        self.assertEqual(set(want), {x["user_id"] for x in r["users"]})
        for x in r["users"]:
            self.assertAlmostEqual(x["score"], want[x["user_id"]], places=6)
        two = self.json("segment", self.model, "--like", "u010,u013", "-k", "119")
        for x in two["users"]:
            s = seen[x["user_id"]]
            self.assertAlmostEqual(x["score"], sum(len(s & seen[o]) / len(s | seen[o])
                                                   for o in ("u010", "u013")) / 2, places=6)

    def test_filters_over_users_alone_and_with_the_others(self):
        which = 'country == "ES" and age >= 60'
        meet = {f"u{u:03}" for u in range(120) if u % 2 and 15 + u >= 60}
        r = self.json("segment", self.model, "--filter", which)
        self.assertEqual(sorted(x["user_id"] for x in r["users"]), sorted(meet))
        self.assertTrue(all(x["score"] is None for x in r["users"]))
        _, err = self.akin("segment", self.model, "--filter", which, "-k", "5")
        self.assertIn(f"{len(meet)} users meet the filter, 5 are listed", err)
        r = self.json("segment", self.model, "--like", "u001", "--filter", which, "-k", "10")
        self.assertTrue({x["user_id"] for x in r["users"]} < meet)
        self.assertEqual(self.clusters(r["users"], 10), [1] * 10)
        whole = self.json("segment", self.model, "--item", "5", "-k", "200")["users"]
        r = self.json("segment", self.model, "--item", "5", "--filter", which, "-k", "200")
        self.assertEqual(r["users"], [x for x in whole if x["user_id"] in meet])
        r = self.json("similar", self.model, "--user", "u001", "--filter", which, "-k", "3")
        self.assertTrue({x["user_id"] for x in r["users"]} < meet)

    def test_wrong_use_is_refused(self):
        for args, word in ((("--item", "5", "--like", "u001"), "give one"), ((), "--item"),
                           (("--like", "nobody"), "nobody"),
                           (("--filter", "price > 3"), "country"),
                           (("--filter", "id in $seen"), "$seen"),
                           (("--like", "u001", "--exclude-seen"), "--exclude-seen"),
                           (("--item", "5", "--exclude-seeds"), "--exclude-seeds")):
            _, err = self.akin("segment", self.model, *args, status=2)
            self.assertIn(word, err)
        for args in ((), ("--item", "5", "--user", "u001"), ("--user", "nobody")):
            self.akin("similar", self.model, *args, status=2)

    def test_files_in_and_out(self):
        out = self.dir / "s.csv"
        like = ("segment", self.model, "--like", "u001,u004", "-k", "30")
        whole = self.json(*like)["users"]
        _, err = self.akin(*like, "-o", out)
        self.assertIn("s.csv", err)
        rows = list(csv.DictReader(out.read_text().splitlines()))
        self.assertEqual([r["user_id"] for r in rows], [x["user_id"] for x in whole])
        self.assertEqual([float(r["score"]) for r in rows], [x["score"] for x in whole])
        self.assertEqual([r["rank"] for r in rows], [str(i + 1) for i in range(30)])
        lines, _ = self.akin(*like, "--format", "jsonl", "--threads", 3)
        self.assertEqual([json.loads(x) for x in lines.splitlines()], whole)
        self.akin(*like, "-o", self.dir / "s.jsonl")
        self.assertEqual((self.dir / "s.jsonl").read_text(), lines)
        text, _ = self.akin(*like, "--format", "table")
        self.assertEqual(len(text.splitlines()), 30)
        # a segment names users: seeds of the next one, and askers of lists
        bare = self.write("seeds.txt", "".join(f"{x['user_id']}\r\n" for x in whole))
        a = self.json("segment", self.model, "--like-file", out)
        self.assertEqual(a, self.json("segment", self.model, "--like-file", bare))
        self.assertEqual(a["seeds"], 30)
        lists, _ = self.akin("recommend", self.model, "--users", out, "--json")
        self.assertEqual([json.loads(x)["user_id"] for x in lists.splitlines()],
                         [x["user_id"] for x in whole])
        self.akin("segment", self.model, "--like-file", self.write("none.txt", "\n"), status=2)
        near, _ = self.akin("similar", self.model, "--item", "5", "--format", "csv")
        self.assertEqual(near.splitlines()[0], "item_id,score,rank")


class Spreadsheets(Case):
    BAD = ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\tx", "'=x", "=HYPERLINK(\"http://x\",\"y\")"]

    def setUp(self):
        super().setUp()
        self.model = self.dir / "m.akin"
        with (self.dir / "e.csv").open("w", newline="") as f:
            w = csv.writer(f)
            w.writerow(["user_id", "item_id"])
            for user in (*self.BAD, "plain", "-5"):
                for item in (*self.BAD, "ok", "-7"):
                    if (user, item) != ("plain", "ok"):
                        w.writerow([user, item])
        with (self.dir / "i.csv").open("w", newline="") as f:
            w = csv.writer(f)
            w.writerow(["item_id", "title"])
            w.writerows([i, i if i in self.BAD else "=cmd|' /C calc'!A0"]
                        for i in (*self.BAD, "ok", "-7"))
        self.akin("prepare", self.dir / "e.csv", "--items", self.dir / "i.csv", "-o",
                  self.dir / "d.akin")
        self.akin("train", self.dir / "d.akin", "--model", "popular", "-o", self.model)

    def cells(self, path):
        with path.open(newline="") as f:
            return list(csv.reader(f))[1:]

    def test_nothing_written_is_a_formula_and_all_of_it_is_read_back(self):
        recs, seg = self.dir / "recs.csv", self.dir / "seg.csv"
        number = re.compile(r"^[+-]?[0-9.]+(e[+-]?[0-9]+)?$")
        self.akin("recommend", self.model, "--all", "-k", "20", "--no-exclude-seen", "-o", recs)
        self.akin("segment", self.model, "--item", "ok", "--no-exclude-seen", "-o", seg)
        pairs = self.dir / "values.csv"
        self.akin("predict", self.model, "--pairs", recs, "-o", pairs)
        for path in (recs, seg, pairs):
            for row in self.cells(path):
                for cell in row:
                    self.assertTrue(not cell or cell[0] not in "=+-@\t\r" or number.match(cell), row)
        known = {*self.BAD, "plain", "-5"}
        self.assertEqual(len(self.cells(recs)), 9 * 9)
        self.assertEqual({r[0] for r in self.cells(recs)} & {"-5", "plain", "'=1+1"},
                         {"-5", "plain", "'=1+1"})
        # every id of the lists is known again, or predict would call it cold
        self.assertEqual(len(self.cells(pairs)), 81)
        self.assertTrue(all(value for _, _, value in self.cells(pairs)))
        test = self.write("t.csv", "user_id,item_id\nplain,ok\n")
        r = self.json("evaluate", "--lists", recs, "--train", self.dir / "d.akin", "--test", test,
                      "--metrics", "hit@20")
        self.assertEqual(r["results"][0]["metrics"]["hit@20"]["value"], 1)
        lists, _ = self.akin("recommend", self.model, "--users", seg, "-k", "1", "--json")
        self.assertEqual({json.loads(x)["user_id"] for x in lists.splitlines()}, known)

    def test_as_it_is_if_asked(self):
        raw = self.dir / "raw.csv"
        self.akin("recommend", self.model, "--all", "-k", "20", "--no-exclude-seen", "--no-csv-safe",
                  "-o", raw)
        self.assertLessEqual(set(self.BAD), {r[0] for r in self.cells(raw)})


class Sinks(Trained):
    def setUp(self):
        super().setUp()
        self.receivers = []

    def tearDown(self):
        for r in self.receivers:
            r.close()
        super().tearDown()

    def receiver(self, *answers, **kwargs):
        self.receivers.append(Receiver(answers, **kwargs))
        return self.receivers[-1]

    def deliver(self, *args, status=0, secret=SECRET):
        out, err = self.akin("recommend", self.model, "--all", "-k", "3", *args, "--json",
                             status=status, env={"AKIN_WEBHOOK_SECRET": secret,
                                                 "http_proxy": "http://127.0.0.1:9",
                                                 "no_proxy": ""})
        for text in (out, err):
            self.assertNotIn(SECRET, text)
            self.assertNotIn("hush", text)
        return (json.loads(out) if status == 0 else None), err

    def lists(self):
        return [json.loads(x) for x in
                self.akin("recommend", self.model, "--all", "-k", "3", "--json")[0].splitlines()]

    def test_files_by_their_ending(self):
        a, b = self.dir / "out.csv", self.dir / "out.jsonl"
        r, _ = self.deliver("--to", f"file:{a}", "--to", f"file:{b}", "-o", self.dir / "o.txt")
        self.assertEqual([s["state"] for s in r["sinks"]], ["sent", "sent"])
        self.assertEqual(r["lists"], 120)
        self.assertEqual([json.loads(x) for x in b.read_text().splitlines()], self.lists())
        self.akin("recommend", self.model, "--all", "-k", "3", "-o", self.dir / "want.csv")
        self.assertEqual(a.read_bytes(), (self.dir / "want.csv").read_bytes())
        self.assertTrue((self.dir / "o.txt").read_text().startswith("user u"))
        out, _ = self.akin("recommend", self.model, "--all", "--to", f"file:{a}")
        self.assertIn("sent       file:", out)
        _, err = self.akin("recommend", self.model, "--all", "--webhook-batch", "3", status=2)
        self.assertIn("webhook_batch without to", err)
        for bad in ("file:x.txt", "s3://b/k.csv", "lists.csv"):
            self.deliver("--to", bad, status=2)

    def test_batches_signed_and_numbered(self):
        r = self.receiver()
        before = int(time.time())
        done, _ = self.deliver("--to", r.url, "--webhook-batch", "50", *QUICK)
        self.assertEqual(done["sinks"][0]["batches"], 3)
        self.assertEqual(len(r.came), 3)
        lists = [x for b in r.bodies() for x in b["lists"]]
        self.assertEqual(lists, self.lists())
        self.assertEqual([len(b["lists"]) for b in r.bodies()], [50, 50, 20])
        self.assertEqual([b["batch"] for b in r.bodies()], [0, 1, 2])
        self.assertEqual([b["last"] for b in r.bodies()], [False, False, True])
        keys = set()
        for (path, headers, body), b in zip(r.came, r.bodies()):
            self.assertEqual(path, "/in?token=hush")
            self.assertEqual(headers["Content-Type"], "application/json")
            t, v1 = re.fullmatch(r"t=(\d+),v1=([0-9a-f]{64})",
                                 headers["X-Akin-Signature"]).groups()
            want = hmac.new(SECRET.encode(), f"{t}.".encode() + body, hashlib.sha256).hexdigest()
            self.assertTrue(hmac.compare_digest(v1, want))
            self.assertTrue(before <= int(t) <= time.time())
            self.assertEqual(headers["Idempotency-Key"], f"{b['run']}-{b['batch']}")
            keys.add(headers["Idempotency-Key"])
        self.assertEqual(len(keys), 3)
        self.assertEqual(len(r.connections), 1)  # one handshake for all batches

        # the same refresh again: acknowledged, so nothing is sent
        done, _ = self.deliver("--to", r.url, "--webhook-batch", "50", "--threads", 3, *QUICK)
        self.assertEqual((done["sinks"][0]["state"], done["sinks"][0]["unchanged"]),
                         ("unchanged", 3))
        self.assertEqual(len(r.came), 3)
        # without its memory: the same bytes under the same keys
        for path in self.dir.glob("m.akin.sent-*"):
            path.unlink()
        self.deliver("--to", r.url, "--webhook-batch", "50", *QUICK)
        for old, new in zip(r.came[:3], r.came[3:]):
            self.assertEqual(old[2], new[2])
            self.assertEqual(old[1]["Idempotency-Key"], new[1]["Idempotency-Key"])
        # other lists are another run
        self.deliver("--to", r.url, "--webhook-batch", "50", "--filter", 'id != "5"', *QUICK)
        self.assertEqual(len(r.came), 9)
        self.assertFalse(keys & {h["Idempotency-Key"] for _, h, _ in r.came[6:]})

    def test_tries_again_and_waits_as_asked(self):
        r = self.receiver((None,), (500,), (429, {"Retry-After": "1"}), (204,), (503,))
        start = time.monotonic()
        done, err = self.deliver("--to", r.url, "--webhook-batch", "60", *QUICK)
        self.assertGreaterEqual(time.monotonic() - start, 1)
        self.assertEqual(done["sinks"][0]["retries"], 4)
        keys = [h["Idempotency-Key"].split("-")[1] for _, h, _ in r.came]
        self.assertEqual(keys, ["0", "0", "0", "0", "1", "1"])
        self.assertEqual(len({body for _, _, body in r.came}), 2)
        for word in ("500", "429", "503", "again in"):
            self.assertIn(word, err)

    def test_gives_up_where_trying_is_no_use(self):
        for status in (400, 401, 404, 410):
            r = self.receiver((status,))
            _, err = self.deliver("--to", r.url, *QUICK, status=1)
            self.assertIn(f"answers {status}", err)
            self.assertEqual(len(r.came), 1)
        r = self.receiver(*[(500,)] * 10)
        _, err = self.deliver("--to", r.url, "--webhook-retries", "2", *QUICK, status=1)
        self.assertIn("tried 3 times", err)
        self.assertEqual(len(r.came), 3)
        other = self.receiver()
        r = self.receiver((302, {"Location": f"http://127.0.0.1:{other.port}/"}))
        _, err = self.deliver("--to", r.url, *QUICK, status=1)
        self.assertIn("redirects are not followed", err)
        self.assertEqual(other.came, [])

    def test_one_sink_s_failure_is_not_the_others(self):
        a, bad, good = self.dir / "out.csv", self.receiver((400,)), self.receiver()
        _, err = self.deliver("--to", bad.url, "--to", f"file:{a}", "--to", good.url, *QUICK,
                              status=1)
        self.assertIn("1 of 3 sinks failed", err)
        self.assertEqual(len(a.read_text().splitlines()), 361)
        self.assertTrue(good.bodies()[-1]["last"])

    def test_a_refresh_taken_up_again_sends_what_is_missing(self):
        r = self.receiver((204,), (204,), (400,))
        args = ("--to", r.url, "--webhook-batch", "30", *QUICK)
        self.deliver(*args, status=1)
        self.deliver(*args)
        self.assertEqual([b["batch"] for b in r.bodies()], [0, 1, 2, 2, 3])
        # killed while it waits for an answer to its second batch
        r = self.receiver((204,), ("hold",))
        args = ("--to", r.url, "--webhook-batch", "30", *QUICK)
        process = subprocess.Popen([PROGRAM, "recommend", str(self.model), "--all", "-k", "3",
                                    *args], env={"AKIN_WEBHOOK_SECRET": SECRET},
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while len(r.came) < 2:
            self.assertTrue(r.arrived.wait(60))
            r.arrived.clear()
        process.send_signal(signal.SIGKILL)
        process.wait()
        r.go_on.set()
        self.deliver(*args)
        self.assertEqual([b["batch"] for b in r.bodies()], [0, 1, 1, 2, 3])
        self.assertEqual(r.came[1][2], r.came[2][2])

    def test_an_interrupt_ends_the_wait(self):
        r = self.receiver((503, {"Retry-After": "200"}))
        process = subprocess.Popen([PROGRAM, "recommend", str(self.model), "--all", "--to", r.url,
                                    *QUICK], env={"AKIN_WEBHOOK_SECRET": SECRET}, text=True,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        while "again in 200" not in process.stderr.readline():
            self.assertIsNone(process.poll())
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(timeout=30), 130)
        process.stderr.close()

    def test_long_and_slow_answers(self):
        r = self.receiver((200, {}, b"x" * (1 << 22)), (400, {}, b"y" * (1 << 22)))
        self.deliver("--to", r.url, *QUICK[2:], "--webhook-batch", "60", status=1)
        self.assertEqual([b["batch"] for b in r.bodies()], [0, 1])
        r = self.receiver(("hold",))
        _, err = self.deliver("--to", r.url, *QUICK, "--webhook-timeout-ms", "200",
                              "--webhook-retries", "0", status=1)
        self.assertIn("tried 1 times", err)

    def test_private_addresses_are_refused_at_the_socket(self):
        r = self.receiver()
        for host in ("127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1", "0.0.0.0",
                     "[::ffff:127.0.0.1]", "[::1]"):
            _, err = self.deliver("--to", f"webhook:https://{host}:{r.port}/hush", status=1)
            self.assertRegex(err, "refused: its address is (loopback|this host|reserved)", host)
        for host in ("10.0.0.1", "192.168.1.1", "169.254.169.254", "[fd00:ec2::254]", "[fe80::1]"):
            _, err = self.deliver("--to", f"webhook:https://{host}/hush", status=1)
            self.assertIn("refused: its address is", err)
        for url in (f"http://127.0.0.1:{r.port}/", "http://shop.example/", "https://a:b@c.example/"):
            self.deliver("--to", "webhook:" + url, status=2)
        _, err = self.deliver("--to", "webhook:http://shop.example/", "--allow-private", status=2)
        self.assertIn("not https", err)
        self.assertEqual(r.came, [])
        _, err = self.deliver("--to", r.url, "--allow-private", secret="", status=2)
        self.assertIn("no secret", err)

    @unittest.skipUnless(shutil.which("openssl"), "no openssl")
    def test_a_certificate_that_nobody_vouches_for(self):
        key, cert = self.dir / "k.pem", self.dir / "c.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key,
                        "-out", cert, "-subj", "/CN=localhost", "-days", "2"], check=True,
                       capture_output=True)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(cert, key)
        r = self.receiver(tls=tls)
        _, err = self.deliver("--to", f"webhook:https://localhost:{r.port}/hush", *QUICK, status=1)
        self.assertRegex(err, "(?i)certificate")
        self.assertNotIn("again in", err)
        self.assertEqual(r.came, [])

    def test_publish_of_a_pipeline(self):
        r = self.receiver((400,))
        out, lists = self.dir / "out", self.dir / "published.csv"
        (self.dir / "models.yaml").write_text(
            f"out: {out}\ndata: {{interactions: {self.dir / 'e.csv'}}}\n"
            "split: {by: leave-last, n: 1}\nmodels: [{type: popular}]\n"
            "evaluate: {metrics: [ndcg@5]}\n"
            f"publish: {{k: 2, to: ['file:{lists}', '{r.url}'], webhook_batch: 70,\n"
            "  allow_private: true, webhook_retry_ms: 5, webhook_secret: \"${HOOK}\"}\n")
        env = {"HOOK": SECRET}
        run = ("run", self.dir / "models.yaml", "--json")
        _, err = self.akin(*run, status=1, env=env)
        self.assertIn("answers 400", err)
        self.assertTrue(lists.exists())
        done = json.loads(self.akin(*run, env=env)[0])
        states = {s["stage"]: s["state"] for s in done["stages"]}
        self.assertEqual((states["train"], states["publish"]), ("unchanged", "done"))
        self.assertEqual([b["batch"] for b in r.bodies()], [0, 0, 1])
        self.assertEqual(len(lists.read_text().splitlines()), 241)
        done = json.loads(self.akin(*run, env=env)[0])
        self.assertIn("nothing to do", done["message"])
        lists.unlink()  # an output is missing: made again, and no webhook is sent
        self.akin(*run, env=env)
        self.assertTrue(lists.exists())
        self.assertEqual(len(r.came), 3)
        # a new secret is no new refresh, and no secret lies about
        self.akin(*run, env={"HOOK": SECRET + "!"})
        self.assertEqual(len(r.came), 3)
        for path in out.rglob("*"):
            if path.is_file():
                self.assertNotIn(SECRET.encode(), path.read_bytes(), path)
        bad = self.dir / "models.yaml"
        bad.write_text(bad.read_text().replace("webhook_batch", "webhook_bach"))
        _, err = self.akin(*run, status=2, env=env)
        self.assertIn("webhook_batch", err)


class OtherReleases(Case):
    def store(self, name):
        path = self.dir / name
        self.akin("keys", "create", "--store", f"sqlite:{path}")
        return path

    def test_migrate_and_what_is_newer(self):
        path = self.store("s.db")
        r = self.json("store", "migrate", "--store", f"sqlite:{path}")
        self.assertEqual((r["format"], r["format_was"], r["keys"]), (1, 1, 1))
        out, _ = self.akin("store", "migrate", "--store", f"sqlite:{path}")
        self.assertIn("it was 1", out)
        self.akin("store", "migrate", "--store", f"sqlite:{self.dir / 'none.db'}", status=2)
        db = sqlite3.connect(path)
        db.execute("PRAGMA user_version = 9")
        db.commit()
        db.close()
        for action in (("migrate",), ("check",), ("info",), ("backup", self.dir / "b.db")):
            _, err = self.akin("store", *action, "--store", f"sqlite:{path}", status=2)
            self.assertIn("newer akin: format 9", err)
        self.assertFalse((self.dir / "b.db").exists())

    def test_newer_files_are_refused_by_name(self):
        model = self.dir / "m.akin"
        self.akin("train", self.ratings(), "--model", "popular", "-o", model)
        image = bytearray(model.read_bytes())
        image[8] += 1  # the version behind the magic (docs/format.md)
        newer = self.dir / "newer.akin"
        newer.write_bytes(image)
        for args in (("recommend", newer, "--user", "u1"), ("inspect", newer),
                     ("segment", newer, "--item", "1")):
            _, err = self.akin(*args, status=2)
            self.assertIn("newer.akin", err)
            self.assertRegex(err, "version|newer")


if __name__ == "__main__":
    unittest.main(verbosity=1)
