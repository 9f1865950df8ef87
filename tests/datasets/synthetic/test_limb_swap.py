"""Limbs of one motion on the body of another."""

import numpy as np
import pytest
from motions import walk
from scipy.spatial.transform import Rotation

from tcpformer.datasets.synthetic.limb_swap import KINDS, choose_limbs, swap_limbs
from tcpformer.skeleton import H36M, stature

ARMS = [H36M.index[s + j] for s in "LR" for j in ("Elbow", "Wrist")]
LEGS = [H36M.index[s + j] for s in "LR" for j in ("Knee", "Ankle")]
MOVED = {"arms": ARMS, "legs": LEGS}


@pytest.fixture
def bodies() -> np.ndarray:
    """Three people walking, at different paces."""
    return np.stack([walk(60, 50.0, speed).xyz[10:40] for speed in (0.8, 1.2, 1.6)])


def kinds(kind: str) -> np.ndarray:
    return np.full(3, KINDS.index(kind))


def bone_lengths(x: np.ndarray) -> np.ndarray:
    return np.stack([np.linalg.norm(x[..., c, :] - x[..., p, :], axis=-1) for p, c in H36M.bones])


def moved_by(x: np.ndarray, turn: Rotation) -> np.ndarray:
    return x @ turn.as_matrix().T + np.array([1.0, -2.0, 0.5])


@pytest.mark.parametrize("kind", KINDS)
def test_swap_limbs_of_the_same_motion_changes_nothing(bodies: np.ndarray, kind: str) -> None:
    np.testing.assert_allclose(swap_limbs(bodies, bodies, kinds(kind)), bodies, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_swap_limbs_ignores_position_and_direction_of_the_donor(
    bodies: np.ndarray, kind: str
) -> None:
    donors = bodies[[1, 2, 0]]
    turned = moved_by(donors, Rotation.from_euler("xyz", [0.3, 2.0, -1.0]))
    wanted = swap_limbs(bodies, donors, kinds(kind))
    np.testing.assert_allclose(swap_limbs(bodies, turned, kinds(kind)), wanted, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_swap_limbs_turns_with_the_body(bodies: np.ndarray, kind: str) -> None:
    turn, donors = Rotation.from_euler("zx", [1.0, 0.4]), bodies[[2, 0, 1]]
    wanted = moved_by(swap_limbs(bodies, donors, kinds(kind)), turn)
    np.testing.assert_allclose(
        swap_limbs(moved_by(bodies, turn), donors, kinds(kind)), wanted, atol=1e-9
    )


@pytest.mark.parametrize("kind", KINDS)
def test_swap_limbs_changes_only_the_limbs(bodies: np.ndarray, kind: str) -> None:
    out = swap_limbs(bodies, bodies[[1, 2, 0], ::-1], kinds(kind))
    others = [j for j in range(17) if j not in MOVED[kind]]
    np.testing.assert_array_equal(out[:, :, others], bodies[:, :, others])
    assert np.abs(out - bodies)[:, :, MOVED[kind]].mean() > 0.02


def test_swap_limbs_scales_to_the_body(bodies: np.ndarray) -> None:
    donors = 1.3 * bodies[[1, 2, 0]]
    out = swap_limbs(bodies, donors, kinds("legs"))
    np.testing.assert_allclose(bone_lengths(out), bone_lengths(bodies), rtol=0.02)
    np.testing.assert_allclose(stature(out), stature(bodies), rtol=0.01)


def test_swap_limbs_keeps_clips_without_a_kind(bodies: np.ndarray) -> None:
    out = swap_limbs(bodies, bodies[[1, 2, 0]], np.array([-1, 0, -1]))
    np.testing.assert_array_equal(out[[0, 2]], bodies[[0, 2]])
    assert (out[1] != bodies[1]).any()


def test_choose_limbs_has_the_stated_share(rng: np.random.Generator) -> None:
    kind = choose_limbs(0.4, 20_000, rng)
    for number in range(len(KINDS)):
        assert (kind == number).mean() == pytest.approx(0.2, abs=0.01)
    assert (choose_limbs(0.0, 100, rng) == -1).all()
