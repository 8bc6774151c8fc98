"""JAX as the engine: see `kerasgan.backend`."""

import os
from typing import Any

import jax
import keras

from kerasgan.backend.placement import SingleDevice

from .data import ArrayEpochs, resize_array
from .events import EventFile, summaries
from .gradients import apply, cond, run_step, state_scope, vjp
from .inference import compiled, draw_labels, inference, sampler

__all__ = [
    "NAME",
    "NO_EXPORT",
    "PACKAGES",
    "WRITE_ERRORS",
    "ArrayEpochs",
    "EventFile",
    "add_endpoints",
    "apply",
    "call_network",
    "compiled",
    "cond",
    "devices",
    "draw_labels",
    "gather",
    "inference",
    "make_deterministic",
    "mean",
    "mean_logs",
    "placement",
    "replica",
    "resize_array",
    "run_step",
    "sampler",
    "state_scope",
    "summaries",
    "sync_statistics",
    "vjp",
]

NAME = "jax"
PACKAGES = ("jax", "jaxlib")
WRITE_ERRORS: tuple[type[Exception], ...] = (OSError,)
NO_EXPORT: str | None = (
    "A SavedModel is written by TensorFlow, and so are the formats made from it. Received: the Keras backend 'jax'. "
    "Save the GAN as a .keras file, which TensorFlow loads as well; for a run: KERAS_BACKEND=tensorflow kerasgan "
    "export RUN --out PATH"
)
"""Why nothing can be exported, a sentence; None on an engine that can."""


def add_endpoints(archive: Any, gan: Any) -> None:
    """Refuses: see `NO_EXPORT`."""
    raise ValueError(NO_EXPORT)


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
