"""Clips with a click in their sound, and when it is heard."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer

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
