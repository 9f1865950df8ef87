"""Backends: the same motion from every runtime; files that tell too little or too much."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from exports import FORMATS, exported, ours
from lifters import FRAMES, SPECS, seen
from motions import walk

from tcpformer import Lifter
from tcpformer.models import hybrid
from tcpformer.runtime.backends import (
    Description,
    Exported,
    Format,
    device_for,
    load_exported,
    weights_for,
)
from tcpformer.weights import WeightsSpec


@pytest.mark.slow
@pytest.mark.parametrize(
    "format", ["onnx", *(pytest.param(name, marks=pytest.mark.slow) for name in FORMATS[1:])]
)
def test_lifter_of_exported_file_gives_the_same_motion(format: Format, tmp_path: Path) -> None:
    person = seen(walk(50))
    expected, found = Lifter(ours(), "cpu")(person), Lifter(exported(format, tmp_path))(person)
    np.testing.assert_allclose(found.xyz, expected.xyz, atol=1e-4)
    assert found.provenance == expected.provenance


@pytest.mark.slow
def test_weights_for_exports_what_is_not_exported() -> None:
    weights = weights_for(ours(), "onnx")
    assert isinstance(weights.model, Exported)
    x = torch.rand(2, 9, 17, 3)
    with torch.no_grad():
        torch.testing.assert_close(weights.model(x), ours().model(x), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (np.full((2, 9, 17, 3), np.nan, np.float32), "not finite"),
        (np.full((2, 9, 17, 3), np.inf, np.float32), "not finite"),
        (np.zeros((2, 9, 16, 3), np.float32), r"not \(2, 9, 17, 3\)"),
        (np.zeros((1, 9, 17, 3), np.float32), "the file is damaged"),
        (np.zeros((2, 8, 17, 3), np.float32), "the file is damaged"),
        (np.zeros((2, 9, 17, 6), np.float32), "the file is damaged"),
        (np.zeros((2, 9), np.float32), "the file is damaged"),
        (np.array(["text"]), "could not convert string"),
        ({"a": 1}, "the file is damaged"),
    ],
)
def test_exported_refuses_an_impossible_answer(answer: Any, message: str) -> None:
    description = Description(ours().model.config, None, "damaged", False)
    model = Exported(lambda _: answer, description, Path("network.onnx"))
    with pytest.raises(ValueError, match=rf"network\.onnx: .*{message}"):
        model(torch.zeros(2, 9, 17, 3))


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


# Files


@pytest.mark.slow
@pytest.mark.parametrize("format", FORMATS)
def test_load_exported_answers_as_the_network(format: Format, tmp_path: Path) -> None:
    loaded = load_exported(exported(format, tmp_path))
    for n in (1, 2, 5):
        x = torch.rand(n, FRAMES, 17, 3, generator=torch.Generator().manual_seed(n))
        with torch.no_grad():
            expected = ours().model(x)
            torch.testing.assert_close(loaded.model(x), expected, atol=1e-5, rtol=0)
    assert expected.std() > 0.1


@pytest.mark.parametrize("format", FORMATS)
def test_load_exported_reads_the_description(format: Format, tmp_path: Path) -> None:
    loaded = load_exported(exported(format, tmp_path))
    assert loaded.spec == SPECS["spaced"]
    assert loaded.name == ours().name
    assert loaded.model.config == ours().model.config


def test_load_exported_quotes_the_start_of_a_long_error(tmp_path: Path) -> None:
    make = onnx.helper
    x, y = (make.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in "xy")
    graph = make.make_graph([make.make_node("Add", ["x"] * 70, ["y"])], "g", [x], [y])
    onnx.save(
        make.make_model(graph, opset_imports=[make.make_opsetid("", 14)]), tmp_path / "a.onnx"
    )
    with pytest.raises(ValueError, match="not a file that can be run") as caught:
        load_exported(tmp_path / "a.onnx")
    assert len(str(caught.value)) < 300 + len(str(tmp_path))


def test_load_exported_quotes_the_start_of_a_long_shape(tmp_path: Path) -> None:
    make, about = onnx.helper, onnx.load(exported("onnx", tmp_path)).metadata_props
    x, y = (make.make_tensor_value_info(n, onnx.TensorProto.FLOAT, [9] * 700) for n in "xy")
    graph = make.make_graph([make.make_node("Add", ["x", "x"], ["y"])], "g", [x], [y])
    made = make.make_model(graph, opset_imports=[make.make_opsetid("", 17)], ir_version=8)
    made.metadata_props.extend(about)
    onnx.save(made, tmp_path / "b.onnx")
    with pytest.raises(ValueError, match="its description expects") as caught:
        load_exported(tmp_path / "b.onnx")
    assert len(str(caught.value)) < 400 + len(str(tmp_path))


@pytest.mark.parametrize("suffix", [".onnx", ".xml"])
def test_load_exported_refuses_other_files(suffix: str, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such file"):
        load_exported(tmp_path / f"a{suffix}")
    for name in (f"a{suffix}", "a.bin"):
        (tmp_path / name).write_bytes(b"\x00 not a network")
    with pytest.raises(ValueError, match="not a file that can be run"):
        load_exported(tmp_path / f"a{suffix}")


def test_load_exported_refuses_file_without_description(tmp_path: Path) -> None:
    proto = onnx.load(exported("onnx", tmp_path))
    del proto.metadata_props[:]
    onnx.save(proto, tmp_path / "b.onnx")
    with pytest.raises(ValueError, match=r"expected a file that `tcpformer export` wrote"):
        load_exported(tmp_path / "b.onnx")


def test_load_exported_never_reads_pt2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = exported("torch-export", tmp_path)

    def opened(*_: object, **__: object) -> None:
        raise AssertionError("the file was opened")

    for name in ("torch.export.load", "torch.load", "builtins.open", "pathlib.Path.open"):
        monkeypatch.setattr(name, opened)
    for backend in ("auto", "torch", "onnx"):
        with pytest.raises(ValueError, match="not read, because reading one can run code"):
            weights_for(path, backend)


def test_load_exported_refuses_openvino_without_weights(tmp_path: Path) -> None:
    path = exported("openvino", tmp_path)
    path.with_suffix(".bin").unlink()
    with pytest.raises(FileNotFoundError, match=r"ours\.bin"):
        load_exported(path)


def test_load_exported_reads_no_other_file(tmp_path: Path) -> None:
    proto = onnx.load(exported("onnx", tmp_path))
    onnx.save(proto, tmp_path / "b.onnx", save_as_external_data=True, size_threshold=0)
    with pytest.raises(ValueError, match="its weights lie in other files, which are not opened"):
        load_exported(tmp_path / "b.onnx")


def test_load_exported_refuses_custom_operators(tmp_path: Path) -> None:
    proto = onnx.load(exported("onnx", tmp_path))
    proto.graph.node[0].domain = "evil"
    proto.opset_import.add(domain="evil", version=1)
    onnx.save(proto, tmp_path / "b.onnx")
    with pytest.raises(ValueError, match="not a file that can be run"):
        load_exported(tmp_path / "b.onnx")


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("frames", 900, r"expects clips of \[900, 17, 3\], its network \[9, 17, 3\]"),
        ("frames", 999_999_999, "frames must be at least 1 and at most 4096"),
        ("depth", 10**9, "depth must be at least 1 and at most 1024"),
    ],
)
def test_load_exported_refuses_sizes_of_another_network(
    field: str, value: int, words: str, tmp_path: Path
) -> None:
    proto = onnx.load(exported("onnx", tmp_path))
    about = json.loads(proto.metadata_props[0].value)
    about["model"][field] = value
    proto.metadata_props[0].value = json.dumps(about)
    onnx.save(proto, tmp_path / "b.onnx")
    with pytest.raises(ValueError, match=words):
        load_exported(tmp_path / "b.onnx")


@pytest.mark.parametrize("spec", [None, WeightsSpec(frame_step=3)])
def test_from_json_inverts_to_json(spec: WeightsSpec | None) -> None:
    description = Description(hybrid.Config(frames=9, pose_layers=1), spec, "a", static=True)
    assert Description.from_json(description.to_json(), Path("a")) == description


def test_from_json_reads_version_0_1() -> None:
    model = {"frames": 9, "modules": "all", "pose_layers": 1, "spread": True}
    spec = {"skeleton": "h36m", "rule": "aimed", "unit": "metres", "fps": 25.0, "spacing": 2}
    text = json.dumps(
        {
            "architecture": "tcpformer",
            "model": model,
            "convention": spec,
            "name": "a",
            "static": False,
        }
    )
    assert Description.from_json(text, Path("a")) == Description(
        hybrid.Config(frames=9, pose_layers=1, uncertainty=True),
        WeightsSpec(fps=25.0, frame_step=2),
        "a",
        static=False,
    )


@pytest.mark.parametrize(
    "text", [None, "", "[1]", "[" * 99_999, "{}", '{"architecture": "videopose3d"}']
)
def test_from_json_refuses_other_text(text: str | None) -> None:
    with pytest.raises(ValueError, match="expected a file that `tcpformer export` wrote"):
        Description.from_json(text, Path("a"))
