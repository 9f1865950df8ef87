"""The live page: what it is served as, who may watch, and how it looks in a browser."""

import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from browser import Visit, start_chromium
from live_people import frame_of
from walk26 import walk26

from tcpformer.serve.view import WIDTH, LiveView, encode
from tcpformer.skeleton import BODY_26

client = pytest.importorskip("websockets.sync.client", reason="websockets is not installed")
from websockets.exceptions import InvalidStatus  # noqa: E402


@pytest.fixture
def view() -> Iterator[LiveView]:
    opened = LiveView(BODY_26)
    yield opened
    opened.close()


def test_page_is_served_whole(view: LiveView) -> None:
    with urllib.request.urlopen(view.address) as answer:
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        text = answer.read().decode()
    assert "TcpformerScene" in text
    assert "%SCENE%" not in text
    assert text.rstrip().endswith("</html>")


def test_other_address_is_not_found(view: LiveView) -> None:
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(view.address + "other")


@pytest.mark.parametrize("origin", [None, "http://evil.example", "http://localhost:1"])
def test_only_the_page_itself_may_watch(view: LiveView, origin: str | None) -> None:
    with pytest.raises(InvalidStatus, match="403"):
        client.connect(view.address.replace("http", "ws"), origin=origin)


def test_encode_shrinks_a_large_picture() -> None:
    picture = np.zeros((720, 1280, 3), np.uint8)
    picture[..., 0] = 255
    data = encode(picture)
    assert data[:2] == b"\xff\xd8"
    assert len(data) < 20_000
    assert WIDTH == 640


@pytest.mark.slow
def test_page_shows_picture_and_people(view: LiveView) -> None:
    picture = np.full((360, 640, 3), (200, 60, 60), np.uint8)
    with start_chromium() as browser:
        visit = Visit(browser, view.address)
        motion = walk26(4)
        for k in range(4):
            view.send(frame_of(motion, k, people=2), picture)
        visit.run("while (tcpformer.frames < 4) await new Promise((go) => setTimeout(go, 20));")
        visit.run("await new Promise((go) => requestAnimationFrame(() => setTimeout(go)));")
        assert str(visit.run("return document.getElementById('state').textContent"))[0] == "2"
        drawn = visit.run(
            "const c = document.getElementById('picture');"
            "return [...c.getContext('2d').getImageData(c.width / 2, c.height / 2, 1, 1).data];"
        )
        assert not visit.problems
        assert len(visit.requests) == 1
        np.testing.assert_allclose(drawn, [200, 60, 60, 255], atol=60)  # type: ignore[arg-type]
        visit.close()


@pytest.mark.slow
def test_page_follows_people_who_leave_the_view(view: LiveView) -> None:
    look = "return [...scene.controls.target.toArray()];"
    with start_chromium() as browser:
        visit = Visit(browser, view.address)
        frame, looks = frame_of(walk26(1), 0), []
        for k, shift in enumerate((0.0, 0.3, 9.0)):
            step = np.array([shift, 0.0, 0.0])
            people = tuple(replace(each, xyz=each.xyz + step) for each in frame.people)
            view.send(replace(frame, people=people))
            wait = "await new Promise((go) => setTimeout(go, 20));"
            visit.run(f"while (tcpformer.frames < {k + 1} || scene.flight) {wait}")
            looks.append(visit.run(look))
        assert not visit.problems
        visit.close()
    first, near, far = np.array(looks)
    np.testing.assert_array_equal(near, first)
    np.testing.assert_allclose(far - first, [9.0, 0.0, 0.0], atol=0.01)
