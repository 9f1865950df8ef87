"""Convert a TFLite network to ONNX: only the operators that BlazePose and MoveNet use.

Used by ``convert_blazepose.py`` and ``convert_movenet.py``. TFLite keeps channels last, ONNX here
first; float16 weights stay float16 in the file and are cast on loading; spatial padding moves into
the convolutions. Only what the requested outputs need is converted.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
import tflite
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from onnx import TensorProto, helper, numpy_helper

Output = tuple[str, str, tuple[int, ...] | None]
"""Name in the original, name in the ONNX file, shape; None: (channels, height, width)."""


@dataclass
class Graph:
    """A TFLite graph and the ONNX nodes that were made of it.

    Attributes:
        model: The flatbuffer.
        constants: Values of all tensors that do not depend on the input.
        shapes: Shapes of all tensors, for the input size that the network was opened at.
        nodes: ONNX nodes so far.
        weights: ONNX initializers so far, by name.
        padding: Spatial zero padding that the next convolution will take over, by tensor.
    """

    model: tflite.Model
    constants: dict[int, np.ndarray]
    shapes: dict[int, tuple[int, ...]]
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    weights: dict[str, onnx.TensorProto] = field(default_factory=dict)
    padding: dict[str, tuple[str, list[int]]] = field(default_factory=dict)

    def add(self, kind: str, inputs: list[str], output: str, **attributes: object) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def store(self, name: str, value: np.ndarray) -> str:
        self.weights[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def half(self, name: str, value: np.ndarray) -> str:
        """Store as float16 and cast to float32; refuse values that float16 cannot hold exactly."""
        if not np.array_equal(value.astype(np.float16).astype(np.float32), value):
            raise ValueError(
                f"{name}: expected values of float16 in the original; store it as float32."
            )
        if f"{name}_16" in self.weights:
            return name
        stored = self.store(f"{name}_16", value.astype(np.float16))
        return self.add("Cast", [stored], name, to=TensorProto.FLOAT)

    def shape(self, tensor: int) -> tuple[int, ...]:
        return self.shapes[tensor]

    def activate(self, activation: int, value: str, output: str) -> str:
        """Rename ``value`` to ``output``, through the fused activation if there is one."""
        if activation == tflite.ActivationFunctionType.NONE:
            self.nodes[-1].output[0] = output
            return output
        if activation == tflite.ActivationFunctionType.RELU:
            return self.add("Relu", [value], output)
        assert activation == tflite.ActivationFunctionType.RELU6
        zero, six = self.store("zero", np.float32(0)), self.store("six", np.float32(6))
        return self.add("Clip", [value, zero, six], output)


def convert(
    path: Path, low: float, kept: tuple[Output, ...], credit: str, side: int = 0
) -> onnx.ModelProto:
    """Convert a TFLite file.

    Args:
        path: The file.
        low: Value of black in the input of the original, where white is 1; the ONNX file takes
            uint8.
        kept: Outputs to keep; any tensor of the original can be one.
        credit: Producer name in the file.
        side: Size at which to open a network that takes uint8 images of any size; 0 for a network
            whose file fixes the size.
    """
    model = tflite.Model.GetRootAsModel(path.read_bytes(), 0)
    subgraph = model.Subgraphs(0)
    graph = Graph(model, *_tensors(path, model, side))
    names = {subgraph.Tensors(i).Name().decode(): i for i in range(subgraph.TensorsLength())}
    _read_picture(graph, f"t{subgraph.Inputs(0)}", low, unscaled=bool(side))
    for operator in _needed(graph, [names[theirs] for theirs, _, _ in kept]):
        _operator(graph, operator)
    outputs = []
    for theirs, ours, shape in kept:
        if shape is None:
            graph.add("Identity", [f"t{names[theirs]}"], ours)
            _, high, wide, channels = graph.shape(names[theirs])
            shape = (channels, "high", "wide") if side else (channels, high, wide)
        else:
            to = graph.store(f"{ours}_shape", np.array([0, *shape], np.int64))
            graph.add("Reshape", [f"t{names[theirs]}", to], ours)
        outputs.append(helper.make_tensor_value_info(ours, TensorProto.FLOAT, ["n", *shape]))
    size = ("height", "width") if side else graph.shape(subgraph.Inputs(0))[1:3]
    picture = helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", *size, 3])
    result = _finish(graph, picture, outputs)
    result.producer_name = credit
    return result


def _needed(graph: Graph, outputs: list[int]) -> list[tflite.Operator]:
    """Return the operators on which some outputs depend through 4D tensors, in order."""
    subgraph, wanted, result = graph.model.Subgraphs(0), set(outputs), []
    for i in reversed(range(subgraph.OperatorsLength())):
        operator = subgraph.Operators(i)
        if set(operator.OutputsAsNumpy().tolist()) & wanted:
            result.append(operator)
            inputs = (int(j) for j in operator.InputsAsNumpy() if j >= 0)
            wanted |= {j for j in inputs if len(graph.shapes.get(j, ())) == 4}
    return result[::-1]


def _tensors(
    path: Path, model: tflite.Model, side: int
) -> tuple[dict[int, np.ndarray], dict[int, tuple[int, ...]]]:
    """Return constants and all shapes; LiteRT unpacks half floats and sparse matrices."""
    interpreter = Interpreter(
        str(path),
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True,
    )
    if side:
        place = interpreter.get_input_details()[0]["index"]
        interpreter.resize_tensor_input(place, [1, side, side, 3])
    interpreter.allocate_tensors()
    if side:
        interpreter.set_tensor(place, np.zeros((1, side, side, 3), np.uint8))
    interpreter.invoke()
    subgraph = model.Subgraphs(0)
    known = {
        i
        for i in range(subgraph.TensorsLength())
        if model.Buffers(subgraph.Tensors(i).Buffer()).DataLength()
    }
    for i in range(subgraph.OperatorsLength()):
        operator = subgraph.Operators(i)
        if set(operator.InputsAsNumpy().tolist()) <= known:
            known |= set(operator.OutputsAsNumpy().tolist())
    shapes = {d["index"]: tuple(d["shape"].tolist()) for d in interpreter.get_tensor_details()}
    sparse = {i for i in known if subgraph.Tensors(i).Sparsity()}
    return {i: interpreter.get_tensor(i) for i in known - sparse}, shapes


def _read_picture(graph: Graph, output: str, low: float, *, unscaled: bool) -> None:
    """Convert uint8, channels last, to the floats of the original, channels first."""
    if unscaled:
        graph.add("Transpose", ["image"], output, perm=[0, 3, 1, 2])
        return
    graph.add("Transpose", ["image"], "planes", perm=[0, 3, 1, 2])
    graph.add("Cast", ["planes"], "levels", to=TensorProto.FLOAT)
    graph.store("per_level", np.float32((1 - low) / 255))
    graph.add("Mul", ["levels", "per_level"], "scaled" if low else output)
    if low:
        graph.add("Add", ["scaled", graph.store("black", np.float32(low))], output)


def _operator(graph: Graph, operator: tflite.Operator) -> None:
    """Convert one operator, unless its result is a constant."""
    output = int(operator.Outputs(0))
    if output in graph.constants:
        return
    inputs = [int(i) for i in operator.InputsAsNumpy()]
    code = graph.model.OperatorCodes(operator.OpcodeIndex())
    kind = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    if kind not in TRANSLATORS:
        raise ValueError(f"no converter for TFLite operator {kind}; add one to TRANSLATORS.")
    TRANSLATORS[kind](graph, operator, inputs, output)


def _options(operator: tflite.Operator, kind: type) -> object:
    options, table = kind(), operator.BuiltinOptions()
    options.Init(table.Bytes, table.Pos)
    return options


def _same(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Return TensorFlow's SAME padding along one axis, of which an odd rest goes to the end."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def _pads(shape: tuple[int, ...], kernel: tuple[int, int], options: object) -> list[int]:
    if options.Padding() == tflite.Padding.VALID:
        return [0, 0, 0, 0]
    top, bottom = _same(shape[1], kernel[0], options.StrideH())
    left, right = _same(shape[2], kernel[1], options.StrideW())
    return [top, left, bottom, right]


def _convolution(graph: Graph, operator: tflite.Operator, inputs: list[int], output: int) -> None:
    weight = graph.constants[inputs[1]]
    depthwise = operator.BuiltinOptionsType() == tflite.BuiltinOptions.DepthwiseConv2DOptions
    kind = tflite.DepthwiseConv2DOptions if depthwise else tflite.Conv2DOptions
    options = _options(operator, kind)
    # depthwise weights are (1, h, w, c), full ones (out, h, w, in); ONNX wants (out, in, h, w)
    weight = weight.transpose((3, 0, 1, 2) if depthwise else (0, 3, 1, 2))
    source = f"t{inputs[0]}"
    pads = _pads(graph.shape(inputs[0]), weight.shape[2:], options)
    if source in graph.padding:
        assert not any(pads)
        source, pads = graph.padding[source]
    bias = graph.half(f"t{inputs[2]}", graph.constants[inputs[2]])
    terms = [graph.half(f"t{inputs[1]}", weight), bias]
    value = graph.add(
        "Conv",
        [source, *terms],
        f"t{output}_linear",
        kernel_shape=weight.shape[2:],
        strides=[options.StrideH(), options.StrideW()],
        pads=pads,
        group=len(weight) if depthwise else 1,
    )
    graph.activate(options.FusedActivationFunction(), value, f"t{output}")


def _addition(graph: Graph, operator: tflite.Operator, inputs: list[int], output: int) -> None:
    value = graph.add("Add", [f"t{i}" for i in inputs], f"t{output}_linear")
    activation = _options(operator, tflite.AddOptions).FusedActivationFunction()
    graph.activate(activation, value, f"t{output}")


def _padding(graph: Graph, _: tflite.Operator, inputs: list[int], output: int) -> None:
    """Move spatial padding into the convolutions that follow; pad channels with a Pad."""
    (_, _), (top, bottom), (left, right), (first, last) = graph.constants[inputs[1]].tolist()
    if not first and not last:
        graph.padding[f"t{output}"] = (f"t{inputs[0]}", [top, left, bottom, right])
        return
    pads = np.array([0, first, top, left, 0, last, bottom, right], np.int64)
    graph.add("Pad", [f"t{inputs[0]}", graph.store(f"t{output}_pads", pads)], f"t{output}")


def _resize(graph: Graph, operator: tflite.Operator, inputs: list[int], output: int) -> None:
    options = _options(operator, tflite.ResizeBilinearOptions)
    assert options.HalfPixelCenters()
    assert not options.AlignCorners()
    (_, h, w, _), (_, high, wide, _) = graph.shape(inputs[0]), graph.shape(output)
    scales = graph.store(f"t{output}_scales", np.array([1, 1, high / h, wide / w], np.float32))
    graph.add("Resize", [f"t{inputs[0]}", "", scales], f"t{output}", mode="linear")


def _pool(graph: Graph, operator: tflite.Operator, inputs: list[int], output: int) -> None:
    options = _options(operator, tflite.Pool2DOptions)
    kernel = (options.FilterHeight(), options.FilterWidth())
    graph.add(
        "MaxPool",
        [f"t{inputs[0]}"],
        f"t{output}",
        kernel_shape=kernel,
        strides=[options.StrideH(), options.StrideW()],
        pads=_pads(graph.shape(inputs[0]), kernel, options),
    )


def _reshape(graph: Graph, _: tflite.Operator, inputs: list[int], output: int) -> None:
    """Reshape with channels last, as in the original: the order of the numbers matters."""
    graph.add("Transpose", [f"t{inputs[0]}"], f"t{output}_last", perm=[0, 2, 3, 1])
    shape = graph.store(f"t{output}_shape", np.array([0, *graph.shape(output)[1:]], np.int64))
    graph.add("Reshape", [f"t{output}_last", shape], f"t{output}")


def _join(graph: Graph, _: tflite.Operator, inputs: list[int], output: int) -> None:
    graph.add("Concat", [f"t{i}" for i in inputs], f"t{output}", axis=1)


def _depth_to_space(graph: Graph, _: tflite.Operator, inputs: list[int], output: int) -> None:
    block = graph.shape(output)[1] // graph.shape(inputs[0])[1]
    graph.add("DepthToSpace", [f"t{inputs[0]}"], f"t{output}", blocksize=block, mode="DCR")


def _logistic(graph: Graph, _: tflite.Operator, inputs: list[int], output: int) -> None:
    graph.add("Sigmoid", [f"t{inputs[0]}"], f"t{output}")


def _cast(graph: Graph, _: tflite.Operator, inputs: list[int], output: int) -> None:
    graph.add("Cast", [f"t{inputs[0]}"], f"t{output}", to=TensorProto.FLOAT)


def _by_constant(graph: Graph, operator: tflite.Operator, inputs: list[int], output: int) -> None:
    """Subtract, or multiply by, a constant."""
    code = graph.model.OperatorCodes(operator.OpcodeIndex())
    kind = {tflite.BuiltinOperator.SUB: "Sub", tflite.BuiltinOperator.MUL: "Mul"}
    value = graph.constants[inputs[1]]
    value = value.transpose(0, 3, 1, 2) if value.ndim == 4 else value
    name = graph.store(f"t{inputs[1]}", value.astype(np.float32))
    graph.add(kind[code.BuiltinCode()], [f"t{inputs[0]}", name], f"t{output}")


TRANSLATORS = {
    tflite.BuiltinOperator.CAST: _cast,
    tflite.BuiltinOperator.SUB: _by_constant,
    tflite.BuiltinOperator.MUL: _by_constant,
    tflite.BuiltinOperator.CONV_2D: _convolution,
    tflite.BuiltinOperator.DEPTHWISE_CONV_2D: _convolution,
    tflite.BuiltinOperator.ADD: _addition,
    tflite.BuiltinOperator.PAD: _padding,
    tflite.BuiltinOperator.RESIZE_BILINEAR: _resize,
    tflite.BuiltinOperator.MAX_POOL_2D: _pool,
    tflite.BuiltinOperator.RESHAPE: _reshape,
    tflite.BuiltinOperator.CONCATENATION: _join,
    tflite.BuiltinOperator.DEPTH_TO_SPACE: _depth_to_space,
    tflite.BuiltinOperator.LOGISTIC: _logistic,
}


def _finish(graph: Graph, picture: object, outputs: list) -> onnx.ModelProto:
    """Build the model from the nodes that the outputs need, and check it."""
    needed, nodes = {output.name for output in outputs}, []
    for node in reversed(graph.nodes):
        if node.output[0] in needed:
            nodes.append(node)
            needed |= set(node.input)
    weights = [tensor for name, tensor in graph.weights.items() if name in needed]
    body = helper.make_graph(nodes[::-1], "blazepose", [picture], outputs, weights)
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model
