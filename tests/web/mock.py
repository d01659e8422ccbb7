"""A small server with the shapes of /v1, to test the page without the engine. Standard library only.

It is as strict as the real one where the page could go wrong unseen: unknown parameters are refused,
bodies must be JSON, the page comes with the same Content-Security-Policy. What it recommends is a
toy (shared genres), but it folds events in, so a like moves the list.

    python3 tests/web/mock.py [--port N] [--key SECRET]
"""
import argparse
import json
import pathlib
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote, urlsplit

WEB = pathlib.Path(__file__).resolve().parents[2] / "web"
TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8",
         ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
GENRES = ["Comedy", "Drama", "Crime", "Thriller", "Sci-Fi", "Animation"]
NAMES = ["Heat", "Casino", "Toy Story", "Ronin", "Fargo", "Alien", "Brazil", "Twelve Monkeys",
         "Big Night", "Blade Runner", "Sneakers", "The Game"]
BOUNDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0,
          2.5, 10.0]
LISTS = {"k", "model", "filter", "explain", "exclude_seen"}

# One of each kind, with the figures that akin gives for such counts.
EXPERIMENTS = [
    {"name": "homepage", "kind": "split", "types": ["buy"], "window_seconds": 604800,
     "untracked": 0, "arms": [
         {"name": "old", "model": "popular", "share": 0.5, "users": 80, "answers": 90,
          "converted": 48, "events": 60, "rate": {"value": 0.6, "lo": 0.4905, "hi": 0.7004}},
         {"name": "<b>new</b>", "model": "best", "share": 0.5, "users": 70, "answers": 80,
          "converted": 56, "events": 70, "rate": {"value": 0.8, "lo": 0.6915, "hi": 0.8769},
          "difference": {"value": 0.2, "lo": 0.0524, "hi": 0.3339}}]},
    {"name": "duel", "kind": "interleave", "types": [], "window_seconds": 86400,
     "untracked": 3, "users": 40, "answers": 50, "converted": 11,
     "arms": [{"name": "popular", "model": "popular", "share": 0.5, "credits": 2},
              {"name": "best", "model": "best", "share": 0.5, "credits": 9}],
     "preference": {"first": 2, "second": 8, "ties": 1, "p": 0.109375,
                    "share_of_second": {"value": 0.8, "lo": 0.4902, "hi": 0.9433}}}]


class Problem(Exception):
    def __init__(self, status, detail, **headers):
        super().__init__(detail)
        self.status, self.headers = status, headers


class World:
    def __init__(self):
        self.lock = threading.Lock()
        self.items, self.users, self.events, self.ids = {}, {}, [], set()
        for i in range(1, 73):
            name = NAMES[(i - 1) % 12] + ("" if i <= 12 else f" {(i - 1) // 12 + 1}")
            self.items[str(i)] = {
                "title": f"{name} ({1970 + i % 50})", "year": 1970 + i % 50,
                "genres": [GENRES[i % 6], GENRES[(i // 6 + 1 + i % 6) % 6]],
                "tags": [f"tag {i % 7}", "atmospheric"][: i % 3]}
        for u in range(1, 41):
            self.users[str(u)] = [str((u * 7 + 11 * j) % 72 + 1) for j in range(8)]
        self.default = "best"
        self.generation = {"best": 1, "popular": 1}
        self.file = {name: f"/models/{name}.akin" for name in self.generation}
        self.canary, self.experiments, self.is_admin = {}, EXPERIMENTS, True
        self.requests, self.latency, self.start = {}, {}, time.time()
        self.jobs, self.has_jobs = [], True

    def late(self, user):
        return [e["item_id"] for e in self.events if e["user_id"] == user]

    def history(self, user):
        return self.users.get(user, []) + self.late(user)

    @staticmethod
    def popularity(item):
        return (sum(map(ord, item)) * 37) % 101 / 101

    def closeness(self, a, b):
        x, y = self.items.get(a, {}), self.items.get(b, {})
        shared = len(set(x.get("genres", [])) & set(y.get("genres", [])))
        return shared + 0.3 * ((len(a) * 31 + len(b) * 17 + sum(map(ord, a + b))) % 13 / 13)

    def eligible(self, text):
        if not text:
            return set(self.items)
        year = re.fullmatch(r"\s*year\s*>=\s*(\d+)\s*", text)
        if year:
            return {i for i, a in self.items.items() if a.get("year", 0) >= int(year[1])}
        raise Problem(400, f"filter: column {min(len(text), 6)}: expected an expression")

    def ranked(self, model, history, k, text, explain):
        seen, allowed = set(history), self.eligible(text)
        recent = history[-12:]
        rows = []
        for item in allowed - seen:
            parts = [(self.closeness(h, item) * (1 + n / 4), h) for n, h in enumerate(recent)]
            personal = model != "popular" and recent
            score = sum(p for p, _ in parts) / len(parts) if personal else self.popularity(item)
            row = self.row(item, score)
            if explain:
                best = sorted(parts, reverse=True)[:3]
                row["reasons"] = [{"code": "because_of", "model": "ials", "contribution": p,
                                   **self.name(h)} for p, h in best] if personal else [
                    {"code": "fallback_popular" if model != "popular" else "model",
                     "model": "popular"}]
            rows.append(row)
        rows.sort(key=lambda r: (-r["score"], r["item_id"]))
        fallback = None
        if model != "popular" and not recent:
            fallback = {"code": "no_history", "model": "popular"}
        return {"model": model, "generation": 1, "items": rows[:k], "fallback": fallback}

    def name(self, item):
        title = self.items.get(item, {}).get("title")
        return {"item_id": item, **({"title": title} if title else {})}

    def row(self, item, score):
        return {**self.name(item), "score": score}

    def models(self):
        def one(name, kind, ndcg, personal):
            return {"name": name, "default": name == self.default, "type": kind,
                    "generation": self.generation[name], "path": self.file[name],
                    "loaded": "2026-01-02T03:04:05Z", "users": 40, "items": 72, "watermark": 0,
                    "values": [0.5, 5], "personal": personal,
                    "card": {"akin": "0.1.0", "params": {"factors": 64},
                             "data": {"events": 320}, "train": {"seconds": 1.5},
                             "metrics": {"ndcg@10": {"value": ndcg, "lo": ndcg - 0.01,
                                                     "hi": ndcg + 0.01}, "recall@20": ndcg / 2}},
                    "previous": {"generation": 0, "loaded": "2026-01-01T00:00:00Z"}
                    if name == "best" and self.generation[name] else None,
                    "answers": 900, "errors": 0, "mean_us": 120,
                    "canary": self.canary.get(name)}
        return {"models": [one("best", "ials", 0.31, True), one("popular", "popular", 0.12, False)]}

    def reports(self, name):
        if name == ["evaluation.json"]:
            return {"results": [{"model": "popular", "metrics": {
                "recall@20": {"value": 0.4321, "lo": 0.4, "hi": 0.45, "n": 40}}}]}
        if name:
            raise Problem(404, "no such report")
        return {"reports": [{"name": n, "kind": kind, "bytes": 5000, "href": f"/v1/reports/{n}",
                             "modified": "2026-01-02T03:04:05Z"}
                            for n, kind in (("report.html", "page"), ("evaluation.json", "figures"))]}

    def step_jobs(self):
        """The first open job goes on. The popular model is never good enough."""
        with self.lock:
            self.step_job()

    def step_job(self):
        job = next((j for j in self.jobs if j["ended"] is None), None)
        if job and job["state"] == "queued":
            job.update(state="running", stage="evaluate", progress=0.4,
                       started="2026-01-02T03:04:05Z")
        elif job:
            bad = job["model"] == "popular"
            why = "ndcg@10 0.1010 < 0.1120 of the serving artifact (tolerance 0)" if bad else ""
            job.update(state="done", progress=1, ended="2026-01-02T03:05:05Z", message=why,
                       result={"promoted": not bad, "why": why}
                       if job["kind"] == "retrain" else {"file": "exports/best.jsonl"})

    def metrics(self):
        out = ["# TYPE akin_http_requests_total counter"]
        for (method, route, status), n in sorted(self.requests.items()):
            out.append(f'akin_http_requests_total{{method="{method}",route="{route}",'
                       f'status="{status}"}} {n}')
        for (method, route), times in sorted(self.latency.items()):
            for bound in BOUNDS + [None]:
                n = sum(1 for x in times if bound is None or x <= bound)
                le = "+Inf" if bound is None else bound
                out.append(f'akin_http_request_seconds_bucket{{method="{method}",'
                           f'route="{route}",le="{le}"}} {n}')
        for name, value in {
                "akin_ready": 1, "akin_http_connections": 3, "akin_http_requests_in_flight": 1,
                "akin_http_queue": 0, "akin_events_total": len(self.events),
                "akin_store_state": 0, "akin_store_queue": 0, "akin_store_events": len(self.events),
                "akin_store_bytes": 40960, "akin_memory_bytes": 12345678,
                "akin_cache_hits_total": 3, "akin_cache_misses_total": 1,
                "akin_overlay_events": len(self.events), "akin_catalog_items": len(self.items),
                "akin_start_time_seconds": int(self.start)}.items():
            out.append(f"{name} {value}")
        return "\n".join(out) + "\n"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    world, key, gate = None, None, None

    def log_message(self, *args):
        pass

    def only(self, query, allowed):
        for name in query:
            if name not in allowed:
                raise Problem(400, f"query: unknown parameter '{name}'")

    def body(self):
        if self.headers.get("Content-Type") != "application/json":
            raise Problem(415, "body: must be application/json")
        return json.loads(self.raw)

    def k(self, query):
        k = int(query.get("k", 10))
        if not 0 <= k <= 1000:
            raise Problem(400, f"k={k} (must be 0..1000)")
        return k

    def item_id(self, item):
        if item not in self.world.items:
            raise Problem(404, f"item '{item}' is not in the catalogue")
        return item

    def model(self, name):
        name = name or self.world.default
        if name not in self.world.generation:
            raise Problem(404, f"model '{name}' is not served")
        return name

    # Each returns (route, answer); answer is JSON or text.
    def answer(self, method, parts, query):
        w = self.world
        if parts == ["metrics"]:
            return "/metrics", w.metrics()
        if parts == ["readyz"]:
            return "/readyz", {"status": "ready"}
        if parts[0] != "v1":
            raise Problem(404, "no such path")
        parts = parts[1:]
        head, tail = parts[0], parts[1:]
        if head == "models" and method == "GET" and not tail:
            return "/v1/models", w.models()
        if head == "models" and method == "POST" and len(tail) == 1:
            return self.change_model(tail[0])
        if head == "reports" and method == "GET":
            return "/v1/reports", w.reports(tail)
        if head == "jobs":
            return self.of_jobs(method, tail)
        if head == "experiments":
            if not w.is_admin:
                raise Problem(403, "the key lacks the scope admin")
            return "/v1/experiments", {"experiments": w.experiments}
        if head == "search":
            self.only(query, {"q", "k"})
            return "/v1/search", self.search(query.get("q", ""))
        if head == "recommendations" and method == "POST":
            body = self.body()
            self.only(body, LISTS | {"history"})
            history = [h["item_id"] for h in body.get("history", [])]
            return "/v1/recommendations", w.ranked(
                self.model(body.get("model")), history, self.k(body), body.get("filter"),
                body.get("explain"))
        if head == "events" and method == "POST":
            return "/v1/events", self.put_events(self.body())
        if head == "items":
            return self.of_item(method, tail, query)
        if head == "users":
            return self.of_user(tail, query)
        raise Problem(404, "no such path")

    def change_model(self, text):
        name, _, verb = text.rpartition(":")
        self.model(name)
        if verb == "activate":
            if "path" not in self.body():
                raise Problem(400, "body: path is missing")
            self.world.file[name], self.world.generation[name] = self.body()["path"], 1
        elif verb == "rollback" and self.world.canary.pop(name, None):
            pass
        elif verb == "rollback":
            self.world.generation[name] = 1 - self.world.generation[name]
        elif verb == "promote":
            self.world.generation[name] = self.world.canary.pop(name)["generation"]
        else:
            raise Problem(404, "no such path")
        self.body()
        return f"/v1/models/{{name}}:{verb}", {"name": name}

    def of_jobs(self, method, tail):
        w = self.world
        if not w.has_jobs:
            raise Problem(409, "jobs: this server has none")
        if method == "POST":
            body = self.body()
            self.only(body, {"kind", "model", "k"})
            w.jobs.append({"id": len(w.jobs) + 1, "kind": body["kind"],
                           "model": self.model(body.get("model")), "state": "queued", "stage": "",
                           "progress": 0, "created": "2026-01-02T03:04:05Z", "started": None,
                           "ended": None, "message": "", "result": None})
            return "/v1/jobs", w.jobs[-1]
        if method == "GET" and not tail:
            return "/v1/jobs", {"jobs": w.jobs[::-1]}
        job = next((j for j in w.jobs if str(j["id"]) == tail[0]), None)
        if not job:
            raise Problem(404, f"job '{tail[0]}' is unknown")
        if method == "DELETE" and job["ended"] is None:
            job.update(state="cancelled", ended="2026-01-02T03:05:05Z", message="stopped")
        return "/v1/jobs/{id}", job

    def search(self, text):
        w = self.world
        words = text.lower().split()
        hits = [i for i, a in w.items.items()
                if all(any(p.startswith(q) for p in re.split(r"\W+", a["title"].lower()))
                       or i.startswith(q) or q in a["title"].lower() for q in words)]
        return {"items": [w.name(i) for i in hits[:20]],
                "users": [u for u in w.users if u.startswith(text)][:20]}

    def put_events(self, body):
        events = body["events"]
        n = 0
        for event in events:
            if event["event_id"] not in self.world.ids:
                self.world.ids.add(event["event_id"])
                self.world.events.append({**event, "time": "2026-01-02T03:04:05Z",
                                          "seq": len(self.world.events) + 1})
                n += 1
        return {"accepted": n, "duplicates": len(events) - n, "seq": len(self.world.events)}

    def of_item(self, method, tail, query):
        w, item = self.world, tail[0]
        if method == "PUT" and len(tail) == 1:
            w.items[item] = self.body()
            return "/v1/items/{id}", {"item_id": item, "seq": 1}
        self.item_id(item)
        if len(tail) == 1:
            return "/v1/items/{id}", {"item_id": item, **w.items[item]}
        if tail[1] == "events":
            return "/v1/items/{id}/events", self.page([e for e in w.events
                                                       if e["item_id"] == item], query)
        if tail[1] == "users":
            rows = [{"user_id": u, "score": sum(w.closeness(h, item) for h in hist)}
                    for u, hist in w.users.items()]
            rows.sort(key=lambda r: -r["score"])
            return "/v1/items/{id}/users", {"item_id": item, "users": rows[:self.k(query)]}
        self.only(query, LISTS)
        if tail[1] == "bought-together":
            raise Problem(409, "bought together: no model that is served can tell")
        near = sorted((w.row(i, w.closeness(item, i)) for i in w.items if i != item),
                      key=lambda r: -r["score"])
        return "/v1/items/{id}/similar", {"item_id": item, "items": near[:self.k(query)]}

    def of_user(self, tail, query):
        w, user = self.world, tail[0]
        if len(tail) == 1:
            if not w.history(user):
                raise Problem(404, f"user '{user}' is not known")
            return "/v1/users/{id}", {"user_id": user, "trained": user in w.users,
                                      "events_trained": len(w.users.get(user, [])),
                                      "events_since": len(w.late(user)), "attributes": {}}
        if tail[1] == "events":
            old = [{"user_id": user, **w.name(i), "value": 4} for i in w.users.get(user, [])] * 4
            return "/v1/users/{id}/events", self.page(
                old + [{**e, **w.name(e["item_id"])} for e in w.events if e["user_id"] == user],
                query)
        self.only(query, LISTS)
        answer = w.ranked(self.model(query.get("model")), w.history(user), self.k(query),
                          query.get("filter"), query.get("explain") == "true")
        return "/v1/users/{id}/recommendations", {"user_id": user, **answer}

    def page(self, events, query):
        self.only(query, {"limit", "before"})
        newest, most = events[::-1], int(query.get("limit", 20))
        start = -int(query["before"]) if "before" in query else 0
        more = start + most < len(newest)
        return {"events": newest[start:start + most], "next": -(start + most) if more else None}

    # ---- HTTP ----

    def send(self, status, kind, data, **headers):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'")
        self.send_header("X-Content-Type-Options", "nosniff")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.write(data)

    def send_file(self, name):
        file = WEB / (name or "index.html")
        if "/" in name or not file.is_file():
            raise Problem(404, "no such path")
        self.send(200, TYPES[file.suffix], file.read_bytes())

    def handle_any(self, method):
        self.raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        start, url = time.perf_counter(), urlsplit(self.path)
        parts = [unquote(p) for p in url.path[1:].split("/")]
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        route, status = "none", 200
        try:
            if parts[0] not in ("v1", "metrics", "readyz"):
                self.send_file("/".join(parts))
                return
            if self.gate:
                self.gate(self.path)
            if self.key and self.headers.get("Authorization") != f"Bearer {self.key}" \
                    and parts != ["readyz"]:
                raise Problem(401, "a key is needed", WWW_Authenticate="Bearer")
            with self.world.lock:
                route, answer = self.answer(method, parts, query)
            if isinstance(answer, str):
                self.send(200, "text/plain; version=0.0.4", answer.encode())
            else:
                self.send(200, "application/json", json.dumps(answer).encode())
        except Problem as problem:
            status = problem.status
            body = {"type": "about:blank", "title": "Error", "status": status,
                    "detail": str(problem)}
            self.send(status, "application/problem+json", json.dumps(body).encode(),
                      **problem.headers)
        finally:
            with self.world.lock:
                key = (method, route)
                self.world.requests[(*key, status)] = self.world.requests.get((*key, status), 0) + 1
                self.world.latency.setdefault(key, []).append(time.perf_counter() - start)

    def do_GET(self):
        self.handle_any("GET")

    def do_POST(self):
        self.handle_any("POST")

    def do_DELETE(self):
        self.handle_any("DELETE")

    def do_PUT(self):
        self.handle_any("PUT")


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, address):
        """A page that drops a request closes its connection: no news."""


class Mock:
    """A server in a thread; `gate(path)`, if set, runs before each answer and may raise Problem."""

    def __init__(self, key=None, port=0):
        self.world = World()
        self.handler = type("Bound", (Handler,), {"world": self.world, "key": key})
        self.server = Server(("127.0.0.1", port), self.handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def set_gate(self, gate):
        self.handler.gate = staticmethod(gate) if gate else None

    def close(self):
        self.server.shutdown()
        self.server.server_close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=8099)
    parser.add_argument("--key")
    args = parser.parse_args()
    mock = Mock(args.key, args.port)
    print(mock.url, flush=True)
    threading.Event().wait()
