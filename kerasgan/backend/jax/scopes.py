"""Scopes in which JAX reads, assigns and differentiates Keras's variables."""

import contextvars
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import keras
from jax import numpy as jnp

current: contextvars.ContextVar["Scope | None"] = contextvars.ContextVar("scope", default=None)
"""The innermost `Scope`."""


class Scope(keras.StatelessScope):
    """A scope in which variables are differentiated as TensorFlow's tapes do it: in each value that is read of them.

    What is assigned has no way back. So the kernels that `SpectralNormalization` sets at each call are trained as they
    are after it, and not as they were before. To this end reading gives the value that is kept, plus a shift of 0.

    Args:
        variables: the model's variables, which forward passes may change.
        kept: dict of the ids of variables to values.
        shifts: dict of the ids of those that are differentiated to their shifts.
    """

    def __init__(self, variables: Sequence[Any], kept: dict[int, Any], shifts: Mapping[int, Any] | None = None):
        super().__init__(collect_losses=True)
        self.variables: Sequence[Any] = variables
        self.state_mapping: dict[int, Any] = kept
        self.shifts: dict[int, Any] = dict(shifts or {})

    def get_current_value(self, variable: Any) -> Any:
        value, shift = super().get_current_value(variable), self.shifts.get(id(variable))
        return value if shift is None else value + shift

    def add_update(self, update: tuple[Any, Any]) -> None:
        variable, value = update
        super().add_update((variable, jax.lax.stop_gradient(value)))

    def __enter__(self) -> Any:
        self._token = current.set(self)
        return super().__enter__()

    def __exit__(self, *args: Any, **options: Any) -> None:
        current.reset(self._token)
        super().__exit__(*args, **options)


def isolated(
    function: Callable[[], Any],
    variables: Sequence[Any],
    shifts: Sequence[Any],
    values: Mapping[int, Any] | None = None,
) -> tuple[Any, list[Any]]:
    """Runs `function()` in a scope within, in which these variables are read with these shifts.

    Args:
        values: what variables have at the beginning, a dict of ids, or None for what they have in the scope around.

    Returns:
        A tuple: what it returns, and the values that the model's variables are left with.
    """
    outer = current.get()
    shifts = outer.shifts | dict(zip(map(id, variables), shifts, strict=True))
    with Scope(outer.variables, outer.state_mapping | (values or {}), shifts) as scope:
        result = function()
        return result, [scope.state_mapping[id(variable)] for variable in outer.variables]


def value(variable: Any) -> Any:
    """Returns what a variable holds here, within scopes as elsewhere, as an array of JAX's."""
    return jnp.asarray(variable.value)


def assign(variables: Sequence[Any], values: Sequence[Any]) -> None:
    """Gives variables these values."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
