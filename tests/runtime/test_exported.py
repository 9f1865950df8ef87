"""Exported files: they answer as the network does, and carry its description."""

import json
from pathlib import Path

import onnx
import pytest
import torch
from exports import FORMATS, exported, ours
from lifters import FRAMES, SPECS

from tcpformer.models import hybrid
from tcpformer.models.checkpoint import WeightsSpec
from tcpformer.runtime.exported import SUFFIXES, Description, Format, load_exported


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


@pytest.mark.parametrize("suffix", SUFFIXES.values())
def test_load_exported_refuses_other_files(suffix: str, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such file"):
        load_exported(tmp_path / f"a{suffix}")
    (tmp_path / f"a{suffix}").write_bytes(b"\x00 not a network")
    with pytest.raises(ValueError, match="not a file that can be run"):
        load_exported(tmp_path / f"a{suffix}")


def test_load_exported_refuses_file_without_description(tmp_path: Path) -> None:
    proto = onnx.load(exported("onnx", tmp_path))
    del proto.metadata_props[:]
    onnx.save(proto, tmp_path / "b.onnx")
    with pytest.raises(ValueError, match=r"expected a file that `tcpformer export` wrote"):
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


@pytest.mark.parametrize("text", [None, "", "[1]", "{}", '{"architecture": "videopose3d"}'])
def test_from_json_refuses_other_text(text: str | None) -> None:
    with pytest.raises(ValueError, match="expected a file that `tcpformer export` wrote"):
        Description.from_json(text, Path("a"))
