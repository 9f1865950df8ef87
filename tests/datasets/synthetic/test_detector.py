"""Simulated errors of the detector: in torsos, larger for low visibility, as measured on video."""

from itertools import pairwise

import numpy as np
import pytest
from motions import walk

from tcpformer.datasets.synthetic.detector import (
    DetectorConfig,
    SimulatedDetections,
    sample_offsets,
    simulate_detector,
    simulate_visibility,
    torso_lengths,
)
from tcpformer.skeleton import H36M

JOINT = H36M.index
WIDE, SECONDS = (9.0, 9.0), 1 / 30
LIMBS = [i for i, name in enumerate(H36M.joints) if name[1:] in ("Elbow", "Wrist", "Knee", "Ankle")]


def person(t: int = 60) -> np.ndarray:
    """Seen from the front, 5 m away."""
    return walk(t, 1 / SECONDS, speed=0.0).camera_xyz


def detect(
    b: int = 300,
    xyz: np.ndarray | None = None,
    half: tuple[float, float] = WIDE,
    seed: int = 0,
    seconds: float = SECONDS,
) -> tuple[np.ndarray, SimulatedDetections]:
    xyz = person() if xyz is None else xyz
    clips = np.broadcast_to(xyz, (b, *xyz.shape)).astype(np.float32)
    every = np.full((b, 2), half, dtype=np.float32)
    rng = np.random.default_rng(seed)
    return xyz[..., :2] / xyz[..., 2:], simulate_detector(clips, every, np.full(b, seconds), rng)


def test_simulate_detector_errs_as_measured() -> None:
    """Against other cameras: two thirds within a tenth of the torso, nearly all within 0.2."""
    _, found = detect()
    wrong = found.error[..., LIMBS]
    assert 0.04 < np.median(wrong) < 0.08
    assert 0.6 < (wrong < 0.1).mean() < 0.85
    assert 0.88 < (wrong < 0.2).mean() < 0.98


def test_simulate_detector_reports_its_error() -> None:
    exact, found = detect(20)
    torso = torso_lengths(exact[None].astype(np.float32))[0]
    size = np.linalg.norm(found.rays - exact, axis=-1) / torso
    np.testing.assert_allclose(found.error, size, rtol=1e-3, atol=1e-4)
    assert found.inside.all()


def test_simulate_detector_errs_more_at_low_visibility() -> None:
    _, found = detect()
    shake = np.linalg.norm(np.diff(found.rays, n=2, axis=1), axis=-1)[..., LIMBS]
    bins = np.digitize(found.visible[:, 1:-1, LIMBS], [0.5, 0.9, 0.99])
    medians = [np.median(shake[bins == i]) for i in range(4)]
    assert all(doubtful > 1.1 * sure for doubtful, sure in pairwise(medians))
    assert medians[0] > 2 * medians[3]


def test_simulate_detector_sees_trunk_better_than_limbs() -> None:
    _, found = detect()
    trunk = [i for i in range(17) if i not in LIMBS]
    assert np.median(found.visible[..., trunk]) > 0.9995
    limbs = found.visible[..., LIMBS]
    assert 0.5 < (limbs > 0.9).mean() < 0.8
    assert 0.05 < (limbs < 0.5).mean() < 0.3


def test_simulate_detector_lowers_visibility_behind_the_body() -> None:
    """The man turns his side to the camera: an arm and a leg are behind the others."""
    world = walk(30, 30.0, speed=0.0).xyz
    aside = np.stack([world[..., 1], 1.0 - world[..., 2], 5 - world[..., 0]], axis=-1)
    _, found = detect(200, aside)
    near, far = (
        found.visible[..., [JOINT[side + j] for j in ("Elbow", "Knee", "Ankle")]].mean()
        for side in "LR"
    )
    assert near > far + 0.15


def test_simulate_detector_errs_more_outside_the_picture() -> None:
    """Cut above the ankles: they and what is below are guessed half a torso off, and doubted."""
    xyz = person() + np.array([0, 0.3, 0])  # low in the picture: only they reach its edge
    ankles = [JOINT["LAnkle"], JOINT["RAnkle"]]
    edge = float((xyz[..., 1] / xyz[..., 2])[:, ankles].min()) - 0.02
    _, found = detect(300, xyz, (9.0, edge))
    whole = detect(300, xyz)[1]
    assert not found.inside[..., ankles].any()
    assert found.inside[..., JOINT["Head"]].all()
    assert np.median(found.visible[..., ankles]) < 0.35
    assert np.median(found.error[..., ankles]) > 2 * np.median(whole.error[..., ankles])
    arms = [JOINT["LWrist"], JOINT["RWrist"]]
    np.testing.assert_allclose(
        np.median(found.error[..., arms]), np.median(whole.error[..., arms]), rtol=0.2
    )


def test_simulate_detector_errs_more_further_out() -> None:
    xyz = person(30)
    knee = JOINT["LKnee"]
    high = float((xyz[..., 1] / xyz[..., 2])[:, knee].min())
    near, far = (detect(300, xyz, (9.0, high - cut))[1] for cut in (0.005, 0.08))
    assert far.error[..., knee].mean() > near.error[..., knee].mean() * 1.15
    assert far.visible[..., knee].mean() < near.visible[..., knee].mean()


def test_simulate_detector_noise_is_correlated_in_seconds() -> None:
    exact, found = detect(300)
    error = found.rays - exact
    left = error - error.mean(axis=1, keepdims=True)
    one, many = ((left[:, lag:] * left[:, :-lag]).mean() / (left**2).mean() for lag in (1, 20))
    assert one > 0.6
    assert many < 0.4
    # the same in seconds, whatever the frame rate
    slow = detect(300, seconds=10 * SECONDS)[1].rays - exact
    slow = slow - slow.mean(axis=1, keepdims=True)
    assert (slow[:, 1:] * slow[:, :-1]).mean() / (slow**2).mean() < one - 0.2


def test_sample_offsets_is_constant_and_symmetric() -> None:
    """Hips out and up: with nothing else wrong, a still person's joints are still."""
    rays = np.zeros((1, 1, 17, 2), dtype=np.float32)
    front = person(1)[..., :2] / person(1)[..., 2:]
    rays = np.broadcast_to(front, (400, 3, 17, 2)).astype(np.float32)
    shift = sample_offsets(rays, np.random.default_rng(0), DetectorConfig(constant=0.0))
    np.testing.assert_allclose(shift[:, 0], shift[:, 2], atol=1e-6)
    hips = shift[:, 0, [JOINT["LHip"], JOINT["RHip"]]]
    outward = (front[0, JOINT["LHip"]] - front[0, JOINT["Hip"]])[0]
    assert np.corrcoef(hips[:, 0, 0], hips[:, 1, 0])[0, 1] < -0.9
    assert hips[:, 0, 0].std() == pytest.approx(0.2 * abs(outward), rel=0.2)


def test_simulate_detector_exchanges_sides_of_whole_limbs() -> None:
    xyz = np.zeros((9, 17, 3))
    xyz[..., 2] = 1.0
    for i, name in enumerate(H36M.joints):
        xyz[:, i, 0] = {"L": 9.0, "R": -9.0}.get(name[0], 0.0)
    xyz[:, JOINT["Thorax"], 1] = 4.0
    exact, found = detect(3000, xyz, (99.0, 99.0), seconds=0.08)
    swapped = np.sign(found.rays[..., 0]) == -np.sign(exact[..., 0])
    legs = [JOINT[s + j] for s in "LR" for j in ("Hip", "Knee", "Ankle")]
    arms = [JOINT[s + j] for s in "LR" for j in ("Shoulder", "Elbow", "Wrist")]
    for limb, other in ((legs, arms), (arms, legs)):
        together = swapped[..., limb].all(axis=-1)
        assert 0.003 < together.mean() < 0.03
        assert 0.0005 < (together & swapped[..., other].all(axis=-1)).mean() < 0.01
        assert (swapped[..., limb].any(axis=-1) & ~together).mean() < 0.01


def test_simulate_detector_scales_with_the_person() -> None:
    xyz = person(20)
    kept = xyz.copy()
    one, other = detect(30, xyz)[1], detect(30, 10 * xyz)[1]
    near = xyz * [2, 2, 1]
    large = detect(30, near, (18.0, 18.0))[1]
    np.testing.assert_allclose(large.rays, 2 * one.rays, rtol=0, atol=2e-3)
    assert other.rays.shape == one.rays.shape
    np.testing.assert_array_equal(xyz, kept)


def test_simulate_detector_is_repeatable() -> None:
    one, same, other = (detect(10, seed=s)[1] for s in (1, 1, 2))
    for a, b, c in zip(one[:2], same[:2], other[:2], strict=True):
        np.testing.assert_array_equal(a, b)
        assert (a != c).any()
        assert a.dtype == np.float32


@pytest.mark.parametrize("t", [1, 2, 200])
def test_simulate_detector_is_finite_for_any_length_and_view(t: int) -> None:
    end_on = np.broadcast_to(person(1), (t, 17, 3)).copy()
    end_on[..., :2] *= 1e-3
    for xyz in (np.broadcast_to(person(1), (t, 17, 3)), end_on):
        _, found = detect(4, xyz)
        assert all(np.isfinite(x).all() for x in found)
        assert found.error.mean() < 1


def test_simulate_visibility_is_a_probability(rng: np.random.Generator) -> None:
    xyz = np.broadcast_to(person(5), (3, 5, 17, 3)).astype(np.float32)
    beyond = np.zeros((3, 5, 17), dtype=np.float32)
    found = simulate_visibility(xyz, xyz[..., :2] / xyz[..., 2:], beyond, np.full(3, SECONDS), rng)
    assert found.shape == (3, 5, 17)
    assert found.min() > 0
    assert found.max() <= 1
