"""Checks of numbers: one function for each kind, used everywhere."""

from typing import Any

import numpy as np


def whole_number(name: str, value: Any, lowest: int, below: int | None = None) -> int:
    """Returns a whole number of at least `lowest` and, if that is not None, below `below`, as an int.

    NumPy's integers are whole numbers, truth values are not.

    Raises:
        ValueError: if it is not.
    """
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, (bool, np.bool_))
    if not whole or value < lowest or (below is not None and value >= below):
        limit = "" if below is None else f" and below {below}"
        raise ValueError(f"{name} must be a whole number of at least {lowest}{limit}. Received: {name}={value!r}.")
    return int(value)


def numbers(name: str, values: Any) -> np.ndarray:
    """Returns what may be an array of numbers as a NumPy array.

    Raises:
        ValueError: if it holds something else, or rows of different lengths.
    """
    try:
        values = np.asarray(values)
    except (ValueError, TypeError, OverflowError, AttributeError) as error:
        reason = str(error).split("\n")[0]
        raise ValueError(f"{name} must be numbers, as an array. Received: {name}={values!r} ({reason}).") from error
    if values.dtype.kind not in "iuf":
        raise ValueError(f"{name} must be numbers, as an array. Received: {name} of dtype {values.dtype}.")
    return values
