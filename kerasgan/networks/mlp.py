"""Fully connected networks, for points and for small images."""

import math
from collections.abc import Sequence

import keras
from keras import layers

from kerasgan.conditions import Condition
from kerasgan.networks import blocks, shapes
from kerasgan.validation import scalars


def mlp(
    image_shape: Sequence[int],
    latent_dim: int,
    width: int = 128,
    depth: int = 3,
    scale: float = 1.0,
    num_classes: int | None = None,
    condition: Condition | None = None,
    latent_categories: int = 0,
) -> tuple[keras.Model, keras.Model]:
    """Returns a fully connected generator and discriminator.

    The generator has ReLU units. For images it ends in tanh; for points (an `image_shape` of one axis) it ends linear,
    since points have no range. The discriminator has LeakyReLU(0.2) units and ends in one logit. Neither normalizes
    across the batch.

    Args:
        image_shape: shape of one image (height, width, channels), or of one point (dimension,).
        latent_dim: width of the latents; 0 for a generator of its condition alone.
        width: units in each hidden layer.
        depth: hidden layers in each network, at least 1.
        scale: standard deviation of the data. Points are divided by it before the discriminator and multiplied after
            the generator, so that both networks work on data of unit variance. 1.0 for images.
        num_classes: an int for a pair that is conditional on classes, None for no labels: see `dcgan`.
        condition: classes, labels or numbers of `kerasgan.conditions`, or None: see `dcgan`.
        latent_categories: of how many categories the latents choose one, so that samples of separate kinds, such as
            digits, need not be joined by others between them; 0 for none. See
            `kerasgan.networks.latent_categories.LatentCategories`.

    Returns:
        A pair of `keras.Model`s: (batch, latent_dim) -> (batch, *image_shape) and (batch, *image_shape) -> (batch, 1);
        a conditional pair takes the condition, such as labels, int32 (batch,), as second input.

    Raises:
        ValueError: if a size is not a whole number of at least 1, num_classes is below 2, the condition is an image, or
            there are neither latents nor a condition.

    Example:

    ```python
    import kerasgan

    generator, discriminator = kerasgan.networks.mlp((2,), latent_dim=2)  # for points in the plane
    gan = kerasgan.GAN(generator, discriminator, latent_dim=2)
    ```
    """
    width, depth = (scalars.whole_number(name, size, 1) for name, size in (("width", width), ("depth", depth)))
    image_shape = shapes.whole_sides(image_shape)
    if not image_shape or min(image_shape) < 1:
        raise ValueError(
            f"All sides must be at least 1. Received: image_shape={image_shape}. Use (dimension,) for points."
        )
    if not scale > 0:
        raise ValueError(f"scale must be positive. Received: scale={scale!r}. Use the data's standard deviation.")
    condition = blocks.condition_of(num_classes, condition)
    generator = blocks.generator(latent_dim, condition, _generator(image_shape, width, depth, scale), latent_categories)
    return generator, blocks.discriminator(image_shape, condition, _discriminator(width, depth, scale))


def _generator(image_shape, width, depth, scale):
    hidden = [layers.Dense(width, activation="relu", kernel_initializer="he_normal") for _ in range(depth)]
    end = "tanh" if len(image_shape) > 1 else "linear"
    return [
        *hidden,
        layers.Dense(math.prod(image_shape)),
        layers.Reshape(image_shape),
        layers.Activation(end, dtype="float32"),
        *([] if scale == 1 else [layers.Rescaling(scale, dtype="float32")]),
    ]


def _discriminator(width, depth, scale):
    stack = [layers.Flatten()] + ([] if scale == 1 else [layers.Rescaling(1 / scale)])
    for _ in range(depth):
        stack += [layers.Dense(width, kernel_initializer="he_normal"), layers.LeakyReLU(negative_slope=0.2)]
    return stack
