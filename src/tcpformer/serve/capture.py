"""Pictures of a camera, a stream or a file that plays, for live use: the newest one wins.

A thread reads as fast as pictures come, and keeps one. Who takes them late misses the ones between,
which are counted. A camera that is lost is opened again until it is back.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import av
import av.error
import cv2
import numpy as np
from jaxtyping import UInt8

from ..io.video import convert_to_rgb, open_video

Image = UInt8[np.ndarray, "h w 3"]
log = logging.getLogger(__name__)

SCHEMES = ("rtsp://", "rtsps://", "http://", "https://")
_PROTOCOLS = "rtsp,rtsps,rtp,srtp,udp,tcp,tls,http,https,httpproxy,crypto"
"""What FFmpeg may open for an address: never a file."""
_NETWORK = {"protocol_whitelist": _PROTOCOLS, "rtsp_transport": "tcp", "fflags": "nobuffer"}
_TIMEOUT = (10.0, 5.0)
"""Seconds to open an address, and for each read."""
_WAKE = 0.2
_BLACK_READS = 5
"""Reads in a row without a picture after which a camera is lost."""


@dataclass(frozen=True)
class Shot:
    """A picture, the seconds of its source, and those of `time.monotonic` when it was there."""

    image: Image
    time: float
    taken: float


@runtime_checkable
class Source(Protocol):
    """Where pictures come from."""

    name: str
    live: bool
    """Whether it may come back after it was lost."""

    def shots(self) -> Iterator[Shot]:
        """Open it, and yield its pictures as they come.

        Raises:
            OSError: If it cannot be opened, or is lost.
            ValueError: If it cannot be read.
        """
        ...


class FileSource:
    """A video file that plays at its own pace, or as fast as it is taken."""

    live = False

    def __init__(self, path: str | Path, *, pace: bool = True) -> None:
        self.video, self.pace = open_video(path), pace
        self.name = str(path)

    def shots(self) -> Iterator[Shot]:
        start = time.monotonic()
        for frame in self.video.frames():
            image = frame.image
            wait = start + frame.time - time.monotonic()
            if self.pace and wait > 0:
                time.sleep(wait)
            yield Shot(image, frame.time, time.monotonic())


class CameraSource:
    """A camera of this machine, by number."""

    live = True

    def __init__(self, number: int) -> None:
        if number < 0:
            raise ValueError(f"expected --camera to be 0 or more, got {number}.")
        self.number, self.name = number, f"camera {number}"

    def shots(self) -> Iterator[Shot]:
        camera = cv2.VideoCapture(self.number)
        try:
            camera.set(cv2.CAP_PROP_BUFFERSIZE, 1)
            opened, failed = camera.isOpened(), 0
            if not opened:
                raise OSError(
                    f"{self.name} cannot be opened: it is missing, used by another program, or "
                    "not allowed for this one; --camera 1 takes the next, --source a file."
                )
            while failed < _BLACK_READS:
                found, picture = camera.read()
                now = time.monotonic()
                failed = 0 if found else failed + 1
                if found:
                    yield Shot(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), now, now)
            raise OSError(f"{self.name} gives no more pictures: it was unplugged, or taken away.")
        finally:
            camera.release()


class AddressSource:
    """A stream of the network, by its address."""

    live = True

    def __init__(self, address: str) -> None:
        if not address.startswith(SCHEMES):
            raise ValueError(
                f"expected an address that begins with one of {', '.join(SCHEMES)}, got "
                f"{address!r}."
            )
        self.address = address
        self.name = _without_password(address)

    def shots(self) -> Iterator[Shot]:
        try:
            with av.open(self.address, options=_NETWORK, timeout=_TIMEOUT) as container:
                if not container.streams.video:
                    raise ValueError(f"{self.name} has no video stream.")
                container.streams.video[0].thread_type = "SLICE"  # threads by frame add delay
                for picture in container.decode(video=0):
                    now = time.monotonic()
                    yield Shot(convert_to_rgb(picture, picture.width, picture.height), now, now)
        except av.error.FFmpegError as error:
            raise OSError(f"{self.name} cannot be read ({error.strerror}).") from error
        raise OSError(f"{self.name} has ended.")


def open_source(camera: int | None, source: str | None, *, pace: bool = True) -> Source:
    """Return what --camera and --source name; by default the first camera.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If both are given, or the file is no video.
    """
    if camera is not None and source is not None:
        raise ValueError("expected one of --camera and --source, got both.")
    if source is None:
        return CameraSource(camera or 0)
    return AddressSource(source) if "://" in source else FileSource(source, pace=pace)


def _without_password(address: str) -> str:
    scheme, rest = address.split("://", 1)
    return f"{scheme}://{rest.rsplit('@', 1)[-1]}"


class Reader:
    """Reads a source in a thread: ``for shot in reader`` gives the newest picture each time.

    Args:
        source: Where pictures come from.
        drop: Whether pictures that are not taken in time are dropped; else the source waits.
        retry_s: Seconds until a source that was lost is opened again.
        note: Takes a sentence about a source that is lost, or back.
    """

    def __init__(
        self,
        source: Source,
        *,
        drop: bool = True,
        retry_s: float = 1.0,
        note: Callable[[str], object] = log.warning,
    ) -> None:
        self.source, self.drop, self.retry_s, self.note = source, drop, retry_s, note
        self.count = self.dropped = self.losses = 0
        """Pictures that came, pictures that no one took in time, and times the source was lost."""
        self._shot: Shot | None = None
        self._problem: Exception | None = None
        self._changed = threading.Condition()
        self._stopped = threading.Event()
        self._ended = False

    def stop(self) -> None:
        """Give no more pictures."""
        self._stopped.set()
        with self._changed:
            self._changed.notify_all()

    def __iter__(self) -> Iterator[Shot]:
        """Yield the newest picture whenever the last one is done with.

        Raises:
            OSError, ValueError: If the source cannot be opened at first, or a file breaks off.
        """
        thread = threading.Thread(target=self._run, daemon=True)
        thread.start()
        try:
            while (shot := self._take()) is not None:
                yield shot
        finally:
            self.stop()
            thread.join(timeout=_TIMEOUT[1] + 1)
        if self._problem is not None:
            raise self._problem

    def _take(self) -> Shot | None:
        with self._changed:
            while not (self._shot or self._ended or self._stopped.is_set()):
                self._changed.wait(_WAKE)  # Windows lets Ctrl-C through between waits only
            shot, self._shot = self._shot, None
            self._changed.notify_all()
            return None if self._stopped.is_set() else shot

    def _put(self, shot: Shot) -> None:
        with self._changed:
            if not self.drop:
                self._changed.wait_for(lambda: self._shot is None or self._stopped.is_set())
            if self._stopped.is_set():
                return
            self.count += 1
            self.dropped += self._shot is not None
            self._shot = shot
            self._changed.notify_all()

    def _run(self) -> None:
        try:
            self._read_on()
        except Exception as error:  # the other thread raises it
            self._problem = error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _read_on(self) -> None:
        """Read until the end, or until stopped; open again what was lost."""
        lost = False
        while not self._stopped.is_set():
            try:
                with closing_shots(self.source) as shots:
                    for shot in shots:
                        if lost:
                            self.note(f"{self.source.name} is back.")
                        lost = False
                        self._put(shot)
                        if self._stopped.is_set():
                            break
                return
            except OSError as error:
                if not self.source.live or not self.count:
                    raise
                if not lost:
                    self.losses += 1
                    self.note(f"{str(error).rstrip('.')}; waiting for it to come back.")
                lost = True
                self._stopped.wait(self.retry_s)


@contextmanager
def closing_shots(source: Source) -> Iterator[Iterator[Shot]]:
    """Open a source and close it, as soon as its pictures are left."""
    shots = source.shots()
    try:
        yield shots
    finally:
        close = getattr(shots, "close", None)
        if close is not None:
            close()
