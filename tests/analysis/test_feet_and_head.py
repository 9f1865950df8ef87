"""Errors of feet and head, of poses that differ by a known amount."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from tcpformer.analysis.feet_and_head import best_scale, group_errors, head_angles
from tcpformer.analysis.metrics import mpjpe, n_mpjpe
from tcpformer.skeleton import BODY, BODY_26, GROUPS

FACE = GROUPS["face"]


@pytest.fixture
def pose() -> np.ndarray:
    """Joints at random, and a head of x forward, y left and z up that is turned anyhow."""
    rng = np.random.default_rng(0)
    xyz = rng.normal(size=(5, 26, 3))
    xyz[:, BODY_26.indices("Nose", "LEar", "REar")] = (
        np.array([[0.12, 0, -0.01], [0, 0.07, 0], [0, -0.07, 0]])
        @ Rotation.from_rotvec(rng.normal(size=(5, 3))).as_matrix()
    )
    return xyz


def turned(pose: np.ndarray, yaw: float, pitch: float) -> np.ndarray:
    """Turn each head to its left by an angle, then the face up, in degrees."""
    left = pose[:, BODY_26.index["LEar"]] - pose[:, BODY_26.index["REar"]]
    left /= np.linalg.norm(left, axis=-1, keepdims=True)
    middle = pose[:, BODY_26.indices("LEar", "REar")].mean(axis=1)
    facing = pose[:, BODY_26.index["Nose"]] - middle
    facing -= (facing * left).sum(axis=-1, keepdims=True) * left
    facing /= np.linalg.norm(facing, axis=-1, keepdims=True)
    up = np.cross(facing, left)
    axes = np.stack([facing, left, up], axis=1)
    result = pose.copy()
    local = np.einsum("tax,tfx->tfa", axes, pose[:, FACE])
    yawed = Rotation.from_euler("z", yaw, degrees=True)
    raised = yawed * Rotation.from_euler("y", -pitch, degrees=True)
    result[:, FACE] = np.einsum("tax,tfa->tfx", axes, local @ raised.as_matrix().T)
    return result


@pytest.mark.parametrize(("yaw", "pitch"), [(0, 0), (20, 0), (-35, 0), (0, 15), (25, -10)])
def test_head_angles_of_a_turned_head(pose: np.ndarray, yaw: float, pitch: float) -> None:
    found = head_angles(turned(pose, yaw, pitch), pose)
    np.testing.assert_allclose(found, np.outer([yaw, pitch], np.ones(5)), atol=0.5)


def test_head_angles_ignore_place_and_size(pose: np.ndarray) -> None:
    moved = pose.copy()
    moved[:, FACE] = 1.3 * moved[:, FACE] + 0.2
    np.testing.assert_allclose(head_angles(moved, pose), 0, atol=1e-6)


def test_group_errors_of_feet(pose: np.ndarray) -> None:
    moved = pose.copy()
    moved[:, BODY_26.index["LToe"], 0] += 0.04
    np.testing.assert_allclose(group_errors(moved, pose, "feet"), 0.01)
    np.testing.assert_allclose(group_errors(moved, pose, "hands"), 0)


def test_best_scale_is_that_of_n_mpjpe(pose: np.ndarray) -> None:
    pred = 0.7 * pose + np.random.default_rng(2).normal(size=pose.shape) * 0.1
    scaled = best_scale(pred, pose) * pred
    expected = n_mpjpe(pred[:, BODY], pose[:, BODY])
    np.testing.assert_allclose(mpjpe(scaled[:, BODY], pose[:, BODY]), expected)
