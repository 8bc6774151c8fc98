"""The generator of CycleGAN: from one kind of images to another, of any size that is a multiple of 4."""

from collections.abc import Sequence

import keras
from keras import layers

from kerasgan.conditions import Condition, Image
from kerasgan.networks import blocks as shared
from kerasgan.networks import free_size
from kerasgan.validation import scalars

HALVINGS = 2
FEW_BLOCKS = 6
MANY_BLOCKS = 9
LARGE = 128
SMALLEST = 12


def translator(
    image_shape: Sequence[int],
    condition: Condition | None = None,
    width: int = 64,
    blocks: int | None = None,
) -> keras.Model:
    """Returns a generator that changes the looks of an image at a quarter of its size.

    A convolution of 7x7, two halvings by strided convolutions, `blocks` residual blocks

        x + norm(conv3x3(ReLU(norm(conv3x3(x))))),

    two doublings by strided transposed convolutions, a convolution of 7x7, and tanh. All but the last convolution are
    followed by instance norm and, outside of the residual branches, by ReLU. Borders are reflected before the
    convolutions without stride. Weights start from N(0, 0.02).

    The network takes images of any size: height and width must be multiples of 4, and at least 12.

    Args:
        image_shape: (height, width, channels) of the images that it returns; height and width are multiples of 4 and at
            least 12.
        condition: a `kerasgan.conditions.Image` of the same height and width, which is translated; None for images of
            `image_shape`, as in a CycleGAN between domains of as many channels.
        width: channels of the layers next to the image; the residual blocks have 4 times as many.
        blocks: number of residual blocks; None for 6 if no side of the image is above 128 pixels, as in the papers,
            and 9 for larger images.

    Returns:
        A `keras.Model`: (batch, height, width, condition channels) -> (batch, height, width, channels) in [-1, 1]. The
        input is named `condition`.

    Raises:
        ValueError: if the image size is not a multiple of 4 or is below 12, the condition is no image of that size, or
            for a bad width or number of blocks.

    Example:

    ```python
    import kerasgan

    generator = kerasgan.networks.translator((32, 32, 3), width=8, blocks=2)
    ```

    Reference: Johnson et al., 2016, arXiv:1603.08155; Zhu et al., 2017 (CycleGAN), arXiv:1703.10593.
    """
    width = scalars.whole_number("width", width, 1)
    image_shape, _ = shared.halvings(image_shape, HALVINGS)
    if min(image_shape[:2]) < SMALLEST:
        raise ValueError(
            f"The images of translator must be at least {SMALLEST} pixels high and wide, or their borders cannot be "
            f"reflected. Received: image_shape={image_shape}. Use larger images, or unet."
        )
    condition = Image(image_shape) if condition is None else condition
    free_size.check_image_condition("translator", image_shape, condition)
    if blocks is None:
        blocks = FEW_BLOCKS if max(image_shape[:2]) <= LARGE else MANY_BLOCKS
    blocks = scalars.whole_number("blocks", blocks, 0)
    given = free_size.image_input(condition.shape[-1], condition.input_name)
    x = _activated(_reflected(given, width, 7))
    for level in range(1, HALVINGS + 1):
        x = _activated(_strided(layers.Conv2D, width * 2**level)(x))
    for _ in range(blocks):
        x = _residual(x)
    for level in reversed(range(HALVINGS)):
        x = _activated(_strided(layers.Conv2DTranspose, width * 2**level)(x))
    x = _reflected(x, image_shape[-1], 7, use_bias=True)
    return keras.Model(given, layers.Activation("tanh", dtype="float32")(x), name="generator")


def _residual(x):
    branch = _activated(_reflected(x, x.shape[-1], 3))
    return layers.Add()([x, free_size.InstanceNormalization()(_reflected(branch, x.shape[-1], 3))])


def _activated(x):
    return layers.ReLU()(free_size.InstanceNormalization()(x))


def _reflected(x, filters, kernel, use_bias=False):
    """Returns a convolution without stride of maps with reflected borders. A following norm subtracts every bias."""
    options = {"use_bias": use_bias, "kernel_initializer": free_size.normal()}
    return layers.Conv2D(filters, kernel, **options)(free_size.ReflectPadding2D(kernel // 2)(x))


def _strided(kind, filters):
    return kind(filters, 3, strides=2, padding="same", use_bias=False, kernel_initializer=free_size.normal())
