"""The live socket: frames in, people out, and what is refused."""

import asyncio
import json
from collections.abc import Iterator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
from fastapi.testclient import TestClient
from served import make_stand_in, options, wait_until
from stand_in_work import StandInWork
from starlette.testclient import WebSocketDenialResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from tcpformer.serve.http import create_app
from tcpformer.serve.live_socket import (
    LiveCounts,
    LiveLimits,
    LiveSocket,
    decode_jpeg,
    jpeg_size,
    parse_keypoints,
    parse_settings,
)

ADDRESS = "ws://127.0.0.1/v1/live"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    settings = options(tmp_path_factory.mktemp("data"))
    limits = LiveLimits(connections=2, frame_bytes=20_000, pixels=100_000, idle_s=5.0)
    settings = replace(settings, live=limits, pool=replace(settings.pool, workers=0))
    app = create_app(settings, StandInWork(), make_stand_in)
    with TestClient(app, "http://127.0.0.1") as client:
        yield client


def jpeg(value: int, size: tuple[int, int] = (64, 48)) -> bytes:
    return cv2.imencode(".jpg", np.full((*size[::-1], 3), value, np.uint8))[1].tobytes()


def keypoints(value: float, **more: Any) -> str:
    return json.dumps({"people": [[[value, value, value]]], **more})


def test_pictures_and_keypoints_are_answered(client: TestClient) -> None:
    with client.websocket_connect(ADDRESS) as socket:
        assert socket.receive_json() == {"ready": True, "skeleton": {}}
        socket.send_bytes(jpeg(90))
        answer = socket.receive_json()
        assert (answer["frame"], answer["received"]) == (0, 1)
        assert answer["people"][0]["xyz"][0][0] == pytest.approx(90, abs=1)
        socket.send_text(keypoints(0.5))
        answer = socket.receive_json()
        assert (answer["frame"], answer["people"][0]["xyz"]) == (1, [[0.5, 0.5, 0.5]])


def test_lookahead_answers_an_earlier_frame(client: TestClient) -> None:
    with client.websocket_connect(f"{ADDRESS}?lookahead=1") as socket:
        socket.receive_json()
        socket.send_text(keypoints(0.25))
        socket.send_text(keypoints(0.5))
        socket.send_text(keypoints(1.0))
        answer = socket.receive_json()
        assert answer["people"][0]["xyz"][0][0] == (0.25, 0.5)[answer["frame"]]


@pytest.mark.parametrize(
    ("message", "word"),
    [
        ("no JSON", "expected {"),
        ('{"people": 3}', "expected {"),
        (keypoints(1, time="now"), "time in seconds"),
        (keypoints(1, ids=["a"]), "expected ids"),
        (b"\x89PNG", "expected a JPEG"),
        (jpeg(1)[:200], "expected a JPEG|damaged"),
        (jpeg(1, (400, 300)), "at most 100000 pixels"),
        (b"\xff\xd8\xff" + bytes(30_000), "at most 20000 bytes"),
    ],
)
def test_bad_frames_close_the_socket_with_a_sentence(
    client: TestClient, message: str | bytes, word: str
) -> None:
    with client.websocket_connect(ADDRESS) as socket:
        socket.receive_json()
        if isinstance(message, bytes):
            socket.send_bytes(message)
        else:
            socket.send_text(message)
        text = socket.receive_json()["error"]
        assert any(each in text for each in word.split("|"))
        with pytest.raises(WebSocketDisconnect):
            socket.receive_json()


def test_sockets_at_once_are_bounded(client: TestClient) -> None:
    with client.websocket_connect(ADDRESS) as one, client.websocket_connect(ADDRESS) as other:
        one.receive_json()
        other.receive_json()
        with (
            pytest.raises(WebSocketDenialResponse) as refused,
            client.websocket_connect(ADDRESS),
        ):
            pass
        assert refused.value.status_code == 429
    service = client.app.state.service  # type: ignore[attr-defined]
    wait_until(lambda: service.live.open == service.sockets.taken == 0)


@pytest.mark.parametrize(
    "query",
    [
        {"lookahead": "9"},
        {"lookahead": "x"},
        {"height": "tall"},
        {"size": "4"},
        {"size": "0x4"},
        {"skeleton": "cat"},
        {"weights": "/etc/passwd"},
    ],
)
def test_unknown_settings_raise(query: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"expected|must be"):
        parse_settings(query)


def test_settings_are_read() -> None:
    settings = parse_settings({"lookahead": "2", "size": "640x480", "skeleton": "coco"})
    assert (settings.lookahead, settings.size, settings.skeleton.name) == (2, (640, 480), "coco")


def test_jpeg_size_is_that_of_the_picture() -> None:
    assert jpeg_size(jpeg(3, (57, 31))) == (57, 31)
    assert decode_jpeg(jpeg(3, (57, 31)), 10_000).shape == (31, 57, 3)


def test_a_forged_size_is_refused_before_decoding() -> None:
    data = bytearray(jpeg(3))
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = b"\xff\xff\xff\xff"
    with pytest.raises(ValueError, match="65535 x 65535"):
        decode_jpeg(bytes(data), 10_000)


def test_client_that_reads_nothing_is_left() -> None:
    arrived, counts = [{"type": "websocket.connect"}], LiveCounts()

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0.01)
        return arrived.pop() if arrived else {"type": "websocket.receive", "text": keypoints(1)}

    async def send(message: MutableMapping[str, Any]) -> None:
        if message["type"] != "websocket.accept" and "ready" not in message.get("text", ""):
            await asyncio.sleep(60)

    async def run() -> None:
        socket = WebSocket({"type": "websocket", "query_string": b""}, receive, send)
        with ThreadPoolExecutor(1) as executor:
            made = LiveSocket(socket, LiveLimits(idle_s=0.2), counts, executor)
            await asyncio.wait_for(made.run(make_stand_in), 20)

    asyncio.run(run())
    assert counts.received > 1
    assert counts.answered == 0


def test_parse_keypoints_limits_people() -> None:
    with pytest.raises(ValueError, match="at most 1 people"):
        parse_keypoints('{"people": [[[1, 2, 3]], [[1, 2, 3]]]}', 1)
