"""Parts that several pairs of networks share: checks of sizes, inputs for labels, and the two ends of a network."""

import sys
from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from kerasgan.validation import scalars

SMALLEST = 8


def whole_sides(image_shape: Sequence[int]) -> tuple[int, ...]:
    """Returns the shape of an image as a tuple of ints.

    Raises:
        ValueError: if a side is not a whole number.
    """
    return tuple(scalars.whole_number(f"image_shape[{axis}]", side, 0) for axis, side in enumerate(image_shape))


def _near_sizes(shape):
    """Returns the sizes next to the shorter side of an image that the networks take; nothing for what is no image."""
    if len(shape) != 3:
        return []
    below = max(SMALLEST, min(shape[:2]) // 4 * 4)
    return [below] if below >= min(shape[:2]) else [below, below + 4]


def halvings(image_shape: Sequence[int], depth: int | None) -> tuple[tuple[int, ...], int]:
    """Returns the shape of an image as a tuple of ints, and how many times the networks halve it.

    Args:
        image_shape: (height, width, channels).
        depth: the number of halvings; None halves while the result is at least 4 on both sides.

    Raises:
        ValueError: if the image size is not a multiple of 4, is below 8, or does not halve `depth` times.
    """
    shape = whole_sides(image_shape)
    if len(shape) != 3 or any(side < SMALLEST or side % 4 for side in shape[:2]) or shape[2] < 1:
        near = " or ".join(str(side) for side in _near_sizes(shape))
        raise ValueError(
            "image_shape must be (height, width, channels) with a height and width that are multiples of 4 and at "
            f"least {SMALLEST}. Received: image_shape={shape}. Resize or pad the images, photos with "
            f"{f'image_size={near}' if near else 'image_size='}; for points use mlp."
        )
    if depth is None:
        return shape, _natural_depth(shape)
    depth = scalars.whole_number("depth", depth, 1)
    if any(side % 2**depth for side in shape[:2]):
        raise ValueError(
            f"The image must halve `depth` times. Received: depth={depth} for image_shape={shape}. "
            f"depth=None takes {_natural_depth(shape)}."
        )
    return shape, depth


def _natural_depth(image_shape):
    """Returns how many times an image halves while the result is at least 4 on both sides."""
    height, width, _ = image_shape
    depth = 0
    while height % 2 == 0 and width % 2 == 0 and min(height, width) >= 8:
        height, width, depth = height // 2, width // 2, depth + 1
    return depth


def classes(num_classes: int | None) -> int | None:
    """Returns a number of classes as an int; None, for an unconditional pair, stays None.

    Raises:
        ValueError: if it is neither None nor a whole number of at least 2.
    """
    if num_classes is None:
        return None
    try:
        return scalars.whole_number("num_classes", num_classes, 2)
    except ValueError as error:
        raise ValueError(
            f"{error} Use None for a pair without labels; a dataset's `info.num_classes` says how many classes it has."
        ) from None


def generator(latent_dim: int, num_classes: int | None, stack: Sequence[Any]) -> keras.Model:
    """Returns the model of a stack of layers, from latents (and labels, for a number of classes) to images."""
    z = keras.Input((latent_dim,), name="z")
    if num_classes is None:
        return keras.Sequential([z, *stack], name="generator")
    labels = label_input()
    images = keras.Sequential(stack, name="images")(join_label(z, labels, num_classes))
    return keras.Model([z, labels], images, name="generator")


def discriminator(
    image_shape: Sequence[int],
    num_classes: int | None,
    stack: Sequence[Any],
    kernel_initializer: Any = "glorot_uniform",
) -> keras.Model:
    """Returns the model of a stack of layers, from images (and labels) to features, with the logit of `project`."""
    image = keras.Input(image_shape, name="image")
    if num_classes is None:
        logit = layers.Dense(1, dtype="float32", kernel_initializer=kernel_initializer, name="logit")
        return keras.Sequential([image, *stack, logit], name="discriminator")
    labels = label_input()
    logit = project(keras.Sequential(stack, name="features")(image), labels, num_classes, kernel_initializer)
    return keras.Model([image, labels], logit, name="discriminator")


def batch_norm(name: str | None = None) -> Any:
    """Returns batch norm with the momentum of the GAN literature, over the whole batch.

    Made in the scope of a `tf.distribute` strategy it is synchronized: its statistics are those of the whole batch, not
    of each replica's share. A network with synchronized layers can only be loaded on TensorFlow.
    """
    return layers.BatchNormalization(momentum=0.9, synchronized=_has_strategy(), name=name)


def _has_strategy():
    tensorflow = sys.modules.get("tensorflow")  # imported by Keras where it runs on TensorFlow
    return keras.backend.backend() == "tensorflow" and tensorflow.distribute.has_strategy()


def label_input() -> Any:
    """Returns the symbolic input of class numbers in [0, num_classes), int32 (batch,), named `labels`."""
    return keras.Input((), dtype="int32", name="labels")


def join_label(z: Any, labels: Any, num_classes: int) -> Any:
    """Returns the latents concatenated with the one-hot label, (batch, latent_dim + num_classes).

    A learned embedding with the variance of the latents was tried and given up: it grows faster than all other weights,
    and the generator soon ignores the latents and produces one image for each class (on the digits the variety within a
    class fell to a twentieth of the variety of real images).

    Args:
        z: symbolic latents, (batch, latent_dim).
        labels: symbolic class numbers, int32 (batch,).
        num_classes: the number of classes.

    Reference: Mirza and Osindero, 2014, arXiv:1411.1784.
    """
    one_hot = layers.CategoryEncoding(num_classes, output_mode="one_hot", name="label")(labels)
    return layers.Concatenate(name="z_and_label")([z, one_hot])


def project(h: Any, labels: Any, num_classes: int | None, kernel_initializer: Any = "glorot_uniform") -> Any:
    """Returns the logit of a discriminator, float32 (batch, 1), from the last features of an image.

    Without labels: logit = w . h + b. With labels, the projection: logit = w . h + b + <embedding(label), h>. The
    embedding starts from 0, so that labels have no influence at the start; its gradient, h, is not 0 there.

    Args:
        h: symbolic features, (batch, features).
        labels: symbolic class numbers, int32 (batch,), or None without labels.
        num_classes: the number of classes, or None without labels.
        kernel_initializer: of w.

    Reference: Miyato and Koyama, 2018, arXiv:1802.05637 (equation 4).
    """
    logit = layers.Dense(1, dtype="float32", kernel_initializer=kernel_initializer, name="logit")(h)
    if labels is None:
        return logit
    # In float32, as the logit: the sum over the features is long.
    embedding = layers.Embedding(
        num_classes, h.shape[-1], embeddings_initializer="zeros", dtype="float32", name="label"
    )
    fit = layers.Dot(axes=1, dtype="float32", name="projection")([embedding(labels), h])
    return layers.Add(dtype="float32", name="conditional_logit")([logit, fit])


def scaled(variance: float, mode: str = "fan_in") -> Any:
    """Returns the initializer with which an output has `variance` times the variance of its inputs."""
    return keras.initializers.VarianceScaling(variance, mode=mode, distribution="untruncated_normal")
