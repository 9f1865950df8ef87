"""Gait parameters, stride by stride: cadence, stride length and time, speed, step width and more.

A stride is from one strike of a foot to its next, with one strike of the other foot in between. Of
a motion only those count in which the person walks or runs: upright, and forwards. Axis legend as
in `footfalls`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float

from ..motion import Motion3D
from ..skeleton import BODY_26
from .footfalls import DETECTOR, POINTS, Feet, Footfalls, Times, find_footfalls, take_feet

SIDES = ("left", "right")
SigmaOfFeet = Float[np.ndarray, "t f"]


@dataclass(frozen=True, kw_only=True)
class GaitConfig:
    """What counts as a stride, and where a foot is placed."""

    longest: float = 2.5
    """Seconds; a longer stride holds a pause."""
    placed: float = 0.15
    """Seconds after a strike over which the heel's position is averaged, unless it lifts before."""
    upright: float = 45.0
    """Degrees that the trunk leans from the vertical at most during a stride."""
    progress: float = 0.2
    """Metres that the pelvis moves to where it looks in a stride, and the foot moves, at least."""
    edge: float = 0.01
    """Of the longer side of the picture; a foot that is closer to its edge is not seen whole."""
    unseen: float = 0.25
    """Share of a stride in which a foot is not detected, at most, of who has feet detected."""


GAIT = GaitConfig()


@dataclass(frozen=True)
class Stride:
    """A stride, and one standard deviation of what follows from sigma of the feet.

    Attributes:
        side: "left" or "right".
        start: Seconds of the first strike.
        time: Seconds to the next strike.
        length: Metres between the two places of the heel, along the ground.
        width: Metres from the place of the other heel to the line between the two.
        double_support: Percent of the time in which both feet stand.
        time_sigma: Of the time; None if sigma is unknown. So are the others.
        length_sigma: Of the length.
        width_sigma: Of the width.
    """

    side: str
    start: float
    time: float
    length: float
    width: float
    double_support: float
    time_sigma: float | None = None
    length_sigma: float | None = None
    width_sigma: float | None = None

    @property
    def cadence(self) -> float:
        """Return steps a minute."""
        return 120 / self.time

    @property
    def speed(self) -> float:
        """Return metres a second."""
        return self.length / self.time


@dataclass(frozen=True)
class Summary:
    """A parameter over some strides.

    Attributes:
        count: Number of strides.
        mean: Their mean.
        spread: Their standard deviation; None of a single one.
        standard_error: Of the mean, from the spread: spread over the root of the count.
        sigma: Of the mean, from sigma of the feet, errors of strides taken as independent; None
            if sigma is unknown. It holds neither the error of the person's height, which scales
            all lengths and the speed, nor that of the path of the pelvis.
    """

    count: int
    mean: float
    spread: float | None
    standard_error: float | None
    sigma: float | None


@dataclass(frozen=True)
class Gait:
    """Footfalls and strides of one motion."""

    footfalls: Footfalls
    strides: tuple[Stride, ...]
    left_out: tuple[str, ...] = ()
    """For each other stride, why it is neither walking nor running."""

    def describe_left_out(self) -> str:
        """Return one line that says how many strides do not count, and why; "" if all do."""
        if not self.left_out:
            return ""
        counts = {reason: self.left_out.count(reason) for reason in dict.fromkeys(self.left_out)}
        text = ", ".join(f"{count} {reason}" for reason, count in counts.items())
        return f"left out of walking and running: {text}"

    def summaries(self) -> dict[str, dict[str, Summary]]:
        """Return parameter -> "left", "right" and "both" -> its summary; without strides, none."""
        result: dict[str, dict[str, Summary]] = {}
        for name, (_, value, sigma) in PARAMETERS.items():
            rows = {side: [s for s in self.strides if s.side == side] for side in SIDES}
            rows["both"] = list(self.strides)
            result[name] = {
                side: _summary(list(map(value, strides)), list(map(sigma, strides)))
                for side, strides in rows.items()
                if strides
            }
        return result

    def table(self) -> str:
        """Return a line for each parameter: mean, spread and the two errors of the mean."""
        lines = [f"{'':20}{'left':>34}{'right':>34}{'both':>34}"]
        for name, row in self.summaries().items():
            cells = [_cell(row[side]) if side in row else "" for side in (*SIDES, "both")]
            lines.append(f"{PARAMETERS[name][0]:20}" + "".join(f"{cell:>34}" for cell in cells))
        counts = [sum(s.side == side for s in self.strides) for side in SIDES]
        out = self.describe_left_out()
        lines.append(f"{counts[0]} left and {counts[1]} right strides{out and '; '}{out}.")
        return "\n".join([*lines, "Mean +- spread of strides (standard error, sigma of the mean)."])


def measure_gait(motion: Motion3D, config: GaitConfig = GAIT) -> Gait:
    """Find the footfalls of a motion and measure its strides, those of upright walking or running.

    Raises:
        ValueError: If the motion has no heels and toes.
    """
    if motion.skeleton != BODY_26:
        raise ValueError(
            f"gait needs the heels and toes of the skeleton {BODY_26.name!r}, got "
            f"{motion.skeleton.name!r}; lift with weights of {len(BODY_26.joints)} joints."
        )
    sigma = None
    if motion.sigma is not None:
        squares = (motion.sigma[:, POINTS] ** 2).reshape(-1, 2, 6)
        sigma = np.sqrt(squares.mean(axis=-1))
    gait = measure_feet(take_feet(motion.xyz), motion.times, motion.valid, sigma, config)
    reasons = [_why_not_walking(motion, stride, config) for stride in gait.strides]
    kept = (s for s, reason in zip(gait.strides, reasons, strict=True) if not reason)
    return replace(gait, strides=tuple(kept), left_out=tuple(filter(None, reasons)))


def _why_not_walking(motion: Motion3D, stride: Stride, config: GaitConfig) -> str:
    """Return why a stride is no upright walking or running; "" if it is."""
    times = motion.times
    during = (times >= stride.start - 1e-9) & (times <= stride.start + stride.time + 1e-9)
    xyz = motion.xyz[during]
    hip, thorax, left, right = (xyz[:, j] for j in BODY_26.indices("Hip", "Thorax", "LHip", "RHip"))
    trunk, side = thorax - hip, (left - right)[:, :2].mean(axis=0)
    lean = np.degrees(np.arctan2(np.hypot(trunk[:, 0], trunk[:, 1]), trunk[:, 2]))
    if lean.max() > config.upright:
        return f"with the trunk more than {config.upright:g} degrees from the vertical"
    way, ahead = (hip[-1] - hip[0])[:2], np.array([side[1], -side[0]])
    if way @ ahead < config.progress * np.linalg.norm(ahead):
        return f"less than {config.progress:g} m forwards"
    if stride.length < config.progress:
        return f"with the foot put down less than {config.progress:g} m away"
    return _why_not_seen(motion, during, config)


def _why_not_seen(motion: Motion3D, during: Bool[np.ndarray, " t"], config: GaitConfig) -> str:
    """Return why the feet are not seen well enough in some frames; "" if they are."""
    feet, detected = motion.xy[during][:, POINTS], motion.confidence[during][:, POINTS] > 0
    margin = config.edge * max(motion.size)
    outside = (feet < margin).any(axis=-1) | (feet > np.subtract(motion.size, margin)).any(axis=-1)
    if (outside & detected).any():
        return "with a foot at the edge of the picture"
    gone = ~detected.all(axis=1)
    if motion.confidence[:, POINTS].any() and gone.mean() > config.unseen:
        return "with a foot that is not detected"
    return ""


def measure_feet(
    feet: Feet,
    times: Times,
    valid: Bool[np.ndarray, " t"] | None = None,
    sigma: SigmaOfFeet | None = None,
    config: GaitConfig = GAIT,
) -> Gait:
    """Find the footfalls of heels and balls in metres, z up, and measure the strides.

    Args:
        times: Seconds, increasing.
        valid: Frames that show the person; by default all.
        sigma: One standard deviation along an axis of each foot's points, metres.
    """
    footfalls = find_footfalls(feet, times, valid)
    strides = [
        _measure_stride(feet[:, :, 0], times, sigma, footfalls, steps, config)
        for steps in _find_strides(footfalls, config)
    ]
    return Gait(footfalls, tuple(sorted(strides, key=lambda stride: stride.start)))


@dataclass(frozen=True)
class _Steps:
    """Three strikes in order: of a foot, of the other one, of the first again."""

    foot: int
    at: tuple[float, float, float]


def _find_strides(footfalls: Footfalls, config: GaitConfig) -> Iterator[_Steps]:
    for foot in range(2):
        own, other = footfalls.strikes[foot], footfalls.strikes[1 - foot]
        for start, stop in pairwise(own):
            between = other[(other > start) & (other < stop)]
            if len(between) == 1 and stop - start <= config.longest:
                yield _Steps(foot, (float(start), float(between[0]), float(stop)))


def _measure_stride(
    heels: Float[np.ndarray, "t f 3"],
    times: Times,
    sigma: SigmaOfFeet | None,
    footfalls: Footfalls,
    steps: _Steps,
    config: GaitConfig,
) -> Stride:
    start, _, stop = steps.at
    which = (steps.foot, 1 - steps.foot, steps.foot)
    first, other, second = (
        _place(heels[:, f], times, footfalls, f, at, config)
        for f, at in zip(which, steps.at, strict=True)
    )
    line, aside = second - first, other - first
    length = float(np.hypot(*line))
    stands = [footfalls.standing(f, start, stop) for f in range(2)]
    both = sum(max(0.0, min(b, d) - max(a, c)) for a, b in stands[0] for c, d in stands[1])
    result = Stride(
        side=SIDES[steps.foot],
        start=start,
        time=stop - start,
        length=length,
        width=float(abs(line[0] * aside[1] - line[1] * aside[0]) / max(length, 1e-9)),
        double_support=100 * both / (stop - start),
    )
    if sigma is None:
        return result
    s = [float(np.interp(at, times, sigma[:, f])) for f, at in zip(which, steps.at, strict=True)]
    ends = [np.hypot(DETECTOR.timing, x / DETECTOR.speed) for x in (s[0], s[2])]
    return replace(
        result,
        time_sigma=float(np.hypot(*ends)),
        length_sigma=float(np.hypot(s[0], s[2])),
        width_sigma=float(np.hypot(s[1], np.hypot(s[0], s[2]) / 2)),
    )


def _place(
    heel: Float[np.ndarray, "t 3"],
    times: Times,
    footfalls: Footfalls,
    foot: int,
    strike: float,
    config: GaitConfig,
) -> Float[np.ndarray, "2"]:
    """Return where the heel stands after a strike."""
    later = footfalls.offs[foot][footfalls.offs[foot] > strike]
    stop = min([strike + config.placed, *later[:1].tolist()])
    inside = (times >= strike) & (times <= stop)
    if not inside.any():
        inside = np.abs(times - strike) == np.abs(times - strike).min()
    return heel[inside, :2].mean(axis=0)


def _summary(values: Sequence[float], sigmas: Sequence[float | None]) -> Summary:
    n = len(values)
    spread = float(np.std(values, ddof=1)) if n > 1 else None
    known = [s for s in sigmas if s is not None]
    return Summary(
        count=n,
        mean=float(np.mean(values)),
        spread=spread,
        standard_error=None if spread is None else spread / float(np.sqrt(n)),
        sigma=float(np.sqrt(np.square(known).sum())) / n if len(known) == n else None,
    )


def _cell(summary: Summary) -> str:
    def number(x: float | None) -> str:
        return "-" if x is None else f"{x:.2g}"

    spread = number(summary.spread)
    errors = f"{number(summary.standard_error)}, {number(summary.sigma)}"
    return f"{summary.mean:.4g} +- {spread} ({errors})"


def _speed_sigma(stride: Stride) -> float | None:
    if stride.length_sigma is None or stride.time_sigma is None:
        return None
    along = stride.length_sigma / stride.time
    return float(np.hypot(along, stride.speed * stride.time_sigma / stride.time))


def _per_time(factor: Callable[[Stride], float]) -> Callable[[Stride], float | None]:
    """Return sigma of what changes by ``factor`` if the time changes by its own length."""
    return lambda s: None if s.time_sigma is None else factor(s) * s.time_sigma / s.time


PARAMETERS: dict[str, tuple[str, Callable[[Stride], float], Callable[[Stride], float | None]]] = {
    "cadence": ("cadence, steps/min", lambda s: s.cadence, _per_time(lambda s: s.cadence)),
    "stride_length": ("stride length, m", lambda s: s.length, lambda s: s.length_sigma),
    "stride_time": ("stride time, s", lambda s: s.time, lambda s: s.time_sigma),
    "speed": ("speed, m/s", lambda s: s.speed, _speed_sigma),
    "step_width": ("step width, m", lambda s: s.width, lambda s: s.width_sigma),
    "double_support": (
        "double support, %",
        lambda s: s.double_support,
        _per_time(lambda _: 100 * 2**0.5),
    ),
}
"""Parameter -> its name with unit, its value of a stride, and one standard deviation of it: double
support is bounded by four events, the time by two."""
