"""Tables of Sports2D, and markers for OpenSim."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from keypoint_files import FPS, SIZE, people, read_motions, sports2d
from paths import EXCERPT
from pose2sim_setup import solve_in_opensim
from round_trips import motions
from walk26 import walk26

from tcpformer.io import load, read_detections, save
from tcpformer.io.opensim_markers import place_markers
from tcpformer.lifting.lifter import Lifter
from tcpformer.motion import Motion2D, Motion3D
from tcpformer.skeleton import H36M, HALPE26


def test_read_trc_of_a_folder_gives_one_person_a_file(tmp_path: Path) -> None:
    two = people(HALPE26)
    two[1, 3:6, 9, 2] = 0  # an elbow or wrist that is not visible
    found = read_motions(sports2d(tmp_path / "out", two, HALPE26.joints), size=SIZE)
    assert [m.skeleton for m in found] == [HALPE26, HALPE26]
    assert found[0].fps == pytest.approx(FPS)
    np.testing.assert_allclose(found[0].xy, two[0, ..., :2])
    assert np.argwhere(found[1].confidence == 0).tolist() == [[3, 9], [4, 9], [5, 9]]


def test_read_trc_of_one_table_gives_its_person(tmp_path: Path) -> None:
    two = people(HALPE26)
    folder = sports2d(tmp_path / "out", two, HALPE26.joints)
    (one,) = read_motions(folder / "clip_Sports2D_px_person01.trc", size=SIZE)
    np.testing.assert_allclose(one.xy[0], two[1, 0, :, :2])


def test_read_trc_refuses_tables_of_different_length(tmp_path: Path) -> None:
    folder = sports2d(tmp_path / "out", people(HALPE26), HALPE26.joints)
    path = folder / "clip_Sports2D_px_person01.trc"
    path.write_text("\n".join(path.read_text().splitlines()[:-1]))
    with pytest.raises(ValueError, match="different joints or numbers of frames"):
        read_detections(folder, size=SIZE)


def test_read_trc_refuses_other_content(tmp_path: Path) -> None:
    (tmp_path / "a.trc").write_text("nothing\n")
    with pytest.raises(ValueError, match="not as OpenPose"):
        read_detections(tmp_path / "a.trc", size=SIZE)


def _table(folder: Path, old: str, new: str, count: int = 1) -> Path:
    """Write the table of one person with something replaced."""
    tables = sports2d(folder / "out", people(HALPE26), HALPE26.joints)
    path = tables / "clip_Sports2D_px_person00.trc"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, count))
    return path


@pytest.mark.parametrize(
    ("old", "new", "count", "message"),
    [
        ("\t0.0\t", "\t6849.8\t", -1, r"column Z1 \(Nose\) has 6849\.8: .* markers in space"),
        ("\t0.0\n", "\t0.12\n", -1, r"column Z26 \(RHeel\) has 0\.12"),
        ("\tpx\t", "\tmm\t", 1, r"its Units are mm"),
    ],
)
def test_read_trc_refuses_markers_in_space(
    old: str, new: str, count: int, message: str, tmp_path: Path
) -> None:
    path = _table(tmp_path, old, new, count)
    with pytest.raises(ValueError, match=rf"person00\.trc: expected joints in pixels .*{message}"):
        read_detections(path, size=SIZE)


def test_read_trc_refuses_the_metres_of_sports2d(tmp_path: Path) -> None:
    path = _table(tmp_path, "\tpx\t", "\tm\t")
    metres = path.rename(path.with_name("clip_Sports2D_m_person00.trc"))
    with pytest.raises(ValueError, match=r"its name has _m_.* file with _px_"):
        read_detections(metres, size=SIZE)


def test_read_trc_refuses_metres_without_depth(tmp_path: Path) -> None:
    two = people(HALPE26)
    two[..., :2] /= 400
    path = sports2d(tmp_path / "out", two, HALPE26.joints) / "clip_Sports2D_px_person00.trc"
    path.write_text(path.read_text().replace("\tpx\t", "\tm\t"))
    with pytest.raises(ValueError, match=r"its Units are m, and no coordinate is beyond 1\.\d+"):
        read_detections(path, size=SIZE)


def test_read_trc_takes_pixels_whatever_the_header(tmp_path: Path) -> None:
    (found,) = read_motions(_table(tmp_path, "\tpx\t", "\tm\t"), size=SIZE)
    assert found.valid.all()


@pytest.mark.parametrize(("start", "first"), [(2.0, 60), (0.0, 0), (1 / 30, 1)])
def test_read_trc_keeps_its_times(start: float, first: int, tmp_path: Path) -> None:
    path = _table(tmp_path, "PathFileType", "PathFileType")
    lines = path.read_text().splitlines()
    for i, line in enumerate(lines[5:], 5):
        cells = line.split("\t")
        lines[i] = "\t".join([cells[0], f"{start + float(cells[1]):.6f}", *cells[2:]])
    path.write_text("\n".join(lines))
    found = read_detections(path, size=SIZE)
    assert found.first == first
    np.testing.assert_allclose(found.times, start + np.arange(20) / FPS, atol=1e-5)


def _read_by_hand(path: Path) -> tuple[list[str], list[list[str]]]:
    """Return the lines of the header, and the cells of the rows."""
    lines = path.read_text().split("\n")
    assert lines[-1] == ""
    return lines[:6], [line.split("\t") for line in lines[6:-1]]


def test_write_trc_has_the_layout_that_opensim_reads(tmp_path: Path) -> None:
    motion = walk26(4)
    save(motion, tmp_path / "walk.trc")
    header, rows = _read_by_hand(tmp_path / "walk.trc")
    assert header[0] == "PathFileType\t4\t(X/Y/Z)\twalk.trc"
    assert header[2].split("\t") == ["30", "30", "4", "22", "m", "30", "1", "4"]
    assert header[3].startswith("Frame#\tTime\tHip\t\t\tRHip\t\t\tRKnee\t\t\t")
    assert header[4].startswith("\t\tX1\tY1\tZ1\tX2\t")
    assert header[5] == ""
    width = 2 + 3 * 22
    assert {len(row) for row in rows} == {width}
    assert len(header[3].split("\t")) == len(header[4].split("\t")) == width
    assert [row[0] for row in rows] == ["1", "2", "3", "4"]


@settings(max_examples=10, deadline=None)
@given(motions())
def test_write_trc_keeps_places_and_times_and_is_never_nan(motion: Motion3D) -> None:
    with TemporaryDirectory() as folder:
        save(motion, Path(folder) / "a.trc")
        header, rows = _read_by_hand(Path(folder) / "a.trc")
    numbers = np.array(rows, dtype=float)
    assert np.isfinite(numbers).all()
    np.testing.assert_allclose(numbers[:, 1], motion.times, rtol=0, atol=1e-6)
    names, xyz = place_markers(motion)
    assert header[3].rstrip("\t").split("\t")[2::3] == names
    x, y, z = np.moveaxis(numbers[:, 2:].reshape(len(motion), -1, 3), -1, 0)
    np.testing.assert_allclose(np.stack([x, -z, y], axis=-1), xyz, rtol=0, atol=1e-6)


def test_write_trc_is_not_taken_for_pixels(tmp_path: Path) -> None:
    save(walk26(4), tmp_path / "a.trc")
    with pytest.raises(ValueError, match="markers in space"):
        read_detections(tmp_path / "a.trc", size=SIZE)
    with pytest.raises(ValueError, match=r"cannot read a motion from 'a\.trc': expected one of"):
        load(tmp_path / "a.trc")


@pytest.mark.slow
@pytest.mark.parametrize("with_feet", [True, False])
def test_write_trc_of_a_walk_runs_through_inverse_kinematics(
    tmp_path: Path, with_feet: bool
) -> None:
    """OpenSim scales Pose2Sim's model to the markers and solves for the angles."""
    motion = walk26(60) if with_feet else lifted_walk()
    save(motion, tmp_path / "walk.trc")
    found = solve_in_opensim(tmp_path / "walk.trc", tmp_path)
    names, xyz = place_markers(motion)
    assert found["labels"] == names
    np.testing.assert_allclose(found["times"], motion.times, rtol=0, atol=1e-6)
    x, y, z = np.moveaxis(np.reshape(found["xyz"], (len(motion), -1, 3)), -1, 0)
    np.testing.assert_allclose(np.stack([x, -z, y], axis=-1), xyz, rtol=0, atol=1e-3)
    assert len(found["rms"]) == len(motion)
    # The figure of walk26 has no person's proportions, so the model fits it less well.
    assert np.median(found["rms"]) < (0.040 if with_feet else 0.030)


def lifted_walk() -> Motion3D:
    """Lift the walk of the benchmark excerpt, with its errors of detection."""
    with np.load(EXCERPT) as data:
        frames = slice(*data["offsets"][:2])
        xy, confidence = data["noisy_xy"][frames] / 10, data["confidence"][frames] / 255
        width, height = map(int, data["size"][0])
        fps, focal = float(data["fps"]), float(data["focal"][0])
    motion = Motion2D(xy, confidence, (width, height), fps, H36M, focal=focal)
    return Lifter("default").lift_many([motion])[0]
