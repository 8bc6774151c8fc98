"""What callbacks remember from step to step, for those that save it and give it back."""

import keras
import numpy as np

KNOWN = {
    keras.callbacks.EarlyStopping: ("wait", "stopped_epoch", "best", "best_epoch"),
    keras.callbacks.ReduceLROnPlateau: ("wait", "cooldown_counter", "best"),
    keras.callbacks.ModelCheckpoint: ("best", "_batches_seen_since_last_saving", "_last_batch_seen"),
    # Its axes begin again with each fit, so that the curves of a resumed training would lie over one another.
    keras.callbacks.TensorBoard: ("_global_train_batch", "_global_test_batch"),
}


def get(callback):
    """Returns a callback's counters, a dict that JSON can hold, or None for one that has none that are known.

    A callback of your own takes part with two methods: `get_state()`, which returns such a dict, and `set_state(dict)`,
    which raises a ValueError for one that it cannot have written.
    """
    if hasattr(callback, "get_state") and hasattr(callback, "set_state"):
        return callback.get_state()
    names = _names(callback)
    return None if names is None else {name: _plain(getattr(callback, name, None)) for name in names}


def give(callback, counters):
    """Gives a callback the counters that `get` has returned.

    Raises:
        ValueError: for counters that are not those of such a callback.
    """
    if hasattr(callback, "set_state"):
        return callback.set_state(counters)
    names = _names(callback)
    numbers = isinstance(counters, dict) and all(isinstance(value, int | float | None) for value in counters.values())
    if names is None or not numbers or set(counters) != set(names):
        raise ValueError(
            f"The counters of a {type(callback).__name__} must be numbers or None, named {names}. "
            f"Received: {str(counters)[:200]}."
        )
    for name, value in counters.items():
        setattr(callback, name, value)


def weights(callback):
    """Returns the weights that a callback keeps (`EarlyStopping` with `restore_best_weights`), or an empty list."""
    return list(getattr(callback, "best_weights", None) or [])


def keeps_weights(callback):
    """Returns whether a callback may keep a copy of the model's weights."""
    return bool(getattr(callback, "restore_best_weights", False))


def _names(callback):
    return next((names for kind, names in KNOWN.items() if isinstance(callback, kind)), None)


def _plain(value):
    if value is None or isinstance(value, int):
        return value
    number = np.asarray(value)
    return number.item() if number.ndim == 0 else float(np.mean(number))
