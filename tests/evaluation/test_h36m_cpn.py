"""Protocol of VideoPose3D on Human3.6M."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from synthetic import PIXELS_APART, Knows, KnowsCenter, ReadsCenter, cpn_folder

from tcpformer.datasets.h36m_cpn import load_h36m_cpn
from tcpformer.evaluation.h36m_cpn import covering_clip_indices, evaluate_h36m_cpn

TAKES = {
    "S9": {"Walking": 12, "Walking 1": 20, "Directions": 9},
    "S11": {"Directions": 50, "Directions 1": 5, "Walking": 31},
}
SCORED = (12, 20, 9, 5, 31)
NETWORKS: dict[str, Callable[..., Knows | KnowsCenter]] = {"all": Knows, "center": KnowsCenter}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return cpn_folder(tmp_path / "h36m", TAKES)


def numbered(xy: np.ndarray) -> np.ndarray:
    return np.rint(xy[:, 0, 1] / PIXELS_APART).astype(int)


def truth(folder: Path) -> np.ndarray:
    """Root-relative metres, by the number that the 2D of each frame says."""
    dataset = load_h36m_cpn(folder, "test")
    numbers = numbered(dataset.xy)
    table = np.zeros((numbers.max() + 1, 17, 3))
    table[numbers] = dataset.xyz - dataset.xyz[:, :1]
    return table


@pytest.mark.parametrize("length", [1, 5, 9, 10, 18, 31])
def test_covering_clip_indices_has_every_frame(length: int) -> None:
    clips = covering_clip_indices(length, 9)
    assert clips.shape == (max(-(-length // 9), 1), 9)
    assert set(clips.ravel().tolist()) == set(range(length))
    assert clips[-1, -1] == length - 1
    np.testing.assert_array_equal(clips[:-1].ravel(), np.arange(clips[:-1].size))


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("kind", NETWORKS)
def test_evaluate_h36m_cpn_is_zero_for_the_truth(folder: Path, kind: str, flip: bool) -> None:
    report = evaluate_h36m_cpn(NETWORKS[kind](truth(folder)), folder, flip=flip)
    for score in ("mpjpe", "p_mpjpe", "n_mpjpe"):
        assert report.scores[score] == pytest.approx(0, abs=1e-3)
    assert report.scores["frames"] == 4 * sum(SCORED)
    assert list(report.tables["action"]) == ["Directions", "Walking"]


@pytest.mark.parametrize("kind", NETWORKS)
def test_evaluate_h36m_cpn_scores_an_offset(folder: Path, kind: str) -> None:
    table = truth(folder) + np.array([0.03, 0, 0.04])
    scores = evaluate_h36m_cpn(NETWORKS[kind](table), folder, flip=False).scores
    assert scores["mpjpe"] == pytest.approx(50, abs=1e-3)
    assert scores["p_mpjpe"] == pytest.approx(0, abs=1e-3)
    assert scores["mpjve"] == pytest.approx(0, abs=0.05)
    joints = evaluate_h36m_cpn(NETWORKS[kind](table), folder, flip=False).tables["joint"]
    assert all(row["mpjpe"] == pytest.approx(50, abs=1e-3) for row in joints.values())


def test_evaluate_h36m_cpn_scale_error_counts_in_mpjpe_only(folder: Path) -> None:
    table = truth(folder)
    scores = evaluate_h36m_cpn(Knows(1.1 * table), folder).scores
    assert scores["mpjpe"] > 10
    assert scores["n_mpjpe"] == pytest.approx(0, abs=1e-3)
    assert scores["p_mpjpe"] == pytest.approx(0, abs=1e-3)


def test_evaluate_h36m_cpn_scores_jitter(folder: Path) -> None:
    table = truth(folder)
    trembling = 0.001 * (np.arange(len(table)) % 2)[:, None, None] * [1.0, 0, 0]
    scores = evaluate_h36m_cpn(Knows(table + trembling), folder, flip=False).scores
    assert scores["mpjve"] == pytest.approx(1 * 50, rel=1e-2)
    assert scores["acceleration_error"] == pytest.approx(2 * 50**2, rel=1e-2)


def test_evaluate_h36m_cpn_averages_over_actions(folder: Path) -> None:
    """Each take is off by its own length in frames, in millimetres."""
    dataset = load_h36m_cpn(folder, "test")
    off = np.concatenate([np.full(n, n / 1000) for n in dataset.lengths])
    table = truth(folder)
    table[numbered(dataset.xy)] += off[:, None, None] * [1.0, 0, 0]
    report = evaluate_h36m_cpn(Knows(table), folder, flip=False)
    directions = (9 * 9 + 5 * 5) / (9 + 5)
    walking = (12 * 12 + 20 * 20 + 31 * 31) / (12 + 20 + 31)
    rows = report.tables["action"]
    assert rows["Directions"]["mpjpe"] == pytest.approx(directions, abs=1e-3)
    assert rows["Walking"]["mpjpe"] == pytest.approx(walking, abs=1e-3)
    assert report.scores["mpjpe"] == pytest.approx((directions + walking) / 2, abs=1e-3)


def test_evaluate_h36m_cpn_takes_two_channels_and_ground_truth(folder: Path) -> None:
    class Flat(ReadsCenter):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            assert x.abs().max() < 1.5
            return torch.zeros(len(x), 1, 17, 3)

    report = evaluate_h36m_cpn(Flat(), folder, ground_truth=True)
    assert "true 2D" in report.title
    assert not report.published
    assert any("one frame a pass" in note for note in report.notes)
