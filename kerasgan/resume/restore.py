"""The state of a training, from the newest sound checkpoint in a folder back into a model and its callbacks."""

import os
import warnings
from collections.abc import Sequence
from typing import Any

import keras

from . import callback_state, checkpoint_files, model_state
from .position import Position, position_in

NOT_IN_OLDER = f"{model_state.METRICS}d_class_loss/"
"""Running means that checkpoints do not have which were written before these were logged."""
COUNTERS = ("step", "planned", "planned_step", "epoch", "batch", "batches_per_epoch", "best", "stopped", "callbacks")
"""What `kerasgan.callbacks.Checkpoint` writes next to the arrays."""


def restore(
    gan: Any,
    folder: str | os.PathLike[str],
    callbacks: Sequence[keras.callbacks.Callback] = (),
    best: bool = False,
    states: bool = True,
) -> tuple[checkpoint_files.Checkpoint, Position] | None:
    """Gives a compiled GAN, and callbacks, the state of the newest sound checkpoint in a folder.

    The running means behind the logs stay as they are: Keras resets them when an epoch begins.

    Args:
        gan: a GAN of the same networks and settings.
        folder: where the checkpoints are.
        callbacks: those whose state is to be restored; all that had one then, in the same order, or none.
        best: True for `best.checkpoint`, where there is one.
        states: False leaves the callbacks as they are.

    Returns:
        The checkpoint, and the position of training in the data; None where there are no checkpoints.

    Raises:
        ValueError: if there are checkpoints, but all are damaged or of another training.
    """
    found = checkpoint_files.newest(folder, *_specs(gan, callbacks), best=best)
    if found is None:
        return None
    position = _checked_position(found)
    if states:
        _restore_callbacks(found, callbacks)
    is_mean = model_state.METRICS
    model_state.assign(gan, {name: array for name, array in found.arrays.items() if not name.startswith(is_mean)})
    return found, position


def named(callbacks: Sequence[keras.callbacks.Callback]) -> list[tuple[str, keras.callbacks.Callback]]:
    """Pairs callbacks that have a state with names: their number among those, and their class."""
    with_state = [each for each in callbacks if callback_state.has_state(each)]
    return [(f"{number} {type(each).__name__}", each) for number, each in enumerate(with_state)]


def _specs(gan, callbacks):
    """Returns the specs of the arrays that a checkpoint must hold, and of those that it may hold."""
    required, optional = model_state.spec(gan), {}
    for name in [each for each in required if each.startswith(NOT_IN_OLDER)]:
        optional[name] = required.pop(name)
    for name, callback in named(callbacks):
        if callback_state.keeps_weights(callback):
            for number, weight in enumerate(gan.weights):
                dtype = keras.backend.standardize_dtype(weight.dtype)
                optional[f"callbacks/{name}/{number}"] = (tuple(weight.shape), dtype)
    return required, optional


def _restore_callbacks(found, callbacks):
    states = found.counters["callbacks"]
    for name, callback in named(callbacks):
        if name not in states:
            warnings.warn(
                f"{found.path} has no state of the callback {name!r}: it was not in the list of callbacks then, or its "
                "state could not be saved. It starts anew.",
                stacklevel=3,
            )
            continue
        callback_state.restore(callback, states[name])
        weights = [array for key, array in found.arrays.items() if key.startswith(f"callbacks/{name}/")]
        if weights:
            callback.best_weights = weights


def _checked_position(found):
    position, best = position_in(found.counters), found.counters.get("best")
    counters = {"planned": True, "planned_step": found.counters.get("step")} | found.counters  # older ones have neither
    sound = set(counters) == set(COUNTERS) and type(counters["planned"]) is bool
    sound = sound and type(counters["step"]) is int and type(counters["planned_step"]) is int
    sound = sound and position is not None and isinstance(best, int | float | None)
    if not sound or not isinstance(found.counters["callbacks"], dict):
        raise ValueError(
            f"A checkpoint's counters must be those that Checkpoint writes. Received: {found.path} with "
            f"{str(found.counters)[:200]}."
        )
    return position
