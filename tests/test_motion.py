"""`Motion2D` and `Motion3D`: what they refuse, and the conversion between skeletons."""

import copy
import pickle
from collections.abc import Callable
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from coco_motion import BAD_SIZE_OR_RATE, J, random_motion, unchecked_motion
from motions import walk
from walk26 import masked, walk26

from tcpformer.motion import (
    Motion2D,
    Motion3D,
    check_times,
    in_single_precision,
    read_only,
    seen_groups,
    to_skeleton,
)
from tcpformer.skeleton import BODY_26, COCO, GROUPS, H36M, MPI_INF_3DHP


@pytest.fixture
def unchecked() -> ModuleType:
    return unchecked_motion()


# what a motion in the image may be


def test_motion2d_defaults_to_even_times_and_valid_where_confident() -> None:
    confidence = np.full((6, J), 0.5)
    confidence[[1, 5]] = 0
    confidence[2, 1:] = 0
    m = Motion2D(random_motion().xy, confidence, (1280, 720), 30.0, COCO)
    np.testing.assert_array_equal(m.valid, [True, False, True, True, True, False])
    np.testing.assert_allclose(m.times, np.arange(6) / 30)
    assert len(m) == 6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"xy": np.full((6, J, 2), np.nan)}, "xy must be finite, but 204 numbers.*frame 0"),
        ({"confidence": np.full((6, J), np.inf)}, "confidence must be finite"),
        ({"confidence": np.full((6, J), 1.001)}, "confidence must lie in 0 to 1"),
        ({"confidence": np.full((6, J), -0.1)}, "confidence must lie in 0 to 1"),
        ({"size": (0, 720)}, "size and fps must be positive"),
        ({"fps": 0.0}, "size and fps must be positive"),
        ({"fps": float("nan")}, "size and fps must be positive"),
        ({"fps": float("inf")}, "size and fps must be positive"),
        ({"focal": 0.0}, "focal must be positive"),
        ({"focal": float("nan")}, "focal must be positive"),
        ({"times": np.zeros(6)}, "times must be finite and increase"),
        ({"times": np.arange(6.0)[::-1]}, "times must be finite and increase"),
        ({"times": np.array([0, 1, 2, 3, 4, np.inf])}, "times must be finite and increase"),
    ],
)
def test_motion2d_refuses_bad_values(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(random_motion(), **change)


@pytest.mark.parametrize(
    "change",
    [
        {"fps": None},
        {"fps": "30"},
        {"fps": np.array([30.0])},
        {"size": (1280.5, 720)},
        {"size": (1280, float("nan"))},
        {"size": (1280, float("inf"))},
        {"size": (1280, 720, 3)},
        {"size": 1280},
        {"size": None},
        {"size": "12"},
    ],
)
def test_check_size_and_rate_shows_bad_values(
    unchecked: ModuleType, change: dict[str, Any]
) -> None:
    content = {"size": (1280, 720), "fps": 30.0, "skeleton": COCO} | change
    with pytest.raises(ValueError, match=BAD_SIZE_OR_RATE) as error:
        unchecked.Motion2D(random_motion().xy, random_motion().confidence, **content)
    assert str(error.value).endswith(f"got {content['size']} and {content['fps']}.")


@pytest.mark.parametrize("size", [[1280, 720], (1280.0, 720.0), np.array([1280, 720])])
def test_motion2d_takes_a_whole_size_of_any_type(unchecked: ModuleType, size: Any) -> None:
    m = unchecked.Motion2D(random_motion().xy, random_motion().confidence, size, np.array(30), COCO)
    assert m.size == (1280, 720)
    assert [type(x) for x in m.size] == [int, int]


# pixels


@pytest.mark.parametrize(
    ("scale", "offset"),
    [((1, 1), (0, 0)), ((0.5, 2.5), (0.2, 0.3)), ((2, 2), (-1, -1))],
    ids=["in the picture", "feet far below it", "about its middle"],
)
def test_motion2d_refuses_fractions_of_the_picture(
    scale: tuple[float, float], offset: tuple[float, float]
) -> None:
    m = random_motion()
    xy = m.xy / 700 * scale + offset
    with pytest.raises(ValueError, match=r"fractions of the picture.*multiply x by the width and"):
        replace(m, xy=xy)
    assert replace(m, xy=xy * m.size).xy.max() > 5


def test_check_pixels_ignores_unseen_joints() -> None:
    m, empty = random_motion(), np.array([True, True, False, False, True, True])
    xy = np.where(empty[:, None, None], 0.0, m.xy)
    assert len(replace(m, xy=xy, valid=~empty)) == 6  # in two frames there are pixels
    assert len(replace(m, xy=0 * xy, confidence=0 * m.confidence)) == 6
    assert len(replace(m, xy=0 * xy, valid=np.zeros(6, dtype=bool))) == 6
    shares = np.where(empty[:, None, None], m.xy, m.xy / 700)
    unseen = np.where(empty[:, None], 0.0, m.confidence)
    with pytest.raises(ValueError, match="fractions of the picture"):
        replace(m, xy=shares, confidence=unseen)
    with pytest.raises(ValueError, match="fractions of the picture"):
        replace(m, xy=shares, valid=~empty)


def test_motion2d_takes_small_people_and_tiny_pictures() -> None:
    m = random_motion()
    assert len(replace(m, xy=m.xy / 70)) == 6  # ten pixels large
    assert len(replace(m, xy=m.xy / 700, size=(9, 9))) == 6


def test_motion2d_needs_a_frame_and_the_joints_of_its_skeleton() -> None:
    with pytest.raises(ValueError, match="at least one frame"):
        Motion2D(np.zeros((0, J, 2)), np.zeros((0, J)), (9, 9), 30.0, COCO)
    with pytest.raises(ValueError, match=r"16 joints.*'coco' has 17.*to_skeleton"):
        Motion2D(np.zeros((3, 16, 2)), np.zeros((3, 16)), (9, 9), 30.0, COCO)


@pytest.mark.parametrize(
    ("xy", "confidence"),
    [((5,), (5, J)), ((5, J, 3), (5, J)), ((5, J, 2), (5,)), ((5, J, 2), (4, J))],
)
def test_motion2d_shows_shapes_that_disagree(
    unchecked: ModuleType, xy: tuple[int, ...], confidence: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match=r"expected xy \(t, j, 2\) and confidence"):
        unchecked.Motion2D(np.zeros(xy), np.zeros(confidence), (9, 9), 30.0, COCO)


# what a motion in space may be


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("xyz", np.full((4, 17, 3), np.nan), "must be finite"),
        ("camera_xyz", np.full((4, 17, 3), np.inf), "must be finite"),
        ("fps", 0.0, "size and fps"),
        ("focal", -1.0, "focal must be positive"),
        ("times", np.zeros(4), "times must be finite and increase"),
    ],
)
def test_motion3d_refuses_bad_values(name: str, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(walk(4), **{name: value})


# another skeleton


def test_to_skeleton_takes_one_ear_for_both() -> None:
    """In profile the far ear is hidden: the head stays where it is, and as certain."""
    m = random_motion()
    ears = [COCO.index["LEar"], COCO.index["REar"]]
    together = m.xy.copy()
    together[:, ears[0]] = together[:, ears[1]]
    hidden, confidence = together.copy(), m.confidence.copy()
    hidden[2:4, ears[0]], confidence[2:4, ears[0]] = 0.0, 0.0
    a = to_skeleton(replace(m, xy=together), H36M)
    b = to_skeleton(replace(m, xy=hidden, confidence=confidence), H36M)
    np.testing.assert_array_equal(a.xy, b.xy)
    assert (b.confidence[:, H36M.index["Head"]] > 0).all()


def test_to_skeleton_takes_the_least_confidence_of_the_parts() -> None:
    m = random_motion()
    confidence = np.ones((6, J))
    confidence[:, COCO.index["LHip"]] = 0.2
    confidence[3, [COCO.index["LEar"], COCO.index["REar"]]] = 0.0
    there = to_skeleton(replace(m, confidence=confidence), H36M)
    for joint in ("LHip", "Hip", "Spine"):
        np.testing.assert_array_equal(there.confidence[:, H36M.index[joint]], 0.2)
    for joint in ("Neck", "Head"):
        np.testing.assert_array_equal(there.confidence[:, H36M.index[joint]], [1, 1, 1, 0, 1, 1])
    for joint in ("RHip", "Thorax", "LWrist"):
        np.testing.assert_array_equal(there.confidence[:, H36M.index[joint]], 1)
    np.testing.assert_array_equal(there.times, m.times)


def test_to_skeleton_commutes_with_similarity_and_mirroring() -> None:
    m, flip = random_motion(), np.array([-1.0, 1.0])

    def mirror(x: Motion2D) -> Motion2D:
        order = list(x.skeleton.mirror)
        xy = x.xy[:, order] * flip + np.array([x.size[0], 0])
        return replace(x, xy=xy, confidence=x.confidence[:, order])

    for target in (H36M, MPI_INF_3DHP):
        there = to_skeleton(m, target)
        shifted = to_skeleton(replace(m, xy=3 * m.xy + 40), target)
        np.testing.assert_allclose(shifted.xy, 3 * there.xy + 40, rtol=0, atol=1e-9)
        one, other = to_skeleton(mirror(m), target), mirror(there)
        np.testing.assert_allclose(one.xy, other.xy, rtol=0, atol=1e-9)
        np.testing.assert_array_equal(one.confidence, other.confidence)


# every field is checked


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"xy": np.full((4, 17, 2), np.nan)}, "xy must be finite, but 136 numbers.*frame 0"),
        ({"xy": np.zeros((4, 17, 2), dtype=int)}, "xy must be an array of type float, got int64"),
        ({"xyz": np.zeros((4, 17, 3)).tolist()}, "xyz must be an array of type float, got list"),
        ({"confidence": np.full((4, 17), 1.5)}, "confidence must lie in 0 to 1"),
        ({"confidence": np.full((4, 17), np.nan)}, "confidence must be finite"),
        ({"valid": np.ones(4)}, "valid must be an array of type bool"),
        ({"valid": np.bool_(True)}, "valid must be"),
        ({"valid": np.array(True)}, "expected xyz"),
        ({"times": [0.0, 1.0, 2.0, 3.0]}, "times must be an array"),
        ({"sigma": np.full((4, 17, 3), -1.0)}, "sigma must be finite metres of at least 0"),
        ({"sigma": np.full((4, 17, 3), np.nan)}, "sigma must be finite metres of at least 0"),
        ({"sigma": "large"}, "sigma must be an array"),
        ({"focal": np.array([900.0, 900.0])}, "focal must be positive"),
        ({"focal": "900"}, "focal must be positive"),
        ({"focal": 1e-300}, "expected a focal of 1 to 1e\\+07 pixels"),
        ({"fps": 10**400}, "size and fps|frames per second"),
        ({"fps": 1e6}, "5000 frames per second"),
        ({"size": (10**9, 10)}, "at most 100000 pixels along a side"),
        ({"region_scale": np.nan}, "region_scale must be positive"),
        ({"region_scale": "2"}, "region_scale must be positive"),
        ({"person": -1}, "person must be a whole number"),
        ({"person": "0"}, "person must be a whole number"),
        ({"provenance": {"scale": 3}}, "scale must be a text"),
        ({"provenance": {"scale": "x" * 10_001}}, "scale must be a text of at most 10000"),
        ({"provenance": ["scale"]}, "provenance must be a mapping"),
        ({"skeleton": "h36m"}, "skeleton must be a Skeleton, got the text 'h36m'; give"),
    ],
)
def test_motion3d_checks_every_field(
    unchecked: ModuleType, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        unchecked.Motion3D(**{**vars(walk(4)), **change})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"xy": np.full((6, J, 2), "a")}, "xy must be real numbers"),
        ({"xy": np.full((6, J, 2), 1e9)}, "xy of detected joints within 1e\\+07 pixels"),
        ({"confidence": np.full((6, J), None)}, "confidence must be real numbers"),
        ({"times": np.array(["0"] * 6)}, "times must be real numbers"),
        ({"focal": (900.0, 900.0)}, "focal must be positive"),
        ({"focal_source": 7}, "focal_source must be a text"),
        ({"person": 1.5}, "person must be a whole number"),
        ({"skeleton": None}, "skeleton must be a Skeleton"),
    ],
)
def test_motion2d_checks_every_field(
    unchecked: ModuleType, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        unchecked.Motion2D(**{**vars(random_motion()), **change})


def test_check_times_bounds_the_duration_by_the_frames() -> None:
    pause = np.array([0.0, 1.0, 590.0])
    check_times(pause)
    with pytest.raises(ValueError, match=r"frame 1 is at 1 s and frame 2 at 700 s; the 3 frames"):
        check_times(np.array([0.0, 1.0, 700.0]))
    check_times(np.arange(10_000) / 1.0)  # one frame a second, however long
    with pytest.raises(ValueError, match="10000 frames may last one second each"):
        check_times(np.arange(10_000) / 0.5)


def test_check_times_bounds_the_frames_of_a_second() -> None:
    check_times(np.arange(12_000) / 5000)
    with pytest.raises(ValueError, match="at most 10000 frames within a second"):
        check_times(np.arange(12_000) / 50_000)


def test_motion2d_keeps_single_precision_and_makes_half_double() -> None:
    m = random_motion()
    single = in_single_precision(m)
    assert (single.xy.dtype, single.confidence.dtype) == (np.float32, np.float32)
    assert single.times.dtype == np.float64
    np.testing.assert_allclose(single.xy, m.xy, rtol=1e-6)
    assert replace(single).xy is single.xy
    half = replace(m, xy=m.xy.astype(np.float16), confidence=m.confidence.astype(np.float16))
    assert (half.xy.dtype, half.confidence.dtype) == (np.float64, np.float64)
    for target in (H36M, COCO):
        assert to_skeleton(single, target).xy.dtype == np.float32


def test_motion2d_does_not_copy_its_arrays() -> None:
    m = random_motion()
    again = replace(m)
    assert again.xy is m.xy
    assert again.confidence is m.confidence
    assert again.times is m.times


def test_to_skeleton_keeps_each_ear_and_marks_what_the_source_lacks() -> None:
    motion = random_motion()
    left, right = COCO.indices("LEar", "REar")
    confidence = motion.confidence.copy()
    confidence[:, left] = 0.0
    motion = replace(motion, confidence=confidence)
    whole, body = to_skeleton(motion, BODY_26), to_skeleton(motion, H36M)
    np.testing.assert_array_equal(whole.xy[:, :17], body.xy)
    np.testing.assert_array_equal(whole.confidence[:, :17], body.confidence)
    ears = BODY_26.indices("LEar", "REar")
    np.testing.assert_array_equal(whole.xy[:, ears], motion.xy[:, [left, right]])
    np.testing.assert_array_equal(whole.confidence[:, ears], confidence[:, [left, right]])
    assert not whole.confidence[:, GROUPS["feet"] + GROUPS["hands"]].any()


def test_seen_groups_are_those_with_a_detected_joint() -> None:
    motion = walk26(6)
    assert seen_groups(motion) == list(GROUPS)
    assert seen_groups(masked(motion, GROUPS["feet"], GROUPS["face"][1:])) == ["hands", "face"]
    assert seen_groups(walk(6)) == []
    confidence = motion.confidence.copy()
    confidence[1:, GROUPS["hands"]] = 0.0
    hidden = replace(motion, confidence=confidence, valid=np.arange(6) > 0)
    assert seen_groups(hidden) == ["feet", "face"]


# records: read-only, compared by value, sliced


@pytest.mark.parametrize("make", [random_motion, lambda: walk(6)], ids=["2d", "3d"])
def test_motion_arrays_cannot_be_written_to(make: Callable[[], Motion2D | Motion3D]) -> None:
    motion = make()
    with pytest.raises(ValueError, match="read-only"):
        motion.xy[0] = 0
    for array in (motion.xy, motion.xy[1:], motion.times.view(), motion.valid.reshape(2, 3)):
        with pytest.raises(ValueError, match="WRITEABLE"):
            array.setflags(write=True)


def test_motion_does_not_share_memory_with_the_arrays_given() -> None:
    whole = np.random.default_rng(0).uniform(0, 700, (6, J, 3))
    view = whole[..., :2]
    view.setflags(write=False)  # its base can still be written to
    m = Motion2D(view, np.ones((6, J)), (1280, 720), 30.0, COCO)
    before = m.xy.copy()
    whole[:] = 0
    np.testing.assert_array_equal(m.xy, before)
    assert whole.flags.writeable


def test_read_only_copies_once() -> None:
    first = read_only(np.arange(6.0).reshape(2, 3).T)
    assert np.array_equal(first, np.arange(6.0).reshape(2, 3).T)
    assert read_only(first) is first
    part = first[1:]
    assert read_only(part) is part
    assert read_only(np.zeros((0, 3))).shape == (0, 3)


@pytest.mark.parametrize("make", [random_motion, lambda: walk(6)], ids=["2d", "3d"])
@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))]
)
def test_motion_copies_are_equal_and_read_only(make: Any, again: Any) -> None:
    motion = make()
    other = again(motion)
    assert other == motion
    with pytest.raises(ValueError, match="WRITEABLE"):
        other.xy.setflags(write=True)


def test_motion_equality_is_that_of_every_field() -> None:
    motion = walk(6)
    assert motion == walk(6)
    changes = {
        "xyz": motion.xyz + 1e-9, "valid": ~motion.valid, "fps": 31.0, "person": 1, "sigma": None,
        "provenance": {"scale": "other"}, "focal": motion.focal + 1,
    }  # fmt: skip
    motion = replace(motion, sigma=np.ones((6, 17, 3)))
    for name, value in changes.items():
        assert replace(motion, **{name: value}) != motion, name
    assert motion != "a motion"
    assert random_motion() != motion


def test_motion_has_a_short_repr() -> None:
    assert repr(walk(40)) == "Motion3D(person 0, 17 joints, 40 frames, 30 fps, 1.333 s)"
    assert repr(random_motion(1)) == "Motion2D(person 0, 17 joints, 1 frame, 30 fps, 0.03333 s)"


def test_motion_fields_have_plain_types(unchecked: ModuleType) -> None:
    fields = vars(walk(4)) | {
        "fps": np.float32(25), "person": np.int64(2), "size": np.array([640, 480]),
        "focal": np.float64(500), "ground_sigma": np.array([1.0, 2.0, 0.0]),
    }  # fmt: skip
    motion = unchecked.Motion3D(**fields)
    assert (motion.fps, motion.person, motion.size) == (25.0, 2, (640, 480))
    assert motion.ground_sigma == (1.0, 2.0, 0.0)
    values = (motion.fps, motion.person, motion.focal, motion.size, motion.provenance)
    assert [type(value) for value in values] == [float, int, float, tuple, dict]


@pytest.mark.parametrize("part", [np.s_[2:5], np.s_[-3:], np.s_[:100], np.s_[1::2]])
def test_motion_slice_has_the_frames_and_their_times(part: slice) -> None:
    motion = replace(walk(7), times=np.arange(7) / 30 + 2, valid=np.arange(7) != 3, person=4)
    motion = replace(motion, sigma=np.random.default_rng(0).uniform(0, 1, motion.xyz.shape))
    some = motion[part]
    for name in ("xyz", "camera_xyz", "xy", "confidence", "valid", "times", "sigma"):
        np.testing.assert_array_equal(getattr(some, name), getattr(motion, name)[part], name)
    assert some.fps == motion.fps / (part.step or 1)
    assert (some.provenance, some.person) == (motion.provenance, 4)


def test_motion_slices_of_slices_are_slices() -> None:
    for motion in (walk(9), random_motion(9)):
        assert motion[:] == motion
        assert motion[2:8][1:4] == motion[3:6]


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (3, r"a slice of frames such as motion\[10:20\], got the number 3"),
        ("xyz", "got the text 'xyz'"),
        (np.array([True] * 6), r"got an array of shape \(6,\)"),
        (slice(1.5, 3), "whole numbers of frames"),
        (slice(3, 3), r"motion\[3:3\] has no frame.*frames 0 to 5"),
        (slice(None, None, -1), r"motion\[::-1\] has no frame, or runs backwards"),
        (slice(None, None, 0), "zero"),
    ],
)
def test_motion_refuses_what_is_no_slice(unchecked: ModuleType, part: Any, message: str) -> None:
    m = random_motion()
    other = unchecked.Motion2D(m.xy, m.confidence, m.size, m.fps, COCO)
    with pytest.raises(ValueError, match=message):
        other[part]
