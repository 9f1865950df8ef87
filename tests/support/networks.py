"""Small ONNX networks with exactly the inputs and outputs of RTMPose, RTMO and YOLOX."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HIGH, WIDE = 64, 48  # of the input of RTMPose
SIDE = 64  # of the inputs of the others


def _save(nodes: list, inputs: tuple, outputs: dict, constants: dict, path: Path) -> Path:
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, inputs)],
        [helper.make_tensor_value_info(n, t, s) for n, (t, s) in outputs.items()],
        [numpy_helper.from_array(np.asarray(v), n) for n, v in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def rtmpose(path: Path, joints: int = 17) -> Path:
    """Save a network whose SimCC outputs, two bins a pixel, are the brightness of the columns."""
    nodes = [
        helper.make_node("ReduceMax", ["input"], ["columns"], axes=[1, 2], keepdims=0),
        helper.make_node("ReduceMax", ["input"], ["rows"], axes=[1, 3], keepdims=0),
    ]
    for name, source in (("simcc_x", "columns"), ("simcc_y", "rows")):
        nodes += [
            helper.make_node("Unsqueeze", [source, "two"], [f"{name}_deep"]),
            helper.make_node("Expand", [f"{name}_deep", f"{name}_pairs"], [f"{name}_two"]),
            helper.make_node("Reshape", [f"{name}_two", f"{name}_flat"], [f"{name}_row"]),
            helper.make_node("Expand", [f"{name}_row", f"{name}_shape"], [f"{name}_all"]),
            helper.make_node("Mul", [f"{name}_all", "less"], [name]),
        ]
    constants: dict = {"two": np.array([2], np.int64), "less": np.array(0.3, np.float32)}
    for name, length in (("simcc_x", WIDE), ("simcc_y", HIGH)):
        constants[f"{name}_pairs"] = np.array([1, length, 2], np.int64)
        constants[f"{name}_flat"] = np.array([1, 1, 2 * length], np.int64)
        constants[f"{name}_shape"] = np.array([1, joints, 2 * length], np.int64)
    outputs = {
        "simcc_x": (TensorProto.FLOAT, (1, joints, 2 * WIDE)),
        "simcc_y": (TensorProto.FLOAT, (1, joints, 2 * HIGH)),
    }
    return _save(nodes, (1, 3, HIGH, WIDE), outputs, constants, path)


def constant(path: Path, **outputs: np.ndarray) -> Path:
    """Save a network that always gives the same answer."""
    constants = {f"{name}_value": value for name, value in outputs.items()}
    constants["none"] = np.array(0, np.float32)
    nodes = [helper.make_node("ReduceSum", ["input"], ["sum"], keepdims=0)]
    nodes += [helper.make_node("Mul", ["sum", "none"], ["zero"])]
    kinds = {}
    for name, value in outputs.items():
        kind = helper.np_dtype_to_tensor_dtype(value.dtype)
        kinds[name] = (kind, value.shape)
        if kind == TensorProto.FLOAT:
            nodes.append(helper.make_node("Add", [f"{name}_value", "zero"], [name]))
        else:
            nodes.append(helper.make_node("Identity", [f"{name}_value"], [name]))
    return _save(nodes, (1, 3, SIDE, SIDE), kinds, constants, path)


def yolox_raw(boxes: list[tuple[float, float, float, float, float, int]]) -> np.ndarray:
    """Return what YOLOX answers for (x, y, width, height, score, class) in pixels of its input."""
    cells = [(s, x, y) for s in (8, 16, 32) for y in range(SIDE // s) for x in range(SIDE // s)]
    raw = np.zeros((1, len(cells), 5 + 3), np.float32)
    for k, (x, y, wide, high, score, kind) in enumerate(boxes):
        stride, column, row = cells[k]
        raw[0, k, :2] = x / stride - column, y / stride - row
        raw[0, k, 2:4] = np.log([wide / stride, high / stride])
        raw[0, k, 4] = score
        raw[0, k, 5 + kind] = 1.0
    return raw


STANDING = np.array(
    [
        (32, 8), (33, 7), (31, 7), (34, 8), (30, 8), (37, 18), (27, 18), (40, 26), (24, 26),
        (41, 34), (23, 34), (35, 35), (29, 35), (35, 46), (29, 46), (35, 57), (29, 57),
    ],
    dtype=np.float32,
)  # fmt: skip
"""COCO joints, in a picture of 64 x 64."""


def rtmo_outputs() -> dict[str, np.ndarray]:
    """Return what RTMO answers for two people, one of them twice, and a doubtful one."""
    shifts = [(0.0, 0.9), (-16.0, 0.8), (-16.3, 0.7), (10.0, 0.1)]
    dets = [(23 + x, 5, 41 + x, 59, score) for x, score in shifts]
    joints = [np.column_stack([STANDING + np.array([x, 0]), np.full(17, s)]) for x, s in shifts]
    return {
        "dets": np.array([dets], np.float32),
        "keypoints": np.array([joints], np.float32),
    }
