"""Frame rate: whether people move as fast, for how far they move, as the stated rate implies.

One sequence gives the rate within a factor of 1.5 (one standard deviation), many of one folder give
it much better.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ...skeleton import H36M, STANDARD_HEIGHT, stature

Motion = Float[np.ndarray, "_ 17 3"]


@dataclass(frozen=True)
class TempoConfig:
    """The linear rule of `log_speed_ratio`, and how far it can be trusted.

    Least squares on the train and val splits of the CMU motion capture at 50 and 25 frames per
    second, with stated rates wrong by factors of 1/6 to 6; benchmarks/validator.py --fit.
    """

    window: int = 150
    """Frames of a window."""
    min_frames: int = 8
    """Shortest motion that shows a speed."""
    weights: tuple[float, ...] = (0.386, 0.136, 0.362, -0.255, -0.427)
    """Weights of `motion_features`."""
    bias: float = -1.056
    """Constant of the rule."""
    spread: float = 0.45
    """Standard deviation for one sequence: 0.23 for the motions fitted to, 0.38 for other people's,
    more for a few seconds."""
    folder_spread: float = 0.12
    """Standard deviation for a large folder: people there may do something slow, or fast."""
    significance: float = 2.6
    """Standard deviations that count as an error: 1 in 100 by chance."""


def motion_features(pose: Motion, fps: float) -> Float[np.ndarray, " 5"]:
    """Return logarithms of how fast and how far joints move about the pelvis, in SI units.

    Of a pose of standard height: the acceleration of the head, the speed of shoulders and knees,
    the range of shoulders and ankles.
    """

    def both_sides(joint: str) -> np.ndarray:
        names = (joint, f"L{joint}", f"R{joint}")
        return pose[:, [i for i, name in enumerate(H36M.joints) if name in names]]

    def difference(joint: str, seconds: float, times: int) -> np.ndarray:
        step = min(max(1, round(seconds * fps)), (len(pose) - 1) // times)
        x = both_sides(joint)
        for _ in range(times):
            x = x[step:] - x[:-step]
        return np.linalg.norm(x, axis=-1) * (fps / step) ** times

    def spread(joint: str) -> float:
        return np.sqrt(both_sides(joint).var(axis=0).sum(axis=-1).mean())

    head = np.median(difference("Head", 0.08, 2))
    shoulder = np.sqrt((difference("Shoulder", 0.5, 1) ** 2).mean())
    knee = np.sqrt((difference("Knee", 0.08, 1) ** 2).mean())
    # A millimetre: the logarithm of no motion at all is finite.
    return np.log(np.array([head, shoulder, knee, spread("Shoulder"), spread("Ankle")]) + 1e-3)


def split_windows(xyz: Motion, config: TempoConfig = TempoConfig()) -> list[Motion]:
    """Split a motion, root-relative and scaled to standard height, into windows."""
    pose = xyz - xyz[:, H36M.root, None]
    pose = pose * (STANDARD_HEIGHT / np.median(stature(pose)))
    parts = [pose[start : start + config.window] for start in range(0, len(pose), config.window)]
    return [part for part in parts if len(part) >= config.window // 2] or parts[:1]


def log_speed_ratio(xyz: Motion, fps: float, config: TempoConfig = TempoConfig()) -> float | None:
    """Return the logarithm of how many times too fast a motion looks; None if it is too short.

    It may be in any unit and any axes; ``fps`` is the stated frame rate.
    """
    if len(xyz) < config.min_frames:
        return None
    found = np.mean([motion_features(part, fps) for part in split_windows(xyz, config)], axis=0)
    return float(found @ np.array(config.weights) + config.bias)


def speed_ratio_limit(sequences: int, config: TempoConfig = TempoConfig()) -> float:
    """Return the largest mean `log_speed_ratio` of n sequences that chance explains."""
    variance = config.folder_spread**2 + config.spread**2 / sequences
    return config.significance * float(np.sqrt(variance))
