"""What the tests of the page share: a server (the mock, or AKIN_URL), a Chromium, a fresh page each."""
import json
import os
import pathlib
import unittest
import urllib.request

from playwright.sync_api import expect, sync_playwright

from mock import Mock

SHOTS = pathlib.Path(os.environ.get("AKIN_SHOTS", "build/web/shots"))
REAL = os.environ.get("AKIN_URL", "").rstrip("/")
KEY = os.environ.get("AKIN_KEY")
only_mock = unittest.skipIf(REAL, "needs the mock")


class Case(unittest.TestCase):
    """self.page is a fresh one; whatever it logs as an error or refuses by policy fails the test."""
    key = None  # of the mock

    @classmethod
    def setUpClass(cls):
        cls.mock = None if REAL else Mock(cls.key)
        cls.url = REAL or cls.mock.url
        cls.playwright = sync_playwright().start()
        cls.browser = cls.playwright.chromium.launch(
            executable_path=os.environ.get("AKIN_CHROMIUM", "/usr/bin/chromium"),
            args=["--no-sandbox"] if os.geteuid() == 0 else [])

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()
        cls.playwright.stop()
        if cls.mock:
            cls.mock.close()

    def setUp(self):
        self.faults, self.expected = [], []
        self.page = self.new_page()

    def tearDown(self):
        self.context.close()
        if self.mock:
            self.mock.set_gate(None)
        left = [f for f in self.faults if not any(e in f for e in self.expected)]
        self.assertEqual(left, [], "the page logged errors")

    def new_page(self, **options):
        if hasattr(self, "context"):
            self.context.close()
        options = {"locale": "en-GB", "viewport": {"width": 1280, "height": 900}, **options}
        self.context = self.browser.new_context(**options)
        self.context.set_default_timeout(10000)
        page = self.context.new_page()
        # What the browser itself logs of a 401 or 404 is no fault of the page.
        page.on("console", lambda m: m.type == "error" and "Failed to load resource" not in m.text
                and self.faults.append(m.text))
        page.on("pageerror", lambda e: self.faults.append(str(e)))
        page.on("dialog", lambda d: (self.faults.append(f"dialog {d.message}"), d.dismiss()))
        if REAL and KEY:
            page.add_init_script(f"sessionStorage.setItem('akin.key', {json.dumps(KEY)})")
        self.page = page
        return page

    def go(self, hash="#/"):
        """Opens a view; a change of the hash alone would not load the page anew."""
        if self.page.url.startswith(self.url):
            self.page.goto("about:blank")
        self.page.goto(f"{self.url}/{hash}")
        expect(self.page.locator("main .view[data-ready]")).to_be_visible()

    def api(self, path, body=None, method=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} if data else {}
        if KEY or self.key:
            headers["Authorization"] = f"Bearer {KEY or self.key}"
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def shot(self, name):
        SHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SHOTS / f"{name}.png", full_page=True, animations="disabled")

    # ---- What the server serves ----

    def a_user(self, i=0):
        return os.environ.get("AKIN_USER") or self.api("/v1/search?q=")["users"][i]

    def models(self):
        return self.api("/v1/models")["models"]

    def personal(self):
        return next((m for m in self.models() if m.get("personal", True)), self.models()[0])["name"]

    # ---- What people do ----

    def choose_user(self, user):
        box = self.page.get_by_role("combobox", name="User")
        box.fill(user)
        box.press("Enter")

    def cards(self):
        """The list when it is complete: drawn, and no answer under way."""
        page = self.page
        expect(page.locator("ol.cards[aria-busy]")).to_have_count(0)
        expect(page.locator("ol.cards .card:not(.skeleton)").first).to_be_visible()
        return page.locator("ol.cards .card:not(.skeleton)")

    def titles(self):
        self.cards()
        return self.page.locator("ol.cards .card h3 .title").all_inner_texts()
