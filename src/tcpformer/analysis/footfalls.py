"""When feet stand: the definition, for clean capture, and a detector for any motion.

Positions are in metres, z up. Axis legend: ``f`` feet, the left one first; ``p`` points of a foot,
the heel and the ball, as in `BODY_26`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.ndimage import minimum_filter1d

from ..filtering.filters import butterworth
from ..skeleton import BODY_26

POINTS = BODY_26.indices("LHeel", "LToe", "RHeel", "RToe")

Feet = Float[np.ndarray, "t f p 3"]
Times = Float[np.ndarray, " t"]
Events = Float[np.ndarray, " _"]


@dataclass(frozen=True, kw_only=True)
class ContactDefinition:
    """What contact is: the truth that detectors are scored against.

    A point stands while its height over its rest height is below ``release`` times ``height`` and
    its speed below ``release`` times ``speed``, if both are below ``height`` and ``speed`` at one
    moment in between. A foot stands while its heel or its ball does. A foot strikes when it starts
    to stand, and its toes leave the ground when it ceases to.

    With these numbers the ball ceases to stand about when the toe tip leaves the ground, which here
    means 2 cm or 0.5 m/s: the median difference is 6 ms in CMU's walks with toes that bend.
    """

    height: float = 0.04
    """Metres over the rest height."""
    speed: float = 0.64
    """m/s."""
    release: float = 1.25
    """Factor of the bounds once a point stands (hysteresis)."""
    window: float = 0.6
    """Seconds. The rest height of a point is its lowest height in so long a time before or after,
    whichever is higher: the ground need not be flat, and that the points lie 4 cm above the sole
    does not matter."""
    shortest_gap: float = 0.08
    """Seconds; a foot that ceases to stand for less stands all the time."""
    shortest: float = 0.08
    """Seconds of the shortest contact that counts."""


@dataclass(frozen=True, kw_only=True)
class DetectorConfig:
    """Numbers of `find_footfalls`.

    Chosen on the walks that `benchmarks/gait.py` scores, with 5 mm of noise and with the slow
    errors of lifted motion; neighboring numbers find as many events within 2 %.
    """

    height: float = 0.055
    """Metres over the rest height at which standing and swinging are equally likely."""
    speed: float = 0.8
    """m/s at which they are, if the foot is low."""
    window: float = 0.6
    """Seconds as in `ContactDefinition`."""
    cutoff: float = 8.0
    """Hz of the filter before heights and speeds are measured."""
    rate: float = 100.0
    """Hz to which the path is resampled: events lie between frames."""
    change: float = 0.05
    """Seconds that a foot must be clearly in the other state for a change to pay."""
    timing: float = 0.012
    """Seconds, one standard deviation, by which an event of exact motion is off, at 25 frames a
    second."""


DEFINITION = ContactDefinition()
DETECTOR = DetectorConfig()


@dataclass(frozen=True)
class Footfalls:
    """Times of foot strike and of toe off, in seconds; of both, the left foot's first.

    A foot that stands at the first frame has no strike there, and one that stands at the last frame
    no toe off.
    """

    strikes: tuple[Events, Events]
    offs: tuple[Events, Events]

    def standing(self, foot: int, start: float, stop: float) -> list[tuple[float, float]]:
        """Return the intervals between two times in which a foot stands, from first to last."""
        edges = [(t, True) for t in self.strikes[foot]] + [(t, False) for t in self.offs[foot]]
        result, since = [], -np.inf
        for time, strikes in sorted(edges):
            if strikes:
                since = time
            else:
                result.append((since, time))
                since = np.inf
        if since < np.inf and edges:
            result.append((since, np.inf))
        clipped = ((max(a, start), min(b, stop)) for a, b in result)
        return [(float(a), float(b)) for a, b in clipped if a < b]


def take_feet(xyz: Float[np.ndarray, "t 26 3"]) -> Feet:
    """Return heel and ball of both feet of the joints of `BODY_26`."""
    return xyz[:, POINTS].reshape(-1, 2, 2, 3)


def contacts_by_definition(
    feet: Feet, fps: float, config: ContactDefinition = DEFINITION
) -> Bool[np.ndarray, "t f p"]:
    """Find when each point stands, by `ContactDefinition`."""
    ratio = _ratio(feet, fps, config)
    result = np.zeros(ratio.shape, dtype=bool)
    for f, p in np.ndindex(ratio.shape[1:]):
        low = ratio[:, f, p]
        for run in _runs(low < config.release):
            result[run, f, p] = low[run].min() < 1
    return result


def footfalls_by_definition(
    feet: Feet, fps: float, config: ContactDefinition = DEFINITION
) -> Footfalls:
    """Find strikes and toe offs of clean capture, by `ContactDefinition`; the first frame is at 0.

    Between two frames an event is where the interpolated height or speed crosses its bound.
    """
    ratio = _ratio(feet, fps, config).min(axis=2)
    stands = contacts_by_definition(feet, fps, config)
    strikes, offs = [], []
    for f in range(2):
        on = _drop_short(~(stands[:, f, 0] | stands[:, f, 1]), config.shortest_gap * fps)
        on = _drop_short(~on, config.shortest * fps)
        up, down = _crossings(ratio[:, f] - config.release, on)
        strikes.append(up / fps)
        offs.append(down / fps)
    return Footfalls((strikes[0], strikes[1]), (offs[0], offs[1]))


def find_footfalls(
    feet: Feet,
    times: Times,
    valid: Bool[np.ndarray, " t"] | None = None,
    config: DetectorConfig = DETECTOR,
) -> Footfalls:
    """Find strikes and toe offs of any motion: lifted, noisy, of any rate from 15 a second.

    The path is filtered; then each foot gets the most likely sequence of the states "stands" and
    "swings" (Viterbi), where the logarithm of height or speed over its bound, the larger of the
    two, is the evidence, and every change of state has its price.

    Args:
        times: Seconds, increasing.
        valid: Frames that show the person; no event is found beside another. By default all.
    """
    if len(times) < 4:
        nothing = np.zeros(0)
        return Footfalls((nothing, nothing), (nothing, nothing))
    rate = 1 / float(np.median(np.diff(times)))
    smooth = butterworth(feet, times, min(config.cutoff, 0.4 * rate))
    even = np.arange(times[0], times[-1], 1 / config.rate)
    flat = smooth.reshape(len(times), -1)
    path = np.stack([np.interp(even, times, x) for x in flat.T], axis=-1)
    ratio = _ratio(path.reshape(-1, *feet.shape[1:]), config.rate, config).min(axis=2)
    score = np.clip(np.log2(np.maximum(ratio, 1e-3)), -1, 1)
    shown = np.ones(len(times), dtype=bool) if valid is None else valid
    strikes, offs = [], []
    for f in range(2):
        on = _most_likely_standing(score[:, f], config.change * config.rate)
        for found, events in zip(_crossings(score[:, f], on), (strikes, offs), strict=True):
            at = times[0] + found / config.rate
            after = np.searchsorted(times, at).clip(1, len(times) - 1)
            events.append(at[shown[after] & shown[after - 1]])
    return Footfalls((strikes[0], strikes[1]), (offs[0], offs[1]))


def _ratio(
    feet: Feet, fps: float, config: ContactDefinition | DetectorConfig
) -> Float[np.ndarray, "t f p"]:
    """Return height or speed over its bound, the larger of the two, at an even rate."""
    z = feet[..., 2]
    n = round(config.window * fps)
    before, after = (
        minimum_filter1d(z, n + 1, axis=0, mode="nearest", origin=origin)
        for origin in (n // 2, -((n + 1) // 2))
    )
    rest = np.maximum(before, after)
    speed = np.linalg.norm(np.gradient(feet, 1 / fps, axis=0), axis=-1)
    return np.maximum((z - rest) / config.height, speed / config.speed)


def _most_likely_standing(score: Times, price: float) -> Bool[np.ndarray, " t"]:
    """Return the states of least cost: the score where a foot stands, its negative elsewhere."""
    stands, swings = 0.0, 0.0
    kept = np.zeros((len(score), 2), dtype=bool)
    for i, x in enumerate(score.tolist()):
        kept[i] = stands <= swings + price, swings <= stands + price
        stands, swings = min(stands, swings + price) + x, min(swings, stands + price) - x
    result = np.zeros(len(score), dtype=bool)
    on = stands <= swings
    for i in range(len(score) - 1, -1, -1):
        result[i] = on
        on = on == kept[i, 0 if on else 1]
    return result


def _runs(on: Bool[np.ndarray, " t"]) -> Iterator[slice]:
    """Yield the runs of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], on, [False]])))
    for start, stop in edges.reshape(-1, 2).tolist():
        yield slice(start, stop)


def _drop_short(on: Bool[np.ndarray, " t"], frames: float) -> Bool[np.ndarray, " t"]:
    """Return the runs of True of at least some frames, or that reach an end of the clip."""
    result = on.copy()
    for run in _runs(on):
        if run.stop - run.start < frames and run.start > 0 and run.stop < len(on):
            result[run] = False
    return result


def _crossings(over: Times, on: Bool[np.ndarray, " t"]) -> tuple[Events, Events]:
    """Return where ``on`` starts and ends, in frames, at the zero of ``over`` between frames."""
    change = np.flatnonzero(np.diff(on.astype(int)))
    before, after = over[change], over[change + 1]
    step = after - before
    share = np.where(step != 0, -before / np.where(step != 0, step, 1), 0.5)
    at = change + np.clip(share, 0, 1)
    return at[on[change + 1]], at[~on[change + 1]]
