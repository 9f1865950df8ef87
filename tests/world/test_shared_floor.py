"""People of one camera on one floor."""

from dataclasses import replace

import numpy as np
import pytest
from standing import motion as standing

from tcpformer.skeleton import FEET
from tcpformer.world.ground import check_same_camera, on_shared_floor


def test_on_shared_floor_takes_the_lowest_floor() -> None:
    first, second = standing(x=-1.0), standing(x=1.0, depth=6.0)
    lower = replace(second, camera_xyz=second.camera_xyz + np.array([0, 0.4, 0]))  # in a hole
    for hole, motions in ((0.0, [first, second]), (0.4, [first, lower])):
        world = on_shared_floor(motions)
        feet = [m.xyz[:, FEET, 2].min() for m in world]
        np.testing.assert_allclose(feet, [hole, 0.0], atol=1e-9)
        apart = world[1].xyz - world[0].xyz
        seen = motions[1].camera_xyz - motions[0].camera_xyz
        np.testing.assert_allclose(apart, seen[..., [0, 2, 1]] * [1, 1, -1], atol=1e-9)


def test_check_same_camera_refuses_another_focal_length() -> None:
    first = standing()
    assert on_shared_floor([]) == []
    check_same_camera([first, first])
    with pytest.raises(ValueError, match="one focal length"):
        check_same_camera([first, replace(first, focal=99.0)])
