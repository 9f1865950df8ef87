"""The tidy table and its description."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from motions import walk
from round_trips import check_same
from walk26 import walk26

from tcpformer.io.motion_table import (
    COLUMNS,
    FRAMES_AT_ONCE,
    describe,
    iterate_columns,
    people_of,
    read_columns,
)
from tcpformer.motion import Motion3D


def table(*motions: Motion3D) -> dict[str, np.ndarray]:
    parts = list(iterate_columns(motions))
    return {name: np.concatenate([part[name] for part in parts]) for name in COLUMNS}


def test_describe_is_json_and_says_unit_axes_rate_joints_and_origin() -> None:
    motion = walk26(40)
    description = json.loads(json.dumps(describe([motion])))
    assert (description["unit"], description["axes"]["world"][:7]) == ("m", "x right")
    person = description["people"][0]
    assert (person["fps"], tuple(person["joints"])) == (30.0, motion.skeleton.joints)
    assert person["provenance"]["weights"] == "none"
    assert {"time", "side", "name"} == set(person["events"][0])


def test_describe_refuses_people_of_one_number() -> None:
    with pytest.raises(ValueError, match="but 0 comes twice"):
        describe([walk(3), walk(3)])


def test_iterate_columns_has_a_row_for_each_frame_and_joint() -> None:
    motion = walk26(60)
    columns = table(motion)
    assert set(columns) == set(COLUMNS)
    toe = columns["joint"] == "LToe"
    np.testing.assert_allclose(columns["x"][toe], motion.xyz[:, 17, 0], atol=1e-6)
    np.testing.assert_array_equal(columns["frame"][toe], np.arange(60))
    assert set(columns["contact"][toe]) == {0.0, 1.0}
    assert np.isnan(columns["contact"][columns["joint"] == "Hip"]).all()
    assert np.isnan(columns["sigma_x"]).all()


def test_read_columns_takes_rows_in_any_order() -> None:
    people = [walk(7), replace(walk26(9), person=4)]
    columns = table(*people)
    order = np.random.default_rng(0).permutation(len(columns["x"]))
    shuffled = {name: column[order] for name, column in columns.items()}
    for read, wrote in zip(read_columns(describe(people), shuffled), people, strict=True):
        check_same(read, wrote)


def test_read_columns_joins_what_was_written_in_parts() -> None:
    motion = walk(FRAMES_AT_ONCE + 3, speed=0.0)
    check_same(read_columns(describe([motion]), table(motion))[0], motion)


DAMAGE: dict[str, tuple[Any, str]] = {
    "a row less": (lambda d, c: {n: x[1:] for n, x in c.items()}, "one row for each of 3 frames"),
    "a row twice": (lambda d, c: {n: x[[0, *range(50)]] for n, x in c.items()}, "one row for each"),
    "no column": (lambda d, c: {n: x for n, x in c.items() if n != "x"}, r"\['x'\] are missing"),
    "texts": (lambda d, c: c | {"x": np.array(["a"] * 51)}, "column x must be real numbers"),
    "a stranger": (
        lambda d, c: c | {"person": c["person"] + (c["frame"] == 2)},
        "one row for each",
    ),
    "not a number": (lambda d, c: c | {"y": c["y"] * np.nan}, "xyz must be finite"),
    "other joint": (lambda d, c: c | {"joint": np.array(["Tail"] * 51)}, "one row for each"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_read_columns_refuses_damage(name: str) -> None:
    motion, (damage, message) = walk(3), DAMAGE[name]
    description = describe([motion])
    with pytest.raises(ValueError, match=message):
        read_columns(description, damage(description, table(motion)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "other"}, "with the format 'tcpformer motion'"),
        ({"version": 2}, "expected version 1"),
        ({"unit": "mm"}, "expected metres, got unit 'mm'"),
        ({"people": []}, "expected 1 to 1000 people"),
        ({"people": 3}, "expected a list"),
    ],
)
def test_people_of_refuses_other_descriptions(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        people_of(describe([walk(2)]) | change)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("fps", "fast"), ("fps", None), ("size", [1280]), ("focal", None), ("focal", "long"),
        ("joints", ["Hip"]), ("joints", [1] * 17), ("provenance", ["a"]), ("region_scale", None),
        ("ground_sigma", [1]), ("ground_sigma", "x"), ("frames", 2**62), ("frames", -1),
        ("person", "0"),
    ],
)  # fmt: skip
def test_read_columns_refuses_a_damaged_person(key: str, value: object) -> None:
    motion = walk(3)
    description = describe([motion])
    description["people"][0][key] = value
    with pytest.raises(ValueError, match=r"\w"):
        read_columns(description, table(motion))
