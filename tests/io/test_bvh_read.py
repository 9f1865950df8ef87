"""The BVH reader against closed forms, our own writer, and another reader (pybvh)."""

from itertools import permutations
from pathlib import Path

import numpy as np
import pybvh
import pytest
from motions import walk
from paths import DATA
from scipy.spatial.transform import Rotation

from tcpformer.io.bvh import from_y_up, write_bvh
from tcpformer.io.bvh_read import read_bvh
from tcpformer.skeleton import H36M

ARM = """HIERARCHY
ROOT Hips
{{
  OFFSET 1 2 3
  CHANNELS {root}
  JOINT Left Arm
  {{
    OFFSET 0 10 0
    CHANNELS {arm}
    End Site
    {{
      OFFSET 0 0 5
    }}
  }}
}}
MOTION
Frames: {frames}
Frame Time: {seconds}
{rows}
"""
MOVES = "3 Xposition Yposition Zposition"


def arm(
    folder: Path,
    rows: str,
    *,
    root: str = MOVES,
    arm: str = "3 Zrotation Xrotation Yrotation",
    seconds: str = "0.02",
) -> Path:
    path = folder / "arm.bvh"
    frames = len(rows.splitlines())
    path.write_text(ARM.format(root=root, arm=arm, frames=frames, seconds=seconds, rows=rows))
    return path


# Laws


def test_what_we_write_comes_back(tmp_path: Path) -> None:
    motion = walk()
    write_bvh(motion, tmp_path / "walk.bvh")
    capture = read_bvh(tmp_path / "walk.bvh")
    ours = [capture.joints.index(joint) for joint in H36M.joints]
    np.testing.assert_allclose(from_y_up(capture.xyz[:, ours]), motion.xyz, atol=1e-4)
    assert capture.fps == motion.fps


@pytest.mark.parametrize("name", ["07_12", "11_01"])
def test_another_reader_finds_the_same(name: str) -> None:
    capture = read_bvh(DATA / f"{name}.bvh")
    other = pybvh.read_bvh_file(DATA / f"{name}.bvh", world_up="+y")
    ours = [capture.joints.index(joint) for joint in other.joint_names]
    np.testing.assert_allclose(capture.xyz[:, ours], other.joint_positions(), atol=1e-9)
    assert capture.fps == pytest.approx(1 / other.frame_time)


def test_bones_keep_their_length_and_turn_with_their_joint() -> None:
    capture = read_bvh(DATA / "07_12.bvh")
    for joint, parent in enumerate(capture.parents):
        if parent >= 0:
            bone = capture.xyz[:, joint] - capture.xyz[:, parent]
            seen = np.einsum("txy,tx->ty", capture.turns[:, parent], bone)
            np.testing.assert_allclose(seen, np.broadcast_to(seen[0], seen.shape), atol=1e-9)


def test_lines_do_not_matter(tmp_path: Path) -> None:
    text = (DATA / "07_12.bvh").read_text()
    (tmp_path / "flat.bvh").write_text(" ".join(text.split()))
    flat, usual = read_bvh(tmp_path / "flat.bvh"), read_bvh(DATA / "07_12.bvh")
    np.testing.assert_array_equal(flat.xyz, usual.xyz)
    assert flat.joints == usual.joints


# Closed forms


@pytest.mark.parametrize("order", ["".join(p) for p in permutations("XYZ")])
def test_every_order_of_channels(order: str, tmp_path: Path) -> None:
    channels = "3 " + " ".join(f"{axis}rotation" for axis in order)
    path = arm(tmp_path, "7 8 9 20 -35 50\n7 8 9 0 0 0", arm=channels)
    capture = read_bvh(path)
    assert capture.joints == ("Hips", "Left Arm", "Left ArmEnd")
    assert capture.parents == (-1, 0, 1)
    turn = Rotation.from_euler(order, [20, -35, 50], degrees=True)
    np.testing.assert_allclose(capture.xyz[0, 1], [7, 18, 9])
    np.testing.assert_allclose(capture.xyz[0, 2], turn.apply([0, 0, 5]) + np.array([7, 18, 9]))
    np.testing.assert_allclose(capture.xyz[1, 2], [7, 18, 14])


def test_positions_replace_offsets_on_any_joint_and_rotations_may_be_few(tmp_path: Path) -> None:
    path = arm(tmp_path, "90 100", root="1 Zrotation", arm="1 Yposition")
    capture = read_bvh(path)
    np.testing.assert_allclose(capture.xyz[0], [[1, 2, 3], [-99, 2, 3], [-99, 2, 8]], atol=1e-12)


@pytest.mark.parametrize(
    ("seconds", "fps"),
    [(".0083333", 120), ("0.033333", 30), ("0.0417083333", 23.976), ("0.0166", 60.241)],
)
def test_short_frame_times(seconds: str, fps: float, tmp_path: Path) -> None:
    assert read_bvh(arm(tmp_path, "0 0 0 0 0 0", seconds=seconds)).fps == pytest.approx(fps, 1e-5)


def test_a_rate_below_one_is_a_rate(tmp_path: Path) -> None:
    assert read_bvh(arm(tmp_path, "0 0 0 0 0 0", seconds="4")).fps == 0.25


# Errors


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("MOTION", "MOTIONS"),
        ("Frames: 1", "Frames: 2"),
        ("Frames: 1", "Frames: one"),
        ("Frame Time: 0.02", "Frame Time: 0"),
        ("Frame Time:", "Time:"),
        ("End Site\n    {", "End Site\n"),
        ("  }\n}\nMOTION", "  }\nMOTION"),
        ("  }\n}\nMOTION", "  }\n}\n}\nMOTION"),
        ("Xrotation", "Wrotation"),
        ("Xrotation", "Xscale"),
        ("OFFSET 0 10 0", "OFFSET 0 10"),
        ("OFFSET 0 10 0", ""),
        ("CHANNELS 3 Z", "CHANNELS Z"),
        ("0 0 0 0 0 0", "0 0 0 0 0 nan"),
        ("ROOT", "TREE"),
    ],
)
def test_what_is_wrong_is_refused_with_the_name_of_the_file(
    old: str, new: str, tmp_path: Path
) -> None:
    path = arm(tmp_path, "0 0 0 0 0 0")
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(ValueError, match=r"arm\.bvh: not a well-formed BVH file"):
        read_bvh(path)


@pytest.mark.parametrize("share", [0.0, 0.02, 0.05, 0.2])
def test_files_cut_short_are_refused(share: float, tmp_path: Path) -> None:
    text = (DATA / "07_12.bvh").read_text()
    (tmp_path / "short.bvh").write_text(text[: int(share * len(text))])
    with pytest.raises(ValueError, match="not a well-formed"):
        read_bvh(tmp_path / "short.bvh")
