"""Bytes of model files: the table of packaged ones fits, and ONNX files stand alone."""

import hashlib
import importlib.util
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from paths import ROOT

from tcpformer import model_files
from tcpformer.model_files import PACKAGE, SUMS, packaged_sums, read_model, read_onnx
from tcpformer.weights import packaged_names


def test_packaged_sums_match_the_tool() -> None:
    """After new weights: python tools/refresh_sha256.py."""
    path = ROOT / "tools" / "refresh_sha256.py"
    spec = importlib.util.spec_from_file_location("refresh_sha256", path)
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    assert SUMS.read_text() == tool.table()


def test_packaged_sums_list_every_packaged_model() -> None:
    models = {*PACKAGE.glob("packaged/*/*"), *PACKAGE.glob("detect/weights/*")}
    assert set(packaged_sums()) == models
    assert len(models) == 4 + 3 * len(packaged_names())


def test_read_model_refuses_a_packaged_file_that_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.onnx"
    path.write_bytes(b"whole")
    digest = hashlib.sha256(b"whole").hexdigest()
    monkeypatch.setattr(model_files, "packaged_sums", lambda: {path: digest})
    assert read_model(path) == b"whole"
    path.write_bytes(b"other")
    with pytest.raises(ValueError, match=r"a\.onnx: expected the file .*; reinstall tcpformer"):
        read_model(path)


def test_read_model_takes_other_files(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"any")
    assert read_model(tmp_path / "a") == b"any"


def network(path: Path, *, external: bool, name: str = "w") -> Path:
    """Write a network that adds a constant, in the file or beside it."""
    tensor = numpy_helper.from_array(np.ones(400, np.float32), name)
    value = onnx.helper.make_tensor_value_info
    node = onnx.helper.make_node("Add", ["x", name], ["y"])
    spot = [value("x", 1, [400])], [value("y", 1, [400])]
    graph = onnx.helper.make_graph([node], "g", *spot, [tensor])
    onnx.save(onnx.helper.make_model(graph), path, save_as_external_data=external)
    return path


@pytest.mark.parametrize("name", ["w", "allocation", "/location/weight"])
def test_read_onnx_returns_the_bytes(tmp_path: Path, name: str) -> None:
    path = network(tmp_path / "a.onnx", external=False, name=name)
    assert read_onnx(path) == path.read_bytes()


def test_read_onnx_refuses_external_data(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="its weights lie in other files, which are not opened"):
        read_onnx(network(tmp_path / "a.onnx", external=True))


@pytest.mark.parametrize(
    "key", [b"\x0a\x88\x00location", b"\x8a\x00\x08location", b"\x8a\x80\x00\x88\x80\x00location"]
)
def test_read_onnx_refuses_external_data_in_odd_spellings(tmp_path: Path, key: bytes) -> None:
    """Protobuf reads numbers with superfluous bytes too."""
    entry = onnx.StringStringEntryProto.FromString(key)
    assert entry.key == "location"
    (tmp_path / "a.onnx").write_bytes(b"....." + key)
    with pytest.raises(ValueError, match="lie in other files"):
        read_onnx(tmp_path / "a.onnx")


def test_read_onnx_refuses_the_format_of_onnx_runtime(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(b"\x18\0\0\0ORTM" + bytes(40))
    with pytest.raises(ValueError, match="got ONNX Runtime's own format"):
        read_onnx(tmp_path / "a.onnx")


def test_read_onnx_names_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no such file: .*a\.onnx"):
        read_onnx(tmp_path / "a.onnx")
