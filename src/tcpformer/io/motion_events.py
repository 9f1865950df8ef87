"""Contacts and events of a motion's feet, as the formats that can hold them write them."""

from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float

from ..analysis.footfalls import Events, Footfalls, find_footfalls, take_feet
from ..motion import Motion3D, seen_groups
from ..skeleton import BODY_26

SIDES: tuple[Literal["left", "right"], ...] = ("left", "right")


Name = Literal["foot strike", "foot off"]


class FootEvent(NamedTuple):
    """A foot strikes the ground, or its toes leave it."""

    time: float
    """Seconds since the first frame of the video."""
    side: Literal["left", "right"]
    name: Name


def find_events(motion: Motion3D) -> list[FootEvent]:
    """Return the footfalls of a motion in order of time; none if its feet were not detected."""
    found = _footfalls(motion)
    if found is None:
        return []
    by_name: dict[Name, tuple[Events, Events]] = {
        "foot strike": found.strikes,
        "foot off": found.offs,
    }
    events = [
        FootEvent(float(time), side, name)
        for name, feet in by_name.items()
        for side, times in zip(SIDES, feet, strict=True)
        for time in times
    ]
    return sorted(events)


def find_contacts(motion: Motion3D) -> Float[np.ndarray, "t 2"]:
    """Return 1 while a foot stands and 0 while it does not, the left one first.

    NaN where the feet were not detected, in bridged frames, and for a foot without any event.
    """
    result = np.full((len(motion), 2), np.nan)
    found = _footfalls(motion)
    if found is None:
        return result
    times = motion.times
    for foot in range(2):
        if not len(found.strikes[foot]) + len(found.offs[foot]):
            continue
        result[:, foot] = 0.0
        for start, stop in found.standing(foot, float(times[0]), float(times[-1])):
            result[(times >= start) & (times <= stop), foot] = 1.0
    result[~motion.valid] = np.nan
    return result


def _footfalls(motion: Motion3D) -> Footfalls | None:
    if motion.skeleton != BODY_26 or "feet" not in seen_groups(motion):
        return None
    return find_footfalls(take_feet(motion.xyz), motion.times, motion.valid)
