"""The convolutional pair of Radford et al., for images of any size that halves."""

import keras
from keras import layers

SMALLEST = 8


def dcgan(image_shape, latent_dim, width=64, depth=None):
    """Returns a convolutional generator and discriminator that mirror each other.

    The generator projects the latents to a small map and doubles it `depth` times by strided transposed convolutions
    with batch norm and ReLU; its last layer is tanh. The discriminator halves the image `depth` times by strided
    convolutions with LeakyReLU(0.2) and ends in one logit. Widths double with every halving, from `width` beside the
    image. Weights start from N(0, 0.02).

    Deviation from the paper: the discriminator has no batch norm, so that it judges each image by itself, which
    gradient penalties and one-stage updates need.

    Args:
        image_shape: (height, width, channels); height and width are multiples of 4 and at least 8.
        latent_dim: width of the latents.
        width: channels of the layer beside the image.
        depth: how many times the size is halved; None halves while the result is at least 4 on both sides.

    Returns:
        A pair of `keras.Model`s: (batch, latent_dim) -> (batch, *image_shape) in [-1, 1], and
        (batch, *image_shape) -> (batch, 1).

    Raises:
        ValueError: if the image size is not a multiple of 4, is below 8, or does not halve `depth` times.

    Reference: Radford et al., 2016, arXiv:1511.06434.
    """
    _check(image_shape, depth)
    depth = depth or _natural_depth(image_shape)
    widths = [width * 2**level for level in range(depth)]
    return _generator(image_shape, latent_dim, widths), _discriminator(image_shape, widths)


def _check(image_shape, depth):
    if len(image_shape) != 3 or any(side < SMALLEST or side % 4 for side in image_shape[:2]) or image_shape[2] < 1:
        raise ValueError(
            "image_shape must be (height, width, channels) with a height and width that are multiples of 4 and at "
            f"least {SMALLEST}. Received: image_shape={image_shape}. Resize or pad the images; for points use mlp."
        )
    if depth is not None and (depth < 1 or any(side % 2**depth for side in image_shape[:2])):
        raise ValueError(
            f"The image must halve `depth` times. Received: depth={depth} for image_shape={image_shape}. "
            f"depth=None takes {_natural_depth(image_shape)}."
        )


def _natural_depth(image_shape):
    height, width, _ = image_shape
    depth = 0
    while height % 2 == 0 and width % 2 == 0 and min(height, width) >= 8:
        height, width, depth = height // 2, width // 2, depth + 1
    return depth


def _normal():
    return keras.initializers.RandomNormal(stddev=0.02)


def _generator(image_shape, latent_dim, widths):
    height, width, channels = image_shape
    smallest = (height // 2 ** len(widths), width // 2 ** len(widths), widths[-1] * 2)
    stack = [
        layers.Dense(smallest[0] * smallest[1] * smallest[2], use_bias=False, kernel_initializer=_normal()),
        layers.Reshape(smallest),
        layers.BatchNormalization(momentum=0.9),
        layers.ReLU(),
    ]
    for filters in reversed(widths[:-1]):
        stack += [_doubling(filters * 2, use_bias=False), layers.BatchNormalization(momentum=0.9), layers.ReLU()]
    stack += [_doubling(channels), layers.Activation("tanh", dtype="float32")]
    return keras.Sequential([keras.Input((latent_dim,), name="z"), *stack], name="generator")


def _doubling(filters, use_bias=True):
    return layers.Conv2DTranspose(
        filters, 4, strides=2, padding="same", use_bias=use_bias, kernel_initializer=_normal()
    )


def _discriminator(image_shape, widths):
    stack = []
    for filters in widths:
        halving = layers.Conv2D(filters, 4, strides=2, padding="same", kernel_initializer=_normal())
        stack += [halving, layers.LeakyReLU(negative_slope=0.2)]
    stack += [layers.Flatten(), layers.Dense(1, dtype="float32", kernel_initializer=_normal())]
    return keras.Sequential([keras.Input(image_shape, name="image"), *stack], name="discriminator")
