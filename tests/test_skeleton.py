"""Anatomy: laws that hold for every known skeleton, then the conversions between them."""

from itertools import product

import numpy as np
import pytest
from motions import walk
from scipy.spatial.transform import Rotation

from tcpformer.skeleton import (
    BLAZEPOSE,
    BODY25,
    BODY_26,
    COCO,
    GROUPS,
    H36M,
    HALPE26,
    HALPE136,
    JOINTS_BY_COUNT,
    KNOWN,
    MPI_INF_3DHP,
    STATURE_PER_BONE_SUM,
    WHOLEBODY,
    Skeleton,
    body_skeleton,
    canonical,
    conversion,
    identify,
    match_skeleton,
    stature,
)

CONVERTIBLE = [(s, t) for s, t in product(KNOWN, (H36M, MPI_INF_3DHP))]
TO_BODY_26 = [s for s in KNOWN if s not in (BODY_26,)]
every = pytest.mark.parametrize("skeleton", KNOWN, ids=lambda s: s.name)
pairs = pytest.mark.parametrize(
    ("source", "target"), CONVERTIBLE, ids=[f"{s.name}-{t.name}" for s, t in CONVERTIBLE]
)


def mirrored(skeleton: Skeleton, xyz: np.ndarray) -> np.ndarray:
    return xyz[..., list(skeleton.mirror), :] * np.array([-1.0, 1.0, 1.0])


@every
def test_mirror_twice_is_identity_and_exchanges_names(skeleton: Skeleton) -> None:
    mirror = skeleton.mirror
    assert [mirror[i] for i in mirror] == list(range(len(skeleton.joints)))
    for i, joint in enumerate(skeleton.joints):
        twin = skeleton.joints[mirror[i]]
        if joint[0] in "LR":
            assert {joint[0], twin[0]} == {"L", "R"}
            assert joint[1:] == twin[1:]
        else:
            assert twin == joint


@every
def test_tree_has_one_root_and_no_loop(skeleton: Skeleton) -> None:
    assert skeleton.parents.count(-1) == 1
    assert skeleton.parents[skeleton.root] == -1
    assert len(skeleton.bones) == len(skeleton.joints) - 1 == len(set(skeleton.joints)) - 1
    for joint in range(len(skeleton.joints)):
        for _ in skeleton.joints:
            joint = skeleton.parents[joint] if joint != skeleton.root else joint
        assert joint == skeleton.root


@pytest.mark.parametrize("skeleton", [H36M, MPI_INF_3DHP], ids=lambda s: s.name)
def test_mirror_keeps_the_tree(skeleton: Skeleton) -> None:
    # not so for the detectors' trees: their root is the nose, and COCO's ears hang on the eyes
    mirror = skeleton.mirror
    bones = {(mirror[parent], mirror[child]) for parent, child in skeleton.bones}
    assert bones == set(skeleton.bones)


def test_skeletons_have_the_joint_order_of_their_data_sets() -> None:
    assert [H36M.index[f"R{j}"] for j in ("Hip", "Knee", "Ankle")] == [1, 2, 3]
    assert [H36M.index[f"L{j}"] for j in ("Shoulder", "Elbow", "Wrist")] == [11, 12, 13]
    assert MPI_INF_3DHP.root == 14
    assert (MPI_INF_3DHP.index["RShoulder"], MPI_INF_3DHP.index["RHip"]) == (2, 8)
    assert [len(s.joints) for s in KNOWN] == [17, 26, 17, 17, 17, 23, 25, 26, 28, 25, 33]
    assert BODY_26.joints[:17] == H36M.joints
    assert COCO.joints[5:7] == ("LShoulder", "RShoulder")
    assert BLAZEPOSE.joints[31] == "LFootIndex"
    assert HALPE26.joints[17:20] == ("Head", "Neck", "Hip")


@pairs
def test_conversion_rows_sum_to_one(source: Skeleton, target: Skeleton) -> None:
    weights = conversion(source, target)
    assert weights.shape == (len(target.joints), len(source.joints))
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=0, atol=1e-12)


@pairs
def test_conversion_commutes_with_similarity(
    source: Skeleton, target: Skeleton, rng: np.random.Generator
) -> None:
    x, weights = rng.normal(size=(len(source.joints), 3)), conversion(source, target)
    turn, shift = Rotation.from_rotvec([0.3, -1.2, 0.7]).as_matrix(), np.array([3.0, -2.0, 1.0])
    moved = 1.7 * x @ turn.T + shift
    np.testing.assert_allclose(weights @ moved, 1.7 * (weights @ x) @ turn.T + shift, atol=1e-12)


@pairs
def test_conversion_commutes_with_mirroring(
    source: Skeleton, target: Skeleton, rng: np.random.Generator
) -> None:
    x, weights = rng.normal(size=(len(source.joints), 3)), conversion(source, target)
    there, back = weights @ mirrored(source, x), mirrored(target, weights @ x)
    np.testing.assert_allclose(there, back, atol=1e-12)


@pairs
def test_conversion_keeps_limb_joints_with_a_namesake(source: Skeleton, target: Skeleton) -> None:
    weights = conversion(source, target)
    for joint in target.joints:
        if joint[0] in "LR":
            row = np.zeros(len(source.joints))
            row[source.index[joint]] = 1
            np.testing.assert_array_equal(weights[target.index[joint]], row)


@every
def test_conversion_to_itself_is_identity(skeleton: Skeleton) -> None:
    np.testing.assert_array_equal(conversion(skeleton, skeleton), np.eye(len(skeleton.joints)))


def test_conversion_of_h36m_to_3dhp_and_back_is_identity() -> None:
    there, back = conversion(H36M, MPI_INF_3DHP), conversion(MPI_INF_3DHP, H36M)
    np.testing.assert_array_equal(back @ there, np.eye(17))
    np.testing.assert_array_equal(there @ back, np.eye(17))


def test_conversion_of_coco_places_the_midline_joints() -> None:
    x = np.zeros((17, 2))
    x[[COCO.index["LShoulder"], COCO.index["RShoulder"]]] = [[20, 100], [-20, 100]]
    x[[COCO.index["LHip"], COCO.index["RHip"]]] = [[10, 200], [-10, 200]]
    x[[COCO.index["LEar"], COCO.index["REar"]]] = [[8, 50], [-8, 50]]
    y = conversion(COCO, H36M) @ x
    middle = {"Hip": 200, "Spine": 150, "Thorax": 100, "Neck": 60, "Head": 30}
    for joint, height in middle.items():
        np.testing.assert_allclose(y[H36M.index[joint]], [0, height], atol=1e-12)


def test_conversion_of_body25_is_that_of_halpe26_but_for_the_head() -> None:
    shared = [joint for joint in BODY25.joints if joint in HALPE26.index]
    body, halpe = conversion(BODY25, H36M), conversion(HALPE26, H36M)
    same = [i for i, joint in enumerate(H36M.joints) if joint != "Head"]
    columns = BODY25.indices(*shared), HALPE26.indices(*shared)
    np.testing.assert_array_equal(body[same][:, columns[0]], halpe[same][:, columns[1]])


@pytest.mark.parametrize("target", [COCO, BLAZEPOSE, HALPE26], ids=lambda s: s.name)
def test_conversion_unknown_names_both_skeletons(target: Skeleton) -> None:
    with pytest.raises(ValueError, match=f"'h36m' to '{target.name}'"):
        conversion(H36M, target)


# names


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("left_hip", "LHip"),
        ("hip.L", "LHip"),
        ("LeftHip", "LHip"),
        ("LHip", "LHip"),
        ("l_hip", "LHip"),
        ("LEFT_HIP", "LHip"),
        ("Left Hip", "LHip"),
        ("right-big-toe", "RBigToe"),
        ("mouth_left", "LMouth"),
        ("left_eye_inner", "LEyeInner"),
        ("right_foot_index", "RFootIndex"),
        ("pelvis", "Hip"),
        ("root", "Hip"),
        ("top_of_head", "HeadTop"),
        ("nose", "Nose"),
    ],
)
def test_canonical_of_foreign_names(written: str, name: str) -> None:
    assert canonical(written) == name


@every
def test_identify_finds_every_skeleton_in_any_order(
    skeleton: Skeleton, rng: np.random.Generator
) -> None:
    assert tuple(canonical(joint) for joint in skeleton.joints) == skeleton.joints
    shuffled = rng.permutation(len(skeleton.joints))
    found, order = identify([skeleton.joints[i] for i in shuffled])
    assert found == skeleton
    np.testing.assert_array_equal(shuffled[list(order)], np.arange(len(skeleton.joints)))


def test_identify_takes_the_largest_complete_skeleton() -> None:
    assert identify(BLAZEPOSE.joints)[0] == BLAZEPOSE  # though all of COCO is in it
    found, order = identify(["neck", *(f"{j}" for j in COCO.joints)])
    assert found == COCO
    assert order == tuple(range(1, 18))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([*COCO.joints, "tail"], "unknown joint names.*tail"),
        ([*COCO.joints, "left_hip"], "LHip.*twice"),
        (COCO.joints[:-1], "nearest is coco, without.*RAnkle"),
        ([], "no known skeleton is complete"),
    ],
)
def test_identify_refuses_bad_names(names: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        identify(names)


@pytest.mark.parametrize("count", JOINTS_BY_COUNT)
def test_match_skeleton_goes_by_the_count_without_names(count: int) -> None:
    skeleton, order = match_skeleton(None, count)
    assert len(order) == len(skeleton.joints) <= count
    assert [JOINTS_BY_COUNT[count][i] for i in order] == list(skeleton.joints)


def test_match_skeleton_by_names_finds_the_order() -> None:
    skeleton, order = match_skeleton(HALPE26.joints[::-1], 26)
    assert skeleton == HALPE26
    assert order == tuple(range(26))[::-1]


def test_match_skeleton_refuses_an_unknown_count() -> None:
    with pytest.raises(ValueError, match=r"expected 17, 18, 25, 26, 133, 136 joints.*got 16"):
        match_skeleton(None, 16)


# stature


def test_stature_does_not_depend_on_the_pose(rng: np.random.Generator) -> None:
    pose = walk(1).xyz[0]
    bent = np.zeros((50, 17, 3))
    turns = Rotation.from_quat(rng.normal(size=(50 * 17, 4))).as_matrix().reshape(50, 17, 3, 3)
    for parent, child in H36M.bones:
        bent[:, child] = bent[:, parent] + turns[:, child] @ (pose[child] - pose[parent])
    np.testing.assert_allclose(stature(bent), stature(pose), rtol=1e-12)


def test_stature_is_linear_symmetric_and_equals_the_sum_of_bones() -> None:
    xyz = walk(7).xyz
    np.testing.assert_allclose(stature(2.5 * xyz + 4.0), 2.5 * stature(xyz), rtol=1e-12)
    np.testing.assert_allclose(stature(mirrored(H36M, xyz)), stature(xyz), rtol=1e-12)
    bones = 0.45 + 0.44 + np.hypot(0.01, 0.23) + 0.26 + np.hypot(0.06, 0.10) + 0.12
    np.testing.assert_allclose(stature(xyz), STATURE_PER_BONE_SUM * bones, rtol=1e-12)
    assert stature(xyz[None, :3]).shape == (1, 3)


def test_stature_takes_the_mean_of_both_legs() -> None:
    pose = walk(1).xyz[0]
    longer = pose.copy()
    longer[H36M.index["RAnkle"]] += 0.10 * (
        (pose[H36M.index["RAnkle"]] - pose[H36M.index["RKnee"]]) / 0.44
    )
    assert stature(longer) - stature(pose) == pytest.approx(STATURE_PER_BONE_SUM * 0.05)


def test_conversion_leaves_out_groups_the_source_lacks() -> None:
    missing = {s.name: np.flatnonzero(~conversion(s, BODY_26).any(axis=1)) for s in (H36M, COCO)}
    assert missing["h36m"].tolist() == list(range(17, 26))
    assert missing["coco"].tolist() == GROUPS["feet"] + GROUPS["hands"]


@pytest.mark.parametrize("source", [BLAZEPOSE, HALPE26, BODY25, WHOLEBODY], ids=lambda s: s.name)
def test_conversion_puts_the_ball_between_heel_and_toes(source: Skeleton) -> None:
    x = np.random.default_rng(0).normal(size=(len(source.joints), 3))
    y = conversion(source, BODY_26) @ x
    tips = [j for j in ("LFootIndex", "LBigToe", "LSmallToe") if j in source.index]
    heel, tip = x[source.index["LHeel"]], x[source.indices(*tips)].mean(axis=0)
    share = (y[17] - heel) @ (tip - heel) / ((tip - heel) @ (tip - heel))
    np.testing.assert_allclose(y[17], heel + share * (tip - heel), atol=1e-12)
    assert share == pytest.approx(0.72 if len(tips) == 1 else 0.8)


@pytest.mark.parametrize("source", TO_BODY_26, ids=lambda s: s.name)
def test_conversion_to_body26_has_the_17_of_h36m_first(source: Skeleton) -> None:
    weights = conversion(source, BODY_26)
    np.testing.assert_array_equal(weights[:17], conversion(source, H36M))
    np.testing.assert_allclose(weights[17:].sum(axis=1), weights[17:].any(axis=1), atol=1e-12)


@pytest.mark.parametrize("source", TO_BODY_26, ids=lambda s: s.name)
def test_conversion_to_body26_commutes_with_mirroring(
    source: Skeleton, rng: np.random.Generator
) -> None:
    x, weights = rng.normal(size=(len(source.joints), 3)), conversion(source, BODY_26)
    there, back = weights @ mirrored(source, x), mirrored(BODY_26, weights @ x)
    np.testing.assert_allclose(there, back, atol=1e-12)


@pytest.mark.parametrize(
    ("count", "source", "feet", "hands"),
    [(133, WHOLEBODY, range(17, 23), [100, 121]), (136, HALPE136, range(20, 26), [103, 124])],
)
def test_match_skeleton_finds_feet_and_hands_of_a_whole_body(
    count: int, source: Skeleton, feet: range, hands: list[int]
) -> None:
    skeleton, order = match_skeleton(None, count)
    assert skeleton == source
    assert order[-2:] == tuple(hands)
    named = [i for i, joint in zip(order, skeleton.joints, strict=True) if "Toe" in joint]
    named += [i for i, joint in zip(order, skeleton.joints, strict=True) if "Heel" in joint]
    assert sorted(named) == list(feet)


@pytest.mark.parametrize("skeleton", [H36M, BODY_26], ids=lambda s: s.name)
def test_body_skeleton_goes_by_the_count(skeleton: Skeleton) -> None:
    assert body_skeleton(len(skeleton.joints)) == skeleton


def test_body_skeleton_refuses_another_count() -> None:
    with pytest.raises(ValueError, match="17 or 26 joints, got 25"):
        body_skeleton(25)
