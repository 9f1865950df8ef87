"""Whether people move as fast as a frame rate says.

Nothing but gravity sets a clock to a motion, and most motions never leave the ground: what can be
told is how fast people usually move, for how far they move. One sequence tells the rate within a
factor of 1.5 (one standard deviation), many of one folder much better.
"""

import numpy as np
from jaxtyping import Float

from ...skeleton import H36M, STANDARD_HEIGHT, stature

WINDOW = 150
"""Frames looked at together."""
FEWEST = 8
"""Frames that show a pace."""
WEIGHTS = np.array([0.386, 0.136, 0.362, -0.255, -0.427])
ALWAYS = -1.056
"""`haste` as a linear function of `traits`: least squares on the train and val splits of the CMU
motion capture, at 50 and 25 frames per second, said to be a sixth to six times that.
benchmarks/validator.py --fit computes them."""
SPREAD = 0.45
"""Standard deviation of one sequence's answer about the truth: 0.23 for the motions fitted to, 0.38
for other people's, and more where only a few seconds are seen."""
BETWEEN = 0.12
"""That of the mean of a large folder: people there may do something slow, or fast."""
SURE = 2.6
"""Standard deviations that are no chance: 1 in 100."""


def traits(pose: Float[np.ndarray, "t 17 3"], fps: float) -> Float[np.ndarray, " 5"]:
    """Logarithms of how fast and how far joints move about the pelvis; SI units, people of 1.70 m.

    The head's acceleration, the speed of shoulders and knees, the range of shoulders and ankles.
    """

    def change(joint: str, seconds: float, times: int) -> np.ndarray:
        step = min(max(1, round(seconds * fps)), (len(pose) - 1) // times)
        x = _sides(pose, joint)
        for _ in range(times):
            x = x[step:] - x[:-step]
        return np.linalg.norm(x, axis=-1) * (fps / step) ** times

    def spread(joint: str) -> float:
        return np.sqrt(_sides(pose, joint).var(axis=0).sum(axis=-1).mean())

    nod = np.median(change("Head", 0.08, 2))
    sway = np.sqrt((change("Shoulder", 0.5, 1) ** 2).mean())
    step = np.sqrt((change("Knee", 0.08, 1) ** 2).mean())
    # A millimetre: what does not move at all tells nothing.
    return np.log(np.array([nod, sway, step, spread("Shoulder"), spread("Ankle")]) + 1e-3)


def _sides(pose: Float[np.ndarray, "t 17 3"], joint: str) -> Float[np.ndarray, "t k 3"]:
    names = (joint, f"L{joint}", f"R{joint}")
    return pose[:, [i for i, name in enumerate(H36M.joints) if name in names]]


def windows_of(xyz: Float[np.ndarray, "t 17 3"]) -> list[Float[np.ndarray, "t2 17 3"]]:
    """A motion about its pelvis, the person made 1.70 m tall, in windows; the last may be short."""
    pose = xyz - xyz[:, H36M.root, None]
    pose = pose * (STANDARD_HEIGHT / np.median(stature(pose)))
    parts = [pose[start : start + WINDOW] for start in range(0, len(pose), WINDOW)]
    return [part for part in parts if len(part) >= WINDOW // 2] or parts[:1]


def haste(xyz: Float[np.ndarray, "t 17 3"], fps: float) -> float | None:
    """The logarithm of how many times too fast the motion looks; None if it is too short.

    Any unit and any axes do.
    """
    if len(xyz) < FEWEST:
        return None
    found = np.mean([traits(part, fps) for part in windows_of(xyz)], axis=0)
    return float(found @ WEIGHTS + ALWAYS)


def limit(sequences: int) -> float:
    """How hasty the mean of so many sequences may be before it is no chance."""
    return SURE * float(np.sqrt(BETWEEN**2 + SPREAD**2 / sequences))
