"""Videos: upright images with true timestamps, one frame at a time.

Phones store images as the sensor sees them, with a matrix that turns them upright, and at a rate
that varies. `Video.frames` applies the matrix and gives every frame its time.

A video is one local file of one of `_FORMATS`. FFmpeg also reads playlists, lists of files, stream
descriptions and addresses, which open other files; these are refused.
"""

import logging
import re
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import av
import av.container
import av.error
import av.video.frame
import av.video.plane
import cv2
import numpy as np
from av.sidedata.sidedata import SideDataContainer
from av.stream import Disposition
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from jaxtyping import Float, UInt8

from ..checks import as_path
from ..files import atomic_write
from ..motion import LIMITS
from .planes import Image, Planes, matrix_to_rgb

if TYPE_CHECKING:
    from .sound import Sound

_FOCAL_KEY = "com.apple.quicktime.camera.focal_length.35mm_equivalent"
_FILM_WIDTH = 36.0  # mm, the long side of the 35 mm film to which focal lengths refer
_TICKS_PER_SECOND = 90_000  # of a written file; all usual intervals are whole numbers of ticks
_MIN_INTERVAL = 0.05  # of the mean; a frame that follows sooner repeats a timestamp, but rounded
_ASPECTS = (0.25, 4.0)  # width over height of a pixel that is believed
_SLOW_MOTION = (0.1, 100.0)  # rates of capture over rates of playing that are believed
_RAW = ("h264", "hevc", "m4v")  # streams without a container: their codec knows the rate
_WRITABLE = (".mp4", ".m4v", ".mov", ".mkv")
_DECODED_AHEAD = 4  # frames
_RENDERED_AHEAD = 2  # frames
_QUALITY = {"crf": "23", "preset": "superfast", "x264-params": "bframes=0:weightp=0"}
"""Without B-frames, a third less time and a quarter more bytes; weights of fades only take time."""
_SEEK_AHEAD = 2.0
"""Seconds before a wanted frame at which decoding starts, and at the last key picture before: the
first pictures after that may depend on ones that are not decoded."""
_MIN_HINT = 0.01
"""Frames per second, at least, that a written file states; the times of its frames count."""
_FORMATS = (
    "mov", "matroska", "avi", "asf", "flv", "mpegts", "mpeg", "mpegvideo", "mxf", "ogg", "rm",
    "wtv", "nut", "dv", "dhav", "gif", "ivf", "h264", "hevc", "vvc", "av1", "obu", "m4v", "mjpeg",
    "vc1", "yuv4mpegpipe", "mp3",
)  # fmt: skip
"""FFmpeg's names of containers that hold their pictures themselves ("mov" is MP4 too)."""
_SAFE = {"format_whitelist": ",".join(_FORMATS), "protocol_whitelist": "file"}
"""Options of FFmpeg; it refuses another format before its reader starts."""
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
_PLANAR = ("yuv420p", "yuvj420p")
T = TypeVar("T")
_ONE_PICTURE_A_PACKET = ("h264", "hevc", "mjpeg", "prores")
"""Codecs of which a packet without a picture is a loss; others have packets that show nothing."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Frame:
    """A frame: its number from 0, its seconds since the first one, and its upright picture."""

    index: int
    time: float
    picture: Image | Planes
    """RGB, or as the decoder stores it."""

    @property
    def image(self) -> Image:
        """The picture as RGB."""
        return self.picture.rgb if isinstance(self.picture, Planes) else self.picture


@dataclass(frozen=True)
class Video:
    """A readable video file; frames are decoded when they are read."""

    path: Path
    fps: float
    """Mean frames per second; intervals may vary."""
    size: tuple[int, int]
    """Width and height in pixels of the upright image, whose pixels are square."""
    length: int
    """Number of frames according to the container; may differ from those decoded."""
    focal: float | None = None
    """Focal length in pixels, if the metadata has the 35 mm equivalent: its share of 36 mm, times
    the longer side. Stabilization may crop and so lengthen it."""
    pixel_aspect: float = 1.0
    """Width over height of a stored pixel; frames are widened, or made higher, to square pixels."""
    stored_size: tuple[int, int] | None = None
    """Width and height in stored pixels of the upright image, as other programs see it; None if
    these are square."""
    slow_motion: float = 1.0
    """Seconds that the file plays for each second of capture; ``fps`` and times are of capture."""
    first_time: float = 0.0
    """Seconds of the first frame; more than 0 in a part of a video."""
    _noted: set[str] = field(default_factory=set, repr=False, compare=False)
    """What was logged, so that reading again does not repeat it."""

    def frames(self, every: int = 1, *, stored: bool = False) -> Iterator[Frame]:
        """Decode from the start; yield every n-th frame with its true index and time.

        With ``stored``, pictures stay as the decoder stores them where that is 4:2:0 of 8 bits;
        `Frame.image` converts them on first use.

        Times strictly increase: if the file repeats or omits a timestamp, half the mean interval
        or all of it is added to the time before. Damage that the decoder does not report shows as
        smeared images; the number of frames that it leaves out is logged, where it can be known.

        Raises:
            ValueError: If the file is broken from some frame on, or the image changes size, after
                the frames before are yielded.
        """
        if every < 1:
            raise ValueError(f"every must be 1 or more, got {every}.")
        return run_ahead(self._read(every, stored), _DECODED_AHEAD)

    def _read(self, every: int, stored: bool) -> Generator[Frame, None, None]:
        for index, (time, decoded) in enumerate(self._decode()):
            if index % every == 0:
                yield Frame(index, time, self._upright(decoded, index, stored))

    def _decode(self) -> Generator[tuple[float, av.video.frame.VideoFrame], None, None]:
        """Yield every frame as stored, with its seconds of capture since the first one."""
        start, time = None, -1.0
        for decoded in _decode(self.path, self._note_once):
            start = decoded.time if start is None else start
            time = _next_time(decoded.time, start, time, self._played_fps)
            yield time / self.slow_motion, decoded

    def decode_from(
        self, origin: float, start: float
    ) -> Generator[tuple[float, av.video.frame.VideoFrame], None, None]:
        """Yield the frames as `_decode` does, but from a time on, without decoding all before it.

        Args:
            origin: Of `find_origin`.
            start: Seconds of capture since the first frame of the video.
        """
        since = origin + start * self.slow_motion
        for decoded in _decode(self.path, self._note_once, since):
            yield (decoded.time - origin) / self.slow_motion, decoded

    def _note_once(self, text: str) -> None:
        if text not in self._noted:
            self._noted.add(text)
            log.warning("%s", text)

    @property
    def _played_fps(self) -> float:
        return self.fps / self.slow_motion

    def times(self) -> Float[np.ndarray, " t"]:
        """Return the time of every frame as `frames` gives it, decoded only if that is needed.

        Raises:
            ValueError: If the file is broken.
        """
        stamps = None if self._noted else _packet_stamps(self.path)  # noted: frames are lost
        stamps = stamps or [decoded.time for decoded in _decode(self.path, self._note_once)]
        times = np.empty(len(stamps))
        before = -1.0
        for i, stamp in enumerate(stamps):
            before = times[i] = _next_time(stamp, stamps[0], before, self._played_fps)
        return times / self.slow_motion

    def _upright(
        self, decoded: av.video.frame.VideoFrame, index: int, stored: bool
    ) -> Image | Planes:
        picture = _read_planes(decoded, self.pixel_aspect) if stored else None
        picture = _to_rgb(decoded, self.pixel_aspect) if picture is None else picture
        size = (picture.shape[1], picture.shape[0])
        if size != self.size:
            raise ValueError(
                f"{self.path}: the image changes from {self.size} to {size} in frame {index}; "
                "re-encode the video at one size, for example with ffmpeg."
            )
        return picture


def _to_rgb(decoded: av.video.frame.VideoFrame, aspect: float) -> Image:
    """Return a decoded picture upright, with square pixels, as RGB."""
    size = _square_size(decoded.width, decoded.height, aspect)
    return _orient(convert_to_rgb(decoded, *size), decoded)


def convert_to_rgb(decoded: av.video.frame.VideoFrame, width: int, height: int) -> Image:
    """Return a decoded picture as RGB, of some width and height.

    A converter of its own, with one thread: that of the frame starts one a processor, and these
    live on with the frame until garbage is collected.
    """
    converter = VideoReformatter()
    return converter.reformat(decoded, width, height, "rgb24", threads=1).to_ndarray()


def _read_planes(decoded: av.video.frame.VideoFrame, aspect: float) -> Planes | None:
    """Return a decoded picture upright as it is stored; None if its pixels are of another kind."""
    if decoded.format.name not in _PLANAR or aspect != 1.0:
        return None
    y, u, v = (_orient(_pixels(plane), decoded) for plane in decoded.planes)
    full = decoded.format.name == "yuvj420p" or decoded.color_range == ColorRange.JPEG
    matrix = matrix_to_rgb(decoded.colorspace, full_range=full)
    return Planes(y, u, v, matrix, lambda: _to_rgb(decoded, aspect))


def _pixels(plane: av.video.plane.VideoPlane) -> UInt8[np.ndarray, "h w"]:
    """Return the pixels of a plane, which are not copied."""
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)  # pyright: ignore
    return rows[: plane.height, : plane.width]


def open_video(
    path: str | Path, *, fps: float | None = None, slow_motion: float | None = None
) -> Video:
    """Open a video file: decode its first frame, and read size, rate and length.

    Args:
        path: The file; or pictures: a folder that holds nothing else, or a pattern (`io.pictures`).
        fps: Frames per second of capture, if the file plays at another rate; required for pictures.
        slow_motion: Seconds that the file plays for each second of capture, instead.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is an address, no video, has no video stream, or no frame can be decoded;
            or ``fps`` and ``slow_motion`` are not positive, or both given.
    """
    from .pictures import find_pictures, open_pictures  # they are videos themselves

    path = as_path("path", path)
    if (files := find_pictures(path)) is not None:
        if slow_motion is not None:
            raise ValueError(f"--slow-motion is for videos; give the rate of {path} as --fps.")
        return open_pictures(path, files, fps)
    first = next(_decode(path), None)
    if first is None:
        raise ValueError(f"{path} has a video stream, but no frame of it can be decoded.")
    with open_stream(path) as (container, stream):
        aspect = _pixel_aspect(stream)
        length, rate = stream.frames, stream.average_rate
        metadata = {**container.metadata, **stream.metadata}
        if not length or not rate:
            length, rate = _count_frames(container, stream)
    stored = np.empty(_square_size(first.width, first.height, aspect)[::-1], np.uint8)
    height, width = _orient(stored, first).shape
    grid = _orient(np.empty((first.height, first.width), np.uint8), first).shape[::-1]
    factor = _slow_motion(path, float(rate), fps, slow_motion)
    return Video(
        path=path,
        fps=float(rate) * factor,
        size=(width, height),
        length=length,
        focal=_focal_in_pixels(metadata.get(_FOCAL_KEY, ""), max(width, height)),
        pixel_aspect=aspect,
        stored_size=None if grid == (width, height) else grid,
        slow_motion=factor,
    )


def _slow_motion(path: Path, rate: float, fps: float | None, factor: float | None) -> float:
    """Return how many times slower a file plays than it was captured."""
    if fps is not None and factor is not None:
        raise ValueError("fps (--fps) and slow_motion (--slow-motion) say the same; give one.")
    if fps is None and factor is None:
        return 1.0
    result = fps / rate if fps is not None else factor
    assert result is not None
    if not _SLOW_MOTION[0] <= result <= _SLOW_MOTION[1]:
        raise ValueError(
            f"{path} plays at {rate:g} frames per second; expected a rate of capture of "
            f"{_SLOW_MOTION[0]:g} to {_SLOW_MOTION[1]:g} times that, got {result * rate:g}."
        )
    return result


def _pixel_aspect(stream: av.VideoStream) -> float:
    """Return width over height of a stored pixel; 1 where the file has none, or nonsense."""
    aspect = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio
    return float(aspect) if aspect and _ASPECTS[0] <= aspect <= _ASPECTS[1] else 1.0


def _square_size(width: int, height: int, aspect: float) -> tuple[int, int]:
    """Return the size of an image with square pixels; no axis loses pixels."""
    return round(width * max(aspect, 1.0)), round(height / min(aspect, 1.0))


def write_video(
    path: str | Path, frames: Iterable[Frame], fps: float, sound: "Sound | None" = None
) -> None:
    """Write frames as H.264 (yuv420p), each at its time.

    An odd width or height grows by one pixel, a copy of its neighbor. After an error no file is
    left, and an older one is unchanged.

    Args:
        path: Its suffix selects the container: .mp4, .m4v, .mov or .mkv.
        frames: Images of one size with increasing times; another thread takes them one by one.
        fps: Mean frames per second, a hint to players.
        sound: Heard from 0 s until the last frame ends.

    Raises:
        ValueError: If there are no frames, sizes differ, or the suffix is another.
    """
    if Path(path).suffix.lower() not in _WRITABLE:
        raise ValueError(f"{path}: a video must end in one of {', '.join(_WRITABLE)}.")
    rendered = run_ahead((frame for frame in frames), _RENDERED_AHEAD)
    first = next(rendered, None)
    if first is None:
        raise ValueError(f"{path}: there are no frames to write.")
    with closing(rendered), atomic_write(path) as beside, _create(beside) as container:
        stream = _add_stream(container, first.image.shape, fps)
        with nullcontext() if sound is None else sound.copy_into(container) as write_sound:
            for frame in chain([first], rendered):
                if frame.image.shape != first.image.shape:
                    raise ValueError(
                        f"frame {frame.index} has shape {frame.image.shape}, the first one "
                        f"{first.image.shape}; all frames of a video must have one size."
                    )
                container.mux(stream.encode(_to_yuv(frame)))
                if write_sound is not None:
                    write_sound(frame.time + 1 / fps)
        container.mux(stream.encode(None))


def _add_stream(
    container: av.container.OutputContainer, shape: tuple[int, ...], fps: float
) -> av.VideoStream:
    hint = Fraction(min(max(fps, _MIN_HINT), LIMITS.max_fps)).limit_denominator(1001)
    stream = container.add_stream("libx264", hint, options=_QUALITY)
    stream.width, stream.height = shape[1] + shape[1] % 2, shape[0] + shape[0] % 2
    stream.pix_fmt = "yuv420p"
    stream.codec_context.colorspace = Colorspace.ITU601
    stream.codec_context.time_base = stream.time_base = Fraction(1, _TICKS_PER_SECOND)
    return stream


@contextmanager
def open_stream(path: Path) -> Iterator[tuple[av.container.InputContainer, av.VideoStream]]:
    """Open the first video stream of a file; raise a plain error if there is none."""
    check_local(path)
    try:  # "file:" also for a name with colons, which FFmpeg would take for an address
        container = av.open(f"file:{path}", container_options=_SAFE, metadata_errors="replace")
    except av.error.ArgumentError as error:
        raise ValueError(
            f"{path} is not a video that is read: expected MP4, MOV, Matroska, WebM, AVI, MPEG "
            "or another container that holds its pictures itself (a playlist does not)."
        ) from error
    except av.error.FFmpegError as error:
        raise ValueError(
            f"{path} is not a video, or its header is broken ({error.strerror}); "
            "if a player opens it, re-encode it, for example with ffmpeg."
        ) from error
    with container:
        yield container, _find_stream(container, path)


def check_local(path: Path) -> None:
    """Refuse what is not one file of this machine; a symbolic link to one is.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is a network address, or a folder, pipe or device.
    """
    if path.is_file():
        return
    if _ADDRESS.match(str(path)):
        raise ValueError(
            f"{path} is a network address, which is not read: download the video and give the file."
        )
    if not path.exists():
        raise FileNotFoundError(f"no such file: {path}")
    raise ValueError(f"{path} is not a video: expected a file, got a folder, pipe or device.")


def _find_stream(container: av.container.InputContainer, path: Path) -> av.VideoStream:
    """Return the first video stream that can be decoded."""
    # For FFmpeg the cover of a song is a video stream.
    cover = Disposition.attached_pic
    moving = [s for s in container.streams.video if not s.disposition & cover]
    if not moving:
        found = "only audio" if container.streams.audio else "nothing that can be shown"
        raise ValueError(f"{path} has no video stream, {found}; a video was expected.")
    if moving[0].codec_context is None:
        raise ValueError(
            f"{path}: its video codec is unknown; re-encode it, for example with ffmpeg -i "
            "this.mp4 -c:v libx264 other.mp4."
        )
    return moving[0]


def run_ahead(items: Generator[T, None, None], count: int) -> Generator[T, None, None]:
    """Yield the items, produced by another thread up to ``count`` ahead."""
    with closing(items), ThreadPoolExecutor(max_workers=1) as thread:
        pending = deque(thread.submit(next, items, None) for _ in range(count))
        while (item := pending.popleft().result()) is not None:
            pending.append(thread.submit(next, items, None))
            yield item


def _decode(
    path: Path, note: Callable[[str], None] = log.warning, since: float | None = None
) -> Iterator[av.video.frame.VideoFrame]:
    """Yield every frame as stored; raise ValueError where the file is broken.

    At the end ``note`` is called if frames are missing. With ``since``, a time stamp, only the
    frames from that on are yielded, and whether others are missing is not known.
    """
    count = packets = 0
    with open_stream(path) as (container, stream):
        stream.codec_context.thread_type = "AUTO"
        try:
            if since is not None:
                assert stream.time_base is not None
                container.seek(int((since - _SEEK_AHEAD) / stream.time_base), stream=stream)
            for packet in container.demux(stream):
                packets += packet.size > 0 and not packet.is_discard
                for frame in _frames_of(packet, since):
                    yield frame
                    count += 1
            # A truncated file ends without an error; only its index shows that frames are missing.
            if since is None and packets < len(stream.index_entries):
                raise av.error.EOFError(0, f"its index lists {len(stream.index_entries)}")
        except av.error.FFmpegError as error:
            of = f" of {stream.frames}" if stream.frames > count else ""
            raise ValueError(
                f"{path} is broken after {count}{of} frames ({error.strerror}); cut it there, or "
                "re-encode it, for example with ffmpeg -i broken.mp4 whole.mp4."
            ) from error
        one = stream.codec_context.name in _ONE_PICTURE_A_PACKET
        if since is None and packets > count and one:
            lost = packets - count
            note(f"{path}: {lost} of {packets} frames could not be decoded and are missing.")


def _frames_of(
    packet: "av.Packet[av.VideoStream]", since: float | None
) -> Iterator[av.video.frame.VideoFrame]:
    """Yield the frames of a packet, from a time stamp on; raise FFmpegError at a damaged one."""
    for frame in packet.decode():
        if since is not None and (frame.time is None or frame.time < since):
            continue
        if frame.is_corrupt:
            raise av.error.InvalidDataError(0, "damaged picture")
        yield frame


def _packet_stamps(path: Path) -> list[float] | None:
    """Return the times of the pictures in a file, None where only decoding shows them."""
    with open_stream(path) as (container, stream):
        if stream.codec_context.name not in _ONE_PICTURE_A_PACKET:
            return None
        try:
            packets = [p for p in container.demux(stream) if p.size > 0 and not p.is_discard]
        except av.error.FFmpegError:
            return None
        cut = bool(packets) and not packets[0].is_keyframe
        if cut or any(p.is_corrupt for p in packets):
            return None  # the decoder leaves some out
        stamps = [float(p.pts * p.time_base) for p in packets if p.pts is not None]
        return sorted(stamps) if len(stamps) == len(packets) else None


def find_origin(video: Video) -> float | None:
    """Return the time stamp of a file's first frame if each frame can be sought by its own.

    None where only decoding from the start shows which frame is which: codecs with packets that
    show nothing, a file that is cut off or damaged, time stamps that are missing or repeated.
    """
    stamps = None if video._noted else _packet_stamps(video.path)
    if not stamps:
        return None
    with open_stream(video.path) as (_, stream):
        if len(stamps) < len(stream.index_entries):
            return None
    least = _MIN_INTERVAL / video._played_fps
    return stamps[0] if len(stamps) < 2 or float(np.diff(stamps).min()) > least else None


def _count_frames(
    container: av.container.InputContainer, stream: av.VideoStream
) -> tuple[int, Fraction | float]:
    """Return length and mean rate of a file whose container lacks them, without decoding."""
    count, stamps = 0, []
    for packet in container.demux(stream):
        count += packet.size > 0
        stamps += [] if packet.pts is None else [float(packet.pts * packet.time_base)]
    span = max(stamps) - min(stamps) if stamps else 0.0
    guess = stream.average_rate or stream.guessed_rate or Fraction(25)
    stated = stream.codec_context.framerate
    if container.format.name in _RAW and stated and 1 <= stated <= LIMITS.max_fps:
        return max(count, 1), stated
    return max(count, 1), (len(stamps) - 1) / span if span > 0 else guess


def _next_time(stamp: float | None, start: float | None, before: float, fps: float) -> float:
    """Return seconds since the first frame, later than the frame before (negative: none)."""
    if before < 0:
        return 0.0
    if stamp is None or start is None:
        return before + 1 / fps
    # Half an interval keeps speeds finite, and the next true timestamp is still later.
    return stamp - start if stamp - start > before + _MIN_INTERVAL / fps else before + 0.5 / fps


def _orient(image: np.ndarray, frame: av.video.frame.VideoFrame) -> np.ndarray:
    """Turn and mirror an image by the file's display matrix, to the nearest right angle."""
    try:
        # frame.side_data would keep itself and the frame alive until garbage is collected
        data = SideDataContainer(frame)["DISPLAYMATRIX"]  # pyright: ignore  # its stub lists others
        matrix = np.frombuffer(bytes(data), np.int32)
    except (KeyError, ValueError):  # no matrix, or other side data that PyAV does not know
        return np.ascontiguousarray(np.rot90(image, round(frame.rotation / 90)))
    xx, xy, _, yx, yy = matrix[:5]
    if abs(int(xy)) > abs(int(xx)):
        image, xx, yy = image.swapaxes(0, 1), yx, xy
    return np.ascontiguousarray(image[:: -1 if yy < 0 else 1, :: -1 if xx < 0 else 1])


def _focal_in_pixels(equivalent: str, longer: int) -> float | None:
    try:
        millimetres = float(equivalent)
    except ValueError:  # absent, or no number
        return None
    return millimetres / _FILM_WIDTH * longer if 0 < millimetres < np.inf else None


def _create(path: Path) -> av.container.OutputContainer:
    # With the index first, a file plays while it loads, and a truncated one is detected.
    front = {} if path.suffix.lower() == ".mkv" else {"movflags": "+faststart"}
    return av.open(str(path), "w", options=front)


def _to_yuv(frame: Frame) -> av.video.frame.VideoFrame:
    """Return a frame in 4:2:0, BT.601: OpenCV converts to that four times as fast as FFmpeg."""
    h, w = frame.image.shape[:2]
    even = frame.image
    if h % 2 or w % 2:
        even = np.pad(even, ((0, h % 2), (0, w % 2), (0, 0)), mode="edge")
    planes = cv2.cvtColor(even, cv2.COLOR_RGB2YUV_I420)
    result = av.VideoFrame.from_ndarray(np.asarray(planes, np.uint8), format="yuv420p")
    result.colorspace, result.color_range = Colorspace.ITU601, ColorRange.MPEG
    result.pts = round(frame.time * _TICKS_PER_SECOND)
    result.time_base = Fraction(1, _TICKS_PER_SECOND)
    return result
