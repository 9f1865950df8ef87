"""The verb `serve`: bad input in one sentence, and clients that are slow or read nothing."""

import importlib
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from commands import refused
from served import make_stand_in, wait_until
from stand_in_work import StandInWork
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect as websocket

from tcpformer.cli import main
from tcpformer.serve import connections, http

module = importlib.import_module("tcpformer.cli.serve")
LARGE = 30_000_000
"""Bytes of a result: more than the system keeps for a client that does not read."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, http.Service]]:
    """A service without workers that soon loses patience, and the port it chose."""
    made, create_app = list[Any](), http.create_app

    class Server(uvicorn.Server):
        def run(self, sockets: list[socket.socket] | None = None) -> None:
            made.extend([self, sockets])
            super().run(sockets)

    def create(options: http.ServiceOptions) -> Any:
        pool = replace(options.pool, workers=0)
        changed = replace(options, upload_idle_s=0.5, pool=pool)
        app = create_app(changed, StandInWork(), make_stand_in)
        made.append(app.state.service)
        return app

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(uvicorn, "Server", Server)
        patch.setattr(http, "create_app", create)
        patch.setattr(module, "UNREAD_S", 0.5)
        data = tmp_path_factory.mktemp("data")
        thread = threading.Thread(
            target=main, args=(["serve", "--port", "0", "--data", str(data)],)
        )
        thread.start()
        wait_until(lambda: len(made) == 3)
        service, server, listeners = made
        wait_until(lambda: server.started)
        yield listeners[0].getsockname()[1], service
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()


def connect(port: int, text: str) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), timeout=30)
    client.sendall(text.replace("\n", "\r\n").encode())
    return client


def read_answer(client: socket.socket) -> tuple[int, str]:
    answer = b""
    while piece := client.recv(65536):
        answer += piece
    return int(answer.split()[1]), json.loads(answer.split(b"\r\n\r\n")[1])["detail"]


def test_upload_that_pauses_is_ended(running: tuple[int, http.Service]) -> None:
    text = "POST /v1/jobs HTTP/1.1\nHost: localhost\nContent-Length: 999\n"
    text += "Content-Type: multipart/form-data; boundary=b\n\n--b\n"
    with connect(running[0], text) as client:
        status, detail = read_answer(client)
    assert status == 408
    assert detail == "expected an upload of at most 900 s, without a pause of 0.5 s."


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="needs Linux")
def test_client_that_reads_nothing_is_cut_off(running: tuple[int, http.Service]) -> None:
    port, store = running[0], running[1].store
    with store.new_folder() as folder:
        (folder / "source.mp4").write_bytes(b"x")
        store.add(folder / "source.mp4", {}, None, 9)
    job = store.claim()
    assert job is not None
    store.results(job).mkdir()
    (store.results(job) / "large").write_bytes(bytes(LARGE))
    store.finish(job, files={"large": LARGE})
    handles = Path("/proc/self/fd")
    before = len(os.listdir(handles))
    with connect(
        port, f"GET /v1/jobs/{job.id}/files/large HTTP/1.1\nHost: localhost\n\n"
    ) as client:
        wait_until(lambda: len(os.listdir(handles)) > before + 1)
        wait_until(lambda: len(os.listdir(handles)) <= before + 1)
        client.settimeout(5)
        with pytest.raises(OSError, match=r"reset|timed out"):
            read_answer(client)


GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize("sent", [b"", b"GET /he", GET + GET[:20]], ids=["none", "start", "second"])
def test_request_that_does_not_come_is_not_waited_for(
    running: tuple[int, http.Service], sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "REQUEST_S", 1.0)
    start, answer, ended = time.monotonic(), b"", False
    with socket.create_connection(("127.0.0.1", running[0]), timeout=0.1) as client:
        client.sendall(sent)
        while not ended and time.monotonic() < start + 30:
            try:
                client.sendall(b"a" if sent else b"")
                piece = client.recv(65536)
                answer, ended = answer + piece, not piece
            except TimeoutError:
                continue
            except OSError:  # reset, since a byte was on its way
                ended = True
    assert ended
    assert time.monotonic() > start + 0.9
    assert answer.startswith(b"HTTP/1.1 200" if GET in sent else b"")


def test_sockets_and_answers_may_take_longer_than_requests(
    running: tuple[int, http.Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "REQUEST_S", 1.0)
    port, store = running[0], running[1].store
    with store.new_folder() as folder:
        (folder / "source.mp4").write_bytes(b"x")
        job = store.add(folder / "source.mp4", {}, None, 9)[0]
    text = f"GET /v1/jobs/{job.id}/events HTTP/1.1\nHost: localhost\nConnection: close\n\n"
    with connect(port, text) as client, websocket(f"ws://127.0.0.1:{port}/v1/live") as live:
        time.sleep(2.0)
        assert json.loads(live.recv(30))["ready"]
        live.send(b"no picture")
        assert "error" in json.loads(live.recv(30))
        store.delete(job)
        assert "cancelled" in client.makefile().read()


def test_connections_are_bounded(
    running: tuple[int, http.Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "MOST", 0)
    with socket.create_connection(("127.0.0.1", running[0]), timeout=30) as client:
        assert client.recv(1) == b""


@pytest.mark.parametrize(("size", "answered"), [(1_500_000, True), (3_000_000, False)])
def test_frames_that_are_too_large_close_the_socket(
    running: tuple[int, http.Service], size: int, answered: bool
) -> None:
    with websocket(f"ws://127.0.0.1:{running[0]}/v1/live") as live:
        assert json.loads(live.recv(30))["ready"]
        live.send(bytes(size))
        if answered:
            error = json.loads(live.recv(30))["error"]
            assert error == "expected a frame of at most 1048576 bytes."
        with pytest.raises(ConnectionClosed):
            live.recv(30)
        assert live.close_code == 1009


def test_refused_sockets_write_no_lines(
    running: tuple[int, http.Service], capfd: pytest.CaptureFixture[str]
) -> None:
    sockets = running[1].sockets
    wait_until(lambda: sockets.taken == 0)  # those of earlier tests end a moment later
    with ExitStack() as places:
        for _ in range(sockets.most):
            places.enter_context(sockets.take())
        with (
            pytest.raises(InvalidStatus) as refused,
            websocket(f"ws://127.0.0.1:{running[0]}/v1/live"),
        ):
            pass
    assert refused.value.response.status_code == 429
    assert capfd.readouterr().err == ""


def test_port_in_use_is_named(
    running: tuple[int, http.Service], tmp_path: Path, capsys: Any
) -> None:
    port = running[0]
    text = refused(capsys, "serve", "--port", port, "--data", tmp_path / "data")
    assert f"port {port} of 127.0.0.1 is in use; choose another --port." in text


@pytest.mark.skipif(os.name == "nt", reason="needs permissions as of Unix")
def test_folder_without_permission_is_named(tmp_path: Path, capsys: Any) -> None:
    data, user = tmp_path / "data", os.geteuid()
    data.mkdir()
    data.chmod(0o555)
    if user == 0:
        for folder in (tmp_path, *tmp_path.parents[:2]):
            folder.chmod(folder.stat().st_mode | 0o755)
        os.seteuid(65534)
    try:
        text = refused(capsys, "serve", "--port", 0, "--data", data)
    finally:
        os.seteuid(user)
    assert f"cannot write into the folder {data}: Permission denied; choose another one" in text


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--port", 70000), "--port must be 0 to 65535, got 70000."),
        (("--host", "0.0.0.0"), "--host 0.0.0.0 lets in other machines; give --token-file"),
        (("--host", "no.such.host.invalid", "--token-file", "TOKEN"), "--host no.such.host"),
        (("--host", "192.0.2.1", "--token-file", "TOKEN"), "cannot listen at 192.0.2.1:0"),
        (("--workers", 0), "expected at least 1 worker and 0 days"),
        (("--keep-days", "nan"), "expected at least 1 worker and 0 days"),
        (("--token-file", "missing"), "missing"),
    ],
)
def test_bad_input_is_one_sentence(
    tmp_path: Path, capsys: Any, arguments: tuple[Any, ...], sentence: str
) -> None:
    (tmp_path / "token").write_text("0123456789abcdef")
    given = [str(tmp_path / "token") if each == "TOKEN" else each for each in arguments]
    port = () if "--port" in given else ("--port", 0)
    assert sentence in refused(capsys, "serve", *port, "--data", tmp_path / "data", *given)
