"""The convolutional pair of Radford et al., for images, signals and volumes of any size that halves."""

import math
from collections.abc import Sequence

import keras
from keras import layers

from kerasgan.conditions import Condition
from kerasgan.networks import blocks, shapes
from kerasgan.validation import scalars


def dcgan(
    image_shape: Sequence[int],
    latent_dim: int,
    width: int = 64,
    depth: int | None = None,
    num_classes: int | None = None,
    condition: Condition | None = None,
    stride: int | None = None,
    kernel: int | None = None,
    latent_categories: int = 0,
) -> tuple[keras.Model, keras.Model]:
    """Returns a convolutional generator and discriminator that mirror each other.

    The generator projects the latents to a small map and doubles it `depth` times by strided transposed convolutions
    with batch norm and ReLU; its last layer is tanh. The discriminator halves the image `depth` times by strided
    convolutions with LeakyReLU(0.2) and ends in one logit. Widths double with every halving, from `width` next to the
    image. Weights start from N(0, 0.02).

    The kind of the data is read off `image_shape`. Volumes have convolutions in three dimensions. Signals have the
    convolutions of an image laid out in one row: instead of halving, they divide the length by 4, with kernels of 16.
    See `kerasgan.networks.shapes.Axes`; `kernel=25` is that of WaveGAN.

    Deviation from the paper: the discriminator has no batch norm, so that it evaluates each image by itself, which
    gradient penalties and one-stage updates need.

    Args:
        image_shape: (height, width, channels), all sides multiples of 4 and at least 8; (length, channels) of signals,
            the length a multiple of 4 and at least 32; or (depth, height, width, channels) of volumes, as images.
        latent_dim: width of the latents; 0 for a generator of its condition alone.
        width: channels of the layer next to the image.
        depth: how many times the size is halved; None halves while the result is at least 4 on all sides. Signals are
            divided by 4, while the result is at least 8.
        num_classes: short for `condition=kerasgan.conditions.Classes(num_classes)`; None for no labels.
        condition: classes, labels or numbers of `kerasgan.conditions` for a conditional pair: the generator takes them
            together with the latents, and the discriminator's logit gains their projection
            (`kerasgan.networks.blocks`). None for no condition.
        stride, kernel: of the convolutions; None for 2 and 4, and for 4 and 16 in signals.
        latent_categories: of how many categories the latents choose one, so that samples of separate kinds, such as
            digits, need not be joined by others between them; 0 for none. See
            `kerasgan.networks.latent_categories.LatentCategories`.

    Returns:
        A pair of `keras.Model`s: (batch, latent_dim) -> (batch, *image_shape) in [-1, 1], and
        (batch, *image_shape) -> (batch, 1). A conditional pair takes the condition as second input, `labels`, int32
        (batch,), for classes, and `condition`, float32 (batch, size), for others.

    Raises:
        ValueError: if the image size is not a multiple of 4, is below 8, or does not halve `depth` times; if a size is
            not a whole number of at least 1, num_classes is below 2, the condition is an image, or there are neither
            latents nor a condition.

    Example:

    ```python
    import kerasgan

    generator, discriminator = kerasgan.networks.dcgan((28, 28, 1), latent_dim=64, width=32)
    gan = kerasgan.GAN(generator, discriminator, latent_dim=64)
    ```

    Reference: Radford et al., 2016, arXiv:1511.06434; Donahue et al., 2019 (WaveGAN), arXiv:1802.04208.
    """
    width = scalars.whole_number("width", width, 1)
    sizes = shapes.read(image_shape, depth, (shapes.IMAGES, shapes.SIGNALS, shapes.VOLUMES), stride, kernel)
    condition = blocks.condition_of(num_classes, condition)
    widths = [width * 2**level for level in range(sizes.depth)]
    generator = blocks.generator(latent_dim, condition, _generator(sizes, widths), latent_categories)
    return generator, blocks.discriminator(sizes.shape, condition, _discriminator(sizes.axes, widths), _normal())


def _normal():
    return keras.initializers.RandomNormal(stddev=0.02)


def _generator(sizes, widths):
    smallest = (*sizes.smallest, widths[-1] * 2)
    stack = [
        layers.Dense(math.prod(smallest), use_bias=False, kernel_initializer=_normal()),
        layers.Reshape(smallest),
        blocks.batch_norm(),
        layers.ReLU(),
    ]
    for filters in reversed(widths[:-1]):
        stack += [_doubling(sizes.axes, filters * 2, use_bias=False), blocks.batch_norm(), layers.ReLU()]
    return [*stack, _doubling(sizes.axes, sizes.shape[-1]), layers.Activation("tanh", dtype="float32")]


def _doubling(axes, filters, use_bias=True):
    options = {"strides": axes.stride, "use_bias": use_bias, "kernel_initializer": _normal()}
    return axes.transposed_conv(filters, axes.kernel, **options)


def _discriminator(axes, widths):
    stack = []
    for filters in widths:
        halving = axes.conv(filters, axes.kernel, strides=axes.stride, kernel_initializer=_normal())
        stack += [halving, layers.LeakyReLU(negative_slope=0.2)]
    return [*stack, layers.Flatten()]
