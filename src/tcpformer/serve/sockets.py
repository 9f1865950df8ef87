"""A websocket server beside the lifter: the newest message to every client, never a queue.

A client that is slow misses messages. Pages of strangers cannot listen: browsers state the origin
of the page, and only pages of this machine are let in.
"""

import asyncio
import re
import threading
from collections.abc import Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from ..optional import missing_extra

if TYPE_CHECKING:
    from websockets.asyncio.server import Server, ServerConnection
    from websockets.http11 import Request, Response

LOCAL = re.compile(r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?")
"""Origins of pages that may listen; programs state none."""
WAITING = 1 << 20
"""Bytes that wait for a client at most; while there are more, it misses messages."""
START_S, CLOSE_S = 10.0, 1.0


class SocketServer:
    """Broadcasts messages to the clients of a websocket server, which runs in a thread of its own.

    Args:
        host: Address to listen at.
        port: 0 takes a free one.
        page: HTML that a browser gets at "/"; then only this page may listen.

    Raises:
        OSError: If the port is taken, or the host is not one of this machine.
        ImportError: If websockets is missing.
    """

    def __init__(self, host: str, port: int, page: str | None = None) -> None:
        self.host, self.port = host, port
        self._page = None if page is None else page.encode()
        self._serve = _import_serve()
        self._server: Server | None = None
        self._problem: OSError | None = None
        self._stop = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self._thread.start()
        started.wait(START_S)
        if self._problem is not None:
            self._thread.join()
            raise OSError(
                f"cannot listen at {host}:{port} ({self._problem.strerror}); another program may "
                "use the port: take another one."
            ) from self._problem

    @property
    def clients(self) -> int:
        """How many clients listen."""
        return 0 if self._server is None else len(self._server.connections)

    def broadcast(self, *messages: str | bytes) -> None:
        """Give messages together, now, to all clients that keep up."""
        if self._thread.is_alive() and not self._stop.is_set():
            self._loop.call_soon_threadsafe(self._send, messages)

    def close(self) -> None:
        """Close the server and its connections."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()

    def _run(self, started: threading.Event) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._main(started))

    async def _main(self, started: threading.Event) -> None:
        try:
            server = self._server = await self._serve(
                _ignore,
                self.host,
                self.port,
                origins=[LOCAL] if self._page else [LOCAL, None],
                process_request=self._answer,
                compression=None,
                close_timeout=CLOSE_S,
            )
            self.port = next(iter(server.sockets)).getsockname()[1]
        except OSError as error:
            self._problem = error
            return
        finally:
            started.set()
        await self._stop.wait()
        server.close()
        await server.wait_closed()

    def _send(self, messages: Sequence[str | bytes]) -> None:
        from websockets.asyncio.server import broadcast

        assert self._server is not None
        ready = [
            client
            for client in self._server.connections
            if client.transport.get_write_buffer_size() < WAITING
        ]
        for message in messages:
            broadcast(ready, message)

    def _answer(self, client: "ServerConnection", request: "Request") -> "Response | None":
        """Return what a browser that asks for the page gets; None lets a websocket in."""
        if "Upgrade" in request.headers:
            own = f"http://{request.headers.get('Host')}"
            if self._page is None or request.headers.get("Origin") == own:
                return None
            return client.respond(HTTPStatus.FORBIDDEN, "only the page served here may listen\n")
        if self._page is None or request.path.split("?", 1)[0] != "/":
            return client.respond(HTTPStatus.NOT_FOUND, "not found\n")
        response = client.respond(HTTPStatus.OK, "")
        response.body = self._page
        own = {
            "Content-Type": "text/html; charset=utf-8",
            "Content-Length": str(len(self._page)),
            "Cache-Control": "no-store",
        }
        for name, value in own.items():
            response.headers.pop(name, None)  # a second value would be added to the first
            response.headers[name] = value
        return response


async def _ignore(client: Any) -> None:
    """Read what a client sends, and do nothing with it, until it goes."""
    from websockets.exceptions import ConnectionClosedError

    with suppress(ConnectionClosedError):  # it broke off
        async for _ in client:
            pass


def _import_serve() -> Any:
    try:
        from websockets.asyncio.server import serve
    except ImportError as error:
        raise missing_extra("a websocket", "websockets", "live") from error
    return serve
