"""Local STAC service with Landsat products, in the form of Planetary Computer: items, search, tokens and files."""

import datetime
import json
import re
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from tests.support.http_server import HERE, running

SECRET = "sig=very-secret-signature"
KEYS = {
    "ST_TRAD": "trad", "ST_URAD": "urad", "ST_DRAD": "drad", "ST_ATRAN": "atran", "ST_EMIS": "emis", "ST_EMSD": "emsd",
    "ST_CDIST": "cdist", "ST_QA": "qa", "QA_PIXEL": "qa_pixel", "QA_RADSAT": "qa_radsat", "SR_B4": "red",
    "SR_B5": "nir08", "ST_B10": "lwir11", "MTL.txt": "mtl.txt", "MTL.json": "mtl.json", "MTL.xml": "mtl.xml",
    "B4": "red", "B5": "nir08", "B10": "lwir11", "B11": "lwir12", "ANG.txt": "ang",
}  # fmt: skip
"""Keys of assets by the ends of the files' names, as Planetary Computer and the USGS name them."""


class LandsatService(ThreadingHTTPServer):
    """Serves bundles: folders whose files are named by the USGS.

    `faults` maps a regular expression of paths to a fault, or a list of faults for the first requests, of which None is
    an answer: a status, ``hang``, ``drop``, ``truncated``, ``page``, ``empty``, ``garbage``, or a dictionary with
    ``status`` and headers. `requests` lists path, status and sent bytes.
    """

    daemon_threads = True

    def __init__(self, *bundles):
        super().__init__(HERE, _Answer)
        self.bundles = {product_of(folder): Path(folder) for folder in map(Path, bundles)}
        self.base = f"http://127.0.0.1:{self.server_port}"
        self.faults, self.requests, self.tokens, self.lifetime, self.searches = {}, [], 0, 3600.0, []
        self.valid_tokens = set()

    def token(self):
        self.tokens += 1
        text = f"se=2030&{SECRET}-{self.tokens}"
        self.valid_tokens.add(text)
        expiry = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=self.lifetime)
        return {"msft:expiry": expiry.strftime("%Y-%m-%dT%H:%M:%SZ"), "token": text}

    def expire(self):
        """Refuse all tokens that were given out."""
        self.valid_tokens.clear()

    def item(self, product):
        folder = self.bundles[product]
        assets = {}
        for path in sorted(folder.iterdir()):
            end = path.name.removeprefix(f"{product}_")
            key = KEYS.get(end) or KEYS.get(path.stem.removeprefix(f"{product}_"))
            if key:
                assets[key] = {"href": f"{self.base}/blob/{product}/{path.name}"}
        day = product.split("_")[3]
        return {
            "type": "Feature", "stac_version": "1.0.0", "stac_extensions": [], "id": short(product), "geometry": None,
            "properties": {"datetime": f"{day[:4]}-{day[4:6]}-{day[6:]}T10:00:00Z"}, "collection": "landsat-c2-l2",
            "links": [{"rel": "self", "href": f"{self.base}/stac/v1/collections/landsat-c2-l2/items/{short(product)}"}],
            "assets": assets,
        }  # fmt: skip

    def usgs_item(self, product, kind):
        """Item of the USGS: files behind a login, and in a bucket; those of SR and ST are in two items."""
        item = self.item(product)
        for asset in item["assets"].values():
            name = asset["href"].rpartition("/")[2]
            asset["href"] = f"{self.base}/login/{product}/{name}"
            asset["alternate"] = {"s3": {"href": f"s3://usgs-landsat/{product}/{name}"}}
        parts = {"_ST": ("_SR_",), "_SR": ("_ST_",)}.get(kind, ())
        item["assets"] = {
            key: asset for key, asset in item["assets"].items() if not any(part in asset["href"] for part in parts)
        }
        return {**item, "id": f"{product}{kind or ''}", "collection": "usgs", "links": []}

    def sent(self, pattern="/blob/"):
        """Bytes sent for paths with a text."""
        return sum(size for path, _, size in self.requests if pattern in path)

    def handle_error(self, request, client_address):
        """Ignore closed connections."""


def product_of(folder):
    """Identifier of the product in a folder."""
    return re.match(r"L\w{3}_L\w{3}_\d{6}_\d{8}_\d{8}_\d\d_\w\w", next(Path(folder).glob("L*_MTL.txt")).name)[0]


def short(product):
    """Identifier without the day of processing."""
    parts = product.split("_")
    return "_".join((*parts[:4], *parts[5:]))


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        server, parts = self.server, urlsplit(self.path)
        path = unquote(parts.path)
        if self.has_failed(path):
            return
        found = re.search(r"/collections/landsat-c2-l2/items/([\w.-]+)$", path)
        if found:
            product = next((name for name in server.bundles if short(name) == found[1]), None)
            self.json(server.item(product)) if product else self.reply(404, b'{"code": "NotFoundError"}')
        elif found := re.search(r"/collections/landsat-c2l[12](?:-s[tr])?/items/([\w.-]+?)(_S[TR])?$", path):
            known = found[1] in server.bundles
            self.json(server.usgs_item(found[1], found[2])) if known else self.reply(404, b"{}")
        elif path.startswith("/login/"):
            self.reply(200, b"<!DOCTYPE html>\n<html><body>Please log in</body></html>", {"Content-Type": "text/html"})
        elif path.endswith("/token/landsat-c2-l2"):
            self.json(server.token())
        elif path.rstrip("/").endswith("/stac/v1"):
            self.json(self.landing())
        elif path.endswith("/search"):
            self.search({key: value[0] for key, value in parse_qs(parts.query).items()})
        elif path.startswith("/blob/"):
            self.file(path.split("/")[2:], parts.query)
        else:
            self.reply(404, b"no such page")

    do_HEAD = do_GET  # noqa: N815

    def do_POST(self):
        query = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        if not self.has_failed(unquote(urlsplit(self.path).path)):
            self.search(query)

    def has_failed(self, path):
        """Whether a fault has answered the request."""
        for pattern, faults in self.server.faults.items():
            if re.search(pattern, path):
                fault = faults if not isinstance(faults, list) else faults.pop(0) if faults else None
                if fault is not None and self.fail(fault, path):
                    return True
        return False

    def search(self, query):
        self.server.searches.append(query)
        items = [self.server.item(product) for product in sorted(self.server.bundles)]
        self.json({"type": "FeatureCollection", "features": items, "links": []})

    def landing(self):
        base = f"{self.server.base}/stac/v1"
        link = {"rel": "search", "href": f"{base}/search", "type": "application/geo+json", "method": "POST"}
        return {
            "type": "Catalog", "stac_version": "1.0.0", "id": "test", "description": "of a test",
            "conformsTo": ["https://api.stacspec.org/v1.0.0/core", "https://api.stacspec.org/v1.0.0/item-search"],
            "links": [{"rel": "root", "href": f"{base}/"}, link],
        }  # fmt: skip

    def file(self, names, query):
        server = self.server
        if query not in server.valid_tokens:
            self.reply(403 if query else 409, b"<Error><Code>AuthenticationFailed</Code></Error>")
            return
        path = server.bundles.get(names[0], Path("missing")) / names[1]
        if not path.is_file():
            self.reply(404, b"<Error><Code>BlobNotFound</Code></Error>")
            return
        content = path.read_bytes()
        found = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        headers = {"ETag": f'"{path.stat().st_size}"', "Accept-Ranges": "bytes"}
        if found is None:
            self.reply(200, content, headers)
            return
        start, stop = int(found[1]), min(int(found[2] or len(content)) + 1, len(content))
        if start >= len(content):
            self.reply(416, b"", {"Content-Range": f"bytes */{len(content)}"})
        else:
            part = {"Content-Range": f"bytes {start}-{stop - 1}/{len(content)}"}
            self.reply(206, content[start:stop], headers | part)

    def fail(self, fault, path):
        """Answer with a fault; False where the request is answered as usual."""
        if isinstance(fault, dict):
            self.reply(fault["status"], b"busy", {key: value for key, value in fault.items() if key != "status"})
        elif isinstance(fault, int):
            self.reply(fault, b"error")
        elif fault == "hang":
            time.sleep(4)
            self.close_connection = True
        elif fault == "drop":
            self.close_connection = True
            self.connection.close()
        elif fault == "page":
            self.reply(200, b"<!DOCTYPE html>\n<html><body>Please log in</body></html>", {"Content-Type": "text/html"})
        elif fault == "empty":
            self.reply(200, b"")
        elif fault == "garbage":
            self.reply(206, b"\x00garbage" * 64, {"Content-Range": "bytes 0-511/512"})
        elif fault == "whole":
            self.headers.replace_header("Range", "none")
            return False
        elif fault == "truncated":
            self.truncate = True
            return False
        elif fault == "expire":
            self.server.expire()
            return False
        elif isinstance(fault, str) and fault.startswith(("{", "[")):
            self.reply(200, fault.encode(), {"Content-Type": "application/json"})
        elif isinstance(fault, str) and fault.startswith("http"):
            self.reply(302, b"", {"Location": fault})
        return True

    truncate = False

    def json(self, value):
        self.reply(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def reply(self, status, content, headers=None):
        self.server.requests.append((unquote(urlsplit(self.path).path), status, len(content)))
        self.send_response(status)
        for key, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.truncate:
            content = content[: len(content) // 2]
            self.close_connection = True
        if self.command != "HEAD":
            self.wfile.write(content)
        self.truncate = False

    def log_message(self, *args):
        """Say nothing."""


@contextmanager
def landsat_service(*bundles):
    """Run a service with bundles."""
    server = LandsatService(*bundles)
    with running(server):
        yield server
