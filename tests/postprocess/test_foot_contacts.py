"""Foot contacts of a person who stands still, slides, or lifts a foot."""

import numpy as np
import pytest
from motions import stand

from tcpformer.analysis.metrics import bone_deviation, mpjpe
from tcpformer.motion import Motion3D
from tcpformer.postprocess.foot_contacts import find_contacts, lock_feet
from tcpformer.skeleton import FEET, H36M


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
