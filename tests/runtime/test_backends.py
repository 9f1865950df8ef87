"""Backends: the same motion from every runtime, and requests that cannot be met."""

from pathlib import Path

import numpy as np
import pytest
import torch
from exports import FORMATS, exported, ours
from lifters import seen
from motions import walk

from tcpformer import Lifter
from tcpformer.runtime.backends import device_for, weights_for
from tcpformer.runtime.exported import Exported, Format, load_exported


@pytest.mark.parametrize(
    "format", ["onnx", *(pytest.param(name, marks=pytest.mark.slow) for name in FORMATS[1:])]
)
def test_lifter_of_exported_file_gives_the_same_motion(format: Format, tmp_path: Path) -> None:
    person = seen(walk(50))
    expected, found = Lifter(ours(), "cpu")(person), Lifter(exported(format, tmp_path))(person)
    np.testing.assert_allclose(found.xyz, expected.xyz, atol=1e-4)
    assert found.provenance == expected.provenance


def test_weights_for_exports_what_is_not_exported() -> None:
    weights = weights_for(ours(), "onnx")
    assert isinstance(weights.model, Exported)
    x = torch.rand(2, 9, 17, 3)
    with torch.no_grad():
        torch.testing.assert_close(weights.model(x), ours().model(x), atol=1e-5, rtol=0)


@pytest.mark.parametrize("backend", ["auto", "torch"])
def test_weights_for_torch_keeps_the_weights(backend: str) -> None:
    weights = ours()
    assert weights_for(weights, backend) is weights  # type: ignore[arg-type]


def test_weights_for_refuses_other_backend(tmp_path: Path) -> None:
    path = exported("onnx", tmp_path)
    with pytest.raises(ValueError, match="written for backend 'onnx', got 'torch'"):
        weights_for(path, "torch")


def test_device_for_exported_is_the_cpu(tmp_path: Path) -> None:
    weights = load_exported(exported("onnx", tmp_path))
    assert device_for(weights, "auto") == "cpu"
    assert device_for(ours(), "cuda") == "cuda"
    with pytest.raises(ValueError, match="runs on the CPU, got device 'cuda'"):
        device_for(weights, "cuda")
