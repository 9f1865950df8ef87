"""Where the view in space stands: it follows the main people, from a chosen side."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float
from scipy.ndimage import gaussian_filter1d, maximum_filter1d, minimum_filter1d

from ..motion import LIMITS, Motion3D
from ..tracking.bystanders import measure_presence
from ..tracking.tracker import MAIN_SHARE
from ..world.ground import ground_of
from .scene import View

Side = Literal["turn", "camera", "side", "top"]
_STEEPEST = 85.0  # degrees of a camera above the people, beyond which it has no side
_LOWEST = 1.0  # degrees: the floor is seen from above


@dataclass(frozen=True)
class ViewConfig:
    """Motion of the view in space. All values were chosen by eye."""

    side: Side = "turn"
    """From where: "camera", "side" (the camera's right), "top", or "turn": from the camera, then
    slowly around."""
    turn_speed: float = 12.0
    """Degrees per second of a turning view."""
    elevation: float = 13.0
    """Degrees to which a turning view rises, or sinks, from that of the camera."""
    settle: float = 4.0
    """Seconds that this takes."""
    smoothing: float = 0.6
    """Seconds over which the view follows the people."""
    min_radius: float = 0.95
    """Metres around the target that are always in view."""


TURN = ViewConfig()


@dataclass(frozen=True)
class ViewPath:
    """A view for each frame.

    Attributes:
        targets: Middle of the view in the world, metres.
        radii: Metres around the target that are in view.
        camera: Place of the recording camera in the world; None without people.
        config: From which side it looks.
    """

    targets: Float[np.ndarray, "t 3"]
    radii: Float[np.ndarray, " t"]
    camera: Float[np.ndarray, "3"] | None = None
    config: ViewConfig = TURN

    def at(self, index: int, seconds: float) -> View:
        """Return the view of a frame, some seconds after the first one."""
        now = min(index, len(self.targets) - 1)
        azimuth, elevation = self._direction(self.targets[now], seconds)
        x, y, z = self.targets[now].tolist()
        return View((x, y, z), float(self.radii[now]), azimuth, elevation)

    def _direction(self, target: Float[np.ndarray, "3"], seconds: float) -> tuple[float, float]:
        azimuth, elevation = 0.0, self.config.elevation
        if self.camera is not None:
            x, y, z = (target - self.camera).tolist()
            azimuth = float(np.degrees(np.arctan2(-x, y)))
            elevation = float(np.degrees(np.arctan2(-z, np.hypot(x, y))))
        elevation = float(np.clip(elevation, _LOWEST, _STEEPEST))
        if self.config.side == "side":
            return azimuth + 90.0, 5.0
        if self.config.side == "top":
            return azimuth, 90.0
        if self.config.side == "camera":
            return azimuth, elevation
        share = float(np.clip(seconds / self.config.settle, 0, 1))
        risen = elevation + (3 - 2 * share) * share**2 * (self.config.elevation - elevation)
        return azimuth + self.config.turn_speed * seconds, risen


def find_camera(
    motion: Motion3D,
) -> tuple[Float[np.ndarray, "3 3"], Float[np.ndarray, "3"]]:
    """Return the rotation from camera to world axes, and the place of the camera in the world."""
    rotation = ground_of(motion).rotation
    world, seen = (x.mean(axis=(0, 1), dtype=float) for x in (motion.xyz, motion.camera_xyz))
    return rotation, world - rotation @ seen


def find_main(people: Mapping[int, Motion3D]) -> list[Motion3D]:
    """Return the people without bystanders, the most present one first."""
    presence = {number: measure_presence(person) for number, person in people.items()}
    least = MAIN_SHARE * max(presence.values(), default=0.0)
    order = sorted(presence, key=lambda number: -presence[number])
    return [people[number] for number in order if presence[number] >= least]


def solve_view_path(
    people: Mapping[int, Motion3D], fps: float, config: ViewConfig = TURN
) -> ViewPath:
    """Solve for the views of all frames: smooth, with the main people in view where valid."""
    main = find_main(people)
    length = max((len(person) for person in main), default=1)
    low, high = np.full((length, 3), np.inf), np.full((length, 3), -np.inf)
    for person in main:
        valid = np.nonzero(person.valid)[0]
        low[valid] = np.minimum(low[valid], person.xyz[valid].min(axis=1))
        high[valid] = np.maximum(high[valid], person.xyz[valid].max(axis=1))
    known = np.nonzero(np.isfinite(low[:, 0]))[0]
    camera = find_camera(main[0])[1] if main else None
    if not len(known):
        target = np.array([[0.0, 0.0, 0.9]])
        return ViewPath(target, np.array([config.min_radius]), camera, config)
    low[:, 2] = 0.0  # the floor below a jump stays in view
    window = max(config.smoothing * min(fps, LIMITS.max_fps), 1.0)
    low = _smooth_bound(low, known, window, minimum_filter1d)
    high = _smooth_bound(high, known, window, maximum_filter1d)
    across, top = np.linalg.norm((high - low)[:, :2], axis=1), high[:, 2]
    radius = np.maximum(0.5 * across + 0.2, 0.57 * top)  # bodies extend beyond their joints
    return ViewPath(0.5 * (low + high), np.maximum(radius, config.min_radius), camera, config)


def _smooth_bound(
    bound: np.ndarray, known: np.ndarray, window: float, extreme: Callable[..., np.ndarray]
) -> np.ndarray:
    """Interpolate frames without people, take the extreme within the window, then smooth."""
    frames = np.arange(len(bound))
    bridged = np.stack([np.interp(frames, known, column[known]) for column in bound.T], axis=1)
    wide = extreme(bridged, size=2 * round(window) + 1, axis=0, mode="nearest")
    return gaussian_filter1d(wide, window / 2, axis=0, mode="nearest")
