"""Any source of images or points in one form: named sets, folders, files of arrays, and arrays."""

import dataclasses
import os
import pathlib
from typing import Any

from kerasgan.validation import scalars
from kerasgan.validation.printable import printable

from . import arrays, exact, photos, stacked_mnist, tables, tfds_images, toy
from .batches import resize_array
from .source import Source

OWN_NAMES = ("digits", *toy.NAMES, stacked_mnist.NAME)
"""Names of sources that are not sets of TensorFlow Datasets."""
SIDE_LIMIT = 2**20


@dataclasses.dataclass(frozen=True)
class Values:
    """How the values of a source are read: the arguments of `load` of these names."""

    bits: int | None = None
    value_range: tuple[float, float] | str | None = None
    unit: str | None = None

    def __post_init__(self) -> None:
        if self.bits not in (None, 8, 16):
            raise ValueError(f"Pictures have 8 or 16 bits. Received: bits={self.bits!r}. Use 8, 16 or None.")


def read(
    source: Any,
    size: tuple[int, int] | None,
    channels: int | None,
    split: str,
    seed: int,
    conditions: Any = None,
    values: Values | None = None,
) -> Source:
    """Returns any source as `Source`, with size, channels, split, conditions and scale applied."""
    values = values or Values()
    if isinstance(source, str | os.PathLike) and is_array_file(source):
        images, labels = exact.read_array_file(pathlib.Path(os.path.expanduser(source)))
        name = printable(pathlib.Path(source).name)
        source = images if labels is None else (images, labels)
        return dataclasses.replace(read(source, size, channels, split, seed, conditions, values), name=name)
    if isinstance(source, str | os.PathLike) and source not in OWN_NAMES:
        return _read_named(source, size, channels, split, conditions, values)
    if isinstance(source, str):
        _check_no_conditions(source, conditions)
        data = _read_own(source, split, seed).with_scale(values.value_range, values.unit)
    elif isinstance(source, tuple) or hasattr(source, "__array__"):
        data = arrays.read_arrays(source, values.value_range, values.unit)
        if conditions is not None:
            data = data.with_conditions(*tables.condition_of(conditions, len(data.values)))
        data = data.part(split)
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


def is_array_file(source: Any) -> bool:
    """Returns whether a source is a file of NumPy's."""
    path = os.path.expanduser(source)
    return os.path.splitext(path)[1].lower() in exact.ARRAYS and os.path.isfile(path)


def _check_no_conditions(source, conditions):
    if conditions is not None:
        raise ValueError(
            f"conditions are given for an array or a folder. Received: conditions for source={source!r}. Load its "
            "images with kerasgan.datasets.load_arrays, and pass these."
        )


def _read_own(name, split, seed):
    """Returns a source of `OWN_NAMES`, with the split applied."""
    if name == stacked_mnist.NAME:
        return stacked_mnist.read_stacked(split, OWN_NAMES)
    data = arrays.read_digits() if name == "digits" else toy.read_points(name, seed)
    return data.part(split)


def _read_named(source, size, channels, split, conditions, values):
    """Returns a folder or, failing that, a set of TensorFlow Datasets as `Source`."""
    name = os.fspath(source)
    folder = pathlib.Path(os.path.expanduser(name))  # pathlib's own fails for a user that does not exist
    if name and os.path.isdir(folder):  # and for a name that no file could have
        if isinstance(values.value_range, str) and "[" in split:
            raise ValueError(
                "The range of a folder's values is that of all its files, and a split reads some of them. Received: "
                f"value_range={values.value_range!r} with split={split!r}. Load the split 'train' once, and give its "
                "range: value_range=(info.value_scale.low, info.value_scale.high)."
            )
        if exact.is_folder_of_arrays(folder):
            _check_arrays(folder, channels, conditions)
            data = exact.read_array_folder(folder, exact.array_paths(folder), size, split)
        else:
            deep = exact.deep_reader(size or photos.DEFAULT_SIZE, channels, values.bits)
            data = photos.read_folder(folder, size, channels, split, conditions, deep)
        return data.with_scale(values.value_range, values.unit)
    if must_be_path(source):
        kind = "is a file" if os.path.isfile(folder) else "does not exist"
        raise ValueError(f"A folder must exist. Received: source={name!r}, which {kind}. Check the path.")
    _check_no_conditions(name, conditions)
    data = tfds_images.read_tfds(name, size, channels, split, OWN_NAMES)
    return data.with_scale(values.value_range, values.unit)


def _check_arrays(folder, channels, conditions):
    if channels is not None or conditions is not None:
        raise ValueError(
            "A folder of arrays has its own channels, and no table of conditions. Received: "
            f"channels={channels!r}, conditions={conditions!r} for '{printable(folder)}'. Leave them out, or stack the "
            "arrays, and pass one."
        )


def must_be_path(source: Any) -> bool:
    """Returns whether a source that is no folder cannot be the name of a set either."""
    name = os.fspath(source)
    starts_like_path = isinstance(source, os.PathLike) or name.startswith((".", "~", os.sep))
    has_separator = "/" in name or os.sep in name
    return not name or starts_like_path or (has_separator and not tfds_images.is_tfds_name(name))


def sizes(
    image_size: int | tuple[int, int] | None, crop_from: int | tuple[int, int] | None
) -> tuple[tuple[int, int] | None, tuple[int, int] | None]:
    """Returns the (height, width) to which images are resized, and that of their random crops, each or None.

    Raises:
        ValueError: if they are no sizes, or crops are larger than the images.
    """
    size, larger = checked_size(image_size), checked_size(crop_from, "crop_from")
    if larger is None:
        return size, None
    if size is None or size[0] > larger[0] or size[1] > larger[1]:
        raise ValueError(
            "Random crops of image_size are taken from images of crop_from, which is at least as large. Received: "
            f"image_size={image_size!r}, crop_from={crop_from!r}. Use image_size=256, crop_from=286, for example."
        )
    return larger, size


def checked_size(image_size: int | tuple[int, int] | None, name: str = "image_size") -> tuple[int, int] | None:
    """Returns (height, width), or None when `image_size` is None. Raises a ValueError for what is no size."""
    if image_size is None:
        return None
    pair = image_size if isinstance(image_size, tuple | list) else (image_size, image_size)
    if len(pair) != 2:
        raise ValueError(
            "An image size must be a whole number or (height, width). Received: "
            f"{name}={image_size!r}. Use {name}=64, for example."
        )
    height, width = (scalars.whole_number(name, side, 1, below=SIDE_LIMIT) for side in pair)
    return height, width
