"""What strangers may send: raw bytes, bodies, filters, headers and scripts that are meant to break the
server, a browser that is led astray, and where secrets must not turn up. Standard library only.

AKIN_CROWD: connections that say nothing or drip (900), two of five of them within the limit. If it is
given, answers to somebody who was there before must have a p99 below 50 ms."""
import base64
import collections
import json
import os
import random
import re
import resource
import socket
import threading
import time
import unittest

from test_serve import ServeCase

BODY_MOST, HEAD_MOST = 65536, 4096
SCRIPT = "<script>alert(1)</script>"
HOSTILE = [SCRIPT, "\"><img src=x onerror=alert(1)>", "]]>--><svg/onload=alert(1)>",
           "javascript:alert(1)", "{{7*7}}${7*7}", "';alert(1)//", "</title></script>" + SCRIPT]

# The library answers these itself, before we are asked: some status, or the end (docs/http.md).
LIBRARY = "library"
GET, POST = b"GET /healthz HTTP/1.1\r\n", b"POST /v1/events HTTP/1.1\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
AFTER = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"

# name, bytes (HOST: our header, JSON: the type's), status of the problem or LIBRARY
FRAMING = [
    ("TE and CL", POST + b"HOST JSON" + CHUNKED + b"Content-Length: 4\r\n\r\n0\r\n\r\n" + AFTER, 400),
    ("CL twice", POST + b"HOST JSON" + b"Content-Length: 2\r\nContent-Length: 40\r\n\r\n{}" + AFTER,
     400),
    ("CL twice, equal", POST + b"HOST JSON" + b"Content-Length: 2\r\n" * 2 + b"\r\n{}" + AFTER, 400),
    ("space before the colon of CL", POST + b"HOST JSON" + b"Content-Length : 40\r\n\r\n" + AFTER,
     400),
    ("space before the colon of TE", POST + b"HOST JSON" + b"Transfer-Encoding : chunked\r\n"
     b"Content-Length: 5\r\n\r\n0\r\n\r\n" + AFTER, 400),
    ("two encodings", POST + b"HOST JSON" + CHUNKED * 2 + b"\r\n0\r\n\r\n" + AFTER, 400),
    ("an encoding more", POST + b"HOST JSON" + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + AFTER,
     400),
    ("not quite chunked", POST + b"HOST JSON" + b"Transfer-Encoding: xchunked\r\n\r\n" + AFTER, 400),
    ("chunked in 1.0", b"POST /v1/events HTTP/1.0\r\nHOST JSON" + CHUNKED + b"\r\n0\r\n\r\n", 400),
    ("no host", GET + b"\r\n", 400),
    ("two hosts", GET + b"HOST HOST\r\n", 400),
    ("two keys", GET + b"HOST Authorization: Bearer a\r\nX-Api-Key: b\r\n\r\n", 400),
    ("quoted name", GET + b"HOST \"X\": y\r\n\r\n", 400),
    ("body too long", POST + b"HOST JSON" + b"Content-Length: 65537\r\n\r\n", 413),
    ("body of exabytes", POST + b"HOST JSON" + b"Content-Length: 999999999999999999\r\n\r\n", 413),
    ("chunks too long", POST + b"HOST JSON" + CHUNKED + b"\r\n"
     + (b"4000\r\n" + b" " * 0x4000 + b"\r\n") * 5 + b"0\r\n\r\n", 413),
    ("header too long", GET + b"HOST X: " + b"x" * 5000 + b"\r\n\r\n", 431),
    ("NUL in the target", b"GET /healthz\0/x HTTP/1.1\r\nHOST\r\n", 400),
    ("a body where none belongs", GET + b"HOST" + b"Content-Length: 2\r\n\r\n{}", 400),
    ("control byte in the target", b"GET /v1/items/a\x01b HTTP/1.1\r\nHOST\r\n", 400),
    ("space in the target", b"GET /v1/items/a b HTTP/1.1\r\nHOST\r\n", 400),
    ("another server's target", b"GET http://evil.test/healthz HTTP/1.1\r\nHOST\r\n", 400),
    ("CONNECT", b"CONNECT evil.test:443 HTTP/1.1\r\nHOST\r\n", 400),
    ("OPTIONS *", b"OPTIONS * HTTP/1.1\r\nHOST\r\n", 400),
    ("TRACE", b"TRACE / HTTP/1.1\r\nHOST\r\n", 405),
    ("a method of its own", b"BREW /v1/models HTTP/1.1\r\nHOST\r\n", 405),
    ("TLS", bytes.fromhex("16030100c8010000c40303") + bytes(200) + b"\r\n\r\n", LIBRARY),
    ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", LIBRARY),
    ("HTTP/0.9", b"GET /healthz\r\n\r\n", LIBRARY),
    ("HTTP/9.9", b"GET /healthz HTTP/9.9\r\nHOST\r\n", LIBRARY),
    ("no colon", GET + b"HOST nocolon\r\n\r\n", LIBRARY),
    ("bare CR", b"GET /healthz HTTP/1.1\rHOST\r\n", LIBRARY),
    ("negative CL", POST + b"HOST JSON" + b"Content-Length: -1\r\n\r\n", LIBRARY),
    ("signed CL", POST + b"HOST JSON" + b"Content-Length: +2\r\n\r\n{}" + AFTER, LIBRARY),
    ("listed CL", POST + b"HOST JSON" + b"Content-Length: 2, 2\r\n\r\n{}" + AFTER, LIBRARY),
    ("CL of 2^80", POST + b"HOST JSON" + b"Content-Length: 1208925819614629174706176\r\n\r\n", LIBRARY),
    ("chunk without a size", POST + b"HOST JSON" + CHUNKED + b"\r\nzz\r\n{}\r\n0\r\n\r\n", LIBRARY),
    ("chunk of 2^68", POST + b"HOST JSON" + CHUNKED + b"\r\nfffffffffffffffff\r\n{}", LIBRARY),
    ("chunk longer than said", POST + b"HOST JSON" + CHUNKED + b"\r\n2\r\n{}XX0\r\n\r\n", LIBRARY),
    ("chunk extension without end", POST + b"HOST JSON" + CHUNKED + b"\r\n2;" + b"x" * 40000,
     LIBRARY),
    ("many headers", GET + b"HOST" + b"X: y\r\n" * 500 + b"\r\n", LIBRARY),
    ("headers without end", GET + b"HOST" + b"X: y\r\n" * 20000, LIBRARY),
    ("target without end", b"GET /" + b"x" * 100000, LIBRARY),
    ("method without end", b"G" * 100000, LIBRARY),
]

# path and query as sent, status
PATHS = [
    ("/v1/items/%00", 400), ("/v1/items/a%00b", 400), ("/v1/items/%", 400), ("/v1/items/%zz", 400),
    ("/v1/items/%ff%fe", 400), ("/v1/items/%c0%af", 400), ("/v1/items/%ed%a0%80", 400),
    ("/v1/items/" + "a" * 4097, 400), ("/v1/search?q=%00", 400), ("/v1/search?q=%ff", 400),
    ("/v1/search?q=a&q=b", 400), ("/v1/search?" + "&".join(f"a{i}=1" for i in range(100)), 400),
    ("/../../etc/passwd", 404), ("/%2e%2e/%2e%2e/etc/passwd", 404), ("/..%2f..%2fetc%2fpasswd", 404),
    ("//etc/passwd", 404), ("/app.js/../../x", 404), ("/./app.js", 404), ("/app.js%00.html", 400),
    ("/APP.JS", 404), ("/v1", 404), ("/v1/", 404), ("/v1//models", 404), ("/v1/models/", 404),
    ("/v1/users//recommendations", 404), ("/v1/items/..%2f..%2fx", 404), ("/" + "a/" * 1500, 404),
    ("/v1/models?k=1", 400), ("/v1/popular?k=1e1", 400), ("/v1/popular?k=-1", 400),
    ("/v1/popular?k=99999999999999999999", 400), ("/v1/popular?window=nan", 400),
    ("/v1/users/u1/events?before=-99999999999999999999", 400), ("/v1/users/u1/events?limit=0", 400),
]

# body of POST /v1/events as bytes, status
BODIES = [
    (b"", 400), (b"{", 400), (b"null", 400), (b"[]", 400), (b"\"x\"", 400), (b"1", 400),
    (b"[" * 30000 + b"]" * 30000, 400), (b"[" * 60000, 400), (b'{"a":' * 12000, 400),
    (b'{"user_id":"u","item_id":"2","context":' + b'{"a":' * 40 + b"1" + b"}" * 41, 400),
    (b'{"user_id":"\xff","item_id":"2"}', 400), (b'{"user_id":"\xed\xa0\x80","item_id":"2"}', 400),
    (b'{"user_id":"\\ud800","item_id":"2"}', 400), (b'{"user_id":"a\\u0000b","item_id":"2"}', 400),
    (b'{"user_id":"u","user_id":"v","item_id":"2"}', 400), (b'{"user_id":1,"item_id":"2"}', 400),
    (b'{"user_id":"","item_id":"2"}', 400), (b'{"user_id":"u","item_id":"2","value":NaN}', 400),
    (b'{"user_id":"u","item_id":"2","value":1e999}', 400),
    (b'{"user_id":"u","item_id":"2","time":99999999999999999999}', 400),
    (b'{"user_id":"u","item_id":"2","time":-1}', 400), (b'{"user_id":"u","item_id":"2","x":1}', 400),
    (b'{"user_id":"%s","item_id":"2"}' % (b"a" * 4097), 400),
    (b'{"user_id":"u","item_id":"2","event_type":"%s"}' % (b"a" * 300), 400),
    (b"\xef\xbb\xbf{}", 400), (b"\xff\xfe{\x00}\x00", 400), (b"{}\x00", 400), (b"{}{}", 400),
    (json.dumps([{"user_id": "u", "item_id": "2"}] * 9).encode(), 413), (b" " * BODY_MOST, 400),
]

# expression, status
FILTERS = [
    ("(" * 32000 + "year > 1" + ")" * 32000, 400), ("(" * 65000, 400), ("not " * 16000 + "year > 1", 400),
    ("year in " + "[" * 60000, 400), ("title == \"" + "x" * 65000, 400), ("year > " + "9" * 60000, 400),
    (" or ".join(["year > 1"] * 5000), 200), (" and ".join(f"year != {i}" for i in range(3500)), 200),
    ("year in [" + ",".join(map(str, range(12000))) + "]", 200), ("x" * 70000, 400),
    ("year > 1;drop table events", 400), ("id == \"\\\"", 400), ("$seen", 400), ("year >", 400),
]


class Wire(ServeCase):
    def send(self, server, data):
        """All that comes back: until the end, or one answer if the server keeps the connection."""
        got = b""
        with socket.create_connection(("127.0.0.1", server.port), 60) as s:
            try:
                s.sendall(data)
            except OSError:
                pass  # refused before all of it was read
            try:
                while chunk := s.recv(65536):
                    got += chunk
                    head, _, body = got.partition(b"\r\n\r\n")
                    size = re.search(rb"Content-Length: (\d+)", head)
                    if size and b"Connection: close" not in head and len(body) >= int(size[1]):
                        break
            except ConnectionResetError:
                pass
        return got

    def check_problem(self, name, got, status):
        head, _, body = got.partition(b"\r\n\r\n")
        self.assertEqual(got.count(b"HTTP/1.1 "), 1, (name, got[:600]))
        self.assertEqual(int(head.split(b" ", 2)[1]), status, (name, got[:600]))
        self.assertIn(b"content-type: application/problem+json", head.lower(), name)
        self.assertEqual(json.loads(body)["status"], status, name)

    def memory(self, server):
        with open(f"/proc/{server.process.pid}/status") as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1)) * 1024

    def expect_little_more(self, server, before, most):
        """At most `most` bytes more than `before`. Sanitizers keep what is freed a while: not there."""
        more = self.memory(server) - before
        with open(f"/proc/{server.process.pid}/maps") as f:
            if not re.search(r"lib[at]san", f.read()):
                self.assertLess(more, most)

    def test_bytes_that_could_be_read_in_two_ways_or_in_none(self):
        s = self.serve("--max-body-bytes", BODY_MOST, "--max-header-bytes", HEAD_MOST,
                       "--timeout-ms", 2000, store=False, models=("popular",))
        host = f"Host: 127.0.0.1:{s.port}\r\n".encode()
        for name, data, expected in FRAMING:
            data = data.replace(b"HOST ", host).replace(b"HOST", host)
            data = data.replace(b"JSON", b"Content-Type: application/json\r\n")
            got = self.send(s, data)
            self.assertNotIn(b"smuggled", got, name)
            if expected != LIBRARY:
                self.check_problem(name, got, expected)
            elif got:
                self.assertGreaterEqual(int(got.split(b" ", 2)[1]), 400, (name, got[:600]))
                self.assertIn(b"Connection: close", got.split(b"\r\n\r\n", 1)[0], name)
            self.assertEqual(s.ask("GET", "/healthz")[0], 200, name)
        for path, expected in PATHS:
            got = self.send(s, f"GET {path} HTTP/1.1\r\n".encode() + host + b"\r\n")
            self.check_problem(path[:200], got, expected)
        self.assertEqual(s.stop(), 0)

    def test_bodies_and_filters_without_measure(self):
        s = self.serve("--max-body-bytes", 1 << 20, "--max-batch", 8)
        c = s.connect()
        start = None
        for _ in range(3):  # what the first round needs is kept, and no more
            for body, expected in BODIES:
                got = s.ask("POST", "/v1/events", body, connection=c)
                self.assertEqual(self.expect(expected, got)["status"], expected, body[:80])
            for text, expected in FILTERS:
                body = {"history": ["2"], "filter": text}
                self.expect(expected, s.ask("POST", "/v1/recommendations", body, connection=c))
            for attributes, expected in (
                    ({"categories": ["c"] * 70000}, 400), ({"x" * 5000: 1}, 400),
                    ({"title": {"a": 1}}, 400), ([1], 400), ({"year": "x"}, 400),
                    ({"title": "a\ud800b"}, 400)):
                body = json.dumps(attributes)
                got = s.ask("PUT", "/v1/items/x", body, connection=c)
                self.assertEqual(got[0], expected, (body[:80], got[1]))
            for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; b=1",
                         "application/json; charset=utf-16", ""):
                self.expect(415, s.ask("POST", "/v1/events", "{}", {"Content-Type": kind}))
            start = start or self.memory(s)
        self.expect(415, s.ask("POST", "/v1/events", "{}", {"Content-Encoding": "gzip"}))
        self.expect_little_more(s, start, 32 << 20)
        self.expect(404, s.ask("GET", "/v1/items/x", connection=c))
        kinds = [s.ask("POST", "/v1/events", {"user_id": "u", "item_id": "2", "event_type": f"t{i}"},
                       connection=c)[0] for i in range(300)]
        self.assertEqual(set(kinds), {200, 400})  # so many kinds, and no more
        c.close()
        self.assertEqual(s.stop(), 0)

    def test_a_crowd_that_drips_or_says_nothing(self):
        crowd = int(os.environ.get("AKIN_CROWD", 900))
        limit = crowd * 2 // 5
        if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < crowd + 100:
            self.skipTest("too few open files are allowed")
        patience = 10000 if "AKIN_CROWD" in os.environ else 1500
        s = self.serve("--max-connections", limit, "--timeout-ms", patience, "--idle-ms", 60000,
                       store=False, models=("popular",))
        first = s.connect()  # somebody who was there before
        self.assertEqual(s.ask("GET", "/healthz", connection=first)[0], 200)
        crew = []
        try:
            for i in range(crowd):
                c = socket.create_connection(("127.0.0.1", s.port), 60)
                crew.append(c)
                try:
                    c.sendall(b"GET /healthz HTTP/1.1\r\nX: "[:i % 28])
                except OSError:
                    pass  # refused already
            times = []
            for i in range(1000):
                start = time.monotonic()
                self.assertEqual(s.ask("GET", f"/v1/popular?k={i % 50}", connection=first)[0], 200)
                times.append(time.monotonic() - start)
            p99 = sorted(times)[989] * 1000
            print(f"{crowd} connections, {limit} allowed: p99 {p99:.1f} ms")
            if "AKIN_CROWD" in os.environ:
                self.assertLess(p99, 50)
            refused = b"".join(self.take(c) for c in crew).count(b"HTTP/1.1 503")
            self.assertGreaterEqual(refused, crowd - limit)
        finally:
            for c in crew:
                c.close()
        self.assertEqual(s.ask("GET", "/healthz", connection=first)[0], 200)
        text = s.ask("GET", "/metrics", connection=first)[1].decode()
        n = {k: int(v) for k, v in re.findall(r"^(akin_http_conn\w+) (\d+)$", text, re.M)}
        self.assertGreaterEqual(n["akin_http_connections_refused_total"], crowd - limit)
        self.assertGreaterEqual(n["akin_http_connections_cut_total"], limit // 2)
        first.close()
        self.assertEqual(s.stop(), 0)

    def test_clients_that_ask_and_never_read(self):
        s = self.serve("--timeout-ms", 1000, store=False, models=("popular",))
        ask = f"GET /v1/openapi.json HTTP/1.1\r\nHost: 127.0.0.1:{s.port}\r\n\r\n".encode()
        before, n, crew = self.memory(s), 40, []
        for _ in range(n):
            c = socket.socket()
            crew.append(c)
            c.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            c.connect(("127.0.0.1", s.port))
            c.setblocking(False)
            try:
                while True:
                    c.send(ask * 100)
            except OSError:
                pass  # it has taken what it takes, or cut it already
        count = 0
        while count < n:  # each is cut at its deadline: the test's own limit of time is the bound
            text = s.ask("GET", "/metrics")[1].decode()
            count = int(re.search(r"^akin_http_connections_cut_total (\d+)$", text, re.M)[1])
        self.expect_little_more(s, before, 64 << 20)
        for c in crew:
            c.close()
        self.assertEqual(s.stop(), 0)

    def take(self, c):
        """All until the server ends the connection, dripping meanwhile."""
        got = b""
        c.settimeout(0.5)
        while True:
            try:
                chunk = c.recv(4096)
                if not chunk:
                    return got
                got += chunk
            except TimeoutError:
                try:
                    c.sendall(b"x")
                except OSError:
                    return got
            except OSError:
                return got


class Browser(ServeCase):
    """What another site's page can make a browser send to a server without keys on loopback."""

    def routes(self, server):
        paths = self.expect(200, server.ask("GET", "/v1/openapi.json"))["paths"]
        for path, methods in paths.items():
            for method, row in methods.items():
                yield method.upper(), re.sub(r"\{\w+\}", "x", path), "requestBody" in row

    def test_rebinding_and_forgery(self):
        s = self.serve(models=("popular",))
        n = 0
        for method, path, has_body in self.routes(s):
            body = {} if has_body else None
            for host in ("evil.test", f"evil.test:{s.port}", "127.0.0.1", f"localhost.evil:{s.port}",
                         f"127.0.0.1:{s.port}.evil.test", f"127.0.0.1:{s.port}@evil.test"):
                self.expect(421, s.ask(method, path, body, {"Host": host}))
            for origin in ("https://evil.test", "null", f"http://127.0.0.1:{s.port}.evil.test",
                           "http://127.0.0.1:1", "file://"):
                self.expect(403, s.ask(method, path, body, {"Origin": origin}))
                r = s.ask("OPTIONS", path, None, {"Origin": origin,
                                                  "Access-Control-Request-Method": method})
                self.assertIsNone(r[2]["Access-Control-Allow-Origin"])
            for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
                if has_body:  # the kinds that a form can send
                    self.expect(415, s.ask(method, path, "{}", {"Content-Type": kind}))
            n += 1
        self.assertGreater(n, 25)
        own = {"Host": f"localhost:{s.port}", "Origin": f"http://localhost:{s.port}"}
        self.expect(200, s.ask("GET", "/v1/models", headers=own))
        self.assertEqual(s.stop(), 0)

    def test_stored_script_is_text_everywhere(self):
        s = self.serve()
        c = s.connect()
        for i, text in enumerate(HOSTILE):
            item = "".join(f"%{b:02x}" for b in text.encode())
            self.expect(200, s.ask("PUT", f"/v1/items/{item}", {"title": text, "categories": [text]},
                                   connection=c))
            event = {"user_id": text, "item_id": text, "event_type": text, "event_id": f"{i}",
                     "context": {text: text}}
            self.expect(200, s.ask("POST", "/v1/events", event, connection=c))
            for path in (f"/v1/items/{item}", f"/v1/items/{item}/events", f"/v1/users/{item}/events",
                         f"/v1/users/{item}/recommendations?explain=true", "/v1/search?q=script",
                         f"/v1/items/{item}x", f"/v1/models?{item}=1", f"/{item}",
                         f"/v1/users/{item}/export", f"/v1/search?k={item}"):
                status, _, headers = s.ask("GET", path, connection=c)
                self.assertIn(headers.get_content_type(),
                              ("application/json", "application/problem+json"), path)
                self.assertEqual(headers["X-Content-Type-Options"], "nosniff")
        status, page, headers = s.ask("GET", "/", connection=c)
        policy = headers["Content-Security-Policy"]
        self.assertIn("default-src 'self'", policy)
        self.assertNotIn("unsafe", policy)
        self.assertNotIn("*", policy)
        self.assertNotRegex(page.decode(), r"<script(?![^>]*\ssrc=)|\son\w+=|javascript:")
        text = s.ask("GET", "/metrics", connection=c)[1].decode()
        self.assertNotIn("alert", text)
        c.close()
        self.assertEqual(s.stop(), 0)

    def test_both_reports_show_script_as_text(self):
        quote = lambda text: '"' + text.replace('"', '""') + '"'
        rows = ["user_id,item_id,value,time,event_type"]
        for u in range(30):
            for i, text in enumerate(HOSTILE):
                rows.append(f"{quote(HOSTILE[u % 7] + str(u))},{quote(text)},{i % 5},"
                            f"{1500000000 + u * 9 + i},{quote(text)}")
        data = self.write("h.csv", "\n".join(rows) + "\n")
        items = self.write("hi.csv", "item_id,title,categories\n" + "".join(
            f"{quote(t)},{quote(t)},{quote(t)}\n" for t in HOSTILE))
        tags = self.write("ht.csv", "user_id,item_id,tag\n" + "".join(
            f"{quote(HOSTILE[0] + '0')},{quote(t)},{quote(t)}\n" for t in HOSTILE))
        config = self.write("h.yaml", f"""
name: "{SCRIPT}"
out: "{self.dir / 'out'}"
data:
  interactions: {{path: "{data}"}}
  items: {{path: "{items}"}}
  tags: {{path: "{tags}"}}
split: {{by: leave-last, n: 1}}
models: [{{name: script, type: popular}}]
evaluate: {{metrics: [recall@3], bootstrap: 20}}
""")
        self.akin("run", config, "--quiet")
        for name in ("report.html", "evaluation.html"):
            page = (self.dir / "out" / name).read_text()
            self.assertIn("&lt;script&gt;" if name == "report.html" else "<html", page)
            self.assertNotRegex(page, r"<script|<img|<svg/|\sonerror=alert\(1\)>|href=.?javascript:")


class Secrets(ServeCase):
    def test_no_secret_is_written_down(self):
        make = lambda *a: self.json("keys", "create", "--store", self.store, *a)["key"]
        keys = [make("--scopes", "admin", "--note", "me"), make("--scopes", "read")]
        log = self.dir / "access.log"
        hash_key = "a-secret-for-hashes"
        s = self.serve("--access-log", log, "--access-log-key", hash_key, "--verbose")
        admin, read = keys
        answers = []

        def ask(method, path, body=None, headers=None):
            status, data, head = s.ask(method, path, body, headers)
            answers.append(data if isinstance(data, bytes) else json.dumps(data).encode())
            answers.append(str(head).encode())
            return status

        auth = {"Authorization": f"Bearer {admin}"}
        basic = base64.b64encode(f"me:{read}".encode()).decode()
        self.assertEqual(ask("GET", "/v1/keys", headers=auth), 200)
        self.assertEqual(ask("GET", "/metrics", headers=auth), 200)
        # a key in every wrong place that people put one
        ask("GET", f"/v1/models?key={read}", headers=auth)
        ask("GET", f"/v1/models?api_key={read}")
        ask("GET", f"/v1/{read}")
        ask("GET", f"/v1/models/{read}", headers=auth)
        ask("POST", f"/v1/models/{read}:rollback", {}, auth)
        ask("DELETE", f"/v1/keys/{read}", headers=auth)
        ask("GET", "/v1/models", headers={"Authorization": f"Basic {basic}"})
        ask("GET", "/v1/models", headers={"Authorization": f"Bearer {read[:-1]}x"})
        ask("GET", "/v1/models", headers={"Authorization": read})
        ask("GET", "/v1/models", headers={"Cookie": f"key={read}"})
        ask("GET", "/v1/models", headers={"X-Api-Key": f"{read} {admin}"})
        ask("POST", "/v1/events", {"user_id": "u", read: admin}, auth)
        ask("GET", f"/v1/users/{read}/recommendations", headers=auth)
        ask(read[:12].upper(), "/v1/models")
        s.process.send_signal(1)  # reloads
        self.assertEqual(ask("GET", "/metrics", headers=auth), 200)
        self.assertEqual(s.stop(), 0)
        places = {"log": log.read_bytes(), "standard error": "".join(s.errors).encode(),
                  "metrics": answers[2]}
        for name, text in places.items():
            for secret in (keys[0][18:], keys[1][18:], hash_key):
                self.assertNotIn(secret.encode(), text, name)
            self.assertNotIn(basic.encode(), text, name)
        self.assertIn(b'"status":401', places["log"])
        # An answer may say back what was asked, to who asked it: never the other key.
        for text in answers:
            self.assertNotIn(admin[18:].encode(), text)


class WrongKeys(ServeCase):
    def test_in_volume_they_are_refused_and_right_ones_answered(self):
        right = self.json("keys", "create", "--store", self.store, "--scopes", "read")["key"]
        s = self.serve(models=("popular",))
        held = lambda: int(re.search(rb"(?m)^akin_memory_bytes (\d+)", s.ask(
            "GET", "/metrics", headers={"X-Api-Key": right})[1])[1])
        before, over = held(), threading.Event()
        statuses, waits, wrong = collections.Counter(), set(), []

        def guess(n):
            rng = random.Random(n)
            c = s.connect()
            for i in range(500):
                # of another id, of this id, of another form, of great length
                key = (f"akin_{rng.getrandbits(48):012x}_{rng.getrandbits(256):064x}",
                       right[:18] + f"{rng.getrandbits(256):064x}", "x" * (1 + i % 70),
                       right + "0" * 3000)[i % 4]
                how = ({"X-Api-Key": key}, {"Authorization": f"Bearer {key}"})[i // 4 % 2]
                status, body, headers = s.ask("GET", "/v1/models", headers=how, connection=c)
                statuses[status] += 1
                if status == 429:
                    waits.add(int(headers["Retry-After"]))
                if right[18:] in str(body):
                    wrong.append(body)
            c.close()

        def own():
            c = s.connect()
            while not over.is_set():
                status = s.ask("GET", "/v1/models", headers={"X-Api-Key": right}, connection=c)[0]
                if status != 200:
                    wrong.append(status)
            c.close()

        threads = [threading.Thread(target=guess, args=(n,)) for n in range(4)]
        owner = threading.Thread(target=own)
        owner.start()
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        over.set()
        owner.join()
        print(dict(statuses))
        self.assertEqual((set(statuses), wrong), ({401, 429}, []))
        self.assertEqual(sum(statuses.values()), 2000)
        self.assertGreater(statuses[429], statuses[401])
        self.assertTrue(waits and min(waits) >= 1, waits)
        self.assertLess(held() - before, 4 << 20)
        self.assertEqual(s.ask("GET", "/v1/models")[0], 401)  # none given is no guess
        metrics = s.ask("GET", "/metrics", headers={"X-Api-Key": right})[1].decode()
        self.assertRegex(metrics, r"(?m)^akin_http_wrong_keys_total 2000$")
        self.assertEqual(s.stop(), 0)


if __name__ == "__main__":
    unittest.main()
