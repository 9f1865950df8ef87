"""Comparison of two performances: aligned in time and in space, joint by joint, angle by angle.

The first motion is the reference A; B is brought to its times, size and heading. Axes of the
result, those of A's body: x forward, y up, z to the right; metres.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Int

from ..filtering.filters import gaussian_smooth
from ..motion import Motion3D
from ..skeleton import BODY, BODY_26, H36M, Skeleton, stature
from .angles import ANGLES, Angles, column, measure_angles
from .gait import measure_gait
from .metrics import align, nearest_rotation

Series = Float[np.ndarray, " t"]
Poses = Float[np.ndarray, "t j 3"]
Others = Float[np.ndarray, "s j 3"]
"""Poses of B, at its own frames."""

TORSO = H36M.indices("Hip", "LHip", "RHip", "Spine", "Thorax", "LShoulder", "RShoulder")
_RIGHT, _LEFT = H36M.indices("RHip", "RShoulder"), H36M.indices("LHip", "LShoulder")
_HEADINGS = ("pelvis_rotation", "thorax_rotation")


@dataclass(frozen=True, kw_only=True)
class CompareConfig:
    """How two motions are aligned."""

    time: Literal["dtw", "part", "events", "none"] = "dtw"
    """"dtw": by the likeness of poses; "part": so, as a part of A, at half to twice the speed;
    "events": strikes of the feet meet; "none": both start together."""
    space: Literal["heading", "torso", "full"] = "heading"
    """Each frame of B is moved to A's pelvis and turned: "heading" about the vertical, "torso" in
    any way until the torsos meet, "full" also scaled, until all joints do (Procrustes)."""
    band: float = 0.2
    """Share of the length by which the times may differ in "dtw" (Sakoe and Chiba, 1978)."""
    warp_smoothing: float = 0.1
    """Seconds, one sigma, over which the times of B are smoothed: they go by whole frames."""
    moments: int = 5
    """Number of worst moments."""
    apart: float = 0.5
    """Seconds between two of them."""
    max_cells: int = 50_000_000
    """Pairs of frames that may be compared, which bounds the memory."""


DEFAULT = CompareConfig()


@dataclass(frozen=True)
class Moment:
    """A moment in which the performances differ most."""

    frame: int
    """Of A."""
    distance: float
    """Mean over the joints, metres."""
    joint: str
    """The joint that is furthest away."""
    offset: tuple[float, float, float]
    """Of this joint from A's: forward, up, to the right; metres."""
    angle: str | None
    """The angle that differs most among those that differ by more than two sigma."""
    degrees: float
    """B's angle less A's."""


@dataclass(frozen=True)
class Comparison:
    """Two motions, frame by frame of A; NaN where B has no such time, or a joint was not seen.

    Attributes:
        skeleton: The joints, those that both have.
        times: Seconds of A's frames.
        times_b: The times of B that correspond.
        pose_a: Joints of A relative to the pelvis, in the axes of A's body.
        pose_b: The joints of B after alignment.
        distance: Between the two.
        angles_a: Angles of A, degrees.
        angles_b: Angles of B at ``times_b``.
        difference: B's less A's, in -180 to 180; of headings, without what is constant.
        sigma: One standard deviation of the difference; NaN where unknown.
        scale: Factor that brought B to A's body height.
        moments: The worst ones, the worst first.
        config: How the two are aligned.
    """

    skeleton: Skeleton
    times: Series
    times_b: Series
    pose_a: Poses
    pose_b: Poses
    distance: Float[np.ndarray, "t j"]
    angles_a: Float[np.ndarray, "t a"]
    angles_b: Float[np.ndarray, "t a"]
    difference: Float[np.ndarray, "t a"]
    sigma: Float[np.ndarray, "t a"]
    scale: float
    moments: tuple[Moment, ...]
    config: CompareConfig

    @property
    def mean_distance(self) -> Series:
        """Return the mean over the joints in each frame, metres."""
        return _mean(self.distance, axis=1)

    @property
    def tempo(self) -> float:
        """Return B's speed over A's: above 1 where B takes less time."""
        both = np.asarray(np.isfinite(self.times_b))
        a, b = np.ptp(self.times[both]), np.ptp(self.times_b[both])
        return float(a / b) if b > 0 else 1.0

    def joint_rows(self) -> list[tuple[str, float, float]]:
        """Return joint, mean and largest distance in metres, the largest mean first."""
        seen = np.asarray(np.isfinite(self.distance).any(axis=0))
        rows = [
            (name, float(np.nanmean(self.distance[:, j])), float(np.nanmax(self.distance[:, j])))
            for j, name in enumerate(self.skeleton.joints)
            if seen[j]
        ]
        return sorted(rows, key=lambda row: -row[1])

    def angle_rows(self) -> list[tuple[str, float, float, float, float | None]]:
        """Return angle, mean, RMS and largest difference, and its sigma; degrees, by RMS."""
        rows = []
        for name, d, s in zip(ANGLES, self.difference.T, self.sigma.T, strict=True):
            if not np.isfinite(d).any():
                continue
            at = int(np.nanargmax(np.abs(d)))
            sigma = float(s[at]) if np.isfinite(s[at]) else None
            rms = float(np.sqrt(np.nanmean(d**2)))
            rows.append((name, float(np.nanmean(d)), rms, float(d[at]), sigma))
        return sorted(rows, key=lambda row: -row[2])


def compare_motions(a: Motion3D, b: Motion3D, config: CompareConfig = DEFAULT) -> Comparison:
    """Compare a motion b with a reference a, with which it is aligned.

    Raises:
        ValueError: If a motion has fewer than 2 frames that show the person, no frame shows a joint
            of both, the motions are too long, or events are missing.
    """
    _check_seen(a, b)
    both = BODY_26 if a.skeleton == b.skeleton == BODY_26 else H36M
    count = len(both.joints)
    scale = _height(a) / _height(b)
    pose_a, pose_b = _face(a.xyz[:, :count]), _face(b.xyz[:, :count] * scale)
    times_b = _align_times(a, b, pose_a, pose_b, config)
    at_b = np.interp(times_b, b.times, np.arange(len(b)))
    at_b[~np.isfinite(times_b)] = np.nan
    pose_b = _align_space(pose_a, _at(pose_b, at_b), config)
    shown = _shown(a, count) & (_at(_shown(b, count).astype(float), at_b) == 1)
    distance = np.where(shown, np.linalg.norm(pose_b - pose_a, axis=-1), np.nan)
    if not np.isfinite(distance).any():
        raise ValueError("expected a frame in which both motions show a joint, found none.")
    angles = measure_angles(a), measure_angles(b)
    difference, sigma, angles_b = _compare_angles(*angles, at_b)
    result = Comparison(
        skeleton=both,
        times=a.times,
        times_b=times_b,
        pose_a=pose_a,
        pose_b=pose_b,
        distance=distance,
        angles_a=angles[0].degrees,
        angles_b=angles_b,
        difference=difference,
        sigma=sigma,
        scale=scale,
        moments=(),
        config=config,
    )
    return _with_moments(result)


def _check_seen(a: Motion3D, b: Motion3D) -> None:
    for name, motion in (("A", a), ("B", b)):
        if motion.valid.sum() < 2:
            raise ValueError(f"expected at least 2 frames that show the person in motion {name}.")


def _shown(motion: Motion3D, count: int) -> Bool[np.ndarray, "t {count}"]:
    """Return where each of the first joints was detected."""
    return (motion.confidence[:, :count] > 0) & motion.valid[:, None]


def _height(motion: Motion3D) -> float:
    return float(np.median(stature(motion.xyz[motion.valid])))


def _face(xyz: Poses) -> Poses:
    """Return joints relative to the pelvis, turned upright until the body looks along x."""
    body = (xyz - xyz[:, :1])[..., [0, 2, 1]] * (1.0, 1.0, -1.0)
    right = (body[:, _RIGHT] - body[:, _LEFT]).sum(axis=1)
    return _about_vertical(body, -np.arctan2(right[:, 0], right[:, 2]))


def _about_vertical(body: Poses, angle: Series) -> Poses:
    c, s = np.cos(angle)[:, None], np.sin(angle)[:, None]
    x, y, z = np.moveaxis(body, -1, 0)
    return np.stack([c * x + s * z, y, c * z - s * x], axis=-1)


def _at(values: Float[np.ndarray, "s ..."], at: Series) -> Float[np.ndarray, "t ..."]:
    """Interpolate along the first axis at fractions of frames; NaN stays NaN."""
    below = np.clip(np.floor(np.nan_to_num(at)), 0, len(values) - 1).astype(int)
    above = np.minimum(below + 1, len(values) - 1)
    share = (at - below).reshape(-1, *(1,) * (values.ndim - 1))
    between = values[below] + share * (values[above] - values[below])
    return np.where(share == 0, values[below], between)


def _align_times(
    a: Motion3D, b: Motion3D, pose_a: Poses, pose_b: Others, config: CompareConfig
) -> Series:
    """Return the time of B at each frame of A; NaN where there is none."""
    if config.time == "events":
        return _meet_strikes(a, b)
    frames_a, frames_b = np.flatnonzero(a.valid), np.flatnonzero(b.valid)
    part_a = slice(frames_a[0], frames_a[-1] + 1)
    part_b = slice(frames_b[0], frames_b[-1] + 1)
    times = np.full(len(a), np.nan)
    if config.time == "none":
        later = a.times - a.times[part_a.start] + b.times[part_b.start]
        inside = (later >= b.times[part_b.start]) & (later <= b.times[part_b.stop - 1] + 1e-9)
        times[inside] = later[inside]
        return times
    if config.time == "part":
        span_a, span_b = (float(np.ptp(each)) for each in (a.times[part_a], b.times[part_b]))
        count = 1 + round((part_a.stop - part_a.start - 1) * span_b / span_a)  # at A's rate
        even = np.linspace(b.times[part_b][0], b.times[part_b][-1], max(count, 2))
        other = _at(pose_b[:, BODY], np.interp(even, b.times, np.arange(len(b))))
        path = find_part(pose_a[part_a, BODY], other, config)
    else:
        even = b.times[part_b]
        path = warp_times(pose_a[part_a, BODY], pose_b[part_b, BODY], config)
    found = np.flatnonzero(np.isfinite(path))
    at = part_a.start + found
    warped = np.interp(path[found], np.arange(len(even)), even)
    if len(warped) > 2:
        rest = warped - a.times[at]  # what is smoothed is 0 where nothing is to be aligned
        rest = gaussian_smooth(rest, a.times[at], config.warp_smoothing)
        warped = np.maximum.accumulate(rest + a.times[at])
    times[at] = np.clip(warped, even[0], even[-1])
    return times


def _meet_strikes(a: Motion3D, b: Motion3D) -> Series:
    """Return times of B such that its strikes fall on those of A, from the first common foot on."""
    order = []
    for motion in (a, b):
        strikes = measure_gait(motion).footfalls.strikes
        order.append(sorted((float(t), foot) for foot in range(2) for t in strikes[foot]))
    feet = [[foot for _, foot in each] for each in order]
    skip = 1 if feet[0] and feet[1] and feet[0][0] != feet[1][0] else 0
    pairs = []
    for (t, foot), (u, other) in zip(order[0], order[1][skip:], strict=False):
        if foot != other:
            break
        pairs.append((t, u))
    if len(pairs) < 2:
        raise ValueError(
            f"expected at least 2 strikes of the feet, in the same order, in both motions; got "
            f"{len(feet[0])} and {len(feet[1])}, of which {len(pairs)} match: align by dtw."
        )
    at, there = np.array(pairs).T
    return np.interp(a.times, at, there, left=np.nan, right=np.nan)


def warp_times(pose_a: Poses, pose_b: Others, config: CompareConfig = DEFAULT) -> Series:
    """Return for each frame of A the frame of B, with fractions, by dynamic time warping.

    Both start and end together; the cost is the RMS distance of the joints. Where several frames of
    B fit one of A, it is their mean. Sakoe and Chiba, IEEE Transactions on Acoustics, Speech, and
    Signal Processing 1978.

    Raises:
        ValueError: If the motions are too long.
    """
    n, m = len(pose_a), len(pose_b)
    slope = (m - 1) / max(n - 1, 1)
    half = max(int(np.ceil(config.band * max(n, m))), int(np.ceil(slope)) + 1)
    if n * (2 * half + 1) > config.max_cells:
        raise ValueError(
            f"cannot align {n} and {m} frames: more than {config.max_cells} pairs of frames lie in "
            "the band; give a smaller band, or cut the motions."
        )
    first = np.round(np.arange(n) * slope).astype(int) - half
    cost = np.full((n, 2 * half + 1), np.inf)
    for k in range(2 * half + 1):
        other = first + k
        inside = np.flatnonzero((other >= 0) & (other < m))
        cost[inside, k] = _apart(pose_a[inside], pose_b[other[inside]])
    return _trace(cost, first, m)


def find_part(pose_a: Poses, pose_b: Others, config: CompareConfig = DEFAULT) -> Series:
    """Return for each frame of A the frame of B, a part of A, with fractions; NaN outside the part.

    Dynamic time warping with open ends: the part may begin and end at any frame of A. From a pair
    of frames it goes on by one frame of both, or by two of one and one of the other. The cost is
    the mean over B's frames of the RMS distance of the joints.

    Raises:
        ValueError: If the motions are too long, or A is shorter than half of B.
    """
    n, m = len(pose_a), len(pose_b)
    if n * m > config.max_cells:
        raise ValueError(
            f"cannot look for {m} frames in {n}: more than {config.max_cells} pairs of frames; cut "
            "the motions."
        )
    total, steps = np.full((n, m), np.inf), np.zeros((n, m), dtype=np.int8)
    before = np.full(m, np.inf)  # the cost of the row above
    for i in range(n):
        cost = _apart(np.broadcast_to(pose_a[i], pose_b.shape), pose_b)
        options = np.full((3, m), np.inf)
        if i >= 1:
            options[0, 1:] = total[i - 1, :-1]
            options[2, 2:] = total[i - 1, :-2] + cost[1:-1]
        if i >= 2:
            options[1, 1:] = total[i - 2, :-1] + (before[1:] - cost[1:]) / 2
        options[0, 0] = 0.0
        steps[i] = options.argmin(axis=0)
        total[i] = options.min(axis=0) + cost
        before = cost
    i, j = int(total[:, -1].argmin()), m - 1
    if not np.isfinite(total[i, j]):
        raise ValueError(
            f"expected A to hold B at half to twice its speed, got {n} and {m} frames."
        )
    rows, columns = [i], [j]
    while j > 0:
        down, left = ((1, 1), (2, 1), (1, 2))[steps[i, j]]
        i, j = i - down, j - left
        rows.append(i)
        columns.append(j)
    part = np.arange(rows[-1], rows[0] + 1)
    result = np.full(n, np.nan)
    result[part] = np.interp(part, rows[::-1], columns[::-1])
    return result


def _apart(a: Poses, b: Poses) -> Series:
    """Return the RMS distance of the joints of poses."""
    return np.sqrt(((a - b) ** 2).sum(axis=-1).mean(axis=-1))


def _trace(cost: Float[np.ndarray, "t w"], first: Int[np.ndarray, " t"], stop: int) -> Series:
    """Return the mean column of the cheapest path in each row; column 0 of row i is first[i]."""
    total = np.full_like(cost, np.inf)
    total[0] = np.cumsum(np.where(np.isfinite(cost[0]), cost[0], 0.0))
    total[0, ~np.isfinite(cost[0])] = np.inf
    for i in range(1, len(cost)):
        shift = int(first[i] - first[i - 1])
        straight = _shifted(total[i - 1], shift)
        diagonal = _shifted(total[i - 1], shift - 1)
        enter = np.minimum(straight, diagonal) + cost[i]
        spent = np.cumsum(np.where(np.isfinite(cost[i]), cost[i], 0.0))
        total[i] = np.minimum.accumulate(enter - spent) + spent
        total[i, ~np.isfinite(cost[i])] = np.inf
    return _backtrack(total, first, stop)


def _backtrack(total: Float[np.ndarray, "t w"], first: Int[np.ndarray, " t"], stop: int) -> Series:
    """Return the middle of the columns that the cheapest path visits in each row."""
    n, width = total.shape
    low, high = np.zeros(n), np.zeros(n)
    i, j = n - 1, stop - 1
    high[i] = j
    while True:
        low[i] = j
        if i == 0:
            low[0] = 0
            break
        k, above = j - first[i], j - first[i - 1]
        options = {
            (i - 1, j - 1): total[i - 1, above - 1] if 0 < above <= width else np.inf,
            (i - 1, j): total[i - 1, above] if 0 <= above < width else np.inf,
            (i, j - 1): total[i, k - 1] if k > 0 else np.inf,
        }
        row, j = min(options, key=lambda step: options[step])  # the diagonal comes first
        if row < i:
            high[row] = j
        i = row
    return (low + high) / 2


def _shifted(row: Series, by: int) -> Series:
    """Return entry k + by at k; infinity beyond the ends."""
    result = np.full_like(row, np.inf)
    if by >= 0:
        result[: len(row) - by] = row[by:] if by < len(row) else result[: len(row) - by]
    else:
        result[-by:] = row[:by]
    return result


def _align_space(pose_a: Poses, pose_b: Poses, config: CompareConfig) -> Poses:
    """Move B's joints, in A's axes and at A's times, onto those of A, frame by frame."""
    there = np.isfinite(pose_b).all(axis=(1, 2))
    a, b = pose_a[there], pose_b[there]
    result = pose_b.copy()
    if config.space == "full":
        result[there] = align(b, a)
    elif config.space == "torso":
        turns, _ = nearest_rotation(np.swapaxes(b[:, TORSO], 1, 2) @ a[:, TORSO])
        result[there] = b @ turns
    else:
        x, z = a[:, TORSO, 0], a[:, TORSO, 2]
        u, w = b[:, TORSO, 0], b[:, TORSO, 2]
        turn = np.arctan2((x * w - z * u).sum(axis=1), (x * u + z * w).sum(axis=1))
        result[there] = _about_vertical(b, turn)
    return result


def _compare_angles(
    a: Angles, b: Angles, at_b: Series
) -> tuple[Float[np.ndarray, "t a"], Float[np.ndarray, "t a"], Float[np.ndarray, "t a"]]:
    """Return B's angles less A's, one sigma of that, and B's angles at A's times."""
    there = _at(b.degrees, at_b)
    difference = (there - a.degrees + 180) % 360 - 180
    for name in _HEADINGS:
        values = difference[:, column(name)]
        if np.isfinite(values).any():  # where the two face is no difference of the performance
            middle = np.angle(np.nanmean(np.exp(1j * np.radians(values))), deg=True)
            values[:] = (values - middle + 180) % 360 - 180
    sigma = np.full_like(difference, np.nan)
    if a.sigma is not None and b.sigma is not None:
        sigma = np.hypot(a.sigma, _at(b.sigma, at_b))
    return difference, sigma, there


def _mean(values: Float[np.ndarray, "t n"], axis: int) -> Series:
    seen = np.isfinite(values)
    return np.where(
        seen.any(axis=axis),
        np.where(seen, values, 0).sum(axis=axis) / np.maximum(seen.sum(axis=axis), 1),
        np.nan,
    )


def _with_moments(found: Comparison) -> Comparison:
    """Add the moments of the largest mean distance, some time apart."""
    mean = found.mean_distance.copy()
    moments: list[Moment] = []
    while len(moments) < found.config.moments and np.nanmax(mean, initial=0.0) > 0:
        frame = int(np.nanargmax(mean))
        moments.append(_describe(found, frame))
        mean[np.abs(found.times - found.times[frame]) < found.config.apart] = np.nan
    return replace(found, moments=tuple(moments))


def _describe(found: Comparison, frame: int) -> Moment:
    joint = int(np.nanargmax(found.distance[frame]))
    difference, sigma = found.difference[frame], found.sigma[frame]
    clear = np.isfinite(difference) & ~(np.abs(difference) <= 2 * sigma)
    worst = int(np.argmax(np.where(clear, np.abs(difference), -1)))
    x, y, z = (found.pose_b[frame, joint] - found.pose_a[frame, joint]).tolist()
    return Moment(
        frame=frame,
        distance=float(found.mean_distance[frame]),
        joint=found.skeleton.joints[joint],
        offset=(x, y, z),
        angle=ANGLES[worst] if clear.any() else None,
        degrees=float(difference[worst]) if clear.any() else 0.0,
    )
