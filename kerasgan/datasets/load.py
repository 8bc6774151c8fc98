"""Loading of data sets: `load` gives batches for training, `load_arrays` arrays for evaluation."""

import os
from typing import Any

import numpy as np

from kerasgan.validation import scalars

from . import stacked_mnist, tfds_images
from .batches import Batches, make_batches
from .derived import MakeCondition, with_derived
from .info import DatasetInfo, info_of
from .reading import OWN_NAMES, Values, checked_size, is_array_file, must_be_path, read, sizes
from .scale import stored_to_model
from .source import Source, check_memory


def load(
    source: str | os.PathLike[str] | np.ndarray | tuple[Any, Any],
    batch_size: int = 64,
    *,
    image_size: int | tuple[int, int] | None = None,
    channels: int | None = None,
    crop_from: int | tuple[int, int] | None = None,
    bits: int | None = None,
    value_range: tuple[float, float] | str | None = None,
    unit: str | None = None,
    split: str = "train",
    labels: bool = False,
    conditions: Any = None,
    condition_from: str | MakeCondition | None = None,
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
            a `.npy` or `.npz` file, or a folder of these, with images of any number of channels;
            an array, or a tuple (images, labels): images (num_images, height, width[, channels]) uint8, uint16, int16,
            float in [-1, 1] or, with `value_range`, any numbers; or points (num_points[, dimensions]) float.
        batch_size: images in a batch, at most as many as there are; an epoch leaves out what does not fill a batch.
        image_size: integer or (height, width): the center is cropped to that aspect ratio and resized. None keeps the
            size; for photos it means 64.
        channels: 1 for gray, 3 for RGB or, of photos, 4 for RGB and opacity. None keeps them; for photos of 8 bits it
            means 3.
        crop_from: integer or (height, width), at least `image_size`: images are resized to it, and a part of
            `image_size`, at another place in each pass, is what batches hold. None for whole images.
        bits: 8 or 16, the bits of pictures in a folder. None keeps 16 where all have as many.
        value_range: (low, high), the values of the source that become -1 and 1; `"data"` for its least and greatest.
            None for all that 8 or 16 bits hold, and [-1, 1] for floats. `info.value_scale` turns samples back.
        unit: name of the unit of the source's values, for `info`, or None.
        split: `"train"` or a slice of it, such as `"train[:90%]"`; for TensorFlow Datasets any split of the set. Slices
            of the same source that do not overlap have no image in common.
        labels: whether batches are pairs (images, labels).
        conditions: several labels or numbers for each image, with which batches are pairs (images, conditions). For
            arrays an array (n, columns); for a folder a CSV file whose first line names the columns, and whose first
            column holds file names. Values that are all 0 or 1, or -1 or 1, are labels, all others numbers.
        condition_from: makes a condition of each image, with which batches are pairs (images, conditions): `"edges"`,
            outlines as dark lines on light ground; `"gray"`, luma; `"small"`, a quarter of each side, each pixel
            repeated to the size of the image; `"mask"`, the image with a random rectangle hidden, and a channel that
            shows where; or a function from uint8 (height, width, channels) to uint8 (height, width, k).
        shuffle: whether each epoch has an order of its own; False keeps the order in which the data are stored.
        flip: whether to mirror images, left to right, each with probability 1/2 in each pass. Not for images in which
            left and right differ, such as digits and letters.
        seed: non-negative integer that fixes the order of all epochs, the mirrored images, and the points drawn.
        passes: passes through the data in one epoch of `fit`.
        skip_batches: batches that training has had already, as `kerasgan.callbacks.Checkpoint.skip_batches` returns:
            `fit` begins after them.

    Returns:
        A tuple (batches, info): `Batches` of float32 (batch_size, height, width, channels) in [-1, 1], or (batch_size,
        dimensions) for points, as pairs with int32 (batch_size,) if `labels`, or float32 conditions; and a
        `DatasetInfo`. Epoch e of `fit` has the order of epoch e.

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
    size, crop = sizes(image_size, crop_from)
    _check_kinds(labels, conditions, condition_from)
    data = read(source, size, channels, split, seed, conditions, Values(bits, value_range, unit))
    _check_options(data, batch_size, labels, flip, crop)
    if condition_from is not None:
        data = with_derived(data, condition_from, seed)
    return batches_of(
        data, batch_size, labels, crop, shuffle=shuffle, flip=flip, seed=seed, passes=passes, skip_batches=skip_batches
    )


def batches_of(
    data: Source, batch_size: int, labels: bool = False, crop: tuple[int, int] | None = None, **options: Any
) -> tuple[Batches, DatasetInfo]:
    """Returns the batches of a source, and its facts.

    Args:
        data: the source.
        batch_size: images in a batch.
        labels: whether batches have its labels.
        crop: (height, width) of a random part of each image, or None.
        **options: the other arguments of `make_batches`.
    """
    conditions = data.labels if labels else data.conditions
    channels = data.condition_channels
    options |= {"crop": crop, "condition_channels": channels, "value_range": data.stored_range}
    batches = make_batches(data.values, conditions, batch_size, **options)
    return batches, info_of(data, crop, labels)


def load_arrays(
    source: str | os.PathLike[str] | np.ndarray | tuple[Any, Any],
    n: int | None = None,
    *,
    image_size: int | tuple[int, int] | None = None,
    channels: int | None = None,
    bits: int | None = None,
    value_range: tuple[float, float] | str | None = None,
    unit: str | None = None,
    split: str = "train",
    conditions: Any = None,
    condition_from: str | MakeCondition | None = None,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray | None, DatasetInfo]:
    """Returns images in [-1, 1] as one array, their labels or conditions, and facts of the data set: for evaluation.

    Args:
        source, image_size, channels, bits, value_range, unit, split, conditions, condition_from: as for `load`.
        n: how many, drawn without repetition, or all of them where there are fewer; None for all, as they are stored.
        seed: non-negative integer that fixes the choice, the points drawn, and what is random in conditions.

    Returns:
        A tuple (images, labels, info): float32 (n, height, width, channels) in [-1, 1] or points (n, dimensions); int32
        (n,) or None, or float32 conditions (n, ...) where they are asked for; and the `DatasetInfo` of the whole split.

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
    _check_kinds(False, conditions, condition_from)
    values = Values(bits, value_range, unit)
    data = read(source, checked_size(image_size), channels, split, seed, conditions, values)
    if condition_from is not None:
        data = with_derived(data, condition_from, seed)
    return arrays_of(data, n, seed)


def arrays_of(data: Source, n: int | None, seed: int) -> tuple[np.ndarray, np.ndarray | None, DatasetInfo]:
    """Returns the images of a source in [-1, 1], its conditions or labels, and its facts.

    Args:
        data: the source.
        n, seed: as for `load_arrays`.
    """
    images, conditions = data.values, data.labels if data.conditions is None else data.conditions
    if n is not None:
        chosen = np.random.default_rng(seed).permutation(len(images))[:n]
        images, conditions = images[chosen], None if conditions is None else conditions[chosen]
    if isinstance(images, np.memmap):
        check_memory(len(images), images.shape[1:3], images.shape[3] * np.float32().itemsize)
    images = stored_to_model(images, data.stored_range)
    if data.condition_channels is not None:
        channels = images.shape[-1] - data.condition_channels
        images, conditions = images[..., :channels], images[..., channels:]
    return images, conditions, info_of(data)


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
    if os.path.isdir(os.path.expanduser(source)) or is_array_file(source) or must_be_path(source):
        return False
    return tfds_images.has_split(source, "test", OWN_NAMES)


def facts_of_set(name: str) -> tuple[tuple[int | None, int | None, int | None], int]:
    """Returns facts of an image set of TensorFlow Datasets, after downloading and preparing it where necessary.

    Args:
        name: its name, as for `load`.

    Returns:
        The shape of its images, (height, width, channels), with None for a size that varies, and the number of training
        images.

    Raises:
        ValueError: when the set is unknown, has no images, or cannot be prepared.
    """
    return tfds_images.facts(name, OWN_NAMES)


def absolute_source(source: Any) -> Any:
    """Returns a source that means the same in every working directory: the absolute path of a folder or a file.

    Anything else, such as the name of a set, is returned as it is.

    Example:
        >>> import kerasgan
        >>> kerasgan.datasets.absolute_source("digits")
        'digits'
    """
    if not isinstance(source, str) or source in OWN_NAMES:
        return source
    path = os.path.expanduser(source)
    return os.path.abspath(path) if source and (os.path.isdir(path) or is_array_file(source)) else source


def check_batch_size(batch_size: int, num_images: int, name: str = "images") -> None:
    """Checks that there are images for a batch. Raises a ValueError if there are not."""
    if batch_size > num_images:
        raise ValueError(
            f"A batch must not be larger than the data set. Received: batch_size={batch_size} for {num_images} "
            f"{name}. Use batch_size={num_images} or less."
        )


def _check_kinds(labels, conditions, condition_from):
    """Checks that there is one kind of condition."""
    if not isinstance(labels, bool | np.bool_):
        given = f"<{type(labels).__name__}>" if hasattr(labels, "shape") else repr(labels)
        raise ValueError(
            f"labels must be True or False. Received: labels={given}. Pass labels with their images, as a tuple "
            "(images, labels); load two folders of images with kerasgan.datasets.load_pairs(inputs, targets)."
        )
    given = {"labels=True": labels, "conditions": conditions is not None, "condition_from": condition_from is not None}
    if sum(map(bool, given.values())) > 1:
        names = " and ".join(name for name, there in given.items() if there)
        raise ValueError(f"Batches have one kind of condition. Received: {names}. Choose one of them.")


def _check_options(data, batch_size, labels, flip, crop):
    """Checks that a source has what the arguments of `load` ask of it."""
    check_batch_size(batch_size, len(data.values))
    if labels and data.labels is None:
        raise ValueError(
            f"The source must have labels for labels=True. Received: labels=True for {data.name!r}, which has none. "
            "Use labels=False; a folder has labels when every photo is in a sub-folder, an array when it is given as "
            "(images, labels)."
        )
    if flip and data.values.ndim != 4:
        raise ValueError(f"Points cannot be mirrored. Received: flip={flip!r} for {data.name!r}. Use flip=False.")
    if crop is not None and data.values.ndim != 4:
        raise ValueError(f"Points cannot be cropped. Received: crop_from for {data.name!r}. Leave it None.")
