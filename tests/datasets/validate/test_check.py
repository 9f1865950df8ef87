"""The validator: every mistake is named, and nothing that is not there."""

import runpy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from motions import SIZE, walk
from paths import DATA, ROOT

from tcpformer.datasets.custom import Sequence, save_sequence
from tcpformer.datasets.validate.agreement import (
    find_lag,
    fit_projection,
    match_joints,
    reprojection_error,
)
from tcpformer.datasets.validate.anatomy import implausibility, joint_orders, mean_knee_bend
from tcpformer.datasets.validate.check import ADVICE, check_folder, check_sequence
from tcpformer.datasets.validate.tempo import log_speed_ratio, motion_features, speed_ratio_limit
from tcpformer.lifting.normalize import to_rays
from tcpformer.skeleton import H36M

EXCERPT = DATA / "open_benchmark_excerpt.npz"
BENCHMARK = runpy.run_path(str(ROOT / "benchmarks" / "validator.py"))
MISTAKES, RATES = BENCHMARK["MISTAKES"], BENCHMARK["RATES"]


def part(sequence: Sequence, cut: slice) -> Sequence:
    confidence = np.asarray(sequence.confidence)[cut]
    return replace(sequence, xy=sequence.xy[cut], xyz=sequence.xyz[cut], confidence=confidence)


def halves(sequence: Sequence) -> list[Sequence]:
    middle = len(sequence) // 2
    return [part(sequence, slice(None, middle)), part(sequence, slice(middle, None))]


WHOLE = list(BENCHMARK["views"](EXCERPT, noisy=False))
CLEAN = [half for view in WHOLE for half in halves(view)][:20]
NOISY = [half for view in BENCHMARK["views"](EXCERPT, noisy=True) for half in halves(view)][:20]


def overlapping(sequence: Sequence) -> list[Sequence]:
    return [part(sequence, slice(start, start + 110)) for start in (0, 40)]


LONG = [long for view in WHOLE for long in overlapping(view) if len(long) >= 100]


@pytest.mark.parametrize("sequences", [CLEAN, NOISY], ids=["exact", "noisy"])
@pytest.mark.parametrize("known", ["place", "pose"])
def test_nothing_is_found_where_nothing_is(sequences: list[Sequence], known: str) -> None:
    for sequence in sequences:
        assert (
            check_sequence(sequence if known == "place" else BENCHMARK["pose_only"](sequence))
            == []
        )


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_named(name: str, rng: np.random.Generator) -> None:
    make, fault, detail = MISTAKES[name]
    # Somebody who hardly moves can be late unseen behind a detector's errors.
    sequences = LONG if fault == "time shift" else NOISY
    hits = [BENCHMARK["named"](check_sequence(make(s, rng)), fault, detail) for s in sequences]
    assert np.mean(hits) >= 0.95


def folder_of(path: Path, sequences: list[Sequence]) -> Path:
    path.mkdir()
    for i, sequence in enumerate(sequences):
        save_sequence(path / f"{i:02}.npz", sequence)
    return path


@pytest.mark.parametrize("name", RATES)
def test_wrong_frame_rates_are_named(name: str, tmp_path: Path, rng: np.random.Generator) -> None:
    assert len(LONG) >= 20
    check = check_folder(folder_of(tmp_path / "own", [RATES[name](s, rng) for s in LONG]))
    faults = {f.sequence for f in check.findings if f.fault == "frame rate"}
    assert len(faults) >= 0.95 * len(LONG)


def test_a_clean_folder_is_clean(tmp_path: Path) -> None:
    check = check_folder(folder_of(tmp_path / "own", LONG))
    assert check.findings == []
    assert check.table() == f"{len(LONG)} sequences, nothing found."


def test_the_table_says_what_to_do(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "own", [replace(CLEAN[0], xyz=CLEAN[0].xyz * 1000), CLEAN[1]])
    (folder / "02.npz").write_text("nothing")
    check = check_folder(folder)
    assert [(f.sequence, f.fault) for f in check.findings] == [
        ("00.npz", "unit"),
        ("02.npz", "unreadable"),
    ]
    assert check.table().startswith("3 sequences, 2 with faults.")
    assert ADVICE["unit"] in check.table()
    assert "millimetres" in check.table()


def test_one_sequence_of_a_folder_that_is_far_too_slow_is_found(tmp_path: Path) -> None:
    runner = max(LONG, key=lambda s: log_speed_ratio(s.to_h36m(s.xyz), s.fps) or 0.0)
    slow = replace(runner, fps=runner.fps / 12)
    check = check_folder(folder_of(tmp_path / "own", [slow, *LONG[:3]]))
    assert [(f.sequence, f.fault) for f in check.findings] == [("00.npz", "frame rate")]


def test_joints_that_were_not_seen_disturb_nothing() -> None:
    s = CLEAN[0]
    xy, confidence = s.xy.copy(), np.asarray(s.confidence).copy()
    xy[::3, 5], confidence[::3, 5] = 0, 0
    assert check_sequence(replace(s, xy=xy, confidence=confidence)) == []
    nowhere = replace(s, xy=xy, confidence=np.zeros_like(confidence))
    assert check_sequence(nowhere) == []


@pytest.mark.parametrize("frames", [1, 2, 7])
def test_short_sequences_are_no_trouble(frames: int) -> None:
    assert check_sequence(part(CLEAN[0], slice(None, frames))) == []


def test_2d_of_somebody_else_is_no_match() -> None:
    other = replace(CLEAN[0], xy=np.random.default_rng(0).uniform(0, 1000, CLEAN[0].xy.shape))
    assert [f.fault for f in check_sequence(other)] == ["mismatch"]


def test_joints_in_no_order_are_no_body(rng: np.random.Generator) -> None:
    order = rng.permutation(17)
    s = CLEAN[0]
    found = check_sequence(replace(s, xyz=s.xyz[:, order], xy=s.xy[:, order]))
    assert [(f.fault, f.detail) for f in found] == [("joint order", "unknown")]


# The measures, by their laws.


def pose_and_rays() -> tuple[np.ndarray, np.ndarray]:
    motion = walk(40)
    rays = to_rays(motion.xy, SIZE, motion.focal)
    return motion.camera_xyz - motion.camera_xyz[:, :1], rays


def test_a_pose_is_put_where_it_was_seen() -> None:
    pose, rays = pose_and_rays()
    np.testing.assert_allclose(fit_projection(pose, rays), rays, atol=1e-9)
    assert reprojection_error(pose, rays) == pytest.approx(0, abs=1e-6)
    assert reprojection_error(3 * pose + 5, rays) == pytest.approx(0, abs=1e-6)


def test_joints_find_their_places_again(rng: np.random.Generator) -> None:
    pose, rays = pose_and_rays()
    order = np.arange(17)
    i, j = H36M.index["LWrist"], H36M.index["RAnkle"]
    order[[i, j]] = j, i
    np.testing.assert_array_equal(match_joints(pose, rays[:, order]), order)


@pytest.mark.parametrize("lag", [-4, 0, 3])
def test_lag_is_found(lag: int) -> None:
    pose, rays = pose_and_rays()
    found, share = find_lag(pose[5:35], rays[5 - lag : 35 - lag], 6)
    assert found == lag
    assert share < 1e-3 if lag else share == pytest.approx(1, abs=1e-3)


SAME: list[Callable[[np.ndarray], np.ndarray]] = [
    lambda x: 7 * x,
    lambda x: x - np.arange(3),
    lambda x: x * [-1, 1, 1],
    lambda x: x[..., [1, 2, 0]],
]


@pytest.mark.parametrize("change", SAME, ids=["scale", "place", "mirror", "turn"])
def test_a_body_is_one_whatever_its_size_place_and_image(
    change: Callable[[np.ndarray], np.ndarray],
) -> None:
    pose, _ = pose_and_rays()
    assert implausibility(change(pose)) == pytest.approx(float(implausibility(pose)))


def test_every_order_keeps_the_place_of_a_body() -> None:
    names, maps = joint_orders()
    assert len(set(names)) == len(names) == 3 + 17 * 16 // 2
    np.testing.assert_allclose(maps.sum(axis=2), 1, atol=1e-12)


def test_knees_bend_the_other_way_in_a_mirror() -> None:
    pose, _ = pose_and_rays()
    assert mean_knee_bend(pose) > 0.1
    assert mean_knee_bend(pose * [-1, 1, 1]) == pytest.approx(-mean_knee_bend(pose))
    assert mean_knee_bend(pose[:, list(H36M.mirror)]) == pytest.approx(-mean_knee_bend(pose))
    assert mean_knee_bend(pose[:, list(H36M.mirror)] * [-1, 1, 1]) == pytest.approx(
        mean_knee_bend(pose)
    )


def test_haste_knows_neither_unit_nor_axes() -> None:
    xyz = CLEAN[0].xyz
    assert log_speed_ratio(xyz[..., [1, 2, 0]] * 1000, 50.0) == pytest.approx(
        log_speed_ratio(xyz, 50.0)
    )
    assert log_speed_ratio(xyz[:5], 50.0) is None


def test_twice_the_rate_is_twice_the_speed() -> None:
    """Of a movement that is slow against the steps over which it is measured."""
    t = np.linspace(0, 1, 300)[:, None, None]
    pose = np.sin(t + np.arange(17)[:, None] + np.arange(3))
    faster = motion_features(pose, 100.0) - motion_features(pose, 50.0)
    np.testing.assert_allclose(faster, np.log([4, 2, 2, 1, 1]), atol=0.05)


def test_many_know_better_than_one() -> None:
    assert speed_ratio_limit(1) > np.log(2) > speed_ratio_limit(4) > speed_ratio_limit(100) > 0
