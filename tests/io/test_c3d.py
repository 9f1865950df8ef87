"""Motion as C3D, read by ezc3d and by c3d, which share no code."""

import warnings
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from motions import motion3d, walk
from round_trips import motions
from walk26 import walk26

from tcpformer.filtering.resample import resample_evenly
from tcpformer.io import c3d as module
from tcpformer.io import save
from tcpformer.io.motion_events import find_events
from tcpformer.motion import Motion3D

ezc3d = pytest.importorskip("ezc3d")


def read(path: Path) -> tuple[np.ndarray, dict[str, Any]]:
    """Return points (frame, point, axis) in mm, and the values of the parameters by group."""
    content = ezc3d.c3d(str(path))
    groups = {
        group: {name: each["value"] for name, each in content["parameters"][group].items()
                if name != "__METADATA__"}
        for group in content["parameters"]
    }  # fmt: skip
    return content["data"]["points"][:3].transpose(2, 1, 0), groups


@pytest.mark.slow
@settings(max_examples=8, deadline=None)
@given(motions())
def test_write_c3d_keeps_places_where_seen(motion: Motion3D) -> None:
    motion = replace(motion, xyz=motion.xyz.clip(-100, 100))
    with TemporaryDirectory() as folder:
        save(motion, Path(folder) / "a.c3d")
        points, groups = read(Path(folder) / "a.c3d")
    even, rate = resample_evenly(motion.xyz, motion.times, motion.fps)
    assert points.shape == even.shape
    assert groups["POINT"]["RATE"][0] == pytest.approx(rate, rel=1e-6)
    seen = np.isfinite(points).all(axis=(1, 2))
    if len(even) == len(motion) and even is motion.xyz:
        np.testing.assert_array_equal(seen, motion.valid)
    np.testing.assert_allclose(points[seen], 1000 * even[seen], rtol=1e-6, atol=0.02)


def test_write_c3d_has_labels_unit_and_axes(tmp_path: Path) -> None:
    motion = walk26(30)
    save(motion, tmp_path / "a.c3d")
    points, groups = read(tmp_path / "a.c3d")
    np.testing.assert_allclose(points, 1000 * motion.xyz, rtol=0, atol=0.0005)
    point = groups["POINT"]
    assert tuple(point["LABELS"]) == motion.skeleton.joints
    assert (point["UNITS"], point["X_SCREEN"], point["Y_SCREEN"]) == (["mm"], ["+X"], ["+Z"])
    assert "weights: none" in groups["TCPFORMER"]["PERSON_0"]


def test_write_c3d_is_read_by_another_program_with_invalid_frames(tmp_path: Path) -> None:
    other = pytest.importorskip("c3d")
    motion = walk(20)
    valid = motion.valid.copy()
    valid[5:9] = False
    save(replace(motion, valid=valid), tmp_path / "a.c3d")
    with (tmp_path / "a.c3d").open("rb") as file, warnings.catch_warnings(action="ignore"):
        reader = other.Reader(file)
        frames = np.stack([points for _, points, _ in reader.read_frames()])
    assert reader.point_rate == 30.0
    assert [label.strip() for label in reader.point_labels] == list(motion.skeleton.joints)
    np.testing.assert_allclose(frames[valid, :, :3], 1000 * motion.xyz[valid], rtol=0, atol=0.0005)
    np.testing.assert_array_equal((frames[..., 3] == -1).all(axis=1), ~valid)


def test_write_c3d_has_footfalls_as_events(tmp_path: Path) -> None:
    motion = walk26(120)
    motion = replace(motion, times=motion.times + 2.0)
    save(motion, tmp_path / "a.c3d")
    event = read(tmp_path / "a.c3d")[1]["EVENT"]
    expected = find_events(motion)
    assert len(expected) >= 10
    seconds = event["TIMES"][0] * 60 + event["TIMES"][1]
    np.testing.assert_allclose(seconds, [e.time - 2.0 for e in expected], atol=1e-5)
    assert event["CONTEXTS"] == [e.side.capitalize() for e in expected]
    assert {*event["LABELS"]} == {"Foot Strike", "Foot Off"}


def test_write_c3d_holds_several_people_as_subjects(tmp_path: Path) -> None:
    people = [walk26(10), replace(walk(10), person=2)]
    save(people, tmp_path / "a.c3d")
    points, groups = read(tmp_path / "a.c3d")
    labels = groups["POINT"]["LABELS"]
    assert (labels[0], labels[26], len(labels)) == ("P0:Hip", "P2:Hip", 43)
    np.testing.assert_allclose(points[:, 26:], 1000 * people[1].xyz, rtol=0, atol=0.0005)
    assert groups["SUBJECTS"]["NAMES"] == ["person 0", "person 2"]
    assert groups["SUBJECTS"]["LABEL_PREFIXES"] == ["P0:", "P2:"]


def test_write_c3d_refuses_people_of_different_frames_and_too_many_points(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="need the same frames"):
        save([walk(5), replace(walk(6), person=1)], tmp_path / "a.c3d")
    many = [replace(walk(2), person=i) for i in range(16)]
    with pytest.raises(ValueError, match="at most 255 points, got 272"):
        save(many, tmp_path / "a.c3d")
    assert list(tmp_path.iterdir()) == []


def test_write_c3d_splits_long_motion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_FRAMES", 50)
    motion = walk26(120)
    save(motion, tmp_path / "a.c3d")
    parts = [read(tmp_path / name) for name in ("a.c3d", "a_2.c3d", "a_3.c3d")]
    together = np.concatenate([points for points, _ in parts])
    np.testing.assert_allclose(together, 1000 * motion.xyz, rtol=0, atol=0.0005)
    events = sum(len(groups["EVENT"]["LABELS"]) for _, groups in parts)
    assert events == len(find_events(motion))
    assert "start: 1.666666667" in parts[1][1]["TCPFORMER"]["PERSON_0"]


@pytest.mark.slow
def test_write_c3d_holds_as_many_frames_as_it_promises(tmp_path: Path) -> None:
    xyz = np.zeros((module.MAX_FRAMES, 17, 3))
    xyz[:, 0, 0] = np.arange(len(xyz)) / 1000
    save(motion3d(xyz), tmp_path / "a.c3d")
    points, _ = read(tmp_path / "a.c3d")
    np.testing.assert_allclose(points[:, 0, 0], np.arange(len(xyz)), atol=0.01)


@pytest.mark.slow
def test_write_c3d_holds_more_than_255_events(tmp_path: Path) -> None:
    motion = walk26(2500, fps=31.0, speed=0.03)
    save(motion, tmp_path / "a.c3d")
    event = read(tmp_path / "a.c3d")[1]["EVENT"]
    expected = find_events(motion)
    assert len(expected) > 255
    labels = [*event["LABELS"], *event["LABELS2"]]
    assert labels == [each.name.title() for each in expected]
    assert event["TIMES2"].shape[1] == len(expected) - 255


def test_write_c3d_notices_a_file_that_is_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_little(content: object, path: str) -> None:
        Path(path).write_bytes(b"begin")

    monkeypatch.setattr(ezc3d.c3d, "write", write_little)
    with pytest.raises(OSError, match="is the disk full"):
        save(walk(5), tmp_path / "a.c3d")
    assert list(tmp_path.iterdir()) == []
