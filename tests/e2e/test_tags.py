"""An item's tags travel from the tag table through the model to the server, in pages."""
import unittest

from akin_cli import Case
from test_serve import Server


class Tags(Case):
    def test_tags_of_an_item(self):
        tags = self.write("tags.csv", "user_id,item_id,tag,timestamp\n" + "".join(
            f"u{u},1,{tag},15\n" for u, tag in ((2, "slow"), (4, "slow"), (4, "dark"), (6, "slow"),
                                               (6, "a \"b\""), (8, "dark"))))
        data, model = self.dir / "d.akin", self.dir / "m.akin"
        self.akin("prepare", self.ratings(), "--items", self.items(), "--tags", tags, "-o", data)
        self.akin("train", data, "--model", "ials", "-o", model)
        self.akin("train", data, "--model", "popular", "-o", self.dir / "p.akin")
        self.assertIn("tags", self.akin("inspect", model)[0])
        server = Server("--listen", "127.0.0.1:0", "--model", f"a={model}", "--model",
                        f"b={self.dir}/p.akin")
        try:
            answer = server.ask("GET", "/v1/items/1/tags")[1]
            self.assertEqual([(t["tag"], t["count"]) for t in answer["tags"]],
                             [("slow", 3), ("dark", 2), ('a "b"', 1)])
            self.assertIsNone(answer["next"])
            page = server.ask("GET", "/v1/items/1/tags?limit=2")[1]
            self.assertEqual((len(page["tags"]), page["next"]), (2, 2))
            page = server.ask("GET", f"/v1/items/1/tags?limit=2&from={page['next']}")[1]
            self.assertEqual((page["tags"][0]["count"], page["next"]), (1, None))
            self.assertEqual(server.ask("GET", "/v1/items/1/tags?from=9")[1]["tags"], [])
            self.assertEqual(server.ask("GET", "/v1/items/2/tags")[1]["tags"], [])
            self.assertEqual(server.ask("GET", "/v1/items/nothing/tags")[0], 404)
        finally:
            self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    unittest.main()
