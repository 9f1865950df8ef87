"""Calibration: known errors give known heads, and a whole run on a tiny network."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mocaps import mocap_file
from motions import walk
from torch import nn

from tcpformer.cli import main
from tcpformer.datasets.mocap import Mocap
from tcpformer.lifting.uncertainty import NON_ROOT, coverage, widen_unseen
from tcpformer.models import build
from tcpformer.models.checkpoint import load_model, load_weights, save_model
from tcpformer.models.hybrid import Config
from tcpformer.models.pose_transformer import Config as PoseConfig
from tcpformer.models.uncertainty_head import UncertaintyHead, uncertainty_inputs
from tcpformer.training.calibrate import (
    DEFAULT,
    CalibrationConfig,
    Residuals,
    calibrate,
    fit_head,
    fit_time_constant,
    scale_head,
    to_saved_precision,
)
from tcpformer.weights import WeightsSpec

SMALL = Config(frames=9, depth=2, width=16, heads=2, representation=16)
POSES = PoseConfig(frames=9, layers=1, width=8, heads=2, channels=8, representation=16)


def random_sigma(rng: np.random.Generator) -> np.ndarray:
    return np.exp(rng.normal(-3, 0.4, (1500, len(NON_ROOT), 3)))


def new_head() -> UncertaintyHead:
    return UncertaintyHead(16, 17).requires_grad_(False)


def test_scale_head_fits_scale_region_and_time_constant(rng: np.random.Generator) -> None:
    """Errors are twice sigma, and grow in gaps with a known time constant."""
    sigma, prior_std = random_sigma(rng), np.full(len(NON_ROOT), 0.2)
    seen = Residuals(2 * sigma * rng.normal(size=sigma.shape), sigma, np.zeros(1500))
    unseen = rng.uniform(0.1, 3, 1500)
    true = widen_unseen(2 * sigma, unseen, prior_std, 4.0)
    gaps = Residuals(true * rng.normal(size=true.shape), sigma, unseen)
    head = new_head()
    head.prior_std.fill_(0.2)
    before = head.contract.bias.clone()
    scaled = scale_head(head, {"noisy": seen, "gaps": gaps})
    np.testing.assert_allclose(head.contract.bias - before, np.log(2), atol=0.1)
    assert float(head.region_scale) == pytest.approx(2.5, abs=0.05)
    assert float(head.time_constant) == pytest.approx(4.0, rel=0.15)
    for each in scaled.values():
        assert coverage(each.error, each.sigma, 2.5)["region"] == pytest.approx(90, abs=1)
    assert len(scaled["gaps"].seen.error) == 0


def test_fit_time_constant_is_bounded(rng: np.random.Generator) -> None:
    sigma = random_sigma(rng)
    easy = Residuals(0.1 * sigma * rng.normal(size=sigma.shape), sigma, np.ones(1500))
    found = fit_time_constant(easy, np.full(len(NON_ROOT), 0.2), 2.5)
    assert found == DEFAULT.time_constants[1]


def test_scale_head_covers_the_hardest_kind(rng: np.random.Generator) -> None:
    sigma = random_sigma(rng)
    error = sigma * rng.normal(size=sigma.shape)
    easy, hard = (Residuals(size * error, sigma, np.zeros(1500)) for size in (1, 1.5))
    head, gaps = new_head(), replace(hard, unseen=np.ones(1500))
    scaled = scale_head(head, {"noisy": easy, "filmed": hard, "gaps": gaps})
    scale = float(head.region_scale)
    shares = {k: coverage(each.error, each.sigma, scale)["region"] for k, each in scaled.items()}
    assert shares["filmed"] == pytest.approx(90, abs=0.1)
    assert shares["noisy"] > 95


@pytest.mark.parametrize("config", [SMALL, replace(SMALL, pose_layers=1), POSES])
def test_fit_head_learns_something_finite(config: Any) -> None:
    xyz = walk(400, 50.0, 0.0).xyz.astype(np.float32)
    mocap = Mocap(xyz, np.array([0]), np.array([400]), 50.0)
    model = build(config).eval()
    head = fit_head(model, mocap, 2, CalibrationConfig(clips=25, steps=20, batch_size=1024))
    x = uncertainty_inputs(torch.zeros(1, 9, 17, model.head.in_features), torch.ones(1, 9, 17, 3))
    assert torch.isfinite(head.log_sigma(x)).all()
    assert (head.contract.weight != 0).any()


@pytest.mark.parametrize("is_half", [False, True])
def test_to_saved_precision_loses_nothing(is_half: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = build(replace(SMALL, uncertainty=True))
    nn.init.normal_(model.uncertainty.contract.weight, std=0.3)
    model = model.half().float() if is_half else model
    state = {key: value.clone() for key, value in model.state_dict().items()}
    saved = to_saved_precision(model)
    assert (saved.embed.weight.dtype == torch.float16) == is_half
    save_model(saved, tmp_path)
    again = load_model(tmp_path)
    assert again.config.uncertainty
    for key, value in state.items():
        torch.testing.assert_close(again.state_dict()[key].float(), value, atol=0, rtol=0)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    save_model(build(SMALL), tmp_path / "weights", spec=WeightsSpec(fps=50.0))
    return tmp_path / "weights"


@pytest.mark.slow
def test_calibrate_verb_writes_weights_with_the_same_poses(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = mocap_file(tmp_path / "m.npz"), tmp_path / "calibrated"
    options = ("--clips", "25", "--motions", "1", "--data", str(data), "--out", str(out))
    main(["calibrate", str(weights), *options])
    assert "the region has half-axes of" in capsys.readouterr().out
    plain, sure = load_weights(weights), load_weights(out)
    assert sure.model.config.uncertainty
    assert sure.spec == plain.spec
    x = torch.rand(1, 9, 17, 3)
    with torch.inference_mode():
        torch.testing.assert_close(plain.model(x), sure.model(x), atol=0, rtol=0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"spec": None}, "expected weights of normalization 'centered-camera'"),
        ({"spec": WeightsSpec(unit="screen")}, "expected weights of normalization"),
        ({"model": nn.Linear(2, 2)}, "expected weights of a TCPFormer, PoseTransformer or"),
    ],
)
def test_calibrate_refuses_other_weights(
    change: dict[str, Any], words: str, weights: Path, tmp_path: Path
) -> None:
    if "model" in change:
        change["model"].config = None
    loaded = replace(load_weights(weights), **change)
    with pytest.raises(ValueError, match=words):
        calibrate(loaded, tmp_path / "nowhere.npz")
