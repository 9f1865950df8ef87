"""The packaged weights are as good as their card says, on an excerpt of the open benchmark."""

from pathlib import Path

import pytest

from tcpformer import Lifter
from tcpformer.evaluate.open_benchmark import evaluate_open
from tcpformer.evaluate.report import Report

EXCERPT = Path(__file__).parent / "data" / "open_benchmark_excerpt.npz"


@pytest.fixture(scope="module")
def reports() -> dict[str, Report]:
    lifter = Lifter("default", "cpu")
    return {
        name: evaluate_open(lifter, EXCERPT, noisy=name == "noisy") for name in ("clean", "noisy")
    }


@pytest.mark.parametrize(("name", "n", "p"), [("clean", 80, 60), ("noisy", 90, 66)])
def test_errors_stay_below_the_bar(
    reports: dict[str, Report], name: str, n: float, p: float
) -> None:
    row = reports[name].scores
    assert row["n_mpjpe"] < n
    assert row["p_mpjpe"] < p


def test_stature_is_near_the_default(reports: dict[str, Report]) -> None:
    """MPJPE, with the default height for everybody, is at most a few mm above N-MPJPE."""
    row = reports["clean"].scores
    assert row["mpjpe"] < row["n_mpjpe"] + 5


def test_noise_costs_but_does_not_break(reports: dict[str, Report]) -> None:
    clean, noisy = (reports[name].scores["n_mpjpe"] for name in ("clean", "noisy"))
    assert clean < noisy < 1.4 * clean


def test_every_activity_is_in_the_excerpt(reports: dict[str, Report]) -> None:
    assert len(reports["clean"].tables["activity"]) == 8
    assert reports["clean"].scores["frames"] == 2290
