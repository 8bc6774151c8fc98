"""Checks of images and labels: specs, whole arrays, and single batches."""

import math
import warnings
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from kerasgan.validation import networks

TOLERANCE = 0.01
FINITE_RULE = "Images must be finite"
RANGE_RULE = "Images must lie in [-1, 1]"
SHARES_RULE = "Replicas share every batch evenly: it must hold a multiple of"
LABELS_RULE = "Labels must lie in the range of the classes"
LABELS_ADVICE = "Count classes from 0, or build the networks and the GAN with a larger num_classes"
FINITE_ADVICE = "Remove or replace the images that hold NaN or infinity"
FIRST_BATCHES = 8
"""So many batches of each epoch are looked at for `FirstBatches`."""
ENOUGH_IMAGES = 16
RANGE_ADVICE = "Scale pixel values in [0, 255] by `images / 127.5 - 1`, or let kerasgan.datasets.load do it"


def check_image_spec(shape: Sequence[int | None], dtype: Any, image_shape: Sequence[int | None]) -> None:
    """Checks the shape (with the batch axis) and the dtype of one batch against the GAN's images.

    Raises:
        ValueError: if the images are not floats, or not of `image_shape`.
    """
    try:
        dtype = keras.backend.standardize_dtype(dtype)
    except ValueError:  # of objects, texts and dates
        dtype = str(dtype)
    if not dtype.startswith(("float", "bfloat")):
        raise ValueError(f"Images must be floats in [-1, 1]. Received: dtype {dtype}. {RANGE_ADVICE}.")
    shape = tuple(shape)
    if not networks.same_shape(shape[1:], image_shape):
        raise ValueError(
            f"Images must have the shape of the GAN's, (batch, {', '.join(map(str, image_shape))}). Received: shape "
            f"{shape}. {_way_to_shape(shape[1:], tuple(image_shape))}."
        )


def _way_to_shape(shape, image_shape):
    if len(shape) == 2 and len(image_shape) == 3:
        return "Add the axis of the channels: images[..., None]; gray images have one channel, (height, width, 1)"
    if len(shape) == 3 == len(image_shape) and shape == image_shape[-1:] + image_shape[:-1]:
        return "Put the channels last: np.moveaxis(images, 1, -1)"
    return f"Resize the images, or build the networks for image_shape={shape}"


def check_array(images: Any, image_shape: Sequence[int | None], batch_size: int, required_images: int) -> None:
    """Checks a whole array of images, shape (n, ...), before it is trained on.

    Raises:
        ValueError: for an empty array, wrong dtype, shape or range, NaN, or batches too small for the update rule.
    """
    images = np.asarray(images)
    if images.size == 0:
        raise ValueError(f"There must be images to train on. Received: an empty array of shape {images.shape}.")
    check_image_spec(images.shape, images.dtype, image_shape)
    low, high = _checked_range(images, image_shape)
    if low >= 0 and len(image_shape) > 1:
        warnings.warn(_half_range(low, high), stacklevel=3)
    _check_batch_sizes(len(images), batch_size, required_images)


def _half_range(low, high):
    return (
        f"The images use only half of [-1, 1]. Received: values from {low:g} to {high:g}. If they were scaled to "
        "[0, 1], train on `2 * images - 1`, the range of the generator's tanh."
    )


class FirstBatches:
    """Warns once if the first images of data that come in batches use only half of [-1, 1].

    Args:
        image_shape: shape of one image. Points have no range, and are not warned of.
    """

    def __init__(self, image_shape: Sequence[int | None]) -> None:
        self.low, self.high = math.inf, -math.inf
        self.num_images = 0
        self.is_decided: bool = len(image_shape) == 1

    def add(self, low: float, high: float, num_images: int) -> None:
        """Adds the range of the next batch. The first 16 images decide; a batch that is larger decides alone."""
        if self.is_decided:
            return
        self.low, self.high = min(self.low, float(low)), max(self.high, float(high))
        self.num_images += int(num_images)
        self.is_decided = self.low < 0 or self.num_images >= ENOUGH_IMAGES
        if self.is_decided and self.low >= 0:
            warnings.warn(_half_range(self.low, self.high), stacklevel=3)


def check_batch(images: np.ndarray, image_shape: Sequence[int | None], required_images: int) -> tuple[float, float]:
    """Checks one batch of images, an array (batch, ...), before it is trained on.

    Returns:
        Its least and its greatest value.

    Raises:
        ValueError: for wrong dtype, shape or range, NaN, or a batch too small for the update rule.
    """
    check_image_spec(images.shape, images.dtype, image_shape)
    check_batch_size(len(images), required_images)
    return _checked_range(images, image_shape)


def _checked_range(images, image_shape):
    """Returns the least and the greatest value, after checking that these are finite and, of images, in [-1, 1]."""
    low, high = float(images.min()), float(images.max())  # NaN anywhere makes both NaN
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError(f"{FINITE_RULE}. Received: values from {low:g} to {high:g}. {FINITE_ADVICE}.")
    has_range = len(image_shape) > 1  # points have none
    if has_range and (low < -1 - TOLERANCE or high > 1 + TOLERANCE):
        raise ValueError(f"{RANGE_RULE}. Received: values from {low:g} to {high:g}. {RANGE_ADVICE}.")
    return low, high


def check_label_spec(shape: Sequence[int | None], dtype: Any) -> None:
    """Checks the shape (with the batch axis) and the dtype of one batch of labels.

    Raises:
        ValueError: if they are not one integer for each image.
    """
    if len(shape) != 1 or "int" not in keras.backend.standardize_dtype(dtype):
        raise ValueError(
            f"Labels must be one integer for each image, of shape (batch,). Received: shape {tuple(shape)} of dtype "
            f"{keras.backend.standardize_dtype(dtype)}. Use labels[:, 0] for labels of shape (batch, 1), and "
            "labels.argmax(axis=1) for one-hot ones."
        )


def check_label_array(labels: Any, num_images: int, num_classes: int) -> None:
    """Checks a whole array of labels for `num_images` images.

    Raises:
        ValueError: if they are not integers of shape (num_images,) in [0, num_classes).
    """
    labels = np.asarray(labels)
    if labels.dtype.kind not in "iu":
        raise ValueError(
            f"Labels must be integers, the numbers of the classes. Received: labels of dtype {labels.dtype}. Use "
            "labels.astype('int32'), or labels.argmax(axis=1) for one-hot ones."
        )
    check_label_spec(labels.shape, labels.dtype)
    if len(labels) != num_images:
        raise ValueError(
            f"There must be one label for each image. Received: {len(labels)} labels for {num_images} images."
        )
    if len(labels):
        check_label_range(labels.min(), labels.max(), num_classes)


def check_label_range(lowest: int, highest: int, num_classes: int) -> None:
    """Checks the least and the largest of some labels.

    Raises:
        ValueError: if they are not in [0, num_classes).
    """
    if lowest < 0 or highest >= num_classes:
        raise ValueError(
            f"{LABELS_RULE}, [0, {num_classes}). Received: labels from {lowest} to {highest}. {LABELS_ADVICE}."
        )


def _check_batch_sizes(count, batch_size, required_images):
    last = count % batch_size or batch_size
    check_batch_size(min(last, batch_size, count), required_images)


def check_batch_size(batch_size: int | None, required_images: int) -> None:
    """Checks that each discriminator step gets an image.

    Raises:
        ValueError: if a batch holds fewer images than the update rule needs.
    """
    if batch_size is not None and batch_size < required_images:
        raise ValueError(
            "Every batch must hold an image for each discriminator step. Received: a batch of "
            f"{batch_size} for d_steps={required_images}. Use larger batches or fewer d_steps."
        )


def check_batch_multiple(batch_size: int | None, multiple_of: int) -> None:
    """Checks that replicas can share a batch, and cut it into minibatches, evenly.

    Raises:
        ValueError: if a batch does not hold a multiple of so many images, of each discriminator step one for each
            replica.
    """
    if batch_size is not None and batch_size % multiple_of:
        raise ValueError(
            f"{SHARES_RULE} {multiple_of} images, one for each replica and discriminator step. Received: a batch of "
            f"{batch_size}. Use such a batch size, and leave out the rest: kerasgan.datasets.load(images, batch_size), "
            "or batch with drop_remainder=True."
        )
