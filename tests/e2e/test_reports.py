"""/v1/reports: what a run left is shown by the server, to those who may read, and runs no script."""
import http.client
import json
import subprocess
import unittest
import urllib.request

from akin_cli import PROGRAM, Case
from test_serve import Server

EVIL = '</td><script>document.title="owned"</script>'


class Reports(Case):
    def setUp(self):
        super().setUp()
        items = self.items()
        items.write_text(items.read_text().replace("Title 3, the film", EVIL))
        self.config = self.write("c.yaml", f"""
name: c
out: {self.dir}/out
data: {{interactions: {{path: "{self.ratings()}"}}, items: {{path: "{items}"}}}}
split: {{by: ratio, test: 0.2}}
models: [{{name: first, type: popular}}]
store: {{url: "sqlite:{self.dir}/akin.db"}}
""")
        self.akin("run", self.config)
        self.server = None

    def tearDown(self):
        if self.server:
            self.assertEqual(self.server.stop(), 0)
        super().tearDown()

    def serve(self, *args):
        self.server = Server(self.config, "--listen", "127.0.0.1:0", *args)
        return self.server

    def reports(self, **headers):
        status, answer, _ = self.server.ask("GET", "/v1/reports", headers=headers)
        self.assertEqual(status, 200)
        return {r["name"]: r for r in answer["reports"]}

    def test_those_of_the_run(self):
        self.serve()
        found = self.reports()
        self.assertEqual({n: r["kind"] for n, r in found.items()},
                         {"report.html": "page", "evaluation.html": "page",
                          "evaluation.json": "figures"})
        for name in ("report.html", "evaluation.html"):
            c = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
            c.request("GET", found[name]["href"])
            r = c.getresponse()
            page = r.read().decode()
            c.close()
            self.assertEqual((r.status, r.headers.get_content_type()), (200, "text/html"))
            policy = r.headers["Content-Security-Policy"]
            self.assertIn("default-src 'none'", policy)
            self.assertIn("sandbox", policy)
            self.assertNotIn("script-src", policy)
            self.assertEqual(len(page.encode()), found[name]["bytes"])
            self.assertNotIn("<script", page)
        figures = self.server.ask("GET", found["evaluation.json"]["href"])[1]
        self.assertEqual(figures["results"][0]["model"], "first")
        for path in ("nothing.html", "..%2Fstate.json", "%2Fetc%2Fpasswd", "data.akin"):
            self.assertEqual(self.server.ask("GET", f"/v1/reports/{path}")[0], 404, path)

    def test_links_stand_for_a_key(self):
        key = json.loads(self.akin("keys", "create", "--store", f"sqlite:{self.dir}/akin.db",
                                   "--scopes", "read", "--json")[0])["key"]
        self.serve()
        self.assertEqual(self.server.ask("GET", "/v1/reports")[0], 401)
        found = self.reports(Authorization=f"Bearer {key}")
        link = found["report.html"]["href"]
        self.assertEqual(self.server.ask("GET", link)[0], 200)
        bare = link.split("?")[0]
        self.assertEqual(self.server.ask("GET", bare, headers={"X-Api-Key": key})[0], 200)
        until, sig = link.split("until=")[1].split("&sig=")
        other = found["evaluation.html"]["href"].split("?")[0]
        for wrong in (bare, f"{other}?until={until}&sig={sig}", f"{bare}?until={until}",
                      f"{bare}?until={int(until) + 1}&sig={sig}", f"{bare}?until=1&sig={sig}",
                      f"{bare}?until={until}&sig={sig[:-1]}", f"{bare}?until={until}&sig="):
            self.assertEqual(self.server.ask("GET", wrong)[0], 401, wrong)

    def test_the_demo_ends_with_the_server(self):
        run = subprocess.Popen([PROGRAM, "demo", "--data", "synthetic", "--serve", "-o",
                                self.dir / "demo"], stdout=subprocess.PIPE, text=True,
                               stderr=subprocess.DEVNULL)
        url = next((line for line in run.stdout if line.startswith("http://127.0.0.1:")), None)
        try:
            self.assertIsNotNone(url)
            with urllib.request.urlopen(f"{url.strip()}/v1/reports", timeout=30) as r:
                names = {x["name"] for x in json.load(r)["reports"]}
            self.assertEqual(names, {"report.html", "evaluation.html", "evaluation.json"})
        finally:
            run.terminate()
            run.stdout.close()
            self.assertEqual(run.wait(60), 0)

    def test_wrong_settings_are_refused(self):
        for reports, why in ((f"{self.dir}/akin.db", "html"), ("a/x.html,b/x.html", "x.html")):
            _, err = self.akin("serve", self.config, "--listen", "127.0.0.1:0", "--reports", reports,
                               status=2)
            self.assertIn("reports", err)
            self.assertIn(why, err)


if __name__ == "__main__":
    unittest.main()
