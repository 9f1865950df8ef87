"""Human3.6M, SH: what the file says is what is loaded, and its protocol is kept to the letter."""

import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from paths import GOLDEN
from synthetic import WIDTH, Reads, ReadsCentre, Video, sh_file, sh_split

from tcpformer.datasets.h36m_sh import load_h36m_sh, load_h36m_sh_test, scored_clip_indices
from tcpformer.evaluation.h36m_sh import evaluate_h36m_sh
from tcpformer.models.checkpoint import load_model

VIDEOS: list[Video] = [
    ("s_09_act_02_subact_01_ca_01", "Directions", 20),
    ("s_09_act_02_subact_01_ca_02", "Directions", 9),
    ("s_09_act_05_subact_02_ca_03", "Greeting", 18),
    ("s_11_act_05_subact_01_ca_04", "Greeting", 30),
]


class Off(Reads):
    """Says what it reads, some way off, along the depth: in half image widths, all but the hip."""

    def __init__(self, way: Callable[[torch.Tensor], torch.Tensor], frames: int = 9) -> None:
        super().__init__(frames)
        self.way = way

    def forward(self, xyc: torch.Tensor, *, skip_local: bool = False) -> torch.Tensor:
        said = super().forward(xyc)
        return said + torch.tensor([0.0, 0.0, 1.0]) * self.way(said)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return sh_file(tmp_path / "h36m.pkl", VIDEOS)


# The file


def test_what_is_in_the_file_is_what_is_loaded(file: Path) -> None:
    content = pickle.loads(file.read_bytes())["test"]
    test = load_h36m_sh_test(file)
    footage = test.footage
    np.testing.assert_array_equal(footage.xy, content["joint_2d"])
    np.testing.assert_array_equal(footage.confidence, content["confidence"])
    np.testing.assert_array_equal(footage.xyz, content["joint3d_image"])
    np.testing.assert_array_equal(test.factors, content["2.5d_factor"])
    np.testing.assert_array_equal(test.millimetres, content["joints_2.5d_image"])
    assert test.sources == tuple(source for source, _, _ in VIDEOS)
    assert test.actions == tuple(action for _, action, _ in VIDEOS)
    assert footage.lengths.tolist() == [20, 9, 18, 30]
    assert footage.starts.tolist() == [0, 20, 29, 47]
    assert footage.sizes.tolist() == [[1000, 1002], [1000, 1000], [1000, 1000], [1000, 1002]]
    assert footage.subjects == ("S9", "S9", "S9", "S11")
    assert (footage.fps, footage.skeleton.name) == (50.0, "h36m-nose")
    assert load_h36m_sh(file, "train").subjects == ("S1",)


def test_the_truth_is_in_half_image_widths(file: Path) -> None:
    footage = load_h36m_sh(file, "test")
    clips = footage.take(np.array([[3, 5]]), 4, "screen")
    raw = np.asarray(footage.xyz[47 + 5 : 47 + 9])
    relative = (raw - raw[:, :1]) / (WIDTH / 2)
    np.testing.assert_allclose(clips.xyz[0], relative, atol=1e-6)
    np.testing.assert_allclose(clips.xyc[0, ..., 0], raw[..., 0] / 500 - 1, atol=1e-6)
    np.testing.assert_allclose(clips.xyc[0, ..., 1], raw[..., 1] / 500 - 1.002, atol=1e-6)


def test_ground_truth_comes_with_full_confidence(file: Path) -> None:
    footage = load_h36m_sh(file, "test", ground_truth=True)
    np.testing.assert_array_equal(footage.xy, footage.xyz[..., :2])
    assert (footage.confidence == 1).all()
    assert footage.confidence.shape == footage.xy.shape[:2]


def test_arrays_are_made_once_and_mapped(file: Path) -> None:
    footage = load_h36m_sh(file, "test")
    (folder,) = file.with_suffix(".cache").iterdir()
    written = folder.stat().st_mtime_ns
    assert all(isinstance(x, np.memmap) for x in (footage.xy, footage.xyz, footage.confidence))
    load_h36m_sh(file, "train")
    assert [p.stat().st_mtime_ns for p in file.with_suffix(".cache").iterdir()] == [written]


def test_a_changed_file_is_read_again(file: Path) -> None:
    before = load_h36m_sh(file, "test")
    sh_file(file, VIDEOS[:1])
    os.utime(file, ns=(0, 7))
    after = load_h36m_sh(file, "test")
    assert (len(before.lengths), len(after.lengths)) == (4, 1)
    assert len(list(file.with_suffix(".cache").iterdir())) == 1
    assert before.xy[0].shape == (17, 2), "what is in use stays readable"


def test_arrays_go_where_one_says(file: Path, tmp_path: Path) -> None:
    load_h36m_sh(file, "test", cache=tmp_path / "other" / "disk")
    assert len(list((tmp_path / "other" / "disk").iterdir())) == 1
    assert not file.with_suffix(".cache").exists()


def test_large_arrays_are_the_same(tmp_path: Path) -> None:
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
        (lambda x: x.clear(), "keys .* are missing"),
    ],
)
def test_faults_are_named_and_nothing_is_left(
    tmp_path: Path, spoil: Callable[[dict[str, object]], object], message: str
) -> None:
    file = spoilt(tmp_path / "h36m.pkl", spoil)
    with pytest.raises(ValueError, match=message):
        load_h36m_sh(file, "train")
    assert not list(file.with_suffix(".cache").iterdir())


def test_other_pickles_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(pickle.dumps({"train": [1]}))
    with pytest.raises(ValueError, match="splits 'train' and 'test'"):
        load_h36m_sh(tmp_path / "a.pkl", "train")
    (tmp_path / "b.pkl").write_bytes(pickle.dumps(Path))
    with pytest.raises(ValueError, match="which is refused"):
        load_h36m_sh(tmp_path / "b.pkl", "train")
    with pytest.raises(FileNotFoundError, match=r"c\.pkl"):
        load_h36m_sh(tmp_path / "c.pkl", "train")


# Clips


@pytest.mark.parametrize("length", [9, 17, 18, 40])
def test_clips_lie_end_to_end(length: int) -> None:
    clips = scored_clip_indices(length, 9, np.random.default_rng(0))
    assert clips.shape == (length // 9, 9)
    np.testing.assert_array_equal(clips.ravel(), np.arange(clips.size))


@pytest.mark.parametrize("length", [1, 2, 5, 8])
def test_a_short_video_is_stretched(length: int) -> None:
    clips = scored_clip_indices(length, 9, np.random.default_rng(0))
    again = scored_clip_indices(length, 9, np.random.default_rng(0))
    assert clips.shape == (1, 9)
    assert (np.diff(clips) >= 0).all()
    assert clips.min() == 0
    assert clips.max() == length - 1
    assert (np.abs(clips - np.arange(9) * length / 9) <= 1).all()
    np.testing.assert_array_equal(clips, again)


# The protocol


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("kind", [Reads, ReadsCentre])
def test_the_truth_scores_nothing(file: Path, kind: Callable[[], Reads], flip: bool) -> None:
    report = evaluate_h36m_sh(kind(), file, flip=flip)
    # Float32, at a scale of some thousand millimetres.
    for score in ("mpjpe", "p_mpjpe", "n_mpjpe"):
        assert report.scores[score] == pytest.approx(0, abs=1e-2)
    assert report.scores["frames"] == 18 + 9 + 27
    assert [row["frames"] for row in report.tables["action"].values()] == [27, 27]


def test_an_error_is_scaled_to_millimetres_by_each_frames_factor(file: Path) -> None:
    test = load_h36m_sh_test(file)
    report = evaluate_h36m_sh(Off(lambda x: torch.full_like(x, 0.01)), file, flip=False)
    # 0.01 half widths of 500 pixels; the hip is put back to 0.
    directions = np.append(test.factors[:18], test.factors[20:29]).mean()
    greeting = np.asarray(test.factors[47 : 47 + 27]).mean()
    rows = report.tables["action"]
    assert rows["Directions"]["mpjpe"] == pytest.approx(5 * 16 / 17 * directions, rel=1e-4)
    assert rows["Greeting"]["mpjpe"] == pytest.approx(5 * 16 / 17 * greeting, rel=1e-4)
    mean = (rows["Directions"]["mpjpe"] + rows["Greeting"]["mpjpe"]) / 2
    assert report.scores["mpjpe"] == pytest.approx(mean)


@pytest.mark.parametrize("score", ["mpjpe", "n_mpjpe", "p_mpjpe"])
def test_a_wrong_scale_is_an_error_of_protocol_1_only(file: Path, score: str) -> None:
    class Larger(Reads):
        def forward(self, xyc: torch.Tensor, *, skip_local: bool = False) -> torch.Tensor:
            return 1.1 * super().forward(xyc)

    found = evaluate_h36m_sh(Larger(), file).scores[score]
    assert (found > 50) if score == "mpjpe" else (found < 1e-2)


def test_accelerations_as_released_and_per_second(file: Path) -> None:
    network = Off(lambda x: 0.01 * (torch.arange(9) % 2).reshape(1, 9, 1, 1))
    scores = evaluate_h36m_sh(network, file, flip=False).scores
    released, proper = scores["acceleration_error_released"], scores["acceleration_error"]
    assert proper == pytest.approx(released * 9 / 7 * 50**2)
    assert scores["mpjve"] > 0


def test_frames_in_several_places_count_once(tmp_path: Path) -> None:
    videos: list[Video] = [
        ("s_09_act_02_subact_01_ca_01", "Directions", 5),
        ("s_11_act_02_subact_01_ca_01", "Directions", 5),
    ]
    file = sh_file(tmp_path / "h36m.pkl", videos)
    # As far off as the number of the frame in the clip says.
    network = Off(lambda x: 0.01 * torch.arange(9).reshape(1, 9, 1, 1).float())
    report = evaluate_h36m_sh(network, file, flip=False)
    clip = scored_clip_indices(5, 9, np.random.default_rng(0))[0]
    factors = load_h36m_sh_test(file).factors
    errors = [5 * 16 / 17 * factors[i] * np.flatnonzero(clip == i).mean() for i in set(clip)]
    assert report.scores["mpjpe"] == pytest.approx(np.mean(errors), rel=1e-4)
    assert report.scores["frames"] == len(set(clip)), (
        "the last video of the file is never stretched"
    )


def test_ground_truth_in_both_meanings(file: Path) -> None:
    """With no depth said, x and y overwritten leave the error of depth; else all is scored."""

    class Silent(Reads):
        seen: torch.Tensor

        def forward(self, xyc: torch.Tensor, *, skip_local: bool = False) -> torch.Tensor:
            self.seen = xyc
            return torch.zeros_like(xyc)

    network = Silent()
    true = load_h36m_sh_test(file).millimetres[47 : 47 + 27]
    true = true - true[:, :1]
    given = evaluate_h36m_sh(network, file, ground_truth="input")
    assert (network.seen[..., 2] == 1).all()
    over = evaluate_h36m_sh(network, file, ground_truth="overwrite")
    full = np.linalg.norm(true, axis=-1).mean()
    assert given.tables["action"]["Greeting"]["mpjpe"] == pytest.approx(full, rel=1e-4)
    depth = np.abs(true[..., 2]).mean()
    assert over.tables["action"]["Greeting"]["mpjpe"] == pytest.approx(depth, rel=1e-4)
    assert "overwritten" in over.title
    assert "overwritten" not in given.title


def test_progress_is_told(file: Path) -> None:
    calls: list[tuple[int, int]] = []
    evaluate_h36m_sh(Reads(), file, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_nothing_to_score_is_an_error(tmp_path: Path) -> None:
    file = sh_file(tmp_path / "h36m.pkl", VIDEOS[2:3])
    with pytest.raises(ValueError, match="no video was scored"):
        evaluate_h36m_sh(Reads(), file)


# The released code


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The golden file, and a released checkpoint beside it."""
    folder = tmp_path_factory.mktemp("golden")
    with np.load(GOLDEN / "tcpformer_L2_d32_T27.npz") as data:
        state = {k[6:]: torch.from_numpy(data[k]) for k in data if k.startswith("state/")}
    torch.save(state, folder / "a.pth")
    return Path(shutil.copy(GOLDEN / "h36m_sh_synthetic.pkl", folder))


@pytest.mark.parametrize(
    ("entry", "flip"),
    [
        ("h36m_sh_synthetic.pkl with tcpformer_L2_d32_T27.npz, flip averaging", True),
        ("the same without flip averaging", False),
    ],
)
def test_the_released_evaluation_is_reproduced(golden: Path, entry: str, flip: bool) -> None:
    wanted = json.loads((GOLDEN / "evaluation.json").read_text())[entry]
    model = load_model(golden.with_name("a.pth"), heads=4)
    report = evaluate_h36m_sh(model, golden, flip=flip)
    assert report.scores["mpjpe"] == pytest.approx(wanted["mpjpe"], abs=1e-2)
    assert report.scores["p_mpjpe"] == pytest.approx(wanted["p_mpjpe"], abs=1e-2)
    released = report.scores["acceleration_error_released"]
    assert released == pytest.approx(wanted["acceleration_error"], abs=1e-2)
    joints = [row["mpjpe"] for row in report.tables["joint"].values()]
    np.testing.assert_allclose(joints, wanted["per_joint"], atol=1e-2)
    assert np.mean(joints) == pytest.approx(report.scores["mpjpe"])
