"""Opening ONNX files: the packaged weights and files of the user."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from networks import SIDE, constant

from tcpformer.detect.onnx import SHA256, WEIGHTS, input_size, open_local, run_on_image, sigmoid


@pytest.mark.parametrize("name", SHA256)
def test_sha256_matches_the_packaged_file(name: str) -> None:
    assert hashlib.sha256((WEIGHTS / f"{name}.onnx").read_bytes()).hexdigest() == SHA256[name]


def test_sha256_lists_every_packaged_file() -> None:
    assert {file.stem for file in WEIGHTS.glob("*.onnx")} == set(SHA256)


def test_open_local_refuses_a_file_that_is_no_network(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("no network")
    with pytest.raises(ValueError, match="cannot open it"):
        open_local(tmp_path / "text.onnx")


def test_open_local_refuses_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_local(tmp_path / "none.onnx")


def test_run_on_image_returns_all_outputs(tmp_path: Path) -> None:
    one, two = np.ones((1, 2), np.float32), np.arange(3, dtype=np.int64)
    session = open_local(constant(tmp_path / "a.onnx", one=one, two=two))
    assert input_size(session, (1, 1)) == (SIDE, SIDE)
    found = run_on_image(session, np.zeros((SIDE, SIDE, 3)))
    np.testing.assert_array_equal(found[0], one)
    np.testing.assert_array_equal(found[1], two)


def test_sigmoid_does_not_overflow() -> None:
    np.testing.assert_allclose(sigmoid(np.array([-1e9, 0.0, 1e9])), [0, 0.5, 1], atol=1e-12)
