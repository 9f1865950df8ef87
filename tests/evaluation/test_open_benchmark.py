"""Scores on the open benchmark_file: zero for the truth, and as computed for known errors."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from motions import FOCAL, SIZE, walk

from tcpformer.evaluation.open_benchmark import SCORES, evaluate_open
from tcpformer.lifting.lifter import Lifter, _Prediction
from tcpformer.models.checkpoint import save_model
from tcpformer.models.tcpformer import Config, TCPFormer
from tcpformer.motion import Motion2D
from tcpformer.skeleton import BODY_26, GROUPS, H36M, STANDARD_HEIGHT, stature
from tcpformer.weights import WeightsSpec

FPS = 50.0
LENGTHS = (40, 25, 15)
ACTIVITIES = ("walk", "run", "walk")
AUC_OF_TRUTH = 100 * 30 / 31  # nothing is strictly nearer than 0 mm
Answer = Callable[[np.ndarray], np.ndarray]


def views(size: float = 1.0) -> list[np.ndarray]:
    """Camera-space joints of people of the default height, times some factor."""
    result = []
    for i, length in enumerate(LENGTHS):
        xyz = walk(length, FPS, speed=1.0 + 0.3 * i).camera_xyz
        result.append(xyz * (size * STANDARD_HEIGHT / np.median(stature(xyz))))
    return result


def benchmark_file(path: Path, size: float = 1.0) -> Path:
    """A file of the open benchmark_file: three views."""
    whole = np.concatenate(views(size))
    xy = FOCAL * whole[..., :2] / whole[..., 2:] + np.array(SIZE) / 2
    n = len(LENGTHS)
    np.savez(
        path,
        xy=np.round(10 * xy).astype(np.int16),
        noisy_xy=np.round(10 * (xy + 20)).astype(np.int16),
        confidence=np.full(whole.shape[:2], 51, np.uint8),
        relative=np.round(1e4 * (whole - whole[:, :1])).astype(np.int16),
        root=np.round(1e4 * whole[:, 0]).astype(np.int32),
        offsets=np.cumsum([0, *LENGTHS]),
        activity=np.array(ACTIVITIES),
        size=np.array([SIZE] * n),
        focal=np.full(n, FOCAL),
        fps=np.float32(FPS),
        joints=np.array(H36M.joints),
    )
    return path


@pytest.fixture
def lifter(tmp_path: Path) -> Lifter:
    torch.manual_seed(0)
    model = TCPFormer(Config(frames=9, depth=1, width=8, heads=1, representation=8))
    save_model(model, tmp_path / "weights", spec=WeightsSpec())
    return Lifter(tmp_path / "weights", "cpu")


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let the lifter know the truth, and answer with something made of it."""

    def say(answer: Answer = lambda true: true, size: float = 1.0) -> None:
        truth = {len(view): view - view[:, :1] for view in views(size)}
        monkeypatch.setattr(
            Lifter, "_predict", lambda _, m, focal: _Prediction(answer(truth[len(m)]), None)
        )

    return say


def test_evaluate_open_names_the_file_and_the_view_that_shows_no_one(
    lifter: Lifter, tmp_path: Path
) -> None:
    with np.load(benchmark_file(tmp_path / "a.npz")) as file:
        content = dict(file)
    content["confidence"][LENGTHS[0] : sum(LENGTHS[:2])] = 0
    np.savez(tmp_path / "b.npz", **content)
    with pytest.raises(ValueError, match=r"b\.npz, view 1: no one is visible"):
        evaluate_open(lifter, tmp_path / "b.npz", noisy=True)


@pytest.mark.parametrize("noisy", [False, True])
def test_evaluate_open_is_perfect_for_the_truth(
    tmp_path: Path, lifter: Lifter, answers: Callable[..., None], noisy: bool
) -> None:
    answers()
    report = evaluate_open(lifter, benchmark_file(tmp_path / "b.npz"), noisy=noisy)
    for row in (report.scores, *report.tables["activity"].values()):
        assert row["mpjpe"] < 0.1  # the file keeps tenths of millimetres
        assert row["n_mpjpe"] < 0.1
        assert row["p_mpjpe"] < 0.1
        assert row["mpjve"] < 10
        assert row["acceleration_error"] < 1000
        assert row["pck"] == 100.0
        assert row["auc"] == pytest.approx(AUC_OF_TRUTH)


@pytest.mark.parametrize("unit", [0.01, 1.0, 300.0])
def test_evaluate_open_ignores_the_unit(
    tmp_path: Path, lifter: Lifter, answers: Callable[..., None], unit: float
) -> None:
    answers(lambda true: unit * true)
    report = evaluate_open(lifter, benchmark_file(tmp_path / "b.npz"), noisy=False)
    assert report.scores["mpjpe"] < 0.1


def test_evaluate_open_scores_another_height(
    tmp_path: Path, lifter: Lifter, answers: Callable[..., None]
) -> None:
    """The lifter does not know heights: MPJPE shows it, N-MPJPE does not."""
    size = 1.1
    answers(size=size)
    report = evaluate_open(lifter, benchmark_file(tmp_path / "b.npz", size), noisy=False)
    true = [view - view[:, :1] for view in views(size)]
    reach = np.concatenate([np.linalg.norm(view, axis=-1).mean(axis=-1) for view in true]).mean()
    row = report.scores
    assert row["mpjpe"] == pytest.approx(1000 * reach * (1 - 1 / size), rel=1e-3)
    assert row["n_mpjpe"] < 0.1
    assert row["p_mpjpe"] < 0.1


def rotated(pose: np.ndarray, angle: float) -> np.ndarray:
    """About the axis that points down in the picture; bones keep their lengths."""
    c, s = np.cos(angle), np.sin(angle)
    return pose @ np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]).T


def mean_distance(moved: np.ndarray, pose: np.ndarray) -> float:
    """The mean distance of joints, in millimetres."""
    return 1000 * float(np.linalg.norm(moved - pose, axis=-1).mean())


def test_evaluate_open_rotation_counts_except_in_p_mpjpe(
    tmp_path: Path, lifter: Lifter, answers: Callable[..., None]
) -> None:
    answers(lambda true: rotated(true, 0.5))
    row = evaluate_open(lifter, benchmark_file(tmp_path / "b.npz"), noisy=False).scores
    true = np.concatenate([view - view[:, :1] for view in views()])
    assert row["mpjpe"] == pytest.approx(mean_distance(rotated(true, 0.5), true), abs=0.1)
    assert row["n_mpjpe"] > 20
    assert row["p_mpjpe"] < 0.1


def test_evaluate_open_mirror_image_counts(
    tmp_path: Path, lifter: Lifter, answers: Callable[..., None]
) -> None:
    answers(lambda true: true * [-1, 1, 1])
    row = evaluate_open(lifter, benchmark_file(tmp_path / "b.npz"), noisy=False).scores
    assert row["p_mpjpe"] > 20


def test_evaluate_open_weighs_frames_equally(
    tmp_path: Path, lifter: Lifter, answers: Callable[..., None]
) -> None:
    """One view is wrong: its share in the mean is that of its frames."""
    answers(lambda true: rotated(true, 0.5) if len(true) == LENGTHS[1] else true)
    report = evaluate_open(lifter, benchmark_file(tmp_path / "b.npz"), noisy=False)
    walked = LENGTHS[0] + LENGTHS[2]
    rows = report.tables["activity"] | {"all": report.scores}
    frames = {name: row["frames"] for name, row in rows.items()}
    assert frames == {"run": LENGTHS[1], "walk": walked, "all": sum(LENGTHS)}
    wrong = views()[1] - views()[1][:, :1]
    error = mean_distance(rotated(wrong, 0.5), wrong)
    assert rows["run"]["mpjpe"] == pytest.approx(error, abs=0.1)
    assert rows["walk"]["mpjpe"] < 0.1
    share = LENGTHS[1] / sum(LENGTHS)
    assert report.scores["mpjpe"] == pytest.approx(share * error, abs=0.1)
    for score in ("mpjpe", "n_mpjpe", "p_mpjpe", "pck", "auc"):
        run, walks, every = (rows[name][score] for name in ("run", "walk", "all"))
        assert every == pytest.approx(share * run + (1 - share) * walks, abs=1e-6)


def test_evaluate_open_scores_jitter(
    tmp_path: Path, lifter: Lifter, answers: Callable[..., None]
) -> None:
    """The body turns to and fro each frame: wrong by e, right, wrong by e, ..."""

    def shaken(true: np.ndarray) -> np.ndarray:
        pose = true.copy()
        pose[::2] = rotated(pose[::2], 0.05)
        return pose

    answers(shaken)
    row = evaluate_open(lifter, benchmark_file(tmp_path / "b.npz"), noisy=False).scores
    true = np.concatenate([view - view[:, :1] for view in views()])
    e = mean_distance(rotated(true, 0.05), true)
    assert row["mpjve"] == pytest.approx(e * FPS, rel=0.05)
    assert row["acceleration_error"] == pytest.approx(2 * e * FPS**2, rel=0.05)


def test_evaluate_open_passes_the_content_of_the_file(
    tmp_path: Path, lifter: Lifter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pixels in tenths, confidence of 255; the focal length only if it is to be known."""
    calls: list[tuple[Motion2D, float]] = []
    truth = {len(view): view - view[:, :1] for view in views()}

    def found(_: Lifter, motion: Motion2D, focal: float) -> _Prediction:
        calls.append((motion, focal))
        return _Prediction(truth[len(motion)], None)

    monkeypatch.setattr(Lifter, "_predict", found)
    path, steps = benchmark_file(tmp_path / "b.npz"), []
    evaluate_open(lifter, path, noisy=False, progress=lambda *step: steps.append(step))
    evaluate_open(lifter, path, noisy=True, known_focal=False)
    first = views()[0]
    exact = FOCAL * first[..., :2] / first[..., 2:] + np.array(SIZE) / 2
    clean, noisy = calls[0][0], calls[3][0]
    np.testing.assert_allclose(clean.xy, exact, atol=0.051)
    np.testing.assert_allclose(noisy.xy, exact + 20, atol=0.051)
    np.testing.assert_allclose(clean.confidence, 1.0)
    np.testing.assert_allclose(noisy.confidence, 0.2)
    assert [focal for _, focal in calls[:3]] == [FOCAL] * 3
    assert calls[3][1] == pytest.approx(max(SIZE) / 2 / np.tan(np.radians(30)))
    assert (clean.fps, clean.size, clean.skeleton) == (FPS, SIZE, H36M)
    assert steps == [(1, 3), (2, 3), (3, 3)]


def test_evaluate_open_with_a_real_lifter(tmp_path: Path, lifter: Lifter) -> None:
    """Untrained weights answer with a nearly flat pose: bad, but no nonsense."""
    row = evaluate_open(lifter, benchmark_file(tmp_path / "b.npz"), noisy=False).scores
    assert all(np.isfinite(row[score]) for score in SCORES)
    assert 1 < row["p_mpjpe"] <= row["n_mpjpe"] <= row["mpjpe"] < 500


def test_evaluate_open_refuses_other_files(tmp_path: Path, lifter: Lifter) -> None:
    np.savez(tmp_path / "other.npz", xy=np.zeros(3))
    with pytest.raises(ValueError, match=r"other\.npz: keys .* are missing"):
        evaluate_open(lifter, tmp_path / "other.npz", noisy=False)


def test_evaluate_open_takes_a_view_step(
    tmp_path: Path, lifter: Lifter, answers: Callable[..., None]
) -> None:
    answers()
    report = evaluate_open(lifter, benchmark_file(tmp_path / "b.npz"), noisy=False, view_step=2)
    assert report.scores["frames"] == LENGTHS[0] + LENGTHS[2]
    assert set(report.tables["activity"]) == {"walk"}
    assert "every 2th view" in report.title


def benchmark_file_of_26(path: Path) -> Path:
    """Write version 2 of the file: the other joints near those they hang on, the first view without
    feet and the second one with a frame in which the head jumps."""
    content: dict[str, Any] = dict(np.load(benchmark_file(path)))
    near = list(BODY_26.parents[17:])
    offsets = np.random.default_rng(0).integers(-1000, 1000, (9, 3)).astype(np.int16)
    more = content["relative"][:, near] + offsets
    content["relative"] = np.concatenate([content["relative"], more], axis=1)
    for key in ("xy", "noisy_xy", "confidence"):
        content[key] = np.concatenate([content[key], content[key][:, near]], axis=1)
    glitch = np.zeros((len(more), 3), dtype=bool)
    glitch[LENGTHS[0], 2] = True
    content |= {"joints": np.array(BODY_26.joints), "glitch": glitch}
    content |= {"has_feet": np.array([False, True, True])}
    np.savez(path, **content)
    return path


def test_evaluate_open_of_17_joints_on_a_file_of_26(tmp_path: Path, lifter: Lifter) -> None:
    for noisy in (False, True):
        one = evaluate_open(lifter, benchmark_file(tmp_path / "1.npz"), noisy=noisy)
        two = evaluate_open(lifter, benchmark_file_of_26(tmp_path / "2.npz"), noisy=noisy)
        assert one == two


@pytest.fixture
def file_of_26(tmp_path: Path) -> Path:
    return benchmark_file_of_26(tmp_path / "b.npz")


@pytest.fixture
def inputs(monkeypatch: pytest.MonkeyPatch, lifter: Lifter, file_of_26: Path) -> list[Motion2D]:
    """Let the lifter answer with the truth, feet 3 cm and hands 1 cm off; return its input."""
    result: list[Motion2D] = []
    content = dict(np.load(file_of_26))

    def predict(_: Lifter, motion: Motion2D, **how: float) -> np.ndarray:
        result.append(motion)
        which = LENGTHS.index(len(motion))
        pose = content["relative"][slice(*content["offsets"][which : which + 2])] * 1e-4
        pose[:, GROUPS["feet"], 0] += 0.03
        pose[:, GROUPS["hands"], 1] -= 0.01
        return pose

    monkeypatch.setattr(Lifter, "predict_rigid", predict)
    monkeypatch.setattr(lifter, "skeleton", BODY_26)
    return result


def test_evaluate_open_scores_feet_hands_and_head(
    file_of_26: Path, lifter: Lifter, inputs: list[Motion2D]
) -> None:
    report = evaluate_open(lifter, file_of_26, noisy=False)
    assert set(report.tables) == {"activity", "extremities"}
    assert report.scores["mpjpe"] < 0.1
    for row in (report.scores, report.tables["extremities"]["run"]):
        assert row["feet"] == pytest.approx(30, abs=0.1)
        assert row["n_feet"] == pytest.approx(30, abs=0.1)
        assert row["hands"] == pytest.approx(10, abs=0.1)
        assert row["head_yaw"] < 0.1
    assert "| head yaw ° |" in report.table()
    assert not inputs[0].confidence[:, BODY_26.index["LToe"]].any()
    assert inputs[0].confidence[:, BODY_26.index["Nose"]].all()
    assert inputs[1].confidence[:, BODY_26.index["LToe"]].all()
    assert not inputs[1].confidence[0, BODY_26.index["Nose"]]


def test_evaluate_open_leaves_out_what_no_view_has(
    file_of_26: Path, lifter: Lifter, inputs: list[Motion2D]
) -> None:
    content: dict[str, Any] = dict(np.load(file_of_26))
    content["has_feet"] = np.zeros(3, dtype=bool)
    np.savez(file_of_26, **content)
    scores = evaluate_open(lifter, file_of_26, noisy=False).scores
    assert "feet" not in scores
    assert scores["hands"] == pytest.approx(10, abs=0.1)
    assert inputs


@pytest.mark.parametrize("of_26", [False, True])
def test_evaluate_open_gives_confidence_one(
    file_of_26: Path, lifter: Lifter, inputs: list[Motion2D], of_26: bool
) -> None:
    if not of_26:
        lifter.skeleton = H36M
    report = evaluate_open(lifter, file_of_26, noisy=True, confidence_one=True)
    assert "noisy 2D with confidence 1" in report.title
    for motion in inputs:
        assert len(motion.skeleton.joints) == (26 if of_26 else 17)
        assert (motion.confidence == 1).all()
