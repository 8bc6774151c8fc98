"""TensorFlow as the engine: see `kerasgan.backend`."""

import tensorflow as tf

from .data import ArrayEpochs, resize_array
from .events import EventFile, summaries
from .fast_layers import call_network
from .gradients import apply, cond, run_step, state_scope, vjp
from .inference import compiled, draw_labels, inference, sampler
from .replicas import gather, mean, mean_logs, replica, sync_statistics
from .saved_model import add_endpoints
from .strategies import placement

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

NAME = "tensorflow"
PACKAGES = ("tensorflow",)
WRITE_ERRORS: tuple[type[Exception], ...] = (OSError, tf.errors.OpError)
NO_EXPORT: str | None = None
"""Why nothing can be exported, a sentence; None on an engine that can."""


def make_deterministic() -> None:
    """Makes every operation give the same result each time."""
    tf.config.experimental.enable_op_determinism()


def devices() -> list[str]:
    """Returns the kinds of the devices there are, a list of names such as "CPU"."""
    return [device.device_type for device in tf.config.list_physical_devices()]
