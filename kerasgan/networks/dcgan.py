"""The convolutional pair of Radford et al., for images of any size that halves."""

from collections.abc import Sequence

import keras
from keras import layers

from kerasgan.networks import blocks
from kerasgan.validation import scalars


def dcgan(
    image_shape: Sequence[int],
    latent_dim: int,
    width: int = 64,
    depth: int | None = None,
    num_classes: int | None = None,
) -> tuple[keras.Model, keras.Model]:
    """Returns a convolutional generator and discriminator that mirror each other.

    The generator projects the latents to a small map and doubles it `depth` times by strided transposed convolutions
    with batch norm and ReLU; its last layer is tanh. The discriminator halves the image `depth` times by strided
    convolutions with LeakyReLU(0.2) and ends in one logit. Widths double with every halving, from `width` next to the
    image. Weights start from N(0, 0.02).

    Deviation from the paper: the discriminator has no batch norm, so that it evaluates each image by itself, which
    gradient penalties and one-stage updates need.

    Args:
        image_shape: (height, width, channels); height and width are multiples of 4 and at least 8.
        latent_dim: width of the latents.
        width: channels of the layer next to the image.
        depth: how many times the size is halved; None halves while the result is at least 4 on both sides.
        num_classes: an int for a conditional pair: the generator takes the one-hot label together with the latents, and
            the discriminator's logit gains its projection (`kerasgan.networks.blocks`). None for no labels.

    Returns:
        A pair of `keras.Model`s: (batch, latent_dim) -> (batch, *image_shape) in [-1, 1], and
        (batch, *image_shape) -> (batch, 1); a conditional pair takes labels, int32 (batch,), as second input.

    Raises:
        ValueError: if the image size is not a multiple of 4, is below 8, or does not halve `depth` times; if a size is
            not a whole number of at least 1, or num_classes is below 2.

    Example:

    ```python
    import kerasgan

    generator, discriminator = kerasgan.networks.dcgan((28, 28, 1), latent_dim=64, width=32)
    gan = kerasgan.GAN(generator, discriminator, latent_dim=64)
    ```

    Reference: Radford et al., 2016, arXiv:1511.06434.
    """
    latent_dim = scalars.whole_number("latent_dim", latent_dim, 1)
    width = scalars.whole_number("width", width, 1)
    image_shape, depth = blocks.halvings(image_shape, depth)
    num_classes = blocks.classes(num_classes)
    widths = [width * 2**level for level in range(depth)]
    generator = blocks.generator(latent_dim, num_classes, _generator(image_shape, widths))
    return generator, blocks.discriminator(image_shape, num_classes, _discriminator(widths), _normal())


def _normal():
    return keras.initializers.RandomNormal(stddev=0.02)


def _generator(image_shape, widths):
    height, width, channels = image_shape
    smallest = (height // 2 ** len(widths), width // 2 ** len(widths), widths[-1] * 2)
    stack = [
        layers.Dense(smallest[0] * smallest[1] * smallest[2], use_bias=False, kernel_initializer=_normal()),
        layers.Reshape(smallest),
        blocks.batch_norm(),
        layers.ReLU(),
    ]
    for filters in reversed(widths[:-1]):
        stack += [_doubling(filters * 2, use_bias=False), blocks.batch_norm(), layers.ReLU()]
    return [*stack, _doubling(channels), layers.Activation("tanh", dtype="float32")]


def _doubling(filters, use_bias=True):
    return layers.Conv2DTranspose(
        filters, 4, strides=2, padding="same", use_bias=use_bias, kernel_initializer=_normal()
    )


def _discriminator(widths):
    stack = []
    for filters in widths:
        halving = layers.Conv2D(filters, 4, strides=2, padding="same", kernel_initializer=_normal())
        stack += [halving, layers.LeakyReLU(negative_slope=0.2)]
    return [*stack, layers.Flatten()]
