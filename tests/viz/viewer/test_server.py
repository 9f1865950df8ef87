"""The server of a page: its files and ranges of them, and nothing else."""

import threading
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest

from tcpformer.viz.viewer.server import PageServer, parse_range

CONTENT = bytes(range(256)) * 4


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PageServer]:
    (tmp_path / "a.bin").write_bytes(CONTENT)
    (tmp_path / "secret").write_text("x")
    with PageServer({"/": (tmp_path / "a.bin", "video/mp4")}) as served:
        thread = threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield served
        served.shutdown()
        thread.join()


def ask(
    server: PageServer, path: str = "/", method: str = "GET", **headers: str
) -> tuple[HTTPResponse, bytes]:
    connection = HTTPConnection("127.0.0.1", server.server_address[1], timeout=20)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer, body


def test_server_sends_a_file_and_ranges_of_it(server: PageServer) -> None:
    answer, body = ask(server)
    assert (answer.status, body) == (200, CONTENT)
    assert answer.headers["Content-Type"] == "video/mp4"
    assert answer.headers["Accept-Ranges"] == "bytes"
    answer, body = ask(server, Range="bytes=10-19")
    assert (answer.status, body) == (206, CONTENT[10:20])
    assert answer.headers["Content-Range"] == "bytes 10-19/1024"
    answer, body = ask(server, Range="bytes=0-")  # of all, too: players tell by it whether they may
    assert (answer.status, body) == (206, CONTENT)
    answer, body = ask(server, method="HEAD")
    assert (answer.status, body) == (200, b"")
    assert answer.headers["Content-Length"] == "1024"


def test_server_refuses_what_is_not_there(server: PageServer) -> None:
    for path in ("/secret", "/../secret", "/a.bin", "/%2e%2e/secret"):
        assert ask(server, path)[0].status == 404
    answer, _ = ask(server, Range="bytes=5000-")
    assert answer.status == 416
    assert answer.headers["Content-Range"] == "bytes */1024"


def test_server_refuses_pages_of_strangers(server: PageServer) -> None:
    assert ask(server, Host="evil.example:80")[0].status == 403
    assert ask(server, Host="localhost:1")[0].status == 200
    assert server.address.startswith("http://127.0.0.1:")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, (0, 100)),
        ("bytes=0-0", (0, 1)),
        ("bytes=90-", (90, 100)),
        ("bytes=-10", (90, 100)),
        ("bytes=-1000", (0, 100)),
        ("bytes=50-999", (50, 100)),
        ("bytes=100-", None),
        ("bytes=9-3", None),
        ("bytes=-0", None),
        ("bytes=0-1,5-6", (0, 100)),
        ("lines=1-2", (0, 100)),
        ("bytes=-", (0, 100)),
    ],
)
def test_parse_range_of(header: str | None, expected: tuple[int, int] | None) -> None:
    assert parse_range(header, 100) == expected
