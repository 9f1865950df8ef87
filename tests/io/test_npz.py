"""Our npz files: 2D keypoints and 3D motion."""

import pickle
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from coco_motion import BAD_SIZE_OR_RATE, J, keypoints, random_motion, unchecked_motion
from commands import keypoint_file
from keypoint_files import FPS, SIZE, read_motions
from motions import walk

from tcpformer.io import read_detections
from tcpformer.io.npz import load_keypoints, load_motion, save_motion
from tcpformer.motion import to_skeleton
from tcpformer.skeleton import COCO, H36M


def test_load_keypoints_in_any_order_and_spelling(tmp_path: Path) -> None:
    m, order = random_motion(), np.random.default_rng(5).permutation(J)
    for sides in ({"L": "left_", "R": "right_"}, {"L": "Left", "R": "Right"}):
        names = [sides[j[0]] + j[1:] if j[0] in "LR" else j for j in COCO.joints]
        content = keypoints(
            xy=m.xy[:, order].astype(np.float32),
            confidence=m.confidence[:, order],
            joints=np.array(names)[order],
        )
        np.savez(tmp_path / "a.npz", **content)
        read = load_keypoints(tmp_path / "a.npz")
        assert read.skeleton == COCO
        assert (read.size, read.fps) == (m.size, m.fps)
        np.testing.assert_allclose(read.xy, m.xy, rtol=1e-6)
        np.testing.assert_array_equal(read.confidence, m.confidence)


def test_load_keypoints_of_whole_numbers(tmp_path: Path) -> None:
    content = keypoints(
        xy=np.ones((6, J, 2), dtype=np.int32), confidence=np.ones((6, J), dtype=int)
    )
    np.savez(tmp_path / "a.npz", **content | {"fps": 25, "size": np.array([64.0, 48.0])})
    read = load_keypoints(tmp_path / "a.npz")
    assert (read.size, read.fps, read.xy.max()) == ((64, 48), 25.0, 1.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"xy": np.zeros((6, J))}, r"expected xy \(t, 17, 2\)"),
        ({"xy": np.zeros((6, J, 3))}, r"expected xy \(t, 17, 2\)"),
        ({"xy": np.float64(3)}, r"expected xy \(t, 17, 2\)"),
        ({"confidence": np.ones((5, J))}, r"expected xy \(t, 17, 2\)"),
        ({"xy": np.zeros((0, J, 2)), "confidence": np.zeros((0, J))}, "at least one frame"),
        ({"joints": np.array(COCO.joints[1:])}, r"for 16 joint names"),
        ({"joints": np.array("LHip")}, r"for 1 joint names"),
        ({"joints": np.array(["tail", *COCO.joints[1:]])}, "unknown joint names.*tail"),
        ({"joints": np.array(["LHip", *COCO.joints[1:]])}, "LHip.*twice"),
        ({"joints": np.array(["Neck", *COCO.joints[1:]])}, "nearest is coco, without.*Nose"),
        ({"xy": np.full((6, J, 2), np.nan)}, "xy must be finite"),
        ({"xy": np.full((6, J, 2), "a")}, "expected real numbers.*xy"),
        ({"xy": np.full((6, J, 2), 1j)}, "xy: expected real numbers"),
        ({"xy": np.full((6, J, 2), None)}, "xy: it holds Python objects, which could run code"),
        ({"confidence": np.full((6, J), 95.0)}, "confidence must lie in 0 to 1"),
        ({"fps": np.array([30.0])}, BAD_SIZE_OR_RATE),
        ({"fps": "thirty"}, "expected real numbers.*fps"),
        ({"fps": np.nan}, "size and fps must be positive"),
        ({"size": np.array([1280, 720, 3])}, BAD_SIZE_OR_RATE),
        ({"size": np.array([1280, np.inf])}, BAD_SIZE_OR_RATE),
        ({"size": np.array([1280.5, 720])}, BAD_SIZE_OR_RATE),
        ({"xy": random_motion().xy / 700}, "fractions of the picture"),
        ({"size": np.array([1280, 0])}, "size and fps must be positive"),
    ],
)
def test_load_keypoints_refuses_bad_content(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    np.savez(tmp_path / "a.npz", **keypoints(**change), allow_pickle=True)
    with pytest.raises(ValueError, match=message):
        load_keypoints(tmp_path / "a.npz")


@pytest.mark.parametrize("key", ["xy", "confidence", "joints", "fps", "size"])
def test_load_keypoints_names_a_missing_key(tmp_path: Path, key: str) -> None:
    np.savez(tmp_path / "a.npz", **{k: v for k, v in keypoints().items() if k != key})
    with pytest.raises(ValueError, match=rf"a\.npz: keys \['{key}'\] are missing; found"):
        load_keypoints(tmp_path / "a.npz")


def test_load_keypoints_prefers_the_given_rate_and_size(tmp_path: Path) -> None:
    content = {key: x for key, x in keypoints().items() if key not in ("fps", "size")}
    np.savez(tmp_path / "without.npz", **content)
    np.savez(tmp_path / "with.npz", **keypoints(fps=25.0, size=np.array([64, 48])))
    for name in ("without.npz", "with.npz"):
        read = load_keypoints(tmp_path / name, fps=30.0, size=(1280, 720))
        assert (read.fps, read.size) == (30.0, (1280, 720))


def test_load_keypoints_gives_the_source_of_the_focal_length(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    assert replace(random_motion(), focal=900.0).focal_source == "given with the 2D motion"
    np.savez(path, **keypoints(focal=np.float64(900)))
    read = load_keypoints(path)
    assert (read.focal, read.focal_source) == (900.0, f"given in {path}")
    assert to_skeleton(read, H36M).focal_source == read.focal_source
    for source in ("assumed: 60 degrees across the longer side", "metadata of the video"):
        save_motion(replace(walk(3), provenance={"focal": source}), path)
        assert load_keypoints(path).focal_source == source


@pytest.mark.parametrize("missing", [("fps",), ("size",), ("fps", "size")])
def test_read_keypoints_npz_completes_the_file(missing: tuple[str, ...], tmp_path: Path) -> None:
    path = keypoint_file(**dict.fromkeys(missing))(tmp_path)
    (motion,) = read_motions(path, fps=FPS, size=SIZE)
    assert (motion.fps, motion.size, motion.skeleton) == (FPS, SIZE, H36M)
    np.testing.assert_allclose(motion.xy, walk(40).xy)


def test_read_keypoints_npz_takes_the_rate_of_the_times(tmp_path: Path) -> None:
    path = keypoint_file(fps=None, times=np.arange(40) / 50)(tmp_path)
    assert read_detections(path).fps == pytest.approx(50)
    with pytest.raises(ValueError, match="has fps 50"):
        read_detections(path, fps=25.0)


def test_read_keypoints_npz_gives_the_motion_of_load_keypoints(tmp_path: Path) -> None:
    confidence = walk(40).confidence.copy()
    confidence[5:9], confidence[20, 3] = 0, 0
    times = 3 + np.arange(40) / 30
    path = keypoint_file(confidence=confidence, times=times, focal=900.0)(tmp_path)
    expected, (found,) = load_keypoints(path), read_motions(path)
    assert expected.valid.sum() == 36
    for field in fields(expected):
        np.testing.assert_array_equal(getattr(found, field.name), getattr(expected, field.name))


@pytest.mark.parametrize("person", ["all", "largest", "longest", "0", 0])
def test_read_keypoints_npz_gives_person_0(person: str | int, tmp_path: Path) -> None:
    assert [m.person for m in read_motions(keypoint_file()(tmp_path), person)] == [0]


@pytest.mark.parametrize("person", ["foo", "7", 7, "-1", ""])
def test_read_keypoints_npz_has_no_other_person(person: str | int, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=rf"a number from 0 to 0, got {person!r}"):
        read_motions(keypoint_file()(tmp_path), person)


def test_read_keypoints_npz_keeps_the_source_of_the_focal_length(tmp_path: Path) -> None:
    path, source = tmp_path / "motion.npz", "assumed: 60 degrees across the longer side"
    save_motion(replace(walk(40), provenance={"focal": source}), path)
    assert read_motions(path)[0].focal_source == source


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
def test_load_refuses_what_is_no_npz(
    tmp_path: Path, write: Callable[[Path], Any], load: Callable[[Path], Any]
) -> None:
    write(tmp_path / "a.npz")
    with pytest.raises(ValueError, match=r"a\.npz: (not an npz file|keys|xy: )"):
        load(tmp_path / "a.npz")


def _rename(path: Path) -> None:
    path.with_suffix(".npy").rename(path)


@pytest.mark.parametrize("load", [load_keypoints, load_motion])
def test_load_names_a_missing_file(tmp_path: Path, load: Callable[[Path], Any]) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.npz"):
        load(tmp_path / "none.npz")


# motion files


@pytest.mark.parametrize("precision", [np.float32, np.float64])
@pytest.mark.parametrize("frames", [1, 20])
def test_load_motion_inverts_save_motion(tmp_path: Path, frames: int, precision: type) -> None:
    m = walk(frames)
    names = ("xyz", "camera_xyz", "xy", "confidence")
    m = replace(m, **{name: getattr(m, name).astype(precision) for name in names})
    m = replace(m, valid=np.arange(frames) % 3 == 0, provenance={"weights": "größer"})
    m = replace(m, ground_sigma=(3.0, 1.5, 0.1))
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


def test_save_motion_writes_unit_axes_and_joints_without_pickle(tmp_path: Path) -> None:
    save_motion(walk(3), tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz", allow_pickle=False) as file:
        content = {key: file[key] for key in file}
    assert str(content["unit"]) == "m"
    assert "z up" in str(content["axes"])
    assert tuple(content["joints"]) == H36M.joints
    assert all(array.dtype != object for array in content.values())


def test_load_motion_sorts_the_joints(tmp_path: Path) -> None:
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
def test_load_motion_refuses_bad_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], message: str
) -> None:
    monkeypatch.setattr("tcpformer.io.npz.Motion3D", unchecked_motion().Motion3D)
    save_motion(walk(3), tmp_path / "a.npz")
    np.savez(tmp_path / "a.npz", **dict(np.load(tmp_path / "a.npz")) | change)
    with pytest.raises(ValueError, match=message):
        load_motion(tmp_path / "a.npz")


@pytest.mark.parametrize("text", ["[1", "[]", '{"focal": 1}'])
def test_load_motion_refuses_a_bad_provenance(text: str, tmp_path: Path) -> None:
    save_motion(walk(3), tmp_path / "a.npz")
    content = dict(np.load(tmp_path / "a.npz")) | {"provenance": np.array(text)}
    np.savez(tmp_path / "a.npz", **content)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"a\.npz: .*provenance"):
        load_motion(tmp_path / "a.npz")


def test_load_motion_reads_files_of_version_0_1(tmp_path: Path) -> None:
    m = replace(walk(3), sigma=np.full((3, 17, 3), 0.01))
    save_motion(m, tmp_path / "a.npz")
    content = dict(np.load(tmp_path / "a.npz"))
    for key in ("provenance", "person", "region_scale"):
        del content[key]
    content |= {
        "weights": np.array("packaged"),
        "focal_source": np.array("metadata of the video"),
        "scale_source": np.array("body height, given: 1.80 m"),
        "ground_source": np.array("estimated"),
        "chain": np.array(""),
        "reach": np.float64(2.25),
    }
    np.savez(tmp_path / "a.npz", **content)
    back = load_motion(tmp_path / "a.npz")
    assert back.provenance == {
        "weights": "packaged",
        "focal": "metadata of the video",
        "scale": "body height, given: 1.80 m",
        "ground": "estimated",
    }
    assert (back.region_scale, back.person) == (2.25, 0)
    np.testing.assert_array_equal(back.xyz, m.xyz)
    assert load_keypoints(tmp_path / "a.npz").focal_source == "metadata of the video"


def test_load_motion_refuses_an_infinite_person(tmp_path: Path) -> None:
    save_motion(walk(3), tmp_path / "a.npz")
    content = dict(np.load(tmp_path / "a.npz")) | {"person": np.array(np.inf)}
    np.savez(tmp_path / "a.npz", **content)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"a\.npz: .*infinity"):
        load_motion(tmp_path / "a.npz")


def test_load_motion_refuses_a_long_size_in_one_short_sentence(tmp_path: Path) -> None:
    save_motion(walk(3), tmp_path / "a.npz")
    content = dict(np.load(tmp_path / "a.npz")) | {"size": np.random.default_rng(0).random(999)}
    np.savez(tmp_path / "a.npz", **content)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="size and fps must be positive") as found:
        load_motion(tmp_path / "a.npz")
    assert "\n" not in str(found.value)
    assert len(str(found.value)) < 1100 + len(str(tmp_path))
