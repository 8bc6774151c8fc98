"""The one door to data: `load`, and `load_arrays` for those who judge."""

import dataclasses
import numbers
import os
import pathlib

import numpy as np

from kerasgan.validation import scalars

from . import arrays, photos, stacked_mnist, tfds_images, toy
from .batches import Batches, make_batches, resize_array
from .source import check_memory, fingerprint

OWN_NAMES = ("digits", *toy.NAMES, stacked_mnist.NAME)


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
        passes: passes through the data in one epoch of `fit`.
        skip_batches: batches that training has had already, as `kerasgan.callbacks.Checkpoint.skip_batches` returns:
            `fit` begins after them.

    Returns:
        A tuple (batches, info): `Batches` of float32 (batch_size, height, width, channels) in [-1, 1], or (batch_size,
        dimensions) for points, as pairs with int32 (batch_size,) if `labels`; and a `DatasetInfo`. Epoch e of `fit` has
        the order of epoch e.

    Raises:
        ValueError: when the source is unknown, cannot be read, or does not have what the other arguments ask of it.
    """
    size = _checked_size(image_size)
    batch_size = scalars.whole_number("batch_size", batch_size, 1)
    seed = scalars.whole_number("seed", seed, 0, below=2**63)
    passes = scalars.whole_number("passes", passes, 1, below=2**31)
    skip_batches = scalars.whole_number("skip_batches", skip_batches, 0, below=2**62)
    data = _read(source, size, channels, split, seed)
    num_images = len(data.values)
    if batch_size > num_images:
        raise ValueError(
            f"A batch must not be larger than the data set. Received: batch_size={batch_size} for {num_images} images. "
            f"Use batch_size={num_images} or less."
        )
    if labels and data.labels is None:
        raise ValueError(
            f"The source must have labels for labels=True. Received: labels=True for {data.name!r}, which has none. "
            "Use labels=False; a folder has labels when every photo lies in a sub-folder, an array when given as "
            "(images, labels)."
        )
    if flip and data.values.ndim != 4:
        raise ValueError(f"Points cannot be mirrored. Received: flip={flip!r} for {data.name!r}. Use flip=False.")
    wanted = data.labels if labels else None
    options = {"shuffle": shuffle, "flip": flip, "seed": seed, "passes": passes, "skip_batches": skip_batches}
    return make_batches(data.values, wanted, batch_size, **options), _info(data)


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
    scalars.whole_number("seed", seed, 0)
    data = _read(source, _checked_size(image_size), channels, split, seed)
    images, labels = data.values, data.labels
    if n is not None:
        scalars.whole_number("n", n, 1)
        chosen = np.random.default_rng(seed).permutation(len(images))[:n]
        images, labels = images[chosen], None if labels is None else labels[chosen]
    if isinstance(images, np.memmap):
        check_memory(len(images), images.shape[1:3], images.shape[3] * np.float32().itemsize)
    if images.dtype == np.uint8:
        images = images.astype("float32") / np.float32(127.5) - np.float32(1.0)
    return images, labels, _info(data)


def has_test_split(source):
    """Returns whether a source has a split "test" beside "train", which only sets of TensorFlow Datasets may have.

    Raises:
        ValueError: when a named set is unknown, or cannot be prepared.
    """
    if not isinstance(source, str) or source in OWN_NAMES:
        return isinstance(source, str) and source == stacked_mnist.NAME
    if os.path.isdir(os.path.expanduser(source)) or _must_be_path(source):
        return False
    return tfds_images.has_split(source, "test", OWN_NAMES)


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


def _read(source, size, channels, split, seed):
    """Returns any source as `Source`, with size, channels and split applied."""
    if isinstance(source, str) and source in toy.NAMES:
        data = toy.read_points(source, seed)
    elif isinstance(source, str) and source == "digits":
        data = arrays.read_digits()
    elif isinstance(source, str) and source == stacked_mnist.NAME:
        data = stacked_mnist.read_stacked(split, OWN_NAMES)
        return dataclasses.replace(data, values=resize_array(data.values, size, channels))
    elif isinstance(source, str | os.PathLike):
        return _read_named(source, size, channels, split)
    elif isinstance(source, tuple) or hasattr(source, "__array__"):
        data = arrays.read_arrays(source)
    else:
        raise ValueError(
            f"A source must be a name, a folder or an array. Received: source=<{type(source).__name__}>. "
            "Use np.asarray for a list of images; a tf.data.Dataset needs no load."
        )
    if data.values.ndim == 2 and (size is not None or channels is not None):
        raise ValueError(
            f"Points have neither size nor channels. Received: image_size={size}, channels={channels} "
            f"for {data.name!r}. Leave both None."
        )
    data = data.part(split)
    if data.values.ndim == 2:
        return data
    return dataclasses.replace(data, values=resize_array(data.values, size, channels))


def _read_named(source, size, channels, split):
    """Returns a folder or, failing that, a set of TensorFlow Datasets as `Source`."""
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
