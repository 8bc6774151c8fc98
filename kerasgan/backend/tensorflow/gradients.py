"""Gradients on TensorFlow, by `tf.GradientTape`."""

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from kerasgan import keras_internals
from kerasgan.optimizers import ScheduledAdam

from . import replicas


def run_step(model: keras.Model, step: Callable[[Any], dict[str, Any]], data: Any) -> dict[str, Any]:
    """Runs `step(data)`, as Keras's trainer calls it, and returns its logs. Variables are assigned in place."""
    return step(data)


def state_scope(model: keras.Model) -> contextlib.AbstractContextManager[Any]:
    """Returns the context in which a step changes variables; TensorFlow needs none."""
    return contextlib.nullcontext()


def vjp(
    function: Callable[..., tuple[Any, Any]], variables: Sequence[Any], *inputs: Any
) -> tuple[Any, Callable[..., Any], Any]:
    """Evaluates `function(*inputs)`, which returns (outputs, anything else), for a backward pass.

    Args:
        function: its outputs are a tensor, or a tuple of tensors.
        variables: the Keras variables to differentiate with respect to.
        inputs: tensors to differentiate with respect to.

    Returns:
        A tuple: the outputs; a pullback; and whatever else the function returned. The pullback takes gradients with
        respect to the outputs (None for an output that is left out), and returns a tuple of gradients: a list for the
        variables, then one for each input.
    """
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(inputs)
        outputs, rest = function(*inputs)

    def pullback(gradients):
        is_tuple = isinstance(outputs, tuple)
        pairs = zip(outputs, gradients, strict=True) if is_tuple else [(outputs, gradients)]
        targets, upstream = zip(*[pair for pair in pairs if pair[1] is not None], strict=True)
        of_variables, of_inputs = tape.gradient(targets, [list(variables), list(inputs)], output_gradients=upstream)
        return of_variables, *of_inputs

    return outputs, pullback, rest


def cond(condition: Any, function: Callable[[], Any]) -> Any:
    """Returns the scalar `function()` where the condition holds, and 0.0 where it does not."""
    return tf.cond(condition, function, lambda: 0.0)


def apply(optimizer: keras.optimizers.Optimizer, gradients: Sequence[Any], variables: Sequence[Any]) -> None:
    """Does `optimizer.apply(gradients, variables)`; plain Adam updates each weight in one fused operation.

    On replicas the gradients are the means over all of them (`mean`), and each replica updates its own copies. The
    fused operation is Keras's to rounding: it has 1 - beta_2 in float32, so that the second moments differ by up to a
    share of 5e-5.
    """
    if not _is_plain_adam(optimizer, gradients, variables):
        if replicas.replica()[0] > 1:
            optimizer = keras_internals.without_gradient_sum(optimizer)
        optimizer.apply(gradients, variables)
        return
    step = tf.cast(optimizer.iterations.value + 1, tf.float32)
    beta_2 = optimizer.beta_2  # a tensor where it follows a schedule
    shared = {
        "beta1_power": tf.pow(tf.constant(optimizer.beta_1, tf.float32), step),
        "beta2_power": tf.pow(tf.cast(beta_2, tf.float32), step),
        "lr": tf.cast(optimizer.learning_rate, tf.float32),
        "beta1": optimizer.beta_1,
        "beta2": beta_2,
        "epsilon": optimizer.epsilon,
    }
    for variable, gradient in zip(variables, gradients, strict=True):
        slots = (variable, *keras_internals.adam_slots(optimizer, variable))
        var, m, v = (slot.value.handle for slot in slots)
        tf.raw_ops.ResourceApplyAdam(var=var, m=m, v=v, grad=gradient, **shared)
    optimizer.iterations.assign_add(1)


def _is_plain_adam(optimizer, gradients, variables):
    """Returns whether an optimizer is Keras's Adam without options that the operation lacks, on dense float32."""
    options = ("weight_decay", "clipnorm", "global_clipnorm", "clipvalue", "gradient_accumulation_steps")
    return (
        type(optimizer) in (keras.optimizers.Adam, ScheduledAdam)
        and not optimizer.amsgrad
        and not optimizer.use_ema
        and optimizer.loss_scale_factor is None
        and all(getattr(optimizer, name) is None for name in options)
        and not tf.distribute.in_cross_replica_context()
        and all(tf.is_tensor(each) and each.dtype == tf.float32 for each in gradients)
        and not any(isinstance(each, tf.IndexedSlices) for each in gradients)
        and all(each.dtype == "float32" and each.constraint is None for each in variables)
    )
