"""Gradients on JAX, and steps as pure functions of the state of all variables.

A step runs within a `keras.StatelessScope` made from that state, in which variables are read and assigned as usual.
What is differentiated runs in a scope within it, and the variables that it changes on the way, such as seeds and moving
statistics, are assigned in the outer scope.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import keras
from jax import numpy as jnp

from . import scopes


def run_step(
    model: keras.Model, step: Callable[[Any], dict[str, Any]], state: Any, data: Any
) -> tuple[dict[str, Any], Any]:
    """Runs a step of Keras's, `step(data)`, on the state of all variables; returns its logs and the new state."""
    trainable, non_trainable, *optimizer, metrics = state  # without the optimizers' in a test
    parts = [model.trainable_variables, model.non_trainable_variables]
    parts += [model.optimizer.variables] * len(optimizer) + [model.metrics_variables]
    values = [trainable, non_trainable, *optimizer, metrics]
    kept = {id(v): each for part, given in zip(parts, values, strict=True) for v, each in zip(part, given, strict=True)}
    with scopes.Scope(model.variables, kept):
        logs = step(data)
        return logs, tuple([scopes.value(variable) for variable in part] for part in parts)


@contextlib.contextmanager
def state_scope(model: keras.Model) -> Iterator[None]:
    """The context in which a step changes variables: the scope that is open, or one whose changes are kept."""
    if scopes.current.get() is not None:
        yield
        return
    variables = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
    with scopes.Scope(model.variables, {id(variable): scopes.value(variable) for variable in variables}) as scope:
        yield
    scopes.assign(variables, [scope.state_mapping[id(variable)] for variable in variables])


def vjp(
    function: Callable[..., tuple[Any, Any]], variables: Sequence[Any], *inputs: Any
) -> tuple[Any, Callable[..., Any], Any]:
    """Evaluates `function(*inputs)` and keeps the way back, as `kerasgan.backend.tensorflow.gradients.vjp`."""

    def pure(shifts, *inputs):
        (outputs, rest), changed = scopes.isolated(lambda: function(*inputs), variables, shifts)
        return outputs, (rest, changed)

    shifts = [jnp.zeros(each.shape, each.dtype) for each in variables]
    outputs, pull, (rest, changed) = jax.vjp(pure, shifts, *inputs, has_aux=True)
    scopes.assign(scopes.current.get().variables, changed)

    def pullback(gradients):
        if not isinstance(outputs, tuple):
            return pull(gradients)
        pairs = zip(gradients, outputs, strict=True)
        return pull(tuple(jnp.zeros_like(output) if each is None else each for each, output in pairs))

    return outputs, pullback, rest


def cond(condition: Any, function: Callable[[], Any]) -> Any:
    """Returns the scalar `function()` where the condition holds; where it does not, 0.0, and nothing changes."""
    variables = scopes.current.get().variables

    def taken(values):
        return scopes.isolated(function, [], [], dict(zip(map(id, variables), values, strict=True)))

    kept = [scopes.current.get().state_mapping[id(each)] for each in variables]
    result, changed = jax.lax.cond(condition, taken, lambda values: (jnp.zeros(()), values), kept)
    scopes.assign(variables, changed)
    return result


def apply(optimizer: keras.optimizers.Optimizer, gradients: Sequence[Any], variables: Sequence[Any]) -> None:
    """Does `optimizer.apply(gradients, variables)`, which in float16 cannot skip a step here."""
    slots = optimizer.variables
    values, slot_values = optimizer.stateless_apply(
        [scopes.value(each) for each in slots], gradients, [scopes.value(each) for each in variables]
    )
    scopes.assign([*variables, *slots], [*values, *slot_values])
