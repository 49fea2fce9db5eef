"""Local STAC catalogue with search."""

import json
from contextlib import contextmanager

from tests.support.http_server import serving

_CONFORMS = [
    "https://api.stacspec.org/v1.0.0/core", "https://api.stacspec.org/v1.0.0/item-search",
    "https://api.stacspec.org/v1.0.0/item-search#query",
]  # fmt: skip


def item_of(identifier, assets):
    """STAC item with the addresses of its assets."""
    return {
        "type": "Feature", "stac_version": "1.0.0", "stac_extensions": [], "id": identifier, "geometry": None,
        "properties": {"datetime": "2015-07-01T00:00:00Z"}, "links": [], "collection": "landsat-c2l1",
        "assets": {key: {"href": href} for key, href in assets.items()},
    }  # fmt: skip


@contextmanager
def catalogue(items, page=100):
    """Serve a catalogue with `page` items per page; yields its address and the list of searches."""
    asked = []

    def handle(request):
        base = f"http://{request.headers['Host']}"
        request.answer(200, json.dumps(_reply(request, base)), Content_Type="application/json")

    def _reply(request, base):
        if request.command == "GET":
            link = {"rel": "search", "href": f"{base}/search", "type": "application/geo+json", "method": "POST"}
            return {
                "type": "Catalog", "stac_version": "1.0.0", "id": "test", "description": "of a test",
                "conformsTo": _CONFORMS, "links": [{"rel": "root", "href": f"{base}/"}, link],
            }  # fmt: skip
        search = json.loads(request.body())
        asked.append(search)
        start = search.get("token", 0)
        fitting = [item for item in items if item["collection"] in search.get("collections", [])]
        body = {**search, "token": start + page}
        more = {"rel": "next", "href": f"{base}/search", "method": "POST", "body": body}
        links = [more] if start + page < len(fitting) else []
        return {"type": "FeatureCollection", "features": fitting[start : start + page], "links": links}

    with serving(handle) as address:
        yield f"{address}/", asked
