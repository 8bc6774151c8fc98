"""Sounds: folders of WAV and FLAC files of any rate and length."""

import collections
import concurrent.futures
import dataclasses
import functools
import math
import os
import pathlib
import warnings
from typing import Any

import numpy as np

from kerasgan.validation import memory, scalars
from kerasgan.validation.printable import printable

from . import decoding, photos, signals
from .batches import Batches
from .info import DatasetInfo
from .scale import ValueScale
from .source import Source, split_indices

SUFFIXES = (".wav", ".flac", ".ogg", ".aiff", ".aif", ".mp3")
SILENCE = 10 ** (-60 / 20)
"""A sound whose largest value is below it, -60 dB of full scale, is silence."""
FULL_SCALE = 0.9999
CLIPPED_SAMPLES = 4
"""A sound that stays at full scale for so many values together is clipped."""
FILTER_PERIODS = 11
"""Half the length of the filter that changes a rate, in periods of the lower one: SciPy has 10."""


def load_sounds(
    folder: str | os.PathLike[str],
    batch_size: int = 64,
    *,
    rate: int = 16_000,
    length: int = 16_384,
    channels: int = 1,
    split: str = "train",
    labels: bool = False,
    shuffle: bool = True,
    seed: int = 0,
    passes: int = 1,
    skip_batches: int = 0,
) -> tuple[Batches, DatasetInfo]:
    """Returns batches of sounds in [-1, 1], and facts of the data set.

    WAV files are read as they are; FLAC and others need the package soundfile. What was mixed is said in a warning:
    rates that were changed, lengths that were cut or padded, channels that were joined, and clipped sounds. Files that
    are silent for the length that is kept, and those that cannot be read, are left out and named.

    Args:
        folder: folder of the files, searched recursively. Where every file is in a sub-folder, these are the classes.
        batch_size: sounds in a batch.
        rate: samples a second, to which all are brought.
        length: samples of a sound: longer ones are cut at their end, shorter ones are padded with silence.
        channels: 1 for mono, the mean of what a file has, or 2 for stereo, in which mono files are on both sides.
        split: `"train"` or a slice of it, such as `"train[:90%]"`.
        labels: whether batches are pairs (sounds, labels).
        shuffle, seed, passes, skip_batches: as for `load`.

    Returns:
        A tuple (batches, info): `Batches` of float32 (batch_size, length, channels) in [-1, 1], as pairs with int32
        (batch_size,) if `labels`; and a `DatasetInfo` whose `image_shape` is (length, channels) and `rate` the rate.

    Raises:
        ValueError: when there are no sounds, none that can be read, all are silent, or more than the memory holds.
    """
    options = signals.checked_options(batch_size, seed, passes, skip_batches)
    data = read_sounds(folder, rate, length, channels, split)
    return signals.signal_batches(data, labels, shuffle=shuffle, **options)


def read_sounds(folder: str | os.PathLike[str], rate: int, length: int, channels: int, split: str) -> Source:
    """Returns sounds as `Source`: the arguments are those of `load_sounds`."""
    rate = scalars.whole_number("rate", rate, 1, below=2**31)
    length = scalars.whole_number("length", length, 1, below=2**31)
    if channels not in (1, 2):
        raise ValueError(f"Sounds have 1 or 2 channels. Received: channels={channels!r}. Use 1 for mono, 2 for stereo.")
    folder = pathlib.Path(os.path.expanduser(folder))
    paths = signals.files_below(folder, SUFFIXES)
    names = [path.relative_to(folder).as_posix() for path in paths]
    chosen, (labels, class_names) = split_indices(split, len(names)), photos.labels_of(names)
    paths, names = [paths[row] for row in chosen], [names[row] for row in chosen]
    num_bytes = len(paths) * length * channels * np.float32().itemsize
    if not memory.fits(num_bytes):
        raise ValueError(
            f"All sounds must fit into memory. Received: length={length}, channels={channels} for {len(paths):,} "
            f"files, which take {num_bytes / 2**30:,.0f} GiB. Use a smaller length or rate."
        )
    read = functools.partial(_read_or_reason, rate=rate, length=length, channels=channels)
    with concurrent.futures.ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as pool:
        found = list(pool.map(read, paths))
    reasons = [each if isinstance(each, str) else None for each in found]
    skipped = decoding.unreadable(folder, names, reasons, stacklevel=3, what="sound")
    audible = [not isinstance(each, str) and not _is_silent(each.values) for each in found]
    kept = [row for row, heard in enumerate(audible) if heard]
    silent = tuple(name for row, name in enumerate(names) if reasons[row] is None and not audible[row])
    if not kept:
        raise ValueError(f"Sounds must not be silent. Received: '{printable(folder)}' with {len(silent)} silent files.")
    if silent:
        warnings.warn(f"Left out {len(silent)} silent files: {decoding.listed(silent)}", stacklevel=3)
    sounds = [found[row] for row in kept]
    _say_what_is_mixed(sounds, [names[row] for row in kept], rate, channels)
    signals.fitting_warning([each.length for each in sounds], length, f"samples at {rate:,} Hz", stacklevel=3)
    values = np.stack([each.values for each in sounds])
    labels = None if labels is None else labels[chosen][kept]
    return Source(
        printable(folder.resolve().name),
        values,
        labels,
        None if class_names is None else len(class_names),
        class_names,
        (*skipped, *silent),
        value_scale=ValueScale("float32", -1.0, 1.0),
        rate=rate,
    )


def read_sound(path: str | os.PathLike[str]) -> tuple[np.ndarray, int]:
    """Returns a sound, float32 (length, channels) in [-1, 1], and its rate in samples a second.

    Raises:
        ValueError: if it cannot be read, or needs the package soundfile, which is not installed.
    """
    path = pathlib.Path(path)
    try:
        import soundfile
    except (ImportError, OSError):  # OSError without its library in C
        if path.suffix.lower() != ".wav":
            raise ValueError(
                "soundfile is not installed, which reads all but WAV: pip install kerasgan[sound]"
            ) from None
        return _read_wav(path)
    values, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return values, int(rate)


def _read_wav(path):
    from scipy.io import wavfile

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of chunks that hold no sound
        rate, values = wavfile.read(path)
    values = values[:, None] if values.ndim == 1 else values
    if values.dtype.kind == "f":
        return values.astype("float32"), int(rate)
    middle = 128 if values.dtype == np.uint8 else 0
    return ((values.astype("float64") - middle) / 2 ** (8 * values.dtype.itemsize - 1)).astype("float32"), int(rate)


@dataclasses.dataclass(frozen=True)
class _Sound:
    """A sound as it is trained on, float32 (length, channels), and what its file holds: its length at the new rate."""

    values: np.ndarray[Any, Any]
    rate: int
    channels: int
    length: int
    is_clipped: bool


def _read_or_reason(path, rate, length, channels) -> Any:
    """Returns a `_Sound` of the beginning of a file, or why it cannot be read."""
    try:
        values, from_rate = read_sound(path)
    except Exception as error:  # of every kind, and one file must not end the reading
        return f"{type(error).__name__}: {error}"
    if not values.size or from_rate < 1:
        return "it holds no sound"
    if not np.isfinite(values).all():
        return "it holds NaN or infinite values"
    whole = -(-len(values) * rate // from_rate)
    # What comes later has no influence: the rest of a long file is not kept in memory.
    margin = math.ceil(FILTER_PERIODS * max(1, from_rate / rate))
    values = values[: math.ceil(length * from_rate / rate) + margin]
    fitted = _fitted(_converted(values, from_rate, rate, channels), length)
    return _Sound(fitted, from_rate, values.shape[1], whole, is_clipped(values))


def _is_silent(values):
    return float(np.abs(values).max()) < SILENCE


def _say_what_is_mixed(found, names, rate, channels):
    """Warns of other rates and channels, and of clipped sounds."""
    rates = collections.Counter(each.rate for each in found if each.rate != rate)
    if rates:
        warnings.warn(
            f"{sum(rates.values())} of {len(found)} files were resampled to {rate:,} Hz: {signals.in_words(rates)} Hz",
            stacklevel=4,
        )
    others = collections.Counter(each.channels for each in found if each.channels != channels)
    if others:
        kind = "the mean of the channels was taken" if channels == 1 else "other numbers of channels became two"
        warnings.warn(
            f"Of {sum(others.values())} of {len(found)} files {kind}: {signals.in_words(others)} channels", stacklevel=4
        )
    clipped = [name for name, each in zip(names, found, strict=True) if each.is_clipped]
    if clipped:
        warnings.warn(f"{len(clipped)} of {len(found)} files are clipped: {decoding.listed(clipped)}", stacklevel=4)


def is_clipped(values: np.ndarray) -> bool:
    """Returns whether a sound (length, channels) stays at full scale for some time."""
    full = np.abs(values) >= FULL_SCALE
    runs = np.cumsum(np.pad(full, ((1, 0), (0, 0))), axis=0)
    return len(values) >= CLIPPED_SAMPLES and bool(
        (runs[CLIPPED_SAMPLES:] - runs[:-CLIPPED_SAMPLES] == CLIPPED_SAMPLES).any()
    )


def _converted(values, from_rate, rate, channels):
    """A sound of another rate and number of channels."""
    from scipy.signal import resample_poly

    if values.shape[1] != channels:
        values = values.mean(axis=1, keepdims=True)
        values = values if channels == 1 else values.repeat(2, axis=1)
    if from_rate != rate:
        common = math.gcd(from_rate, rate)
        values = resample_poly(values, rate // common, from_rate // common, axis=0)
    return np.clip(values, -1.0, 1.0).astype("float32")


def _fitted(values, length):
    missing = length - len(values)
    return values[:length].copy() if missing <= 0 else np.pad(values, ((0, missing), (0, 0)))
