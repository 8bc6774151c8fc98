"""Exports: ONNX by jax2onnx. The other formats are made from graphs of TensorFlow."""

import os
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

OPSET = 23
"""The version of ONNX's operations that jax2onnx is written for."""

SEEDED_LATENTS = "threefry2x32, inverse error function"
"""How `generate` draws latents from a seed: that of `jax.random.normal(jax.random.key(seed), (n, latent_dim))`."""


def onnx_model(exported: Any) -> Any:
    """Returns a network as an `onnx.ModelProto`."""
    import jax2onnx

    inputs = [jax.ShapeDtypeStruct(("batch", *each.shape), np.dtype(each.dtype)) for each in exported.inputs]
    return jax2onnx.to_onnx(
        exported.call,
        inputs=inputs,
        model_name=exported.what,
        opset=OPSET,
        input_names=[each.name for each in exported.inputs],
        output_names=[exported.output.name],
    )


def traced(exported: Any, batch: int | None = None) -> Any:
    """Refuses: graphs of TensorFlow are made on TensorFlow."""
    raise NotImplementedError("graphs of TensorFlow")


def litert_model(exported: Any, precision: str, batch: int | None = None) -> bytes:
    """Refuses: LiteRT is made from a graph of TensorFlow."""
    raise NotImplementedError("a graph of TensorFlow")


def write_saved_model(exported: Any, folder: str | os.PathLike[str]) -> list[str]:
    """Refuses: a SavedModel is a graph of TensorFlow."""
    raise NotImplementedError("a graph of TensorFlow")


def run_saved_model(
    folder: str | os.PathLike[str], calls: Mapping[str, Mapping[str, np.ndarray]]
) -> list[dict[str, np.ndarray]]:
    """Refuses: a SavedModel is run by TensorFlow."""
    raise NotImplementedError("TensorFlow")
