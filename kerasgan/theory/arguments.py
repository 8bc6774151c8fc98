"""Checks of the arguments."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

Array = np.ndarray[Any, Any]

SUM_TOLERANCE = 1e-5
"""How far from 1 the sum of a distribution may be: wide enough for float32."""


def not_negative(name: str, values: ArrayLike) -> Array:
    """Returns values of at least 0 as a float64 array; a ValueError for others."""
    values = np.asarray(values, dtype="float64")
    if not np.all(values >= 0.0):
        raise ValueError(
            f"Probabilities and densities must not be negative. Received: {name}={values}. "
            "Use sigmoid() to make probabilities of logits."
        )
    return values


def probabilities(name: str, values: ArrayLike) -> Array:
    """Returns values in [0, 1] as a float64 array; a ValueError for others."""
    values = np.asarray(values, dtype="float64")
    if not np.all((values >= 0.0) & (values <= 1.0)):
        raise ValueError(
            f"Probabilities must lie in [0, 1]. Received: {name}={values}. Use sigmoid() to make them from logits."
        )
    return values


def distribution(name: str, values: ArrayLike) -> Array:
    """Returns distributions over the last axis as a float64 array; a ValueError for what does not sum to 1."""
    values = not_negative(name, values)
    if values.ndim == 0 or not np.all(np.abs(values.sum(axis=-1) - 1.0) <= SUM_TOLERANCE):
        raise ValueError(
            f"A distribution must sum to 1 over its last axis. Received: {name}={values}. "
            f"Divide by {name}.sum(axis=-1, keepdims=True)."
        )
    return values


def distribution_pair(p: ArrayLike, q: ArrayLike) -> tuple[Array, Array]:
    """Returns two distributions over the same outcomes as float64 arrays."""
    p, q = distribution("p", p), distribution("q", q)
    if p.shape[-1] != q.shape[-1]:
        raise ValueError(
            f"Both distributions must be over the same outcomes. Received: p with shape {p.shape}, q with shape "
            f"{q.shape}. Give outcomes that do not occur the probability 0."
        )
    return p, q


def samples(name: str, values: ArrayLike) -> Array:
    """Returns values as a float64 array; a ValueError if there are none."""
    values = np.asarray(values, dtype="float64")
    if values.size == 0:
        raise ValueError(f"A mean needs at least one sample. Received: {name} with shape {values.shape}. Pass a batch.")
    return values
