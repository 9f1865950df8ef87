"""Protocol of P-STMO on MPI-INF-3DHP: predicted frames, scores, released numbers."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from paths import GOLDEN
from scipy.io import loadmat
from synthetic_3dhp import SIZES, scored_content, swinging_joints, write_npz, write_test_raw
from torch import Tensor, nn

from tcpformer.datasets.mpi_inf_3dhp import TEST_FILE, Take, load_3dhp_test
from tcpformer.evaluation import predictions
from tcpformer.evaluation.mpi_inf_3dhp import (
    CONVENTIONAL_WEIGHTS,
    average_sequences,
    evaluate_3dhp,
    predict_3dhp,
    save_predictions,
    score_3dhp,
)
from tcpformer.lifting.normalize import to_screen
from tcpformer.models.checkpoint import load_model
from tcpformer.skeleton import MPI_INF_3DHP

TEST = {"TS1": 30, "TS4": 22, "TS6": 25}
ROOT = MPI_INF_3DHP.root


@pytest.fixture
def scored_file(tmp_path: Path) -> Path:
    return write_npz(tmp_path / TEST_FILE, scored_content(TEST))


class Repeats(nn.Module):
    """Answers with what it saw in some frame of its window, in all frames or for the center."""

    def __init__(self, frames: int, of: int, *, center: bool) -> None:
        super().__init__()
        self.config = SimpleNamespace(frames=frames)
        self.of, self.center = of, center
        self.anything = nn.Parameter(torch.zeros(1))

    def forward(self, xyc: Tensor) -> Tensor:
        answer = torch.full_like(xyc[:, :1] if self.center else xyc, torch.nan)
        middle = answer.shape[1] // 2
        answer[:, middle] = xyc[:, self.of]
        return answer


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("of", [0, 4, 8])
def test_predict_3dhp_centers_windows_on_valid_frames(
    scored_file: Path, monkeypatch: pytest.MonkeyPatch, flip: bool, center: bool, of: int
) -> None:
    monkeypatch.setattr(predictions, "WINDOWS_AT_ONCE", 7)
    takes, steps = load_3dhp_test(scored_file), []
    poses = predict_3dhp(
        Repeats(9, of, center=center), takes, flip=flip, progress=lambda *step: steps.append(step)
    )
    for name, take in takes.items():
        seen = np.clip(np.arange(len(take.xy)) + of - 4, 0, len(take.xy) - 1)[take.valid]
        half = take.size[0] / 2
        wanted = np.concatenate(
            [half * to_screen(take.xy[seen], take.size), np.full((len(seen), 17, 1), half)], -1
        )
        wanted[:, ROOT] = 0
        assert poses[name].dtype == np.float32
        np.testing.assert_allclose(poses[name], wanted, atol=1e-3)
    total = sum(int(take.valid.sum()) for take in takes.values())
    done = [step[0] for step in steps]
    assert steps[-1] == (total, total)
    assert done == sorted(set(done))
    assert max(np.diff([0, *done])) == 7


def test_save_predictions_has_the_layout_of_matlab(tmp_path: Path) -> None:
    poses = {name: np.random.default_rng(0).normal(size=(n, 17, 3)) for name, n in TEST.items()}
    save_predictions(poses, tmp_path / "inference_data.mat")
    content = loadmat(tmp_path / "inference_data.mat")
    for name, n in TEST.items():
        assert content[name].shape == (3, 17, 1, n)
        np.testing.assert_array_equal(content[name][:, 5, 0, 3], poses[name][3, 5])


def takes_of(errors: dict[str, np.ndarray]) -> tuple[dict[str, np.ndarray], dict[str, Take]]:
    """Takes, all of it valid, and poses that are wrong by given vectors."""
    poses, takes = {}, {}
    for name, wrong in errors.items():
        xy, xyz = swinging_joints(name, len(wrong), 17, SIZES[name])
        xyz = np.round(xyz - xyz[:, ROOT, None])
        poses[name] = xyz + wrong
        takes[name] = Take(xy, xyz, np.ones(len(wrong), bool), SIZES[name])
    return poses, takes


def test_score_3dhp_of_the_truth() -> None:
    poses, takes = takes_of({name: np.zeros((n, 17, 3)) for name, n in TEST.items()})
    report = score_3dhp(poses, takes, frames=27, flip=True)
    for row in (report.scores, *report.tables["sequence"].values()):
        assert row["mpjpe"] == row["acceleration_error_released"] == 0
        assert row["p_mpjpe"] == pytest.approx(0, abs=1e-9)
        assert (row["pck"], row["auc"]) == (100, pytest.approx(100 * 30 / 31))
    assert report.scores["frames"] == sum(TEST.values())


def test_score_3dhp_pck_and_auc_equal_a_loop(rng: np.random.Generator) -> None:
    """Another way to the same numbers: loops, and no rounding anywhere."""
    micro = {name: rng.integers(-150_000, 150_000, (n, 17, 3)) for name, n in TEST.items()}
    for wrong in micro.values():
        wrong[:, 3], wrong[:, 9] = 0, 0
        wrong[:, 3, 1] = 5000 * rng.integers(-31, 32, len(wrong))  # exactly on a threshold
        wrong[:, 9, 2] = 150_000
        wrong[:, ROOT] = 0
    poses, takes = takes_of({name: wrong / 1000 for name, wrong in micro.items()})
    report = score_3dhp(poses, takes, frames=27, flip=True)
    left_out = {"Hip", "Spine", "Head"}
    counted = [j for j, joint in enumerate(MPI_INF_3DHP.joints) if joint not in left_out]
    assert len(counted) == 14
    for name, wrong in micro.items():
        squares = [sum(int(c) ** 2 for c in frame[j]) for frame in wrong for j in counted]
        below = [sum(s < (1000 * mm) ** 2 for s in squares) for mm in range(0, 151, 5)]
        row = report.tables["sequence"][name]
        assert row["pck"] == pytest.approx(100 * below[-1] / len(squares), abs=1e-9)
        assert row["auc"] == pytest.approx(100 * sum(below) / 31 / len(squares), abs=1e-9)
        assert 5 < row["auc"] < row["pck"] < 95


def test_score_3dhp_counts_the_pelvis_in_mpjpe_only() -> None:
    wrong = np.full((TEST["TS1"], 17, 3), [0.0, 200.0, 0.0])
    wrong[:, ROOT] = 0
    row = score_3dhp(*takes_of({"TS1": wrong}), frames=27, flip=True).scores
    assert row["mpjpe"] == pytest.approx(200 * 16 / 17)
    assert (row["pck"], row["auc"]) == (0, 0)


def test_score_3dhp_pools_over_frames() -> None:
    off = {"TS1": 10.0, "TS2": 40.0, "TS5": 100.0}
    lengths = {"TS1": 30, "TS2": 10, "TS5": 20}
    wrong = {name: np.zeros((n, 17, 3)) for name, n in lengths.items()}
    for name, x in wrong.items():
        x[:, 2, 0] = 17 * off[name]
    report = score_3dhp(*takes_of(wrong), frames=81, flip=True)
    scenes = {scene: row["mpjpe"] for scene, row in report.tables["scene"].items()}
    assert scenes == pytest.approx({"green screen": 17.5, "outdoor": 100.0})
    assert report.scores["mpjpe"] == pytest.approx((300 + 400 + 2000) / 60)
    assert report.tables["joint"]["RShoulder"]["mpjpe"] == pytest.approx(17 * 45.0)
    assert report.tables["joint"]["Neck"]["mpjpe"] == 0
    rows = report.tables["average"]
    assert rows["frames pooled"]["mpjpe"] == pytest.approx(report.scores["mpjpe"])
    assert rows["plain mean"]["mpjpe"] == pytest.approx(50)
    wanted = (603 * 10 + 540 * 40 + 276 * 100) / (603 + 540 + 276)
    assert rows["conventional weights"]["mpjpe"] == pytest.approx(wanted)
    assert any("TS3, TS4, TS6 missing" in note for note in report.notes)
    assert any("TS1 has 30, not 603; TS2 has 10, not 540" in note for note in report.notes)
    assert next(iter(report.published)) == "TCPFormer, 81 frames"


def test_score_3dhp_acceleration_of_consecutive_frames(rng: np.random.Generator) -> None:
    """One take has none: every second frame is valid. The other has two stretches of them."""
    poses, takes = takes_of({"TS1": np.zeros((20, 17, 3)), "TS2": np.zeros((20, 17, 3))})
    every_second, stretches = np.arange(20) % 2 == 0, np.ones(20, bool)
    stretches[8] = False
    for name, valid in (("TS1", every_second), ("TS2", stretches)):
        old = takes[name]
        takes[name] = Take(old.xy, old.xyz, valid, old.size)
        poses[name] = poses[name][valid]
    poses["TS2"][8:] += 50.0  # a jump from one stretch to the next
    rows = score_3dhp(poses, takes, frames=9, flip=False).tables["sequence"]
    assert "acceleration_error_released" not in rows["TS1"]
    assert rows["TS2"]["acceleration_error_released"] == pytest.approx(0, abs=1e-9)
    poses["TS2"][3] += [3.0, 0.0, 4.0]  # 5 + 10 + 5 over the 6 + 9 triples
    rows = score_3dhp(poses, takes, frames=9, flip=False).tables["sequence"]
    assert rows["TS2"]["acceleration_error_released"] == pytest.approx(20 / 15)


SPREADSHEET = {
    "mpjpe": (21.861, 35.834, 29.370, 34.567, 36.759, 38.968),
    "pck": (99.680, 96.865, 98.970, 97.849, 96.894, 96.447),
    "auc": (82.819, 73.671, 77.427, 74.113, 72.015, 71.223),
}


def test_average_sequences_equals_the_published_spreadsheet() -> None:
    """P-STMO-S: 32.2, 97.9, 75.8 in its paper, by the conventional weights."""
    rows = {
        name: {score: values[i] for score, values in SPREADSHEET.items()}
        for i, name in enumerate(CONVENTIONAL_WEIGHTS)
    }
    found = average_sequences(rows, CONVENTIONAL_WEIGHTS | {"TS6": 392})
    wanted = {
        "conventional weights": (32.17, 97.93, 75.75),
        "plain mean": (32.89, 97.78, 75.21),
        "frames pooled": (32.03, 97.96, 75.85),
    }
    for way, numbers in wanted.items():
        row = [found[way][score] for score in SPREADSHEET]
        assert row == pytest.approx(numbers, abs=0.005)
    assert sum(CONVENTIONAL_WEIGHTS.values()) == 2929


def released_model(folder: Path) -> nn.Module:
    with np.load(GOLDEN / "tcpformer_L2_d32_T27.npz") as data:
        state = {k[6:]: torch.from_numpy(data[k]) for k in data if k.startswith("state/")}
    torch.save(state, folder / "a.pth")
    return load_model(folder / "a.pth", heads=4)


@pytest.mark.slow
def test_evaluate_3dhp_equals_the_released_code(tmp_path: Path) -> None:
    entry = "mpi_inf_3dhp_synthetic.npz with tcpformer_L2_d32_T27.npz, flip averaging"
    golden = json.loads((GOLDEN / "evaluation.json").read_text())[entry]
    report = evaluate_3dhp(
        released_model(tmp_path),
        GOLDEN / "mpi_inf_3dhp_synthetic.npz",
        save=tmp_path / "inference_data.mat",
    )
    assert report.scores["mpjpe"] == pytest.approx(golden["mpjpe"], abs=1e-2)
    content = loadmat(tmp_path / "inference_data.mat")
    for name, shape in golden["shapes"].items():
        assert list(content[name].shape) == shape
        assert np.abs(content[name]).mean() == pytest.approx(golden["mean_abs"][name], abs=1e-2)
        assert (content[name][:, ROOT] == 0).all()
    assert next(iter(report.published)) == "TCPFormer, 27 frames"
    assert report.published["TCPFormer, 27 frames"] == {"mpjpe": 17.8, "pck": 98.7, "auc": 86.5}


def test_evaluate_3dhp_scores_raw_files_by_activity(tmp_path: Path) -> None:
    data, npz = write_test_raw(tmp_path / "raw", TEST), tmp_path / "a.npz"
    model = Repeats(9, 4, center=True)
    report = evaluate_3dhp(model, data, flip=False)
    assert list(report.tables) == ["sequence", "scene", "activity", "joint", "average"]
    assert list(report.tables["activity"]) == ["1", "2", "3"]
    frames = sum(row["frames"] for row in report.tables["activity"].values())
    assert frames == report.scores["frames"]
    same = evaluate_3dhp(model, write_npz(npz, scored_content(TEST)), flip=False)
    assert "activity" not in same.tables
    assert same.scores == report.scores
    assert "| TS4 |" in report.table()
