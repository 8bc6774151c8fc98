"""Reads a Keras network into a program of operations."""

from collections.abc import Sequence
from typing import Any

import keras

from kerasgan import keras_internals
from kerasgan.export.html import folding, layers, program
from kerasgan.export.html.program import Operation, Program, Value
from kerasgan.validation.printable import printable


def read(network: keras.Model, latent_dim: int, image_shape: Sequence[int], num_classes: int | None) -> Program:
    """Returns a generator as a program.

    Args:
        network: a sequential or functional model, from latents (and labels) to images; models in it, too.
        latent_dim: width of the latents.
        image_shape: (height, width, channels).
        num_classes: None for a generator without labels.

    Raises:
        ValueError: if it has layers that a page cannot run; all of them are named.
    """
    reader = _Reader()
    inputs = [Value(program.LATENTS, (latent_dim,))]
    if num_classes is not None:
        inputs.append(Value(program.LABEL, ()))
    try:
        output = reader.run(network, inputs)
    except Exception:  # of a layer that follows one without a shape
        if not reader.refused:
            raise
    if reader.refused:
        raise ValueError(
            "A page runs sequential and functional models of the layers that docs/html.md lists. Received: "
            f"{'; '.join(dict.fromkeys(reader.refused))}. With runtime='onnx' (--runtime onnx) the page brings a "
            "runtime for all layers, which takes 5 MB more."
        )
    operations = folding.folded(reader.operations, output.number)
    return Program(tuple(operations), output.number, latent_dim, tuple(image_shape), num_classes)


class _Reader:
    """Follows values through a graph of layers, and keeps the operations and what had to be refused."""

    def __init__(self):
        self.operations: list[Operation] = []
        self.refused: list[str] = []
        self._next = program.LABEL + 1

    def run(self, network: keras.Model, inputs: list[Value]) -> Value:
        """Adds the operations of a network; returns its output."""
        graph = keras_internals.functional_graph(network)
        if graph is None:
            return self._refuse(network, "which has a call() of its own")
        return keras_internals.run_graph(graph, inputs, self._operation)

    def add(
        self, kind: str, inputs: Sequence[Value], shape: Sequence[int], weights: dict | None = None, **settings: Any
    ) -> Value:
        """Adds an operation; returns its output. An entry of `layers.LAYERS` calls this."""
        value = Value(self._next, tuple(int(side) for side in shape))
        self._next += 1
        numbers, shapes = tuple(each.number for each in inputs), tuple(each.shape for each in inputs)
        self.operations.append(Operation(kind, numbers, shapes, value.number, value.shape, weights or {}, settings))
        return value

    def _operation(self, layer):
        """Returns what is called in the place of a layer, with values in place of tensors."""

        def call(*inputs, **options):
            values = [each for each in keras.tree.flatten(inputs) if isinstance(each, Value)]
            if keras_internals.functional_graph(layer) is not None:
                return self.run(layer, values)
            return self._read(layer, values)

        return call

    def _read(self, layer, values):
        kind = type(layer).__name__
        if not isinstance(layer, keras.layers.Layer):
            return self._refuse(layer, "which is no layer")
        if kind not in layers.LAYERS or not keras_internals.is_built_in(layer):
            return self._refuse(layer)
        shape = layer.compute_output_shape(_batched(values))
        try:
            return layers.LAYERS[kind](layer, values, tuple(shape[1:]), self.add)
        except layers.Unsupported as reason:
            return self._refuse(layer, f"with {reason}")

    def _refuse(self, layer, reason=""):
        """Notes a layer that cannot be run, and goes on, so that all of them are named at once.

        Its shape is that of the graph: a layer that is not Keras's own need not know it by itself.
        """
        self.refused.append(f"{printable(layer.name)} ({type(layer).__name__}) {reason}".strip())
        shapes = keras_internals.recorded_shapes(layer)
        return Value(self._next, tuple(1 if side is None else side for side in shapes[-1][1:]) if shapes else ())


def _batched(values):
    shapes = [(1, *each.shape) for each in values]
    return shapes[0] if len(shapes) == 1 else shapes
