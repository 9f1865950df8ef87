"""Human3.6M, SH: the arrays of the pickle, cached."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from synthetic import WIDTH, Video, sh_file, sh_split

from tcpformer.datasets.h36m_sh import load_h36m_sh, load_h36m_sh_test, scored_clip_indices

VIDEOS: list[Video] = [
    ("s_09_act_02_subact_01_ca_01", "Directions", 20),
    ("s_09_act_02_subact_01_ca_02", "Directions", 9),
    ("s_09_act_05_subact_02_ca_03", "Greeting", 18),
    ("s_11_act_05_subact_01_ca_04", "Greeting", 30),
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return sh_file(tmp_path / "h36m.pkl", VIDEOS)


def test_load_h36m_sh_reads_the_pickle(file: Path) -> None:
    content = pickle.loads(file.read_bytes())["test"]
    test = load_h36m_sh_test(file)
    dataset = test.dataset
    np.testing.assert_array_equal(dataset.xy, content["joint_2d"])
    np.testing.assert_array_equal(dataset.confidence, content["confidence"])
    np.testing.assert_array_equal(dataset.xyz, content["joint3d_image"])
    np.testing.assert_array_equal(test.factors, content["2.5d_factor"])
    np.testing.assert_array_equal(test.millimetres, content["joints_2.5d_image"])
    assert test.sources == tuple(source for source, _, _ in VIDEOS)
    assert test.actions == tuple(action for _, action, _ in VIDEOS)
    assert dataset.lengths.tolist() == [20, 9, 18, 30]
    assert dataset.starts.tolist() == [0, 20, 29, 47]
    assert dataset.sizes.tolist() == [[1000, 1002], [1000, 1000], [1000, 1000], [1000, 1002]]
    assert dataset.subjects == ("S9", "S9", "S9", "S11")
    assert (dataset.fps, dataset.skeleton.name) == (50.0, "h36m-nose")
    assert load_h36m_sh(file, "train").subjects == ("S1",)


def test_load_h36m_sh_has_half_image_widths(file: Path) -> None:
    dataset = load_h36m_sh(file, "test")
    clips = dataset.cut_clips(np.array([[3, 5]]), 4, "screen")
    raw = np.asarray(dataset.xyz[47 + 5 : 47 + 9])
    relative = (raw - raw[:, :1]) / (WIDTH / 2)
    np.testing.assert_allclose(clips.xyz[0], relative, atol=1e-6)
    np.testing.assert_allclose(clips.xyc[0, ..., 0], raw[..., 0] / 500 - 1, atol=1e-6)
    np.testing.assert_allclose(clips.xyc[0, ..., 1], raw[..., 1] / 500 - 1.002, atol=1e-6)


def test_load_h36m_sh_ground_truth_has_confidence_1(file: Path) -> None:
    dataset = load_h36m_sh(file, "test", ground_truth=True)
    np.testing.assert_array_equal(dataset.xy, dataset.xyz[..., :2])
    assert (dataset.confidence == 1).all()
    assert dataset.confidence.shape == dataset.xy.shape[:2]


def test_load_h36m_sh_caches_mapped_arrays(file: Path) -> None:
    dataset = load_h36m_sh(file, "test")
    (folder,) = file.with_suffix(".cache").iterdir()
    written = folder.stat().st_mtime_ns
    assert all(isinstance(x, np.memmap) for x in (dataset.xy, dataset.xyz, dataset.confidence))
    load_h36m_sh(file, "train")
    assert [p.stat().st_mtime_ns for p in file.with_suffix(".cache").iterdir()] == [written]


def test_load_h36m_sh_rereads_a_changed_file(file: Path) -> None:
    before = load_h36m_sh(file, "test")
    sh_file(file, VIDEOS[:1])
    os.utime(file, ns=(0, 7))
    after = load_h36m_sh(file, "test")
    assert (len(before.lengths), len(after.lengths)) == (4, 1)
    assert len(list(file.with_suffix(".cache").iterdir())) == 1
    assert before.xy[0].shape == (17, 2), "what is in use stays readable"


def test_load_h36m_sh_takes_a_cache_folder(file: Path, tmp_path: Path) -> None:
    load_h36m_sh(file, "test", cache=tmp_path / "other" / "disk")
    assert len(list((tmp_path / "other" / "disk").iterdir())) == 1
    assert not file.with_suffix(".cache").exists()


def test_load_h36m_sh_reads_large_arrays(tmp_path: Path) -> None:
    videos: list[Video] = [("s_09_act_02_subact_01_ca_01", "Directions", 8000)]
    file = sh_file(tmp_path / "h36m.pkl", videos)
    np.testing.assert_array_equal(load_h36m_sh(file, "test").xy, sh_split(videos)["joint_2d"])


def spoilt(path: Path, spoil: Callable[[dict[str, object]], object]) -> Path:
    content = {"train": sh_split(VIDEOS, 1), "test": sh_split(VIDEOS)}
    spoil(content["test"])
    path.write_bytes(pickle.dumps(content))
    return path


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda x: x.pop("confidence"), r"test: keys \['confidence'\] are missing"),
        (lambda x: x["source"].pop(), "must have a value for every frame"),
        (lambda x: x.update(camera_name=["7"] * 77), r"cameras must be of .* got \['7'\]"),
        (lambda x: x["action"].__setitem__(3, "Eating"), "change within .*s_09_act_02"),
        (lambda x: x.update(source=["walk"] * 20 + x["source"][20:]), r"sources like .* \['walk'"),
        (lambda x: x.update(joint_2d=np.zeros((77, 16, 2))), r"joint_2d must be \(77, 17, 2\)"),
        (lambda x: x.update(confidence=[1.0] * 77), "confidence must be an array of numbers"),
        (lambda x: x["joint3d_image"].fill(np.nan), "joint3d_image must be finite numbers"),
        (lambda x: x.update({"2.5d_factor": np.full(77, 1e300)}), "2.5d_factor must be finite"),
        (lambda x: x.update(action=7), "action must be a list of texts, got int"),
        (lambda x: x.clear(), "keys .* are missing"),
    ],
)
def test_load_h36m_sh_refuses_broken_files(
    tmp_path: Path, spoil: Callable[[dict[str, object]], object], message: str
) -> None:
    file = spoilt(tmp_path / "h36m.pkl", spoil)
    with pytest.raises(ValueError, match=message):
        load_h36m_sh(file, "train")
    assert not list(file.with_suffix(".cache").iterdir())


def test_load_h36m_sh_refuses_other_pickles(tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(pickle.dumps({"train": [1]}))
    with pytest.raises(ValueError, match="splits 'train' and 'test'"):
        load_h36m_sh(tmp_path / "a.pkl", "train")
    (tmp_path / "b.pkl").write_bytes(pickle.dumps(Path))
    with pytest.raises(ValueError, match="which is refused"):
        load_h36m_sh(tmp_path / "b.pkl", "train")
    with pytest.raises(FileNotFoundError, match=r"c\.pkl"):
        load_h36m_sh(tmp_path / "c.pkl", "train")


@pytest.mark.parametrize("length", [9, 17, 18, 40])
def test_scored_clip_indices_lie_end_to_end(length: int) -> None:
    clips = scored_clip_indices(length, 9, np.random.default_rng(0))
    assert clips.shape == (length // 9, 9)
    np.testing.assert_array_equal(clips.ravel(), np.arange(clips.size))


@pytest.mark.parametrize("length", [1, 2, 5, 8])
def test_scored_clip_indices_stretch_a_short_video(length: int) -> None:
    clips = scored_clip_indices(length, 9, np.random.default_rng(0))
    again = scored_clip_indices(length, 9, np.random.default_rng(0))
    assert clips.shape == (1, 9)
    assert (np.diff(clips) >= 0).all()
    assert clips.min() == 0
    assert clips.max() == length - 1
    assert (np.abs(clips - np.arange(9) * length / 9) <= 1).all()
    np.testing.assert_array_equal(clips, again)
