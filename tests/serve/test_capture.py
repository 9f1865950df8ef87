"""Sources without a camera: pictures that come, are dropped, are lost and come back."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from tcpformer.io.video import Frame, write_video
from tcpformer.serve import capture
from tcpformer.serve.capture import (
    AddressSource,
    CameraSource,
    FileSource,
    Reader,
    Shot,
    open_source,
)

BLACK = np.zeros((4, 6, 3), np.uint8)


class Scripted:
    """A camera that follows a script: the pictures of each time that it is opened."""

    name = "camera 7"

    def __init__(self, *openings: list[float] | Exception, live: bool = True) -> None:
        self.openings, self.live = list(openings), live

    def shots(self) -> Iterator[Shot]:
        opening = self.openings.pop(0) if self.openings else []
        if isinstance(opening, Exception):
            raise opening
        for at in opening:
            yield Shot(BLACK, float(at), time.monotonic())
        if self.openings:
            raise OSError("camera 7 gives no more pictures: it was unplugged, or taken away.")


def read(source: Scripted, notes: list[str] | None = None) -> list[float]:
    note: Callable[[str], object] = ([] if notes is None else notes).append
    reader = Reader(source, drop=False, retry_s=0.0, note=note)
    return [shot.time for shot in reader]


def video(path: Path, frames: int = 6, fps: float = 50.0) -> Path:
    write_video(
        path, (Frame(i, i / fps, np.full((32, 32, 3), 9, np.uint8)) for i in range(frames)), fps
    )
    return path


def test_reader_that_waits_gives_every_picture() -> None:
    assert read(Scripted([1, 2, 3, 4])) == [1, 2, 3, 4]


def test_newest_picture_wins_and_the_others_are_counted() -> None:
    passed, taken = threading.Event(), []

    class Burst(Scripted):
        def shots(self) -> Iterator[Shot]:
            yield Shot(BLACK, 0.0, 0.0)
            taken_first.wait(5)
            for at in (1.0, 2.0, 3.0):
                yield Shot(BLACK, at, 0.0)
            passed.set()

    taken_first = threading.Event()
    reader = Reader(Burst())
    for shot in reader:
        taken.append(shot.time)
        taken_first.set()
        passed.wait(5)
    assert taken == [0.0, 3.0]
    assert (reader.count, reader.dropped) == (4, 2)


def test_camera_that_is_lost_is_opened_again() -> None:
    notes: list[str] = []
    source = Scripted([1, 2], OSError("busy"), OSError("busy"), [8, 9])
    assert read(source, notes) == [1, 2, 8, 9]
    assert notes == [
        "camera 7 gives no more pictures: it was unplugged, or taken away; waiting for it to come "
        "back.",
        "camera 7 is back.",
    ]


def test_camera_that_cannot_be_opened_at_first_raises() -> None:
    with pytest.raises(OSError, match="camera 7 is busy"):
        read(Scripted(OSError("camera 7 is busy"), [1]))


def test_file_that_breaks_off_raises_after_its_pictures() -> None:
    reader = Reader(Scripted([1, 2], [3], live=False), drop=False)
    with pytest.raises(OSError, match="no more pictures"):
        list(reader)
    assert reader.count == 2


def test_defect_of_a_source_reaches_the_reader() -> None:
    with pytest.raises(ZeroDivisionError):
        read(Scripted(ZeroDivisionError("a defect")))


def test_stop_ends_a_reader_that_waits() -> None:
    reader = Reader(Scripted([float(i) for i in range(1000)]), drop=False)
    got = []
    for shot in reader:
        got.append(shot.time)
        if len(got) == 3:
            reader.stop()
    assert got == [0, 1, 2]


def test_file_plays_at_its_own_pace(tmp_path: Path) -> None:
    path = video(tmp_path / "a.mp4")
    start = time.monotonic()
    shots = list(FileSource(path).shots())
    assert time.monotonic() - start >= 0.1
    np.testing.assert_allclose([shot.time for shot in shots], np.arange(6) / 50, atol=1e-3)


def test_file_without_pace_does_not_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = video(tmp_path / "a.mp4", fps=0.5)  # ten seconds
    monkeypatch.setattr(capture.time, "sleep", lambda seconds: pytest.fail("it waits"))
    assert len(list(FileSource(path, pace=False).shots())) == 6


class Device:
    """A stand-in for `cv2.VideoCapture`."""

    def __init__(self, opened: bool, pictures: int = 0) -> None:
        self.opened, self.left, self.released = opened, pictures, False

    def isOpened(self) -> bool:
        return self.opened

    def set(self, key: int, value: float) -> bool:
        return False

    def read(self) -> tuple[bool, np.ndarray | None]:
        self.left -= 1
        return (
            (True, np.full((2, 2, 3), (255, 0, 0), np.uint8)) if self.left >= 0 else (False, None)
        )

    def release(self) -> None:
        self.released = True


def test_camera_gives_rgb_until_it_is_unplugged(monkeypatch: pytest.MonkeyPatch) -> None:
    device = Device(True, 2)
    monkeypatch.setattr(cv2, "VideoCapture", lambda number: device)
    shots = CameraSource(0).shots()
    assert next(shots).image[0, 0].tolist() == [0, 0, 255]  # OpenCV's blue
    assert next(shots).time > 0
    with pytest.raises(OSError, match="camera 0 gives no more pictures"):
        next(shots)
    assert device.released


def test_camera_that_is_busy_or_missing_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    device = Device(False)
    monkeypatch.setattr(cv2, "VideoCapture", lambda number: device)
    with pytest.raises(OSError, match="camera 3 cannot be opened: it is missing, used by another"):
        next(CameraSource(3).shots())
    assert device.released


def test_address_that_answers_nothing_raises_without_its_password() -> None:
    with pytest.raises(OSError, match="cannot be read") as error:
        next(AddressSource("rtsp://me:secret@127.0.0.1:9/cam").shots())
    assert "secret" not in str(error.value)
    assert "rtsp://127.0.0.1:9/cam" in str(error.value)


@pytest.mark.parametrize("address", ["file:///etc/passwd", "concat://a", "ftp://a/b"])
def test_address_of_another_kind_raises(address: str) -> None:
    with pytest.raises(ValueError, match="expected an address that begins with one of rtsp"):
        open_source(None, address)


def test_open_source(tmp_path: Path) -> None:
    path = video(tmp_path / "a.mp4")
    assert isinstance(open_source(None, str(path)), FileSource)
    camera = open_source(None, None)
    assert isinstance(camera, CameraSource)
    assert camera.number == 0
    assert isinstance(open_source(None, "http://127.0.0.1/a"), AddressSource)


def test_open_source_refuses_two_and_a_missing_file() -> None:
    with pytest.raises(ValueError, match="one of --camera and --source"):
        open_source(0, "a.mp4")
    with pytest.raises(FileNotFoundError, match=r"no such file: missing.mp4"):
        open_source(None, "missing.mp4")
    with pytest.raises(ValueError, match="--camera to be 0 or more"):
        open_source(-1, None)
