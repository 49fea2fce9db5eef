"""Local servers: a web server with range requests, and an object store."""

import hashlib
import http.client
import logging
import re
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tests.support.http_server import HERE, running

PAGE = b"<!DOCTYPE html>\n<html><body>Please log in</body></html>"


class WebServer(ThreadingHTTPServer):
    """Serves a folder; `answers` overrides the responses by path, `requests` lists the requests.

    `identity` returns the headers that identify a content, by default the ETag.
    """

    daemon_threads = True

    def __init__(self, root):
        super().__init__(HERE, _Handler)
        self.identity = lambda content: {"ETag": f'"{hashlib.md5(content).hexdigest()}"'}
        self.root, self.answers, self.requests, self.secret, self.ranges = Path(root), {}, [], None, True

    def url(self, name=""):
        return f"http://127.0.0.1:{self.server_port}/{name}"

    def handle_error(self, request, client_address):
        """Ignore closed connections."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        parts = urlsplit(self.path)
        path = unquote(parts.path).lstrip("/")
        self.server.requests.append((path, parts.query, self.headers))
        answer = self.server.answers.get(path)
        answer = answer.pop(0) if isinstance(answer, list) and answer else answer
        if self.server.secret is not None and parts.query != self.server.secret:
            answer = 403
        if answer == "hang":
            time.sleep(3)
            self.close_connection = True
            return
        if isinstance(answer, tuple):
            self.reply(302, b"", {"Location": answer[0]})
        elif isinstance(answer, int):
            self.reply(answer, b"error")
        elif answer == "page":
            self.reply(200, PAGE, {"Content-Type": "text/html"})
        elif (self.server.root / path).is_file():
            self.give((self.server.root / path).read_bytes())
        else:
            self.reply(404, b"no such file")

    do_HEAD = do_GET  # noqa: N815  # the library's name

    def give(self, content):
        version = self.server.identity(content)
        found = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if found is None or not self.server.ranges:
            self.reply(200, content, version)
            return
        start, stop = int(found[1]), min(int(found[2] or len(content)) + 1, len(content))
        if start >= len(content):
            self.reply(416, b"", {"Content-Range": f"bytes */{len(content)}"})
        else:
            part = {"Content-Range": f"bytes {start}-{stop - 1}/{len(content)}"}
            self.reply(206, content[start:stop], version | part)

    def reply(self, code, content, headers=None):
        self.send_response(code)
        for key, value in {"Content-Length": str(len(content)), "Accept-Ranges": "bytes", **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *args):
        """Say nothing."""


@contextmanager
def web_server(root):
    """Serve a folder by HTTP, with range requests."""
    server = WebServer(root)
    with running(server):
        yield server


class ObjectStore:
    """An object store with a client."""

    def __init__(self, endpoint):
        import boto3

        self.endpoint = endpoint
        self.client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")

    def upload(self, folder, bucket, prefix=""):
        """Upload the files of a folder to a bucket."""
        if bucket not in [entry["Name"] for entry in self.client.list_buckets()["Buckets"]]:
            self.client.create_bucket(Bucket=bucket)
        for path in sorted(Path(folder).iterdir()):
            if path.is_file():
                self.client.put_object(Bucket=bucket, Key=f"{prefix}{path.name}", Body=path.read_bytes())


@contextmanager
def object_store():
    """Serve S3, with the credentials of `STORE_ENVIRONMENT`."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server.start()
    try:
        yield ObjectStore("http://{}:{}".format(*server.get_host_and_port()))
    finally:
        server.stop()


STORE_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "store-secret",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


class Gate(ThreadingHTTPServer):
    """Proxy of a store; `fault` may answer in its place.

    `fault` is a function of the kind of request, such as ``PUT part``, and the key: None, a status, or ``drop``.
    """

    daemon_threads = True

    def __init__(self, store):
        super().__init__(HERE, _Passing)
        self.store, self.fault, self.requests = store, lambda kind, key: None, []
        self.endpoint = f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request, client_address):
        """Ignore closed connections."""


class _Passing(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # otherwise every response with header and body waits for the client

    def pass_on(self):
        parts = urlsplit(self.path)
        queries = {"uploads": "begin", "partNumber": "part", "uploadId": "upload"}
        what = next((name for mark, name in queries.items() if mark in parts.query), "object")
        kind, key = f"{self.command} {what}", unquote(parts.path).lstrip("/").partition("/")[2]
        self.server.requests.append((kind, key))
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fault = self.server.fault(kind, key)
        if fault == "drop":
            self.close_connection = True
            self.connection.close()
        elif fault is not None:
            self.reply(fault, {}, f"<Error><Code>{STORE_CODES.get(fault, fault)}</Code></Error>".encode())
        else:
            self.reply(*self.ask(body))

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = pass_on  # noqa: N815  # the library's names

    def ask(self, body):
        connection = http.client.HTTPConnection(urlsplit(self.server.store.endpoint).netloc)
        try:
            connection.request(self.command, self.path, body, dict(self.headers))
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def reply(self, status, headers, content):
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        length = headers.get("Content-Length", "0") if self.command == "HEAD" else len(content)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *args):
        """Say nothing."""


STORE_CODES = {403: "AccessDenied", 404: "NoSuchBucket", 503: "SlowDown"}


@contextmanager
def gate_before(store):
    """Run a proxy of a store."""
    gate = Gate(store)
    with running(gate):
        yield gate
