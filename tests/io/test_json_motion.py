"""Motion as JSON."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from motions import walk
from round_trips import check_same, motions
from walk26 import walk26

from tcpformer.io import load, read_detections, save
from tcpformer.io.json_motion import read_json_motion, write_json
from tcpformer.motion import Motion3D


@settings(max_examples=8, deadline=None)
@given(st.tuples(motions(0), motions(3)))
def test_read_json_motion_inverts_write_json(people: tuple[Motion3D, Motion3D]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.json"
        save(people, path)
        for read, wrote in zip(load(path), people, strict=True):
            check_same(read, wrote)


def test_write_json_is_plain_and_has_contacts_and_events(tmp_path: Path) -> None:
    motion = walk26(60)
    write_json([motion], tmp_path / "a.json")
    (person,) = json.loads((tmp_path / "a.json").read_text())["people"]
    np.testing.assert_allclose(person["xyz"], motion.xyz, atol=1e-6)
    assert {each for row in person["contact"] for each in row} == {0, 1}
    assert person["events"][0]["name"] in ("foot strike", "foot off")
    assert person["sigma"] is None


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("xyz", 1), ("xyz", [[1, 2], [3]]), ("xyz", None), ("times", ["a", "b"]),
        ("times", [1, 0]), ("valid", [True]), ("confidence", [[2.0] * 17] * 2), ("sigma", "x"),
        ("sigma", [[[-1.0] * 3] * 17] * 2), ("xy", [[[float("nan")] * 2] * 17] * 2),
    ],
)  # fmt: skip
def test_read_json_motion_refuses_damage(tmp_path: Path, key: str, value: Any) -> None:
    path = tmp_path / "a.json"
    write_json([walk(2)], path)
    content = json.loads(path.read_text())
    content["people"][0][key] = value
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"a\.json: \w"):
        load(path)


def test_read_json_motion_refuses_other_json(tmp_path: Path) -> None:
    for i, text in enumerate(("[]", "{}", '{"format": 1}', "3")):
        path = tmp_path / f"{i}.json"
        path.write_text(text)
        with pytest.raises(ValueError, match="a JSON object with the format"):
            read_json_motion(path)


def test_write_json_is_not_taken_for_keypoints(tmp_path: Path) -> None:
    save(walk(3), tmp_path / "a.json")
    with pytest.raises(ValueError, match="a 3D motion that tcpformer wrote"):
        read_detections(tmp_path / "a.json", fps=30.0, size=(1280, 720))
