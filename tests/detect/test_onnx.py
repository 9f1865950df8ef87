"""Opening ONNX files: the packaged weights and files of the user."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from networks import SIDE, constant
from onnx import helper

from tcpformer.detect import onnx as onnx_module
from tcpformer.detect.onnx import (
    CPU,
    WEIGHTS,
    check_answers,
    choose_providers,
    drop_unknown,
    input_size,
    keep_sessions,
    open_local,
    open_session,
    run_on_image,
    sigmoid,
)


def test_open_local_refuses_a_file_that_is_no_network(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("no network")
    with pytest.raises(ValueError, match="cannot open it"):
        open_local(tmp_path / "text.onnx")


def test_open_local_refuses_external_data(tmp_path: Path) -> None:
    proto = onnx.load(constant(tmp_path / "a.onnx", one=np.ones((9, 99), np.float32)))
    onnx.save(proto, tmp_path / "b.onnx", save_as_external_data=True, size_threshold=0)
    with pytest.raises(ValueError, match="its weights lie in other files"):
        open_local(tmp_path / "b.onnx")


def test_open_local_refuses_custom_operators(tmp_path: Path) -> None:
    proto = onnx.load(constant(tmp_path / "a.onnx", one=np.ones(3, np.float32)))
    proto.graph.node.add(op_type="Evil", domain="evil", input=["image"], output=["z"])
    proto.opset_import.add(domain="evil", version=1)
    onnx.save(proto, tmp_path / "b.onnx")
    with pytest.raises(ValueError, match="cannot open it"):
        open_local(tmp_path / "b.onnx")


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


def test_run_on_image_names_the_file_that_cannot_be_run(tmp_path: Path) -> None:
    """A text that is not UTF-8, and a second input without a value."""
    text = helper.make_node("Constant", [], ["y"], value_string=b"\xe8(")
    image = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, (1, 3, 8, 8))
    answer = helper.make_tensor_value_info("y", onnx.TensorProto.STRING, ())
    for inputs in ([image], [image, helper.make_tensor_value_info("z", 1, (1,))]):
        graph = helper.make_graph([text], "g", inputs, [answer])
        opset = [helper.make_opsetid("", 17)]
        onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), tmp_path / "a.onnx")
        session = open_local(tmp_path / "a.onnx")
        with pytest.raises(ValueError, match=r"a\.onnx: cannot be run .*; the file is damaged"):
            run_on_image(session, np.zeros((8, 8, 3)))


@pytest.mark.parametrize(
    ("shapes", "fits"),
    [
        (("1 n 5", "1 n"), True),
        (("1 n 5",), True),
        (("1 n 5", "1 k"), True),
        (("n n 5",), False),
        (("1 n 4",), False),
        (("1 n",), False),
        (("1 k 5", "1 n", "1 n"), False),
    ],
)
def test_check_answers_compares_sizes(shapes: tuple[str, ...], fits: bool, tmp_path: Path) -> None:
    session = open_local(constant(tmp_path / "a.onnx", y=np.ones(1, np.float32)))
    answers = [np.zeros((1, 2, 5)), np.zeros((1, 2), np.int64)]
    if fits:
        check_answers(session, answers, *shapes)
        return
    with pytest.raises(ValueError, match=r"a\.onnx: expected answers of shapes"):
        check_answers(session, answers, *shapes)


def test_check_answers_refuses_texts(tmp_path: Path) -> None:
    session = open_local(constant(tmp_path / "a.onnx", y=np.ones(1, np.float32)))
    with pytest.raises(ValueError, match=r"got .*<U1"):
        check_answers(session, [np.array(["a"])], "n")


@pytest.mark.parametrize("shape", [(1, 3, 5000, 8), (1, 3, 8, 0), (1, 3, 8)])
def test_open_local_refuses_an_absurd_input(shape: tuple[int, ...], tmp_path: Path) -> None:
    node = helper.make_node("Identity", ["x"], ["y"])
    infos = [helper.make_tensor_value_info(name, 1, shape) for name in ("x", "y")]
    graph = helper.make_graph([node], "g", infos[:1], infos[1:])
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), tmp_path / "a.onnx")
    with pytest.raises(ValueError, match="of at most 4096 pixels a side"):
        open_local(tmp_path / "a.onnx")


def test_sigmoid_does_not_overflow() -> None:
    np.testing.assert_allclose(sigmoid(np.array([-1e9, 0.0, 1e9])), [0, 0.5, 1], atol=1e-12)


def test_drop_unknown_gives_joints_that_are_not_finite_no_score() -> None:
    joints = np.arange(12.0).reshape(2, 2, 3)
    joints[0, 1, 0], joints[1, 0, 2] = np.nan, np.inf
    expected = np.arange(12.0).reshape(2, 2, 3)
    expected[0, 1], expected[1, 0] = 0.0, 0.0
    np.testing.assert_array_equal(drop_unknown(joints), expected)


def test_open_local_refuses_an_input_that_is_no_image(tmp_path: Path) -> None:
    proto = onnx.load(constant(tmp_path / "a.onnx", one=np.ones((1, 2), np.float32)))
    del proto.graph.input[0].type.tensor_type.shape.dim[0]
    onnx.save(proto, tmp_path / "a.onnx")
    with pytest.raises(ValueError, match=r"a\.onnx: expected an input of 1 x 3 x height x width"):
        open_local(tmp_path / "a.onnx")


def test_open_local_refuses_a_network_without_inputs(tmp_path: Path) -> None:
    outputs = [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, (1,))]
    constant_y = helper.make_node("Constant", [], ["y"], value_floats=[1.0])
    graph = helper.make_graph([constant_y], "g", [], outputs)
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), tmp_path / "a.onnx")
    with pytest.raises(ValueError, match=r"a\.onnx: expected an input of 1 x 3"):
        open_local(tmp_path / "a.onnx")


@pytest.mark.parametrize(
    ("device", "installed", "expected"),
    [
        ("auto", [], [CPU]),
        ("auto", ["CUDAExecutionProvider"], ["CUDAExecutionProvider", CPU]),
        ("auto", ["DmlExecutionProvider"], ["DmlExecutionProvider", CPU]),
        ("auto", ["CoreMLExecutionProvider"], [CPU]),
        ("cpu", ["CUDAExecutionProvider"], [CPU]),
        ("cuda", [], [CPU]),
        ("cuda:1", ["CUDAExecutionProvider"], [("CUDAExecutionProvider", {"device_id": "1"}), CPU]),
        ("mps", ["CoreMLExecutionProvider"], ["CoreMLExecutionProvider", CPU]),
    ],
)
def test_choose_providers_takes_what_is_installed(
    monkeypatch: pytest.MonkeyPatch, device: str, installed: list[str], expected: list
) -> None:
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: [*installed, CPU])
    assert choose_providers(device) == expected


def test_keep_sessions_opens_packaged_networks_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_module, "_kept", None)
    path = WEIGHTS / "blazepose_detector.onnx"
    assert open_session(path, 1) is not open_session(path, 1)
    keep_sessions()
    kept = open_session(path, 1)
    keep_sessions()
    assert open_session(path, 1) is kept
    assert open_session(path, 2) is not kept
    own = constant(tmp_path / "a.onnx", one=np.ones((9, 99), np.float32))
    assert open_session(own) is not open_session(own), "a file of the user may change"
