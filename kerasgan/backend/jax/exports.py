"""Exports: ONNX by jax2onnx, a SavedModel by Keras. LiteRT and OpenVINO are made from graphs of TensorFlow."""

import os
from typing import Any

import jax
import keras
import numpy as np

OPSET = 23
"""The version of ONNX's operations that jax2onnx is written for."""

FREE_SIZE_ERRORS = (Exception,)
"""What writing a network of free size ends in where only a fixed size can be written."""

SEEDED_LATENTS = "threefry2x32, inverse error function"
"""How `generate` draws latents from a seed: that of `jax.random.normal(jax.random.key(seed), (n, latent_dim))`."""


def onnx_model(exported: Any) -> Any:
    """Returns a network as an `onnx.ModelProto`."""
    import jax2onnx

    inputs = [jax.ShapeDtypeStruct(tuple(each.dimensions), np.dtype(each.dtype)) for each in exported.inputs]
    return jax2onnx.to_onnx(
        exported.call,
        inputs=inputs,
        model_name=exported.what,
        opset=OPSET,
        input_names=[each.name for each in exported.inputs],
        output_names=[exported.output.name],
    )


def traced(exported: Any, batch: int | None = None) -> Any:
    """Refuses: graphs of TensorFlow are made on TensorFlow. `kerasgan.export` has their formats for it alone."""
    raise NotImplementedError("a graph of TensorFlow, which JAX does not make")


def litert_model(exported: Any, precision: str, batch: int | None = None) -> bytes:
    """Refuses: LiteRT is made from a graph of TensorFlow. `kerasgan.export` has it for TensorFlow alone."""
    raise NotImplementedError("a graph of TensorFlow, which JAX does not make")


def write_saved_model(exported: Any, folder: str | os.PathLike[str]) -> list[str]:
    """Writes the endpoints of networks by Keras, and returns their names.

    There is no `generate`: a graph of JAX takes no number of samples. TensorFlow must be installed.
    """
    archive = keras.export.ExportArchive()
    endpoints = {"serving_default": exported} | {each.endpoint: each for each in exported.all}
    for network in {id(each.network): each.network for each in endpoints.values()}.values():
        archive.track(network)
    for name, each in endpoints.items():
        shapes = [_symbolic(port, each.multiple or 1) for port in each.inputs]
        options = {"polymorphic_shapes": shapes, "with_gradient": not each.is_free}
        specs = [_spec(port) for port in each.inputs]
        archive.add_endpoint(name, _named(each), specs, jax2tf_kwargs=options)
    archive.write_out(str(folder), verbose=False)
    return list(endpoints)


def _spec(port):
    return keras.InputSpec(shape=(None, *port.shape), dtype=port.dtype, name=port.name)


def _symbolic(port, multiple):
    """Returns the shape of an input as JAX writes it, with free sides as multiples: (batch, 8*height, 8*width, 3)."""
    sides = (each if isinstance(each, int) else f"{multiple}*{each}" for each in port.dimensions[1:])
    return f"({', '.join(map(str, ['batch', *sides]))})" if port.shape else "(batch,)"


def _named(exported):
    """Returns the network as a function of as many arguments as it has inputs, which Keras counts."""
    name = exported.output.name
    if len(exported.inputs) == 1:
        return lambda first: {name: exported.call(first)}
    return lambda first, second: {name: exported.call(first, second)}
