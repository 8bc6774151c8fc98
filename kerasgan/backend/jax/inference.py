"""Networks in inference mode as compiled functions."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import keras
import numpy as np

from kerasgan import keras_internals

from . import scopes


def sampler(generator: keras.Model, latent_dim: int, condition: Any) -> Callable[..., Any]:
    """Returns a compiled function from latents (n, latent_dim) to float32 images (n, ...), in inference mode.

    With a condition (a value of `kerasgan.conditions`), it takes conditions (n, ...) as well, images of any size; with
    `latent_dim` 0 it takes these alone. Batches are padded to a power of two, so that there are few sizes to compile
    for.
    """
    compiled = inference(generator)
    dtypes = (["float32"] if latent_dim else []) + ([] if condition is None else [condition.dtype])

    def sample(*given):
        n = len(given[0])
        parts = [np.asarray(part, dtype) for part, dtype in zip(given, dtypes, strict=True)]
        parts = [_padded(part, 1 << max(n - 1, 0).bit_length()) for part in parts]
        return compiled(parts[0] if len(parts) == 1 else parts)[:n].astype("float32")

    return sample


def inference(network: keras.Model) -> Callable[[Any], Any]:
    """Returns a Keras model in inference mode as a compiled function of its inputs."""

    @jax.jit
    def compiled(trainable, non_trainable, inputs):
        return network.stateless_call(trainable, non_trainable, inputs, training=False)[0]

    def call(inputs):
        parts = network.trainable_variables, network.non_trainable_variables
        return compiled(*([scopes.value(each) for each in part] for part in parts), inputs)

    return call


def compiled(function: Callable[..., Any], networks: Sequence[keras.Model]) -> Callable[..., Any]:
    """Returns a function of arrays, compiled; it may call these networks and `vjp`, and change nothing.

    Args:
        function: a function of arrays (or None in the place of one), which returns arrays.
        networks: the networks that it calls.
    """
    variables = [each for network in networks for each in keras_internals.all_variables(network)]

    @jax.jit
    def pure(values, *inputs):
        with scopes.Scope(variables, dict(zip(map(id, variables), values, strict=True))):
            return function(*inputs)

    return lambda *inputs: pure([scopes.value(each) for each in variables], *inputs)


def draw_labels(n: Any, seed: Any, num_classes: int) -> Any:
    """Draws labels, int32 (n,), uniformly from the classes; the same for the same seed."""
    return jax.random.randint(jax.random.fold_in(jax.random.key(seed), 1), (n,), 0, num_classes, "int32")


def _padded(part, n):
    return np.concatenate([part, np.zeros((n - len(part), *part.shape[1:]), part.dtype)])
