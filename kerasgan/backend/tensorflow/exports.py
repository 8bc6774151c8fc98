"""Exports: the endpoints of a SavedModel, and the graphs from which other formats are made."""

import contextlib
import os
import re
import sys
from typing import Any

import keras
import tensorflow as tf

from .inference import draw_labels

OPSET = 17
"""The newest version of ONNX's operations that tf2onnx is tested with."""

FREE_SIZE_ERRORS = ()
"""What writing a network of free size ends in where only a fixed size can be written: TensorFlow writes any."""

LAST_SEED = 2**31 - 2
"""Keras takes the seeds of latents modulo this number."""

SEEDED_LATENTS = "philox4x32-10, box-muller"
"""How `generate` draws latents from a seed: docs/export.md has the algorithm."""


def traced(exported: Any, batch: int | None = None) -> Any:
    """Returns the graph of a network of `kerasgan.export.network.Exported`, with named inputs and a named output.

    Args:
        exported: the network.
        batch: a number of samples that is fixed; None for any number.
    """
    function = tf.function(_named(exported), input_signature=_specs(exported.inputs, batch), autograph=False)
    return function.get_concrete_function()


def onnx_model(exported: Any) -> Any:
    """Returns a network as an `onnx.ModelProto`."""
    import tf2onnx

    specs = _specs(exported.inputs)
    function = tf.function(_named(exported), input_signature=specs, autograph=False)
    return tf2onnx.convert.from_function(function, specs, opset=OPSET)[0]


def litert_model(exported: Any, precision: str, batch: int | None = None) -> bytes:
    """Returns a network in the format of LiteRT, of LiteRT's built-in operations alone.

    Args:
        exported: the network.
        precision: `"float32"`; `"float16"` for weights that are stored so; `"int8"` for weights that are stored so,
            with which the larger operations compute in integers (dynamic range quantization).
        batch: see `traced`.

    Raises:
        NotImplementedError: if other operations are needed; its message names them.
    """
    graph, kept = traced(exported, batch), tf.Module()
    kept.variables_of_graph = list(graph.graph.variables)  # what is not kept would be missing in the file
    converter = tf.lite.TFLiteConverter.from_concrete_functions([graph], kept)
    converter.experimental_enable_resource_variables = False  # weights are constants
    if precision != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if precision == "float16":
        converter.target_spec.supported_types = [tf.float16]
    try:
        with _without_stderr():
            return converter.convert()
    except Exception as error:
        if type(error).__name__ != "ConverterError":  # which TensorFlow does not make public
            raise
        raise NotImplementedError(_needed_operations(str(error))) from error


def _needed_operations(message):
    """Returns the operations that a converter's message names, or the end of its first line."""
    found = re.search(r"ops?: (\w+(?:, \w+)*)\s*\nDetails", message) or re.search(r"'tf\.(\w+)' op is neither", message)
    return found[1] if found else f"something else ({message.splitlines()[0][-200:]})"


@contextlib.contextmanager
def _without_stderr():
    """Hides what the converter's native code writes to standard error."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def write_saved_model(exported: Any, folder: str | os.PathLike[str]) -> list[str]:
    """Writes the endpoints that `kerasgan.export.export` describes, and returns their names."""
    archive = keras.export.ExportArchive()
    endpoints = {"serving_default": (_named(exported), _specs(exported.inputs))}
    if exported.drawn_from:
        endpoints["generate"] = _generate(exported)
    endpoints |= {each.endpoint: (_named(each), _specs(each.inputs)) for each in exported.others}
    # The archive keeps the variables that its endpoints use. Tracking the networks would keep each a second time
    # (keras-team/keras#23553).
    functions = {name: archive.add_endpoint(name, *endpoint) for name, endpoint in endpoints.items()}
    if exported.endpoint not in endpoints:  # a second name for the same graph
        functions["serving_default"].get_concrete_function()
        archive.add_endpoint(exported.endpoint, functions["serving_default"])
    archive.write_out(str(folder), verbose=False)
    return list({**endpoints, exported.endpoint: None})


def _generate(exported):
    """Returns the endpoint that draws latents from a seed, a function and the specs of its arguments."""
    gan = exported.gan
    by_number = exported.drawn_from[0] == "n"

    def generate(given, seed):
        n = given if by_number else tf.shape(given)[0]
        inputs = []
        if gan.latent_dim:
            # The very draw of keras.random.normal with an integer seed, but with the seed as an input.
            inputs.append(tf.random.stateless_normal([n, gan.latent_dim], seed=[tf.math.floormod(seed, LAST_SEED), 0]))
        if exported.condition is not None:
            inputs.append(draw_labels(n, seed, gan.num_classes) if by_number else given)
        return {exported.output.name: exported.call(*inputs)}

    known = {each.name: spec for each, spec in zip(exported.inputs, _specs(exported.inputs), strict=True)}
    known |= {name: tf.TensorSpec((), tf.int32, name=name) for name in ("n", "seed")}
    return generate, [known[name] for name in exported.drawn_from]


def _specs(inputs, batch=None):
    return [tf.TensorSpec((batch, *each.shape), each.dtype, name=each.name) for each in inputs]


def _named(exported):
    return lambda *inputs: {exported.output.name: exported.call(*inputs)}
