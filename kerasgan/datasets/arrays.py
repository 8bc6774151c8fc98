"""Arrays of the caller's, and the digits of scikit-learn."""

import importlib.util
import pathlib
import warnings
from typing import Any

import numpy as np

from kerasgan.validation import memory

from .scale import PIXELS
from .source import Source

LARGEST_POINT = 1e18
DIGITS_FILE = "datasets/data/digits.csv.gz"


def read_digits() -> Source:
    """Returns scikit-learn's 1,797 digits of 8x8 pixels as `Source`; their 17 gray levels are scaled to [0, 255]."""
    pixels, labels = _digits()
    images = np.round(pixels.reshape(-1, 8, 8, 1) * (255.0 / 16.0)).astype("uint8")
    return Source("digits", images, labels.astype("int32"), 10, tuple("0123456789"))


def _digits():
    """Returns the digits' pixels (num_images, 64) in [0, 16] and labels (num_images,), from scikit-learn's own file.

    Importing scikit-learn takes longer than everything else here: it is imported only where the file is not there.
    """
    for folder in importlib.util.find_spec("sklearn").submodule_search_locations:
        file = pathlib.Path(folder, DIGITS_FILE)
        if file.is_file():
            table = np.loadtxt(file, delimiter=",", dtype="uint8")
            return table[:, :-1], table[:, -1]
    from sklearn.datasets import load_digits

    return load_digits(return_X_y=True)


def read_arrays(source: Any, value_range: Any = None, unit: str | None = None) -> Source:
    """Returns an array, or a pair (images, labels) of arrays, as `Source`.

    Args:
        source: images uint8, uint16 or int16, or float in [-1, 1], (num_images, height, width[, channels]); or float
            points (num_images[, dimensions]) within 1e18 of 0; alone, or in a tuple with integer labels (num_images,).
        value_range, unit: as for `Source.with_scale`; with a range, images may be any numbers.

    Raises:
        ValueError: for another shape, dtype, range or number of labels, or more than the memory of this machine holds.
    """
    values, labels = _pair(source) if isinstance(source, tuple) else (source, None)
    values = np.asarray(values)
    _check_shape(values)
    _check_values(values, value_range)
    if values.ndim in (1, 3):
        values = values[..., None]
    if values.dtype.name not in PIXELS and (value_range is None or values.ndim == 2):
        values = values.astype("float32")
    data = Source("array", values).with_scale(value_range, unit)
    return data if labels is None else with_labels(data, labels)


def with_labels(data: Source, labels: Any) -> Source:
    """Returns a source with labels, integers (n,). Raises a ValueError for others, and warns of empty classes."""
    labels = _checked_labels(np.asarray(labels), len(data.values))
    used = len(np.unique(labels))
    if used <= labels.max():
        warnings.warn(
            f"Labels count the classes from 0. Received: labels from {labels.min()} to {labels.max()}, of which {used} "
            f"are used: a GAN would draw from all {labels.max() + 1} classes. Use numpy.unique(labels, "
            "return_inverse=True)[1].",
            stacklevel=5,
        )
    return data.with_labels(labels, int(labels.max()) + 1)


def _pair(source):
    if len(source) != 2:
        raise ValueError(
            f"A tuple must be (images, labels). Received: source=<tuple of {len(source)}>. "
            "Stack several arrays with np.stack or np.concatenate first."
        )
    return source


def _check_shape(values):
    received = f"Received: an array of shape={values.shape}"
    if values.ndim not in (1, 2, 3, 4):
        raise ValueError(
            f"Images must be (num_images, height, width[, channels]), points (num_points[, dimensions]). {received}. "
            "Reshape the array first."
        )
    if values.size == 0:
        raise ValueError(f"An array must hold at least one image or point. {received}. Check where it comes from.")
    num_bytes = values.size * min(values.dtype.itemsize, 4)
    if not memory.fits(num_bytes):  # a view of a few values can have any shape
        raise ValueError(
            f"The whole data set must fit into memory. {received}, which takes {num_bytes / 2**30:,.0f} GiB. Pass a "
            "part of it."
        )
    if values.ndim == 4 and values.shape[1] in (1, 3) and values.shape[3] > 4:
        raise ValueError(f"Channels must be the last axis. {received}. Use np.moveaxis(array, 1, -1).")


def _check_values(values, value_range):
    points = values.ndim < 3
    is_number = values.dtype.kind == "f" or (not points and values.dtype.kind in "iu")
    if not is_number or not (values.dtype.kind == "f" or values.dtype.name in PIXELS or value_range is not None):
        raise ValueError(
            "Images must be uint8, uint16 or int16, or float in [-1, 1], points float. Received: "
            f"dtype={values.dtype}, shape={values.shape}. Use array.astype('uint8') or array.astype('float32'), or "
            "value_range=(low, high) for numbers in a unit of their own."
        )
    if values.dtype.kind != "f" or (value_range is not None and not points):
        return  # the scale checks what is left
    if not np.isfinite(values).all():
        bad = int(values.size - np.isfinite(values).sum())
        raise ValueError(f"All values must be finite. Received: {bad} NaN or infinite values. Remove or replace them.")
    low, high = float(values.min()), float(values.max())
    if not points:
        _check_range(low, high)
    elif max(-low, high) > LARGEST_POINT:
        raise ValueError(
            f"Points must lie within {LARGEST_POINT:g} of 0, so that float32 holds their squares. Received: values "
            f"from {low:g} to {high:g}. Divide them by their standard deviation."
        )


def _check_range(low, high):
    if low < -1.0 or high > 1.0:
        raise ValueError(
            f"Float images must lie in [-1, 1]. Received: values from {low:g} to {high:g}. "
            "For pixels in [0, 255] use images / 127.5 - 1, or pass them as uint8; for a unit of their own use "
            "value_range=(low, high)."
        )
    if low >= 0.0:
        warnings.warn(
            f"Float images are taken to lie in [-1, 1], but these have no negative value. "
            f"Received: values from {low:g} to {high:g}. For images in [0, 1] use images * 2 - 1.",
            stacklevel=6,
        )


def _checked_labels(labels, num_images):
    """Returns labels as int32 (num_images,); a last axis of size 1, as in Keras's CIFAR-10, is dropped."""
    received = f"Received: labels of shape={labels.shape}, dtype={labels.dtype} for {num_images} images"
    if labels.ndim > 2 or labels.dtype.kind in "OSU":  # images, or the path of some
        raise ValueError(
            f"Labels must be one integer for each image. {received}. Load images that are made of others with "
            "kerasgan.datasets.load_pairs(inputs, targets); encode words as integers."
        )
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.shape != (num_images,) or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            f"Labels must be one integer for each image. {received}. Use labels.argmax(axis=1) for one-hot labels, and "
            "load(images, conditions=labels) for several labels at once or numbers."
        )
    if labels.min() < 0:
        raise ValueError(
            f"Labels must not be negative. Received: labels from {labels.min()} to {labels.max()}. Count from 0."
        )
    if labels.max() > np.iinfo("int32").max:
        raise ValueError(f"Labels must be below 2**31. Received: labels up to {labels.max()}. Count from 0.")
    return labels.astype("int32")
