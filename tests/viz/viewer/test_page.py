"""The page: complete in one file, whatever its title, and no address in it."""

import base64
import hashlib
import re
from pathlib import Path

import pytest
from motions import walk
from pages import small_video, unpack

from tcpformer.motion import Motion3D
from tcpformer.viz.viewer import page
from tcpformer.viz.viewer.page import HERE, PageOptions, render_page, write_page
from tcpformer.viz.viewer.payload import Clock
from tcpformer.viz.viewer.web_video import WebVideo

NASTY = "</script><script>alert(1)</script> \"a\" & 'b' %PAYLOAD% é"


@pytest.fixture
def person() -> Motion3D:
    return walk(6)


def payload_of(text: str) -> dict[str, object]:
    match = re.search(r'id="payload">([^<]*)</script>', text)
    assert match is not None
    return unpack(base64.b64decode(match[1]))


def test_render_page_escapes_every_text(person: Motion3D) -> None:
    options = PageOptions(title=NASTY, notes=(NASTY,))
    web = WebVideo(Path("x"), "video/mp4", Clock([0.0, 0.1]))
    text = render_page({0: person}, web, NASTY, options)
    assert "<script>alert" not in text
    assert text.count("</script>") == text.count("<script") == 4
    assert "&lt;/script&gt;&lt;script&gt;alert(1)" in text
    data = payload_of(text)
    assert data["title"] == NASTY
    assert data["notes"][0] == NASTY  # type: ignore[index]
    assert data["video"]["source"] == NASTY  # type: ignore[index]


def test_render_page_names_no_address_of_a_network(person: Motion3D) -> None:
    text = render_page({0: person})
    found = set(re.findall(r"https?://[\w./-]+|\bwss?://|\bimport\(", text))
    assert found <= {"http://www.w3.org/1999/xhtml"}  # a name, which no browser loads
    assert "default-src 'none'" in text
    assert len(text) < 3_000_000
    assert len(text) > 500_000  # three.js is inside


def test_write_page_puts_a_small_video_inside(person: Motion3D, tmp_path: Path) -> None:
    video = small_video(tmp_path / "a.mp4", person.size)
    made = write_page({0: person}, tmp_path / "page.html", video)
    text = made.path.read_text("utf-8")
    match = re.search(r'id="video-data">([^<]*)</script>', text)
    assert match is not None
    assert base64.b64decode(match[1]) == video.path.read_bytes()
    assert payload_of(text)["video"] == {"type": "video/mp4", "source": None}
    assert made.video is None
    assert made.size == made.path.stat().st_size


def test_write_page_copies_a_large_video_beside(
    person: Motion3D, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = small_video(tmp_path / "a.mp4", person.size)
    monkeypatch.setattr(page, "MAX_EMBEDDED", 10)
    made = write_page({0: person}, tmp_path / "a b#.html", video)
    assert made.video == tmp_path / "a b#_video.mp4"
    assert (tmp_path / "a b#_video.mp4").read_bytes() == video.path.read_bytes()
    data = payload_of(made.path.read_text("utf-8"))
    assert data["video"] == {"type": "video/mp4", "source": "a%20b%23_video.mp4"}
    inside = write_page({0: person}, tmp_path / "b.html", video, PageOptions(place="inside"))
    assert inside.video is None


def test_write_page_refuses_another_suffix_and_another_size(
    person: Motion3D, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=r"must end in \.html"):
        write_page({0: person}, tmp_path / "page.pdf")
    with pytest.raises(ValueError, match="expected joints of an image of"):
        write_page({0: person}, tmp_path / "page.html", small_video(tmp_path / "a.mp4"))
    assert not list(tmp_path.glob("*.html"))


def test_bundle_is_built_from_the_sources() -> None:
    """Else run `python tools/build_viewer.py`."""
    sources = b"".join(path.read_bytes() for path in sorted((HERE / "src").glob("*.js")))
    stated = (HERE / "bundle" / "sources.sha256").read_text("utf-8").strip()
    assert hashlib.sha256(sources).hexdigest() == stated
    assert "three.js authors" in (HERE / "bundle" / "LICENSE.three.js.txt").read_text("utf-8")
