"""Predictions of clips and of center frames."""

import numpy as np
import pytest
from synthetic import Reads, ReadsCenter

from tcpformer.evaluation.predictions import predict_centers, predict_clips, screen_input
from tcpformer.skeleton import H36M_NOSE


def test_screen_input_maps_the_width_to_minus_one_to_one() -> None:
    xy = np.array([[[0.0, 0.0], [1000.0, 500.0], [500.0, 250.0]]])
    found = screen_input(xy, np.array([[0.5, 1.0, 0.0]]), (1000, 500))
    np.testing.assert_allclose(found[0], [[-1, -0.5, 0.5], [1, 0.5, 1], [0, 0, 0]])
    assert found.dtype == np.float32


@pytest.mark.parametrize("model", [Reads(), ReadsCenter()], ids=["all frames", "center"])
def test_predict_clips_has_every_frame(
    model: Reads | ReadsCenter, rng: np.random.Generator
) -> None:
    xyc = rng.normal(size=(30, 17, 3)).astype(np.float32)
    clips = np.array([np.arange(9), np.arange(9, 18), np.arange(21, 30)])
    found = predict_clips(model, xyc, clips, H36M_NOSE.mirror, flip=False)
    np.testing.assert_allclose(found, xyc[clips] - xyc[clips][:, :, :1], atol=1e-6)


@pytest.mark.parametrize("model", [Reads(), ReadsCenter()], ids=["all frames", "center"])
def test_predict_centers_repeats_the_edges(
    model: Reads | ReadsCenter, rng: np.random.Generator
) -> None:
    xyc, steps = rng.normal(size=(12, 17, 3)).astype(np.float32), []
    frames = np.array([0, 5, 11])
    found = predict_centers(model, xyc, frames, H36M_NOSE.mirror, flip=False, progress=steps.append)
    np.testing.assert_allclose(found, xyc[frames] - xyc[frames][:, :1], atol=1e-6)
    assert steps == [3]
