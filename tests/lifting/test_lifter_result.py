"""What a lifter answers: metres, a world, a source for every number; and what it refuses."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from lifters import SPECS, lifter, network, projected, seen
from motions import FOCAL, walk
from paths import GOLDEN

from tcpformer.lifting.lifter import Lifter
from tcpformer.models.checkpoint import save_model
from tcpformer.motion import Motion2D, Motion3D
from tcpformer.runtime.device import pick_device
from tcpformer.skeleton import (
    BODY,
    COCO,
    H36M,
    H36M_NOSE,
    MPI_INF_3DHP,
    STANDARD_HEIGHT,
    conversion,
    stature,
)
from tcpformer.weights import WeightsSpec
from tcpformer.world.ground import ground_of

# What comes out


@pytest.fixture(scope="module")
def walked() -> tuple[Motion3D, Motion3D]:
    """A walk in closed form, and what the packaged weights make of its projection."""
    figure = walk(90)
    return figure, Lifter("default", "cpu")(seen(figure), height=1.83)


def test_lifted_walk_projects_onto_its_keypoints(
    walked: tuple[Motion3D, Motion3D],
) -> None:
    figure, motion = walked
    apart = projected(motion.camera_xyz, figure)[:, BODY] - motion.xy[:, BODY]
    apart = np.linalg.norm(apart, axis=-1)
    tall = np.ptp(figure.xy[..., 1], axis=1).mean()
    np.testing.assert_allclose(motion.xy[:, BODY], figure.xy, rtol=1e-6)
    assert np.median(apart) < 0.03 * tall
    assert np.percentile(apart, 99) < 0.2 * tall


def test_lifted_walk_has_the_pose_of_the_walk(walked: tuple[Motion3D, Motion3D]) -> None:
    """Loosely, whatever weights are packaged; they have to know front from back."""
    figure, motion = walked
    true, pred = ((m.camera_xyz - m.camera_xyz[:, :1])[:, BODY] for m in (figure, motion))
    pred = pred * (stature(true).mean() / stature(pred).mean())
    right, reversed_ = (
        np.linalg.norm(pose - true, axis=-1).mean() for pose in (pred, pred * [1, 1, -1])
    )
    assert right < 0.13
    assert right < 0.8 * reversed_


def test_lifted_walk_has_the_speed_of_the_walk(
    walked: tuple[Motion3D, Motion3D],
) -> None:
    figure, motion = walked
    larger = 1.83 / stature(figure.xyz).mean()
    speed = np.polyfit(motion.times, motion.xyz[:, 0, 1], 1)[0]
    assert speed == pytest.approx(-1.2 * larger, rel=0.15)


def test_lifted_walk_has_its_floor_under_the_feet(
    walked: tuple[Motion3D, Motion3D],
) -> None:
    """Gravity is estimated: 3 degrees of it are 0.19 m over the 3.6 m that are walked.

    The floor is right where feet rest most, so most are off by no more than half of that.
    """
    _, motion = walked
    lower = motion.xyz[:, [H36M.index["LAnkle"], H36M.index["RAnkle"]], 2].min(axis=1)
    assert np.median(lower) == pytest.approx(0, abs=0.095)
    assert lower.min() == pytest.approx(0, abs=0.19)
    np.testing.assert_allclose(ground_of(motion).to_world(motion.camera_xyz), motion.xyz, atol=2e-6)


def test_raw_world_stands_on_lowest_ankle(tmp_path: Path) -> None:
    motion = lifter(tmp_path)(seen(walk(30)), postprocess=None)
    feet = motion.xyz[:, [H36M.index["LAnkle"], H36M.index["RAnkle"]], 2]
    assert feet.min() == pytest.approx(0, abs=1e-6)
    assert "postprocess" not in motion.provenance
    world = motion.camera_xyz[..., [0, 2, 1]] * [1, 1, -1]
    np.testing.assert_allclose(motion.xyz - motion.xyz[:1, :1], world - world[:1, :1], atol=2e-6)


@pytest.mark.parametrize("height", [None, 0.9, 1.83])
@pytest.mark.parametrize("name", SPECS)
def test_stature_is_the_given_height(tmp_path: Path, name: str, height: float | None) -> None:
    motion = lifter(tmp_path, SPECS[name])(seen(walk(40)), height=height)
    wanted = STANDARD_HEIGHT if height is None else height
    assert np.median(stature(motion.xyz)) == pytest.approx(wanted, rel=1e-6)
    assert f"{wanted:.2f} m" in motion.provenance["scale"]
    assert ("given" in motion.provenance["scale"]) == (height is not None)


def test_provenance_names_weights_and_focal_length(tmp_path: Path) -> None:
    person, lift = seen(walk(12)), lifter(tmp_path)
    confidence = np.linspace(0.2, 0.9, 12 * 17).reshape(12, 17)
    motion = lift(replace(person, confidence=confidence))
    np.testing.assert_allclose(motion.confidence, confidence, rtol=1e-6)
    assert motion.valid.all()
    assert (motion.fps, motion.size, motion.provenance["weights"]) == (30.0, person.size, lift.name)
    assert (motion.focal, motion.provenance["focal"]) == (FOCAL, "given with the 2D motion")
    given = lift(person, focal=900.0)
    assert (given.focal, given.provenance["focal"]) == (900.0, "given")
    guessed = lift(replace(person, focal=None))
    assert guessed.focal == pytest.approx(640 / np.tan(np.radians(30)))
    assert "60 degrees" in guessed.provenance["focal"]


def test_lift_returns_human36m_keypoints_of_a_detector(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    xy = walk(12).xy[:, :1] + rng.normal(0, 60, (12, 17, 2))
    motion = lifter(tmp_path)(
        Motion2D(xy, np.ones((12, 17)), (1280, 720), 30.0, COCO), postprocess=None
    )
    np.testing.assert_allclose(motion.xy, conversion(COCO, H36M) @ xy, atol=1e-3)


@pytest.mark.parametrize("height", [0.0, -1.7, 170.0, float("nan"), float("inf")])
def test_lift_refuses_height_out_of_range(tmp_path: Path, height: float) -> None:
    with pytest.raises(ValueError, match=r"height must be metres, from 0\.3 to 3\.0"):
        lifter(tmp_path)(seen(walk(5)), height=height)


@pytest.mark.parametrize("focal", [0.0, -500.0, float("nan"), float("inf")])
def test_lift_refuses_focal_length_out_of_range(tmp_path: Path, focal: float) -> None:
    with pytest.raises(ValueError, match="focal length must be positive pixels"):
        lifter(tmp_path)(seen(walk(5)), focal=focal)


# Weights and devices


def _released(path: Path) -> Path:
    with np.load(GOLDEN / "tcpformer_L2_d32_T9.npz") as data:
        state = {k[6:]: torch.from_numpy(data[k]) for k in data if k.startswith("state/")}
    torch.save({"model": state}, path)
    return path


@pytest.mark.parametrize("trained_on", ["h36m", "3dhp"])
def test_released_checkpoint_lifts_with_its_protocol(
    tmp_path: Path, trained_on: Literal["h36m", "3dhp"]
) -> None:
    path = _released(tmp_path / "a.pth.tr")
    lift = Lifter(path, "cpu", checkpoint_protocol=trained_on, heads=4)
    motion = lift(seen(walk(20)))
    assert motion.provenance["weights"].startswith("a.pth.tr sha256:")
    assert np.isfinite(motion.xyz).all()
    assert lift.skeleton == {"h36m": H36M_NOSE, "3dhp": MPI_INF_3DHP}[trained_on]


def test_released_checkpoint_needs_a_protocol(tmp_path: Path) -> None:
    path = _released(tmp_path / "a.pth.tr")
    with pytest.raises(ValueError, match=r"--checkpoint-protocol\), one of \['h36m', 'h36m-cpn'"):
        Lifter(path, "cpu", heads=4)


def test_own_weights_refuse_a_protocol(tmp_path: Path) -> None:
    save_model(network(), tmp_path, spec=WeightsSpec())
    with pytest.raises(ValueError, match="omit checkpoint_protocol"):
        Lifter(tmp_path, "cpu", checkpoint_protocol="h36m")


def test_own_weights_without_spec_need_a_protocol(tmp_path: Path) -> None:
    save_model(network(), tmp_path)
    with pytest.raises(ValueError, match="does not tell its training protocol"):
        Lifter(tmp_path, "cpu")
    assert Lifter(tmp_path, "cpu", checkpoint_protocol="3dhp").spec.skeleton == "mpi-inf-3dhp"


def _machine(monkeypatch: pytest.MonkeyPatch, *, cuda: bool, mps: bool) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)


@pytest.mark.parametrize(
    ("cuda", "mps", "best"),
    [(False, False, "cpu"), (False, True, "mps"), (True, False, "cuda"), (True, True, "cuda")],
)
def test_pick_device_auto_takes_the_best(
    monkeypatch: pytest.MonkeyPatch, cuda: bool, mps: bool, best: str
) -> None:
    _machine(monkeypatch, cuda=cuda, mps=mps)
    assert pick_device("auto") == best
    assert pick_device("cpu") == "cpu"


@pytest.mark.parametrize(
    ("device", "words"),
    [
        ("cuda", "this machine has no cuda device; it has cpu"),
        ("cuda:1", "no cuda device"),
        ("mps", "no mps device"),
        ("gpu", "device must be 'auto', 'cpu', 'cuda', 'cuda:N' or 'mps', got 'gpu'"),
        ("cpu:x", "device must be"),
        ("", "device must be"),
    ],
)
def test_pick_device_refuses_missing_device(
    monkeypatch: pytest.MonkeyPatch, device: str, words: str
) -> None:
    _machine(monkeypatch, cuda=False, mps=False)
    with pytest.raises(ValueError, match=words):
        Lifter("default", device)


def test_missing_feet_leave_the_finished_body_as_it_is() -> None:
    """Of keypoints without feet, the 17 joints are those of lifting 17 joints."""
    person = seen(walk(60))
    with_others, alone = (Lifter("default", "cpu", joints=j)(person) for j in (26, 17))
    one, other = ((m.camera_xyz - m.camera_xyz[:, :1])[:, BODY] for m in (with_others, alone))
    np.testing.assert_allclose(one, other, rtol=0, atol=2e-3)
