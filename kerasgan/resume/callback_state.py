"""The state of callbacks, which checkpoints hold and restore."""

from typing import Any

import keras
import numpy as np

from kerasgan import keras_internals


def get(callback: keras.callbacks.Callback) -> dict[str, Any] | None:
    """Returns a callback's state, a dict that JSON can hold, or None for a callback without one that is known.

    Of Keras's callbacks it is their counters. A callback of your own takes part with two methods: `get_state()`, which
    returns such a dict, and `set_state(dict)`, which raises a ValueError for one that it cannot have written.
    """
    if hasattr(callback, "get_state") and hasattr(callback, "set_state"):
        return callback.get_state()
    names = keras_internals.counters_of(callback)
    return None if names is None else {name: _plain(getattr(callback, name, None)) for name in names}


def restore(callback: keras.callbacks.Callback, state: Any) -> None:
    """Gives a callback the state that `get` has returned.

    Raises:
        ValueError: for a state that is not that of such a callback.
    """
    if hasattr(callback, "set_state"):
        return callback.set_state(state)
    names = keras_internals.counters_of(callback)
    are_numbers = isinstance(state, dict) and all(isinstance(value, int | float | None) for value in state.values())
    if names is None or not are_numbers or set(state) != set(names):
        raise ValueError(
            f"The state of a {type(callback).__name__} must be numbers or None, named {names}. "
            f"Received: {str(state)[:200]}."
        )
    for name, value in state.items():
        setattr(callback, name, value)


def weights(callback: keras.callbacks.Callback) -> list[np.ndarray]:
    """Returns the weights that a callback keeps (`EarlyStopping` with `restore_best_weights`), or an empty list."""
    return list(getattr(callback, "best_weights", None) or [])


def keeps_weights(callback: keras.callbacks.Callback) -> bool:
    """Returns whether a callback may keep a copy of the model's weights."""
    return bool(getattr(callback, "restore_best_weights", False))


def _plain(value):
    if value is None or isinstance(value, int):
        return value
    number = np.asarray(value)
    return number.item() if number.ndim == 0 else float(np.mean(number))
