"""Feet, hands and face that a source lacks."""

import numpy as np

from tcpformer.datasets.synthetic.groups import (
    MISSING_PROB,
    drop_groups,
    hang_unknown,
    hang_unseen,
)
from tcpformer.skeleton import BODY_26, GROUPS


def test_hang_unknown_puts_unknown_joints_at_their_parents(rng: np.random.Generator) -> None:
    clips = rng.normal(size=(3, 4, 26, 3))
    gaps = clips.copy()
    gaps[1, 2:, GROUPS["face"]] = np.nan
    filled, known = hang_unknown(gaps)
    parents = clips[1, 2:, [9]].repeat(3, axis=0).swapaxes(0, 1)
    np.testing.assert_array_equal(filled[1, 2:, 23:], parents)
    assert (~known).sum() == 6
    np.testing.assert_array_equal(filled[known], clips[known])


def test_hang_unknown_returns_complete_clips_as_they_are(rng: np.random.Generator) -> None:
    clips = rng.normal(size=(2, 3, 17, 3))
    assert hang_unknown(clips)[0] is clips


def test_hang_unseen_moves_feet_hands_and_face_alone(rng: np.random.Generator) -> None:
    x, seen = rng.normal(size=(2, 3, 26, 2)), np.ones((2, 26), dtype=bool)
    seen[0, [3, 17, 22]] = False
    out = hang_unseen(x, seen)
    np.testing.assert_array_equal(out[1], x[1])
    np.testing.assert_array_equal(out[0, :, [17, 22]], x[0, :, [6, 16]])
    np.testing.assert_array_equal(out[0, :, :17], x[0, :, :17])


def test_drop_groups_drops_each_set_as_often_as_stated(rng: np.random.Generator) -> None:
    kept = drop_groups(40_000, 26, rng)
    assert kept[:, :17].all()
    for names, prob in MISSING_PROB.items():
        missing = [GROUPS[name][0] for name in names]
        present = [joints[0] for name, joints in GROUPS.items() if name not in names]
        rows = ~kept[:, missing].any(axis=1) & kept[:, present].all(axis=1)
        assert abs(rows.mean() - prob) < 0.01
    for joints in GROUPS.values():  # a group is there as a whole or not at all
        assert (kept[:, joints] == kept[:, joints[:1]]).all()
    assert len(BODY_26.joints) == kept.shape[1]


def test_drop_groups_keeps_seventeen_joints(rng: np.random.Generator) -> None:
    assert drop_groups(100, 17, rng).all()
