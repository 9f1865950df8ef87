"""How sure a motion is: laws and closed forms, files, and the road from weights to motions."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lifters import lifter, network, seen
from motions import motion3d, walk
from paths import EXCERPT

from tcpformer.evaluation.open_benchmark import errors_and_sigma
from tcpformer.io.npz import load_motion, save_motion
from tcpformer.lifting.lifter import Lifter
from tcpformer.lifting.run_network import run_network
from tcpformer.lifting.uncertainty import (
    DEFINITION_STD,
    NON_ROOT,
    coverage,
    coverage_factor,
    rotate_sigma,
    seconds_unseen,
    sigma_distance,
    widen_unseen,
)
from tcpformer.models import Network, build
from tcpformer.models.checkpoint import load_model
from tcpformer.models.hybrid import Config
from tcpformer.models.pose_transformer import Config as Poses
from tcpformer.models.pose_transformer import PoseTransformer
from tcpformer.models.tcpformer import Config as TCPFormerConfig
from tcpformer.models.uncertainty_head import WithUncertainty
from tcpformer.skeleton import H36M
from tcpformer.viz.ellipse import project_half_axes, rotate_to_world

TURN = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])


SMALL = Config(frames=9, depth=2, width=16, heads=2, representation=16)
POSES = Poses(frames=9, layers=1, width=8, heads=2, channels=8, representation=16)


def unsure(frames: int = 9, plain: Network = None) -> Any:
    """A tiny network with a second head that says something of its own everywhere."""
    plain = plain or network(frames)
    config = plain.config
    if type(config) is TCPFormerConfig:
        config = Config.extending(config)
    model = build(replace(config, uncertainty=True))
    model.load_state_dict(plain.state_dict(), strict=False)
    torch.nn.init.normal_(model.uncertainty.contract.weight, std=0.3)
    model.uncertainty.prior_std.fill_(0.2)
    model.uncertainty.prior_std[H36M.root] = 0.0
    return model.eval().requires_grad_(False)


@pytest.mark.parametrize("kind", ["gaussian", "laplace"])
def test_coverage_factor_of_known_distributions(kind: str, rng: np.random.Generator) -> None:
    """One sigma holds 68.27 % of any errors; the region of a Gaussian has 2.5 sigma."""
    sigma = np.exp(rng.normal(-3, 0.5, (60_000, 3)))
    unit = rng.normal(size=sigma.shape) if kind == "gaussian" else rng.laplace(size=sigma.shape)
    error = 0.7 * sigma * unit
    factor = coverage_factor(error, sigma)
    # Half of the errors of Laplace's distribution of scale b are within b log 2.
    wanted = 0.7 if kind == "gaussian" else 0.7 * -np.log(1 - 0.6827)
    np.testing.assert_allclose(factor, wanted, rtol=0.02)
    reach = float(np.quantile(sigma_distance(error, sigma * factor), 0.9))
    row = coverage(error, sigma * factor, reach)
    assert row["region"] == pytest.approx(90, abs=0.1)
    assert [row[f"within_{a}"] for a in "xyz"] == pytest.approx([68.27] * 3, abs=0.1)
    assert (abs(reach - 2.5) < 0.03) == (kind == "gaussian")


def test_rotate_sigma_permutes_axes() -> None:
    spread = np.array([[[0.01, 0.02, 0.05]]])
    np.testing.assert_allclose(rotate_sigma(spread, TURN[None]), [[[0.02, 0.01, 0.05]]])
    np.testing.assert_allclose(rotate_sigma(spread, np.eye(3)[None]), spread)


def test_seconds_unseen_of_bridge_and_open_end() -> None:
    times = np.arange(11) / 10
    valid = np.ones(11, dtype=bool)
    valid[3:8] = False
    free = seconds_unseen(valid, times)
    assert free[5] == pytest.approx(0.3 * 0.3 / 0.6)
    assert (free[valid] == 0).all()
    assert free[3] == pytest.approx(free[7])
    assert free[3] < free[4] < free[5]
    valid[8:] = False
    np.testing.assert_allclose(seconds_unseen(valid, times)[3:], times[3:] - times[2])
    assert np.isinf(seconds_unseen(np.zeros(3, dtype=bool), times[:3])).all()


def test_widen_unseen_grows_to_prior_std() -> None:
    sigma, prior_std = np.full((4, 2, 3), 0.03), np.array([0.0, 0.4])
    wide = widen_unseen(sigma, np.array([0.0, 0.5, 5.0, np.inf]), prior_std, 2.0)
    np.testing.assert_allclose(wide[0], 0.03)
    np.testing.assert_allclose(wide[:, 0], 0.03)
    assert (np.diff(wide[:, 1], axis=0) > 0).all()
    np.testing.assert_allclose(wide[3, 1], np.hypot(0.03, 0.4))


@pytest.mark.parametrize("plain", [network(9), PoseTransformer(POSES)])
def test_uncertainty_head_leaves_the_pose_unchanged(plain: Any, tmp_path: Path) -> None:
    motion = seen(walk(40))
    one = lifter(tmp_path / "plain", model=plain.eval())(motion)
    two = lifter(tmp_path / "unsure", model=unsure(plain=plain))(motion)
    np.testing.assert_array_equal(one.camera_xyz, two.camera_xyz)
    assert one.sigma is None
    assert two.sigma is not None
    assert (two.sigma[:, NON_ROOT] > 0).all()
    assert (two.sigma[:, H36M.root] == 0).all()


def test_sigma_scales_with_height_and_grows_in_gaps(tmp_path: Path) -> None:
    lift = lifter(tmp_path, model=unsure())
    motion = seen(walk(90))
    small, tall = lift(motion, height=1.0).sigma, lift(motion, height=2.0).sigma
    assert small is not None
    assert tall is not None
    np.testing.assert_allclose(tall, 2 * small, rtol=1e-9)
    confidence = motion.confidence.copy()
    confidence[30:60] = 0
    valid = confidence.max(axis=1) > 0
    gap = lift(replace(motion, confidence=confidence, valid=valid), height=1.0).sigma
    assert gap is not None
    free = seconds_unseen(valid, motion.times)[44]
    least = 0.2 * np.sqrt(1 - np.exp(-free)) / 1.7
    assert (gap[44, NON_ROOT] > 0.9 * least).all()


def test_run_network_mirrors_sigma() -> None:
    model, mirror = WithUncertainty(unsure()), list(H36M.mirror)
    xyc = np.random.default_rng(0).random((2, 9, 17, 3))
    other = xyc[:, :, mirror] * [-1, 1, 1]
    one, two = (run_network(model, x, mirror, flip=True) for x in (xyc, other))
    np.testing.assert_allclose(one[..., 3:], two[:, :, mirror, 3:], atol=1e-5)
    np.testing.assert_allclose(one[..., :3], two[:, :, mirror, :3] * [-1, 1, 1], atol=1e-5)


def test_sigma_is_never_below_the_definition_of_a_joint() -> None:
    sigma = Lifter("fast", "cpu")(seen(walk(60)), height=1.7).sigma
    assert sigma is not None
    assert (sigma[:, 1:] > 0.8 * DEFINITION_STD).all()  # the walker is not 1.70 m tall
    np.testing.assert_array_equal(sigma[:, 0], 0)


@pytest.mark.slow
def test_packaged_region_covers_the_excerpt() -> None:
    """Since people there are near the assumed height, the region holds more than its share."""
    lift = Lifter("default", "cpu")
    for noisy in (False, True):
        row = coverage(*errors_and_sigma(lift, EXCERPT, noisy=noisy), lift.region_scale)
        assert 85 < row["region"] < 99.5
    assert load_model("default").config.uncertainty


def test_sigma_is_saved_loaded_and_checked(tmp_path: Path) -> None:
    motion = motion3d(walk(5).xyz)
    sure = replace(motion, sigma=np.full((5, 17, 3), 0.02), region_scale=2.9)
    save_motion(sure, tmp_path / "a.npz")
    again = load_motion(tmp_path / "a.npz")
    np.testing.assert_array_equal(again.sigma, sure.sigma)
    assert again.region_scale == 2.9
    save_motion(motion, tmp_path / "b.npz")
    assert load_motion(tmp_path / "b.npz").sigma is None
    for bad in (-0.1, np.nan):
        with pytest.raises(ValueError, match="sigma must be finite metres of at least 0"):
            replace(motion, sigma=np.full((5, 17, 3), bad))
    with pytest.raises(ValueError, match="region_scale must be positive"):
        replace(motion, region_scale=0.0)


def test_half_axes_of_ellipse_follow_sigma() -> None:
    motion = motion3d(walk(1).xyz)
    sigma = np.tile([0.02, 0.01, 0.1], (17, 1))
    covariance = rotate_to_world(sigma, motion.camera_xyz[0], motion.xyz[0])
    # World: x right, y away, z up; depth is y.
    np.testing.assert_allclose(
        covariance, np.tile(np.diag([4e-4, 1e-2, 1e-4]), (17, 1, 1)), atol=1e-9
    )
    eye = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    axes, _ = project_half_axes(covariance, eye)
    np.testing.assert_allclose(axes, np.tile([0.01, 0.02], (17, 1)), atol=1e-9)
    from_the_side = np.array([[0.0, 1, 0], [0, 0, -1], [-1, 0, 0]])
    axes, angle = project_half_axes(covariance, from_the_side)
    np.testing.assert_allclose(axes, np.tile([0.01, 0.1], (17, 1)), atol=1e-9)
    np.testing.assert_allclose(np.abs(np.sin(np.radians(angle))), 0, atol=1e-9)
