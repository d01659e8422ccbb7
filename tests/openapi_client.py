"""The client that openapi-python-client makes of the server's document, used as its users would.

    openapi_client.py FOLDER URL KEY       FOLDER holds the package akin_client"""
import importlib
import json
import pathlib
import re
import sys
import urllib.request

FOLDER, URL, KEY = sys.argv[1:]
METHODS = {"get", "put", "post", "delete"}
sys.path.insert(0, FOLDER)
akin_client = importlib.import_module("akin_client")
models = importlib.import_module("akin_client.models")


def call(name):
    return importlib.import_module(f"akin_client.api.default.{name}")


def check(what, is_good, got):
    if not is_good:
        sys.exit(f"{what}: {got}")


def main():
    # a route that the generator could not read is left out without an error
    document = json.load(urllib.request.urlopen(f"{URL}/v1/openapi.json"))
    for path, row in document["paths"].items():
        for method in METHODS & set(row):
            name = re.sub(r"[^a-z0-9]+", "_", f"{method}{path}".lower()).strip("_")
            check(name, callable(call(name).sync_detailed), "no such call")

    client = akin_client.AuthenticatedClient(base_url=URL, token=KEY)
    recommend = call("get_v1_users_id_recommendations").sync
    first = recommend("1", client=client, k=5, explain=True)
    check("list", isinstance(first, models.Recommendations) and len(first.items) == 5, first)
    seen = first.items[0].item_id
    check("reasons", first.items[0].reasons, first)

    event = models.Event(user_id="1", item_id=seen, event_id="of-a-client", value=5.0)
    for body, want in ((event, (1, 0)), ([event], (0, 1))):
        r = call("post_v1_events").sync(client=client, body=body)
        check("event", (r.accepted, r.duplicates) == want, r)
    after = recommend("1", client=client, k=5)
    check("the next list", seen not in {i.item_id for i in after.items}, after)

    attributes = models.Attributes.from_dict({"title": "¿Qué? / \"one\"", "year": 1999})
    r = call("put_v1_items_id").sync("a/b", client=client, body=attributes)
    check("item put", isinstance(r, models.Change) and r.item_id == "a/b", r)
    r = call("get_v1_items_id").sync("a/b", client=client)
    check("item get", r.item_id == "a/b" and r["year"] == 1999 and r["title"] == attributes["title"], r)

    r = call("get_v1_items_id").sync("nothing", client=client)
    check("problem", isinstance(r, models.Problem) and r.status == 404, r)
    stranger = akin_client.AuthenticatedClient(base_url=URL, token="wrong")
    r = recommend("1", client=stranger)
    check("a wrong key", isinstance(r, models.Problem) and r.status == 401, r)


if __name__ == "__main__":
    main()
