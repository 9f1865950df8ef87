"""Folders of motion capture become one file; the report lists every decision."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from motions import motion3d, walk
from paths import DATA, GOLDEN

from tcpformer.datasets.convert.cleaning import find_floor_shift, rotate_z_up
from tcpformer.datasets.convert.mocap import ConversionReport, convert_mocap
from tcpformer.datasets.mocap import load_mocap
from tcpformer.io.bvh import write_bvh

MM = 1e-3


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


def write_motion(folder: Path, name: str, xyz: np.ndarray, fps: float = 50.0) -> Path:
    folder.mkdir(exist_ok=True)
    write_bvh(motion3d(xyz, fps), folder / f"{name}.bvh")
    return folder / f"{name}.bvh"


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
    error = np.linalg.norm(world_of(data)[:frames] - expected[:frames], axis=-1)
    assert np.median(error) < median
    assert error.max() < most
    assert list(data["subject"]) == [name[:2]]
    assert report.files[0].fps == 120


def test_convert_mocap_splits_at_a_jump(folder: Path) -> None:
    xyz = walk(120, 50.0).xyz
    xyz[70:] += [1.0, 0, 0]
    write_motion(folder, "a", xyz)
    report, data = convert(folder)
    assert list(data["name"]) == ["a#0", "a#1"]
    np.testing.assert_array_equal(data["offsets"], [0, 70, 120])
    assert report.files[0].notes == ()  # nothing was lost
    np.testing.assert_allclose(world_of(data), xyz, atol=0.3 * MM)


def test_convert_mocap_reports_cut_frames(folder: Path) -> None:
    xyz = walk(120, 50.0).xyz
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
