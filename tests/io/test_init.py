"""Readers and writers by suffix."""

from pathlib import Path

import numpy as np
import pytest
from commands import keypoint_file
from keypoint_files import FPS, SIZE, mmpose, openpose, people, rtmlib, sports2d
from motions import walk

from tcpformer.io import READERS, WRITERS, read_detections, save
from tcpformer.skeleton import HALPE26


def write_keypoints(kind: str, folder: Path) -> Path:
    two = people(HALPE26)
    if kind == "ours":
        return keypoint_file()(folder)
    if kind == "rtmlib":
        return rtmlib(folder / "b.npz", two)
    if kind == "mmpose":
        return mmpose(folder / "b.json", two, HALPE26.joints)
    if kind == "openpose":
        return openpose(folder / "b", two)
    tables = sports2d(folder / "b", two, HALPE26.joints)
    return tables / "clip_Sports2D_px_person00.trc" if kind == "trc" else tables


@pytest.mark.parametrize("kind", ["ours", "rtmlib", "mmpose", "trc", "openpose", "trcs"])
def test_read_detections_takes_suffixes_in_capital_letters(kind: str, tmp_path: Path) -> None:
    path = write_keypoints(kind, tmp_path)
    expected = read_detections(path, fps=FPS, size=SIZE)
    for file in list(path.iterdir()) if path.is_dir() else [path]:
        capital = file.rename(file.with_suffix(file.suffix.upper()))
        path = path if path.is_dir() else capital
    found = read_detections(path, fps=FPS, size=SIZE)
    np.testing.assert_array_equal(found.xy, expected.xy)
    np.testing.assert_array_equal(found.frame, expected.frame)


def test_read_detections_refuses_other_suffixes_and_folders(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y")
    with pytest.raises(ValueError, match=r"expected a folder or one of \.npz, \.json, \.trc"):
        read_detections(tmp_path / "a.csv", fps=FPS, size=SIZE)
    with pytest.raises(ValueError, match="found neither"):
        read_detections(tmp_path, fps=FPS, size=SIZE)
    assert ".csv" not in READERS


def test_read_detections_names_a_missing_file(tmp_path: Path) -> None:
    for name in ("none.json", "none.npz", "none"):
        with pytest.raises(FileNotFoundError, match=f"no such file or folder: .*{name}"):
            read_detections(tmp_path / name)


@pytest.mark.parametrize("suffix", WRITERS)
def test_save_goes_by_the_suffix(suffix: str, tmp_path: Path) -> None:
    for name in (f"a{suffix}", f"b{suffix.upper()}"):
        save(walk(5), tmp_path / name)
        assert (tmp_path / name).stat().st_size > 0


@pytest.mark.parametrize("name", ["a.fbx", "a"])
def test_save_refuses_other_suffixes(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"ends in one of \.npz, \.bvh, got"):
        save(walk(5), tmp_path / name)
