"""Files of MPI-INF-3DHP: both forms hold the same, and errors name the place."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat
from synthetic_3dhp import (
    CAMERAS,
    OF_28,
    SIZES,
    cells,
    scored_content,
    swinging_joints,
    train_content,
    train_view,
    valid_frames,
    write_npz,
    write_test_raw,
    write_train_raw,
)

from tcpformer.datasets.mpi_inf_3dhp import TEST_FILE, TRAIN_FILE, load_3dhp_test, load_3dhp_train
from tcpformer.skeleton import MPI_INF_3DHP

TRAIN = {"S1 Seq1": 12, "S1 Seq2": 9, "S4 Seq2": 7}
TEST = {"TS1": 30, "TS4": 22, "TS6": 25}
ROOT = MPI_INF_3DHP.root


@pytest.fixture
def train_file(tmp_path: Path) -> Path:
    return write_npz(tmp_path / TRAIN_FILE, train_content(TRAIN))


@pytest.fixture
def scored_file(tmp_path: Path) -> Path:
    return write_npz(tmp_path / TEST_FILE, scored_content(TEST))


def test_load_3dhp_train_has_eight_cameras(train_file: Path) -> None:
    dataset = load_3dhp_train(train_file)
    assert len(dataset.lengths) == len(dataset.subjects) == 8 * len(TRAIN)
    np.testing.assert_array_equal(dataset.lengths, np.repeat([12, 9, 7], 8))
    assert dataset.subjects == ("S1",) * 16 + ("S4",) * 8
    assert dataset.skeleton == MPI_INF_3DHP
    assert {tuple(size) for size in dataset.sizes} == {(2048, 2048)}
    np.testing.assert_array_equal(dataset.units, np.full(24, 2 / 2048))
    assert (dataset.confidence == 1).all()
    views = [(name, camera) for name in TRAIN for camera in CAMERAS]
    for (name, camera), start, length in zip(views, dataset.starts, dataset.lengths, strict=True):
        xy, xyz = train_view(name, camera, TRAIN[name])
        part = slice(start, start + length)
        np.testing.assert_allclose(dataset.xy[part], xy[:, OF_28], rtol=1e-6)
        np.testing.assert_allclose(dataset.xyz[part], xyz[:, OF_28], rtol=1e-6, atol=1e-3)


def test_load_3dhp_train_reads_raw_files(tmp_path: Path, train_file: Path) -> None:
    raw, npz = (
        load_3dhp_train(write_train_raw(tmp_path / "raw", TRAIN)),
        load_3dhp_train(train_file),
    )
    for field in ("xy", "xyz", "confidence", "starts", "lengths", "sizes", "units"):
        np.testing.assert_array_equal(getattr(raw, field), getattr(npz, field))
    assert raw.subjects == npz.subjects


def test_load_3dhp_train_has_half_image_widths(train_file: Path) -> None:
    dataset = load_3dhp_train(train_file).select_subjects(["S4"])
    clip = dataset.cut_clips(dataset.clip_starts(5, 9)[:1], 5, "screen")
    xy, xyz = (part[:5, OF_28] for part in train_view("S4 Seq2", "0", 7))
    np.testing.assert_allclose(clip.xyc[0, ..., :2], xy / 1024 - 1, atol=1e-6)
    np.testing.assert_allclose(clip.xyz[0], (xyz - xyz[:, ROOT, None]) / 1024, atol=1e-5)


def test_load_3dhp_takes_the_folder(train_file: Path, scored_file: Path) -> None:
    assert len(load_3dhp_train(train_file.parent).lengths) == 24
    assert list(load_3dhp_test(str(scored_file.parent))) == list(TEST)


Change = Callable[[dict], object]


def _view(**changes: object) -> Change:
    def change(content: dict) -> object:
        content["S1 Seq2"][0]["4"] |= changes
        return content

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda content: [content], r"expected a dictionary .*got list"),
        (lambda content: {}, "expected a dictionary"),
        (lambda content: scored_content(TEST), r"TS1: expected \[cameras, frames per second\]"),
        (lambda content: content["S1 Seq2"][0].pop("4") and content, r"Seq2, camera 4: .*data_2d"),
        (lambda content: content | {"S1 Seq2": [[], 25]}, r"by camera, S1 Seq2\), got list"),
        (_view(data_3d=None), r"S1 Seq2, camera 4: .*\['data_3d'\] are missing"),
        (
            _view(data_2d=np.zeros((9, 16, 2))),
            r"shape \(frames, 17, 2\), got float64 of .*9, 16, 2",
        ),
        (_view(data_2d=np.full((9, 17, 2), "a")), r"numbers of shape \(frames, 17, 2\), got <U1"),
        (_view(data_2d=np.zeros((8, 17, 2))), r"as many frames, got \[8, 9\]"),
        (_view(data_3d=np.full((9, 17, 3), np.nan)), r"camera 4: expected finite"),
    ],
)
def test_load_3dhp_train_names_the_broken_view(tmp_path: Path, change: Change, words: str) -> None:
    path = write_npz(tmp_path / "a.npz", change(train_content(TRAIN)))
    with pytest.raises(ValueError, match=words) as caught:
        load_3dhp_train(path)
    assert str(path) in str(caught.value)


def test_load_3dhp_names_missing_files(tmp_path: Path) -> None:
    for load, wanted in ((load_3dhp_train, "Seq"), (load_3dhp_test, r"TS\*/annot_data.mat")):
        with pytest.raises(FileNotFoundError, match=r"no such file or folder: .*nowhere"):
            load(tmp_path / "nowhere")
        with pytest.raises(FileNotFoundError, match=f"expected data_.*_3dhp.npz or .*{wanted}"):
            load(tmp_path)
    raw = write_train_raw(tmp_path / "train", {"S1 Seq1": 4, "S1 Seq2": 4})
    (raw / "S1/Seq2/annot.mat").unlink()
    with pytest.raises(FileNotFoundError, match=r"missing .*S1/Seq2/annot\.mat"):
        load_3dhp_train(raw)
    (tmp_path / "test/TS3").mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match=r"missing .*TS3/annot_data\.mat"):
        load_3dhp_test(tmp_path / "test")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a MATLAB 5 file"),
        (b"not a file of MATLAB at all" * 50, "not a MATLAB 5 file"),
        ({"annot2": cells([np.zeros((4, 56))] * 14)}, r"\['univ_annot3'\] are missing"),
        ({"annot2": np.zeros((4, 56)), "univ_annot3": np.zeros((4, 84))}, "cells of 14 cameras"),
        (
            {"annot2": cells([np.zeros((4, 34))] * 14), "univ_annot3": cells([np.zeros(1)] * 14)},
            r"camera 0: expected numbers of shape \(frames, 56\)",
        ),
    ],
)
def test_load_3dhp_train_refuses_broken_raw_files(
    tmp_path: Path, content: bytes | dict, words: str
) -> None:
    file = write_train_raw(tmp_path, {"S1 Seq1": 4}) / "S1/Seq1/annot.mat"
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        savemat(file, content)
    with pytest.raises(ValueError, match=words) as caught:
        load_3dhp_train(tmp_path)
    assert str(file) in str(caught.value)


def test_load_3dhp_test_reads_takes(scored_file: Path) -> None:
    takes = load_3dhp_test(scored_file)
    assert list(takes) == list(TEST)
    for name, take in takes.items():
        xy, xyz = swinging_joints(name, TEST[name], 17, SIZES[name])
        np.testing.assert_array_equal(take.xy, xy)
        np.testing.assert_array_equal(take.xyz, xyz)
        np.testing.assert_array_equal(take.valid, valid_frames(name, TEST[name]) == 1)
        assert take.size == SIZES[name]
        assert take.activity is None


def test_load_3dhp_test_reads_raw_files(tmp_path: Path, scored_file: Path) -> None:
    raw, npz = load_3dhp_test(write_test_raw(tmp_path / "raw", TEST)), load_3dhp_test(scored_file)
    assert list(raw) == list(npz)
    for name, take in raw.items():
        for field in ("xy", "xyz", "valid", "size"):
            np.testing.assert_array_equal(getattr(take, field), getattr(npz[name], field))
        assert take.activity is not None
        np.testing.assert_array_equal(take.activity[8:12], [1, 1, 2, 2])


def _take(**changes: object) -> Change:
    def change(content: dict) -> object:
        content["TS4"] |= changes
        return content

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda content: np.zeros(3), "expected a dictionary"),
        (lambda content: train_content(TRAIN), "S1 Seq1: expected the arrays"),
        (lambda content: content | {"TS7": content["TS1"]}, r"TS7: expected .*'TS6'\], got 'TS7'"),
        (_take(valid=None), r"TS4: .*\['valid'\] are missing"),
        (_take(valid=np.zeros(22)), r"TS4: none of the 22 frames is marked as valid"),
        (_take(valid=np.ones(21)), r"TS4: .*as many frames, got \[22, 22, 21\]"),
        (_take(data_3d=np.zeros((22, 28, 3))), r"shape \(frames, 17, 3\), got .*22, 28, 3"),
        (_take(data_2d=np.full((22, 17, 2), np.inf)), "TS4: expected finite"),
    ],
)
def test_load_3dhp_test_names_the_broken_take(tmp_path: Path, change: Change, words: str) -> None:
    path = write_npz(tmp_path / "a.npz", change(scored_content(TEST)))
    with pytest.raises(ValueError, match=words) as caught:
        load_3dhp_test(path)
    assert str(path) in str(caught.value)


def test_load_3dhp_test_ignores_truth_of_invalid_frames(tmp_path: Path) -> None:
    content = scored_content(TEST)
    content["TS4"]["data_3d"][content["TS4"]["valid"] == 0] = np.nan
    takes = load_3dhp_test(write_npz(tmp_path / "a.npz", content))
    assert np.isfinite(takes["TS4"].xyz[takes["TS4"].valid]).all()


def test_load_3dhp_test_refuses_broken_raw_files(tmp_path: Path) -> None:
    import h5py

    file = write_test_raw(tmp_path, {"TS1": 5}) / "TS1/annot_data.mat"
    with h5py.File(file, "a") as content:
        del content["univ_annot3"]
    with pytest.raises(ValueError, match=r"TS1/annot_data.mat: .*\['univ_annot3'\] are missing"):
        load_3dhp_test(tmp_path)
    file.write_bytes(b"MATLAB 5.0 MAT-file, of another kind")
    with pytest.raises(ValueError, match=r"TS1/annot_data.mat: not a MATLAB 7\.3 file"):
        load_3dhp_test(tmp_path)


def test_load_3dhp_test_needs_h5py_for_raw_files_only(
    tmp_path: Path, scored_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = write_test_raw(tmp_path / "raw", {"TS1": 5})
    monkeypatch.setitem(sys.modules, "h5py", None)
    assert list(load_3dhp_test(scored_file)) == list(TEST)
    with pytest.raises(ImportError, match=r"pip install 'tcpformer\[research\]'"):
        load_3dhp_test(raw)
