"""One small file of motion capture: whole millimetres, differences in time."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tcpformer.datasets.pack import Capture, _join_bytes, _split_bytes, pack, unpack


@pytest.mark.parametrize("shape", [(1, 3), (50, 3), (40, 26, 3)])
def test_join_bytes_undoes_split_bytes(shape: tuple[int, ...], rng: np.random.Generator) -> None:
    """Whatever the steps, also where a difference leaves the range of 16 bits."""
    x = rng.integers(-32768, 32768, shape).astype(np.int16)
    planes = _split_bytes(x)
    assert planes.dtype == np.uint8
    np.testing.assert_array_equal(_join_bytes(planes), x)


def test_split_bytes_of_slow_motion_has_high_bytes_of_the_sign(rng: np.random.Generator) -> None:
    x = np.cumsum(rng.integers(-100, 101, (500, 3)), axis=0).astype(np.int16)
    high = _split_bytes(x)[1, :, 1:]
    assert set(np.unique(high)) <= {0, 255}


def test_pack_refuses_points_of_other_sequences(tmp_path: Path) -> None:
    one: dict[str, Any] = {
        "relative": np.zeros((9, 17, 3), np.int16),
        "root": np.zeros((9, 3), np.int32),
        "offsets": np.array([0, 9]),
        "fps": np.float32(50),
        **{key: np.array(["train"]) for key in ("split", "activity", "subject")},
    }
    flags: dict[str, Any] = {key: np.ones(2, bool) for key in ("has_feet", "has_hands", "has_head")}
    two = {"extra": np.zeros((9, 9, 3)), "glitch": np.zeros((9, 3)), "points": np.array(["LToe"])}
    np.savez(tmp_path / "one.npz", **one)
    np.savez(tmp_path / "two.npz", **two, **flags, offsets=np.array([0, 4, 9]))
    capture = Capture(tmp_path / "one.npz", tmp_path / "two.npz")
    with pytest.raises(ValueError, match=r"two\.npz: expected the sequences of .*one\.npz"):
        pack([capture], tmp_path / "pack.npz")
    assert not (tmp_path / "pack.npz").exists()


def test_unpack_refuses_other_files(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", steps=np.zeros(3))
    with pytest.raises(ValueError, match=r"other\.npz: keys .* are missing"):
        unpack(tmp_path / "other.npz", tmp_path / "out.npz")
    assert not (tmp_path / "out.npz").exists()
