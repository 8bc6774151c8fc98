"""The discriminator of pix2pix: a map of logits, one for each patch of an image of any size."""

from collections.abc import Sequence

import keras
from keras import layers

from kerasgan.conditions import Condition
from kerasgan.networks import free_size, shapes
from kerasgan.validation import scalars

MAX_WIDTH_FACTOR = 8
SMALLEST = 4
NORMS = ("instance", "layer", None)
"""None that mixes the images of a batch."""


def patchgan(
    image_shape: Sequence[int],
    condition: Condition | None = None,
    width: int = 64,
    depth: int = 3,
    norm: str | None = "instance",
) -> keras.Model:
    """Returns a discriminator that gives a logit to each patch of an image.

    It halves the image `depth` times by strided convolutions, then has two convolutions without stride, of which the
    last has one channel: the logits. All have kernels of 4x4, and LeakyReLU(0.2) between them. Widths double from
    `width` up to 8 times that. At a depth of 3 a patch has 70x70 pixels. The condition, if it has one, is joined to the
    image's channels. Weights start from N(0, 0.02), without a norm from N(0, 2 / inputs).

    Each image is evaluated by itself, also with instance norm, so that penalties and one-stage updates can be used. The
    first and the last layer have no norm. Instance norm hides how light and how colored an image is, and where images
    are flat, such as drawings, it divides by next to nothing, which makes gradients steep: without a norm translations
    came closer to the truth (docs/translation.md).

    Args:
        image_shape: (height, width, channels); at least 8 pixels high and wide.
        condition: a `kerasgan.conditions.Image` of the same height and width, or None.
        width: channels of the first layer.
        depth: how many times the size is halved; fewer times if the map would be smaller than 4 pixels on a side.
        norm: `"instance"`, `"layer"` (all channels of an image together), or None for none.

    Returns:
        A `keras.Model`: images (batch, height, width, channels) -> logits (batch, height / 2^depth, width / 2^depth,
        1), for images of any size. The input is named `image`; the condition, `condition`, comes after it.

    Raises:
        ValueError: if the condition is no image of that size, the images are smaller than 8 pixels, or for a bad width,
            depth or norm.

    Example:

    ```python
    import kerasgan

    discriminator = kerasgan.networks.patchgan((32, 32, 3), kerasgan.conditions.Image((32, 32, 1)), width=16)
    ```

    Reference: Isola et al., 2017, arXiv:1611.07004.
    """
    width = scalars.whole_number("width", width, 1)
    depth = scalars.whole_number("depth", depth, 1)
    image_shape = shapes.whole_sides(image_shape)
    if len(image_shape) != 3 or min(image_shape[:2]) < 2 * SMALLEST or image_shape[2] < 1:
        raise ValueError(
            f"image_shape must be (height, width, channels) of at least {2 * SMALLEST} pixels. Received: "
            f"image_shape={image_shape}. Use larger images, or mlp."
        )
    if condition is not None:
        free_size.check_image_condition("patchgan", image_shape, condition)
    free_size.check_norm(norm, NORMS)
    image = free_size.image_input(image_shape[-1], "image")
    given = None if condition is None else free_size.image_input(condition.shape[-1], condition.input_name)
    x = image if given is None else layers.Concatenate(name="image_and_condition")([image, given])
    logits = _logits(x, width, _depth(image_shape, depth), norm)
    return keras.Model(image if given is None else [image, given], logits, name="discriminator")


def _depth(image_shape, depth):
    """Returns how many times an image is halved: the given number, or until its map would be below 4 pixels."""
    side = min(image_shape[:2])
    return min(depth, (side // SMALLEST).bit_length() - 1)


def _logits(x, width, depth, norm):
    for level in range(depth + 1):
        own_norm = norm if level else None
        filters, strides = width * min(2**level, MAX_WIDTH_FACTOR), 2 if level < depth else 1
        options = {"use_bias": own_norm is None, "kernel_initializer": free_size.normal(norm)}
        x = layers.Conv2D(filters, 4, strides=strides, padding="same", **options)(x)
        x = layers.LeakyReLU(free_size.NEGATIVE_SLOPE)(free_size.normalized(x, own_norm))
    # In float32, as all logits.
    options = {"kernel_initializer": free_size.normal(norm), "dtype": "float32", "name": "logits"}
    return layers.Conv2D(1, 4, padding="same", **options)(x)
