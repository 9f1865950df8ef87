"""Who may call the service."""

from pathlib import Path

import pytest
from fastapi import FastAPI, WebSocket
from fastapi.testclient import TestClient
from starlette.testclient import WebSocketDenialResponse

from tcpformer.serve.access import Access, is_loopback, read_token

TOKEN = "0123456789abcdef"


def client(token: str | None, host: str = "http://localhost:8000") -> TestClient:
    app = FastAPI()

    @app.get("/")
    @app.get("/secret")
    def secret() -> str:
        return "here"

    @app.websocket("/live")
    async def live(socket: WebSocket) -> None:
        await socket.accept()
        await socket.close()

    app.add_middleware(Access, token=token)
    return TestClient(app, host)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": f"Bearer {TOKEN}"}, 200),
        ({"Authorization": f"bearer {TOKEN}"}, 200),
        ({"Authorization": f"Bearer {TOKEN}x"}, 401),
        ({"Authorization": TOKEN}, 401),
        ({"Authorization": "Bearer \xe9"}, 401),
        ({"Cookie": f"tcpformer_token={TOKEN}"}, 200),
        ({"Cookie": "tcpformer_token=no"}, 401),
    ],
)
def test_token_is_required_beyond_the_page(headers: dict[str, str], status: int) -> None:
    encoded = {name.encode(): value.encode("latin-1") for name, value in headers.items()}
    with_token = client(TOKEN, "http://example.org")
    assert with_token.get("/secret", headers=encoded).status_code == status
    assert with_token.get("/").status_code == 200


def test_sockets_need_the_token_too() -> None:
    made = client(TOKEN)
    with pytest.raises(WebSocketDenialResponse), made.websocket_connect("/live"):
        pass
    with made.websocket_connect("/live", headers={"Authorization": f"Bearer {TOKEN}"}):
        pass


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("127.0.0.1:80", 200),
        ("[::1]:8000", 200),
        ("evil.example", 403),
        ("127.0.0.1.evil.example", 403),
        ("", 403),
        ("[", 403),
    ],
)
def test_without_a_token_other_names_of_this_machine_are_refused(host: str, status: int) -> None:
    assert client(None).get("/secret", headers={"Host": host}).status_code == status


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://localhost:8000", 200),
        ("http://evil.example", 403),
        ("null", 403),
        ("http://localhost:9000", 403),
    ],
)
def test_pages_of_other_origins_are_refused(origin: str, status: int) -> None:
    answer = client(None).get("/secret", headers={"Origin": origin})
    assert answer.status_code == status
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_read_token_names_what_is_expected(tmp_path: Path) -> None:
    path = tmp_path / "token"
    for text in ("", "short", "two words of some length", "\xe9" * 20):
        path.write_text(text, "latin-1")
        with pytest.raises(ValueError, match="expected a token"):
            read_token(path)
    path.write_text(f"{TOKEN}\n")
    assert read_token(path) == TOKEN


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("192.168.1.4", False),
        ("example.org", False),
        ("", False),
    ],
)
def test_is_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected
