"""A server for one page and its video, for this machine alone."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import BinaryIO

HOST = "127.0.0.1"
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_CHUNK = 1 << 18
_NAMES = (HOST, "localhost")


class PageServer(ThreadingHTTPServer):
    """Serves some files at fixed addresses of 127.0.0.1, with byte ranges, and nothing else.

    Args:
        files: Address, such as "/" -> file and media type.
        port: 0 takes a free one.

    Raises:
        OSError: If the port is taken.
    """

    daemon_threads = True

    def __init__(self, files: Mapping[str, tuple[Path, str]], port: int = 0) -> None:
        self.files = dict(files)
        super().__init__((HOST, port), _Handler)

    @property
    def address(self) -> str:
        """The address of the page."""
        return f"http://{HOST}:{self.server_address[1]}/"


class _Handler(BaseHTTPRequestHandler):
    server: PageServer  # pyright: ignore[reportIncompatibleVariableOverride]
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""

    def _answer(self, *, body: bool) -> None:
        host = self.headers.get("Host", "").rsplit(":", 1)[0]
        found = self.server.files.get(self.path.split("?", 1)[0])
        if host not in _NAMES or found is None:
            # Another name for this machine is a page of a stranger that asks for it.
            self._fail(HTTPStatus.FORBIDDEN if host not in _NAMES else HTTPStatus.NOT_FOUND)
            return
        path, media_type = found
        size = path.stat().st_size
        part = parse_range(self.headers.get("Range"), size)
        if part is None:
            self._fail(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, f"bytes */{size}")
            return
        start, stop = part
        whole = _RANGE.fullmatch((self.headers.get("Range") or "").strip()) is None
        self.send_response(HTTPStatus.OK if whole else HTTPStatus.PARTIAL_CONTENT)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(stop - start))
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Cache-Control", "no-store")
        if not whole:
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{size}")
        self.end_headers()
        if body:
            with path.open("rb") as file:
                self._send(file, start, stop)

    def _send(self, file: BinaryIO, start: int, stop: int) -> None:
        file.seek(start)
        while start < stop and (chunk := file.read(min(_CHUNK, stop - start))):
            try:
                self.wfile.write(chunk)
            except ConnectionError:  # the browser has enough
                self.close_connection = True
                return
            start += len(chunk)

    def _fail(self, status: HTTPStatus, content_range: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        if content_range:
            self.send_header("Content-Range", content_range)
        self.end_headers()


def parse_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Return first and one past the last byte that a Range header asks for; None if it cannot be.

    A header of several ranges, or of another form, asks for all.
    """
    match = _RANGE.fullmatch(header.strip()) if header else None
    if match is None or match.groups() == ("", ""):
        return 0, size
    first, last = match.groups()
    if not first:
        return (max(size - int(last), 0), size) if int(last) else None
    start, stop = int(first), min(int(last) + 1, size) if last else size
    return (start, stop) if start < stop else None
