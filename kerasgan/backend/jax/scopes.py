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
    """A scope in which variables are differentiated as TensorFlow's tapes do it: at each value that is read.

    No gradient flows through an assignment. So the kernels that `SpectralNormalization` assigns at each call are
    trained as they are after it. To this end a variable reads as its value in the scope plus a shift of 0, and the
    gradient is that with respect to the shift.

    Args:
        variables: the model's variables, which forward passes may change.
        values: dict of the ids of variables to their values.
        shifts: dict of the ids of the variables that are differentiated to their shifts.

    Attributes:
        variables, shifts: the arguments.
        state_mapping: the values, those assigned in the scope included.
    """

    def __init__(self, variables: Sequence[Any], values: dict[int, Any], shifts: Mapping[int, Any] | None = None):
        super().__init__(collect_losses=True)
        self.variables: Sequence[Any] = variables
        self.state_mapping: dict[int, Any] = values
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
    """Runs `function()` in an inner scope, in which these variables are read with these shifts.

    Args:
        function: takes nothing.
        variables: the variables that are differentiated.
        shifts: an array of zeros for each.
        values: dict of the ids of variables to their values at the beginning, where these differ from those in the
            outer scope; None if none does.

    Returns:
        A tuple: what the function returns, and the values of the model's variables after it.
    """
    outer = current.get()
    shifts = outer.shifts | dict(zip(map(id, variables), shifts, strict=True))
    with Scope(outer.variables, outer.state_mapping | (values or {}), shifts) as scope:
        result = function()
        return result, [scope.state_mapping[id(variable)] for variable in outer.variables]


def value(variable: Any) -> Any:
    """Returns the value of a variable, in a scope or outside of any, as an array of JAX's."""
    return jnp.asarray(variable.value)


def assign(variables: Sequence[Any], values: Sequence[Any]) -> None:
    """Assigns these values to variables."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
