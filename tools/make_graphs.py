"""Write the ONNX graphs of the packaged weights; their numbers stay in model.safetensors.

usage: python tools/make_graphs.py [NAME ...]

ONNX keeps the numbers of a network in the graph, or in another file at an offset. model.safetensors
is such a file: a header, then the tensors one after the other. So ONNX Runtime reads the same bytes
as PyTorch, and each network is packaged once. The numbers are float16; the graph casts them, which
is exact, and ONNX Runtime does so once, when it loads.

Run it after the weights change (`tools/pack_weights.py` does).
"""

import json
import struct
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from tcpformer.models import inputs_of, joints_of
from tcpformer.models.checkpoint import load_weights
from tcpformer.models.uncertainty_head import WithUncertainty
from tcpformer.runtime.graph import GRAPH_FILE, GRAPH_KEY
from tcpformer.weights import PACKAGED, WEIGHTS_FILE, packaged_names

TYPES = {"F16": TensorProto.FLOAT16, "F32": TensorProto.FLOAT}
SMALLEST = 64
"""Numbers of a tensor that is left in the weights file; smaller ones may equal others by chance."""


def read_header(path: Path) -> tuple[dict[str, Any], int]:
    """Return the header of a safetensors file, and the offset of its numbers."""
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
    header.pop("__metadata__", None)
    return header, 8 + length


def export_network(name: str) -> onnx.ModelProto:
    """Return the graph of packaged weights with their uncertainty, numbers inside."""
    model = load_weights(name).model.eval()
    network = model if model.uncertainty is None else WithUncertainty(model).eval()
    example = torch.rand(2, model.config.frames, joints_of(model.config), inputs_of(model)) - 0.5
    shapes = ({0: torch.export.Dim("batch")},)
    with torch.no_grad(), tempfile.TemporaryDirectory() as folder:
        traced = torch.export.export(network, (example,), dynamic_shapes=shapes, strict=False)
        program = torch.onnx.export(
            traced, dynamo=True, input_names=["xyc"], output_names=["answer"], verbose=False
        )
        assert program is not None
        path = Path(folder) / "graph.onnx"
        program.save(path)
        return onnx.load(path)


def move_numbers(graph: onnx.GraphProto, weights: Path) -> int:
    """Let a graph refer to the numbers of a safetensors file; return how many bytes stay in it."""
    header, start = read_header(weights)
    data = weights.read_bytes()
    known: dict[bytes, tuple[str, bool]] = {}
    for key, entry in header.items():
        first, last = entry["data_offsets"]
        half = np.frombuffer(data[start + first : start + last], np.float16).astype(np.float32)
        if half.size < SMALLEST:
            continue
        known[half.tobytes()] = key, False
        if len(entry["shape"]) == 2:
            known[np.ascontiguousarray(half.reshape(entry["shape"]).T).tobytes()] = key, True
    nodes, kept, external = [], [], {}
    for tensor in graph.initializer:
        found = (
            known.get(numpy_helper.to_array(tensor).tobytes()) if tensor.data_type == 1 else None
        )
        if found is None:
            kept.append(tensor)
            continue
        key, transposed = found
        external[key] = refer(key, header[key], start)
        shape = header[key]["shape"]
        nodes += cast_nodes(tensor, external[key].name, transposed, list(tensor.dims) != shape)
        if not transposed and list(tensor.dims) != shape:
            sizes = np.array(tensor.dims, np.int64)
            kept.append(numpy_helper.from_array(sizes, f"{tensor.name}/shape"))
    nodes += graph.node
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend([*kept, *external.values()])
    graph.node.extend(nodes)
    return sum(tensor.ByteSize() for tensor in kept)


def cast_nodes(
    tensor: onnx.TensorProto, half: str, transposed: bool, reshaped: bool
) -> list[onnx.NodeProto]:
    """Return the nodes that make a tensor of a graph from one of the weights file."""
    name = tensor.name
    if transposed:
        turn = helper.make_node("Transpose", [f"{name}/cast"], [name], perm=[1, 0])
        return [helper.make_node("Cast", [half], [f"{name}/cast"], to=TensorProto.FLOAT), turn]
    if reshaped:
        shape = helper.make_node("Reshape", [f"{name}/cast", f"{name}/shape"], [name])
        return [helper.make_node("Cast", [half], [f"{name}/cast"], to=TensorProto.FLOAT), shape]
    return [helper.make_node("Cast", [half], [name], to=TensorProto.FLOAT)]


def refer(key: str, entry: dict[str, Any], start: int) -> onnx.TensorProto:
    """Return a tensor whose numbers lie in the weights file."""
    first, last = entry["data_offsets"]
    tensor = onnx.TensorProto(
        name=f"half/{key}",
        data_type=TYPES[entry["dtype"]],
        dims=entry["shape"],
        data_location=TensorProto.EXTERNAL,
    )
    for key, value in {
        "location": WEIGHTS_FILE,
        "offset": start + first,
        "length": last - first,
    }.items():
        tensor.external_data.add(key=key, value=str(value))
    return tensor


def describe(name: str) -> str:
    """Return what lifting must know of a network, as JSON."""
    weights = load_weights(name)
    head: Any = weights.model.uncertainty
    assert weights.spec is not None
    known = {
        "name": weights.name,
        "frames": weights.model.config.frames,
        "joints": joints_of(weights.model.config),
        "inputs": inputs_of(weights.model),
        "spec": asdict(weights.spec),
        "uncertainty": None,
    }
    if head is not None:
        known["uncertainty"] = {
            "region_scale": float(head.region_scale),
            "prior_std": [float(x) for x in head.prior_std],
            "time_constant": float(head.time_constant),
        }
    return json.dumps(known)


def make_graph(name: str) -> Path:
    """Write the graph of packaged weights beside them."""
    folder = PACKAGED / name
    model = export_network(name)
    left = move_numbers(model.graph, folder / WEIGHTS_FILE)
    for function in model.functions:
        assert not function.attribute_proto
    for node in model.graph.node:
        node.ClearField("doc_string")
        del node.metadata_props[:]
    for value in [*model.graph.value_info, *model.graph.input, *model.graph.output]:
        del value.metadata_props[:]
    for tensor in model.graph.initializer:
        del tensor.metadata_props[:]
    del model.metadata_props[:]
    model.metadata_props.add(key=GRAPH_KEY, value=describe(name))
    path = folder / GRAPH_FILE
    path.write_bytes(model.SerializeToString())
    print(f"{path}: {path.stat().st_size:,} bytes, {left:,} of them numbers")
    return path


if __name__ == "__main__":
    for each in sys.argv[1:] or packaged_names():
        make_graph(each)
