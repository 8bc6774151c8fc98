"""Volumes: arrays (n, depth, height, width, channels), in one file or in a folder of files."""

import os
import pathlib
from typing import Any

import numpy as np

from kerasgan.validation import memory, scalars
from kerasgan.validation.printable import printable

from . import arrays, exact, photos
from .batches import Batches
from .info import DatasetInfo
from .load import batches_of, check_batch_size
from .reading import Values, is_array_file
from .source import Source


def load_volumes(
    source: str | os.PathLike[str] | np.ndarray | tuple[Any, Any],
    batch_size: int = 16,
    *,
    value_range: tuple[float, float] | str | None = None,
    unit: str | None = None,
    split: str = "train",
    labels: bool = False,
    shuffle: bool = True,
    seed: int = 0,
    passes: int = 1,
    skip_batches: int = 0,
) -> tuple[Batches, DatasetInfo]:
    """Returns batches of volumes in [-1, 1], such as scans, and facts of the data set.

    Args:
        source: an array (n, depth, height, width, channels), or a tuple (volumes, labels); a `.npy` or `.npz` file of
            one; or a folder of such files, each of one volume (depth, height, width, channels) or of several. Where
            every file is in a sub-folder, these are the classes.
        batch_size: volumes in a batch.
        value_range: (low, high), the values that become -1 and 1; `"data"` for the least and the greatest; None for all
            that 8 or 16 bits hold, and [-1, 1] for floats.
        unit: name of the unit, for `info.value_scale`, or None.
        split: `"train"` or a slice of it, such as `"train[:90%]"`.
        labels: whether batches are pairs (volumes, labels).
        shuffle, seed, passes, skip_batches: as for `load`.

    Returns:
        A tuple (batches, info): `Batches` of float32 (batch_size, depth, height, width, channels) in [-1, 1], alone or
        as pairs; and a `DatasetInfo` whose `image_shape` is (depth, height, width, channels).

    Raises:
        ValueError: for arrays of another rank, of several shapes, with gaps, out of range, or more than memory holds.

    Example:

    ```python
    import numpy as np

    import kerasgan

    scans = np.random.default_rng(0).integers(4096, size=(8, 16, 16, 16, 1), dtype="uint16")
    batches, info = kerasgan.datasets.load_volumes(scans, batch_size=4, value_range=(0, 4095))
    assert info.image_shape == (16, 16, 16, 1)
    ```
    """
    batch_size = scalars.whole_number("batch_size", batch_size, 1)
    data = read_volumes(source, Values(None, value_range, unit), split)
    check_batch_size(batch_size, len(data.values), "volumes")
    if labels and data.labels is None:
        raise ValueError(
            f"The source must have labels for labels=True. Received: {data.name!r}. Put every file into the sub-folder "
            "of its class, or pass (volumes, labels)."
        )
    return batches_of(data, batch_size, labels, shuffle=shuffle, seed=seed, passes=passes, skip_batches=skip_batches)


def read_volumes(source: Any, values: Values, split: str) -> Source:
    """Returns volumes as `Source`: the arguments are those of `load_volumes`."""
    if isinstance(source, str | os.PathLike):
        path = pathlib.Path(os.path.expanduser(source))
        data = _read_folder(path) if path.is_dir() else _of_pair(exact.read_array_file(path), printable(path.name))
    else:
        data = _of_pair(source if isinstance(source, tuple) else (source, None), "array")
    _check(data.values, data.name, values.value_range)
    return data.with_scale(values.value_range, values.unit).part(split)


def array_of_file(source: Any) -> Any:
    """Returns what a `.npy` or `.npz` file holds: an array, or a tuple (array, labels); other sources as they are."""
    if not isinstance(source, str | os.PathLike) or not is_array_file(source):
        return source
    stored, labels = exact.read_array_file(pathlib.Path(os.path.expanduser(source)))
    return stored if labels is None else (stored, labels)


def _of_pair(pair, name):
    volumes, labels = pair
    data = Source(name, np.asarray(volumes))
    return data if labels is None else arrays.with_labels(data, labels)


def _read_folder(folder):
    paths = exact.array_paths(folder)
    if not paths:
        raise ValueError(
            f"The folder must hold files of .npy or .npz. Received: '{printable(folder)}', which has none. Check the "
            "path."
        )
    stacks = [_stack(exact.read_array_file(path)[0], path) for path in paths]
    kinds = sorted({(each.dtype.name, each.shape[1:]) for each in stacks})
    if len(kinds) > 1:
        raise ValueError(
            f"All volumes must have one shape and dtype. Received: '{printable(folder)}' with "
            f"{', '.join(f'{dtype} {shape}' for dtype, shape in kinds[:4])}. Cut or resample them to one shape."
        )
    labels, names = photos.labels_of([path.relative_to(folder).as_posix() for path in paths])
    if labels is not None:
        labels = np.repeat(labels, [len(each) for each in stacks])
    num_classes = None if names is None else len(names)
    return Source(printable(folder.resolve().name), np.concatenate(stacks), labels, num_classes, names)


def _stack(array, path):
    array = array[None] if array.ndim == 4 else array
    if array.ndim != 5:
        raise ValueError(
            "A file of volumes holds (depth, height, width, channels), or several. Received: "
            f"'{printable(path)}' of shape {array.shape}. Give volumes of one channel a last axis of 1."
        )
    return array


def _check(volumes, name, value_range):
    received = f"Received: {name!r} of shape {volumes.shape} and dtype {volumes.dtype}"
    if volumes.ndim != 5 or not volumes.size or volumes.dtype.kind not in "iuf":
        raise ValueError(
            f"Volumes must be numbers (n, depth, height, width, channels). {received}. Give volumes of one channel a "
            "last axis of 1."
        )
    num_bytes = volumes.size * min(volumes.dtype.itemsize, 4)
    if not memory.fits(num_bytes):
        raise ValueError(
            f"The whole data set must fit into memory. {received}, which take {num_bytes / 2**30:,.0f} GiB. Pass a "
            "part."
        )
    if volumes.dtype.kind == "f" and value_range is None and np.isfinite(volumes).all():
        low, high = float(volumes.min()), float(volumes.max())
        if low < -1 or high > 1:
            raise ValueError(
                f"Float volumes must lie in [-1, 1]. {received}, with values from {low:g} to {high:g}. Use "
                f'value_range=({low:g}, {high:g}), or value_range="data".'
            )
