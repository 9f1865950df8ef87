"""Joints that are not seen, and gaps filled as `filtering` fills them."""

import numpy as np

from tcpformer.datasets.synthetic.occlusion import fill_gaps, simulate_visible
from tcpformer.filtering import gaps
from tcpformer.motion import Motion2D
from tcpformer.skeleton import H36M

SECONDS = np.full(1000, 0.04)
SURE = np.ones((1000, 50, 17), dtype=np.float32)
EVERYWHERE = np.ones((1000, 50, 17), dtype=bool)


def test_fill_gaps_equals_filtering_fill_gaps(rng: np.random.Generator) -> None:
    """The fast twin of `gaps.fill_gaps`: gaps inside, at both ends, joints never seen."""
    xy = rng.normal(size=(20, 30, 17, 2))
    there = rng.random((20, 30, 17)) < 0.5
    there[:, :10, 1], there[:, 20:, 2], there[:, :, 3:5] = False, False, False
    there[:, :, 6] = True
    there[5] = True
    for i, found in enumerate(fill_gaps(xy, there)):
        motion = Motion2D(xy[i], there[i].astype(float), (9, 9), 30.0, H36M)
        np.testing.assert_allclose(found, gaps.fill_gaps(motion).xy, rtol=0, atol=1e-12)


def test_fill_gaps_keeps_visible_joints() -> None:
    xy = np.random.default_rng(0).normal(size=(4, 10, 17, 2))
    np.testing.assert_array_equal(fill_gaps(xy, np.ones((4, 10, 17), dtype=bool)), xy)


def test_simulate_visible_has_the_stated_rates() -> None:
    there = simulate_visible(SURE, EVERYWHERE, SECONDS, np.random.default_rng(0))
    index = H36M.index
    assert 0.9 < there.mean() < 0.99
    lost = np.asarray(~there.any(axis=2))
    assert 0.005 < lost.mean() < 0.05  # the person, for a moment
    assert there.any(axis=(1, 2)).all()
    never = np.asarray(~there[:, 1:].any(axis=1))
    legs = never[:, [index[s + j] for s in "LR" for j in ("Knee", "Ankle")]].all(axis=1)
    shins = never[:, [index["LAnkle"], index["RAnkle"]]].all(axis=1)
    assert 0.03 < legs.mean() < 0.07
    assert 0.01 < (shins & ~legs).mean() < 0.04
    arm = np.stack([never[:, [index[s + "Elbow"], index[s + "Wrist"]]].all(axis=1) for s in "LR"])
    assert 0.005 < arm.any(axis=0).mean() < 0.03
    assert not arm.all(axis=0).any()
    assert not never[:, [index["LHip"], index["RShoulder"], index["Head"]]].any()
    before = there[:, 0, index["LAnkle"]] & never[:, index["LAnkle"]]
    assert 0.1 < before.sum() / never[:, index["LAnkle"]].sum() < 0.5


def test_simulate_visible_hides_outside_joints_in_half_of_the_clips() -> None:
    inside = EVERYWHERE.copy()
    ankle = H36M.index["RAnkle"]
    inside[:, :, ankle] = False
    there = simulate_visible(SURE, inside, SECONDS, np.random.default_rng(0))
    silent = ~there[:, :, ankle].any(axis=1)
    assert 0.45 < silent.mean() < 0.65


def test_simulate_visible_drops_low_confidence_in_a_tenth() -> None:
    doubtful = SURE.copy()
    doubtful[:, :, 5] = 0.1
    there = simulate_visible(doubtful, EVERYWHERE, SECONDS, np.random.default_rng(0))
    silent = ~there[:, 1:, 5].any(axis=1)
    assert 0.1 < silent.mean() < 0.2  # and some legs, whatever the confidence


def test_simulate_visible_keeps_a_quarter() -> None:
    there = simulate_visible(SURE, ~EVERYWHERE, SECONDS, np.random.default_rng(0))
    assert there.mean(axis=(1, 2)).min() >= 0.25
    assert fill_gaps(np.zeros((1000, 50, 17, 2)), there).shape == (1000, 50, 17, 2)
