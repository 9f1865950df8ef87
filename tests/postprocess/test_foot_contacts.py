"""Foot contacts of a person who stands still, slides, or lifts a foot."""

import numpy as np
import pytest
from motions import stand

from tcpformer.analysis.metrics import bone_deviation, mpjpe
from tcpformer.motion import Motion3D
from tcpformer.postprocess.foot_contacts import CONTACTS, bend_leg, find_contacts, lock_feet
from tcpformer.skeleton import FEET, H36M, HIPS, KNEES


@pytest.fixture(scope="module")
def motion() -> Motion3D:
    return stand()


@pytest.fixture(scope="module")
def slid(motion: Motion3D) -> np.ndarray:
    xyz = motion.xyz.copy()
    xyz[..., 0] += 0.03 * np.sin(2 * np.pi * 0.5 * motion.times)[:, None]
    return xyz


def test_find_contacts_of_a_standing_person(motion: Motion3D, slid: np.ndarray) -> None:
    contact = find_contacts(slid, motion.times, motion.valid)
    assert contact.any(axis=1).mean() > 0.9


def test_find_contacts_of_a_lifted_foot_and_of_invalid_frames(motion: Motion3D) -> None:
    xyz, valid = motion.xyz.copy(), motion.valid.copy()
    lower = int(xyz[0, FEET, 2].argmin())
    xyz[30:60, FEET[lower], 2] += 0.3
    valid[80:] = False
    contact = find_contacts(xyz, motion.times, valid)
    assert not contact[32:58, lower].any()
    assert contact[:25, lower].all()
    assert not contact[80:].any()


def test_lock_feet_reduces_sliding_and_keeps_bones(motion: Motion3D, slid: np.ndarray) -> None:
    contact = find_contacts(slid, motion.times, motion.valid)
    locked = lock_feet(slid, motion.times, contact)
    foot = FEET[int(contact.sum(axis=0).argmax())]
    assert np.ptp(locked[:, foot, 0]) < 0.2 * np.ptp(slid[:, foot, 0])
    assert mpjpe(locked, motion.xyz).mean() < mpjpe(slid, motion.xyz).mean()
    assert bone_deviation(locked, H36M.bones).max() < 1e-9 + bone_deviation(slid, H36M.bones).max()


def test_lock_feet_without_contact_changes_nothing(motion: Motion3D) -> None:
    none = np.zeros((len(motion), 2), dtype=bool)
    assert lock_feet(motion.xyz, motion.times, none) is motion.xyz


def legs(straight: float, down: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return legs of 0.5 m bones that are so far from hip to ankle, and targets below them."""
    xyz = np.zeros((len(down), 17, 3))
    xyz[:, KNEES[0]] = [0, np.sqrt(0.25 - straight**2 / 4), -straight / 2]
    xyz[:, FEET[0]] = [0, 0, -straight]
    return xyz, xyz[:, FEET[0]] - down[:, None] * [0, 0, 1]


def test_bend_leg_reaches_what_is_nearer_than_the_foot() -> None:
    xyz, target = legs(0.95, np.linspace(-0.8, 0, 50))
    target += np.array([0.01, 0, 0.01])
    np.testing.assert_allclose(bend_leg(xyz, 0, target)[:, FEET[0]], target, atol=1e-9)


def test_bend_leg_keeps_a_straight_leg_still_in_single_precision() -> None:
    """The side to which it bends is a small difference, which rounding must not decide."""
    rng = np.random.default_rng(0)
    down = rng.normal(size=(300, 3))
    xyz = np.repeat(rng.uniform(2, 6, (300, 1, 3)), 17, axis=1)
    xyz[:, FEET[0]] += 0.9 * down / np.linalg.norm(down, axis=-1, keepdims=True)
    xyz[:, KNEES[0]] = (xyz[:, HIPS[0]] + xyz[:, FEET[0]]) / 2
    xyz = xyz.astype(np.float32)
    moved = bend_leg(xyz, 0, xyz[:, FEET[0]])
    assert moved.dtype == np.float32
    np.testing.assert_allclose(moved, xyz, atol=2e-5)


@pytest.mark.parametrize("straight", [0.9, 0.99, 0.9999, 1.0])
def test_bend_leg_leaves_slack_however_far_the_target(straight: float) -> None:
    xyz, target = legs(straight, np.linspace(0, 0.5, 501))
    moved = bend_leg(xyz, 0, target)
    reach = np.linalg.norm(moved[:, FEET[0]] - moved[:, HIPS[0]], axis=-1)
    assert (np.diff(reach) >= 0).all()
    assert reach.max() <= straight + CONTACTS.reach * (1 - straight) + 1e-9
    if straight < 0.99:  # short ways are walked almost whole
        np.testing.assert_allclose((reach - straight)[:6], np.arange(6) / 1000, rtol=0.05)
    for bone in ((HIPS, KNEES), (KNEES, FEET)):
        length = np.linalg.norm(moved[:, bone[0][0]] - moved[:, bone[1][0]], axis=-1)
        np.testing.assert_allclose(length, 0.5, atol=1e-9)
