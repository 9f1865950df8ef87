"""Left-right swaps of the walk in closed form are undone."""

from dataclasses import replace

import numpy as np
import pytest
from motions import walk2d

from tcpformer.postprocess.swaps import fix_left_right_swaps
from tcpformer.skeleton import BODY_26, H36M


def test_fix_left_right_swaps_of_legs() -> None:
    true = walk2d(120)
    legs = [H36M.index[side + j] for side in "LR" for j in ("Hip", "Knee", "Ankle")]
    xy = true.xy.copy()
    xy[40:46, legs] = true.xy[40:46][:, [H36M.mirror[j] for j in legs]]
    fixed, swapped = fix_left_right_swaps(replace(true, xy=xy))
    assert np.abs(fixed.xy - true.xy).mean() < 0.2 * np.abs(xy - true.xy).mean()
    assert not swapped[:, 1].any()


def test_fix_left_right_swaps_keeps_an_exact_motion() -> None:
    true = walk2d(120)
    fixed, swapped = fix_left_right_swaps(true)
    assert not swapped.any()
    np.testing.assert_array_equal(fixed.xy, true.xy)


@pytest.mark.parametrize("feet", [0.0, 1.0])
def test_fix_left_right_swaps_takes_feet_along_where_they_are_detected(feet: float) -> None:
    true = walk2d(120)
    toes = true.xy[:, H36M.indices("LAnkle", "RAnkle")] + np.array([0.0, 20.0])
    rest = np.tile(true.xy[:, [10]], (1, 7, 1))
    confidence = np.ones((120, 26))
    confidence[:, 17:19] = feet
    whole = replace(
        true, xy=np.concatenate([true.xy, toes, rest], axis=1), confidence=confidence,
        skeleton=BODY_26,
    )  # fmt: skip
    legs = [BODY_26.index[side + j] for side in "LR" for j in ("Hip", "Knee", "Ankle", "Toe")]
    xy = whole.xy.copy()
    xy[40:46, legs] = whole.xy[40:46][:, [BODY_26.mirror[j] for j in legs]]
    fixed, swapped = fix_left_right_swaps(replace(whole, xy=xy))
    wrong = np.abs(xy - whole.xy)[:, legs]
    assert np.abs(fixed.xy - whole.xy)[:, legs].mean() < 0.2 * wrong.mean()
    assert not swapped[:, 1].any()


def test_fix_left_right_swaps_of_two_frames_does_nothing() -> None:
    assert not fix_left_right_swaps(walk2d(2))[1].any()
