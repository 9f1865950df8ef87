"""Outliers of the walk in closed form are found, and its torso measured."""

from dataclasses import replace

import numpy as np
import pytest
from motions import walk2d

from tcpformer.postprocess.outliers import find_outliers, torso_length
from tcpformer.skeleton import H36M

WRIST = H36M.index["LWrist"]


@pytest.mark.parametrize(("frames", "pixels", "confidence"), [(4, 120.0, 0.2), (1, 400.0, 1.0)])
def test_find_outliers_that_are_uncertain_or_very_far(
    frames: int, pixels: float, confidence: float
) -> None:
    true = walk2d(120)
    xy, sure = true.xy.copy(), true.confidence.copy()
    xy[50 : 50 + frames, WRIST] += pixels
    sure[50 : 50 + frames, WRIST] = confidence
    found = find_outliers(replace(true, xy=xy, confidence=sure))
    assert found[50 : 50 + frames, WRIST].all()
    assert not found[:, :WRIST].any()


def test_find_outliers_of_an_exact_motion_finds_none() -> None:
    assert not find_outliers(walk2d(120)).any()


@pytest.mark.parametrize("precision", [np.float32, np.float64])
def test_find_outliers_of_a_joint_that_is_hardly_detected(precision: type) -> None:
    """The square of such a confidence is 0 in single precision."""
    true = walk2d(60)
    confidence = true.confidence.copy()
    confidence[:, WRIST] = 1e-30
    found = find_outliers(replace(true, confidence=confidence.astype(precision)))
    assert not found.any()


def test_torso_length_scales_with_the_image() -> None:
    motion = walk2d(30)
    assert torso_length(replace(motion, xy=3 * motion.xy)) == pytest.approx(
        3 * torso_length(motion)
    )


def test_torso_length_without_trunk_is_a_fifth_of_the_body() -> None:
    motion = walk2d(30)
    xy = motion.xy.copy()
    trunk = [H36M.index[side + joint] for side in "LR" for joint in ("Hip", "Shoulder")]
    xy[:, trunk] = xy[:, :1]
    diagonal = np.median(np.linalg.norm(np.ptp(xy, axis=1), axis=-1))
    assert torso_length(replace(motion, xy=xy)) == pytest.approx(0.2 * diagonal)


def test_torso_length_does_not_count_joints_that_are_never_detected() -> None:
    motion = walk2d(30)
    xy, confidence = motion.xy.copy(), motion.confidence.copy()
    xy[:, WRIST], confidence[:, WRIST] = -1e5, 0.0
    hidden = replace(motion, xy=xy, confidence=confidence)
    assert torso_length(hidden) == pytest.approx(torso_length(motion))
