"""The fit of constant bones, on motion whose truth is known."""

import numpy as np
import pytest
from motions import rough, walk

from tcpformer.analysis.metrics import bone_deviation, mpjpe
from tcpformer.postprocess import bones
from tcpformer.postprocess.bones import Observations, fit_bones
from tcpformer.skeleton import H36M


def relative(camera: np.ndarray) -> np.ndarray:
    return camera - camera[:, :1]


def test_fit_bones_is_constant_and_nearer_the_truth(rng: np.random.Generator) -> None:
    true = relative(walk(60).camera_xyz)
    noisy = relative(true + rng.normal(0, 0.02, true.shape))
    fitted = fit_bones(noisy, np.ones(60))
    assert bone_deviation(fitted, H36M.bones).max() < 1e-9
    assert mpjpe(fitted, true).mean() < mpjpe(noisy, true).mean()


def test_fit_bones_keeps_constant_bones() -> None:
    true = relative(walk(60).camera_xyz)
    np.testing.assert_allclose(fit_bones(true, np.ones(60)), true, atol=1e-6)


def test_fit_bones_refuses_frames_without_weight() -> None:
    with pytest.raises(ValueError, match="at least one frame"):
        fit_bones(relative(walk(5).camera_xyz), np.zeros(5))


@pytest.mark.parametrize("at_once", [1, 7])
def test_fit_bones_some_frames_at_a_time_is_the_same(
    at_once: int, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera = rough(walk(40), rng).camera_xyz
    rays = camera[..., :2] / camera[..., 2:]
    observed = Observations(rays, camera[:, 0], rng.uniform(0, 2, (40, 17)))
    weight = rng.uniform(size=40)
    whole = fit_bones(relative(camera), weight, observed)
    monkeypatch.setattr(bones, "FRAMES_AT_ONCE", at_once)
    np.testing.assert_allclose(fit_bones(relative(camera), weight, observed), whole, atol=1e-9)
