"""Parts that several pairs of networks share: checks of sizes, conditions, and the two ends of a network."""

import sys
from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from kerasgan import conditions
from kerasgan.conditions import Classes, Condition, Image, Vector
from kerasgan.networks import shapes
from kerasgan.networks.latent_categories import LatentCategories
from kerasgan.validation import scalars


def halvings(image_shape: Sequence[int], depth: int | None) -> tuple[tuple[int, ...], int]:
    """Returns the shape of an image as a tuple of ints, and how many times the networks halve it.

    Args:
        image_shape: (height, width, channels).
        depth: the number of halvings; None halves while the result is at least 4 on both sides.

    Raises:
        ValueError: if the image size is not a multiple of 4, is below 8, or does not halve `depth` times.
    """
    sizes = shapes.read(image_shape, depth)
    return sizes.shape, sizes.depth


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


def condition_of(num_classes: int | None, condition: Condition | None) -> Condition | None:
    """Returns the condition of a pair that draws images of classes, labels or numbers; None for no condition.

    Raises:
        ValueError: if there are two conditions or fewer than two classes, or the condition is an image.
    """
    found = conditions.resolve(classes(num_classes), condition)
    if isinstance(found, Classes):
        classes(found.num_classes)
    if isinstance(found, Image):
        raise ValueError(
            "These networks take classes, labels or numbers as their condition. Received: "
            f"condition={found!r}. From image to image use kerasgan.networks.unet and kerasgan.networks.patchgan, or "
            "kerasgan.networks.pix2pix for both."
        )
    return found


def generator_inputs(latent_dim: int, condition: Condition | None, latent_categories: int = 0) -> tuple[list[Any], Any]:
    """Returns the symbolic inputs of a generator, and what its first layer takes.

    Args:
        latent_dim: width of the latents; 0 for none.
        condition: what is joined to them, or None.
        latent_categories: how many categories the latents choose from (`LatentCategories`); 0 for none.

    Raises:
        ValueError: if there are neither latents nor a condition, or more categories than latents.
    """
    latent_dim = scalars.whole_number("latent_dim", latent_dim, 0)
    if not latent_dim and condition is None:
        raise ValueError(
            "A generator takes latents, a condition, or both. Received: latent_dim=0 and no condition. Use "
            "latent_dim=64, or give a condition."
        )
    z = keras.Input((latent_dim,), name="z") if latent_dim else None
    x = _categories(latent_categories, latent_dim)(z) if latent_categories else z
    if condition is None:
        return [z], x
    given = condition.input()
    return ([given] if z is None else [z, given]), join_condition(x, given, condition)


def _categories(latent_categories, latent_dim):
    count = scalars.whole_number("latent_categories", latent_categories, 0)
    if not 2 <= count <= latent_dim:
        raise ValueError(
            f"latent_categories must be 0, for none, or from 2 to latent_dim. Received: latent_categories={count} with "
            f"latent_dim={latent_dim}."
        )
    return LatentCategories(count, name="categories")


def model(inputs: Sequence[Any], output: Any, name: str) -> keras.Model:
    """Returns the model of some inputs; a single one is taken as a tensor, not as a list."""
    return keras.Model(inputs[0] if len(inputs) == 1 else list(inputs), output, name=name)


def generator(
    latent_dim: int, condition: Condition | None, stack: Sequence[Any], latent_categories: int = 0
) -> keras.Model:
    """Returns the model of a stack of layers, from latents and a condition, or one of them, to images.

    See `generator_inputs` for the categories.
    """
    inputs, x = generator_inputs(latent_dim, condition, latent_categories)
    if condition is None and not latent_categories:
        return keras.Sequential([*inputs, *stack], name="generator")
    return model(inputs, keras.Sequential(stack, name="images")(x), "generator")


def discriminator(
    image_shape: Sequence[int],
    condition: Condition | None,
    stack: Sequence[Any],
    kernel_initializer: Any = "glorot_uniform",
) -> keras.Model:
    """Returns the model of a stack of layers, from images (and a condition) to features, and the logit of `project`."""
    image = keras.Input(image_shape, name="image")
    if condition is None:
        logit = layers.Dense(1, dtype="float32", kernel_initializer=kernel_initializer, name="logit")
        return keras.Sequential([image, *stack, logit], name="discriminator")
    given = condition.input()
    logit = project(keras.Sequential(stack, name="features")(image), given, condition, kernel_initializer)
    return keras.Model([image, given], logit, name="discriminator")


def batch_norm(name: str | None = None) -> Any:
    """Returns batch norm with the momentum of the GAN literature, over the whole batch.

    Made in the scope of a `tf.distribute` strategy it is synchronized: its statistics are those of the whole batch, not
    of each replica's share. A network with synchronized layers can only be loaded on TensorFlow.
    """
    return layers.BatchNormalization(momentum=0.9, synchronized=_has_strategy(), name=name)


def _has_strategy():
    tensorflow = sys.modules.get("tensorflow")  # imported by Keras where it runs on TensorFlow
    return keras.backend.backend() == "tensorflow" and tensorflow.distribute.has_strategy()


def encode(given: Any, condition: Condition) -> Any:
    """Returns a condition as numbers of about unit size, float (batch, size).

    Classes are encoded as one-hot labels. Numbers are standardized, in float32, so that they are given in their own
    unit. Labels, 0 or 1, stay as they are.

    Args:
        given: the symbolic condition.
        condition: what it is.
    """
    if isinstance(condition, Classes):
        return layers.CategoryEncoding(condition.num_classes, output_mode="one_hot", name="label")(given)
    if isinstance(condition, Vector) and (condition.mean, condition.std) != (None, None):
        mean, std = (each.astype("float64") for each in condition.scale)
        standardize = layers.Rescaling((1 / std).tolist(), (-mean / std).tolist(), dtype="float32", name="standardized")
        return standardize(given)
    return given


def join_condition(z: Any, given: Any, condition: Condition) -> Any:
    """Returns the latents concatenated with the condition, (batch, latent_dim + its size).

    A learned embedding with the variance of the latents was tried for classes and given up: it grows faster than all
    other weights, and the generator soon ignores the latents and produces one image for each class (on the digits the
    variety within a class fell to a twentieth of the variety of real images).

    Args:
        z: symbolic latents, (batch, latent_dim); None for the condition alone.
        given: the symbolic condition; see `encode`.
        condition: what it is.

    Reference: Mirza and Osindero, 2014, arXiv:1411.1784.
    """
    encoded = encode(given, condition)
    if z is None:
        return encoded
    name = "z_and_label" if isinstance(condition, Classes) else "z_and_condition"
    return layers.Concatenate(name=name)([z, encoded])


def project(h: Any, given: Any, condition: Condition | None, kernel_initializer: Any = "glorot_uniform") -> Any:
    """Returns the logit of a discriminator, float32 (batch, 1), from the last features of an image.

    Without a condition: logit = w . h + b. With one, the projection: logit = w . h + b + <V c, h>, of which the column
    of a class is its embedding. V starts from 0, so that the condition has no influence at the start; the gradient,
    h c', is not 0 there.

    Args:
        h: symbolic features, (batch, features).
        given: the symbolic condition, or None without one; see `encode`.
        condition: what it is, or None.
        kernel_initializer: of w.

    Reference: Miyato and Koyama, 2018, arXiv:1802.05637 (equation 4).
    """
    logit = layers.Dense(1, dtype="float32", kernel_initializer=kernel_initializer, name="logit")(h)
    if condition is None:
        return logit
    # In float32, as the logit: the sum over the features is long.
    options = {"dtype": "float32", "name": "label" if isinstance(condition, Classes) else "embedding"}
    if isinstance(condition, Classes):
        embedding = layers.Embedding(condition.num_classes, h.shape[-1], embeddings_initializer="zeros", **options)
        embedded = embedding(given)
    else:
        embedding = layers.Dense(h.shape[-1], use_bias=False, kernel_initializer="zeros", **options)
        embedded = embedding(encode(given, condition))
    fit = layers.Dot(axes=1, dtype="float32", name="projection")([embedded, h])
    return layers.Add(dtype="float32", name="conditional_logit")([logit, fit])


def scaled(variance: float, mode: str = "fan_in") -> Any:
    """Returns the initializer with which an output has `variance` times the variance of its inputs."""
    return keras.initializers.VarianceScaling(variance, mode=mode, distribution="untruncated_normal")
