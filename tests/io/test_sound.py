"""The sound of a video: it begins with the pictures that it belongs to."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import av
import pytest
from sounds import CLICK, click_of, write_clip

from tcpformer.io.parts import cut_video
from tcpformer.io.sound import find_sound
from tcpformer.io.video import Frame, open_video, write_video


def copy(source: Path, path: Path, start: float = 0.0) -> Path:
    video = cut_video(open_video(source), start, None)

    def frames() -> Iterator[Frame]:
        for frame in video.frames():
            yield replace(frame, time=frame.time - video.first_time)

    write_video(path, frames(), video.fps, find_sound(video))
    return path


@pytest.mark.parametrize(
    ("name", "codec", "out"),
    [("a.mp4", "aac", "o.mp4"), ("a.mov", "pcm_s16le", "o.mp4"), ("late.mkv", "aac", "o.mkv")],
)
def test_copy_into_keeps_time(tmp_path: Path, name: str, codec: str, out: str) -> None:
    source = write_clip(tmp_path / name, codec, late=0.4 * (name == "late.mkv"))
    result = copy(source, tmp_path / out)
    assert click_of(source) == pytest.approx(CLICK, abs=0.03)
    assert click_of(result) == pytest.approx(CLICK, abs=0.03)
    with av.open(str(result)) as container:
        assert container.streams.audio[0].codec_context.name == "aac"


def test_copy_into_of_a_part_begins_with_its_first_frame(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "a.mp4", "aac")
    assert click_of(copy(source, tmp_path / "o.mp4", 0.45)) == pytest.approx(CLICK - 0.5, abs=0.03)


def test_copy_into_ends_with_the_pictures(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "a.mp4", "aac")
    video = open_video(source)
    frames = (frame for frame in video.frames() if frame.index < 5)
    write_video(tmp_path / "o.mp4", frames, video.fps, find_sound(video))
    with av.open(str(tmp_path / "o.mp4")) as container:
        times = [frame.time or 0.0 for frame in container.decode(audio=0)]
    assert 0.4 < times[-1] < 0.56


def test_find_sound_leaves_out_what_does_not_fit(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "tcpformer")
    assert find_sound(open_video(write_clip(tmp_path / "silent.mp4", None))) is None
    assert not caplog.records
    source = write_clip(tmp_path / "a.mp4", "aac")
    assert find_sound(open_video(source, slow_motion=4.0)) is None
    assert "slow motion" in caplog.text
