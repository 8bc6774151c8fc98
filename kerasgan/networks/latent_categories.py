"""The layer by which latents choose one of several kinds of samples."""

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from kerasgan import keras_internals
from kerasgan.validation import scalars


@keras.saving.register_keras_serializable(package="kerasgan")
class LatentCategories(layers.Layer):
    """Latents, and which of the first n is the largest, one-hot.

    A generator is continuous, and the latents are in one piece: so are its samples, and some of them lie between the
    kinds that the data have (Khayatkhoei et al., 2018, arXiv:1806.00880): half a 4 and half a 9. With categories there
    is a jump where another latent becomes the largest, and the generator can put the borders of kinds there. All
    categories are equally likely. The one in the one-hot is scaled to sqrt(n), so that these inputs have the mean
    square of the latents, 1. It computes in float32, in which ties are as good as impossible; equal latents, as those
    of the mean of all latents, 0, have a share of the category each.

    Args:
        n: number of categories, from 2 to the number of latents.

    Shapes: (batch, latent_dim) to (batch, latent_dim + n).

    Raises:
        ValueError: if n is no such number.

    Reference: categorical codes: Chen et al., 2016 (InfoGAN), arXiv:1606.03657. Here they are read off the latents, so
    that all that draws, saves and exports latents stays as it is.
    """

    def __init__(self, n: int, **options: Any):
        super().__init__(**({"dtype": "float32"} | options))
        self.n = scalars.whole_number("n", n, 2)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        if input_shape[-1] is not None and self.n > input_shape[-1]:
            raise ValueError(
                f"There are at most as many categories as latents. Received: {self.n} categories for latent_dim="
                f"{input_shape[-1]}. Use fewer categories or more latents."
            )
        super().build(input_shape)

    def call(self, latents: Any) -> Any:
        first = latents[:, : self.n]
        # Not argmax, which Keras builds on TensorFlow from operations that other runtimes lack.
        largest = ops.cast(first >= ops.max(first, axis=-1, keepdims=True), latents.dtype)
        chosen = largest / ops.sum(largest, axis=-1, keepdims=True)
        return ops.concatenate([latents, self.n**0.5 * chosen], axis=-1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:-1], None if input_shape[-1] is None else input_shape[-1] + self.n)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "n": self.n}


def margin(generator: keras.Model, latents: Any) -> Any:
    """Returns latents whose largest category stays the largest when each latent changes by less than 1.

    Args:
        generator: the model that takes them.
        latents: (n, latent_dim).

    Returns:
        The same latents, where the one that has chosen the category is greater by 2; unchanged for a generator without
        categories.
    """
    count = count_in(generator)
    if not count:
        return latents
    latents = np.array(latents)
    latents[np.arange(len(latents)), latents[:, :count].argmax(axis=1)] += 2.0
    return latents


def count_in(generator: keras.Model) -> int:
    """Returns how many categories the latents of a generator choose from; 0 for one without."""
    found = [layer.n for layer in keras_internals.all_layers(generator) if isinstance(layer, LatentCategories)]
    return max(found, default=0)
