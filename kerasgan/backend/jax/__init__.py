"""JAX as the engine: see `kerasgan.backend`."""

import os
from typing import Any

import jax
import keras

from kerasgan.backend.placement import SingleDevice

from .data import ArrayEpochs, PairedEpochs, decode_png, resize_array
from .events import EventFile, summaries
from .exports import FREE_SIZE_ERRORS, SEEDED_LATENTS, litert_model, onnx_model, traced, write_saved_model
from .gradients import apply, cond, run_step, state_scope, vjp
from .inference import compiled, draw_labels, inference, sampler

__all__ = [
    "EXPORTS_RUNS",
    "FREE_SIZE_ERRORS",
    "NAME",
    "PACKAGES",
    "SEEDED_LATENTS",
    "WRITE_ERRORS",
    "ArrayEpochs",
    "EventFile",
    "PairedEpochs",
    "apply",
    "call_network",
    "compiled",
    "cond",
    "decode_png",
    "devices",
    "draw_labels",
    "gather",
    "inference",
    "litert_model",
    "make_deterministic",
    "mean",
    "mean_logs",
    "onnx_model",
    "placement",
    "replica",
    "resize_array",
    "run_step",
    "sampler",
    "state_scope",
    "summaries",
    "sync_statistics",
    "traced",
    "vjp",
    "write_saved_model",
]

NAME = "jax"
PACKAGES = ("jax", "jaxlib")
WRITE_ERRORS: tuple[type[Exception], ...] = (OSError,)
EXPORTS_RUNS = False
"""Whether a training that has finished writes a SavedModel, too. Here TensorFlow would have to be imported for it."""


def call_network(network: keras.Model, inputs: Any, training: bool) -> Any:
    """Returns `network(inputs, training=training)`: XLA needs no faster forms of layers."""
    return network(inputs, training=training)


def placement() -> SingleDevice:
    """Returns where a model made here is trained: on one device, as far as the step sees `keras.distribution`."""
    return SingleDevice()


def replica() -> tuple[int, Any]:
    """Returns how many replicas share the batch, and which this is: on JAX a step always has the whole batch."""
    return 1, 0


def mean(tensors: Any) -> Any:
    """Returns gradients as they are: they are of the whole batch."""
    return tensors


def mean_logs(logs: dict[str, Any]) -> dict[str, Any]:
    """Returns logs as they are: they are of the whole batch."""
    return logs


def gather(tensors: tuple[Any, ...]) -> tuple[Any, ...]:
    """Returns tensors as they are: they are of the whole batch."""
    return tensors


def sync_statistics(*networks: keras.Model) -> None:
    """Does nothing: batch norm is of the whole batch."""


def make_deterministic() -> None:
    """Makes every operation give the same result each time. On a GPU it must be called before the first operation."""
    flag = "--xla_gpu_deterministic_ops=true"
    if flag not in os.environ.get("XLA_FLAGS", ""):
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flag}".strip()


def devices() -> list[str]:
    """Returns the kinds of the devices there are, a list of names such as "CPU"."""
    return [device.platform.upper() for device in jax.devices()]
