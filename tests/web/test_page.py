"""The page in a real Chromium. Run by tests/web/run.sh."""
import re
import sys
import threading
import unittest
from urllib.parse import quote

from playwright.sync_api import expect

from browser import REAL, Case, only_mock
from mock import Problem
from test_access import AccessTest  # noqa: F401
from test_files import FilesTest  # noqa: F401
from test_operations import OperationsTest  # noqa: F401
from test_reports import ReportsTest  # noqa: F401
from test_signin import SignInTest  # noqa: F401


class RecommendTest(Case):
    def test_recommender_and_user_give_ten_titles_with_reasons(self):
        user, model = self.a_user(), self.personal()
        self.go()
        self.page.get_by_label("Recommender").select_option(model)
        self.choose_user(user)
        expect(self.cards()).to_have_count(10)
        want = self.api(f"/v1/users/{quote(user, '')}/recommendations?k=10&explain=true"
                        f"&model={quote(model)}")["items"]
        self.assertEqual(self.titles(), [i.get("title", i["item_id"]) for i in want])
        for card in self.cards().all():
            self.assertTrue(card.locator(".reason").inner_text().strip())
            self.assertTrue(card.locator(".points").inner_text().strip())
        expect(self.page.locator(".reason").first).to_contain_text("Because you liked")
        expect(self.page.locator(".facts .chip").first).to_be_visible()
        self.shot("recommend")

    def test_type_ahead(self):
        user = self.a_user()
        self.go()
        box = self.page.get_by_role("combobox", name="User")
        box.press_sequentially(user[:1])
        expect(self.page.locator("[role=option]").first).to_be_visible()
        self.assertEqual(box.get_attribute("aria-expanded"), "true")
        box.press("ArrowDown")
        marked = box.get_attribute("aria-activedescendant")
        option = self.page.locator(f"#{marked}")
        text = option.inner_text()
        self.assertEqual(option.get_attribute("aria-selected"), "true")
        box.press("Enter")
        expect(self.cards()).to_have_count(10)
        self.assertEqual(box.input_value(), text)
        self.assertEqual(box.get_attribute("aria-expanded"), "false")
        self.assertIn(f"user={quote(text)}", self.page.url)

    def test_like_moves_the_list(self):
        user = self.a_user(1)
        self.go(f"#/?user={quote(user)}&model={quote(self.personal())}")
        before = self.titles()
        self.page.locator(".like").first.click()
        status = self.page.locator("main .note", has_text="You liked")
        expect(status).to_contain_text(before[0])
        after = self.titles()
        self.assertNotIn(before[0], after)
        self.assertEqual(len(after), 10)
        expect(self.page.locator(".move").first).to_be_visible()
        expect(self.page.locator("#live")).to_contain_text("You liked")
        events = self.api(f"/v1/users/{quote(user, '')}/events?limit=1")["events"]
        self.assertEqual(events[0]["event_type"], "like")
        self.shot("like")

    def test_cards_glide_unless_motion_is_unwelcome(self):
        for motion, moves in (("no-preference", True), ("reduce", False)):
            self.new_page(reduced_motion=motion)
            self.page.add_init_script(
                "window.glides = 0; const old = Element.prototype.animate;"
                "Element.prototype.animate = function (...a) { window.glides++;"
                "return old.apply(this, a); }")
            self.go(f"#/?user={quote(self.a_user(2))}&model={quote(self.personal())}")
            self.cards()
            self.page.locator(".like").first.click()
            expect(self.page.locator("main .note", has_text="You liked")).to_be_visible()
            self.assertEqual(self.page.evaluate("window.glides") > 0, moves, motion)

    def test_someone_new_is_what_they_clicked(self):
        self.go(f"#/?model={quote(self.personal())}")
        self.page.get_by_label("Someone new").check()
        expect(self.page.locator(".notice", has_text="Nothing is known")).to_be_visible()
        popular = self.titles()
        box = self.page.get_by_role("combobox", name="What they like")
        box.press_sequentially(popular[0][:4])
        option = self.page.locator("[role=option]").first
        liked = option.locator(".what").inner_text()
        option.click()
        expect(self.page.locator(".likes li")).to_have_count(1)
        expect(self.page.locator(".reason").first).to_contain_text(liked)
        personal = self.titles()
        self.assertNotEqual(personal, popular)
        self.page.locator(".like").first.click()
        expect(self.page.locator(".likes li")).to_have_count(2)
        self.assertNotIn(personal[0], self.titles())
        # the address holds the whole state
        self.page.reload()
        expect(self.page.locator(".likes li")).to_have_count(2)
        expect(self.page.locator(".likes li").first).to_contain_text(liked)

    def test_filter(self):
        self.go(f"#/?user={quote(self.a_user())}")
        self.cards()
        box = self.page.get_by_label("Filter", exact=True)
        box.fill("year >=")
        box.press("Enter")
        expect(self.page.locator(".filter .fault")).to_contain_text("cannot be read")
        self.assertEqual(box.get_attribute("aria-invalid"), "true")
        self.shot("filter")
        box.fill("" if REAL else "year >= 2015")
        box.press("Enter")
        self.cards()
        expect(self.page.locator(".filter .fault")).to_be_hidden()
        if not REAL:
            for text in self.page.locator(".facts .year").all_inner_texts():
                self.assertGreaterEqual(int(text), 2015)

    def test_without_reasons_and_fewer(self):
        self.go(f"#/?user={quote(self.a_user())}")
        self.cards()
        self.page.get_by_label("Say why").uncheck()
        expect(self.page.locator(".reason")).to_have_count(0)
        self.page.get_by_label("How many").select_option("5")
        expect(self.cards()).to_have_count(5)

    def test_panel_of_an_item(self):
        self.go(f"#/?user={quote(self.a_user())}")
        title = self.titles()[0]
        self.page.locator(".card .title").first.click()
        panel = self.page.locator("aside.panel")
        expect(panel.get_by_role("heading", name=title, exact=True)).to_be_focused()
        expect(panel.locator(".mini li button").first).to_be_visible()
        expect(panel.get_by_text("Bought together")).to_be_visible()
        self.shot("panel")
        self.page.keyboard.press("Escape")
        expect(panel).to_be_hidden()
        expect(self.page.locator(".card .title").first).to_be_focused()

    @only_mock
    def test_answers_that_come_late_are_dropped(self):
        release, asked = threading.Event(), threading.Event()

        def gate(path):
            if path.startswith("/v1/users/1/"):
                asked.set()
                release.wait(10)

        self.go("#/?model=best")
        self.mock.set_gate(gate)
        self.choose_user("1")
        self.assertTrue(asked.wait(10))
        self.choose_user("2")
        expect(self.page.locator("main .note", has_text="for 2 by")).to_be_visible()
        second = self.titles()
        release.set()
        # one more round trip, begun after the late answer was let go
        self.page.evaluate("() => fetch('/readyz').then((r) => r.text())")
        self.assertEqual(self.titles(), second)
        want = self.api("/v1/users/2/recommendations?k=10&model=best")["items"]
        self.assertEqual(second, [i["title"] for i in want])

    @only_mock
    def test_errors_are_said_in_words(self):
        def busy(path):
            if "recommendations" in path:
                raise Problem(503, "the queue is full", Retry_After=3)

        self.mock.set_gate(busy)
        self.go("#/?user=1")
        box = self.page.get_by_role("alert").filter(has_text="busy")
        expect(box).to_contain_text("the queue is full")
        expect(box).to_contain_text("Try again in 3 s")
        self.mock.set_gate(None)
        box.get_by_role("button", name="Try again").click()
        expect(self.cards()).to_have_count(10)
        self.page.route("**/v1/events", lambda route: route.abort())
        self.page.locator(".like").first.click()
        expect(self.page.get_by_text("The server does not answer")).to_be_visible()
        expect(self.page.locator(".like").first).to_be_enabled()

    def test_address_and_back_button(self):
        user = self.a_user()
        self.go(f"#/?user={quote(user)}&k=5")
        expect(self.cards()).to_have_count(5)
        self.page.get_by_role("link", name="Models").click()
        expect(self.page.get_by_role("heading", name="Models", level=1)).to_be_focused()
        self.page.go_back()
        expect(self.cards()).to_have_count(5)


class OtherViewsTest(Case):
    def test_compare(self):
        names = [m["name"] for m in self.models()][:2]
        if len(names) < 2:
            self.skipTest("one model only is served")
        self.go(f"#/compare?user={quote(self.a_user())}&model={names[0]}&other={names[1]}")
        self.cards()
        lists = [self.page.locator("ol.cards").nth(i).locator(".card h3").all_inner_texts()
                 for i in (0, 1)]
        self.assertEqual([len(x) for x in lists], [10, 10])
        marked = self.page.locator("ol.cards").nth(0).locator(".card.also").count()
        self.assertEqual(marked, self.page.locator("ol.cards").nth(1).locator(".also").count())
        expect(self.page.locator(".summary")).to_contain_text(f"{marked} of 10 in common")
        for name in names:
            expect(self.page.get_by_role("heading", name=name, exact=True)).to_be_visible()
        self.shot("compare")

    def test_look_up_an_item_and_a_user(self):
        self.go("#/lookup")
        item = self.api("/v1/search?q=")["items"][0]
        box = self.page.get_by_role("combobox", name="Item or user")
        box.press_sequentially(item["title"][:6])
        self.page.locator("[role=option]").filter(has_text=item["title"]).first.click()
        expect(self.page.get_by_role("heading", name=item["title"], level=2)).to_be_visible()
        expect(self.page.locator(".facts-list")).to_contain_text(item["item_id"])
        expect(self.page.locator(".mini button").first).to_be_visible()
        self.shot("item")
        self.go(f"#/users/{quote(self.a_user(), '')}")
        expect(self.page.locator("tbody tr").first).to_be_visible()
        first = self.page.locator("tbody tr").count()
        older = self.page.get_by_role("button", name="Show older ones")
        if older.is_visible():
            older.click()
            expect(self.page.locator("tbody tr").nth(first)).to_be_visible()
        self.shot("user")

    def test_what_is_not_there_is_said(self):
        self.go("#/items/no-such-item%2F..%2F%3F")
        expect(self.page.get_by_text("That is not there.")).to_be_visible()
        self.go("#/users/no-such-user")
        expect(self.page.get_by_text("That is not there.")).to_be_visible()

    def test_models(self):
        self.go("#/models")
        for model in self.models():
            expect(self.page.get_by_role("rowheader", name=re.compile(re.escape(model["name"])))
                   ).to_be_visible()
        self.page.get_by_role("button", name="Items", exact=True).click()
        expect(self.page.locator("th[aria-sort]")).to_contain_text("Items")
        self.shot("models")

    @only_mock
    def test_reports_beside_the_models(self):
        self.go("#/models")
        link = self.page.get_by_role("link", name="report.html")
        expect(link).to_have_attribute("href", "/v1/reports/report.html")
        row = self.page.get_by_role("row").filter(has_text="popular")
        expect(row.first).to_contain_text("0.4321")

    @only_mock
    def test_activate_and_roll_back(self):
        self.go("#/models")
        expect(self.page.locator("th[aria-sort]")).to_contain_text("ndcg@10")
        files, dialog = self.mock.world.file, self.page.locator("#confirm")
        self.page.get_by_role("button", name="Activate a file: popular").click()
        field = dialog.get_by_label("Model file on the server")
        expect(field).to_have_value("/models/popular.akin")
        field.fill("/models/new.akin")
        dialog.get_by_role("button", name="Cancel").click()
        self.page.get_by_role("button", name="Activate a file: popular").click()
        self.page.keyboard.press("Escape")
        self.assertEqual(files["popular"], "/models/popular.akin")
        self.page.get_by_role("button", name="Activate a file: popular").click()
        field.fill("/models/new.akin")
        field.press("Enter")
        expect(self.page.get_by_text("popular answers from the file now.").first).to_be_visible()
        self.assertEqual(files["popular"], "/models/new.akin")
        self.page.get_by_role("button", name="Roll back: best").click()
        expect(field).to_be_hidden()
        dialog.get_by_role("button", name="Roll back").click()
        expect(self.page.get_by_text("back at the generation before").first).to_be_visible()

    def test_hostile_texts_stay_texts(self):
        bad = "<script>window.hacked=1</script>"
        img = "\"><img src=x onerror=\"window.hacked=2\">"
        for item, title in (("hostile-1", bad), (img, img + " {title} javascript:alert(1)")):
            self.api(f"/v1/items/{quote(item, '')}", method="PUT",
                     body={"title": title, "genres": [img, bad], "tags": [bad]})
            if REAL:
                self.addCleanup(self.api, f"/v1/items/{quote(item, '')}", method="DELETE")
        self.go(f"#/?new=1&like=hostile-1&like={quote(img)}&model={quote(self.personal())}")
        expect(self.page.locator(".likes")).to_contain_text(bad)
        self.cards()
        box = self.page.get_by_role("combobox", name="What they like")
        box.press_sequentially("hostile")
        expect(self.page.locator("[role=option]").first).to_contain_text(bad)
        for item in ("hostile-1", img):
            self.go(f"#/items/{quote(item, '')}")
            expect(self.page.locator("main h2")).to_contain_text("<" if item != img else "onerror")
            expect(self.page.locator(".facts-list")).to_contain_text(bad)
        self.shot("hostile")
        self.go(f"#/users/{quote(img, '')}")
        self.go(f"#/?user={quote(img)}&filter={quote(img)}")
        expect(self.page.locator(".filter .fault")).to_be_visible()
        self.assertIsNone(self.page.evaluate("window.hacked ?? null"))
        self.assertEqual(self.page.locator("main img, main script").count(), 0)


class LanguageTest(Case):
    def test_spanish(self):
        self.new_page(locale="es-ES")
        self.go(f"#/?user={quote(self.a_user())}&model={quote(self.personal())}")
        expect(self.page.locator("h1")).to_have_text("Recomendaciones")
        self.assertEqual(self.page.evaluate("document.documentElement.lang"), "es")
        expect(self.cards()).to_have_count(10)
        expect(self.page.locator(".reason").first).to_contain_text("Porque le gustó")
        self.shot("spanish")
        self.page.locator("#lang").select_option("en")
        expect(self.page.locator("h1")).to_have_text("Recommendations")
        expect(self.cards()).to_have_count(10)
        self.page.reload()
        expect(self.page.locator("h1")).to_have_text("Recommendations")


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=2))
