"""Folders of motion capture become one file; the report lists every decision."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from mocaps import bvh_file, with_groups
from motions import walk
from paths import DATA, GOLDEN, SHARED

from tcpformer.datasets.convert.cleaning import find_floor_shift, rotate_z_up
from tcpformer.datasets.convert.mocap import ConversionReport, convert_mocap
from tcpformer.datasets.mocap import load_mocap
from tcpformer.io.mocap_capture import Capture
from tcpformer.io.rig import to_y_up
from tcpformer.skeleton import BODY_26, H36M

MM = 1e-3


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


def write_motion(folder: Path, name: str, xyz: np.ndarray, fps: float = 50.0) -> Path:
    folder.mkdir(exist_ok=True)
    return bvh_file(folder / f"{name}.bvh", xyz, fps)


def convert(folder: Path, **options) -> tuple[ConversionReport, dict[str, np.ndarray]]:
    report = convert_mocap(folder, folder.parent / "out.npz", **options)
    with np.load(folder.parent / "out.npz") as data:
        return report, dict(data)


def world_of(data: dict[str, np.ndarray]) -> np.ndarray:
    return (data["relative"].astype(float) + data["root"][:, None]) * 1e-4


def reason_dropped(folder: Path) -> str:
    """Why the file "bad" is not taken, beside one that is."""
    write_motion(folder, "good", walk(60, 50.0).xyz)
    report, data = convert(folder)
    (bad,) = [file for file in report.files if "bad" in file.file]
    assert not any("bad" in name for name in data["name"])
    assert "DROPPED" in report.table()
    return bad.dropped


def test_convert_mocap_reads_back_a_written_bvh(folder: Path) -> None:
    xyz = walk(100, 50.0).xyz
    write_motion(folder, "07_12", xyz)
    report, data = convert(folder)
    np.testing.assert_allclose(world_of(data), xyz, atol=0.3 * MM)
    assert report.files[0].notes == ()
    assert report.files[0].unit == "m"
    assert report.files[0].up == "+y"
    mocap = load_mocap(folder.parent / "out.npz", "train")
    assert mocap.fps == 50
    np.testing.assert_array_equal(mocap.lengths, [100])


@pytest.mark.parametrize(
    ("name", "median", "most"), [("02_03", 0.15 * MM, 3 * MM), ("07_12", 1.5 * MM, 8 * MM)]
)
def test_convert_mocap_equals_golden_excerpts(
    name: str, median: float, most: float, folder: Path
) -> None:
    for path in DATA.glob(f"{name[:2]}*.???"):
        shutil.copy(path, folder)
    report, data = convert(folder)
    golden = np.load(GOLDEN / "mocap_cmu.npz")
    expected = (golden[f"relative_{name}"] + golden[f"root_{name}"][:, None]) * 1e-4
    frames = 24  # 27 in all: near the end the spline misses what follows the excerpt
    error = np.linalg.norm(world_of(data)[:frames, :17] - expected[:frames], axis=-1)
    assert np.median(error) < median
    assert error.max() < most
    assert list(data["subject"]) == [name[:2]]
    assert report.files[0].fps == 120


AGREEMENT = {
    # A head is placed by all takes of the subject there, by one here; its place is good to 3 to 6
    # cm. Of 11_01 the set has the subject's own skeleton, the file the generic one.
    "02_03": {"Toe": 0.2, "Heel": 9, "Hand": 0.2, "Nose": 65, "Ear": 65},
    "07_12": {"Toe": 0.3, "Heel": 4, "Hand": 17, "Nose": 40, "Ear": 35},
    "11_01": {"Toe": 30, "Heel": 35, "Hand": 85, "Nose": 50, "Ear": 35},
}
"""Most of the median distance of points, relative to the joints they hang on, in mm."""


@pytest.mark.slow
@pytest.mark.skipif(not (SHARED / "data/mocap_cmu_extra.npz").exists(), reason="needs ../shared")
@pytest.mark.parametrize("name", AGREEMENT)
def test_convert_mocap_agrees_with_the_published_set(name: str, folder: Path) -> None:
    for path in (SHARED / "data/raw").glob(f"{name[:2]}*"):
        shutil.copy(path, folder)
    report, data = convert(folder)
    assert report.files[0].has == {"feet": True, "hands": True, "face": True}
    with (
        np.load(SHARED / "data/mocap_cmu.npz") as mocap,
        np.load(SHARED / "data/mocap_cmu_extra.npz") as extra,
    ):
        number = [n.startswith(f"CMU_{name}") for n in mocap["name"]].index(True)
        part = slice(*mocap["offsets"][number : number + 2])
        true = dict(zip(H36M.joints, np.moveaxis(mocap["relative"][part], 1, 0), strict=True))
        points = map(str, extra["points"])
        true |= dict(zip(points, np.moveaxis(extra["extra"][part], 1, 0), strict=True))
    for joint, most in AGREEMENT[name].items():
        for full in {f"L{joint}", f"R{joint}", joint} & BODY_26.index.keys():
            parent = BODY_26.parents[BODY_26.index[full]]
            ours = data["relative"][:, BODY_26.index[full]] - data["relative"][:, parent]
            theirs = true[full].astype(float) - true[BODY_26.joints[parent]]
            n = min(len(ours), len(theirs))
            apart = np.median(np.linalg.norm(ours[:n] - theirs[:n], axis=-1)) / 10
            assert apart < most, full


def test_convert_mocap_writes_26_joints_and_flags(folder: Path) -> None:
    for name in ("02.asf", "02_03.amc", "07_12.bvh"):
        shutil.copy(DATA / name, folder)
    write_motion(folder, "walk", walk(60, 50.0).xyz)
    _, data = convert(folder)
    assert tuple(data["joints"]) == BODY_26.joints
    assert tuple(data["parents"]) == BODY_26.parents
    flags = dict(zip(data["name"], data["has_feet"], strict=True))
    assert flags == {"02_03": True, "07_12": True, "walk": False}
    assert data["glitch"].shape == (len(data["relative"]), 3)
    loaded = load_mocap(folder.parent / "out.npz", "train")
    part = slice(loaded.starts[2], loaded.starts[2] + loaded.lengths[2])
    assert np.isnan(loaded.xyz[part, 17:]).all()
    assert not np.isnan(loaded.xyz[: part.start]).any()


def test_convert_mocap_keeps_26_joints_by_name(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Heels and faces that a file names are not markers."""
    xyz = with_groups(walk(60, 50.0).xyz)
    axes = np.broadcast_to(np.eye(3), (60, 26, 3, 3))
    capture = Capture(BODY_26.joints, BODY_26.parents, to_y_up(xyz), axes, 50.0)
    monkeypatch.setattr("tcpformer.datasets.convert.mocap.read_bvh", lambda _: capture)
    (folder / "a.bvh").write_text("")
    report, data = convert(folder)
    relative = xyz - xyz[:, :1]
    np.testing.assert_allclose(data["relative"] / 1e4, relative, atol=0.3 * MM)
    assert report.files[0].has == dict.fromkeys(("feet", "hands", "face"), True)


def test_convert_mocap_writes_17_joints_where_no_rig_has_more(folder: Path) -> None:
    write_motion(folder, "walk", walk(60, 50.0).xyz)
    _, data = convert(folder)
    assert tuple(data["joints"]) == H36M.joints
    assert "has_feet" not in data


def test_convert_mocap_splits_at_a_jump(folder: Path) -> None:
    xyz = walk(120, 50.0).xyz.copy()
    xyz[70:] += [1.0, 0, 0]
    write_motion(folder, "a", xyz)
    report, data = convert(folder)
    assert list(data["name"]) == ["a#0", "a#1"]
    np.testing.assert_array_equal(data["offsets"], [0, 70, 120])
    assert report.files[0].notes == ()  # nothing was lost
    np.testing.assert_allclose(world_of(data), xyz, atol=0.3 * MM)


def test_convert_mocap_reports_cut_frames(folder: Path) -> None:
    xyz = walk(120, 50.0).xyz.copy()
    xyz[:3] += [5.0, 0, 0]
    write_motion(folder, "a", xyz)
    report, data = convert(folder)
    assert "3 of 120 frames cut" in report.files[0].notes[0]
    assert report.files[0].seconds == (pytest.approx(2.4), pytest.approx(2.34))
    assert list(data["name"]) == ["a"]


@pytest.mark.parametrize("height", [-1.0, 0.8])
def test_convert_mocap_moves_the_floor(height: float, folder: Path) -> None:
    write_motion(folder, "a", walk(100, 50.0).xyz + np.array([0, 0, height]))
    report, data = convert(folder)
    assert "the floor was not at 0: moved by" in report.files[0].notes[0]
    assert world_of(data)[..., 2].min() == pytest.approx(0.07, abs=0.01)
    assert find_floor_shift(world_of(data)) == 0


def test_convert_mocap_takes_the_up_axis_of_the_folder(folder: Path) -> None:
    xyz = walk(60, 50.0).xyz
    write_motion(folder, "upright", np.concatenate([xyz, xyz[::-1]]))
    write_motion(folder, "asleep", rotate_z_up(xyz, "-x") + np.array([0, 0, 0.3]))
    report, _ = convert(folder)
    asleep, upright = report.files
    assert asleep.up == upright.up == "+y"
    assert "mostly not upright" in asleep.notes[0]
    assert upright.notes == ()


def test_convert_mocap_drops_wrong_scale(folder: Path) -> None:
    write_motion(folder, "bad", walk(60, 50.0).xyz * 5)
    assert "wrong scale: stature" in reason_dropped(folder)


def test_convert_mocap_drops_short_files(folder: Path) -> None:
    write_motion(folder, "bad", walk(20, 50.0).xyz)
    assert "long enough" in reason_dropped(folder)


def test_convert_mocap_drops_broken_files(folder: Path) -> None:
    (folder / "bad.bvh").write_text("HIERARCHY")
    assert "not a well-formed BVH file" in reason_dropped(folder)


def test_convert_mocap_drops_unknown_joints(folder: Path) -> None:
    path = write_motion(folder, "bad", walk(60, 50.0).xyz)
    path.write_text(path.read_text().replace("LKnee", "Blob"))
    assert "no joint for ['LKnee']" in reason_dropped(folder)


def test_convert_mocap_drops_amc_without_asf(folder: Path) -> None:
    shutil.copy(DATA / "02_03.amc", folder / "02_bad.amc")
    assert "no ASF" in reason_dropped(folder)


def test_convert_mocap_refuses_a_folder_with_nothing_to_keep(folder: Path) -> None:
    with pytest.raises(ValueError, match=r"no \.bvh and no \.amc"):
        convert_mocap(folder, folder / "out.npz")
    write_motion(folder, "bad", walk(20, 50.0).xyz)
    with pytest.raises(ValueError, match="nothing to keep"):
        convert_mocap(folder, folder / "out.npz")
    assert not (folder / "out.npz").exists()


def test_convert_mocap_assigns_subjects_and_splits(folder: Path) -> None:
    xyz = walk(30, 50.0).xyz
    for name in ("07_12", "07_13", "08_01", "dance1_subject3"):
        write_motion(folder, name, xyz)
    write_motion(folder / "Anna", "Run", xyz)
    report, data = convert(folder, splits={"val": ["07"], "test": ["Anna"]})
    assert list(data["subject"]) == ["07", "07", "08", "Anna", "3"]
    assert list(data["split"]) == ["val", "val", "train", "test", "train"]
    assert data["name"][3] == "Anna/Run"
    assert "5 of 5 files, 0.1 of 0.1 minutes kept." in report.table()


@pytest.mark.parametrize(
    "splits", [{"val": ["9"]}, {"dev": ["07"]}, {"val": ["07"], "test": ["07"]}]
)
def test_convert_mocap_refuses_impossible_splits(splits: dict, folder: Path) -> None:
    write_motion(folder, "07_12", walk(30, 50.0).xyz)
    with pytest.raises(ValueError, match="splits must map"):
        convert(folder, splits=splits)
