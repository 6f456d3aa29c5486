"""A web server on 127.0.0.1 for tests. It serves bytes from memory, and makes errors where a test wants them."""

import contextlib
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Fault = Callable[["Handler"], None]
PIECE = 1 << 14  # bytes


class Server(ThreadingHTTPServer):
    """What it serves, the errors it makes, and the requests it received.

    `files` and `headers` are keyed by path (and query, if given). `faults` has a list per path; each is used for one
    request. `seen` has one entry per request: path, and the headers Range and If-Range.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.headers: dict[str, dict[str, str]] = {}  # of the response; default: a strong ETag
        self.faults: dict[str, list[Fault]] = {}
        self.seen: list[tuple[str, str | None, str | None]] = []
        self.ranges = True
        self.pause_s = 0.0  # between two pieces of a body

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"

    def handle_error(self, request: object, client_address: object) -> None:
        """No message: some tests kill the client."""


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        path = self.path if self.path in self.server.files else self.path.partition("?")[0]
        self.server.seen.append((path, self.headers["Range"], self.headers["If-Range"]))
        self.close_connection = True
        if self.server.faults.get(path):
            self.server.faults[path].pop(0)(self)
        elif path not in self.server.files:
            self.answer(404, {}, b"")
        else:
            self.serve(self.server.files[path], self.server.headers.get(path, {"ETag": '"1"'}))

    do_HEAD = do_GET

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"] or 0))
        self.do_GET()

    def serve(self, data: bytes, headers: dict[str, str]) -> None:
        match = re.fullmatch(r"bytes=(\d+)-", self.headers["Range"] or "")
        fresh = self.headers["If-Range"] in (None, headers.get("ETag"), headers.get("Last-Modified"))
        if not (match and fresh and self.server.ranges):
            self.answer(200, headers, data)
        elif int(match[1]) >= len(data):
            self.answer(416, {**headers, "Content-Range": f"bytes */{len(data)}"}, b"")
        else:
            start = int(match[1])
            span = {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"}
            self.answer(206, {**headers, **span}, data[start:])

    def answer(self, status: int, headers: dict[str, str], body: bytes, length: int | None = None) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        for at in range(0, 0 if self.command == "HEAD" else len(body), PIECE):
            self.wfile.write(body[at : at + PIECE])
            time.sleep(self.server.pause_s)

    def log_message(self, format: str, *args: object) -> None:
        """No message per request."""


def status(code: int, **headers: str) -> Fault:
    """Respond with a status and an empty body."""
    return lambda handler: handler.answer(code, {name.replace("_", "-"): v for name, v in headers.items()}, b"")


def drop(handler: Handler) -> None:
    """Reset the connection without a response."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()


def cut(after: int) -> Fault:
    """Announce the whole rest of the file, and close the connection after `after` bytes."""

    def fault(handler: Handler) -> None:
        path = handler.path.partition("?")[0]
        data, headers = handler.server.files[path], handler.server.headers.get(path, {"ETag": '"1"'})
        match = re.fullmatch(r"bytes=(\d+)-", handler.headers["Range"] or "")
        start = int(match[1]) if match else 0
        span = {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"} if match else {}
        handler.answer(206 if match else 200, {**headers, **span}, data[start : start + after], len(data) - start)

    return fault


def wrong_length(body: bytes, length: int, **headers: str) -> Fault:
    """Announce `length` bytes, but send `body`."""
    return lambda handler: handler.answer(200, {name.replace("_", "-"): v for name, v in headers.items()}, body, length)


def redirect(to: str) -> Fault:
    """Redirect to another URL."""
    return status(302, Location=to)


@contextlib.contextmanager
def running() -> Iterator[Server]:
    """A server that runs in a thread until the block ends."""
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
