"""The generator of the open benchmark, against files of its definition."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mocaps import extra_file
from paths import GOLDEN, ROOT

from tcpformer.datasets.mocap import find_known
from tcpformer.datasets.open_benchmark import (
    make_open_benchmark,
    read_open_benchmark,
    simulate_view,
)
from tcpformer.skeleton import BODY_26, GROUPS, H36M

SHARED = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    """Three short walks, and what the benchmark's own script made of them."""
    with np.load(GOLDEN / "open_benchmark.npz") as data:
        return dict(data)


@pytest.fixture
def mocap(golden: dict[str, np.ndarray], tmp_path: Path) -> Path:
    path = tmp_path / "mocap.npz"
    start = "mocap_"
    arrays: dict[str, Any] = {k[len(start) :]: v for k, v in golden.items() if k.startswith(start)}
    np.savez(path, **arrays)
    return path


def path_of(data: dict[str, np.ndarray], sequence: int) -> np.ndarray:
    part = slice(*data["offsets"][sequence : sequence + 2])
    return (data["relative"][part].astype(float) + data["root"][part, None]) * 1e-4


def camera_points(view: dict[str, np.ndarray]) -> np.ndarray:
    return (view["relative"].astype(float) + view["root"][:, None]) * 1e-4


@pytest.fixture
def path(golden: dict[str, np.ndarray]) -> np.ndarray:
    return path_of({k.removeprefix("mocap_"): v for k, v in golden.items() if "mocap_" in k}, 0)


@pytest.mark.parametrize("seed", range(6))
def test_simulate_view_is_rigid_and_projected(path: np.ndarray, seed: int) -> None:
    view = simulate_view(path, np.random.default_rng(seed))
    points, rotation = camera_points(view), view["rotation"]
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1)
    shift = points - path @ rotation.T
    np.testing.assert_allclose(shift, np.broadcast_to(shift[0, 0], shift.shape), atol=2e-4)
    xy = points[..., :2] / points[..., 2:] * view["focal"] + np.array(view["size"]) / 2
    np.testing.assert_allclose(view["xy"] / 10, xy, atol=0.5)
    assert (xy > 0).all()
    assert (xy < view["size"]).all()


def test_simulate_view_confidence_falls_with_error(path: np.ndarray) -> None:
    views = [simulate_view(path, np.random.default_rng(seed)) for seed in range(20)]
    xy, noisy = (np.concatenate([v[key] for v in views]) / 10 for key in ("xy", "noisy_xy"))
    confidence = np.concatenate([v["confidence"] for v in views]) / 255
    torso = np.linalg.norm(xy[:, H36M.index["Thorax"]] - xy[:, H36M.index["Hip"]], axis=-1)
    error = np.linalg.norm(noisy - xy, axis=-1) / torso[:, None]
    assert 0.04 < np.median(error) < 0.1
    assert np.corrcoef(error.ravel(), confidence.ravel())[0, 1] < -0.8


def test_make_open_benchmark_depends_on_sequence_and_camera(mocap: Path, tmp_path: Path) -> None:
    files = [tmp_path / "one.npz", tmp_path / "two.npz"]
    for cameras, file in enumerate(files, 1):
        make_open_benchmark(mocap, file, cameras=cameras)
    one, two = (dict(np.load(file)) for file in files)
    assert list(two["name"]) == ["a/0", "a/1", "c/0", "c/1"]
    first = np.r_[0 : two["offsets"][1], two["offsets"][2] : two["offsets"][3]]
    np.testing.assert_array_equal(one["noisy_xy"], two["noisy_xy"][first])


def test_make_open_benchmark_of_some_subjects_has_their_views_alone(
    golden: dict[str, np.ndarray], mocap: Path, tmp_path: Path
) -> None:
    """Of any split, and the views are those that the whole has."""
    subjects = [str(name) for name in golden["mocap_subject"]]
    splits = [str(name) for name in golden["mocap_split"]]
    trained = subjects[splits.index("train")]
    make_open_benchmark(mocap, tmp_path / "one.npz", subjects=[trained])
    make_open_benchmark(mocap, tmp_path / "all.npz", subjects=sorted(set(subjects)))
    one, every = (read_open_benchmark(tmp_path / f"{name}.npz") for name in ("one", "all"))
    names = np.load(tmp_path / "all.npz")["subject"]
    assert set(names) == set(subjects)
    rows = np.repeat(names, np.diff(every["offsets"])) == trained
    assert 0 < rows.sum() < len(rows)
    np.testing.assert_array_equal(one["noisy_xy"], every["noisy_xy"][rows])
    with pytest.raises(ValueError, match="no sequence belongs to 'P9'; found"):
        make_open_benchmark(mocap, tmp_path / "none.npz", subjects=[trained, "P9"])


def test_make_open_benchmark_equals_golden(
    golden: dict[str, np.ndarray], mocap: Path, tmp_path: Path
) -> None:
    make_open_benchmark(mocap, tmp_path / "open.npz", seed=int(golden["seed"]))
    ours = dict(np.load(tmp_path / "open.npz"))
    expected = [k for k in golden if k != "seed" and not k.startswith("mocap_")]
    assert list(ours) == expected
    for key in expected:
        assert_same(ours[key], golden[key], key)


@pytest.mark.slow
@pytest.mark.skipif(not (SHARED / "open_benchmark.npz").exists(), reason="needs ../shared")
def test_make_open_benchmark_equals_the_published_file(tmp_path: Path) -> None:
    make_open_benchmark(SHARED / "mocap_cmu.npz", tmp_path / "open.npz")
    with np.load(tmp_path / "open.npz") as ours, np.load(SHARED / "open_benchmark.npz") as theirs:
        assert list(ours) == list(theirs)
        for key in theirs:
            assert_same(ours[key], theirs[key], key)


def assert_same(ours: np.ndarray, theirs: np.ndarray, key: str) -> None:
    """Byte for byte; but processors do not agree on the last bit of a sine or a tangent."""
    assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape), key
    if key in ("rotation", "focal"):
        np.testing.assert_allclose(ours, theirs, rtol=2.3e-16, atol=2.3e-16)
    else:
        assert ours.tobytes() == theirs.tobytes(), key


FRAME_KEYS = ("xy", "noisy_xy", "confidence", "relative")


def make_both(mocap: Path, extra: Path) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return versions 1 and 2 of the benchmark of one capture."""
    files = [mocap.parent / "one.npz", mocap.parent / "two.npz"]
    make_open_benchmark(mocap, files[0])
    make_open_benchmark(mocap, files[1], extra=extra)
    one, two = (dict(np.load(file)) for file in files)
    return one, two


def test_make_open_benchmark_of_26_keeps_the_17(mocap: Path) -> None:
    one, two = make_both(mocap, extra_file(mocap.parent / "extra.npz", np.load(mocap)))
    assert str(two["version"]) == "2"
    assert tuple(two["joints"]) == BODY_26.joints
    assert two["glitch"].shape == (len(two["xy"]), 3)
    for key in (*FRAME_KEYS, "root", "offsets", "size", "focal", "rotation", "name"):
        found = two[key][:, :17] if key in FRAME_KEYS else two[key]
        assert found.tobytes() == one[key].tobytes(), key


def test_make_open_benchmark_of_26_projects_all_joints(mocap: Path) -> None:
    _, two = make_both(mocap, extra_file(mocap.parent / "extra.npz", np.load(mocap)))
    points = camera_points(two)
    sizes, focals = (np.repeat(two[k], np.diff(two["offsets"]), axis=0) for k in ("size", "focal"))
    xy = points[..., :2] / points[..., 2:] * focals[:, None, None] + sizes[:, None] / 2
    np.testing.assert_allclose(two["xy"] / 10, xy, atol=0.5)
    error = np.linalg.norm(two["noisy_xy"] - two["xy"].astype(float), axis=-1)
    ratio = np.median(error[:, 17:]) / np.median(error[:, :17])
    assert 0.5 < ratio < 2
    assert (np.median(error[:, 17:], axis=0) > 0).all()


def test_make_open_benchmark_leaves_out_what_a_rig_lacks(mocap: Path) -> None:
    extra = extra_file(mocap.parent / "extra.npz", np.load(mocap), unknown="has_feet")
    _, two = make_both(mocap, extra)
    np.testing.assert_array_equal(two["has_feet"], [False, False, True, True])
    first, feet = slice(0, two["offsets"][1]), GROUPS["feet"]
    assert not find_known(two, 0)[:, feet].any()
    assert find_known(two, 0)[:, :17].all()
    assert find_known(two, 2).all()
    for key in FRAME_KEYS:
        assert not two[key][first][:, feet].any()
        assert two[key][first][:, GROUPS["hands"]].any()


def test_simulate_view_exchanges_feet_with_their_legs(path: np.ndarray) -> None:
    """The sum over a limb's joints tells an exchange from the noise."""
    with_feet = np.concatenate([path, np.zeros((len(path), 9, 3))], axis=1)
    for joint in BODY_26.joints[17:]:
        at = BODY_26.index[joint]
        with_feet[:, at] = path[:, BODY_26.parents[at]] + [0.0, 0.0, -0.05]
    exchanged = 0
    for seed in range(60):
        rngs = [np.random.default_rng([seed, i]) for i in range(2)]
        view = simulate_view(with_feet, *rngs)
        legs = BODY_26.indices("LHip", "LKnee", "LAnkle")
        for frame in np.flatnonzero(is_exchanged(view, legs)):
            exchanged += 1
            assert is_exchanged(view, BODY_26.indices("LToe", "LHeel"))[frame]
    assert exchanged > 10


def is_exchanged(view: dict[str, Any], left: list[int]) -> np.ndarray:
    """Return the frames in which some left joints are clearly nearer to the true right ones."""
    right = [BODY_26.mirror[joint] for joint in left]
    exact, noisy = view["xy"].astype(float), view["noisy_xy"].astype(float)

    def apart(seen: list[int], true: list[int]) -> np.ndarray:
        return np.linalg.norm(noisy[:, seen] - exact[:, true], axis=-1).sum(axis=1)

    straight = apart(left, left) + apart(right, right)
    return apart(left, right) + apart(right, left) < 0.5 * straight


@pytest.mark.slow
@pytest.mark.skipif(not (SHARED / "mocap_cmu_extra.npz").exists(), reason="needs ../shared")
def test_make_open_benchmark_of_26_keeps_the_published_17(tmp_path: Path) -> None:
    source, extra = SHARED / "mocap_cmu.npz", SHARED / "mocap_cmu_extra.npz"
    make_open_benchmark(source, tmp_path / "open.npz", extra=extra)
    with np.load(tmp_path / "open.npz") as ours, np.load(SHARED / "open_benchmark.npz") as theirs:
        for key in set(theirs) - {"joints", "parents", "version"}:
            found = ours[key][:, :17].copy() if key in FRAME_KEYS else ours[key]
            assert_same(found, theirs[key], key)
        assert ours["has_feet"].all()
        assert read_open_benchmark(tmp_path / "open.npz")["xy"].shape == (67906, 26, 2)


def test_make_open_benchmark_refuses_an_empty_split(mocap: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'val'; found"):
        make_open_benchmark(mocap, tmp_path / "open.npz", split="val")
    assert list(tmp_path.iterdir()) == [mocap]


def test_make_open_benchmark_refuses_other_parents(mocap: Path, tmp_path: Path) -> None:
    data = dict(np.load(mocap))
    np.savez(mocap, **data | {"parents": data["parents"] * np.nan})
    with pytest.raises(ValueError, match=r"mocap\.npz: expected the parents"):
        make_open_benchmark(mocap, tmp_path / "open.npz")


@pytest.mark.parametrize(
    ("key", "change", "message"),
    [
        ("xy", lambda x: x[:, :16], "expected arrays of the shapes"),
        ("offsets", lambda x: x * 2, "offsets must be whole numbers that rise"),
        ("focal", lambda x: -x, "focal must be positive"),
        ("focal", lambda x: x * 1e-300, "expected focal lengths of 1 to"),
        ("fps", lambda x: x * np.nan, "fps must be finite"),
        ("confidence", lambda x: x + 300.0, "confidence must lie in 0 to 255"),
        ("joints", lambda x: x[::-1], "expected the joints"),
    ],
)
def test_read_open_benchmark_refuses_wrong_arrays(
    mocap: Path, tmp_path: Path, key: str, change: Callable[[Any], Any], message: str
) -> None:
    make_open_benchmark(mocap, tmp_path / "open.npz", cameras=1)
    data = dict(np.load(tmp_path / "open.npz"))
    np.savez(tmp_path / "open.npz", **data | {key: change(data[key])})
    with pytest.raises(ValueError, match=rf"open\.npz: {message}"):
        read_open_benchmark(tmp_path / "open.npz")


def test_make_open_benchmark_refuses_other_joints(mocap: Path, tmp_path: Path) -> None:
    data = dict(np.load(mocap))
    np.savez(mocap, **data | {"joints": data["joints"][::-1]})
    with pytest.raises(ValueError, match="expected the joints"):
        make_open_benchmark(mocap, tmp_path / "open.npz")
