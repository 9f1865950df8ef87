"""Fixtures that several test files share."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from browser import start_chromium
from commands import keypoint_file, tiny_weights

from tcpformer.training import data as sources
from tcpformer.training.run_dir import RunDir

# The networks of most tests are tiny: a second thread gains nothing on an idle machine, and waits
# for a core on a busy one.
torch.set_num_threads(1)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def walking(tmp_path: Path) -> Path:
    return keypoint_file()(tmp_path).rename(tmp_path / "keypoints.npz")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_weights(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def quick_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """Validate on few clips, and draw no curves."""
    monkeypatch.setattr(sources, "VALIDATION_CLIPS", 64)
    monkeypatch.setattr(RunDir, "draw_curves", lambda folder: None)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    with start_chromium() as browser:
        yield browser
