"""Who may call the service: this machine alone, or holders of a token; and no page of a stranger.

A browser sends requests of any page to any address. A page of another origin is refused by its
Origin, and one that resolved its name to this machine by its Host.
"""

import hmac
import ipaddress
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "tcpformer_token"
PUBLIC = ("/", "/healthz", "/readyz")
"""Paths that need no token: the page, which asks for it, and what a supervisor looks at."""
MIN_TOKEN = 16
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def read_token(path: Path) -> str:
    """Read a token: the one line of a file.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If it is short, or holds more than one word of ASCII.
    """
    token = path.read_bytes()[:4096].decode("latin-1").strip()
    if len(token) < MIN_TOKEN or not token.isascii() or len(token.split()) != 1:
        raise ValueError(
            f"{path}: expected a token, one word of at least {MIN_TOKEN} ASCII characters; make "
            "one with: openssl rand -hex 32"
        )
    return token


def is_loopback(host: str) -> bool:
    """Check whether a name or address is that of this machine alone."""
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class Access:
    """Refuses requests without the token, or from elsewhere; adds headers of safety.

    Args:
        app: What answers the others.
        token: None lets in this machine's requests alone, which the address listened at ensures.
    """

    def __init__(self, app: ASGIApp, token: str | None) -> None:
        self.app = app
        self._token = None if token is None else token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return

        async def send_safely(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        refusal = self._refuse(Headers(scope=scope), scope["path"])
        await (refusal or self.app)(scope, receive, send_safely)

    def _refuse(self, headers: Headers, path: str) -> JSONResponse | None:
        host, origin = headers.get("host", ""), headers.get("origin")
        if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            return _error(HTTPStatus.FORBIDDEN, "a page of another origin may not call this.")
        if self._token is None:
            if not is_loopback(_hostname(host)):
                return _error(
                    HTTPStatus.FORBIDDEN, "expected localhost or 127.0.0.1 as name of the host."
                )
        elif path not in PUBLIC and not hmac.compare_digest(_given(headers), self._token):
            return _error(
                HTTPStatus.UNAUTHORIZED,
                "expected the header Authorization: Bearer TOKEN.",
                {"WWW-Authenticate": "Bearer"},
            )
        return None


def _hostname(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _given(headers: Headers) -> bytes:
    """Return the token of a request, from its header, or the cookie that the page sets."""
    kind, _, token = headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return token.strip().encode()
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return b""
    return b"" if cookie is None else unquote(cookie.value).encode()


def _error(status: int, text: str, headers: Any = None) -> JSONResponse:
    return JSONResponse({"detail": text}, status, headers)
