"""Changes to an ONNX graph: names of dimensions, operations that ONNX does not have, weights with fewer bits."""

from collections.abc import Sequence
from typing import Any

import numpy as np

SMALLEST = 1024
"""Numbers in a weight that is worth storing with fewer bits; biases and statistics are left alone."""

CHANNEL_AXES = {"Conv": 0, "ConvTranspose": 1, "Gather": 0}
"""The axis of the output channels in the weights of an operation; for all others, such as MatMul, it is the last."""


def name_dimensions(model: Any, tensors: Sequence[Any]) -> None:
    """Names the free dimensions of inputs and outputs, and forgets the shapes inside of the graph.

    Args:
        model: an `onnx.ModelProto`.
        tensors: values of `kerasgan.export.network.Tensor`; `dimensions` has the names.
    """
    dimensions = {each.name: each.dimensions for each in tensors}
    for value in (*model.graph.input, *model.graph.output):
        given = value.type.tensor_type.shape.dim
        for dimension, known in zip(given, dimensions.get(value.name, ["batch"]), strict=False):
            if not dimension.HasField("dim_value"):
                dimension.dim_param = known if isinstance(known, str) else ""
    del model.graph.value_info[:]


def replace_unknown(model: Any) -> None:
    """Writes `Erfc`, which TensorFlow has for the exact GELU and ONNX does not, as 1 - Erf."""
    from onnx import helper, numpy_helper

    nodes = []
    for node in model.graph.node:
        if node.op_type == "Erfc":
            one, erf = f"{node.output[0]}_one", f"{node.output[0]}_erf"
            model.graph.initializer.append(numpy_helper.from_array(np.float32(1), one))
            nodes.append(helper.make_node("Erf", list(node.input), [erf]))
            node = helper.make_node("Sub", [one, erf], list(node.output))
        nodes.append(node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def store(model: Any, precision: str) -> None:
    """Stores the large weights of a graph as `float16` or `int8`; it goes on computing in float32.

    In int8 each output channel has a scale of its own: a weight w is stored as round(127 w / max |w|).
    """
    from onnx import numpy_helper

    nodes, kept = [], []
    for weight in model.graph.initializer:
        values = numpy_helper.to_array(weight)
        if values.dtype != np.float32 or values.size < SMALLEST:
            kept.append(weight)
            continue
        make = _float16 if precision == "float16" else _int8
        stored, node = make(values, weight.name, _axis(model, weight.name, values.ndim))
        kept += [numpy_helper.from_array(array, name) for name, array in stored.items()]
        nodes.append(node)
    given = list(model.graph.node)
    del model.graph.initializer[:], model.graph.node[:]
    model.graph.initializer.extend(kept)
    model.graph.node.extend([*nodes, *given])


def _float16(values, name, axis):
    from onnx import TensorProto, helper

    node = helper.make_node("Cast", [f"{name}_float16"], [name], to=TensorProto.FLOAT)
    return {f"{name}_float16": values.astype("float16")}, node


def _int8(values, name, axis):
    from onnx import helper

    others = tuple(each for each in range(values.ndim) if each != axis)
    scales = np.maximum(np.abs(values).max(axis=others), np.finfo("float32").tiny) / np.float32(127)
    shape = [-1 if each == axis else 1 for each in range(values.ndim)]
    rounded = np.clip(np.round(values / scales.reshape(shape)), -127, 127).astype("int8")
    node = helper.make_node("DequantizeLinear", [f"{name}_int8", f"{name}_scale"], [name], axis=axis)
    return {f"{name}_int8": rounded, f"{name}_scale": scales.astype("float32")}, node


def _axis(model, name, rank):
    users = {node.op_type for node in model.graph.node if name in node.input}
    axes = {CHANNEL_AXES.get(user, rank - 1) for user in users}
    return axes.pop() if len(axes) == 1 else rank - 1
