"""Protocols of the field for weights of any input: lifted, in the joints of the data set."""

import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from lifters import SPECS, lifter
from paths import EXCERPT, GOLDEN
from synthetic import cpn_folder
from synthetic_3dhp import scored_content, write_npz

from tcpformer.datasets.h36m_cpn import load_h36m_cpn
from tcpformer.datasets.h36m_sh import load_h36m_sh_test
from tcpformer.datasets.mpi_inf_3dhp import TEST_FILE, Take, load_3dhp_test
from tcpformer.evaluation.h36m_cpn import evaluate_h36m_cpn
from tcpformer.evaluation.h36m_sh import evaluate_h36m_sh
from tcpformer.evaluation.lifted import describe_lifting, lift_poses
from tcpformer.evaluation.mpi_inf_3dhp import evaluate_3dhp, lift_3dhp, score_3dhp
from tcpformer.evaluation.report import UNSCALED
from tcpformer.lifting.lifter import Lifter
from tcpformer.motion import Motion2D
from tcpformer.skeleton import H36M, H36M_NOSE, MPI_INF_3DHP, Skeleton, conversion
from tcpformer.weights import WeightsSpec

TEST = {"TS1": 30, "TS4": 22, "TS6": 25}


class Answers(Lifter):
    """Lifts one video after the other to known poses, given in metres and Human3.6M joints."""

    def __init__(self, poses: Iterable[np.ndarray]) -> None:
        self.poses = iter(poses)
        self.spec, self.flip, self.name = WeightsSpec(), True, "answers"
        self.body = H36M
        self.model = SimpleNamespace(config=SimpleNamespace(frames=9))
        self.seen: list[Motion2D] = []

    def __call__(self, motion: Motion2D, **_: Any) -> Any:
        self.seen.append(motion)
        return SimpleNamespace(camera_xyz=next(self.poses))


def to_h36m(millimetres: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    """Return poses as a lifter answers: metres, Human3.6M joints, away from the camera."""
    return conversion(skeleton, H36M) @ millimetres / 1000 + np.array([0.3, 0.1, 4.0])


@pytest.mark.parametrize("skeleton", [H36M_NOSE, MPI_INF_3DHP, H36M], ids=lambda s: s.name)
def test_lift_poses_gives_millimetres_in_the_joints_of_the_data(
    skeleton: Skeleton, rng: np.random.Generator
) -> None:
    true = rng.normal(0, 300, (5, 17, 3))
    pixels, seen = rng.uniform(0, 900, (5, 17, 2)), np.ones((5, 17))
    model = Answers([to_h36m(true, skeleton)])
    found = lift_poses(model, pixels, seen, (1000, 900), 50.0, skeleton)
    np.testing.assert_allclose(found, true - true[:, skeleton.root, None], atol=1e-9)
    assert model.seen[0].skeleton is skeleton
    assert (model.seen[0].fps, model.seen[0].size) == (50.0, (1000, 900))


@pytest.mark.parametrize(
    ("skeleton", "words"),
    [
        (MPI_INF_3DHP, "HeadTop (Head), Neck (Thorax), Head (Neck)"),
        (H36M_NOSE, "Neck (Thorax), Nose (Neck)"),
    ],
    ids=["3dhp", "h36m"],
)
def test_describe_lifting_names_joints_that_differ(skeleton: Skeleton, words: str) -> None:
    text = " ".join(describe_lifting(Answers([]), skeleton))
    assert f"(theirs in brackets): {words}." in text
    assert "h36m joints and normalization 'centered-camera'" in text
    assert "1.70 m and a view of 60 degrees" in text


# MPI-INF-3DHP


@pytest.mark.parametrize("factor", [1.0, 1.1])
def test_evaluate_3dhp_scores_lifted_poses(tmp_path: Path, factor: float) -> None:
    file = write_npz(tmp_path / TEST_FILE, scored_content(TEST))
    takes = load_3dhp_test(file)
    model = Answers([to_h36m(factor * take.xyz, MPI_INF_3DHP) for take in takes.values()])
    steps: list[tuple[int, int]] = []
    report = evaluate_3dhp(model, file, progress=lambda *step: steps.append(step))
    assert report.scores["n_mpjpe"] == pytest.approx(0, abs=1e-6)
    assert (report.scores["mpjpe"] > 10) == (factor > 1)
    total = sum(int(take.valid.sum()) for take in takes.values())
    assert report.scores["frames"] == total == steps[-1][0]
    assert [len(motion) for motion in model.seen] == list(TEST.values())
    assert report.notes[0].startswith("Lifted as a user lifts")
    assert UNSCALED in report.notes


@pytest.mark.slow
@pytest.mark.parametrize("spec", ["ours", "spaced", "h36m"])
def test_evaluate_3dhp_scores_weights_of_any_input(tmp_path: Path, spec: str) -> None:
    model = lifter(tmp_path, SPECS[spec], flip=False)
    report = evaluate_3dhp(model, GOLDEN / "mpi_inf_3dhp_synthetic.npz", flip=True)
    assert report.title.endswith("clips of 9 frames, no flip averaging")
    assert report.tables["joint"]["Hip"]["mpjpe"] == 0
    assert report.scores["frames"] == 143


def captured_take(view: int) -> Take:
    """Return a view of the open benchmark as a sequence of MPI-INF-3DHP."""
    with np.load(EXCERPT) as data:
        part = slice(*data["offsets"][view : view + 2])
        joints = conversion(H36M, MPI_INF_3DHP)
        xy, xyz = joints @ (data["xy"][part] / 10), joints @ (data["relative"][part] / 10)
        width, height = data["size"][view].tolist()
    return Take(xy, xyz, np.arange(len(xy)) % 3 > 0, (width, height))


@pytest.mark.slow
@pytest.mark.parametrize("view", [0, 1, 2])
@pytest.mark.parametrize("weights", ["default", "fast"])
def test_lift_3dhp_of_captured_motion(weights: str, view: int) -> None:
    """Captured motion comes out as true as elsewhere, through the joints of the other data set."""
    takes = {"TS1": captured_take(view)}
    scores = score_3dhp(lift_3dhp(Lifter(weights), takes), takes, frames=27, flip=True).scores
    assert scores["mpjpe"] < 45
    assert scores["p_mpjpe"] < 25


# Human3.6M


def test_evaluate_h36m_cpn_scores_lifted_poses(tmp_path: Path) -> None:
    folder = cpn_folder(tmp_path / "h36m", {"S9": {"Walking": 12}, "S11": {"Walking": 31}})
    dataset = load_h36m_cpn(folder, "test")
    truth = [1000.0 * dataset.xyz[dataset.frames_of(i)] for i in range(len(dataset.lengths))]
    model = Answers(to_h36m(1.1 * xyz, H36M_NOSE) for xyz in truth)
    report = evaluate_h36m_cpn(model, folder, ground_truth=True)
    assert report.scores["n_mpjpe"] == pytest.approx(0, abs=1e-3)
    assert report.scores["mpjpe"] > 10
    assert report.scores["mpjve"] > 100  # a scale that was fitted first would leave none
    assert report.scores["frames"] == 4 * 43
    assert report.notes[0].startswith("Lifted as a user lifts")
    assert UNSCALED in report.notes
    assert not any("Clips lie end to end" in note for note in report.notes)


@pytest.fixture(scope="module")
def sh_golden(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copy(GOLDEN / "h36m_sh_synthetic.pkl", tmp_path_factory.mktemp("sh")))


def test_evaluate_h36m_sh_scores_lifted_poses(sh_golden: Path) -> None:
    test = load_h36m_sh_test(sh_golden)
    parts = [test.dataset.frames_of(i) for i in range(len(test.sources))]
    report = evaluate_h36m_sh(EveryVideo(test.millimetres, parts), sh_golden)
    for score in ("mpjpe", "n_mpjpe", "p_mpjpe", "mpjve"):
        assert report.scores[score] == pytest.approx(0, abs=0.05)
    assert any("lifted poses take no scale" in note for note in report.notes)
    assert not any("scale is taken from the truth" in note for note in report.notes)


class EveryVideo(Answers):
    """Finds the video by its length, since some of them are not scored."""

    def __init__(self, millimetres: np.ndarray, parts: list[slice]) -> None:
        super().__init__([])
        self.millimetres, self.parts = millimetres, parts

    def __call__(self, motion: Motion2D, **_: Any) -> Any:
        part = next(p for p in self.parts if p.stop - p.start == len(motion))
        self.parts.remove(part)
        return SimpleNamespace(camera_xyz=to_h36m(self.millimetres[part], H36M_NOSE))


@pytest.mark.slow
def test_evaluate_h36m_sh_scores_weights_of_the_centered_camera(
    tmp_path: Path, sh_golden: Path
) -> None:
    model = lifter(tmp_path, replace(SPECS["ours"], fps=50.0))
    report = evaluate_h36m_sh(model, sh_golden, ground_truth="input")
    assert "true 2D" in report.title
    assert np.isfinite(list(report.scores.values())).all()


def test_evaluate_h36m_sh_refuses_to_overwrite_metres(sh_golden: Path) -> None:
    with pytest.raises(ValueError, match="must be 'no' or 'input', got 'overwrite'"):
        evaluate_h36m_sh(Answers([]), sh_golden, ground_truth="overwrite")
