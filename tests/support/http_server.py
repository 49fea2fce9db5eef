"""Local servers for tests of clients."""

import threading
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer

HERE = ("127.0.0.1", 0)  # any free port


class _Request(BaseHTTPRequestHandler):
    """A request, handled by a function that calls `answer`."""

    def __init__(self, *arguments, handle):
        self._handle = handle
        super().__init__(*arguments)

    def do_GET(self):
        self._handle(self)

    do_POST = do_DELETE = do_HEAD = do_GET  # noqa: N815

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def answer(self, status, content=b"", length=None, **headers):
        content = content.encode() if isinstance(content, str) else content
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(content) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *arguments):
        pass


class _Folder(SimpleHTTPRequestHandler):
    def __init__(self, *arguments, asked, **options):
        self._asked = asked
        super().__init__(*arguments, **options)

    def do_GET(self):
        self._asked.append(self.path)
        super().do_GET()

    def log_message(self, *arguments):
        pass


@contextmanager
def running(server):
    """Run a server in a separate thread; yields its address."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def serving(handle):
    """Serve with a handler function; yields the address."""
    with running(ThreadingHTTPServer(HERE, partial(_Request, handle=handle))) as address:
        yield address


@contextmanager
def serving_folder(folder):
    """Serve the files of a folder; yields the address and the list of requests."""
    asked = []
    handler = partial(_Folder, asked=asked, directory=str(folder))
    with running(ThreadingHTTPServer(HERE, handler)) as address:
        yield address, asked
