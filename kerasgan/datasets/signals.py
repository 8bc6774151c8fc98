"""Signals: arrays (n, length, channels), and folders of CSV and `.npy` files, each of one signal."""

import collections
import csv
import os
import pathlib
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasgan.validation import scalars
from kerasgan.validation.printable import printable

from . import arrays, own_files, photos, tables
from .batches import Batches
from .decoding import listed
from .info import DatasetInfo
from .load import batches_of, check_batch_size
from .scale import ValueScale
from .source import Source

SUFFIXES = (".csv", ".npy")


def load_signals(
    source: str | os.PathLike[str] | np.ndarray | tuple[Any, Any],
    batch_size: int = 64,
    *,
    length: int | None = None,
    value_range: tuple[float, float] | None = None,
    unit: str | None = None,
    split: str = "train",
    labels: bool = False,
    conditions: Any = None,
    shuffle: bool = True,
    seed: int = 0,
    passes: int = 1,
    skip_batches: int = 0,
) -> tuple[Batches, DatasetInfo]:
    """Returns batches of signals in [-1, 1], such as heartbeats or the values of sensors, and facts of the data set.

    Args:
        source: an array (n, length[, channels]) of numbers, or a tuple (signals, labels); or a folder of files of one
            signal each: `.npy` (length[, channels]), or `.csv`, a line for each time and a column for each channel.
            Where every file is in a sub-folder, these are the classes.
        batch_size: signals in a batch.
        length: so many values of each channel: longer signals are cut at their end, shorter ones are padded with their
            last value. None for signals of one length.
        value_range: (low, high), the values that become -1 and 1. None takes the largest distance from 0, so that 0
            stays 0, or [-1, 1] where all values lie in it.
        unit: name of the unit, for `info.value_scale`, or None.
        split: `"train"` or a slice of it, such as `"train[:90%]"`.
        labels: whether batches are pairs (signals, labels).
        conditions: several labels or numbers for each signal of an array, (n, columns), or None.
        shuffle, seed, passes, skip_batches: as for `load`.

    Returns:
        A tuple (batches, info): `Batches` of float32 (batch_size, length, channels) in [-1, 1], alone or as pairs; and
        a `DatasetInfo` whose `image_shape` is (length, channels).

    Raises:
        ValueError: for signals of several lengths where `length` is None, of several numbers of channels, with gaps, or
            that are all constant.

    Example:

    ```python
    import numpy as np

    import kerasgan

    times = np.linspace(0, 6.28, 64)
    sines = 3 * np.sin(np.arange(1, 9)[:, None] * times)
    batches, info = kerasgan.datasets.load_signals(sines, batch_size=4, unit="mV")
    signals = next(iter(batches))  # float32 (4, 64, 1)
    assert info.image_shape == (64, 1)
    ```
    """
    options = checked_options(batch_size, seed, passes, skip_batches)
    data = read_signals(source, length, value_range, unit, split, conditions)
    return signal_batches(data, labels, shuffle=shuffle, **options)


def read_signals(
    source: Any, length: int | None, value_range: Any, unit: str | None, split: str, conditions: Any = None
) -> Source:
    """Returns signals as `Source`: the arguments are those of `load_signals`."""
    length = None if length is None else scalars.whole_number("length", length, 1)
    if isinstance(source, str | os.PathLike):
        if conditions is not None:
            raise ValueError("conditions are given for arrays of signals. Received: conditions for a folder.")
        return _read_folder(pathlib.Path(os.path.expanduser(source)), length, value_range, unit, split)
    signals, labels = source if isinstance(source, tuple) and len(source) == 2 else (source, None)
    signals = np.asarray(signals)
    if signals.ndim == 2:
        signals = signals[..., None]
    if signals.ndim != 3 or not signals.size or signals.dtype.kind not in "iuf":
        raise ValueError(
            "Signals must be numbers (n, length[, channels]). Received: shape "
            f"{signals.shape} of dtype {signals.dtype}. Images go to kerasgan.datasets.load; use np.moveaxis(signals, "
            "1, -1) where channels come first."
        )
    check_signals(list(signals), range(len(signals)), stacklevel=3)
    signals = signals if length is None else np.stack([fitted(each, length) for each in signals])
    data = scaled_signals("array", signals, value_range, unit)
    if labels is not None:
        data = arrays.with_labels(data, labels)
    if conditions is not None:
        data = data.with_conditions(*tables.condition_of(conditions, len(signals)))
    return data.part(split)


def _read_folder(folder, length, value_range, unit, split):
    paths = files_below(folder, SUFFIXES)
    names = [path.relative_to(folder).as_posix() for path in paths]
    labels, class_names = photos.labels_of(names)
    signals = [_read_file(path) for path in paths]
    check_signals(signals, names, stacklevel=4)
    if length is None:
        counts = collections.Counter(len(each) for each in signals)
        if len(counts) > 1:
            raise ValueError(
                f"All signals must have one length. Received: '{printable(folder)}' with {in_words(counts)} values. "
                f"Use length={min(counts)}, to which all are cut or padded."
            )
        length = len(signals[0])
    fitting_warning([len(each) for each in signals], length, "values", stacklevel=4)
    values = np.stack([fitted(each, length) for each in signals])
    num_classes = None if class_names is None else len(class_names)
    data = scaled_signals(printable(folder.resolve().name), values, value_range, unit)
    return data.with_labels(labels, num_classes, class_names).part(split)


def _read_file(path):
    """The signal of a file, float64 or the file's dtype (length, channels)."""
    try:
        signal = np.load(path, allow_pickle=False) if path.suffix.lower() == ".npy" else _read_csv(path)
    except (OSError, ValueError, EOFError) as error:
        raise ValueError(
            f"A file of a signal must be readable. Received: '{printable(path)}', which fails with: "
            f"{printable(str(error))}. Repair or remove it."
        ) from None
    signal = signal[:, None] if signal.ndim == 1 else signal
    if signal.ndim != 2 or not signal.size or signal.dtype.kind not in "iuf":
        raise ValueError(
            f"A file holds one signal, numbers (length[, channels]). Received: '{printable(path)}' of shape "
            f"{signal.shape} and dtype {signal.dtype}. Pass arrays of several signals to load_signals themselves."
        )
    return signal


def _read_csv(path):
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    delimiter = max(",;\t", key=(lines or [""])[0].count)
    rows = [row for row in csv.reader(lines, delimiter=delimiter) if row]
    if rows and not all(_is_number(each) for each in rows[0]):
        rows = rows[1:]  # the names of the columns
    return np.array([[float(each) if each.strip() else np.nan for each in row] for row in rows], "float64")


def _is_number(text):
    try:
        float(text or "nan")
    except ValueError:
        return False
    return True


# What signals and sounds have in common


def files_below(folder: pathlib.Path, suffixes: Sequence[str]) -> list[pathlib.Path]:
    """Returns the files below a folder with one of some extensions, in the order of their names.

    Raises:
        ValueError: if there is no such folder, or no such file in it.
    """
    found = [path for path in own_files.files_and_runs(folder)[0] if path.suffix.lower() in suffixes]
    if not found:
        kind = "which has none" if folder.is_dir() else "which is no folder"
        raise ValueError(
            f"The folder must hold files of {', '.join(suffixes)}, directly or in sub-folders. Received: "
            f"source='{printable(folder)}', {kind}. Check the path."
        )
    return found


def check_signals(signals: Sequence[np.ndarray], names: Sequence[Any], stacklevel: int) -> None:
    """Checks that signals (length, channels) have one number of channels, no gaps, and vary.

    Args:
        signals: the signals.
        names: their names.
        stacklevel: as of `warnings.warn`, as it would be in the caller.

    Raises:
        ValueError: if they do not. Some constant ones are warned of.
    """
    counts = collections.Counter(each.shape[1] for each in signals)
    if len(counts) > 1:
        raise ValueError(
            f"All signals must have one number of channels. Received: {in_words(counts)} channels. Pick the channels "
            "they have in common."
        )
    gaps = [name for name, each in zip(names, signals, strict=True) if not np.isfinite(each).all()]
    if gaps:
        raise ValueError(
            f"All values must be finite. Received: {len(gaps)} of {len(signals)} signals with NaN or infinite values: "
            f"{listed([str(each) for each in gaps])}. Leave them out, or fill the gaps, by numpy.interp for example."
        )
    constant = [name for name, each in zip(names, signals, strict=True) if (each == each[:1]).all()]
    if len(constant) == len(signals):
        raise ValueError(f"Signals must vary. Received: {len(signals)} signals, all constant. Check their source.")
    if constant:
        warnings.warn(
            f"{len(constant)} of {len(signals)} signals are constant: {listed([str(each) for each in constant])}",
            stacklevel=stacklevel + 1,
        )


def fitted(signal: np.ndarray, length: int) -> np.ndarray:
    """Returns a signal (n, channels) of another length: cut at its end, or padded with its last value."""
    missing = length - len(signal)
    return signal[:length] if missing <= 0 else np.pad(signal, ((0, missing), (0, 0)), mode="edge")


def fitting_warning(lengths: Sequence[int], length: int, unit: str, stacklevel: int) -> None:
    """Warns of how many signals are cut and padded to a length, if any are."""
    cut, padded = sum(each > length for each in lengths), sum(each < length for each in lengths)
    if cut or padded:
        warnings.warn(
            f"Of {len(lengths)} files of {min(lengths):,} to {max(lengths):,} {unit}, {cut} were cut and {padded} were "
            f"padded to {length:,}.",
            stacklevel=stacklevel + 1,
        )


def in_words(counts: collections.Counter) -> str:
    """Returns counts in words, such as "3 of 100, 1 of 120", the most frequent first."""
    return ", ".join(f"{count:,} of {value:,}" for value, count in counts.most_common(5))


def scaled_signals(name: str, signals: np.ndarray, value_range: Any, unit: str | None) -> Source:
    """Returns signals (n, length, channels) as `Source`, scaled to [-1, 1].

    Args:
        name: name of the data set.
        signals: finite numbers.
        value_range, unit: as for `load_signals`.

    Raises:
        ValueError: for a range that holds no two values, or not all values of the signals.
    """
    low, high = float(signals.min()), float(signals.max())
    largest = max(-low, high)
    bounds = (-1.0, 1.0) if largest <= 1 and signals.dtype.kind == "f" else (-largest, largest)
    if value_range is not None:
        bounds = tuple(float(each) for each in np.ravel(value_range))
    if len(bounds) != 2 or not bounds[0] < bounds[1] or low < bounds[0] or high > bounds[1]:
        raise ValueError(
            "value_range is (low, high), between which all values lie. Received: "
            f"value_range={value_range!r} for {name!r} with values from {low:g} to {high:g}. Use None for "
            f"({-largest:g}, {largest:g})."
        )
    scale = ValueScale(signals.dtype.name if signals.dtype.kind == "f" else "float64", *bounds, unit)
    return Source(name, scale.to_model(signals), value_scale=scale)


def checked_options(batch_size: Any, seed: Any, passes: Any, skip_batches: Any) -> dict[str, int]:
    """Returns these arguments of loaders, checked. Raises a ValueError for what is no whole number in range."""
    return {
        "batch_size": scalars.whole_number("batch_size", batch_size, 1),
        "seed": scalars.whole_number("seed", seed, 0, below=2**63),
        "passes": scalars.whole_number("passes", passes, 1, below=2**31),
        "skip_batches": scalars.whole_number("skip_batches", skip_batches, 0, below=2**62),
    }


def signal_batches(data: Source, labels: bool, batch_size: int, **options: Any) -> tuple[Batches, DatasetInfo]:
    """Returns the batches of signals, and their facts.

    Raises:
        ValueError: if there are too few, or no labels where these are asked for.
    """
    check_batch_size(batch_size, len(data.values), "signals")
    if labels and (data.labels is None or data.conditions is not None):
        raise ValueError(
            f"The source must have labels, and no conditions, for labels=True. Received: {data.name!r}. Put every file "
            "into the sub-folder of its class, or pass (signals, labels)."
        )
    return batches_of(data, batch_size, labels, **options)
