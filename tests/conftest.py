"""Fixtures that several test files share."""

from pathlib import Path

import numpy as np
import pytest
import torch

# The networks of most tests are tiny: a second thread gains nothing on an idle machine, and waits
# for a core on a busy one.
torch.set_num_threads(1)

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)
