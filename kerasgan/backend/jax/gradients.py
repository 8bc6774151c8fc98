"""Gradients on JAX, and steps as pure functions of the state of all variables.

A step runs in a `keras.StatelessScope` made from that state, in which variables are read and assigned as usual. A
function that is differentiated runs in an inner scope. The variables that it changes, such as seeds and moving
statistics, are then assigned in the outer scope.
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
    """Runs `step(data)` on the state of all variables, as Keras's trainer passes it, and returns its logs and the next.

    Args:
        model: the model, compiled.
        step: a function from data to logs, which reads and assigns variables.
        state: the values of the trainable variables, of the others, of the optimizers' (in training alone) and of the
            metrics', a list each.
        data: a batch.
    """
    trainable, non_trainable, *optimizer, metrics = state
    parts = [model.trainable_variables, model.non_trainable_variables]
    parts += [model.optimizer.variables] * len(optimizer) + [model.metrics_variables]
    state = [trainable, non_trainable, *optimizer, metrics]
    pairs = [pair for part, values in zip(parts, state, strict=True) for pair in zip(part, values, strict=True)]
    with scopes.Scope(model.variables, {id(variable): value for variable, value in pairs}):
        logs = step(data)
        return logs, tuple([scopes.value(variable) for variable in part] for part in parts)


@contextlib.contextmanager
def state_scope(model: keras.Model) -> Iterator[None]:
    """The context in which a step changes variables: the open scope, or else a new one, assigned to them at its end."""
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
    """Evaluates `function(*inputs)`, which returns (outputs, anything else), for a backward pass.

    Args:
        function: its outputs are an array, or a tuple of arrays.
        variables: the Keras variables to differentiate with respect to.
        inputs: arrays to differentiate with respect to.

    Returns:
        A tuple: the outputs; a pullback; and whatever else the function returned. The pullback takes gradients with
        respect to the outputs (None for an output that is left out), and returns a tuple of gradients: a list for the
        variables, then one for each input.
    """

    def pure(shifts, *inputs):
        (outputs, rest), changed = scopes.isolated(lambda: function(*inputs), variables, shifts)
        return outputs, (rest, changed)

    shifts = [jnp.zeros(each.shape, each.dtype) for each in variables]
    outputs, pull_back, (rest, changed) = jax.vjp(pure, shifts, *inputs, has_aux=True)
    scopes.assign(scopes.current.get().variables, changed)

    def pullback(gradients):
        if not isinstance(outputs, tuple):
            return pull_back(gradients)
        pairs = zip(gradients, outputs, strict=True)
        return pull_back(tuple(jnp.zeros_like(output) if each is None else each for each, output in pairs))

    return outputs, pullback, rest


def cond(condition: Any, function: Callable[[], Any]) -> Any:
    """Returns the scalar `function()` where the condition holds; where it does not, 0.0, and no variable changes."""
    variables = scopes.current.get().variables

    def run(values):
        return scopes.isolated(function, [], [], dict(zip(map(id, variables), values, strict=True)))

    values = [scopes.current.get().state_mapping[id(each)] for each in variables]
    result, changed = jax.lax.cond(condition, run, lambda values: (jnp.zeros(()), values), values)
    scopes.assign(variables, changed)
    return result


def apply(optimizer: keras.optimizers.Optimizer, gradients: Sequence[Any], variables: Sequence[Any]) -> None:
    """Does `optimizer.apply(gradients, variables)`, by its stateless form: on JAX the other cannot skip a step."""
    slots = optimizer.variables
    values, slot_values = optimizer.stateless_apply(
        [scopes.value(each) for each in slots], gradients, [scopes.value(each) for each in variables]
    )
    scopes.assign([*variables, *slots], [*values, *slot_values])
