"""The fit of constant bones to a motion."""

import numpy as np
import pytest
from motions import breathing, walk
from scipy.spatial.transform import Rotation

from tcpformer.io import rig
from tcpformer.io.bvh import to_y_up
from tcpformer.io.rig import Rig, fit_rig
from tcpformer.skeleton import H36M


def forward_kinematics(pose: Rig) -> np.ndarray:
    """Return the joints of a rig."""
    world, at = {H36M.root: pose.rotations[:, H36M.root]}, {H36M.root: pose.root}
    for parent, child in H36M.bones:
        at[child] = at[parent] + world[parent] @ pose.offsets[child]
        world[child] = world[parent] @ pose.rotations[:, child]
    return np.stack([at[joint] for joint in range(len(H36M.joints))], axis=1)


def test_fit_rig_is_exact_for_rigid_bones() -> None:
    xyz = to_y_up(walk(30).xyz)
    np.testing.assert_allclose(forward_kinematics(fit_rig(xyz, H36M, 30.0)), xyz, atol=1e-4)


def test_fit_rig_errs_less_with_more_sweeps(monkeypatch: pytest.MonkeyPatch) -> None:
    xyz = to_y_up(breathing(walk(), 0.05).xyz)
    errors = []
    for sweeps in (0, 1, 2, 4):
        monkeypatch.setattr(rig, "SWEEPS", sweeps)
        off = forward_kinematics(fit_rig(xyz, H36M, 30.0)) - xyz
        errors.append((off**2).sum(axis=-1).mean())
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.7 * errors[0]


@pytest.mark.parametrize("degrees", [-60, 0, 60, 90])
def test_fit_rig_twists_the_upper_arm_by_the_elbow(degrees: float) -> None:
    # Left arm stretched out sideways, forearm at a right angle: ahead, raised or lowered.
    xyz = walk(20, speed=0).xyz[[0] * 20]
    angle = np.deg2rad(degrees)
    joints = [H36M.index[joint] for joint in ("LShoulder", "LElbow", "LWrist")]
    shoulder = xyz[:, joints[0]]
    xyz[:, joints[1]] = shoulder + np.array([0.28, 0, 0])
    forearm = np.array([0, -0.25 * np.cos(angle), 0.25 * np.sin(angle)])
    xyz[:, joints[2]] = xyz[:, joints[1]] + forearm
    bend = fit_rig(to_y_up(xyz), H36M, 30.0).rotations[:, H36M.index["LElbow"]]
    turn = Rotation.from_matrix(bend).as_rotvec(degrees=True)
    # The palm looks down in the rest pose, so the hinge is the upright axis. Some twist stays
    # below the elbow, by design, because a slight bend must not decide it.
    np.testing.assert_allclose(np.linalg.norm(turn, axis=1), 90, atol=3)
    assert turn[:, 1].max() < -85


def test_fit_rig_of_joints_on_a_line_does_not_spin() -> None:
    turns = fit_rig(to_y_up(walk(30).xyz * [0, 0, 1]), H36M, 30.0).rotations
    assert np.abs(turns[:, H36M.index["Hip"]] - np.eye(3)).max() < 1e-6
