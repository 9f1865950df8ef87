"""The rig frame by frame: equal to that of the motion so far, easing, and bounded memory."""

import numpy as np
import pytest
from motions import kick
from rigs import step_degrees
from walk26 import walk26

from tcpformer.io.rig import from_y_up, joints_above_soles, solve_rig
from tcpformer.io.rig_live import LIVE_RIG, LiveRig, LiveRigConfig
from tcpformer.io.rig_names import INDEX, PARENTS, follow_chain
from tcpformer.io.rig_unseen import UNSEEN
from tcpformer.motion import Motion3D
from tcpformer.skeleton import BODY_26

ARM = INDEX["LeftArm"]


def run(motion: Motion3D, live: LiveRig, confidence: np.ndarray | None = None) -> np.ndarray:
    """Return the rotations of every frame, posed one by one."""
    xyz = from_y_up(joints_above_soles(motion))
    confidence = motion.confidence if confidence is None else confidence
    rigs = [live(*frame) for frame in zip(xyz, confidence, motion.times, strict=True)]
    return np.concatenate([rig.rotations for rig in rigs])


@pytest.mark.parametrize("motion", [walk26(13, fps=12.0), kick(fps=12.0, seconds=1.1)])
def test_every_frame_is_the_last_one_of_the_motion_so_far(motion: Motion3D) -> None:
    live = LiveRig(motion.skeleton)
    xyz = from_y_up(joints_above_soles(motion))
    for k in range(len(motion)):
        rig = live(xyz[k], motion.confidence[k], float(motion.times[k]))
        if k in (0, 3, 7, 12):
            whole = solve_rig(motion[: k + 1])
            same = np.abs((rig.rotations[0] * whole.rotations[-1]).sum(axis=-1))
            np.testing.assert_allclose(same, 1, atol=2e-5)
            np.testing.assert_allclose(rig.root[0], whole.root[-1], atol=2e-3)


def test_quaternions_keep_their_sign() -> None:
    turns = run(walk26(12), LiveRig(BODY_26))
    assert (turns[1:] * turns[:-1]).sum(axis=-1).min() > 0


def test_unseen_arm_hangs_after_a_while_and_comes_back_without_a_jump() -> None:
    motion = walk26(30, fps=12.0)
    confidence = motion.confidence.copy()
    arm = BODY_26.indices("LElbow", "LWrist", "LHand")
    confidence[4:22, arm] = 0
    turns = run(motion, LiveRig(BODY_26), confidence)
    heads, _ = follow_chain(PARENTS, solve_rig(motion).offsets, turns, np.zeros((30, 3)))
    down = heads[:, INDEX["LeftForeArm"]] - heads[:, ARM]
    held = 4 + int(UNSEEN.bridged * 12)
    np.testing.assert_allclose(turns[held - 1, ARM], turns[3, ARM], atol=1e-9)
    assert down[21, 1] / np.linalg.norm(down[21]) < -0.9
    assert step_degrees(turns)[:, ARM].max() < 30


def test_limb_that_was_never_seen_is_at_ease() -> None:
    motion = walk26(3)
    confidence = motion.confidence.copy()
    confidence[:, BODY_26.indices("LElbow", "LWrist", "LHand")] = 0
    turns = run(motion, LiveRig(BODY_26), confidence)
    assert np.degrees(2 * np.arcsin(abs(turns[0, ARM, 2]))) == pytest.approx(75, abs=1)


def test_memory_is_bounded() -> None:
    live, motion = LiveRig(BODY_26, config=LiveRigConfig(rest_frames=16)), walk26(8)
    xyz = from_y_up(joints_above_soles(motion))
    for k in range(24):
        live(xyz[k % 8], motion.confidence[k % 8], k / 10)
    assert len(live._observed) == 16
    assert len(live._joints) == len(live._placed) == len(live._times) == 9
    assert len(live._times) < LIVE_RIG.most_frames
