"""Markers for OpenSim."""

from dataclasses import replace

import numpy as np
import pytest
from motions import walk
from walk26 import walk26

from tcpformer.io.opensim_markers import MARKERS, place_markers
from tcpformer.skeleton import BODY_26, COCO, GROUPS, HALPE26, conversion


def test_markers_are_joints_of_halpe26() -> None:
    assert set(MARKERS) <= set(HALPE26.joints)
    assert len(MARKERS) == 22


def test_place_markers_keep_joints_where_they_are() -> None:
    motion = walk26(20)
    names, xyz = place_markers(motion)
    assert tuple(names) == MARKERS
    for name in {*names} & {*BODY_26.joints} - {"Neck"}:
        expected = motion.xyz[:, BODY_26.index[name]]
        np.testing.assert_array_equal(xyz[:, names.index(name)], expected)
    shoulders = [BODY_26.index["LShoulder"], BODY_26.index["RShoulder"]]
    middle = motion.xyz[:, shoulders].mean(axis=1)
    np.testing.assert_allclose(xyz[:, names.index("Neck")], middle)


def test_place_markers_give_toes_whose_ball_is_the_joint() -> None:
    motion = walk26(20)
    names, xyz = place_markers(motion)
    source = np.zeros((20, len(HALPE26.joints), 3))
    source[:, [HALPE26.index[name] for name in names]] = xyz
    back = np.einsum("js,tsx->tjx", conversion(HALPE26, BODY_26), source)
    for toe in ("LToe", "RToe"):
        i = BODY_26.index[toe]
        np.testing.assert_allclose(back[:, i], motion.xyz[:, i], atol=1e-12)


def test_place_markers_put_big_toes_towards_the_other_foot() -> None:
    names, xyz = place_markers(walk26(20))
    across = xyz[:, names.index("LHip")] - xyz[:, names.index("RHip")]
    for side, sign in (("L", 1.0), ("R", -1.0)):
        big, small = (xyz[:, names.index(f"{side}{toe}")] for toe in ("BigToe", "SmallToe"))
        assert (sign * np.sum((small - big) * across, axis=-1) > 0).all()
        assert 0.02 < np.linalg.norm(small - big, axis=-1).mean() < 0.07


def test_place_markers_leave_out_what_was_never_seen() -> None:
    motion = walk26(5)
    confidence = motion.confidence.copy()
    confidence[:, GROUPS["feet"]] = 0.0
    names, _ = place_markers(replace(motion, confidence=confidence))
    assert set(MARKERS) - {*names} == {s + n for s in "LR" for n in ("BigToe", "SmallToe", "Heel")}
    names, _ = place_markers(walk(5))
    assert "Nose" not in names
    assert len(names) == 15


def test_place_markers_refuse_a_skeleton_without_a_pelvis() -> None:
    motion = walk(3)
    with pytest.raises(ValueError, match=r"need the joints \['Hip'\]"):
        place_markers(replace(motion, skeleton=COCO))
