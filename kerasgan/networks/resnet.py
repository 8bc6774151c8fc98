"""The residual pair, for images and signals of any size that halves."""

import math
from collections.abc import Sequence

import keras
from keras import layers

from kerasgan.conditions import Condition
from kerasgan.networks import blocks, shapes
from kerasgan.networks.spectrogram import LogSpectrogram
from kerasgan.validation import scalars

NEGATIVE_SLOPE = 0.2
MAX_WIDTH_FACTOR = 8
NORMS = (None, "batch")


def resnet(
    image_shape: Sequence[int],
    latent_dim: int,
    width: int = 64,
    depth: int | None = None,
    num_classes: int | None = None,
    norm: str | None = "batch",
    condition: Condition | None = None,
    spectrogram: int | None = None,
    latent_categories: int = 0,
) -> tuple[keras.Model, keras.Model]:
    """Returns a residual generator and discriminator that mirror each other.

    The generator projects the latents to a small map and doubles it `depth` times: by nearest neighbors, and the last
    time by a strided transposed convolution. The discriminator halves the image `depth` times: first by a strided
    convolution, then by average pooling of 2x2; a depthwise convolution reduces the last map to one value a channel. At
    each size below the image's there is one block,

        x + conv3x3(LeakyReLU(conv3x3(LeakyReLU(x)))).

    Widths double with every halving, from `width` next to the image up to 8 times that. In place of normalization, the
    last convolution of each block starts from 0, so that the block starts as the identity, and the first one is scaled
    by 1 / sqrt(blocks) (Zhang et al., 2019, arXiv:1901.09321). The discriminator is always of this kind: it evaluates
    each image by itself, which gradient penalties and one-stage updates need.

    In the generator batch norm is the default, because it learned more from the same images. Without it, a background
    of -1 drives whole images into saturation of tanh within about 30 steps: on MNIST, R1 and R2 of 10 and a rate of
    2e-4 brought it back, with a weight of 1 and a rate of 5e-4 it stayed there.

    For signals, of an `image_shape` of (length, channels), all is done in one dimension: sizes are divided by 4 instead
    of halved, and kernels of 9 and 16 stand for those of 3x3 and 4x4. See `kerasgan.networks.shapes.Axes`. With
    `spectrogram` the discriminator is that of images, and sees the log spectrogram of a signal in place of its values:
    sounds are heard by their spectrum, and the same tone has other values with each phase
    (`kerasgan.networks.spectrogram.LogSpectrogram`).

    Deviations from R3GAN: there is no block at the size of the image, which on a CPU made a step 1.6 times as long;
    blocks of two 3x3 convolutions instead of a grouped one between two of 1x1; shorter resampling filters.

    Args:
        image_shape: (height, width, channels), where height and width are multiples of 4 and at least 8; or (length,
            channels) of signals, where the length is a multiple of 4 and at least 32.
        latent_dim: width of the latents; 0 for a generator of its condition alone.
        width: channels of the layer next to the image.
        depth: how many times the size is halved; None halves while the result is at least 4 on both sides. Signals
            are divided by 4, while the result is at least 8.
        num_classes: number of classes of the labels; None for a pair without labels. With labels, the generator takes
            latents and labels and the discriminator images and labels, each label int32 in [0, num_classes);
            see `kerasgan.networks.blocks.join_condition` and `kerasgan.networks.blocks.project`.
        norm: `"batch"` for a generator with batch norm before the activations, whose blocks start from random weights
            (Miyato et al., 2018, arXiv:1802.05957); None for one whose blocks start as the identity.
        condition: classes, labels or numbers of `kerasgan.conditions`, or None: see `dcgan`.
        spectrogram: for signals, samples of a window, a power of 2 and at least 16, about 0.03 s of a sound; the length
            is a multiple of it, at least two. None for a discriminator of the values themselves.
        latent_categories: of how many categories the latents choose one, so that samples of separate kinds, such as
            digits, need not be joined by others between them; 0 for none. See
            `kerasgan.networks.latent_categories.LatentCategories`.

    Returns:
        A pair of `keras.Model`s: (batch, latent_dim) -> (batch, *image_shape) in [-1, 1], and
        (batch, *image_shape) -> (batch, 1). The inputs are named `z`, `image` and, with a condition, `labels` for
        classes and `condition` for others.

    Raises:
        ValueError: if the image size is not a multiple of 4, is below 8, or does not halve `depth` times; for a bad
            width or number of classes; for another norm; if the condition is an image, or there are neither latents nor
            a condition; for a spectrogram of images, or of a window that the length is no multiple of.

    Example:

    ```python
    import kerasgan

    generator, discriminator = kerasgan.networks.resnet((32, 32, 3), latent_dim=64, width=16)
    gan = kerasgan.GAN(generator, discriminator, latent_dim=64)
    ```

    Reference: Huang et al., 2024 (R3GAN), arXiv:2501.05441.
    """
    width = scalars.whole_number("width", width, 1)
    sizes = shapes.read(image_shape, depth, (shapes.IMAGES, shapes.SIGNALS))
    condition = blocks.condition_of(num_classes, condition)
    if norm not in NORMS:
        raise ValueError(f"norm must be None or 'batch'. Received: norm={norm!r}. 'batch' is the default.")
    widths = [width * min(2**level, MAX_WIDTH_FACTOR) for level in range(sizes.depth)]
    inputs = blocks.generator_inputs(latent_dim, condition, latent_categories)
    generator = _generator(sizes, *inputs, widths, norm)
    image = keras.Input(sizes.shape, name="image")
    if spectrogram is None:
        return generator, _discriminator(image, image, sizes, widths, condition)
    seen = _spectrogram(image, sizes, spectrogram)
    seen_sizes = shapes.read(seen.shape[1:], None)
    widths = [width * min(2**level, MAX_WIDTH_FACTOR) for level in range(seen_sizes.depth)]
    return generator, _discriminator(image, seen, seen_sizes, widths, condition)


def _spectrogram(signal, sizes, window):
    """Returns the spectrogram of a symbolic signal."""
    if sizes.axes.rank != 1:
        raise ValueError(
            f"A spectrogram is of signals, of shape (length, channels). Received: image_shape={sizes.shape} with "
            f"spectrogram={window!r}. Leave it out."
        )
    layer, length = LogSpectrogram(window, name="spectrogram"), sizes.shape[0]
    if length % window or length < 2 * window:
        raise ValueError(
            f"The length of signals must be a multiple of the spectrogram's window, and at least two. Received: "
            f"length={length} with spectrogram={window}. Use a length of {max(2, -(-length // window)) * window}, or "
            "a shorter window."
        )
    return layer(signal)


def _generator(sizes, inputs, x, widths, norm):
    axes, smallest = sizes.axes, (*sizes.smallest, widths[-1])
    x = layers.Dense(math.prod(smallest), kernel_initializer=blocks.scaled(1.0))(x)
    x = layers.Reshape(smallest)(x)
    for level in reversed(range(len(widths))):
        x = _residual(axes, x, len(widths), norm)
        if level:
            # A 1x1 convolution commutes with repeating pixels, and is cheaper before it.
            x = axes.repeat()(_conv1x1(axes, x, widths[level - 1]))
    x = _activated(x, norm)
    # Each pixel of the image sums over 4 of the 16 weights of each channel; Keras's "fan out" is all 16.
    pixels = blocks.scaled(4.0, mode="fan_out")
    x = axes.transposed_conv(sizes.shape[-1], axes.kernel, strides=axes.stride, kernel_initializer=pixels)(x)
    return blocks.model(inputs, layers.Activation("tanh", dtype="float32")(x), "generator")


def _discriminator(image, seen, sizes, widths, condition):
    """Returns the model from an image to a logit, by what is seen of it, which has these sizes."""
    axes = sizes.axes
    given = None if condition is None else condition.input()
    x = axes.conv(widths[0], axes.kernel, strides=axes.stride, kernel_initializer=blocks.scaled(1.0))(seen)
    for level in range(len(widths)):
        if level:
            x = _conv1x1(axes, axes.average()(x), widths[level])
        x = _residual(axes, x, len(widths))
    x = layers.LeakyReLU(NEGATIVE_SLOPE)(x)
    # Keras's "fan in" counts all channels, though a depthwise convolution sums each channel by itself.
    whole = blocks.scaled(1.0, mode="fan_out")
    x = axes.depthwise_conv(x.shape[1:-1], depthwise_initializer=whole)(x)
    logit = blocks.project(layers.Flatten()(x), given, condition)
    return blocks.model([image] if given is None else [image, given], logit, "discriminator")


def _residual(axes, x, count, norm=None):
    """Returns one of `count` blocks of a network: x plus two convolutions, each after its activation."""
    # A LeakyReLU keeps (1 + slope^2) / 2 of the variance.
    gain = 2 / (1 + NEGATIVE_SLOPE**2)
    first, last = (blocks.scaled(gain / count), "zeros") if norm is None else (blocks.scaled(gain), blocks.scaled(gain))
    branch = x
    for initializer in (first, last):
        # A following batch norm subtracts every bias.
        options = {"use_bias": norm is None, "kernel_initializer": initializer}
        branch = axes.conv(x.shape[-1], axes.inner_kernel, **options)(_activated(branch, norm))
    return layers.Add()([x, branch])


def _activated(x, norm):
    if norm == "batch":
        x = blocks.batch_norm()(x)
    return layers.LeakyReLU(NEGATIVE_SLOPE)(x)


def _conv1x1(axes, x, filters):
    return axes.conv(filters, 1, padding="valid", use_bias=False, kernel_initializer=blocks.scaled(1.0))(x)
