"""Feet, hands and face from a file beside motion capture of 17 joints."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mocaps import extra_file

from tcpformer.datasets.mocap_extra import add_points, read_floor
from tcpformer.skeleton import BODY_26, H36M


def capture() -> dict[str, np.ndarray]:
    """Two sequences of 17 joints, as `read_mocap` returns them."""
    rng = np.random.default_rng(0)
    return {
        "relative": rng.integers(-9000, 9000, (9, 17, 3)).astype(np.int16),
        "offsets": np.array([0, 4, 9]),
        "name": np.array(["a", "b"]),
        "joints": np.array(H36M.joints),
    }


def test_add_points_appends_the_joints_by_name(tmp_path: Path) -> None:
    data = capture()
    path = extra_file(tmp_path / "extra.npz", data)
    joined = add_points(data, "mocap.npz", path)
    assert tuple(joined["joints"]) == BODY_26.joints
    assert tuple(joined["parents"]) == BODY_26.parents
    np.testing.assert_array_equal(joined["relative"][:, :17], data["relative"])
    with np.load(path) as extra:
        for joint in BODY_26.joints[17:]:
            column = list(extra["points"]).index(joint)
            found = joined["relative"][:, BODY_26.index[joint]]
            np.testing.assert_array_equal(found, extra["extra"][:, column])
        np.testing.assert_array_equal(joined["glitch"], extra["glitch"])


@pytest.mark.parametrize(
    ("key", "change", "message"),
    [
        ("name", lambda x: x[::-1], "expected the sequences of mocap.npz"),
        ("offsets", lambda x: x + 1, "expected the sequences of mocap.npz"),
        ("points", lambda x: np.char.upper(x), r"the points .* are missing"),
        ("extra", lambda x: x[:-1], "expected arrays of the shapes"),
        ("has_feet", lambda x: x[:-1], "expected arrays of the shapes"),
    ],
)
def test_add_points_refuses_other_files(
    tmp_path: Path, key: str, change: Callable[[np.ndarray], np.ndarray], message: str
) -> None:
    data = capture()
    path = extra_file(tmp_path / "extra.npz", data)
    content: dict[str, Any] = dict(np.load(path))
    content[key] = change(content[key])
    np.savez(path, **content)
    with pytest.raises(ValueError, match=rf"extra\.npz: {message}"):
        add_points(data, "mocap.npz", path)


def test_add_points_refuses_capture_that_has_them(tmp_path: Path) -> None:
    data = capture()
    path = extra_file(tmp_path / "extra.npz", data)
    with pytest.raises(ValueError, match="has feet, hands and face already"):
        add_points(add_points(data, "mocap.npz", path), "mocap.npz", path)


def test_read_floor_of_each_sequence(tmp_path: Path) -> None:
    path = extra_file(tmp_path / "extra.npz", capture())
    np.testing.assert_allclose(read_floor(path), [0.0, 0.05], atol=1e-6)
    np.savez(path, floor_z=np.array([np.nan]))
    with pytest.raises(ValueError, match="one finite height for each sequence"):
        read_floor(path)
