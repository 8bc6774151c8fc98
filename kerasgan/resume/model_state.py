"""All that a game in training remembers, as named arrays."""

import keras
import numpy as np

from kerasgan import keras_internals

METRICS = "metrics/"


def variables(gan):
    """Returns every variable on which the training of a compiled GAN depends, as a dict of names to Keras variables.

    These are the weights of the two networks and of the averaged generator, the optimizers' slots, steps and learning
    rates, the state of every seed generator, the running means behind the logs, and whatever else the GAN keeps. Names
    count the variables of a part from 0: the names that Keras gives depend on what was built before in the process.
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
    named, seen = {}, set()
    for part, members in parts.items():
        fresh = [variable for variable in members if id(variable) not in seen]
        seen.update(map(id, fresh))
        named |= {f"{part}/{number}": variable for number, variable in enumerate(fresh)}
    return named


def arrays(gan):
    """Returns the values of `variables`, as NumPy arrays. They are the same on all replicas that share a batch."""
    # A copy: on the CPU an array may share its memory with the variable, which the next step overwrites.
    return {name: np.array(keras.ops.convert_to_numpy(_copies(each)[0])) for name, each in variables(gan).items()}


def spec(gan):
    """Returns what `kerasgan.resume.checkpoint_files` must find: a dict of the names in `variables` to (shape, dtype)."""
    return {
        name: (tuple(variable.shape), np.dtype(keras.backend.standardize_dtype(variable.dtype)))
        for name, variable in variables(gan).items()
    }


def assign(gan, arrays):
    """Gives the variables whose names are among `arrays` these values; the running means as well, if they are there."""
    for name, variable in variables(gan).items():
        if name in arrays:
            for copy in _copies(variable):
                copy.assign(arrays[name])


def _copies(variable):
    """Returns a variable's copies here, one for each replica; the variable itself where there are no replicas.

    Read as a whole, TensorFlow would add up those of a running mean, over all workers, and wait for each of these.
    """
    return getattr(variable.value, "values", None) or (variable,)
