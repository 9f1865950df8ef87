"""Motion capture from folders: every convention arrives at the same file, every fault is said."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from motions import motion3d, walk
from paths import DATA, GOLDEN

from tcpformer.datasets.convert.cleaning import (
    UNITS,
    check_limbs,
    find_floor_shift,
    find_unit,
    find_up_axis,
    resample,
    rotate_z_up,
    split_at_glitches,
)
from tcpformer.datasets.convert.mocap import ConversionReport, convert_mocap
from tcpformer.datasets.mocap import load_mocap
from tcpformer.io.bvh import write_bvh
from tcpformer.skeleton import H36M

MM = 1e-3


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


def put(folder: Path, name: str, xyz: np.ndarray, fps: float = 50.0) -> Path:
    folder.mkdir(exist_ok=True)
    write_bvh(motion3d(xyz, fps), folder / f"{name}.bvh")
    return folder / f"{name}.bvh"


def take_in(folder: Path, **options) -> tuple[ConversionReport, dict[str, np.ndarray]]:
    report = convert_mocap(folder, folder.parent / "out.npz", **options)
    with np.load(folder.parent / "out.npz") as data:
        return report, dict(data)


def world(data: dict[str, np.ndarray]) -> np.ndarray:
    return (data["relative"].astype(float) + data["root"][:, None]) * 1e-4


def dropped(folder: Path) -> str:
    """Why the file "bad" is not taken, beside one that is."""
    put(folder, "good", walk(60, 50.0).xyz)
    report, data = take_in(folder)
    (bad,) = [source for source in report.sources if "bad" in source.file]
    assert not any("bad" in name for name in data["name"])
    assert "DROPPED" in report.table()
    return bad.dropped


# Laws


def test_what_we_write_comes_back(folder: Path) -> None:
    xyz = walk(100, 50.0).xyz
    put(folder, "07_12", xyz)
    report, data = take_in(folder)
    np.testing.assert_allclose(world(data), xyz, atol=0.3 * MM)
    assert report.sources[0].notes == ()
    assert report.sources[0].unit == "m"
    assert report.sources[0].up == "+y"
    mocap = load_mocap(folder.parent / "out.npz", "train")
    assert mocap.fps == 50
    np.testing.assert_array_equal(mocap.lengths, [100])


@pytest.mark.parametrize("unit", UNITS)
def test_every_unit_is_found(unit: str) -> None:
    assert find_unit(walk(30).xyz / UNITS[unit]) == unit


@pytest.mark.parametrize("factor", [0.5, 7.0, 1e6, 0.0])
def test_what_is_human_in_no_unit_is_refused(factor: float) -> None:
    with pytest.raises(ValueError, match="wrong scale: stature"):
        find_unit(walk(30).xyz * factor)


@pytest.mark.parametrize("up", ["+x", "-x", "+y", "-y", "+z", "-z"])
def test_every_up_axis_is_found_and_turned_without_mirroring(up: str) -> None:
    turn = rotate_z_up(np.eye(3), up).T
    assert np.linalg.det(turn) == pytest.approx(1)
    xyz = walk(50).xyz
    lying = xyz @ turn
    assert find_up_axis([lying]) == up
    np.testing.assert_allclose(rotate_z_up(lying, up), xyz, atol=1e-12)


def test_without_agreement_there_is_no_up_axis() -> None:
    xyz = walk(50).xyz
    with pytest.raises(ValueError, match="no up axis"):
        find_up_axis([xyz, rotate_z_up(xyz, "-y"), rotate_z_up(xyz, "-z")])


def test_resampling_keeps_the_path() -> None:
    t = np.arange(121) / 120
    path = np.stack([np.sin(3 * t), np.cos(3 * t), t], axis=-1)[:, None] * np.ones((17, 1))
    there = resample(path, 120.0, 50.0)
    t = np.arange(51) / 50
    np.testing.assert_allclose(there[:, 4, 0], np.sin(3 * t), atol=1e-6)
    assert len(there) == 51
    np.testing.assert_allclose(resample(path, 120.0, 120.0), path, atol=1e-12)


@pytest.mark.parametrize("fps", [30.0, 120.0])
def test_sane_motion_is_not_cut(fps: float) -> None:
    xyz = walk(60, fps, speed=2.0).xyz @ np.diag([1, 4, 1])
    (piece,) = split_at_glitches(xyz, fps)
    np.testing.assert_array_equal(piece, xyz)


# Golden


@pytest.mark.parametrize(
    ("name", "median", "most"), [("02_03", 0.15 * MM, 3 * MM), ("07_12", 1.5 * MM, 8 * MM)]
)
def test_excerpts_of_the_cmu_database(name: str, median: float, most: float, folder: Path) -> None:
    for path in DATA.glob(f"{name[:2]}*.???"):
        shutil.copy(path, folder)
    report, data = take_in(folder)
    golden = np.load(GOLDEN / "mocap_cmu.npz")
    expected = (golden[f"relative_{name}"] + golden[f"root_{name}"][:, None]) * 1e-4
    frames = 24  # 27 in all: near the end the spline misses what follows the excerpt
    error = np.linalg.norm(world(data)[:frames] - expected[:frames], axis=-1)
    assert np.median(error) < median
    assert error.max() < most
    assert list(data["subject"]) == [name[:2]]
    assert report.sources[0].fps == 120


# Faults


def test_a_jump_cuts_the_motion_in_two(folder: Path) -> None:
    xyz = walk(120, 50.0).xyz
    xyz[70:] += [1.0, 0, 0]
    put(folder, "a", xyz)
    report, data = take_in(folder)
    assert list(data["name"]) == ["a#0", "a#1"]
    np.testing.assert_array_equal(data["offsets"], [0, 70, 120])
    assert report.sources[0].notes == ()  # nothing was lost
    np.testing.assert_allclose(world(data), xyz, atol=0.3 * MM)


def test_a_joint_that_jumps_for_a_frame_is_cut_out() -> None:
    xyz = walk(240, 120.0).xyz
    xyz[100, H36M.index["LWrist"]] += [0.1, 0, 0]
    first, second = split_at_glitches(xyz, 120.0)
    assert len(first) <= 100
    assert len(second) <= 139
    assert len(first) + len(second) >= 234
    assert all(not (piece == xyz[100]).all(axis=(1, 2)).any() for piece in (first, second))


def test_what_is_cut_is_said(folder: Path) -> None:
    xyz = walk(120, 50.0).xyz
    xyz[:3] += [5.0, 0, 0]
    put(folder, "a", xyz)
    report, data = take_in(folder)
    assert "3 of 120 frames cut" in report.sources[0].notes[0]
    assert report.sources[0].seconds == (pytest.approx(2.4), pytest.approx(2.34))
    assert list(data["name"]) == ["a"]


def test_limbs_that_change_their_length_are_refused() -> None:
    xyz = walk(100).xyz
    knee, ankle = H36M.index["LKnee"], H36M.index["LAnkle"]
    stretch = 1 + 0.1 * np.sin(np.arange(100))[:, None]
    xyz[:, ankle] = xyz[:, knee] + stretch * (xyz[:, ankle] - xyz[:, knee])
    with pytest.raises(ValueError, match="bone lengths vary: LAnkle by"):
        check_limbs(xyz)
    check_limbs(walk(100).xyz)


@pytest.mark.parametrize("height", [-1.0, 0.8])
def test_a_floor_elsewhere_is_moved_and_said(height: float, folder: Path) -> None:
    put(folder, "a", walk(100, 50.0).xyz + np.array([0, 0, height]))
    report, data = take_in(folder)
    assert "the floor was not at 0: moved by" in report.sources[0].notes[0]
    assert world(data)[..., 2].min() == pytest.approx(0.07, abs=0.01)
    assert find_floor_shift(world(data)) == 0


def test_lying_down_follows_the_folder(folder: Path) -> None:
    xyz = walk(60, 50.0).xyz
    put(folder, "upright", np.concatenate([xyz, xyz[::-1]]))
    put(folder, "asleep", rotate_z_up(xyz, "-x") + np.array([0, 0, 0.3]))
    report, _ = take_in(folder)
    asleep, upright = report.sources
    assert asleep.up == upright.up == "+y"
    assert "mostly not upright" in asleep.notes[0]
    assert upright.notes == ()


def test_wrong_scale_is_dropped(folder: Path) -> None:
    put(folder, "bad", walk(60, 50.0).xyz * 5)
    assert "wrong scale: stature" in dropped(folder)


def test_too_short_is_dropped(folder: Path) -> None:
    put(folder, "bad", walk(20, 50.0).xyz)
    assert "long enough" in dropped(folder)


def test_what_cannot_be_read_is_dropped(folder: Path) -> None:
    (folder / "bad.bvh").write_text("HIERARCHY")
    assert "not a well-formed BVH file" in dropped(folder)


def test_unknown_joints_are_dropped(folder: Path) -> None:
    path = put(folder, "bad", walk(60, 50.0).xyz)
    path.write_text(path.read_text().replace("LKnee", "Blob"))
    assert "no joint for ['LKnee']" in dropped(folder)


def test_a_motion_without_its_figure_is_dropped(folder: Path) -> None:
    shutil.copy(DATA / "02_03.amc", folder / "02_bad.amc")
    assert "no ASF" in dropped(folder)


def test_nothing_to_keep(folder: Path) -> None:
    with pytest.raises(ValueError, match=r"no \.bvh and no \.amc"):
        convert_mocap(folder, folder / "out.npz")
    put(folder, "bad", walk(20, 50.0).xyz)
    with pytest.raises(ValueError, match="nothing to keep"):
        convert_mocap(folder, folder / "out.npz")
    assert not (folder / "out.npz").exists()


# Subjects and splits


def test_subjects_come_from_names_and_splits_from_subjects(folder: Path) -> None:
    xyz = walk(30, 50.0).xyz
    for name in ("07_12", "07_13", "08_01", "dance1_subject3"):
        put(folder, name, xyz)
    put(folder / "Anna", "Run", xyz)
    report, data = take_in(folder, splits={"val": ["07"], "test": ["Anna"]})
    assert list(data["subject"]) == ["07", "07", "08", "Anna", "3"]
    assert list(data["split"]) == ["val", "val", "train", "test", "train"]
    assert data["name"][3] == "Anna/Run"
    assert "5 of 5 files, 0.1 of 0.1 minutes kept." in report.table()


@pytest.mark.parametrize(
    "splits", [{"val": ["9"]}, {"dev": ["07"]}, {"val": ["07"], "test": ["07"]}]
)
def test_splits_that_make_no_sense_are_refused(splits: dict, folder: Path) -> None:
    put(folder, "07_12", walk(30, 50.0).xyz)
    with pytest.raises(ValueError, match="splits must map"):
        take_in(folder, splits=splits)
