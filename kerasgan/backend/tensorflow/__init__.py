"""TensorFlow as the engine: see `kerasgan.backend`."""

import tensorflow as tf

from .data import ArrayEpochs, PairedEpochs, decode_png, resize_array
from .events import EventFile, summaries
from .exports import FREE_SIZE_ERRORS, SEEDED_LATENTS, litert_model, onnx_model, traced, write_saved_model
from .fast_layers import call_network
from .gradients import apply, cond, run_step, state_scope, vjp
from .inference import compiled, draw_labels, inference, sampler
from .replicas import gather, mean, mean_logs, replica, sync_statistics
from .strategies import placement

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

NAME = "tensorflow"
PACKAGES = ("tensorflow",)
WRITE_ERRORS: tuple[type[Exception], ...] = (OSError, tf.errors.OpError)
EXPORTS_RUNS = True
"""Whether a training that has finished writes a SavedModel, too."""


def make_deterministic() -> None:
    """Makes every operation give the same result each time."""
    tf.config.experimental.enable_op_determinism()


def devices() -> list[str]:
    """Returns the kinds of the devices there are, a list of names such as "CPU"."""
    return [device.device_type for device in tf.config.list_physical_devices()]
