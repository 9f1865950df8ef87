"""Arrays of NumPy."""

from pathlib import Path

import numpy as np
import pytest
from keypoint_files import FPS, SIZE, check_two_people, people

from tcpformer.io.keypoints import RateAndSize
from tcpformer.io.numpy_array import read_npy
from tcpformer.skeleton import COCO, HALPE26, Skeleton
from tcpformer.tracking.assemble import assemble_people


def read(folder: Path, array: np.ndarray):
    np.save(folder / "a.npy", array)
    return read_npy(folder / "a.npy", RateAndSize(FPS, SIZE))


@pytest.mark.parametrize("skeleton", [COCO, HALPE26], ids=lambda s: s.name)
def test_read_npy_gives_both_people_or_one(skeleton: Skeleton, tmp_path: Path) -> None:
    two = people(skeleton, 8)
    check_two_people(assemble_people(read(tmp_path, two.swapaxes(0, 1))), two, skeleton)
    (one,) = assemble_people(read(tmp_path, two[0].astype(np.float32)))
    np.testing.assert_allclose(one.xy, two[0, ..., :2], rtol=1e-6)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((5, 17, 2)), r"expected an array \(t, n, k, 3\).*\(5, 17, 2\)\. Joints without"),
        (np.zeros((5, 3)), r"expected an array .*got \(5, 3\)"),
        (np.full((5, 17, 3), 300.0), r"confidences from 0 to 1 .*got up to 300; the depth of 3D"),
        (np.full((5, 17, 3), "a"), "expected an array of real numbers"),
        (np.array([[1], [1, 2]], dtype=object), r"arrays of a varying number of people are.*run"),
    ],
)
def test_read_npy_refuses_other_arrays(array: np.ndarray, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        read(tmp_path, array)


@pytest.mark.parametrize("change", ["cut", "huge", "text"])
def test_read_npy_refuses_damaged_files(change: str, tmp_path: Path) -> None:
    read(tmp_path, people(COCO)[0])
    content = (tmp_path / "a.npy").read_bytes()
    changed = {
        "cut": content[:-8],
        "huge": content.replace(b"(20, 17, 3)", b"(2000000000000, 17, 3)").replace(
            b" " * 13, b"", 1
        ),
        "text": b"\x93NUMPY\x01\x00v\x00" + b"(" * 118,
    }
    (tmp_path / "a.npy").write_bytes(changed[change])
    with pytest.raises(ValueError, match=r"a\.npy: not a whole array of numbers"):
        read_npy(tmp_path / "a.npy", RateAndSize(FPS, SIZE))
