"""Parts that networks from image to image share: inputs of free size, instance norm, and reflected borders."""

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from kerasgan import keras_internals
from kerasgan.conditions import Condition, Image

NEGATIVE_SLOPE = 0.2
NORMS = ("instance", None)


def image_input(channels: int, name: str) -> Any:
    """Returns the symbolic input of images of any size, float32 (batch, height, width, channels)."""
    return keras.Input((None, None, channels), name=name)


def check_image_condition(network: str, image_shape: Sequence[int], condition: Condition | None) -> None:
    """Checks the condition of a network from image to image.

    Raises:
        ValueError: if it is no image, or one of another height or width than the images.
    """
    if not isinstance(condition, Image):
        raise ValueError(
            f"{network} takes an image as its condition. Received: condition={condition!r}. Use "
            "kerasgan.conditions.Image((height, width, channels)); for classes, labels and numbers use dcgan or resnet."
        )
    if condition.shape[:2] != tuple(image_shape[:2]):
        raise ValueError(
            "The condition must have the height and width of the images. Received: "
            f"condition={condition!r} for image_shape={tuple(image_shape)}. Resize one of them before, for example "
            "small images that are to be enlarged."
        )


def check_norm(norm: str | None) -> None:
    """Raises a `ValueError` for another norm than those of these networks."""
    if norm not in NORMS:
        raise ValueError(f"norm must be 'instance' or None. Received: norm={norm!r}. 'instance' is the default.")


def instance_norm() -> Any:
    """Returns instance norm: each channel of each image has mean 0 and variance 1, before a scale and a shift.

    It is the same in training and in inference, and for an image alone as in a batch. It computes in float32. On one
    pixel it returns the shift alone.

    Reference: Ulyanov et al., 2016, arXiv:1607.08022.
    """
    return layers.GroupNormalization(groups=-1, epsilon=1e-5)


def normalized(x: Any, norm: str | None) -> Any:
    """Returns maps after the norm of that name; the same maps for None."""
    return x if norm is None else instance_norm()(x)


def normal() -> Any:
    """Returns the initializer of these networks: N(0, 0.02)."""
    return keras.initializers.RandomNormal(stddev=0.02)


@keras.saving.register_keras_serializable(package="kerasgan")
class ReflectPadding2D(layers.Layer):
    """Reflects `padding` pixels at each border of images (batch, height, width, channels), without the border itself.

    Unlike zeros it leaves no frame in what a convolution computes. The images must have more than `padding` pixels on
    each side.

    Args:
        padding: how many pixels are added on each side.
    """

    def __init__(self, padding: int = 1, **options: Any):
        super().__init__(**options)
        self.padding = padding

    def call(self, images: Any) -> Any:
        """Returns the images with `2 * padding` more rows and columns."""
        border = (self.padding, self.padding)
        return keras.ops.pad(images, ((0, 0), border, border, (0, 0)), mode="reflect")

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Returns the shape of the output."""
        sides = (None if side is None else side + 2 * self.padding for side in input_shape[1:3])
        return (input_shape[0], *sides, input_shape[3])

    def get_config(self) -> dict[str, Any]:
        """Returns what the layer is made from."""
        return super().get_config() | {"padding": self.padding}


def size_multiple(network: keras.Model) -> int:
    """Returns what the height and the width of the images that a network takes must be multiples of.

    It is the product of the strides of its convolutions and poolings, as `unet` and `translator` have them one after
    the other. A network that halves parallel paths may take more sizes than this says.
    """
    kinds = (layers.Conv2D, layers.AveragePooling2D, layers.MaxPooling2D)
    found = [layer for layer in keras_internals.all_layers(network) if isinstance(layer, kinds)]
    up = (layers.Conv2DTranspose,)
    return math.prod(max(layer.strides) for layer in found if not isinstance(layer, up))
