"""Checks of the arguments of `GAN` and `GAN.compile` that Keras would refuse late, in other words, or not at all."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasgan.validation import scalars


def seed(value: Any) -> int | None:
    """Returns a seed as an int; None stays None. NumPy's integers are whole numbers, truth values are not.

    Raises:
        ValueError: if it is neither None nor a whole number.
    """
    if value is None or (isinstance(value, int | np.integer) and not isinstance(value, bool)):
        return None if value is None else int(value)
    raise ValueError(f"seed must be a whole number, or None for a new one. Received: seed={value!r}. Use seed=0.")


def instance(name: str, value: Any, kind: type, example: str) -> Any:
    """Returns a value of a class, or None.

    Raises:
        ValueError: for anything else, the class itself included; `example` is the way out.
    """
    if value is None or isinstance(value, kind):
        return value
    raise ValueError(
        f"{name} must be None, or of the class {kind.__name__}. Received: {name}={value!r}. Use {name}={example}."
    )


def truth(name: str, value: Any, others: Sequence[Any] = ()) -> Any:
    """Returns a truth value as a bool; one of `others` stays as it is.

    Raises:
        ValueError: for anything else.
    """
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if any(value is other or (isinstance(value, str) and value == other) for other in others):
        return value
    listed = ", ".join(map(repr, (True, False, *others)))
    raise ValueError(f"{name} must be one of {listed}. Received: {name}={value!r}. Leave it out for the default.")


def penalties(value: Any) -> Any:
    """Returns what may be penalties: one, a name, or a list or tuple of these.

    Raises:
        ValueError: for anything else.
    """
    if isinstance(value, str | list | tuple) or hasattr(value, "penalty"):
        return value
    raise ValueError(
        f"penalties must be a name, a value of kerasgan.penalties, or a list of these. Received: penalties={value!r}. "
        "Use penalties=() for none."
    )


def steps_per_execution(value: Any) -> int:
    """Returns a number of steps for each call into the engine, at least 1.

    Raises:
        ValueError: if it is not.
    """
    return scalars.whole_number("steps_per_execution", value, 1)
