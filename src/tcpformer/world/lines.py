"""Lines of the scene as evidence of the camera's posture: many are vertical or horizontal.

Axis legend: ``s`` segments, ``n`` postures, ``f`` focal lengths.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from .posture import up_of

Numbers = Float[np.ndarray, " n"]
UNKNOWN_FOCAL = (0.8, 1.0, 1.25)
"""Factors on a focal length that is only assumed."""


@dataclass(frozen=True, kw_only=True)
class LinesConfig:
    """Tuned numbers of the evidence from lines; chosen on pictures of `benchmarks/vertical.py`."""

    pixel: float = 0.001
    """Error of the end of a segment, as a share of the focal length, one sigma."""
    bent: float = 0.3
    """Degrees that edges deviate from the three directions, as lenses bend them, one sigma."""
    share: float = 0.25
    """Share of the segments along each of three perpendicular directions."""
    fewest: int = 5
    """Segments from which on they are evidence."""
    most: int = 100
    """Segments that are used: the longest."""
    trust: float = 0.45
    """Power of the likelihood: segments along one edge err together."""
    chance: float = 10.0
    """Log-likelihood, before the power, that lines of any direction reach by chance."""
    turns: tuple[int, int] = (18, 150)
    """Directions in the plane, over 90 degrees, that are tried at least and at most."""


LINES = LinesConfig()


@dataclass(frozen=True)
class SceneLines:
    """Straight edges of the scene behind the people, in pixels.

    ``segments`` are x, y of both ends; each counts for ``weight``, which is less than one where
    several frames show the same edge.
    """

    segments: Float[np.ndarray, "s 4"]
    weight: Float[np.ndarray, " s"]
    size: tuple[int, int]


class LineEvidence:
    """The log-likelihood of the camera's posture that lines of the scene tell.

    For a posture, and a turn about the vertical, three perpendicular directions are known. The line
    through a segment meets a direction's vanishing point if the normal of the plane through the
    camera and the segment is perpendicular to it (Barnard, 1983). Segments are a mixture of the
    three directions and of any other (Coughlan and Yuille, 1999); the best turn counts.
    """

    def __init__(
        self, lines: SceneLines, focal: float, *, known: bool = True, config: LinesConfig = LINES
    ) -> None:
        self.config = config
        length = np.hypot(*(lines.segments[:, 2:] - lines.segments[:, :2]).T)
        longest = np.argsort(-length * lines.weight, kind="stable")[: config.most]
        self.weight = lines.weight[longest]
        factors = (1.0,) if known else UNKNOWN_FOCAL
        segments = lines.segments[longest]
        self.planes = [_planes(segments, lines.size, focal * factor) for factor in factors]

    def __call__(self, tilt: Numbers, roll: Numbers, step: float) -> Numbers:
        """Compute the log-likelihood of postures on a grid of this step, all in degrees."""
        if self.weight.sum() < self.config.fewest:
            return np.zeros(len(tilt))
        scores = [self._score(tilt, roll, step, planes) for planes in self.planes]
        log = self.config.trust * (np.stack(scores) - self.config.chance)
        return np.log1p(np.exp(log).mean(axis=0))

    def _score(
        self, tilt: Numbers, roll: Numbers, step: float, planes: tuple[np.ndarray, ...]
    ) -> Numbers:
        # Single precision takes half the time, and moves postures by less than 0.001 degrees.
        normal, middle, half = (each.astype(np.float32) for each in planes)
        count = int(np.clip(np.ceil(90 / step), *self.config.turns))
        blur = math.radians(math.hypot(max(step, 90 / count) / 2, self.config.bent))
        up = up_of(tilt, roll).astype(np.float32)
        right = up_of(0 * tilt, roll - 90).astype(np.float32)
        agreement = _Agreement(half, blur, self.config.pixel)
        vertical, *level = (
            agreement.parts(axis, normal, middle) for axis in (up, right, np.cross(up, right))
        )
        upright = agreement(*vertical)
        (off_right, near_right), (off_away, near_away) = level
        best = np.full(len(tilt), -np.inf)
        for turn in np.radians(np.arange(count) * 90 / count).tolist():
            # The parts of the two horizontal axes follow from those of right and away.
            c, s = math.cos(turn), math.sin(turn)
            total = upright + agreement(
                c * off_right + s * off_away, c * near_right + s * near_away
            )
            total += agreement(c * off_away - s * off_right, c * near_away - s * near_right)
            total *= self.config.share
            total += 1
            best = np.maximum(best, np.log(total, out=total) @ self.weight)
        return best


def _planes(
    segments: Float[np.ndarray, "s 4"], size: tuple[int, int], focal: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return normals of the planes through camera and segment, middles, and half lengths."""
    ends = (segments.reshape(-1, 2, 2) - np.array(size) / 2) / focal
    ends = np.concatenate([ends, np.ones((len(ends), 2, 1))], axis=-1)
    ends /= np.linalg.norm(ends, axis=-1, keepdims=True)
    normal = np.cross(ends[:, 0], ends[:, 1])
    length = np.maximum(np.linalg.norm(normal, axis=-1), 1e-9)
    middle = ends.sum(axis=1)
    middle /= np.linalg.norm(middle, axis=-1, keepdims=True)
    return normal / length[:, None], middle, length / 2


class _Agreement:
    """How much more likely segments are if they point to a direction than if to any.

    The angle between the plane of a segment and the direction has the variance blur^2 +
    pixel^2 (1 + (1 - t^2) / half^2), with t the cosine of the angle between the direction and the
    middle of the segment: the farther away the direction, the less a short segment tells of it.
    """

    def __init__(self, half: Float[np.ndarray, " s"], blur: float, pixel: float) -> None:
        self.fall = pixel / half
        self.most = self.fall**2 + np.float32(pixel**2 + blur**2)

    def parts(
        self,
        axis: Float[np.ndarray, "n 3"],
        normal: Float[np.ndarray, "s 3"],
        middle: Float[np.ndarray, "s 3"],
    ) -> tuple[Float[np.ndarray, "n s"], Float[np.ndarray, "n s"]]:
        """Return the sine of the angle over sqrt(2), and the root of what t takes off.

        Both are linear in the direction.
        """
        return axis @ (normal.T * np.float32(math.sqrt(0.5))), axis @ (middle.T * self.fall)

    def __call__(
        self, off: Float[np.ndarray, "n s"], near: Float[np.ndarray, "n s"]
    ) -> Float[np.ndarray, "n s"]:
        """Compute it from the parts of a direction, which are used up."""
        near *= near
        np.subtract(self.most, near, out=near)
        precision = np.reciprocal(near, out=near)
        off *= off
        off *= precision
        np.negative(off, out=off)
        likely = np.exp(off, out=off)
        likely *= np.sqrt(precision, out=precision)
        return likely
