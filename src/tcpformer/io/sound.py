"""The sound of a video, for another one that shows the same seconds."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import av.audio.resampler
import av.container
import av.error
from av.audio.stream import AudioStream

from .video import Video, open_stream

log = logging.getLogger(__name__)

_KEPT = ("aac", "mp3", "ac3", "eac3", "alac")
"""Codecs that MP4, MOV and Matroska all hold: these are copied, others become AAC."""
Sounds = Iterator[tuple[float, list[av.Packet]]]
"""Packets with the seconds at which they start."""


@dataclass(frozen=True)
class Sound:
    """The first sound track of a video file."""

    path: Path
    onset: float
    """Seconds, by the file's own time stamps, at which the written one begins."""
    kept: tuple[str, ...] = _KEPT
    """Codecs that are copied."""

    @contextmanager
    def copy_into(
        self, container: av.container.OutputContainer
    ) -> Iterator[Callable[[float], None]]:
        """Add a sound track to a file; yield a function that writes it up to some seconds.

        The other streams of the file must have been added before.
        """
        with open_stream(self.path) as (source, _):
            stream = source.streams.audio[0]
            take = _copy if stream.codec_context.name in self.kept else _encode
            sounds = self._until_broken(take(source, stream, container, self.onset))
            following = next(sounds, None)

            def write(until: float) -> None:
                nonlocal following
                while following is not None and following[0] < until:
                    container.mux(following[1])
                    following = next(sounds, None)

            yield write

    def _until_broken(self, sounds: Sounds) -> Sounds:
        try:
            yield from sounds
        except av.error.FFmpegError as error:
            log.warning("%s: the sound is broken, and ends early (%s)", self.path, error.strerror)


def find_sound(video: Video) -> Sound | None:
    """Return the sound of a video; None for pictures, without one, or in slow motion.

    That of slow motion is slow too, and would not fit the times of capture: a note is logged.
    """
    if not video.path.is_file():
        return None
    with open_stream(video.path) as (container, stream):
        tracks = container.streams.audio
        if not tracks or tracks[0].codec_context is None:
            return None
        if video.slow_motion != 1:
            log.info("the sound of %s is left out: its pictures are in slow motion", video.path)
            return None
        try:
            first = next(container.decode(stream), None)
        except av.error.FFmpegError:  # reported where the pictures are read
            return None
        return Sound(video.path, (first.time or 0.0) + video.first_time) if first else None


def _copy(
    source: av.container.InputContainer,
    stream: AudioStream,
    container: av.container.OutputContainer,
    onset: float,
) -> Sounds:
    """Yield the packets as they are, without those before ``onset``."""
    copy = container.add_stream_from_template(stream)
    return _shifted(source, stream, copy, onset)


def _shifted(
    source: av.container.InputContainer, stream: AudioStream, copy: AudioStream, onset: float
) -> Sounds:
    for packet in source.demux(stream):
        if packet.pts is None or packet.dts is None or packet.time_base is None:
            continue
        shift = round(onset / packet.time_base)
        packet.pts, packet.dts, packet.stream = packet.pts - shift, packet.dts - shift, copy
        if packet.pts >= 0:
            yield float(packet.pts * packet.time_base), [packet]


def _encode(
    source: av.container.InputContainer,
    stream: AudioStream,
    container: av.container.OutputContainer,
    onset: float,
) -> Sounds:
    """Yield the sound as AAC, one or two channels of at most 48 kHz."""
    rate = min(stream.codec_context.sample_rate, 48_000)
    layout = "mono" if stream.codec_context.channels == 1 else "stereo"
    coded = container.add_stream("aac", rate=rate, layout=layout)
    return _encoded(source, stream, coded, onset)


def _encoded(
    source: av.container.InputContainer, stream: AudioStream, coded: AudioStream, onset: float
) -> Sounds:
    context = coded.codec_context
    resampler = av.audio.resampler.AudioResampler("fltp", context.layout, context.sample_rate)
    for frame in source.decode(stream):
        if frame.time is None or frame.time < onset:
            continue
        time, frame.pts = frame.time - onset, round((frame.time - onset) * frame.sample_rate)
        frame.time_base = 1 / Fraction(frame.sample_rate)
        packets = [p for each in resampler.resample(frame) for p in coded.encode(each)]
        yield time, packets
