"""The one door to data: `load`, and `load_arrays` for those who judge."""

import dataclasses
import numbers
import os
import pathlib

import numpy as np

from . import arrays, photos, pipeline, points, stacked, tfds_images
from .raw import check_memory, fingerprint

OWN_NAMES = ("digits", *points.NAMES, stacked.NAME)


@dataclasses.dataclass(frozen=True)
class DatasetInfo:
    """What is known of a data set.

    Attributes:
        name: its name; a folder's is its last part.
        image_shape: (height, width, channels), or the shape of a point, (dimensions,).
        num_classes: number of classes, or None when there are no labels.
        num_images: images, or points, in the split that was loaded; the last ones of an epoch that do not fill a batch
            are among them.
        class_names: one name a class, or None when the classes have no names.
        skipped: names of the files that could not be read.
        scale: standard deviation of the points, over all dimensions; 1.0 for images, whose range is fixed.
        fingerprint: SHA-256 of all values and labels, as they are held in memory: the same for the same data alone.
    """

    name: str
    image_shape: tuple
    num_classes: int | None
    num_images: int
    class_names: tuple | None
    skipped: tuple = ()
    scale: float = 1.0
    fingerprint: str | None = None


def load(
    source,
    batch_size=64,
    *,
    image_size=None,
    channels=None,
    split="train",
    labels=False,
    shuffle=True,
    flip=False,
    seed=0,
    passes=1,
    skip_batches=0,
):
    """Returns batches of images in [-1, 1], and what is known of them.

    The whole data set is held in memory, images as uint8. Photos that would take more than a quarter of it are decoded
    once, chunk by chunk, and kept in a file below KERASGAN_CACHE, or else ~/.cache/kerasgan, from which they are read
    batch by batch, now and at later starts; it may be deleted when no training needs it.

    Args:
        source: what to load:
            `"digits"`, scikit-learn's 8x8 digits;
            `"ring"`, `"grid"` or `"bell"`, points whose distribution is known;
            `"stacked_mnist"`, three digits of MNIST as the colours of one image, 1,000 classes;
            the name of an image set of TensorFlow Datasets, such as `"mnist"`, looked for in `TFDS_DATA_DIR`;
            a folder of photos (write `"./digits"` for a folder with one of the names above);
            an array, or a tuple (images, labels): images (num_images, height, width[, channels]) uint8 in [0, 255] or
            float in [-1, 1], or points (num_points[, dimensions]) float.
        batch_size: images in a batch, at most as many as there are; an epoch leaves out what does not fill a batch.
        image_size: integer or (height, width): the centre is cropped to that aspect ratio and resized. None keeps the
            size; for photos it means 64.
        channels: 1 for gray or 3 for RGB. None keeps them; for photos it means 3.
        split: `"train"` or a slice of it, such as `"train[:90%]"`; for TensorFlow Datasets any split it has. Slices of
            the same source that do not overlap have no image in common.
        labels: whether to give pairs (images, labels).
        shuffle: whether to draw a new order for each epoch; False keeps the order in which the data are stored.
        flip: whether to mirror images, left to right: about half of them, chosen anew in each pass. Not for what has a
            left and a right, such as digits and letters.
        seed: non-negative integer that fixes the order of all epochs, what is mirrored, and the points drawn.
        passes: how many times one iteration of the dataset, which is an epoch of `fit`, goes through the data.
        skip_batches: batches that training has had already, as `kerasgan.callbacks.Checkpoint.skip_batches` tells: the
            first iteration gives the rest of its epoch, and nothing is run through to get there.

    Returns:
        A tuple (dataset, info): a finite `tf.data.Dataset` (on JAX a `keras.utils.PyDataset`) of float32 (batch_size,
        height, width, channels) in [-1, 1], or (batch_size, dimensions) for points, with int32 (batch_size,) beside it
        when `labels`; and a `DatasetInfo`.

    Raises:
        ValueError: when the source is unknown, cannot be read, or does not have what the other arguments ask of it.
    """
    size = _checked_size(image_size)
    _check_integer("batch_size", batch_size, 1)
    _check_integer("seed", seed, 0, bits=63)
    _check_integer("passes", passes, 1, bits=31)
    _check_integer("skip_batches", skip_batches, 0, bits=62)
    raw = _read(source, size, channels, split, seed)
    num_images = len(raw.values)
    if batch_size > num_images:
        raise ValueError(
            f"A batch must not be larger than the data set. Received: batch_size={batch_size} for {num_images} images. "
            f"Use batch_size={num_images} or less."
        )
    if labels and raw.labels is None:
        raise ValueError(
            f"The source must have labels for labels=True. Received: labels=True for {raw.name!r}, which has none. "
            "Use labels=False; a folder has labels when every photo lies in a sub-folder, an array when given as "
            "(images, labels)."
        )
    if flip and raw.values.ndim != 4:
        raise ValueError(f"Points cannot be mirrored. Received: flip={flip!r} for {raw.name!r}. Use flip=False.")
    wanted = raw.labels if labels else None
    how = {"shuffle": shuffle, "flip": flip, "seed": int(seed), "passes": int(passes), "skip_batches": int(skip_batches)}
    return pipeline.batches(raw.values, wanted, int(batch_size), **how), _info(raw)


def load_arrays(source, n=None, *, image_size=None, channels=None, split="train", seed=0):
    """Returns images in [-1, 1] as one array, with their labels, and what is known of them: for judging, not training.

    Args:
        source, image_size, channels, split: as for `load`.
        n: how many, drawn without repetition, or all of them where there are fewer; None for all, as they are stored.
        seed: non-negative integer that fixes the choice, and the points drawn.

    Returns:
        A tuple (images, labels, info): float32 (n, height, width, channels) in [-1, 1] or points (n, dimensions); int32
        (n,) or None; and the `DatasetInfo` of the whole split.

    Raises:
        ValueError: as `load` does.
    """
    _check_integer("seed", seed, 0)
    raw = _read(source, _checked_size(image_size), channels, split, seed)
    images, labels = raw.values, raw.labels
    if n is not None:
        _check_integer("n", n, 1)
        chosen = np.random.default_rng(seed).permutation(len(images))[:n]
        images, labels = images[chosen], None if labels is None else labels[chosen]
    if isinstance(images, np.memmap):
        check_memory(len(images), images.shape[1:3], images.shape[3] * np.float32().itemsize)
    if images.dtype == np.uint8:
        images = images.astype("float32") / np.float32(127.5) - np.float32(1.0)
    return images, labels, _info(raw)


def has_test_split(source):
    """Returns whether a source has a split "test" beside "train", which only sets of TensorFlow Datasets may have.

    Raises:
        ValueError: when a named set is unknown, or cannot be prepared.
    """
    if not isinstance(source, str) or source in OWN_NAMES:
        return isinstance(source, str) and source == stacked.NAME
    if os.path.isdir(os.path.expanduser(source)) or _must_be_path(source):
        return False
    return tfds_images.has_split(source, "test", OWN_NAMES)


def _info(raw):
    shape = tuple(raw.values.shape[1:])
    scale = float(raw.values.std()) if len(shape) == 1 else 1.0
    return DatasetInfo(
        raw.name, shape, raw.num_classes, len(raw.values), raw.class_names, raw.skipped, scale, _fingerprint(raw)
    )


def _fingerprint(raw):
    if raw.mark is not None:
        return raw.mark
    return fingerprint(raw.values.dtype, raw.values.shape, [np.ascontiguousarray(raw.values).data], raw.labels)


def _read(source, size, channels, split, seed):
    """Returns any source as `raw.Raw`, with size, channels and split applied."""
    if isinstance(source, str) and source in points.NAMES:
        raw = points.read_points(source, seed)
    elif isinstance(source, str) and source == "digits":
        raw = arrays.read_digits()
    elif isinstance(source, str) and source == stacked.NAME:
        raw = stacked.read_stacked(split, OWN_NAMES)
        return dataclasses.replace(raw, values=pipeline.fit_array(raw.values, size, channels))
    elif isinstance(source, str | os.PathLike):
        return _read_named(source, size, channels, split)
    elif isinstance(source, tuple) or hasattr(source, "__array__"):
        raw = arrays.read_arrays(source)
    else:
        raise ValueError(
            f"A source must be a name, a folder or an array. Received: source=<{type(source).__name__}>. "
            "Use np.asarray for a list of images; a tf.data.Dataset needs no load."
        )
    if raw.values.ndim == 2 and (size is not None or channels is not None):
        raise ValueError(
            f"Points have neither size nor channels. Received: image_size={size}, channels={channels} "
            f"for {raw.name!r}. Leave both None."
        )
    raw = raw.part(split)
    if raw.values.ndim == 2:
        return raw
    return dataclasses.replace(raw, values=pipeline.fit_array(raw.values, size, channels))


def _read_named(source, size, channels, split):
    """Returns a folder or, failing that, a set of TensorFlow Datasets as `raw.Raw`."""
    name = os.fspath(source)
    folder = pathlib.Path(os.path.expanduser(name))  # pathlib's own fails for a user that there is not
    if name and os.path.isdir(folder):  # and for a name that no file could have
        return photos.read_folder(folder, size, channels, split)
    if _must_be_path(source):
        kind = "is a file" if os.path.isfile(folder) else "does not exist"
        raise ValueError(f"A folder must exist. Received: source={name!r}, which {kind}. Check the path.")
    return tfds_images.read_tfds(name, size, channels, split, OWN_NAMES)


def _must_be_path(source):
    """Whether a source that is no folder cannot be meant for the name of a set either."""
    name = os.fspath(source)
    starts_like_path = isinstance(source, os.PathLike) or name.startswith((".", "~", os.sep))
    has_separator = "/" in name or os.sep in name
    return not name or starts_like_path or (has_separator and not tfds_images.is_tfds_name(name))


def _check_integer(name, value, lowest, bits=None):
    """Checks that a value is an integer in [lowest, 2**bits); `bits=None` is for one that is compared afterwards."""
    if not _is_integer(value) or value < lowest or (bits and value >= 2**bits):
        limit = f" and below 2**{bits}" if bits else ""
        raise ValueError(
            f"`{name}` must be an integer of at least {lowest}{limit}. Received: {name}={value!r}. Use {lowest}."
        )


def _is_integer(value):
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def _checked_size(image_size):
    """Returns (height, width), or None when `image_size` is None."""
    if image_size is None:
        return None
    pair = (image_size, image_size) if isinstance(image_size, numbers.Integral) else image_size
    if (
        isinstance(pair, tuple | list)
        and len(pair) == 2
        and all(_is_integer(side) and 1 <= side < 2**20 for side in pair)
    ):
        return int(pair[0]), int(pair[1])
    raise ValueError(
        "An image size must be a positive integer below 2**20 or (height, width) of these. Received: "
        f"image_size={image_size!r}. "
        "Use image_size=64, for example."
    )
