"""Our own files of keypoints: how they are read, what is refused, and what else they tell."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from coco_motion import FILM_MUST_BE, J, keypoints, seen
from motions import walk

from tcpformer.io.npz import load_keypoints, save_motion
from tcpformer.motion import to_skeleton
from tcpformer.skeleton import COCO, H36M


def test_keypoints_are_read_in_any_order_and_any_spelling(tmp_path: Path) -> None:
    m, order = seen(), np.random.default_rng(5).permutation(J)
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


def test_whole_numbers_are_numbers_too(tmp_path: Path) -> None:
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
        ({"xy": np.full((6, J, 2), 1j)}, "expected real numbers.*xy"),
        ({"xy": np.full((6, J, 2), None)}, "not an npz file of plain arrays"),
        ({"confidence": np.full((6, J), 95.0)}, "confidence must lie in 0 to 1"),
        ({"fps": np.array([30.0])}, FILM_MUST_BE),
        ({"fps": "thirty"}, "expected real numbers.*fps"),
        ({"fps": np.nan}, "size and fps must be positive"),
        ({"size": np.array([1280, 720, 3])}, FILM_MUST_BE),
        ({"size": np.array([1280, np.inf])}, FILM_MUST_BE),
        ({"size": np.array([1280.5, 720])}, FILM_MUST_BE),
        ({"xy": seen().xy / 700}, "fractions of the picture"),
        ({"size": np.array([1280, 0])}, "size and fps must be positive"),
    ],
)
def test_a_bad_keypoint_file_gives_one_clear_error(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    np.savez(tmp_path / "a.npz", **keypoints(**change), allow_pickle=True)
    with pytest.raises(ValueError, match=message):
        load_keypoints(tmp_path / "a.npz")


@pytest.mark.parametrize("key", ["xy", "confidence", "joints", "fps", "size"])
def test_a_missing_key_is_named(tmp_path: Path, key: str) -> None:
    np.savez(tmp_path / "a.npz", **{k: v for k, v in keypoints().items() if k != key})
    with pytest.raises(ValueError, match=rf"a\.npz: keys \['{key}'\] are missing; found"):
        load_keypoints(tmp_path / "a.npz")


def test_a_caller_may_tell_rate_and_size(tmp_path: Path) -> None:
    content = {key: x for key, x in keypoints().items() if key not in ("fps", "size")}
    np.savez(tmp_path / "without.npz", **content)
    np.savez(tmp_path / "with.npz", **keypoints(fps=25.0, size=np.array([64, 48])))
    for name in ("without.npz", "with.npz"):
        read = load_keypoints(tmp_path / name, fps=30.0, size=(1280, 720))
        assert (read.fps, read.size) == (30.0, (1280, 720))


def test_a_focal_length_says_where_it_comes_from(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    assert replace(seen(), focal=900.0).focal_source == "given with the 2D motion"
    np.savez(path, **keypoints(focal=np.float64(900)))
    read = load_keypoints(path)
    assert (read.focal, read.focal_source) == (900.0, f"given in {path}")
    assert to_skeleton(read, H36M).focal_source == read.focal_source
    for said in ("assumed: 60 degrees across the longer side", "metadata of the video"):
        save_motion(replace(walk(3), provenance={"focal": said}), path)
        assert load_keypoints(path).focal_source == said
