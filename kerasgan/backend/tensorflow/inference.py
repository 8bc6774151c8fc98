"""Networks in inference mode as compiled functions."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf


def sampler(generator: keras.Model, latent_dim: int, condition: Any) -> Callable[..., Any]:
    """Returns a compiled function from latents (n, latent_dim) to float32 images (n, ...), in inference mode.

    With a condition (a value of `kerasgan.conditions`), it takes conditions (n, ...) as well, images of any size; with
    `latent_dim` 0 it takes these alone.
    """
    signature = [tf.TensorSpec((None, latent_dim), tf.float32)] if latent_dim else []
    if condition is not None:
        shape = (None, None, condition.shape[-1]) if len(condition.shape) == 3 else condition.shape
        signature.append(tf.TensorSpec((None, *shape), condition.dtype, name=condition.input_name))

    @tf.function(input_signature=signature, autograph=False)
    def sample(*given):
        return tf.cast(generator(given[0] if len(given) == 1 else list(given), training=False), tf.float32)

    return sample


def inference(network: keras.Model) -> Callable[[Any], Any]:
    """Returns a Keras model in inference mode as a compiled function of a float32 tensor."""
    return tf.function(lambda images: network(images, training=False), autograph=False, reduce_retracing=True)


def compiled(function: Callable[..., Any], networks: Sequence[keras.Model]) -> Callable[..., Any]:
    """Returns a function of arrays, compiled; it may call these networks and `vjp`, and change nothing.

    Args:
        function: a function of arrays (or None in the place of one), which returns arrays.
        networks: the networks that it calls.
    """
    return tf.function(function, autograph=False)


def draw_labels(n: Any, seed: Any, num_classes: int) -> Any:
    """Draws labels, int32 (n,), uniformly from the classes; the same for the same seed."""
    return tf.random.stateless_uniform([n], [seed, 1], maxval=num_classes, dtype=tf.int32)
