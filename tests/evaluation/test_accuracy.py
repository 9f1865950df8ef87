"""The packaged weights reach the accuracy of the model card on an excerpt of the open benchmark."""

import pytest
from paths import EXCERPT

from tcpformer import Lifter
from tcpformer.evaluation.open_benchmark import evaluate_open
from tcpformer.evaluation.report import Report
from tcpformer.weights import packaged_names

BARS = {
    "default": {"clean": (28.2, 24.1, 103), "noisy": (42.2, 34.3, 158)},
    "fast": {"clean": (34.1, 28.8, 119), "noisy": (53, 42.8, 184)},
}
"""mm of N-MPJPE and P-MPJPE, mm/s of MPJVE: some 5 % above what the card says. `live` has a table
of its own (`benchmarks/lookahead.py`)."""


@pytest.fixture(scope="module", params=["fast", pytest.param("default", marks=pytest.mark.slow)])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def reports(name: str) -> dict[str, Report]:
    lifter = Lifter(name, "cpu")
    return {
        kind: evaluate_open(lifter, EXCERPT, noisy=kind == "noisy") for kind in ("clean", "noisy")
    }


@pytest.mark.parametrize("kind", ["clean", "noisy"])
def test_packaged_weights_stay_below_the_bar(
    reports: dict[str, Report], name: str, kind: str
) -> None:
    n, p, velocity = BARS[name][kind]
    row = reports[kind].scores
    assert row["n_mpjpe"] < n
    assert row["p_mpjpe"] < p
    assert row["mpjve"] < velocity


def test_packaged_weights_all_have_a_bar() -> None:
    assert {*BARS, "live"} == set(packaged_names())


def test_packaged_weights_predict_the_standard_height(reports: dict[str, Report]) -> None:
    """MPJPE, with the default height for all people, is at most a few mm above N-MPJPE."""
    row = reports["clean"].scores
    assert row["mpjpe"] < row["n_mpjpe"] + 5


def test_packaged_weights_resist_noise(reports: dict[str, Report]) -> None:
    clean, noisy = (reports[name].scores["n_mpjpe"] for name in ("clean", "noisy"))
    assert clean < noisy < 1.6 * clean  # the better without noise, the larger its share


def test_excerpt_has_every_activity(reports: dict[str, Report]) -> None:
    assert len(reports["clean"].tables["activity"]) == 8
    assert reports["clean"].scores["frames"] == 2290
