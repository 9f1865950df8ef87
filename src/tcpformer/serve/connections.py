"""Connections of the service, bounded in number and in how long they wait for a request."""

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_S = 20.0
"""Seconds from a connection, or the first byte after an answer, to the end of a request's head."""
REST_S = 900.0
"""Seconds for the rest of a request that is answered already."""
MOST = 512
"""Connections at once; the system lets a process open 1024 files by default."""


class BoundedConnection(H11Protocol):
    """Closes a connection whose request does not come, and those beyond `MOST`."""

    _seconds = 0.0
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > MOST:
            transport.abort()
        self._limit_wait()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._limit_wait()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._limit_wait()

    def _limit_wait(self) -> None:
        """Start the clock that fits what the client is to send, or stop it."""
        in_work = self.cycle is not None and not self.cycle.response_complete
        seconds = REQUEST_S if self.conn.their_state is h11.IDLE else REST_S
        if in_work or self not in self.connections:  # also of a socket that took over
            seconds = 0.0
        if seconds == self._seconds:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._seconds, self._timer = seconds, None
        if seconds:
            self._timer = self.loop.call_later(seconds, self.timeout_keep_alive_handler)
