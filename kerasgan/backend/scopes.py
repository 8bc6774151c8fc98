"""Variables on JAX: steps as pure functions of the state, and gradients of what is read within them.

Keras has a step there as a pure function of the state of all variables. It is played within a `keras.StatelessScope`
made from that state, in which variables are read and assigned as ever (`stepped`). What is differentiated runs in a
scope within (`vjp`), and what it changes on the way, such as seeds and moving statistics, is brought back to the scope
around.
"""

import contextvars

import jax
import keras
from jax import numpy as jnp


def stepped(game, step, state, data):
    """Runs a step of Keras's, `step(data)`, on the state of all variables; returns its logs and the new state."""
    trainable, non_trainable, *optimizer, metrics = state  # without the optimizers' in a test
    parts = [game.trainable_variables, game.non_trainable_variables]
    parts += [game.optimizer.variables] * len(optimizer) + [game.metrics_variables]
    values = [trainable, non_trainable, *optimizer, metrics]
    mapping = [pair for part, each in zip(parts, values, strict=True) for pair in zip(part, each, strict=True)]
    with keras.StatelessScope(state_mapping=mapping):
        logs = step(data)
        return logs, tuple([value(variable) for variable in part] for part in parts)


def cond(condition, game, function):
    """Returns what `function()` returns, a scalar, where the condition holds, and else 0.0, and changes nothing."""

    def taken(values):
        return _isolated(game, function, [], [], dict(zip(map(id, game.variables), values, strict=True)))

    kept = [_kept(each) for each in game.variables]
    result, changed = jax.lax.cond(condition, taken, lambda values: (jnp.zeros(()), values), kept)
    assign(game.variables, changed)
    return result


def vjp(game, function, variables, *inputs):
    """Differentiates `function(*inputs)`, which returns (outputs, anything besides), in variables and inputs.

    Returns:
        A tuple: the outputs; a function from what is wanted of the outputs, as they are structured, to a tuple of the
        gradients, a list for the variables and then one for each input; and what was returned besides.
    """

    def pure(shifts, *inputs):
        (outputs, besides), changed = _isolated(game, lambda: function(*inputs), variables, shifts)
        return outputs, (besides, changed)

    shifts = [jnp.zeros(each.shape, each.dtype) for each in variables]
    outputs, back, (besides, changed) = jax.vjp(pure, shifts, *inputs, has_aux=True)
    assign(game.variables, changed)
    return outputs, back, besides


def value(variable):
    """Returns what a variable holds here, within scopes as elsewhere, as an array of JAX's."""
    return jnp.asarray(variable.value)


def assign(variables, values):
    """Gives variables these values."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


class _Scope(keras.StatelessScope):
    """A scope in which variables are differentiated as TensorFlow's tapes do it: in each value that is read of them.

    What is assigned has no way back. So the kernels that `SpectralNormalization` sets at each call are trained as they
    are after it, and not as they were before. To this end reading gives the value that is kept and a shift, which is 0.

    Args:
        kept: dict of the ids of variables to values.
        shifts: dict of the ids of those that are differentiated to their shifts.
    """

    def __init__(self, kept, shifts):
        super().__init__(collect_losses=True)
        self.state_mapping, self.shifts = kept, shifts

    def get_current_value(self, variable):
        value, shift = super().get_current_value(variable), self.shifts.get(id(variable))
        return value if shift is None else value + shift

    def add_update(self, update):
        variable, value = update
        super().add_update((variable, jax.lax.stop_gradient(value)))

    def __enter__(self):
        self._token = _scope.set(self)
        return super().__enter__()

    def __exit__(self, *args, **options):
        _scope.reset(self._token)
        super().__exit__(*args, **options)


_scope = contextvars.ContextVar("scope", default=None)  # the innermost `_Scope`


def _isolated(game, function, variables, shifts, values=None):
    """Runs `function()` in a scope within, in which these variables are read with these shifts.

    Args:
        values: what variables of the game have at the beginning, a dict of ids, or None for what they have around.

    Returns:
        A tuple: what it returns, and the values that `game.variables` are left with.
    """
    everything = [*game.variables, *game.optimizer.variables, *game.metrics_variables]
    kept = {id(variable): _kept(variable) for variable in everything} | (values or {})
    around = {} if _scope.get() is None else _scope.get().shifts
    with _Scope(kept, around | dict(zip(map(id, variables), shifts, strict=True))) as scope:
        result = function()
        return result, [scope.state_mapping[id(variable)] for variable in game.variables]


def _kept(variable):
    """The value of a variable in the scope around, without the shift."""
    return value(variable) if _scope.get() is None else _scope.get().state_mapping[id(variable)]
