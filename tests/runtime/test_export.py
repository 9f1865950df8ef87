"""Writing a network for other runtimes: the file is result, and bad requests are refused."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from commands import written
from exports import OTHERS, exported, ours
from lifters import FRAMES, network, seen
from motions import walk

from tcpformer import Lifter
from tcpformer.models import build, inputs_of
from tcpformer.runtime import export as writing
from tcpformer.runtime.backends import KEY, Description, load_exported
from tcpformer.runtime.export import export


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_export_of_other_networks(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = build(OTHERS[name]).eval()
    result = export(ours(model), tmp_path / "a.onnx", "onnx")
    assert result.largest > 0.1
    assert load_exported(result.path).model.config == OTHERS[name]
    person = seen(walk(20))
    lifter = Lifter(result.path)
    np.testing.assert_allclose(
        lifter(person).xyz, Lifter(ours(model), "cpu")(person).xyz, atol=1e-4
    )


@pytest.mark.parametrize(
    "name",
    [
        "pose-transformer",
        pytest.param("poseformerv2", marks=pytest.mark.slow),
        pytest.param("strided-transformer", marks=pytest.mark.slow),
    ],
)
def test_export_to_pt2_runs_in_torch(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = build(OTHERS[name]).eval()
    result = export(ours(model), tmp_path / "a.pt2", "torch-export")
    assert result.largest > 0.1
    about = {f"{KEY}.json": ""}
    program = torch.export.load(result.path, extra_files=about).module()
    x = torch.rand(3, 9, 17, inputs_of(model))
    with torch.no_grad():
        torch.testing.assert_close(program(x), model(x), atol=1e-5, rtol=0)
    described = Description.from_json(about[f"{KEY}.json"], result.path)
    assert described.config == OTHERS[name]


@pytest.mark.slow
def test_export_static_has_fixed_shapes(tmp_path: Path) -> None:
    path = export(ours(), tmp_path / "a.onnx", "onnx", static=True).path
    proto = onnx.load(path)
    for value in (*proto.graph.input, *proto.graph.output):
        sizes = [axis.dim_value for axis in value.type.tensor_type.shape.dim]
        assert sizes == [1, FRAMES, 17, 3]
    x = torch.rand(3, FRAMES, 17, 3)
    with torch.no_grad():
        torch.testing.assert_close(load_exported(path).model(x), ours().model(x), atol=1e-5, rtol=0)


@pytest.mark.slow
def test_export_fp16_is_near(tmp_path: Path) -> None:
    result = export(ours(), tmp_path / "a.onnx", "onnx", precision="fp16")
    assert 1e-6 < result.difference < 0.02 * result.largest
    types = {t.data_type for t in onnx.load(result.path).graph.initializer if t.dims}
    assert onnx.TensorProto.FLOAT16 in types
    assert onnx.TensorProto.FLOAT not in types


def test_export_names_input_and_output(tmp_path: Path) -> None:
    graph = onnx.load(exported("onnx", tmp_path)).graph
    assert [value.name for value in (*graph.input, *graph.output)] == ["xyc", "xyz"]
    assert graph.input[0].type.tensor_type.shape.dim[0].dim_param


def test_export_that_differs_keeps_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.pt2").write_text("an older file")
    monkeypatch.setitem(writing.TOLERANCE, "fp32", -1.0)
    with pytest.raises(ValueError, match=r"a\.pt2 was not written: its output differs"):
        export(ours(), tmp_path / "a.pt2", "torch-export")
    assert written(tmp_path) == ["a.pt2"]
    assert (tmp_path / "a.pt2").read_text() == "an older file"


def test_export_refuses_unsupported_operation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = network().eval()
    monkeypatch.setattr(model.head, "forward", lambda x: x * float(x.max()))  # of the data
    with pytest.raises(ValueError, match=r"cannot be written as torch-export: tcpformer holds"):
        export(ours(model), tmp_path / "a.pt2", "torch-export")
    assert written(tmp_path) == []


def test_export_refuses_bad_requests(tmp_path: Path) -> None:
    path = exported("onnx", tmp_path)
    with pytest.raises(ValueError, match=r"format onnx ends in \.onnx, got .*a\.xml"):
        export(ours(), tmp_path / "a.xml", "onnx")
    with pytest.raises(ValueError, match="is an exported file"):
        export(load_exported(path), tmp_path / "b.onnx", "onnx")


@pytest.mark.parametrize("module", ["onnxscript", "openvino"])
def test_export_names_missing_extra(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, module, None)
    extra = "export" if module == "onnxscript" else "openvino"
    with pytest.raises(
        ImportError, match=rf"needs {module}: .* pip install 'tcpformer\[{extra}\]'"
    ):
        export(ours(), tmp_path / "a.xml", "openvino")
