"""Metrics: invariances, closed forms, and the numbers of the released code."""

from collections.abc import Callable

import numpy as np
import pytest
from paths import GOLDEN
from scipy.spatial.transform import Rotation

from tcpformer.analysis.metrics import (
    AUC_MILLIMETRES,
    acceleration_error,
    acceleration_error_released,
    align,
    auc,
    bone_deviation,
    jitter,
    joint_errors,
    mpjpe,
    mpjve,
    n_mpjpe,
    nearest_rotation,
    p_mpjpe,
    pck,
)
from tcpformer.skeleton import H36M

TURN = Rotation.from_rotvec([0.4, -2.0, 1.1]).as_matrix()


@pytest.fixture
def poses(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return two clips of predicted poses, and of true ones."""
    true = rng.normal(0, 0.4, (2, 9, 17, 3))
    return true + rng.normal(0, 0.05, true.shape), true


# laws


def test_metrics_of_equal_poses_are_zero(poses: tuple[np.ndarray, np.ndarray]) -> None:
    _, true = poses
    for metric in (mpjpe, n_mpjpe, p_mpjpe):
        np.testing.assert_allclose(metric(true, true), np.zeros((2, 9)), atol=1e-14)
    for rate in (mpjve, acceleration_error):
        assert rate(true, true, 50.0).max() == 0
    assert pck(true, true).min() == 1
    assert joint_errors(true, true).max() == 0


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_align_is_the_best_similarity(side: float, poses: tuple[np.ndarray, np.ndarray]) -> None:
    pred, true = poses[0] * np.array([side, 1.0, 1.0]), poses[1]

    def squares(x: np.ndarray) -> np.ndarray:
        return ((x - true) ** 2).sum(axis=(-2, -1))

    best = squares(align(pred, true))
    assert (best <= squares(pred)).all()
    rng = np.random.default_rng(1)
    for turn in Rotation.from_quat(rng.normal(size=(20, 4))).as_matrix():
        slightly = Rotation.from_matrix(turn) ** 0.01
        near = align(pred, true) @ slightly.as_matrix().T
        assert (best <= squares(near) + 1e-12).all()
        assert (best <= squares(align(pred, true) * rng.uniform(0.98, 1.02)) + 1e-12).all()


def test_nearest_rotation_of_a_rotation_and_of_a_reflection() -> None:
    rotation, singular = nearest_rotation(2.0 * TURN)
    np.testing.assert_allclose(rotation, TURN, atol=1e-12)
    np.testing.assert_allclose(singular, 2.0)
    found, _ = nearest_rotation(np.stack([TURN, -TURN]) @ np.diag([3.0, 2.0, 1.0]))
    np.testing.assert_allclose(np.linalg.det(found), 1.0)


def test_p_mpjpe_is_invariant_to_similarity_transforms(
    poses: tuple[np.ndarray, np.ndarray], rng: np.random.Generator
) -> None:
    pred, true = poses
    turns = Rotation.from_quat(rng.normal(size=(18, 4))).as_matrix().reshape(2, 9, 3, 3)
    scale = rng.uniform(0.1, 10, (2, 9, 1, 1))
    moved = scale * pred @ turns + rng.normal(size=(2, 9, 1, 3))
    np.testing.assert_allclose(p_mpjpe(moved, true), p_mpjpe(pred, true), rtol=1e-9)
    np.testing.assert_allclose(p_mpjpe(moved, pred), 0, atol=1e-12)


def test_p_mpjpe_of_a_mirror_image(poses: tuple[np.ndarray, np.ndarray]) -> None:
    _, true = poses
    for flip in ([-1.0, 1, 1], [1.0, 1, -1], [-1.0, -1, -1]):
        assert p_mpjpe(true * np.array(flip), true).min() > 0.1
    # both mirrored is neither better nor worse
    pred, flip = poses[0], np.array([-1.0, 1, 1])
    np.testing.assert_allclose(p_mpjpe(pred * flip, true * flip), p_mpjpe(pred, true), rtol=1e-9)


def degenerate(kind: str) -> np.ndarray:
    line = np.linspace(0, 1, 17)[:, None]
    return {
        "point": np.full((17, 3), 3.0),
        "origin": np.zeros((17, 3)),
        "line": line * np.array([1.0, 2.0, 3.0]),
        "plane": np.concatenate([line, line**2, 0 * line], axis=1),
    }[kind]


@pytest.mark.parametrize("kind", ["point", "origin", "line", "plane"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_aligned_metrics_of_degenerate_poses_are_finite(
    kind: str, dtype: type, poses: tuple[np.ndarray, np.ndarray]
) -> None:
    odd, true = np.broadcast_to(degenerate(kind), (9, 17, 3)).astype(dtype), poses[1][0]
    for pred, target in ((odd, true.astype(dtype)), (true.astype(dtype), odd), (odd, odd)):
        assert np.isfinite(p_mpjpe(pred, target)).all()
        assert np.isfinite(n_mpjpe(pred, target)).all()
    np.testing.assert_allclose(p_mpjpe(odd, odd), 0, atol=1e-5)


def test_align_moves_a_point_to_the_mean() -> None:
    true = np.arange(51.0).reshape(17, 3) ** 1.5
    moved = align(np.full((17, 3), 9.0), true)
    np.testing.assert_allclose(moved, np.broadcast_to(true.mean(axis=0), (17, 3)))


def test_n_mpjpe_does_not_depend_on_one_scale_but_on_one_a_frame(
    poses: tuple[np.ndarray, np.ndarray],
) -> None:
    pred, true = poses
    np.testing.assert_allclose(n_mpjpe(37.0 * pred, true), n_mpjpe(pred, true), rtol=1e-12)
    np.testing.assert_allclose(n_mpjpe(0.2 * true, true), 0, atol=1e-14)
    np.testing.assert_allclose(n_mpjpe(1e-9 * pred, true), n_mpjpe(pred, true), rtol=1e-12)
    uneven = np.linspace(0.5, 2, 9)[:, None, None] * true
    assert n_mpjpe(uneven, true).mean() > 0.1
    np.testing.assert_allclose(n_mpjpe(pred, true)[1], n_mpjpe(pred[1], true[1]), rtol=1e-12)


def test_rates_are_invariant_to_offset_and_drift(
    poses: tuple[np.ndarray, np.ndarray],
) -> None:
    pred, true = poses
    drift = pred + 5.0 + 0.3 * np.arange(9)[:, None, None]
    np.testing.assert_allclose(mpjve(pred + 5.0, true, 25.0), mpjve(pred, true, 25.0))
    np.testing.assert_allclose(
        acceleration_error(drift, true, 25.0), acceleration_error(pred, true, 25.0), rtol=1e-9
    )


def test_jitter_of_a_parabola_and_bone_deviation_of_a_rigid_motion_are_zero(
    poses: tuple[np.ndarray, np.ndarray],
) -> None:
    _, true = poses
    frame = np.arange(9.0)[:, None, None]
    parabola = true[:, :1] + 3.0 - 0.7 * frame + 0.2 * frame**2
    np.testing.assert_allclose(jitter(parabola, 25.0), 0, atol=1e-9)
    turns = Rotation.from_rotvec(np.arange(9)[:, None] * [0.1, -0.2, 0.3]).as_matrix()
    rigid = true[:, :1] @ turns + 0.2 * frame**2
    np.testing.assert_allclose(bone_deviation(rigid, H36M.bones), 0, atol=1e-12)
    assert bone_deviation(true, H36M.bones).min() > 0.01


def test_jitter_and_bone_deviation_have_units(
    poses: tuple[np.ndarray, np.ndarray],
) -> None:
    pred, true = poses
    np.testing.assert_allclose(jitter(true, 50.0), 8 * jitter(true, 25.0))
    mm = bone_deviation(1000 * pred, H36M.bones)
    np.testing.assert_allclose(mm, 1000 * bone_deviation(pred, H36M.bones))


def test_metrics_are_invariant_to_the_frame_of_reference(
    poses: tuple[np.ndarray, np.ndarray],
) -> None:
    pred, true = poses
    there = (pred @ TURN.T, true @ TURN.T)
    for metric in (mpjpe, n_mpjpe, p_mpjpe, auc):
        np.testing.assert_allclose(metric(*there), metric(pred, true), rtol=1e-9)
    for rate in (mpjve, acceleration_error):
        np.testing.assert_allclose(rate(*there, 25.0), rate(pred, true, 25.0), rtol=1e-9)


# what cannot be scored

Scored = Callable[[np.ndarray, np.ndarray], np.ndarray]
SCORED: dict[str, Scored] = {
    "joint_errors": joint_errors,
    "mpjpe": mpjpe,
    "n_mpjpe": n_mpjpe,
    "p_mpjpe": p_mpjpe,
    "mpjve": lambda pred, true: mpjve(pred, true, 25.0),
    "acceleration_error": lambda pred, true: acceleration_error(pred, true, 25.0),
    "acceleration_error_released": acceleration_error_released,
    "pck": pck,
    "auc": auc,
    "jitter": lambda pred, true: jitter(pred + true, 25.0),
    "bone_deviation": lambda pred, true: bone_deviation(pred + true, H36M.bones),
}


@pytest.mark.parametrize("name", SCORED)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("side", [0, 1])
def test_metrics_refuse_positions_that_are_not_finite(
    name: str, bad: float, side: int, poses: tuple[np.ndarray, np.ndarray]
) -> None:
    poses[side][1, 3, 16, 1] = bad
    with pytest.raises(ValueError, match=r"finite positions.* 1 joints that are NaN or infinite"):
        SCORED[name](*poses)


@pytest.mark.parametrize("name", SCORED)
def test_metrics_refuse_empty_arrays(name: str) -> None:
    nothing = np.zeros((2, 5, 0, 3)) if name != "bone_deviation" else np.zeros((0, 5, 17, 3))
    with pytest.raises(ValueError, match="at least one joint and frame"):
        SCORED[name](nothing, nothing)


@pytest.mark.parametrize(
    ("name", "needed"),
    [("mpjve", 2), ("acceleration_error", 3), ("acceleration_error_released", 3), ("jitter", 4)],
)
def test_rates_refuse_too_few_frames(
    name: str, needed: int, poses: tuple[np.ndarray, np.ndarray]
) -> None:
    pred, true = poses
    assert SCORED[name](pred[:, :needed], true[:, :needed]).shape == (2, 1)
    for frames in range(1, needed):
        with pytest.raises(ValueError, match=rf"at least {needed} frames.*got {frames}"):
            SCORED[name](pred[:, :frames], true[:, :frames])


def test_metrics_of_a_single_frame(
    poses: tuple[np.ndarray, np.ndarray],
) -> None:
    one = (poses[0][:, :1], poses[1][:, :1])
    assert all(SCORED[name](*one).shape == (2, 1) for name in ("mpjpe", "n_mpjpe", "p_mpjpe"))
    np.testing.assert_array_equal(bone_deviation(one[0], H36M.bones), np.zeros((2, 1)))


# closed forms


def test_mpjpe_of_one_joint_three_four_five() -> None:
    pred = np.zeros((2, 17, 3))
    pred[1, 4] = [3.0, 0.0, 4.0]
    np.testing.assert_allclose(mpjpe(pred, np.zeros_like(pred)), [0, 5 / 17])


def test_joint_errors_of_known_distances() -> None:
    pred = np.zeros((2, 17, 3))
    pred[1, 4], pred[0, 2] = [3.0, 0.0, 4.0], [0.0, -2.0, 0.0]
    errors = np.zeros((2, 17))
    errors[1, 4], errors[0, 2] = 5.0, 2.0
    np.testing.assert_allclose(joint_errors(pred, np.zeros_like(pred)), errors)


def test_jitter_of_a_cubic_and_bone_deviation_of_a_changing_bone() -> None:
    fps, time = 50.0, np.arange(11) / 50.0
    cubic = np.zeros((11, 17, 3))
    cubic[..., 2] = 2.0 * time[:, None] ** 3
    np.testing.assert_allclose(jitter(cubic, fps), np.full(8, 12.0))
    breathing = np.zeros((4, 3, 3))
    breathing[:, 1, 0] = [1.0, 3.0, 1.0, 3.0]  # from joint 0 to 1: 1 off its mean of 2
    breathing[:, 2, 0] = breathing[:, 1, 0] + 5.0
    deviation = bone_deviation(breathing, [(0, 1), (1, 2)])
    np.testing.assert_allclose(deviation, np.full(4, 0.5))


def test_rates_of_uniform_and_falling_motion() -> None:
    fps, time = 50.0, np.arange(11) / 50.0
    still, moving = np.zeros((11, 17, 3)), np.zeros((11, 17, 3))
    moving[..., 1] = 2.0 * time[:, None]
    falling = moving.copy()
    falling[..., 2] = -9.81 / 2 * time[:, None] ** 2
    np.testing.assert_allclose(mpjve(moving, still, fps), np.full(10, 2.0))
    np.testing.assert_allclose(acceleration_error(moving, still, fps), np.zeros(9), atol=1e-9)
    np.testing.assert_allclose(acceleration_error(falling, still, fps), np.full(9, 9.81))
    released = acceleration_error_released(falling, still)
    np.testing.assert_allclose(released, np.full(9, 9.81 / fps**2))


def test_pck_counts_strictly_below_150_mm() -> None:
    pred = np.zeros((1, 4, 3))
    pred[0, :, 0] = [0.0, np.nextafter(0.150, 0), 0.150, 0.151]
    np.testing.assert_array_equal(pck(pred, np.zeros_like(pred)), [0.5])
    np.testing.assert_array_equal(pck(pred, np.zeros_like(pred), threshold=0.2), [1.0])


def test_pck_in_millimetres_over_chosen_joints() -> None:
    pred = np.zeros((2, 4, 3), dtype=np.float32)
    pred[:, :, 2] = [[149.75, 150.0, 500.0, 0.0], [150.25, 150.0, 0.0, 500.0]]
    zero = np.zeros_like(pred)
    np.testing.assert_array_equal(pck(pred, zero, 150.0, joints=(0, 1)), [0.5, 0.0])
    np.testing.assert_array_equal(pck(pred, zero, 150.0, joints=(2, 3)), [0.5, 0.5])
    np.testing.assert_array_equal(auc(pred, zero, AUC_MILLIMETRES, joints=[2]), [0.0, 30 / 31])


def test_auc_is_strictly_below_thresholds() -> None:
    """An error of 5 k mm is below the thresholds k + 1 to 30 only."""
    pred = np.zeros((1, 31, 3))
    pred[0, :, 0] = AUC_MILLIMETRES
    zero = np.zeros_like(pred)
    for k in range(31):
        assert auc(pred, zero, AUC_MILLIMETRES, joints=[k]) == pytest.approx([(30 - k) / 31])
    assert pck(pred, zero, 150.0) == pytest.approx([30 / 31])


def test_auc_of_known_errors() -> None:
    pred, true = np.zeros((3, 17, 3)), np.zeros((3, 17, 3))
    pred[1, :, 0], pred[2, :, 0] = 0.0725, 1.0
    np.testing.assert_allclose(auc(pred, true), [30 / 31, 16 / 31, 0])


# the released code


def test_metrics_match_the_released_code() -> None:
    golden = np.load(GOLDEN / "losses.npz")
    pred, true = golden["predicted"] * 1000.0, golden["target"] * 1000.0
    np.testing.assert_allclose(mpjpe(pred, true), golden["mpjpe_per_frame"], rtol=0, atol=1e-2)
    np.testing.assert_allclose(p_mpjpe(pred, true), golden["p_mpjpe_per_frame"], rtol=0, atol=1e-2)
    # the last two frames of a clip, which the released code counts as 0, are not in the file
    np.testing.assert_allclose(
        acceleration_error_released(pred, true), golden["acceleration"], rtol=0, atol=1e-2
    )


def test_n_mpjpe_of_single_frames_matches_the_released_loss() -> None:
    golden = np.load(GOLDEN / "losses.npz")
    pred, true = (golden[k].astype(float)[:, :, None] for k in ("predicted", "target"))
    assert n_mpjpe(pred, true).mean() == pytest.approx(float(golden["loss/n_mpjpe"]), abs=1e-6)
