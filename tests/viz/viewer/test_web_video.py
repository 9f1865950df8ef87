"""The video of a page: kept where browsers play it, else converted frame by frame."""

from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from pages import TIMES, small_video
from sounds import CLICK, click_of, write_clip

from tcpformer.io.video import open_video
from tcpformer.io.video_coding import Coding
from tcpformer.viz.viewer import web_video
from tcpformer.viz.viewer.web_video import make_web_video, media_type


@pytest.mark.parametrize(
    ("name", "containers", "codec", "pixels", "expected"),
    [
        ("a.mp4", ("mov", "mp4"), "h264", "yuv420p", "video/mp4"),
        ("a.MOV", ("mov", "mp4"), "h264", "yuvj420p", "video/mp4"),
        ("a.webm", ("matroska", "webm"), "vp9", "yuv420p", "video/webm"),
        ("a.mkv", ("matroska", "webm"), "vp9", "yuv420p", None),
        ("a.mkv", ("matroska", "webm"), "h264", "yuv420p", None),
        ("a.mp4", ("mov", "mp4"), "hevc", "yuv420p", None),
        ("a.mp4", ("mov", "mp4"), "h264", "yuv420p10le", None),
        ("a.avi", ("avi",), "mjpeg", "yuvj420p", None),
    ],
)
def test_media_type_is_of_what_all_browsers_play(
    name: str, containers: tuple[str, ...], codec: str, pixels: str, expected: str | None
) -> None:
    assert media_type(Path(name), Coding(containers, codec, pixels)) == expected


def test_make_web_video_keeps_a_video_that_browsers_play(tmp_path: Path) -> None:
    video = small_video(tmp_path / "a.mp4")
    made = make_web_video(video, tmp_path / "copy.mp4")
    assert made.path == video.path
    assert made.note == ""
    np.testing.assert_allclose(made.clock.stamps, TIMES, atol=1e-4)
    slow = make_web_video(replace(video, slow_motion=4.0), tmp_path / "copy.mp4")
    np.testing.assert_allclose(slow.clock.stamps, TIMES, atol=1e-4)
    assert slow.clock.slow_motion == 4


def test_make_web_video_converts_another_to_smaller_h264(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_video, "MAX_HEIGHT", 26)
    video = small_video(tmp_path / "a.mkv", (48, 80))
    done = []
    made = make_web_video(video, tmp_path / "copy.mp4", lambda *each: done.append(each))
    copy = open_video(made.path)
    assert made.path == tmp_path / "copy.mp4"
    assert copy.size == (26, 44)
    assert "(h264) was converted to H.264 of 26 x 44." in made.note
    np.testing.assert_allclose(made.clock.stamps, TIMES, atol=1e-4)
    levels = [frame.image.mean() for frame in copy.frames()]
    np.testing.assert_allclose(levels, 50 * np.arange(4), atol=6)
    assert done[-1] == (4, 4)


@pytest.mark.parametrize("codec", ["aac", "pcm_s16le", "ac3"])
@pytest.mark.parametrize("slow_motion", [None, 4.0])
def test_make_web_video_keeps_the_sound(
    tmp_path: Path, codec: str, slow_motion: float | None
) -> None:
    """A page plays slow motion at the speed of the file."""
    source = write_clip(tmp_path / "a.mkv", codec)
    made = make_web_video(open_video(source, slow_motion=slow_motion), tmp_path / "copy.mp4")
    assert made.note.endswith(", with its sound.")
    assert click_of(made.path) == pytest.approx(CLICK, abs=0.03)
    with av.open(str(made.path)) as container:
        assert container.streams.audio[0].codec_context.name == "aac"
