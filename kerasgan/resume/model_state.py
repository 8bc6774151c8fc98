"""The state of a GAN in training, as named arrays."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from kerasgan import keras_internals

METRICS = "metrics/"
"""How the names of the running means behind the logs begin."""


def variables(gan: Any) -> dict[str, Any]:
    """Returns every variable on which the training of a compiled GAN depends, as a dict of names to Keras variables.

    These are the weights of the two networks and of the averaged generator, the optimizers' slots, steps and learning
    rates, the state of every seed generator, the running means behind the logs, the GAN's own variables, and the pool
    of past images. Names count the variables of a part from 0: the names that Keras gives depend on what was built
    before in the process.

    Args:
        gan: a compiled `kerasgan.GAN`.
    """
    parts = {
        "generator": gan.generator.weights,
        "discriminator": gan.discriminator.weights,
        "averaged_generator": [] if gan.averaged_generator is None else gan.averaged_generator.weights,
        "d_optimizer": gan.d_optimizer.variables,
        "g_optimizer": gan.g_optimizer.variables,
        "seeds": [each.state for each in keras_internals.seed_generators(gan)],
    }
    parts |= {f"{METRICS}{metric.name}": metric.variables for metric in gan.metrics}
    parts["gan"] = gan.variables
    parts["pool"] = [] if gan.pool is None else gan.pool.variables
    named, seen = {}, set()
    for part, members in parts.items():
        fresh = [variable for variable in members if id(variable) not in seen]
        seen.update(map(id, fresh))
        named |= {f"{part}/{number}": variable for number, variable in enumerate(fresh)}
    return named


def arrays(gan: Any) -> dict[str, np.ndarray]:
    """Returns the values of `variables`, as NumPy arrays. They are the same on all replicas that share a batch."""
    # A copy: on the CPU an array may share its memory with the variable, which the next step overwrites.
    return {name: np.array(keras.ops.convert_to_numpy(_copies(each)[0])) for name, each in variables(gan).items()}


def spec(gan: Any) -> dict[str, tuple[tuple[int, ...], np.dtype]]:
    """Returns the arrays that a checkpoint must hold: a dict of the names in `variables` to (shape, dtype)."""
    return {
        name: (tuple(variable.shape), np.dtype(keras.backend.standardize_dtype(variable.dtype)))
        for name, variable in variables(gan).items()
    }


def assign(gan: Any, arrays: Mapping[str, np.ndarray]) -> None:
    """Assigns `arrays` to the variables of these names, running means included. Other variables stay as they are."""
    for name, variable in variables(gan).items():
        if name in arrays:
            for copy in _copies(variable):
                copy.assign(arrays[name])


def _copies(variable):
    """Returns a variable's copies in this process, one for each replica; without replicas the variable itself.

    Reading the variable of a running mean as a whole, TensorFlow would add up the copies of all workers, and wait for
    them.
    """
    return getattr(variable.value, "values", None) or (variable,)
