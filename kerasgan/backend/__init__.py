"""The engine that Keras runs on, chosen here and nowhere else.

`engine` is the module `tensorflow` or `jax` beside this one. Both have the same public names; what both compute in the
same way stands in `pieces` and `vitals`. It is chosen when it is first asked for: importing Keras imports the class GAN
(`kerasgan.hooks`), which asks for it, and so must not happen while this module is being imported.
"""

import importlib

ENGINES = ("tensorflow", "jax")


def __getattr__(name):
    if name != "engine":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import keras

    globals()["engine"] = _chosen(keras.backend.backend())
    return globals()["engine"]


def _chosen(name):
    if name not in ENGINES:
        raise ValueError(
            f"kerasgan trains on TensorFlow or on JAX. Received: the Keras backend {name!r}. Set KERAS_BACKEND=jax or "
            "KERAS_BACKEND=tensorflow before Keras is imported."
        )
    return importlib.import_module(f"{__name__}.{name}")
