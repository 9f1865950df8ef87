"""The websocket server: who may listen, and what they get."""

import json
import socket
import struct
import time
from collections.abc import Iterator

import pytest
from live_people import frame_of
from walk26 import walk26

from tcpformer.serve.send import JsonSocket, open_sender
from tcpformer.serve.sockets import SocketServer
from tcpformer.skeleton import BODY_26

client = pytest.importorskip("websockets.sync.client", reason="websockets is not installed")
from websockets.exceptions import InvalidStatus  # noqa: E402

HOST = "127.0.0.1"


@pytest.fixture
def server() -> Iterator[SocketServer]:
    opened = SocketServer(HOST, 0)
    yield opened
    opened.close()


def wait_for(server: SocketServer, clients: int) -> None:
    end = time.monotonic() + 5
    while server.clients != clients and time.monotonic() < end:
        time.sleep(0.005)
    assert server.clients == clients


def test_every_client_gets_every_frame(server: SocketServer) -> None:
    frame, address = frame_of(walk26(1), 0), f"ws://{HOST}:{server.port}"
    with client.connect(address) as a, client.connect(address) as b:
        wait_for(server, 2)
        JsonSocket(server).send(frame)
        for each in (a, b):
            got = json.loads(each.recv(timeout=5))
            assert [person["id"] for person in got["people"]] == [0]


def test_slow_client_misses_messages_and_delays_no_one(server: SocketServer) -> None:
    address, big = f"ws://{HOST}:{server.port}", b"0" * 400_000
    with client.connect(address, max_queue=1, close_timeout=0.1) as slow:
        wait_for(server, 1)
        start = time.monotonic()
        for _ in range(50):
            server.broadcast(big)
        assert time.monotonic() - start < 1
        time.sleep(0.1)
        (connection,) = server._server.connections  # type: ignore[union-attr]
        assert connection.transport.get_write_buffer_size() < 2_000_000
        assert slow.recv(timeout=5) == big


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost.evil.example"])
def test_pages_of_strangers_may_not_listen(server: SocketServer, origin: str) -> None:
    with pytest.raises(InvalidStatus, match="403"):
        client.connect(f"ws://{HOST}:{server.port}", origin=origin)


def test_page_of_this_machine_may_listen(server: SocketServer) -> None:
    with client.connect(f"ws://{HOST}:{server.port}", origin="http://localhost:5173"):
        wait_for(server, 1)


def test_port_that_is_taken_raises(server: SocketServer) -> None:
    with pytest.raises(OSError, match=f"cannot listen at {HOST}:{server.port}"):
        open_sender(f"ws://{HOST}:{server.port}", BODY_26, print)


def test_close_frees_the_port(server: SocketServer) -> None:
    server.close()
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind((HOST, server.port))
    server.broadcast("nothing happens")


def test_client_that_breaks_off_is_no_error(
    server: SocketServer, caplog: pytest.LogCaptureFixture
) -> None:
    lost = client.connect(f"ws://{HOST}:{server.port}", close_timeout=0.1)
    wait_for(server, 1)
    lost.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    lost.socket.close()  # without a closing message
    wait_for(server, 0)
    server.close()
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
