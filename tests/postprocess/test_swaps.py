"""Left-right swaps of the walk in closed form are undone."""

from dataclasses import replace

import numpy as np
from motions import walk2d

from tcpformer.postprocess.swaps import fix_left_right_swaps
from tcpformer.skeleton import H36M


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


def test_fix_left_right_swaps_of_two_frames_does_nothing() -> None:
    assert not fix_left_right_swaps(walk2d(2))[1].any()
