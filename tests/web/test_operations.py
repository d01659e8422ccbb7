"""The operations page: live numbers, plots, and silence while nobody looks."""
import os
import re
from urllib.parse import quote

from playwright.sync_api import expect

from browser import REAL, Case, only_mock


class OperationsTest(Case):
    def tile(self, name):
        return self.page.locator(".tiles div", has=self.page.get_by_text(name, exact=True)
                                 ).locator("dd")

    def let_time_pass(self):
        """Ten seconds of the page's clock, with a round trip after each step: what a step asks for
        is answered, so that the next step would find a timer set by the answer."""
        for _ in range(5):
            self.page.clock.run_for(2100)
            self.page.evaluate("() => fetch('/readyz').then((r) => r.text())")

    def test_live_numbers(self):
        self.page.clock.install()
        for _ in range(5):
            self.api(f"/v1/users/{quote(self.a_user(), '')}/recommendations?k=10")
        self.go("#/operations")
        expect(self.page.locator(".summary.good")).to_contain_text("Ready")
        self.page.clock.run_for(2500)
        expect(self.tile("Requests")).to_contain_text("/s")
        expect(self.tile("Latency, p99")).to_contain_text("s")
        expect(self.tile("Memory")).to_have_text(re.compile(r"^[\d.,]+ ([KMG]i)?B$"))
        expect(self.tile("Store")).to_have_text("none" if REAL and os.environ.get("AKIN_NO_STORE")
                                                else "ready")
        self.page.get_by_label("Over").select_option("start")
        row = self.page.get_by_role("row").filter(
            has_text="GET /v1/users/{id}/recommendations")
        expect(row).to_be_visible()
        cells = row.locator("td").all_inner_texts()
        self.assertGreaterEqual(int(cells[0].replace(",", "")), 5)
        for text in cells[2:5]:
            self.assertRegex(text, r"^[\d.,]+ (µs|ms|s)$")
        for _ in range(3):
            with self.page.expect_response("**/metrics"):
                self.page.clock.run_for(2100)
        expect(self.page.locator("path.line").first).to_have_attribute(
            "d", re.compile(r"M[\d.]+ [\d.]+L"))
        plot = self.page.locator(".plot").nth(1)
        self.assertIn("p99", plot.get_attribute("aria-label"))
        plot.focus()
        plot.press("ArrowLeft")
        expect(plot.locator(".tip")).to_be_visible()
        self.shot("operations")

    def test_nothing_is_asked_while_hidden(self):
        self.page.clock.install()
        asked = []
        self.page.on("request", lambda r: r.url.endswith("/metrics") and asked.append(r.url))
        self.go("#/operations")
        expect(self.page.locator(".summary.good")).to_be_visible()
        with self.page.expect_request("**/metrics"):
            self.page.clock.run_for(2100)
        hide = ("(hidden) => { Object.defineProperty(document, 'hidden', {configurable: true,"
                "get: () => hidden}); document.dispatchEvent(new Event('visibilitychange')); }")
        n = len(asked)
        self.page.evaluate(hide, True)
        self.let_time_pass()
        self.assertEqual(len(asked), n)
        with self.page.expect_request("**/metrics"):
            self.page.evaluate(hide, False)
        # and none after the view is left
        self.page.get_by_role("link", name="Look up").click()
        expect(self.page.get_by_role("heading", level=1)).to_have_text("Look up")
        n = len(asked)
        self.let_time_pass()
        self.assertEqual(len(asked), n)

    def jobs(self):
        return self.page.locator("section", has=self.page.get_by_role("heading", name="Jobs"))

    def next_step(self):
        """What is shown is what a reading found that began after the step."""
        self.mock.world.step_jobs()
        with self.page.expect_response("**/v1/jobs"):
            self.page.clock.run_for(2100)

    @only_mock
    def test_jobs(self):
        self.page.clock.install()
        self.go("#/operations")
        expect(self.jobs().get_by_text("None yet.")).to_be_visible()
        self.jobs().get_by_label("Model").select_option("popular")
        self.jobs().get_by_role("button", name="Retrain").click()
        row = self.jobs().get_by_role("row").filter(has_text="1 retrain")
        expect(row).to_contain_text("queued")
        self.next_step()
        expect(row).to_contain_text("40 % evaluate")
        expect(row.get_by_role("progressbar")).to_be_visible()
        self.shot("jobs")
        self.next_step()
        expect(row).to_contain_text("not promoted")
        expect(row).to_contain_text("0.1010 < 0.1120 of the serving artifact")
        self.jobs().get_by_label("Model").select_option("best")
        self.jobs().get_by_role("button", name="Export all lists").click()
        row = self.jobs().get_by_role("row").filter(has_text="2 export")
        row.get_by_role("button", name="Cancel 2").click()
        expect(row).to_contain_text("cancelled")
        self.assertEqual(self.page.evaluate("() => document.querySelectorAll('progress').length"), 0)

    @only_mock
    def test_no_jobs_no_section(self):
        self.mock.world.has_jobs = False
        self.page.clock.install()
        asked = []
        self.page.on("request", lambda r: r.url.endswith("/v1/jobs") and asked.append(r.url))
        self.go("#/operations")
        expect(self.page.locator(".summary.good")).to_be_visible()
        self.let_time_pass()
        expect(self.jobs()).to_have_count(0)
        self.assertEqual(len(asked), 1)
        self.mock.world.has_jobs = True

    def serve_experiments(self):
        """And a canary; the mock as it was when the test is over."""
        world = self.mock.world
        before = world.experiments
        world.canary = {"best": {"generation": 7, "path": "/models/new.akin", "share": 0.05,
                                 "answers": 41, "errors": 2, "mean_us": 310}}
        self.addCleanup(lambda: (world.canary.clear(), setattr(world, "experiments", before),
                                 setattr(world, "is_admin", True)))

    @only_mock
    def test_experiments(self):
        self.serve_experiments()
        self.go("#/operations")
        panel = self.page.get_by_role("region", name="Experiments and canaries")
        row = panel.get_by_role("row").filter(has_text="<b>new</b>")
        expect(row).to_contain_text("80 % 69.2 % – 87.7 %")
        expect(row).to_contain_text("+20 +5.24 – +33.4")
        expect(panel.get_by_role("img", name="Rate: old 60 % (49.1 % – 70 %), <b>new</b> 80 %")
               ).to_be_visible()
        duel = panel.get_by_role("region", name="duel", exact=True)
        expect(duel).to_contain_text("2 prefer popular, 8 prefer best, 1 both alike; p = 0.109.")
        expect(duel).to_contain_text("3 answers went to users above the limit")
        expect(duel.get_by_role("img", name="Prefer best: best 80 % (49 % – 94.3 %)")).to_be_visible()
        self.assertEqual(self.page.locator("b").count(), 0)
        self.shot("experiments")
        self.page.get_by_label("Language").select_option("es")
        expect(self.page.get_by_role("region", name="Experimentos y canarios")
               ).to_contain_text("8 prefieren best")

    @only_mock
    def test_a_canary_is_promoted_or_dropped(self):
        for verb, says, left in (("Promote", "answers everybody now", 7),
                                 ("Drop the canary", "is gone", 7)):
            self.serve_experiments()
            self.mock.world.experiments = []
            self.go("#/operations")
            box = self.page.get_by_role("region", name="Canary of best")
            expect(box).to_contain_text(
                "Generation 7: 5 % of the users, 41 answers, 2 errors, 310 µs on average.")
            box.get_by_role("button", name=f"{verb}: best").click()
            self.page.get_by_role("dialog").get_by_role("button", name=verb).click()
            expect(self.page.locator(".notice")).to_contain_text(says)
            expect(box).to_have_count(0)
            self.assertEqual(self.mock.world.generation["best"], left)
        self.mock.world.generation["best"] = 1

    @only_mock
    def test_experiments_are_for_admins(self):
        self.serve_experiments()
        self.mock.world.is_admin = False
        with self.page.expect_response("**/v1/experiments") as got:
            self.go("#/operations")
        self.assertEqual(got.value.status, 403)
        expect(self.page.locator(".summary.good")).to_be_visible()
        expect(self.page.get_by_text("Experiments and canaries")).to_be_hidden()
        expect(self.page.locator("main .fault")).to_have_count(0)

    def test_quantiles_and_parser(self):
        self.go("#/lookup")
        got = self.page.evaluate("""async () => {
            const p = await import('/prom.js');
            const f = p.parse('# HELP x y\\na{l="q\\\\"}{\\\\\\\\",m="2"} 3\\nb 4e-1\\nc +Inf\\n');
            const h = {count: 4, errors: 0, bounds: [1, 2, Infinity], cumulative: [1, 3, 4]};
            return [f.get('a')[0], p.single(f, 'b'), p.single(f, 'none') ?? null,
                p.quantile(h, .5), p.quantile(h, .25), p.quantile(h, 1),
                Number.isNaN(p.quantile({bounds: [1], cumulative: [0]}, .5)),
                p.since(h, {count: 1, errors: 0, cumulative: [1, 1, 1]}).cumulative,
                p.since(h, {count: 9, errors: 0, cumulative: [9, 9, 9]}).count];
        }""")
        self.assertEqual(got, [{"labels": {"l": 'q"}{\\', "m": "2"}, "value": 3}, 0.4, None,
                               1.5, 1, 2, True, [0, 2, 3], 4])
