"""Who may talk to the page's server: the browser window that was opened with its token, and nothing else.

The server listens on 127.0.0.1 only. Other programs and other web pages on the same computer can still send requests to
it, so each request must have the cookie that the token in the first address gives; must name this computer as its host,
against DNS rebinding; and must not come from a page of another origin. No torch here.
"""

import secrets
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

NAMES = ("127.0.0.1", "localhost")
MOST_BYTES = 1 << 26  # of a request
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
    " img-src 'self' blob: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


@dataclass(frozen=True)
class Gate:
    """Lets requests through to `app`, or answers them with 403 or 413."""

    app: App
    port: int
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32))

    @property
    def address(self) -> str:
        """What a person opens; it has the token."""
        return f"http://127.0.0.1:{self.port}/?token={self.token}"

    @property
    def cookie(self) -> str:
        """The cookie's name. It has the port, since a browser sends cookies to all ports of a computer."""
        return f"universeg-{self.port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        problem = "" if scope["type"] == "http" else "only HTTP is answered"
        problem = problem or self._foreign(scope["method"], headers)
        entering = scope["method"] == "GET" and scope["path"] == "/" and self._has_token(scope["query_string"])
        if not problem and not entering and not self._has_cookie(headers):
            problem = "open the address that universeg app printed; it has a token that this one lacks"
        if problem:
            await _refuse(send, 403, problem)
            return
        if int(headers.get("content-length") or 0) > MOST_BYTES:
            await _refuse(send, 413, f"a request has at most {MOST_BYTES} bytes")
            return
        await self.app(scope, _bounded(receive), self._with_headers(send, entering))

    def _foreign(self, method: str, headers: Mapping[str, str]) -> str:
        """Why a request does not come from the page itself; "" if it may."""
        if headers.get("host") not in [f"{name}:{self.port}" for name in NAMES]:
            return "the host of this server is 127.0.0.1"
        if headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
            own_window = headers.get("sec-fetch-mode") == "navigate" and method == "GET"
            if not own_window:  # a link to the page may be anywhere
                return "requests of other web pages are not answered"
        origin, own = headers.get("origin"), [f"http://{name}:{self.port}" for name in NAMES]
        if method in ("GET", "HEAD"):
            return "" if origin is None or origin in own else "requests of other web pages are not answered"
        return "" if origin in own else "changes are accepted from the page itself only"

    def _has_token(self, query: bytes) -> bool:
        given = parse_qs(query.decode("latin-1")).get("token", [""])[0]
        return secrets.compare_digest(given.encode(), self.token.encode())

    def _has_cookie(self, headers: Mapping[str, str]) -> bool:
        try:
            jar = SimpleCookie(headers.get("cookie", ""))
        except CookieError:
            return False
        given = jar[self.cookie].value if self.cookie in jar else ""
        return secrets.compare_digest(given.encode(), self.token.encode())

    def _with_headers(self, send: Send, entering: bool) -> Send:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = dict(HEADERS)
                if entering:
                    own["Set-Cookie"] = f"{self.cookie}={self.token}; Path=/; HttpOnly; SameSite=Strict"
                extra = [(name.encode(), value.encode()) for name, value in own.items()]
                message = {**message, "headers": [*message.get("headers", []), *extra]}
            await send(message)

        return send_with_headers


class TooLarge(ValueError):
    """A request that has more bytes than it said, or than are read."""


def _bounded(receive: Receive) -> Receive:
    """`receive` that raises TooLarge after MOST_BYTES, also if the request does not say its length."""
    seen = 0

    async def receive_some() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > MOST_BYTES:
            raise TooLarge(f"a request has at most {MOST_BYTES} bytes")
        return message

    return receive_some


async def _refuse(send: Send, status: int, text: str) -> None:
    body = f"{text}\n".encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
