"""Exported files: they say what the network says, and carry what is known of it."""

import functools
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from commands import keypoint_file, refused, run, written
from lifters import SPECS, FRAMES, network, seen
from motions import walk

from tcpformer import Lifter, load_motion
from tcpformer.models import Network, build, poseformerv2, strided_transformer
from tcpformer.models import pose_transformer as whole_poses
from tcpformer.models.checkpoint import Weights
from tcpformer.runtime import export as writing
from tcpformer.runtime.backends import weights_for
from tcpformer.runtime.device import prepare_for_inference
from tcpformer.runtime.export import export
from tcpformer.runtime.exported import load_exported
from tcpformer.runtime.formats import SUFFIXES, Format
from tcpformer.runtime.fused import FusedTCPFormer

FORMATS: tuple[Format, ...] = ("onnx", "openvino", "torch-export")
BASELINES = {
    "poseformerv2": poseformerv2.Config(
        frames=9, kept_frames=3, kept_coefficients=3, width=8, depth=2, heads=2
    ),
    "strided-transformer": strided_transformer.Config(
        frames=9, strides=(3, 3), width=8, hidden=8, depth=1, heads=2, inputs=3
    ),
    "whole-poses": whole_poses.Config(
        frames=9, layers=1, width=8, heads=2, channels=4, rotary=True
    ),
}


def ours(model: Network | None = None) -> Weights:
    return Weights(model or network().eval(), SPECS["spaced"], "ours sha256:0123456789ab")


@functools.cache
def content(format: Format) -> dict[str, bytes]:
    """The files of `ours`, made once."""
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        export(ours(), Path(folder) / f"ours{SUFFIXES[format]}", format)
        return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def exported(format: Format, folder: Path) -> Path:
    for name, data in content(format).items():
        (folder / name).write_bytes(data)
    return folder / f"ours{SUFFIXES[format]}"


@pytest.mark.parametrize("format", FORMATS)
def test_a_file_says_what_the_network_says_of_any_number_of_clips(
    format: Format, tmp_path: Path
) -> None:
    loaded = load_exported(exported(format, tmp_path))
    for n in (1, 2, 5):
        x = torch.rand(n, FRAMES, 17, 3, generator=torch.Generator().manual_seed(n))
        with torch.no_grad():
            wanted = ours().model(x)
            torch.testing.assert_close(loaded.model(x), wanted, atol=1e-5, rtol=0)
    assert wanted.std() > 0.1


@pytest.mark.parametrize("format", FORMATS)
def test_what_is_known_travels_in_the_file(format: Format, tmp_path: Path) -> None:
    loaded = load_exported(exported(format, tmp_path))
    assert loaded.convention == SPECS["spaced"]
    assert loaded.name == ours().name
    assert loaded.model.config == ours().model.config


@pytest.mark.parametrize("format", FORMATS)
def test_a_lifter_with_the_file_gives_the_same_motion(format: Format, tmp_path: Path) -> None:
    person = seen(walk(50))
    wanted, found = Lifter(ours(), "cpu")(person), Lifter(exported(format, tmp_path))(person)
    np.testing.assert_allclose(found.xyz, wanted.xyz, atol=1e-4)
    assert found.provenance == wanted.provenance


def test_a_lifter_exports_what_is_not_exported() -> None:
    person = seen(walk(30))
    lifter = Lifter(ours(), backend="onnx")
    np.testing.assert_allclose(lifter(person).xyz, Lifter(ours(), "cpu")(person).xyz, atol=1e-4)
    assert not list(lifter.model.parameters())


@pytest.mark.parametrize("format", ["onnx", "torch-export"])
@pytest.mark.parametrize("name", BASELINES)
def test_the_baselines_export_too(format: Format, name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = build(BASELINES[name]).eval()
    checked = export(ours(model), tmp_path / f"a{SUFFIXES[format]}", format)
    assert checked.largest > 0.1
    assert load_exported(checked.path).model.config == BASELINES[name]
    person = seen(walk(20))
    lifter = Lifter(checked.path)
    np.testing.assert_allclose(
        lifter(person).xyz, Lifter(ours(model), "cpu")(person).xyz, atol=1e-4
    )


def test_a_static_file_has_fixed_shapes_and_takes_clips_one_by_one(tmp_path: Path) -> None:
    path = export(ours(), tmp_path / "a.onnx", "onnx", static=True).path
    proto = onnx.load(path)
    for value in (*proto.graph.input, *proto.graph.output):
        sizes = [axis.dim_value for axis in value.type.tensor_type.shape.dim]
        assert sizes == [1, FRAMES, 17, 3]
    x = torch.rand(3, FRAMES, 17, 3)
    with torch.no_grad():
        torch.testing.assert_close(load_exported(path).model(x), ours().model(x), atol=1e-5, rtol=0)


def test_half_precision_is_half_the_size_and_near(tmp_path: Path) -> None:
    checked = export(ours(), tmp_path / "a.onnx", "onnx", precision="fp16")
    assert 1e-6 < checked.difference < 0.02 * checked.largest
    types = {t.data_type for t in onnx.load(checked.path).graph.initializer if t.dims}
    assert onnx.TensorProto.FLOAT16 in types
    assert onnx.TensorProto.FLOAT not in types


def test_names_of_input_and_output_are_said(tmp_path: Path) -> None:
    graph = onnx.load(exported("onnx", tmp_path)).graph
    assert [value.name for value in (*graph.input, *graph.output)] == ["xyc", "xyz"]
    assert graph.input[0].type.tensor_type.shape.dim[0].dim_param


def test_a_file_that_disagrees_is_not_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.pt2").write_text("an older file")
    monkeypatch.setitem(writing.TOLERANCE, "fp32", -1.0)
    with pytest.raises(ValueError, match=r"a\.pt2 was not written: it would differ"):
        export(ours(), tmp_path / "a.pt2", "torch-export")
    assert written(tmp_path) == ["a.pt2"]
    assert (tmp_path / "a.pt2").read_text() == "an older file"


def test_what_cannot_be_exported_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = network().eval()
    monkeypatch.setattr(model.head, "forward", lambda x: x * float(x.max()))  # of the data
    with pytest.raises(ValueError, match=r"cannot be written as torch-export: tcpformer holds"):
        export(ours(model), tmp_path / "a.pt2", "torch-export")
    assert written(tmp_path) == []


def test_wrong_requests_are_refused_in_words(tmp_path: Path) -> None:
    path = exported("onnx", tmp_path)
    with pytest.raises(ValueError, match=r"format onnx ends in \.onnx, got .*a\.xml"):
        export(ours(), tmp_path / "a.xml", "onnx")
    with pytest.raises(ValueError, match="is exported already"):
        export(load_exported(path), tmp_path / "b.onnx", "onnx")
    with pytest.raises(ValueError, match="written for backend 'onnx', got 'torch'"):
        weights_for(path, "torch")
    with pytest.raises(ValueError, match="runs on the CPU, got device 'cuda'"):
        Lifter(path, "cuda")
    with pytest.raises(ValueError, match="an exported network has no form in bfloat16"):
        Lifter(path, precision="bfloat16")


@pytest.mark.parametrize("suffix", SUFFIXES.values())
def test_other_files_are_refused_in_words(suffix: str, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such file"):
        load_exported(tmp_path / f"a{suffix}")
    (tmp_path / f"a{suffix}").write_bytes(b"\x00 nothing of the kind")
    with pytest.raises(ValueError, match="not a file that can be run"):
        load_exported(tmp_path / f"a{suffix}")


def test_an_onnx_file_of_somebody_else_is_refused(tmp_path: Path) -> None:
    proto = onnx.load(exported("onnx", tmp_path))
    del proto.metadata_props[:]
    onnx.save(proto, tmp_path / "b.onnx")
    with pytest.raises(ValueError, match=r"does not say what network it holds"):
        load_exported(tmp_path / "b.onnx")


@pytest.mark.parametrize("module", ["onnxscript", "openvino"])
def test_a_missing_extra_names_itself(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, module, None)
    extra = "export" if module == "onnxscript" else "openvino"
    with pytest.raises(
        ImportError, match=rf"needs {module}: .* pip install 'tcpformer\[{extra}\]'"
    ):
        export(ours(), tmp_path / "a.xml", "openvino")


def test_other_networks_have_no_form_in_bfloat16() -> None:
    with pytest.raises(ValueError, match="has no form in bfloat16"):
        prepare_for_inference(build(BASELINES["poseformerv2"]), "bfloat16")


def test_bfloat16_lifts_nearly_the_same() -> None:
    person = seen(walk(40))
    exact = Lifter("default", "cpu")(person).xyz
    coarse = Lifter("default", "cpu", precision="bfloat16")(person).xyz
    assert 1e-6 < np.abs(coarse - exact).mean() < 0.005


def test_auto_takes_what_it_measured_to_be_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    measures = "tcpformer.runtime.device."
    for gains, faster, dtype in (
        (True, 1.0, torch.float32),
        (True, 3.0, torch.bfloat16),
        (False, 3.0, torch.float32),
    ):
        monkeypatch.setattr(measures + "_products_gain", lambda device, gains=gains: gains)
        monkeypatch.setattr(measures + "_times_faster", lambda a, b, f=faster: f)
        chosen = prepare_for_inference(network(), "auto")
        assert isinstance(chosen, FusedTCPFormer)
        assert chosen.dtype == dtype
    monkeypatch.undo()
    assert isinstance(prepare_for_inference(network(), "auto"), FusedTCPFormer)


def test_the_command_writes_a_file_that_lifts(
    tmp_path: Path, tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "anew" / "net.onnx"
    run("export", tiny, "--format", "onnx", "--out", out)
    said = capsys.readouterr()
    assert said.out.startswith(f"{out}\n  differs from the network by at most ")
    assert said.err == ""
    keypoints = keypoint_file()(tmp_path)
    for name, weights in (("file", out), ("ours", tiny)):
        run("lift", keypoints, "--weights", weights, "--out", tmp_path / name)
    file, network = (load_motion(tmp_path / n / "person_0/motion.npz") for n in ("file", "ours"))
    np.testing.assert_allclose(file.xyz, network.xyz, atol=1e-4)


def test_the_command_refuses_in_one_sentence(
    tmp_path: Path, tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "net.xml"
    assert "ends in .onnx" in refused(capsys, "export", tiny, "--format", "onnx", "--out", out)
    assert written(tmp_path) == []
