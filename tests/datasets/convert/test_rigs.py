"""The 17 joints in the figures of many programs."""

from dataclasses import replace

import numpy as np
import pytest
from paths import DATA

from tcpformer.datasets.convert.cleaning import UNITS
from tcpformer.datasets.convert.rigs import find_joints, to_h36m
from tcpformer.io.bvh import read_bvh
from tcpformer.skeleton import H36M

MIXAMO = "Hips Spine Spine1 Spine2 Neck Head HeadTop_End LeftShoulder LeftArm LeftForeArm LeftHand \
LeftHandThumb1 LeftUpLeg LeftLeg LeftFoot LeftToeBase"
FIGURES = {
    "mixamo": " ".join(f"mixamorig:{name}" for name in MIXAMO.split()),
    "lafan": "Hips LeftUpLeg LeftLeg LeftFoot LeftToe LeftToeEnd Spine Spine1 Spine2 Neck Head "
    "HeadEnd LeftShoulder LeftArm LeftForeArm LeftHand LeftHandEnd",
    "biovision": "Hips Chest Chest2 Chest3 Chest4 Neck Head HeadEnd LeftCollar LeftShoulder "
    "LeftElbow LeftWrist LeftWristEnd LeftHip LeftKnee LeftAnkle LeftToe",
    "smpl": "pelvis left_hip spine1 left_knee spine2 left_ankle spine3 left_foot neck left_collar "
    "head headEnd left_shoulder left_elbow left_wrist left_hand",
    "biped": "Bip01 Bip01_Pelvis Bip01_Spine Bip01_Neck Bip01_Head Bip01_HeadNub Bip01_L_Clavicle "
    "Bip01_L_UpperArm Bip01_L_Forearm Bip01_L_Hand Bip01_L_Thigh Bip01_L_Calf Bip01_L_Foot",
    "cmu": "Hips LHipJoint LeftUpLeg LeftLeg LeftFoot LeftToeBase LowerBack Spine Spine1 Neck "
    "Neck1 Head HeadEnd LeftShoulder LeftArm LeftForeArm LeftHand LeftFingerBase LThumb",
    "daz": "hip abdomen chest neck head leftEye leftEyeEnd lCollar lShldr lForeArm lHand lThumb1 "
    "lButtock lThigh lShin lFoot lFootEnd",
    "asf": "root lhipjoint lfemur ltibia lfoot ltoes lowerback upperback thorax lowerneck "
    "upperneck head lclavicle lhumerus lradius lwrist lhand lfingers lthumb",
}  # fmt: skip
EXPECTED = {
    "mixamo": "LeftUpLeg LeftLeg LeftFoot LeftArm LeftForeArm LeftHand Neck Head HeadTop_End",
    "lafan": "LeftUpLeg LeftLeg LeftFoot LeftArm LeftForeArm LeftHand Neck Head HeadEnd",
    "biovision": "LeftHip LeftKnee LeftAnkle LeftShoulder LeftElbow LeftWrist Neck Head HeadEnd",
    "smpl": "left_hip left_knee left_ankle left_shoulder left_elbow left_wrist neck head headEnd",
    "biped": "Thigh Calf Foot UpperArm Forearm Hand Neck Head HeadNub",
    "cmu": "LeftUpLeg LeftLeg LeftFoot LeftArm LeftForeArm LeftHand Neck Head HeadEnd",
    "daz": "lThigh lShin lFoot lShldr lForeArm lHand neck head",
    "asf": "lhipjoint lfemur ltibia lclavicle lhumerus lwrist thorax upperneck head",
}
ORDER = ["LHip", "LKnee", "LAnkle", "LShoulder", "LElbow", "LWrist", "Thorax", "Neck", "Head"]


def both_sides(names: str) -> list[str]:
    """The names of the left, and of the right made from them."""
    swaps = [("Left", "Right"), ("left", "right"), ("_L_", "_R_"), ("LHip", "RHip"), ("LTh", "RTh")]
    right = []
    for name in names.split():
        twin = name
        for a, b in swaps:
            twin = twin.replace(a, b)
        if twin == name and name[0] == "l" and name not in ("lowerback", "lowerneck"):
            twin = "r" + name[1:]
        right += [twin] * (twin != name)
    return [*names.split(), *right]


@pytest.mark.parametrize("figure", FIGURES)
def test_find_joints_knows_many_rigs(figure: str) -> None:
    names = both_sides(FIGURES[figure])
    at = find_joints(names)
    found = [names[at[joint]] for joint in ORDER if joint in at]
    ends = EXPECTED[figure].split()
    assert [name.split(":")[-1].split("_L_")[-1].removeprefix("Bip01_") for name in found] == ends
    for joint, twin in zip(H36M.joints, H36M.mirror, strict=True):
        if joint[0] == "L":
            assert len({at[joint], at[H36M.joints[twin]]}) == 2
            assert names[at[H36M.joints[twin]]] not in FIGURES[figure].split()


def test_find_joints_lists_unknown_names() -> None:
    names = [name for name in both_sides(FIGURES["lafan"]) if name != "LeftLeg"] + ["Schwanz"]
    with pytest.raises(ValueError, match=r"no joint for \['LKnee'\].*Schwanz"):
        find_joints(names)


def test_to_h36m_restores_the_chest() -> None:
    capture = read_bvh(DATA / "07_12.bvh")
    xyz, notes = to_h36m(capture)
    assert notes[0] == "the chest bone was lost in conversion: put back"
    shorter = capture.xyz[:, capture.joints.index("Head")] - xyz[:, H36M.index["Neck"]]
    assert np.linalg.norm(shorter, axis=-1) * UNITS["inch/0.45"] == pytest.approx(0.124, abs=0.002)


def test_to_h36m_shortens_cmu_forearms() -> None:
    xyz, notes = to_h36m(read_bvh(DATA / "07_12.bvh"))
    shoulder, elbow, wrist = (xyz[:, H36M.index[f"L{j}"]] for j in ("Shoulder", "Elbow", "Wrist"))
    arm, forearm = np.linalg.norm([elbow - shoulder, wrist - elbow], axis=-1)
    np.testing.assert_allclose(forearm, 0.9 * arm, rtol=1e-6)
    assert notes[1] == "CMU's wrists: moved to 0.9 upper arms from the elbow"


@pytest.mark.parametrize("joints", [("Neck", "Head"), ("LeftForeArm", "LeftHand")])
def test_to_h36m_refuses_joints_in_one_place(joints: tuple[str, str]) -> None:
    capture = read_bvh(DATA / "07_12.bvh")
    above, below = (capture.joints.index(joint) for joint in joints)
    xyz = capture.xyz.copy()
    xyz[:, below] = xyz[:, above]
    with pytest.raises(ValueError, match="lie in one place"):
        to_h36m(replace(capture, xyz=xyz))


def test_to_h36m_adds_the_end_of_the_head() -> None:
    capture = read_bvh(DATA / "11_01.bvh")
    xyz, notes = to_h36m(capture)
    assert notes == ("the head bone has no end: made one",)
    head = capture.joints.index("head")
    bone = xyz[:, H36M.index["Head"]] - xyz[:, H36M.index["Neck"]]
    seen = np.einsum("txy,tx->ty", capture.rotations[:, head], bone)
    np.testing.assert_allclose(seen, np.broadcast_to([0, 10.8, 0], seen.shape), atol=0.2)
