"""Signing in by key: a server that wants one."""
import os
import unittest

from playwright.sync_api import expect

from browser import KEY, REAL, Case
from test_access import CONTRAST, STRUCTURE, axe_faults


class SignInTest(Case):
    key = "secret-1"

    def setUp(self):
        if REAL and not (KEY and os.environ.get("AKIN_NEEDS_KEY")):
            self.skipTest("needs a server with keys: AKIN_KEY=… AKIN_NEEDS_KEY=1")
        super().setUp()
        if REAL:  # a page that does not have the key yet
            self.context.close()
            self.context = self.browser.new_context(locale="en-GB")
            self.page = self.context.new_page()

    def test_sign_in_and_out(self):
        self.page.goto(self.url)
        dialog = self.page.get_by_role("dialog", name="Sign in with an API key")
        expect(dialog).to_be_visible()
        field = dialog.get_by_label("API key")
        expect(field).to_be_focused()
        for check in (CONTRAST, STRUCTURE):
            self.assertEqual(self.page.evaluate(check), [])
        self.assertEqual(axe_faults(self.page), [])
        self.shot("signin")
        field.fill("wrong")
        field.press("Enter")
        expect(dialog.get_by_role("alert")).to_contain_text("wrong")
        field.fill(KEY or self.key)
        field.press("Enter")
        expect(dialog).to_be_hidden()
        expect(self.page.get_by_role("combobox", name="User")).to_be_visible()
        expect(self.page.locator("#account")).to_have_text("Sign out")
        # in this tab only, and nowhere in the document
        self.assertEqual(self.page.evaluate("localStorage.getItem('akin.key')"), None)
        self.assertNotIn(KEY or self.key, self.page.content())
        self.page.reload()
        expect(self.page.get_by_role("combobox", name="User")).to_be_visible()
        self.page.locator("#account").click()
        expect(dialog).to_be_visible()
        self.assertEqual(self.page.evaluate("sessionStorage.getItem('akin.key')"), None)

    def test_who_cancels_is_told(self):
        self.page.goto(f"{self.url}/#/operations")
        dialog = self.page.get_by_role("dialog", name="Sign in with an API key")
        expect(dialog).to_be_visible()
        self.page.keyboard.press("Escape")
        expect(self.page.get_by_text("A key is needed.").first).to_be_visible()
        expect(dialog).to_be_hidden()


if __name__ == "__main__":
    unittest.main()
