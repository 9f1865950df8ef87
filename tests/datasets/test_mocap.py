"""Motion mocap_of files, and how often each sequence is drawn."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mocaps import mocap_file
from motions import walk

from tcpformer.datasets.mocap import Mocap, load_mocap
from tcpformer.skeleton import COCO, GROUPS, H36M

LENGTHS, SPLIT = (40, 5, 60, 30), ("train", "val", "train", "test")


def mocap_content(**changes: Any) -> dict[str, Any]:
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
    np.savez(tmp_path / "mocap.npz", **mocap_content())
    return tmp_path / "mocap.npz"


@pytest.mark.parametrize("split", ["train", "val", "test", "train+val", "train+val+test"])
def test_load_mocap_reads_metres_of_a_split(file: Path, split: str) -> None:
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
        ("train", {"joints": np.array("Hip")}, "expected the joints"),
        ("train", {"fps": np.array([50.0])}, "expected arrays of the shapes"),
        ("train", {"fps": np.array(np.inf)}, r"fps must be 0\.1 to 5000, got inf"),
        ("train", {"fps": np.array(1e300)}, r"fps must be 0\.1 to 5000"),  # overflows float32
        ("train", {"fps": np.array(1e-60)}, r"fps must be 0\.1 to 5000"),  # 0 in float32
        ("train", {"relative": np.zeros((135, 16, 3))}, "expected arrays of the shapes"),
        ("train", {"relative": np.full((135, 17, 3), np.nan)}, "relative must be finite"),
        (
            "train",
            {"relative": np.ones((135, 17, 3), np.int16)},
            "in 135 of 135 frames, the first 0",
        ),
        ("train", {"root": np.full((135, 3), 1e300)}, "root must be finite"),
        ("train", {"root": np.array(1)}, "expected arrays of the shapes"),
        ("train", {"split": np.array(["train"] * 3)}, "expected arrays of the shapes"),
        ("train", {"offsets": np.array([0, 40, 45, 105, 10**9])}, "rise from 0 to 135"),
        ("train", {"offsets": np.array([0, 40, 40, 105, 135])}, "rise from 0 to 135"),
        ("train", {"offsets": np.array([0.0, 40, 45, 105, 135])}, "rise from 0 to 135"),
        ("train", {"offsets": np.array(0)}, "rise from 0 to 135"),
    ],
)
def test_load_mocap_refuses_bad_files_and_splits(
    tmp_path: Path, split: str, changes: dict[str, Any], message: str
) -> None:
    np.savez(tmp_path / "a.npz", **mocap_content(**changes))
    with pytest.raises(ValueError, match=message):
        load_mocap(tmp_path / "a.npz", split)


def test_load_mocap_names_a_missing_key(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **{k: v for k, v in mocap_content().items() if k != "root"})
    with pytest.raises(ValueError, match=r"a\.npz: keys \['root'\] are missing"):
        load_mocap(tmp_path / "a.npz", "train")


def mocap_of(lengths: list[int], activity: tuple[str, ...] = ()) -> Mocap:
    starts = np.cumsum([0, *lengths[:-1]])
    return Mocap(
        np.zeros((sum(lengths), 17, 3), np.float32), starts, np.array(lengths), 50.0, activity
    )


def shares(mocap: Mocap, rng: np.random.Generator) -> np.ndarray:
    return np.bincount(mocap.draw(40_000, rng), minlength=len(mocap.lengths)) / 40_000


def test_draw_weights_by_square_root_of_length(rng: np.random.Generator) -> None:
    np.testing.assert_allclose(
        shares(mocap_of([100, 400, 900]), rng), [1 / 6, 2 / 6, 3 / 6], atol=0.01
    )


def test_draw_prefers_rare_activities(rng: np.random.Generator) -> None:
    """Of shares 9 and 1 become 3 and 1; within an activity it goes by length as before."""
    mocap = mocap_of([400, 1600, 900, 100], ("dance", "dance", "dance", "kick"))
    found = shares(mocap, rng)
    np.testing.assert_allclose(found[:3], 0.75 * np.array([2, 4, 3]) / 9, atol=0.01)
    assert found[3] == pytest.approx(0.25, abs=0.01)


def test_draw_ignores_a_single_activity(rng: np.random.Generator) -> None:
    plain, known = mocap_of([100, 900]), mocap_of([100, 900], ("walk", "walk"))
    a, b = (m.draw(50, np.random.default_rng(0)) for m in (plain, known))
    np.testing.assert_array_equal(a, b)


def test_load_mocap_reads_activities_on_request(tmp_path: Path) -> None:
    path = mocap_file(tmp_path / "mocap.npz")
    assert load_mocap(path, "train").activity == ()
    assert load_mocap(path, "train", by_activity=True).activity == ("walk", "stroll")


def test_load_mocap_forgets_what_the_rig_lacks(tmp_path: Path) -> None:
    flags = {"has_hands": np.array([True, False, True]), "glitch": np.zeros((210, 3), bool)}
    flags["glitch"][5, 2] = True  # the face of the first person
    path = mocap_file(tmp_path / "mocap.npz", groups=True, **flags)
    xyz = load_mocap(path, "train+val").xyz
    unknown = np.asarray(np.isnan(xyz).all(axis=2))
    assert unknown.sum() == 2 * 70 + 3
    assert unknown[60:130, GROUPS["hands"]].all()
    assert unknown[5, GROUPS["face"]].all()


@pytest.mark.parametrize(
    ("key", "value"),
    [("has_feet", np.ones(2)), ("glitch", np.zeros((210, 2))), ("joints", np.array(["Hip"] * 26))],
)
def test_load_mocap_refuses_flags_of_another_shape(
    tmp_path: Path, key: str, value: np.ndarray
) -> None:
    path = mocap_file(tmp_path / "mocap.npz", groups=True)
    with np.load(path) as file:
        np.savez(path, **{**file, key: value})
    with pytest.raises(ValueError, match="expected"):
        load_mocap(path, "train")
