"""The verb `serve`: the HTTP service."""

import errno
import logging
import os
import socket
from pathlib import Path

from ..optional import missing_extra
from ._terminal import show, show_notes

DATA = Path("tcpformer-data")
UNREAD_S = 60.0
"""Seconds after which a client that reads nothing of its answer is cut off (Linux)."""


def serve(
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    data: Path = DATA,
    token_file: Path | None = None,
    workers: int = 1,
    keep_days: float = 7.0,
    device: str = "auto",
) -> None:
    """Run a service of jobs and live motion over HTTP, with a page for both, until Ctrl-C.

    Args:
        host: Address to listen at; any but this machine's own needs --token-file.
        port: Port to listen at; 0 takes a free one.
        data: Folder of jobs and results; made if missing. Nothing is written elsewhere.
        token_file: File of one line, the token that every request must bear (Authorization:
            Bearer TOKEN).
        workers: Jobs at once, each in a process of its own.
        keep_days: Days that a job and its files stay after its end.
        device: Where networks run: "auto", "cpu", "cuda", "cuda:N" or "mps".
    """
    try:
        import uvicorn

        from ..serve.access import is_loopback, read_token
        from ..serve.connections import BoundedConnection
        from ..serve.http import ServiceOptions, create_app
        from ..serve.workers import PoolOptions
    except ModuleNotFoundError as error:
        raise missing_extra("tcpformer serve", error.name or "fastapi", "serve") from error
    if workers < 1 or not keep_days >= 0:
        raise ValueError(
            f"expected at least 1 worker and 0 days, got --workers {workers} --keep-days "
            f"{keep_days:g}."
        )
    if token_file is None and not is_loopback(host):
        raise ValueError(
            f"--host {host} lets in other machines; give --token-file, or leave out --host."
        )
    options = ServiceOptions(
        data=data.absolute(),
        token=None if token_file is None else read_token(token_file),
        keep_days=keep_days,
        device=device,
        threads=max(1, (os.cpu_count() or 1) // workers),
        pool=PoolOptions(workers=workers),
    )
    app = create_app(options)
    config = uvicorn.Config(
        app,
        http=BoundedConnection,
        log_level="warning",
        access_log=False,  # it would hold addresses of people
        ws_max_size=2 * options.live.frame_bytes,  # beyond the limit, for an answer in words
        ws_max_queue=2,
        timeout_keep_alive=75,  # longer than clients and proxies keep a connection that is idle
        timeout_graceful_shutdown=5,
        server_header=False,
    )
    # uvicorn would write a line for each live socket that is refused
    logging.getLogger("uvicorn.error").addFilter(_is_of_no_refusal)
    with _listen(host, port) as listener, show_notes():
        name = f"[{host}]" if ":" in host else host
        show(f"http://{name}:{listener.getsockname()[1]}/ until Ctrl-C")
        app.state.service.start()
        uvicorn.Server(config).run(sockets=[listener])
        show("stopped")


def _is_of_no_refusal(record: logging.LogRecord) -> bool:
    return "without completing handshake" not in record.getMessage()


def _listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises:
        ValueError: If the port is no port.
        OSError: If it is in use, or the address is not this machine's.
    """
    if not 0 <= port <= 65535:
        raise ValueError(f"--port must be 0 to 65535, got {port}.")
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind)
    except OSError as error:
        raise OSError(f"--host {host}: {error.strerror}.") from error
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, os.name != "nt")
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # accepted connections inherit it
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(1000 * UNREAD_S))
    try:
        listener.bind(address)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise OSError(f"port {port} of {host} is in use; choose another --port.") from error
        raise OSError(f"cannot listen at {host}:{port}: {error.strerror}.") from error
    return listener
