"""The two pages that the program writes, the report of the data and that of the evaluation, for
everybody: light and dark, desk and phone. AKIN_REPORTS is the folder of a demo's output."""
import os
import pathlib
import unittest

from browser import Case
from test_access import CONTRAST, axe_faults

FOLDER = pathlib.Path(os.environ.get("AKIN_REPORTS", ""))
PAGES = {"data": "report.html", "evaluation": "evaluation.html"}
SIZES = {"desk": {}, "phone": {"viewport": {"width": 360, "height": 740}, "has_touch": True,
                               "is_mobile": True}}

# What CONTRAST and axe leave out: texts of plots against the card they stand on. 3:1 is enough for
# none of them, they are small.
PLOTS = """() => {
    const part = (v) => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; };
    const lum = (c) => { const [r, g, b] = c.match(/[\\d.]+/g).map(Number);
        return .2126 * part(r) + .7152 * part(g) + .0722 * part(b); };
    const low = [];
    for (const e of document.querySelectorAll('svg text')) {
        if (!e.textContent.trim() || !e.checkVisibility()) continue;
        const card = e.closest('.card') || document.body;
        const [a, b] = [lum(getComputedStyle(e).fill), lum(getComputedStyle(card).backgroundColor)]
            .sort((x, y) => y - x);
        if ((a + .05) / (b + .05) < 4.5)
            low.push(`${e.textContent.slice(0, 30)} ${((a + .05) / (b + .05)).toFixed(2)}`);
    }
    return low;
}"""

# Every plot says what it is; headings skip no level; links within the page lead somewhere; whatever
# scrolls can be reached by keyboard.
STRUCTURE = """() => {
    const faults = [];
    for (const e of document.querySelectorAll('svg:not([aria-hidden=true])'))
        if (!(e.getAttribute('aria-label') || e.querySelector('title')?.textContent || '').trim())
            faults.push(`no name: ${e.outerHTML.slice(0, 80)}`);
    let level = 0;
    for (const e of document.querySelectorAll('h1, h2, h3, h4')) {
        const now = Number(e.tagName[1]);
        if (now > level + 1) faults.push(`h${level} to h${now}: ${e.textContent}`);
        level = now;
    }
    for (const e of document.querySelectorAll('a[href^="#"]'))
        if (!document.getElementById(e.getAttribute('href').slice(1)))
            faults.push(`leads nowhere: ${e.getAttribute('href')}`);
    for (const e of document.querySelectorAll('*'))
        if (e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).overflowX === 'auto' &&
            e.tabIndex < 0) faults.push(`cannot be reached: ${e.outerHTML.slice(0, 80)}`);
    return faults;
}"""

# 361: the phone's width, rounded
WIDE = """() => [document.documentElement.scrollWidth, [...document.querySelectorAll('body *')].filter(
    (e) => e.checkVisibility() && !e.closest('.scroll, svg, .long') &&
        e.getBoundingClientRect().right > 361).map((e) => e.outerHTML.slice(0, 90))]"""


@unittest.skipUnless((FOLDER / "report.html").is_file(), "no reports (AKIN_REPORTS)")
class ReportsTest(Case):
    def each(self, size, scheme, check):
        self.new_page(color_scheme=scheme, reduced_motion="reduce", **SIZES[size])
        for name, file in PAGES.items():
            with self.subTest(report=name, size=size, scheme=scheme):
                self.page.goto((FOLDER / file).resolve().as_uri())
                check(f"report-{name}-{size}-{scheme}")

    def test_axe_and_own_checks(self):
        def check(name):
            self.shot(name)
            for script in (CONTRAST, PLOTS, STRUCTURE):
                self.assertEqual(self.page.evaluate(script), [])
            # a plot is one image with a name: its thousand marks would take minutes
            self.assertEqual(axe_faults(self.page, ["svg[role=img] > *"]), [])

        for size in SIZES:
            for scheme in ("light", "dark"):
                self.each(size, scheme, check)

    def test_phone_has_no_sideways_scroll(self):
        self.each("phone", "light",
                  lambda _: self.assertEqual(self.page.evaluate(WIDE), [360, []]))


if __name__ == "__main__":
    unittest.main(verbosity=2)
