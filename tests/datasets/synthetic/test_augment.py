"""Augmented bodies: mirrored, of other proportions, tilted."""

import numpy as np
import pytest
from motions import walk

from tcpformer.datasets.clip_batch import mirror_joints
from tcpformer.datasets.synthetic.augment import tilt_bodies, vary_proportions
from tcpformer.skeleton import H36M

MIRROR, JOINT = list(H36M.mirror), H36M.index


@pytest.fixture
def walks() -> np.ndarray:
    """Clips of people who walk in all directions."""
    xyz = walk(15).xyz
    return np.stack([xyz, xyz * [-1, -1, 1], xyz[..., [1, 0, 2]] * [1, -1, 1]]).repeat(20, axis=0)


def test_mirror_joints_exchanges_sides_and_is_its_own_inverse(
    walks: np.ndarray,
) -> None:
    once = mirror_joints(walks, H36M)
    np.testing.assert_array_equal(mirror_joints(once, H36M), walks)
    np.testing.assert_array_equal(once[:, :, JOINT["LWrist"], 1:], walks[:, :, JOINT["RWrist"], 1:])
    np.testing.assert_array_equal(once[:, :, JOINT["LWrist"], 0], -walks[:, :, JOINT["RWrist"], 0])
    assert mirror_joints(walks.astype(np.float32), H36M).dtype == np.float32


def bone_lengths(xyz: np.ndarray) -> dict[str, np.ndarray]:
    return {
        H36M.joints[c]: np.linalg.norm(xyz[:, :, c] - xyz[:, :, p], axis=-1) for p, c in H36M.bones
    }


def test_vary_proportions_is_symmetric_constant_and_within_limits(
    walks: np.ndarray, rng: np.random.Generator
) -> None:
    before, after = bone_lengths(walks), bone_lengths(vary_proportions(walks, rng))
    factor = {joint: after[joint] / before[joint] for joint in after}
    for joint in set(H36M.joints) - {"Hip", "Neck", "Head"}:
        twin = H36M.joints[MIRROR[JOINT[joint]]]
        np.testing.assert_allclose(factor[joint], factor[twin], rtol=1e-9)
        np.testing.assert_allclose(np.ptp(factor[joint], axis=1), 0, atol=1e-9)
    limits = {"LHip": (1.0, 1.5), "LShoulder": (0.75, 1.0)}
    for joint in ("LKnee", "LAnkle", "Spine", "Thorax", "LElbow", "LWrist", *limits):
        low, high = limits.get(joint, (0.9, 1.1))
        assert low - 1e-9 <= factor[joint].min() < low + 0.05
        assert high - 0.05 < factor[joint].max() <= high + 1e-9
    assert 0.3 < (factor["LHip"][:, 0] > 1 + 1e-9).mean() < 0.7
    independent = np.corrcoef(factor["LKnee"][:, 0], factor["LElbow"][:, 0])[0, 1]
    assert abs(independent) < 0.5


def test_vary_proportions_keeps_root_and_bone_directions(
    walks: np.ndarray, rng: np.random.Generator
) -> None:
    out = vary_proportions(walks, rng)
    np.testing.assert_array_equal(out[:, :, 0], walks[:, :, 0])
    for parent, child in H36M.bones:
        if H36M.joints[child] not in ("Neck", "Head"):
            one, other = (x[:, :, child] - x[:, :, parent] for x in (walks, out))
            np.testing.assert_allclose(np.cross(one, other), 0, atol=1e-12)
            assert ((one * other).sum(axis=-1) > 0).all()


def test_vary_proportions_commutes_with_mirror_joints(
    walks: np.ndarray,
) -> None:
    there = vary_proportions(mirror_joints(walks, H36M), np.random.default_rng(3))
    back = mirror_joints(vary_proportions(walks, np.random.default_rng(3)), H36M)
    np.testing.assert_allclose(there, back, rtol=0, atol=1e-12)


def test_vary_proportions_moves_the_skull_forward(
    walks: np.ndarray, rng: np.random.Generator
) -> None:
    out = vary_proportions(walks, rng)
    neck, thorax, head = JOINT["Neck"], JOINT["Thorax"], JOINT["Head"]
    before = (walks[:, :, neck] - walks[:, :, thorax])[:, 0]
    after = (out[:, :, neck] - out[:, :, thorax])[:, 0]
    facing = np.repeat([[0.0, -1, 0], [0.0, 1, 0], [-1.0, 0, 0]], 20, axis=0)
    up = after[:, 2] / before[:, 2]
    moved = ((after - up[:, None] * before) * facing).sum(axis=-1)
    some = moved > 0.01
    assert 0.1 < some.mean() < 0.6
    assert 0.04 < moved.max() < 0.085
    assert moved.min() > -0.01
    assert np.isfinite(out[:, :, head]).all()


def test_vary_proportions_is_finite_for_a_point() -> None:
    assert np.isfinite(vary_proportions(np.zeros((40, 2, 17, 3)), np.random.default_rng(0))).all()


def test_tilt_bodies_keeps_shape_and_pelvis(rng: np.random.Generator) -> None:
    people = np.repeat(walk(8, 50.0).xyz[None], 400, axis=0)
    when = np.broadcast_to(np.arange(8) / 50, (400, 8))
    out = tilt_bodies(people, when, 0.5, rng)
    np.testing.assert_allclose(out[:, :, 0], people[:, :, 0], atol=1e-9)
    between = [np.linalg.norm(x[:, :, :, None] - x[:, :, None], axis=-1) for x in (out, people)]
    np.testing.assert_allclose(*between, atol=1e-9)
    same = np.abs(out - people).max(axis=(1, 2, 3)) < 1e-9
    assert same.mean() == pytest.approx(0.5, abs=0.08)


def test_tilt_bodies_turns_about_horizontal_axes_by_any_angle(rng: np.random.Generator) -> None:
    """Seen on a rod that stands upright: where its tip goes, and how fast."""
    rods = np.zeros((4000, 2, 17, 3))
    rods[..., 1:, 2] = 1.0
    when = np.broadcast_to([0.0, 0.1], (4000, 2))
    tip = tilt_bodies(rods, when, 1.0, rng)[:, :, 1]
    np.testing.assert_allclose(np.linalg.norm(tip, axis=-1), 1, atol=1e-9)
    tilt = np.degrees(np.arccos(np.clip(tip[:, 0, 2], -1, 1)))
    np.testing.assert_allclose(np.quantile(tilt, [0.25, 0.5, 0.75]), [45, 90, 135], atol=6)
    still = np.linalg.norm(tip[:, 1] - tip[:, 0], axis=-1) < 1e-9
    assert still.mean() == pytest.approx(0.5, abs=0.05)
    turned = np.linalg.norm(np.cross(tip[~still, 0], tip[~still, 1]), axis=-1)
    assert np.degrees(np.arcsin(turned)).std() * 10 == pytest.approx(54, rel=0.15)
    right = np.zeros((200, 1, 17, 3))
    right[..., 1, 0], right[..., 2, 1] = 1.0, 1.0
    normal = np.cross(
        *np.moveaxis(tilt_bodies(right, np.zeros((200, 1)), 1.0, rng)[:, 0, 1:3], 1, 0)
    )
    assert (normal[:, 2] < 0).any()  # some are upside down
