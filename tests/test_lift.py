"""The whole road from joints in the image to joints in space, with tiny networks of any weights."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from conftest import GOLDEN
from motions import FOCAL, walk
from torch import nn

from tcpformer.lift import Lifter, pick_device
from tcpformer.models.tcpformer import Config, TCPFormer
from tcpformer.motion import Motion2D, Motion3D
from tcpformer.repair import fill_gaps
from tcpformer.skeleton import COCO, H36M, MPI_INF_3DHP, STANDARD_HEIGHT, conversion, stature
from tcpformer.weights import Convention, save_model
from tcpformer.windows import layout

CONVENTIONS = {
    "ours": Convention(fps=30.0),
    "spaced": Convention(fps=30.0, spacing=3),
    "h36m": Convention(rule="screen", unit="screen", fps=30.0),
    "3dhp": Convention(skeleton="mpi-inf-3dhp", rule="screen", fps=30.0),
}
FRAMES = 9


def network(frames: int = FRAMES, gain: float = 0.5, seed: int = 0) -> TCPFormer:
    """Random, and every branch open: what comes out of a frame depends on the whole clip."""
    torch.manual_seed(seed)
    model = TCPFormer(Config(frames=frames, depth=2, width=16, heads=2, representation=16))
    for name, parameter in model.named_parameters():
        if name.endswith(".gain"):
            nn.init.constant_(parameter, gain)
    return model


def lifter(
    folder: Path,
    convention: Convention = CONVENTIONS["ours"],
    *,
    model: TCPFormer | None = None,
    flip: bool = True,
) -> Lifter:
    save_model(model or network(), folder, convention=convention)
    return Lifter(folder, "cpu", flip)


def seen(motion: Motion3D, *, focal: float | None = FOCAL) -> Motion2D:
    """The exact projection, as if a detector had given it."""
    return Motion2D(
        motion.xy, motion.confidence, motion.size, motion.fps, motion.skeleton, focal=focal
    )


def projected(camera_xyz: np.ndarray, motion: Motion3D) -> np.ndarray:
    return FOCAL * camera_xyz[..., :2] / camera_xyz[..., 2:] + np.array(motion.size) / 2


# Lengths, rates and times


@pytest.mark.parametrize("name", CONVENTIONS)
@pytest.mark.parametrize(
    "length", ["1", "2", "T-1", "T", "T+1", "span-1", "span", "span+1", "5*span"]
)
def test_any_length_is_lifted(tmp_path: Path, name: str, length: str) -> None:
    convention = CONVENTIONS[name]
    frames = eval(length, {"T": FRAMES, "span": FRAMES * convention.spacing})
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
@pytest.mark.parametrize("name", CONVENTIONS)
def test_who_stands_still_in_the_picture_stands_still_in_space(
    tmp_path: Path, name: str, kind: str
) -> None:
    times = _times(kind)
    xy = np.repeat(walk(20).xy[7:8], len(times), axis=0)
    fps = (len(times) - 1) / (times[-1] - times[0])
    person = Motion2D(xy, np.ones(xy.shape[:2]), (1280, 720), fps, H36M, times=times)
    motion = lifter(tmp_path, CONVENTIONS[name])(person)
    np.testing.assert_allclose(motion.xyz, motion.xyz[:1].repeat(len(times), 0), atol=2e-4)
    np.testing.assert_array_equal(motion.times, times)
    assert motion.fps == fps
    assert np.ptp(motion.xyz[0], axis=0).max() > 0.1  # somebody, not a point


def test_twice_the_frame_rate_gives_the_same_motion(tmp_path: Path) -> None:
    """Every other frame of a 60 Hz film is the 30 Hz film."""
    lift = lifter(tmp_path)
    slow, fast = (lift.relative(seen(walk(n, fps)), FOCAL) for n, fps in ((41, 30.0), (81, 60.0)))
    span = np.ptp(slow)
    assert np.abs(fast[::2] - slow).max() < 0.01 * span
    assert np.abs(np.diff(slow, axis=0)).max() > 0.02 * span


# Symmetries


def mirrored(person: Motion2D) -> Motion2D:
    swap = list(person.skeleton.mirror)
    xy = person.xy[:, swap] * [-1, 1] + [person.size[0], 0]
    return replace(person, xy=xy, confidence=person.confidence[:, swap])


@pytest.mark.parametrize("name", CONVENTIONS)
def test_the_mirror_image_is_lifted_to_the_mirror_image(tmp_path: Path, name: str) -> None:
    person, swap = seen(walk(30)), list(H36M.mirror)
    apart = {}
    for flip in (True, False):
        lift = lifter(tmp_path, CONVENTIONS[name], flip=flip)
        direct = lift.relative(person, FOCAL)
        through = lift.relative(mirrored(person), FOCAL)[:, swap] * [-1, 1, 1]
        apart[flip] = np.abs(direct - through).max() / np.ptp(direct)
    assert apart[True] < 2e-6
    assert apart[False] > 1e-2


@pytest.mark.parametrize("axis", ["yaw", "pitch"])
@pytest.mark.parametrize("degrees", [-20.0, 12.0])
def test_where_in_the_picture_somebody_far_away_stands_does_not_matter(
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
        lift = lifter(tmp_path, CONVENTIONS[name])
        poses = [
            lift.relative(replace(seen(figure), xy=projected(xyz, figure)), FOCAL)
            for xyz in (straight, straight @ turn.T)
        ]
        apart[name] = np.abs(poses[0] @ turn.T - poses[1]).max() / np.ptp(poses[0])
    assert apart["ours"] < 0.02
    assert apart["h36m"] > 0.1  # the rule of the released checkpoints does see the place


def test_the_size_of_the_picture_does_not_matter(tmp_path: Path) -> None:
    """Half as many pixels, half the focal length: the same motion."""
    person = seen(walk(30))
    half = replace(person, xy=person.xy / 2, size=(640, 360), focal=FOCAL / 2)
    for convention in CONVENTIONS.values():
        lift = lifter(tmp_path, convention)
        np.testing.assert_allclose(lift(half).xyz, lift(person).xyz, atol=1e-3)


def test_the_order_of_joints_is_told_by_name(tmp_path: Path) -> None:
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
    clips = layout(total, frames, overlap=overlap)
    edges = np.unique([clips[:, 0], clips[:, -1] + 1])
    return edges[(edges > 0) & (edges < total)]


def roughness_at_seams(lift: Lifter, frames: int) -> float:
    """Acceleration where windows begin and end over that elsewhere, however they may overlap."""
    total = 6 * frames
    figure = walk(total, speed=0.2)
    drift = np.sin(2 * np.pi * np.arange(total) / 100)[:, None, None]  # so that windows differ
    person = replace(seen(figure), xy=figure.xy * (1 + 0.05 * drift))
    pose = lift.relative(person, FOCAL)
    rough = np.linalg.norm(np.diff(pose, n=2, axis=0), axis=-1).mean(axis=-1)
    ratios = []
    for overlap in (0.0, 0.5):
        # Entry i is centred at frame i + 1; a step between s - 1 and s shows in two of them.
        near = (seams(total, frames, overlap)[:, None] - np.array([2, 1])).ravel()
        ratios.append(rough[near].mean() / np.median(np.delete(rough, near)))
    return float(max(ratios))


@pytest.mark.parametrize("seed", range(3))
def test_no_seams_show_where_windows_meet(tmp_path: Path, seed: int) -> None:
    """Though every frame depends on the whole window; without overlap they do."""
    save_model(network(frames=27, gain=1.0, seed=seed), tmp_path, convention=Convention(fps=30.0))
    assert roughness_at_seams(Lifter(tmp_path, "cpu"), 27) < 1.5
    assert roughness_at_seams(Lifter(tmp_path, "cpu", overlap=0.0), 27) > 3.0


# Gaps


@pytest.mark.parametrize("name", CONVENTIONS)
def test_frames_without_anybody_are_bridged_and_flagged(tmp_path: Path, name: str) -> None:
    person = seen(walk(60))
    valid = np.ones(60, dtype=bool)
    valid[20:26] = valid[55:] = False
    lift = lifter(tmp_path, CONVENTIONS[name])
    wild = np.where(valid[:, None, None], person.xy, 1e5)  # what a detector says there is no matter
    motions = [lift(replace(person, xy=xy, valid=valid)) for xy in (person.xy, wild)]
    np.testing.assert_array_equal(motions[0].xyz, motions[1].xyz)
    np.testing.assert_array_equal(motions[0].valid, valid)
    assert (motions[0].confidence[~valid] == 0).all()
    assert (motions[0].confidence[valid] == 1).all()
    steps = np.linalg.norm(np.diff(motions[0].xyz[:, 0], axis=0), axis=-1)
    assert steps.max() < 10 * np.median(steps) + 0.05


def test_an_unseen_joint_may_stand_anywhere(tmp_path: Path) -> None:
    person = seen(walk(30))
    confidence = person.confidence.copy()
    confidence[10:15, H36M.index["LWrist"]] = 0
    xy = person.xy.copy()
    xy[10:15, H36M.index["LWrist"]] = -777
    lift = lifter(tmp_path)
    motions = [lift(replace(person, xy=p, confidence=confidence)) for p in (person.xy, xy)]
    np.testing.assert_array_equal(motions[0].xyz, motions[1].xyz)
    assert motions[0].valid.all()


def test_nobody_at_all_is_said(tmp_path: Path) -> None:
    person = seen(walk(10))
    with pytest.raises(ValueError, match="nobody is visible"):
        lifter(tmp_path)(replace(person, valid=np.zeros(10, dtype=bool)))


# What comes out


@pytest.fixture(scope="module")
def walked() -> tuple[Motion3D, Motion3D]:
    """A walk in closed form, and what the packaged weights make of its projection."""
    figure = walk(90)
    return figure, Lifter("default", "cpu")(seen(figure), height=1.83)


def test_the_lifted_walk_falls_on_the_joints_it_was_seen_on(
    walked: tuple[Motion3D, Motion3D],
) -> None:
    figure, motion = walked
    apart = np.linalg.norm(projected(motion.camera_xyz, figure) - motion.xy, axis=-1)
    tall = np.ptp(figure.xy[..., 1], axis=1).mean()
    np.testing.assert_array_equal(motion.xy, figure.xy)
    assert np.median(apart) < 0.03 * tall
    assert np.percentile(apart, 99) < 0.2 * tall


def test_the_lifted_walk_is_the_walk(walked: tuple[Motion3D, Motion3D]) -> None:
    """Loosely, whatever weights are packaged; they have to know front from back."""
    figure, motion = walked
    true, pred = (m.camera_xyz - m.camera_xyz[:, :1] for m in (figure, motion))
    pred = pred * (stature(true).mean() / stature(pred).mean())
    right, reversed_ = (
        np.linalg.norm(pose - true, axis=-1).mean() for pose in (pred, pred * [1, 1, -1])
    )
    assert right < 0.13
    assert right < 0.8 * reversed_


def test_it_walks_towards_the_camera_as_fast_as_it_is_tall(
    walked: tuple[Motion3D, Motion3D],
) -> None:
    figure, motion = walked
    larger = 1.83 / stature(figure.xyz).mean()
    speed = np.polyfit(motion.times, motion.xyz[:, 0, 1], 1)[0]
    assert speed == pytest.approx(-1.2 * larger, rel=0.15)


def test_the_world_stands_on_the_lowest_ankle(walked: tuple[Motion3D, Motion3D]) -> None:
    _, motion = walked
    feet = motion.xyz[:, [H36M.index["LAnkle"], H36M.index["RAnkle"]], 2]
    assert feet.min() == pytest.approx(0, abs=1e-12)
    world = motion.camera_xyz[..., [0, 2, 1]] * [1, 1, -1]
    np.testing.assert_allclose(motion.xyz - motion.xyz[:1, :1], world - world[:1, :1], atol=1e-9)


@pytest.mark.parametrize("height", [None, 0.9, 1.83])
@pytest.mark.parametrize("name", CONVENTIONS)
def test_the_stature_is_the_height_given(tmp_path: Path, name: str, height: float | None) -> None:
    motion = lifter(tmp_path, CONVENTIONS[name])(seen(walk(40)), height=height)
    wanted = STANDARD_HEIGHT if height is None else height
    assert np.median(stature(motion.xyz)) == pytest.approx(wanted, rel=1e-9)
    assert f"{wanted:.2f} m" in motion.scale_source
    assert ("given" in motion.scale_source) == (height is not None)


def test_every_field_says_where_it_comes_from(tmp_path: Path) -> None:
    person, lift = seen(walk(12)), lifter(tmp_path)
    confidence = np.linspace(0.2, 0.9, 12 * 17).reshape(12, 17)
    motion = lift(replace(person, confidence=confidence))
    np.testing.assert_array_equal(motion.confidence, confidence)
    assert motion.valid.all()
    assert (motion.fps, motion.size, motion.weights) == (30.0, person.size, lift.name)
    assert (motion.focal, motion.focal_source) == (FOCAL, "metadata of the video")
    told = lift(person, focal=900.0)
    assert (told.focal, told.focal_source) == (900.0, "given")
    guessed = lift(replace(person, focal=None))
    assert guessed.focal == pytest.approx(640 / np.tan(np.radians(30)))
    assert "60 degrees" in guessed.focal_source


def test_joints_of_a_detector_come_out_as_human36m(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    xy = walk(12).xy[:, :1] + rng.normal(0, 60, (12, 17, 2))
    motion = lifter(tmp_path)(Motion2D(xy, np.ones((12, 17)), (1280, 720), 30.0, COCO))
    np.testing.assert_allclose(motion.xy, conversion(COCO, H36M) @ xy)


@pytest.mark.parametrize("height", [0.0, -1.7, 170.0, float("nan"), float("inf")])
def test_heights_out_of_range_are_refused(tmp_path: Path, height: float) -> None:
    with pytest.raises(ValueError, match=r"height must be metres, from 0\.3 to 3\.0"):
        lifter(tmp_path)(seen(walk(5)), height=height)


@pytest.mark.parametrize("focal", [0.0, -500.0, float("nan"), float("inf")])
def test_focal_lengths_out_of_range_are_refused(tmp_path: Path, focal: float) -> None:
    with pytest.raises(ValueError, match="focal length must be positive pixels"):
        lifter(tmp_path)(seen(walk(5)), focal=focal)


# Weights and devices


def _released(path: Path) -> Path:
    with np.load(GOLDEN / "tcpformer_L2_d32_T9.npz") as data:
        state = {k[6:]: torch.from_numpy(data[k]) for k in data if k.startswith("state/")}
    torch.save({"model": state}, path)
    return path


@pytest.mark.parametrize("trained_on", ["h36m", "3dhp"])
def test_a_released_checkpoint_lifts_once_told_what_it_saw(
    tmp_path: Path, trained_on: Literal["h36m", "3dhp"]
) -> None:
    path = _released(tmp_path / "a.pth.tr")
    lift = Lifter(path, "cpu", trained_on=trained_on, heads=4)
    motion = lift(seen(walk(20)))
    assert motion.weights.startswith("a.pth.tr sha256:")
    assert np.isfinite(motion.xyz).all()
    assert lift.skeleton == {"h36m": H36M, "3dhp": MPI_INF_3DHP}[trained_on]


def test_a_released_checkpoint_must_be_told_what_it_saw(tmp_path: Path) -> None:
    path = _released(tmp_path / "a.pth.tr")
    with pytest.raises(ValueError, match=r"--trained-on\), one of \['h36m', '3dhp'\]"):
        Lifter(path, "cpu", heads=4)


def test_ours_must_not_be_told_what_they_saw(tmp_path: Path) -> None:
    save_model(network(), tmp_path, convention=Convention())
    with pytest.raises(ValueError, match="leave trained_on out"):
        Lifter(tmp_path, "cpu", trained_on="h36m")


def test_ours_without_convention_must_be_told(tmp_path: Path) -> None:
    save_model(network(), tmp_path)
    with pytest.raises(ValueError, match="does not say what it was trained on"):
        Lifter(tmp_path, "cpu")
    assert Lifter(tmp_path, "cpu", trained_on="3dhp").convention.skeleton == "mpi-inf-3dhp"


def _machine(monkeypatch: pytest.MonkeyPatch, *, cuda: bool, mps: bool) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)


@pytest.mark.parametrize(
    ("cuda", "mps", "best"),
    [(False, False, "cpu"), (False, True, "mps"), (True, False, "cuda"), (True, True, "cuda")],
)
def test_auto_takes_the_best_device_there_is(
    monkeypatch: pytest.MonkeyPatch, cuda: bool, mps: bool, best: str
) -> None:
    _machine(monkeypatch, cuda=cuda, mps=mps)
    assert pick_device("auto") == best
    assert pick_device("cpu") == "cpu"


@pytest.mark.parametrize(
    ("device", "words"),
    [
        ("cuda", "no cuda device on this machine; there is cpu"),
        ("cuda:1", "no cuda device"),
        ("mps", "no mps device"),
        ("gpu", "device must be 'auto', 'cpu', 'cuda' or 'mps', got 'gpu'"),
        ("", "device must be"),
    ],
)
def test_a_device_that_is_not_there_is_refused(
    monkeypatch: pytest.MonkeyPatch, device: str, words: str
) -> None:
    _machine(monkeypatch, cuda=False, mps=False)
    with pytest.raises(ValueError, match=words):
        Lifter("default", device)


def test_many_clips_are_the_same_as_few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clips go through the network some at a time; how many is no matter."""
    lift, person = lifter(tmp_path), seen(walk(100))
    whole = lift.relative(person, FOCAL)
    monkeypatch.setattr("tcpformer.lift.CLIPS_AT_ONCE", 2)
    np.testing.assert_allclose(lift.relative(person, FOCAL), whole, atol=1e-5)


def test_what_is_bridged_is_what_repair_bridges(tmp_path: Path) -> None:
    person = replace(seen(walk(30)), valid=np.arange(30) % 7 != 3)
    np.testing.assert_array_equal(lifter(tmp_path)(person).xy, fill_gaps(person).xy)
