"""BVH files against the motion in them, closed forms, and another reader (pybvh)."""

import json
import re
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import numpy as np
import pybvh
import pytest
from foreign import bvh_in_blender
from motions import breathing, motion3d, walk
from paths import DATA
from rigs import JOINT_BONES
from scipy.spatial.transform import Rotation
from walk26 import tremble, walk26

from tcpformer.io import rig_fit
from tcpformer.io.bvh import read_bvh, to_euler, unwrap_euler, write_bvh
from tcpformer.io.rig import (
    RigOptions,
    forward_kinematics,
    from_y_up,
    joints_above_soles,
    solve_rig,
)
from tcpformer.io.rig_names import INDEX, bone_names
from tcpformer.motion import Motion3D
from tcpformer.postprocess.stages import PostprocessConfig, postprocess
from tcpformer.skeleton import BODY_26, COCO, H36M

MM = 1e-3
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
WITH_BONES = [joint for joint in H36M.joints if joint != "Head"]
"""Joints at which a bone starts; the top of the head is an end."""
LEG = ("UpLeg", "Leg", "Foot", "ToeBase")
MOVES = "3 Xposition Yposition Zposition"


def read(path: Path) -> pybvh.Bvh:
    return pybvh.read_bvh_file(path, world_up="+y")


def read_back(motion: Motion3D, folder: Path) -> np.ndarray:
    """Write a motion and return the joints of `WITH_BONES` as another library reads them."""
    write_bvh(motion, folder / "motion.bvh")
    bvh = read(folder / "motion.bvh")
    positions = bvh.joint_positions()
    found = [bvh.joint_names.index(JOINT_BONES[joint]) for joint in WITH_BONES]
    return from_y_up(positions[:, found])


def wanted(motion: Motion3D) -> np.ndarray:
    """Return the joints of `WITH_BONES` of a motion, the soles on the floor."""
    return from_y_up(joints_above_soles(motion))[:, H36M.indices(*WITH_BONES)]


def walked(times: np.ndarray, fps: float = 30.0) -> Motion3D:
    """`walk` as seen at any times, in seconds up to 6, to a third of a millisecond."""
    at = np.rint(times * 3000).astype(int)
    return replace(motion3d(walk(18_001, 3000.0, speed=0.6).xyz[at], fps), times=at / 3000)


def distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.linalg.norm(a - b, axis=-1)


def turned(motion: Motion3D, degrees: float, shift: tuple[float, float, float]) -> Motion3D:
    turn = Rotation.from_euler("z", degrees, degrees=True).as_matrix()
    return motion3d(motion.xyz @ turn.T + np.array(shift), motion.fps)


@pytest.mark.parametrize("degrees", [0, 90, 135, 180])
def test_write_bvh_keeps_rigid_bones(degrees: float, tmp_path: Path) -> None:
    motion = turned(walk(), degrees, (1.0, 2.0, 0.5))
    assert distance(read_back(motion, tmp_path), wanted(motion)).max() < 0.1 * MM


@pytest.mark.parametrize("amount", [0.02, 0.05])
def test_write_bvh_stays_near_varying_bones(amount: float, tmp_path: Path) -> None:
    motion = breathing(walk(), amount)
    error = distance(read_back(motion, tmp_path), wanted(motion))
    assert 0.5 * MM < np.median(error) < 10 * MM
    assert np.percentile(error, 95) < 30 * MM


def test_write_bvh_commutes_with_rotation_of_the_world(tmp_path: Path) -> None:
    motion = breathing(walk(30), 0.05)
    here = read_back(motion, tmp_path)
    there = read_back(turned(motion, 70, (0.3, -0.2, 0.1)), tmp_path)
    turn = Rotation.from_euler("z", 70, degrees=True).as_matrix()
    expected = here @ turn.T + np.array([0.3, -0.2, 0.1])
    assert distance(there, expected).max() < 0.5 * MM


@pytest.mark.parametrize("order", ["XYZ", "YZX", "ZXY", "XZY", "ZYX", "YXZ"])
@pytest.mark.parametrize("middle", [0.3, np.pi / 2, -np.pi / 2])
def test_to_euler_gives_the_rotation_in_every_order(order: str, middle: float) -> None:
    angles = np.random.default_rng(1).uniform(-3, 3, size=(50, 3))
    angles[:, 1] = middle
    rotations = Rotation.from_euler(order, angles).as_matrix()
    again = Rotation.from_euler(order, to_euler(rotations, order)).as_matrix()
    np.testing.assert_allclose(again, rotations, atol=1e-9)


def test_unwrap_euler_is_continuous_across_the_pole() -> None:
    t = np.linspace(0, 4 * np.pi, 400)
    angles = np.stack([0.3 * np.sin(t), t, 0.1 * t], axis=-1)[:, None]
    rotations = Rotation.from_euler("ZXY", angles[:, 0]).as_matrix()
    smooth = unwrap_euler(to_euler(rotations, "ZXY")[:, None], np.zeros((1, 3)))
    again = Rotation.from_euler("ZXY", smooth[:, 0]).as_matrix()
    np.testing.assert_allclose(again, rotations, atol=1e-9)
    np.testing.assert_allclose(smooth, angles, atol=1e-6)


def test_write_bvh_in_parts_equals_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Noisy, turning on the spot more than once: smoothing and full turns cross the seams."""
    motion = walk(300, speed=0.2)
    noise = np.random.default_rng(2).normal(0, 0.01, motion.xyz.shape)
    angle = np.linspace(0, 5 * np.pi, 300)
    turn = Rotation.from_rotvec(angle[:, None] * [0, 0, 1]).as_matrix()
    motion = replace(motion, xyz=(motion.xyz + noise) @ turn.swapaxes(1, 2))
    write_bvh(motion, tmp_path / "whole.bvh")
    monkeypatch.setattr(rig_fit, "FRAMES_AT_ONCE", 50)
    monkeypatch.setattr("tcpformer.io.bvh.FRAMES_AT_ONCE", 70)
    write_bvh(motion, tmp_path / "parts.bvh")
    whole, parts = (
        np.loadtxt(tmp_path / f"{name}.bvh", skiprows=rows_before(tmp_path))
        for name in ("whole", "parts")
    )
    np.testing.assert_allclose(parts, whole, rtol=0, atol=2e-5)
    assert np.ptp(whole[:, 3:], axis=0).max() > 720


def dropped(seed: int) -> np.ndarray:
    """Times of six seconds at 30 a second, of which three frames in ten are missing."""
    kept = np.random.default_rng(seed).random(181) > 0.3
    kept[[0, -1]] = True
    return np.flatnonzero(kept) / 30


UNEVEN = {
    "dropped": dropped(0),
    "dropped, in milliseconds": dropped(1).round(3),
    "jittered": np.arange(180) / 30 + np.random.default_rng(2).uniform(0, 0.015, 180),
    "24 a second, then 30": np.concatenate([np.arange(48) / 24, 2 + np.arange(121) / 30]),
    "at another rate than fps": np.arange(145) / 24,
}


@pytest.mark.parametrize("name", UNEVEN)
def test_write_bvh_keeps_time_of_uneven_frames(name: str, tmp_path: Path) -> None:
    motion = walked(UNEVEN[name])
    found = read_back(motion, tmp_path)
    bvh = read(tmp_path / "motion.bvh")
    seconds = np.arange(bvh.frame_count) * bvh.frame_time
    assert seconds[-1] == pytest.approx(np.ptp(motion.times), abs=1e-5)
    expected = wanted(walked(motion.times[0] + seconds))
    assert distance(found, expected).max() < 8 * MM
    assert np.percentile(distance(found, expected), 95) < 2 * MM
    assert len(motion) <= bvh.frame_count <= 181
    assert bvh.frame_time == pytest.approx(np.median(np.diff(motion.times)), rel=0.04)


def test_write_bvh_keeps_bones_across_a_pause(tmp_path: Path) -> None:
    """Of a stride and a half no frame is there: the pelvis goes on, bones do not shrink."""
    times = np.arange(166) / 30
    motion = walked(times[(times < 1.21) | (times > 2.69)])
    found = read_back(motion, tmp_path)
    assert len(found) == len(times)
    expected = wanted(walked(times))
    seen = np.isin(times.round(6), motion.times.round(6))
    assert distance(found[seen], expected[seen]).max() < 0.5 * MM
    hip = WITH_BONES.index("Hip")
    assert distance(found[:, hip], expected[:, hip]).max() < 50 * MM
    bones = [(H36M.joints[a], H36M.joints[b]) for a, b in H36M.bones if H36M.joints[b] != "Head"]
    starts, ends = (
        [WITH_BONES.index(joint) for joint in side] for side in zip(*bones, strict=True)
    )
    lengths, true = (distance(x[:, starts], x[:, ends]) for x in (found, expected))
    np.testing.assert_allclose(lengths, true, atol=0.1 * MM)


@pytest.mark.parametrize("gap", [1e-6, 1e-3])
def test_write_bvh_ignores_a_repeated_frame(gap: float, tmp_path: Path) -> None:
    motion = walked(np.arange(60) / 30)
    xyz, times = motion.xyz.copy(), motion.times.copy()
    xyz[40], times[40] = xyz[39] + 3 * MM, times[39] + gap
    found = read_back(replace(motion, xyz=xyz, times=times), tmp_path)
    assert distance(found, wanted(motion)).max() < 20 * MM


@pytest.mark.parametrize("fps", [24.0, 30000 / 1001, 60.0, 240.0])
@pytest.mark.parametrize("start", [0.0, 0.0123])
def test_write_bvh_ignores_rounded_times(fps: float, start: float, tmp_path: Path) -> None:
    motion = breathing(walk(90, fps), 0.03)
    rounded = replace(motion, times=(start + motion.times).round(3))
    write_bvh(motion, tmp_path / "exact.bvh")
    write_bvh(rounded, tmp_path / "rounded.bvh")
    assert (tmp_path / "rounded.bvh").read_bytes() == (tmp_path / "exact.bvh").read_bytes()
    assert f"Frames: 90\nFrame Time: {1 / fps:.9f}\n" in (tmp_path / "exact.bvh").read_text()


@pytest.mark.parametrize("times", [[0, 0.5], [0, 0.1, 1.1], [0.2, 1.2, 1.3]])
def test_write_bvh_of_few_uneven_frames(times: list[float], tmp_path: Path) -> None:
    motion = walked(np.array(times))
    found = read_back(motion, tmp_path)
    assert distance(found[[0, -1]], wanted(motion)[[0, -1]]).max() < 0.1 * MM
    bvh = read(tmp_path / "motion.bvh")
    assert (len(found) - 1) * bvh.frame_time == pytest.approx(np.ptp(motion.times), abs=1e-6)


def rows_before(folder: Path) -> int:
    """Lines of the file up to its numbers."""
    lines = (folder / "whole.bvh").read_text().splitlines()
    return next(i for i, line in enumerate(lines) if line.startswith("Frame Time")) + 1


def test_write_bvh_writes_frame_time_and_names(tmp_path: Path) -> None:
    write_bvh(walk(48, fps=23.976), tmp_path / "a.bvh")
    bvh = read(tmp_path / "a.bvh")
    assert bvh.frame_count == 48
    assert bvh.frame_time == pytest.approx(1 / 23.976, rel=1e-6)
    assert sorted(bvh.joint_names) == sorted(bone_names("mixamo"))
    ends = [node.parent.name for node in bvh.nodes if node.parent and node.is_end_site()]
    assert ends == ["Head", "LeftHand", "RightHand", "LeftToeBase", "RightToeBase"]


@pytest.mark.parametrize("names", ["vrm", "plain"])
def test_write_bvh_takes_other_names(names, tmp_path: Path) -> None:
    write_bvh(walk(3), tmp_path / "a.bvh", RigOptions(names=names))
    assert sorted(read(tmp_path / "a.bvh").joint_names) == sorted(bone_names(names))


def unseen(motion: Motion3D, *frames: int) -> Motion3D:
    valid, confidence = motion.valid.copy(), motion.confidence.copy()
    valid[list(frames)], confidence[list(frames)] = False, 0.0
    return replace(motion, valid=valid, confidence=confidence)


def test_write_bvh_leaves_out_unseen_ends_and_notes_what_is_bridged(tmp_path: Path) -> None:
    write_bvh(unseen(walk(40), 0, 1, 20, 21, 25, 38, 39), tmp_path / "a.bvh")
    assert read(tmp_path / "a.bvh").frame_count == 36
    notes = json.loads((tmp_path / "a.bvh.json").read_text())
    assert notes["first_frame"] == 2
    assert notes["first_second"] == pytest.approx(2 / 30, abs=1e-6)
    assert notes["bridged"] == [[18, 19], [23, 23]]
    write_bvh(walk(40), tmp_path / "a.bvh")
    assert not (tmp_path / "a.bvh.json").exists()


def test_write_bvh_keeps_unseen_ends_if_wanted(tmp_path: Path) -> None:
    write_bvh(unseen(walk(40), 0, 39), tmp_path / "a.bvh", RigOptions())
    assert read(tmp_path / "a.bvh").frame_count == 40
    assert json.loads((tmp_path / "a.bvh.json").read_text())["bridged"] == [[0, 0], [39, 39]]


def test_write_bvh_rest_pose_stands_on_the_floor(tmp_path: Path) -> None:
    # Turned away and bent throughout: the rest pose must not care.
    write_bvh(turned(breathing(walk(), 0.03), 160, (0, 0, 0)), tmp_path / "a.bvh")
    bvh = read(tmp_path / "a.bvh")
    nodes = bvh.rest_pose_positions() + bvh.nodes[0].offset
    rest = {name: nodes[bvh.index(name, "node")] for name in bvh.joint_names}
    assert rest["Hips"] == pytest.approx([0, 0.97, 0], abs=0.02)
    assert rest["LeftHand"] == pytest.approx([0.70, 0.97 + 0.49, 0], abs=0.03)  # 17 + 28 + 25 cm
    assert rest["LeftFoot"] == pytest.approx([0.13, 0.08, 0], abs=0.02)
    assert rest["LeftToeBase"] == pytest.approx([0.13, 0.04, 0.13], abs=0.02)
    assert rest["Head"][2] > 0.04  # walk() carries its head forward


def test_write_bvh_turns_knees_about_one_axis(tmp_path: Path) -> None:
    # What bends in one plane turns about one axis: none is left for the shin but its x.
    write_bvh(walk(), tmp_path / "a.bvh")
    bvh = read(tmp_path / "a.bvh")
    for name in ("LeftLeg", "RightLeg"):
        angles = np.rad2deg(bvh.joint_angles[:, bvh.index(name, "joint")])
        bend = np.rad2deg(
            0.4 + 0.3 * np.cos(2 * np.pi * np.arange(90) / 30 + (1 if name[0] == "L" else -1))
        )
        np.testing.assert_allclose(angles[:, 0], bend, atol=1.5)
        assert np.abs(angles[:, 1:]).max() < 5


def test_write_bvh_keeps_hands_straight(tmp_path: Path) -> None:
    write_bvh(turned(walk(), 100, (0, 0, 0)), tmp_path / "a.bvh")
    bvh = read(tmp_path / "a.bvh")
    for name in ("LeftHand", "RightHand"):
        np.testing.assert_allclose(bvh.joint_angles[:, bvh.index(name, "joint")], 0, atol=1e-6)


def test_write_bvh_angles_are_continuous(tmp_path: Path) -> None:
    # Two pirouettes and a half in three seconds.
    t = np.arange(90) / 30
    spin = Rotation.from_rotvec(np.deg2rad(300 * t)[:, None] * [0, 0, 1]).as_matrix()
    motion = motion3d(np.einsum("txy,tjy->tjx", spin, walk(speed=0).xyz))
    assert distance(read_back(motion, tmp_path), wanted(motion)).max() < 0.1 * MM
    bvh = read(tmp_path / "motion.bvh")
    assert np.abs(np.diff(np.rad2deg(bvh.joint_angles), axis=0)).max() < 45
    turn = np.rad2deg(bvh.joint_angles[-1, 0] - bvh.joint_angles[0, 0])
    assert np.abs(turn).max() == pytest.approx(300 * t[-1], abs=30)


def test_write_bvh_of_a_single_frame(tmp_path: Path) -> None:
    motion = breathing(walk(1), 0.05)
    assert distance(read_back(motion, tmp_path), wanted(motion)).max() < 0.1 * MM


def _all_in_one_place(xyz: np.ndarray) -> np.ndarray:
    return np.zeros_like(xyz)


def _on_a_line(xyz: np.ndarray) -> np.ndarray:
    return xyz * [0, 0, 1]


def _upside_down(xyz: np.ndarray) -> np.ndarray:
    return xyz * [1, -1, -1] + [0, 0, 2]  # feet above the floor


def _bones_vanish_now_and_then(xyz: np.ndarray) -> np.ndarray:
    xyz = xyz.copy()
    xyz[::7, :] = xyz[::7, :1]
    return xyz


@pytest.mark.parametrize(
    "spoil", [_all_in_one_place, _on_a_line, _upside_down, _bones_vanish_now_and_then]
)
def test_write_bvh_of_degenerate_motion_is_finite(spoil, tmp_path: Path) -> None:
    motion = motion3d(spoil(walk(30).xyz))
    assert np.isfinite(read_back(motion, tmp_path)).all()
    assert "nan" not in (tmp_path / "motion.bvh").read_text()


def test_write_bvh_of_an_inverted_figure(tmp_path: Path) -> None:
    motion = motion3d(_upside_down(walk(30).xyz))
    assert distance(read_back(motion, tmp_path), wanted(motion)).max() < 0.1 * MM


def test_write_bvh_names_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="missing"):
        write_bvh(walk(3), tmp_path / "missing" / "a.bvh")
    assert list(tmp_path.iterdir()) == []


def test_write_bvh_refuses_other_skeletons_and_no_frames(tmp_path: Path) -> None:
    motion = walk(3)
    with pytest.raises(ValueError, match="'h36m' or 'body26', got 'coco'"):
        write_bvh(replace(motion, skeleton=COCO), tmp_path / "a.bvh")
    with pytest.raises(ValueError, match="at least one frame"):
        write_bvh(motion3d(motion.xyz[:0]), tmp_path / "a.bvh")
    assert list(tmp_path.iterdir()) == []


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


def test_read_bvh_inverts_write_bvh(tmp_path: Path) -> None:
    motion = walk()
    write_bvh(motion, tmp_path / "walk.bvh")
    capture = read_bvh(tmp_path / "walk.bvh")
    ours = [capture.joints.index(JOINT_BONES.get(joint, "HeadEnd")) for joint in H36M.joints]
    np.testing.assert_allclose(capture.xyz[:, ours], joints_above_soles(motion), atol=1e-4)
    assert capture.fps == motion.fps


@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_read_bvh_inverts_write_bvh_of_feet_hands_and_face(
    noise: float, tmp_path: Path, rng: np.random.Generator
) -> None:
    (motion,) = postprocess([tremble(walk26(60), rng, noise)], PostprocessConfig())
    write_bvh(motion, tmp_path / "walk.bvh")
    capture = read_bvh(tmp_path / "walk.bvh")
    there = [joint for joint in BODY_26.joints if joint in JOINT_BONES]
    ours = [capture.joints.index(JOINT_BONES[joint]) for joint in there]
    off = distance(from_y_up(capture.xyz[:, ours]), motion.xyz[:, BODY_26.indices(*there)])
    assert off.mean() < (1 + 1000 * noise) * 0.6 * MM


def test_write_bvh_of_feet_hands_and_face_turns_without_flips(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    (motion,) = postprocess([tremble(walk26(90), rng, 0.01)], PostprocessConfig())
    write_bvh(motion, tmp_path / "walk.bvh")
    angles = read(tmp_path / "walk.bvh").joint_angles
    assert np.abs(np.diff(np.rad2deg(angles), axis=0)).max() < 60


@pytest.mark.parametrize("name", ["07_12", "11_01"])
def test_read_bvh_equals_pybvh(name: str) -> None:
    capture = read_bvh(DATA / f"{name}.bvh")
    other = pybvh.read_bvh_file(DATA / f"{name}.bvh", world_up="+y")
    ours = [capture.joints.index(joint) for joint in other.joint_names]
    np.testing.assert_allclose(capture.xyz[:, ours], other.joint_positions(), atol=1e-9)
    assert capture.fps == pytest.approx(1 / other.frame_time)


def test_read_bvh_bones_are_rigid() -> None:
    capture = read_bvh(DATA / "07_12.bvh")
    for joint, parent in enumerate(capture.parents):
        if parent >= 0:
            bone = capture.xyz[:, joint] - capture.xyz[:, parent]
            seen = np.einsum("txy,tx->ty", capture.rotations[:, parent], bone)
            np.testing.assert_allclose(seen, np.broadcast_to(seen[0], seen.shape), atol=1e-9)


def test_read_bvh_ignores_line_breaks(tmp_path: Path) -> None:
    text = (DATA / "07_12.bvh").read_text()
    (tmp_path / "flat.bvh").write_text(" ".join(text.split()))
    flat, usual = read_bvh(tmp_path / "flat.bvh"), read_bvh(DATA / "07_12.bvh")
    np.testing.assert_array_equal(flat.xyz, usual.xyz)
    assert flat.joints == usual.joints


@pytest.mark.parametrize("order", ["".join(p) for p in permutations("XYZ")])
def test_read_bvh_takes_every_order_of_channels(order: str, tmp_path: Path) -> None:
    channels = "3 " + " ".join(f"{axis}rotation" for axis in order)
    path = arm(tmp_path, "7 8 9 20 -35 50\n7 8 9 0 0 0", arm=channels)
    capture = read_bvh(path)
    assert capture.joints == ("Hips", "Left Arm", "Left ArmEnd")
    assert capture.parents == (-1, 0, 1)
    turn = Rotation.from_euler(order, [20, -35, 50], degrees=True)
    np.testing.assert_allclose(capture.xyz[0, 1], [7, 18, 9])
    np.testing.assert_allclose(capture.xyz[0, 2], turn.apply([0, 0, 5]) + np.array([7, 18, 9]))
    np.testing.assert_allclose(capture.xyz[1, 2], [7, 18, 14])


def test_read_bvh_takes_positions_and_few_rotations(tmp_path: Path) -> None:
    path = arm(tmp_path, "90 100", root="1 Zrotation", arm="1 Yposition")
    capture = read_bvh(path)
    np.testing.assert_allclose(capture.xyz[0], [[1, 2, 3], [-99, 2, 3], [-99, 2, 8]], atol=1e-12)


@pytest.mark.parametrize(
    ("seconds", "fps"),
    [(".0083333", 120), ("0.033333", 30), ("0.0417083333", 23.976), ("0.0166", 60.241)],
)
def test_read_bvh_rounds_short_frame_times(seconds: str, fps: float, tmp_path: Path) -> None:
    assert read_bvh(arm(tmp_path, "0 0 0 0 0 0", seconds=seconds)).fps == pytest.approx(fps, 1e-5)


def test_read_bvh_takes_rates_below_one(tmp_path: Path) -> None:
    assert read_bvh(arm(tmp_path, "0 0 0 0 0 0", seconds="4")).fps == 0.25


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
        ("OFFSET 0 10 0", "OFFSET 0 nan 0"),
        ("OFFSET 0 10 0", "OFFSET 0 1e999 0"),
        ("Frame Time: 0.02", "Frame Time: 1e-320"),
        ("Frame Time: 0.02", "Frame Time: inf"),
        ("MOTION", "OFFSET 0 0 0\nMOTION"),
        ("MOTION", "End Site { OFFSET 0 0 0 }\nMOTION"),
        ("End Site\n    {", "End Site\n    { End Site { OFFSET 0 0 0 }"),
        ("ROOT", f"ROOT {'x' * 101}"),
    ],
)
def test_read_bvh_refuses_malformed_files(old: str, new: str, tmp_path: Path) -> None:
    path = arm(tmp_path, "0 0 0 0 0 0")
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(ValueError, match=r"arm\.bvh: not a well-formed BVH file"):
        read_bvh(path)


def test_read_bvh_refuses_positions_that_overflow(tmp_path: Path) -> None:
    path = arm(tmp_path, "0 0 0 0 0 0")
    path.write_text(re.sub(r"OFFSET .*", "OFFSET 1e308 1e308 1e308", path.read_text()))
    with pytest.raises(ValueError, match="frame 0 are no finite positions"):
        read_bvh(path)


def test_read_bvh_refuses_a_figure_without_channels(tmp_path: Path) -> None:
    """Its frames have no numbers, so that any count of them would be right."""
    text = "HIERARCHY ROOT a { OFFSET 0 0 0 } MOTION Frames: 1000000000 Frame Time: 0.02"
    (tmp_path / "a.bvh").write_text(text)
    with pytest.raises(ValueError, match="channels for most of the 1 joints, got 0"):
        read_bvh(tmp_path / "a.bvh")


def test_read_bvh_quotes_little_of_a_file(tmp_path: Path) -> None:
    path = arm(tmp_path, "0 0 0 0 0 0")
    path.write_text(path.read_text().replace("Frames: 1", f"Frames: {'9x' * 50_000}"))
    with pytest.raises(ValueError, match="not a well-formed") as caught:
        read_bvh(path)
    assert len(str(caught.value)) < 300 + len(str(path))


@pytest.mark.parametrize("share", [0.0, 0.02, 0.05, 0.2])
def test_read_bvh_refuses_truncated_files(share: float, tmp_path: Path) -> None:
    text = (DATA / "07_12.bvh").read_text()
    (tmp_path / "short.bvh").write_text(text[: int(share * len(text))])
    with pytest.raises(ValueError, match="not a well-formed"):
        read_bvh(tmp_path / "short.bvh")


@pytest.mark.slow
@pytest.mark.parametrize("fps", [24.0, 30.0, 30000 / 1001])
def test_write_bvh_is_read_by_blender(fps: float, tmp_path: Path) -> None:
    motion = walk26(50, fps)
    write_bvh(motion, tmp_path / "a.bvh")
    found = bvh_in_blender(tmp_path / "a.bvh")
    assert found["fps"] == pytest.approx(fps, rel=1e-4)
    assert found["end"] == 50
    rig = solve_rig(motion)
    heads = from_y_up(forward_kinematics(rig))
    for i, name in enumerate(rig.bones):
        there = np.array(found["bones"][name])[:, 0]
        np.testing.assert_allclose(there, heads[:, i], atol=1e-4, err_msg=name)
    sole = rig.offsets[0, 1] + sum(rig.offsets[INDEX[f"Left{b}"], 1] for b in LEG)
    for side in ("Left", "Right"):
        ends = np.array(found["bones"][f"{side}ToeBase"])[..., 2]  # z of head and tail
        standing = np.quantile(ends.min(axis=1), 0.1)
        assert standing == pytest.approx(sole, abs=0.02)
        assert ends.min() > sole - 0.02
        assert found["rest"][f"{side}ToeBase"][0][2] == pytest.approx(sole, abs=1e-4)
