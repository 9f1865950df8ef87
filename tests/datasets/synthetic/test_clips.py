"""Training data: motion capture in its file, virtual cameras and bodies, clips."""

from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from motions import walk
from tcpformer.datasets.clip_batch import ClipBatch
from tcpformer.datasets.synthetic.augment import mirror_bodies, tilt_bodies, vary_proportions
from tcpformer.datasets.synthetic.benchmark_like import (
    _draw_frames,
    generate_benchmark_clips,
    simulate_benchmark_view,
)

from tcpformer.datasets.mocap import Mocap, load_mocap
from tcpformer.datasets.synthetic.cameras import sample_benchmark_views
from tcpformer.lifting.normalize import look_at_rotation, to_centered_camera
from tcpformer.skeleton import COCO, H36M, STANDARD_HEIGHT, stature

MIRROR, JOINT = list(H36M.mirror), H36M.index
LENGTHS, SPLIT = (40, 5, 60, 30), ("train", "val", "train", "test")


def content(**changes: Any) -> dict[str, Any]:
    """Sequences of the walk, each in a place of its own: 10 m, 20 m, ... to the right."""
    xyz = [walk(n, 50.0).xyz + np.array([10.0 * (i + 1), 0, 0]) for i, n in enumerate(LENGTHS)]
    tenths = np.round(np.concatenate(xyz) * 1e4)
    root = tenths[:, :1]
    return {
        "relative": (tenths - root).astype(np.int16),
        "root": root[:, 0].astype(np.int32),
        "offsets": np.cumsum([0, *LENGTHS]),
        "split": np.array(SPLIT),
        "joints": np.array(H36M.joints),
        "parents": np.array(H36M.parents, dtype=np.int8),
        "fps": np.float32(50),
    } | changes


@pytest.fixture
def file(tmp_path: Path) -> Path:
    np.savez(tmp_path / "mocap.npz", **content())
    return tmp_path / "mocap.npz"


@pytest.fixture
def walks() -> np.ndarray:
    """Clips of people who walk in all directions."""
    xyz = walk(15).xyz
    return np.stack([xyz, xyz * [-1, -1, 1], xyz[..., [1, 0, 2]] * [1, -1, 1]]).repeat(20, axis=0)


# motion capture


@pytest.mark.parametrize("split", ["train", "val", "test", "train+val", "train+val+test"])
def test_a_split_holds_its_sequences_in_metres(file: Path, split: str) -> None:
    mocap = load_mocap(file, split)
    wanted = [i for i, name in enumerate(SPLIT) if name in split.split("+")]
    assert mocap.lengths.tolist() == [LENGTHS[i] for i in wanted]
    assert mocap.fps == 50
    for i, start, length in zip(wanted, mocap.starts, mocap.lengths, strict=True):
        expected = walk(LENGTHS[i], 50.0).xyz + np.array([10.0 * (i + 1), 0, 0])
        np.testing.assert_allclose(mocap.xyz[start : start + length], expected, atol=1.1e-4)


@pytest.mark.parametrize(
    ("split", "changes", "message"),
    [
        ("training", {}, "split must be made of"),
        ("train,val", {}, "split must be made of"),
        ("val", {"split": np.array(["train"] * 4)}, "no sequence belongs to 'val'"),
        ("train", {"joints": np.array(COCO.joints)}, "expected the joints"),
    ],
)
def test_bad_files_and_splits_are_refused(
    tmp_path: Path, split: str, changes: dict[str, Any], message: str
) -> None:
    np.savez(tmp_path / "a.npz", **content(**changes))
    with pytest.raises(ValueError, match=message):
        load_mocap(tmp_path / "a.npz", split)


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **{k: v for k, v in content().items() if k != "root"})
    with pytest.raises(ValueError, match=r"a\.npz: keys \['root'\] are missing"):
        load_mocap(tmp_path / "a.npz", "train")


# bodies


def test_mirrored_twice_is_the_same_and_once_is_a_person_with_sides_exchanged(
    walks: np.ndarray,
) -> None:
    once = mirror_bodies(walks)
    np.testing.assert_array_equal(mirror_bodies(once), walks)
    np.testing.assert_array_equal(once[:, :, JOINT["LWrist"], 1:], walks[:, :, JOINT["RWrist"], 1:])
    np.testing.assert_array_equal(once[:, :, JOINT["LWrist"], 0], -walks[:, :, JOINT["RWrist"], 0])
    assert mirror_bodies(walks.astype(np.float32)).dtype == np.float32


def lengths(xyz: np.ndarray) -> dict[str, np.ndarray]:
    return {
        H36M.joints[c]: np.linalg.norm(xyz[:, :, c] - xyz[:, :, p], axis=-1) for p, c in H36M.bones
    }


def test_another_body_is_as_long_left_as_right_and_the_same_in_every_frame(
    walks: np.ndarray, rng: np.random.Generator
) -> None:
    before, after = lengths(walks), lengths(vary_proportions(walks, rng))
    factor = {joint: after[joint] / before[joint] for joint in after}
    for joint in set(H36M.joints) - {"Hip", "Neck", "Head"}:
        twin = H36M.joints[MIRROR[JOINT[joint]]]
        np.testing.assert_allclose(factor[joint], factor[twin], rtol=1e-9)
        np.testing.assert_allclose(np.ptp(factor[joint], axis=1), 0, atol=1e-9)
    limits = {"LHip": (1.0, 1.5), "LShoulder": (0.75, 1.0)}
    for joint in ("LKnee", "LAnkle", "Spine", "Thorax", "LElbow", "LWrist", *limits):
        low, high = limits.get(joint, (0.9, 1.1))
        assert low - 1e-9 <= factor[joint].min() < low + 0.05
        assert high - 0.05 < factor[joint].max() <= high + 1e-9
    assert 0.3 < (factor["LHip"][:, 0] > 1 + 1e-9).mean() < 0.7
    independent = np.corrcoef(factor["LKnee"][:, 0], factor["LElbow"][:, 0])[0, 1]
    assert abs(independent) < 0.5


def test_another_body_keeps_the_directions_of_bones_and_the_root(
    walks: np.ndarray, rng: np.random.Generator
) -> None:
    out = vary_proportions(walks, rng)
    np.testing.assert_array_equal(out[:, :, 0], walks[:, :, 0])
    for parent, child in H36M.bones:
        if H36M.joints[child] not in ("Neck", "Head"):
            one, other = (x[:, :, child] - x[:, :, parent] for x in (walks, out))
            np.testing.assert_allclose(np.cross(one, other), 0, atol=1e-12)
            assert ((one * other).sum(axis=-1) > 0).all()


def test_other_bodies_of_mirrored_people_are_the_mirrored_other_bodies(
    walks: np.ndarray,
) -> None:
    there = vary_proportions(mirror_bodies(walks), np.random.default_rng(3))
    back = mirror_bodies(vary_proportions(walks, np.random.default_rng(3)))
    np.testing.assert_allclose(there, back, rtol=0, atol=1e-12)


def test_the_skull_moves_out_of_the_face_by_up_to_eight_centimetres(
    walks: np.ndarray, rng: np.random.Generator
) -> None:
    out = vary_proportions(walks, rng)
    neck, thorax, head = JOINT["Neck"], JOINT["Thorax"], JOINT["Head"]
    before = (walks[:, :, neck] - walks[:, :, thorax])[:, 0]
    after = (out[:, :, neck] - out[:, :, thorax])[:, 0]
    facing = np.repeat([[0.0, -1, 0], [0.0, 1, 0], [-1.0, 0, 0]], 20, axis=0)
    up = after[:, 2] / before[:, 2]
    moved = ((after - up[:, None] * before) * facing).sum(axis=-1)
    some = moved > 0.01
    assert 0.1 < some.mean() < 0.6
    assert 0.04 < moved.max() < 0.085
    assert moved.min() > -0.01
    assert np.isfinite(out[:, :, head]).all()


def test_a_body_without_shoulders_or_trunk_stays_finite() -> None:
    assert np.isfinite(vary_proportions(np.zeros((40, 2, 17, 3)), np.random.default_rng(0))).all()


# cameras


def test_views_keep_distances_and_handedness(walks: np.ndarray, rng: np.random.Generator) -> None:
    seen = sample_benchmark_views(walks, rng)
    for x, y in zip(walks, seen, strict=True):
        x, y = x.reshape(-1, 3), y.reshape(-1, 3)
        rotation = np.linalg.lstsq(x - x.mean(axis=0), y - y.mean(axis=0))[0]
        assert np.linalg.det(rotation) == pytest.approx(1)
        moved = (x - x.mean(axis=0)) @ rotation + y.mean(axis=0)
        np.testing.assert_allclose(moved, y, rtol=0, atol=1e-9)


@pytest.mark.parametrize("size", [1.0, 20.0])
def test_everything_is_at_least_a_metre_in_front_of_the_camera(
    walks: np.ndarray, size: float, rng: np.random.Generator
) -> None:
    seen = sample_benchmark_views(walks * size, rng)
    assert seen[..., 2].min() >= 1 - 1e-9
    assert seen[..., 2].mean() < 9.5 + 5 * size


def test_cameras_are_about_level_and_see_people_upright_from_all_round(
    rng: np.random.Generator,
) -> None:
    pole = np.zeros((2000, 1, 17, 3))
    pole[:, :, 1, 2], pole[:, :, 2, 0], pole[:, :, 3, 1] = 1.0, 1.0, 1.0
    seen = sample_benchmark_views(pole, rng)[:, 0]
    up, east = seen[:, 1] - seen[:, 0], seen[:, 2] - seen[:, 0]
    assert up[:, 1].max() < -0.7  # y is down
    from_above = np.degrees(np.arcsin(-up[:, 2]))  # the top leans toward a camera that looks down
    assert -8.01 <= from_above.min() < -6
    assert 36 < from_above.max() <= 38.01
    roll = np.degrees(np.arctan2(up[:, 0], -up[:, 1]))
    assert np.std(roll) == pytest.approx(2.5, rel=0.2)
    quarter = np.histogram(np.arctan2(east[:, 2], east[:, 0]), bins=4, range=(-np.pi, np.pi))[0]
    assert quarter.min() > 400
    middle = seen.mean(axis=1)
    assert np.abs(middle[:, :2] / middle[:, 2:]).max() <= 0.35 + 1e-9
    assert 1.9 < middle[:, 2].min() < 2.2
    assert 8 < middle[:, 2].max() <= 9 + 1e-9


# clips

SECONDS = 0.08


def first(file: Path, count: int = 1, **changes: Any) -> list[ClipBatch]:
    settings: dict[str, Any] = {"frames": 9, "batch": 16, "spacing": (1, 3), "seed": 0} | changes
    return list(islice(generate_benchmark_clips(load_mocap(file, "train"), **settings), count))


def test_clips_come_again_by_seed(file: Path) -> None:
    for one, same in zip(first(file, 3), first(file, 3), strict=True):
        for name in ("xyc", "flat", "xyz"):
            np.testing.assert_array_equal(getattr(one, name), getattr(same, name))
    batches = first(file, 2)
    assert (batches[0].xyz != batches[1].xyz).any()
    assert (first(file, seed=1)[0].xyz != batches[0].xyz).any()


def test_truth_is_root_relative_of_standard_stature(file: Path) -> None:
    batch = first(file, batch=64)[0]
    assert batch.xyc.shape == batch.flat.shape == batch.xyz.shape == (64, 9, 17, 3)
    assert batch.xyc.dtype == batch.flat.dtype == batch.xyz.dtype == np.float32
    np.testing.assert_array_equal(batch.xyz[:, :, 0], 0)
    np.testing.assert_allclose(stature(batch.xyz).mean(axis=1), STANDARD_HEIGHT, rtol=1e-5)
    # constant but for the moved skull, which turns with the chest and not with the neck
    assert np.ptp(stature(batch.xyz), axis=1).max() < 0.03
    np.testing.assert_array_equal(batch.flat[..., 2], 0)


def test_exact_clips_are_projections_of_their_truth(file: Path) -> None:
    batch = first(file, batch=64)[0]
    exact = (batch.xyc[..., 2] == 1).all(axis=(1, 2))
    assert 5 < exact.sum() < 30
    flat, true = batch.xyc[exact][..., :2], batch.xyz[exact].astype(float)
    # rays are known up to one scale s a clip: x + X = u s (z + Z), linear in the root's X and Z
    for u, x in zip(flat, true, strict=True):
        scales = np.linspace(0.03, 0.45, 400)
        misfit = [_misfit(u.astype(float) * s, x) for s in scales]
        assert min(misfit) < 5e-3
        assert min(misfit) < 0.2 * _misfit(u * 0.9, x)


def _misfit(rays: np.ndarray, relative: np.ndarray) -> float:
    """Root mean square of what no root position explains, in metres."""
    t = len(rays)
    a = np.zeros((t, 17, 2, 3))
    a[:, :, 0, 0] = a[:, :, 1, 1] = 1
    a[..., 2] = -rays
    b = rays * relative[..., 2:] - relative[..., :2]
    a, b = a.reshape(t, 34, 3), b.reshape(t, 34)
    left = [b[i] - a[i] @ np.linalg.lstsq(a[i], b[i])[0] for i in range(t)]
    return float(np.sqrt(np.mean(np.square(left))))


def test_seeing_is_what_the_lifter_does_and_turns_the_truth_along() -> None:
    aside = np.linspace(-2, 2, 40)[:, None, None, None] * np.array([1.0, 0, 0])
    camera = walk(9).camera_xyz + aside
    seen = simulate_benchmark_view(camera, np.full(40, SECONDS), np.random.default_rng(0))
    exact = (seen.xyc[..., 2] == 1).all(axis=(1, 2))
    assert exact.any()
    rays = camera[..., :2] / camera[..., 2:]
    aimed = to_centered_camera(rays, look_at_rotation(rays))
    np.testing.assert_allclose(seen.xyc[exact][..., :2], aimed[exact], rtol=0, atol=1e-5)
    turned = np.einsum("btxy,btjy->btjx", look_at_rotation(rays), camera - camera[:, :, :1])
    np.testing.assert_allclose(seen.xyz[exact], turned[exact], rtol=0, atol=1e-5)
    size = np.linalg.norm(camera - camera[:, :, :1], axis=-1)
    np.testing.assert_allclose(np.linalg.norm(seen.xyz, axis=-1), size, rtol=0, atol=1e-5)


def everywhere(lengths: tuple[int, ...]) -> Mocap:
    starts = np.cumsum([0, *lengths])[:-1]
    return Mocap(np.zeros((sum(lengths), 17, 3)), starts, np.array(lengths), 50.0)


@pytest.mark.parametrize("draw", range(20))
def test_a_clip_stays_in_its_sequence_with_one_gap(draw: int) -> None:
    mocap = everywhere((9, 3, 200, 17, 1))
    index, gap = _draw_frames(mocap, 9, 32, (2, 5), np.random.default_rng(draw))
    which = np.searchsorted(mocap.starts, index, side="right") - 1
    assert (which == which[:, :1]).all()
    steps, length = np.diff(index, axis=1), mocap.lengths[which[:, 0]]
    full = length >= 9
    assert (steps[full] == gap[full, None]).all()
    assert ((steps >= 0) & (steps <= 1))[~full].all()  # too short a sequence rests at its end
    assert ((gap >= 2) & (gap <= 5))[length == 200].all()
    assert (gap[length == 17] == 2).all()


def test_long_sequences_are_drawn_by_the_root_of_their_length_and_all_of_each() -> None:
    mocap, rng = everywhere((400, 100)), np.random.default_rng(0)
    index = np.concatenate([_draw_frames(mocap, 3, 500, (1, 1), rng)[0] for _ in range(10)])
    assert (index[:, 0] < 400).mean() == pytest.approx(2 / 3, abs=0.03)
    assert {0, 399, 400, 499} <= set(index.ravel().tolist())


def test_tilted_people_keep_their_shape_and_their_pelvis(rng: np.random.Generator) -> None:
    people = np.repeat(walk(30, 50.0).xyz[None], 400, axis=0)
    when = np.broadcast_to(np.arange(30) / 50, (400, 30))
    out = tilt_bodies(people, when, 0.5, rng)
    np.testing.assert_allclose(out[:, :, 0], people[:, :, 0], atol=1e-9)
    between = [np.linalg.norm(x[:, :, :, None] - x[:, :, None], axis=-1) for x in (out, people)]
    np.testing.assert_allclose(*between, atol=1e-9)
    same = np.abs(out - people).max(axis=(1, 2, 3)) < 1e-9
    assert same.mean() == pytest.approx(0.5, abs=0.08)


def test_tilts_are_about_horizontal_axes_and_by_any_angle(rng: np.random.Generator) -> None:
    """Seen on a rod that stands upright: where its tip goes, and how fast."""
    rods = np.zeros((4000, 2, 17, 3))
    rods[..., 1:, 2] = 1.0
    when = np.broadcast_to([0.0, 0.1], (4000, 2))
    tip = tilt_bodies(rods, when, 1.0, rng)[:, :, 1]
    np.testing.assert_allclose(np.linalg.norm(tip, axis=-1), 1, atol=1e-9)
    tilt = np.degrees(np.arccos(np.clip(tip[:, 0, 2], -1, 1)))
    np.testing.assert_allclose(np.quantile(tilt, [0.25, 0.5, 0.75]), [45, 90, 135], atol=6)
    still = np.linalg.norm(tip[:, 1] - tip[:, 0], axis=-1) < 1e-9
    assert still.mean() == pytest.approx(0.5, abs=0.05)
    turned = np.linalg.norm(np.cross(tip[~still, 0], tip[~still, 1]), axis=-1)
    assert np.degrees(np.arcsin(turned)).std() * 10 == pytest.approx(54, rel=0.15)
    right = np.zeros((200, 1, 17, 3))
    right[..., 1, 0], right[..., 2, 1] = 1.0, 1.0
    normal = np.cross(
        *np.moveaxis(tilt_bodies(right, np.zeros((200, 1)), 1.0, rng)[:, 0, 1:3], 1, 0)
    )
    assert (normal[:, 2] < 0).any()  # some are upside down
