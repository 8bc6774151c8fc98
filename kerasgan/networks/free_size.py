"""Parts that networks from image to image share: inputs of free size, norms, and reflected borders."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from kerasgan.conditions import Condition, Image
from kerasgan.networks import blocks

NEGATIVE_SLOPE = 0.2
NORMS = ("instance", "layer", "batch", None)


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


def check_norm(norm: str | None, allowed: Sequence[str | None] = NORMS) -> None:
    """Raises a `ValueError` for another norm than those of a network."""
    if norm not in allowed:
        names = ", ".join(map(repr, allowed[:-1]))
        raise ValueError(f"norm must be {names} or None. Received: norm={norm!r}. 'instance' is the default.")


def normalized(x: Any, norm: str | None) -> Any:
    """Returns maps after the norm of that name; the same maps for None.

    Args:
        norm: `"instance"` for the mean and variance of each channel of an image, `"layer"` for those of all channels of
            an image together (Ba et al., 2016, arXiv:1607.06450), `"batch"` for those of a channel in all images of a
            batch (Ioffe and Szegedy, 2015, arXiv:1502.03167).
    """
    if norm is None:
        return x
    if norm == "batch":
        return blocks.batch_norm()(x)
    return (InstanceNormalization() if norm == "instance" else layers.GroupNormalization(1, epsilon=1e-5))(x)


def normal(norm: str | None = "instance") -> Any:
    """Returns the initializer of a network: N(0, 0.02) next to a norm; without one it keeps the variance after a ReLU.

    Reference: He et al., 2015, arXiv:1502.01852.
    """
    return blocks.scaled(2.0) if norm is None else keras.initializers.RandomNormal(stddev=0.02)


@keras.saving.register_keras_serializable(package="kerasgan")
class InstanceNormalization(layers.Layer):
    """Gives each channel of each image mean 0 and variance 1, before a scale and a shift that are trained.

        gamma * (x - mean) / sqrt(variance + epsilon) + beta

    It is the same in training and in inference, and for an image alone as in a batch. On one pixel it returns the shift
    alone. It computes in float32, in two passes, and takes means of rows before that of the image: runtimes that add
    one pixel after another then round by as much for large images as for small ones.

    Args:
        epsilon: what is added to the variance, above 0.

    Reference: Ulyanov et al., 2016, arXiv:1607.08022.
    """

    def __init__(self, epsilon: float = 1e-5, **options: Any):
        super().__init__(**options)
        self.epsilon = epsilon

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Makes the scale and the shift of each channel."""
        self.gamma = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="gamma")
        self.beta = self.add_weight(shape=(input_shape[-1],), initializer="zeros", name="beta")

    def call(self, images: Any) -> Any:
        """Returns maps of the same shape (batch, height, width, channels)."""
        x = keras.ops.cast(images, keras.backend.result_type(images.dtype, "float32"))
        x = x - _mean_of_image(x)
        scale = keras.ops.rsqrt(_mean_of_image(keras.ops.square(x)) + self.epsilon)
        x = x * (scale * keras.ops.cast(self.gamma, x.dtype)) + keras.ops.cast(self.beta, x.dtype)
        return keras.ops.cast(x, self.compute_dtype)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Returns the shape of the output, that of the input."""
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Returns what the layer is made from."""
        return super().get_config() | {"epsilon": self.epsilon}


def _mean_of_image(x):
    return keras.ops.mean(keras.ops.mean(x, axis=2, keepdims=True), axis=1, keepdims=True)


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
