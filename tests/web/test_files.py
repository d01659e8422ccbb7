"""What can be said of web/ without a browser: size, languages, no way for markup to come in."""
import pathlib
import re
import unittest

WEB = pathlib.Path(__file__).resolve().parents[2] / "web"
KEY = re.compile(r"^  '([\w.]+)': '", re.M)


class FilesTest(unittest.TestCase):
    def read(self, pattern):
        return {f.name: f.read_text() for f in sorted(WEB.glob(pattern))}

    def test_small(self):
        files = [f for f in WEB.rglob("*") if f.is_file()]
        self.assertLess(sum(f.stat().st_size for f in files), 150_000)
        for file in files:
            self.assertLessEqual(len(file.read_text().splitlines()), 400, file.name)

    def test_languages_have_the_same_keys(self):
        en, es = (KEY.findall((WEB / f"{x}.js").read_text()) for x in ("en", "es"))
        self.assertEqual(en, es)
        self.assertEqual(len(en), len(set(en)))

    def test_every_text_that_is_asked_for_exists(self):
        known = set(KEY.findall((WEB / "en.js").read_text()))
        asked = set(re.findall(r'data-t(?:-label)?="([\w.]+)"', (WEB / "index.html").read_text()))
        for text in self.read("*.js").values():
            asked |= set(re.findall(r"""\bt\((?:\w+ \? )?'([\w.]+)'""", text))
        self.assertEqual(sorted(asked - known), [])

    def test_placeholders_agree(self):
        tables = [dict(re.findall(r"^  '([\w.]+)': '(.*)',$", (WEB / f"{x}.js").read_text(), re.M))
                  for x in ("en", "es")]
        for key, text in tables[0].items():
            self.assertEqual(sorted(re.findall(r"\{\w+\}", text)),
                             sorted(re.findall(r"\{\w+\}", tables[1][key])), key)

    def test_no_markup_from_text_and_nothing_inline(self):
        for name, text in self.read("*.js").items():
            code = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
            for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(",
                         "new Function", "srcdoc", "setAttribute('style'", "javascript:"):
                self.assertNotIn(word, code, name)
        html = (WEB / "index.html").read_text()
        self.assertNotRegex(html, r"<style|\sstyle=|\son\w+=|<script(?![^>]*src=)")

    def test_no_other_host(self):
        for name, text in self.read("*").items():
            hosts = set(re.findall(r"https?://[\w.-]+", text)) - {"http://www.w3.org"}
            self.assertEqual(hosts, set(), name)


if __name__ == "__main__":
    unittest.main()
