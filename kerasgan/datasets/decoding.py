"""Many files decoded into one array, in memory or, where that is too small, in a file of the cache."""

import concurrent.futures
import os
import pathlib
import re
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kerasgan.validation.printable import printable

from . import disk_cache
from .source import is_small

NAMED_IN_WARNING = 10
"""So many files are named in a warning."""

Decode = Callable[[int], np.ndarray]


def decode_rows(
    numbers: Sequence[int], shape: tuple[int, ...], decode: Decode, dtype: str = "uint8"
) -> tuple[np.ndarray, list[str | None]]:
    """Returns images (len(numbers), *shape), and for each None or the reason why it cannot be read.

    Args:
        numbers: the numbers of the images.
        shape: (height, width, channels) of one image.
        decode: a function from the number of an image to the image, which runs in threads.
        dtype: that of the images.
    """
    images = np.zeros((len(numbers), *shape), dtype)

    def row(place):
        try:
            images[place] = decode(numbers[place])
        # Pillow's formats fail with every kind of error, and one file must not end the reading.
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        return None

    with warnings.catch_warnings(), concurrent.futures.ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as pool:
        warnings.simplefilter("ignore")  # Pillow's on single files: one warning of all follows
        return images, list(pool.map(row, range(len(numbers))))


def held(
    name: str, key: Callable[[], Any], count: int, shape: tuple[int, ...], decode: Decode, dtype: str = "uint8"
) -> tuple[np.ndarray | None, list[str | None], str | None]:
    """Returns the readable images, for each None or why it cannot be read, and the fingerprint where it is known.

    Args:
        name: name of the set, for people who look into the cache.
        key: a function that returns everything that determines the images, for `disk_cache.images`.
        count: number of images.
        shape, decode, dtype: as for `decode_rows`; on the disk there are only uint8 and uint16.
    """
    if is_small(count, shape[:2], shape[2] * np.dtype(dtype).itemsize):
        images, reasons = decode_rows(range(count), shape, decode, dtype)
        return readable(images, reasons), reasons, None

    def chunk(start, stop):
        return decode_rows(range(start, stop), shape, decode, dtype)

    return disk_cache.images(name, key(), (count, *shape), None, chunk, dtype)


def readable(images: np.ndarray, reasons: Sequence[str | None]) -> np.ndarray:
    """Returns the images that could be read."""
    kept = [reason is None for reason in reasons]
    return images if all(kept) else images[kept]


def state(path: pathlib.Path) -> tuple[int | None, int | None]:
    """Returns values that change when a file does."""
    try:
        status = path.stat()
    except OSError:  # a link to nowhere
        return None, None
    return status.st_size, status.st_mtime_ns


def slug(path: pathlib.Path) -> str:
    """Returns the name of a folder in letters and digits, for names in the cache."""
    return re.sub(r"[^A-Za-z0-9]+", "-", path.resolve().name).strip("-")


def unreadable(
    source: Any, names: Sequence[str], reasons: Sequence[str | None], stacklevel: int, what: str = "image"
) -> tuple[str, ...]:
    """Returns the names of the files that could not be read, after a warning.

    Args:
        source: path of the folder.
        names: the names of all files.
        reasons: for each None, or why it could not be read.
        stacklevel: as of `warnings.warn`, as it would be in the caller.
        what: what files hold.

    Raises:
        ValueError: if these are all.
    """
    skipped = tuple(name for name, reason in zip(names, reasons, strict=True) if reason is not None)
    if len(skipped) == len(names):
        first = next(reason for reason in reasons if reason is not None)
        kind, way_out = ("photo", "PNG or JPEG") if what == "image" else (what, "WAV")
        raise ValueError(
            f"At least one {kind} must be readable. Received: source='{printable(source)}', with {len(names)} files "
            f"that are not; the first, {printable(skipped[0])}, fails with: {printable(first)}. Convert them to "
            f"{way_out}."
        )
    if skipped:
        message = f"Skipped {len(skipped)} of {len(names)} {what}s that could not be read: {listed(skipped)}"
        warnings.warn(message, stacklevel=stacklevel + 1)
    return skipped


def listed(names: Sequence[str]) -> str:
    """Returns the first names in words, and how many more there are."""
    shown = ", ".join(printable(name) for name in names[:NAMED_IN_WARNING])
    rest = len(names) - NAMED_IN_WARNING
    return f"{shown} and {rest} more, all named in info.skipped" if rest > 0 else shown
