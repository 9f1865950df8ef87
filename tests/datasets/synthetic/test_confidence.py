"""Simulated confidence, and middle joints derived from others."""

import numpy as np
import pytest
from motions import walk

from tcpformer.datasets.synthetic import confidence
from tcpformer.datasets.synthetic.confidence import (
    DERIVATION,
    blur_confidence,
    derive_middle_joints,
    simulate_confidence,
)
from tcpformer.motion import Motion2D, to_skeleton
from tcpformer.skeleton import BLAZEPOSE, H36M

MIDDLE = [H36M.index[joint] for joint in ("Hip", "Spine", "Thorax", "Neck", "Head")]


@pytest.fixture(autouse=True)
def always_derived(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confidence, "DERIVED_PROB", 1.0)


def test_derive_middle_joints_equals_to_skeleton(rng: np.random.Generator) -> None:
    """Read as BlazePose and converted by name: a second time changes nothing."""
    joints = len(BLAZEPOSE.joints)
    xy, sure = rng.normal(size=(6, joints, 2)), rng.random((6, joints))
    converted = to_skeleton(Motion2D(xy, sure, (9, 9), 30.0, BLAZEPOSE), H36M)
    again, least = derive_middle_joints(converted.xy[None], converted.confidence[None], rng)
    np.testing.assert_allclose(again[0], converted.xy, atol=1e-9)
    np.testing.assert_allclose(least[0], converted.confidence, atol=1e-9)


def test_derive_middle_joints_keeps_limbs() -> None:
    xy = walk(5).xy[None]
    made, _ = derive_middle_joints(xy, np.ones((1, 5, 17)), np.random.default_rng(0))
    limbs = [i for i in range(17) if i not in MIDDLE]
    np.testing.assert_allclose(made[:, :, limbs], xy[:, :, limbs], atol=1e-9)
    index = H36M.index
    hips = xy[:, :, [index["LHip"], index["RHip"]]].mean(axis=2)
    shoulders = xy[:, :, [index["LShoulder"], index["RShoulder"]]].mean(axis=2)
    np.testing.assert_allclose(made[:, :, index["Hip"]], hips, atol=1e-9)
    np.testing.assert_allclose(made[:, :, index["Thorax"]], shoulders, atol=1e-9)
    np.testing.assert_allclose(made[:, :, index["Spine"]], (hips + shoulders) / 2, atol=1e-9)
    # an upright walker's head is about where it was, in pixels of a person of some 350
    assert np.abs(made[:, :, MIDDLE] - xy[:, :, MIDDLE]).max() < 30
    np.testing.assert_allclose(DERIVATION.sum(axis=1), 1)


def test_derive_middle_joints_takes_the_lowest_confidence() -> None:
    sure = np.ones((1, 1, 17))
    sure[..., H36M.index["RHip"]] = 0
    _, found = derive_middle_joints(np.zeros((1, 1, 17, 2)), sure, np.random.default_rng(0))
    unsure = {H36M.joints[i] for i in np.flatnonzero(found[0, 0] == 0)}
    assert unsure == {"RHip", "Hip", "Spine"}


def test_derive_middle_joints_of_a_share_of_the_clips(
    monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    monkeypatch.setattr(confidence, "DERIVED_PROB", 0.7)
    xy = rng.normal(size=(500, 2, 17, 2))
    made, _ = derive_middle_joints(xy, np.ones((500, 2, 17)), rng)
    assert (made != xy).any(axis=(1, 2, 3)).mean() == pytest.approx(0.7, abs=0.07)


def test_simulate_confidence_has_three_kinds(rng: np.random.Generator) -> None:
    shape = (1000, 5, 17)
    visible = np.full(shape, 0.625, dtype=np.float32)
    wrong = np.broadcast_to(np.linspace(0, 0.8, 5)[:, None], shape).astype(np.float32)
    found = simulate_confidence(visible, wrong, rng)
    seen, one = (found == 0.625).all(axis=(1, 2)), (found == 1).all(axis=(1, 2))
    assert seen.mean() == pytest.approx(0.6, abs=0.05)
    assert one.mean() == pytest.approx(0.15, abs=0.04)
    knowing = ~seen & ~one
    falling = np.diff(found[knowing].mean(axis=2), axis=1)
    assert falling[:, 0].max() < -0.2
    assert (falling < 0.03).all()  # but for the noise of it
    assert found.min() >= 0.01
    assert found.max() <= 1


def test_blur_confidence_does_what_it_states(rng: np.random.Generator) -> None:
    before = rng.uniform(0.2, 0.9, (8000, 5, 17)).astype(np.float32)
    before[:, :, 3] = 0
    after = blur_confidence(before, 0.5, rng)
    assert (after[:, :, 3] == 0).all()
    seen = np.delete(after, 3, axis=2)
    same, ones = (after == before).all(axis=(1, 2)), (seen == 1).all(axis=(1, 2))
    assert abs(same.mean() - 0.5) < 0.02
    assert abs(ones.mean() - 0.25) < 0.02
    spread = seen[~ones & ~same].std(axis=(1, 2))
    assert abs((spread < 0.1).mean() - 0.5) < 0.04  # the others keep their spread, shuffled


def test_blur_confidence_of_probability_zero_changes_nothing(rng: np.random.Generator) -> None:
    before = rng.uniform(0.2, 0.9, (50, 5, 17)).astype(np.float32)
    np.testing.assert_array_equal(blur_confidence(before, 0.0, rng), before)
