"""serve and keys: the program as a server, over real sockets. Standard library only."""
import gzip
import http.client
import json
import os
import signal
import socket
import subprocess
import threading
import unittest

from akin_cli import PROGRAM, Case

JSON = {"Content-Type": "application/json"}


class Server:
    """akin serve, from its first line on standard output to its end."""

    def __init__(self, *args, env=None, user=None):
        self.process = subprocess.Popen([PROGRAM, "serve", *map(str, args)], text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        env=dict(os.environ, **(env or {})), user=user)
        self.url = self.process.stdout.readline().strip()
        if not self.url:
            raise AssertionError(self.process.communicate()[1])
        self.port = int(self.url.rsplit(":", 1)[1])
        self.errors = []  # standard error is read all the time: a full pipe would stop the server
        self.reader = threading.Thread(target=lambda: self.errors.extend(self.process.stderr))
        self.reader.start()

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        return self.wait()

    def wait(self):
        code = self.process.wait(60)
        self.reader.join()
        self.process.stdout.close()
        self.process.stderr.close()
        return code

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def raw(self, *parts, half=False):
        """Sends bytes as they are; returns everything until the server closes."""
        with socket.create_connection(("127.0.0.1", self.port), 30) as s:
            for part in parts:
                s.sendall(part)
            if half:
                s.shutdown(socket.SHUT_WR)
            got = b""
            try:
                while chunk := s.recv(65536):
                    got += chunk
            except ConnectionResetError:
                pass
            return got

    def ask(self, method, path, body=None, headers=None, connection=None):
        c = connection or self.connect()
        headers = dict(headers or {})
        if body is not None:
            headers = {**JSON, **headers}
            if not isinstance(body, (bytes, str)):
                body = json.dumps(body)
        c.request(method, path, body, headers)
        r = c.getresponse()
        data = r.read()
        if not connection:
            c.close()
        if r.headers.get("Content-Encoding") == "gzip":
            data = gzip.decompress(data)
        if data and "json" in (r.headers.get_content_type() or ""):
            data = json.loads(data)
        return r.status, data, r.headers


class ServeCase(Case):
    def setUp(self):
        super().setUp()
        self.servers = []
        self.data = self.dir / "d.akin"
        self.akin("prepare", self.ratings(), "--items", self.items(), "-o", self.data)
        for name in ("popular", "ials", "itemknn"):
            self.akin("train", self.data, "--model", name, "-o", self.dir / f"{name}.akin")
        self.store = f"sqlite:{self.dir / 'akin.db'}"

    def tearDown(self):
        for server in self.servers:
            if server.process.poll() is None:
                server.stop(signal.SIGKILL)
        super().tearDown()

    def serve(self, *args, models=("popular", "itemknn", "ials"), store=True, env=None,
              user=None):
        for name in models:
            args += ("--model", f"{name}={self.dir / name}.akin")
        if store:
            args += ("--store", self.store)
        server = Server("--listen", "127.0.0.1:0", *args, env=env, user=user)
        self.servers.append(server)
        return server

    def expect(self, status, got):
        self.assertEqual(got[0], status, got[1])
        if status >= 400:
            self.assertEqual(got[2].get_content_type(), "application/problem+json")
            self.assertEqual(got[1]["status"], status)
        return got[1]


class Routes(ServeCase):
    def test_every_route_and_its_error(self):
        s = self.serve()
        ok = lambda *a, **k: self.expect(200, s.ask(*a, **k))
        bad = lambda status, *a, **k: self.expect(status, s.ask(*a, **k))["detail"]

        r = ok("GET", "/v1/users/u2/recommendations?k=5&explain=true")
        self.assertEqual((r["user_id"], r["model"], len(r["items"])), ("u2", "ials", 5))
        self.assertIn("Title", r["items"][0]["title"])
        self.assertTrue(r["items"][0]["reasons"])
        for name in ("popular", "itemknn", "ials"):
            r = ok("GET", f"/v1/users/u2/recommendations?model={name}")
            self.assertEqual((r["model"], len(r["items"])), (name, 10))
        self.assertIn("'k'", bad(400, "GET", "/v1/users/u2/recommendations?kk=5"))
        bad(404, "GET", "/v1/users/u2/recommendations?model=none")
        bad(400, "GET", "/v1/users/u2/recommendations?filter=year%20%3E%3E")
        r = ok("GET", "/v1/users/u2/recommendations?filter=year%20%3E%3D%202010")
        self.assertTrue(all(int(i["item_id"]) >= 30 for i in r["items"]))

        r = ok("POST", "/v1/recommendations", {"history": ["2", {"item_id": "4", "value": 5}]})
        self.assertNotIn("2", [i["item_id"] for i in r["items"]])
        r = ok("POST", "/v1/recommendations", {"requests": [{"user_id": "u1"}, {"kk": 1}]})
        self.assertEqual(len(r["results"][0]["items"]), 10)
        self.assertEqual(r["results"][1]["error"]["status"], 400)
        bad(400, "POST", "/v1/recommendations", {"history": [{"id": "2"}]})
        r = ok("POST", "/v1/rank", {"user_id": "u2", "items": ["3", "4", "zz"]})
        self.assertEqual({i["item_id"] for i in r["items"]}, {"3", "4"})
        self.assertEqual(r["unknown"], ["zz"])
        bad(400, "POST", "/v1/rank", {"user_id": "u2"})

        self.assertTrue(ok("GET", "/v1/items/2/similar?k=3")["items"])
        bad(404, "GET", "/v1/items/zz/similar")
        self.assertEqual(len(ok("GET", "/v1/items/2/users?k=3")["users"]), 3)
        for name in ("popular", "itemknn", "ials"):
            r = ok("GET", f"/v1/users/u2/similar?k=5&model={name}")
            self.assertEqual((r["user_id"], r["model"], len(r["users"])), ("u2", name, 5))
            self.assertNotIn("u2", [u["user_id"] for u in r["users"]])
        bad(404, "GET", "/v1/users/zz/similar")
        bad(400, "GET", "/v1/users/u2/similar?filter=year%20%3E%201")
        self.assertEqual(len(ok("GET", "/v1/popular?k=4")["items"]), 4)
        self.assertTrue(ok("GET", "/v1/search?q=Title%201")["items"])
        self.assertEqual(ok("GET", "/v1/items/2")["title"], "Title 2, the film")
        bad(404, "GET", "/v1/items/zz")
        self.assertTrue(ok("GET", "/v1/users/u2")["user_id"], "u2")
        self.assertEqual([m["name"] for m in ok("GET", "/v1/models")["models"]],
                         ["popular", "itemknn", "ials"])
        self.assertEqual(ok("GET", "/healthz"), {"status": "ok"})
        self.assertEqual(ok("GET", "/readyz"), {"status": "ready"})
        self.assertIn("/v1/rank", ok("GET", "/v1/openapi.json")["paths"])
        self.assertIn(b"akin_http_requests_total", ok("GET", "/metrics"))
        self.assertIn(b"<html", ok("GET", "/"))
        bad(404, "GET", "/nothing")
        bad(405, "PATCH", "/v1/models")
        self.assertEqual(s.stop(), 0)

    def test_changes_show_at_once_and_last(self):
        s = self.serve()
        top = self.expect(200, s.ask("GET", "/v1/users/u2/recommendations"))["items"][0]["item_id"]
        event = {"event_id": "e1", "user_id": "u2", "item_id": top, "value": 5}
        r = self.expect(200, s.ask("POST", "/v1/events", event))
        self.assertEqual((r["accepted"], r["duplicates"]), (1, 0))
        r = self.expect(200, s.ask("POST", "/v1/events", [event]))
        self.assertEqual((r["accepted"], r["duplicates"]), (0, 1))
        for name in ("popular", "itemknn", "ials"):
            r = self.expect(200, s.ask("GET", f"/v1/users/u2/recommendations?model={name}&k=40"))
            self.assertNotIn(top, [i["item_id"] for i in r["items"]])
        self.expect(400, s.ask("POST", "/v1/events", {"events": [event, {"user_id": "u2"}]}))
        self.expect(200, s.ask("PUT", "/v1/items/new%2F1", {"title": "A new one", "year": 2030}))
        self.assertEqual(self.expect(200, s.ask("GET", "/v1/items/new%2F1"))["year"], 2030)
        r = self.expect(200, s.ask("GET", "/v1/search?q=a%20new"))
        self.assertEqual(r["items"][0]["item_id"], "new/1")
        self.expect(200, s.ask("DELETE", "/v1/items/3"))
        r = self.expect(200, s.ask("GET", "/v1/users/u2/recommendations?k=40&exclude_seen=false"))
        self.assertNotIn("3", [i["item_id"] for i in r["items"]])
        self.expect(200, s.ask("PUT", "/v1/users/u3", {"city": "Bilbao"}))
        self.expect(200, s.ask("GET", "/v1/users/u2/export"))
        r = self.expect(200, s.ask("DELETE", "/v1/users/u2"))
        self.assertEqual(r["user_id"], "u2")
        self.assertEqual(s.stop(), 0)
        s = self.serve()
        self.assertEqual(self.expect(200, s.ask("GET", "/v1/items/new%2F1"))["title"], "A new one")
        user = self.expect(200, s.ask("GET", "/v1/users/u3"))
        self.assertEqual(user["attributes"], {"city": "Bilbao"})
        self.expect(404, s.ask("GET", "/v1/users/u2"))
        self.expect(404, s.ask("GET", "/v1/items/3"))
        self.assertEqual(s.stop(), 0)

    def test_models_swap_and_roll_back(self):
        s = self.serve(models=("popular",))
        path = str(self.dir / "ials.akin")
        r = self.expect(200, s.ask("POST", "/v1/models/popular:activate", {"path": path}))
        self.assertEqual(r["models"][0]["type"], "ials")
        self.expect(200, s.ask("POST", "/v1/models/popular:rollback", {}))
        r = self.expect(200, s.ask("GET", "/v1/models"))
        self.assertEqual(r["models"][0]["type"], "popular")
        self.expect(200, s.ask("POST", "/v1/models/best:activate", {"path": path}))
        for name in ("best", "popular", "best"):
            r = self.expect(200, s.ask("POST", f"/v1/models/{name}:default", {}))
            self.assertEqual([m["name"] for m in r["models"] if m["default"]], [name])
            r = self.expect(200, s.ask("GET", "/v1/users/u2/recommendations"))
            self.assertEqual(r["model"], name)
        self.expect(404, s.ask("POST", "/v1/models/none:default", {}))
        self.expect(400, s.ask("POST", "/v1/models/best:default", {"path": path}))
        bad = self.write("bad.akin", "not a model")
        status = s.ask("POST", "/v1/models/popular:activate", {"path": str(bad)})[0]
        self.assertIn(status, (404, 422))
        self.expect(200, s.ask("GET", "/v1/users/u2/recommendations"))

    def test_a_request_that_is_too_large_is_not_to_be_sent_again(self):
        s = self.serve("--max-history", 3, "--max-batch", 4)
        ids = ["2", "4", "6", "8", "10"]
        for path, body in (("/v1/recommendations", {"history": ids}),
                           ("/v1/recommendations", {"requests": [{}] * 5}),
                           ("/v1/rank", {"items": ids}),
                           ("/v1/events", [{"user_id": "u1", "item_id": i} for i in ids])):
            got = s.ask("POST", path, body)
            self.expect(413, got)
            self.assertIsNone(got[2]["Retry-After"])
        r = self.expect(200, s.ask("POST", "/v1/recommendations",
                                   {"requests": [{"history": ids}, {"history": ids[:3]}]}))
        self.assertEqual(r["results"][0]["error"]["status"], 413)
        self.assertTrue(r["results"][1]["items"])
        for path in ("/v1/items/9", "/v1/users/u1"):
            got = s.ask("PUT", path, {"title": "x" * (1 << 20)})
            self.expect(413, got)
            self.assertIsNone(got[2]["Retry-After"])
        self.expect(200, s.ask("PUT", "/v1/users/u1", {"title": "x" * 100000}))

    def test_without_a_store(self):
        s = self.serve(store=False)
        self.expect(409, s.ask("POST", "/v1/events", {"user_id": "u", "item_id": "2"}))
        self.expect(200, s.ask("GET", "/v1/users/u2/recommendations"))

    def test_a_configuration(self):
        config = self.write("c.yaml", f"""
name: films
models:
  - {{name: first, path: "{self.dir / 'popular.akin'}"}}
  - {{name: best, path: "{self.dir / 'ials.akin'}"}}
store: {{url: "{self.store}"}}
serve: {{listen: "127.0.0.1:0", default: first, max_k: 20, diversity: 0.2}}
""")
        s = Server(config)
        self.servers.append(s)
        r = self.expect(200, s.ask("GET", "/v1/users/u2/recommendations"))
        self.assertEqual(r["model"], "first")
        self.expect(400, s.ask("GET", "/v1/users/u2/recommendations?k=21"))
        self.assertEqual(s.stop(signal.SIGINT), 0)
        _, err = self.akin("serve", self.write("w.yaml", "serve: {listn: x}"), status=2)
        self.assertIn("did you mean 'listen'", err)


class Protocol(ServeCase):
    def test_attacks_on_framing(self):
        s = self.serve("--max-body-bytes", 4000, "--max-header-bytes", 4000,
                       "--timeout-ms", 500, store=False)
        host = f"Host: 127.0.0.1:{s.port}\r\n".encode()
        post = b"POST /v1/events HTTP/1.1\r\n" + host + b"Content-Type: application/json\r\n"
        get = b"GET /healthz HTTP/1.1\r\n" + host
        status = lambda got: int(got.split(b" ", 2)[1]) if got else 0
        self.assertEqual(status(s.raw(post + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n"
                                      b"\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n")), 400)
        got = s.raw(post + b"Content-Length: 2\r\nContent-Length: 30\r\n\r\n{}")
        self.assertEqual((status(got), got.count(b"HTTP/1.1 ")), (400, 1))
        self.assertEqual(status(s.raw(b"GET /v1/items/%00 HTTP/1.1\r\n" + host +
                                      b"Connection: close\r\n\r\n")), 400)
        self.assertEqual(status(s.raw(post + b"Content-Length: 4001\r\n\r\n")), 413)
        chunk = b"3e8\r\n" + b" " * 1000 + b"\r\n"
        self.assertEqual(status(s.raw(post + b"Transfer-Encoding: chunked\r\n\r\n", chunk * 5,
                                      b"0\r\n\r\n")), 413)
        self.assertIn(status(s.raw(get + b"X: " + b"x" * 20000 + b"\r\n\r\n")), (0, 413, 431))
        self.assertEqual(status(s.raw(b"GET /healthz HTTP/1.1\r\nHost: evil.test\r\n"
                                      b"Connection: close\r\n\r\n")), 421)
        self.assertEqual(status(s.raw(b"GET /healthz HTTP/1.0\r\n\r\n")), 200)
        # Pipelined: three answers in order on one connection.
        got = s.raw(get + b"\r\n" + get + b"\r\n" + get + b"Connection: close\r\n\r\n")
        self.assertEqual(got.count(b"HTTP/1.1 200"), 3)
        # Slow ones are cut at their deadline, however they drip.
        self.assertEqual(status(s.raw(get[:20])), 0)
        with socket.create_connection(("127.0.0.1", s.port), 30) as c:
            c.sendall(get + b"X: ")
            c.settimeout(0.02)
            for _ in range(2000):
                try:
                    c.sendall(b"x")
                    if not c.recv(100):
                        break
                except TimeoutError:
                    continue
                except OSError:
                    break
            else:
                self.fail("a dripping client was not cut")
        self.assertEqual(status(s.raw(get + b"Connection: close\r\n\r\n")), 200)

    def test_keep_alive_encoding_conditions(self):
        s = self.serve(store=False)
        c = s.connect()
        for _ in range(3):
            self.assertEqual(s.ask("GET", "/v1/models", connection=c)[0], 200)
        _, plain, headers = s.ask("GET", "/v1/openapi.json", connection=c)
        status, packed, h = s.ask("GET", "/v1/openapi.json", connection=c,
                                  headers={"Accept-Encoding": "gzip"})
        self.assertEqual((h["Content-Encoding"], packed), ("gzip", plain))
        self.assertEqual(s.ask("GET", "/v1/openapi.json", connection=c,
                               headers={"If-None-Match": headers["ETag"]})[:2], (304, b""))
        status, body, h = s.ask("HEAD", "/v1/openapi.json", connection=c)
        self.assertEqual((status, body), (200, b""))
        status, _, h = s.ask("OPTIONS", "/v1/models", connection=c)
        self.assertEqual((status, h["Allow"]), (204, "GET, HEAD, OPTIONS"))
        self.assertEqual(s.ask("GET", "/healthz", connection=c,
                               headers={"X-Request-Id": "mine"})[2]["X-Request-Id"], "mine")
        self.expect(415, s.ask("POST", "/v1/rank", "{}", {"Content-Type": "text/plain"}))
        self.expect(403, s.ask("POST", "/v1/rank", {}, {"Origin": "https://evil.test"}))
        c.close()

    def test_drain_loses_nothing(self):
        s = self.serve()
        lost, done, go = [], [], threading.Event()

        def client(n):
            c = s.connect()
            i = 0
            while True:
                event = {"event_id": f"{n}-{i}", "user_id": f"v{n}", "item_id": "2"}
                try:
                    status, _, headers = s.ask("POST", "/v1/events", event, connection=c)
                except OSError as e:
                    lost.append(e)
                    return
                if status != 200:
                    lost.append(status)
                done.append((n, i))
                if len(done) > 50:
                    go.set()
                i += 1
                if headers["Connection"] == "close":
                    return

        threads = [threading.Thread(target=client, args=(n,)) for n in range(8)]
        for t in threads:
            t.start()
        self.assertTrue(go.wait(60))
        self.assertEqual(s.stop(), 0)
        for t in threads:
            t.join()
        self.assertEqual(lost, [])
        s = self.serve()
        held = 0
        for n in range(8):
            before = 0
            while before is not None:
                r = self.expect(200, s.ask("GET", f"/v1/users/v{n}/events?before={before}"))
                held += len(r["events"])
                before = r["next"]
        self.assertEqual(held, len(done))


class Keys(ServeCase):
    def key(self, *args):
        return self.json("keys", "create", "--store", self.store, *args)

    def test_scopes_rotation_and_revocation(self):
        read, write = self.key("--scopes", "read"), self.key("--scopes", "write")
        admin = self.key("--scopes", "admin", "--note", "me", "--expires-days", 1)
        listed = self.json("keys", "list", "--store", self.store)["keys"]
        self.assertEqual(len(listed), 3)
        for key in (read, write, admin):
            self.assertNotIn(key["key"][18:], json.dumps(listed))
        log = self.dir / "access.log"
        s = self.serve("--access-log", log)
        auth = lambda key: {"Authorization": "Bearer " + key["key"]}
        event = {"user_id": "u1", "item_id": "2"}
        self.expect(401, s.ask("GET", "/v1/models"))
        self.expect(200, s.ask("GET", "/healthz"))
        self.expect(200, s.ask("GET", "/v1/models", headers=auth(read)))
        self.expect(200, s.ask("GET", "/v1/models", headers={"X-Api-Key": read["key"]}))
        self.expect(403, s.ask("POST", "/v1/events", event, auth(read)))
        self.expect(200, s.ask("POST", "/v1/events", event, auth(write)))
        self.expect(403, s.ask("GET", "/v1/users/u1/recommendations", headers=auth(write)))
        self.expect(403, s.ask("GET", "/v1/users/u1/export", headers=auth(read)))
        self.expect(401, s.ask("GET", "/v1/models",
                               headers={"X-Api-Key": read["key"][:-1] + "x"}))
        new = s.ask("POST", "/v1/keys", {"scopes": "read"}, auth(admin))
        self.assertEqual(new[0], 201)
        self.expect(200, s.ask("GET", "/v1/models", headers=auth(new[1])))
        self.expect(200, s.ask("DELETE", f"/v1/keys/{read['id']}", headers=auth(admin)))
        self.expect(401, s.ask("GET", "/v1/models", headers=auth(read)))
        s.process.send_signal(signal.SIGHUP)
        self.expect(200, s.ask("GET", "/v1/models", headers=auth(new[1])))
        self.assertEqual(s.stop(), 0)
        text = log.read_text() + "".join(s.errors)
        for key in (read, write, admin, new[1]):
            self.assertNotIn(key["key"][18:], text)
        self.assertNotIn('"u1"', text)
        self.assertTrue(all(json.loads(line)["route"] is not None
                            for line in log.read_text().splitlines()))
        self.json("keys", "revoke", write["id"], "--store", self.store)
        self.akin("keys", "revoke", write["id"], "--store", self.store, status=2)

    def test_a_foreign_address_needs_keys_and_tls(self):
        args = ("serve", "--listen", "0.0.0.0:0", "--store", self.store,
                "--model", f"m={self.dir / 'popular.akin'}")
        _, err = self.akin(*args, status=2)
        self.assertIn("allow_anonymous", err)
        self.key("--scopes", "read")
        _, err = self.akin(*args, status=2)
        self.assertIn("tls: terminated", err)


class Stores(ServeCase):
    def store_json(self, action, *args):
        return self.json("store", action, *args, "--store", self.store)

    def events_of(self, s, user):
        return [e["item_id"] for e in self.expect(
            200, s.ask("GET", f"/v1/users/{user}/events"))["events"] if "seq" in e]

    def test_backup_while_serving_and_restore(self):
        s = self.serve()
        for item in ("2", "4"):
            self.expect(200, s.ask("POST", "/v1/events", {"user_id": "v", "item_id": item}))
        copy, url = self.dir / "copy.db", self.store.split(":", 1)[1]
        r = self.store_json("backup", copy)
        self.assertEqual((r["events"], r["state"], r["backup"]), (2, "ready", str(copy)))
        self.expect(200, s.ask("POST", "/v1/events", {"user_id": "v", "item_id": "6"}))
        self.assertEqual(self.store_json("info")["events"], 3)
        self.assertIs(self.store_json("check")["sound"], True)
        _, err = self.akin("store", "backup", copy, "--store", self.store, status=2)
        self.assertIn("exists already", err)
        _, err = self.akin("store", "restore", copy, "--store", self.store, "--force", status=1)
        self.assertIn("a server uses", err)
        self.assertEqual(self.events_of(s, "v"), ["6", "4", "2"])
        self.assertEqual(s.stop(), 0)

        _, err = self.akin("store", "restore", copy, "--store", self.store, status=2)
        self.assertIn("--force", err)
        self.assertEqual(self.store_json("info")["events"], 3)
        _, err = self.akin("store", "restore", url, "--store", self.store, "--force", status=2)
        self.assertIn("the store itself", err)
        r = self.store_json("restore", copy, "--force")
        self.assertEqual((r["events"], r["restored"]), (2, str(copy)))
        s = self.serve()
        self.assertEqual(self.events_of(s, "v"), ["4", "2"])
        self.expect(200, s.ask("POST", "/v1/events", {"user_id": "v", "item_id": "8"}))
        self.assertEqual(s.stop(), 0)
        r = self.json("store", "restore", copy, "--store", f"sqlite:{self.dir / 'other.db'}")
        self.assertEqual(r["events"], 2)

    def test_a_damaged_copy_is_named_and_not_put_back(self):
        self.akin("keys", "create", "--store", self.store)
        copy = self.dir / "copy.db"
        self.store_json("backup", copy)
        data = bytearray(copy.read_bytes())
        at = data.rindex(b"read")  # the scopes of the key
        data[at:at + 4] = b"rexd"
        copy.write_bytes(data)
        _, err = self.akin("store", "check", "--store", copy, status=2)
        self.assertIn("copy.db", err)
        for target in (self.store, f"sqlite:{self.dir / 'other.db'}"):
            self.akin("store", "restore", copy, "--store", target, "--force", status=2)
        self.assertFalse((self.dir / "other.db").exists())
        self.assertEqual(self.store_json("info")["keys"], 1)
        self.assertIs(self.store_json("check")["sound"], True)
        # what is damaged is replaced by what is sound
        good = self.dir / "good.db"
        self.store_json("backup", good)
        self.akin("store", "restore", good, "--store", copy, "--force")
        self.assertIs(self.json("store", "check", "--store", copy)["sound"], True)

    def test_for_people(self):
        self.akin("keys", "create", "--store", self.store, "--note", "shop", "--scopes", "write")
        key = self.json("keys", "list", "--store", self.store)["keys"][0]
        out, _ = self.akin("keys", "list", "--store", self.store)
        head, row = out.splitlines()
        self.assertEqual(head.split(), ["id", "scopes", "created", "expires", "note"])
        self.assertEqual([row.split()[i] for i in (0, 1, 3, 4)],
                         [key["id"], "write", "never", "shop"])
        out, _ = self.akin("store", "info", "--store", self.store)
        self.assertIn("ready", out)
        for args in (("backup",), ("info", "x"), ("check", "--force"), ("none",)):
            self.akin("store", *args, "--store", self.store, status=2)
        self.akin("store", "info", "--store", self.dir / "none.db", status=2)


if __name__ == "__main__":
    unittest.main()
