"""Jobs: a served model is retrained from the store while it answers; a worse one is refused."""
import json
import os
import pathlib
import random
import re
import shutil
import signal
import threading
import time
import unittest

from akin_cli import Case
from test_serve import Server

START = 1500000000
USERS, ITEMS, OLD, NEW = 80, 60, 17, 13


class RetrainCase(Case):
    """Two tastes: even users like even items. Everybody's first events are in the base and in the
    model that serves, the later ones are for the server."""

    def setUp(self):
        super().setUp()
        self.servers = []
        seed = 11
        print(f"seed {seed}")
        rng = random.Random(seed)
        rows, self.late = [], []
        for u in range(USERS):
            own = rng.sample([i for i in range(ITEMS) if i % 2 == u % 2], OLD + NEW - 4)
            other = rng.sample([i for i in range(ITEMS) if i % 2 != u % 2], 4)
            mine = own + other
            rng.shuffle(mine)
            for n, i in enumerate(mine):
                event = (f"u{u}", str(i), 5 if i % 2 == u % 2 else 2,
                         START + 1000 * n + u + (10**6 if n >= OLD else 0))
                (rows if n < OLD else self.late).append(event)
        self.base = self.dir / "base.akin"
        path = self.write("old.csv", "user_id,item_id,rating,timestamp\n"
                          + "".join("%s,%s,%d,%d\n" % e for e in rows))
        self.akin("prepare", path, "-o", self.base)
        for name, sets in (("ials", ["--set", "factors=8"]), ("popular", [])):
            self.akin("train", self.base, "--model", name, *sets, "--positive", "value >= 4",
                      "-o", self.dir / f"{name}.akin")

    def tearDown(self):
        for server in self.servers:
            if server.process.poll() is None:
                server.stop(signal.SIGKILL)
        super().tearDown()

    def serve(self, names=("popular", "ials"), **retrain):
        retrain = {"dir": str(self.dir / "retrain"), "base": str(self.base), "threads": 1, **retrain}
        config = self.write("c.yaml", json.dumps({
            "models": [{"name": name, "path": str(self.dir / f"{name}.akin")}
                       for name in names],
            "store": {"url": f"sqlite:{self.dir / 'akin.db'}"},
            "serve": {"listen": "127.0.0.1:0", "default": "ials", "retrain": retrain}}))
        server = Server(config)
        self.servers.append(server)
        return server

    def post(self, s, events):
        for at in range(0, len(events), 500):
            status, answer, _ = s.ask("POST", "/v1/events", [
                {"event_id": f"{u}-{i}", "user_id": u, "item_id": i, "value": v, "time": t}
                for u, i, v, t in events[at:at + 500]])
            self.assertEqual(status, 200, answer)

    def jobs(self, s):
        status, answer, _ = s.ask("GET", "/v1/jobs")
        self.assertEqual(status, 200, answer)
        return answer["jobs"]

    def until(self, s, path, is_it, what):
        """The job at `path` once is_it(job); asked without a pause: the test has nothing else to do."""
        end = time.monotonic() + 120
        job = {}
        while time.monotonic() < end and not job.get("ended"):
            status, job, _ = s.ask("GET", path)
            if status == 200 and is_it(job):
                return job
        self.fail(f"{what}: {job} {s.errors}")

    def ended(self, s, path="/v1/jobs/1"):
        return self.until(s, path, lambda j: j["ended"], "the job does not end")

    def job(self, s, **body):
        status, job, headers = s.ask("POST", "/v1/jobs", body)
        self.assertEqual(status, 202, job)
        self.assertEqual(headers["Location"], f"/v1/jobs/{job['id']}")
        return headers["Location"]

    def model(self, s, name="ials"):
        models = s.ask("GET", "/v1/models")[1]["models"]
        return next(m for m in models if m["name"] == name)

    def work(self):
        return os.listdir(self.dir / "retrain" / "work")


class Promotion(RetrainCase):
    def test_events_make_a_new_generation_without_a_failed_answer(self):
        s = self.serve(model="ials", after_events=len(self.late), tolerance=1, keep=1)
        self.post(s, self.late[:-1])
        self.assertEqual(self.jobs(s), [])
        before = self.model(s)
        failures, n_asked, is_done = [], [0], threading.Event()

        def ask():
            while not is_done.is_set():
                status, answer, _ = s.ask("GET", f"/v1/users/u{n_asked[0] % USERS}/recommendations")
                n_asked[0] += 1
                if status != 200 or len(answer["items"]) != 10:
                    failures.append((status, answer))

        asker = threading.Thread(target=ask)
        asker.start()
        self.post(s, self.late[-1:])
        self.until(s, "/v1/jobs/1", lambda j: j["state"] != "queued", "no job after the last event")
        job = self.ended(s)
        is_done.set()
        asker.join()
        self.assertEqual(failures, [])
        self.assertGreater(n_asked[0], 0)
        self.assertEqual((job["state"], job["kind"], job["model"], job["progress"]),
                         ("done", "retrain", "ials", 1), job)
        result = job["result"]
        self.assertTrue(result["promoted"])
        # the artifact that served knew nothing of what was held out: it is the opponent itself
        self.assertEqual([o["name"] for o in result["opponents"]], ["popular", "serving"])
        self.assertGreater(result["candidate"]["value"], result["opponents"][0]["value"])
        for o in result["opponents"]:
            self.assertAlmostEqual(o["difference"]["value"],
                                   result["candidate"]["value"] - o["value"])
        after = self.model(s)
        self.assertEqual(after["path"], result["artifact"])
        self.assertGreater(after["generation"], before["generation"])
        self.assertEqual(after["watermark"], len(self.late))
        self.assertEqual(after["card"]["params"], before["card"]["params"])
        self.assertEqual(s.ask("GET", "/v1/users/u1/recommendations")[1]["generation"],
                         after["generation"])
        self.assertEqual(self.work(), [])
        text = s.ask("GET", "/metrics")[1].decode()
        self.assertIn('akin_jobs_total{state="done"} 1\n', text)
        self.assertIn("akin_retrain_promoted_total 1\n", text)

        # a restart goes on with it, and a rollback lasts too
        self.assertEqual(s.stop(), 0)
        s = self.serve(model="ials")
        self.assertEqual(self.model(s)["path"], result["artifact"])
        self.assertEqual([j["id"] for j in self.jobs(s)], [1])
        self.assertEqual(s.ask("POST", "/v1/models/ials:rollback", {})[0], 200)
        s.stop()
        s = self.serve(model="ials")
        self.assertEqual(self.model(s)["path"], str(self.dir / "ials.akin"))
        s.stop()

    def lists(self, s):
        return [s.ask("GET", f"/v1/users/u{u}/recommendations")[1]["items"] for u in range(USERS)]

    def overlay(self, s):
        text = s.ask("GET", "/metrics")[1].decode()
        return int(re.search(r"^akin_overlay_events (\d+)$", text, re.M)[1])

    def test_what_every_model_learnt_leaves_memory_and_comes_back(self):
        s = self.serve(names=["ials"], tolerance=1)
        self.post(s, self.late)
        before = self.lists(s)
        for n in range(2):  # until no generation that is held lacks them
            self.assertEqual(self.overlay(s), len(self.late))
            job = self.ended(s, self.job(s, kind="retrain"))
            self.assertTrue(job["result"] and job["result"]["promoted"], job)
        while self.overlay(s):  # the keeper has been told by the load
            time.sleep(.01)
        self.post(s, [("u1", "new", 5, START + 10**8)])
        self.assertEqual(self.overlay(s), 1)
        self.back(s, before)
        s.stop()
        # the same after a start that had no reason to read them
        (self.dir / "ials.akin").rename(self.dir / "old.akin")
        (self.dir / "ials.akin").write_bytes(pathlib.Path(job["result"]["artifact"]).read_bytes())
        s = self.serve(names=["ials"])
        self.assertEqual(self.overlay(s), 1)
        (self.dir / "old.akin").rename(self.dir / "ials.akin")
        self.back(s, before)
        s.stop()

    def back(self, s, before):
        # a file that knows none of them serves again: as if nothing had been left out
        path = str(self.dir / "ials.akin")
        self.assertEqual(s.ask("POST", "/v1/models/ials:activate", {"path": path})[0], 200)
        self.assertEqual(self.overlay(s), len(self.late) + 1)
        after = self.lists(s)
        self.assertEqual([x for u, x in enumerate(after) if u != 1],
                         [x for u, x in enumerate(before) if u != 1])

    def test_only_so_many_artifacts_are_kept_and_none_that_is_held(self):
        s = self.serve(tolerance=1, keep=1)
        self.post(s, self.late)
        paths = []
        for n in range(3):
            job = self.ended(s, self.job(s, kind="retrain"))
            self.assertTrue(job["result"] and job["result"]["promoted"], job)
            paths.append(job["result"]["artifact"])
        # the newest, and the one a rollback would bring back
        there = [p for p in paths if os.path.exists(p)]
        self.assertEqual(there, paths[1:])
        self.assertEqual(s.ask("POST", "/v1/models/ials:rollback", {})[0], 200)
        self.assertEqual(self.model(s)["path"], paths[1])
        s.stop()


class Refusal(RetrainCase):
    def check(self, s, opponent, words):
        before = self.model(s)
        job = self.ended(s, self.job(s, kind="retrain", model="ials"))
        self.assertEqual(job["state"], "done", job)
        self.assertFalse(job["result"]["promoted"], job)
        self.assertIn(opponent, [o["name"] for o in job["result"]["opponents"]])
        self.assertRegex(job["message"], words)
        self.assertEqual(self.model(s), before)
        self.assertEqual(self.work(), [])
        self.assertEqual([f for f in os.listdir(self.dir / "retrain") if f.endswith(".akin")], [])
        self.assertIn(b"akin_retrain_refused_total 1\n", s.ask("GET", "/metrics")[1])
        s.stop()

    def test_a_worse_candidate_against_what_serves(self):
        s = self.serve(candidates={"ials": {"type": "popular"}})
        self.post(s, self.late)
        self.check(s, "serving", r"^ndcg@10 0\.\d+ < 0\.\d+ of the serving artifact \(tolerance 0\)$")

    def test_a_worse_candidate_against_the_recipe(self):
        # nothing new: the artifact knows every event, so its recipe stands in
        s = self.serve(candidates={"ials": {"type": "popular"}}, metric="recall@20")
        self.check(s, "recipe", r"^recall@20 .* of the serving artifact's recipe")

    def test_where_less_is_better(self):
        s = self.serve(metric="popularity@10", candidates={"ials": {"type": "popular"}})
        self.post(s, self.late)
        self.check(s, "serving", "^popularity@10 .* > .* of the serving artifact")


class Faults(RetrainCase):
    def test_a_job_that_fails_leaves_what_serves(self):
        s = self.serve(base=str(self.dir / "none.akin"))
        before = self.model(s)
        job = self.ended(s, self.job(s, kind="retrain"))
        self.assertEqual(job["state"], "failed")
        self.assertIn("none.akin", job["message"])
        self.assertEqual(self.model(s), before)
        self.assertEqual(self.work(), [])
        for status, body in ((404, {"kind": "retrain", "model": "x"}), (400, {"kind": "bake"}),
                             (400, {}), (400, {"kind": "retrain", "base": "/etc/passwd"})):
            self.assertEqual(s.ask("POST", "/v1/jobs", body)[0], status, body)
        self.assertEqual(s.ask("GET", "/v1/jobs/99")[0], 404)
        s.stop()

    def test_wrong_configurations_are_named(self):
        for wrong, words in (({"metric": "ndgc@10"}, "ndgc"), ({"every": "soon"}, "every=soon"),
                             ({"model": "../x"}, "model"), ({"hold_out": 1}, "holdout"),
                             ({"holdout": "time"}, "time"), ({"every": 60, "base": None}, "base")):
            with self.assertRaisesRegex(AssertionError, words):
                self.serve(**wrong)

    def test_cancel(self):
        s = self.serve(tolerance=1)
        self.post(s, self.late)
        running, queued = self.job(s, kind="retrain"), self.job(s, kind="export", k=5)
        self.assertEqual(s.ask("POST", "/v1/jobs", {"kind": "export"})[0], 409)
        self.assertEqual(s.ask("DELETE", queued)[1]["state"], "cancelled")
        self.assertEqual(s.ask("DELETE", running)[0], 200)
        self.assertEqual(self.ended(s, running)["state"], "cancelled")
        self.assertEqual(self.work(), [])
        self.assertEqual(self.model(s)["path"], str(self.dir / "ials.akin"))
        self.assertEqual(s.stop(), 0)

    def children(self, s):
        mark = f"--parent={s.process.pid}".encode()
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                if mark in pathlib.Path("/proc", pid, "cmdline").read_bytes().split(b"\0"):
                    yield pid
            except OSError:
                pass

    def test_kill_in_the_middle(self):
        stages = ("copy", "prepare", "split", "evaluate", "train", "load")
        s = self.serve(tolerance=1)
        self.post(s, self.late)
        for n, stage in enumerate(stages):
            path = self.job(s, kind="retrain")
            self.until(s, path, lambda j: j["stage"] in stages[n:], f"{stage} is not reached")
            s.stop(signal.SIGKILL)
            end = time.monotonic() + 30
            while list(self.children(s)):
                self.assertLess(time.monotonic(), end, "a child outlives its server")
            (self.dir / "retrain" / ".ials.serving.akin-1-1").write_text("half")
            s = self.serve(tolerance=1)
            self.assertEqual(self.work(), [])
            names = set(os.listdir(self.dir / "retrain")) - {"exports", "jobs.json", "work",
                                                             "ials.serving"}
            self.assertTrue(all(re.fullmatch(r"ials-\d{8}T\d{6}Z\.akin", x) for x in names), names)
            job = self.jobs(s)[0]
            if job["state"] != "done":
                self.assertEqual((job["state"], job["message"]),
                                 ("cancelled", "the server ended before it was done"))
            status, answer, _ = s.ask("GET", "/v1/users/u1/recommendations")
            self.assertEqual((status, len(answer["items"])), (200, 10))
        job = self.ended(s, self.job(s, kind="retrain"))
        self.assertTrue(job["result"]["promoted"], job)
        s.stop()

    def test_stopping_ends_the_job(self):
        s = self.serve(tolerance=1)
        self.post(s, self.late)
        path = self.job(s, kind="retrain")
        self.until(s, path, lambda j: j["state"] == "running", "the job does not begin")
        self.assertEqual(s.stop(), 0)
        job = json.loads((self.dir / "retrain" / "jobs.json").read_text())[0]
        self.assertIn(job["state"], ("cancelled", "done"))
        self.assertEqual(self.work(), [])


class Export(RetrainCase):
    def test_lists_of_all_but_the_erased(self):
        s = self.serve()
        self.assertEqual(s.ask("DELETE", "/v1/users/u3")[0], 200)
        gone = s.ask("GET", "/v1/users/u4/recommendations?k=1")[1]["items"][0]["item_id"]
        self.assertEqual(s.ask("DELETE", f"/v1/items/{gone}")[0], 200)
        job = self.ended(s, self.job(s, kind="export", model="ials", k=5))
        self.assertEqual(job["state"], "done", job)
        result = job["result"]
        self.assertEqual((result["lists"], result["left_out"]), (USERS - 1, 1))
        lists = [json.loads(line) for line in pathlib.Path(result["file"]).read_text().splitlines()]
        self.assertEqual({x["user_id"] for x in lists}, {f"u{u}" for u in range(USERS)} - {"u3"})
        self.assertTrue(all(3 <= len(x["items"]) <= 5 for x in lists))
        self.assertNotIn(gone, {i["item_id"] for x in lists for i in x["items"]})
        s.stop()

    def expect_erased(self, s, user):
        status, r, _ = s.ask("DELETE", f"/v1/users/{user}")
        self.assertEqual(status, 200, r)
        return r

    def holders(self, s, user):
        """(kind, file or model) of what the receipt names, and the entries by file."""
        r = self.expect_erased(s, user)
        self.assertTrue(all(a["until"] for a in r["artifacts"]), r)
        by_path = {a["path"]: a for a in r["artifacts"]}
        return {(a["kind"], a["path"]) for a in r["artifacts"]}, by_path

    def test_a_receipt_names_what_still_holds_the_person(self):
        kept = self.dir / "retrain"
        kept.mkdir()
        old, newer, bad = (kept / f"ials-2020010{n}T000000Z.akin" for n in (1, 2, 3))
        shutil.copy(self.dir / "ials.akin", old)
        few = self.write("few.csv", "user_id,item_id\nu5,1\nu5,2\nu6,1\n")
        self.akin("prepare", few, "-o", self.dir / "few.akin")
        self.akin("train", self.dir / "few.akin", "--model", "popular", "-o", newer)
        bad.write_bytes(old.read_bytes()[:1000])
        s = self.serve()
        lists = self.ended(s, self.job(s, kind="export", model="ials", k=3))["result"]["file"]
        models = {("model", str(self.dir / f"{name}.akin")) for name in ("popular", "ials")}
        always = models | {("base", str(self.base)), ("artifact", str(bad))}
        got, by_path = self.holders(s, "u3")
        self.assertEqual(got, always | {("artifact", str(old)), ("export", lists)})
        self.assertEqual(by_path[str(old)]["until"], "1 newer artifact of ials is there")
        self.assertEqual(by_path[lists]["until"], "3 newer exports of ials are there")
        self.assertIn(bad.name, by_path[str(bad)]["unread"])
        got, _ = self.holders(s, "u5")
        self.assertEqual(got, always | {("artifact", str(old)), ("artifact", str(newer)),
                                        ("export", lists)})
        self.assertEqual(self.holders(s, "stranger")[0], {("artifact", str(bad))})
        # lists made after it leave them out, and the next receipt says so
        later = self.ended(s, self.job(s, kind="export", model="ials", k=3))["result"]
        self.assertEqual((later["lists"], later["left_out"]), (USERS - 2, 2))
        got, _ = self.holders(s, "u3")
        self.assertEqual({path for kind, path in got if kind == "export"}, {lists})
        self.assertEqual(s.stop(), 0)

    def test_who_is_erased_while_lists_are_made_is_not_in_them(self):
        s = self.serve()
        path = self.job(s, kind="export", model="ials", k=5)
        self.until(s, path, lambda j: j["state"] == "running", "the job does not begin")
        erased = set()  # acknowledged while lists were still written
        for u in range(USERS):
            r = self.expect_erased(s, f"u{u}")
            named = {(a["kind"], a.get("job")) for a in r["artifacts"]} & {("job", 1)}
            job = s.ask("GET", path)[1]
            if job["stage"] not in ("recommend", "clean") or job["ended"]:
                break
            self.assertTrue(named, "the job that may hold the person is not named")
            erased.add(f"u{u}")
        job = self.ended(s, path)
        self.assertEqual(job["state"], "done", job)
        users = {json.loads(x)["user_id"]
                 for x in pathlib.Path(job["result"]["file"]).read_text().splitlines()}
        print(f"{len(erased)} erased while lists were made")
        self.assertEqual(users & erased, set())
        self.assertGreaterEqual(users, {f"u{u}" for u in range(len(erased) + 1, USERS)})
        self.assertEqual(s.stop(), 0)


if __name__ == "__main__":
    unittest.main()
