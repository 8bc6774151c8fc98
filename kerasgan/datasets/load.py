"""Loading of data sets: `load` gives batches for training, `load_arrays` arrays for evaluation."""

import dataclasses
import os
import pathlib
from typing import Any

import numpy as np

from kerasgan.validation import scalars

from . import arrays, photos, stacked_mnist, tfds_images, toy
from .batches import Batches, make_batches, resize_array
from .source import Source, check_memory, fingerprint

OWN_NAMES = ("digits", *toy.NAMES, stacked_mnist.NAME)
"""Names of sources that are not sets of TensorFlow Datasets."""
SIDE_LIMIT = 2**20


@dataclasses.dataclass(frozen=True)
class DatasetInfo:
    """Facts of a data set.

    Attributes:
        name: its name; the last part of the path for a folder.
        image_shape: (height, width, channels), or the shape of a point, (dimensions,).
        num_classes: number of classes, or None when there are no labels.
        num_images: images, or points, in the split that was loaded, those included that do not fill a batch.
        class_names: one name for each class, or None when the classes have no names.
        skipped: names of the files that could not be read.
        scale: standard deviation of the points, over all dimensions; 1.0 for images, whose range is fixed.
        fingerprint: SHA-256 of all values and labels in memory; equal for equal data alone.
    """

    name: str
    image_shape: tuple[int, ...]
    num_classes: int | None
    num_images: int
    class_names: tuple[str, ...] | None
    skipped: tuple[str, ...] = ()
    scale: float = 1.0
    fingerprint: str | None = None


def load(
    source: str | os.PathLike[str] | np.ndarray | tuple[Any, Any],
    batch_size: int = 64,
    *,
    image_size: int | tuple[int, int] | None = None,
    channels: int | None = None,
    split: str = "train",
    labels: bool = False,
    shuffle: bool = True,
    flip: bool = False,
    seed: int = 0,
    passes: int = 1,
    skip_batches: int = 0,
) -> tuple[Batches, DatasetInfo]:
    """Returns batches of images in [-1, 1], and facts of the data set.

    The whole data set is held in memory, images as uint8. Photos that would take more than a quarter of the memory are
    decoded once, in chunks, into a file below KERASGAN_CACHE, or else ~/.cache/kerasgan. Batches are then read from
    this file, now and at later starts. It may be deleted when no training uses it.

    Args:
        source: the data set, one of these:
            `"digits"`, scikit-learn's 8x8 digits;
            `"ring"`, `"grid"` or `"bell"`, points whose distribution is known;
            `"stacked_mnist"`, three digits of MNIST as the colors of one image, 1,000 classes;
            the name of an image set of TensorFlow Datasets, such as `"mnist"`, searched for in `TFDS_DATA_DIR`;
            a folder of photos (write `"./digits"` for a folder with one of the names above);
            an array, or a tuple (images, labels): images (num_images, height, width[, channels]) uint8 in [0, 255] or
            float in [-1, 1], or points (num_points[, dimensions]) float.
        batch_size: images in a batch, at most as many as there are; an epoch leaves out what does not fill a batch.
        image_size: integer or (height, width): the center is cropped to that aspect ratio and resized. None keeps the
            size; for photos it means 64.
        channels: 1 for gray or 3 for RGB. None keeps them; for photos it means 3.
        split: `"train"` or a slice of it, such as `"train[:90%]"`; for TensorFlow Datasets any split of the set. Slices
            of the same source that do not overlap have no image in common.
        labels: whether batches are pairs (images, labels).
        shuffle: whether each epoch has an order of its own; False keeps the order in which the data are stored.
        flip: whether to mirror images, left to right, each with probability 1/2 in each pass. Not for images in which
            left and right differ, such as digits and letters.
        seed: non-negative integer that fixes the order of all epochs, the mirrored images, and the points drawn.
        passes: passes through the data in one epoch of `fit`.
        skip_batches: batches that training has had already, as `kerasgan.callbacks.Checkpoint.skip_batches` returns:
            `fit` begins after them.

    Returns:
        A tuple (batches, info): `Batches` of float32 (batch_size, height, width, channels) in [-1, 1], or (batch_size,
        dimensions) for points, as pairs with int32 (batch_size,) if `labels`; and a `DatasetInfo`. Epoch e of `fit` has
        the order of epoch e.

    Raises:
        ValueError: when the source is unknown, cannot be read, or does not have what the other arguments ask of it.

    Example:

    ```python
    import kerasgan

    batches, info = kerasgan.datasets.load("digits", batch_size=64, labels=True)
    images, labels = next(iter(batches))  # float32 (64, 8, 8, 1), int32 (64,)
    assert (info.image_shape, info.num_classes, len(batches)) == ((8, 8, 1), 10, 28)
    ```
    """
    batch_size = scalars.whole_number("batch_size", batch_size, 1)
    seed = scalars.whole_number("seed", seed, 0, below=2**63)
    passes = scalars.whole_number("passes", passes, 1, below=2**31)
    skip_batches = scalars.whole_number("skip_batches", skip_batches, 0, below=2**62)
    data = _read(source, _checked_size(image_size), channels, split, seed)
    _check_options(data, batch_size, labels, flip)
    batches = make_batches(
        data.values,
        data.labels if labels else None,
        batch_size,
        shuffle=shuffle,
        flip=flip,
        seed=seed,
        passes=passes,
        skip_batches=skip_batches,
    )
    return batches, _info(data)


def load_arrays(
    source: str | os.PathLike[str] | np.ndarray | tuple[Any, Any],
    n: int | None = None,
    *,
    image_size: int | tuple[int, int] | None = None,
    channels: int | None = None,
    split: str = "train",
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray | None, DatasetInfo]:
    """Returns images in [-1, 1] as one array, with their labels and facts of the data set: for evaluation.

    Args:
        source, image_size, channels, split: as for `load`.
        n: how many, drawn without repetition, or all of them where there are fewer; None for all, as they are stored.
        seed: non-negative integer that fixes the choice, and the points drawn.

    Returns:
        A tuple (images, labels, info): float32 (n, height, width, channels) in [-1, 1] or points (n, dimensions); int32
        (n,) or None; and the `DatasetInfo` of the whole split.

    Raises:
        ValueError: as `load` does.

    Example:
        >>> import kerasgan
        >>> images, labels, info = kerasgan.datasets.load_arrays("digits", n=100)
        >>> images.shape, labels.shape, info.num_images
        ((100, 8, 8, 1), (100,), 1797)
    """
    seed = scalars.whole_number("seed", seed, 0)
    n = n if n is None else scalars.whole_number("n", n, 1)
    data = _read(source, _checked_size(image_size), channels, split, seed)
    images, labels = data.values, data.labels
    if n is not None:
        chosen = np.random.default_rng(seed).permutation(len(images))[:n]
        images, labels = images[chosen], None if labels is None else labels[chosen]
    if isinstance(images, np.memmap):
        check_memory(len(images), images.shape[1:3], images.shape[3] * np.float32().itemsize)
    if images.dtype == np.uint8:
        images = images.astype("float32") / np.float32(127.5) - np.float32(1.0)
    return images, labels, _info(data)


def has_test_split(source: Any) -> bool:
    """Returns whether a source has a split "test" as well as "train": only named sets of images may have one.

    Raises:
        ValueError: when a named set is unknown, or cannot be prepared.

    Example:
        >>> import kerasgan
        >>> kerasgan.datasets.has_test_split("digits")
        False
    """
    if not isinstance(source, str) or source in OWN_NAMES:
        return isinstance(source, str) and source == stacked_mnist.NAME
    if os.path.isdir(os.path.expanduser(source)) or _must_be_path(source):
        return False
    return tfds_images.has_split(source, "test", OWN_NAMES)


def absolute_source(source: Any) -> Any:
    """Returns a source that means the same in every working directory: the absolute path of a folder that exists.

    Anything else, such as the name of a set, is returned as it is.

    Example:
        >>> import kerasgan
        >>> kerasgan.datasets.absolute_source("digits")
        'digits'
    """
    if not isinstance(source, str) or source in OWN_NAMES:
        return source
    folder = os.path.expanduser(source)
    return os.path.abspath(folder) if source and os.path.isdir(folder) else source


def _check_options(data, batch_size, labels, flip):
    """Checks that a source has what the arguments of `load` ask of it."""
    if batch_size > len(data.values):
        raise ValueError(
            f"A batch must not be larger than the data set. Received: batch_size={batch_size} for {len(data.values)} "
            f"images. Use batch_size={len(data.values)} or less."
        )
    if labels and data.labels is None:
        raise ValueError(
            f"The source must have labels for labels=True. Received: labels=True for {data.name!r}, which has none. "
            "Use labels=False; a folder has labels when every photo is in a sub-folder, an array when it is given as "
            "(images, labels)."
        )
    if flip and data.values.ndim != 4:
        raise ValueError(f"Points cannot be mirrored. Received: flip={flip!r} for {data.name!r}. Use flip=False.")


def _info(data):
    shape = tuple(data.values.shape[1:])
    scale = float(data.values.std()) if len(shape) == 1 else 1.0
    return DatasetInfo(
        data.name, shape, data.num_classes, len(data.values), data.class_names, data.skipped, scale, _fingerprint(data)
    )


def _fingerprint(data):
    if data.fingerprint is not None:
        return data.fingerprint
    return fingerprint(data.values.dtype, data.values.shape, [np.ascontiguousarray(data.values).data], data.labels)


def _read(source: Any, size: tuple[int, int] | None, channels: int | None, split: str, seed: int) -> Source:
    """Returns any source as `Source`, with size, channels and split applied."""
    if isinstance(source, str) and source in OWN_NAMES:
        data = _read_own(source, split, seed)
    elif isinstance(source, str | os.PathLike):
        return _read_named(source, size, channels, split)
    elif isinstance(source, tuple) or hasattr(source, "__array__"):
        data = arrays.read_arrays(source).part(split)
    else:
        raise ValueError(
            f"A source must be a name, a folder or an array. Received: source=<{type(source).__name__}>. "
            "Use np.asarray for a list of images; a tf.data.Dataset goes to fit without load."
        )
    if data.values.ndim != 2:
        return dataclasses.replace(data, values=resize_array(data.values, size, channels))
    if size is not None or channels is not None:
        raise ValueError(
            f"Points have neither size nor channels. Received: image_size={size}, channels={channels} "
            f"for {data.name!r}. Leave both None."
        )
    return data


def _read_own(name, split, seed):
    """Returns a source of `OWN_NAMES`, with the split applied."""
    if name == stacked_mnist.NAME:
        return stacked_mnist.read_stacked(split, OWN_NAMES)
    data = arrays.read_digits() if name == "digits" else toy.read_points(name, seed)
    return data.part(split)


def _read_named(source, size, channels, split):
    """Returns a folder or, failing that, a set of TensorFlow Datasets as `Source`."""
    name = os.fspath(source)
    folder = pathlib.Path(os.path.expanduser(name))  # pathlib's own fails for a user that does not exist
    if name and os.path.isdir(folder):  # and for a name that no file could have
        return photos.read_folder(folder, size, channels, split)
    if _must_be_path(source):
        kind = "is a file" if os.path.isfile(folder) else "does not exist"
        raise ValueError(f"A folder must exist. Received: source={name!r}, which {kind}. Check the path.")
    return tfds_images.read_tfds(name, size, channels, split, OWN_NAMES)


def _must_be_path(source):
    """Returns whether a source that is no folder cannot be the name of a set either."""
    name = os.fspath(source)
    starts_like_path = isinstance(source, os.PathLike) or name.startswith((".", "~", os.sep))
    has_separator = "/" in name or os.sep in name
    return not name or starts_like_path or (has_separator and not tfds_images.is_tfds_name(name))


def _checked_size(image_size):
    """Returns (height, width), or None when `image_size` is None."""
    if image_size is None:
        return None
    pair = image_size if isinstance(image_size, tuple | list) else (image_size, image_size)
    if len(pair) != 2:
        raise ValueError(
            "An image size must be a whole number or (height, width). Received: "
            f"image_size={image_size!r}. Use image_size=64, for example."
        )
    height, width = (scalars.whole_number("image_size", side, 1, below=SIDE_LIMIT) for side in pair)
    return height, width
