"""`LiveLifter`: people in 3D, frame by frame, from the past and a few frames of look-ahead.

picture or keypoints -> people with ids -> causal clips -> network -> metres -> root trajectory ->
smoothing -> floor. Every step knows only what was pushed; what is kept is bounded.
Axes: j joints of the result, k joints of the detector.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from jaxtyping import Float, UInt8

from ..detect.frame_detector import FrameDetector
from ..detections import at_origin
from ..filtering.gh_filter import GhFilter
from ..lifting.causal import CausalClips, History, LastSeen
from ..lifting.lifter import Lifter
from ..motion import Motion2D, to_skeleton
from ..skeleton import (
    ANKLE_OVER_SOLE,
    BLAZEPOSE,
    BODY,
    FEET,
    H36M,
    SOLE_DEPTH,
    STANDARD_HEIGHT,
    Skeleton,
    conversion,
    stature,
)
from ..tracking.online import OnlineTracker
from ..world.camera import choose_focal, to_rays
from ..world.ground import ASSUMED_LEVEL, Ground
from ..world.posture import up_of
from ..world.scale import choose_height
from ..world.trajectory import solve_root_line

if TYPE_CHECKING:
    from ..weights import Weights

Image = UInt8[np.ndarray, "h w 3"]


@dataclass(frozen=True, kw_only=True)
class LiveConfig:
    """Tuned numbers of live use."""

    pose_cutoff: float = 2.0
    """Hz, of the g-h filter of joints relative to the pelvis, at rest. Of eighteen settings, and of
    One-Euro filters, this one errs least on the open benchmark at half the tremor."""
    pose_beta: float = 3.0
    """Hz more for each metre a second."""
    depth_cutoff: float = 0.8
    """Hz, of the filter of the logarithm of the depth of the pelvis."""
    depth_beta: float = 2.0
    """Hz more for each time that the depth grows e-fold in a second."""
    forget_s: float = 2.0
    """Seconds after which a person who is not seen is forgotten."""
    max_pause: float = 2.0
    """Seconds between frames after which everyone is forgotten: a clock that jumped, or a pause."""
    stature_frames: int = 300
    """Frames whose median sets the scale of a person."""
    floor_frames: int = 900
    """Heights of lowest feet that are kept to find the floor."""
    floor_quantile: float = 0.2
    """Of these heights, where the floor is: feet in the air are above it, errors below."""
    search_in_background: bool = False
    """Search for people in a thread of its own, so that no picture waits for it; they then appear
    some frames later, which depends on the machine."""
    max_people: int = 20
    """People lifted in one frame, those of most confidence."""


LIVE = LiveConfig()
IN_TIME = LiveConfig(search_in_background=True)
"""For pictures that come at their own pace."""


@dataclass(frozen=True)
class DetectedPerson:
    """A person in one frame, with an id that stays."""

    id: int
    xy: Float[np.ndarray, "k 2"]
    confidence: Float[np.ndarray, " k"]


@dataclass(frozen=True)
class LivePerson:
    """A person in 3D in one frame.

    Attributes:
        id: The same number in every frame for one person.
        xyz: Joints in the world, metres: x right, y away from the camera, z up from the floor.
        camera_xyz: The same relative to the camera: x right, y down, z forward.
        sigma: One sigma of each joint along the camera's axes, metres; None if the weights predict
            none.
        xy: Joints in the picture, pixels.
        confidence: Of each joint in the picture, 0 (unseen) to 1.
        seen: False in a frame that does not show a person who was there before.
    """

    id: int
    xyz: Float[np.ndarray, "j 3"]
    camera_xyz: Float[np.ndarray, "j 3"]
    sigma: Float[np.ndarray, "j 3"] | None
    xy: Float[np.ndarray, "j 2"]
    confidence: Float[np.ndarray, " j"]
    seen: bool


@dataclass(frozen=True)
class LiveFrame:
    """The people of one frame; ``time`` is the frame's own, which may be a few frames ago."""

    time: float
    people: tuple[LivePerson, ...]


@dataclass(frozen=True)
class _Frame:
    """One person in one frame, in the joints of the weights."""

    time: float
    motion: Motion2D
    """Of one frame; joints that are not seen are where they last were."""
    seen: bool
    unseen_s: float
    """Seconds since the person was seen."""


class _Person:
    """What is remembered of a person."""

    def __init__(self, lifter: Lifter, config: LiveConfig) -> None:
        self.last_seen = LastSeen(lifter.skeleton)
        self.history = History(lifter.clip_shape.seconds)
        self.frames = deque[_Frame](maxlen=lifter.lookahead + 1)
        self.statures = deque[float](maxlen=config.stature_frames)
        self.pose_filter = GhFilter(config.pose_cutoff, config.pose_beta)
        self.depth_filter = GhFilter(config.depth_cutoff, config.depth_beta)
        self.seen_at = -np.inf
        self.root: Float[np.ndarray, " 3"] | None = None

    def add(self, frame: _Frame) -> None:
        """Add what the next picture shows."""
        self.frames.append(frame)
        motion = frame.motion
        xyc = np.column_stack([motion.xy[0], motion.confidence[0]])
        self.history.add(frame.time, xyc, self.frames[0].time)


class LiveLifter:
    """Lifts frame after frame: ``frame = live.push(image, time)``.

    Args:
        weights: Packaged name, folder or loaded weights, trained for live use.
        lookahead: Frames that are waited for before a frame is answered: 0, or a few, which makes
            the answer more exact and steady and delays it.
        skeleton: Of keypoints that are pushed; the packaged detector's by default.
        size: Image width and height in pixels of keypoints that are pushed.
        landmarks: Packaged 2D network that reads the joints of images, "full" or "heavy".
        height: Height of every person in metres; 1.70 by default.
        focal: Focal length in pixels; by default of a camera that sees 60 degrees across the longer
            side.
        camera_tilt: Degrees that the camera looks down.
        camera_roll: Degrees that the camera is turned clockwise.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".
        smooth: Filter joints and depth (`GhFilter`).
        config: Tuned numbers.

    Raises:
        FileNotFoundError: If there are no such weights.
        ValueError: If the weights are not for live use, or an argument is out of range.
    """

    def __init__(  # noqa: PLR0913 - each is a choice of its own
        self,
        weights: "str | Path | Weights" = "live",
        lookahead: int = 0,
        *,
        skeleton: Skeleton = BLAZEPOSE,
        size: tuple[int, int] | None = None,
        landmarks: Literal["full", "heavy"] = "full",
        height: float | None = None,
        focal: float | None = None,
        camera_tilt: float = 0.0,
        camera_roll: float = 0.0,
        device: str = "auto",
        smooth: bool = True,
        config: LiveConfig = LIVE,
    ) -> None:
        self.lifter = Lifter(weights, device, flip=False, lookahead=lookahead)
        self.skeleton, self.size, self.landmarks = skeleton, size, landmarks
        self.height, _ = choose_height(height)
        self.focal, self.smooth, self.config = focal, smooth, config
        self.up = up_of(np.array(camera_tilt), np.array(camera_roll))
        self._detector: Any = None
        self._tracker = OnlineTracker(skeleton)
        self._times = deque[float](maxlen=lookahead + 1)
        self._people: dict[int, _Person] = {}
        self._heights = deque[float](maxlen=config.floor_frames)

    @property
    def ground(self) -> Ground:
        """The floor as far as it was found: under the feet of all people so far."""
        level = np.quantile(self._heights, self.config.floor_quantile) if self._heights else 0.0
        return Ground(self.up, float(level), f"{ASSUMED_LEVEL} or as given; floor found live")

    @property
    def lifter_focal(self) -> float:
        """Focal length in pixels, given or assumed.

        Raises:
            ValueError: If neither a picture was pushed nor a size given.
        """
        if self.size is None:
            raise ValueError(
                "the size of the pictures is not known yet; give LiveLifter(size=...)."
            )
        return choose_focal(self.focal, None, self.size)[0]

    def push(
        self,
        frame: Image | Sequence[Float[np.ndarray, "k 3"]],
        time: float,
        ids: Sequence[int] | None = None,
    ) -> LiveFrame | None:
        """Take the next frame; return the people of the newest frame that can be answered.

        Args:
            frame: An RGB image, or the keypoints of each person: x and y in pixels, confidence.
            time: Seconds, later than that of the frame before.
            ids: A number for each person whose keypoints are given, the same in every frame; by
                default people are tracked.

        Returns:
            The people ``lookahead`` frames ago; None while there are not as many frames.

        Raises:
            ValueError: If the time does not increase, or the frame is neither.
        """
        self._check_time(time)
        if self._times and time - self._times[-1] > self.config.max_pause:
            self.reset()
        people = self._find(frame, time, ids)
        self._times.append(float(time))
        sure = sorted(people, key=lambda person: -person.confidence.mean())
        seen = {person.id for person in sure[: self.config.max_people] if self._see(person, time)}
        for number in list(self._people.keys() - seen):
            self._miss(number, time)
        return self._answer(self.lifter.lookahead)

    def finish(self) -> list[LiveFrame]:
        """Return the frames at the end that still waited for later ones."""
        waiting = range(min(self.lifter.lookahead, len(self._times)) - 1, -1, -1)
        return [frame for back in waiting if (frame := self._answer(back)) is not None]

    def load_detector(self) -> Any:
        """Load the detector now, so that the first picture need not wait for it."""
        if self._detector is None:
            background = self.config.search_in_background
            self._detector = FrameDetector(self.landmarks, background=background)
        return self._detector

    def reset(self) -> None:
        """Forget everyone, as after a pause or when pictures change their size; the floor stays."""
        self._times.clear()
        self._people.clear()
        self._tracker = OnlineTracker(self.skeleton)
        if self._detector is not None:
            self._detector.reset()

    def _check_time(self, time: float) -> None:
        if not np.isfinite(time) or (self._times and time <= self._times[-1]):
            after = f" after {self._times[-1]:.6g}" if self._times else ""
            raise ValueError(f"expected the time of the next frame in seconds{after}, got {time}.")

    def _find(self, frame: Any, time: float, ids: Sequence[int] | None) -> Sequence[DetectedPerson]:
        """Return the people of a picture, or those whose keypoints are given."""
        if isinstance(frame, np.ndarray) and frame.dtype == np.uint8 and frame.ndim == 3:
            detector = self.load_detector()
            size = frame.shape[1], frame.shape[0]
            if self._times and size != self.size:
                self.reset()
            self.size = size
            found = detector(frame, time)
            return [DetectedPerson(p.id, p.xy, p.confidence) for p in found]
        if self.size is None:
            raise ValueError(
                "size (width, height) is needed to lift keypoints; give LiveLifter(size=...)."
            )
        people = [self._check_keypoints(joints) for joints in frame]
        numbers = self._tracker(people, time) if ids is None else ids
        if len(numbers) != len(people):
            raise ValueError(
                f"expected an id for each of {len(people)} people, got {len(numbers)}."
            )
        return [
            DetectedPerson(number, joints[:, :2], joints[:, 2])
            for number, joints in zip(numbers, people, strict=True)
            if number is not None
        ]

    def _check_keypoints(self, joints: Any) -> Float[np.ndarray, "k 3"]:
        given = np.array(joints, dtype=np.float64)
        expected = (len(self.skeleton.joints), 3)
        if given.shape != expected or not np.isfinite(given).all():
            raise ValueError(
                f"expected an RGB image of uint8, or for each person {expected} finite numbers (x, "
                f"y, confidence) of skeleton {self.skeleton.name!r}, got {given.shape}."
            )
        given[at_origin(given[:, :2]), 2] = 0.0
        return given

    def _see(self, found: DetectedPerson, time: float) -> bool:
        """Add a person of the newest frame; return whether any joint of the body is known."""
        assert self.size is not None
        one = Motion2D(
            found.xy[None], found.confidence[None], self.size, 1.0, self.skeleton, person=found.id
        )
        motion = to_skeleton(one, self.lifter.skeleton)
        seen = motion.confidence[0] > 0
        if not seen[BODY].any():
            return False
        person = self._people.setdefault(found.id, _Person(self.lifter, self.config))
        xy = person.last_seen.fill(motion.xy[0], seen)
        person.seen_at = time
        person.add(_Frame(time, replace(motion, xy=xy[None]), True, 0.0))
        return True

    def _miss(self, number: int, time: float) -> None:
        """Let a person rest who is not in the newest frame, or forget one who is gone."""
        person = self._people[number]
        unseen = time - person.seen_at
        if unseen > self.config.forget_s:
            del self._people[number]
            return
        before = person.frames[-1].motion
        motion = replace(before, confidence=np.zeros_like(before.confidence))
        person.add(_Frame(time, motion, False, unseen))

    def _answer(self, back: int) -> LiveFrame | None:
        """Lift the people of the frame that was pushed ``back`` frames before the newest."""
        if back >= len(self._times):
            return None
        there = {k: p for k, p in self._people.items() if len(p.frames) > back}
        if not there:
            return LiveFrame(self._times[-1 - back], ())
        clips = [p.history.clip(-1 - back, self.lifter.clip_shape) for p in there.values()]
        both = CausalClips(
            np.concatenate([clip.xyc for clip in clips]), np.concatenate([c.at for c in clips])
        )
        assert self.size is not None
        focal = self.lifter_focal
        answers = self.lifter.answer_clips(both, self.size, focal)
        placed = {
            number: self._place(person, person.frames[-1 - back], answer, focal)
            for (number, person), answer in zip(there.items(), answers, strict=True)
        }
        shown = {number: each for number, each in placed.items() if each is not None}
        for frame, camera_xyz, _ in shown.values():
            if frame.seen:
                self._find_floor(camera_xyz)
        people = tuple(self._show(number, *each) for number, each in shown.items())
        return LiveFrame(self._times[-1 - back], people)

    def _place(
        self, person: _Person, frame: _Frame, answer: Float[np.ndarray, "j d"], focal: float
    ) -> tuple[_Frame, np.ndarray, np.ndarray | None] | None:
        """Return a person's joints in the camera frame, and their sigma, in metres."""
        pose = conversion(self.lifter.skeleton, self.lifter.body) @ answer[:, :3]
        pose = pose - pose[H36M.root]
        if frame.seen:
            person.statures.append(float(stature(pose[None])[0]))
        scale = self.height / max(float(np.median(person.statures or [STANDARD_HEIGHT])), 1e-6)
        pose = pose * scale
        if self.smooth:
            pose = person.pose_filter(pose, frame.time)
        rays = to_rays(frame.motion.xy, frame.motion.size, focal)
        line = solve_root_line(pose, rays[0], frame.motion.confidence[0])
        if line is not None:
            depth = np.array([np.log(line.depth)])
            depth = person.depth_filter(depth, frame.time) if self.smooth else depth
            person.root = line.at(float(np.exp(depth[0])))
        if person.root is None:
            return None
        sigma = None
        if self.lifter.uncertainty is not None:
            unseen = np.array([frame.unseen_s])
            sigma = self.lifter.camera_sigma(answer[None, :, 3:], rays[:, BODY], unseen)[0] * scale
        return frame, pose + person.root, sigma

    def _find_floor(self, camera_xyz: Float[np.ndarray, "j 3"]) -> None:
        """Note how high the lower ankle is, less the height of a standing one over its sole."""
        over = (SOLE_DEPTH + ANKLE_OVER_SOLE) * self.height
        self._heights.append(float((camera_xyz[FEET] @ self.up).min()) - over)

    def _show(
        self,
        number: int,
        frame: _Frame,
        camera_xyz: Float[np.ndarray, "j 3"],
        sigma: Float[np.ndarray, "j 3"] | None,
    ) -> LivePerson:
        motion = to_skeleton(frame.motion, self.lifter.body)
        return LivePerson(
            id=number,
            xyz=self.ground.to_world(camera_xyz),
            camera_xyz=camera_xyz,
            sigma=sigma,
            xy=motion.xy[0],
            confidence=motion.confidence[0],
            seen=frame.seen,
        )
