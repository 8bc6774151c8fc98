"""The U-Net of pix2pix: a generator from image to image, for images of any size that halves."""

from collections.abc import Sequence

import keras
from keras import layers

from kerasgan.conditions import Condition
from kerasgan.networks import blocks, free_size
from kerasgan.validation import scalars

MAX_WIDTH_FACTOR = 8
MAX_DROPOUT_LAYERS = 3


def unet(
    image_shape: Sequence[int],
    condition: Condition,
    latent_dim: int = 0,
    width: int = 64,
    depth: int | None = None,
    dropout: float = 0.5,
    norm: str | None = "instance",
) -> keras.Model:
    """Returns a generator that halves an image `depth` times, and doubles it again with all details at hand.

    It halves by strided convolutions with LeakyReLU(0.2) and doubles by strided transposed convolutions with ReLU; each
    doubled map is joined with the map of its size on the way down (a skip connection). Widths double with every
    halving, from `width` up to 8 times that. The last layer is tanh. Weights start from N(0, 0.02), without a norm
    from N(0, 2 / inputs).

    The network takes images of any size: height and width must be multiples of 2^depth.

    Deviations from the paper: by default instance norm in place of batch norm, so that training and inference compute
    the same, and an image in a batch gets what it gets alone. But it takes out of each map how light or how thick
    things are: in batches of 16, `norm="batch"` came closer to the truth (docs/translation.md). The smallest map has at
    least 4 pixels on a side by default, not one, and no norm. Dropout acts in training alone: in the paper it is the
    noise that makes samples of one condition differ. Here latents are, where `latent_dim` is above 0: a linear map of
    them is added at every pixel of the smallest map, before its activation.

    Args:
        image_shape: (height, width, channels) of the images; height and width are multiples of 4 and at least 8.
        condition: a `kerasgan.conditions.Image` of the same height and width, which is translated.
        latent_dim: width of the latents; 0 for a generator of the condition alone.
        width: channels of the layer next to the image.
        depth: how many times the size is halved; None halves while the result is at least 4 on both sides.
        dropout: share of the values that are dropped in training in maps of the way up with all 8 * `width` channels,
            at most the first three. Only networks of a depth of 5 and more, for images from 128 pixels, have such maps.
        norm: `"instance"`, `"layer"` (all channels of an image together), `"batch"`, or None for none.

    Returns:
        A `keras.Model`: (batch, height, width, condition channels) -> (batch, height, width, channels) in [-1, 1]. The
        input is named `condition`; with latents, `z` (batch, latent_dim) comes before it.

    Raises:
        ValueError: if the condition is no image of that size; if the image size is not a multiple of 4, is below 8, or
            does not halve `depth` times; for a bad width, dropout or norm.

    Example:

    ```python
    import kerasgan

    gray = kerasgan.conditions.Image((32, 32, 1))
    generator = kerasgan.networks.unet((32, 32, 3), gray, width=16)
    ```

    Reference: Isola et al., 2017, arXiv:1611.07004; Ronneberger et al., 2015, arXiv:1505.04597.
    """
    latent_dim = scalars.whole_number("latent_dim", latent_dim, 0)
    width = scalars.whole_number("width", width, 1)
    image_shape, depth = blocks.halvings(image_shape, depth)
    free_size.check_image_condition("unet", image_shape, condition)
    free_size.check_norm(norm)
    if isinstance(dropout, bool) or not isinstance(dropout, int | float) or not 0 <= dropout < 1:
        raise ValueError(f"dropout must be a number in [0, 1). Received: dropout={dropout!r}. 0 drops nothing.")
    widths = [width * min(2**level, MAX_WIDTH_FACTOR) for level in range(depth)]
    z = keras.Input((latent_dim,), name="z") if latent_dim else None
    given = free_size.image_input(condition.shape[-1], condition.input_name)
    maps = _halved(given, widths, norm)
    x = maps.pop() if z is None else _with_latents(maps.pop(), z)
    x = _doubled(x, maps, widths, dropout, norm)
    x = _doubling(image_shape[-1], norm, is_last=True)(layers.ReLU()(x))
    images = layers.Activation("tanh", dtype="float32")(x)
    return keras.Model(given if z is None else [z, given], images, name="generator")


def _halved(x, widths, norm):
    """Returns the maps on the way down, before their activations; the first and the last have no norm."""
    maps = []
    for level, filters in enumerate(widths):
        own_norm = norm if 0 < level < len(widths) - 1 else None
        x = layers.LeakyReLU(free_size.NEGATIVE_SLOPE)(x) if level else x
        options = {"use_bias": own_norm is None, "kernel_initializer": free_size.normal(norm)}
        x = layers.Conv2D(filters, 4, strides=2, padding="same", **options)(x)
        x = free_size.normalized(x, own_norm)
        maps.append(x)
    return maps


def _with_latents(x, z):
    """Returns maps with a linear map of the latents added at every pixel: (batch, 1, 1, channels) is broadcast."""
    channels = x.shape[-1]
    shift = layers.Dense(channels, use_bias=False, kernel_initializer=blocks.scaled(1.0), name="latents")(z)
    return layers.Add()([x, layers.Reshape((1, 1, channels))(shift)])


def _doubled(x, maps, widths, dropout, norm):
    """Returns the last map on the way up, joined with the first one on the way down."""
    dropped = 0
    for skip, filters in zip(reversed(maps), reversed(widths[:-1]), strict=True):
        x = _doubling(filters, norm)(layers.ReLU()(x))
        x = free_size.normalized(x, norm)
        if dropout and filters == widths[0] * MAX_WIDTH_FACTOR and dropped < MAX_DROPOUT_LAYERS:
            x, dropped = layers.Dropout(dropout)(x), dropped + 1
        x = layers.Concatenate()([x, skip])
    return x


def _doubling(filters, norm, is_last=False):
    # A pixel of the doubled map has a quarter of the kernel; Keras takes the inputs of a transposed kernel for outputs.
    initializer = blocks.scaled(8.0, "fan_out") if norm is None else free_size.normal(norm)
    options = {"use_bias": norm is None or is_last, "kernel_initializer": initializer}
    return layers.Conv2DTranspose(filters, 4, strides=2, padding="same", **options)
