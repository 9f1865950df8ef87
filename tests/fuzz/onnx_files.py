"""Small ONNX files: a network of ours that returns its input, and detectors with fixed answers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
from tiny_configs import TINY

from tcpformer.models import MODELS
from tcpformer.runtime.backends import KEY, Description
from tcpformer.weights import WeightsSpec


def _save(path: Path, nodes: list[Any], inputs: Any, outputs: Any, arrays: Any, text: str) -> None:
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    def infos(shapes: dict[str, tuple[int | str, ...]]) -> list[Any]:
        kind = TensorProto.FLOAT
        return [helper.make_tensor_value_info(n, kind, shape) for n, shape in shapes.items()]

    initializers = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    graph = helper.make_graph(nodes, "g", infos(inputs), infos(outputs), initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    if text:
        helper.set_model_props(model, {KEY: text})
    onnx.save(model, str(path))


def network_file(folder: Path) -> None:
    """Write a.onnx, which adds zeros to clips, with the description of a tiny network."""
    from onnx import helper

    spec = WeightsSpec(fps=30.0)
    config = MODELS["tcpformer"].config(**TINY["tcpformer"])
    text = Description(config, spec, "tiny sha256:0", static=False).to_json()
    shape = ("b", 9, 17, 3)
    nodes = [helper.make_node("Add", ["x", "zero"], ["y"])]
    zero = {"zero": np.zeros((17, 3), np.float32)}
    _save(folder / "a.onnx", nodes, {"x": shape}, {"y": shape}, zero, text)


def detector_file(kind: Literal["rtmpose", "rtmo", "yolox"]) -> Callable[[Path], None]:
    """Return a writer of a.onnx, a detector that finds the same person in any image."""

    def write(folder: Path) -> None:
        from onnx import helper

        rng = np.random.default_rng(0)
        shapes = {
            "rtmpose": {"simcc_x": (1, 17, 96), "simcc_y": (1, 17, 128)},
            "rtmo": {"dets": (1, 2, 5), "keypoints": (1, 2, 17, 3)},
            "yolox": {"raw": (1, 62, 6)},
        }[kind]
        arrays = {f"{n}_": rng.random(shape).astype("f4") for n, shape in shapes.items()}
        nodes = [helper.make_node("Identity", [f"{n}_"], [n]) for n in shapes]
        _save(folder / "a.onnx", nodes, {"image": (1, 3, 64, 48)}, shapes, arrays, "")

    return write
