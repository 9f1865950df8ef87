"""Bystanders: people who are shown much smaller, or for a shorter time."""

from dataclasses import replace

import numpy as np
import pytest
from motions import walk

from tcpformer.motion import Motion3D
from tcpformer.tracking.bystanders import find_bystanders, measure_presence


def resized(person: int, size: float, frames: int = 40) -> Motion3D:
    whole = walk(40)
    middle = whole.xy.mean(axis=(0, 1))
    xy = middle + size * (whole.xy - middle)
    return replace(whole, xy=xy, person=person, valid=np.arange(40) < frames)


def test_measure_presence_grows_with_size_and_time() -> None:
    whole = measure_presence(resized(0, 1.0))
    assert measure_presence(resized(0, 0.5)) == pytest.approx(0.5 * whole)
    assert measure_presence(resized(0, 1.0, frames=20)) == pytest.approx(0.5 * whole, rel=0.15)
    assert measure_presence(resized(0, 1.0, frames=0)) == 0


def test_find_bystanders_compares_with_the_most_present() -> None:
    people = [resized(3, 0.2), resized(0, 1.0), resized(5, 0.4), resized(7, 1.0, frames=8)]
    assert find_bystanders(people) == {3, 7}
    assert find_bystanders(people[:1]) == find_bystanders([]) == set()
