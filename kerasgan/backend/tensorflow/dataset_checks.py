"""Checks of each batch of a `tf.data.Dataset`, in its own pipeline."""

import re
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from kerasgan.validation import images as image_checks

from .data import plain

PYTHON_CHECK = "check_numpy_batch"
"""The function that checks batches that Python makes."""
_BEGIN, _END = "kerasgan refuses: ", " (end)"  # around the sentence, to find it in TensorFlow's message


def batch_check(gan: Any, required_images: int = 1, multiple_of: int = 1) -> Callable[..., Any]:
    """Returns a function to be mapped over a dataset: it returns each batch as it is, or refuses it.

    A bad batch is refused before a single weight has been updated on it, at the cost of one comparison for each value.

    Args:
        gan: the `kerasgan.GAN` that is to be trained on the batches.
        required_images: the fewest images that a batch may hold.
        multiple_of: every batch holds a multiple of so many images.

    Raises:
        ValueError: by the function, for images or labels whose specs do not fit the GAN.
    """

    image_shape, condition = gan.data_spec

    @plain
    def check(images, *conditions):
        image_checks.check_image_spec(images.shape, images.dtype, image_shape)
        image_checks.check_batch_size(images.shape[0], required_images)
        image_checks.check_batch_multiple(images.shape[0], multiple_of)
        for each in conditions:
            condition.check_spec(each.shape, each.dtype)
        with tf.control_dependencies([*_of_images(images, required_images, multiple_of), *_of(condition, conditions)]):
            images = tf.identity(images)
        return (images, *conditions) if conditions else images

    return check


def _of_images(images, required_images, multiple_of):
    """Returns the assertions on a batch of images."""
    size = tf.shape(images)[:1]
    # Points have no range of their own.
    bound = 1 + image_checks.TOLERANCE if len(images.shape) > 2 else images.dtype.max
    finite = tf.reduce_all(tf.math.is_finite(images))
    inside = tf.reduce_all(tf.abs(images) <= tf.cast(bound, images.dtype))
    few = f"Every batch must hold an image for each of {required_images} discriminator steps"
    uneven = f"{image_checks.SHARES_RULE} {multiple_of}"
    whole = "Batch with drop_remainder=True"
    yield _assert(size[0] >= required_images, few, size, whole)
    yield _assert(size[0] % multiple_of == 0, uneven, size, whole)
    yield _assert(finite, image_checks.FINITE_RULE, images, image_checks.FINITE_ADVICE)
    yield _assert(finite & inside, image_checks.RANGE_RULE, images, image_checks.RANGE_ADVICE)


def _of(condition, conditions):
    """Returns the assertions on the conditions of a batch, of which there is one or none."""
    for each in conditions:
        low, high = condition.limits
        if each.dtype.is_floating:
            finite = tf.reduce_all(tf.math.is_finite(each))
            yield _assert(finite, f"{condition.plural} must be finite", each, image_checks.FINITE_ADVICE)
        if low is not None and not each.dtype.is_bool:
            slack = image_checks.TOLERANCE if each.dtype.is_floating else 0
            inside = tf.reduce_all(
                (each >= tf.cast(low - slack, each.dtype)) & (each <= tf.cast(high + slack, each.dtype))
            )
            yield _assert(inside, condition.rule, each, condition.advice)


def _assert(condition, rule, values, way_out):
    received = (tf.reduce_min(values), tf.reduce_max(values))
    sentence = tf.strings.format(f"{rule}. Received: values from {{}} to {{}}. {way_out}.", received)
    return tf.debugging.Assert(condition, [_BEGIN + sentence + _END])


def refusal(error: Exception) -> str | None:
    """Returns the sentence by which a batch was refused, or None for another error.

    Args:
        error: any error of `fit`: one of a dataset's pipeline, or of a Python function from which TensorFlow reads, in
            whose message there is the traceback.
    """
    if not isinstance(error, tf.errors.InvalidArgumentError):
        return None
    found = re.search(re.escape(_BEGIN) + r"(.*?)" + re.escape(_END), str(error), re.DOTALL)
    if found is None and f", in {PYTHON_CHECK}" in str(error):
        found = re.search(r"ValueError: (.*?)(?:\nTraceback|$)", str(error))
    return found.group(1) if found else None
