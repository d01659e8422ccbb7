"""For everybody: keyboard, screen reader, phone, light and dark. axe-core where it could be fetched,
and checks of our own that need nothing."""
import os
import pathlib
from urllib.parse import quote

from playwright.sync_api import expect

from browser import Case

AXE = pathlib.Path(os.environ.get("AKIN_AXE", ""))

# Text against what is painted behind it, by the formula of WCAG 2; returns what is below its limit.
CONTRAST = """() => {
    const rgb = (text) => { const m = text.match(/[\\d.]+/g).map(Number);
        return {r: m[0], g: m[1], b: m[2], a: m[3] ?? 1}; };
    const lum = ({r, g, b}) => { const f = (v) => { v /= 255;
        return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; };
        return .2126 * f(r) + .7152 * f(g) + .0722 * f(b); };
    const ground = (e) => { for (; e; e = e.parentElement) {
        const c = rgb(getComputedStyle(e).backgroundColor); if (c.a === 1) return c; }
        return {r: 255, g: 255, b: 255}; };
    const low = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node; (node = walker.nextNode());) {
        const e = node.parentElement;
        if (!node.data.trim() || !e.checkVisibility() || e.closest('.hidden, option, :disabled, svg'))
            continue;
        const style = getComputedStyle(e);
        const [a, b] = [lum(rgb(style.color)), lum(ground(e))].sort((x, y) => y - x);
        const size = parseFloat(style.fontSize);
        const isLarge = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
        if ((a + .05) / (b + .05) < (isLarge ? 3 : 4.5))
            low.push(`${node.data.trim().slice(0, 30)} ${((a + .05) / (b + .05)).toFixed(2)}`);
    }
    return low;
}"""

# Controls without a name, references to nothing, ids twice, headings that skip a level.
STRUCTURE = """() => {
    const faults = [];
    const ids = [...document.querySelectorAll('[id]')].map((e) => e.id);
    ids.forEach((id, i) => { if (ids.indexOf(id) !== i) faults.push(`id twice: ${id}`); });
    for (const e of document.querySelectorAll('input, select, button, a, [role=img], dialog')) {
        const name = e.getAttribute('aria-label') || e.textContent.trim() ||
            [...(e.labels || [])].map((l) => l.textContent).join('') ||
            document.getElementById(e.getAttribute('aria-labelledby') || '')?.textContent;
        if (!name || !name.trim())
            faults.push(`no name: ${e.outerHTML.slice(0, 80)}`);
    }
    for (const name of ['aria-controls', 'aria-labelledby', 'aria-describedby']) {
        for (const e of document.querySelectorAll(`[${name}]`)) {
            for (const id of e.getAttribute(name).split(' '))
                if (!document.getElementById(id)) faults.push(`${name}: ${id}`);
        }
    }
    let level = 0;
    for (const e of document.querySelectorAll('main :is(h1, h2, h3, h4)')) {
        const now = Number(e.tagName[1]);
        if (now > level + 1 && level) faults.push(`h${level} to h${now}: ${e.textContent}`);
        level = now;
    }
    if (document.querySelectorAll('h1').length !== 1) faults.push('not one h1');
    for (const mark of ['header', 'nav', 'main'])
        if (document.querySelectorAll(mark).length !== 1) faults.push(`not one ${mark}`);
    return faults;
}"""


def axe_faults(page, without=()):
    """What axe-core finds, [] without it. without: selectors of what it need not walk through."""
    if not AXE.is_file():
        return []
    page.evaluate(AXE.read_text())
    return page.evaluate("(exclude) => axe.run({include: [['html']], exclude}).then((r) =>"
                         "r.violations.map((v) => [v.impact, v.id, v.nodes.map((n) =>"
                         "n.html.slice(0, 120))]))", [[w] for w in without])


class AccessTest(Case):
    def views(self):
        user, item = quote(self.a_user()), self.api("/v1/search?q=")["items"][0]["item_id"]
        return {"recommend": f"#/?user={user}", "new": "#/?new=1", "compare": f"#/compare?user={user}",
                "lookup": "#/lookup", "item": f"#/items/{quote(item, '')}",
                "user": f"#/users/{quote(self.a_user(), '')}", "models": "#/models",
                "operations": "#/operations"}

    def settle(self):
        """Until every shape that waits has become an answer."""
        expect(self.page.locator(".skeleton, .ghost")).to_have_count(0)
        expect(self.page.locator("[aria-busy]")).to_have_count(0)

    def test_axe_and_own_checks_light_and_dark(self):
        for scheme in ("light", "dark"):
            self.new_page(color_scheme=scheme, reduced_motion="reduce")
            for name, hash in self.views().items():
                with self.subTest(view=name, scheme=scheme):
                    self.go(hash)
                    self.settle()
                    if name == "recommend":
                        self.page.locator(".card .title").first.click()
                        self.settle()
                    self.assertEqual(self.page.evaluate(CONTRAST), [])
                    self.assertEqual(self.page.evaluate(STRUCTURE), [])
                    self.assertEqual(axe_faults(self.page), [])
                    if scheme == "dark":
                        self.shot(f"dark-{name}")
        if not AXE.is_file():
            print("note: axe-core is not here; only the checks of our own ran")

    def test_phone_has_no_sideways_scroll(self):
        self.new_page(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
        for name, hash in self.views().items():
            with self.subTest(view=name):
                self.go(hash)
                self.settle()
                wide = self.page.evaluate(
                    "() => [document.documentElement.scrollWidth, [...document.querySelectorAll("
                    "'body *')].filter((e) => e.checkVisibility() && !e.closest('.scroll, .hidden,"
                    " .skip') && e.getBoundingClientRect().right > 361).map((e) => e.outerHTML"
                    ".slice(0, 90))]")
                self.assertEqual(wide, [360, []])
                self.shot(f"phone-{name}")
        self.go(self.views()["recommend"])
        self.settle()
        self.page.locator(".card .title").first.tap()
        self.settle()
        self.page.screenshot(path=pathlib.Path(os.environ.get("AKIN_SHOTS", ".")) /
                             "phone-panel.png")

    def focused(self):
        return self.page.evaluate("() => { const e = document.activeElement; const s ="
                                  "getComputedStyle(e); return {text: e.getAttribute('aria-label')"
                                  "|| e.textContent.trim().slice(0, 40), role: e.getAttribute("
                                  "'role') || e.tagName, cls: e.className, outline:"
                                  "s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2}; }")

    def tab_to(self, wanted, most=60):
        for _ in range(most):
            self.page.keyboard.press("Tab")
            now = self.focused()
            if now["role"] != "BODY":
                self.assertTrue(now["outline"], f"focus is not visible on {now}")
            if wanted(now):
                return now
        self.fail("the keyboard does not reach it")

    def test_keyboard_alone(self):
        user = self.a_user(3)
        self.go()
        expect(self.page.get_by_role("combobox", name="User")).to_be_visible()
        self.assertEqual(self.tab_to(lambda f: True)["text"], "Skip to the content")
        self.page.keyboard.press("Enter")
        self.tab_to(lambda f: f["role"] == "combobox")
        self.page.keyboard.type(user)
        expect(self.page.locator("[role=option]").first).to_be_visible()
        self.page.keyboard.press("Escape")
        expect(self.page.locator("[role=listbox]").first).to_be_hidden()
        self.page.keyboard.press("ArrowDown")
        expect(self.page.locator("[role=option]").first).to_be_visible()
        self.page.keyboard.press("ArrowDown")
        self.page.keyboard.press("Enter")
        expect(self.cards()).to_have_count(10)
        before = self.titles()
        self.tab_to(lambda f: f["cls"] == "title")
        self.page.keyboard.press("Enter")
        expect(self.page.locator("aside.panel h2")).to_be_focused()
        self.page.keyboard.press("Escape")
        expect(self.page.locator(".card .title").first).to_be_focused()
        self.tab_to(lambda f: f["cls"] == "like")
        self.page.keyboard.press("Enter")
        expect(self.page.locator("main .note", has_text="You liked")).to_be_visible()
        self.assertNotEqual(self.titles(), before)
        # the focus is where it was, on what stands there now
        expect(self.page.locator(".card .like").first).to_be_focused()
        self.page.locator("#nav a").nth(4).press("Enter")
        expect(self.page.get_by_role("heading", name="Operations", level=1)).to_be_focused()
