"""`benchmarks/coverage.py`: the part of sigma that is fitted to a group of joints."""

import importlib.util

import numpy as np
import pytest
from paths import ROOT

from tcpformer.lifting.uncertainty import DEFINITION_STD

CHI_90 = 2.5003
"""Half-axes, in sigma, of the sphere that holds 90 % of a Gaussian in space."""


@pytest.mark.parametrize("std", [0.0, 0.02])
def test_fit_definition_finds_what_was_added(std: float, rng: np.random.Generator) -> None:
    spec = importlib.util.spec_from_file_location("coverage", ROOT / "benchmarks/coverage.py")
    assert spec is not None
    assert spec.loader is not None
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    own, frames = 0.03, 5000
    error = rng.normal(0, 1, (frames, 16, 3))
    error[:, benchmark.columns_of("knees")] *= np.hypot(own, std)
    sigma = np.full(error.shape, np.hypot(own, DEFINITION_STD))
    person = np.repeat(["a", "b"], frames // 2)
    found = benchmark.fit_definition([benchmark.Residuals(error, sigma, person)], "knees", CHI_90)
    assert found == pytest.approx(std, abs=0.008 if std == 0 else 0.002)
