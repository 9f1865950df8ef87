"""The two nouns: what they refuse, how they are written and read, and skeletons by name."""

import pickle
from collections.abc import Callable
from dataclasses import fields, replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from coco_motion import FILM_MUST_BE, J, keypoints, seen
from motions import walk

from tcpformer import motion
from tcpformer.io.npz import load_keypoints, load_motion, save_motion
from tcpformer.motion import Motion2D, to_skeleton
from tcpformer.skeleton import COCO, H36M, MPI_INF_3DHP


@pytest.fixture
def unchecked() -> ModuleType:
    """The module as users import it: without the shape check that these tests switch on."""
    spec = spec_from_file_location("tcpformer.unchecked", motion.__file__)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# what a motion in the image may be


def test_by_default_frames_are_even_and_valid_where_anything_was_seen() -> None:
    confidence = np.full((6, J), 0.5)
    confidence[[1, 5]] = 0
    confidence[2, 1:] = 0
    m = Motion2D(seen().xy, confidence, (1280, 720), 30.0, COCO)
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
def test_a_motion_refuses(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(seen(), **change)


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
def test_a_size_and_a_rate_that_are_none_are_shown(
    unchecked: ModuleType, change: dict[str, Any]
) -> None:
    content = {"size": (1280, 720), "fps": 30.0, "skeleton": COCO} | change
    with pytest.raises(ValueError, match=FILM_MUST_BE) as error:
        unchecked.Motion2D(seen().xy, seen().confidence, **content)
    assert str(error.value).endswith(f"got {content['size']} and {content['fps']}.")


@pytest.mark.parametrize("size", [[1280, 720], (1280.0, 720.0), np.array([1280, 720])])
def test_a_whole_size_of_any_kind_is_a_size(unchecked: ModuleType, size: Any) -> None:
    m = unchecked.Motion2D(seen().xy, seen().confidence, size, np.array(30), COCO)
    assert m.size == (1280, 720)
    assert [type(x) for x in m.size] == [int, int]


# pixels


@pytest.mark.parametrize(
    ("scale", "offset"),
    [((1, 1), (0, 0)), ((0.5, 2.5), (0.2, 0.3)), ((2, 2), (-1, -1))],
    ids=["in the picture", "feet far below it", "about its middle"],
)
def test_shares_of_the_picture_are_no_pixels(
    scale: tuple[float, float], offset: tuple[float, float]
) -> None:
    m = seen()
    xy = m.xy / 700 * scale + offset
    with pytest.raises(ValueError, match=r"fractions of the picture.*multiply x by the width and"):
        replace(m, xy=xy)
    assert replace(m, xy=xy * m.size).xy.max() > 5


def test_numbers_of_who_was_not_seen_do_not_count_for_or_against_pixels() -> None:
    m, nobody = seen(), np.array([True, True, False, False, True, True])
    xy = np.where(nobody[:, None, None], 0.0, m.xy)
    assert len(replace(m, xy=xy, valid=~nobody)) == 6  # in two frames there are pixels
    assert len(replace(m, xy=0 * xy, confidence=0 * m.confidence)) == 6
    assert len(replace(m, xy=0 * xy, valid=np.zeros(6, dtype=bool))) == 6
    shares = np.where(nobody[:, None, None], m.xy, m.xy / 700)
    unseen = np.where(nobody[:, None], 0.0, m.confidence)
    with pytest.raises(ValueError, match="fractions of the picture"):
        replace(m, xy=shares, confidence=unseen)
    with pytest.raises(ValueError, match="fractions of the picture"):
        replace(m, xy=shares, valid=~nobody)


def test_somebody_small_in_a_corner_and_tiny_pictures_are_pixels() -> None:
    m = seen()
    assert len(replace(m, xy=m.xy / 70)) == 6  # ten pixels large
    assert len(replace(m, xy=m.xy / 700, size=(9, 9))) == 6


def test_a_motion_needs_a_frame_and_as_many_joints_as_its_skeleton() -> None:
    with pytest.raises(ValueError, match="at least one frame"):
        Motion2D(np.zeros((0, J, 2)), np.zeros((0, J)), (9, 9), 30.0, COCO)
    with pytest.raises(ValueError, match=r"16 joints.*'coco' has 17.*to_skeleton"):
        Motion2D(np.zeros((3, 16, 2)), np.zeros((3, 16)), (9, 9), 30.0, COCO)


@pytest.mark.parametrize(
    ("xy", "confidence"),
    [((5,), (5, J)), ((5, J, 3), (5, J)), ((5, J, 2), (5,)), ((5, J, 2), (4, J))],
)
def test_shapes_that_disagree_are_shown(
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
def test_a_motion_in_space_refuses(name: str, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(walk(4), **{name: value})


# another skeleton


def test_one_ear_stands_for_both() -> None:
    """In profile the far ear is hidden: the head stays where it is, and as certain."""
    m = seen()
    ears = [COCO.index["LEar"], COCO.index["REar"]]
    together = m.xy.copy()
    together[:, ears[0]] = together[:, ears[1]]
    hidden, confidence = together.copy(), m.confidence.copy()
    hidden[2:4, ears[0]], confidence[2:4, ears[0]] = 0.0, 0.0
    a = to_skeleton(replace(m, xy=together), H36M)
    b = to_skeleton(replace(m, xy=hidden, confidence=confidence), H36M)
    np.testing.assert_array_equal(a.xy, b.xy)
    assert (b.confidence[:, H36M.index["Head"]] > 0).all()


def test_converted_confidence_is_that_of_the_least_certain_part() -> None:
    m = seen()
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


def test_converting_commutes_with_moving_and_mirroring_the_picture() -> None:
    m, flip = seen(), np.array([-1.0, 1.0])

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


# files


def _damaged(path: Path) -> None:
    np.savez_compressed(path, **keypoints())
    content = bytearray(path.read_bytes())
    content[100:300] = bytes(200)
    path.write_bytes(bytes(content))


def _cut(path: Path) -> None:
    np.savez(path, **keypoints())
    path.write_bytes(path.read_bytes()[:-200])


@pytest.mark.parametrize(
    "write",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_text("frame,joint,x,y\n"),
        lambda path: path.write_bytes(pickle.dumps({"xy": 1})),
        lambda path: path.write_bytes(b"PK\x03\x04 no archive"),
        lambda path: np.save(path.with_suffix(".npy"), np.zeros(3)) or _rename(path),
        _damaged,
        _cut,
    ],
    ids=["empty", "text", "pickle", "not a zip", "npy", "damaged", "cut off"],
)
@pytest.mark.parametrize("load", [load_keypoints, load_motion])
def test_what_is_no_npz_file_is_said_to_be_none(
    tmp_path: Path, write: Callable[[Path], Any], load: Callable[[Path], Any]
) -> None:
    write(tmp_path / "a.npz")
    with pytest.raises(ValueError, match=r"a\.npz: (not an npz file|keys)"):
        load(tmp_path / "a.npz")


def _rename(path: Path) -> None:
    path.with_suffix(".npy").rename(path)


@pytest.mark.parametrize("load", [load_keypoints, load_motion])
def test_a_file_that_is_not_there(tmp_path: Path, load: Callable[[Path], Any]) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.npz"):
        load(tmp_path / "none.npz")


# motion files


@pytest.mark.parametrize("frames", [1, 20])
def test_a_saved_motion_is_read_back_exactly(tmp_path: Path, frames: int) -> None:
    m = walk(frames)
    m = replace(m, valid=np.arange(frames) % 3 == 0, provenance={"weights": "größer"})
    path = tmp_path / "motion.npz"
    save_motion(m, path)
    assert list(tmp_path.iterdir()) == [path]
    back = load_motion(path)
    for field in fields(m):
        one, other = getattr(m, field.name), getattr(back, field.name)
        assert type(one) is type(other)
        if isinstance(one, np.ndarray):
            assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


def test_a_motion_file_needs_no_pickle_and_names_unit_axes_joints(tmp_path: Path) -> None:
    save_motion(walk(3), tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz", allow_pickle=False) as file:
        content = {key: file[key] for key in file}
    assert str(content["unit"]) == "m"
    assert "z up" in str(content["axes"])
    assert tuple(content["joints"]) == H36M.joints
    assert all(array.dtype != object for array in content.values())


def test_a_motion_file_with_its_joints_in_another_order_is_the_same_motion(tmp_path: Path) -> None:
    m, order = walk(3), np.random.default_rng(1).permutation(17)
    save_motion(m, tmp_path / "a.npz")
    content = dict(np.load(tmp_path / "a.npz"))
    for key in ("xyz", "camera_xyz", "xy", "confidence"):
        content[key] = content[key][:, order]
    np.savez(tmp_path / "a.npz", **content | {"joints": content["joints"][order]})
    np.testing.assert_array_equal(load_motion(tmp_path / "a.npz").xyz, m.xyz)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"unit": "mm"}, "expected metres, got unit 'mm'"),
        ({"xyz": np.zeros(5)}, "expected 17 joints"),
        ({"xyz": np.zeros((3, 16, 3))}, "expected 17 joints"),
        ({"xyz": np.zeros((3, 17, 4))}, "for 3 frames .* of 17 joints, expected xyz"),
        ({"xy": np.zeros((2, 17, 2))}, "expected xyz"),
        ({"confidence": np.zeros((3, 17, 1))}, "expected xyz"),
        ({"xyz": np.full((3, 17, 3), np.nan)}, "must be finite"),
        ({"times": np.array([0.0, 0.1])}, "times need 3 entries"),
    ],
)
def test_a_bad_motion_file_gives_one_clear_error(
    tmp_path: Path, unchecked: ModuleType, change: dict[str, Any], message: str
) -> None:
    save_motion(walk(3), tmp_path / "a.npz")
    np.savez(tmp_path / "a.npz", **dict(np.load(tmp_path / "a.npz")) | change)
    with pytest.raises(ValueError, match=message):
        load_motion(tmp_path / "a.npz")
