"""The state of callbacks, which checkpoints hold and restore."""

import json
import warnings
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from kerasgan import keras_internals

DEEPEST = 100


def collect(
    named_callbacks: Sequence[tuple[str, keras.callbacks.Callback]], room_bytes: int, weights: Sequence[Any]
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Returns the states of callbacks that a checkpoint can hold. A warning names those that it cannot.

    Training does not end because of a callback whose `get_state` raises, or returns what JSON cannot hold, or too much
    of it.

    Args:
        named_callbacks: pairs of names and callbacks.
        room_bytes: how long all states together may be, as JSON. The shortest are taken first.
        weights: the model's, whose shapes and dtypes the weights that a callback keeps must have.

    Returns:
        The states by name, as `json.loads` returns them, and the arrays that go with these.
    """
    found, arrays = {}, {}
    for name, callback in named_callbacks:
        try:
            text = json.dumps(_json_value(get(callback), room_bytes))
            arrays[name] = _checked_weights(callback, weights)
            found[name] = text
        except Exception as error:  # `get_state` is the user's
            _warn_left_out(name, f"{type(error).__name__}: {error}")
    states = {}
    for name, text in sorted(found.items(), key=lambda item: len(item[1])):
        room_bytes -= len(json.dumps(name)) + len(text) + 4
        if room_bytes < 0:
            _warn_left_out(name, "it is too long")
        else:
            states[name] = json.loads(text)
    kept = {f"callbacks/{name}/{number}": array for name in states for number, array in enumerate(arrays.get(name, ()))}
    return {name: states[name] for name, _ in named_callbacks if name in states}, kept


def _warn_left_out(name, reason):
    warnings.warn(
        f"Checkpoints do not hold the state of the callback {name!r} ({str(reason)[:300]}). Training goes on; when it "
        "is resumed, this callback starts anew. Return from get_state() a dict of what JSON can hold, with .tolist() "
        "for arrays, and not much of it.",
        stacklevel=4,
    )


def _json_value(value, most_bytes):
    """Returns a value as JSON can hold it: NumPy's scalars as numbers, tuples as lists.

    Raises:
        TypeError: for anything else.
        ValueError: for what is nested too deep, as what contains itself, or has too many parts.
    """
    parts = 0

    def convert(value, depth):
        nonlocal parts
        parts += 1
        if depth > DEEPEST or 2 * parts > most_bytes:  # a part and its comma
            raise ValueError(f"it is nested deeper than {DEEPEST} levels" if depth > DEEPEST else "it is too long")
        if isinstance(value, dict):
            return {_scalar(key): convert(each, depth + 1) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [convert(each, depth + 1) for each in value]
        return _scalar(value)

    return convert(value, 0)


def _scalar(value):
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, np.generic) and not isinstance(value, str):
        kind = np.dtype(value.dtype).kind
        # ml_dtypes' floats, such as bfloat16, have the kind of a structure
        value = bool(value) if kind == "b" else int(value) if kind in "iu" else float(value) if kind in "fV" else value
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"it holds a {type(value).__name__}, which JSON cannot hold")


def has_state(callback: keras.callbacks.Callback) -> bool:
    """Returns whether a callback has a state, or raises an error when it is asked for it."""
    try:
        return get(callback) is not None
    except Exception:  # `get_state` is the user's; `collect` warns of it
        return True


def get(callback: keras.callbacks.Callback) -> dict[str, Any] | None:
    """Returns a callback's state, a dict that JSON can hold, or None for a callback without one that is known.

    Of Keras's callbacks it is their counters. A callback of your own takes part with two methods: `get_state()`, which
    returns such a dict, and `set_state(dict)`, which raises a ValueError for one that it cannot have written. NumPy's
    scalars come back as Python's numbers.
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
        try:
            return callback.set_state(state)
        except ValueError:
            raise
        except Exception as error:  # a state from a changed file can make any callback raise anything
            raise ValueError(
                f"The state of a {type(callback).__name__} must be one that its get_state returned. Received: "
                f"state={str(state)[:200]} ({type(error).__name__}: {str(error)[:200]})."
            ) from error
    names = keras_internals.counters_of(callback)
    are_numbers = isinstance(state, dict) and all(isinstance(value, int | float | None) for value in state.values())
    if names is None or not are_numbers or set(state) != set(names):
        raise ValueError(
            f"The state of a {type(callback).__name__} must be numbers or None, named {names}. "
            f"Received: {str(state)[:200]}."
        )
    for name, value in state.items():
        setattr(callback, name, value)


def _checked_weights(callback, weights):
    """Returns the weights that a callback keeps (`EarlyStopping` with `restore_best_weights`), or an empty list."""
    kept = getattr(callback, "best_weights", None) if keeps_weights(callback) else None
    if kept is None or len(kept) == 0:
        return []
    expected = [(tuple(each.shape), keras.backend.standardize_dtype(each.dtype)) for each in weights]
    if [(each.shape, str(each.dtype)) for each in kept] != expected:
        raise ValueError("its best_weights are not weights of the model")
    return list(kept)


def keeps_weights(callback: keras.callbacks.Callback) -> bool:
    """Returns whether a callback may keep a copy of the model's weights."""
    return bool(getattr(callback, "restore_best_weights", False))


def _plain(value):
    if value is None or isinstance(value, int):
        return value
    number = np.asarray(value)
    return number.item() if number.ndim == 0 else float(np.mean(number))
