"""What the road from the image to space keeps: lengths, times, symmetries, seams, gaps."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lifters import FRAMES, SPECS, lifter, network, projected, seen
from motions import FOCAL, walk

from tcpformer.filtering.gaps import fill_gaps
from tcpformer.lifting.lifter import Lifter
from tcpformer.lifting.windows import window_indices
from tcpformer.models.checkpoint import save_model
from tcpformer.motion import Motion2D, Motion3D
from tcpformer.skeleton import H36M, MPI_INF_3DHP, conversion
from tcpformer.weights import WeightsSpec

# Lengths, rates and times


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize(
    "length", ["1", "2", "T-1", "T", "T+1", "span-1", "span", "span+1", "5*span"]
)
def test_lift_any_length(tmp_path: Path, name: str, length: str) -> None:
    convention = SPECS[name]
    frames = eval(length, {"T": FRAMES, "span": FRAMES * convention.frame_step})
    person = seen(walk(frames, speed=0.2))
    motion = lifter(tmp_path, convention)(person)
    assert motion.xyz.shape == motion.camera_xyz.shape == (frames, 17, 3)
    assert motion.skeleton == H36M
    assert np.isfinite(motion.xyz).all()
    assert (motion.camera_xyz[:, 0, 2] > 0).all()
    np.testing.assert_array_equal(motion.times, person.times)


def _times(kind: str) -> np.ndarray:
    rng = np.random.default_rng(1)
    if kind == "variable":
        return np.cumsum(rng.uniform(0.01, 0.07, 80)) - 0.01
    return np.arange(80) / float(kind)


@pytest.mark.parametrize("kind", ["30", "60", "24", "variable"])
@pytest.mark.parametrize("name", SPECS)
def test_lift_is_constant_for_static_2d(tmp_path: Path, name: str, kind: str) -> None:
    times = _times(kind)
    xy = np.repeat(walk(20).xy[7:8], len(times), axis=0)
    fps = (len(times) - 1) / (times[-1] - times[0])
    person = Motion2D(xy, np.ones(xy.shape[:2]), (1280, 720), fps, H36M, times=times)
    motion = lifter(tmp_path, SPECS[name])(person)
    np.testing.assert_allclose(motion.xyz, motion.xyz[:1].repeat(len(times), 0), atol=2e-4)
    np.testing.assert_array_equal(motion.times, times)
    assert motion.fps == fps
    assert np.ptp(motion.xyz[0], axis=0).max() > 0.1  # a person, not a point


def test_predict_is_independent_of_frame_rate(tmp_path: Path) -> None:
    """Every other frame of a 60 Hz film is the 30 Hz film."""
    lift = lifter(tmp_path)
    slow, fast = (lift.predict(seen(walk(n, fps)), FOCAL) for n, fps in ((41, 30.0), (81, 60.0)))
    span = np.ptp(slow)
    assert np.abs(fast[::2] - slow).max() < 0.01 * span
    assert np.abs(np.diff(slow, axis=0)).max() > 0.02 * span


# Symmetries


def mirrored(person: Motion2D) -> Motion2D:
    swap = list(person.skeleton.mirror)
    xy = person.xy[:, swap] * [-1, 1] + [person.size[0], 0]
    return replace(person, xy=xy, confidence=person.confidence[:, swap])


@pytest.mark.parametrize("name", SPECS)
def test_predict_of_mirror_image_is_mirror_image_with_flip(tmp_path: Path, name: str) -> None:
    person, swap = seen(walk(30)), list(H36M.mirror)
    apart = {}
    for flip in (True, False):
        lift = lifter(tmp_path, SPECS[name], flip=flip)
        direct = lift.predict(person, FOCAL)
        through = lift.predict(mirrored(person), FOCAL)[:, swap] * [-1, 1, 1]
        apart[flip] = np.abs(direct - through).max() / np.ptp(direct)
    assert apart[True] < 2e-6
    assert apart[False] > 1e-2


@pytest.mark.parametrize("axis", ["yaw", "pitch"])
@pytest.mark.parametrize("degrees", [-20.0, 12.0])
def test_predict_turns_with_the_camera_for_centered_camera(
    tmp_path: Path, axis: str, degrees: float
) -> None:
    """The camera turns about its own place: the pose turns along, and is otherwise the same."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turn = {
        "yaw": np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]),
        "pitch": np.array([[1, 0, 0], [0, c, -s], [0, s, c]]),
    }[axis]
    figure = walk(20)
    local = figure.camera_xyz - figure.camera_xyz.mean(axis=(0, 1))
    straight = local + np.array([0, 0, 60.0])
    apart = {}
    for name in ("ours", "h36m"):
        lift = lifter(tmp_path, SPECS[name])
        poses = [
            lift.predict(replace(seen(figure), xy=projected(xyz, figure)), FOCAL)
            for xyz in (straight, straight @ turn.T)
        ]
        apart[name] = np.abs(poses[0] @ turn.T - poses[1]).max() / np.ptp(poses[0])
    assert apart["ours"] < 0.02
    assert apart["h36m"] > 0.1  # the rule of the released checkpoints does see the place


@pytest.mark.slow
def test_lift_is_independent_of_image_size(tmp_path: Path) -> None:
    """Half as many pixels, half the focal length: the same motion."""
    person = seen(walk(30))
    half = replace(person, xy=person.xy / 2, size=(640, 360), focal=FOCAL / 2)
    for convention in SPECS.values():
        lift = lifter(tmp_path, convention)
        np.testing.assert_allclose(lift(half).xyz, lift(person).xyz, atol=1e-3)


def test_lift_converts_joints_by_name(tmp_path: Path) -> None:
    """The joints of MPI-INF-3DHP hold those of Human3.6M, in another order."""
    lift, person = lifter(tmp_path), seen(walk(12))
    other = replace(
        person,
        xy=conversion(H36M, MPI_INF_3DHP) @ person.xy,
        skeleton=MPI_INF_3DHP,
    )
    np.testing.assert_allclose(lift(other).xyz, lift(person).xyz, atol=1e-6)


# Seams


def seams(total: int, frames: int, overlap: float) -> np.ndarray:
    """Where a window begins or ends inside the motion."""
    clips = window_indices(total, frames, overlap=overlap)
    edges = np.unique([clips[:, 0], clips[:, -1] + 1])
    return edges[(edges > 0) & (edges < total)]


def roughness_at_seams(lift: Lifter, frames: int) -> float:
    """Acceleration where windows begin and end over that elsewhere, however they may overlap."""
    total = 6 * frames
    figure = walk(total, speed=0.2)
    drift = np.sin(2 * np.pi * np.arange(total) / 100)[:, None, None]  # so that windows differ
    person = replace(seen(figure), xy=figure.xy * (1 + 0.05 * drift))
    pose = lift.predict(person, FOCAL)
    rough = np.linalg.norm(np.diff(pose, n=2, axis=0), axis=-1).mean(axis=-1)
    ratios = []
    for overlap in (0.0, 0.5):
        # Entry i is centred at frame i + 1; a step between s - 1 and s shows in two of them.
        near = (seams(total, frames, overlap)[:, None] - np.array([2, 1])).ravel()
        ratios.append(rough[near].mean() / np.median(np.delete(rough, near)))
    return float(max(ratios))


@pytest.mark.parametrize("seed", range(2))
def test_predict_has_no_seams_where_windows_meet(tmp_path: Path, seed: int) -> None:
    """Though every frame depends on the whole window; without overlap they do."""
    save_model(network(frames=27, gain=1.0, seed=seed), tmp_path, spec=WeightsSpec(fps=30.0))
    assert roughness_at_seams(Lifter(tmp_path, "cpu"), 27) < 1.5
    assert roughness_at_seams(Lifter(tmp_path, "cpu", overlap=0.0), 27) > 3.0


def test_predict_is_independent_of_batch_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clips go through the network some at a time; how many is no matter."""
    lift, person = lifter(tmp_path), seen(walk(100))
    whole = lift.predict(person, FOCAL)
    monkeypatch.setattr("tcpformer.lifting.run_network.CLIPS_AT_ONCE", 2)
    np.testing.assert_allclose(lift.predict(person, FOCAL), whole, atol=1e-5)


@pytest.mark.parametrize("fps", [24.0, 50.0])
@pytest.mark.parametrize("name", SPECS)
def test_lift_is_independent_of_the_frames_kept_at_a_time(
    tmp_path: Path, name: str, fps: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers for a long motion are not in memory all at once; where it is cut is no matter."""
    figure = walk(500, fps, speed=0.1)
    noise = np.random.default_rng(0).normal(0, 3, figure.xy.shape)
    lift, person = lifter(tmp_path, SPECS[name]), replace(seen(figure), xy=figure.xy + noise)
    whole = lift(person, postprocess=None)
    for span in (130, 301):
        monkeypatch.setattr("tcpformer.lifting.lifter.SPAN", span)
        again = lift(person, postprocess=None)
        np.testing.assert_allclose(again.camera_xyz, whole.camera_xyz, atol=3e-6)
        if whole.sigma is not None:
            assert again.sigma is not None
            np.testing.assert_allclose(again.sigma, whole.sigma, rtol=1e-5)


def test_lift_of_a_high_rate_is_independent_of_the_frames_kept_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At 1000 frames per second the average over interleaved clips reaches 160 frames."""
    lift = lifter(tmp_path, WeightsSpec(fps=1000.0, frame_step=3))
    figure = walk(900, 1000.0)
    noise = np.random.default_rng(0).normal(0, 3, figure.xy.shape)
    person = replace(seen(figure), xy=figure.xy + noise)
    whole = lift.predict(person, FOCAL)
    monkeypatch.setattr("tcpformer.lifting.lifter.SPAN", 400)
    np.testing.assert_allclose(lift.predict(person, FOCAL), whole, atol=1e-6)


@pytest.mark.parametrize("name", SPECS)
def test_lift_gives_single_precision(tmp_path: Path, name: str) -> None:
    lift = lifter(tmp_path, SPECS[name])
    _check_precision(lift(seen(walk(60, 60.0))))
    shank = "RKnee", "RAnkle", np.float64(0.2)
    _check_precision(lift(seen(walk(20)), bone_length=shank, focal="motion"))


@pytest.mark.parametrize(("weights", "joints"), [("live", None), ("fast", 17), ("default", 17)])
def test_lift_by_packaged_weights_gives_single_precision(weights: str, joints: Any) -> None:
    _check_precision(Lifter(weights, "cpu", joints=joints)(seen(walk(30))))


def _check_precision(motion: Motion3D) -> None:
    arrays = [motion.xyz, motion.camera_xyz, motion.xy, motion.confidence]
    for array in arrays + [motion.sigma] * (motion.sigma is not None):
        assert array is not None
        assert array.dtype == np.float32
    assert motion.times.dtype == np.float64


# Gaps


@pytest.mark.parametrize("name", SPECS)
def test_lift_bridges_and_flags_invalid_frames(tmp_path: Path, name: str) -> None:
    person = seen(walk(60))
    valid = np.ones(60, dtype=bool)
    valid[20:26] = valid[55:] = False
    lift = lifter(tmp_path, SPECS[name])
    wild = np.where(valid[:, None, None], person.xy, 1e5)  # what a detector says there is no matter
    motions = [lift(replace(person, xy=xy, valid=valid)) for xy in (person.xy, wild)]
    np.testing.assert_array_equal(motions[0].xyz, motions[1].xyz)
    np.testing.assert_array_equal(motions[0].valid, valid)
    assert (motions[0].confidence[~valid] == 0).all()
    assert (motions[0].confidence[valid] == 1).all()
    steps = np.linalg.norm(np.diff(motions[0].xyz[:, 0], axis=0), axis=-1)
    assert steps.max() < 10 * np.median(steps) + 0.1


def test_lift_ignores_position_of_unseen_joint(tmp_path: Path) -> None:
    person = seen(walk(30))
    confidence = person.confidence.copy()
    confidence[10:15, H36M.index["LWrist"]] = 0
    xy = person.xy.copy()
    xy[10:15, H36M.index["LWrist"]] = -777
    lift = lifter(tmp_path)
    motions = [lift(replace(person, xy=p, confidence=confidence)) for p in (person.xy, xy)]
    np.testing.assert_array_equal(motions[0].xyz, motions[1].xyz)
    assert motions[0].valid.all()


def test_lift_takes_any_number_for_the_position_of_an_unseen_joint(tmp_path: Path) -> None:
    person = seen(walk(30))
    confidence, xy = person.confidence.copy(), person.xy.copy()
    confidence[10:15, H36M.index["LWrist"]] = 0
    lift = lifter(tmp_path)
    for wild in (1e39, -1e300):  # beyond single precision
        xy[10:15, H36M.index["LWrist"]] = wild
        motions = [lift(replace(person, xy=p, confidence=confidence)) for p in (person.xy, xy)]
        np.testing.assert_array_equal(motions[0].xyz, motions[1].xyz)


def test_lift_refuses_motion_without_valid_frame(tmp_path: Path) -> None:
    person = seen(walk(10))
    with pytest.raises(ValueError, match="no one is visible"):
        lifter(tmp_path)(replace(person, valid=np.zeros(10, dtype=bool)))


def test_lift_keeps_keypoints_of_fill_gaps(tmp_path: Path) -> None:
    person = replace(seen(walk(30)), valid=np.arange(30) % 7 != 3)
    lifted = lifter(tmp_path)(person)
    np.testing.assert_allclose(lifted.xy, fill_gaps(person).xy, rtol=1e-6)  # single precision
