"""Motion capture: who is drawn how often."""

from pathlib import Path

import numpy as np
import pytest
from mocaps import mocap_file

from tcpformer.datasets.mocap import Mocap, load_mocap


def capture(lengths: list[int], activity: tuple[str, ...] = ()) -> Mocap:
    starts = np.cumsum([0, *lengths[:-1]])
    return Mocap(
        np.zeros((sum(lengths), 17, 3), np.float32), starts, np.array(lengths), 50.0, activity
    )


def shares(mocap: Mocap, rng: np.random.Generator) -> np.ndarray:
    return np.bincount(mocap.draw(40_000, rng), minlength=len(mocap.lengths)) / 40_000


def test_sequences_are_drawn_by_the_square_root_of_their_length(rng: np.random.Generator) -> None:
    np.testing.assert_allclose(
        shares(capture([100, 400, 900]), rng), [1 / 6, 2 / 6, 3 / 6], atol=0.01
    )


def test_rare_activities_are_drawn_more_often(rng: np.random.Generator) -> None:
    """Of shares 9 and 1 become 3 and 1; within an activity it goes by length as before."""
    mocap = capture([400, 1600, 900, 100], ("dance", "dance", "dance", "kick"))
    found = shares(mocap, rng)
    np.testing.assert_allclose(found[:3], 0.75 * np.array([2, 4, 3]) / 9, atol=0.01)
    assert found[3] == pytest.approx(0.25, abs=0.01)


def test_one_activity_alone_is_drawn_as_if_it_were_not_known(rng: np.random.Generator) -> None:
    plain, known = capture([100, 900]), capture([100, 900], ("walk", "walk"))
    a, b = (m.draw(50, np.random.default_rng(0)) for m in (plain, known))
    np.testing.assert_array_equal(a, b)


def test_activities_are_read_where_they_are_asked_for(tmp_path: Path) -> None:
    path = mocap_file(tmp_path / "mocap.npz")
    assert load_mocap(path, "train").activity == ()
    assert load_mocap(path, "train", by_activity=True).activity == ("walk", "stroll")
