"""`benchmarks/by_posture.py`: groups of frames built by hand, and the whole table."""

import importlib.util
from types import ModuleType

import numpy as np
import pytest
from paths import EXCERPT, ROOT

from tcpformer.evaluation.open_benchmark import evaluate_open
from tcpformer.lifting.lifter import Lifter
from tcpformer.skeleton import H36M

CAMERA = np.array([[0.8, 0.6, 0.0], [0.0, 0.0, -1.0], [-0.6, 0.8, 0.0]])
"""World to the axes of a level camera: right, down and forward."""
UP = CAMERA[:, 2]
BACK = {"Spine": 0.25, "Thorax": 0.5}


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        path = ROOT / "benchmarks/by_posture.py"
        spec = importlib.util.spec_from_file_location("by_posture", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return module


def folded(trunk: float, left: float, right: float) -> np.ndarray:
    """Return a body in camera axes that faces y, pitched about x by degrees.

    The trunk's angle is from up, those of the thighs from straight down.
    """
    place = {"LHip": (-0.1, 0.0, 0.0), "RHip": (0.1, 0.0, 0.0)}
    a = np.radians(trunk)
    place |= {name: (0.0, k * np.sin(a), k * np.cos(a)) for name, k in BACK.items()}
    for side, thigh in (("L", left), ("R", right)):
        t = np.radians(thigh)
        place[f"{side}Knee"] = (place[f"{side}Hip"][0], 0.4 * np.sin(t), -0.4 * np.cos(t))
    pose = np.zeros((1, 17, 3))
    for name, xyz in place.items():
        pose[0, H36M.index[name]] = CAMERA @ xyz
    return pose


@pytest.mark.parametrize(
    ("trunk", "left", "right", "posture"),
    [
        (0, 0, 0, "upright"),
        (29, 90, 44, "upright"),
        (31, 0, 90, "bent"),
        (110, 0, 10, "bent"),
        (-40, 0, 0, "bent"),
        (10, 90, 80, "seated or squatting"),
        (59, 46, 120, "seated or squatting"),
        (90, -90, -90, "lying"),
        (-61, 90, 90, "lying"),
        (180, 180, 150, "upside down"),
        (121, 100, 100, "upside down"),
    ],
)
def test_find_postures_follows_the_angles(
    benchmark: ModuleType, trunk: float, left: float, right: float, posture: str
) -> None:
    (found,) = benchmark.find_postures(folded(trunk, left, right), UP)
    assert benchmark.GROUPS["posture"][found] == posture


@pytest.mark.parametrize(
    ("around", "elevation", "view"),
    [
        (0, 0, "front"),
        (40, 10, "front"),
        (-50, 10, "side"),
        (90, -20, "side"),
        (130, 10, "side"),
        (-140, 10, "back"),
        (180, 24, "back"),
        (0, 26, "above"),
        (180, 60, "above"),
    ],
)
def test_find_views_follows_the_camera(
    benchmark: ModuleType, around: float, elevation: float, view: str
) -> None:
    a, e = np.radians([around, elevation])
    camera = 4 * np.array([np.sin(a) * np.cos(e), np.cos(a) * np.cos(e), np.sin(e)])
    (found,) = benchmark.find_views(folded(0, 0, 0), -(CAMERA @ camera)[None], UP)
    assert benchmark.GROUPS["view"][found] == view


def test_find_distances_counts_from_the_camera(benchmark: ModuleType) -> None:
    root = np.array([[2.0, 0.0, 2.2], [0.0, 0.0, 3.0], [0.0, 0.0, 6.0], [3.0, 0.0, 5.5]])
    assert benchmark.find_distances(root).tolist() == [0, 1, 1, 2]


def test_main_scores_every_frame_once_for_each_kind(
    benchmark: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    benchmark.main([str(EXCERPT), "--view-step", "8", "--weights", "fast"])
    lines = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines()]
    rows = {line[0]: [float(cell) for cell in line[1:]] for line in lines[2:]}
    for names in benchmark.GROUPS.values():
        inside = np.array([rows[name] for name in names if name in rows])
        assert inside[:, 0].sum() == rows["all"][0]
        mean = np.average(inside[:, 2:], axis=0, weights=inside[:, 0])
        np.testing.assert_allclose(mean, rows["all"][2:], atol=0.1)
    lifter = Lifter("fast", "cpu")
    totals = [evaluate_open(lifter, EXCERPT, noisy=n, view_step=8).scores for n in (False, True)]
    wanted = [total[key] for total in totals for key in ("n_mpjpe", "p_mpjpe")]
    np.testing.assert_allclose(rows["all"][2:], wanted, atol=0.051)
