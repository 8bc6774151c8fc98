"""The engine that Keras runs on, chosen here and nowhere else.

`engine` is the module `tensorflow` or `jax` beside this one. Both have the same public names; what both compute in the
same way stands in `pieces` and `vitals`.
"""

import importlib

import keras

ENGINES = ("tensorflow", "jax")


def _chosen(name):
    if name not in ENGINES:
        raise ValueError(
            f"kerasgan trains on TensorFlow or on JAX. Received: the Keras backend {name!r}. Set KERAS_BACKEND=jax or "
            "KERAS_BACKEND=tensorflow before Keras is imported."
        )
    return importlib.import_module(f"{__name__}.{name}")


engine = _chosen(keras.backend.backend())
