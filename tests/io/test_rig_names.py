"""Names of bones, as other software looks for them."""

import re

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from tcpformer.datasets.convert.rigs import find_joints
from tcpformer.io.rig_names import BONES, INDEX, PARENTS, TWINS, bone_names, follow_chain

HUMANOID = {  # what retargeting software looks for: a pattern of the name, and of the parent's
    "hips": "", "spine": "hips", "spine1": "spine", "spine2": "spine1", "neck": "spine2",
    "head": "neck",
    **{s + "shoulder": "spine2" for s in ("left", "right")},
    **{s + "arm": s + "shoulder" for s in ("left", "right")},
    **{s + "forearm": s + "arm" for s in ("left", "right")},
    **{s + "hand": s + "forearm" for s in ("left", "right")},
    **{s + "upleg": "hips" for s in ("left", "right")},
    **{s + "leg": s + "upleg" for s in ("left", "right")},
    **{s + "foot": s + "leg" for s in ("left", "right")},
    **{s + "toebase": s + "foot" for s in ("left", "right")},
}  # fmt: skip
VRM_NEEDED = {"hips", "spine", "head"} | {
    side + bone
    for side in ("left", "right")
    for bone in ("UpperArm", "LowerArm", "Hand", "UpperLeg", "LowerLeg", "Foot")
}


def test_bone_names_of_mixamo_are_found_by_an_auto_mapper() -> None:
    """A stand-in: by the name without prefix and case, and by what it hangs on."""
    names = bone_names("mixamo")
    found = {name.split(":")[-1].lower(): i for i, name in enumerate(names)}
    assert found.keys() == HUMANOID.keys()
    for name, parent in HUMANOID.items():
        above = PARENTS[found[name]]
        assert (names[above].lower() if above >= 0 else "") == parent


def test_bone_names_of_mixamo_are_those_of_motion_capture() -> None:
    at = find_joints(bone_names("mixamo"))
    assert {joint: BONES[i].head for joint, i in at.items() if BONES[i].head != joint} == {}


def test_bone_names_of_vrm_have_the_bones_that_it_needs() -> None:
    assert set(bone_names("vrm")) >= VRM_NEEDED


def flip(name: str) -> str:
    """Flip a name as Blender does: left and right in front, or a side behind an underscore."""
    other = {"left": "right", "right": "left", "Left": "Right", "Right": "Left", "L": "R", "R": "L"}
    if match := re.match(r"left|right|Left|Right", name):
        return other[match[0]] + name[match.end() :]
    if match := re.search(r"_([LR])$", name):
        return name[: match.start(1)] + other[match[1]]
    return name


@pytest.mark.parametrize("names", ["mixamo", "vrm", "plain"])
def test_bone_names_are_flipped_to_the_twin(names) -> None:
    ours = bone_names(names)
    assert len(set(ours)) == len(ours) == 22
    assert [flip(name) for name in ours] == [ours[twin] for twin in TWINS]
    assert sum(twin != i for i, twin in enumerate(TWINS)) == 16


def test_bones_come_after_their_parents() -> None:
    assert all(parent < i for i, parent in enumerate(PARENTS))
    assert [i for i, parent in enumerate(PARENTS) if parent < 0] == [0]


def test_follow_chain_turns_what_hangs_on_a_bone() -> None:
    offsets = np.array([[9.0, 9, 9], [0, 1, 0], [0, 1, 0]])
    quarter = Rotation.from_euler("z", 90, degrees=True).as_quat()
    heads, turns = follow_chain(
        (-1, 0, 1), offsets, np.array([[quarter, quarter, quarter]]), np.array([[5.0, 0, 0]])
    )
    np.testing.assert_allclose(heads[0], [[5, 0, 0], [4, 0, 0], [4, -1, 0]], atol=1e-12)
    angle = Rotation.from_quat(turns[0]).magnitude()
    np.testing.assert_allclose(np.degrees(angle), [90, 180, 90])
    assert INDEX["Hips"] == 0
