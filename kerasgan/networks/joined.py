"""Two networks as one, on images of two domains that are joined along the channels."""

from typing import Any

import keras
from keras import layers

PACKAGE = "kerasgan"


@keras.saving.register_keras_serializable(package=PACKAGE)
class Channels(layers.Layer):
    """Some of the channels of images: (batch, height, width, channels) -> (batch, height, width, end - begin).

    Args:
        begin, end: the first channel, and the one after the last.
    """

    def __init__(self, begin: int, end: int, **options: Any):
        super().__init__(**options)
        self.begin, self.end = begin, end

    def call(self, images: Any) -> Any:
        return images[..., self.begin : self.end]

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:-1], self.end - self.begin)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "begin": self.begin, "end": self.end}


@keras.saving.register_keras_serializable(package=PACKAGE)
class Flat(layers.Layer):
    """A map of logits as a column of them: (batch, height, width, 1) or (batch, 1) -> (batch, logits, 1, 1)."""

    def call(self, logits: Any) -> Any:
        shape = keras.ops.shape(logits)
        return keras.ops.reshape(logits, (shape[0], -1, 1, 1))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        sides = input_shape[1:]
        count = None if None in sides else 1
        for side in sides:
            count = None if count is None else count * side
        return (input_shape[0], count, 1, 1)


def join_generators(generator_ab: keras.Model, generator_ba: keras.Model, channels: tuple[int, int]) -> keras.Model:
    """Returns G(a, b) = (to_a(b), to_b(a)), on images of both domains joined along the channels, of any size.

    Args:
        generator_ab, generator_ba: from images of the one domain to images of the other.
        channels: those of domain a and of domain b.
    """
    a, b = channels
    images = keras.Input(_joined_shape(generator_ab, generator_ba, a + b), name="images")
    to_b = generator_ab(Channels(0, a, name="images_a")(images))
    to_a = generator_ba(Channels(a, a + b, name="images_b")(images))
    joined = layers.Concatenate(dtype="float32", name="translated")([to_a, to_b])
    return keras.Model(images, joined, name="generator")


def join_discriminators(
    discriminator_a: keras.Model, discriminator_b: keras.Model, channels: tuple[int, int]
) -> keras.Model:
    """Returns the discriminator of both domains: joined images -> the logits of both, (batch, logits, 1, 1).

    The mean over its logits is the mean of both discriminators' means, if both have as many logits.

    Args:
        discriminator_a, discriminator_b: from images of a domain to one logit each, or to a map of logits.
        channels: those of domain a and of domain b.
    """
    a, b = channels
    images = keras.Input(_joined_shape(discriminator_a, discriminator_b, a + b), name="images")
    of_a = Flat(dtype="float32", name="logits_a")(discriminator_a(Channels(0, a, name="images_a")(images)))
    of_b = Flat(dtype="float32", name="logits_b")(discriminator_b(Channels(a, a + b, name="images_b")(images)))
    joined = layers.Concatenate(axis=1, dtype="float32", name="logits")([of_a, of_b])
    return keras.Model(images, joined, name="discriminator")


def _joined_shape(first, second, channels):
    """The size that both networks are built for: None on the sides on which both take any size."""
    sides = zip(first.inputs[0].shape[1:3], second.inputs[0].shape[1:3], strict=True)
    return (*(one if one is not None else other for one, other in sides), channels)
