"""The sound of a video: it begins with the pictures that it belongs to."""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.stream import AudioStream
from av.container import OutputContainer

from tcpformer.io.parts import cut_video
from tcpformer.io.sound import find_sound
from tcpformer.io.video import Frame, open_video, write_video

RATE, CLICK = 48_000, 0.7


def add_sound(container: OutputContainer, codec: str) -> AudioStream:
    stream = container.add_stream(codec, rate=RATE, layout="mono")
    assert isinstance(stream, AudioStream)
    return stream


def write_clip(path: Path, codec: str | None, late: float = 0.0) -> Path:
    """Write 1.2 s of grey pictures, with a click 0.7 s after the first one."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", 10, options={"bf": "0"})
        video.width, video.height, video.pix_fmt = 32, 32, "yuv420p"
        sound = None if codec is None else add_sound(container, codec)
        for i in range(12):
            picture = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 128, np.uint8))
            picture.pts, picture.time_base = round(1000 * (i / 10 + late)), Fraction(1, 1000)
            container.mux(video.encode(picture))
        container.mux(video.encode(None))
        if sound is not None:
            wave = np.zeros((1, round((1.2 + late) * RATE)), np.int16)
            at = round((CLICK + late) * RATE)
            wave[0, at : at + 480] = 20_000 * np.sin(np.arange(480))
            for first in range(0, wave.shape[1] - 1023, 1024):
                part = np.ascontiguousarray(wave[:, first : first + 1024])
                frame = av.AudioFrame.from_ndarray(part, format="s16", layout="mono")
                frame.pts, frame.rate, frame.time_base = first, RATE, Fraction(1, RATE)
                container.mux(sound.encode(frame))
            container.mux(sound.encode(None))
    return path


def click_of(path: Path) -> float:
    """Return when the click is heard, in seconds after the first picture."""
    with av.open(str(path)) as container:
        first = next(container.decode(video=0)).time or 0.0
    with av.open(str(path)) as container:
        parts = [(f.time or 0.0, f.to_ndarray().ravel(), f.rate) for f in container.decode(audio=0)]
    loud = [t + int(np.abs(x).argmax()) / r for t, x, r in parts if np.abs(x).max() > 0.1]
    return loud[0] - first


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
