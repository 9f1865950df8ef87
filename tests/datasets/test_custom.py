"""Own data in a folder: written, read, and refused."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from motions import FOCAL, SIZE, walk
from paths import ROOT

from tcpformer.datasets.custom import (
    Sequence,
    estimate_focal,
    has_position,
    load_folder,
    read_sequence,
    save_sequence,
)
from tcpformer.skeleton import COCO, H36M, MPI_INF_3DHP, conversion

DOCS = ROOT / "docs" / "own-data.md"


def walker(frames: int = 40, **changes: Any) -> Sequence:
    motion = walk(frames)
    sequence = Sequence(motion.xy, motion.camera_xyz, H36M.joints, motion.fps, SIZE)
    return replace(sequence, **changes)


def test_read_sequence_reads_what_save_sequence_writes(tmp_path: Path) -> None:
    confidence = np.linspace(0, 1, 40 * 17).reshape(40, 17)
    sequence = walker(confidence=confidence, focal=FOCAL, subject="me", split="test")
    save_sequence(tmp_path / "a.npz", sequence)
    back = read_sequence(tmp_path / "a.npz")
    for name in ("xy", "xyz", "confidence"):
        np.testing.assert_allclose(getattr(back, name), getattr(sequence, name), rtol=1e-6)
    for name in ("joints", "fps", "size", "focal", "subject", "split"):
        assert getattr(back, name) == getattr(sequence, name)


def test_read_sequence_without_optional_keys(tmp_path: Path) -> None:
    s = walker()
    np.savez(tmp_path / "a.npz", xy=s.xy, xyz=s.xyz, joints=s.joints, fps=30, size=SIZE)
    back = read_sequence(tmp_path / "a.npz")
    assert np.asarray(back.confidence).min() == 1
    assert (back.focal, back.split) == (None, "train")


def test_load_folder_reads_a_split(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    save_sequence(tmp_path / "b.npz", walker(30, subject="B", focal=900.0))
    save_sequence(tmp_path / "more" / "c.npz", walker(50, subject="C", split="val"))
    save_sequence(tmp_path / "a.npz", walker(20, subject="A"))
    dataset = load_folder(tmp_path, "train")
    assert dataset.subjects == ("A", "B")
    assert dataset.lengths.tolist() == [20, 30]
    assert dataset.starts.tolist() == [0, 20]
    assert dataset.fps == 30
    assert dataset.sizes.tolist() == [list(SIZE)] * 2
    np.testing.assert_allclose(np.asarray(dataset.focals), [FOCAL, 900], rtol=1e-5)
    np.testing.assert_allclose(dataset.xyz[20:], walker(30).xyz, atol=1e-5)
    np.testing.assert_allclose(dataset.xy[:20], walker(20).xy, atol=1e-3)
    assert load_folder(tmp_path, "train+val").subjects == ("A", "B", "C")
    assert dataset.cut_clips(dataset.clip_starts(10, 10), 10, "centered-camera").xyz.shape == (
        5,
        10,
        17,
        3,
    )


def test_load_folder_converts_joints(tmp_path: Path) -> None:
    s, order = walker(), np.random.default_rng(0).permutation(17)
    names = tuple(H36M.joints[i] for i in order)
    save_sequence(
        tmp_path / "a.npz", replace(s, xy=s.xy[:, order], xyz=s.xyz[:, order], joints=names)
    )
    to_mpi = conversion(H36M, MPI_INF_3DHP)
    mpi = replace(s, xy=to_mpi @ s.xy, xyz=to_mpi @ s.xyz, joints=MPI_INF_3DHP.joints)
    save_sequence(tmp_path / "b.npz", mpi)
    dataset = load_folder(tmp_path, "train")
    np.testing.assert_allclose(dataset.xyz[:40], s.xyz, atol=1e-5)
    np.testing.assert_allclose(dataset.xyz[40:], s.xyz, atol=1e-5)


def test_load_folder_takes_the_lowest_confidence(tmp_path: Path) -> None:
    confidence = np.ones((5, 17))
    confidence[:, COCO.index["LHip"]] = 0.25
    xyz = np.random.default_rng(0).random((5, 17, 3))
    s = Sequence(np.ones((5, 17, 2)), xyz, COCO.joints, 30.0, SIZE, confidence)
    save_sequence(tmp_path / "a.npz", s)
    found = load_folder(tmp_path, "train").confidence[0]
    assert found[H36M.index["Hip"]] == 0.25
    assert found[H36M.index["RHip"]] == 1


def test_estimate_focal_from_position_or_assumption() -> None:
    assert estimate_focal(walker()) == pytest.approx(FOCAL)
    assert estimate_focal(walker(focal=5.0)) == 5
    mirrored = walker()
    assert estimate_focal(replace(mirrored, xyz=mirrored.xyz * [-1, 1, 1])) == pytest.approx(FOCAL)
    pose = replace(mirrored, xyz=mirrored.xyz - mirrored.xyz[:, :1])
    assert not has_position(pose)
    assert has_position(mirrored)
    # 60 degrees across the longer side.
    assert estimate_focal(pose) == pytest.approx(640 * np.sqrt(3))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"joints": H36M.joints[:16]}, "for 16 joint names"),
        ({"fps": 0.0}, "must be positive"),
        ({"focal": -1.0}, "must be positive"),
        ({"split": "training"}, "split must be one of"),
        ({"joints": ("Nose",) * 17}, "must differ"),
    ],
)
def test_sequence_refuses_impossible_values(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        walker(**change)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"focal": 1e-300}, "expected a focal of 1 to 1e.07 pixels"),
        ({"size": (1e9, 10)}, "at most 100000 pixels"),
        ({"split": np.zeros(999)}, "expected one text each as subject and split"),
        ({"split": "x" * 9999}, "split must be one of"),
    ],
)
def test_read_sequence_refuses_impossible_fields(
    changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    known = {key: value for key, value in vars(walker()).items() if value is not None}
    np.savez(tmp_path / "a.npz", **known | changes)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=rf"a\.npz: .*{message}") as caught:
        read_sequence(tmp_path / "a.npz")
    assert len(str(caught.value)) < 1100 + len(str(tmp_path))


def test_estimate_focal_assumes_one_where_numbers_imply_none() -> None:
    sequence = walker()
    far = replace(sequence, xy=sequence.xy * 1e8)
    assert estimate_focal(far) == pytest.approx(max(SIZE) / 2 / np.tan(np.radians(30)))


def test_load_folder_refuses_bad_folders(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="found none"):
        load_folder(tmp_path, "train")
    save_sequence(tmp_path / "a.npz", walker())
    with pytest.raises(ValueError, match="split must be made of"):
        load_folder(tmp_path, "all")
    with pytest.raises(ValueError, match="belongs to 'test'"):
        load_folder(tmp_path, "test")
    save_sequence(tmp_path / "b.npz", walker(fps=25.0))
    with pytest.raises(ValueError, match="one rate"):
        load_folder(tmp_path, "train")
    xy = walk(40).xy.copy()
    xy[3, 2] = np.nan
    save_sequence(tmp_path / "b.npz", walker(xy=xy))
    with pytest.raises(ValueError, match=r"b\.npz: xy, xyz and confidence must be finite"):
        load_folder(tmp_path, "train")
    np.savez(tmp_path / "b.npz", **vars(walker(xyz=np.full((40, 17, 3), 1e300), focal=1.0)))
    with pytest.raises(ValueError, match=r"b\.npz: xy, xyz and confidence must be finite"):
        load_folder(tmp_path, "train")
    xyz = walk(40).camera_xyz.copy()
    xyz[7:9] = 1e-320
    save_sequence(tmp_path / "b.npz", walker(xyz=xyz))
    with pytest.raises(ValueError, match=r"b\.npz: .* in 2 of 40 frames, the first 7, its joints"):
        load_folder(tmp_path, "train")
    (tmp_path / "b.npz").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="not an npz"):
        load_folder(tmp_path, "train")
    np.savez(tmp_path / "b.npz", xy=np.ones(3), xyz=np.ones(3), joints=["Hip"], fps=1, size=SIZE)
    with pytest.raises(ValueError, match=r"expected xy \(t, j, 2\)"):
        load_folder(tmp_path, "train")
    s = walker()
    np.savez(tmp_path / "b.npz", xy=s.xy, xyz=s.xyz, joints=s.joints, fps=30, size=9)
    with pytest.raises(ValueError, match="expected size"):
        load_folder(tmp_path, "train")


def test_script_of_the_docs_writes_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = DOCS.read_text().split("```python\n")[1].split("```")[0]
    s = walker()
    np.savez(tmp_path / "recording.npz", pixels=s.xy, millimetres=1000 * s.xyz)
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path)
    exec(script, {})
    np.testing.assert_allclose(load_folder("mine", "train").xyz, s.xyz, atol=1e-5)
