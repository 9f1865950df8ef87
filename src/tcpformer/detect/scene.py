"""What a video shows beside the people: straight edges, and whether the camera moves.

A few frames a second of the first minute are read, and later on some of every third of a minute,
for a camera that moves later; people are masked. Edges come from OpenCV's line segment detector
(von Gioi et al., 2010), the movement of the background from tracked corners.
Axis legend: ``s`` segments.
"""

from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from ..io.video import Frame, Video
from ..motion import Motion2D
from .blazepose import Pose

Gray = UInt8[np.ndarray, "_ _"]
Boxes = Float[np.ndarray, "_ 4"]
_AHEAD = 4
"""Frames that wait to be looked at, at most."""


@dataclass(frozen=True, kw_only=True)
class SceneConfig:
    """Tuned numbers of the reading of a scene; shares are of the picture's longer side."""

    rate: float = 4.0
    """Frames read each second."""
    seconds: float = 60.0
    """Seconds from the start that are read, and searched for edges."""
    look_every: float = 20.0
    """Seconds between later looks at the background."""
    look: float = 1.0
    """Seconds of each look."""
    edge_frames: int = 6
    """Frames in which edges are looked for, evenly spaced."""
    edge_side: int = 960
    """Pixels of the longer side of the picture for edges."""
    shortest: float = 0.03
    """Share that an edge is long, at least."""
    same: float = 3.0
    """Pixels from the line of an edge within which another is a part of it."""
    flow_side: int = 320
    """Pixels of the longer side of the picture for movement."""
    corners: int = 200
    """Corners that are tracked."""
    agreeing: int = 12
    """Corners that move together, at least; with fewer the movement is not known."""
    margin: float = 0.2
    """Width of the mask around a person, as a share of the person's size."""
    drift: float = 0.03
    """Share that a corner of the picture moves over the clip from which on the camera moves."""
    shake: float = 0.004
    """Root mean square of that share from one frame read to the next."""


SCENE = SceneConfig()


@dataclass(frozen=True)
class SceneReading:
    """Edges behind the people, and the movement of the background.

    Attributes:
        segments: Ends of edges, x, y, x, y in pixels.
        weight: Share of the frames read, 0 to 1, that show each.
        size: Width and height of the picture.
        drift: Share of the longer side by which the background moves over the clip, at most.
        shake: The same from one frame read to the next, root mean square; the larger one of that in
            the first minute and that in later looks.
        since: Seconds at which the drift is first too large; None if never.
    """

    segments: Float[np.ndarray, "s 4"]
    weight: Float[np.ndarray, " s"]
    size: tuple[int, int]
    drift: float
    shake: float
    since: float | None = None

    def moves(self, config: SceneConfig = SCENE) -> bool:
        """Return whether the camera moves."""
        return self.drift > config.drift or self.shake > config.shake

    def warning(self) -> str | None:
        """Return a warning about a camera that moves, in one line."""
        if not self.moves():
            return None
        since = f" from about {self.since:.0f} s on" if self.since is not None else ""
        return (
            f"the camera moves{since}: the background shifts by up to {100 * self.drift:.0f} % of "
            "the picture (panning, zooming or hand-held); its movement is taken for the people's, "
            "so paths and speeds are wrong. Film from a tripod, or stabilize the video first."
        )


class SceneReader:
    """Reads a scene frame by frame: edges in the first minute, movement of the background in all.

    Most frames are not looked at. Those of `watch` are looked at by another thread.
    """

    def __init__(self, video: Video, config: SceneConfig = SCENE) -> None:
        self.config, self.size = config, video.size
        self.every = max(1, round(video.fps / config.rate))
        self.last = max(min(video.length, round(config.seconds * video.fps)), 1)
        self._edges_every = max(1, self.last // self.every // config.edge_frames)
        self._edges: list[np.ndarray] = []
        self._flow = _BackgroundFlow(config)
        self._next = 0
        self._thread = ThreadPoolExecutor(1)
        self._waiting = deque[Future[None]]()

    def wants(self, frame: Frame) -> bool:
        """Return whether a frame is looked at."""
        late = frame.time % self.config.look_every <= self.config.look
        return frame.index % self.every == 0 and (frame.index < self.last or late)

    def add(self, frame: Frame, boxes: Boxes) -> None:
        """Look at the next frame that is wanted; people in the boxes are masked."""
        if frame.index < self._next:  # the video is read again, for people who were not found
            return
        self._next = frame.index + 1
        gray = cv2.cvtColor(frame.image, cv2.COLOR_RGB2GRAY)
        early = frame.index < self.last
        self._flow.add(gray, boxes, frame.time, early=early)
        if early and frame.index // self.every % self._edges_every == 0:
            self._edges.append(find_edges(gray, boxes, self.config))

    def watch(self, frame: Frame, poses: Sequence[Pose]) -> None:
        """Look at a frame in which people have these poses, if it is wanted, in the background."""
        if self.wants(frame):
            boxes = [_box(pose.xy[pose.visibility > 0], self.config) for pose in poses]
            self._finish(_AHEAD)
            look = self._thread.submit(self.add, frame, np.array(boxes).reshape(-1, 4))
            self._waiting.append(look)

    def _finish(self, most: int = 0) -> None:
        """Wait until at most ``most`` frames are left to look at."""
        while len(self._waiting) > most:
            self._waiting.popleft().result()

    def reading(self) -> SceneReading:
        """Return what was read."""
        self._finish()
        segments, weight = merge_edges(self._edges, self.config)
        flow = self._flow
        return SceneReading(segments, weight, self.size, *flow.drift_and_shake(), flow.since)


def read_scene(
    video: Video, people: Sequence[Motion2D], config: SceneConfig = SCENE
) -> SceneReading:
    """Read edges in the first minute of a video, and the movement of the background in all of it.

    All frames are decoded for that.

    Args:
        people: Everyone known in the video, frame by frame, in its pixels; they are masked.
        config: How it is read.
    """
    reader = SceneReader(video, config)
    frames, index = video.frames(reader.every), 0
    while True:
        try:
            frame = next(frames, None)
        except ValueError:
            if index < reader.last:  # what is left of a damaged video is of no use to the scene
                raise
            break
        if frame is None:
            break
        index = frame.index
        if reader.wants(frame):
            reader.add(frame, _boxes(people, frame.index, config))
    return reader.reading()


def find_edges(gray: Gray, boxes: Boxes, config: SceneConfig = SCENE) -> Float[np.ndarray, "s 4"]:
    """Find straight edges outside of the boxes (x, y, x, y), all in pixels of the picture."""
    small, scale = _shrink(gray, config.edge_side)
    lines = cv2.createLineSegmentDetector().detect(small)[0]
    if lines is None:
        return np.zeros((0, 4))
    segments = (np.asarray(lines, dtype=float).reshape(-1, 4) + 0.5) / scale - 0.5
    length = np.hypot(*(segments[:, 2:] - segments[:, :2]).T)
    long = length > config.shortest * max(gray.shape)
    middle = (segments[:, :2] + segments[:, 2:]) / 2
    return segments[long & ~_inside(middle, boxes)]


def merge_edges(
    found: Sequence[Float[np.ndarray, "_ 4"]], config: SceneConfig = SCENE
) -> tuple[Float[np.ndarray, "s 4"], Float[np.ndarray, " s"]]:
    """Merge the edges of several frames, longest first; return them with the share of frames.

    An edge whose ends lie on the line of a longer one, and whose middle is between its ends, is the
    same edge, or a part of it.
    """
    rest = np.concatenate([np.zeros((0, 4)), *found])
    length = np.hypot(*(rest[:, 2:] - rest[:, :2]).T)
    order = np.argsort(-length, kind="stable")
    rest, length = rest[order], length[order]
    segments, weights = [], []
    while len(rest):
        start, along = rest[0, :2], (rest[0, 2:] - rest[0, :2]) / length[0]
        ends = rest.reshape(-1, 2, 2) - start
        off = np.abs(ends[..., 0] * along[1] - ends[..., 1] * along[0]).max(axis=1)
        at = ends.mean(axis=1) @ along
        same = (off < config.same) & (at > 0) & (at < length[0])
        segments.append(rest[0])
        weights.append(min(1.0, float(length[same].sum() / (length[0] * len(found)))))
        rest, length = rest[~same], length[~same]
    return np.array(segments).reshape(-1, 4), np.array(weights)


def _shrink(gray: Gray, side: int) -> tuple[Gray, float]:
    """Return the picture with this longer side, if it is larger, and the scale."""
    scale = min(1.0, side / max(gray.shape))
    return cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), scale


def _boxes(people: Sequence[Motion2D], frame: int, config: SceneConfig) -> Boxes:
    """Return the boxes of the people in a frame, with a margin."""
    boxes = []
    for person in people:
        if frame >= len(person) or not person.valid[frame]:
            continue
        seen = person.xy[frame, person.confidence[frame] > 0]
        boxes.append(_box(seen, config))
    return np.array(boxes).reshape(-1, 4)


def _box(joints: Float[np.ndarray, "k 2"], config: SceneConfig) -> list[float]:
    """Return the box around joints, with a margin."""
    low, high = joints.min(axis=0), joints.max(axis=0)
    margin = config.margin * (high - low).max()
    return [*(low - margin), *(high + margin)]


def _inside(points: Float[np.ndarray, "s 2"], boxes: Boxes) -> Bool[np.ndarray, " s"]:
    """Return which points are in any box."""
    x, y = points[:, 0, None], points[:, 1, None]
    left, top, right, bottom = boxes.T
    inside = (x >= left) & (x <= right) & (y >= top) & (y <= bottom)
    return np.any(inside, axis=-1)


class _BackgroundFlow:
    """Follows the background from frame to frame."""

    def __init__(self, config: SceneConfig) -> None:
        self.config = config
        self.before: tuple[Gray, Boxes] | None = None
        self.total = np.eye(3)
        self.drifts: list[float] = []
        self.steps: dict[bool, list[float]] = {True: [], False: []}
        self.since: float | None = None

    def add(self, gray: Gray, boxes: Boxes, time: float, *, early: bool) -> None:
        """Add the next frame; boxes of people are in its pixels."""
        small, scale = _shrink(gray, self.config.flow_side)
        now = small, boxes * scale
        if self.before is not None:
            step = self._step(self.before, now)
            if step is not None:
                self.total = step @ self.total
                self.steps[early].append(_corner_shift(step, small.shape))
                self.drifts.append(_corner_shift(self.total, small.shape))
                if self.since is None and self.drifts[-1] > self.config.drift:
                    self.since = time
        self.before = now

    def drift_and_shake(self) -> tuple[float, float]:
        """Return the largest shift since the first frame, and the usual one between frames."""
        shakes = [float(np.sqrt(np.mean(np.square(s)))) for s in self.steps.values() if s]
        return max(self.drifts, default=0.0), max(shakes, default=0.0)

    def _step(self, before: tuple[Gray, Boxes], now: tuple[Gray, Boxes]) -> np.ndarray | None:
        """Return the similarity that maps the background of one frame to the next, if known."""
        mask = np.full(before[0].shape, 255, np.uint8)
        for box in np.concatenate([before[1], now[1]]):
            x0, y0, x1, y1 = np.clip(box, 0, 1e4).astype(int)
            mask[y0 : y1 + 1, x0 : x1 + 1] = 0
        corners = cv2.goodFeaturesToTrack(before[0], self.config.corners, 0.01, 5, mask=mask)
        if corners is None or len(corners) < self.config.agreeing:
            return None
        moved, status, _ = cv2.calcOpticalFlowPyrLK(before[0], now[0], corners, None)  # pyright: ignore
        kept = status.ravel() > 0
        if kept.sum() < self.config.agreeing:
            return None
        matrix, inliers = cv2.estimateAffinePartial2D(
            corners[kept], moved[kept], method=cv2.RANSAC, ransacReprojThreshold=0.7
        )
        if matrix is None or inliers.sum() < max(self.config.agreeing, 0.4 * kept.sum()):
            return None
        return np.concatenate([matrix, [[0.0, 0.0, 1.0]]])


def _corner_shift(matrix: np.ndarray, shape: tuple[int, ...]) -> float:
    """Return how far a mapping moves corners of the picture, as a share of its longer side."""
    height, width = shape[:2]
    corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]], float).T
    return float(np.hypot(*(matrix @ corners - corners)[:2]).max() / max(height, width))
