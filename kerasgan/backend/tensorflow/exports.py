"""Exports: the endpoints of a SavedModel, and the graphs from which other formats are made."""

import os
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from .inference import draw_labels

OPSET = 17
"""The newest version of ONNX's operations that tf2onnx is tested with."""

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


def onnx_model(exported: Any, opset: int = OPSET) -> Any:
    """Returns a network as an `onnx.ModelProto`."""
    import tf2onnx

    specs = _specs(exported.inputs)
    function = tf.function(_named(exported), input_signature=specs, autograph=False)
    return tf2onnx.convert.from_function(function, specs, opset=opset)[0]


def litert_model(exported: Any, precision: str, batch: int | None = None) -> bytes:
    """Returns a network in the format of LiteRT, of LiteRT's built-in operations alone."""
    return tf.lite.TFLiteConverter.from_concrete_functions([traced(exported, batch)], exported.network).convert()


def write_saved_model(exported: Any, folder: str | os.PathLike[str]) -> list[str]:
    """Writes the endpoints that `kerasgan.export.export` describes, and returns their names."""
    archive, gan = keras.export.ExportArchive(), exported.gan
    endpoints = {"serving_default": (_named(exported), _specs(exported.inputs))}

    def generate(n, seed):
        # The very draw of keras.random.normal with an integer seed, but with the seed as an input.
        latents = tf.random.stateless_normal([n, gan.latent_dim], seed=[seed, 0])
        labels = [] if gan.num_classes is None else [draw_labels(n, seed, gan.num_classes)]
        return {exported.output.name: exported.call(latents, *labels)}

    if exported.what == "discriminator":
        endpoints["discriminate"] = endpoints["serving_default"]
    else:
        endpoints["generate"] = (generate, [tf.TensorSpec((), tf.int32, name=name) for name in ("n", "seed")])
    if exported.discriminator is not None:
        endpoints["discriminate"] = (_named(exported.discriminator), _specs(exported.discriminator.inputs))
    # The archive keeps the variables that its endpoints use. Tracking the networks would keep each a second time
    # (keras-team/keras#23553).
    for name, (function, specs) in endpoints.items():
        archive.add_endpoint(name, function, specs)
    archive.write_out(str(folder), verbose=False)
    return list(endpoints)


def run_saved_model(
    folder: str | os.PathLike[str], calls: Mapping[str, Mapping[str, np.ndarray]]
) -> list[dict[str, np.ndarray]]:
    """Returns the outputs of endpoints of a SavedModel, dicts of arrays by name, for the inputs of each."""
    model = tf.saved_model.load(str(folder))
    found = []
    for endpoint, inputs in calls.items():
        outputs = model.signatures[endpoint](**{name: tf.constant(value) for name, value in inputs.items()})
        found.append({name: value.numpy() for name, value in outputs.items()})
    return found


def _specs(inputs, batch=None):
    return [tf.TensorSpec((batch, *each.shape), each.dtype, name=each.name) for each in inputs]


def _named(exported):
    return lambda *inputs: {exported.output.name: exported.call(*inputs)}
